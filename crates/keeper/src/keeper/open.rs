//! Trades whose first leg is done: the other leg is sent, or the first one is undone, or what is left of it is carried.

use tim3_domain::{amm::Leg, price::Verdict};

use super::{Keeper, Pending, Place, Step};
use crate::{
    arbitrage::{
        Edge, Fill, Order, Size, Trade, TradeLeg,
        search::capacity,
        trade::{buy_within, less, sell},
    },
    decision::{Action, Check, Number, Relation, Rule, Subject},
    limits::signed,
};

/// What is worth no more than a cent is let go, whatever the least profit is.
const CENT: u128 = 10_000_000_000_000_000;

/// A trade on two chains whose first leg is done, and what is left to do.
#[derive(Clone, Debug)]
pub struct OpenTrade {
    trade: Trade,
    /// What the first leg did, less what was ended of it since.
    fill: Fill,
    /// How much the first leg bought of what the other one sells, or sold of what it buys.
    whole: u128,
    since_ms: u64,
    pub(super) stake: u128,
    /// What the other leg takes, as it was planned, less what it took already.
    pub(super) reserved: Vec<(Place, u128)>,
    route: Subject,
    /// What was lost (below zero: gained) by what was ended, in US dollars with 18 decimals.
    lost: i128,
    /// Whether it may be undone by now.
    is_late: bool,
}

impl OpenTrade {
    /// Both legs, as planned.
    #[must_use]
    pub fn trade(&self) -> &Trade {
        &self.trade
    }

    /// When the first leg was known to be done, in milliseconds since 1970.
    #[must_use]
    pub fn since_ms(&self) -> u64 {
        self.since_ms
    }

    /// How much is bought and not sold, or sold and not bought, and of what.
    #[must_use]
    pub fn left(&self) -> (u128, &str) {
        let mut legs = self.trade.legs_on(&self.trade.first);
        let asset = if self.has_bought() {
            legs.next_back().map_or("", |leg| leg.to.as_str())
        } else {
            legs.next().map_or("", |leg| leg.from.as_str())
        };
        (self.trade.leaves_open(&self.fill), asset)
    }

    fn has_bought(&self) -> bool {
        self.trade.buys_on(&self.trade.first)
    }

    /// What the first leg did for so much of what is left: what it paid is rounded up, what it got down.
    fn share(&self, amount: u128) -> Fill {
        let left = self.left().0;
        let of = |sum: u128, part: u128| Leg::Fixed { kept: part, of: left }.output(sum);
        if self.has_bought() {
            let rest = of(self.fill.input, left.saturating_sub(amount));
            Fill { input: self.fill.input.saturating_sub(rest), output: amount }
        } else {
            Fill { input: amount, output: of(self.fill.output, amount) }
        }
    }

    /// What is spoken for at a place.
    fn reserved_at(&self, place: &Place) -> u128 {
        self.reserved.iter().find(|(reserved, _)| reserved == place).map_or(0, |(_, amount)| *amount)
    }
}

/// One way to end an open trade: the other leg, or the first one backwards.
struct Way {
    subject: Subject,
    /// As much as there is something for.
    order: Order,
    legs: Vec<Leg>,
    /// How much of what is left it ends.
    amount: u128,
    /// The most that may go in, of what is there.
    at_hand: u128,
    /// What it takes beyond what the trade has reserved.
    reserved: (Place, u128),
}

impl Way {
    /// What goes in and comes out of ending so much of what is left, as quoted.
    fn quote(&self, amount: u128) -> Option<Fill> {
        let legs = self.legs.iter();
        match self.order.size {
            Size::Sell { .. } => {
                let output = legs.fold(amount, |amount, leg| leg.output(amount));
                Some(Fill { input: amount, output })
            }
            Size::Buy { .. } => {
                let input = legs.rev().try_fold(amount, |amount, leg| leg.input(amount))?;
                Some(Fill { input, output: amount })
            }
        }
    }
}

impl Keeper {
    pub(super) fn look_at_open_trades(&mut self, step: &mut Step) {
        let numbers: Vec<u64> = self.open.keys().copied().collect();
        for number in numbers {
            self.look_at_open_trade(number, step);
        }
    }

