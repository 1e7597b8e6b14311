//! Looking for cycles that gain, on one chain and between two.

use std::collections::BTreeSet;

use tim3_domain::price::Verdict;

use super::{Keeper, Pending, Place, Step, price_check, sizing::Opportunity};
use crate::{
    arbitrage::{
        Cycle, Fill, Order, Size, Trade, TradeLeg,
        search::Bounds,
        trade::{less, more},
    },
    config::Mode,
    decision::{Action, Check, Number, Relation, Rule, Subject},
    limits::{Stake, signed},
};

/// At this pause level everything goes on; above it a leg may fail that another one counts on.
const NORMAL: u8 = 0;

impl Keeper {
    /// Decides about all cycles, the most profitable first. Each is sized after those before it, and a venue is used by one trade at a time.
    pub(super) fn look_at_routes(&mut self, step: &mut Step) {
        self.supposed.clear();
        let (cycles, cut_off) = self.search();
        let here: BTreeSet<&Subject> = cycles.iter().map(|(.., subject)| subject).chain(&cut_off).collect();
        // What is no opportunity any more may be one again, and is then said again.
        let is_over = |subject: &Subject| matches!(subject, Subject::Route { .. }) && !here.contains(subject);
        self.left.retain(|subject, _| !is_over(subject));
        self.acted.retain(|subject, _| !is_over(subject));
        let steps = u64::try_from(self.config.arbitrage.steps).unwrap_or(u64::MAX);
        for subject in cut_off {
            let check = Check::new(Rule::Steps, steps, Relation::Below, steps, Number::Count);
            let height = if let Subject::Route { chain, .. } = &subject { self.height(chain) } else { 0 };
            self.leave(subject, height, vec![check], step);
        }
        for (start, cycle, _) in cycles {
            if let Some(opportunity) = self.opportunity(&start, &cycle) {
                self.look_at_route(opportunity, step);
            }
        }
        self.supposed.clear();
    }

    /// The cycles that gain, as large as each may be by itself, the most profitable first; and those starts whose search was cut off. What there is
    /// nothing to put in for comes last, and only where the same cycle does not begin elsewhere.
    fn search(&self) -> (Vec<(Place, Cycle, Subject)>, Vec<Subject>) {
        let policy = &self.config.arbitrage;
        let bounds = Bounds { hops: policy.hops, steps: policy.steps };
        let (mut found, mut cut_off) = (Vec::new(), Vec::new());
        for (node, place) in (0_u32..).zip(self.map.places()) {
            let search = self.map.graph.cycles(node, u128::MAX, bounds);
            if search.truncated {
                let (chain, asset) = place.clone();
                cut_off.push(Subject::Route { chain, asset, venues: Vec::new() });
            }
            let sized = search.cycles.into_iter().filter_map(|cycle| Some((self.opportunity(place, &cycle)?, cycle)));
            found.extend(sized.map(|(opportunity, cycle)| (opportunity, place.clone(), cycle)));
        }
        found.sort_by(|(a, ..), (b, ..)| {
            let order = a.is_possible.cmp(&b.is_possible).then_with(|| a.gain.ok().cmp(&b.gain.ok())).reverse();
            order.then_with(|| a.subject.cmp(&b.subject))
        });
        let mut seen: BTreeSet<Vec<u32>> = BTreeSet::new();
        let mut is_told = |(opportunity, _, cycle): &(Opportunity, Place, Cycle)| {
            let mut edges = cycle.edges.clone();
            edges.sort_unstable();
            seen.insert(edges) || opportunity.is_possible
        };
        found.retain(&mut is_told);
        (found.into_iter().map(|(opportunity, place, cycle)| (place, cycle, opportunity.subject)).collect(), cut_off)
    }

    /// What is put into trades between chains that are not finished, in US dollars with 18 decimals.
    pub(super) fn exposed(&self) -> u128 {
        let starting = self.pending.values().filter(|pending| matches!(pending.action, Action::Open { .. }));
        let stakes = starting.map(|pending| pending.stake).chain(self.open.values().map(|open| open.stake));
        stakes.fold(0, u128::saturating_add)
    }

    fn look_at_route(&mut self, opportunity: Opportunity, step: &mut Step) {
        let height = self.height(&opportunity.start.0);
        let checks = self.route_checks(&opportunity, height);
        if checks.iter().any(|check| !check.passed) {
            self.leave(opportunity.subject, height, checks, step);
            return;
        }
        let Opportunity { subject, trade, start, stake: Ok(stake), .. } = opportunity else { return };
        let Some(pending) = self.first_step(subject, trade.clone(), stake) else { return };
        if self.config.mode != Mode::Live {
            self.supposed.push(pending.clone());
        }
        if self.act(pending, height, checks, step) {
            let chains = trade.chains();
            let venues: Vec<&str> = trade.legs.iter().map(|leg| leg.venue.as_str()).collect();
            let stake = Stake { asset: &start.1, chains: &chains, venues: &venues, usd: stake };
            self.budget_of(self.config.mode).spend(&stake);
        }
    }

