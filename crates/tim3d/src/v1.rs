//! Chains of kind `ao` with the profile `tim3-v1`: the five V1 processes that already run, adopted. Nothing is relayed to or from them; what their
//! users ask of them completes.
//!
//! A task of the daemon does it. What it signs and what operators decide is in the daemon's journal before it has any effect.

mod memory;
pub(crate) mod view;

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use anyhow::{Context as _, Error, Result, anyhow};
use tim3_api::view::{EndpointView, V1OperationView, V1View};
use tim3_arweave::{
    Network, Wallet,
    v1::{
        Role,
        adopt::Patience,
        configuration::Deployment,
        driver::{DriveError, Driver},
        journal::Memory,
        network::Processes,
        probe::Decimals,
    },
};
use tim3_coordinator::patiently;
use tim3_journal::Journal;
use tim3_rpc::Observer;
use tim3_telemetry::Metrics;
use tokio::{
    sync::{mpsc, oneshot},
    time::MissedTickBehavior,
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use self::memory::Notes;
use crate::{
    chains::{self, milliseconds},
    config::V1,
    keys,
    output::now_ms,
};

/// What is known of adopted processes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    pub(crate) view: V1View,
    pub(crate) operations: Vec<V1OperationView>,
}

/// An operator's wish, and where the answer goes.
type Wish = (Option<String>, oneshot::Sender<Result<(), String>>);

/// Adopted processes from outside. Clones speak with the same task.
#[derive(Clone, Debug)]
pub(crate) struct Adopted {
    pub(crate) name: String,
    network: Arc<Network>,
    poll_interval: Duration,
    known: Arc<RwLock<Known>>,
    wishes: mpsc::Sender<Wish>,
}

impl Adopted {
    pub(crate) fn known(&self) -> Known {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How the units are doing.
    pub(crate) fn endpoints(&self) -> Vec<EndpointView> {
        chains::views(self.network.endpoints())
    }

    /// Why they are not served, if they are not; `patience_ms` is how long a round may fail to end.
    pub(crate) fn problem(&self, patience_ms: u64, started_ms: u64, now_ms: u64) -> Option<String> {
        let V1View { halted, round_ms, problem, .. } = self.known().view;
        let patience_ms = patience_ms.max(milliseconds(self.poll_interval).saturating_mul(10));
        let silent = now_ms.saturating_sub(round_ms.unwrap_or(started_ms));
        let silence = || {
            let why = problem.unwrap_or_else(|| "no error was reported".to_owned());
            (silent > patience_ms).then(|| format!("nothing new was read for {} s: {why}", silent / 1_000))
        };
        halted.map(|why| format!("it is halted: {why}")).or_else(silence)
    }

    /// Stops serving them, with a reason, or goes on.
    pub(crate) async fn pause(&self, why: Option<String>) -> Result<(), String> {
        let stopping = || "the daemon is stopping".to_owned();
        let (answer, answered) = oneshot::channel();
        self.wishes.send((why, answer)).await.map_err(|_| stopping())?;
        answered.await.map_err(|_| stopping())?
    }
}

/// The task that serves adopted processes.
pub(crate) struct Adoption {
    settings: V1,
    driver: Driver,
    metrics: Metrics,
    known: Arc<RwLock<Known>>,
    wishes: mpsc::Receiver<Wish>,
}

/// The units that a configuration names.
///
/// # Errors
/// What stands in the way: endpoints that make no pool.
pub(crate) fn network(settings: &V1, observer: Option<Arc<dyn Observer>>) -> Result<Arc<Network>> {
    Ok(Arc::new(Network::new(crate::ao::v1_network(settings)?, observer)?))
}

/// The processes that a configuration names, with `wallet` in their slots.
fn processes(settings: &V1, wallet: &Wallet, network: Arc<Network>) -> Result<Processes> {
    let id = |role: Role| settings.process(role).to_string();
    let deployment = Deployment {
        coordinator: id(Role::Coordinator),
        lock_manager: id(Role::LockManager),
        token_manager: id(Role::TokenManager),
        state_manager: id(Role::StateManager),
        usda: id(Role::Usda),
        daemon: wallet.address().to_string(),
    };
    Processes::new(network, deployment, settings.authority)
        .map_err(|role| anyhow!("chains.{}: the id of its {role} is none", settings.name))
}

/// Probes processes, and takes up what `memory` knows of them.
///
/// # Errors
/// [`DriveError`]; [`DriveError::Unfit`] says everything that stands against adopting them.
pub(crate) async fn driver(
    settings: &V1,
    wallet: Wallet,
    memory: Box<dyn Memory>,
    network: Arc<Network>,
) -> Result<Driver> {
    let patience = Patience {
        report_after: milliseconds(settings.report_after),
        stranded_after: milliseconds(settings.stranded_after),
    };
    let decimals = Decimals { token: settings.token_decimals, usda: settings.usda_decimals };
    let processes = processes(settings, &wallet, network)?;
    Ok(Driver::start(processes, wallet, decimals, patience, memory, now_ms()).await?)
}

/// Opens the wallet that stands in the slots.
pub(crate) async fn wallet(settings: &V1) -> Result<Wallet> {
    let (key, role) = (settings.signer.clone(), settings.role());
    // Decrypting takes up to a second.
    tokio::task::spawn_blocking(move || keys::open_ao(&key, &role)).await?
}

impl Adoption {
    /// Probes the processes and takes up what the journal knows. Units that do not answer are asked again for as long as `patience`.
    pub(crate) async fn prepare(
        settings: &V1,
        journal: &Arc<dyn Journal>,
        metrics: Metrics,
        observer: Arc<dyn Observer>,
        patience: Duration,
        stop: &CancellationToken,
    ) -> Result<(Self, Adopted)> {
        let name = settings.name.clone();
        let wallet = wallet(settings).await?;
        let address = wallet.address();
        let network = network(settings, Some(observer))?;
        let passes = |error: &Error| matches!(error.downcast_ref(), Some(DriveError::Chain(error)) if error.passes());
        let start = || async {
            let memory = Box::new(Notes::open(Arc::clone(journal), &name)?);
            driver(settings, wallet.clone(), memory, Arc::clone(&network)).await
        };
        let driver = patiently(&name, patience, stop, passes, start).await.with_context(|| format!("chains.{name}"))?;
        // All of them have answered. Without this a first round that never ends would be no stale one.
        metrics.v1_round(&name);
        let known = Arc::new(RwLock::new(Known { view: view::empty(settings, address), ..Known::default() }));
        let (sender, wishes) = mpsc::channel(1);
        let poll_interval = settings.poll_interval;
        let adopted = Adopted { name, network, poll_interval, known: Arc::clone(&known), wishes: sender };
        Ok((Self { settings: settings.clone(), driver, metrics, known, wishes }, adopted))
    }

