//! What every action came to: amounts that moved, what they cost, and what is left.
//!
//! Each entry has the moves of balances that the chain shows, so the sum of all moves since a count of the inventory *is* the inventory, to the
//! base unit; [`Ledger::differences`] says where it is not.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tim3_domain::{amount::Rounding, clock::utc, price::Price};

use crate::{
    config::Mode,
    decision::{Rule, Subject},
    limits::signed,
};

/// A change of one balance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// Name of the chain.
    pub chain: String,
    /// Name of the asset.
    pub asset: String,
    /// By how much, in canonical base units.
    pub delta: i128,
}

/// One action that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Counts entries from 0.
    pub number: u64,
    /// The decision behind it.
    pub decision: u64,
    /// When it was known, in milliseconds since 1970.
    pub at_ms: u64,
    /// Simulated in mode `paper`.
    pub mode: Mode,
    /// What it was about.
    pub subject: Subject,
    /// What moved, gas included.
    pub moves: Vec<Move>,
    /// What it brought to a treasury besides: it counts for the result, and is no inventory.
    #[serde(default)]
    pub swept: Vec<Move>,
    /// What of it was gas: base units of the chain's own asset, positive.
    pub gas: u128,
    /// What the relay kept of a transfer, in base units of its asset. What pools take is in the price.
    #[serde(default)]
    pub fee: u128,
    /// How much better (negative: worse) than quoted it was, in base units of [`Self::slippage_asset`]: what came out beyond the quote; or, where an exact amount was
    /// bought, what went in less than quoted.
    pub slippage: i128,
    /// The asset that slippage is counted in; empty where only gas was paid.
    #[serde(default)]
    pub slippage_asset: String,
    /// What it came to, in US dollars with 18 decimals at the prices of that time: what came in at the lower price, what went out at the higher.
    pub usd: i128,
    /// Assets without a price at that time, which are not in `usd`.
    pub unpriced: Vec<String>,
}

impl Entry {
    /// What each asset gained or lost over all chains, the treasuries' included.
    #[must_use]
    pub fn by_asset(&self) -> BTreeMap<&str, i128> {
        let mut sums: BTreeMap<&str, i128> = BTreeMap::new();
        for change in self.moves.iter().chain(&self.swept) {
            let sum = sums.entry(&change.asset).or_default();
            *sum = sum.saturating_add(change.delta);
        }
        sums.retain(|_, sum| *sum != 0);
        sums
    }

    /// What of [`Self::usd`] counts for the day: where a part has no price, what is known may be one side of it, and is no gain.
    #[must_use]
    pub fn counted(&self) -> i128 {
        if self.unpriced.is_empty() { self.usd } else { self.usd.min(0) }
    }

    /// Names of the columns of [`Self::csv`].
    pub const CSV_HEADER: &str =
        "number,decision,time,mode,subject,moves,swept,gas,fee,slippage,slippage_asset,pnl,pnl_usd_e18,unpriced";

    /// The entry as a line of CSV; amounts in base units.
    #[must_use]
    pub fn csv(&self) -> String {
        let listed = |moves: &[Move]| {
            let one = |change: &Move| format!("{}/{}:{:+}", change.chain, change.asset, change.delta);
            moves.iter().map(one).collect::<Vec<_>>().join(" ")
        };
        let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
        let subject = quoted(&self.subject.to_string());
        let (moves, swept, time) = (quoted(&listed(&self.moves)), quoted(&listed(&self.swept)), utc(self.at_ms));
        let pnl: Vec<_> = self.by_asset().into_iter().map(|(asset, sum)| format!("{asset}:{sum:+}")).collect();
        let pnl = quoted(&pnl.join(" "));
        let Self { number, decision, mode, gas, fee, slippage, slippage_asset, usd, .. } = self;
        let unpriced = quoted(&self.unpriced.join(" "));
        format!(
            "{number},{decision},{time},{mode},{subject},{moves},{swept},{gas},{fee},{slippage},{slippage_asset},{pnl},{usd},{unpriced}"
        )
    }
}

/// What a change of a balance is worth: what comes in at the lower price, what goes out at the higher, each rounded against the keeper.
#[must_use]
pub fn worth(delta: i128, decimals: u8, lower: Price, higher: Price) -> i128 {
    let amount = delta.unsigned_abs();
    if delta >= 0 {
        signed(lower.value(amount, decimals, Rounding::Down).unwrap_or(u128::MAX))
    } else {
        signed(higher.value(amount, decimals, Rounding::Up).unwrap_or(u128::MAX)).saturating_neg()
    }
}

/// Where the ledger and a chain disagree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Name of the chain.
    pub chain: String,
    /// Name of the asset.
    pub asset: String,
    /// What the ledger says.
    pub ledger: i128,
    /// What the chain says.
    pub chain_has: u128,
}

/// Inventory by moves, results by mode, and what was not taken.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    entries: u64,
    balances: BTreeMap<(String, String), i128>,
    results: BTreeMap<Mode, i128>,
    missed: BTreeMap<Rule, u64>,
    lost: u64,
}

impl Ledger {
    /// A ledger that goes on after so many entries with these sums; balances are counted anew.
    #[must_use]
    pub fn resume(entries: u64, results: BTreeMap<Mode, i128>, missed: BTreeMap<Rule, u64>, lost: u64) -> Self {
        Self { entries, results, missed, lost, ..Self::default() }
    }

    /// Begins with what a chain has; counted again later, it begins anew from there.
    pub fn count(&mut self, chain: &str, asset: &str, amount: u128) {
        self.balances.insert((chain.to_owned(), asset.to_owned()), signed(amount));
    }

