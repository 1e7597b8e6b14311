//! Blocks and what they carry.

use tim3_chain::Skip;
use tim3_domain::place::{BlockRef, Located};

use super::{World, mempool::Pending};

#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) block: BlockRef,
    pub(crate) events: Vec<Located>,
    pub(crate) skips: Vec<Skip>,
    /// For a reorg to return; empty below the retention.
    pub(crate) transactions: Vec<Pending>,
    /// The state after it; `None` below the retention.
    pub(crate) after: Option<World>,
}
