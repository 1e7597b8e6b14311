//! The shell around the planner: tells it what the units say, and does what it wants.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
};

use thiserror::Error;
use tim3_chain::ChainError;
use tracing::{info, warn};

use super::{
    Role,
    adopt::{Finding, Halt, Intent, Patience, Planner, Seen, Step},
    books::Books,
    journal::{Entry, Memory, MemoryError, Signed},
    message::Message,
    network::Processes,
    probe::{Decimals, Unfit, judge},
};
use crate::{
    ans104::{BadItem, DataItem, Tag},
    id::Id,
    wallet::Wallet,
};

/// Why processes are not adopted, or a round did not come to its end.
#[derive(Debug, Error)]
pub enum DriveError {
    /// The processes are not what they must be.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Unfit(Vec<Unfit>),
    /// The wallet is not the one that the configuration calls the daemon's.
    #[error("the wallet is {found}, the configuration names {expected} as the daemon's; correct one of them")]
    Wallet {
        /// The wallet's address.
        found: Id,
        /// What is configured.
        expected: String,
    },
    /// The units do not answer; the next round goes on.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// What was to be sent could not be written down, and was not sent.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// The journal has an item that is none.
    #[error("the journal's item of {step} is none: {error}")]
    Item {
        /// Which step.
        step: Step,
        /// Why.
        error: BadItem,
    },
}

/// Everything of five adopted processes.
pub struct Driver {
    processes: Processes,
    wallet: Wallet,
    planner: Planner,
    memory: Box<dyn Memory>,
    /// The bytes of what was signed; without a journal, only the id that history shows.
    items: BTreeMap<Step, (Id, Option<Vec<u8>>)>,
    /// Next message of each history, and of the Coordinator's results.
    next: BTreeMap<Role, u64>,
    results: VecDeque<Id>,
    /// How far the processes were when their books were judged, and what they said.
    judged: Option<(Vec<u64>, Books)>,
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").field("deployment", self.processes.deployment()).finish_non_exhaustive()
    }
}

/// Histories that are followed.
const FOLLOWED: [Role; 3] = [Role::Coordinator, Role::LockManager, Role::TokenManager];

impl Driver {
    /// Probes the processes, and begins where the journal ends.
    ///
    /// # Errors
    /// [`DriveError::Unfit`] when the processes cannot be adopted, each reason with what to do.
    pub async fn start(
        processes: Processes,
        wallet: Wallet,
        decimals: Decimals,
        patience: Patience,
        memory: Box<dyn Memory>,
        now: u64,
    ) -> Result<Self, DriveError> {
        let deployment = processes.deployment().clone();
        if wallet.address().to_string() != deployment.daemon {
            return Err(DriveError::Wallet { found: wallet.address(), expected: deployment.daemon });
        }
        let found = processes.probe().await?;
        info!(?found, "what the V1 processes show themselves to be");
        let unfit = judge(&found, decimals);
        if !unfit.is_empty() {
            return Err(DriveError::Unfit(unfit));
        }
        let mut planner = Planner::new(deployment, patience);
        let mut items = BTreeMap::new();
        for entry in memory.recall()? {
            match entry {
                Entry::Signed(Signed { step, message, raw }) => {
                    let item =
                        DataItem::decode(&raw).map_err(|error| DriveError::Item { step: step.clone(), error })?;
                    items.insert(step.clone(), (item.id(), Some(raw)));
                    planner.observe(now, Seen::Signed(step, message));
                }
                Entry::Stopped { why } => planner.stop(why),
                Entry::Resumed { seen } => planner.resume(seen),
            }
        }
        Ok(Self {
            processes,
            wallet,
            planner,
            memory,
            items,
            next: BTreeMap::new(),
            results: VecDeque::new(),
            judged: None,
        })
    }

    /// Reads what is new, and does what is to be done; `now` in milliseconds. Gives whether anything was sent or is still open.
    ///
    /// # Errors
    /// [`DriveError`]; the next round goes on where this one ended.
    pub async fn round(&mut self, now: u64) -> Result<bool, DriveError> {
        self.read(now).await?;
        let intents = self.planner.next(now);
        let busy = !intents.is_empty() || self.planner.on_its_way() > 0;
        for intent in intents {
            self.act(now, intent).await?;
        }
        if self.planner.on_its_way() == 0 {
            self.judge(now).await?;
        }
        Ok(busy)
    }

    /// Reads what is new, and does nothing: for who only wants to know.
    ///
    /// # Errors
    /// As [`Driver::round`].
    pub async fn look(&mut self, now: u64) -> Result<(), DriveError> {
        self.read(now).await?;
        self.judge(now).await
    }

    async fn read(&mut self, now: u64) -> Result<(), DriveError> {
        self.follow(now).await?;
        let slots = self.processes.slots().await?;
        self.planner.observe(now, Seen::Config(slots));
        Ok(())
    }

    /// Reads the books when anything has happened since they were read.
    async fn judge(&mut self, now: u64) -> Result<(), DriveError> {
        let heads = self.processes.heads().await?;
        if self.judged.as_ref().is_some_and(|(judged, _)| *judged == heads) {
            return Ok(());
        }
        let books = self.processes.books(&self.planner.users()).await?;
        // What was scheduled meanwhile may be in some books and not in others.
        if self.processes.heads().await? == heads {
            self.planner.observe(now, Seen::Books(books));
            self.judged = Some((heads, books));
        }
        Ok(())
    }

