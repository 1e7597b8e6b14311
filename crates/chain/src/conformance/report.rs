//! What became of each case.

use std::{fmt, time::Duration};

use tim3_domain::DomainError;
use tokio::time::{Instant, timeout};

use crate::{ChainError, ProofError};

/// A case that takes longer hangs: no chain here needs as long for its few transactions.
const PATIENCE: Duration = Duration::from_secs(300);

/// What became of one case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything was as it must be.
    Passed,
    /// Something was not.
    Failed(String),
    /// The harness cannot provide for it.
    Skipped(String),
}

/// One case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// What must be so.
    pub name: &'static str,
    /// Whether it is.
    pub outcome: Outcome,
    /// How long that took to find out.
    pub took: Duration,
}

impl Case {
    /// Goes through one.
    pub(super) async fn of(name: &'static str, case: impl Future<Output = Result<(), Failure>>) -> Self {
        let begun = Instant::now();
        let outcome = match timeout(PATIENCE, case).await {
            Ok(Ok(())) => Outcome::Passed,
            Ok(Err(failure)) => failure.into_outcome(),
            Err(_) => Outcome::Failed(format!("no answer within {} seconds", PATIENCE.as_secs())),
        };
        Self { name, outcome, took: begun.elapsed() }
    }
}

/// All cases, in the order of the suite whichever harness ran them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The cases.
    pub cases: Vec<Case>,
}

impl Report {
    /// Of cases and their places in the suite.
    pub(super) fn of(mut cases: Vec<(usize, Case)>) -> Self {
        cases.sort_by_key(|(place, _)| *place);
        Self { cases: cases.into_iter().map(|(_, case)| case).collect() }
    }

    /// Whether there were cases and none failed.
    #[must_use]
    pub fn is_passed(&self) -> bool {
        !self.cases.is_empty() && !self.cases.iter().any(|case| matches!(case.outcome, Outcome::Failed(_)))
    }

    /// The cases that were skipped: a harness that should provide for everything asserts that there are none.
    #[must_use]
    pub fn skipped(&self) -> Vec<&'static str> {
        let skipped = self.cases.iter().filter(|case| matches!(case.outcome, Outcome::Skipped(_)));
        skipped.map(|case| case.name).collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Case { name, outcome, took } in &self.cases {
            let ms = took.as_millis();
            match outcome {
                Outcome::Passed => writeln!(f, "pass {ms:>6} ms  {name}")?,
                Outcome::Failed(why) => writeln!(f, "FAIL {ms:>6} ms  {name}: {why}")?,
                Outcome::Skipped(why) => writeln!(f, "skip {ms:>6} ms  {name}: {why}")?,
            }
        }
        Ok(())
    }
}

/// Why a case ended early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    Wrong(String),
    Unsupported(&'static str),
}

impl Failure {
    pub(super) fn into_outcome(self) -> Outcome {
        match self {
            Self::Wrong(why) => Outcome::Failed(why),
            Self::Unsupported(what) => Outcome::Skipped(what.to_owned()),
        }
    }
}

impl From<String> for Failure {
    fn from(why: String) -> Self {
        Self::Wrong(why)
    }
}

impl From<&str> for Failure {
    fn from(why: &str) -> Self {
        Self::Wrong(why.to_owned())
    }
}

impl From<ChainError> for Failure {
    fn from(error: ChainError) -> Self {
        Self::Wrong(format!("{} error: {error}", error.class().name()))
    }
}

impl From<ProofError> for Failure {
    fn from(error: ProofError) -> Self {
        Self::Wrong(format!("the events do not lead to the quorum's head: {error}"))
    }
}

impl From<DomainError> for Failure {
    fn from(error: DomainError) -> Self {
        Self::Wrong(error.to_string())
    }
}

/// Fails the case unless the condition holds.
macro_rules! check {
    ($condition:expr, $($why:tt)+) => {
        if !$condition {
            return Err($crate::conformance::report::Failure::Wrong(format!($($why)+)));
        }
    };
}

/// Fails the case unless what was found is what was expected.
macro_rules! check_eq {
    ($found:expr, $expected:expr, $what:expr) => {
        match (&$found, &$expected) {
            (found, expected) if found == expected => {}
            (found, expected) => {
                let why = format!("{}: found {found:?}, expected {expected:?}", $what);
                return Err($crate::conformance::report::Failure::Wrong(why));
            }
        }
    };
}

pub(super) use {check, check_eq};
