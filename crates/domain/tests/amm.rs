//! Pools and paths against exact integers computed another way, and against trying every size.

#![expect(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    reason = "tests: the allowance in clippy.toml does not reach functions beside the test functions"
)]

use proptest::prelude::*;
use ruint::Uint;
use tim3_domain::amm::{Fee, Fold, Hop, Leg, Optimum, optimum, toward};

/// Wider than any product below.
type Wide = Uint<2048, 32>;

fn wide(value: u128) -> Wide {
    Wide::from(value)
}

fn any_fee() -> impl Strategy<Value = Fee> {
    prop_oneof![
        Just(Fee::UNISWAP_V2),
        Just(Fee::NONE),
        (1..=1_000_000_u32, 0..10_000_u32).prop_map(|(kept, taken)| Fee::new(kept, kept + taken).unwrap()),
    ]
}

/// Amounts of every size, small ones often: that is where rounding shows.
fn any_amount() -> impl Strategy<Value = u128> {
    prop_oneof![0..20_u128, 0..1_000_000_u128, 0..u128::from(u64::MAX), any::<u128>()]
}

fn any_hop() -> impl Strategy<Value = Hop> {
    (any_amount(), any_amount(), any_fee()).prop_map(|(reserve_in, reserve_out, fee)| Hop {
        reserve_in,
        reserve_out,
        fee,
    })
}

/// Pools as they are: reserves of up to 112 bits whose rates nearly agree, so that the best size is neither 0 nor everything.
fn any_pair() -> impl Strategy<Value = [Hop; 2]> {
    (1_000..1_u128 << 100, 1_000..1_u128 << 100, 900..1_100_u128, 1..100_u128, any_fee(), any_fee()).prop_map(
        |(a, b, skew, depth, one, other)| {
            let hop = |reserve_in, reserve_out, fee| Hop { reserve_in, reserve_out, fee };
            [hop(a, b, one), hop(b / 50 * depth + 1, a / 50 * depth / 1_000 * skew + 1, other)]
        },
    )
}

fn pools(hops: &[Hop]) -> Vec<Leg> {
    hops.iter().map(|hop| Leg::Pool(*hop)).collect()
}

/// The exact output of a path as a fraction, by composing `n·s·x / (r·d + n·x)`.
fn exact(hops: &[Hop], input: u128) -> (Wide, Wide) {
    hops.iter().fold((wide(input), wide(1)), |(over, under), hop| {
        let traded = over * Wide::from(hop.fee.kept());
        (traded * wide(hop.reserve_out), wide(hop.reserve_in) * Wide::from(hop.fee.of()) * under + traded)
    })
}

/// Whether sending `better` through gains at least as much as `worse`, exactly: out(x) − x compared as fractions.
fn gains_no_less(hops: &[Hop], better: u128, worse: u128) -> bool {
    let ((a, b), (c, d)) = (exact(hops, better), exact(hops, worse));
    a * d + wide(worse) * b * d >= c * b + wide(better) * b * d
}

fn paid(hops: &[Hop], input: u128) -> u128 {
    hops.iter().fold(input, |amount, hop| hop.output(amount))
}

