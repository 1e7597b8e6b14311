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

    /// What is found is the first second at which it fits, and the one before it is not.
    #[test]
    fn what_is_delayed_fits_at_the_time_that_was_told_and_not_before(
        limit in 1..300_u128, period in 1..300_u64, spent in 0..900_i128, updated in 0..1_000_u64, elapsed in 0..700_u64,
        amount in 1..400_u128,
    ) {
        let window = Window { limit, period, available: i128::try_from(limit).unwrap() - spent, updated };
        let now = updated + elapsed;
        match window.fits_at(amount, 0, now) {
            Some(at) => {
                prop_assert!(at >= now && window.take(amount, at).is_some());
                prop_assert!(at == now || window.take(amount, at - 1).is_none());
            }
            None => prop_assert!(amount > limit),
        }
    }

    /// Those before it take every second what there is.
    #[test]
    fn what_waits_behind_others_does_not_fit_before_the_time_that_was_told(
        limit in 1..60_u128, period in 1..60_u64, spent in 0..100_i128, elapsed in 0..70_u64,
        amount in 1..60_u128, ahead in 1..200_u128,
    ) {
        let amount = amount.min(limit);
        let mut window = Window { limit, period, available: i128::try_from(limit).unwrap() - spent, updated: 0 };
        let told = window.fits_at(amount, ahead, elapsed).unwrap();
        let (mut now, mut left) = (elapsed, ahead);
        loop {
            let part = u128::try_from(window.available_at(now)).unwrap_or(0).min(left);
            left -= part;
            // Nothing is taken where nothing is there: that would lose the fraction.
            if part > 0 {
                window = window.take(part, now).unwrap();
            }
            if left == 0 && window.take(amount, now).is_some() {
                break;
            }
            now += 1;
        }
        prop_assert!(told <= now, "told {told}, found {now}");
    }

    #[test]
    fn every_window_at_every_time_says_when_or_never(
        limit: u128, period: u64, available: i128, updated: u64, now: u64, amount: u128, ahead: u128,
    ) {
        let window = Window { limit, period, available, updated };
        if let Some(at) = window.fits_at(amount, ahead, now) {
            prop_assert!(at >= now && amount <= limit && period > 0);
        }
    }
}
