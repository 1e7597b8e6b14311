//! Which configuration is in force.

use prometheus::{IntCounterVec, IntGauge, IntGaugeVec};

use super::{Metrics, integer, register::Register};
use crate::TelemetryError;

pub(super) struct ConfigurationMetrics {
    info: IntGaugeVec,
    reloads: IntCounterVec,
    refused: IntGauge,
    waiting: IntGauge,
}

impl ConfigurationMetrics {
    pub(super) fn new(register: &Register<'_>) -> Result<Self, TelemetryError> {
        let reloads = register.counter(
            "tim3_config_reloads_total",
            "Was a changed configuration taken? Reloads by result: applied, unchanged, refused.",
            &["result"],
        )?;
        // Each from 0 on, so that the first one counts.
        for result in ["applied", "unchanged", "refused"] {
            reloads.with_label_values(&[result]);
        }
        Ok(Self {
            info: register.gauge(
                "tim3_config_info",
                "Which configuration is in force? Always 1; the label is the hash that `tim3d config check` says of it.",
                &["hash"],
            )?,
            reloads,
            refused: register.plain_gauge(
                "tim3_config_reload_refused",
                "Is the configuration on disk wrong? 1 while the last reload was refused, 0 while it was not.",
            )?,
            waiting: register.plain_gauge(
                "tim3_config_keys_waiting_for_restart",
                "Does the configuration on disk say more than is in force? Keys that differ and that only a restart takes, as of the last reload.",
            )?,
        })
    }
}

impl Metrics {
    /// The configuration of this hash is in force, and no other; `waiting` of its keys wait for a restart.
    pub fn configuration(&self, hash: &str, waiting: usize) {
        let of = &self.0.configuration;
        of.info.reset();
        of.info.with_label_values(&[hash]).set(1);
        of.waiting.set(integer(waiting));
    }

    /// A reload ended: `applied`, `unchanged` or `refused`.
    pub fn configuration_reloaded(&self, result: &'static str) {
        let of = &self.0.configuration;
        of.reloads.with_label_values(&[result]).inc();
        of.refused.set((result == "refused").into());
    }
}
