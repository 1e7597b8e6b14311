//! From a cycle to what is sent, leg by leg.
//!
//! A cycle on one chain is one transaction. One between two chains has two legs that settle apart, so the leg that is likelier to fail, or slower, goes
//! first, and the other one is sized from what the first one *did*, never from the quote. What was bought on one chain is sold from the
//! inventory on the other, so nothing waits for a bridge; the inventory is brought back later (see [`super::inventory`]).

use serde::{Deserialize, Serialize};
use tim3_domain::{
    amm::{Leg, Size},
    market::ONE_BPS,
};

/// One step of a trade.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TradeLeg {
    /// Name of the venue.
    pub venue: String,
    /// Name of its chain.
    pub chain: String,
    /// What goes in.
    pub from: String,
    /// What comes out.
    pub to: String,
    /// How much goes in, in canonical base units.
    pub input: u128,
    /// How much comes out, as quoted.
    pub output: u128,
}

/// A sized cycle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trade {
    /// Its steps; those of one chain follow each other, and there are two chains at most.
    pub legs: Vec<TradeLeg>,
    /// What goes into the first step.
    pub input: u128,
    /// What comes out of the last one, as quoted.
    pub output: u128,
    /// The least to accept from the whole of a trade on one chain.
    pub min_output: u128,
    /// Of two chains, the one whose leg is sent first.
    pub first: String,
}

impl Trade {
    /// The steps on `chain`.
    pub fn legs_on<'a>(&'a self, chain: &'a str) -> impl DoubleEndedIterator<Item = &'a TradeLeg> {
        self.legs.iter().filter(move |leg| leg.chain == chain)
    }

    /// The chains, in the order of the cycle.
    #[must_use]
    pub fn chains(&self) -> Vec<&str> {
        let mut chains: Vec<&str> = self.legs.iter().map(|leg| leg.chain.as_str()).collect();
        chains.dedup();
        chains
    }

    /// Of two chains, the other one.
    #[must_use]
    pub fn other(&self) -> Option<&str> {
        self.legs.iter().map(|leg| leg.chain.as_str()).find(|chain| *chain != self.first)
    }

    /// Whether the leg on `chain` buys what the other leg sells.
    #[must_use]
    pub fn buys_on(&self, chain: &str) -> bool {
        self.legs.first().is_some_and(|leg| leg.chain == chain)
    }

    /// How much the first leg leaves open: bought and not sold, or sold and not bought.
    #[must_use]
    pub fn leaves_open(&self, first: &Fill) -> u128 {
        if self.buys_on(&self.first) { first.output } else { first.input }
    }
}

/// How a chain's transactions fare.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reliability {
    /// How many fail, in basis points.
    pub failure_bps: u16,
    /// How long one takes, in milliseconds.
    pub latency_ms: u64,
}

/// Whether the first of two legs is sent first: the one with the higher probability of failure, then the slower one.
#[must_use]
pub fn goes_first(leg: Reliability, other: Reliability) -> bool {
    leg >= other
}

/// What a leg did on its chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fill {
    /// What went in.
    pub input: u128,
    /// What came out.
    pub output: u128,
}

/// A leg to be sent by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The decision that opened the trade.
    pub trade: u64,
    /// Where.
    pub chain: String,
    /// Through these venues, in this order.
    pub venues: Vec<String>,
    /// What goes in.
    pub from: String,
    /// What comes out.
    pub to: String,
    /// How much.
    pub size: Size,
    /// What the pools quote for it now.
    pub quoted: Fill,
}

impl Order {
    /// How much of what the first leg left open `done` ends. A purchase that was paid for and brought nothing is over as well: whoever kept it is not paid again.
    #[must_use]
    pub fn ends(&self, done: &Fill) -> u128 {
        match self.size {
            Size::Sell { .. } => done.input,
            Size::Buy { output, .. } if done.output == 0 && done.input != 0 => output,
            Size::Buy { .. } => done.output,
        }
    }
}

/// Selling `input` through `legs`, accepting `slippage_bps` less than is quoted.
#[must_use]
pub fn sell(legs: &[Leg], input: u128, slippage_bps: u16) -> (Size, Fill) {
    let output = legs.iter().fold(input, |amount, leg| leg.output(amount));
    (Size::Sell { input, min_output: less(output, slippage_bps) }, Fill { input, output })
}

/// Buying exactly `output` through `legs`, paying up to `slippage_bps` more than is quoted. `None` where no input is enough.
#[must_use]
pub fn buy(legs: &[Leg], output: u128, slippage_bps: u16) -> Option<(Size, Fill)> {
    let input = legs.iter().rev().try_fold(output, |amount, leg| leg.input(amount))?;
    Some((Size::Buy { output, max_input: more(input, slippage_bps) }, Fill { input, output }))
}

