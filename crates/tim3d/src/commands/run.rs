//! `tim3d run`.

use anyhow::Result;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::{inputs, load_from};
use crate::{
    cli::Global,
    process,
    run::{self, Start},
    service::Manager,
    supervise,
};

pub(super) fn run(global: &Global) -> Result<()> {
    process::keep_to_itself()?;
    let inputs = inputs(global);
    let loaded = load_from(&inputs)?;
    let log = tim3_telemetry::log::init(loaded.config.log.format, &loaded.config.log.filter)?;
    let manager = Manager::of_environment()?;
    let runtime = tokio::runtime::Runtime::new()?;
    let result = runtime.block_on(async {
        let stop = CancellationToken::new();
        supervise::watch_signals(stop.clone())?;
        // From here on a hangup does not end the process; one that comes before it is ready is taken up then.
        let hangup = signal(SignalKind::hangup())?;
        manager.status("connecting to the chains");
        let app = tokio::select! {
            app = run::prepare(Start { inputs, loaded, log, manager }, stop.clone()) => app?,
            // Nothing is under way yet.
            () = stop.cancelled() => return Ok(()),
        };
        app.run(hangup).await?;
        tracing::info!("stopped");
        Ok(())
    });
    // What did not end in time is not waited for a second time.
    runtime.shutdown_background();
    result
}