    /// Within the time for it, the other leg is sent. After that the first one may be undone instead, whichever comes to more as quoted now, if the loss
    /// allows it. Either is done as far as there is something for it; the rest is carried, which this says each time the reason changes, and looked at
    /// again. Where something was done and little is left, it is let go. While one of the ways is under way it decides what is left.
    pub(super) fn look_at_open_trade(&mut self, number: u64, step: &mut Step) {
        let ways = [Subject::OpenTrade(number), Subject::Hedge(number)];
        if ways.iter().any(|subject| self.flights.in_flight().contains_key(subject)) {
            return;
        }
        let Some(open) = self.open.get_mut(&number) else { return };
        // By a clock that was ahead for a moment it would be late a long time from now.
        open.since_ms = open.since_ms.min(self.now_ms);
        let open = open.clone();
        let leftover = self.leftover(&open);
        if leftover.iter().any(|check| !check.passed) {
            self.leave(Subject::OpenTrade(number), self.height(&open.trade.first), leftover, step);
            self.close_trade(number);
            return;
        }
        let waited = self.now_ms.saturating_sub(open.since_ms);
        let retry = self.config.arbitrage.retry_ms;
        let is_late = waited > retry;
        if is_late && !open.is_late {
            self.begin_late(number);
        }
        let ways = [Some(self.other_leg(number, &open)), is_late.then(|| self.hedge(number, &open))];
        let relation = if is_late { Relation::Above } else { Relation::AtMost };
        let deadline = Check::new(Rule::Deadline, waited, relation, retry, Number::Milliseconds);
        let (mut ready, mut others) = (Vec::new(), Vec::new());
        for way in ways.into_iter().flatten().flatten() {
            let mut checks = self.way_checks(&open, &way);
            checks.push(deadline.clone());
            match checks.iter().find(|check| !check.passed).map(|check| check.rule) {
                None => ready.push((way, checks)),
                // Whether it fails again is not known before the next block; the other way is not to be taken for want of that.
                Some(Rule::CheckHeight) => return,
                Some(_) => others.push((way, checks)),
            }
        }
        let Some((way, mut checks)) = self.better(&open, ready) else {
            for (way, checks) in others {
                self.leave(way.subject, self.height(&way.order.chain), checks, step);
            }
            return;
        };
        if is_late {
            let most = signed(self.config.arbitrage.max_hedge_loss);
            checks.push(Check::new(Rule::HedgeLoss, self.loss(&open, &way), Relation::AtMost, most, Number::Usd));
        }
        let height = self.height(&way.order.chain);
        if checks.iter().any(|check| !check.passed) {
            self.leave(way.subject, height, checks, step);
            return;
        }
        let Way { subject, order, reserved, .. } = way;
        let (chain, quoted, reserved) = (order.chain.clone(), order.quoted, vec![reserved]);
        let action = if matches!(subject, Subject::Hedge(_)) { Action::Hedge(order) } else { Action::Close(order) };
        self.act(Pending::new(subject, action, chain, quoted, reserved), height, checks, step);
    }

    /// The time for the other leg is over. It gets another attempt, if it is still the better one, however often it failed before.
    fn begin_late(&mut self, number: u64) {
        self.flights.forgive(&Subject::OpenTrade(number));
        if let Some(open) = self.open.get_mut(&number) {
            open.is_late = true;
        }
    }

    /// What stands against going that way now. What failed waits, and the other way does not wait for it.
    fn way_checks(&self, open: &OpenTrade, way: &Way) -> Vec<Check> {
        let height = self.height(&way.order.chain);
        let mut checks = self.gates(&way.order.chain, &way.order.to, 0);
        // Keepers that are paused begin nothing. To leave this half done would be the greater risk.
        checks.retain(|check| check.rule != Rule::Paused);
        checks.extend(self.flights.checks(&way.subject, height, self.config.patience, self.now_ms));
        let units = |amount| Number::Amount(amount, format!("{} on {}", way.order.from, way.order.chain));
        // Nothing at hand, or nothing that a pool gives for it.
        let at_hand = if way.amount == 0 { 0 } else { way.at_hand };
        checks.push(Check::new(Rule::Inventory, at_hand, Relation::AtLeast, 1, units));
        checks.extend(self.is_worth_it(open, way));
        checks
    }

    /// That a part is worth more than the least profit and its gas: the rest waits until there is more at hand.
    fn is_worth_it(&self, open: &OpenTrade, way: &Way) -> Option<Check> {
        let (left, asset) = open.left();
        let worth = self.at_most(asset, way.amount).ok().filter(|_| way.amount < left)?;
        let least = self.config.arbitrage.min_profit.max(CENT).max(self.gas_of(way).unwrap_or(u128::MAX));
        Some(Check::new(Rule::Inventory, signed(worth), Relation::Above, signed(least), Number::Usd))
    }

