//! In which page the events from a slot on begin: remembered, otherwise searched for. Only a hint: what is read says it again.

use std::{collections::BTreeMap, sync::Mutex};

use tim3_solana_interface::{
    accounts::{EventPage, Record},
    limits::{EVENT_PAGE_BYTES, EVENT_PAGE_HEADER, RECORD_HEADER},
};

use crate::{
    link::{Link, lock},
    node::{self, Commitment, Node, NodeError},
};

/// Pages that are looked into at once.
const PROBES: u32 = 100;
/// Pages whose first slot is remembered.
const KEPT: usize = 4_096;

/// The slot of the first record of pages.
#[derive(Debug, Default)]
pub(crate) struct Places(Mutex<BTreeMap<u32, u64>>);

impl Places {
    /// What is known: the first record of `page` was written in `slot`.
    pub(super) fn learn(&self, page: u32, slot: u64) {
        let mut known = lock(&self.0);
        known.insert(page, slot);
        if known.len() > KEPT {
            // The newest are asked for; the first is where everything begins.
            let oldest = known.range(1..).next().map(|(page, _)| *page);
            oldest.and_then(|page| known.remove(&page));
        }
    }

    /// The newest page known to begin before `slot`; the first where none is.
    pub(super) fn below(&self, slot: u64) -> u32 {
        self.around(slot).0
    }

    /// The newest page known to begin before `slot`, and the oldest page known not to.
    fn around(&self, slot: u64) -> (u32, Option<u32>) {
        let known = lock(&self.0);
        let below = known.iter().rev().find(|(_, first)| **first < slot).map_or(0, |(page, _)| *page);
        (below, known.iter().find(|(_, first)| **first >= slot).map(|(page, _)| *page))
    }

    /// The last page of `0..=current` that begins before `slot`, or the first of all: events in `slot` are in none before it.
    pub(super) async fn find(&self, link: &Link, node: &Node, slot: u64, current: u32) -> Result<u32, NodeError> {
        let (mut low, high) = self.around(slot);
        // Beyond it nothing begins before the slot.
        let mut beyond =
            high.unwrap_or(current.saturating_add(1)).min(current.saturating_add(1)).max(low.saturating_add(1));
        while beyond.saturating_sub(low) > 1 {
            let step = beyond.saturating_sub(low).div_ceil(PROBES).max(1);
            let probes: Vec<u32> = (1..PROBES)
                .map(|probe| low.saturating_add(step.saturating_mul(probe)))
                .take_while(|page| *page < beyond)
                .collect();
            let keys: Vec<_> = probes.iter().map(|page| link.addresses.events(*page)).collect();
            let length = EVENT_PAGE_HEADER.saturating_add(RECORD_HEADER);
            let request = node::beginnings(&keys, Commitment::Confirmed, length);
            let found = node.one(request).await?.accounts(keys.len(), 0)?.accounts;
            let mut next = low;
            for (page, found) in probes.into_iter().zip(found) {
                match link.own(found).and_then(first_slot) {
                    Some(first) if first < slot => {
                        self.learn(page, first);
                        next = page;
                    }
                    // A page that is made ahead of its use has no record yet.
                    first => {
                        if let Some(first) = first {
                            self.learn(page, first);
                        }
                        beyond = page;
                        break;
                    }
                }
            }
            low = next;
        }
        Ok(low)
    }
}

/// The slot of the first record, from the beginning of a page.
fn first_slot(mut beginning: Vec<u8>) -> Option<u64> {
    beginning.resize(EVENT_PAGE_BYTES, 0);
    let page = EventPage::new(beginning).ok()?;
    let first: Option<Record<'_>> = page.iter().next();
    first.map(|record| record.slot)
}
