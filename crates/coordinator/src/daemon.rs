//! Wiring: [`Daemon::prepare`] makes every part and reconciles the journal; [`Daemon::run`] owns the tasks and ends all when one ends.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use tim3_chain::{Chain, ChainError};
use tim3_domain::{
    identity::{AssetId, GatewayId, OperationId},
    lifecycle::Leg,
    place::TxId,
};
use tim3_journal::{Journal, OperationRecord, OrderRef};
use tim3_telemetry::Metrics;
use tokio::{
    sync::{RwLock, mpsc},
    task::JoinSet,
    time::{Instant, MissedTickBehavior},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    attestation::Attesters,
    audit::Conflicts,
    auditor::{Auditor, Guardians},
    board::Board,
    bus::Bus,
    coordinator::{Coordinator, Link, Links, Mailbox, now_ms},
    error::CoordinatorError,
    handle::{AssetHandle, Handle},
    mirror::Mirrors,
    operations::{Operations, Peers, Work},
    patience::patiently,
    payouts::Payouts,
    router::{Router, ToldMirrors},
    settings::{AssetSettings, Settings},
    submitter::{Report, Request, Submitter},
    watcher::{Told, Watcher},
};

/// How often signers' funds are looked at.
pub const FUNDS: Duration = Duration::from_secs(30);

/// What the daemon is made of.
pub struct Parts {
    /// What it is told to do.
    pub settings: Settings,
    /// One adapter a chain, in the order of `settings.chains`.
    pub chains: Vec<Arc<dyn Chain>>,
    /// Whose signatures it can ask for.
    pub attesters: Attesters,
    /// Guardian keys, for the gateways it may freeze.
    pub guardians: Guardians,
    /// Its memory.
    pub journal: Arc<dyn Journal>,
    /// Its metrics.
    pub metrics: Metrics,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").field("settings", &self.settings).finish_non_exhaustive()
    }
}

type Task = std::pin::Pin<Box<dyn Future<Output = Result<(), CoordinatorError>> + Send>>;

/// The daemon, ready to run.
pub struct Daemon {
    tasks: Vec<(String, Task)>,
    handle: Handle,
    cancel: CancellationToken,
}

impl std::fmt::Debug for Daemon {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Daemon").field("tasks", &self.tasks.len()).finish_non_exhaustive()
    }
}

impl Daemon {
    /// Makes every part, takes up what the journal knows, and says what it found. A chain that does not answer is asked again until the
    /// settings' patience is over.
    ///
    /// # Errors
    /// [`CoordinatorError`] naming the chain that does not answer, the journal that cannot be read, or what does not fit.
    pub async fn prepare(parts: Parts, cancel: CancellationToken) -> Result<Self, CoordinatorError> {
        let chains = parts.chains.iter().map(|chain| chain.name());
        parts.metrics.begin(chains, parts.settings.assets.iter().map(|asset| asset.symbol.as_str()));
        let mut wiring = Wiring::new(parts, cancel)?;
        let submitters = wiring.submitters().await?;
        let links = wiring.links(&submitters).await?;
        let carried = carried(submitters.iter().map(|submitter| &submitter.submitter));
        wiring.run_submitters(submitters);
        let mirrors = wiring.mirrors(&links)?;
        wiring.payouts(&links);
        let assets = wiring.assets(&links, &carried)?;
        let watched = wiring.watchers(&links).await?;
        wiring.router(&links, &assets, mirrors, watched);
        wiring.funds(&links);
        Ok(wiring.daemon(links, assets))
    }

    /// A daemon that only follows its chains: it proves their events and keeps positions, and has nothing signed and sends nothing, whatever
    /// attesters and signers it is given.
    ///
    /// # Errors
    /// As [`Daemon::prepare`].
    pub async fn following(mut parts: Parts, cancel: CancellationToken) -> Result<Self, CoordinatorError> {
        let chains = parts.chains.iter().map(|chain| chain.name());
        parts.metrics.begin(chains, []);
        parts.settings.chains.iter_mut().for_each(|chain| chain.mirror = false);
        let mut wiring = Wiring::new(parts, cancel)?;
        let mut links = BTreeMap::new();
        for chain in &wiring.parts.chains {
            // Nobody receives what is told to this submitter.
            let (submitter, _) = mpsc::channel(1);
            let attesters = Arc::new(RwLock::new(chain.attesters().await?));
            links.insert(chain.gateway(), Link { chain: Arc::clone(chain), submitter, attesters });
        }
        let links: Links = Arc::new(links);
        let mirrors = wiring.mirrors(&links)?;
        let watched = wiring.watchers(&links).await?;
        wiring.router(&links, &BTreeMap::new(), mirrors, watched);
        Ok(wiring.daemon(links, BTreeMap::new()))
    }

