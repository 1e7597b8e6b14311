//! What ends the daemon.

use thiserror::Error;
use tim3_chain::ChainError;
use tim3_journal::JournalError;

/// An error that no part of the daemon can go on with.
#[derive(Clone, Debug, Error)]
pub enum CoordinatorError {
    /// The journal cannot be read or written any more.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A chain that must answer at start did not.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The settings do not fit the chains.
    #[error("{0}")]
    Settings(String),
    /// A task ended although the daemon was not asked to stop.
    #[error("task {task} ended unexpectedly: {detail}")]
    Task {
        /// Its name.
        task: String,
        /// How it ended.
        detail: String,
    },
}

impl CoordinatorError {
    /// Whether the same call may end better later.
    #[must_use]
    pub fn passes(&self) -> bool {
        matches!(self, Self::Chain(error) if error.passes())
    }
}
