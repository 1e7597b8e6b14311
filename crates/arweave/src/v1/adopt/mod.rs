//! The planner that completes mints and burns of V1 with the processes untouched.
//!
//! The daemon's wallet sits in the slots of both managers: at the Coordinator as the managers, at the managers as the Coordinator. It passes on
//! what the Coordinator asks for and what the managers answer, adds what their answers leave out, and names the lock in every unlock.
//!
//! The planner holds no connection and no clock. It is told what was [`Seen`], in any order and as often as one likes, and says in
//! [`Planner::next`] what to do. What it knows follows from the histories of the processes, the journal, and answers to
//! look-ups, so that a restart is being told again. Rules that it keeps:
//!
//! * A message is named by a [`Step`]; it is signed once, journaled, and sent again only as the same bytes. A second message for the same purpose
//!   is made only when the first is known to have done nothing.
//! * Before a lock, a mint, a burn or an unlock is asked for, and after every answer that was lost, it is looked up by its purpose.
//! * Nothing is minted unless its lock holds the collateral, in the Lock Manager and at the token; nothing is burned unless locks of minted
//!   tokens cover it. A lock that becomes no token is released. What the Coordinator forgot is finished without it.
//! * One unlock of a user at a time, because the Lock Manager tells unlocks apart by user and amount alone (H7).
//! * Silence is no failure. What takes long is reported, not repeated.
//! * When somebody else sets what must hold, everything stops until a human says [`Planner::resume`].

mod burn;
mod facts;
mod mint;
mod plan;
pub mod step;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use self::facts::Facts;
use super::Role;
use super::books::{Books, Disagreement, Unbooked, judge};
use super::configuration::{Deployment, Intrusion, Setting, Watch};
use super::coordinator::{Processes, Request, Says};
use super::lock_manager::Lock;
use super::message::{Message, Received};
use super::name::Purpose;
use super::quantity::Quantity;
use super::token_manager::Operation;
pub use step::{Step, StepKind};

/// How patient the planner is; milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// After this long in one place an operation is reported. Minutes: processes take that long.
    pub report_after: u64,
    /// After this long a lock without a mint, or a burn without an unlock, that the daemon did not cause counts as stranded.
    pub stranded_after: u64,
}

/// What is asked of a compute unit by dry-run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LookUp {
    /// Lock Manager ← `GetLockInfo` of a user.
    Locks(String),
    /// Token Manager ← `GetOperation` of a user's mints.
    Mints(String),
    /// Token Manager ← `GetOperation` of a user's burns.
    Burns(String),
    /// Token Manager ← `Balance` of a user.
    Balance(String),
    /// Collateral token ← `Balance` of a user.
    Held(String),
}

/// What came of a message of the daemon's: the result that a compute unit has for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Outcome {
    /// What the process sent.
    pub messages: Vec<Message>,
    /// That the handler failed.
    pub error: Option<String>,
}

/// Something that was seen. Answers to look-ups must not be of an older state than what was seen before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// The daemon has signed and journaled this, and perhaps sent it.
    Signed(Step, Message),
    /// What came of it.
    Answered(Step, Outcome),
    /// A message that the Coordinator sent, from its outbox.
    Sent(Message),
    /// A message that a process took in, from its history.
    Received(Role, Received),
    /// The answer to [`LookUp::Locks`].
    Locks(String, BTreeMap<String, Lock>),
    /// The answer to [`LookUp::Mints`].
    Mints(String, BTreeMap<String, Operation>),
    /// The answer to [`LookUp::Burns`].
    Burns(String, BTreeMap<String, Operation>),
    /// The answer to [`LookUp::Balance`]: a user's tokens.
    Balance(String, Quantity),
    /// The answer to [`LookUp::Held`]: what the token has locked of a user.
    Held(String, Quantity),
    /// What the Coordinator answers to `GetConfig`.
    Config(Processes),
    /// The books, read while [`Planner::on_its_way`] was nought before and after.
    Books(Books),
    /// Journal, outbox and histories have been told up to now. Nothing is planned before.
    CaughtUp,
}

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Intent {
    /// Sign, journal and send this.
    Send {
        /// Its name.
        step: Step,
        /// To whom.
        role: Role,
        /// What.
        message: Message,
    },
    /// Find out what came of this: poll its result; when no unit knows the item, send the same bytes again.
    Settle(Step),
    /// Ask this, and tell the answer.
    LookUp(LookUp),
}

/// How an operation ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "end", content = "why")]
pub enum End {
    /// As its user wanted, and it is in the Coordinator's books.
    Completed,
    /// A process refused it; what was locked is released.
    Refused(String),
    /// The Coordinator forgot it, or nobody had wanted it; what was locked is released.
    Cancelled,
    /// Done, and not in the Coordinator's books: it had forgotten it.
    Unbooked,
}

