//! What one call, and what a pool of endpoints, can end with.

use std::{fmt, time::Duration};

use thiserror::Error;

/// How one endpoint failed to give a value. `R` is the chain's own word for a decided answer (a revert, a stale nonce).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallError<R> {
    /// The chain decided; another endpoint would say the same. Says nothing about the endpoint.
    Refused(R),
    /// The endpoint does not have the block yet. Another one may; says nothing about the endpoint's health.
    Behind(String),
    /// The endpoint answered with an error that decides nothing. Another one may answer; does not count against its health.
    Fault(String),
    /// The endpoint wants fewer calls.
    RateLimited {
        /// How long it asked to wait.
        retry_after: Option<Duration>,
    },
    /// No connection, no answer, or an HTTP status that is none of the above.
    Transport(String),
    /// No answer in time.
    Timeout,
    /// An answer that is not what the call gives.
    Garbage(String),
}

impl<R> CallError<R> {
    /// Whether it counts against the endpoint's health.
    #[must_use]
    pub fn is_transport(&self) -> bool {
        matches!(self, Self::Transport(_) | Self::Timeout | Self::Garbage(_))
    }

    /// The word of this class in metrics and logs.
    #[must_use]
    pub fn class(&self) -> &'static str {
        match self {
            Self::Refused(_) => "refused",
            Self::Behind(_) => "behind",
            Self::Fault(_) => "fault",
            Self::RateLimited { .. } => "rate_limited",
            Self::Transport(_) => "transport",
            Self::Timeout => "timeout",
            Self::Garbage(_) => "garbage",
        }
    }

    /// The same failure with another word for a decided answer.
    pub fn map_refused<S>(self, map: impl FnOnce(R) -> S) -> CallError<S> {
        match self {
            Self::Refused(refused) => CallError::Refused(map(refused)),
            Self::Behind(detail) => CallError::Behind(detail),
            Self::Fault(detail) => CallError::Fault(detail),
            Self::RateLimited { retry_after } => CallError::RateLimited { retry_after },
            Self::Transport(detail) => CallError::Transport(detail),
            Self::Timeout => CallError::Timeout,
            Self::Garbage(detail) => CallError::Garbage(detail),
        }
    }
}

impl<R: fmt::Debug> CallError<R> {
    pub(crate) fn detail(&self) -> String {
        match self {
            Self::Refused(refused) => format!("{refused:?}"),
            Self::Behind(detail) | Self::Fault(detail) | Self::Transport(detail) | Self::Garbage(detail) => {
                detail.clone()
            }
            Self::RateLimited { .. } => "asked for fewer calls".to_owned(),
            Self::Timeout => "no answer in time".to_owned(),
        }
    }
}

/// How one endpoint failed, for messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The endpoint's name.
    pub endpoint: String,
    /// [`CallError::class`].
    pub class: &'static str,
    /// What was found, without secrets.
    pub detail: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.endpoint, self.class, self.detail)
    }
}

/// How a call to a pool ended without a value.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PoolError<R> {
    /// The chain decided.
    #[error("{endpoint}: {reason}")]
    Refused {
        /// Who said so.
        endpoint: String,
        /// What it said.
        reason: R,
    },
    /// Every endpoint asked for fewer calls.
    #[error("every endpoint asked for fewer calls")]
    RateLimited,
    /// No endpoint answered usefully.
    #[error("no endpoint answered: {}", join(.0))]
    Exhausted(Vec<Failure>),
    /// Fewer equal values than asked for.
    #[error("{} of {need} endpoints agree{}{}", best(votes), said(votes), failed(failures))]
    NoQuorum {
        /// How many had to agree.
        need: usize,
        /// Each value that was given, and by whom.
        votes: Vec<(String, Vec<String>)>,
        /// Endpoints that gave none.
        failures: Vec<Failure>,
    },
}

fn join(failures: &[Failure]) -> String {
    failures.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn best(votes: &[(String, Vec<String>)]) -> usize {
    votes.iter().map(|(_, who)| who.len()).max().unwrap_or_default()
}

fn said(votes: &[(String, Vec<String>)]) -> String {
    votes.iter().map(|(value, who)| format!("; {} said {value}", who.join(", "))).collect()
}

fn failed(failures: &[Failure]) -> String {
    failures.iter().map(|failure| format!("; {failure}")).collect()
}

/// Endpoints that cannot make a pool.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SetupError {
    /// A text that is no URL; the text is not repeated, because it may hold a credential.
    #[error("not a URL ({0}): expected for example https://host:8545")]
    Url(String),
    /// No endpoint at all.
    #[error("no endpoints: give at least one")]
    Empty,
    /// Two endpoints that are the same one would count as two votes.
    #[error("endpoint {0} is given twice: each must be a distinct one, or a quorum would count it twice")]
    Duplicate(String),
    /// A quorum that can never be reached, or needs nobody.
    #[error("quorum is {quorum} with {endpoints} endpoints: it must be at least 1 and at most {endpoints}")]
    Quorum {
        /// What was asked for.
        quorum: usize,
        /// How many there are.
        endpoints: usize,
    },
    /// The HTTP client could not be made.
    #[error("HTTP client: {0}")]
    Client(String),
}
