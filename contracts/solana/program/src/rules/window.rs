//! A bucket of `limit` that refills by ⌊elapsed · limit / period⌋, never above `limit`.

use super::wide::Wide;

/// A window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// What it holds when it is full; at most 2^127 − 1.
    pub limit: u128,
    /// What it held at `updated`; it may be negative.
    pub available: i128,
    /// Seconds in which it refills; 0 when it was never set, and lets nothing pass.
    pub period: u64,
    /// When `available` was written.
    pub updated: u64,
}

impl Bucket {
    /// Brings it up to `now`, which counts as `updated` where it is earlier.
    #[inline(never)]
    pub fn refill(&mut self, now: u64) {
        let elapsed = now.saturating_sub(self.updated);
        self.updated = self.updated.max(now);
        if self.period == 0 {
            self.available = 0;
            return;
        }
        let mut gain = 0;
        Wide::of(self.limit).times(&u128::from(elapsed)).divide(&Wide::of(self.period.into()), false, &mut gain);
        let full = self.limit.cast_signed();
        // The limit is not below what is available, and the difference of any two of these fits 128 bits without a sign.
        let room = full.wrapping_sub(self.available).cast_unsigned();
        let refilled = self.available.wrapping_add_unsigned(gain);
        self.available = if self.available >= full || gain >= room { full } else { refilled };
    }

    /// Takes `amount`, or nothing where less is available. It must be up to date.
    #[must_use]
    pub fn take(&mut self, amount: &u128) -> bool {
        match i128::try_from(*amount) {
            Ok(amount) if amount <= self.available => {
                self.available = self.available.saturating_sub(amount);
                true
            }
            _ => false,
        }
    }

    /// Takes `amount` even where that leaves it negative. It must be up to date.
    pub fn force(&mut self, amount: &u128) {
        self.available = self.available.saturating_sub_unsigned(*amount);
    }
}
