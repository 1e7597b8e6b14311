//! All keepers in one place: inputs in, decisions out.

mod inputs;
mod inventory;
mod liquidations;
mod map;
mod open;
mod outcomes;
mod page;
mod prices;
mod sizing;
mod trades;

use std::collections::BTreeMap;

use tim3_domain::price::Verdict;

use crate::{
    arbitrage::Fill,
    config::{Config, Mode},
    decision::{Action, Check, Decision, Number, Relation, Rule, Subject},
    error::KeeperError,
    flight::Flights,
    input::{Outcome, Recorded},
    ledger::{Difference, Entry, Ledger},
    limits::Budget,
    price::Source,
    risk::Book,
};
use map::Map;
pub use open::OpenTrade;
pub use page::Carried;

/// A balance, by chain and asset.
type Place = (String, String);

/// What an input led to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// What was decided.
    pub decisions: Vec<Decision>,
    /// What came into the ledger.
    pub entries: Vec<Entry>,
    /// Where a chain has something else than the ledger says. The chain is right; somebody should know.
    pub differences: Vec<Difference>,
}

/// The state of all keepers; a function of the configuration and of all inputs so far.
#[derive(Clone, Debug)]
pub struct Keeper {
    config: Config,
    now_ms: u64,
    input: u64,
    next_decision: u64,
    is_paused: bool,
    heads: BTreeMap<String, Head>,
    sources: BTreeMap<String, Source>,
    books: BTreeMap<String, Book>,
    map: Map,
    holdings: BTreeMap<Place, u128>,
    quotas: BTreeMap<Place, u128>,
    levels: BTreeMap<Place, u8>,
    gas: BTreeMap<String, Gas>,
    flights: Flights,
    /// What a mode used of its caps, and what it came to, is no other one's.
    budgets: BTreeMap<Mode, Budget>,
    ledger: Ledger,
    pending: BTreeMap<u64, Pending>,
    open: BTreeMap<u64, OpenTrade>,
    /// What would be begun by the look that is under way, in the modes in which it is not.
    supposed: Vec<Pending>,
    /// Why each subject that is looked at was left the last time, so that the same is not said again.
    left: BTreeMap<Subject, Rule>,
    /// What would have been done about each subject the last time, where nothing is: it did not happen, so it shows again.
    acted: BTreeMap<Subject, Action>,
}

#[derive(Clone, Copy, Debug)]
struct Head {
    height: u64,
    time: u64,
}

#[derive(Clone, Copy, Debug)]
struct Gas {
    liquidation: u128,
    step: u128,
}

/// An action that has no outcome yet.
#[derive(Clone, Debug)]
struct Pending {
    subject: Subject,
    action: Action,
    /// What it takes out of the inventory, until it has an outcome.
    reserved: Vec<(Place, u128)>,
    /// What comes out of it, as quoted.
    quoted: Fill,
    /// The chain whose gas it uses.
    chain: String,
    /// What is put in, in US dollars with 18 decimals.
    stake: u128,
    /// When it was decided.
    since_ms: u64,
    /// Whether it is in a block that what is known of the chain includes.
    is_mined: bool,
}

impl Pending {
    /// An action on `chain` that is not decided yet; nothing is put in.
    fn new(subject: Subject, action: Action, chain: String, quoted: Fill, reserved: Vec<(Place, u128)>) -> Self {
        Self { subject, action, reserved, quoted, chain, stake: 0, since_ms: 0, is_mined: false }
    }
}

impl Keeper {
    /// Keepers that know nothing yet.
    ///
    /// # Errors
    /// [`KeeperError`] naming what is wrong with the configuration.
    pub fn new(config: Config) -> Result<Self, KeeperError> {
        config.check()?;
        let sources = config.sources.iter().map(|(name, source)| (name.clone(), Source::new(source.guards))).collect();
        let mut books = BTreeMap::new();
        for (name, market) in &config.markets {
            let decimals = config.assets.get(&market.collateral).map_or(0, |asset| asset.decimals);
            let book = Book::new(market.vault(name, decimals)?);
            books.insert(name.clone(), book.map_err(|error| KeeperError::Domain { subject: name.clone(), error })?);
        }
        Ok(Self {
            map: Map::new(&config),
            config,
            now_ms: 0,
            input: 0,
            next_decision: 0,
            is_paused: false,
            heads: BTreeMap::new(),
            sources,
            books,
            holdings: BTreeMap::new(),
            quotas: BTreeMap::new(),
            levels: BTreeMap::new(),
            gas: BTreeMap::new(),
            flights: Flights::default(),
            budgets: BTreeMap::new(),
            ledger: Ledger::default(),
            pending: BTreeMap::new(),
            open: BTreeMap::new(),
            supposed: Vec::new(),
            left: BTreeMap::new(),
            acted: BTreeMap::new(),
        })
    }

