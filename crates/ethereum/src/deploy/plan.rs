//! What is to be deployed.

use alloy::primitives::Address;
use serde::{Deserialize, Serialize};
use tim3_chain::plan::Outline;
use tim3_domain::word::Word;

use crate::{EthereumError, abi::Gateway};

pub use tim3_chain::plan::{RoutePlan, SyntheticPlan, WindowPlan};

/// A collateral of this chain.
pub type CollateralPlan = tim3_chain::plan::CollateralPlan<TokenPlan>;

/// A market whose home is on this chain.
pub type MarketPlan = tim3_chain::plan::MarketPlan<OraclePlan>;

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

/// Where a market's prices come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum OraclePlan {
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

/// What a market's contract keeps, with `oracle` as where its prices come from.
pub(crate) fn terms(plan: &MarketPlan, oracle: Address) -> Gateway::Terms {
    Gateway::Terms {
        oracle,
        maxLtv: plan.max_ltv_bps,
        liquidationThreshold: plan.liquidation_threshold_bps,
        bonus: plan.bonus_bps,
        closeFactor: plan.close_factor_bps,
        depeg: plan.depeg_bps,
        ceiling: plan.debt_ceiling,
        dust: plan.dust,
    }
}

impl GatewayPlan {
    /// See [`Outline::check`].
    pub(crate) fn check(&self) -> Result<(), EthereumError> {
        let outline = Outline {
            synthetics: &self.synthetics,
            collaterals: &self.collaterals,
            markets: &self.markets,
            salt: self.salt,
            threshold: self.threshold,
            attesters: self.attesters.len(),
        };
        outline.check().map_err(EthereumError::Deploy)
    }
}
