//! `tim3d run`.

use anyhow::Result;
use tokio_util::sync::CancellationToken;

use super::load;
use crate::{cli::Global, run, supervise};

pub(super) fn run(global: &Global) -> Result<()> {
    let config = load(global)?.config;
    tim3_telemetry::log::init(config.log.format, &config.log.filter)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let result = runtime.block_on(async {
        let stop = CancellationToken::new();
        supervise::watch_signals(stop.clone())?;
        let app = tokio::select! {
            app = run::prepare(&config, stop.clone()) => app?,
            // Nothing is under way yet.
            () = stop.cancelled() => return Ok(()),
        };
        app.run().await?;
        tracing::info!("stopped");
        Ok(())
    });
    // What did not end in time is not waited for a second time.
    runtime.shutdown_background();
    result
}
