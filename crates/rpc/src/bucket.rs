//! Client-side rate limits, so that an endpoint's own limit is not run into.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How many calls an endpoint may get.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Calls a second in the long run; at least 1.
    pub per_second: u32,
    /// Calls that may be made at once after a pause; at least 1.
    pub burst: u32,
}

/// A token bucket, kept as the time at which it will be full again (the generic cell rate algorithm): exact, in integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    cost: Duration,
    span: Duration,
    full_at: Duration,
}

impl Bucket {
    /// A full bucket. Zeros count as ones.
    #[must_use]
    pub fn new(rate: Rate) -> Self {
        let cost = Duration::from_secs(1).checked_div(rate.per_second.max(1)).unwrap_or_default();
        Self { cost, span: cost.saturating_mul(rate.burst.max(1)), full_at: Duration::ZERO }
    }

    /// Takes `weight` tokens at `now`. A weight above the burst passes when the bucket is full.
    ///
    /// # Errors
    /// How long to wait until they are there; nothing was taken.
    pub fn take(&mut self, now: Duration, weight: u32) -> Result<(), Duration> {
        let cost = self.cost.saturating_mul(weight);
        let full_at = self.full_at.max(now).saturating_add(cost);
        let wait = full_at.saturating_sub(now).saturating_sub(self.span.max(cost));
        if wait.is_zero() {
            self.full_at = full_at;
            Ok(())
        } else {
            Err(wait)
        }
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_burst_passes_and_then_the_rate_holds() {
        let mut bucket = Bucket::new(Rate { per_second: 10, burst: 3 });
        let now = Duration::from_secs(100);
        for _ in 0..3 {
            assert_eq!(bucket.take(now, 1), Ok(()));
        }
        assert_eq!(bucket.take(now, 1), Err(Duration::from_millis(100)));
        assert_eq!(bucket.take(now + Duration::from_millis(100), 1), Ok(()));
        assert_eq!(bucket.take(now + Duration::from_millis(100), 1), Err(Duration::from_millis(100)));
    }

    #[test]
    fn a_batch_above_the_burst_passes_when_the_bucket_is_full() {
        let mut bucket = Bucket::new(Rate { per_second: 10, burst: 3 });
        assert_eq!(bucket.take(Duration::ZERO, 50), Ok(()));
        assert_eq!(bucket.take(Duration::from_secs(4), 1), Err(Duration::from_millis(800)));
    }

    proptest! {
        #[test]
        fn never_more_than_rate_and_burst_pass(per_second in 1_u32..2_000, burst in 1_u32..50, gaps in prop::collection::vec(0_u64..40, 1..300)) {
            let mut bucket = Bucket::new(Rate { per_second, burst });
            let mut now = Duration::ZERO;
            let mut passed = 0_u128;
            for gap in gaps {
                now += Duration::from_millis(gap);
                match bucket.take(now, 1) {
                    Ok(()) => passed += 1,
                    Err(wait) => prop_assert_eq!(bucket.clone().take(now + wait, 1), Ok(()), "the wait it names is enough"),
                }
                let allowed = u128::from(burst) + now.as_nanos() / Duration::from_secs(1).checked_div(per_second).expect("at least 1").as_nanos();
                prop_assert!(passed <= allowed + 1, "{passed} passed, {allowed} allowed");
            }
        }
    }
}
