//! The rolling limit against a model that counts.

use tim3_domain::protocol::Window;

use super::*;

/// What an empty bucket has after `elapsed` seconds, counted unit by unit: the n-th is there once `n · period ≤ elapsed · limit`.
fn counted(limit: u128, period: u64, elapsed: u64) -> i128 {
    let there = |unit: &u128| unit * u128::from(period) <= u128::from(elapsed) * limit;
    i128::try_from((1..=limit).take_while(there).count()).unwrap()
}

proptest! {
    #[test]
    fn what_is_available_is_what_was_there_and_what_has_refilled(
        limit in 1..300_u128, period in 1..300_u64, spent in 0..300_i128, updated in 0..1_000_u64, elapsed in 0..700_u64,
    ) {
        let limit_ = i128::try_from(limit).unwrap();
        let window = Window { limit, period, available: limit_ - spent.min(limit_), updated };
        let expected = (window.available + counted(limit, period, elapsed)).min(limit_);
        prop_assert_eq!(window.available_at(updated + elapsed), expected);
    }

    #[test]
    fn a_debt_to_the_window_is_refilled_first(
        limit in 1..300_u128, period in 1..300_u64, owed in 1..500_i128, elapsed in 0..300_u64,
    ) {
        // Within one period no more than the limit refills, so that counting to the limit counts all.
        let elapsed = elapsed.min(period);
        let window = Window { limit, period, available: -owed, updated: 0 };
        prop_assert_eq!(window.available_at(elapsed), counted(limit, period, elapsed) - owed);
    }

    #[test]
    fn no_more_passes_than_the_limit_and_what_refills(
        limit in 1..10_000_u128,
        period in 1..10_000_u64,
        steps in vec((0..10_000_u128, 0..500_u64), 1..60),
    ) {
        let full = i128::try_from(limit).unwrap();
        let mut window = Window { limit, period, available: full, updated: 0 };
        let (mut now, mut passed) = (0, 0);
        for (amount, wait) in steps {
            now += wait;
            let before = window.available_at(now);
            match window.take(amount, now) {
                Some(after) => {
                    prop_assert_eq!(after.available, before - i128::try_from(amount).unwrap());
                    window = after;
                    passed += amount;
                }
                None => prop_assert!(before < i128::try_from(amount).unwrap()),
            }
            prop_assert!(passed * u128::from(period) <= limit * (u128::from(period) + u128::from(now)));
        }
    }

    #[test]
    fn every_window_at_every_time_is_answered_within_its_limit(
        limit: u128, period: u64, available: i128, updated: u64, now: u64, amount: u128,
    ) {
        let window = Window { limit, period, available, updated };
        let ceiling = i128::try_from(limit).unwrap_or(i128::MAX);
        prop_assert!(window.available_at(now) <= ceiling);
        if let Some(after) = window.take(amount, now) {
            prop_assert!(after.available >= 0 && after.updated >= updated);
            prop_assert!(period > 0 || amount == 0, "a window that was never set let something pass");
        }
    }
}