    /// Takes an input and decides what follows from it.
    ///
    /// # Errors
    /// [`KeeperError`] where it names something that is not configured; nothing has changed then.
    pub fn step(&mut self, recorded: &Recorded) -> Result<Step, KeeperError> {
        self.check(&recorded.input)?;
        self.input = recorded.sequence;
        // A clock that goes wrong and is put right must not leave its mistake behind.
        self.now_ms = recorded.at_ms;
        self.budgets.values_mut().for_each(|budget| budget.turn(recorded.at_ms));
        let mut step = Step::default();
        self.take(&recorded.input, &mut step);
        Ok(step)
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The positions of a vault market.
    #[must_use]
    pub fn book(&self, market: &str) -> Option<&Book> {
        self.books.get(market)
    }

    /// What everything came to.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// What is in flight, and what waits.
    #[must_use]
    pub fn flights(&self) -> &Flights {
        &self.flights
    }

    /// Trades whose second leg is not done, by the decision that opened each.
    pub fn open_trades(&self) -> impl Iterator<Item = (u64, &OpenTrade)> {
        self.open.iter().map(|(decision, open)| (*decision, open))
    }

    /// What is at hand of an asset on a chain, in canonical base units: held, and not spoken for by an action in flight.
    #[must_use]
    pub fn at_hand(&self, chain: &str, asset: &str) -> u128 {
        self.available(&(chain.to_owned(), asset.to_owned()))
    }

    /// The outcome of a decision that has none yet, if it goes as quoted; of a trade on two chains, of its first leg.
    #[must_use]
    pub fn as_quoted(&self, decision: u64) -> Option<Outcome> {
        let mut pending = self.pending.get(&decision)?.clone();
        if let Action::Open { order, .. } = pending.action {
            pending.action = Action::Hedge(order);
        }
        let (moves, gas) = self.quoted_moves(&pending);
        Some(Outcome::Done { fill: pending.quoted, moves, swept: Vec::new(), gas })
    }

    /// When the last input came, in milliseconds since 1970; 0 where none did.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// Compares the order of each market's positions with an exact rescan of all of them, and makes it anew where they disagree. Tells which did, and how many owners
    /// are concerned: none, unless this crate is wrong.
    pub fn check_books(&mut self) -> BTreeMap<String, usize> {
        let mut wrong = BTreeMap::new();
        for (name, book) in &mut self.books {
            let disagreements = book.disagreements().len();
            if disagreements != 0 {
                book.rebuild();
                wrong.insert(name.clone(), disagreements);
            }
        }
        wrong
    }

    /// What is at hand: held, and not spoken for by an action in flight, or by one that would be.
    fn available(&self, place: &Place) -> u128 {
        self.available_for(place, None)
    }

    /// The same for an open trade, which may take what is reserved for itself.
    fn available_for(&self, place: &Place, trade: Option<u64>) -> u128 {
        let pending = self.pending.values().chain(&self.supposed).flat_map(|pending| &pending.reserved);
        let open = self.open.iter().filter(|(number, _)| Some(**number) != trade);
        let reserved = pending
            .chain(open.flat_map(|(_, open)| &open.reserved))
            .filter(|(other, _)| other == place)
            .fold(0_u128, |sum, (_, amount)| sum.saturating_add(*amount));
        self.holdings.get(place).copied().unwrap_or_default().saturating_sub(reserved)
    }

    fn height(&self, chain: &str) -> u64 {
        self.heads.get(chain).map_or(0, |head| head.height)
    }

    /// What stands against acting at all, on `chain` with `asset`.
    fn gates(&self, chain: &str, asset: &str, most_level: u8) -> Vec<Check> {
        let level = self.levels.get(&(chain.to_owned(), asset.to_owned())).copied().unwrap_or_default();
        let most_age = self.config.chains.get(chain).map_or(0, |chain| chain.max_age_ms);
        let time = self.heads.get(chain).map_or(0, |head| head.time);
        let age = self.now_ms.saturating_sub(time.saturating_mul(1_000));
        vec![
            Check::new(Rule::Paused, u64::from(self.is_paused), Relation::Below, 1, Number::Count),
            Check::new(Rule::PauseLevel, u64::from(level), Relation::AtMost, u64::from(most_level), Number::Count),
            Check::new(Rule::ChainAge, age, Relation::AtMost, most_age, Number::Milliseconds),
        ]
    }

    /// Records that nothing is done, unless the same was said of the same subject before. That something is being done about it already, or
    /// was at this height, is no reason to say anything.
    fn leave(&mut self, subject: Subject, height: u64, checks: Vec<Check>, step: &mut Step) {
        let Some(rule) = checks.iter().find(|check| !check.passed).map(|check| check.rule) else { return };
        if matches!(rule, Rule::InFlight | Rule::CheckHeight) {
            return;
        }
        if self.left.insert(subject.clone(), rule) == Some(rule) {
            return;
        }
        self.ledger.miss(rule);
        self.decide(subject, height, checks, None, step);
    }

    /// Records that something is done, and starts it. In the modes in which it does not happen, the same is not said, or gained, again: then the
    /// answer is `false`.
    fn act(&mut self, pending: Pending, height: u64, checks: Vec<Check>, step: &mut Step) -> bool {
        let mode = self.mode_of(&pending.subject);
        self.left.remove(&pending.subject);
        if mode != Mode::Live {
            let before = self.acted.insert(pending.subject.clone(), pending.action.clone());
            if before.is_some_and(|before| is_same_chance(&before, &pending.action)) {
                return false;
            }
        }
        let number = self.next_decision;
        self.flights.start(pending.subject.clone(), height, number);
        self.decide(pending.subject.clone(), height, checks, Some(pending.action.clone()), step);
        match mode {
            Mode::Observe => self.flights.finish(&pending.subject),
            Mode::Paper => self.fill_as_quoted(number, pending, step),
            Mode::Live => {
                self.pending.insert(number, Pending { since_ms: self.now_ms, ..pending });
            }
        }
        true
    }

    /// In which mode a subject is looked at. What is half done happened, and is finished in every mode.
    fn mode_of(&self, subject: &Subject) -> Mode {
        match subject {
            Subject::OpenTrade(_) | Subject::Hedge(_) => Mode::Live,
            Subject::Position { .. } | Subject::Route { .. } | Subject::Rebalance { .. } => self.config.mode,
        }
    }

    /// What a mode used of its caps today.
    fn budget_of(&mut self, mode: Mode) -> &mut Budget {
        let budget = self.budgets.entry(mode).or_default();
        budget.turn(self.now_ms);
        budget
    }

    fn decide(&mut self, subject: Subject, height: u64, checks: Vec<Check>, action: Option<Action>, step: &mut Step) {
        step.decisions.push(Decision {
            number: self.next_decision,
            input: self.input,
            at_ms: self.now_ms,
            height,
            mode: self.mode_of(&subject),
            subject,
            checks,
            action,
        });
        self.next_decision = self.next_decision.saturating_add(1);
    }
}

/// Whether a price may be acted on, as a check.
fn price_check(verdict: Verdict) -> Check {
    Check::new(Rule::PriceVerdict, verdict, Relation::AtLeast, Verdict::Valid, Number::Verdict)
}

/// Whether two actions answer the same state of a position or of pools.
fn is_same_chance(one: &Action, other: &Action) -> bool {
    match (one, other) {
        (Action::Liquidate { version, .. }, Action::Liquidate { version: other, .. }) => version == other,
        // The order carries the number of its decision.
        (Action::Open { trade, .. }, Action::Open { trade: other, .. }) => trade == other,
        _ => one == other,
    }
}
