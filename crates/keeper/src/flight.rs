//! One attempt at a time, and who has to wait.
//!
//! A subject has at most one attempt in flight, and is attempted once at a height: what was seen at that height has been acted on. One that
//! fails for its own reasons waits, longer each time; losing a race is nobody's fault and costs no wait.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::decision::{Check, Number, Relation, Rule, Subject};

/// How long what fails has to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patience {
    /// After the first failure, in milliseconds; twice as long after each further one.
    pub first_ms: u64,
    /// At most.
    pub most_ms: u64,
}

/// A subject that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// How often in a row.
    pub failures: u32,
    /// Not before this, in milliseconds since 1970.
    pub until_ms: u64,
    /// Why it failed the last time.
    pub reason: String,
}

/// Attempts and waits by subject.
#[derive(Clone, Debug, Default)]
pub struct Flights {
    in_flight: BTreeMap<Subject, u64>,
    attempted: BTreeMap<Subject, u64>,
    waiting: BTreeMap<Subject, Waiting>,
}

impl Flights {
    /// Whether `subject` may be attempted at `height` now. Who waits for longer than `patience` has, waits by a clock that was wrong.
    #[must_use]
    pub fn checks(&self, subject: &Subject, height: u64, patience: Patience, now_ms: u64) -> Vec<Check> {
        let flying = u64::from(self.in_flight.contains_key(subject));
        let mut checks = vec![Check::new(Rule::InFlight, flying, Relation::Below, 1, Number::Count)];
        if let Some(attempted) = self.attempted.get(subject) {
            checks.push(Check::new(Rule::CheckHeight, height, Relation::Above, *attempted, Number::Height));
        }
        let longest = now_ms.saturating_add(patience.most_ms);
        if let Some(waiting) = self.waiting.get(subject).filter(|waiting| waiting.until_ms <= longest) {
            checks.push(Check::new(Rule::Waits, now_ms, Relation::AtLeast, waiting.until_ms, Number::Time));
        }
        checks
    }

    /// An attempt begins.
    pub fn start(&mut self, subject: Subject, height: u64, decision: u64) {
        self.attempted.insert(subject.clone(), height);
        self.in_flight.insert(subject, decision);
    }

    /// It did what it should, or somebody else did.
    pub fn finish(&mut self, subject: &Subject) {
        self.in_flight.remove(subject);
        self.waiting.remove(subject);
    }

    /// How often it failed does not count any more.
    pub fn forgive(&mut self, subject: &Subject) {
        self.waiting.remove(subject);
    }

    /// There will be no attempt any more.
    pub fn remove(&mut self, subject: &Subject) {
        self.finish(subject);
        self.attempted.remove(subject);
    }

    /// It failed for a reason of its own.
    pub fn fail(&mut self, subject: &Subject, reason: String, patience: Patience, now_ms: u64) {
        self.in_flight.remove(subject);
        let failures = self.waiting.get(subject).map_or(0, |waiting| waiting.failures).saturating_add(1);
        let factor = 1_u64.checked_shl(failures.saturating_sub(1)).unwrap_or(u64::MAX);
        let wait = patience.first_ms.saturating_mul(factor).min(patience.most_ms);
        let waiting = Waiting { failures, until_ms: now_ms.saturating_add(wait), reason };
        self.waiting.insert(subject.clone(), waiting);
    }

    /// Forgets what nothing is compared with any more, of the subjects of a chain that has a new block: heights below it, and waits that ended so
    /// long ago that the subject has a clean slate.
    pub fn forget(&mut self, is_here: impl Fn(&Subject) -> bool, patience: Patience, now_ms: u64) {
        let flying = &self.in_flight;
        self.attempted.retain(|subject, _| flying.contains_key(subject) || !is_here(subject));
        self.waiting.retain(|subject, waiting| {
            flying.contains_key(subject)
                || waiting.until_ms.saturating_add(patience.most_ms) > now_ms
                || !is_here(subject)
        });
    }

    /// What is in flight, by the decision that started it.
    #[must_use]
    pub fn in_flight(&self) -> &BTreeMap<Subject, u64> {
        &self.in_flight
    }

    /// The waitlist, with reasons.
    #[must_use]
    pub fn waiting(&self) -> &BTreeMap<Subject, Waiting> {
        &self.waiting
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience = Patience { first_ms: 100, most_ms: 1_000 };

    fn may(flights: &Flights, height: u64, now_ms: u64) -> bool {
        flights.checks(&Subject::OpenTrade(1), height, PATIENCE, now_ms).iter().all(|check| check.passed)
    }

    #[test]
    fn there_is_one_attempt_in_flight_and_one_at_a_height() {
        let mut flights = Flights::default();
        assert!(may(&flights, 5, 0));
        flights.start(Subject::OpenTrade(1), 5, 0);
        assert!(!may(&flights, 6, 0));
        flights.finish(&Subject::OpenTrade(1));
        assert!(!may(&flights, 5, 0) && may(&flights, 6, 0));
    }

    #[test]
    fn what_keeps_failing_waits_longer_each_time_and_says_why() {
        let mut flights = Flights::default();
        for (height, wait) in [(1, 100), (2, 200), (3, 400), (4, 800), (5, 1_000), (6, 1_000)] {
            flights.start(Subject::OpenTrade(1), height, 0);
            flights.fail(&Subject::OpenTrade(1), "reverted".into(), PATIENCE, 50);
            assert!(!may(&flights, height + 1, 50 + wait - 1) && may(&flights, height + 1, 50 + wait));
        }
        assert_eq!(flights.waiting()[&Subject::OpenTrade(1)].reason, "reverted");
        assert!(!may(&flights, 7, 50) && may(&flights, 7, 49), "a clock that was put right");
        flights.finish(&Subject::OpenTrade(1));
        assert!(may(&flights, 7, 50));
    }
}
