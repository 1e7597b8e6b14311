//! How large a cycle may be: by what there is to put in on each side, by what may leave a chain, and by what may be open between chains.

use tim3_domain::{amm::Optimum, price::Verdict};

use super::{Keeper, Place};
use crate::{
    arbitrage::{
        Cycle, Edge, Trade, TradeLeg,
        search::capacity,
        trade::{goes_first, less, within},
    },
    decision::{Check, Number, Relation, Rule, Subject},
};

/// Base units that are valued together, so that rounding is no matter.
const MILLION: u128 = 1_000_000;

/// A cycle, as large as it may be now, with what it is worth.
pub(super) struct Opportunity {
    pub(super) subject: Subject,
    /// Where nothing of it is possible, as it would be otherwise.
    pub(super) trade: Trade,
    /// Where it begins.
    pub(super) start: Place,
    /// What is gained, before gas, in US dollars with 18 decimals; or the verdict on the price where that cannot be told.
    pub(super) gain: Result<u128, Verdict>,
    /// What is put in, the same way.
    pub(super) stake: Result<u128, Verdict>,
    /// What there has to be of everything that bounds it.
    pub(super) limits: Vec<Check>,
    /// Whether there is enough of everything to gain something.
    pub(super) is_possible: bool,
}

impl Keeper {
    /// A cycle with names, sizes and values. `None` where it is the same trade as another begun elsewhere.
    pub(super) fn opportunity(&self, start: &Place, cycle: &Cycle) -> Option<Opportunity> {
        let edges = cycle.edges.iter().map(|number| self.map.graph.edge(*number).copied());
        let edges: Vec<Edge> = edges.collect::<Option<_>>()?;
        // Of a trade on two chains, the one turn of the cycle whose legs follow each other: it ends by crossing back.
        if edges.iter().any(|edge| edge.crosses) && !edges.last()?.crosses {
            return None;
        }
        let first = self.goes_first(start, &edges)?;
        let mut limits = vec![self.there_is(start)];
        let mut bounded = Vec::with_capacity(edges.len());
        for edge in &edges {
            let most = if edge.crosses { self.room(start, edge, &mut limits)? } else { edge.most };
            bounded.push(Edge { most, ..*edge });
        }
        let held = self.available(start);
        // The other leg buys back what the first one sold, and that may cost more than quoted.
        let held = if first == start.0 { held } else { within(held, self.config.arbitrage.slippage_bps) };
        let input = cycle.optimum.input.min(capacity(bounded.iter())).min(held);
        let (legs, output) = self.legs(&edges, input)?;
        let is_possible = output > input;
        let unit = |amount| Number::Amount(amount, format!("{} on {}", start.1, start.0));
        let fits = if is_possible { input } else { 0 };
        limits.push(Check::new(Rule::Inventory, fits, Relation::AtLeast, 1, unit));
        let ideal = cycle.optimum.input;
        let (input, (legs, output)) =
            if is_possible { (input, (legs, output)) } else { (ideal, self.legs(&edges, ideal)?) };
        let optimum = Optimum { input, output };
        // On one chain nothing is risked: less than what was put in is refused.
        let min_output = less(output, self.config.arbitrage.slippage_bps).max(input.saturating_add(1));
        let venues = legs.iter().map(|leg| leg.venue.clone()).collect();
        Some(Opportunity {
            subject: Subject::Route { chain: start.0.clone(), asset: start.1.clone(), venues },
            trade: Trade { legs, input, output, min_output, first },
            start: start.clone(),
            gain: self.at_least(&start.1, optimum.profit()),
            stake: self.at_most(&start.1, input),
            limits,
            is_possible,
        })
    }

    /// The chain whose leg is sent first.
    fn goes_first(&self, start: &Place, edges: &[Edge]) -> Option<String> {
        let mut chains = edges.iter().filter_map(|edge| self.map.place(edge.from)).map(|(chain, _)| chain);
        let Some(other) = chains.find(|chain| **chain != start.0) else { return Some(start.0.clone()) };
        let reliability = |chain| self.config.chains.get(chain).map(|chain| chain.reliability).unwrap_or_default();
        let is_start = goes_first(reliability(&start.0), reliability(other));
        Some(if is_start { start.0.clone() } else { other.clone() })
    }

    /// The steps of a cycle with what goes in and comes out of each, and of all.
    fn legs(&self, edges: &[Edge], input: u128) -> Option<(Vec<TradeLeg>, u128)> {
        let mut legs = Vec::with_capacity(edges.len());
        let mut amount = input;
        for edge in edges {
            let (input, output) = (amount, edge.leg.output(amount));
            amount = output;
            if edge.crosses {
                continue;
            }
            let (from, to) = (self.map.place(edge.from)?, self.map.place(edge.to)?);
            let venue = self.map.venue(edge.venue)?.clone();
            let (chain, from, to) = (from.0.clone(), from.1.clone(), to.1.clone());
            legs.push(TradeLeg { venue, chain, from, to, input, output });
        }
        Some((legs, amount))
    }

    fn there_is(&self, place: &Place) -> Check {
        let unit = |amount| Number::Amount(amount, format!("{} on {}", place.1, place.0));
        Check::new(Rule::Inventory, self.available(place), Relation::AtLeast, 1, unit)
    }

    /// What a crossing carries: what there is to be sold on the other side, what may come back from this one, and what may still be open between chains.
    fn room(&self, start: &Place, edge: &Edge, limits: &mut Vec<Check>) -> Option<u128> {
        let (from, to) = (self.map.place(edge.from)?, self.map.place(edge.to)?);
        let (chain, asset) = from;
        let mut room = self.available(to);
        if to != start {
            limits.push(self.there_is(to));
        }
        if self.config.inventory.contains_key(asset) || self.quotas.contains_key(from) {
            let quota = self.quotas.get(from).copied().unwrap_or_default();
            let unit = |amount| Number::Amount(amount, format!("{asset} on {chain}"));
            limits.push(Check::new(Rule::Quota, quota, Relation::AtLeast, 1, unit));
            room = room.min(quota);
        }
        let exposure = self.config.limits.exposure.saturating_sub(self.exposed());
        // Without a price nothing is known of it, and nothing is done.
        let unit = self.at_most(asset, MILLION).unwrap_or(u128::MAX);
        let millions = exposure.checked_div(unit.max(1)).unwrap_or_default();
        Some(room.min(millions.saturating_mul(MILLION)))
    }
}
