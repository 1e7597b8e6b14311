//! Calls to RPC endpoints, which are named by their aliases and never by their URLs.

use std::time::Duration;

use prometheus::{HistogramVec, IntCounterVec, IntGaugeVec};

use super::{
    Metrics,
    register::{CALL_SECONDS, Register},
};
use crate::TelemetryError;

pub(super) struct EndpointMetrics {
    calls: IntCounterVec,
    latency: HistogramVec,
    usable: IntGaugeVec,
}

impl EndpointMetrics {
    pub(super) fn new(register: &Register<'_>) -> Result<Self, TelemetryError> {
        Ok(Self {
            calls: register.counter(
                "tim3_endpoint_calls_total",
                "What do we ask of the endpoint, and does it answer? Calls by what was asked and by outcome: ok, or the class of the error.",
                &["chain", "endpoint", "call", "outcome"],
            )?,
            latency: register.histogram(
                "tim3_endpoint_call_seconds",
                "How fast does the endpoint answer? Time of its calls, failed ones included.",
                &["chain", "endpoint"],
                CALL_SECONDS,
            )?,
            usable: register.gauge(
                "tim3_endpoint_usable",
                "How many endpoints are left? 1 while nothing speaks against asking it, 0 while it fails, stalls, lies or wants fewer calls.",
                &["chain", "endpoint"],
            )?,
        })
    }
}

impl Metrics {
    /// `chain` asked `call` of the endpoint with this alias; `outcome` is `ok` or the class of the error.
    pub fn endpoint_called(
        &self,
        chain: &str,
        endpoint: &str,
        call: &'static str,
        outcome: &'static str,
        took: Duration,
    ) {
        let (chain, endpoint) = (self.0.names.chain(chain), self.0.names.endpoint(endpoint));
        self.0.endpoint.calls.with_label_values(&[chain, endpoint, call, outcome]).inc();
        self.0.endpoint.latency.with_label_values(&[chain, endpoint]).observe(took.as_secs_f64());
    }

    /// The endpoint with this alias is not one of the chain's any more.
    pub fn endpoint_gone(&self, chain: &str, endpoint: &str) {
        let (chain, endpoint) = (self.0.names.chain(chain), self.0.names.endpoint(endpoint));
        // Where it is not there it was never shown.
        let _ = self.0.endpoint.usable.remove_label_values(&[chain, endpoint]);
    }

    /// Whether the endpoint with this alias is asked as usual.
    pub fn endpoint_usable(&self, chain: &str, endpoint: &str, usable: bool) {
        let (chain, endpoint) = (self.0.names.chain(chain), self.0.names.endpoint(endpoint));
        self.0.endpoint.usable.with_label_values(&[chain, endpoint]).set(usable.into());
    }
}