proptest! {
    #[test]
    fn a_pool_pays_what_uniswap_pays_and_its_product_never_falls(hop in any_hop(), amount in any_amount()) {
        let paid = hop.output(amount);
        let (over, under) = exact(&[hop], amount);
        prop_assert_eq!(wide(paid), if hop.reserve_in == 0 { wide(0) } else { over / under });
        prop_assert!(paid < hop.reserve_out.max(1));
        if let Some(after) = hop.after(amount) {
            prop_assert!(
                wide(after.reserve_in) * wide(after.reserve_out) >= wide(hop.reserve_in) * wide(hop.reserve_out)
            );
        }
        prop_assert_eq!(hop.reversed().reversed(), hop);
    }

    #[test]
    fn the_input_for_an_output_is_the_least(hop in any_hop(), amount in any_amount(), share in 1..100_u128) {
        for amount in [amount, (hop.reserve_out / 100).saturating_mul(share)] {
            match hop.input(amount) {
                Some(input) => {
                    prop_assert!(hop.output(input) >= amount);
                    prop_assert!(input == 0 || hop.output(input - 1) < amount);
                }
                None => prop_assert!(hop.output(u128::MAX) < amount),
            }
        }
    }

    #[test]
    fn a_fixed_price_and_its_inverse_agree(kept in any_amount(), of in any_amount(), amount in any_amount()) {
        let leg = Leg::Fixed { kept, of };
        match leg.input(amount) {
            Some(input) => {
                prop_assert!(leg.output(input) >= amount);
                prop_assert!(input == 0 || leg.output(input - 1) < amount);
            }
            None => prop_assert!(of == 0 || leg.output(u128::MAX) <= amount),
        }
    }

    #[test]
    fn the_best_size_gains_no_less_than_its_neighbours_and_only_where_the_first_unit_gains(hops in any_pair()) {
        let fold = pools(&hops).iter().fold(Fold::START, |fold, leg| fold.through(leg));
        let best = fold.best_input();
        // K > M, from the definition.
        let product = |side: fn(&Hop) -> Wide| hops.iter().map(side).fold(wide(1), |a, b| a * b);
        let k = product(|hop| Wide::from(hop.fee.kept()) * wide(hop.reserve_out));
        let m = product(|hop| Wide::from(hop.fee.of()) * wide(hop.reserve_in));
        prop_assert_eq!(fold.is_profitable(), k > m);
        // x* itself lies between `best` and the next integer.
        prop_assert!(best == 0 || gains_no_less(&hops, best, best - 1));
        prop_assert!(gains_no_less(&hops, best + 1, best + 2));
        if k > m {
            let n = Wide::from(hops[0].fee.kept())
                * (Wide::from(hops[1].fee.of()) * wide(hops[1].reserve_in)
                    + Wide::from(hops[1].fee.kept()) * wide(hops[0].reserve_out));
            prop_assert_eq!(wide(best), ((k * m).root(2) - m) / n);
        }
    }

    #[test]
    fn beyond_256_bits_the_best_size_of_a_long_path_is_still_the_best(
        pairs in prop::collection::vec(any_pair(), 2..=4), skew in 990..1_100_u128,
    ) {
        let mut hops: Vec<Hop> = pairs.into_iter().flatten().collect();
        hops[0].reserve_out = hops[0].reserve_out / 1_000 * skew + 1;
        let fold = pools(&hops).iter().fold(Fold::START, |fold, leg| fold.through(leg));
        let best = fold.best_input();
        prop_assert!(best == 0 || gains_no_less(&hops, best, best.saturating_sub(1 + (best >> 100))));
        prop_assert!(best == 0 || gains_no_less(&hops, best + 1, best + 2 + (best >> 100)));
    }

    /// Every size tried: no size gains more than the closed form's but by what the rounding of two pools takes.
    #[test]
    fn no_size_gains_more_than_the_best_one(
        reserves in prop::array::uniform4(1..400_u128), fees in prop::array::uniform2(any_fee()), most in 1..300_u128,
    ) {
        let [a, b, c, d] = reserves;
        let hops = [
            Hop { reserve_in: a, reserve_out: b, fee: fees[0] },
            Hop { reserve_in: c, reserve_out: d, fee: fees[1] },
        ];
        let gain = |input: u128| i128::try_from(paid(&hops, input)).unwrap() - i128::try_from(input).unwrap();
        let brute = (0..=most).map(gain).max().unwrap();
        let found = optimum(&pools(&hops), most);
        prop_assert!(found.is_none_or(|found| found.input <= most && i128::try_from(found.profit()).unwrap() == gain(found.input)));
        // One unit lost in the middle is worth at most the second pool's first price, one more is lost at the end, one in the size itself.
        let lost = 2 + d.div_ceil(c) + (b.div_ceil(a)) * d.div_ceil(c);
        let found = found.map_or(0, |found| i128::try_from(found.profit()).unwrap());
        prop_assert!(brute <= found + i128::try_from(lost).unwrap(), "{} by trying, {} found", brute, found);
    }

    #[test]
    fn a_cost_is_taken_off_the_output(hops in any_pair(), bps in 0..=10_000_u16) {
        let fold = pools(&hops).iter().fold(Fold::START, |fold, leg| fold.through(leg));
        let costly = fold.with_cost(bps);
        prop_assert!(costly.best_input() <= fold.best_input());
        let cost = Leg::Fixed { kept: u128::from(10_000 - bps), of: 10_000 };
        prop_assert_eq!(costly, fold.through(&cost));
    }

    /// Against a price outside: every size tried.
    #[test]
    fn trading_toward_an_outside_price_gains_the_most(
        reserve_in in 1..2_000_u128, reserve_out in 1..2_000_u128, fee in any_fee(), in_value in 1..50_u128, out_value in 1..50_u128,
    ) {
        let hop = Hop { reserve_in, reserve_out, fee };
        let size = toward(&hop, in_value, out_value);
        // The gain v_out · out(x) − v_in · x, exactly, at x and its neighbours.
        let gains_no_less = |better: u128, worse: u128| {
            let ((a, b), (c, d)) = (exact(&[hop], better), exact(&[hop], worse));
            let (gain_in, gain_out) = (wide(in_value), wide(out_value));
            gain_out * a * d + gain_in * wide(worse) * b * d >= gain_out * c * b + gain_in * wide(better) * b * d
        };
        prop_assert!(size == 0 || gains_no_less(size, size - 1));
        prop_assert!(gains_no_less(size + 1, size + 2));
    }
}

#[test]
fn a_path_of_fixed_prices_takes_all_that_there_is() {
    let legs = [Leg::Fixed { kept: 1_000, of: 1 }, Leg::Fixed { kept: 2, of: 1_000 }];
    assert_eq!(optimum(&legs, 5), Some(Optimum { input: 5, output: 10 }));
    assert_eq!(optimum(&[Leg::Fixed { kept: 1, of: 1 }], 5), None);
    assert_eq!(optimum(&[Leg::Fixed { kept: 1, of: 0 }], 5), None);
}

#[test]
fn fees_are_at_least_zero_and_below_all() {
    assert!(Fee::new(0, 1).is_err() && Fee::new(2, 1).is_err() && Fee::new(1, 1).is_ok());
    assert_eq!(serde_json::from_str::<Fee>("[997,1000]").unwrap(), Fee::UNISWAP_V2);
    assert!(serde_json::from_str::<Fee>("[1001,1000]").is_err());
}
