//! Looking for cycles that gain, on one chain and between two.

use tim3_domain::price::Verdict;

use super::{Keeper, Pending, Place, Step, price_check};
use crate::{
    arbitrage::{
        Cycle, Fill, Order, Size, Trade, TradeLeg,
        search::Bounds,
        trade::{goes_first, less},
    },
    decision::{Action, Check, Number, Relation, Rule, Subject},
    limits::{Stake, signed},
};

/// At this pause level everything goes on; above it a leg may fail that another one counts on.
const NORMAL: u8 = 0;

/// A cycle, with what it is worth.
struct Opportunity {
    subject: Subject,
    trade: Trade,
    /// Where it begins.
    start: Place,
    /// What is gained, before gas.
    gain: u128,
    /// What is put in.
    stake: u128,
}

impl Keeper {
    /// Decides about all cycles, the most profitable first; a venue is used by one trade at a time.
    pub(super) fn look_at_routes(&mut self, step: &mut Step) {
        let opportunities = self.opportunities();
        let is_here = |subject: &Subject| opportunities.iter().any(|opportunity| opportunity.subject == *subject);
        // What is no opportunity any more may be one again, and is then said again.
        let is_over = |subject: &Subject| matches!(subject, Subject::Route { .. }) && !is_here(subject);
        self.left.retain(|subject, _| !is_over(subject));
        self.acted.retain(|subject, _| !is_over(subject));
        for opportunity in opportunities {
            self.look_at_route(opportunity, step);
        }
    }

    fn opportunities(&mut self) -> Vec<Opportunity> {
        self.set_crossings();
        let policy = &self.config.arbitrage;
        let bounds = Bounds { hops: policy.hops, steps: policy.steps };
        let mut found: Vec<Opportunity> = Vec::new();
        for (node, place) in (0_u32..).zip(self.map.places()) {
            let most = self.available(place);
            if most == 0 {
                continue;
            }
            let cycles = self.map.graph.cycles(node, most, bounds).cycles;
            found.extend(cycles.into_iter().filter_map(|cycle| self.opportunity(place, &cycle)));
        }
        found.sort_by(|a, b| b.gain.cmp(&a.gain).then_with(|| a.subject.cmp(&b.subject)));
        found
    }

    /// What a crossing carries: what may be sold on the other side, what may come back from this one, and what may still be open between chains.
    fn set_crossings(&mut self) {
        let exposure = self.config.limits.exposure.saturating_sub(self.exposed());
        let room = |(from, to): (&Place, &Place)| {
            let is_relayed = self.config.inventory.contains_key(&from.1);
            let quota = self.quotas.get(from).copied().unwrap_or(if is_relayed { 0 } else { u128::MAX });
            let Ok(unit) = self.at_most(&from.1, 1_000_000) else { return 0 };
            let millions = exposure.checked_div(unit.max(1)).unwrap_or_default();
            self.available(to).min(quota).min(millions.saturating_mul(1_000_000))
        };
        let rooms: Vec<u128> = self.map.crossings().map(room).collect();
        self.map.set_crossings(self.config.arbitrage.crossing_bps, &rooms);
    }

    /// What is put into trades between chains that are not finished, in US dollars with 18 decimals.
    fn exposed(&self) -> u128 {
        let starting = self.pending.values().filter(|pending| matches!(pending.action, Action::Open { .. }));
        let stakes = starting.map(|pending| pending.stake).chain(self.open.values().map(|open| open.stake));
        stakes.fold(0, u128::saturating_add)
    }

    /// A cycle with names and values. `None` where it is the same trade as another begun elsewhere, or cannot be valued.
    fn opportunity(&self, start: &Place, cycle: &Cycle) -> Option<Opportunity> {
        let mut legs = Vec::new();
        let mut amount = cycle.optimum.input;
        let mut crossings = 0_usize;
        for number in &cycle.edges {
            let edge = self.map.graph.edge(*number)?;
            let (input, output) = (amount, edge.leg.output(amount));
            amount = output;
            if edge.crosses {
                crossings = crossings.saturating_add(1);
                continue;
            }
            let (from, to) = (self.map.place(edge.from)?, self.map.place(edge.to)?);
            legs.push(TradeLeg {
                venue: self.map.venue(edge.venue)?.clone(),
                chain: from.0.clone(),
                from: from.1.clone(),
                to: to.1.clone(),
                input,
                output,
            });
        }
        let last = self.map.graph.edge(*cycle.edges.last()?)?;
        // Of a trade on two chains, the one turn of the cycle whose legs follow each other: it ends by crossing back.
        if crossings != 0 && !last.crosses {
            return None;
        }
        let gain = self.at_least(&start.1, cycle.optimum.profit()).ok()?;
        let stake = self.at_most(&start.1, cycle.optimum.input).ok()?;
        let venues = legs.iter().map(|leg| leg.venue.clone()).collect();
        let output = cycle.optimum.output;
        // On one chain nothing is risked: less than what was put in is refused.
        let min_output = less(output, self.config.arbitrage.slippage_bps).max(cycle.optimum.input.saturating_add(1));
        let mut trade = Trade { legs, input: cycle.optimum.input, output, min_output, first: start.0.clone() };
        if let Some(other) = trade.other() {
            let reliability = |chain| self.config.chains.get(chain).map(|chain| chain.reliability).unwrap_or_default();
            if !goes_first(reliability(start.0.as_str()), reliability(other)) {
                trade.first = other.to_owned();
            }
        }
        let subject = Subject::Route { chain: start.0.clone(), asset: start.1.clone(), venues };
        Some(Opportunity { subject, trade, start: start.clone(), gain, stake })
    }

