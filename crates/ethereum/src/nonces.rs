//! Which nonce comes next: the sender's transactions that are not mined yet, by nonce. Pure; time is the duration since the sender was made.
//!
//! An invariant: no nonce is allotted twice unless the first transaction can never be included, or was given back unsent.

use std::{collections::BTreeMap, time::Duration};

use crate::fees::Fees;

/// How often in a row an endpoint must state a lower nonce before it is believed: a lagging one does so for a moment, a reorganisation for good.
const LOWER_READINGS: u32 = 3;
/// Transactions in a pool that are not known here and are taken into account, at most.
const FOREIGN: u64 = 1_024;

/// What is known about a nonce that is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// What its dearest transaction offers.
    pub fees: Fees,
    /// When it was allotted, or its dearest transaction was sent first.
    pub since: Duration,
    /// What takes it.
    pub kind: Kind,
    /// What nodes last said to its dearest transaction.
    pub answer: Answer,
}

/// What nodes last said to a transaction. A higher fee helps what was accepted and waits, and what was too cheap, and nothing else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Answer {
    /// Nothing, or nothing that decides.
    #[default]
    Open,
    /// It is in a pool.
    Accepted,
    /// It pays too little: the next replacement need not wait.
    Underpriced,
    /// It was refused for something that no fee cures, such as a sender without funds.
    Refused,
}

/// What takes a nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Allotted; nothing was sent.
    Prepared,
    /// A transaction that was sent, or may have been before a restart.
    Sent,
    /// A transfer of nothing to oneself, that only takes the nonce.
    Filler,
    /// Something in the pool that this process did not make.
    Foreign,
}

/// The transactions of one sender that are not mined yet.
#[derive(Clone, Debug, Default)]
pub struct Pipeline {
    /// The lowest nonce that is not mined; `None` before the first reading.
    floor: Option<u64>,
    lower: u32,
    slots: BTreeMap<u64, Slot>,
    blocked: Option<(u64, Duration)>,
}

impl Pipeline {
    /// Whether the chain's nonce was read.
    #[must_use]
    pub fn synced(&self) -> bool {
        self.floor.is_some()
    }

    /// The lowest nonce that is not mined.
    #[must_use]
    pub fn floor(&self) -> u64 {
        self.floor.unwrap_or_default()
    }

    /// An endpoint states the number of mined transactions and of those with the pool's.
    pub fn observe(&mut self, mined: u64, pooled: u64, now: Duration) {
        let first = !self.synced();
        if self.floor.is_some_and(|floor| mined < floor) {
            self.lower = self.lower.saturating_add(1);
            if self.lower < LOWER_READINGS {
                return;
            }
        }
        self.lower = 0;
        self.floor = Some(mined);
        self.slots = self.slots.split_off(&mined);
        if first {
            for nonce in mined..pooled.min(mined.saturating_add(FOREIGN)) {
                let fees = Fees { max: 0, tip: 0 };
                self.slots.entry(nonce).or_insert(Slot {
                    fees,
                    since: now,
                    kind: Kind::Foreign,
                    answer: Answer::Accepted,
                });
            }
        }
        // What nobody here would send again is forgotten when the pool has lost it.
        let lost = |slot: &Slot| matches!(slot.kind, Kind::Foreign | Kind::Filler);
        if self.slots.get(&pooled).is_some_and(lost) {
            self.slots.remove(&pooled);
        }
    }

    /// A transaction with `nonce` was mined.
    pub fn mined(&mut self, nonce: u64) {
        let next = nonce.saturating_add(1);
        if self.floor.is_none_or(|floor| floor < next) {
            self.floor = Some(next);
            self.lower = 0;
            self.slots = self.slots.split_off(&next);
        }
    }

