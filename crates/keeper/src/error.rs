//! What can be wrong with what the shell hands in.

use thiserror::Error;
use tim3_domain::DomainError;

/// A configuration or an input that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KeeperError {
    /// A name that the configuration does not have.
    #[error("{what} {found:?} is not configured; there are: {known}")]
    UnknownName {
        /// What was named: a market, a feed, a chain.
        what: &'static str,
        /// The name.
        found: String,
        /// Those that there are.
        known: String,
    },
    /// A market, price or pool term that makes no sense.
    #[error("{subject}: {error}")]
    Domain {
        /// The market or pool.
        subject: String,
        /// What is wrong with it.
        error: DomainError,
    },
    /// A setting that makes no sense.
    #[error("{key} is {found}: expected {expected}")]
    Setting {
        /// The setting.
        key: String,
        /// Its value.
        found: String,
        /// What would be right.
        expected: &'static str,
    },
    /// A record of another version of the format.
    #[error("records of version {found}, expected {expected}: replay them with the program that wrote them")]
    Version {
        /// What the record says.
        found: u32,
        /// What this program writes.
        expected: u32,
    },
    /// A record that is none.
    #[error("line {line}: {reason}")]
    Record {
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
}

impl KeeperError {
    /// `found` is none of `known`.
    pub(crate) fn unknown<'a>(what: &'static str, found: &str, known: impl Iterator<Item = &'a String>) -> Self {
        let known = known.map(String::as_str).collect::<Vec<_>>().join(", ");
        Self::UnknownName { what, found: found.to_owned(), known }
    }
}
