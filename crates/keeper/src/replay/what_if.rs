//! What another configuration would have done, in the world of a record.

use std::collections::BTreeMap;

use super::{Line, Piece, Report, before_any_header, pieces};
use crate::{
    config::{Config, Mode},
    decision::{Action, Decision, Subject},
    error::KeeperError,
    input::{Input, Outcome, Recorded},
    keeper::{Carried, Keeper, Step},
    ledger::Ledger,
    limits::signed,
};

/// What is done, whatever the size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Liquidate,
    Swap,
    Open,
    Close,
    Hedge,
    Transfer,
}

impl Kind {
    fn of(action: &Action) -> Self {
        match action {
            Action::Liquidate { .. } => Self::Liquidate,
            Action::Swap(_) => Self::Swap,
            Action::Open { .. } => Self::Open,
            Action::Close(_) => Self::Close,
            Action::Hedge(_) => Self::Hedge,
            Action::Transfer(_) => Self::Transfer,
        }
    }
}

/// By what an outcome is found. A subject has one attempt of a kind under way at a time.
type Key = (Kind, Subject);

/// The routes of trades on two chains by the decision that opened each: a number means another trade in the record than in the replay, a route the same.
#[derive(Debug, Default)]
struct Routes(BTreeMap<u64, Subject>);

impl Routes {
    fn note(&mut self, decision: &Decision) {
        if let Some(Action::Open { .. }) = decision.action {
            self.0.insert(decision.number, decision.subject.clone());
        }
    }

    /// The subject without a number.
    fn plain(&self, subject: &Subject) -> Subject {
        match subject {
            Subject::OpenTrade(trade) | Subject::Hedge(trade) => self.0.get(trade).unwrap_or(subject).clone(),
            _ => subject.clone(),
        }
    }

    fn key(&self, decision: &Decision) -> Option<Key> {
        Some((Kind::of(decision.action.as_ref()?), self.plain(&decision.subject)))
    }

    /// What is compared of a decision: whether it is about a hedge, the subject, and the action, none with a number.
    fn gist(&self, decision: &Decision) -> (bool, Subject, Option<Action>) {
        let is_hedge = matches!(decision.subject, Subject::Hedge(_));
        (is_hedge, self.plain(&decision.subject), decision.action.as_ref().map(unnumbered))
    }
}

/// An action without the number of its trade.
fn unnumbered(action: &Action) -> Action {
    let mut action = action.clone();
    if let Action::Open { order, .. } | Action::Close(order) | Action::Hedge(order) = &mut action {
        order.trade = 0;
    }
    action
}

/// Whether two actions do the same, up to the least that either accepts.
fn does_the_same(one: &Action, other: &Action) -> bool {
    match (one, other) {
        (Action::Liquidate { expected, sale, .. }, Action::Liquidate { expected: other, sale: other_sale, .. }) => {
            expected == other && sale == other_sale
        }
        (Action::Swap(trade), Action::Swap(other)) => trade.legs == other.legs,
        (Action::Open { trade, .. }, Action::Open { trade: other, .. }) => {
            trade.legs == other.legs && trade.first == other.first
        }
        (Action::Close(order), Action::Close(other)) | (Action::Hedge(order), Action::Hedge(other)) => {
            (&order.venues, &order.from, order.quoted) == (&other.venues, &other.from, other.quoted)
        }
        (Action::Transfer(transfer), Action::Transfer(other)) => transfer == other,
        _ => false,
    }
}

/// The record as far as it was read.
#[derive(Debug, Default)]
struct Then {
    routes: Routes,
    /// Actions without an outcome, by decision.
    flying: BTreeMap<u64, (Key, Action)>,
    /// What its inventory was.
    ledger: Ledger,
}

impl Then {
    fn take(&mut self, step: &Step) {
        for decision in step.decisions.iter().filter(|decision| decision.mode == Mode::Live) {
            self.routes.note(decision);
            if let (Some(key), Some(action)) = (self.routes.key(decision), decision.action.clone()) {
                self.flying.insert(decision.number, (key, action));
            }
        }
        for entry in &step.entries {
            self.ledger.add(entry);
        }
    }
}

/// The keeper under the other configuration.
struct Other {
    keeper: Keeper,
    routes: Routes,
    /// Decisions that have the outcome of a recorded action, once that has one.
    waiting: BTreeMap<Key, (u64, Action)>,
    /// By how much the inventory is larger than that of the record.
    drifts: BTreeMap<(String, String), i128>,
    assumed: u64,
}

