//! The V1 processes on AO that the daemon has adopted.

use std::time::{SystemTime, UNIX_EPOCH};

use prometheus::IntGaugeVec;

use super::{Metrics, integer, register::Register};
use crate::TelemetryError;

/// How many operations there are, by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct V1Operations {
    /// Under way.
    pub open: usize,
    /// Completed and booked.
    pub completed: usize,
    /// Refused by a process; nothing is locked for them.
    pub refused: usize,
    /// Forgotten by the Coordinator or stranded; nothing is locked for them.
    pub cancelled: usize,
    /// Done, and not in the Coordinator's books.
    pub unbooked: usize,
}

/// How many things somebody should know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct V1Findings {
    /// Settings that somebody else changed and that need not be so.
    pub changed: usize,
    /// Operations that have been in one place for long.
    pub stalled: usize,
    /// Ways in which the books disagree.
    pub books: usize,
    /// Messages that were not understood.
    pub ignored: usize,
}

pub(super) struct V1Metrics {
    halted: IntGaugeVec,
    round: IntGaugeVec,
    operations: IntGaugeVec,
    findings: IntGaugeVec,
}

impl V1Metrics {
    pub(super) fn new(register: &Register<'_>) -> Result<Self, TelemetryError> {
        Ok(Self {
            halted: register.gauge(
                "tim3_v1_halted",
                "Has the daemon let go of the V1 processes? 1 while somebody took a slot over, their books let nobody mint, or an operator stopped it; 0 while it serves them.",
                &["chain"],
            )?,
            round: register.gauge(
                "tim3_v1_round_timestamp_seconds",
                "Are the V1 processes still looked after? Unix time at which everything new there was read and done.",
                &["chain"],
            )?,
            operations: register.gauge(
                "tim3_v1_operations",
                "What became of mints and burns through the V1 processes? By state: open, completed, refused, cancelled (nothing is locked for either), unbooked (done, and not in the Coordinator's books).",
                &["chain", "state"],
            )?,
            findings: register.gauge(
                "tim3_v1_findings",
                "Is anything wrong with the V1 processes that stops nothing? Findings by kind: changed (a setting, by somebody else), stalled (an operation), books (they disagree), ignored (a message).",
                &["chain", "finding"],
            )?,
        })
    }
}

impl Metrics {
    /// Whether the daemon has stopped serving the V1 processes of a chain, and what is known of their operations.
    pub fn v1(&self, chain: &str, halted: bool, operations: V1Operations, findings: V1Findings) {
        let (of, chain) = (&self.0.v1, self.0.names.chain(chain));
        of.halted.with_label_values(&[chain]).set(halted.into());
        let V1Operations { open, completed, refused, cancelled, unbooked } = operations;
        for (state, count) in [
            ("open", open),
            ("completed", completed),
            ("refused", refused),
            ("cancelled", cancelled),
            ("unbooked", unbooked),
        ] {
            of.operations.with_label_values(&[chain, state]).set(integer(count));
        }
        let V1Findings { changed, stalled, books, ignored } = findings;
        for (finding, count) in [("changed", changed), ("stalled", stalled), ("books", books), ("ignored", ignored)] {
            of.findings.with_label_values(&[chain, finding]).set(integer(count));
        }
    }

    /// Everything new in the V1 processes of a chain was read and done now.
    pub fn v1_round(&self, chain: &str) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        self.0.v1.round.with_label_values(&[self.0.names.chain(chain)]).set(integer(now));
    }
}
