//! An AO network behind its units' endpoints: messages to any process, what they did, what processes say of themselves.
//!
//! A message is sent exactly once: it is signed once, and the same bytes are posted again whenever it is in doubt that they arrived. Units that
//! have them already do nothing. What a message did is asked of the compute units until one has evaluated it.

use std::{fmt::Debug, future::Future, sync::Arc, time::Duration};

use aws_lc_rs::rand;
use serde::de::DeserializeOwned;
use tim3_chain::ChainError;
use tim3_rpc::{Call, CallError, EndpointConfig, EndpointStatus, Http, Observer, Policy, Pool, PoolError, SetupError};
use tokio::time::{Instant, sleep};
use tracing::debug;

use crate::{
    ans104::{DataItem, Draft, Tag},
    id::Id,
    units::{
        Refusal, UnitError,
        compute::{self, Outcome, Trial},
        messenger,
        scheduler::{self, Scheduled},
    },
    wallet::Wallet,
};

/// First wait between two questions about the same thing; doubles to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How to reach a network, and how patient to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkConfig {
    /// Short name: label of metrics and logs.
    pub name: String,
    /// Messengers.
    pub messengers: Vec<EndpointConfig>,
    /// Schedulers: endpoints of the one that the processes have.
    pub schedulers: Vec<EndpointConfig>,
    /// Compute units, each a distinct one.
    pub compute_units: Vec<EndpointConfig>,
    /// Gateways of Arweave.
    pub gateways: Vec<EndpointConfig>,
    /// How many compute units must agree on what a signature rests on.
    pub quorum: usize,
    /// How many gateways must agree on what lies on Arweave.
    pub gateway_quorum: usize,
    /// Milliseconds that one endpoint may take to answer.
    pub timeout_ms: u64,
    /// Milliseconds until a message that nothing is heard of is given up.
    pub deadline_ms: u64,
    /// Milliseconds between rounds in which every endpoint's head is compared.
    pub health_interval_ms: u64,
    /// Milliseconds after which a head that stands still while another moves is stalled.
    pub stall_after_ms: u64,
}

impl NetworkConfig {
    /// A network behind one endpoint of each kind, everything else as it is by default.
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        messenger: EndpointConfig,
        scheduler: EndpointConfig,
        compute_unit: EndpointConfig,
        gateway: EndpointConfig,
    ) -> Self {
        Self {
            name: name.into(),
            messengers: vec![messenger],
            schedulers: vec![scheduler],
            compute_units: vec![compute_unit],
            gateways: vec![gateway],
            quorum: 1,
            gateway_quorum: 1,
            timeout_ms: 30_000,
            deadline_ms: 300_000,
            health_interval_ms: 10_000,
            stall_after_ms: 120_000,
        }
    }

    fn policy(&self) -> Policy {
        Policy {
            timeout: Duration::from_millis(self.timeout_ms),
            round: Duration::from_millis(self.health_interval_ms),
            stall_after: Duration::from_millis(self.stall_after_ms),
            // Messages of a process, of which many come at once, or blocks of Arweave.
            max_lag: 1_000,
            ..Policy::default()
        }
    }
}

/// A message that was sent, and what it did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The message.
    pub id: Id,
    /// What it did.
    pub outcome: Outcome,
}

/// What a new process is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Birth<'a> {
    /// The code that it runs, for example aos.
    pub module: Id,
    /// Who orders its messages.
    pub scheduler: Id,
    /// Whose signature makes a message of another process believable.
    pub authority: Id,
    /// Further tags.
    pub tags: &'a [(&'a str, &'a str)],
}

/// A network. Every call fails over between the endpoints of its unit.
#[derive(Debug)]
pub struct Network {
    pub(crate) config: NetworkConfig,
    messengers: Pool<Http>,
    pub(crate) schedulers: Pool<Http>,
    pub(crate) compute_units: Pool<Http>,
    pub(crate) gateways: Pool<Http>,
}

impl Network {
    /// Pools of the endpoints. Nothing is asked yet.
    ///
    /// # Errors
    /// [`SetupError`] for endpoints that make no pool.
    pub fn new(config: NetworkConfig, observer: Option<Arc<dyn Observer>>) -> Result<Self, SetupError> {
        let pool = |endpoints: &[EndpointConfig], quorum| {
            Pool::of_endpoints(&config.name, endpoints, quorum, config.policy(), observer.clone(), Http::new)
        };
        Ok(Self {
            messengers: pool(&config.messengers, 1)?,
            schedulers: pool(&config.schedulers, 1)?,
            compute_units: pool(&config.compute_units, config.quorum)?,
            gateways: pool(&config.gateways, config.gateway_quorum)?,
            config,
        })
    }

