//! What happens in the daemon, as it happens.

use serde::{Deserialize, Serialize};

/// One of the stream `GET /api/v1/events`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventView {
    /// When.
    pub at_ms: u64,
    /// What.
    #[serde(flatten)]
    pub body: EventBody,
}

/// What happened; `type` in JSON and the `event:` line of the stream. Chains, markets and assets are named as in the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum EventBody {
    /// An operation came to another phase.
    OperationChanged {
        /// The operation.
        operation: String,
        /// Its synthetic.
        asset: String,
        /// `mint`, `redeem`, `transfer`.
        kind: String,
        /// The phase after it.
        phase: String,
    },
    /// A position has a new final version.
    PositionChanged {
        /// The market.
        market: String,
        /// The owner's word.
        owner: String,
        /// The version.
        version: u64,
    },
    /// A copy of a position reached another chain.
    MirrorDelivered {
        /// The chain that keeps the copy.
        chain: String,
        /// The market.
        market: String,
        /// The owner's word.
        owner: String,
        /// The version it has now.
        version: u64,
    },
    /// A transaction of this daemon was sent or came to its end.
    TransactionChanged {
        /// The chain.
        chain: String,
        /// The transaction.
        transaction: String,
        /// `sent`, `included`, `replaced`, `dropped`.
        state: String,
        /// How many orders it carries.
        orders: usize,
    },
    /// A chain moved on.
    ChainAdvanced {
        /// The chain.
        chain: String,
        /// Height of the newest block.
        head: u64,
        /// Height of the newest final block.
        finalized: u64,
    },
    /// A reorg took events away.
    Reorg {
        /// The chain.
        chain: String,
        /// How many events.
        events: usize,
    },
    /// An asset was audited.
    Audited {
        /// The synthetic.
        asset: String,
        /// Whether every law held.
        exact: bool,
        /// What did not, in words.
        breaches: Vec<String>,
    },
    /// Signing stopped or goes on for an asset.
    Paused {
        /// The synthetic.
        asset: String,
        /// Why it stopped; absent when it goes on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// A keeper decided to act, or an action of it came to its end.
    KeeperActed {
        /// The number of the decision.
        decision: u64,
        /// What it is about, in words.
        subject: String,
        /// `decided`, `sent`, `done`, `lost`, `failed`, `refused`.
        state: String,
    },
    /// Something failed that an operator may want to know of.
    ErrorOccurred {
        /// Where: a chain, an operation.
        subject: String,
        /// What.
        message: String,
    },
    /// This reader was too slow and missed some.
    Missed {
        /// How many.
        count: u64,
    },
}

impl EventBody {
    /// The `event:` line of the stream.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::OperationChanged { .. } => "operation_changed",
            Self::PositionChanged { .. } => "position_changed",
            Self::MirrorDelivered { .. } => "mirror_delivered",
            Self::TransactionChanged { .. } => "transaction_changed",
            Self::ChainAdvanced { .. } => "chain_advanced",
            Self::Reorg { .. } => "reorg",
            Self::Audited { .. } => "audited",
            Self::Paused { .. } => "paused",
            Self::KeeperActed { .. } => "keeper_acted",
            Self::ErrorOccurred { .. } => "error_occurred",
            Self::Missed { .. } => "missed",
        }
    }
}
