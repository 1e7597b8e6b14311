//! What the keepers tell of themselves after a round.

use std::collections::BTreeMap;

use tim3_api::view::{KeeperMarketView, KeeperTradeView, KeeperVenueView, KeeperView, KeeperWaitView, ReasonView};
use tim3_domain::{
    amount::{Rounding, SYNTHETIC_DECIMALS, display, scale},
    price::Verdict,
};
use tim3_keeper::keeper::OpenTrade;

use super::Running;
use crate::{
    keeper::trading::{Venue, Way},
    output::usd,
};

/// One whole unit with six decimals.
const MILLION: u128 = 1_000_000;

/// How many of those that wait are shown.
const WAITING: usize = 100;

impl Running {
    pub(super) fn show(&self) {
        let keeper = &self.session.keeper;
        let ledger = keeper.ledger();
        let markets: Vec<KeeperMarketView> = self.names.markets.keys().filter_map(|name| self.market(name)).collect();
        let mut problems: BTreeMap<String, String> = self.problems.clone();
        for market in markets.iter().filter(|market| market.verdict != name(Verdict::Valid)) {
            let reason = format!("its price is {}", market.verdict);
            problems.entry(market.name.clone()).or_insert(reason);
        }
        for market in markets.iter().filter(|market| market.unknown > 0) {
            let reason = format!("{} of its positions could not be read", market.unknown);
            problems.entry(market.name.clone()).or_insert(reason);
        }
        for chain in self.sites.keys() {
            self.metrics.keeper_in_flight(chain, self.flights.count(chain));
        }
        let sum = |of: fn(&KeeperMarketView) -> u64| markets.iter().map(of).fold(0, u64::saturating_add);
        self.metrics.keeper_open_trades(keeper.open_trades().count());
        self.metrics.keeper_positions(sum(|it| it.positions), sum(|it| it.liquidatable), sum(|it| it.unknown));
        for market in &markets {
            self.metrics.keeper_price(&market.name, market.verdict == name(Verdict::Valid));
        }
        self.metrics.keeper_paused(keeper.is_paused());
        for (rule, count) in ledger.missed() {
            self.metrics.keeper_missed(&rule.to_string(), *count);
        }
        for (mode, result) in ledger.results() {
            self.metrics.keeper_result(&mode.to_string(), *result);
        }
        let waiting = keeper.flights().waiting().iter().take(WAITING).map(|(subject, waiting)| KeeperWaitView {
            subject: subject.to_string(),
            failures: waiting.failures,
            until_ms: waiting.until_ms,
            reason: waiting.reason.clone(),
        });
        let in_flight = keeper.flights().in_flight().iter();
        let view = KeeperView {
            mode: keeper.config().mode.to_string(),
            paused: keeper.is_paused(),
            markets,
            venues: self.names.trading.venues.keys().filter_map(|name| self.venue(name)).collect(),
            open_trades: keeper.open_trades().map(|(decision, open)| self.open_trade(decision, open)).collect(),
            in_flight: in_flight.map(|(subject, decision)| (*decision, subject.to_string())).collect(),
            waiting: waiting.collect(),
            results: ledger.results().iter().map(|(mode, result)| (mode.to_string(), usd(*result))).collect(),
            today: usd(keeper.budget().result()),
            missed: ledger.missed().iter().map(|(rule, count)| (rule.to_string(), *count)).collect(),
            lost: ledger.lost(),
            entries: ledger.next(),
            problems: problems.into_iter().map(|(subject, reason)| ReasonView { subject, reason }).collect(),
        };
        self.board.looked(view, self.turn_to.is_none() && self.positions.is_known());
    }

    fn venue(&self, name: &str) -> Option<KeeperVenueView> {
        let Venue { chain, assets: [base, quote], way } = self.names.trading.venues.get(name)?;
        let offers = self.sights.get(chain)?.offers.as_ref().ok()?;
        let whole = |asset: &String, amount: u128| {
            let decimals = self.names.trading.decimals.get(asset).copied().unwrap_or_default();
            scale(amount, decimals, SYNTHETIC_DECIMALS, Rounding::Down).unwrap_or(u128::MAX)
        };
        let (price, [one, other]) = match way {
            Way::Pool { .. } => {
                let (held, owed) = offers.pools.get(name)?;
                let amounts = [whole(base, *held), whole(quote, *owed)];
                let [base, quote] = amounts;
                (quote.checked_mul(MILLION).and_then(|quote| quote.checked_div(base)), amounts)
            }
            Way::Par { .. } => {
                let (mintable, redeemable) = offers.reserves.get(name)?;
                (None, [*redeemable, *mintable])
            }
        };
        let shown = |amount| display(amount, SYNTHETIC_DECIMALS);
        let holds = BTreeMap::from([(base.clone(), shown(one)), (quote.clone(), shown(other))]);
        Some(KeeperVenueView { name: name.to_owned(), chain: chain.clone(), price: price.map(shown), holds })
    }

    fn open_trade(&self, decision: u64, open: &OpenTrade) -> KeeperTradeView {
        let (trade, (left, asset)) = (open.trade(), open.left());
        let legs: Vec<String> =
            trade.legs.iter().map(|leg| format!("{} for {} through {}", leg.from, leg.to, leg.venue)).collect();
        let decimals = self.names.trading.decimals.get(asset).copied().unwrap_or_default();
        let left = display(left, decimals);
        let summary =
            format!("{}; the leg on {} is done, and {left} {asset} are left", legs.join(", then "), trade.first);
        KeeperTradeView { decision, since_ms: open.since_ms(), summary }
    }

    fn market(&self, name: &str) -> Option<KeeperMarketView> {
        let keeper = &self.session.keeper;
        let book = keeper.book(name)?;
        let feed = &keeper.config().markets.get(name)?.feed;
        let (price, verdict) = match keeper.price(feed) {
            Ok(quote) => (quote.higher(Verdict::Unavailable).ok(), quote.verdict()),
            Err(verdict) => (None, verdict),
        };
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        Some(KeeperMarketView {
            name: name.to_owned(),
            chain: self.names.markets.get(name)?.chain.clone(),
            price: price.map(|price| price.to_string()),
            verdict: self::name(verdict).to_owned(),
            positions: count(book.len()),
            liquidatable: count(book.liquidatable()),
            unknown: count(book.unknown().count()),
        })
    }
}

fn name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Unavailable => "unavailable",
        Verdict::NonPositive => "non_positive",
        Verdict::TooVolatile => "too_volatile",
        Verdict::TooUncertain => "too_uncertain",
        Verdict::Stale => "stale",
        Verdict::Valid => "valid",
    }
}
