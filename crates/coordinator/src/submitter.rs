//! Carries signed orders to one chain: batches them, keeps each transaction's bytes before it is sent, follows it until it is final, raises
//! its fee when it is stuck, and tells whoever handed an order in what became of it. One order that fails never holds up its neighbours.

mod flight;
pub mod queue;

use std::{sync::Arc, time::Duration};

use tim3_chain::{Chain, ChainError, ErrorClass, Prepared, Transaction, Verdict};
use tim3_domain::{
    identity::GatewayId,
    place::TxId,
    protocol::{OrderCode, SignedOrder},
};
use tim3_journal::{Change, Journal, OrderRef, SentTransaction};
use tim3_telemetry::Metrics;
use tokio::{sync::mpsc, task::JoinSet, time::MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::{
    board::Board,
    bus::{Bus, Notice},
    error::CoordinatorError,
    news::News,
    settings::ChainSettings,
};
use flight::{Flights, Tidings, Told};
use queue::{Job, Queue};

/// What is handed to a submitter.
#[derive(Debug)]
pub enum Request {
    /// Carry this order.
    Carry(Box<Job>),
    /// It is not wanted any more, if it still waits.
    Withdraw(OrderRef),
    /// The chain's news, and the news of nothing but its own chain.
    News(Arc<News>),
}

/// What became of an order.
#[derive(Clone, Debug)]
pub struct Report {
    /// The gateway it was carried to.
    pub gateway: GatewayId,
    /// Which order.
    pub order: OrderRef,
    /// What became of it.
    pub fate: Fate,
}

/// What became of an order that was handed in.
#[derive(Clone, Debug)]
pub enum Fate {
    /// A durable transaction carries it.
    Sent(TxId),
    /// That transaction is included and did not skip it.
    Included(TxId),
    /// That transaction is final: what it did not execute it never will.
    Final(TxId),
    /// That transaction can never be included.
    Dropped(String),
    /// The gateway did not execute it, or would not.
    Refused {
        /// Its decoded reason.
        reason: String,
        /// No later attempt can end otherwise.
        permanent: bool,
        /// How it answered: never `Done`. `AlreadyDone` means that what waits for the outcome will see it.
        code: OrderCode,
    },
}

/// How often transactions without a trace in the news are asked after; and the longest pause after a failure that says nothing about
/// an order.
const CHECK: Duration = Duration::from_secs(1);

/// The submitter of one chain.
pub struct Submitter {
    chain: Arc<dyn Chain>,
    journal: Arc<dyn Journal>,
    settings: ChainSettings,
    board: Board,
    bus: Bus,
    metrics: Metrics,
    queue: Queue,
    flights: Flights,
    owners: Vec<mpsc::Sender<Report>>,
}

impl std::fmt::Debug for Submitter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Submitter").field("chain", &self.chain.name()).finish_non_exhaustive()
    }
}

/// What one attempt to send a batch came to.
enum Sent {
    Transaction(Transaction, Vec<Job>),
    Nothing,
    /// Nothing was decided: the jobs go back.
    Again(Vec<Job>, ChainError),
    /// The batch as a whole cannot be simulated: it is tried in halves.
    Split(Vec<Job>, String),
    Failed(CoordinatorError),
}

impl Submitter {
    /// A submitter that takes up the transactions of the journal; `owners` are told of orders that an earlier run handed in.
    ///
    /// # Errors
    /// [`CoordinatorError`] when the journal cannot be read or the chain does not answer.
    pub async fn new(
        chain: Arc<dyn Chain>,
        journal: Arc<dyn Journal>,
        settings: ChainSettings,
        board: Board,
        bus: Bus,
        metrics: Metrics,
        owners: Vec<mpsc::Sender<Report>>,
    ) -> Result<Self, CoordinatorError> {
        let kept = journal.transactions(chain.name())?;
        let transactions: Vec<Transaction> = kept.iter().map(transaction_of).collect();
        chain.restore(&transactions).await?;
        if let Some(kept) = journal.note(&kept_note(chain.name()))? {
            chain.take_up(&kept);
        }
        let mut flights = Flights::default();
        for sent in kept {
            flights.add(transaction_of(&sent), sent.orders.into_iter().map(|order| (order, None)).collect());
        }
        Ok(Self { chain, journal, settings, board, bus, metrics, queue: Queue::default(), flights, owners })
    }

