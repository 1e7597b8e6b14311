//! Sending orders to a chain.

use prometheus::{HistogramVec, IntCounterVec, IntGaugeVec};

use super::{
    Metrics, integer,
    register::{COUNTS, Register},
};
use crate::TelemetryError;

/// What orders do.
pub(super) const ACTIONS: [&str; 7] = ["mint", "release", "void", "refund", "conflict", "mirror", "resend"];
/// How a gateway answers them.
pub(super) const RESULTS: [&str; 4] = ["done", "already_done", "delayed", "rejected"];

pub(super) struct SubmitterMetrics {
    waiting: IntGaugeVec,
    in_flight: IntGaugeVec,
    batches: HistogramVec,
    escalations: IntCounterVec,
    left_out: IntCounterVec,
    results: IntCounterVec,
    signer_low: IntGaugeVec,
}

impl SubmitterMetrics {
    pub(super) fn new(register: &Register<'_>) -> Result<Self, TelemetryError> {
        Ok(Self {
            waiting: register.gauge(
                "tim3_submitter_orders_waiting",
                "Does the submitter keep up? Signed orders that no transaction carries yet.",
                &["chain"],
            )?,
            in_flight: register.gauge(
                "tim3_submitter_transactions_in_flight",
                "Is a transaction stuck? Transactions that were sent and are not included.",
                &["chain"],
            )?,
            batches: register.histogram(
                "tim3_submitter_batch_orders",
                "How well are orders batched? Orders in each transaction; its count is the number of transactions.",
                &["chain"],
                COUNTS,
            )?,
            escalations: register.counter(
                "tim3_submitter_escalations_total",
                "Do fees run away? Transactions that were replaced by one with a higher fee.",
                &["chain"],
            )?,
            left_out: register.counter(
                "tim3_submitter_simulation_rejections_total",
                "Which orders does the gateway refuse? Orders left out of a transaction because its simulation refused them.",
                &["chain", "action"],
            )?,
            results: register.counter(
                "tim3_submitter_order_results_total",
                "What became of the orders that were sent? Answers of the gateway: done, already_done, delayed, rejected.",
                &["chain", "action", "result"],
            )?,
            signer_low: register.gauge(
                "tim3_submitter_signer_balance_low",
                "Does the signer need money? 1 while its balance is below what the operator wants to see.",
                &["chain"],
            )?,
        })
    }

    pub(super) fn begin(&self, chain: &str) {
        self.batches.with_label_values(&[chain]);
        self.escalations.with_label_values(&[chain]);
        for action in ACTIONS {
            self.left_out.with_label_values(&[chain, action]);
            for result in RESULTS {
                self.results.with_label_values(&[chain, action, result]);
            }
        }
    }
}

impl Metrics {
    /// What the chain's submitter has in hand.
    pub fn submitter(&self, chain: &str, orders_waiting: usize, transactions_in_flight: usize) {
        let chain = self.0.names.chain(chain);
        self.0.submitter.waiting.with_label_values(&[chain]).set(integer(orders_waiting));
        self.0.submitter.in_flight.with_label_values(&[chain]).set(integer(transactions_in_flight));
    }

    /// A transaction with `orders` orders was sent.
    #[expect(clippy::cast_precision_loss, reason = "a histogram keeps floats; no batch has 2^53 orders")]
    pub fn batch_sent(&self, chain: &str, orders: usize) {
        self.0.submitter.batches.with_label_values(&[self.0.names.chain(chain)]).observe(orders as f64);
    }

    /// A transaction was replaced by one with a higher fee.
    pub fn escalated(&self, chain: &str) {
        self.0.submitter.escalations.with_label_values(&[self.0.names.chain(chain)]).inc();
    }

    /// The simulation refused an order that does `action`.
    pub fn order_left_out(&self, chain: &str, action: &'static str) {
        self.0.submitter.left_out.with_label_values(&[self.0.names.chain(chain), action]).inc();
    }

    /// The gateway answered an order that does `action` with `result`: `done`, `already_done`, `delayed` or `rejected`.
    pub fn order_result(&self, chain: &str, action: &'static str, result: &'static str) {
        self.0.submitter.results.with_label_values(&[self.0.names.chain(chain), action, result]).inc();
    }

    /// Whether the signer's balance is below what the operator wants to see.
    pub fn signer_low(&self, chain: &str, low: bool) {
        self.0.submitter.signer_low.with_label_values(&[self.0.names.chain(chain)]).set(low.into());
    }
}