    /// The daemon from outside.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Runs until cancelled or until a part ends; then every other part is ended too.
    ///
    /// # Errors
    /// Every error of every part.
    pub async fn run(self) -> Result<(), Vec<CoordinatorError>> {
        let mut running = JoinSet::new();
        for (name, task) in self.tasks {
            running.spawn(async move { (name, task.await) });
        }
        let mut errors = Vec::new();
        while let Some(ended) = running.join_next().await {
            match ended {
                Ok((_, Ok(()))) if self.cancel.is_cancelled() => {}
                Ok((task, Ok(()))) => errors.push(CoordinatorError::Task { task, detail: "it returned".into() }),
                Ok((_, Err(error))) => errors.push(error),
                Err(error) => errors.push(CoordinatorError::Task { task: "unknown".into(), detail: error.to_string() }),
            }
            self.cancel.cancel();
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }
}

/// A submitter with both ends of its channel.
struct Prepared {
    submitter: Submitter,
    name: String,
    requests: (mpsc::Sender<Request>, mpsc::Receiver<Request>),
}

struct Wiring {
    parts: Parts,
    bus: Bus,
    board: Board,
    cancel: CancellationToken,
    tasks: Vec<(String, Task)>,
    mailboxes: Vec<(AssetSettings, Mailbox)>,
    mirror_reports: (mpsc::Sender<Report>, Option<mpsc::Receiver<Report>>),
    /// Of the chains whose payouts can be lost.
    payout_reports: BTreeMap<GatewayId, (Duration, mpsc::Sender<Report>, mpsc::Receiver<Report>)>,
}

impl Wiring {
    fn new(parts: Parts, cancel: CancellationToken) -> Result<Self, CoordinatorError> {
        if parts.chains.len() != parts.settings.chains.len() {
            return Err(CoordinatorError::Settings("as many chain settings as chains are needed".into()));
        }
        let mailboxes = parts.settings.assets.iter().map(|asset| (asset.clone(), Mailbox::new())).collect();
        let (sender, receiver) = mpsc::channel(1024);
        let payout_reports = parts.chains.iter().zip(&parts.settings.chains).filter_map(|(chain, settings)| {
            let (sender, receiver) = mpsc::channel(1024);
            Some((chain.gateway(), (settings.resend_after?, sender, receiver)))
        });
        let payout_reports = payout_reports.collect();
        Ok(Self {
            parts,
            bus: Bus::new(),
            board: Board::default(),
            cancel,
            tasks: Vec::new(),
            mailboxes,
            mirror_reports: (sender, Some(receiver)),
            payout_reports,
        })
    }

    fn daemon(self, links: Links, assets: BTreeMap<AssetId, AssetHandle>) -> Daemon {
        let handle = Handle {
            links,
            assets,
            journal: self.parts.journal,
            board: self.board,
            bus: self.bus,
            audit_interval: self.parts.settings.audit_interval,
        };
        Daemon { tasks: self.tasks, handle, cancel: self.cancel }
    }

    fn spawn(
        &mut self,
        name: impl Into<String>,
        task: impl Future<Output = Result<(), CoordinatorError>> + Send + 'static,
    ) {
        self.tasks.push((name.into(), Box::pin(task)));
    }

    async fn submitters(&mut self) -> Result<Vec<Prepared>, CoordinatorError> {
        let mut owners: Vec<_> = self.mailboxes.iter().map(|(_, mailbox)| mailbox.reports.0.clone()).collect();
        owners.push(self.mirror_reports.0.clone());
        let (patience, cancel) = (self.parts.settings.start_patience, self.cancel.clone());
        let mut submitters = Vec::new();
        for (chain, settings) in self.parts.chains.iter().zip(&self.parts.settings.chains) {
            let payouts = self.payout_reports.get(&chain.gateway()).map(|(_, reports, _)| reports.clone());
            let owners: Vec<_> = owners.iter().cloned().chain(payouts).collect();
            let submitter = patiently(chain.name(), patience, &cancel, CoordinatorError::passes, || {
                Submitter::new(
                    Arc::clone(chain),
                    Arc::clone(&self.parts.journal),
                    settings.clone(),
                    self.board.clone(),
                    self.bus.clone(),
                    self.parts.metrics.clone(),
                    owners.clone(),
                )
            });
            let submitter = submitter.await?;
            submitters.push(Prepared { submitter, name: chain.name().to_owned(), requests: mpsc::channel(4096) });
        }
        Ok(submitters)
    }

