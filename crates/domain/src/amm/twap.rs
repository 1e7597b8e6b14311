//! The mean price of a pool over time, out of the sums that Uniswap V2 keeps for it.
//!
//! A pool adds the price that it ended a block with, times the seconds that it stood, to a sum: prices are quotients of reserves with 112 binary digits behind
//! the point, sums wrap at 2^256 and times at 2^32, both by design, and only what lies between two sums means anything. A pool adds when it is touched; what
//! it would add now is reckoned here.
//!
//! Sources: the Uniswap V2 whitepaper, 2.2; `UniswapV2Pair._update`; `UniswapV2OracleLibrary.currentCumulativePrices`.

use ruint::aliases::{U256, U512};

use crate::price::Price;

/// Binary digits behind the point of a price.
const FRACTION: usize = 112;
/// More decimals than any token has.
const MOST_DECIMALS: u8 = 36;

/// What a pool says in a block, as to the price of one of its tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accumulator {
    /// What it holds of that token, and of the other one.
    pub reserves: [u128; 2],
    /// The sum of the token's prices in the other one, when it was last touched.
    pub sum: U256,
    /// When that was, in seconds modulo 2^32.
    pub touched: u32,
}

/// The sum of a token's prices at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observation {
    /// The sum, modulo 2^256.
    pub sum: U256,
    /// The moment, in seconds.
    pub time: u64,
}

impl Accumulator {
    /// The sum in a block of `time`, as if the pool were touched in it. `None` for a pool that is empty on one side, or holds more than a pool can.
    #[must_use]
    pub fn at(&self, time: u64) -> Option<Observation> {
        let [own, other] = self.reserves;
        if own == 0 || other == 0 || own.max(other) >> FRACTION != 0 {
            return None;
        }
        let stood = u32::try_from(time & u64::from(u32::MAX)).ok()?.wrapping_sub(self.touched);
        let price = U256::from(other).wrapping_shl(FRACTION).checked_div(U256::from(own))?;
        Some(Observation { sum: self.sum.wrapping_add(price.wrapping_mul(U256::from(stood))), time })
    }
}