    /// Reads histories and the Coordinator's outbox up to now.
    async fn follow(&mut self, now: u64) -> Result<(), DriveError> {
        for role in FOLLOWED {
            loop {
                let next = self.next.entry(role).or_default();
                let page = self.processes.history(role, *next).await?;
                let Some(last) = page.last() else { break };
                *next = last.nonce.saturating_add(1);
                for received in page {
                    let id = received.id.parse::<Id>().ok();
                    if let (Some(id), Some(step)) = (id, Step::of(&received.message))
                        && received.from == self.processes.deployment().daemon
                    {
                        self.items.entry(step).or_insert((id, None));
                    }
                    if role == Role::Coordinator {
                        self.results.extend(id);
                    }
                    self.planner.observe(now, Seen::Received(role, received));
                }
            }
        }
        while let Some(item) = self.results.front().copied() {
            // What is not evaluated yet holds up what comes after it.
            let Some(outcome) = self.processes.result(Role::Coordinator, item).await? else { return Ok(()) };
            for message in outcome.messages {
                self.planner.observe(now, Seen::Sent(message));
            }
            self.results.pop_front();
        }
        self.planner.observe(now, Seen::CaughtUp);
        Ok(())
    }

    async fn act(&mut self, now: u64, intent: Intent) -> Result<(), DriveError> {
        match intent {
            Intent::Send { step, role, message } => self.send(now, step, role, message).await,
            Intent::Settle(step) => self.settle(now, step).await,
            Intent::LookUp(look_up) => {
                let seen = self.processes.look_up(look_up).await?;
                self.planner.observe(now, seen);
                Ok(())
            }
        }
    }

    async fn send(&mut self, now: u64, step: Step, role: Role, message: Message) -> Result<(), DriveError> {
        let tags: Vec<Tag> = message.tags.iter().map(|(name, value)| Tag::new(name.as_str(), value.as_str())).collect();
        let item = self.processes.network().message(&self.wallet, self.processes.id(role), &tags, &message.data)?;
        let raw = item.raw().to_vec();
        let signed = Signed { step: step.clone(), message: message.clone(), raw: raw.clone() };
        self.memory.record(&Entry::Signed(signed)).await?;
        info!(%step, item = %item.id(), %role, "sends");
        self.planner.observe(now, Seen::Signed(step.clone(), message));
        self.items.insert(step, (item.id(), Some(raw.clone())));
        self.post(&raw).await
    }

    async fn post(&self, raw: &[u8]) -> Result<(), DriveError> {
        // Whether it arrived is found out by its result.
        if let Err(error) = self.processes.network().post(raw).await {
            warn!(%error, "a message may not have arrived");
        }
        Ok(())
    }

    async fn settle(&mut self, now: u64, step: Step) -> Result<(), DriveError> {
        let Some((item, raw)) = self.items.get(&step) else { return Ok(()) };
        let Some(role) = role_of(&step).or_else(|| self.configured(raw.as_deref())) else {
            return Ok(());
        };
        if let Some(outcome) = self.processes.result(role, *item).await? {
            self.planner.observe(now, Seen::Answered(step, outcome));
            return Ok(());
        }
        if self.processes.network().scheduled(self.processes.id(role), *item).await?.is_none()
            && let Some(raw) = raw
        {
            self.post(raw).await?;
        }
        Ok(())
    }

    /// Whom a setting was sent to.
    fn configured(&self, raw: Option<&[u8]>) -> Option<Role> {
        let target = DataItem::decode(raw?).ok()?.draft().target?;
        Role::ALL.into_iter().find(|role| self.processes.id(*role) == target)
    }

    /// The planner, to read.
    #[must_use]
    pub const fn planner(&self) -> &Planner {
        &self.planner
    }

    /// What somebody should know.
    #[must_use]
    pub fn findings(&self, now: u64) -> Vec<Finding> {
        self.planner.findings(now)
    }

    /// Why everything has stopped, if it has.
    #[must_use]
    pub const fn halted(&self) -> Option<&Halt> {
        self.planner.halted()
    }

    /// The books as they were read last, while nothing was on its way.
    #[must_use]
    pub fn books(&self) -> Option<&Books> {
        self.judged.as_ref().map(|(_, books)| books)
    }

    /// An operator stops everything, until [`Driver::resume`].
    ///
    /// # Errors
    /// [`DriveError::Memory`], and then it is stopped only until the next start.
    pub async fn stop(&mut self, why: String) -> Result<(), DriveError> {
        self.planner.stop(why.clone());
        Ok(self.memory.record(&Entry::Stopped { why }).await?)
    }

    /// A human has looked: goes on, and puts the daemon back into its slots. What was seen until now is nothing to stop for again, also
    /// after a restart.
    ///
    /// # Errors
    /// [`DriveError::Memory`], and then it does not go on.
    pub async fn resume(&mut self) -> Result<(), DriveError> {
        let seen: BTreeMap<Role, u64> =
            self.next.iter().filter_map(|(role, next)| Some((*role, next.checked_sub(1)?))).collect();
        self.memory.record(&Entry::Resumed { seen: seen.clone() }).await?;
        self.planner.resume(seen);
        Ok(())
    }
}

/// Whom a step is sent to; settings go to any.
const fn role_of(step: &Step) -> Option<Role> {
    use super::adopt::StepKind as K;
    match step.kind {
        K::Configure => None,
        K::Lock | K::Release | K::Unlock => Some(Role::LockManager),
        K::Mint | K::Burn => Some(Role::TokenManager),
        K::TellLocked | K::TellMinted | K::TellBurned | K::TellUnlocked => Some(Role::Coordinator),
    }
}