    /// The orders that journaled transactions carry, with the newest transaction of each.
    pub fn carried(&self) -> impl Iterator<Item = (OrderRef, TxId)> {
        self.flights.carried()
    }

    /// Carries until cancelled; what is being sent then is finished.
    ///
    /// # Errors
    /// [`CoordinatorError`] when the journal fails or the chain halts.
    pub async fn run(
        mut self,
        mut requests: mpsc::Receiver<Request>,
        cancel: CancellationToken,
    ) -> Result<(), CoordinatorError> {
        let mut sending: JoinSet<Sent> = JoinSet::new();
        let mut check = tokio::time::interval(CHECK);
        check.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut paused = false;
        self.rebroadcast().await;
        loop {
            while !paused && self.wants_to_send(sending.len()) {
                let jobs = self.queue.take(self.chain.capacity().orders);
                sending.spawn(send(Arc::clone(&self.chain), Arc::clone(&self.journal), jobs, self.metrics.clone()));
            }
            tokio::select! {
                () = cancel.cancelled() => break,
                request = requests.recv() => match request {
                    Some(request) => {
                        self.take(request).await?;
                        while let Ok(request) = requests.try_recv() {
                            self.take(request).await?;
                        }
                    }
                    None => break,
                },
                Some(sent) = sending.join_next() => {
                    paused |= self.sent(sent).await?;
                }
                _ = check.tick() => {
                    paused = false;
                    self.follow_up().await?;
                }
            }
        }
        while let Some(sent) = sending.join_next().await {
            self.sent(sent).await?;
        }
        Ok(())
    }

    /// One batch at a time while it is quiet, so that what comes meanwhile shares the next transaction; more at once only when full batches wait.
    fn wants_to_send(&self, sending: usize) -> bool {
        let capacity = self.chain.capacity();
        if self.queue.is_empty() || self.flights.len().saturating_add(sending) >= capacity.in_flight {
            return false;
        }
        sending == 0 || self.queue.len() >= capacity.orders
    }

    async fn take(&mut self, request: Request) -> Result<(), CoordinatorError> {
        match request {
            Request::Carry(job) => match self.flights.carries(&job) {
                Some(transaction) => job.report(Fate::Sent(transaction)).await,
                None => self.queue.push(*job),
            },
            Request::Withdraw(order) => self.queue.withdraw(&order),
            Request::News(news) => {
                let told = self.flights.news(&news);
                self.tell(told).await?;
            }
        }
        let (waiting, in_flight) = (self.queue.len(), self.flights.len());
        self.metrics.submitter(self.chain.name(), waiting, in_flight);
        self.board.update_chain(self.chain.gateway(), |chain| (chain.waiting, chain.in_flight) = (waiting, in_flight));
        Ok(())
    }

    /// Takes what an attempt came to; `Ok(true)` when a pause is due.
    async fn sent(&mut self, sent: Result<Sent, tokio::task::JoinError>) -> Result<bool, CoordinatorError> {
        let sent = sent.map_err(|error| CoordinatorError::Task {
            task: format!("sending to {}", self.chain.name()),
            detail: error.to_string(),
        })?;
        match sent {
            Sent::Transaction(transaction, jobs) => {
                debug!(chain = self.chain.name(), transaction = %transaction.id, orders = jobs.len(), "sent");
                self.notice(&transaction.id, "sent", jobs.len());
                for job in &jobs {
                    job.report(Fate::Sent(transaction.id.clone())).await;
                }
                let orders = jobs.into_iter().map(|job| (job.order, Some(job))).collect();
                self.flights.add(transaction, orders);
                Ok(false)
            }
            Sent::Nothing => Ok(false),
            Sent::Again(jobs, error) => {
                warn!(chain = self.chain.name(), %error, orders = jobs.len(), "could not send, trying again");
                self.metrics.chain_error(self.chain.name(), error.class().name());
                self.queue.put_back(jobs);
                Ok(true)
            }
            Sent::Split(jobs, reason) => {
                if let [job] = jobs.as_slice() {
                    job.report(Fate::Refused { reason, permanent: false, code: OrderCode::Rejected }).await;
                } else {
                    self.queue.split(jobs);
                }
                Ok(false)
            }
            Sent::Failed(error) => Err(error),
        }
    }