impl Observation {
    /// The mean price since `earlier` of one whole token in whole ones of the other, which have so many `decimals`; rounded down. `None` unless time passed,
    /// at most 2^32 seconds, and for what is no price.
    #[must_use]
    pub fn mean_since(&self, earlier: &Self, decimals: [u8; 2]) -> Option<Price> {
        let passed = self.time.checked_sub(earlier.time).and_then(|passed| u32::try_from(passed).ok())?;
        if passed == 0 || decimals.iter().any(|decimals| *decimals > MOST_DECIMALS) {
            return None;
        }
        let [own, other] = decimals.map(|decimals| U512::from(10).saturating_pow(U512::from(decimals)));
        // 256 + 120 + 60 bits.
        let gained = U512::from(self.sum.wrapping_sub(earlier.sum));
        let gained = gained.saturating_mul(own).saturating_mul(U512::from(Price::ONE.raw()));
        let whole = U512::from(passed).saturating_mul(other).wrapping_shl(FRACTION);
        Price::new(u128::try_from(gained.checked_div(whole)?).ok()?)
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A pool as the contract is: touched in some blocks, each time with what it holds from then on.
    struct Pool(Accumulator);

    impl Pool {
        /// `_update` of the contract.
        fn touch(&mut self, time: u64, reserves: [u128; 2]) {
            self.0.sum = self.0.at(time).map_or(self.0.sum, |now| now.sum);
            (self.0.touched, self.0.reserves) = (u32::try_from(time % (1 << 32)).unwrap(), reserves);
        }
    }

    /// The mean of the prices of every second, in exact fractions of 2^112, rounded down in the end.
    fn brute_force(seconds: &[[u128; 2]], decimals: [u8; 2]) -> Option<u128> {
        let price = |[own, other]: &[u128; 2]| (U512::from(*other) << FRACTION) / U512::from(*own);
        let sum = seconds.iter().map(price).fold(U512::ZERO, |sum, price| sum + price);
        let [own, other] = decimals.map(|decimals| U512::from(10).pow(U512::from(decimals)));
        let whole = (U512::from(seconds.len()) * other) << FRACTION;
        u128::try_from(sum * own * U512::from(Price::ONE.raw()) / whole).ok().filter(|mean| *mean != 0)
    }

    fn reserve() -> impl Strategy<Value = u128> {
        prop_oneof![1..1_000_u128, 1..1_u128 << 60, 1..1_u128 << FRACTION, Just((1 << FRACTION) - 1)]
    }

    fn moment() -> impl Strategy<Value = u64> {
        // Around the moments at which 32 bits of seconds end, too.
        prop_oneof![1_600_000_000..1_900_000_000_u64, (1_u64 << 32) - 60..(1 << 32) + 60, (1_u64 << 33) - 60..(1 << 33)]
    }

    proptest! {
        #[test]
        fn the_mean_is_that_of_the_prices_of_every_second(
            start in moment(),
            sum in prop_oneof![Just(U256::ZERO), Just(U256::MAX), any::<[u64; 4]>().prop_map(U256::from_limbs)],
            steps in prop::collection::vec((0..40_u64, [reserve(), reserve()]), 1..8),
            last in 1..40_u64,
            decimals in [0..=18_u8, 0..=18_u8],
        ) {
            let first = steps[0].1;
            let mut pool = Pool(Accumulator { reserves: first, sum, touched: u32::try_from(start % (1 << 32)).unwrap() });
            let before = pool.0.at(start).unwrap();
            let (mut now, mut held, mut seconds) = (start, first, Vec::new());
            for (stood, reserves) in steps {
                now += stood;
                seconds.extend((0..stood).map(|_| held));
                pool.touch(now, reserves);
                held = reserves;
            }
            seconds.extend((0..last).map(|_| held));
            let after = pool.0.at(now + last).unwrap();
            let mean = after.mean_since(&before, decimals).map(Price::raw);
            prop_assert_eq!(mean, brute_force(&seconds, decimals));
        }

        #[test]
        fn whatever_a_pool_says_is_a_price_or_none(
            reserves: [u128; 2],
            sums in any::<[[u64; 4]; 2]>(),
            touched: u32,
            times: [u64; 2],
            decimals: [u8; 2],
        ) {
            let [one, other] = sums.map(U256::from_limbs);
            let before = Observation { sum: one, time: times[0] };
            let after = Accumulator { reserves, sum: other, touched }.at(times[1]);
            let _ = after.and_then(|after| after.mean_since(&before, decimals));
        }
    }

    #[test]
    fn a_pool_that_is_empty_or_time_that_stands_still_gives_no_price() {
        let of = |reserves| Accumulator { reserves, sum: U256::ZERO, touched: 0 }.at(100);
        for reserves in [[0, 5], [5, 0], [0, 0], [1 << FRACTION, 1], [1, 1 << FRACTION]] {
            assert_eq!(of(reserves), None, "{reserves:?}");
        }
        let now = of([5, 5]).unwrap();
        let at = |time| Observation { time, ..now };
        assert_eq!(now.mean_since(&now, [0, 0]), None, "no time passed");
        assert_eq!(now.mean_since(&at(101), [0, 0]), None, "it went back");
        assert_eq!(at((1 << 32) + 100).mean_since(&now, [0, 0]), None, "longer than a sum is good for");
        assert_eq!(at(101).mean_since(&now, [0, 0]), None, "a price of zero");
        assert_eq!(at(101).mean_since(&now, [37, 0]), None, "no token has so many decimals");
    }

    #[test]
    fn a_price_is_in_whole_tokens() {
        // 2 WETH (18 decimals) against 5000 USDC (6 decimals).
        let pool = Accumulator { reserves: [2 * 10_u128.pow(18), 5_000 * 10_u128.pow(6)], sum: U256::MAX, touched: 40 };
        let (before, after) = (pool.at(50).unwrap(), pool.at(60).unwrap());
        // A sum is rounded down in its last binary digit.
        assert_eq!(after.mean_since(&before, [18, 6]).unwrap().to_string(), "2499.999999999999999999");
    }
}
