//! Making metrics, each registered under its name with its help.

use prometheus::{
    GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    core::Collector,
};

use crate::TelemetryError;

/// Seconds that a call over a network takes.
pub(super) const CALL_SECONDS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// Seconds from a lock to its mint: from a development chain to days of waiting for a window.
pub(super) const OPERATION_SECONDS: &[f64] =
    &[1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 14_400.0, 86_400.0];

/// Seconds until a disk has it.
pub(super) const DISK_SECONDS: &[f64] = &[0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];

/// How many things are done at once.
pub(super) const COUNTS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0];

pub(super) struct Register<'r>(&'r Registry);

impl<'r> Register<'r> {
    pub(super) fn new(registry: &'r Registry) -> Self {
        Self(registry)
    }

    pub(super) fn collector(&self, collector: impl Collector + 'static) -> Result<(), TelemetryError> {
        self.0.register(Box::new(collector)).map_err(failed)
    }

    fn keep<C: Collector + Clone + 'static>(&self, made: prometheus::Result<C>) -> Result<C, TelemetryError> {
        let collector = made.map_err(failed)?;
        self.collector(collector.clone())?;
        Ok(collector)
    }

    pub(super) fn counter(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec, TelemetryError> {
        self.keep(IntCounterVec::new(Opts::new(name, help), labels))
    }

    pub(super) fn plain_counter(&self, name: &str, help: &str) -> Result<IntCounter, TelemetryError> {
        self.keep(IntCounter::new(name, help))
    }

    pub(super) fn plain_gauge(&self, name: &str, help: &str) -> Result<IntGauge, TelemetryError> {
        self.keep(IntGauge::new(name, help))
    }

    pub(super) fn gauge(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec, TelemetryError> {
        self.keep(IntGaugeVec::new(Opts::new(name, help), labels))
    }

    pub(super) fn float_gauge(&self, name: &str, help: &str, labels: &[&str]) -> Result<GaugeVec, TelemetryError> {
        self.keep(GaugeVec::new(Opts::new(name, help), labels))
    }

    pub(super) fn histogram(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
        buckets: &[f64],
    ) -> Result<HistogramVec, TelemetryError> {
        self.keep(HistogramVec::new(HistogramOpts::new(name, help).buckets(buckets.to_vec()), labels))
    }

    pub(super) fn plain_histogram(&self, name: &str, help: &str, buckets: &[f64]) -> Result<Histogram, TelemetryError> {
        self.keep(Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.to_vec())))
    }
}

fn failed(error: prometheus::Error) -> TelemetryError {
    TelemetryError::Metrics(error.to_string())
}
