//! What a transaction pays (EIP-1559): a pure function of the market, the policy and what it paid before. All prices in wei per gas.

use crate::config::FeePolicy;

/// What a transaction offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fees {
    /// Highest price of a unit of gas, base fee included.
    pub max: u128,
    /// Highest part of it that goes to the proposer.
    pub tip: u128,
}

/// What the chain asks for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Market {
    /// Base fee of the newest block.
    pub base: u128,
    /// Tip that the endpoint suggests.
    pub tip: u128,
}

/// The least, in percent, by which every node's pool wants both prices of a replacement raised.
const REPLACEMENT_PERCENT: u128 = 10;

/// What a new transaction offers: room for six full blocks in a row (the base fee grows by an eighth at most), never above the policy's limit.
#[must_use]
pub fn fresh(market: Market, policy: &FeePolicy) -> Fees {
    let tip = policy.tip.unwrap_or(market.tip).min(policy.max_tip);
    let max = market.base.saturating_mul(2).saturating_add(tip).min(policy.max_fee);
    Fees { max, tip: tip.min(max) }
}

/// What a replacement offers: `max(min(max(escalated, fresh), cap · fresh), old)` for each price, and never above the policy's limit. `None` where
/// that is not enough for a pool to accept it: then the transaction only waits.
#[must_use]
pub fn escalate(old: Fees, market: Market, policy: &FeePolicy) -> Option<Fees> {
    let now = fresh(market, policy);
    let cap = u128::from(policy.cap);
    let raise = |old: u128, fresh: u128, limit: u128| {
        raised(old, policy.step_percent.into()).max(fresh).min(fresh.saturating_mul(cap)).max(old).min(limit)
    };
    let fees = Fees { max: raise(old.max, now.max, policy.max_fee), tip: raise(old.tip, now.tip, policy.max_tip) };
    let enough = |new: u128, old: u128| new >= raised(old, REPLACEMENT_PERCENT);
    (enough(fees.max, old.max) && enough(fees.tip, old.tip) && fees.tip <= fees.max).then_some(fees)
}

/// `price` and `percent` more, rounded up and at least by one.
fn raised(price: u128, percent: u128) -> u128 {
    price.saturating_add(price.saturating_mul(percent).div_ceil(100).max(1))
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GWEI: u128 = 1_000_000_000;

    fn policy() -> FeePolicy {
        FeePolicy { max_fee: 300 * GWEI, max_tip: 20 * GWEI, ..FeePolicy::default() }
    }

    #[test]
    fn a_fresh_fee_leaves_room_for_the_base_fee_to_double() {
        let fees = fresh(Market { base: 10 * GWEI, tip: GWEI }, &policy());
        assert_eq!(fees, Fees { max: 21 * GWEI, tip: GWEI });
    }

    #[test]
    fn no_suggestion_of_an_endpoint_gets_past_the_limits() {
        let fees = fresh(Market { base: 80_000 * GWEI, tip: 80_000 * GWEI }, &policy());
        assert_eq!(fees, Fees { max: 300 * GWEI, tip: 20 * GWEI });
    }

    #[test]
    fn a_replacement_pays_a_tenth_more_until_three_times_the_market() {
        let market = Market { base: 10 * GWEI, tip: GWEI };
        let mut fees = fresh(market, &policy());
        let first = fees;
        let mut steps = 0;
        while let Some(more) = escalate(fees, market, &policy()) {
            assert!(more.max >= fees.max + fees.max / 10 && more.tip >= fees.tip + fees.tip / 10);
            fees = more;
            steps += 1;
        }
        assert!((10..=12).contains(&steps), "{steps} steps of a tenth make three times");
        assert!(fees.max <= first.max * 3 && fees.tip <= first.tip * 3);
    }

    #[test]
    fn a_replacement_follows_a_market_that_ran_away() {
        let old = fresh(Market { base: GWEI, tip: GWEI }, &policy());
        let now = Market { base: 50 * GWEI, tip: 2 * GWEI };
        assert_eq!(escalate(old, now, &policy()), Some(fresh(now, &policy())));
    }

    #[test]
    fn at_the_limit_a_transaction_only_waits() {
        let policy = policy();
        let old = Fees { max: policy.max_fee, tip: policy.max_tip };
        assert_eq!(escalate(old, Market { base: 1_000 * GWEI, tip: 100 * GWEI }, &policy), None);
    }

    #[test]
    fn a_tip_of_zero_can_be_escalated() {
        let old = Fees { max: 2 * GWEI, tip: 0 };
        let fees = escalate(old, Market { base: GWEI, tip: 1 }, &policy()).expect("a replacement");
        assert!(fees.tip >= 1);
    }

    proptest! {
        #[test]
        fn fees_are_bounded_and_replacements_are_accepted(
            base in 0..1_000 * GWEI, tip in 0..1_000 * GWEI, old_max in 0..1_000 * GWEI, old_tip in 0..1_000 * GWEI
        ) {
            let policy = policy();
            let market = Market { base, tip };
            let fees = fresh(market, &policy);
            prop_assert!(fees.max <= policy.max_fee && fees.tip <= policy.max_tip && fees.tip <= fees.max);
            let old = Fees { max: old_max, tip: old_tip.min(old_max) };
            if let Some(more) = escalate(old, market, &policy) {
                prop_assert!(more.max <= policy.max_fee && more.tip <= policy.max_tip && more.tip <= more.max);
                prop_assert!(more.max * 100 >= old.max * 110 && more.tip * 100 >= old.tip * 110);
                prop_assert!(more.max <= (fees.max * u128::from(policy.cap)).max(old.max));
            }
        }
    }
}
