//! The conservation law, as it was checked last.

use serde::{Deserialize, Serialize};

use super::{SignedUnits, Units};

/// `GET /api/v1/audit`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditView {
    /// Whether every asset was checked and every check held.
    pub exact: bool,
    /// One a synthetic.
    pub assets: Vec<AssetAudit>,
    /// The newest report for Arweave; absent where none was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anchor: Option<AnchorView>,
}

/// A reserve report that was signed to be anchored on Arweave: `GET /api/v1/anchors/{period}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnchorView {
    /// Where its period begins.
    pub period_ms: u64,
    /// Keccak-256 of the report.
    pub digest: String,
    /// Transactions that carry it, oldest first: a further one was signed only when the one before could not be included any more.
    pub transactions: Vec<String>,
    /// The height of the block that the last of them is in, once that is buried deep enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u64>,
    /// What went wrong last, while it still does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// The last audit of one synthetic: Σ supply + Σ in flight = Σ (debt + bad debt).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssetAudit {
    /// Symbol.
    pub asset: String,
    /// When it was checked; absent before the first time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_ms: Option<u64>,
    /// Whether every check held.
    pub exact: bool,
    /// Why it could not be checked, if it could not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<String>,
    /// Minted less burned, over all gateways.
    pub supply: SignedUnits,
    /// Gross on its way.
    pub in_flight: SignedUnits,
    /// Debt over all gateways.
    pub debt: Units,
    /// Debt whose collateral is gone.
    pub bad_debt: Units,
    /// Decimals of these.
    pub decimals: u8,
    /// Each law that was checked.
    pub checks: Vec<CheckView>,
}

/// One law at one gateway or between two.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckView {
    /// Which law, where.
    pub name: String,
    /// Whether it held.
    pub held: bool,
    /// Both sides.
    pub detail: String,
}