/// What an open operation waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Waiting {
    /// For the result of a message.
    Answer,
    /// For the answer to a look-up.
    LookUp,
    /// For the collateral token to confirm a lock. If it refused, this is for ever, and nothing is locked.
    Lock,
    /// For the collateral token to let go. If the user had freed it himself, this is for ever, and he has it.
    Unlock,
    /// For another operation of the same user.
    Turn,
    /// For locks of minted tokens that cover what is to be burned or released.
    Cover,
    /// The token has less locked than the Lock Manager's locks say: somebody freed collateral past it (H2).
    FreedPastLocks,
    /// An answer could not be understood: a human has to look.
    Understanding,
    /// For everything to go on.
    Halt,
}

/// Why everything has stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "cause")]
pub enum Halt {
    /// Somebody else set what must hold.
    Taken(Intrusion),
    /// The books disagree in a way that lets nobody mint.
    Books {
        /// How.
        disagreements: Vec<Disagreement>,
    },
    /// An operator wants it so.
    Operator {
        /// Why.
        why: String,
    },
}

/// Something that somebody should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "finding")]
pub enum Finding {
    /// Everything has stopped.
    Halted {
        /// Why.
        halt: Halt,
    },
    /// Somebody else changed a setting that need not be so.
    Changed {
        /// What.
        intrusion: Intrusion,
    },
    /// An operation has been in one place for long.
    Stalled {
        /// Which.
        purpose: Purpose,
        /// What it waits for.
        waiting: Waiting,
        /// Since when, milliseconds.
        since: u64,
    },
    /// An operation is done and will never be in the Coordinator's books.
    Unbooked {
        /// Which.
        purpose: Purpose,
    },
    /// A message that was not understood, or that asks for what is not done here.
    Ignored {
        /// What.
        what: String,
    },
    /// The books disagree.
    Books {
        /// How.
        disagreement: Disagreement,
    },
}

/// An operation, for who wants to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View<'a> {
    /// Which.
    pub purpose: &'a Purpose,
    /// How much; nothing where that is not known.
    pub amount: Option<Quantity>,
    /// Whether it was found stranded, and is nothing that the Coordinator asked for while the daemon looked.
    pub is_stranded: bool,
    /// What it waits for while it is open.
    pub waiting: Waiting,
    /// Since when, milliseconds.
    pub since: u64,
    /// How it ended, if it has.
    pub end: Option<&'a End>,
}

/// An operation, as it is known.
#[derive(Clone, Debug)]
struct Operated {
    /// What the Coordinator asked for first; nothing for what was found stranded.
    asked: Option<Request>,
    /// What the Coordinator asked for second: the mint, or the unlock.
    then: Option<Request>,
    expired: bool,
    booked: bool,
    /// Look-ups older than this are no ground for anything.
    mark: u64,
    waiting: (Waiting, u64),
    end: Option<End>,
}

/// What is to be done next about one operation.
enum Decision {
    Do(Box<Intent>),
    Wait(Waiting, Vec<Intent>),
    End(End),
}

/// The planner.
#[derive(Clone, Debug)]
pub struct Planner {
    deployment: Deployment,
    patience: Patience,
    watch: Watch,
    facts: Facts,
    operations: BTreeMap<Purpose, Operated>,
    unlocks_asked: BTreeSet<Purpose>,
    /// Users of messages between the processes, and when they were last in one.
    users: BTreeMap<String, u64>,
    caught_up: bool,
    halt: Option<Halt>,
    changed: Vec<Intrusion>,
    ignored: BTreeSet<String>,
    disagreements: Vec<Disagreement>,
}

/// Findings of one sort that are kept; an attacker decides how many there are.
const KEPT: usize = 100;

impl Planner {
    /// Knows nothing yet.
    #[must_use]
    pub fn new(deployment: Deployment, patience: Patience) -> Self {
        Self {
            watch: Watch::new(deployment.clone()),
            deployment,
            patience,
            facts: Facts::default(),
            operations: BTreeMap::new(),
            unlocks_asked: BTreeSet::new(),
            users: BTreeMap::new(),
            caught_up: false,
            halt: None,
            changed: Vec::new(),
            ignored: BTreeSet::new(),
            disagreements: Vec::new(),
        }
    }

