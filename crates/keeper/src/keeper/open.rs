//! Trades whose first leg is done: the other leg is sent, or the first one is hedged, or what it bought is carried.

use super::{Keeper, OpenTrade, Pending, Place, Step};
use crate::{
    arbitrage::{
        Fill, Order, Size, TradeLeg,
        trade::{buy, sell},
    },
    decision::{Action, Check, Number, Relation, Rule, Subject},
    limits::signed,
};

impl Keeper {
    pub(super) fn look_at_open_trades(&mut self, step: &mut Step) {
        let numbers: Vec<u64> = self.open.keys().copied().collect();
        for number in numbers {
            self.look_at_open_trade(number, step);
        }
    }

    /// Within the time for it, the other leg is sent. After that the first one is undone if the loss allows it; otherwise what was bought or sold
    /// is carried, which this says each time the reason changes, and looked at again.
    pub(super) fn look_at_open_trade(&mut self, number: u64, step: &mut Step) {
        let Some(open) = self.open.get(&number).cloned() else { return };
        let policy = &self.config.arbitrage;
        let waited = self.now_ms.saturating_sub(open.since_ms);
        let deadline = Check::new(Rule::Deadline, waited, Relation::AtMost, policy.retry_ms, Number::Milliseconds);
        let order = if deadline.passed { self.other_leg(number, &open) } else { self.hedge(number, &open) };
        let Some(order) = order else { return };

        let height = self.height(&order.chain);
        let is_hedge = !deadline.passed;
        let subject = if is_hedge { Subject::Hedge(number) } else { Subject::OpenTrade(number) };
        let mut checks = self.gates(&order.chain, &order.to, 0);
        checks.extend(self.flights.checks(&subject, height, self.now_ms));
        if is_hedge {
            // The other leg may still be under way; how often it failed before is no reason to wait.
            let flying = u64::from(self.flights.in_flight().contains_key(&Subject::OpenTrade(number)));
            checks.push(Check::new(Rule::InFlight, flying, Relation::Below, 1, Number::Count));
            checks.push(Check::new(Rule::Deadline, waited, Relation::Above, policy.retry_ms, Number::Milliseconds));
            let most = signed(policy.max_hedge_loss);
            checks.push(Check::new(Rule::HedgeLoss, self.loss(&open, &order), Relation::AtMost, most, Number::Usd));
        } else {
            checks.push(deadline);
        }
        if checks.iter().any(|check| !check.passed) {
            self.leave(subject, height, checks, step);
            return;
        }
        let chain = order.chain.clone();
        let quoted = order.quoted;
        let action = if is_hedge { Action::Hedge(order) } else { Action::Close(order) };
        self.act(Pending { subject, action, reserved: Vec::new(), quoted, chain, stake: 0 }, height, checks, step);
    }

    /// Sells what was bought, or buys what was sold: as much as the first leg did, whatever was planned.
    fn other_leg(&self, number: u64, open: &OpenTrade) -> Option<Order> {
        let chain = open.trade.other()?;
        let legs: Vec<&TradeLeg> = open.trade.legs_on(chain).collect();
        let path: Vec<(&str, &str)> = legs.iter().map(|leg| (leg.venue.as_str(), leg.from.as_str())).collect();
        let ends = (legs.first()?.from.as_str(), legs.last()?.to.as_str());
        self.order(number, chain, &path, ends, open.trade.buys_on(&open.trade.first), open.fill)
    }

    /// The first leg backwards.
    fn hedge(&self, number: u64, open: &OpenTrade) -> Option<Order> {
        let chain = open.trade.first.as_str();
        let legs: Vec<&TradeLeg> = open.trade.legs_on(chain).collect();
        let path: Vec<(&str, &str)> = legs.iter().rev().map(|leg| (leg.venue.as_str(), leg.to.as_str())).collect();
        let ends = (legs.last()?.to.as_str(), legs.first()?.from.as_str());
        self.order(number, chain, &path, ends, open.trade.buys_on(chain), open.fill)
    }

    /// `sells`: what the first leg brought is sold; otherwise what it gave away is bought.
    fn order(
        &self,
        trade: u64,
        chain: &str,
        path: &[(&str, &str)],
        (from, to): (&str, &str),
        sells: bool,
        fill: Fill,
    ) -> Option<Order> {
        let legs = path.iter().map(|(venue, asset)| self.map.leg(venue, asset)).collect::<Option<Vec<_>>>()?;
        let slippage = self.config.arbitrage.slippage_bps;
        let (size, quoted) = if sells { sell(&legs, fill.output, slippage) } else { buy(&legs, fill.input, slippage)? };
        let venues = path.iter().map(|(venue, _)| (*venue).to_owned()).collect();
        let (chain, from, to) = (chain.to_owned(), from.to_owned(), to.to_owned());
        Some(Order { trade, chain, venues, from, to, size, quoted })
    }

    /// What hedging would lose, at worst, in US dollars with 18 decimals; negative where it gains.
    fn loss(&self, open: &OpenTrade, order: &Order) -> i128 {
        // Either way the two fills meet in the asset that the trade began with.
        let (spent, got, asset) = match order.size {
            Size::Sell { min_output, .. } => (open.fill.input, min_output, &order.to),
            Size::Buy { max_input, .. } => (max_input, open.fill.output, &order.from),
        };
        match (self.at_most(asset, spent.saturating_sub(got)), self.at_least(asset, got.saturating_sub(spent))) {
            (Ok(lost), Ok(gained)) => signed(lost).saturating_sub(signed(gained)),
            _ => i128::MAX,
        }
    }

    /// The first leg is done: what it did is what the other one is sized from.
    pub(super) fn open_trade(&mut self, number: u64, pending: Pending, fill: Fill, step: &mut Step) {
        let Action::Open { trade, .. } = pending.action else { return };
        let is_other = |place: &Place| Some(place.0.as_str()) == trade.other();
        let reserved = pending.reserved.into_iter().filter(|(place, _)| is_other(place)).collect();
        let (since_ms, stake, route) = (self.now_ms, pending.stake, pending.subject);
        self.open.insert(number, OpenTrade { trade, fill, since_ms, stake, reserved, route });
        self.look_at_open_trade(number, step);
    }

    /// Nothing of the trade is open any more.
    pub(super) fn close_trade(&mut self, number: u64) {
        if let Some(open) = self.open.remove(&number) {
            self.flights.finish(&open.route);
            self.left.remove(&Subject::OpenTrade(number));
            self.left.remove(&Subject::Hedge(number));
        }
    }
}
