//! The registry, and the handles through which the rest of the daemon counts.

mod anchor;
mod asset;
mod chain;
mod configuration;
mod endpoint;
mod journal;
mod keeper;
mod names;
mod register;
mod submitter;
mod v1;

use std::{fmt, sync::Arc};

use prometheus::{IntCounter, IntGaugeVec, Registry, TextEncoder, process_collector::ProcessCollector};

pub use self::v1::{V1Findings, V1Operations};
use self::{
    anchor::AnchorMetrics, asset::AssetMetrics, chain::ChainMetrics, configuration::ConfigurationMetrics,
    endpoint::EndpointMetrics, journal::JournalMetrics, keeper::KeeperMetrics, names::Names, register::Register,
    submitter::SubmitterMetrics, v1::V1Metrics,
};
use crate::TelemetryError;

/// Every metric of the daemon. Clones count into the same ones.
///
/// Chains, assets and endpoints are labels by their configured names. The first 64 names of each are shown as they are and all others as
/// `other`, so that no caller can make the number of series grow without end.
#[derive(Clone)]
pub struct Metrics(Arc<Families>);

struct Families {
    registry: Registry,
    names: Names,
    chain: ChainMetrics,
    endpoint: EndpointMetrics,
    submitter: SubmitterMetrics,
    asset: AssetMetrics,
    journal: JournalMetrics,
    anchor: AnchorMetrics,
    ready: IntGaugeVec,
    configuration: ConfigurationMetrics,
    keeper: KeeperMetrics,
    v1: V1Metrics,
    unrendered: IntCounter,
}

impl Metrics {
    /// Metrics of their own registry, all at zero.
    ///
    /// # Errors
    /// [`TelemetryError::Metrics`] if two metrics had one name.
    pub fn new() -> Result<Self, TelemetryError> {
        let registry = Registry::new();
        let register = Register::new(&registry);
        register.collector(ProcessCollector::for_self())?;
        let build = register.gauge(
            "tim3_build_info",
            "Which tim3d is this? Always 1; the label is the version.",
            &["version"],
        )?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        let families = Families {
            names: Names::default(),
            chain: ChainMetrics::new(&register)?,
            endpoint: EndpointMetrics::new(&register)?,
            submitter: SubmitterMetrics::new(&register)?,
            asset: AssetMetrics::new(&register)?,
            journal: JournalMetrics::new(&register)?,
            anchor: AnchorMetrics::new(&register)?,
            ready: register.gauge(
                "tim3_ready",
                "Does the daemon do its work? 1 while it is ready, 0 while /readyz and `tim3d status` say why it is not.",
                &[],
            )?,
            configuration: ConfigurationMetrics::new(&register)?,
            keeper: KeeperMetrics::new(&register)?,
            v1: V1Metrics::new(&register)?,
            unrendered: register.plain_counter(
                "tim3_metrics_render_failures_total",
                "Can these metrics be trusted to be complete? Times they could not be written as text.",
            )?,
            registry,
        };
        Ok(Self(Arc::new(families)))
    }

    /// The chains and assets that there are. What counts for them begins at 0, so that the first event is an increase for whoever watches.
    pub fn begin<'n>(&self, chains: impl IntoIterator<Item = &'n str>, assets: impl IntoIterator<Item = &'n str>) {
        for chain in chains {
            let chain = self.0.names.chain(chain);
            self.0.chain.begin(chain);
            self.0.submitter.begin(chain);
        }
        for asset in assets {
            self.0.asset.begin(self.0.names.asset(asset));
        }
    }

    /// Whether the daemon does its work.
    pub fn ready(&self, ready: bool) {
        let labels: [&str; 0] = [];
        self.0.ready.with_label_values(&labels).set(ready.into());
    }

    /// Everything in the text format of Prometheus, version 0.0.4.
    #[must_use]
    pub fn render(&self) -> String {
        self.0.chain.refresh_ages();
        let mut text = String::new();
        if TextEncoder::new().encode_utf8(&self.0.registry.gather(), &mut text).is_err() {
            // What was written before the family that failed is whole.
            self.0.unrendered.inc();
        }
        text
    }
}

impl Default for Metrics {
    #[expect(clippy::expect_used, reason = "names and labels are constants, and a test registers them")]
    fn default() -> Self {
        Self::new().expect("metrics are registered")
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

/// A number as Prometheus keeps integers.
fn integer(value: impl TryInto<i64>) -> i64 {
    value.try_into().unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