/// Buying `output`, or as much of it as `most` pays for, slippage included.
#[must_use]
pub fn buy_within(legs: &[Leg], output: u128, most: u128, slippage_bps: u16) -> (Size, Fill) {
    let all = buy(legs, output, slippage_bps).filter(|(_, quoted)| quoted.input <= most);
    let part = || {
        let affordable = legs.iter().fold(within(most, slippage_bps), |amount, leg| leg.output(amount));
        buy(legs, affordable.min(output), slippage_bps)
    };
    match all.or_else(part) {
        Some((Size::Buy { output, max_input }, quoted)) => {
            (Size::Buy { output, max_input: max_input.min(most) }, quoted)
        }
        _ => (Size::Buy { output: 0, max_input: 0 }, Fill { input: 0, output: 0 }),
    }
}

/// `amount` and `bps` of it, rounded up: what is paid at most for what is quoted at `amount`.
#[must_use]
pub fn more(amount: u128, bps: u16) -> u128 {
    amount.saturating_add(amount.saturating_sub(less(amount, bps)))
}

/// The largest amount of which [`more`] is no more than `most`, or hardly less.
#[must_use]
pub fn within(most: u128, bps: u16) -> u128 {
    Leg::Fixed { kept: ONE_BPS.into(), of: u128::from(ONE_BPS).saturating_add(bps.into()) }.output(most)
}

/// `amount` less `bps` of it, rounded down.
#[must_use]
pub fn less(amount: u128, bps: u16) -> u128 {
    let kept = u128::from(ONE_BPS.saturating_sub(bps));
    Leg::Fixed { kept, of: ONE_BPS.into() }.output(amount)
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]
mod tests {
    use proptest::prelude::*;
    use tim3_domain::amm::{Fee, Hop};

    use super::*;

    #[test]
    fn the_leg_that_is_likelier_to_fail_goes_first_then_the_slower_one() {
        let leg = |failure_bps, latency_ms| Reliability { failure_bps, latency_ms };
        assert!(goes_first(leg(200, 1), leg(100, 9_000)));
        assert!(!goes_first(leg(100, 1), leg(100, 9_000)));
        assert!(goes_first(leg(100, 9_000), leg(100, 9_000)));
    }

    proptest! {
        #[test]
        fn a_purchase_gets_what_it_asks_for_with_the_least_input(
            reserves in prop::collection::vec((1_000..1_000_000_u128, 1_000..1_000_000_u128), 1..3), output in 1..100_u128,
        ) {
            let pool = |(reserve_in, reserve_out)| Leg::Pool(Hop { reserve_in, reserve_out, fee: Fee::UNISWAP_V2 });
            let legs: Vec<Leg> = reserves.into_iter().map(pool).collect();
            if let Some((_, fill)) = buy(&legs, output, 50) {
                let pays = |input| legs.iter().fold(input, |amount, leg| leg.output(amount));
                prop_assert!(pays(fill.input) >= output && pays(fill.input - 1) < output);
            }
        }

        #[test]
        fn a_purchase_takes_no_more_than_there_is_and_all_of_it_where_that_is_enough(
            reserves in prop::collection::vec((1_000..1_000_000_u128, 1_000..1_000_000_u128), 1..3),
            output in 1..1_000_000_u128, most in 0..2_000_000_u128, bps in 0..=10_000_u16,
        ) {
            let pool = |(reserve_in, reserve_out)| Leg::Pool(Hop { reserve_in, reserve_out, fee: Fee::UNISWAP_V2 });
            let legs: Vec<Leg> = reserves.into_iter().map(pool).collect();
            let (Size::Buy { output: bought, max_input }, quoted) = buy_within(&legs, output, most, bps) else {
                return Err(TestCaseError::fail("a purchase"));
            };
            prop_assert!(bought <= output && quoted.input <= max_input && max_input <= most);
            let all = buy(&legs, output, bps);
            prop_assert_eq!(bought == output, all.is_some_and(|(_, all)| all.input <= most));
            // What is bought in part leaves all of the room for slippage.
            prop_assert!(bought == output || max_input == more(quoted.input, bps));
        }

        #[test]
        fn what_is_left_room_for_fits(most: u128, bps in 0..=10_000_u16) {
            let amount = within(most, bps);
            prop_assert!(more(amount, bps) <= most);
            prop_assert!(amount.checked_add(2).is_none_or(|amount| more(amount, bps) > most));
        }

        #[test]
        fn slippage_is_on_the_side_of_who_trades(amount: u128, bps in 0..=10_000_u16) {
            prop_assert!(less(amount, bps) <= amount);
            let par = [Leg::Fixed { kept: 1, of: 1 }];
            let bounds = (sell(&par, amount, bps).0, buy(&par, amount, bps).map(|bought| bought.0));
            let (Size::Sell { min_output, .. }, Some(Size::Buy { max_input, .. })) = bounds else {
                return Err(TestCaseError::fail("a fixed price always pays"));
            };
            prop_assert!(min_output <= amount && amount <= max_input);
        }
    }
}