    /// Takes the endpoints of `other` in place of its own.
    pub(crate) fn adopt(&self, other: &Self) {
        self.messengers.adopt(&other.messengers);
        self.schedulers.adopt(&other.schedulers);
        self.compute_units.adopt(&other.compute_units);
        self.gateways.adopt(&other.gateways);
    }

    /// Its short name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// How the endpoints of all units are doing.
    #[must_use]
    pub fn endpoints(&self) -> Vec<EndpointStatus> {
        let pools = [&self.messengers, &self.schedulers, &self.compute_units, &self.gateways];
        pools.into_iter().flat_map(Pool::status).collect()
    }

    // ------------------------------------------------------------------------------------------------------------ sending

    /// A signed message to a process, which is none of those signed before: its anchor is random.
    ///
    /// # Errors
    /// [`ChainError::Rejected`] for tags that do not fit.
    pub fn message(&self, from: &Wallet, process: Id, tags: &[Tag], data: &str) -> Result<DataItem, ChainError> {
        self.item("Message", from, Some(process), tags, data)
    }

    fn item(
        &self,
        kind: &str,
        from: &Wallet,
        target: Option<Id>,
        tags: &[Tag],
        data: &str,
    ) -> Result<DataItem, ChainError> {
        let standard = [("Data-Protocol", "ao"), ("Variant", "ao.TN.1"), ("Type", kind)];
        let tags = standard.iter().map(|(name, value)| Tag::new(*name, *value)).chain(tags.iter().cloned()).collect();
        let draft = Draft { target, anchor: Some(anchor()), tags, data: data.as_bytes().to_vec() };
        DataItem::sign(draft, from).map_err(|error| self.rejected("sign", error.to_string()))
    }

    /// Has a signed item scheduled. Posting what was posted before is harmless: what is in doubt is posted again.
    ///
    /// # Errors
    /// [`ChainError::Rejected`] for what no messenger takes, [`ChainError::Transient`] where none answers; the item may be scheduled
    /// nevertheless.
    pub async fn post(&self, raw: &[u8]) -> Result<(), ChainError> {
        let answer = self.messengers.call("post", |mu| async move { messenger::post(&mu, raw).await }).await;
        answer.map(|_| ()).map_err(|error| self.error("post", error))
    }

    /// Has an item scheduled for `process`, posting the same bytes until the scheduler knows it.
    ///
    /// # Errors
    /// As [`Network::post`], the latter only when the deadline has passed.
    pub async fn deliver(&self, process: Id, item: &DataItem) -> Result<Scheduled, ChainError> {
        let id = item.id();
        self.until("deliver", || async {
            let posted = self.post(item.raw()).await;
            // A reply that was lost says nothing about the item.
            match self.scheduled(process, id).await {
                Ok(None) => posted.map(|()| None),
                found => found,
            }
        })
        .await
    }

    /// Sends a message and waits for what it did.
    ///
    /// # Errors
    /// As [`Network::deliver`] and [`Network::outcome`].
    pub async fn send(&self, from: &Wallet, process: Id, tags: &[Tag], data: &str) -> Result<Sent, ChainError> {
        let item = self.message(from, process, tags, data)?;
        self.deliver(process, &item).await?;
        let id = item.id();
        Ok(Sent { id, outcome: self.outcome(process, id).await? })
    }

    /// Makes a process; gives its id.
    ///
    /// # Errors
    /// As [`Network::deliver`].
    pub async fn spawn(&self, from: &Wallet, birth: &Birth<'_>) -> Result<Id, ChainError> {
        let Birth { module, scheduler, authority, tags } = *birth;
        let named = [("Module", module), ("Scheduler", scheduler), ("Authority", authority)];
        let named = named.iter().map(|(name, id)| Tag::new(*name, id.to_string()));
        let tags: Vec<Tag> = named.chain(tags.iter().map(|(name, value)| Tag::new(*name, *value))).collect();
        let item = self.item("Process", from, None, &tags, "1984")?;
        self.deliver(item.id(), &item).await?;
        self.outcome(item.id(), item.id()).await?;
        Ok(item.id())
    }

