//! Watching a chain.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use prometheus::{HistogramVec, IntCounterVec, IntGaugeVec};

use super::{
    Metrics, integer,
    register::{COUNTS, Register},
};
use crate::TelemetryError;

/// The classes of errors of a chain.
const CLASSES: [&str; 5] = ["transient", "rate_limited", "stale_nonce", "rejected", "halt"];

pub(super) struct ChainMetrics {
    head: IntGaugeVec,
    finalized: IntGaugeVec,
    age: IntGaugeVec,
    /// Chain time of each head, so that its age is right when it is asked for, whether the chain moves or not.
    heads: Mutex<BTreeMap<String, u64>>,
    events: IntCounterVec,
    proof_failures: IntCounterVec,
    reorgs: HistogramVec,
    errors: IntCounterVec,
    mirrors_behind: IntGaugeVec,
    mirror_age: IntGaugeVec,
    payouts: IntGaugeVec,
}

impl ChainMetrics {
    pub(super) fn new(register: &Register<'_>) -> Result<Self, TelemetryError> {
        Ok(Self {
            head: register.gauge(
                "tim3_chain_head_height",
                "How far does the daemon see? Height of the newest block of the chain.",
                &["chain"],
            )?,
            finalized: register.gauge(
                "tim3_chain_final_height",
                "How far may it act? Height of the newest block that is final by the chain's policy.",
                &["chain"],
            )?,
            age: register.gauge(
                "tim3_chain_head_age_seconds",
                "Does the chain, or the view of it, stand still? Seconds between the newest block's own time and now.",
                &["chain"],
            )?,
            heads: Mutex::default(),
            events: register.counter(
                "tim3_chain_events_proved_total",
                "What happens at the gateway? Events that are final and proved against the running hash, by kind.",
                &["chain", "kind"],
            )?,
            proof_failures: register.counter(
                "tim3_chain_proof_failures_total",
                "Does an endpoint lie or lag? Runs of events that did not hash to what the quorum states.",
                &["chain"],
            )?,
            reorgs: register.histogram(
                "tim3_chain_reorg_events",
                "How deep do reorgs cut? Events of the gateway that each reorg took away.",
                &["chain"],
                COUNTS,
            )?,
            errors: register.counter(
                "tim3_chain_errors_total",
                "What is wrong with the chain? Calls that failed at every endpoint, by class of the error.",
                &["chain", "class"],
            )?,
            mirrors_behind: register.gauge(
                "tim3_mirror_backlog_positions",
                "Do the other chains know our positions? Positions whose newest version the chain's registry does not have yet.",
                &["chain"],
            )?,
            mirror_age: register.gauge(
                "tim3_mirror_backlog_age_seconds",
                "Do mirrors still arrive? Seconds that the oldest version the chain's registry lacks has waited; 0 when it lacks none.",
                &["chain"],
            )?,
            payouts: register.gauge(
                "tim3_payouts_overdue",
                "Do payouts arrive? Payouts by message (AO) that have waited for longer than resend_after, by what their token knows of them: lost are sent again, unanswered wait for the gateway's admin.",
                &["chain", "state"],
            )?,
        })
    }

    pub(super) fn begin(&self, chain: &str) {
        for class in CLASSES {
            self.errors.with_label_values(&[chain, class]);
        }
        self.proof_failures.with_label_values(&[chain]);
        self.reorgs.with_label_values(&[chain]);
    }

    fn set_head(&self, chain: &str, timestamp: u64) {
        self.heads.lock().unwrap_or_else(PoisonError::into_inner).insert(chain.to_owned(), timestamp);
    }

    pub(super) fn refresh_ages(&self) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        for (chain, timestamp) in self.heads.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            self.age.with_label_values(&[chain]).set(integer(now.saturating_sub(*timestamp)));
        }
    }
}

impl Metrics {
    /// The chain's newest and newest final block; `head_timestamp` in seconds of chain time.
    pub fn chain_tips(&self, chain: &str, head: u64, finalized: u64, head_timestamp: u64) {
        let chain = self.0.names.chain(chain);
        let of = &self.0.chain;
        of.head.with_label_values(&[chain]).set(integer(head));
        of.finalized.with_label_values(&[chain]).set(integer(finalized));
        of.set_head(chain, head_timestamp);
    }

    /// A call failed at every endpoint; `class` is the name of its error class.
    pub fn chain_error(&self, chain: &str, class: &'static str) {
        self.0.chain.errors.with_label_values(&[self.0.names.chain(chain), class]).inc();
    }

    /// Events did not hash to what the quorum states.
    pub fn proof_failure(&self, chain: &str) {
        self.0.chain.proof_failures.with_label_values(&[self.0.names.chain(chain)]).inc();
    }

    /// A reorg took `events` of the gateway's events away.
    #[expect(clippy::cast_precision_loss, reason = "a histogram keeps floats; no reorg has 2^53 events")]
    pub fn reorg(&self, chain: &str, events: usize) {
        self.0.chain.reorgs.with_label_values(&[self.0.names.chain(chain)]).observe(events as f64);
    }

    /// An event of `kind` is final and proved.
    pub fn event_proved(&self, chain: &str, kind: &'static str) {
        self.0.chain.events.with_label_values(&[self.0.names.chain(chain), kind]).inc();
    }

    /// The chain's registry lacks the newest version of `positions` positions.
    pub fn mirror_backlog(&self, chain: &str, positions: usize) {
        self.0.chain.mirrors_behind.with_label_values(&[self.0.names.chain(chain)]).set(integer(positions));
    }

    /// So many payouts wait for longer than they should: those that their token was never told of, and those that it did not answer for.
    pub fn payouts_overdue(&self, chain: &str, lost: usize, unanswered: usize) {
        let chain = self.0.names.chain(chain);
        for (state, payouts) in [("lost", lost), ("unanswered", unanswered)] {
            self.0.chain.payouts.with_label_values(&[chain, state]).set(integer(payouts));
        }
    }

    /// The oldest version that the chain's registry lacks has waited for `seconds`; 0 when it lacks none.
    pub fn mirror_backlog_age(&self, chain: &str, seconds: u64) {
        self.0.chain.mirror_age.with_label_values(&[self.0.names.chain(chain)]).set(integer(seconds));
    }
}