    /// What going that way costs, in US dollars with 18 decimals.
    fn gas_of(&self, way: &Way) -> Option<u128> {
        let steps = u128::try_from(way.legs.len()).unwrap_or(u128::MAX);
        self.gas_usd(&way.order.chain, |gas| gas.step.saturating_mul(steps)).ok()
    }

    /// Of the ways that may be gone the one that comes to more, compared for as much as both can do; where it is the same, the first.
    fn better(&self, open: &OpenTrade, ways: Vec<(Way, Vec<Check>)>) -> Option<(Way, Vec<Check>)> {
        let common = ways.iter().map(|(way, _)| way.amount).min()?;
        let mut ways = ways.into_iter();
        let (first, mut checks) = ways.next()?;
        let Some((second, mut other_checks)) = ways.next() else { return Some((first, checks)) };
        let (one, other) = (self.result(open, &first, common), self.result(open, &second, common));
        let compare = |found: Option<i128>, bound: Option<i128>| {
            let (found, bound) = (found.unwrap_or(i128::MIN), bound.unwrap_or(i128::MIN));
            Check::new(Rule::OtherWay, found, Relation::AtLeast, bound, Number::Usd)
        };
        if one >= other {
            checks.push(compare(one, other));
            Some((first, checks))
        } else {
            other_checks.push(compare(other, one));
            Some((second, other_checks))
        }
    }

    /// Sells what was bought, or buys what was sold: as much as the first leg did, whatever was planned.
    fn other_leg(&self, number: u64, open: &OpenTrade) -> Option<Way> {
        let chain = open.trade.other()?;
        let legs: Vec<&TradeLeg> = open.trade.legs_on(chain).collect();
        let path: Vec<(&str, &str)> = legs.iter().map(|leg| (leg.venue.as_str(), leg.from.as_str())).collect();
        let ends = (legs.first()?.from.as_str(), legs.last()?.to.as_str());
        self.way(number, open, Subject::OpenTrade(number), chain, &path, ends)
    }

    /// The first leg backwards.
    fn hedge(&self, number: u64, open: &OpenTrade) -> Option<Way> {
        let chain = open.trade.first.as_str();
        let legs: Vec<&TradeLeg> = open.trade.legs_on(chain).collect();
        let path: Vec<(&str, &str)> = legs.iter().rev().map(|leg| (leg.venue.as_str(), leg.to.as_str())).collect();
        let ends = (legs.last()?.to.as_str(), legs.first()?.from.as_str());
        self.way(number, open, Subject::Hedge(number), chain, &path, ends)
    }

    /// What the first leg bought is sold, or what it sold is bought: as much as what is there, and what the venues take, is enough for.
    fn way(
        &self,
        number: u64,
        open: &OpenTrade,
        subject: Subject,
        chain: &str,
        path: &[(&str, &str)],
        (from, to): (&str, &str),
    ) -> Option<Way> {
        let edges = path.iter().map(|(venue, asset)| self.map.way(venue, asset)).collect::<Option<Vec<&Edge>>>()?;
        let legs: Vec<Leg> = edges.iter().map(|edge| edge.leg).collect();
        let place = (chain.to_owned(), from.to_owned());
        let at_hand = self.available_for(&place, Some(number)).min(capacity(edges.iter().copied()));
        let (left, slippage) = (open.left().0, self.config.arbitrage.slippage_bps);
        let (size, quoted) = if open.has_bought() {
            sell(&legs, left.min(at_hand), slippage)
        } else {
            buy_within(&legs, left, at_hand, slippage)
        };
        let (amount, taken) = match size {
            // What pays nothing is no way.
            Size::Sell { input, .. } => (if quoted.output == 0 { 0 } else { input }, input),
            Size::Buy { output, max_input } => (output, max_input),
        };
        let reserved = taken.saturating_sub(open.reserved_at(&place));
        let venues = path.iter().map(|(venue, _)| (*venue).to_owned()).collect();
        let (chain, from, to) = (chain.to_owned(), from.to_owned(), to.to_owned());
        let order = Order { trade: number, chain, venues, from, to, size, quoted };
        Some(Way { subject, order, legs, amount, at_hand, reserved: (place, reserved) })
    }

    /// What ending so much of the trade that way comes to as quoted, after gas, in US dollars with 18 decimals.
    fn result(&self, open: &OpenTrade, way: &Way, amount: u128) -> Option<i128> {
        let gain = self.gain(open.share(amount), way.quote(amount)?, &way.order, Verdict::Valid)?;
        Some(gain.saturating_sub(signed(self.gas_of(way)?)))
    }

