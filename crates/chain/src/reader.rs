//! Following a chain: heads, finality, and the gateway's events.

use std::ops::RangeInclusive;

use async_trait::async_trait;
use tim3_domain::{
    protocol::{Action, OrderCode},
    word::Word,
};

use crate::{BlockRef, ChainError, Located, QuorumHead, Tips, TxId};

/// Which endpoint stated something; meaningful to the adapter that gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint(pub usize);

/// An order that a transaction carried and the gateway did not execute. A hint, never evidence: it is outside the running hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skip {
    /// The transaction.
    pub transaction: TxId,
    /// Its block.
    pub block: BlockRef,
    /// Content hash of the order (the operation id, for orders about operations).
    pub content: Word,
    /// The order's action code.
    pub action: Action,
    /// How it ended: never `Done`.
    pub code: OrderCode,
    /// The gateway's decoded reason.
    pub reason: String,
}

/// What one endpoint stated about a range of blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// Events in the order of their sequence.
    pub events: Vec<Located>,
    /// Orders that were not executed.
    pub skips: Vec<Skip>,
    /// Who said so.
    pub endpoint: Endpoint,
}

/// What one reading of a chain asks for, had in one exchange.
#[derive(Clone, Debug)]
pub struct Reading {
    /// As [`Reader::tips`]; the head may be older than the chain's own.
    pub tips: Tips,
    /// The block that the chain has at the height up to which was read before.
    pub below: Option<BlockRef>,
    /// Everything above that height, up to the head.
    pub fetched: Fetched,
    /// As [`Reader::quorum_head`], at the final block of these tips.
    pub quorum: Option<QuorumHead>,
}

/// Reading a chain. Everything but a [`QuorumHead`] may come from one endpoint and may be wrong.
#[async_trait]
pub trait Reader: Send + Sync {
    /// The newest and the newest final blocks. A final block never falls below one given before.
    async fn tips(&self) -> Result<Tips, ChainError>;

    /// Returns when there may be news (a websocket hint, a poll interval); never required for correctness.
    async fn wait_for_news(&self);

    /// The block at `height` as the chain has it now, or `None` above the head.
    async fn block_at(&self, height: u64) -> Result<Option<BlockRef>, ChainError>;

    /// The gateway's events in the blocks of `heights`. An adapter may stop early, at the end of a block, and return fewer blocks'
    /// events than asked for; `Ok((fetched, last))` says the last height covered.
    async fn events(&self, heights: RangeInclusive<u64>) -> Result<(Fetched, u64), ChainError>;

    /// The gateway's count and hash at `block`, agreed on by a quorum of endpoints and pinned to the block's hash.
    async fn quorum_head(&self, block: &BlockRef) -> Result<QuorumHead, ChainError>;

    /// Everything above `read` in one exchange, where the chain has announced a block: what [`Reader::tips`], [`Reader::block_at`],
    /// [`Reader::events`] and [`Reader::quorum_head`] would say one after the other, under the same rules. `None` where that cannot be had:
    /// then they are asked. An adapter need not offer it.
    async fn announced(&self, _read: &BlockRef) -> Option<Reading> {
        None
    }

    /// The block in which the gateway was deployed: where reading starts without a journal.
    async fn birth(&self) -> Result<BlockRef, ChainError>;

    /// Reports that `endpoint` stated what the running hash disproves; the next read goes elsewhere first.
    fn distrust(&self, endpoint: Endpoint, why: &str);
}
