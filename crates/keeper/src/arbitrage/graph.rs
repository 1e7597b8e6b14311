//! What turns one asset into another, and how much each unit gains at first.

use tim3_domain::amm::Leg;

/// One way to turn the asset of `from` into that of `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    /// What makes the exchange; a path uses a venue once.
    pub venue: u32,
    /// Node whose asset goes in.
    pub from: u32,
    /// Node whose asset comes out.
    pub to: u32,
    /// What comes out for what goes in.
    pub leg: Leg,
    /// The most that may go in.
    pub most: u128,
    /// Whether it leads to another chain.
    pub crosses: bool,
}

/// The edges by the node they leave.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    edges: Vec<Edge>,
    gains: Vec<i64>,
    leaving: Vec<Vec<u32>>,
}

impl Graph {
    /// A graph of `nodes` nodes without edges.
    #[must_use]
    pub fn new(nodes: usize) -> Self {
        Self { edges: Vec::new(), gains: Vec::new(), leaving: vec![Vec::new(); nodes] }
    }

    /// Adds an edge and answers its number. One that leaves a node that is not there is never found.
    pub fn add(&mut self, edge: Edge) -> u32 {
        let number = u32::try_from(self.edges.len()).unwrap_or(u32::MAX);
        if let Some(leaving) = usize::try_from(edge.from).ok().and_then(|from| self.leaving.get_mut(from)) {
            leaving.push(number);
        }
        self.edges.push(edge);
        self.gains.push(gain(&edge.leg));
        number
    }

    /// Replaces what an edge exchanges and carries, for example after a trade in its pool.
    pub fn update(&mut self, number: u32, leg: Leg, most: u128) {
        let Ok(at) = usize::try_from(number) else { return };
        if let (Some(edge), Some(held)) = (self.edges.get_mut(at), self.gains.get_mut(at)) {
            (edge.leg, edge.most) = (leg, most);
            *held = gain(&leg);
        }
    }

    /// The edge of this number.
    #[must_use]
    pub fn edge(&self, number: u32) -> Option<&Edge> {
        self.edges.get(usize::try_from(number).ok()?)
    }

    /// How many nodes there are.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.leaving.len()
    }

    /// All edges with their gains.
    pub(super) fn edges(&self) -> impl Iterator<Item = (&Edge, i64)> {
        self.edges.iter().zip(self.gains.iter().copied())
    }

    /// The edges that leave `node`, with their numbers and gains.
    pub(super) fn leaving(&self, node: u32) -> impl Iterator<Item = (u32, &Edge, i64)> {
        let numbers = usize::try_from(node).ok().and_then(|node| self.leaving.get(node));
        numbers.into_iter().flatten().filter_map(|number| {
            let at = usize::try_from(*number).ok()?;
            Some((*number, self.edges.get(at)?, *self.gains.get(at)?))
        })
    }
}

/// Stands for an edge that carries nothing.
pub(super) const NEVER: i64 = i64::MIN / 64;

/// How far a logarithm may be below the exact one, in units of 2^-32.
const SLACK: i64 = 2;

/// log₂ of what the first unit brings, with 32 binary digits behind the point, never below the exact value: a path whose gains
/// do not sum up to more than 0 gains nothing.
fn gain(leg: &Leg) -> i64 {
    let (gains, weights) = match leg {
        Leg::Pool(hop) => ([u128::from(hop.fee.kept()), hop.reserve_out], [u128::from(hop.fee.of()), hop.reserve_in]),
        Leg::Fixed { kept, of } => ([*kept, 1], [*of, 1]),
    };
    let [Some(a), Some(b)] = gains.map(log2) else { return NEVER };
    let [Some(c), Some(d)] = weights.map(log2) else { return NEVER };
    a.saturating_add(b).saturating_sub(c).saturating_sub(d).saturating_add(2 * SLACK)
}

/// log₂ with 32 binary digits behind the point, at most [`SLACK`] units too low; `None` for 0.
fn log2(value: u128) -> Option<i64> {
    let whole = value.checked_ilog2()?;
    // The value over its highest power of two, with 63 digits behind the point.
    let mut rest =
        if whole > 63 { value >> (whole.saturating_sub(63)) } else { value << (63_u32.saturating_sub(whole)) };
    let mut digits = i64::from(whole);
    for _ in 0..32 {
        // Below 2^64, squared below 2^128.
        rest = rest.wrapping_mul(rest) >> 63;
        let digit = rest >> 64;
        rest >>= digit;
        digits = (digits << 1) | i64::from(digit == 1);
    }
    Some(digits)
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]
mod tests {
    use proptest::prelude::*;
    use ruint::Uint;
    use tim3_domain::amm::{Fee, Fold, Hop};

    use super::*;

    fn any_amount() -> impl Strategy<Value = u128> {
        prop_oneof![1..100_u128, 1..u128::from(u64::MAX), 1..u128::MAX]
    }

    proptest! {
        #[test]
        fn logarithms_are_never_too_high_and_hardly_too_low(value in any_amount()) {
            // 2^(log · 2^-8) against value, where both are raised to the 256th power: a bound that integers can state.
            let log = log2(value).unwrap();
            let power = |value: u128| (0..8).fold(Uint::<32_768, 512>::from(value), |x, _| x * x);
            let exponent = usize::try_from(log >> 24).unwrap();
            prop_assert!([exponent, exponent + 1].contains(&(power(value).bit_len() - 1)));
        }

        #[test]
        fn a_path_that_gains_has_gains_above_zero(
            pools in prop::collection::vec((1..u128::from(u64::MAX), 990_u32..=1_000), 1..5),
        ) {
            // Pools whose rates nearly cancel out.
            let mut hops: Vec<Leg> = Vec::new();
            for (reserve, kept) in &pools {
                hops.push(Leg::Pool(Hop { reserve_in: *reserve, reserve_out: reserve + 1, fee: Fee::new(*kept, 1_000).unwrap() }));
            }
            let fold = hops.iter().fold(Fold::START, |fold, leg| fold.through(leg));
            let sum: i64 = hops.iter().map(gain).sum();
            prop_assert!(sum > 0 || !fold.is_profitable());
        }
    }

    #[test]
    fn what_carries_nothing_never_gains() {
        let empty = Leg::Pool(Hop { reserve_in: 5, reserve_out: 0, fee: Fee::NONE });
        assert_eq!(gain(&empty), NEVER);
        assert_eq!(gain(&Leg::Fixed { kept: 1, of: 0 }), NEVER);
    }
}