    fn look_at_route(&mut self, opportunity: Opportunity, step: &mut Step) {
        let height = self.height(&opportunity.start.0);
        let checks = self.route_checks(&opportunity, height);
        if checks.iter().any(|check| !check.passed) {
            self.leave(opportunity.subject, height, checks, step);
            return;
        }
        let Opportunity { subject, trade, start, stake, .. } = opportunity;
        let Some(pending) = self.first_step(subject, trade.clone(), stake) else { return };
        if self.act(pending, height, checks, step) {
            let chains = trade.chains();
            let venues: Vec<&str> = trade.legs.iter().map(|leg| leg.venue.as_str()).collect();
            self.budget.spend(&Stake { asset: &start.1, chains: &chains, venues: &venues, usd: stake });
        }
    }

    fn route_checks(&self, opportunity: &Opportunity, height: u64) -> Vec<Check> {
        let Opportunity { subject, trade, start, gain, stake } = opportunity;
        let mut checks: Vec<Check> = Vec::new();
        for leg in &trade.legs {
            for asset in [&leg.from, &leg.to] {
                let new = self.gates(&leg.chain, asset, NORMAL).into_iter().filter(|check| !checks.contains(check));
                let new: Vec<Check> = new.collect();
                checks.extend(new);
            }
        }
        checks.push(price_check(Verdict::Valid));
        checks.extend(self.flights.checks(subject, height, self.now_ms));
        let busy = self.flights.in_flight().keys().filter(|other| shares_a_venue(subject, other)).count();
        checks.push(Check::new(
            Rule::InFlight,
            u64::try_from(busy).unwrap_or(u64::MAX),
            Relation::Below,
            1,
            Number::Count,
        ));
        let chains = trade.chains();
        let mut profit = signed(*gain);
        for chain in &chains {
            let steps = u128::try_from(trade.legs_on(chain).count()).unwrap_or(u128::MAX);
            match self.gas_usd(chain, |gas| gas.step.saturating_mul(steps)) {
                Ok(gas) => profit = profit.saturating_sub(signed(gas)),
                Err(verdict) => checks.push(price_check(verdict)),
            }
        }
        let least = signed(self.config.arbitrage.min_profit);
        checks.push(Check::new(Rule::Profit, profit, Relation::AtLeast, least, Number::Usd));
        if chains.len() > 1 {
            let exposed = self.exposed().saturating_add(*stake);
            let most = signed(self.config.limits.exposure);
            checks.push(Check::new(Rule::Exposure, signed(exposed), Relation::AtMost, most, Number::Usd));
        }
        let venues: Vec<&str> = trade.legs.iter().map(|leg| leg.venue.as_str()).collect();
        let stake = Stake { asset: &start.1, chains: &chains, venues: &venues, usd: *stake };
        checks.extend(self.budget.checks(&self.config.limits, &stake));
        checks
    }

    /// All of a trade on one chain, or the leg that goes first. Either leg's inventory is spoken for from now on.
    fn first_step(&self, subject: Subject, trade: Trade, stake: u128) -> Option<Pending> {
        let chain = trade.first.clone();
        let inputs = trade.chains().into_iter().filter_map(|chain| {
            let leg = trade.legs_on(chain).next()?;
            Some(((leg.chain.clone(), leg.from.clone()), leg.input))
        });
        let reserved = inputs.collect();
        let legs: Vec<&TradeLeg> = trade.legs_on(&chain).collect();
        let (first, last) = (legs.first()?, legs.last()?);
        let quoted = Fill { input: first.input, output: last.output };
        let order = Order {
            trade: self.next_decision,
            chain: chain.clone(),
            venues: legs.iter().map(|leg| leg.venue.clone()).collect(),
            from: first.from.clone(),
            to: last.to.clone(),
            size: Size::Sell { input: first.input, min_output: less(last.output, self.config.arbitrage.slippage_bps) },
            quoted,
        };
        let action = if trade.other().is_some() { Action::Open { trade, order } } else { Action::Swap(trade) };
        Some(Pending { subject, action, reserved, quoted, chain, stake })
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