    /// The number that the next entry has.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.entries
    }

    /// Adds an entry. What was simulated moves nothing.
    pub fn add(&mut self, entry: &Entry) {
        self.entries = self.entries.saturating_add(1);
        let result = self.results.entry(entry.mode).or_default();
        *result = result.saturating_add(entry.usd);
        if entry.mode == Mode::Live {
            for change in &entry.moves {
                let balance = self.balances.entry((change.chain.clone(), change.asset.clone())).or_default();
                *balance = balance.saturating_add(change.delta);
            }
        }
    }

    /// An opportunity was seen and not taken, because of this.
    pub fn miss(&mut self, rule: Rule) {
        let missed = self.missed.entry(rule).or_default();
        *missed = missed.saturating_add(1);
    }

    /// An opportunity was taken by somebody else.
    pub fn lose(&mut self) {
        self.lost = self.lost.saturating_add(1);
    }

    /// What a chain should have of an asset by what was counted and what moved since; `None` where nothing was counted.
    #[must_use]
    pub fn balance(&self, chain: &str, asset: &str) -> Option<i128> {
        self.balances.get(&(chain.to_owned(), asset.to_owned())).copied()
    }

    /// Where what the chains have is not what was counted and moved.
    #[must_use]
    pub fn differences<'a>(&self, held: impl IntoIterator<Item = (&'a str, &'a str, u128)>) -> Vec<Difference> {
        held.into_iter()
            .filter_map(|(chain, asset, chain_has)| {
                let ledger = self.balance(chain, asset).unwrap_or_default();
                let owned = || (chain.to_owned(), asset.to_owned());
                (u128::try_from(ledger) != Ok(chain_has)).then(|| {
                    let (chain, asset) = owned();
                    Difference { chain, asset, ledger, chain_has }
                })
            })
            .collect()
    }

    /// The sum of results in `mode`, in US dollars with 18 decimals.
    #[must_use]
    pub fn result(&self, mode: Mode) -> i128 {
        self.results.get(&mode).copied().unwrap_or_default()
    }

    /// The sums of results, by mode.
    #[must_use]
    pub fn results(&self) -> &BTreeMap<Mode, i128> {
        &self.results
    }

    /// How often an opportunity was seen and not taken, by the check that stood against it.
    #[must_use]
    pub fn missed(&self) -> &BTreeMap<Rule, u64> {
        &self.missed
    }

    /// How often somebody else was first.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(chain: &str, asset: &str, delta: i128) -> Move {
        Move { chain: chain.into(), asset: asset.into(), delta }
    }

    fn entry(mode: Mode) -> Entry {
        let moves = vec![
            change("east", "USDA", -100),
            change("east", "TIM3", 100),
            change("west", "TIM3", -100),
            change("west", "USDA", 103),
        ];
        let subject =
            Subject::Route { chain: "east".into(), asset: "USDA".into(), venues: vec!["a \"b\"".into(), "c".into()] };
        Entry {
            number: 0,
            decision: 7,
            at_ms: 0,
            mode,
            subject,
            moves,
            swept: vec![],
            gas: 0,
            fee: 0,
            slippage: -1,
            slippage_asset: "USDA".into(),
            usd: 3,
            unpriced: vec![],
        }
    }

    #[test]
    fn the_sum_of_moves_is_the_inventory_and_a_simulation_moves_nothing() {
        let mut ledger = Ledger::default();
        for (chain, asset, amount) in
            [("east", "USDA", 500), ("east", "TIM3", 0), ("west", "TIM3", 100), ("west", "USDA", 0)]
        {
            ledger.count(chain, asset, amount);
        }
        ledger.add(&entry(Mode::Paper));
        ledger.add(&entry(Mode::Live));
        assert_eq!(entry(Mode::Live).by_asset(), BTreeMap::from([("USDA", 3)]));
        let held = [("east", "USDA", 400), ("east", "TIM3", 100), ("west", "TIM3", 0), ("west", "USDA", 103)];
        assert_eq!(ledger.differences(held), []);
        let missing = ledger.differences([("west", "USDA", 102)]);
        assert_eq!(missing, [Difference { chain: "west".into(), asset: "USDA".into(), ledger: 103, chain_has: 102 }]);
        assert_eq!((ledger.result(Mode::Live), ledger.result(Mode::Paper), ledger.next()), (3, 3, 2));
    }

    #[test]
    fn worth_is_rounded_against_the_keeper() {
        let price = |raw| Price::new(raw).unwrap();
        assert_eq!(worth(3, 1, price(5), price(7)), 1);
        assert_eq!(worth(-3, 1, price(5), price(7)), -3);
        assert_eq!(worth(i128::MIN, 0, price(5), price(u128::MAX)), -i128::MAX);
    }

    #[test]
    fn csv_keeps_its_columns() {
        let line = Entry { unpriced: vec!["DAI".into(), "X,Y".into()], ..entry(Mode::Live) }.csv();
        assert_eq!(
            line,
            "0,7,1970-01-01T00:00:00Z,live,\"USDA on east through a \"\"b\"\", c\",\
             \"east/USDA:-100 east/TIM3:+100 west/TIM3:-100 west/USDA:+103\",\"\",0,0,-1,USDA,\"USDA:+3\",3,\"DAI X,Y\""
        );
        assert_eq!(Entry::CSV_HEADER.split(',').count(), 14, "as many as there are in a line");
    }
}
