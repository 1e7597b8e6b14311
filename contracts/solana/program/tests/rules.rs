//! The pure rules against wide integers of another make.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test says what went wrong by panicking"
)]

use proptest::prelude::*;
use ruint::aliases::U512;
use tim3_gateway::rules::{
    amounts::{route_fee, scale, share},
    health::{Balances, Scales},
    payout::Precision,
    price::{PriceTerms, Quote, quote},
    wide::Wide,
    window::Bucket,
};
use tim3_solana_interface::{GatewayError, external::PriceUpdate};

fn narrow(value: U512) -> u128 {
    value.saturating_to()
}

fn ten(power: u8) -> U512 {
    U512::from(10).pow(U512::from(power))
}

/// Amounts of every size, and the edges.
fn any_amount() -> impl Strategy<Value = u128> {
    prop_oneof![
        Just(0),
        Just(1),
        Just(u128::MAX),
        Just(u128::from(u64::MAX)),
        any::<u128>(),
        any::<u64>().prop_map(u128::from),
        (any::<u128>(), 0_u32..128).prop_map(|(value, shift)| value >> shift),
    ]
}

proptest! {
    #[test]
    fn products_and_quotients_are_exact(
        a in any_amount(), b in any_amount(), c in any_amount(), d in any_amount(), up in any::<bool>(),
    ) {
        let wide = Wide::of(a).times(&b).times(&c);
        let same = U512::from(a) * U512::from(b) * U512::from(c);
        let mut quotient = 0;
        for (divisor, expected) in [(Wide::of(d), U512::from(d)), (Wide::of(d).times(&b), U512::from(d) * U512::from(b))] {
            wide.divide(&divisor, up, &mut quotient);
            if expected.is_zero() {
                continue;
            }
            let exact = if up { same.div_ceil(expected) } else { same / expected };
            prop_assert_eq!(quotient, narrow(exact));
        }
    }

    #[test]
    fn comparison_is_that_of_numbers(a in any_amount(), b in any_amount(), c in any_amount(), d in any_amount()) {
        let (left, right) = (U512::from(a) * U512::from(b), U512::from(c) * U512::from(d));
        prop_assert_eq!(Wide::of(a).times(&b).partial_cmp(&Wide::of(c).times(&d)), left.partial_cmp(&right));
    }

    #[test]
    fn a_product_beyond_512_bits_is_the_largest(a in any::<u128>(), times in 5_usize..8) {
        let mut wide = Wide::of(a | 1 << 127);
        for _ in 0..times {
            wide = wide.times(&u128::MAX);
        }
        prop_assert_eq!(wide, Wide::MAX);
    }

    #[test]
    fn scaling_rounds_down(amount in any_amount(), from in 0_u8..28, to in 0_u8..28) {
        let exact = if to >= from { U512::from(amount) * ten(to - from) } else { U512::from(amount) / ten(from - to) };
        prop_assert_eq!(scale(amount, from, to), narrow(exact));
    }

    #[test]
    fn fees_are_flat_plus_share(amount in any_amount(), flat in any_amount(), bps in 0_u16..=10_000) {
        let part = U512::from(amount) * U512::from(bps) / U512::from(10_000);
        prop_assert_eq!(share(amount, bps), narrow(part));
        prop_assert_eq!(route_fee(amount, flat, bps), narrow(part + U512::from(flat)));
    }

    #[test]
    fn values_are_compared_exactly(
        collateral in any_amount(), debt in any_amount(), price in any_amount(), target in any_amount(),
        decimals in 0_u8..28, num in 1_u32..20_000, den in 1_u32..20_000,
    ) {
        let (up, down) = (ten(6_u8.saturating_sub(decimals)), ten(decimals.saturating_sub(6)));
        let c = U512::from(collateral) * U512::from(price) * U512::from(num) * up;
        let d = U512::from(debt) * U512::from(target) * U512::from(den) * down;
        let scales = Scales { price, target, decimals };
        prop_assert_eq!(scales.covers(&Balances { collateral, debt }, num, den), c >= d);
        let unit = U512::from(price) * U512::from(num) * up;
        if !unit.is_zero() {
            let least = scales.collateral_for(debt, num, den);
            prop_assert_eq!(least, narrow(d.div_ceil(unit)));
            if least < u128::MAX {
                let enough = scales.covers(&Balances { collateral: least, debt }, num, den);
                prop_assert!(enough);
            }
        }
    }

    #[test]
    fn what_is_payable_is_exact_in_native_units(amount in any_amount(), decimals in 0_u8..20, native in 0_u8..20) {
        let precision = Precision { decimals, native };
        let payable = precision.payable(amount);
        prop_assert!(payable <= amount);
        let units = precision.to_native(payable);
        if let Ok(units) = u64::try_from(units) {
            prop_assert_eq!(precision.to_canonical(units), Some(payable));
        }
    }

    #[test]
    fn a_window_never_holds_more_than_its_limit(
        limit in 1_u128..=i128::MAX as u128, available in any::<i128>(), period in 1_u64.., updated in any::<u64>(),
        now in any::<u64>(), amount in any_amount(),
    ) {
        let before = available.min(limit as i128);
        let mut bucket = Bucket { limit, available: before, period, updated };
        bucket.refill(now);
        let gain = U512::from(limit) * U512::from(now.saturating_sub(updated)) / U512::from(period);
        let expected = if gain > U512::from(limit.wrapping_sub(before as u128)) { limit as i128 } else {
            before.checked_add_unsigned(narrow(gain)).unwrap()
        };
        prop_assert_eq!(bucket.available, expected);
        prop_assert_eq!(bucket.updated, now.max(updated));

        let mut taken = bucket;
        let enough = i128::try_from(amount).is_ok_and(|amount| amount <= bucket.available);
        prop_assert_eq!(taken.take(&amount), enough);
        prop_assert_eq!(taken.available, if enough { bucket.available - amount as i128 } else { bucket.available });
        bucket.force(&amount);
        prop_assert!(bucket.available <= limit as i128);
    }

    #[test]
    fn prices_are_around_their_confidence(price in 1_i64.., conf in any::<u64>(), exponent in -30_i32..4, age in 0_u64..200) {
        let update = PriceUpdate { full: true, feed: [7; 32], price, confidence: conf, exponent, published: 10_000 };
        let terms = PriceTerms { feed: [7; 32], max_age: 100, max_confidence: 500 };
        let mut both = Quote::default();
        let answer = quote(&update, &terms, 10_000 + age, &mut both);
        let (p, c) = (U512::from(price as u64), U512::from(conf));
        if c * U512::from(10_000) > p * U512::from(500) {
            prop_assert_eq!(answer, Err(GatewayError::PriceUncertain));
        } else if age > 100 {
            prop_assert_eq!(answer, Err(GatewayError::PriceStale));
        } else if answer.is_ok() {
            let shift = 18 + exponent;
            let (lower, higher) = if shift >= 0 {
                ((p - c) * ten(shift as u8), (p + c) * ten(shift as u8))
            } else {
                ((p - c) / ten(-shift as u8), (p + c).div_ceil(ten(-shift as u8)))
            };
            prop_assert_eq!((both.lower, both.higher), (narrow(lower), narrow(higher)));
        } else {
            prop_assert_eq!(answer, Err(GatewayError::PriceNonPositive));
        }
    }
}

