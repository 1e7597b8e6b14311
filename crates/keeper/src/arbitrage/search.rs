//! Cycles that gain, found exactly.

use tim3_domain::amm::{Fold, Leg, Optimum};

use super::graph::{Edge, Graph, NEVER};

/// A cycle that gains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cycle {
    /// Numbers of its edges in order.
    pub edges: Vec<u32>,
    /// How much to send through it, and what comes back.
    pub optimum: Optimum,
}

/// What a search came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The cycles, the most profitable first.
    pub cycles: Vec<Cycle>,
    /// Whether there was more to look at than `steps` allowed.
    pub truncated: bool,
}

/// Limits of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Most edges of a cycle.
    pub hops: usize,
    /// Most edges to look at.
    pub steps: usize,
}

impl Graph {
    /// All cycles through `start` that gain, of at most `bounds.hops` edges, that use no node and no venue twice and cross to another chain twice or
    /// never; each with its best size of at most `most`.
    ///
    /// The search walks depth first and leaves out what cannot gain any more: for each node and number of edges left, the best gain back to the
    /// start is known beforehand, as an upper bound.
    #[must_use]
    pub fn cycles(&self, start: u32, most: u128, bounds: Bounds) -> Found {
        let mut walk = Walk {
            graph: self,
            start,
            most,
            home: self.best_ways_home(start, bounds.hops),
            steps: bounds.steps,
            truncated: false,
            path: Vec::with_capacity(bounds.hops),
            found: Vec::new(),
        };
        walk.step(start, 0, Fold::START, bounds.hops);
        let truncated = walk.truncated;
        let mut cycles = walk.found;
        cycles.sort_by(|a, b| b.optimum.profit().cmp(&a.optimum.profit()).then_with(|| a.edges.cmp(&b.edges)));
        Found { cycles, truncated }
    }

    /// For each number of edges up to `hops`, and each node: the largest sum of gains on a way of at most that many edges to `start`.
    fn best_ways_home(&self, start: u32, hops: usize) -> Vec<Vec<i64>> {
        let mut none = vec![NEVER; self.nodes()];
        if let Some(home) = usize::try_from(start).ok().and_then(|start| none.get_mut(start)) {
            *home = 0;
        }
        let mut ways = vec![none];
        for _ in 0..hops {
            let Some(shorter) = ways.last() else { break };
            let mut longer = shorter.clone();
            for (edge, gain) in self.edges() {
                let (Ok(from), Ok(to)) = (usize::try_from(edge.from), usize::try_from(edge.to)) else { continue };
                let (Some(best), Some(rest)) = (longer.get_mut(from), shorter.get(to)) else { continue };
                *best = (*best).max(gain.saturating_add(*rest));
            }
            ways.push(longer);
        }
        ways
    }
}

/// The largest input of a path with which no edge gets more than it carries.
#[must_use]
pub fn capacity<'a>(edges: impl DoubleEndedIterator<Item = &'a Edge>) -> u128 {
    // Backwards: what may come out of an edge bounds what may go into it.
    edges.rev().fold(u128::MAX, |after, edge| {
        let fits =
            after.checked_add(1).and_then(|over| edge.leg.input(over)).map_or(u128::MAX, |over| over.saturating_sub(1));
        fits.min(edge.most)
    })
}

struct Walk<'a> {
    graph: &'a Graph,
    start: u32,
    most: u128,
    home: Vec<Vec<i64>>,
    steps: usize,
    truncated: bool,
    path: Vec<(u32, &'a Edge)>,
    found: Vec<Cycle>,
}

impl Walk<'_> {
    fn step(&mut self, node: u32, gain: i64, fold: Fold, left: usize) {
        let Some(left) = left.checked_sub(1) else { return };
        for (number, edge, more) in self.graph.leaving(node) {
            let Some(steps) = self.steps.checked_sub(1) else {
                self.truncated = true;
                return;
            };
            self.steps = steps;
            let gain = gain.saturating_add(more);
            if gain.saturating_add(self.way_home(edge.to, left)) <= 0 || !self.may_follow(edge) {
                continue;
            }
            let fold = fold.through(&edge.leg);
            self.path.push((number, edge));
            if edge.to == self.start {
                self.close(&fold);
            } else {
                self.step(edge.to, gain, fold, left);
            }
            self.path.pop();
        }
    }

    fn way_home(&self, node: u32, left: usize) -> i64 {
        // The start itself is the end of the way.
        if node == self.start {
            return 0;
        }
        let ways = self.home.get(left);
        usize::try_from(node).ok().and_then(|node| ways?.get(node).copied()).unwrap_or(NEVER)
    }

    fn may_follow(&self, edge: &Edge) -> bool {
        let crossings = self.path.iter().filter(|(_, other)| other.crosses).count();
        let is_new = |(_, other): &(u32, &Edge)| other.venue != edge.venue && other.to != edge.to;
        self.path.iter().all(is_new) && !(edge.crosses && crossings >= 2)
    }

    fn close(&mut self, fold: &Fold) {
        // One crossing alone would end on another chain than it began.
        if !fold.is_profitable() || self.path.iter().filter(|(_, edge)| edge.crosses).count() == 1 {
            return;
        }
        let most = self.most.min(capacity(self.path.iter().map(|(_, edge)| *edge)));
        let input = fold.best_input().min(most);
        let legs = self.path.iter().map(|(_, edge)| &edge.leg);
        let output = legs.fold(input, |amount, leg: &Leg| leg.output(amount));
        if output > input {
            let edges = self.path.iter().map(|(number, _)| *number).collect();
            self.found.push(Cycle { edges, optimum: Optimum { input, output } });
        }
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]
mod tests {
    use proptest::prelude::*;
    use tim3_domain::amm::{Fee, Hop, optimum};