    /// Evaluates code in a process, as its owner may.
    ///
    /// # Errors
    /// As [`Network::send`], and [`ChainError::Rejected`] where the code fails.
    pub async fn eval(&self, owner: &Wallet, process: Id, code: &str) -> Result<Outcome, ChainError> {
        let sent = self.send(owner, process, &[Tag::new("Action", "Eval")], code).await?;
        match sent.outcome.error {
            Some(reason) => Err(self.rejected("eval", reason)),
            None => Ok(sent.outcome),
        }
    }

    // ------------------------------------------------------------------------------------------------------------ history

    /// A message by its id, or `None` where it is not scheduled.
    ///
    /// # Errors
    /// [`ChainError::Transient`] where no scheduler answers.
    pub async fn scheduled(&self, process: Id, message: Id) -> Result<Option<Scheduled>, ChainError> {
        self.ask(&self.schedulers, "message", |su| async move { scheduler::message(&su, process, message).await }).await
    }

    /// The newest message of a process.
    ///
    /// # Errors
    /// [`ChainError::Transient`] where no scheduler knows the process.
    pub async fn latest(&self, process: Id) -> Result<Scheduled, ChainError> {
        self.ask(&self.schedulers, "latest", |su| async move {
            let found = scheduler::latest(&su, process).await?;
            found.ok_or_else(|| CallError::Behind(format!("process {process} is not known")))
        })
        .await
    }

    /// What the scheduler's clock shows, in seconds.
    ///
    /// # Errors
    /// [`ChainError::Transient`] where no scheduler says it.
    pub async fn now(&self) -> Result<u64, ChainError> {
        self.ask(&self.schedulers, "timestamp", |su| async move { scheduler::now(&su).await }).await
    }

    /// A time that has passed: the earliest of what the clocks of all schedulers that answer show, so that one which is wrong ends nothing.
    ///
    /// # Errors
    /// [`ChainError::Transient`] where no scheduler says it.
    pub async fn at_least(&self) -> Result<u64, ChainError> {
        let said = self.schedulers.everyone("timestamp", |su| async move { scheduler::now(&su).await }).await;
        let said = said.map_err(|error| self.error("timestamp", error))?;
        Ok(said.into_iter().map(|answer| answer.value).min().unwrap_or_default())
    }

    /// The messages of a process with the numbers `first` to `last`, [`scheduler::PAGE`] at most, as far as they are there.
    ///
    /// # Errors
    /// [`ChainError::Transient`] where no scheduler gives them.
    pub async fn history(&self, process: Id, first: u64, last: u64) -> Result<Vec<Scheduled>, ChainError> {
        self.ask(&self.schedulers, "history", |su| async move { scheduler::history(&su, process, first, last).await })
            .await
    }

