//! An operation and its story.

use serde::{Deserialize, Serialize};

use super::{BlockView, Units};

/// One of `GET /api/v1/operations`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationView {
    /// Its name.
    pub id: String,
    /// `mint`, `redeem`, `transfer`.
    pub kind: String,
    /// Where it stands.
    pub phase: String,
    /// How far the order of a phase is whose name does not say it: `signing`, `authorized`, `submitted`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// Why it waits, is voided or stopped, if it is or does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether it ended.
    pub ended: bool,
    /// What an operator can do to it now.
    pub actions: Vec<String>,
    /// The synthetic, by symbol.
    pub asset: String,
    /// Gross amount.
    pub amount: Units,
    /// Route fee.
    pub fee: Units,
    /// Decimals of both.
    pub decimals: u8,
    /// The market, by configured name or identity; absent for a transfer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub market: Option<String>,
    /// Owner of the position, CAIP-10; absent for a transfer and in a reserve market.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Where it began.
    pub origin: PlaceView,
    /// Its number among those of its route.
    pub nonce: u64,
    /// Who called the origin gateway, CAIP-10.
    pub actor: String,
    /// Where a refund goes, CAIP-10.
    pub refund_to: String,
    /// Configured name of the chain where it is carried out.
    pub destination: String,
    /// Who receives, CAIP-10.
    pub recipient: String,
    /// The outcome, once one is included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<PlaceView>,
    /// How often its current order was refused or delayed in a row.
    pub attempts: u32,
    /// When its record was written last.
    pub updated_ms: u64,
}

/// A transaction in a block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceView {
    /// Configured name of the chain.
    pub chain: String,
    /// The block.
    pub block: BlockView,
    /// The transaction.
    pub transaction: String,
}

/// `GET /api/v1/operations/{id}/explain`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelineView {
    /// Where it stands.
    pub operation: OperationView,
    /// What happened, oldest first.
    pub entries: Vec<EntryView>,
    /// What it waits for and who moves it on; absent once it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<String>,
}

/// One line of a story.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryView {
    /// When the daemon learned it.
    pub at_ms: u64,
    /// The phase after it.
    pub phase: String,
    /// What happened, in words.
    pub what: String,
    /// Configured name of the chain it happened on, if on one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<String>,
    /// The block, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block: Option<BlockView>,
    /// The transaction, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction: Option<String>,
}
