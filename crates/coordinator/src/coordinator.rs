//! One synthetic's coordinator: the shell around [`Operations`]. It gathers what happened, applies all of it, gives the changes
//! their place in the journal, carries the effects out, and tells when the changes are durable.

mod effects;
mod room;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use room::Delayed;
use tim3_chain::{AttesterSet, Chain, Direction, Refused};
use tim3_domain::{
    identity::{GatewayId, OperationId},
    lifecycle::{Leg, Phase},
    protocol::{EventBody, OrderCode, SignedOrder, Window},
};
use tim3_journal::{Journal, OrderRef};
use tim3_telemetry::Metrics;
use tokio::{
    sync::{RwLock, mpsc, oneshot},
    time::{Instant, MissedTickBehavior},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{error, info, warn};

use crate::{
    attestation::Attesters,
    board::Board,
    bus::{Bus, Notice},
    error::CoordinatorError,
    news::News,
    operations::{Operations, Work},
    outbox::Outbox,
    settings::AssetSettings,
    submitter::{Fate, Report, Request},
};

/// One chain as coordinators use it.
#[derive(Clone)]
pub struct Link {
    /// The adapter.
    pub chain: Arc<dyn Chain>,
    /// Its submitter.
    pub submitter: mpsc::Sender<Request>,
    /// Its gateway's attesters, as read last.
    pub attesters: Arc<RwLock<AttesterSet>>,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("chain", &self.chain.name()).finish_non_exhaustive()
    }
}

/// The chains by gateway.
pub type Links = Arc<BTreeMap<GatewayId, Link>>;

/// What a coordinator is told.
#[derive(Debug)]
pub enum Message {
    /// A chain's news; answered when applied and durable.
    News(Arc<News>, oneshot::Sender<()>),
    /// What the attesters said.
    Signed(Vec<(OperationId, Leg, Result<SignedOrder, Refused>)>),
    /// A window that delayed something, where it could be read.
    Window(GatewayId, Direction, Option<Window>),
    /// An operator's wish; answered with what it came to.
    Command(Command, oneshot::Sender<Result<(), String>>),
}

/// What an operator can want.
#[derive(Clone, Debug)]
pub enum Command {
    /// Try a dead letter, or what waits for its next attempt, now.
    Retry(OperationId, String),
    /// Let a held operation pass.
    Approve(OperationId, String),
    /// Void an operation, so that it is refunded.
    Void(OperationId, String),
    /// Refund an operation whose slot an orphan holds.
    Conflict(OperationId, String),
    /// Stop signing for the synthetic.
    Pause(String),
    /// Go on signing.
    Resume,
    /// Judge by the limits of these settings.
    Limits(AssetSettings),
}

/// How many messages one commit may gather.
const GATHER: usize = 512;

/// How long changes may wait for the list of what follows from them: attesters write before they sign, submitters before they send.
const PATIENCE: Duration = Duration::from_millis(5);

/// The coordinator of one synthetic.
pub struct Coordinator {
    operations: Operations,
    symbol: String,
    links: Links,
    attesters: Attesters,
    journal: Arc<dyn Journal>,
    board: Board,
    bus: Bus,
    metrics: Metrics,
    /// Signed orders of open operations, so that what was signed once is not signed again for every attempt.
    signed: HashMap<(OperationId, Leg), SignedOrder>,
    /// Legs that wait for their next attempt.
    due: BTreeMap<(Instant, OperationId), Leg>,
    delayed: Delayed,
    messages: mpsc::Sender<Message>,
    reports: mpsc::Sender<Report>,
    tasks: TaskTracker,
    outbox: Outbox,
}

impl std::fmt::Debug for Coordinator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Coordinator").field("asset", &self.symbol).finish_non_exhaustive()
    }
}

