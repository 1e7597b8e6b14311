//! The most that many pools give at once, valued at prices outside.
//!
//! Trading with all pools so that nothing has to be put in, and what is left is worth most, is a convex problem. Its dual splits: at any shadow prices
//! ν not below the outside prices, the sum of what each pool alone is worth at ν is an upper bound, each of these has a closed form or nearly so,
//! and the least of these bounds is the optimum (Angeris, Chitra, Evans, Boyd, "Optimal Routing for Constant Function Market Makers"). The
//! least is found with the ellipsoid method, which needs no smoothness and says how far it is from the end. It takes thousands of
//! evaluations, too many for what decides block by block: it is the check on the search for cycles, which must leave nothing that it knows of.
//!
//! All of it is in fixed-point integers of 160 binary digits behind the point.

mod ellipsoid;
mod fixed;

use tim3_domain::{amm::Fee, price::Price};

use ellipsoid::minimum;
use fixed::Fixed;

/// A pool over any tokens, by their place in the list of prices. Reserves have 18 decimals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pool {
    /// The weighted product of the reserves is kept. With two equal weights, a constant product.
    Weighted {
        /// Token, reserve and weight of each side.
        sides: Vec<(usize, u128, u32)>,
        /// What it takes of what goes in.
        fee: Fee,
    },
    /// Two tokens are exchanged one for one, as far as the reserves go.
    Sum {
        /// Token and reserve of each side.
        sides: [(usize, u128); 2],
        /// What it takes of what goes in.
        fee: Fee,
    },
}

/// The most that `pools` give at once, with 18 decimals, rounded up, for tokens that are worth `prices` outside. It is exact to the last
/// decimals where no shadow price is above three times the outside price, and an upper bound in any case. 0 for fewer than two tokens.
#[must_use]
pub fn bound(pools: &[Pool], prices: &[Price]) -> u128 {
    let floor: Vec<Fixed> = prices.iter().map(|price| Fixed::from_18_decimals(price.raw())).collect();
    let sum = |shadow: &[Fixed]| {
        let mut worth = Fixed::ZERO;
        let mut flows = vec![Fixed::ZERO; shadow.len()];
        for pool in pools {
            for (token, flow) in pool.best_flows(shadow) {
                if let (Some(price), Some(sum)) = (shadow.get(token), flows.get_mut(token)) {
                    worth = worth.plus(price.times(flow));
                    *sum = sum.plus(flow);
                }
            }
        }
        (worth, flows)
    };
    minimum(&floor, sum).to_18_decimals_up()
}

impl Pool {
    /// What a trade gives of each token (below zero: takes) that is worth most at the shadow prices.
    fn best_flows(&self, shadow: &[Fixed]) -> Vec<(usize, Fixed)> {
        match self {
            Self::Weighted { sides, fee } => {
                let kept = Fixed::ratio(fee.kept().into(), fee.of().into());
                let sides: Vec<Side> = sides.iter().filter_map(|side| Side::new(*side, shadow)).collect();
                weighted(&sides, kept)
            }
            Self::Sum { sides: [(a, held_a), (b, held_b)], fee } => {
                let kept = Fixed::ratio(fee.kept().into(), fee.of().into());
                let (Some(price_a), Some(price_b)) = (shadow.get(*a), shadow.get(*b)) else { return Vec::new() };
                // All of the one that is worth more, or nothing.
                let take = |out: usize, held: &u128, paid: usize| {
                    let held = Fixed::from_18_decimals(*held);
                    vec![(out, held), (paid, Fixed::ZERO.minus(held.over(kept)))]
                };
                if price_a.times(kept) > *price_b {
                    take(*a, held_a, *b)
                } else if price_b.times(kept) > *price_a {
                    take(*b, held_b, *a)
                } else {
                    Vec::new()
                }
            }
        }
    }
}

/// One side of a weighted pool at a shadow price.
#[derive(Clone, Copy, Debug)]
struct Side {
    token: usize,
    held: Fixed,
    weight: u32,
    /// weight / price: what λ multiplies.
    slope: Fixed,
}

impl Side {
    fn new((token, held, weight): (usize, u128, u32), shadow: &[Fixed]) -> Option<Self> {
        let price = shadow.get(token).filter(|price| **price > Fixed::ZERO)?;
        let held = Some(Fixed::from_18_decimals(held)).filter(|held| *held > Fixed::ZERO)?;
        Some(Self { token, held, weight, slope: Fixed::whole(weight.into()).over(*price) })
    }

    /// The reserve at which the trade stops at λ: as far below λ·w/ν as there is something to take, as far up to γ·λ·w/ν as it pays to give.
    fn reserve(&self, lambda: Fixed, kept: Fixed) -> Fixed {
        let high = lambda.times(self.slope);
        self.held.max(high.times(kept)).min(high)
    }
}

/// The Lagrange multiplier λ of the kept product is found by halving: all reserves grow with it.
fn weighted(sides: &[Side], kept: Fixed) -> Vec<(usize, Fixed)> {
    // Whether the product of (reserve after / reserve before)^weight is at least 1.
    let holds = |lambda: Fixed| {
        let ratios = sides.iter().map(|side| (side.reserve(lambda, kept).over(side.held), side.weight));
        ratios.fold(Fixed::ONE, |product, (ratio, weight)| (0..weight).fold(product, |product, _| product.times(ratio)))
            >= Fixed::ONE
    };
    // At the lower end no reserve is above what it was, at the upper end none is below.
    let at_rest = sides.iter().map(|side| side.held.over(side.slope));
    let Some(mut low) = at_rest.clone().reduce(Fixed::min) else { return Vec::new() };
    let mut high = at_rest.reduce(Fixed::max).unwrap_or(low).over(kept);
    for _ in 0..HALVINGS {
        let middle = low.plus(high).half();
        if holds(middle) { high = middle } else { low = middle }
    }
    let flow = |side: &Side| {
        let change = side.held.minus(side.reserve(high, kept));
        (side.token, if change < Fixed::ZERO { change.over(kept) } else { change })
    };
    sides.iter().map(flow).collect()
}

/// After as many halvings λ is exact to 2^-80 of the range it was sought in.
const HALVINGS: u32 = 80;

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]
mod tests;
