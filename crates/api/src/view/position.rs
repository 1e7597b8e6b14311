//! A position and its copies.

use serde::{Deserialize, Serialize};

use super::Units;

/// One of `GET /api/v1/positions`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PositionView {
    /// The market, by configured name or identity.
    pub market: String,
    /// Configured name of the chain where it is canonical.
    pub home: String,
    /// Owner, CAIP-10; absent in a reserve market, whose one position is its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Collateral.
    pub collateral: Units,
    /// Debt in the synthetic.
    pub debt: Units,
    /// Decimals of the debt.
    pub debt_decimals: u8,
    /// Decimals of the collateral, where the configuration states them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collateral_decimals: Option<u8>,
    /// Sequence of the event at home that made it so.
    pub version: u64,
    /// Its copies on the chains that are to have one.
    pub mirrors: Vec<MirrorView>,
}

/// A copy of a position.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MirrorView {
    /// Configured name of the chain that has it.
    pub chain: String,
    /// The version it has; absent where none arrived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// Whether it is the newest.
    pub current: bool,
}