    /// The first message of `process`, from the one numbered `first` on, that `wanted` is true of; waits for it.
    ///
    /// # Errors
    /// [`ChainError::Transient`] where the deadline passes before it comes.
    pub async fn awaited(
        &self,
        process: Id,
        first: u64,
        wanted: impl Fn(&Scheduled) -> bool + Sync,
    ) -> Result<Scheduled, ChainError> {
        let mut next = first;
        let begun = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            let page = self.history(process, next, next.saturating_add(scheduler::PAGE)).await.unwrap_or_default();
            next = page.last().map_or(next, |last| last.nonce.saturating_add(1));
            let came = !page.is_empty();
            if let Some(found) = page.into_iter().find(|message| wanted(message)) {
                return Ok(found);
            }
            if begun.elapsed() >= self.deadline() {
                return Err(self.transient("history", format!("what was waited for did not come to {process} in time")));
            }
            if !came {
                sleep(pause).await;
                pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
            }
        }
    }

    // ------------------------------------------------------------------------------------------------------------ results

    /// What became of a message, or `None` where it is not evaluated yet.
    ///
    /// # Errors
    /// [`ChainError::Transient`] where no compute unit answers.
    pub async fn result(&self, process: Id, message: Id) -> Result<Option<Outcome>, ChainError> {
        self.ask(&self.compute_units, "result", |cu| async move { compute::result(&cu, process, message).await }).await
    }

    /// What became of a message; waits for it.
    ///
    /// # Errors
    /// [`ChainError::Transient`] where no compute unit has evaluated it when the deadline passes.
    pub async fn outcome(&self, process: Id, message: Id) -> Result<Outcome, ChainError> {
        self.until("result", || self.result(process, message)).await
    }

    /// What a message would do.
    ///
    /// # Errors
    /// [`ChainError::Rejected`] where its evaluation fails as a whole, [`ChainError::Transient`] where no compute unit answers.
    pub async fn dry_run(&self, process: Id, trial: &Trial) -> Result<Outcome, ChainError> {
        let outcome =
            self.ask(&self.compute_units, "dry-run", |cu| async move { compute::dry_run(&cu, process, trial).await });
        let outcome = outcome.await?;
        match outcome.error {
            Some(reason) => Err(self.rejected("dry-run", reason)),
            None => Ok(outcome),
        }
    }

    /// An account's balance at a process that keeps the token standard, in its own units.
    ///
    /// # Errors
    /// As [`Network::dry_run`].
    pub async fn balance(&self, token: Id, account: Id) -> Result<u128, ChainError> {
        let trial = Trial::new(&[("Action", "Balance"), ("Recipient", &account.to_string())]);
        let trial = &trial;
        let ask = |cu: Arc<Http>| async move { balance(&compute::dry_run(&cu, token, trial).await?) };
        self.ask(&self.compute_units, "balance", ask).await
    }

    // ------------------------------------------------------------------------------------------------------------- common

    /// What one endpoint says, and the next one where that does not.
    pub(crate) async fn ask<T, F, Fut>(&self, pool: &Pool<Http>, call: impl Into<Call>, ask: F) -> Result<T, ChainError>
    where
        F: Fn(Arc<Http>) -> Fut,
        Fut: Future<Output = Result<T, UnitError>>,
    {
        let call = call.into();
        pool.call(call, ask).await.map(|answer| answer.value).map_err(|error| self.error(call.what(), error))
    }

    /// Asks again until there is an answer. What is transient is asked again, too.
    async fn until<T, F, Fut>(&self, what: &'static str, ask: F) -> Result<T, ChainError>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<Option<T>, ChainError>>,
    {
        let begun = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            let failure = match ask().await {
                Ok(Some(found)) => return Ok(found),
                Ok(None) => self.transient(what, "it is not there yet"),
                Err(error @ (ChainError::Transient { .. } | ChainError::RateLimited { .. })) => error,
                Err(error) => return Err(error),
            };
            debug!(network = self.name(), what, %failure, "asked in vain");
            if begun.elapsed() >= self.deadline() {
                return Err(failure);
            }
            sleep(pause).await;
            pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
        }
    }

    fn deadline(&self) -> Duration {
        Duration::from_millis(self.config.deadline_ms)
    }

    pub(crate) fn error(&self, what: &'static str, error: PoolError<Refusal>) -> ChainError {
        match error {
            PoolError::RateLimited => ChainError::RateLimited { chain: self.name().to_owned(), what },
            PoolError::Refused { reason, .. } => self.rejected(what, reason.reason),
            error @ (PoolError::Exhausted(_) | PoolError::NoQuorum { .. }) => self.transient(what, error.to_string()),
        }
    }

    pub(crate) fn transient(&self, what: &'static str, detail: impl Into<String>) -> ChainError {
        ChainError::Transient { chain: self.name().to_owned(), what, detail: detail.into() }
    }

    pub(crate) fn rejected(&self, what: &'static str, reason: impl Into<String>) -> ChainError {
        ChainError::Rejected { chain: self.name().to_owned(), what, reason: reason.into() }
    }
}

/// 32 letters that nobody has used.
pub(crate) fn anchor() -> [u8; 32] {
    let mut random = [0; 16];
    // It fails only where the system has no randomness at all; then two equal messages are one.
    let _ = rand::fill(&mut random);
    let mut anchor = [b'0'; 32];
    for (place, byte) in anchor.chunks_exact_mut(2).zip(random) {
        for (letter, half) in place.iter_mut().zip([byte >> 4, byte & 15]) {
            *letter = if half < 10 { b'0'.saturating_add(half) } else { b'a'.saturating_add(half).saturating_sub(10) };
        }
    }
    anchor
}

/// The balance that a token answers with.
pub(crate) fn balance(outcome: &Outcome) -> Result<u128, UnitError> {
    let text = outcome.messages.iter().find_map(|message| message.tag("Balance").or(Some(message.data.as_str())));
    let balance = text.and_then(|text| text.parse().ok());
    balance.ok_or_else(|| CallError::Fault(format!("the token answers no balance: {:?}", outcome.messages.first())))
}

/// JSON that a process answered with.
pub(crate) fn json<T: DeserializeOwned + Debug>(text: &str) -> Result<T, UnitError> {
    serde_json::from_str(text)
        .map_err(|error| CallError::Garbage(format!("{error} in {:?}", text.chars().take(120).collect::<String>())))
}