    /// Takes in what was seen at `now`, milliseconds.
    pub fn observe(&mut self, now: u64, seen: Seen) {
        let at = self.facts.tick();
        match seen {
            Seen::Signed(step, message) => {
                if self.facts.signed(&step, message) {
                    self.touch(step.purpose.as_ref(), at);
                }
            }
            Seen::Answered(step, outcome) => self.answered(now, &step, &outcome),
            Seen::Sent(message) => self.coordinator_sent(now, &message),
            Seen::Received(role, received) => self.received(role, &received),
            Seen::Locks(user, locks) => self.facts.locks_of(now, user, locks),
            Seen::Mints(user, mints) => self.facts.mints_of(user, mints),
            Seen::Burns(user, burns) => self.facts.burns_of(now, user, burns),
            Seen::Balance(user, balance) => self.facts.balance_of(user, balance),
            Seen::Held(user, held) => self.facts.held_of(user, held),
            Seen::Config(processes) => {
                let intrusions = self.watch.told(&processes);
                self.intruded(intrusions);
            }
            Seen::Books(books) => self.booked(&books),
            Seen::CaughtUp => self.caught_up = true,
        }
    }

    fn touch(&mut self, purpose: Option<&Purpose>, at: u64) {
        if let Some(operation) = purpose.and_then(|purpose| self.operations.get_mut(purpose)) {
            operation.mark = at;
        }
    }

    fn ignore(&mut self, what: impl ToString) {
        if self.ignored.len() < KEPT {
            self.ignored.insert(what.to_string());
        }
    }

    fn intruded(&mut self, intrusions: Vec<Intrusion>) {
        for intrusion in intrusions {
            if intrusion.required.is_some() {
                self.halt.get_or_insert(Halt::Taken(intrusion));
            } else if self.changed.len() < KEPT {
                self.changed.push(intrusion);
            }
        }
    }

    fn booked(&mut self, books: &Books) {
        self.disagreements = judge(books, &self.unbooked());
        let halting: Vec<_> = self.disagreements.iter().copied().filter(|d| d.halts()).collect();
        if !halting.is_empty() {
            self.halt.get_or_insert(Halt::Books { disagreements: halting });
        }
    }

    fn received(&mut self, role: Role, received: &Received) {
        let intrusions = self.watch.received(role, received);
        self.intruded(intrusions);
        let message = &received.message;
        if received.from == self.deployment.daemon {
            // The journal may have been lost: what the daemon did is in the history all the same.
            if let Some(step) = Step::of(message) {
                let at = self.facts.tick();
                if self.facts.signed(&step, message.clone()) {
                    self.touch(step.purpose.as_ref(), at);
                }
            }
        }
        let user = match (role, message.action()) {
            (Role::LockManager, "LockCollateral") | (Role::TokenManager, "Burn") => message.tag("User"),
            (Role::TokenManager, "Mint") => message.tag("Recipient"),
            _ => None,
        };
        if let Some(user) = user.filter(|_| received.from != self.deployment.daemon) {
            let at = self.facts.tick();
            self.users.insert(user.to_owned(), at);
        }
        if (role, message.action()) == (Role::LockManager, "UnlockCollateral") {
            self.unlocks_asked.extend(message.tag("Purpose").and_then(|purpose| purpose.parse().ok()));
        }
    }

    fn answered(&mut self, now: u64, step: &Step, outcome: &Outcome) {
        let at = self.facts.tick();
        if !self.facts.answered(now, step, outcome) {
            return;
        }
        self.touch(step.purpose.as_ref(), at);
        // What the Coordinator says to being told is in its outbox, too; here it is known to be all that it says.
        if matches!(
            step.kind,
            StepKind::TellLocked | StepKind::TellMinted | StepKind::TellBurned | StepKind::TellUnlocked
        ) {
            for message in &outcome.messages {
                self.coordinator_sent(now, message);
            }
        }
    }

    /// A message of the Coordinator's, seen any number of times.
    fn coordinator_sent(&mut self, now: u64, message: &Message) {
        let said = match Says::decode(message) {
            Ok(said) => said,
            Err(malformed) => return self.ignore(malformed),
        };
        let at = self.facts.tick();
        let to_us = message.target == self.deployment.daemon;
        match said {
            Says::LockCollateral(request) | Says::Burn(request) if to_us => self.begin(now, at, request),
            Says::Mint(request) | Says::UnlockCollateral(request) if to_us => match self
                .operations
                .get_mut(&request.purpose)
            {
                Some(operation) if operation.then.is_none() => (operation.then, operation.mark) = (Some(request), at),
                Some(_) => {}
                None => self.ignore(format_args!(
                    "the Coordinator asks for the second half of {}, whose first is not known",
                    request.purpose
                )),
            },
            Says::UnlockCollateral(request) => {
                self.unlocks_asked.insert(request.purpose);
            }
            Says::Expired(id) => {
                if let Some(operation) = self.operations.get_mut(&Purpose::from(id)) {
                    operation.expired = true;
                }
            }
            Says::Minted { id, .. } | Says::Burned { id, .. } => {
                if let Some(operation) = self.operations.get_mut(&Purpose::from(id)) {
                    operation.booked = true;
                }
            }
            _ => {}
        }
    }

