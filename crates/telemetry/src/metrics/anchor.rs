//! Reserve reports on Arweave.

use std::time::Duration;

use prometheus::{GaugeVec, IntCounterVec, IntGaugeVec};

use super::{Metrics, integer, register::Register};
use crate::TelemetryError;

/// What anchoring fails at.
const FAILURES: [&str; 4] = ["books", "funds", "gateway", "refused"];
const NONE: [&str; 0] = [];

pub(super) struct AnchorMetrics {
    last: IntGaugeVec,
    interval: GaugeVec,
    failures: IntCounterVec,
}

impl AnchorMetrics {
    pub(super) fn new(register: &Register<'_>) -> Result<Self, TelemetryError> {
        let failures = register.counter(
            "tim3_anchor_failures_total",
            "Why is no report posted? Attempts that failed, by class: books (not read lately), funds (too little, or above max_fee), gateway (no answer), refused (the gateway's word).",
            &["class"],
        )?;
        for class in FAILURES {
            failures.with_label_values(&[class]);
        }
        Ok(Self {
            last: register.gauge(
                "tim3_anchor_last_timestamp_seconds",
                "Are reserves still reported in public? Unix time at which the newest report that Arweave has was made; absent until there is one.",
                &[],
            )?,
            interval: register.float_gauge(
                "tim3_anchor_interval_seconds",
                "How often is there to be a report? Seconds; absent where none is configured.",
                &[],
            )?,
            failures,
        })
    }
}

impl Metrics {
    /// Reports are to be anchored this often.
    pub fn anchors_every(&self, interval: Duration) {
        self.0.anchor.interval.with_label_values(&NONE).set(interval.as_secs_f64());
    }

    /// A report that was made then, in milliseconds since 1970, is on Arweave.
    pub fn anchored(&self, made_ms: u64) {
        self.0.anchor.last.with_label_values(&NONE).set(integer(made_ms / 1_000));
    }

    /// An attempt failed: `books`, `funds`, `gateway` or `refused`.
    pub fn anchor_failed(&self, class: &'static str) {
        self.0.anchor.failures.with_label_values(&[class]).inc();
    }
}
