//! What a rehearsal came to, from its record alone.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use serde::Serialize;
use tim3_domain::{
    health::{Balances, Plan, plan},
    identity::Account,
    price::Price,
};
use tim3_keeper::{
    Decision, Input, Keeper, Mode, Recorded, Subject,
    config::MarketConfig,
    decision::Rule,
    input::Outcome,
    replay::{self, Line},
};

/// Why a position is left over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Why {
    /// The account does not have what it takes.
    Inventory,
    /// What could be repaid is nothing, or would leave dust.
    TooSmall,
    /// It brings less than `keeper.min_profit`.
    Unprofitable,
    /// One of `[keeper.limits]`, or a cap.
    Limit,
    /// A pause, a price that is not acted on, or a chain that stands still.
    Guard,
    /// It was attempted, and failed.
    Failed,
    /// The rehearsal ended before.
    NotReached,
}

/// A position that is still unhealthy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Left {
    pub(super) market: String,
    pub(super) owner: Account,
    pub(super) balances: Balances,
    pub(super) why: Why,
    /// The numbers behind it, in words.
    pub(super) detail: String,
}

/// What it came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Aftermath {
    /// Positions with a debt, when it began.
    pub(super) positions: u64,
    /// Those that could not be read in the end.
    pub(super) unknown: u64,
    /// Those that were unhealthy at the prices of the rehearsal.
    pub(super) unhealthy: u64,
    /// Liquidations that were done; one position may take several.
    pub(super) liquidations: u64,
    /// Attempts that were refused, failed, or were lost to somebody else.
    pub(super) failures: u64,
    pub(super) left: Vec<Left>,
    /// By synthetic: what the account had when it was first counted, what was repaid, and what would have to be repaid to liquidate all.
    pub(super) inventory: BTreeMap<String, Inventory>,
    /// By collateral.
    pub(super) seized: BTreeMap<String, u128>,
    /// In US dollars with 18 decimals, at the prices of the rehearsal.
    pub(super) result: i128,
    /// What the ledger says that the account has, by asset.
    pub(super) ledger: BTreeMap<String, i128>,
}

/// Of a synthetic, in canonical units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Inventory {
    pub(super) at_hand: u128,
    pub(super) repaid: u128,
    pub(super) needed: u128,
}

/// Judges the record of a rehearsal on one chain; `prices` are those of the collaterals.
///
/// # Errors
/// Where it is no record of this program.
pub(super) fn judge(lines: &[Line], prices: &BTreeMap<String, Price>) -> Result<Aftermath> {
    let (restored, _) = replay::restore(lines)?;
    let keeper = restored.context("the rehearsal left no record")?;
    let mut aftermath = Aftermath { result: keeper.ledger().result(Mode::Live), ..Aftermath::default() };
    let mut told: BTreeMap<u64, &Subject> = BTreeMap::new();
    let mut done: BTreeSet<Subject> = BTreeSet::new();
    let mut first: BTreeMap<(&str, Account), Balances> = BTreeMap::new();
    for line in lines {
        match line {
            Line::Decision(decision) => drop(told.insert(decision.number, &decision.subject)),
            Line::Input(Recorded { input, .. }) => match input {
                Input::Outcome { decision, outcome } => {
                    if let Some(subject) = told.get(decision) {
                        aftermath.count(&keeper, subject, outcome, &mut done);
                    }
                }
                Input::Position { market, owner, balances, .. } => {
                    first.entry((market.as_str(), *owner)).or_insert(*balances);
                }
                Input::Holding { asset, amount, .. } => {
                    let is_synthetic = keeper.config().markets.values().any(|market| market.synthetic == *asset);
                    if is_synthetic {
                        let held = Inventory { at_hand: *amount, ..Inventory::default() };
                        aftermath.inventory.entry(asset.clone()).or_insert(held);
                    }
                }
                _ => {}
            },
            Line::Header { .. } | Line::Entry(_) => {}
        }
    }
    aftermath.positions = count(first.values().filter(|balances| balances.debt != 0));
    for (name, market) in &keeper.config().markets {
        for asset in [&market.synthetic, &market.collateral, &gas_asset(&keeper, market)] {
            if let Some(balance) = keeper.ledger().balance(&market.chain, asset) {
                aftermath.ledger.insert(asset.clone(), balance);
            }
        }
        let unknown = keeper.book(name).map_or(0, |book| count(book.unknown()));
        aftermath.unknown = aftermath.unknown.saturating_add(unknown);
    }
    let asked = ask(keeper.clone(), lines)?;
    for (name, market) in &keeper.config().markets {
        if let Some(price) = prices.get(&market.collateral) {
            aftermath.look(&keeper, (name, market), *price, &asked)?;
        }
    }
    let left = aftermath.left.iter().map(|left| Subject::Position { market: left.market.clone(), owner: left.owner });
    done.extend(left);
    aftermath.unhealthy = count(done.iter());
    Ok(aftermath)
}

impl Aftermath {
    /// Those that are not unhealthy any more.
    pub(super) fn liquidated(&self) -> u64 {
        self.unhealthy.saturating_sub(count(self.left.iter()))
    }

