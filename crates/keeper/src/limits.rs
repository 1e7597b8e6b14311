//! How much may be risked: caps on an asset, a chain, a venue and a day, and the loss after which the day is over.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::decision::{Check, Number, Relation, Rule};

const DAY_MS: u64 = 86_400_000;

/// Caps on what is put in within one day (UTC), in US dollars with 18 decimals. What has no cap of its own has the default one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// On an asset.
    pub assets: BTreeMap<String, u128>,
    /// On a chain.
    pub chains: BTreeMap<String, u128>,
    /// On a venue or market.
    pub venues: BTreeMap<String, u128>,
    /// On each of them that is not named.
    pub default: u128,
    /// On all together.
    pub day: u128,
    /// The loss of a day that ends it.
    pub daily_loss: u128,
    /// On what is open between chains at any time.
    pub exposure: u128,
}

/// What an attempt puts in.
#[derive(Clone, Copy, Debug)]
pub struct Stake<'a> {
    /// The asset that is put in.
    pub asset: &'a str,
    /// The chains it is done on.
    pub chains: &'a [&'a str],
    /// The venues or markets it goes through.
    pub venues: &'a [&'a str],
    /// What it is worth, in US dollars with 18 decimals.
    pub usd: u128,
}

/// Uses and results of the day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    day: u64,
    assets: BTreeMap<String, u128>,
    chains: BTreeMap<String, u128>,
    venues: BTreeMap<String, u128>,
    total: u128,
    result: i128,
}

/// That of a mode that has not acted yet.
static UNUSED: Budget =
    Budget { day: 0, assets: BTreeMap::new(), chains: BTreeMap::new(), venues: BTreeMap::new(), total: 0, result: 0 };

impl Budget {
    /// One of which nothing was used yet.
    #[must_use]
    pub fn unused() -> &'static Self {
        &UNUSED
    }

    /// Begins a new day where it is another one.
    pub fn turn(&mut self, now_ms: u64) {
        let day = now_ms / DAY_MS;
        if day != self.day {
            *self = Self { day, ..Self::default() };
        }
    }

    /// Whether `stake` fits.
    #[must_use]
    pub fn checks(&self, limits: &Limits, stake: &Stake<'_>) -> Vec<Check> {
        let room = |rule, used: u128, cap: u128| {
            let wanted = used.saturating_add(stake.usd);
            Check::new(rule, signed(wanted), Relation::AtMost, signed(cap), Number::Usd)
        };
        let used = |uses: &BTreeMap<String, u128>, name: &str| uses.get(name).copied().unwrap_or_default();
        let cap = |caps: &BTreeMap<String, u128>, name: &str| caps.get(name).copied().unwrap_or(limits.default);
        let stop = signed(limits.daily_loss).saturating_neg();
        let mut checks = vec![
            Check::new(Rule::DailyLoss, self.result, Relation::Above, stop, Number::Usd),
            room(Rule::DayCap, self.total, limits.day),
            room(Rule::AssetCap, used(&self.assets, stake.asset), cap(&limits.assets, stake.asset)),
        ];
        let chains = stake.chains.iter();
        checks.extend(chains.map(|name| room(Rule::ChainCap, used(&self.chains, name), cap(&limits.chains, name))));
        let venues = stake.venues.iter();
        checks.extend(venues.map(|name| room(Rule::VenueCap, used(&self.venues, name), cap(&limits.venues, name))));
        checks
    }

    /// Counts an attempt that begins. It stays counted if it fails: a failure that repeats is not to be free.
    pub fn spend(&mut self, stake: &Stake<'_>) {
        self.count(stake, |used| used.saturating_add(stake.usd));
    }

    /// An attempt that was counted at `since_ms` put nothing in: it was not sent, or somebody else was first.
    pub fn give_back(&mut self, stake: &Stake<'_>, since_ms: u64) {
        if since_ms / DAY_MS == self.day {
            self.count(stake, |used| used.saturating_sub(stake.usd));
        }
    }

    fn count(&mut self, stake: &Stake<'_>, counted: impl Fn(u128) -> u128) {
        let count = |uses: &mut BTreeMap<String, u128>, name: &str| {
            let used = uses.entry(name.to_owned()).or_default();
            *used = counted(*used);
        };
        count(&mut self.assets, stake.asset);
        stake.chains.iter().for_each(|name| count(&mut self.chains, name));
        stake.venues.iter().for_each(|name| count(&mut self.venues, name));
        self.total = counted(self.total);
    }

    /// Counts what an attempt came to.
    pub fn settle(&mut self, usd: i128) {
        self.result = self.result.saturating_add(usd);
    }

    /// The result of the day, in US dollars with 18 decimals.
    #[must_use]
    pub fn result(&self) -> i128 {
        self.result
    }
}

/// As a signed number, saturated.
#[must_use]
pub fn signed(value: u128) -> i128 {
    i128::try_from(value).unwrap_or(i128::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stake(usd: u128) -> Stake<'static> {
        Stake { asset: "TIM3", chains: &["east"], venues: &["pool"], usd }
    }

    fn failed(budget: &Budget, limits: &Limits, usd: u128) -> Vec<Rule> {
        let checks = budget.checks(limits, &stake(usd));
        checks.into_iter().filter(|check| !check.passed).map(|check| check.rule).collect()
    }

    #[test]
    fn each_cap_stops_by_itself_and_a_new_day_begins_anew() {
        let wide = Limits { default: 1_000, day: 1_000, daily_loss: 10, ..Limits::default() };
        let named = |name: &str| BTreeMap::from([(name.to_owned(), 100)]);
        for (limits, rule) in [
            (Limits { assets: named("TIM3"), ..wide.clone() }, Rule::AssetCap),
            (Limits { chains: named("east"), ..wide.clone() }, Rule::ChainCap),
            (Limits { venues: named("pool"), ..wide.clone() }, Rule::VenueCap),
            (Limits { day: 100, ..wide }, Rule::DayCap),
        ] {
            let mut budget = Budget::default();
            assert_eq!(failed(&budget, &limits, 100), []);
            assert_eq!(failed(&budget, &limits, 101), [rule]);
            budget.spend(&stake(60));
            assert_eq!(failed(&budget, &limits, 40), []);
            assert_eq!(failed(&budget, &limits, 41), [rule]);
            budget.give_back(&stake(60), DAY_MS);
            assert_eq!(failed(&budget, &limits, 41), [rule], "it was another day's");
            budget.give_back(&stake(60), 1);
            assert_eq!(failed(&budget, &limits, 100), []);
            budget.spend(&stake(60));
            budget.turn(DAY_MS);
            assert_eq!(failed(&budget, &limits, 100), []);
            budget.spend(&stake(60));
            // A clock that was wrong and is right again.
            budget.turn(0);
            assert_eq!(failed(&budget, &limits, 100), []);
        }
    }

    #[test]
    fn the_loss_of_a_day_ends_it() {
        let limits = Limits { default: 1_000, day: 1_000, daily_loss: 10, ..Limits::default() };
        let mut budget = Budget::default();
        budget.settle(5);
        budget.settle(-14);
        assert_eq!(failed(&budget, &limits, 1), []);
        budget.settle(-1);
        assert_eq!(failed(&budget, &limits, 1), [Rule::DailyLoss]);
        budget.turn(DAY_MS);
        assert_eq!(failed(&budget, &limits, 1), []);
    }
}
