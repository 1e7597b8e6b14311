//! What is to be deployed.

use serde::Deserialize;
use tim3_chain::plan::Outline;
use tim3_domain::{identity::MarketKind, word::Word};

use crate::{AoError, id::Id};

pub use tim3_chain::plan::{RoutePlan, SyntheticPlan, WindowPlan};

/// A gateway, as it is when it starts.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatewayPlan {
    /// 32 random bytes, so that no other gateway has this one's id.
    pub salt: Word,
    /// Raises pause levels and cancels changes.
    pub guardian: Id,
    /// Wallet that receives fees.
    pub treasury: Id,
    /// Seconds between the announcement of a change and its making; below seven days.
    pub delay_seconds: u64,
    /// How many attesters must vote.
    pub threshold: u8,
    /// The attesters' wallets, in any order.
    pub attesters: Vec<Id>,
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
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
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
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum TokenPlan {
    /// A token process that is there.
    Existing(Id),
    /// A token that the deployer mints is made. For devnets.
    Test {
        /// What the token says of itself.
        decimals: u8,
    },
}

/// A market; ratios in 1/10000, amounts in canonical units of the synthetic.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarketPlan {
    /// Symbol of the synthetic.
    pub synthetic: String,
    /// Symbol of the collateral.
    pub collateral: String,
    /// Reserve or vault.
    pub kind: MarketKind,
    /// Where prices come from; `None` only in a reserve market.
    #[serde(default)]
    pub oracle: Option<OraclePlan>,
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

/// One or two sources of prices.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OraclePlan {
    /// What the sources call it.
    pub feed: String,
    /// The first source.
    pub primary: SourcePlan,
    /// A second one: the lower or the higher price counts, whichever is worse for whoever acts.
    #[serde(default)]
    pub secondary: Option<SourcePlan>,
}

/// Who says prices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourcePlan {
    /// A wallet or process.
    pub account: Id,
    /// Seconds after which its price is stale.
    pub max_age_seconds: u64,
}

impl GatewayPlan {
    /// See [`Outline::check`].
    pub(crate) fn check(&self) -> Result<(), AoError> {
        let outline = Outline {
            synthetics: self.synthetics.iter().map(|synthetic| synthetic.symbol.as_str()).collect(),
            collaterals: self.collaterals.iter().map(|collateral| collateral.symbol.as_str()).collect(),
            markets: self.markets.iter().map(|it| (it.synthetic.as_str(), it.collateral.as_str())).collect(),
            salt: self.salt,
            threshold: self.threshold,
            attesters: self.attesters.len(),
        };
        outline.check().map_err(AoError::Deploy)
    }
}
