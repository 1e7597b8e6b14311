//! The rolling limit of a gateway (section 6), as the gateway itself computes it.

use serde::{Deserialize, Serialize};

/// A bucket of `limit` that refills over `period` seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Capacity, in canonical units of the synthetic.
    pub limit: u128,
    /// Seconds in which an empty bucket becomes full; 0 where the window was never set, which lets nothing pass.
    pub period: u64,
    /// What was available at `updated`; below zero after a surplus was minted over the limit.
    pub available: i128,
    /// When `available` was true, in chain seconds.
    pub updated: u64,
}

impl Window {
    /// What may pass at `now`: refilled by `⌊elapsed · limit / period⌋`, never above `limit`.
    #[must_use]
    pub fn available_at(&self, now: u64) -> i128 {
        if self.period == 0 {
            return 0;
        }
        let limit = i128::try_from(self.limit).unwrap_or(i128::MAX);
        let elapsed = now.saturating_sub(self.updated);
        if elapsed >= self.period && self.available >= 0 {
            return limit;
        }
        let refill = ruint::aliases::U256::from(self.limit)
            .saturating_mul(ruint::aliases::U256::from(elapsed))
            .checked_div(ruint::aliases::U256::from(self.period))
            .and_then(|refill| i128::try_from(refill).ok())
            .unwrap_or(i128::MAX);
        self.available.saturating_add(refill).min(limit)
    }

    /// The earliest time, `now` or later, at which `amount` fits when `ahead` of it passes first, as it refills. `None` where it never will.
    #[must_use]
    pub fn fits_at(&self, amount: u128, ahead: u128, now: u64) -> Option<u64> {
        use ruint::aliases::U256;
        if self.period == 0 || amount > self.limit {
            return None;
        }
        let wanted = i128::try_from(amount.checked_add(ahead)?).ok()?;
        let available = self.available_at(now);
        if available >= wanted {
            return Some(now);
        }
        // While it is full nothing refills; otherwise it has since it was counted, in whole units and a fraction that is not lost.
        let is_full = u128::try_from(available) == Ok(self.limit);
        let (available, since) = if is_full { (available, now) } else { (self.available, self.updated) };
        let missing = wanted.checked_sub(available).and_then(|missing| u128::try_from(missing).ok())?;
        let elapsed = U256::from(missing).saturating_mul(U256::from(self.period)).div_ceil(U256::from(self.limit));
        since.checked_add(u64::try_from(elapsed).ok()?).map(|at| at.max(now))
    }

    /// The window after `amount` passed at `now`, or `None` where it does not fit.
    #[must_use]
    pub fn take(&self, amount: u128, now: u64) -> Option<Self> {
        let available = self.available_at(now).checked_sub(i128::try_from(amount).ok()?)?;
        (available >= 0).then_some(Self { available, updated: now.max(self.updated), ..*self })
    }
}
