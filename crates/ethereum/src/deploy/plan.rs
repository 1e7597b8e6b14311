//! What is to be deployed.

use alloy::primitives::Address;
use serde::{Deserialize, Serialize};
use tim3_chain::plan::Outline;
use tim3_domain::{identity::MarketKind, word::Word};

pub use tim3_chain::plan::{RoutePlan, SyntheticPlan, WindowPlan};

use crate::{EthereumError, abi::Gateway};

/// A gateway, as it is when it starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatewayPlan {
    /// 32 random bytes, so that no other gateway has this one's id.
    pub salt: Word,
    /// Raises pause levels and cancels changes.
    pub guardian: Address,
    /// Receives fees.
    pub treasury: Address,
    /// Seconds between the announcement of a change and its making; below seven days.
    pub delay_seconds: u64,
    /// How many attesters must sign.
    pub threshold: u8,
    /// The attesters' addresses, in any order.
    pub attesters: Vec<Address>,
    /// The synthetics.
    pub synthetics: Vec<SyntheticPlan>,
    /// The collaterals of this chain.
    #[serde(default)]
    pub collaterals: Vec<CollateralPlan>,
    /// The markets whose home this is.
    #[serde(default)]
    pub markets: Vec<MarketPlan>,
}

/// A collateral.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CollateralPlan {
    /// 1 to 12 of A to Z and 0 to 9.
    pub symbol: String,
    /// Canonical decimals: the same on every chain.
    pub decimals: u8,
    /// The token.
    pub token: TokenPlan,
}

/// Where a collateral's token comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum TokenPlan {
    /// It is there.
    Existing(Address),
    /// A token that anybody can mint is deployed. For devnets.
    Test {
        /// The token's long name.
        name: String,
        /// What the token says of itself.
        decimals: u8,
    },
}

/// A market; ratios in 1/10000, amounts in canonical units of the synthetic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarketPlan {
    /// Symbol of the synthetic.
    pub synthetic: String,
    /// Symbol of the collateral.
    pub collateral: String,
    /// Reserve or vault.
    pub kind: MarketKind,
    /// Where prices come from.
    pub oracle: OraclePlan,
    /// Highest loan to value at mint; 0 in a reserve market.
    #[serde(default)]
    pub max_ltv_bps: u16,
    /// Loan to value from which a position is liquidatable; 0 in a reserve market.
    #[serde(default)]
    pub liquidation_threshold_bps: u16,
    /// What a liquidator gets above what it repays; 0 in a reserve market.
    #[serde(default)]
    pub bonus_bps: u16,
    /// Share of a debt that one liquidation may repay; 0 in a reserve market.
    #[serde(default)]
    pub close_factor_bps: u16,
    /// How far below the target the collateral may be for a lock; 0 in a vault market.
    #[serde(default)]
    pub depeg_bps: u16,
    /// Highest debt of the market.
    pub debt_ceiling: u128,
    /// Smallest debt a position may be left with, other than 0.
    #[serde(default)]
    pub dust: u128,
}

/// Where a market's prices come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum OraclePlan {
    /// Nowhere: a reserve market without a depeg bound.
    None,
    /// A contract that is there.
    Existing(Address),
    /// Chainlink feeds.
    Feeds {
        /// The feed.
        primary: Address,
        /// Seconds after which its answer is stale.
        max_age_seconds: u64,
        /// A second feed, and the seconds after which its answer is stale.
        secondary: Option<(Address, u64)>,
        /// The uptime feed of a rollup's sequencer.
        sequencer: Option<Address>,
        /// Seconds that the sequencer must have been back for.
        #[serde(default)]
        grace_seconds: u64,
    },
    /// A feed whose answer anybody can set is deployed. For devnets.
    Test {
        /// Decimals of the answer.
        decimals: u8,
        /// The first answer.
        answer: u64,
        /// Seconds after which it is stale.
        max_age_seconds: u64,
    },
}

/// A route as the contract takes it.
pub(crate) fn route(plan: &RoutePlan) -> Gateway::Route {
    Gateway::Route {
        min: plan.min,
        max: plan.max,
        flatFee: plan.flat_fee,
        feeBps: plan.fee_bps,
        enabled: plan.enabled,
        evm: plan.evm,
    }
}

impl MarketPlan {
    pub(crate) fn terms(&self, oracle: Address) -> Gateway::Terms {
        Gateway::Terms {
            oracle,
            maxLtv: self.max_ltv_bps,
            liquidationThreshold: self.liquidation_threshold_bps,
            bonus: self.bonus_bps,
            closeFactor: self.close_factor_bps,
            depeg: self.depeg_bps,
            ceiling: self.debt_ceiling,
            dust: self.dust,
        }
    }
}

impl GatewayPlan {
    /// See [`Outline::check`].
    pub(crate) fn check(&self) -> Result<(), EthereumError> {
        let outline = Outline {
            synthetics: self.synthetics.iter().map(|synthetic| synthetic.symbol.as_str()).collect(),
            collaterals: self.collaterals.iter().map(|collateral| collateral.symbol.as_str()).collect(),
            markets: self.markets.iter().map(|it| (it.synthetic.as_str(), it.collateral.as_str())).collect(),
            salt: self.salt,
            threshold: self.threshold,
            attesters: self.attesters.len(),
        };
        outline.check().map_err(EthereumError::Deploy)
    }
}