    use super::*;

    const ALL: Bounds = Bounds { hops: 4, steps: usize::MAX };

    fn any_edges() -> impl Strategy<Value = Vec<Edge>> {
        let pool = (0..5_u32, 0..5_u32, 1_000..1_100_u128, 1_000..1_100_u128, any::<bool>(), 1..2_000_u128);
        prop::collection::vec(pool, 0..12).prop_map(|pools| {
            let mut edges = Vec::new();
            for (venue, (a, b, x, y, bounded, most)) in (0_u32..).zip(pools) {
                let hop = Hop { reserve_in: x * 1_000, reserve_out: y * 1_000, fee: Fee::UNISWAP_V2 };
                let most = if bounded { most } else { u128::MAX };
                let edge = |from, to, hop| Edge { venue, from, to, leg: Leg::Pool(hop), most, crosses: false };
                edges.extend([edge(a, b, hop), edge(b, a, hop.reversed())].into_iter().filter(|_| a != b));
            }
            edges
        })
    }

    fn graph(edges: &[Edge]) -> Graph {
        let mut graph = Graph::new(5);
        for edge in edges {
            graph.add(*edge);
        }
        graph
    }

    /// Every simple cycle through node 0, by trying all.
    fn brute(edges: &[Edge], path: &mut Vec<u32>, all: &mut Vec<Vec<u32>>) {
        let at = path.last().map_or(0, |last| edges[*last as usize].to);
        if (!path.is_empty() && at == 0) || path.len() == ALL.hops {
            if at == 0 {
                all.push(path.clone());
            }
            return;
        }
        for (number, edge) in (0_u32..).zip(edges) {
            let is_new =
                |other: &u32| edges[*other as usize].venue != edge.venue && edges[*other as usize].to != edge.to;
            if edge.from == at && path.iter().all(is_new) {
                path.push(number);
                brute(edges, path, all);
                path.pop();
            }
        }
    }

    proptest! {
        #[test]
        fn the_search_finds_every_cycle_that_trying_all_finds(edges in any_edges(), most in 1..1_000_000_u128) {
            let mut all = Vec::new();
            brute(&edges, &mut Vec::new(), &mut all);
            let mut expected = Vec::new();
            for path in all {
                let used = || path.iter().map(|number| &edges[*number as usize]);
                let legs: Vec<Leg> = used().map(|edge| edge.leg).collect();
                if let Some(optimum) = optimum(&legs, most.min(capacity(used()))) {
                    expected.push(Cycle { edges: path, optimum });
                }
            }
            expected.sort_by(|a, b| b.optimum.profit().cmp(&a.optimum.profit()).then_with(|| a.edges.cmp(&b.edges)));
            let found = graph(&edges).cycles(0, most, ALL);
            prop_assert!(!found.truncated);
            prop_assert_eq!(found.cycles, expected);
        }

        #[test]
        fn a_path_at_its_capacity_overfills_no_edge_and_one_more_unit_does(edges in any_edges()) {
            let path: Vec<&Edge> = edges.iter().step_by(2).take(3).collect();
            let fits = |input: u128| {
                path.iter().try_fold(input, |amount, edge| (amount <= edge.most).then(|| edge.leg.output(amount))).is_some()
            };
            let most = capacity(path.iter().copied());
            prop_assert!(fits(most));
            prop_assert!(most == u128::MAX || !fits(most + 1));
        }
    }

    #[test]
    fn a_search_that_is_cut_short_says_so() {
        let hop = Hop { reserve_in: 1_000_000, reserve_out: 1_100_000, fee: Fee::NONE };
        let edge = |venue, from, to| Edge { venue, from, to, leg: Leg::Pool(hop), most: u128::MAX, crosses: false };
        let found = graph(&[edge(0, 0, 1), edge(1, 1, 0)]).cycles(0, u128::MAX, Bounds { hops: 2, steps: 1 });
        assert!(found.truncated && found.cycles.is_empty());
    }

    #[test]
    fn a_cycle_crosses_twice_or_never() {
        let hop = Hop { reserve_in: 1_000_000, reserve_out: 1_100_000, fee: Fee::NONE };
        let pool = |venue, from, to| Edge { venue, from, to, leg: Leg::Pool(hop), most: u128::MAX, crosses: false };
        let cross =
            |venue, from, to| Edge { crosses: true, leg: Leg::Fixed { kept: 1, of: 1 }, ..pool(venue, from, to) };
        let once = graph(&[pool(0, 0, 1), cross(1, 1, 0)]);
        assert!(once.cycles(0, u128::MAX, ALL).cycles.is_empty());
        let twice = graph(&[pool(0, 0, 1), cross(1, 1, 2), pool(2, 2, 3), cross(3, 3, 0)]);
        assert_eq!(twice.cycles(0, u128::MAX, ALL).cycles.len(), 1);
    }
}