    /// Asks after transactions that left no trace in the news, and raises the fee of those that are stuck.
    async fn follow_up(&mut self) -> Result<(), CoordinatorError> {
        let silent = self.flights.silent(CHECK);
        if silent.is_empty() {
            return Ok(());
        }
        let states = match self.chain.states(&silent).await {
            Ok(states) => states,
            Err(error) => {
                self.metrics.chain_error(self.chain.name(), error.class().name());
                return Ok(());
            }
        };
        for (transaction, state) in silent.iter().zip(states) {
            let verdict = self.flights.judge(transaction, &state, self.settings.escalate_after);
            match verdict {
                flight::Judgement::Wait => {}
                flight::Judgement::Final(told) => self.tell(told).await?,
                flight::Judgement::Lost { why, orders } => {
                    info!(chain = self.chain.name(), transaction = %transaction.id, why, "transaction dropped");
                    self.notice(&transaction.id, "dropped", orders.len());
                    let tidings = orders.into_iter().map(|(order, job)| (order, job, Fate::Dropped(why.clone())));
                    self.report(tidings.collect()).await;
                    let done = Change::TransactionDone(self.chain.name().to_owned(), transaction.id.clone());
                    self.journal.commit(vec![done]).await?;
                }
                flight::Judgement::Resend => self.broadcast(transaction).await,
                flight::Judgement::Escalate => self.escalate(transaction).await?,
            }
        }
        Ok(())
    }

    /// Tells what became of orders, and forgets transactions whose fate is final.
    async fn tell(&self, told: Told) -> Result<(), CoordinatorError> {
        self.report(told.reports).await;
        if told.done.is_empty() {
            return Ok(());
        }
        let name = self.chain.name();
        let done = told.done.into_iter().map(|id| Change::TransactionDone(name.to_owned(), id)).collect();
        // Nothing waits for it: what is kept too long is only asked after once more. A failure comes back from the next list.
        drop(self.journal.queue(done, CHECK).await?);
        Ok(())
    }

    /// Tells what became of orders; of those that an earlier run of the daemon handed in, everybody.
    async fn report(&self, tidings: Vec<Tidings>) {
        for (order, job, fate) in tidings {
            let result = match &fate {
                Fate::Included(_) => Some(OrderCode::Done),
                Fate::Refused { code, .. } => Some(*code),
                _ => None,
            };
            if let (Some(job), Some(result)) = (&job, result) {
                self.metrics.order_result(self.chain.name(), job.signed.order.action.name(), result.name());
            }
            match job {
                Some(job) => job.report(fate).await,
                None => {
                    for owner in &self.owners {
                        let _ = owner.send(Report { gateway: self.chain.gateway(), order, fate: fate.clone() }).await;
                    }
                }
            }
        }
    }