    fn begin(&mut self, now: u64, at: u64, request: Request) {
        if !request.amount.quantity.is_positive() || request.purpose.id().user() != request.user {
            return self.ignore(format_args!(
                "the Coordinator asks for {} of {:?}: not a request that can be served",
                request.purpose, request.user
            ));
        }
        let known = self
            .operations
            .entry(request.purpose.clone())
            .or_insert_with(|| Operated::new(Some(request.clone()), at, now));
        // The same id for another operation (H13), and not only seen again.
        if known.asked.as_ref() != Some(&request) {
            self.ignore(format_args!("a second operation with the id of {}", request.purpose));
        }
    }

    /// Every operation, as it is known.
    pub fn operations(&self) -> impl Iterator<Item = View<'_>> {
        self.operations.iter().map(|(purpose, operation)| View {
            purpose,
            amount: operation.asked.as_ref().map(|asked| asked.amount.quantity).or_else(|| self.facts.amount(purpose)),
            is_stranded: operation.asked.is_none(),
            waiting: operation.waiting.0,
            since: operation.waiting.1,
            end: operation.end.as_ref(),
        })
    }

    /// What is known to be missing in the Coordinator's books.
    #[must_use]
    pub fn unbooked(&self) -> Unbooked {
        let mut unbooked = Unbooked::default();
        for (purpose, operation) in &self.operations {
            if operation.end == Some(End::Unbooked) {
                let amount =
                    operation.asked.as_ref().map(|asked| asked.amount.quantity).or_else(|| self.facts.amount(purpose));
                let sum = if purpose.is_burn() { &mut unbooked.burns } else { &mut unbooked.mints };
                *sum = amount.and_then(|amount| sum.checked_add(amount)).unwrap_or(*sum);
            }
        }
        unbooked
    }

    /// What must hold and does not, as far as is known: the daemon is not in all of its slots.
    #[must_use]
    pub fn missing(&self) -> Vec<Setting> {
        self.watch.missing()
    }

    /// How many operations are open.
    #[must_use]
    pub fn on_its_way(&self) -> usize {
        self.operations.values().filter(|operation| operation.end.is_none()).count()
    }

    /// Everybody who is known to have had collateral or tokens.
    #[must_use]
    pub fn users(&self) -> Vec<String> {
        let operating = self.operations.keys().map(|purpose| purpose.id().user().to_owned());
        operating.chain(self.users.keys().cloned()).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// How an operation ended, if it has.
    #[must_use]
    pub fn end(&self, purpose: &Purpose) -> Option<&End> {
        self.operations.get(purpose)?.end.as_ref()
    }

    /// How all operations ended that have.
    #[must_use]
    pub fn ends(&self) -> Vec<&End> {
        self.operations.values().filter_map(|operation| operation.end.as_ref()).collect()
    }

    /// Why everything has stopped, if it has.
    #[must_use]
    pub const fn halted(&self) -> Option<&Halt> {
        self.halt.as_ref()
    }

    /// Stops everything until [`Planner::resume`].
    pub fn stop(&mut self, why: String) {
        self.halt.get_or_insert(Halt::Operator { why });
    }

    /// A human has looked: goes on, and puts the daemon back into its slots. What the processes had taken in up to these places of their
    /// histories is nothing to stop for again.
    pub fn resume(&mut self, seen: BTreeMap<Role, u64>) {
        self.watch.forgive(seen);
        self.halt = None;
        self.changed.clear();
        self.ignored.clear();
    }

    /// What somebody should know.
    #[must_use]
    pub fn findings(&self, now: u64) -> Vec<Finding> {
        let halted = self.halt.iter().map(|halt| Finding::Halted { halt: halt.clone() });
        let changed = self.changed.iter().map(|intrusion| Finding::Changed { intrusion: intrusion.clone() });
        let ignored = self.ignored.iter().map(|what| Finding::Ignored { what: what.clone() });
        let books = self.disagreements.iter().map(|disagreement| Finding::Books { disagreement: *disagreement });
        let operations = self.operations.iter().filter_map(|(purpose, operation)| {
            let (waiting, since) = operation.waiting;
            match operation.end {
                Some(End::Unbooked) => Some(Finding::Unbooked { purpose: purpose.clone() }),
                None if now.saturating_sub(since) > self.patience.report_after => {
                    Some(Finding::Stalled { purpose: purpose.clone(), waiting, since })
                }
                _ => None,
            }
        });
        halted.chain(changed).chain(books).chain(operations).chain(ignored).collect()
    }
}

impl Operated {
    const fn new(asked: Option<Request>, mark: u64, now: u64) -> Self {
        Self { asked, then: None, expired: false, booked: false, mark, waiting: (Waiting::LookUp, now), end: None }
    }
}
