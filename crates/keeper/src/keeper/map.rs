//! The places and ways of the configuration as a graph, with what the pools and reserves said last.

use std::collections::BTreeMap;

use tim3_domain::{
    amm::{Hop, Leg},
    amount::SYNTHETIC_DECIMALS,
    market::ONE_BPS,
};

use super::Place;
use crate::{
    arbitrage::{Edge, Graph},
    config::Config,
};

/// A graph with names.
#[derive(Clone, Debug)]
pub(super) struct Map {
    pub(super) graph: Graph,
    places: Vec<Place>,
    /// Names of venues, reserves and crossings by number.
    venues: Vec<String>,
    /// The two edges of each pool and reserve: what goes in is the base (of a reserve: the collateral), then the other way.
    pairs: BTreeMap<String, [u32; 2]>,
    /// The edges that are crossings.
    crossings: Vec<u32>,
}

const CLOSED: Leg = Leg::Fixed { kept: 0, of: 1 };

fn crossing(config: &Config) -> Leg {
    Leg::Fixed { kept: ONE_BPS.saturating_sub(config.arbitrage.crossing_bps).into(), of: ONE_BPS.into() }
}

impl Map {
    pub(super) fn new(config: &Config) -> Self {
        let mut places: Vec<Place> = Vec::new();
        let venues = config.venues.values().flat_map(|v| [(&v.chain, &v.base), (&v.chain, &v.quote)]);
        let reserves = config.reserves.values().flat_map(|r| [(&r.chain, &r.synthetic), (&r.chain, &r.collateral)]);
        places.extend(venues.chain(reserves).map(|(chain, asset)| (chain.clone(), asset.clone())));
        places.sort_unstable();
        places.dedup();
        let graph = Graph::new(places.len());
        let mut map = Self { graph, places, venues: Vec::new(), pairs: BTreeMap::new(), crossings: Vec::new() };
        for (name, venue) in &config.venues {
            map.add_pair(name, &venue.chain, [&venue.base, &venue.quote]);
        }
        for (name, reserve) in &config.reserves {
            map.add_pair(name, &reserve.chain, [&reserve.collateral, &reserve.synthetic]);
        }
        let crossing = crossing(config);
        for from in map.places.clone() {
            for to in map.places.clone() {
                if from.1 == to.1 && from.0 != to.0 {
                    let venue = map.add_venue(&format!("{} from {} to {}", from.1, from.0, to.0));
                    // What it carries depends on what else is begun.
                    let edge = map.edge(venue, &from, &to);
                    let number = map.graph.add(Edge { leg: crossing, most: u128::MAX, crosses: true, ..edge });
                    map.crossings.push(number);
                }
            }
        }
        map
    }

    /// What crossing costs may change while the keepers run.
    pub(super) fn set_crossing(&mut self, config: &Config) {
        for number in &self.crossings {
            self.graph.update(*number, crossing(config), u128::MAX);
        }
    }

    fn add_venue(&mut self, name: &str) -> u32 {
        self.venues.push(name.to_owned());
        u32::try_from(self.venues.len().saturating_sub(1)).unwrap_or(u32::MAX)
    }

    fn add_pair(&mut self, name: &str, chain: &str, [one, other]: [&String; 2]) {
        let venue = self.add_venue(name);
        let (one, other) = ((chain.to_owned(), one.clone()), (chain.to_owned(), other.clone()));
        let (there, back) = (self.edge(venue, &one, &other), self.edge(venue, &other, &one));
        let pair = [self.graph.add(there), self.graph.add(back)];
        self.pairs.insert(name.to_owned(), pair);
    }

    fn edge(&self, venue: u32, from: &Place, to: &Place) -> Edge {
        let node = |place| self.node(place).unwrap_or(u32::MAX);
        Edge { venue, from: node(from), to: node(to), leg: CLOSED, most: 0, crosses: false }
    }

    /// The number of a place.
    pub(super) fn node(&self, place: &Place) -> Option<u32> {
        u32::try_from(self.places.binary_search(place).ok()?).ok()
    }

    /// The places, in the order of their numbers.
    pub(super) fn places(&self) -> &[Place] {
        &self.places
    }

    pub(super) fn place(&self, node: u32) -> Option<&Place> {
        self.places.get(usize::try_from(node).ok()?)
    }

    pub(super) fn venue(&self, number: u32) -> Option<&String> {
        self.venues.get(usize::try_from(number).ok()?)
    }

    pub(super) fn set_pool(&mut self, config: &Config, venue: &str, base: u128, quote: u128) {
        let (Some([there, back]), Some(terms)) = (self.pairs.get(venue), config.venues.get(venue)) else { return };
        let hop = Hop { reserve_in: base, reserve_out: quote, fee: terms.fee };
        self.graph.update(*there, Leg::Pool(hop), u128::MAX);
        self.graph.update(*back, Leg::Pool(hop.reversed()), u128::MAX);
    }

    /// Both amounts are in the synthetic; what goes into minting is collateral.
    pub(super) fn set_reserve(&mut self, config: &Config, reserve: &str, mintable: u128, redeemable: u128) {
        let (Some([mint, redeem]), Some(terms)) = (self.pairs.get(reserve), config.reserves.get(reserve)) else {
            return;
        };
        let decimals = config.assets.get(&terms.collateral).map_or(SYNTHETIC_DECIMALS, |asset| asset.decimals);
        let power = |exponent: u8| 10_u128.saturating_pow(exponent.into());
        let kept = power(SYNTHETIC_DECIMALS.saturating_sub(decimals));
        let of = power(decimals.saturating_sub(SYNTHETIC_DECIMALS));
        let most = Leg::Fixed { kept: of, of: kept }.output(mintable);
        self.graph.update(*mint, Leg::Fixed { kept, of }, most);
        self.graph.update(*redeem, Leg::Fixed { kept: of, of: kept }, redeemable);
    }

    /// What `venue` gives for `asset`; of a reserve nothing.
    pub(super) fn hop(&self, venue: &str, asset: &str) -> Option<Hop> {
        match self.way(venue, asset)?.leg {
            Leg::Pool(hop) => Some(hop),
            Leg::Fixed { .. } => None,
        }
    }

    /// The way through `venue` for `asset`.
    pub(super) fn way(&self, venue: &str, asset: &str) -> Option<&Edge> {
        let edges = self.pairs.get(venue)?.iter().filter_map(|number| self.graph.edge(*number));
        let mut fitting = edges.filter(|edge| self.place(edge.from).is_some_and(|(_, from)| from == asset));
        fitting.next()
    }
}
