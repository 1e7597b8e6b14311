//! What is to be deployed, as far as it is the same on every chain.

use serde::{Deserialize, Serialize};
use tim3_domain::identity::{AssetId, GatewayId};

/// A synthetic token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SyntheticPlan {
    /// 1 to 12 of A to Z and 0 to 9.
    pub symbol: String,
    /// The token's long name.
    pub name: String,
    /// Price of one whole token, 18 decimals.
    pub target: u128,
    /// How much may be minted.
    pub mint_window: WindowPlan,
    /// How much may be released.
    pub release_window: WindowPlan,
}

/// A rolling limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WindowPlan {
    /// Canonical units of the synthetic.
    pub limit: u128,
    /// Seconds in which an empty window fills.
    pub period_seconds: u64,
}

/// What is allowed towards a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoutePlan {
    /// The synthetic.
    pub asset: AssetId,
    /// The other gateway.
    pub peer: GatewayId,
    /// Smallest gross amount; at least 1.
    pub min: u128,
    /// Largest gross amount; not above the peer's whole window.
    pub max: u128,
    /// Flat part of the fee.
    #[serde(default)]
    pub flat_fee: u128,
    /// Proportional part of the fee, in 1/10000.
    #[serde(default)]
    pub fee_bps: u16,
    /// Whether operations may start.
    pub enabled: bool,
    /// Whether accounts there are EVM addresses, whose form is checked here.
    pub evm: bool,
}
