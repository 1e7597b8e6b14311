//! The typed event bus: what happened, for whoever wants to know. Nobody who listens can hold an operation up.

use serde::Serialize;
use tim3_domain::{
    identity::{AssetId, GatewayId, OperationId},
    protocol::MirrorRecord,
};
use tokio::sync::broadcast;

/// One thing that happened.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Notice {
    /// An operation came to another phase.
    OperationChanged {
        /// The operation.
        operation: OperationId,
        /// Its synthetic.
        asset: AssetId,
        /// `mint`, `redeem` or `transfer`.
        kind: &'static str,
        /// The phase by name.
        phase: &'static str,
        /// Milliseconds since 1970.
        at_ms: u64,
    },
    /// A position moved, finally.
    PositionChanged {
        /// Its newest version.
        record: MirrorRecord,
    },
    /// A copy of a position reached another gateway.
    MirrorDelivered {
        /// The gateway that keeps the copy.
        peer: GatewayId,
        /// What it has now.
        record: MirrorRecord,
    },
    /// A transaction with orders was sent or came to its end.
    TransactionChanged {
        /// Configured name of the chain.
        chain: String,
        /// Its name on the chain.
        transaction: String,
        /// `sent`, `included`, `replaced`, `dropped`.
        state: &'static str,
        /// How many orders it carries.
        orders: usize,
    },
    /// A chain moved on.
    ChainAdvanced {
        /// Configured name.
        chain: String,
        /// Height of the newest block.
        head: u64,
        /// Height of the newest final block.
        finalized: u64,
    },
    /// A reorg took events away.
    Reorg {
        /// Configured name of the chain.
        chain: String,
        /// How many events.
        events: usize,
    },
    /// An audit ended.
    Audited {
        /// The synthetic.
        asset: AssetId,
        /// Whether every law held.
        holds: bool,
        /// What did not, in words.
        breaches: Vec<String>,
    },
    /// Signing for an asset stopped, or goes on.
    Paused {
        /// The synthetic.
        asset: AssetId,
        /// Why it stopped; `None` when it goes on.
        why: Option<String>,
    },
    /// A keeper decided to act, or an action of it came to its end.
    KeeperActed {
        /// The number of the decision.
        decision: u64,
        /// What it is about, in words.
        subject: String,
        /// `decided`, `sent`, `done`, `lost`, `failed`, `refused`.
        state: &'static str,
    },
    /// Something failed that an operator may want to know of.
    ErrorOccurred {
        /// Where: a chain, an operation.
        subject: String,
        /// What.
        message: String,
    },
}

/// The sending side; clones share one channel.
#[derive(Clone, Debug)]
pub struct Bus(broadcast::Sender<Notice>);

impl Bus {
    /// Notices kept for a listener that is slow; beyond them it is told how many it missed.
    const CAPACITY: usize = 4096;

    /// A bus that nobody listens to yet.
    #[must_use]
    pub fn new() -> Self {
        Self(broadcast::channel(Self::CAPACITY).0)
    }

    /// Tells whoever listens.
    pub fn send(&self, notice: Notice) {
        // An error means that nobody listens.
        let _ = self.0.send(notice);
    }

    /// Listens from now on.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Notice> {
        self.0.subscribe()
    }
}

impl Default for Bus {
    fn default() -> Self {
        Self::new()
    }
}
