//! Mirrors: the newest final version of every position, carried to every other gateway. A queue of their own that holds up no operation; a
//! dead chain delays nobody else's copies.

pub mod backlog;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tim3_chain::{AttestRequest, Evidence, FinalEvent};
use tim3_domain::{
    identity::GatewayId,
    protocol::{Action, MirrorRecord, Order, OrderCode, OrderContent},
};
use tim3_journal::{Change, Journal, OrderRef};
use tim3_telemetry::Metrics;
use tokio::{sync::mpsc, time::MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};

use crate::{
    attestation::Attesters,
    board::Board,
    bus::{Bus, Notice},
    coordinator::Links,
    error::CoordinatorError,
    news::News,
    outbox::Outbox,
    router::ToldMirrors,
    settings::ChainSettings,
    submitter::{Fate, Report, Request, queue::Job},
};
use backlog::{Backlog, record_of};

/// How often the backlog is looked at.
const LOOK: Duration = Duration::from_millis(250);
/// Copies asked for at once, for one gateway.
const BATCH: usize = 256;

/// The task that carries copies.
pub struct Mirrors {
    links: Links,
    settings: BTreeMap<GatewayId, ChainSettings>,
    attesters: Attesters,
    journal: Arc<dyn Journal>,
    backlog: Backlog,
    board: Board,
    bus: Bus,
    metrics: Metrics,
    reports: mpsc::Sender<Report>,
    outbox: Outbox,
}

impl std::fmt::Debug for Mirrors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mirrors").finish_non_exhaustive()
    }
}

impl Mirrors {
    /// Takes up the positions and copies that the journal knows.
    ///
    /// # Errors
    /// [`CoordinatorError::Journal`] when it cannot be read.
    #[expect(clippy::too_many_arguments, reason = "pure wiring, called once")]
    pub fn new(
        links: Links,
        settings: BTreeMap<GatewayId, ChainSettings>,
        attesters: Attesters,
        journal: Arc<dyn Journal>,
        board: Board,
        bus: Bus,
        metrics: Metrics,
        reports: mpsc::Sender<Report>,
    ) -> Result<Self, CoordinatorError> {
        let peers =
            settings.iter().filter(|(_, settings)| settings.mirror).map(|(gateway, s)| (*gateway, s.mirror_interval));
        let mut backlog = Backlog::new(peers);
        for gateway in settings.keys() {
            for record in journal.mirrored(*gateway)? {
                backlog.delivered(*gateway, &record);
            }
        }
        for (home, located) in journal.positions()? {
            backlog.moved(FinalEvent::from_journal(home, located));
        }
        let outbox = Outbox::new(links.iter().map(|(gateway, link)| (*gateway, link.submitter.clone())));
        Ok(Self { links, settings, attesters, journal, backlog, board, bus, metrics, reports, outbox })
    }

    /// Carries until cancelled.
    ///
    /// # Errors
    /// [`CoordinatorError::Journal`] when a change cannot be made durable.
    pub async fn run(
        mut self,
        mut news: mpsc::Receiver<ToldMirrors>,
        mut reports: mpsc::Receiver<Report>,
        cancel: CancellationToken,
    ) -> Result<(), CoordinatorError> {
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = cancel.cancelled() => return Ok(()),
                told = news.recv() => match told {
                    Some((news, applied)) => {
                        self.news(&news).await?;
                        let _ = applied.send(());
                    }
                    None => return Ok(()),
                },
                Some(report) = reports.recv() => self.report(report).await?,
                _ = look.tick() => self.carry().await,
                () = self.outbox.flow() => {}
            }
        }
    }

    async fn news(&mut self, news: &News) -> Result<(), CoordinatorError> {
        let mut newest: BTreeMap<_, &FinalEvent> = BTreeMap::new();
        for event in &news.finals {
            if let Some(record) = record_of(event) {
                newest.insert((record.position.market, record.position.owner), event);
            }
        }
        let changes = newest
            .values()
            .map(|event| Change::Position { home: event.gateway(), event: event.located().clone() })
            .collect::<Vec<_>>();
        if changes.is_empty() {
            return Ok(());
        }
        // The cursor, which comes behind, is durable only with it; and whoever waits for the cursor hears of a failure.
        drop(self.journal.queue(changes, LOOK).await?);
        for event in newest.into_values() {
            if let Some(record) = record_of(event) {
                self.bus.send(Notice::PositionChanged { record });
            }
            self.backlog.moved(event.clone());
        }
        Ok(())
    }

    /// Has what is due signed and hands it to the submitters.
    async fn carry(&mut self) {
        for gateway in self.settings.keys().copied().collect::<Vec<_>>() {
            let due = self.backlog.due(gateway, BATCH);
            let Some(link) = self.links.get(&gateway) else { continue };
            let behind = self.backlog.behind(gateway);
            self.metrics.mirror_backlog(link.chain.name(), behind);
            self.metrics.mirror_backlog_age(link.chain.name(), self.backlog.oldest(gateway).as_secs());
            self.board.update_chain(gateway, |chain| chain.mirrors_behind = behind);
            if due.is_empty() {
                continue;
            }
            let set = link.attesters.read().await.clone();
            let requests = due.iter().map(|(record, event)| AttestRequest {
                order: Order {
                    action: Action::Mirror,
                    gateway,
                    epoch: set.epoch,
                    content: OrderContent::Mirror(*record),
                },
                evidence: Evidence::Event(Box::new(event.clone())),
            });
            let results = self.attesters.sign(requests.collect(), &set).await;
            for ((record, _), result) in due.iter().zip(results) {
                match result {
                    Ok(signed) => {
                        let job = Job { order: OrderRef::Mirror(record.hash()), signed, reply: self.reports.clone() };
                        self.backlog.carried(gateway, record);
                        self.outbox.push(gateway, Request::Carry(Box::new(job)));
                    }
                    Err(refused) => warn!(chain = link.chain.name(), %refused, "mirror not signed"),
                }
            }
        }
    }

    async fn report(&mut self, report: Report) -> Result<(), CoordinatorError> {
        let OrderRef::Mirror(hash) = report.order else { return Ok(()) };
        let gateway = report.gateway;
        match report.fate {
            // A reorg can still take away what is only included.
            Fate::Sent(_) | Fate::Included(_) => {}
            Fate::Final(_) => {
                if let Some(record) = self.backlog.arrived(gateway, hash) {
                    self.delivered(gateway, record).await?;
                }
            }
            Fate::Refused { code: OrderCode::AlreadyDone, .. } => {
                let tips = self.board.chain(gateway).tips;
                let heights = tips.map_or((u64::MAX, 0), |tips| (tips.head.height, tips.finalized.height));
                if let Some(record) = self.backlog.is_there(gateway, hash, heights) {
                    self.delivered(gateway, record).await?;
                }
            }
            Fate::Dropped(why) => {
                debug!(why, "mirror dropped, it is carried again");
                self.backlog.lost(gateway, hash);
            }
            Fate::Refused { reason, .. } => {
                if reason.contains("MirrorConflict") {
                    let message = format!("another content for the same version of a position: {reason}");
                    error!(message);
                    self.bus.send(Notice::ErrorOccurred { subject: "mirror".into(), message });
                }
                self.backlog.lost(gateway, hash);
            }
        }
        Ok(())
    }

    async fn delivered(&mut self, peer: GatewayId, record: MirrorRecord) -> Result<(), CoordinatorError> {
        self.journal.commit(vec![Change::Mirrored { peer, record }]).await?;
        self.backlog.delivered(peer, &record);
        self.bus.send(Notice::MirrorDelivered { peer, record });
        Ok(())
    }
}