    async fn links(&mut self, submitters: &[Prepared]) -> Result<Links, CoordinatorError> {
        let (patience, cancel) = (self.parts.settings.start_patience, self.cancel.clone());
        let mut links = BTreeMap::new();
        for (chain, prepared) in self.parts.chains.iter().zip(submitters) {
            let set = patiently(chain.name(), patience, &cancel, ChainError::passes, || chain.attesters()).await?;
            let available = self.parts.attesters.among(&set);
            if available < usize::from(set.threshold) {
                return Err(CoordinatorError::Settings(format!(
                    "{}: its gateway wants {} of its {} attesters to sign, this daemon can ask {available}; configure their keys under [attesters.NAME]",
                    chain.name(),
                    set.threshold,
                    set.signers.len(),
                )));
            }
            let link = Link {
                chain: Arc::clone(chain),
                submitter: prepared.requests.0.clone(),
                attesters: Arc::new(RwLock::new(set)),
            };
            if links.insert(chain.gateway(), link).is_some() {
                return Err(CoordinatorError::Settings(format!("{}: its gateway is configured twice", chain.name())));
            }
        }
        Ok(Arc::new(links))
    }

    fn run_submitters(&mut self, submitters: Vec<Prepared>) {
        for Prepared { submitter, name, requests } in submitters {
            let cancel = self.cancel.clone();
            self.spawn(format!("submitter of {name}"), submitter.run(requests.1, cancel));
        }
    }

    fn mirrors(&mut self, links: &Links) -> Result<mpsc::Sender<ToldMirrors>, CoordinatorError> {
        let settings = self.parts.chains.iter().zip(&self.parts.settings.chains);
        let settings = settings.map(|(chain, settings)| (chain.gateway(), settings.clone())).collect();
        let mirrors = Mirrors::new(
            Arc::clone(links),
            settings,
            self.parts.attesters.clone(),
            Arc::clone(&self.parts.journal),
            self.board.clone(),
            self.bus.clone(),
            self.parts.metrics.clone(),
            self.mirror_reports.0.clone(),
        )?;
        let (news, receiver) = mpsc::channel(16);
        let cancel = self.cancel.clone();
        if let Some(reports) = self.mirror_reports.1.take() {
            self.spawn("mirrors", mirrors.run(receiver, reports, cancel));
        }
        Ok(news)
    }

    fn payouts(&mut self, links: &Links) {
        for (gateway, (age, sender, receiver)) in std::mem::take(&mut self.payout_reports) {
            let Some(link) = links.get(&gateway) else { continue };
            let name = format!("payouts of {}", link.chain.name());
            let (attesters, metrics) = (self.parts.attesters.clone(), self.parts.metrics.clone());
            let (board, bus) = (self.board.clone(), self.bus.clone());
            let payouts = Payouts::new(link.clone(), age, attesters, board, bus, metrics, sender);
            let cancel = self.cancel.clone();
            self.spawn(name, payouts.run(receiver, cancel));
        }
    }

    fn assets(
        &mut self,
        links: &Links,
        carried: &BTreeMap<(OperationId, Leg), TxId>,
    ) -> Result<BTreeMap<AssetId, AssetHandle>, CoordinatorError> {
        let open = self.parts.journal.open_operations()?;
        let known: BTreeSet<AssetId> = self.parts.settings.assets.iter().map(|asset| asset.asset).collect();
        report(&open, carried.len(), &known);
        let early = self.parts.journal.early()?;
        let peers: Peers = links.iter().map(|(gateway, link)| (*gateway, link.chain.name().to_owned())).collect();
        let mut handles = BTreeMap::new();
        for (settings, mailbox) in std::mem::take(&mut self.mailboxes) {
            let mut operations = Operations::new(&settings, peers.clone(), now_ms());
            let halted = self.parts.journal.note(&crate::operations::halt_note(settings.asset))?;
            let halted = halted.filter(|why| !why.is_empty());
            let conflicts = conflicts(&*self.parts.journal, settings.asset, &peers)?;
            self.board.update_asset(settings.asset, |asset| asset.conflicts.clone_from(&conflicts));
            operations.restore_conflicts(conflicts);
            let mut first = Work::default();
            operations.restore(open.clone(), early.clone(), carried, halted, &mut first);
            let coordinator = Coordinator::new(
                operations,
                settings.symbol.clone(),
                Arc::clone(links),
                self.parts.attesters.clone(),
                Arc::clone(&self.parts.journal),
                self.board.clone(),
                self.bus.clone(),
                self.parts.metrics.clone(),
                &mailbox,
            );
            let (audit, audit_now) = mpsc::channel(1);
            let auditor = Auditor::new(
                settings.asset,
                settings.symbol.clone(),
                self.parts.settings.collaterals.clone(),
                Arc::clone(links),
                self.parts.guardians.clone(),
                mailbox.messages.0.clone(),
                self.board.clone(),
                self.bus.clone(),
                self.parts.metrics.clone(),
                self.parts.settings.audit_interval,
            );
            self.board.update_asset(settings.asset, |board| board.worked = Some(Instant::now()));
            let handle = AssetHandle { settings: settings.clone(), coordinator: mailbox.messages.0.clone(), audit };
            let (cancel, symbol) = (self.cancel.clone(), settings.symbol);
            self.spawn(
                format!("coordinator of {symbol}"),
                coordinator.run(first, mailbox.messages.1, mailbox.reports.1, cancel.clone()),
            );
            self.spawn(format!("auditor of {symbol}"), auditor.run(audit_now, cancel));
            handles.insert(settings.asset, handle);
        }
        Ok(handles)
    }

