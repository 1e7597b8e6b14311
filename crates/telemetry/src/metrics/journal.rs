//! Making things durable.

use std::time::Duration;

use prometheus::Histogram;

use super::{
    Metrics,
    register::{COUNTS, DISK_SECONDS, Register},
};
use crate::TelemetryError;

pub(super) struct JournalMetrics {
    commit: Histogram,
    changes: Histogram,
    transaction: Histogram,
    sharing: Histogram,
}

impl JournalMetrics {
    pub(super) fn new(register: &Register<'_>) -> Result<Self, TelemetryError> {
        Ok(Self {
            commit: register.plain_histogram(
                "tim3_journal_commit_seconds",
                "Does the disk hold operations up? Time that a caller waits until its changes are durable.",
                DISK_SECONDS,
            )?,
            changes: register.plain_histogram(
                "tim3_journal_commit_changes",
                "How much is written at once? Changes in each commit.",
                COUNTS,
            )?,
            transaction: register.plain_histogram(
                "tim3_journal_transaction_seconds",
                "How fast is the disk itself? Time of each transaction of the journal, with its fsync.",
                DISK_SECONDS,
            )?,
            sharing: register.plain_histogram(
                "tim3_journal_transaction_commits",
                "Do commits share the cost of an fsync? Commits in each transaction of the journal.",
                COUNTS,
            )?,
        })
    }
}

#[expect(clippy::cast_precision_loss, reason = "histograms keep floats; nobody commits 2^53 things at once")]
impl Metrics {
    /// A caller waited so long until `changes` changes were durable.
    pub fn journal_commit(&self, took: Duration, changes: usize) {
        self.0.journal.commit.observe(took.as_secs_f64());
        self.0.journal.changes.observe(changes as f64);
    }

    /// The journal made `commits` commits durable with one fsync.
    pub fn journal_transaction(&self, took: Duration, commits: usize) {
        self.0.journal.transaction.observe(took.as_secs_f64());
        self.0.journal.sharing.observe(commits as f64);
    }
}
