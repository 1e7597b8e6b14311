//! Blocks that were read before: a slot that is finalized has one block for ever, and asking for it again costs a request.

use std::{collections::BTreeMap, sync::Mutex};

use tim3_chain::BlockRef;

use crate::link::lock;

/// How many are remembered.
const KEPT: usize = 20_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Known {
    block: BlockRef,
    agreed: bool,
}

/// The newest blocks that were read.
#[derive(Debug, Default)]
pub(crate) struct Blocks(Mutex<BTreeMap<u64, Known>>);

impl Blocks {
    /// The block at a slot.
    pub(crate) fn get(&self, slot: u64) -> Option<BlockRef> {
        lock(&self.0).get(&slot).map(|known| known.block)
    }

    /// The newest of them.
    pub(crate) fn newest(&self) -> Option<BlockRef> {
        lock(&self.0).last_key_value().map(|(_, known)| known.block)
    }

    /// Whether a quorum agreed that this very block is one of the chain.
    pub(crate) fn agreed(&self, block: &BlockRef) -> bool {
        lock(&self.0).get(&block.height).is_some_and(|known| known.agreed && known.block.hash == block.hash)
    }

    /// One endpoint stated it.
    pub(crate) fn state(&self, block: BlockRef) {
        self.insert(block, false);
    }

    /// A quorum agreed on it.
    pub(crate) fn agree(&self, block: BlockRef) {
        self.insert(block, true);
    }

    /// What one endpoint stated is asked for again.
    pub(crate) fn forget_stated(&self) {
        lock(&self.0).retain(|_, known| known.agreed);
    }

    /// The newest agreed block at or below `slot`.
    pub(crate) fn agreed_below(&self, slot: u64) -> Option<BlockRef> {
        lock(&self.0).range(..=slot).rev().find(|(_, known)| known.agreed).map(|(_, known)| known.block)
    }

    /// The height of the newest agreed block: no answer about an older state is of any use.
    pub(crate) fn floor(&self) -> u64 {
        self.agreed_below(u64::MAX).map_or(0, |block| block.height)
    }

    fn insert(&self, block: BlockRef, agreed: bool) {
        let mut blocks = lock(&self.0);
        let known = blocks.entry(block.height).or_insert(Known { block, agreed });
        if agreed || !known.agreed {
            *known = Known { block, agreed };
        }
        if blocks.len() > KEPT {
            blocks.pop_first();
        }
    }
}

#[cfg(test)]
mod tests {
    use tim3_domain::word::keccak_text;

    use super::*;

    fn block(height: u64, hash: &str) -> BlockRef {
        BlockRef { height, hash: keccak_text(hash), timestamp: height }
    }

    #[test]
    fn what_one_endpoint_states_never_takes_the_place_of_what_a_quorum_agreed_on() {
        let blocks = Blocks::default();
        blocks.state(block(7, "stated"));
        assert!(!blocks.agreed(&block(7, "stated")));
        blocks.agree(block(7, "agreed"));
        blocks.state(block(7, "stated"));
        assert_eq!(blocks.get(7), Some(block(7, "agreed")));
        assert!(blocks.agreed(&block(7, "agreed")) && !blocks.agreed(&block(7, "stated")));
        blocks.state(block(9, "stated"));
        assert_eq!(blocks.agreed_below(10), Some(block(7, "agreed")));
        assert_eq!(blocks.floor(), 7);
        blocks.forget_stated();
        assert_eq!((blocks.get(9), blocks.get(7)), (None, Some(block(7, "agreed"))));
    }
}