    /// Takes the lowest nonce that is free: gaps are filled first.
    pub fn allot(&mut self, fees: Fees, now: Duration) -> u64 {
        let mut nonce = self.floor();
        for taken in self.slots.keys() {
            if *taken != nonce {
                break;
            }
            nonce = nonce.saturating_add(1);
        }
        self.slots.insert(nonce, Slot { fees, since: now, kind: Kind::Prepared, answer: Answer::Open });
        nonce
    }

    /// Gives back a nonce whose transaction can never be included.
    pub fn release(&mut self, nonce: u64) {
        self.slots.remove(&nonce);
    }

    /// What takes `nonce`.
    #[must_use]
    pub fn get(&self, nonce: u64) -> Option<Slot> {
        self.slots.get(&nonce).copied()
    }

    /// A transaction with `nonce` may have been sent.
    pub fn sent(&mut self, nonce: u64, fees: Fees, kind: Kind, now: Duration) {
        if nonce < self.floor() {
            return;
        }
        let slot = self.slots.entry(nonce).or_insert(Slot { fees, since: now, kind, answer: Answer::Open });
        // The same bytes again restart no clock, or nothing that is sent again would ever be replaced.
        if slot.kind == Kind::Prepared || fees.max > slot.fees.max {
            slot.since = now;
        }
        slot.fees = Fees { max: slot.fees.max.max(fees.max), tip: slot.fees.tip.max(fees.tip) };
        slot.kind = kind;
        if slot.answer != Answer::Accepted {
            slot.answer = Answer::Open;
        }
    }

    /// A node took a transaction with `nonce`: from now on it can be late.
    pub fn accepted(&mut self, nonce: u64, fees: Fees, kind: Kind, now: Duration) {
        self.sent(nonce, fees, kind, now);
        if let Some(slot) = self.slots.get_mut(&nonce).filter(|slot| slot.answer != Answer::Accepted) {
            (slot.since, slot.answer) = (now, Answer::Accepted);
        }
    }

    /// A pool has a transaction with `nonce`, which decides what was open.
    pub fn pooled(&mut self, nonce: u64) {
        if let Some(slot) = self.slots.get_mut(&nonce).filter(|slot| slot.answer == Answer::Open) {
            slot.answer = Answer::Accepted;
        }
    }

    /// A replacement for `nonce` was signed.
    pub fn replaced(&mut self, nonce: u64, fees: Fees, now: Duration) {
        if let Some(slot) = self.slots.get_mut(&nonce) {
            *slot = Slot { fees, since: now, answer: Answer::Open, ..*slot };
        }
    }

    /// A node did not take the transaction with `nonce`.
    pub fn refused(&mut self, nonce: u64, answer: Answer) {
        if let Some(slot) = self.slots.get_mut(&nonce) {
            slot.answer = answer;
        }
    }

    /// A nonce without a sent transaction that has held up sent ones for `patience`.
    pub fn gap(&mut self, now: Duration, patience: Duration) -> Option<u64> {
        let sent = |slot: &Slot| slot.kind != Kind::Prepared;
        let mut blocker = self.floor();
        for (nonce, slot) in &self.slots {
            if *nonce == blocker && sent(slot) {
                blocker = blocker.saturating_add(1);
            }
        }
        let holds_up = self.slots.range(blocker..).any(|(_, slot)| sent(slot));
        let since = self.blocked.filter(|(nonce, _)| *nonce == blocker).map_or(now, |(_, since)| since);
        self.blocked = holds_up.then_some((blocker, since));
        (holds_up && now.saturating_sub(since) >= patience).then_some(blocker)
    }

    /// Fillers that were sent more than `after` ago, with what they offer.
    #[must_use]
    pub fn old_fillers(&self, now: Duration, after: Duration) -> Vec<(u64, Option<Fees>)> {
        let old = |slot: &Slot| slot.kind == Kind::Filler && now.saturating_sub(slot.since) >= after;
        self.slots.iter().filter(|(_, slot)| old(slot)).map(|(nonce, slot)| (*nonce, Some(slot.fees))).collect()
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]
mod tests;