    fn route_checks(&self, opportunity: &Opportunity, height: u64) -> Vec<Check> {
        let Opportunity { subject, trade, start, gain, stake, limits, .. } = opportunity;
        let mut checks: Vec<Check> = Vec::new();
        let mut verdict = gain.and(*stake).err().unwrap_or(Verdict::Valid);
        for leg in &trade.legs {
            for asset in [&leg.from, &leg.to] {
                let new = self.gates(&leg.chain, asset, NORMAL).into_iter().filter(|check| !checks.contains(check));
                let new: Vec<Check> = new.collect();
                checks.extend(new);
                verdict = verdict.min(self.quote(asset).map_or_else(|verdict| verdict, |quote| quote.verdict()));
            }
        }
        checks.extend(self.atomic_checks(trade));
        let chains = trade.chains();
        let mut profit = signed(gain.unwrap_or_default());
        for chain in &chains {
            let steps = u128::try_from(trade.legs_on(chain).count()).unwrap_or(u128::MAX);
            match self.gas_usd(chain, |gas| gas.step.saturating_mul(steps)) {
                Ok(gas) => profit = profit.saturating_sub(signed(gas)),
                Err(unpriced) => verdict = verdict.min(unpriced),
            }
        }
        checks.push(price_check(verdict));
        checks.extend(self.flights.checks(subject, height, self.config.patience, self.now_ms));
        let supposed = self.supposed.iter().map(|pending| &pending.subject);
        let others = self.flights.in_flight().keys().chain(supposed);
        let busy = others.filter(|other| shares_a_venue(subject, other)).count();
        checks.push(Check::new(
            Rule::InFlight,
            u64::try_from(busy).unwrap_or(u64::MAX),
            Relation::Below,
            1,
            Number::Count,
        ));
        let least = signed(self.config.arbitrage.min_profit);
        checks.push(Check::new(Rule::Profit, profit, Relation::Above, least, Number::Usd));
        checks.extend(limits.iter().cloned());
        let stake = stake.unwrap_or_default();
        if chains.len() > 1 {
            let exposed = self.exposed().saturating_add(stake);
            let most = signed(self.config.limits.exposure);
            checks.push(Check::new(Rule::Exposure, signed(exposed), Relation::AtMost, most, Number::Usd));
        }
        let venues: Vec<&str> = trade.legs.iter().map(|leg| leg.venue.as_str()).collect();
        let stake = Stake { asset: &start.1, chains: &chains, venues: &venues, usd: stake };
        checks.extend(self.budget().checks(&self.config.limits, &stake));
        checks
    }

    /// Whether the steps on each chain can be one transaction there: what is half done on one chain has no other leg.
    fn atomic_checks(&self, trade: &Trade) -> Vec<Check> {
        let check = |chain: &str| {
            let most = self.config.chains.get(chain)?.steps?;
            let steps = u64::try_from(trade.legs_on(chain).count()).unwrap_or(u64::MAX);
            Some(Check::new(Rule::Atomic, steps, Relation::AtMost, most, Number::Count))
        };
        trade.chains().into_iter().filter_map(check).collect()
    }

    /// All of a trade on one chain, or the leg that goes first. What the other leg may take is spoken for from now on, too, as far as it is there: all that
    /// the first one is to buy, or with slippage what buying costs.
    fn first_step(&self, subject: Subject, trade: Trade, stake: u128) -> Option<Pending> {
        let chain = trade.first.clone();
        let legs: Vec<&TradeLeg> = trade.legs_on(&chain).collect();
        let (first, last) = (legs.first()?, legs.last()?);
        let slippage = self.config.arbitrage.slippage_bps;
        let mut reserved = vec![((chain.clone(), first.from.clone()), first.input)];
        if let Some(leg) = trade.other().and_then(|other| trade.legs_on(other).next()) {
            let amount = if trade.buys_on(&chain) { last.output } else { more(leg.input, slippage) };
            let place = (leg.chain.clone(), leg.from.clone());
            let there = self.available(&place);
            reserved.push((place, amount.min(there)));
        }
        let quoted = Fill { input: first.input, output: last.output };
        let order = Order {
            trade: self.next_decision,
            chain: chain.clone(),
            venues: legs.iter().map(|leg| leg.venue.clone()).collect(),
            from: first.from.clone(),
            to: last.to.clone(),
            size: Size::Sell { input: first.input, min_output: less(last.output, slippage) },
            quoted,
        };
        let action = if trade.other().is_some() { Action::Open { trade, order } } else { Action::Swap(trade) };
        Some(Pending { stake, ..Pending::new(subject, action, chain, quoted, reserved) })
    }
}

/// Whether two routes go through the same venue.
fn shares_a_venue(one: &Subject, other: &Subject) -> bool {
    match (one, other) {
        (Subject::Route { venues: mine, .. }, Subject::Route { venues, .. }) => {
            one != other && mine.iter().any(|venue| venues.contains(venue))
        }
        _ => false,
    }
}
