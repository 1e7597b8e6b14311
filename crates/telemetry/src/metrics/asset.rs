//! Operations and books of a synthetic.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use prometheus::{GaugeVec, HistogramVec, IntCounterVec, IntGaugeVec};

use super::{
    Metrics, integer,
    register::{OPERATION_SECONDS, Register},
};
use crate::TelemetryError;

/// The phases of open operations, so that one which no operation is in reads 0.
pub(super) const OPEN_PHASES: [&str; 13] = [
    "observed",
    "final",
    "held",
    "signing",
    "authorized",
    "submitted",
    "settled",
    "voiding",
    "voided",
    "refunding",
    "refund_included",
    "orphaned",
    "dead_letter",
];

/// How operations end.
const OUTCOMES: [&str; 3] = ["completed", "refunded", "orphaned"];
/// Why attesters do not sign.
const REFUSALS: [&str; 3] = ["evidence", "conflict", "unavailable"];

/// Said of every amount.
macro_rules! amount {
    ($question:literal) => {
        concat!($question, " In base units, rounded to a float; the exact integer is in the API.")
    };
}

pub(super) struct AssetMetrics {
    open: IntGaugeVec,
    oldest: GaugeVec,
    signing_stopped: IntGaugeVec,
    refusals: IntCounterVec,
    window_available: GaugeVec,
    window_limit: GaugeVec,
    finished: IntCounterVec,
    settle: HistogramVec,
    audited: IntGaugeVec,
    breach: IntGaugeVec,
    supply: GaugeVec,
    in_flight: GaugeVec,
    debt: GaugeVec,
    bad_debt: GaugeVec,
}

impl AssetMetrics {
    pub(super) fn new(register: &Register<'_>) -> Result<Self, TelemetryError> {
        let asset = &["asset"];
        Ok(Self {
            open: register.gauge(
                "tim3_operations_open",
                "Where is the work? Open operations by phase; held wait for a limit or an operator, dead_letter for an operator.",
                &["asset", "phase"],
            )?,
            oldest: register.float_gauge(
                "tim3_operations_oldest_age_seconds",
                "Is anything stuck? Seconds since the open operation that has stood still longest changed, those aside that are held, dead letters or orphaned; 0 when there is none.",
                asset,
            )?,
            signing_stopped: register.gauge(
                "tim3_signing_stopped",
                "Is signing stopped? 1 while an operator, an audit breach or a chain that contradicts the protocol has stopped it.",
                &["asset"],
            )?,
            refusals: register.counter(
                "tim3_attester_refusals_total",
                "Why is something not signed? Orders for which the attesters gave too few signatures, by class of their reason.",
                &["asset", "class"],
            )?,
            window_available: register.float_gauge(
                "tim3_window_available_base_units",
                amount!("How much may still pass? Room in the window of the gateway, as of the last audit; below 0 where more passed than the limit."),
                &["chain", "asset", "direction"],
            )?,
            window_limit: register.float_gauge(
                "tim3_window_limit_base_units",
                amount!("How much may pass at once? Limit of the window of the gateway, as of the last audit."),
                &["chain", "asset", "direction"],
            )?,
            finished: register.counter(
                "tim3_operations_finished_total",
                "How do operations end? Those that came to a terminal phase: completed, refunded, orphaned.",
                &["asset", "outcome"],
            )?,
            settle: register.histogram(
                "tim3_operation_settle_seconds",
                "How long do users wait? Time from the event at the origin to Minted or Released at the destination.",
                asset,
                OPERATION_SECONDS,
            )?,
            audited: register.gauge(
                "tim3_audit_last_timestamp_seconds",
                "Are the books still checked? Unix time of the last audit that read all of them.",
                asset,
            )?,
            breach: register.gauge(
                "tim3_audit_breach",
                "Is more minted than locked? 1 while the conservation law does not hold, which stops the asset; 0 while it does.",
                asset,
            )?,
            supply: register.float_gauge(
                "tim3_audit_supply_base_units",
                amount!("How much is minted? Minted less burned over all gateways, as of the last audit."),
                asset,
            )?,
            in_flight: register.float_gauge(
                "tim3_audit_in_flight_base_units",
                amount!("How much is on its way? Gross amount of what is sent and neither settled nor refunded, as of the last audit."),
                asset,
            )?,
            debt: register.float_gauge(
                "tim3_audit_debt_base_units",
                amount!("How much may be minted? Debt that locked collateral secures, as of the last audit."),
                asset,
            )?,
            bad_debt: register.float_gauge(
                "tim3_audit_bad_debt_base_units",
                amount!("How much is secured by nothing? Bad debt that nobody has covered, as of the last audit."),
                asset,
            )?,
        })
    }