/// Both ends of a coordinator's channels.
#[derive(Debug)]
pub struct Mailbox {
    /// For everybody who tells it something.
    pub messages: (mpsc::Sender<Message>, mpsc::Receiver<Message>),
    /// For submitters.
    pub reports: (mpsc::Sender<Report>, mpsc::Receiver<Report>),
}

impl Mailbox {
    /// Bounded channels: whoever is faster waits.
    #[must_use]
    pub fn new() -> Self {
        Self { messages: mpsc::channel(1024), reports: mpsc::channel(4096) }
    }
}

impl Default for Mailbox {
    fn default() -> Self {
        Self::new()
    }
}

impl Coordinator {
    /// A coordinator over a restored table; `first` is what the restoration asks for.
    #[expect(clippy::too_many_arguments, reason = "pure wiring, called once")]
    #[must_use]
    pub fn new(
        operations: Operations,
        symbol: String,
        links: Links,
        attesters: Attesters,
        journal: Arc<dyn Journal>,
        board: Board,
        bus: Bus,
        metrics: Metrics,
        mailbox: &Mailbox,
    ) -> Self {
        let submitters = links.iter().map(|(gateway, link)| (*gateway, link.submitter.clone()));
        Self {
            outbox: Outbox::new(submitters),
            operations,
            symbol,
            links,
            attesters,
            journal,
            board,
            bus,
            metrics,
            signed: HashMap::new(),
            due: BTreeMap::new(),
            delayed: Delayed::default(),
            messages: mailbox.messages.0.clone(),
            reports: mailbox.reports.0.clone(),
            tasks: TaskTracker::new(),
        }
    }

    /// Works until cancelled; what was gathered by then is applied and durable.
    ///
    /// # Errors
    /// [`CoordinatorError::Journal`]: nothing more may be signed or sent.
    pub async fn run(
        mut self,
        first: Work,
        mut messages: mpsc::Receiver<Message>,
        mut reports: mpsc::Receiver<Report>,
        cancel: CancellationToken,
    ) -> Result<(), CoordinatorError> {
        self.finish(first, Vec::new()).await?;
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut told = Vec::with_capacity(GATHER);
        let mut reported = Vec::with_capacity(GATHER);
        loop {
            let due = self.due.keys().next().map(|(at, _)| *at);
            tokio::select! {
                () = cancel.cancelled() => break,
                _ = messages.recv_many(&mut told, GATHER) => {}
                _ = reports.recv_many(&mut reported, GATHER) => {}
                _ = tick.tick() => self.publish(),
                () = sleep_until(due) => {}
                () = self.outbox.flow() => {}
            }
            // Whatever else is there shares the commit.
            while reported.len() < GATHER && reports.try_recv().map(|report| reported.push(report)).is_ok() {}
            while told.len() < GATHER && messages.try_recv().map(|message| told.push(message)).is_ok() {}
            self.round(&mut told, &mut reported).await?;
        }
        self.tasks.close();
        Ok(())
    }

    async fn round(&mut self, told: &mut Vec<Message>, reported: &mut Vec<Report>) -> Result<(), CoordinatorError> {
        let now_ms = now_ms();
        let mut work = Work::default();
        let mut answers: Vec<Box<dyn FnOnce() + Send>> = Vec::new();
        let mut commanded = false;
        for message in told.drain(..) {
            match message {
                Message::News(news, applied) => {
                    self.news(&news, now_ms, &mut work).await?;
                    answers.push(Box::new(move || {
                        let _ = applied.send(());
                    }));
                }
                Message::Signed(results) => self.take_signed(results, now_ms, &mut work),
                Message::Window(gateway, direction, window) => {
                    self.take_window(gateway, direction, window, now_ms, &mut work);
                }
                Message::Command(command, reply) => {
                    commanded = true;
                    let result = self.command(command, now_ms, &mut work);
                    answers.push(Box::new(move || {
                        let _ = reply.send(result);
                    }));
                }
            }
        }
        for report in reported.drain(..) {
            self.take_report(report, now_ms, &mut work);
        }
        self.fire_due(&mut work);
        self.operations.tick(now_ms, &mut work);
        if commanded {
            // Whoever asked looks at the board next.
            self.publish();
        }
        self.finish(work, answers).await
    }

