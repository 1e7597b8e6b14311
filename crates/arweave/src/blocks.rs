//! Messages of the gateway that were read lately, as blocks: a scheduler's word on a number never changes.

use std::{collections::BTreeMap, sync::Mutex};

use tim3_chain::BlockRef;

use crate::link::lock;

/// How many are kept.
const KEPT: usize = 4_096;

#[derive(Debug, Default)]
pub(crate) struct Blocks(Mutex<BTreeMap<u64, BlockRef>>);

impl Blocks {
    pub(crate) fn get(&self, height: u64) -> Option<BlockRef> {
        lock(&self.0).get(&height).copied()
    }

    pub(crate) fn keep(&self, block: BlockRef) {
        let mut blocks = lock(&self.0);
        blocks.insert(block.height, block);
        if blocks.len() > KEPT {
            blocks.pop_first();
        }
    }

    /// Whatever was read from an endpoint that lied may be wrong.
    pub(crate) fn forget(&self) {
        lock(&self.0).clear();
    }
}
