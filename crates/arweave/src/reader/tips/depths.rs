//! In which block of Arweave the assignments of consecutive messages lie. Pure: what is known comes in.

use std::collections::{BTreeMap, VecDeque};

use tim3_chain::BlockRef;

use crate::{id::Id, units::scheduler::Scheduled};

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    block: BlockRef,
    assignment: Id,
    height: Option<u64>,
}

/// A dense run of messages, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Depths {
    start: u64,
    entries: VecDeque<Entry>,
}

impl From<Scheduled> for Entry {
    fn from(message: Scheduled) -> Self {
        Self { block: message.block(), assignment: message.assignment, height: None }
    }
}

impl Depths {
    /// Where to begin when nothing is known.
    pub(super) fn begin(&mut self, nonce: u64) {
        if self.entries.is_empty() {
            self.start = nonce;
        }
    }

    /// The number of its first message.
    pub(super) fn first(&self) -> u64 {
        self.start
    }

    /// The number of the message after its last one.
    pub(super) fn end(&self) -> u64 {
        self.start.saturating_add(u64::try_from(self.entries.len()).unwrap_or(u64::MAX))
    }

    pub(super) fn append(&mut self, page: Vec<Scheduled>) {
        self.entries.extend(page.into_iter().map(Entry::from));
    }

    /// The messages just before its first one.
    pub(super) fn prepend(&mut self, page: Vec<Scheduled>) {
        if let Some(first) = page.first() {
            self.start = first.nonce;
        }
        for message in page.into_iter().rev() {
            self.entries.push_front(message.into());
        }
    }

    /// The oldest assignments that are not known to be in a block.
    pub(super) fn open(&self, most: usize) -> Vec<Id> {
        let open = self.entries.iter().filter(|entry| entry.height.is_none());
        open.map(|entry| entry.assignment).take(most).collect()
    }

    pub(super) fn found(&mut self, heights: &BTreeMap<Id, u64>) {
        for entry in &mut self.entries {
            entry.height = entry.height.or_else(|| heights.get(&entry.assignment).copied());
        }
    }

    /// Whether its first message is as deep as is needed, where Arweave is `height` high.
    pub(super) fn reaches(&self, height: u64, needed: u64) -> bool {
        self.entries.front().is_some_and(|entry| entry.lies(height, needed))
    }

    /// The newest message that is as deep as is needed, and with it all before it.
    pub(super) fn last(&self, height: u64, needed: u64) -> Option<BlockRef> {
        self.entries.iter().take_while(|entry| entry.lies(height, needed)).last().map(|entry| entry.block)
    }

    /// Forgets what is deeper than anybody needs, but for one.
    pub(super) fn forget(&mut self, height: u64, needed: u64) {
        while self.entries.iter().take(2).filter(|entry| entry.lies(height, needed)).count() == 2 {
            self.entries.pop_front();
            self.start = self.start.saturating_add(1);
        }
    }
}

impl Entry {
    /// Whether so many blocks lie on it, its own included.
    fn lies(&self, height: u64, needed: u64) -> bool {
        let depth = self.height.map(|own| height.saturating_add(1).saturating_sub(own));
        needed == 0 || depth.is_some_and(|depth| depth >= needed)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(nonce: u64) -> Scheduled {
        let id = Id([u8::try_from(nonce).expect("few"); 32]);
        Scheduled {
            nonce,
            timestamp_ms: 0,
            id,
            signer: String::new(),
            tags: Vec::new(),
            data: String::new(),
            assignment: id,
        }
    }

    fn run(first: u64, heights: &[Option<u64>]) -> Depths {
        let mut depths = Depths::default();
        depths.begin(first);
        depths.append((first..).take(heights.len()).map(message).collect());
        let known = (first..).zip(heights).filter_map(|(nonce, height)| Some((message(nonce).assignment, (*height)?)));
        depths.found(&known.collect());
        depths
    }

    #[test]
    fn a_message_is_final_with_all_before_it_or_not_at_all() {
        let mut depths = run(5, &[Some(10), Some(11), None, Some(11)]);
        let last = |depths: &Depths, height, needed| depths.last(height, needed).map(|block| block.height);
        assert_eq!(last(&depths, 11, 1), Some(6), "the one behind it is in no block yet");
        assert_eq!(last(&depths, 11, 2), Some(5));
        assert_eq!(last(&depths, 11, 3), None);
        assert_eq!(last(&depths, 0, 0), Some(8), "the scheduler's word");
        assert_eq!(depths.open(9), [message(7).assignment]);
        depths.forget(12, 2);
        assert_eq!((depths.first(), depths.end()), (6, 9));
        depths.prepend(vec![message(4), message(5)]);
        assert_eq!((depths.first(), depths.reaches(99, 1)), (4, false));
    }

    proptest! {
        #[test]
        fn more_blocks_never_make_less_final(heights in prop::collection::vec(prop::option::of(0_u64..20), 1..12), height in 0_u64..30, needed in 0_u64..6) {
            let depths = run(0, &heights);
            prop_assert!(depths.last(height.saturating_add(1), needed) >= depths.last(height, needed));
            prop_assert!(depths.last(height, needed.saturating_add(1)) <= depths.last(height, needed) || needed == 0);
            let mut forgotten = depths.clone();
            forgotten.forget(height, needed);
            prop_assert_eq!(forgotten.last(height, needed), depths.last(height, needed));
        }
    }
}