    /// What is lost at worst with what is lost already, in US dollars with 18 decimals; negative where it gains.
    fn loss(&self, open: &OpenTrade, way: &Way) -> i128 {
        let worst = match way.order.size {
            Size::Sell { input, min_output } => Fill { input, output: min_output },
            Size::Buy { output, max_input } => Fill { input: max_input, output },
        };
        let gain = self.gain(open.share(way.amount), worst, &way.order, Verdict::Valid);
        gain.map_or(i128::MAX, |gain| open.lost.saturating_sub(gain))
    }

    /// What the two fills come to together, in US dollars with 18 decimals, at prices that are `least` at least. Either way they meet in the asset that the trade
    /// began with.
    fn gain(&self, first: Fill, second: Fill, order: &Order, least: Verdict) -> Option<i128> {
        let (spent, got, asset) = match order.size {
            Size::Sell { .. } => (first.input, second.output, &order.to),
            Size::Buy { .. } => (second.input, first.output, &order.from),
        };
        self.worth(asset, signed(got).saturating_sub(signed(spent)), least)
    }

    /// Whether what is left of a trade that was ended in part is worth going on for: it is more than what bringing inventory back was reckoned to cost, and worth
    /// more than the least profit.
    fn leftover(&self, open: &OpenTrade) -> Vec<Check> {
        let (left, asset) = open.left();
        if left == open.whole {
            return Vec::new();
        }
        let policy = &self.config.arbitrage;
        let crossing = open.whole.saturating_sub(less(open.whole, policy.crossing_bps));
        let units = |amount| Number::Amount(amount, asset.to_owned());
        let mut checks = vec![Check::new(Rule::Leftover, left, Relation::Above, crossing, units)];
        if let Ok(worth) = self.at_most(asset, left) {
            let least = signed(policy.min_profit.max(CENT));
            checks.push(Check::new(Rule::Leftover, signed(worth), Relation::Above, least, Number::Usd));
        }
        checks
    }

    /// The first leg is done: what it did is what the other one is sized from.
    pub(super) fn open_trade(&mut self, number: u64, pending: Pending, fill: Fill, step: &mut Step) {
        let Action::Open { trade, .. } = pending.action else { return };
        let is_other = |place: &Place| Some(place.0.as_str()) == trade.other();
        let reserved = pending.reserved.into_iter().filter(|(place, _)| is_other(place)).collect();
        let (since_ms, stake, route) = (self.now_ms, pending.stake, pending.subject);
        let whole = trade.leaves_open(&fill);
        let open = OpenTrade { trade, fill, whole, since_ms, stake, reserved, route, lost: 0, is_late: false };
        self.open.insert(number, open);
        self.look_at_open_trade(number, step);
    }

    /// The other leg is done, or the first one undone: all of it, or a part.
    pub(super) fn end_part(&mut self, order: &Order, done: Fill, step: &mut Step) {
        let Some(open) = self.open.get(&order.trade) else { return };
        let share = open.share(order.ends(&done).min(open.left().0));
        // What was paid for a purchase that brought nothing is lost as it is.
        let earned = if done.output == 0 { Fill { input: share.input, output: 0 } } else { share };
        // As the ledger counts it: a price that is not valid now is no reason to forget a loss.
        let gain = self.gain(earned, done, order, Verdict::Unavailable).unwrap_or_default();
        let Some(open) = self.open.get_mut(&order.trade) else { return };
        open.lost = open.lost.saturating_sub(gain);
        open.fill.input = open.fill.input.saturating_sub(share.input);
        open.fill.output = open.fill.output.saturating_sub(share.output);
        for ((chain, asset), reserved) in &mut open.reserved {
            if *chain == order.chain && *asset == order.from {
                *reserved = reserved.saturating_sub(done.input);
            }
        }
        if open.left().0 == 0 {
            self.close_trade(order.trade);
        } else {
            self.look_at_open_trade(order.trade, step);
        }
    }

    /// Nothing of the trade is open any more.
    fn close_trade(&mut self, number: u64) {
        let Some(open) = self.open.remove(&number) else { return };
        self.flights.finish(&open.route);
        for subject in [Subject::OpenTrade(number), Subject::Hedge(number)] {
            self.left.remove(&subject);
            self.flights.remove(&subject);
        }
    }
}