    async fn escalate(&mut self, transaction: &Transaction) -> Result<(), CoordinatorError> {
        match self.chain.escalate(transaction).await {
            Ok(Some(replacement)) => {
                let orders = self.flights.replace(transaction, &replacement);
                self.journal
                    .commit(vec![Change::Transaction(sent_transaction(self.chain.name(), &replacement, &orders))])
                    .await?;
                info!(chain = self.chain.name(), transaction = %replacement.id, replaces = %transaction.id, "fee raised");
                self.metrics.escalated(self.chain.name());
                self.notice(&replacement.id, "replaced", orders.len());
                self.broadcast(&replacement).await;
            }
            Ok(None) => self.broadcast(transaction).await,
            Err(error) => {
                warn!(chain = self.chain.name(), transaction = %transaction.id, %error, "could not raise the fee")
            }
        }
        Ok(())
    }

    async fn rebroadcast(&self) {
        for transaction in self.flights.transactions() {
            self.broadcast(transaction).await;
        }
    }

    async fn broadcast(&self, transaction: &Transaction) {
        if let Err(error) = self.chain.broadcast(transaction).await {
            // Its fate is asked for at the next check, whatever this error means.
            debug!(chain = self.chain.name(), transaction = %transaction.id, %error, "sending again failed");
        }
    }

    fn notice(&self, transaction: &TxId, state: &'static str, orders: usize) {
        let chain = self.chain.name().to_owned();
        self.bus.send(Notice::TransactionChanged { chain, transaction: transaction.to_string(), state, orders });
    }
}

/// Prepares, journals and sends one batch.
async fn send(chain: Arc<dyn Chain>, journal: Arc<dyn Journal>, jobs: Vec<Job>, metrics: Metrics) -> Sent {
    let orders: Vec<SignedOrder> = jobs.iter().map(|job| job.signed.clone()).collect();
    let Prepared { transaction, left_out } = match chain.prepare(&orders).await {
        Ok(prepared) => prepared,
        Err(error) => {
            return match error.class() {
                ErrorClass::Halt => Sent::Failed(error.into()),
                ErrorClass::Rejected => Sent::Split(jobs, error.to_string()),
                _ => Sent::Again(jobs, error),
            };
        }
    };
    let mut carried: Vec<Option<Job>> = jobs.into_iter().map(Some).collect();
    for verdict in left_out {
        let Some(job) = carried.get_mut(verdict.index).and_then(Option::take) else { continue };
        metrics.order_left_out(chain.name(), job.signed.order.action.name());
        let Verdict { code, reason, permanent, .. } = verdict;
        job.report(Fate::Refused { reason, permanent, code }).await;
    }
    let carried: Vec<Job> = carried.into_iter().flatten().collect();
    let Some(transaction) = transaction else { return Sent::Nothing };
    let refs: Vec<OrderRef> = carried.iter().map(|job| job.order).collect();
    let mut changes = vec![Change::Transaction(sent_transaction(chain.name(), &transaction, &refs))];
    changes.extend(chain.kept().map(|kept| Change::Note(kept_note(chain.name()), kept)));
    if let Err(error) = journal.commit(changes).await {
        return Sent::Failed(error.into());
    }
    metrics.batch_sent(chain.name(), carried.len());
    if let Err(error) = chain.broadcast(&transaction).await {
        // The bytes are durable and may have arrived: it counts as sent, and its fate is asked for.
        warn!(chain = chain.name(), transaction = %transaction.id, %error, "sending failed, its fate will be asked for");
        metrics.chain_error(chain.name(), error.class().name());
    }
    Sent::Transaction(transaction, carried)
}

/// Name of the journal note of what the submitter of a chain is to know again.
fn kept_note(chain: &str) -> String {
    format!("submitter/{chain}")
}

fn transaction_of(sent: &SentTransaction) -> Transaction {
    Transaction { id: sent.id.clone(), raw: sent.raw.clone(), nonce: sent.nonce, replaces: sent.replaces.clone() }
}

fn sent_transaction(chain: &str, transaction: &Transaction, orders: &[OrderRef]) -> SentTransaction {
    SentTransaction {
        chain: chain.to_owned(),
        id: transaction.id.clone(),
        raw: transaction.raw.clone(),
        nonce: transaction.nonce,
        replaces: transaction.replaces.clone(),
        orders: orders.to_vec(),
    }
}