    /// Puts the open operations by phase on the board.
    fn publish(&self) {
        let mut phases: BTreeMap<&'static str, usize> = BTreeMap::new();
        let mut oldest_ms: Option<u64> = None;
        for entry in self.operations.iter() {
            let count = phases.entry(entry.record.phase.name()).or_default();
            *count = count.saturating_add(1);
            if !waits_for_a_decision(&entry.record.phase) {
                let updated = entry.record.updated_ms;
                oldest_ms = Some(oldest_ms.map_or(updated, |oldest| oldest.min(updated)));
            }
        }
        self.metrics.operations(&self.symbol, &phases, oldest_ms.map(|oldest| now_ms().saturating_sub(oldest)));
        let paused = self.operations.paused().map(str::to_owned);
        self.metrics.signing_stopped(&self.symbol, paused.is_some());
        self.board.update_asset(self.operations.asset(), |asset| {
            (asset.paused, asset.phases, asset.oldest_ms) = (paused, phases, oldest_ms);
            asset.conflicts.clone_from(self.operations.conflicts());
            asset.worked = Some(Instant::now());
        });
    }

    async fn news(&mut self, news: &News, now_ms: u64, work: &mut Work) -> Result<(), CoordinatorError> {
        let journal = Arc::clone(&self.journal);
        let mut failure = None;
        let mut archive = |id| match journal.operation(id) {
            Ok(record) => record,
            Err(error) => {
                failure = Some(error);
                None
            }
        };
        self.operations.news(news, &mut archive, now_ms, work);
        if let Some(error) = failure {
            return Err(error.into());
        }
        let new_epoch = news.seen.iter().any(|located| matches!(located.event.body, EventBody::AttestersSet { .. }));
        if new_epoch {
            if let Some(link) = self.links.get(&news.gateway) {
                match link.chain.attesters().await {
                    Ok(set) => *link.attesters.write().await = set,
                    Err(error) => warn!(chain = link.chain.name(), %error, "could not read the new attesters"),
                }
            }
            self.signed.retain(|_, signed| signed.order.gateway != news.gateway);
            self.operations.epoch_changed(news.gateway, now_ms, work);
        }
        Ok(())
    }

    fn take_signed(
        &mut self,
        results: Vec<(OperationId, Leg, Result<SignedOrder, Refused>)>,
        now_ms: u64,
        work: &mut Work,
    ) {
        for (id, leg, result) in results {
            match result {
                Ok(signed) => {
                    let signers = signed.signatures.len() / 65;
                    self.signed.insert((id, leg), signed);
                    self.operations.signed(id, leg, signers, now_ms, work);
                }
                Err(refused) => {
                    warn!(op = %id, ?leg, %refused, "not signed");
                    self.metrics.attesters_refused(&self.symbol, class_of(&refused));
                    if self.operations.not_signed(id, leg, &refused, now_ms, work) {
                        self.later(id, leg);
                    }
                }
            }
        }
    }

    fn take_report(&mut self, report: Report, now_ms: u64, work: &mut Work) {
        let OrderRef::Leg(id, leg) = report.order else { return };
        match report.fate {
            Fate::Sent(transaction) => self.operations.sent(id, leg, transaction, now_ms, work),
            Fate::Dropped(why) => self.operations.dropped(id, leg, &why, now_ms, work),
            Fate::Refused { reason, permanent, code } => {
                let hopeless = permanent && code != OrderCode::AlreadyDone;
                self.operations.refused(id, leg, &reason, hopeless, now_ms, work);
                if code == OrderCode::Delayed && leg == Leg::Settle {
                    self.delayed(id);
                }
            }
            // The outcome's event says more.
            Fate::Included(_) => {}
            Fate::Final(transaction) => self.operations.passed_over(id, leg, transaction, now_ms, work),
        }
    }

