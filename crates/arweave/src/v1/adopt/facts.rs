//! What is known, as it was last seen. Nothing is forgotten: what was not in a later answer is kept.

use std::collections::BTreeMap;

use super::super::lock_manager::{Lock, Says as LockSays, Status};
use super::super::message::{Message, Milliseconds};
use super::super::name::Purpose;
use super::super::quantity::Quantity;
use super::super::token_manager::{Operation, Says as TokenSays};
use super::{LookUp, Outcome, Step, StepKind};

/// A message of the daemon's.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) message: Message,
    pub(super) outcome: Option<Outcome>,
}

#[derive(Clone, Debug)]
pub(super) struct Known<T> {
    pub(super) what: T,
    /// When it was first seen, milliseconds.
    pub(super) since: u64,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    /// Counts what was seen: tells what is newer.
    clock: u64,
    pub(super) steps: BTreeMap<Step, Sent>,
    pub(super) locks: BTreeMap<String, Known<Lock>>,
    pub(super) mints: BTreeMap<Purpose, (String, Operation)>,
    pub(super) burns: BTreeMap<Purpose, Known<(String, Operation)>>,
    pub(super) balances: BTreeMap<String, Quantity>,
    held: BTreeMap<String, Quantity>,
    looked: BTreeMap<LookUp, u64>,
}

impl Facts {
    pub(super) fn tick(&mut self) -> u64 {
        self.clock = self.clock.saturating_add(1);
        self.clock
    }

    /// Whether that was new.
    pub(super) fn signed(&mut self, step: &Step, message: Message) -> bool {
        let new = !self.steps.contains_key(step);
        self.steps.entry(step.clone()).or_insert(Sent { message, outcome: None });
        new
    }

    /// Whether that was of a message that is known, and new.
    pub(super) fn answered(&mut self, now: u64, step: &Step, outcome: &Outcome) -> bool {
        let Some(sent) = self.steps.get_mut(step).filter(|sent| sent.outcome.is_none()) else { return false };
        sent.outcome = Some(outcome.clone());
        match (step.kind, &step.purpose) {
            (StepKind::Lock, Some(purpose)) => self.lock_recorded(now, purpose, outcome),
            (StepKind::Mint | StepKind::Burn, Some(purpose)) => self.token_done(now, purpose, outcome),
            (StepKind::Release | StepKind::Unlock, _) => self.unlock_begun(outcome),
            _ => {}
        }
        true
    }

    fn lock_recorded(&mut self, now: u64, purpose: &Purpose, outcome: &Outcome) {
        for message in &outcome.messages {
            if let Ok(LockSays::LockPending(answered)) = LockSays::decode(message) {
                let (lock_id, user, amount, status) =
                    (answered.lock_id, answered.user, answered.amount, answered.status);
                let lock = Lock {
                    lock_id: lock_id.clone(),
                    user,
                    amount,
                    status,
                    timestamp: Milliseconds(now),
                    purpose: purpose.to_string(),
                };
                self.locks.entry(lock_id).or_insert(Known { what: lock, since: now });
            }
        }
    }

    fn token_done(&mut self, now: u64, purpose: &Purpose, outcome: &Outcome) {
        for message in &outcome.messages {
            if let Ok(TokenSays::Minted(done) | TokenSays::Burned(done)) = TokenSays::decode(message) {
                let operation = Operation {
                    id: done.id.clone(),
                    user: done.user,
                    amount: done.amount,
                    by: String::new(),
                    purpose: purpose.to_string(),
                    timestamp: Milliseconds(now),
                };
                if purpose.is_burn() {
                    self.burns.entry(purpose.clone()).or_insert(Known { what: (done.id, operation), since: now });
                } else {
                    self.mints.entry(purpose.clone()).or_insert((done.id, operation));
                }
            }
        }
    }

