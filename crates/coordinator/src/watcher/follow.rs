//! What to read next, and what a reading means: reorgs, gaps and proofs. Pure.

use std::ops::RangeInclusive;

use tim3_chain::{
    BlockRef, Endpoint, EventChain, Fetched, FinalEvent, Located, ProofError, QuorumHead, Reading, Skip, Tips,
};
use tim3_journal::Cursor;

/// How far one gateway was followed.
#[derive(Debug)]
pub struct Follow {
    proved: EventChain,
    /// The first height whose events are not proved.
    next: u64,
    /// Included events above the proved ones, as told to the coordinators.
    pending: Vec<Located>,
    /// The newest block up to which `pending` is complete.
    scanned: Option<BlockRef>,
    told_complete: bool,
}

/// What to read.
#[derive(Debug, PartialEq, Eq)]
pub struct Next {
    /// Blocks whose events are to be read; `None` when nothing is new.
    pub heights: Option<RangeInclusive<u64>>,
    /// The pending events are read again from the proved ones on.
    pub rescan: bool,
}

/// A reading in the making.
#[derive(Debug, Default)]
pub struct Draft {
    /// Pending events as this reading has them.
    events: Vec<Located>,
    /// Orders that were not executed.
    pub skips: Vec<Skip>,
    /// What was proved.
    pub finals: Vec<FinalEvent>,
    /// Who stated the newest events.
    pub endpoint: Option<Endpoint>,
    before: Vec<Located>,
    rescan: bool,
}

impl Follow {
    /// Goes on behind events that are proved up to `proved_height`. Nothing is below the first block of a chain: with no event proved, a
    /// height of 0 includes it.
    #[must_use]
    pub fn new(proved: EventChain, proved_height: u64) -> Self {
        let unread = proved.head().count == 0 && proved_height == 0;
        let next = if unread { 0 } else { proved_height.saturating_add(1) };
        Self { proved, next, pending: Vec::new(), scanned: None, told_complete: false }
    }

    /// The newest block that was read, to be looked at again: if it is gone, so may be what was read.
    #[must_use]
    pub fn scanned(&self) -> Option<&BlockRef> {
        self.scanned.as_ref()
    }

    /// Whatever is above the proved events is read again next time.
    pub fn forget_scanned(&mut self) {
        self.scanned = None;
    }

    /// What to read, given the tips and what the chain now has at the height that was scanned.
    #[must_use]
    pub fn plan(&self, tips: &Tips, scanned_now: Option<&BlockRef>) -> Next {
        let intact = self.scanned.as_ref().filter(|scanned| scanned_now.is_some_and(|now| now.hash == scanned.hash));
        let from = intact.map_or(self.next, |scanned| scanned.height.saturating_add(1));
        Next { heights: (from <= tips.head.height).then_some(from..=tips.head.height), rescan: intact.is_none() }
    }

    /// Whether a reading goes on right behind what was read: that is still there, and nothing is between.
    #[must_use]
    pub fn goes_on(&self, reading: &Reading) -> bool {
        let Next { heights, rescan } = self.plan(&reading.tips, reading.below.as_ref());
        heights.is_some() && !rescan
    }

    /// Starts a reading.
    #[must_use]
    pub fn begin(&self, rescan: bool) -> Draft {
        Draft {
            events: if rescan { Vec::new() } else { self.pending.clone() },
            before: self.pending.clone(),
            rescan,
            ..Draft::default()
        }
    }

    /// Adds what an endpoint stated about the blocks up to `last`.
    ///
    /// # Errors
    /// [`ProofError::Sequence`] when the events do not follow each other: the endpoint left one out, or made one up.
    pub fn take(&self, draft: &mut Draft, fetched: Fetched, last: u64) -> Result<(), ProofError> {
        draft.endpoint = Some(fetched.endpoint);
        let known = u64::try_from(draft.events.len()).unwrap_or(u64::MAX);
        let mut expected = self.proved.head().count.saturating_add(known);
        for located in fetched.events {
            if located.block.height < self.next || located.block.height > last {
                continue;
            }
            if located.event.sequence != expected {
                return Err(ProofError::Sequence { expected, found: located.event.sequence });
            }
            expected = expected.saturating_add(1);
            draft.events.push(located);
        }
        draft.skips.extend(fetched.skips);
        Ok(())
    }

    /// States that a reading went up to `block`. Where it went on from the one before, a head that is stated lower than then takes nothing
    /// back: what is above it was read.
    pub fn scanned_to(&mut self, block: BlockRef, draft: &Draft) {
        if draft.rescan || self.scanned.is_none_or(|scanned| scanned.height < block.height) {
            self.scanned = Some(block);
        }
    }

    /// Whether the final block moved beyond what is proved.
    #[must_use]
    pub fn wants_proof(&self, tips: &Tips) -> bool {
        tips.finalized.height >= self.next
    }

    /// Proves the events up to the quorum's block.
    ///
    /// # Errors
    /// [`ProofError`] when they do not lead to the quorum's hash.
    pub fn prove(&mut self, draft: &mut Draft, quorum: &QuorumHead) -> Result<(), ProofError> {
        let height = quorum.block().height;
        let count = draft.events.iter().take_while(|located| located.block.height <= height).count();
        let candidates = draft.events.iter().take(count).cloned().collect();
        draft.finals = self.proved.extend(candidates, quorum)?;
        self.next = height.saturating_add(1);
        Ok(())
    }

    /// What the reading changes: events that are gone (newest first) and events that are new, or at another place. Afterwards the
    /// reading is what was told.
    pub fn finish(&mut self, draft: &Draft) -> (Vec<Located>, Vec<Located>) {
        let same = draft.before.iter().zip(&draft.events).take_while(|(old, new)| old.event == new.event).count();
        let gone = draft.before.iter().skip(same).rev().cloned().collect();
        let moved =
            draft.before.iter().zip(&draft.events).take(same).filter(|(old, new)| old != new).map(|(_, new)| new);
        let seen = moved.chain(draft.events.iter().skip(same)).cloned().collect();
        self.pending = draft.events.iter().skip(draft.finals.len()).cloned().collect();
        (gone, seen)
    }

    /// How far events are proved.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        Cursor { head: self.proved.head(), height: self.next.saturating_sub(1) }
    }

    /// True once: when the first reading since start is told, which covers everything up to the head.
    pub fn first_complete(&mut self) -> bool {
        !std::mem::replace(&mut self.told_complete, true)
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, clippy::cast_possible_truncation, reason = "a test that overflows fails")]
mod tests;
