//! The real daemon over the simulated chains, with lives: it can be killed and started again over the same journal.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Weak},
    time::Duration,
};

use anyhow::{Context as _, anyhow, bail};
use tim3_api::{Access, Limits, Surface};
use tim3_chain::{Actor, Attester, Chain};
use tim3_coordinator::{
    AssetSettings, ChainSettings, CoordinatorError, Daemon, Guardians, Handle, LocalAttester, Notice, Settings,
    attestation::Attesters, daemon::Parts,
};
use tim3_domain::{identity::MarketKind, word::keccak_text};
use tim3_journal::{Journal, RedbJournal};
use tim3_simchain::SimChain;
use tim3_telemetry::Metrics;
use tokio::{
    net::TcpListener,
    sync::{broadcast, watch},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use super::{
    scenes::VALUE_HOLD,
    stage::Stage,
    world::{Person, SimulatedChain},
};
use crate::{
    anchor::Problem,
    control::Live,
    directory::{ChainEntry, Directory, MarketEntry},
    metrics, output,
};

const ATTESTERS: u8 = 3;
/// How many of the attesters must sign.
pub(super) const THRESHOLD: u8 = 2;
/// How often the daemon is started before its endpoints' failures count as an error.
const STARTS: u32 = 20;
/// How long the journal may stay open after the daemon ended.
const CLOSES: Duration = Duration::from_secs(10);

/// The daemon's account on every chain.
fn signer() -> Person {
    Person::new("relay")
}

fn attesters(journal: &Arc<dyn Journal>) -> anyhow::Result<Vec<LocalAttester>> {
    let secret = |index| keccak_text(&format!("tim3/demo/attester/{index}")).0;
    (1..=ATTESTERS).map(|index| Ok(LocalAttester::new(&secret(index), Arc::clone(journal))?)).collect()
}

/// The attesters' addresses, ascending.
pub(super) fn signers(journal: &Arc<dyn Journal>) -> anyhow::Result<Vec<[u8; 20]>> {
    let mut addresses: Vec<_> = attesters(journal)?.iter().map(Attester::address).collect();
    addresses.sort_unstable();
    Ok(addresses)
}

/// The daemon, from life to life.
#[derive(Debug)]
pub(super) struct Relay {
    stage: Arc<Stage>,
    file: PathBuf,
    /// Where the API listens: the same address in every life, once the first has found a free port.
    listen: SocketAddr,
    current: watch::Sender<Option<Handle>>,
    life: Option<Life>,
    kills: u32,
}

/// From a start to the next end.
#[derive(Debug)]
struct Life {
    journal: Weak<RedbJournal>,
    cancel: CancellationToken,
    running: JoinHandle<Result<(), Vec<CoordinatorError>>>,
    listening: JoinHandle<()>,
    /// Cancelled to close the API's connections, as the system does for a process that is gone.
    unplug: CancellationToken,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Relay {
    /// Not yet running; `file` is its journal, and whoever has the other end of `current` finds it there.
    pub(super) fn new(
        stage: Arc<Stage>,
        file: PathBuf,
        listen: SocketAddr,
        current: watch::Sender<Option<Handle>>,
    ) -> Self {
        Self { stage, file, listen, current, life: None, kills: 0 }
    }

    /// Starts the daemon over its journal, again and again where an endpoint fails just then.
    pub(super) async fn start(&mut self) -> anyhow::Result<()> {
        let listener = TcpListener::bind(self.listen).await;
        let listener = listener.with_context(|| format!("cannot listen on {}; use another --listen", self.listen))?;
        self.listen = listener.local_addr()?;
        let metrics = Metrics::new()?;
        let journal = Arc::new(RedbJournal::open_observed(&self.file, metrics::journal(metrics.clone()))?);
        let mut left = STARTS;
        let (daemon, cancel) = loop {
            let cancel = CancellationToken::new();
            match Daemon::prepare(self.parts(&journal, &metrics)?, cancel.clone()).await {
                Ok(daemon) => break (daemon, cancel),
                Err(CoordinatorError::Chain(error)) if left > 0 => {
                    left = left.saturating_sub(1);
                    self.stage.view.say(&format!("daemon: starts again, because {error}"));
                }
                Err(error) => return Err(error).context("the daemon does not start"),
            }
        };
        let handle = daemon.handle();
        // Listening begins before the daemon runs, so that nothing of it is missed.
        let notices = handle.notices();
        let listening = tokio::spawn(listen(Arc::clone(&self.stage), handle.clone(), notices));
        let running = tokio::spawn(daemon.run());
        let unplug = CancellationToken::new();
        let serving = tokio::spawn(tim3_api::serve(listener, self.surface(handle.clone(), metrics, unplug.clone())));
        self.life = Some(Life { journal: Arc::downgrade(&journal), cancel, running, listening, unplug, serving });
        self.current.send_replace(Some(handle));
        Ok(())
    }

    /// Ends the daemon's tasks wherever they wait, which is what `kill -9` comes to: nothing is finished, nothing is said, and of what was
    /// not yet durable nobody was told.
    pub(super) async fn kill(&mut self) -> anyhow::Result<()> {
        let life = self.life.take().ok_or_else(|| anyhow!("the daemon is not running"))?;
        life.running.abort();
        self.kills = self.kills.saturating_add(1);
        self.bury(life).await
    }

    pub(super) fn kills(&self) -> u32 {
        self.kills
    }

    /// Ends the daemon as SIGTERM does.
    pub(super) async fn stop(&mut self) -> anyhow::Result<()> {
        let Some(life) = self.life.take() else { return Ok(()) };
        life.cancel.cancel();
        self.bury(life).await
    }

    /// Why the daemon ended by itself, if it did.
    pub(super) async fn death(&mut self) -> anyhow::Error {
        match &mut self.life {
            None => std::future::pending().await,
            Some(life) => match (&mut life.running).await {
                Ok(Err(errors)) => {
                    let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
                    anyhow!("the daemon ended: {}", errors.join("; "))
                }
                Ok(Ok(())) => anyhow!("the daemon ended without a word"),
                Err(error) => anyhow!("the daemon ended: {error}"),
            },
        }
    }

    async fn bury(&self, life: Life) -> anyhow::Result<()> {
        let ended = life.running.await;
        life.listening.abort();
        let _ = life.listening.await;
        life.unplug.cancel();
        self.current.send_replace(None);
        life.serving.await.context("the API")??;
        let closed = async {
            while life.journal.strong_count() > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        if tokio::time::timeout(CLOSES, closed).await.is_err() {
            bail!("something still holds the journal {} s after the daemon ended", CLOSES.as_secs());
        }
        match ended {
            Ok(Ok(())) => Ok(()),
            Ok(Err(errors)) => bail!("the daemon did not stop cleanly: {errors:?}"),
            Err(error) if error.is_cancelled() => Ok(()),
            Err(error) => Err(error).context("the daemon"),
        }
    }

    /// Where the API listens.
    pub(super) fn listens(&self) -> SocketAddr {
        self.listen
    }

    fn surface(&self, handle: Handle, metrics: Metrics, unplug: CancellationToken) -> Surface {
        let world = &self.stage.world;
        let mut directory = Directory::default();
        directory.add_asset(world.assets.tim3, "TIM3".to_owned());
        for chain in world.chains() {
            let gateway = chain.node.gateway();
            let entry =
                ChainEntry { name: chain.name.to_owned(), chain: chain.node.config().chain.clone(), mirror: true };
            directory.add_chain(gateway, entry);
            let mut market = |collateral: &str, id, kind, collateral_decimals| {
                let name = format!("{collateral}-{}", chain.name);
                directory.add_market(id, MarketEntry { name, kind, collateral_decimals });
            };
            market("usda", world.assets.reserve(gateway), MarketKind::Reserve, 6);
            market("weth", world.assets.vault(gateway), MarketKind::Vault, 18);
        }
        let (directory, started_ms) = (Arc::new(directory), output::now_ms());
        Surface {
            control: Arc::new(Live {
                handle,
                directory,
                endpoints: BTreeMap::new(),
                standstill: BTreeMap::new(),
                adopted: Vec::new(),
                anchoring: Problem::default(),
                started_ms,
                reloads: None,
                keepers: None,
                stop: unplug.clone(),
            }),
            metrics: metrics::render(metrics, |_| {}),
            access: Access::new(None, self.listen.ip().is_loopback()),
            limits: Limits::default(),
            stop: unplug,
        }
    }

    fn parts(&self, journal: &Arc<RedbJournal>, metrics: &Metrics) -> anyhow::Result<Parts> {
        let journal: Arc<dyn Journal> = Arc::clone(journal) as Arc<dyn Journal>;
        let world = &self.stage.world;
        let chains = world.chains();
        let settings = ChainSettings {
            mirror: true,
            mirror_interval: Duration::from_secs(1),
            escalate_after: Duration::from_secs(3),
            resend_after: None,
        };
        let asset = AssetSettings {
            asset: world.assets.tim3,
            symbol: "TIM3".to_owned(),
            value_hold: Some(VALUE_HOLD),
            limit: None,
            t_max: 3_600,
        };
        let adapter = |chain: &SimulatedChain| {
            Arc::new(SimChain::new(chain.node.clone(), chain.name, signer().account)) as Arc<dyn Chain>
        };
        let guardian = |chain: &SimulatedChain| {
            let actor = Arc::new(chain.actor(chain.node.config().guardian)) as Arc<dyn Actor>;
            (chain.node.gateway(), actor)
        };
        let attesters = attesters(&journal)?.into_iter().map(|attester| Arc::new(attester) as Arc<dyn Attester>);
        Ok(Parts {
            settings: Settings {
                assets: vec![asset],
                chains: chains.map(|_| settings.clone()).to_vec(),
                collaterals: world.collaterals(),
                start_patience: Duration::from_secs(30),
                audit_interval: Duration::from_secs(2),
            },
            chains: chains.map(adapter).to_vec(),
            attesters: Attesters::new(attesters),
            guardians: chains.map(guardian).into_iter().collect::<Guardians>(),
            journal,
            metrics: metrics.clone(),
        })
    }
}

/// Hands the daemon's notices to the view, until the daemon is gone.
async fn listen(stage: Arc<Stage>, handle: Handle, mut notices: broadcast::Receiver<Notice>) {
    loop {
        match notices.recv().await {
            Ok(notice) => stage.view.notice(&notice, &handle, &stage.world),
            Err(broadcast::error::RecvError::Lagged(missed)) => {
                stage.view.say(&format!("view: {missed} notices were missed"));
            }
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}