    fn unlock_begun(&mut self, outcome: &Outcome) {
        for message in &outcome.messages {
            if let Ok(LockSays::UnlockPending(answered)) = LockSays::decode(message)
                && let Some(lock) = self.locks.get_mut(&answered.lock_id)
            {
                lock.what.status = Status::Unlocking;
            }
        }
    }

    fn look(&mut self, look_up: LookUp) {
        self.looked.insert(look_up, self.clock);
    }

    pub(super) fn locks_of(&mut self, now: u64, user: String, locks: BTreeMap<String, Lock>) {
        for (id, lock) in locks {
            let since = self.locks.get(&id).map_or(now, |known| known.since);
            self.locks.insert(id, Known { what: lock, since });
        }
        self.look(LookUp::Locks(user));
    }

    pub(super) fn mints_of(&mut self, user: String, mints: BTreeMap<String, Operation>) {
        for (id, operation) in mints {
            if let Ok(purpose) = operation.purpose.parse() {
                self.mints.entry(purpose).or_insert((id, operation));
            }
        }
        self.look(LookUp::Mints(user));
    }

    pub(super) fn burns_of(&mut self, now: u64, user: String, burns: BTreeMap<String, Operation>) {
        for (id, operation) in burns {
            if let Ok(purpose) = operation.purpose.parse() {
                self.burns.entry(purpose).or_insert(Known { what: (id, operation), since: now });
            }
        }
        self.look(LookUp::Burns(user));
    }

    pub(super) fn balance_of(&mut self, user: String, balance: Quantity) {
        self.balances.insert(user.clone(), balance);
        self.look(LookUp::Balance(user));
    }

    pub(super) fn held_of(&mut self, user: String, held: Quantity) {
        self.held.insert(user.clone(), held);
        self.look(LookUp::Held(user));
    }

    /// Those that have not been answered since `mark`.
    pub(super) fn stale(&self, mark: u64, look_ups: impl IntoIterator<Item = LookUp>) -> Vec<LookUp> {
        look_ups.into_iter().filter(|look_up| self.looked.get(look_up).is_none_or(|at| *at <= mark)).collect()
    }

    /// The newest step of a kind, if there is one.
    pub(super) fn last(&self, purpose: &Purpose, kind: StepKind) -> Option<(&Step, &Sent)> {
        self.steps_of(purpose, kind).last()
    }

    pub(super) fn steps_of(&self, purpose: &Purpose, kind: StepKind) -> impl Iterator<Item = (&Step, &Sent)> {
        let first = Step { purpose: Some(purpose.clone()), kind, number: 0 };
        let last = Step { number: u16::MAX, ..first.clone() };
        self.steps.range(first..=last)
    }

    /// Locks with a purpose.
    pub(super) fn locks_for(&self, purpose: &Purpose) -> impl Iterator<Item = &Lock> {
        let text = purpose.to_string();
        self.locks.values().map(|known| &known.what).filter(move |lock| lock.purpose == text)
    }

    pub(super) fn locks_of_user<'a, 'u>(&'a self, user: &'u str) -> impl Iterator<Item = &'a Lock> + use<'a, 'u> {
        self.locks.values().map(|known| &known.what).filter(move |lock| lock.user == user)
    }

    /// Whether the token has as much of a user locked as his locks hold, as far as is known.
    pub(super) fn held_covers(&self, user: &str) -> bool {
        let locked = self
            .locks_of_user(user)
            .filter(|lock| matches!(lock.status, Status::Locked | Status::Unlocking))
            .try_fold(Quantity::ZERO, |sum, lock| sum.checked_add(lock.amount));
        locked.is_some_and(|locked| self.held.get(user).is_some_and(|held| *held >= locked))
    }

    /// How much was minted or burned for a purpose.
    pub(super) fn amount(&self, purpose: &Purpose) -> Option<Quantity> {
        if purpose.is_burn() {
            self.burns.get(purpose).map(|burn| burn.what.1.amount)
        } else {
            self.mints.get(purpose).map(|(_, mint)| mint.amount)
        }
    }
}
