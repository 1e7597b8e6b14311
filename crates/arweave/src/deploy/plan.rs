//! What is to be deployed.

use serde::Deserialize;
use tim3_chain::plan::Outline;
use tim3_domain::word::Word;

use crate::{AoError, id::Id};

pub use tim3_chain::plan::{RoutePlan, SyntheticPlan, WindowPlan};

/// A collateral of this chain.
pub type CollateralPlan = tim3_chain::plan::CollateralPlan<TokenPlan>;

/// A market whose home is on this chain.
pub type MarketPlan = tim3_chain::plan::MarketPlan<OraclePlan>;

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
            synthetics: &self.synthetics,
            collaterals: &self.collaterals,
            markets: &self.markets,
            salt: self.salt,
            threshold: self.threshold,
            attesters: self.attesters.len(),
        };
        outline.check().map_err(AoError::Deploy)
    }
}