    fn count(&mut self, keeper: &Keeper, subject: &Subject, outcome: &Outcome, done: &mut BTreeSet<Subject>) {
        let Subject::Position { market, .. } = subject else { return };
        let Some(market) = keeper.config().markets.get(market) else { return };
        match outcome {
            Outcome::Done { fill, .. } => {
                done.insert(subject.clone());
                self.liquidations = self.liquidations.saturating_add(1);
                let inventory = self.inventory.entry(market.synthetic.clone()).or_default();
                inventory.repaid = inventory.repaid.saturating_add(fill.input);
                inventory.needed = inventory.needed.saturating_add(fill.input);
                let seized = self.seized.entry(market.collateral.clone()).or_default();
                *seized = seized.saturating_add(fill.output);
            }
            Outcome::Refused { .. } | Outcome::Failed { .. } | Outcome::Lost { .. } => {
                self.failures = self.failures.saturating_add(1);
            }
        }
    }

    /// Who is left over in a market, and why.
    fn look(
        &mut self,
        keeper: &Keeper,
        (name, market): (&str, &MarketConfig),
        price: Price,
        asked: &[Decision],
    ) -> Result<()> {
        let Some(mut book) = keeper.book(name).cloned() else { return Ok(()) };
        // What the keeper thinks of the price does not matter for who is unhealthy.
        book.tick(Ok(price));
        let vault = *book.vault();
        let scales = vault.scales(price)?;
        let target = keeper.config().liquidation.target_bps;
        for candidate in book.candidates() {
            let subject = Subject::Position { market: name.to_owned(), owner: candidate.owner };
            let (why, detail) = reason(keeper, (name, market), &subject, asked);
            if let Plan::Take(all) = plan(candidate.balances, &vault.parameters, &scales, target, u128::MAX) {
                let inventory = self.inventory.entry(market.synthetic.clone()).or_default();
                inventory.needed = inventory.needed.saturating_add(all.repaid);
            }
            let (market, owner, balances) = (name.to_owned(), candidate.owner, candidate.balances);
            self.left.push(Left { market, owner, balances, why, detail });
        }
        Ok(())
    }
}

/// What the keeper, as it is now, says of every position: what it would do takes no inventory from the others.
fn ask(mut keeper: Keeper, lines: &[Line]) -> Result<Vec<Decision>> {
    let inputs = lines.iter().filter_map(|line| match line {
        Line::Input(recorded) => Some(recorded),
        _ => None,
    });
    let (mut sequence, mut at_ms, mut heads) = (0, 0, BTreeMap::new());
    for recorded in inputs {
        (sequence, at_ms) = (recorded.sequence, recorded.at_ms);
        if let Input::Head { chain, height, time } = &recorded.input {
            heads.insert(chain.clone(), (*height, *time));
        }
    }
    let mut parameters = keeper.config().parameters();
    parameters.mode = Mode::Observe;
    parameters.liquidation.per_look = usize::MAX;
    // At a height at which nothing was attempted yet.
    let heads =
        heads.into_iter().map(|(chain, (height, time))| Input::Head { chain, height: height.saturating_add(1), time });
    let inputs = heads.chain([Input::Parameters(Box::new(parameters)), Input::Look]);
    let mut said = Vec::new();
    for input in inputs {
        sequence = sequence.saturating_add(1);
        said.extend(keeper.step(&Recorded { sequence, at_ms, input })?.decisions);
    }
    Ok(said)
}

/// Why nothing was done about a position.
fn reason(
    keeper: &Keeper,
    (name, market): (&str, &MarketConfig),
    subject: &Subject,
    asked: &[Decision],
) -> (Why, String) {
    let is_here =
        |decision: &&Decision| matches!(&decision.subject, Subject::Position { market, .. } if market == name);
    // About those behind a reason that stands against all, nothing is said.
    let decision = asked.iter().find(|decision| decision.subject == *subject).or(asked.iter().rfind(is_here));
    let held = keeper.ledger().balance(&market.chain, &market.synthetic).unwrap_or_default();
    if keeper.flights().in_flight().contains_key(subject) {
        return (Why::NotReached, "its transaction was still under way".to_owned());
    }
    let Some(check) = decision.and_then(Decision::obstacle) else {
        return match keeper.price(&market.feed).map(|quote| quote.verdict()) {
            Ok(tim3_domain::price::Verdict::Valid) => (Why::NotReached, "the time was over".to_owned()),
            Ok(verdict) | Err(verdict) => (Why::Guard, format!("the price of {} is {verdict:?}", market.collateral)),
        };
    };
    let detail = check.to_string().trim_start_matches("NOT: ").to_owned();
    match check.rule {
        Rule::WholePosition => (Why::Inventory, detail),
        Rule::Repayment if held <= 0 => (Why::Inventory, format!("no {} is left", market.synthetic)),
        Rule::Repayment => (Why::TooSmall, detail),
        Rule::Profit => (Why::Unprofitable, detail),
        Rule::AssetCap | Rule::ChainCap | Rule::VenueCap | Rule::DayCap | Rule::DailyLoss => (Why::Limit, detail),
        Rule::Waits => {
            let waiting = keeper.flights().waiting().get(subject);
            (Why::Failed, waiting.map_or(detail, |waiting| waiting.reason.clone()))
        }
        _ => (Why::Guard, detail),
    }
}

fn gas_asset(keeper: &Keeper, market: &MarketConfig) -> String {
    keeper.config().chains.get(&market.chain).and_then(|chain| chain.gas_asset.clone()).unwrap_or_default()
}

fn count(of: impl Iterator) -> u64 {
    u64::try_from(of.count()).unwrap_or(u64::MAX)
}
