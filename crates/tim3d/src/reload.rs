//! Taking up a changed configuration while the daemon runs: everything that can be taken is, or nothing.
//!
//! What can fail comes first: reading, checking, opening what the new endpoints need and asking them who they are. Then limits, log filter,
//! API token and endpoints change, each at once; an operation that is on its way goes on under the new ones.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::{Context as _, Error, Result};
use futures::future::BoxFuture;
use tim3_api::{
    Access,
    view::{ChangeView, ReloadView},
};
use tim3_coordinator::{Command, Handle};
use tim3_rpc::EndpointConfig;
use tim3_telemetry::{LogControl, Metrics};
use tokio::{
    signal::unix::Signal,
    sync::{mpsc, oneshot},
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use zeroize::Zeroizing;

use crate::{
    chains,
    config::{self, Chain, Change, Inputs, Loaded},
    keeper::Keepers,
    run,
    service::Manager,
};

/// Endpoints that are verified: calling it puts them in use.
pub(crate) type Use = Box<dyn FnOnce() + Send>;

/// Verifies the endpoints of a chain's new configuration.
pub(crate) type Verify = Arc<dyn Fn(Chain) -> BoxFuture<'static, Result<Use>> + Send + Sync>;

/// Somebody who waits for what a reload comes to.
type Asked = oneshot::Sender<Result<ReloadView, String>>;

/// Asks for reloads.
#[derive(Clone, Debug)]
pub(crate) struct Reloads(mpsc::Sender<Asked>);

impl Reloads {
    /// Has the configuration read again and gives what it came to, or in words why it was refused.
    pub(crate) async fn reload(&self) -> Result<ReloadView, String> {
        let (asked, answer) = oneshot::channel();
        let stopping = || "the daemon is stopping".to_owned();
        self.0.send(asked).await.map_err(|_| stopping())?;
        answer.await.map_err(|_| stopping())?
    }
}

/// The parts of a running daemon that can change.
pub(crate) struct Reloader {
    inputs: Inputs,
    in_force: Loaded,
    /// The endpoints in use with the secrets in their URLs, by chain.
    endpoints: BTreeMap<String, Vec<EndpointConfig>>,
    parts: Parts,
    asked: mpsc::Receiver<Asked>,
}

/// What is told of a change.
pub(crate) struct Parts {
    pub(crate) log: LogControl,
    pub(crate) handle: Handle,
    pub(crate) access: Access,
    /// By name of the chain.
    pub(crate) chains: BTreeMap<String, Verify>,
    pub(crate) metrics: Metrics,
    pub(crate) manager: Manager,
    pub(crate) keepers: Option<Keepers>,
}

/// A change that nothing stands in the way of any more.
struct Ready {
    after: Loaded,
    changes: Vec<Change>,
    token: Option<Zeroizing<String>>,
    endpoints: BTreeMap<String, Vec<EndpointConfig>>,
    uses: Vec<Use>,
}

impl Reloader {
    /// A reloader of what `inputs` came to at the start.
    pub(crate) fn new(inputs: Inputs, in_force: Loaded, parts: Parts) -> Result<(Self, Reloads)> {
        let of = |chain: &Chain| Ok::<_, Error>((chain.name.clone(), chains::endpoints(chain)?));
        let endpoints = in_force.config.chains.iter().map(of).collect::<Result<_, _>>()?;
        let (sender, asked) = mpsc::channel(1);
        parts.metrics.configuration(&config::hash(&in_force), 0);
        Ok((Self { inputs, in_force, endpoints, parts, asked }, Reloads(sender)))
    }

    /// Reloads at each signal and whenever it is asked to, until `stop`.
    pub(crate) async fn run(mut self, mut hangup: Signal, stop: CancellationToken) {
        loop {
            let asked = tokio::select! {
                () = stop.cancelled() => return,
                _ = hangup.recv() => None,
                Some(asked) = self.asked.recv() => Some(asked),
            };
            self.parts.manager.reloading();
            let result = tokio::select! {
                () = stop.cancelled() => return,
                result = self.reload() => result,
            };
            self.parts.manager.ready();
            let answer = self.tell(result);
            if let Some(asked) = asked {
                // Whoever went away reads it in the log.
                let _ = asked.send(answer);
            }
        }
    }

    /// Says in log and metrics what a reload came to.
    fn tell(&self, result: Result<Vec<Change>>) -> Result<ReloadView, String> {
        let metrics = &self.parts.metrics;
        let changes = result.map_err(|error| {
            metrics.configuration_reloaded("refused");
            let why = format!("{error:#}");
            error!(why, "configuration not reloaded: nothing has changed");
            format!("{why}\nnothing has changed")
        })?;
        for warning in &self.in_force.warnings {
            warn!(%warning, "configuration");
        }
        for Change { key, before, after, live } in &changes {
            match live {
                true => info!(key, before, after, "configuration changed"),
                false => warn!(key, before, after, "configuration changed on disk: this needs a restart"),
            }
        }
        let (hash, waiting) = (config::hash(&self.in_force), changes.iter().filter(|change| !change.live).count());
        let applied = changes.len().saturating_sub(waiting);
        info!(hash, applied, waiting, "configuration reloaded");
        metrics.configuration(&hash, waiting);
        metrics.configuration_reloaded(if applied > 0 { "applied" } else { "unchanged" });
        let view = |Change { key, before, after, live }| ChangeView { key, before, after, applied: live };
        Ok(ReloadView { hash, changes: changes.into_iter().map(view).collect() })
    }

    async fn reload(&mut self) -> Result<Vec<Change>> {
        let Ready { after, changes, token, endpoints, uses } = self.prepare().await?;
        let Parts { log, handle, access, .. } = &self.parts;
        log.set_filter(&after.config.log.filter)?;
        for settings in run::settings(&after.config).assets {
            let asset = settings.asset;
            handle.command(asset, Command::Limits(settings)).await.map_err(Error::msg)?;
        }
        if let (Some(keepers), Some(keeper)) = (&self.parts.keepers, &after.config.keeper) {
            keepers.parameters(keeper.parameters.clone()).await.map_err(Error::msg)?;
        }
        access.replace(token);
        for put_in_use in uses {
            put_in_use();
        }
        self.in_force = after;
        self.endpoints = endpoints;
        Ok(changes)
    }

    /// Everything that can fail. Nothing has changed yet.
    async fn prepare(&self) -> Result<Ready> {
        let loaded = config::load(&self.inputs)?;
        let mut changes = config::changes(&self.in_force, &loaded);
        let after = config::in_force(&self.in_force, &loaded);
        let token = after.config.api.read_token()?;
        if !self.parts.access.has(token.as_ref().map(|token| token.as_str())) {
            unseen("api.token".to_owned(), &mut changes);
        }
        let (mut endpoints, mut uses) = (BTreeMap::new(), Vec::new());
        for (chain, before) in after.config.chains.iter().zip(&self.in_force.config.chains) {
            let new = chains::endpoints(chain)?;
            let old = self.endpoints.get(&chain.name).map(Vec::as_slice).unwrap_or_default();
            hidden(&chain.name, old, &new, &mut changes);
            let policy = |chain: &Chain| {
                let times = (chain.request_timeout, chain.health_interval, chain.stall_after);
                (chain.quorum, chain.arweave_quorum, times)
            };
            if (new != old || policy(chain) != policy(before))
                && let Some(verify) = self.parts.chains.get(&chain.name)
            {
                uses.push(
                    verify(chain.clone()).await.with_context(|| format!("new endpoints of chains.{}", chain.name))?,
                );
            }
            endpoints.insert(chain.name.clone(), new);
        }
        Ok(Ready { after, changes, token, endpoints, uses })
    }
}

/// Adds the URLs that differ in what is never shown.
fn hidden(chain: &str, old: &[EndpointConfig], new: &[EndpointConfig], changes: &mut Vec<Change>) {
    for (index, (old, new)) in old.iter().zip(new).enumerate() {
        for (part, differs) in [("url", old.url != new.url), ("ws", old.ws_url != new.ws_url)] {
            if differs {
                unseen(format!("chains.{chain}.endpoints[{index}].{part}"), changes);
            }
        }
    }
}

/// Adds a key that differs in what is never shown, unless it is seen to differ.
fn unseen(key: String, changes: &mut Vec<Change>) {
    if !changes.iter().any(|change| change.key.starts_with(&key)) {
        let text = || Some("a part that is not shown".to_owned());
        changes.push(Change { key, before: text(), after: text(), live: true });
    }
}
