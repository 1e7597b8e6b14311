//! What a pool tells about its endpoints, without depending on whoever exports it.

use std::time::Duration;

use crate::health::Grade;

/// How a call to one endpoint ended: `ok`, or the class of its [`crate::CallError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Outcome(&'static str);

impl Outcome {
    /// A value came.
    pub const OK: Self = Self("ok");

    pub(crate) fn failed(class: &'static str) -> Self {
        Self(class)
    }

    /// The word of this outcome in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0
    }
}

/// Somebody who counts calls. Must be quick: it runs inside each call.
pub trait Observer: Send + Sync {
    /// `pool` called `what` at `endpoint`; it took `elapsed`.
    fn called(&self, pool: &str, endpoint: &str, what: &'static str, outcome: Outcome, elapsed: Duration);
}

/// An endpoint as the pool sees it now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointStatus {
    /// Its name.
    pub name: String,
    /// Its place in the operator's order; lower is asked first.
    pub priority: u32,
    /// Whether it is asked, and why not.
    pub grade: Grade,
    /// The newest height it stated.
    pub head: Option<u64>,
    /// Calls made.
    pub calls: u64,
    /// Failed calls by class.
    pub errors: Vec<(&'static str, u64)>,
    /// Time spent in its calls, in total.
    pub elapsed: Duration,
}