    async fn watchers(&mut self, links: &Links) -> Result<mpsc::Receiver<Told>, CoordinatorError> {
        let (patience, cancel) = (self.parts.settings.start_patience, self.cancel.clone());
        let (told, receiver) = mpsc::channel(links.len().max(1));
        for link in links.values() {
            let cursor = self.parts.journal.cursor(link.chain.gateway())?;
            let watcher = patiently(link.chain.name(), patience, &cancel, CoordinatorError::passes, || {
                Watcher::new(
                    Arc::clone(&link.chain),
                    cursor,
                    told.clone(),
                    self.board.clone(),
                    self.bus.clone(),
                    self.parts.metrics.clone(),
                )
            });
            let watcher = watcher.await?;
            let cancel = self.cancel.clone();
            self.spawn(format!("watcher of {}", link.chain.name()), watcher.run(cancel));
        }
        Ok(receiver)
    }

    fn router(
        &mut self,
        links: &Links,
        assets: &BTreeMap<AssetId, AssetHandle>,
        mirrors: mpsc::Sender<ToldMirrors>,
        told: mpsc::Receiver<Told>,
    ) {
        let router = Router {
            coordinators: assets.values().map(|asset| asset.coordinator.clone()).collect(),
            mirrors,
            links: Arc::clone(links),
            journal: Arc::clone(&self.parts.journal),
            board: self.board.clone(),
        };
        let cancel = self.cancel.clone();
        self.spawn("router", router.run(told, cancel));
    }

    /// Looks after the signers' funds.
    fn funds(&mut self, links: &Links) {
        let (links, board, metrics, cancel) =
            (Arc::clone(links), self.board.clone(), self.parts.metrics.clone(), self.cancel.clone());
        self.spawn("funds", async move {
            let mut interval = tokio::time::interval(FUNDS);
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    () = cancel.cancelled() => return Ok(()),
                    _ = interval.tick() => {}
                }
                for (gateway, link) in links.iter() {
                    match link.chain.funds().await {
                        Ok((left, low)) => {
                            metrics.signer_low(link.chain.name(), low);
                            board.update_chain(*gateway, |chain| {
                                (chain.funds, chain.funds_ms) = (Some((left, low)), Some(now_ms()));
                            });
                        }
                        Err(error) => warn!(chain = link.chain.name(), %error, "the signer's funds could not be read"),
                    }
                }
            }
        });
    }
}

/// The legs that journaled transactions carry.
fn carried<'a>(submitters: impl Iterator<Item = &'a Submitter>) -> BTreeMap<(OperationId, Leg), TxId> {
    submitters
        .flat_map(Submitter::carried)
        .filter_map(|(order, transaction)| match order {
            OrderRef::Leg(id, leg) => Some(((id, leg), transaction)),
            OrderRef::Mirror(_) | OrderRef::Resend(_) => None,
        })
        .collect()
}

/// What Conflict orders refund on every route, as the journal has it.
fn conflicts(journal: &dyn Journal, asset: AssetId, peers: &Peers) -> Result<Conflicts, CoordinatorError> {
    let routes = peers.keys().flat_map(|origin| peers.keys().map(move |destination| (*origin, *destination)));
    let mut conflicts = Conflicts::new();
    for route in routes {
        let note = journal.note(&crate::operations::conflicts_note(asset, route))?;
        conflicts.extend(note.and_then(|amount| amount.parse().ok()).map(|amount| (route, amount)));
    }
    Ok(conflicts)
}

/// Says what the journal holds that is not finished.
fn report(open: &[OperationRecord], carried: usize, known: &BTreeSet<AssetId>) {
    let mut phases: BTreeMap<&'static str, usize> = BTreeMap::new();
    for record in open {
        let count = phases.entry(record.phase.name()).or_default();
        *count = count.saturating_add(1);
    }
    info!(
        open = open.len(),
        ?phases,
        orders_on_their_way = carried,
        "journal read; the chains are asked what became of these"
    );
    let strange = open.iter().filter(|record| !known.contains(&record.operation.asset)).count();
    if strange > 0 {
        warn!(
            operations = strange,
            "the journal has open operations of assets that are not configured: they are left alone"
        );
    }
}
