//! What the parts below tell of themselves, as metrics: they do not know who exports it.

use std::{sync::Arc, time::Duration};

use tim3_journal::GroupCommit;
use tim3_rpc::{Observer, Outcome};
use tim3_telemetry::Metrics;

/// Counts the calls to RPC endpoints.
#[derive(Debug)]
pub(crate) struct Calls(pub(crate) Metrics);

impl Observer for Calls {
    fn called(&self, pool: &str, endpoint: &str, what: &'static str, outcome: Outcome, elapsed: Duration) {
        self.0.endpoint_called(pool, endpoint, what, outcome.name(), elapsed);
    }
}

/// Tells of each fsync of the journal.
pub(crate) fn journal(metrics: Metrics) -> tim3_journal::Observer {
    Box::new(move |commit: GroupCommit| metrics.journal_transaction(commit.took, commit.lists))
}

/// Renders the metrics; `refresh` brings up to date what nobody reports by itself.
pub(crate) fn render(metrics: Metrics, refresh: impl Fn(&Metrics) + Send + Sync + 'static) -> tim3_api::Metrics {
    Arc::new(move || {
        refresh(&metrics);
        metrics.render()
    })
}