/// Decides everything again under `config`.
pub(super) fn replay(lines: &[Line], config: &Config) -> Result<Report, KeeperError> {
    let mut report = Report::default();
    let mut then = Then::default();
    let mut other: Option<Other> = None;
    for piece in pieces(lines) {
        match piece? {
            Piece::Header(recorded, carried) => {
                let config = config.clone().under_terms_of(recorded);
                match other.as_mut() {
                    Some(other) => other.turn(config, &then)?,
                    None => other = Some(Other::new(config, carried)?),
                }
                (then.ledger, then.flying) = (Ledger::default(), BTreeMap::new());
            }
            Piece::Input { number, input, recorded } => {
                let other = other.as_mut().ok_or_else(|| before_any_header(number))?;
                let given = other.translate(&input.input, &mut then);
                then.take(&recorded);
                let replayed = given.map(|given| other.step(input, given, &then)).transpose()?.unwrap_or_default();
                let gists = |step: &Step, routes: &Routes| -> Vec<_> {
                    step.decisions.iter().map(|decision| routes.gist(decision)).collect()
                };
                let is_same = gists(&recorded, &then.routes) == gists(&replayed, &other.routes);
                report.count(input, recorded, replayed, is_same);
            }
        }
    }
    report.assumed = other.map_or(0, |other| other.assumed);
    Ok(report)
}

impl Other {
    fn new(config: Config, carried: &Carried) -> Result<Self, KeeperError> {
        Ok(Self {
            keeper: Keeper::resume(config, carried.clone())?,
            routes: Routes::default(),
            waiting: BTreeMap::new(),
            drifts: BTreeMap::new(),
            assumed: 0,
        })
    }

    /// Begins a page where the record does, with what is its own. With a trade half done, of which a page would know nothing, it goes on in the old one.
    fn turn(&mut self, config: Config, then: &Then) -> Result<(), KeeperError> {
        for (place, drift) in &mut self.drifts {
            *drift = drift_of(&self.keeper, then, place).unwrap_or(*drift);
        }
        if let Some(carried) = self.keeper.carried() {
            self.keeper = Keeper::resume(config, carried)?;
        }
        Ok(())
    }

    /// What the other keeper is told where the record has `input`; `None` for what concerns only the recorded one.
    fn translate(&mut self, input: &Input, then: &mut Then) -> Option<Input> {
        match input {
            // Another configuration stays what it is.
            Input::Parameters(_) => None,
            Input::Outcome { decision, outcome } => {
                let (key, did) = then.flying.remove(decision)?;
                let (decision, action) = self.waiting.remove(&key)?;
                let fits = !matches!(outcome, Outcome::Done { .. }) || does_the_same(&did, &action);
                let outcome = if fits { outcome.clone() } else { self.assume(decision)? };
                Some(Input::Outcome { decision, outcome })
            }
            Input::Mined { decision, mined } => {
                let (key, _) = then.flying.get(decision)?;
                let (decision, _) = self.waiting.get(key)?;
                Some(Input::Mined { decision: *decision, mined: *mined })
            }
            Input::Holding { chain, asset, amount } => {
                let place = (chain.clone(), asset.clone());
                let before = self.drifts.get(&place).copied().unwrap_or_default();
                let drift = drift_of(&self.keeper, then, &place).unwrap_or(before);
                self.drifts.insert(place, drift);
                then.ledger.count(chain, asset, *amount);
                let amount = u128::try_from(signed(*amount).saturating_add(drift)).unwrap_or_default();
                Some(Input::Holding { chain: chain.clone(), asset: asset.clone(), amount })
            }
            input => Some(input.clone()),
        }
    }

    fn assume(&mut self, decision: u64) -> Option<Outcome> {
        let outcome = self.keeper.as_quoted(decision)?;
        self.assumed = self.assumed.saturating_add(1);
        Some(outcome)
    }

    /// One input, and at once the outcome of each action that nothing in the record tells of.
    fn step(&mut self, recorded: &Recorded, input: Input, then: &Then) -> Result<Step, KeeperError> {
        let mut all = Step::default();
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            let step = self.keeper.step(&Recorded { input, ..recorded.clone() })?;
            for decision in step.decisions.iter().filter(|decision| decision.mode == Mode::Live) {
                self.routes.note(decision);
                let (Some(key), Some(action)) = (self.routes.key(decision), &decision.action) else { continue };
                if then.flying.values().any(|(flying, _)| *flying == key) {
                    self.waiting.insert(key, (decision.number, action.clone()));
                } else if let Some(outcome) = self.assume(decision.number) {
                    inputs.push(Input::Outcome { decision: decision.number, outcome });
                }
            }
            all.decisions.extend(step.decisions);
            all.entries.extend(step.entries);
        }
        Ok(all)
    }
}

/// How much more there is of an asset on a chain than in the record; `None` where one of the two was not counted yet.
fn drift_of(keeper: &Keeper, then: &Then, (chain, asset): &(String, String)) -> Option<i128> {
    Some(keeper.ledger().balance(chain, asset)?.saturating_sub(then.ledger.balance(chain, asset)?))
}
