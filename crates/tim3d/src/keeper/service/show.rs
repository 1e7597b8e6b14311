//! What the keepers tell of themselves after a round.

use std::collections::BTreeMap;

use tim3_api::view::{KeeperMarketView, KeeperView, KeeperWaitView, ReasonView};
use tim3_domain::{amount::display, price::Verdict};

use super::Running;

/// How many of those that wait are shown.
const WAITING: usize = 100;

impl Running {
    pub(super) fn show(&self) {
        let keeper = &self.session.keeper;
        let ledger = keeper.ledger();
        let markets: Vec<KeeperMarketView> = self.namings.keys().filter_map(|name| self.market(name)).collect();
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
            in_flight: in_flight.map(|(subject, decision)| (*decision, subject.to_string())).collect(),
            waiting: waiting.collect(),
            results: ledger.results().iter().map(|(mode, result)| (mode.to_string(), usd(*result))).collect(),
            today: usd(keeper.budget().result()),
            missed: ledger.missed().iter().map(|(rule, count)| (rule.to_string(), *count)).collect(),
            lost: ledger.lost(),
            entries: ledger.next(),
            problems: problems.into_iter().map(|(subject, reason)| ReasonView { subject, reason }).collect(),
        };
        self.board.looked(view, self.turn_to.is_none() && self.knows_positions);
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
            chain: self.namings.get(name)?.chain.clone(),
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

/// US dollars as people read them.
fn usd(value: i128) -> String {
    let sign = if value < 0 { "-" } else { "" };
    format!("{sign}{}", display(value.unsigned_abs(), 18))
}