#[test]
fn a_price_of_another_feed_or_without_all_signatures_is_none() {
    let good = PriceUpdate { full: true, feed: [7; 32], price: 5, confidence: 0, exponent: 0, published: 10_000 };
    let terms = PriceTerms { feed: [7; 32], max_age: 100, max_confidence: 500 };
    let ask = |update: &PriceUpdate, now| {
        let mut both = Quote::default();
        quote(update, &terms, now, &mut both).map(|()| both)
    };
    let five = 5_000_000_000_000_000_000;
    assert_eq!(ask(&good, 10_000), Ok(Quote { lower: five, higher: five }));
    assert_eq!(ask(&good, 9_900), Ok(Quote { lower: five, higher: five }));
    assert_eq!(ask(&good, 9_899), Err(GatewayError::PriceStale), "from too far ahead");
    assert_eq!(ask(&PriceUpdate { feed: [8; 32], ..good }, 10_000), Err(GatewayError::PriceUnavailable));
    assert_eq!(ask(&PriceUpdate { full: false, ..good }, 10_000), Err(GatewayError::PriceUnverified));
    assert_eq!(ask(&PriceUpdate { price: 0, ..good }, 10_000), Err(GatewayError::PriceNonPositive));
    assert_eq!(ask(&PriceUpdate { price: -1, ..good }, 10_000), Err(GatewayError::PriceNonPositive));
    assert_eq!(ask(&PriceUpdate { published: -1, ..good }, 10_000), Err(GatewayError::PriceStale));
    assert_eq!(ask(&PriceUpdate { exponent: -40, ..good }, 10_000), Err(GatewayError::PriceNonPositive));
    assert_eq!(ask(&PriceUpdate { exponent: i32::MAX, ..good }, 10_000), Err(GatewayError::PriceNonPositive));
}
