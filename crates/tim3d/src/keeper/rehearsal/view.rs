//! The report of a rehearsal, for programs and for people.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use tim3_chain::Attempt;
use tim3_domain::{
    amount::{Rounding, SYNTHETIC_DECIMALS, display},
    identity::Account,
    price::Price,
};

use super::{
    plan::Plan,
    report::{Aftermath, Left, Why},
};
use crate::output::{Table, signed, usd};

/// How many of those that are left for one reason the text names.
const NAMED: usize = 3;

/// What a report is made of.
pub(super) struct Facts<'a> {
    pub(super) plan: &'a Plan,
    pub(super) prices: &'a BTreeMap<String, [Price; 2]>,
    /// The block after which the chain was copied.
    pub(super) copied: u64,
    pub(super) finished: bool,
    pub(super) unlimited: bool,
    pub(super) aftermath: &'a Aftermath,
    /// What became of every transaction.
    pub(super) attempts: &'a [Attempt],
    pub(super) gas: u64,
    /// What the account has in the end, by asset.
    pub(super) balances: &'a BTreeMap<String, u128>,
    /// An account as its chain writes it.
    pub(super) shown: &'a dyn Fn(&Account) -> String,
}

/// The report. Amounts and prices are decimal texts of whole units, values in US dollars.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Report {
    chain: String,
    /// The block after which the chain was copied.
    block: u64,
    /// Whether the account was given as much as all positions owe.
    unlimited: bool,
    /// Whether nothing more happened, or the time was over before.
    finished: bool,
    prices: Vec<PriceView>,
    /// Positions with a debt.
    positions: u64,
    unhealthy: u64,
    liquidated: u64,
    left: Vec<LeftView>,
    /// Positions that could not be read.
    unknown: u64,
    liquidations: u64,
    /// Attempts that were refused or failed; each may have been tried again.
    failures: u64,
    transactions: u64,
    /// Blocks in which there was one, from the first to the last.
    blocks: u64,
    gas: u64,
    fees: AmountView,
    inventory: Vec<InventoryView>,
    seized: Vec<SeizedView>,
    bad_debt: String,
    /// By the ledger.
    result: String,
    ledger: Vec<LedgerView>,
    /// Whether the ledger says of every asset what the chain says.
    exact: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct PriceView {
    asset: String,
    before: String,
    after: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct LeftView {
    why: Why,
    positions: u64,
    debt: String,
    /// The numbers behind it, of the first.
    detail: String,
    owners: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct AmountView {
    asset: String,
    amount: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct InventoryView {
    asset: String,
    at_hand: String,
    repaid: String,
    /// What it takes to liquidate all, what was repaid included.
    needed: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct SeizedView {
    asset: String,
    amount: String,
    worth: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct LedgerView {
    asset: String,
    ledger: String,
    chain: String,
}

/// Puts it together.
pub(super) fn report(facts: &Facts<'_>) -> Report {
    let Facts { plan, aftermath, balances, .. } = facts;
    let included = facts.attempts.iter().filter_map(|attempt| match attempt {
        Attempt::Included { block, cost, result } => Some((block.height, *cost, result)),
        _ => None,
    });
    let included: Vec<_> = included.collect();
    let heights: BTreeSet<u64> = included.iter().map(|(height, ..)| *height).collect();
    let blocks = heights.last().zip(heights.first()).map_or(0, |(last, first)| last.abs_diff(*first).saturating_add(1));
    let fees = included.iter().fold(0_u128, |sum, (_, cost, _)| sum.saturating_add(*cost));
    let bad_debt = included.iter().filter_map(|(.., result)| result.as_ref().ok()).map(|done| done.bad_debt);
    let coin = plan.keeper.chains.get(&plan.original.name).and_then(|kept| kept.gas_asset.clone()).unwrap_or_default();
    let decimals = |asset: &str| decimals(plan, asset);
    let shown = |asset: &str, amount: u128| display(amount, decimals(asset));
    let prices = facts.prices.iter().map(|(asset, [before, after])| {
        let (asset, before, after) = (asset.clone(), before.to_string(), after.to_string());
        PriceView { asset, before, after }
    });
    let inventory = aftermath.inventory.iter().map(|(asset, inventory)| InventoryView {
        asset: asset.clone(),
        at_hand: shown(asset, inventory.at_hand),
        repaid: shown(asset, inventory.repaid),
        needed: shown(asset, inventory.needed),
    });
    let seized = aftermath.seized.iter().map(|(asset, amount)| {
        let price = facts.prices.get(asset).map(|[_, after]| *after);
        let worth = price.and_then(|price| price.value(*amount, decimals(asset), Rounding::Down).ok());
        let (amount, worth) = (shown(asset, *amount), usd(worth.map_or(0, tim3_keeper::limits::signed)));
        SeizedView { asset: asset.clone(), amount, worth }
    });
    let ledger = aftermath.ledger.iter().map(|(asset, balance)| LedgerView {
        asset: asset.clone(),
        ledger: signed(*balance, decimals(asset)),
        chain: balances.get(asset).map_or_else(String::new, |amount| shown(asset, *amount)),
    });
    Report {
        chain: plan.original.name.clone(),
        block: facts.copied,
        unlimited: facts.unlimited,
        finished: facts.finished,
        prices: prices.collect(),
        positions: aftermath.positions,
        unhealthy: aftermath.unhealthy,
        liquidated: aftermath.liquidated(),
        left: left(facts),
        unknown: aftermath.unknown,
        liquidations: aftermath.liquidations,
        failures: aftermath.failures,
        transactions: u64::try_from(included.len()).unwrap_or(u64::MAX),
        blocks,
        gas: facts.gas,
        fees: AmountView { amount: shown(&coin, fees), asset: coin.clone() },
        inventory: inventory.collect(),
        seized: seized.collect(),
        bad_debt: display(bad_debt.fold(0, u128::saturating_add), SYNTHETIC_DECIMALS),
        result: usd(aftermath.result),
        ledger: ledger.collect(),
        exact: aftermath
            .ledger
            .iter()
            .all(|(asset, balance)| balances.get(asset).is_some_and(|amount| u128::try_from(*balance) == Ok(*amount))),
    }
}

fn left(facts: &Facts<'_>) -> Vec<LeftView> {
    let mut by_reason: BTreeMap<Why, Vec<&Left>> = BTreeMap::new();
    for left in &facts.aftermath.left {
        by_reason.entry(left.why).or_default().push(left);
    }
    let group = |(why, all): (Why, Vec<&Left>)| LeftView {
        why,
        positions: u64::try_from(all.len()).unwrap_or(u64::MAX),
        debt: display(all.iter().fold(0, |sum, left| sum.saturating_add(left.balances.debt)), SYNTHETIC_DECIMALS),
        detail: all.first().map(|left| left.detail.clone()).unwrap_or_default(),
        owners: all.iter().map(|left| format!("{} in {}", (facts.shown)(&left.owner), left.market)).collect(),
    };
    by_reason.into_iter().map(group).collect()
}

fn decimals(plan: &Plan, asset: &str) -> u8 {
    if let Some(market) = plan.markets().find(|market| market.collateral_symbol == asset) {
        return market.collateral_decimals;
    }
    let is_synthetic = plan.markets().any(|market| market.synthetic_symbol == asset);
    if is_synthetic { SYNTHETIC_DECIMALS } else { plan.original.kind.family().coin().map_or(0, |coin| coin.1) }
}

impl Report {
    /// Whether everything that was unhealthy was liquidated, and the ledger is right.
    pub(crate) fn is_good(&self) -> bool {
        self.left.is_empty() && self.unknown == 0 && self.exact
    }

    /// For people.
    pub(crate) fn render(&self) -> String {
        let mut about = Table::pairs();
        about.row(["chain".into(), format!("{} after block {}", self.chain, self.block)]);
        for PriceView { asset, before, after } in &self.prices {
            about.row([asset.clone(), format!("{after} USD, before {before}")]);
        }
        about.row(["positions".into(), format!("{}, of which {} are unhealthy", self.positions, self.unhealthy)]);
        about.row(["liquidated".into(), format!("{} of {}", self.liquidated, self.unhealthy)]);
        for LeftView { why, positions, debt, detail, owners } in &self.left {
            about.row(["left over".into(), format!("{positions} with a debt of {debt}: {}: {detail}", why.words())]);
            let more = if owners.len() > NAMED { ", …" } else { "" };
            let named = owners.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
            about.row([String::new(), format!("{named}{more}")]);
        }
        if self.unknown != 0 {
            about.row(["unknown".into(), format!("{} could not be read", self.unknown)]);
        }
        let AmountView { asset, amount } = &self.fees;
        about.row([
            "sent".into(),
            format!(
                "{} liquidations, {} transactions in {} blocks, {} gas for {amount} {asset}; {} attempts failed",
                self.liquidations, self.transactions, self.blocks, self.gas, self.failures
            ),
        ]);
        for InventoryView { asset, at_hand, repaid, needed } in &self.inventory {
            let whose = if self.unlimited { "given" } else { "as the account has" };
            about.row(["inventory".into(), format!("{at_hand} {asset} {whose}, {repaid} repaid; all takes {needed}")]);
        }
        for SeizedView { asset, amount, worth } in &self.seized {
            about.row(["seized".into(), format!("{amount} {asset}, worth {worth} USD")]);
        }
        about.row(["bad debt".into(), self.bad_debt.clone()]);
        about.row(["result".into(), format!("{} USD by the ledger", self.result)]);
        for LedgerView { asset, ledger, chain } in self.ledger.iter().filter(|it| it.ledger != it.chain) {
            about.row(["ledger".into(), format!("says {ledger} {asset}, and the chain says {chain}")]);
        }
        if self.exact {
            about.row(["ledger".into(), "is what the chain says, of every asset".into()]);
        }
        if !self.finished {
            about.row(["time".into(), "was over before nothing more happened; see --patience".into()]);
        }
        about.render()
    }
}

impl Why {
    fn words(self) -> &'static str {
        match self {
            Self::Inventory => "not enough inventory",
            Self::TooSmall => "too small to repay a part of",
            Self::Unprofitable => "not profitable",
            Self::Limit => "a limit",
            Self::Guard => "a guard",
            Self::Failed => "it failed",
            Self::NotReached => "not reached",
        }
    }
}
