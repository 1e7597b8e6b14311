//! The keepers at work: what `tim3-keeper` decides, done.
//!
//! One task looks at the world again and again and hands what it sees to the pure core ([`session`]); what the core decides is durable ([`record`]) before
//! anything of it is sent ([`flight`]). [`world`], [`market`] and [`prices`] read chains and feeds ([`mean`] pools, [`stream`] servers that speak by themselves),
//! [`trading`] knows venues and tokens, [`mod@assemble`] makes the core's configuration. [`rehearsal`] has all of it work on a copy of a chain.

mod assemble;
mod board;
mod document;
mod flight;
mod market;
mod mean;
mod prices;
mod record;
mod rehearsal;
mod service;
mod session;
mod stream;
mod trading;
mod world;

use std::{collections::BTreeMap, sync::Arc};

use anyhow::{Context as _, Result};
use tim3_chain::{Chain, Keeper as Hands};
use tim3_coordinator::Handle;
use tim3_keeper::config::Parameters;
use tim3_telemetry::Metrics;
use tokio::sync::{mpsc, oneshot};

use crate::{
    chains::Connected,
    config::{self, Config},
};

pub(crate) use assemble::{Learned, assemble};
pub(crate) use board::Board;
pub(crate) use record::{Item, line_view, page_of};
pub(crate) use rehearsal::{Args as RehearsalArgs, rehearse};
pub(crate) use service::Service;

/// A chain with the account that keeps markets there.
#[derive(Clone)]
pub(super) struct Site {
    pub(super) chain: Arc<dyn Chain>,
    pub(super) hands: Arc<dyn Hands>,
}

/// What can be asked of the keepers while they run.
pub(super) enum Command {
    /// Stop acting, or go on.
    Pause(bool, String, oneshot::Sender<()>),
    /// Other parameters.
    Parameters(Box<Parameters>, oneshot::Sender<()>),
}

/// The running keepers, from outside. Clones talk to the same ones.
#[derive(Clone)]
pub(crate) struct Keepers {
    pub(crate) board: Board,
    commands: mpsc::Sender<Command>,
}

impl Keepers {
    /// Stops acting, or goes on; durable when it returns.
    pub(crate) async fn pause(&self, paused: bool, reason: String) -> Result<(), String> {
        self.command(|done| Command::Pause(paused, reason, done)).await
    }

    /// Takes other parameters; durable when it returns.
    pub(crate) async fn parameters(&self, parameters: Parameters) -> Result<(), String> {
        self.command(|done| Command::Parameters(Box::new(parameters), done)).await
    }

    async fn command(&self, command: impl FnOnce(oneshot::Sender<()>) -> Command) -> Result<(), String> {
        let (done, answer) = oneshot::channel();
        let stopping = || "the keepers are stopping".to_owned();
        self.commands.send(command(done)).await.map_err(|_| stopping())?;
        answer.await.map_err(|_| stopping())
    }
}

/// Opens the keepers' keys, and makes what runs beside the relay.
pub(crate) fn prepare(
    config: &Config,
    keeper: &config::Keeper,
    chains: &[Connected],
    handle: Handle,
    metrics: Metrics,
) -> Result<(Service, Keepers)> {
    let mut sites = BTreeMap::new();
    for (name, chain) in &keeper.chains {
        let role = format!("keeper.chains.{name}");
        let connected = chains.iter().find(|one| one.chain.name() == name);
        let connected = connected.with_context(|| format!("{role}: there is no such chain"))?;
        let hands = (connected.keeper)(&chain.account, &role)?;
        sites.insert(name.clone(), Site { chain: Arc::clone(&connected.chain), hands });
    }
    let (commands, asked) = mpsc::channel(8);
    let board = Board::default();
    let parts = service::Parts {
        config: config.clone(),
        keeper: keeper.clone(),
        sites,
        handle,
        metrics,
        board: board.clone(),
        asked,
    };
    Ok((Service::new(parts)?, Keepers { board, commands }))
}