    /// Serves the processes until `stop`.
    ///
    /// # Errors
    /// Where the journal cannot be written: then nothing may be sent any more.
    pub(crate) async fn run(mut self, stop: CancellationToken) -> Result<(), DriveError> {
        let mut interval = tokio::time::interval(self.settings.poll_interval);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let wish = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                Some(wish) = self.wishes.recv() => Some(wish),
                _ = interval.tick() => None,
            };
            let is_round = wish.is_none();
            let ended = match wish {
                Some((why, answer)) => {
                    let done = self.wish(why).await;
                    let told = done.as_ref().copied().map_err(ToString::to_string);
                    // Whoever went away reads it in the log.
                    let _ = answer.send(told);
                    done
                }
                None => tokio::select! {
                    () = stop.cancelled() => return Ok(()),
                    round = self.driver.round(now_ms()) => round.map(|_| ()),
                },
            };
            match ended {
                Ok(()) => self.publish(is_round, None),
                Err(error @ (DriveError::Chain(_) | DriveError::Unfit(_))) => {
                    warn!(chain = self.settings.name, %error, "the V1 processes could not be read");
                    self.publish(false, Some(error.to_string()));
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn wish(&mut self, why: Option<String>) -> Result<(), DriveError> {
        match why {
            Some(why) => self.driver.stop(format!("an operator: {why}")).await,
            None => self.driver.resume().await,
        }
    }

    /// Tells what is known to whoever looks.
    fn publish(&self, is_round: bool, problem: Option<String>) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let before = known.view.halted.take();
        let now = now_ms();
        *known = view::known(&self.driver, std::mem::take(&mut known.view), now);
        known.view.problem = problem;
        if is_round {
            known.view.round_ms = Some(now);
            self.metrics.v1_round(&self.settings.name);
        }
        match (&before, &known.view.halted) {
            (None, Some(why)) => {
                error!(chain = self.settings.name, why, "the V1 processes are not served any more");
            }
            (Some(_), None) => info!(chain = self.settings.name, "the V1 processes are served again"),
            _ => {}
        }
        let (operations, findings) = view::counts(&self.driver, now);
        self.metrics.v1(&self.settings.name, known.view.halted.is_some(), operations, findings);
    }
}