    fn command(&mut self, command: Command, now_ms: u64, work: &mut Work) -> Result<(), String> {
        match command {
            Command::Retry(id, who) => self.operations.retry(id, &who, now_ms, work),
            Command::Approve(id, who) => self.operations.approve(id, &who, now_ms, work),
            Command::Void(id, why) => self.operations.void(id, &why, now_ms, work),
            Command::Conflict(id, why) => self.operations.conflict(id, &why, now_ms, work),
            Command::Pause(why) => {
                self.operations.set_paused(Some(why), now_ms, work);
                Ok(())
            }
            Command::Resume => {
                self.operations.resume(now_ms, work);
                Ok(())
            }
            Command::Limits(settings) => {
                self.operations.set_limits(&settings, now_ms, work);
                Ok(())
            }
        }
    }

    /// Gives the changes their place in the journal and carries the effects out; answers and tells when they are durable. An effect may
    /// begin before that, because none of them leaves the daemon without a list of its own that is durable: a signature's, a transaction's.
    /// Those come behind this one, and share its fsync.
    async fn finish(&mut self, work: Work, answers: Vec<Box<dyn FnOnce() + Send>>) -> Result<(), CoordinatorError> {
        let Work { changes, effects, notices, settled, finished } = work;
        let (started, count) = (Instant::now(), changes.len());
        let durable = if changes.is_empty() { None } else { Some(self.journal.queue(changes, PATIENCE).await?) };
        self.carry_out(effects).await;
        if let Some(durable) = durable {
            durable.await?;
            self.metrics.journal_commit(started.elapsed(), count);
        }
        for answer in answers {
            answer();
        }
        for since_observed in settled {
            self.metrics.settled_after(&self.symbol, since_observed);
        }
        for (id, phase) in finished {
            for leg in [Leg::Settle, Leg::Void, Leg::Refund] {
                self.signed.remove(&(id, leg));
            }
            self.metrics.operation_finished(&self.symbol, phase.name());
        }
        for notice in notices {
            match &notice {
                Notice::OperationChanged { operation, kind, phase, .. } => {
                    info!(op = %operation, asset = self.symbol, kind, phase, "operation")
                }
                Notice::ErrorOccurred { subject, message } => error!(asset = self.symbol, subject, message, "halted"),
                _ => {}
            }
            self.bus.send(notice);
        }
        Ok(())
    }
}

/// Whether an operation waits for somebody and may do so for days: there is an alert for each of these, and none of them is stuck.
fn waits_for_a_decision(phase: &Phase) -> bool {
    matches!(phase, Phase::Held(_) | Phase::DeadLetter { .. } | Phase::Orphaned { .. })
}

/// The word for a refusal in metrics.
fn class_of(refused: &Refused) -> &'static str {
    match refused {
        Refused::Evidence(_) => "evidence",
        Refused::Conflict { .. } => "conflict",
        Refused::Unavailable(_) => "unavailable",
    }
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use tim3_domain::lifecycle::{Hold, Step};

    use super::*;

    #[test]
    fn what_waits_for_a_decision_is_not_stuck_and_everything_else_can_be() {
        let was = || Box::new(Phase::Observed);
        let waiting = [
            Phase::Held(Hold::Value),
            Phase::DeadLetter { was: was(), reason: String::new() },
            Phase::Orphaned { replaced: false },
        ];
        assert!(waiting.iter().all(waits_for_a_decision));
        let moving = [
            Phase::Observed,
            Phase::Final,
            Phase::Settling(Step::Signing),
            Phase::Refunding(Step::Submitted),
            Phase::SettledIncluded { was: was() },
        ];
        assert!(!moving.iter().any(waits_for_a_decision));
    }
}