    pub(super) fn begin(&self, asset: &str) {
        for outcome in OUTCOMES {
            self.finished.with_label_values(&[asset, outcome]);
        }
        for class in REFUSALS {
            self.refusals.with_label_values(&[asset, class]);
        }
        self.settle.with_label_values(&[asset]);
    }
}

impl Metrics {
    /// Whether signing is stopped.
    pub fn signing_stopped(&self, asset: &str, stopped: bool) {
        self.0.asset.signing_stopped.with_label_values(&[self.0.names.asset(asset)]).set(stopped.into());
    }

    /// The attesters did not sign an order; `class` is `evidence`, `conflict` or `unavailable`.
    pub fn attesters_refused(&self, asset: &str, class: &'static str) {
        self.0.asset.refusals.with_label_values(&[self.0.names.asset(asset), class]).inc();
    }

    /// Room and limit of the window of the chain's gateway for what goes in `direction`, `mint` or `release`; in base units.
    #[expect(clippy::cast_precision_loss, reason = "Prometheus keeps floats, and the help says so")]
    pub fn window(&self, chain: &str, asset: &str, direction: &'static str, available: i128, limit: u128) {
        let labels = &[self.0.names.chain(chain), self.0.names.asset(asset), direction];
        self.0.asset.window_available.with_label_values(labels).set(available as f64);
        self.0.asset.window_limit.with_label_values(labels).set(limit as f64);
    }

    /// Open operations by phase, and for how long the one that has stood still longest has, of those that nobody has to decide about.
    pub fn operations(&self, asset: &str, by_phase: &BTreeMap<&'static str, usize>, oldest_age_ms: Option<u64>) {
        let asset = self.0.names.asset(asset);
        for phase in OPEN_PHASES {
            let count = by_phase.get(phase).copied().unwrap_or_default();
            self.0.asset.open.with_label_values(&[asset, phase]).set(integer(count));
        }
        let age = Duration::from_millis(oldest_age_ms.unwrap_or_default());
        self.0.asset.oldest.with_label_values(&[asset]).set(age.as_secs_f64());
    }

    /// An operation came to the terminal phase of this name.
    pub fn operation_finished(&self, asset: &str, phase: &'static str) {
        self.0.asset.finished.with_label_values(&[self.0.names.asset(asset), phase]).inc();
    }

    /// An operation was settled so long after its event was observed.
    pub fn settled_after(&self, asset: &str, since_observed: Duration) {
        let asset = self.0.names.asset(asset);
        self.0.asset.settle.with_label_values(&[asset]).observe(since_observed.as_secs_f64());
    }

    /// An audit read all the books now, and the conservation law holds or not. Amounts are in base units.
    #[expect(
        clippy::cast_precision_loss,
        reason = "Prometheus keeps floats, and the help says so; nothing is decided by them"
    )]
    pub fn audited(&self, asset: &str, holds: bool, supply: i128, in_flight: i128, debt: u128, bad_debt: u128) {
        let asset = &[self.0.names.asset(asset)];
        let of = &self.0.asset;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        of.audited.with_label_values(asset).set(integer(now));
        of.breach.with_label_values(asset).set((!holds).into());
        of.supply.with_label_values(asset).set(supply as f64);
        of.in_flight.with_label_values(asset).set(in_flight as f64);
        of.debt.with_label_values(asset).set(debt as f64);
        of.bad_debt.with_label_values(asset).set(bad_debt as f64);
    }
}
