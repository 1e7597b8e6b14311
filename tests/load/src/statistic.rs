//! Rates, ratios and quantiles, without floats: what is printed is what was counted.

use std::{fmt, time::Duration};

/// A number of hundredths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Hundredths(pub(crate) u128);

/// Some of a time, by rank.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Quantiles {
    pub(crate) p50: Duration,
    pub(crate) p95: Duration,
    pub(crate) p99: Duration,
    pub(crate) samples: usize,
}

impl Hundredths {
    /// `part` for each `whole`; zero where there is no whole.
    pub(crate) fn ratio(part: u128, whole: u128) -> Self {
        Self(part.saturating_mul(100).checked_div(whole).unwrap_or_default())
    }

    /// How many a second.
    pub(crate) fn rate(count: u64, elapsed: Duration) -> Self {
        Self::ratio(u128::from(count).saturating_mul(1_000_000_000), elapsed.as_nanos())
    }
}

impl fmt::Display for Hundredths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / 100, self.0 % 100);
        // Digits that mean nothing are not shown.
        if whole >= 100 { f.pad(&whole.to_string()) } else { f.pad(&format!("{whole}.{part:02}")) }
    }
}

impl Quantiles {
    /// Of these, in any order.
    pub(crate) fn of(mut samples: Vec<Duration>) -> Self {
        samples.sort_unstable();
        let at = |percent: usize| {
            // The smallest that so many are not above.
            let rank = samples.len().saturating_mul(percent).div_ceil(100).saturating_sub(1);
            samples.get(rank).copied().unwrap_or_default()
        };
        Self { p50: at(50), p95: at(95), p99: at(99), samples: samples.len() }
    }
}

/// Milliseconds with two digits.
pub(crate) fn milliseconds(duration: Duration) -> Hundredths {
    Hundredths(duration.as_micros() / 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_samples() {
        let quantiles = Quantiles::of((1..=100).rev().map(Duration::from_millis).collect());
        let expected = (Duration::from_millis(50), Duration::from_millis(95), Duration::from_millis(99), 100);
        assert_eq!((quantiles.p50, quantiles.p95, quantiles.p99, quantiles.samples), expected);
        assert_eq!(Quantiles::of(vec![Duration::from_secs(3)]).p99, Duration::from_secs(3));
        assert_eq!(Quantiles::of(Vec::new()), Quantiles::default());
    }

    #[test]
    fn rates_are_per_second_and_ratios_of_nothing_are_zero() {
        assert_eq!(Hundredths::rate(30, Duration::from_millis(1_500)).to_string(), "20.00");
        assert_eq!(Hundredths::ratio(1, 3).to_string(), "0.33");
        assert_eq!(Hundredths(123_456).to_string(), "1234");
        assert_eq!(Hundredths::ratio(5, 0).to_string(), "0.00");
        assert_eq!(milliseconds(Duration::from_micros(2_345)).to_string(), "2.34");
    }
}
