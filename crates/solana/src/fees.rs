//! What a transaction offers for each compute unit: a pure function of what others paid, of how many in a row were not included, and of the
//! policy. All prices in millionths of a lamport.

use crate::config::FeePolicy;

/// Lamports that each signature costs.
pub const SIGNATURE_LAMPORTS: u64 = 5_000;
/// Transactions in a row that are counted, at most: any further one would offer the cap anyway.
const MOST: u32 = 64;

/// What a transaction offers after `missed` in a row that were not included: the upper quartile of what others paid `lately` for the same
/// accounts, raised by the policy's step for each, at most the policy's cap times as much, and never outside the policy's limits.
#[must_use]
pub fn price(lately: &[u64], missed: u32, policy: &FeePolicy) -> u64 {
    let mut paid: Vec<u64> = lately.iter().copied().filter(|price| *price > 0).collect();
    paid.sort_unstable();
    let quartile = paid.len().saturating_mul(3).checked_div(4).unwrap_or_default();
    let usual = paid.get(quartile).copied().unwrap_or_default().max(policy.min_price);
    let mut price = usual;
    for _ in 0..missed.min(MOST) {
        price = price.saturating_add(percent(price, policy.step_percent).max(1));
    }
    price.min(usual.saturating_mul(policy.cap.max(1).into())).min(policy.max_price)
}

fn percent(price: u64, percent: u32) -> u64 {
    price.saturating_mul(percent.into()).div_ceil(100)
}

/// What a transaction costs at most, in lamports.
#[must_use]
pub fn lamports(price: u64, units: u32, signatures: u64) -> u64 {
    let priority = price.saturating_mul(units.into()).div_ceil(1_000_000);
    SIGNATURE_LAMPORTS.saturating_mul(signatures).saturating_add(priority)
}

/// What an account of so many bytes must hold, in lamports.
#[must_use]
pub fn rent(bytes: usize) -> u64 {
    /// Bytes that the runtime keeps beside those of an account.
    const BESIDE: u64 = 128;
    /// Lamports for a byte: those of two years.
    const BYTE: u64 = 6_960;
    u64::try_from(bytes).unwrap_or(u64::MAX).saturating_add(BESIDE).saturating_mul(BYTE)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn policy() -> FeePolicy {
        FeePolicy { min_price: 100, max_price: 1_000_000, step_percent: 50, cap: 8 }
    }

    #[test]
    fn it_pays_what_others_pay_and_more_when_it_is_not_included() {
        assert_eq!(price(&[], 0, &policy()), 100);
        assert_eq!(price(&[0, 0, 0], 0, &policy()), 100, "nobody paid anything");
        assert_eq!(price(&[200, 0, 400, 600, 800], 0, &policy()), 800);
        assert_eq!(price(&[], 1, &policy()), 150);
        assert_eq!(price(&[], 2, &policy()), 225);
        assert_eq!(price(&[], 60, &policy()), 800, "the cap");
        assert_eq!(price(&[900_000], 3, &policy()), 1_000_000, "the limit");
    }

    #[test]
    fn costs_are_rounded_up() {
        assert_eq!(lamports(1, 1, 1), 5_001);
        assert_eq!(lamports(1_000_000, 200_000, 1), 205_000);
        assert_eq!(rent(165), 2_039_280, "of a token account");
    }

    proptest! {
        #[test]
        fn no_endpoint_moves_a_price_beyond_the_limits(lately in prop::collection::vec(any::<u64>(), 0..160), missed in any::<u32>()) {
            let (policy, less) = (policy(), missed.saturating_sub(1));
            let offered = price(&lately, missed, &policy);
            prop_assert!((policy.min_price..=policy.max_price).contains(&offered));
            prop_assert!(offered >= price(&lately, less, &policy), "more misses never offer less");
        }
    }
}
