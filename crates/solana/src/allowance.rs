//! How many token accounts of recipients the submitter makes at its own expense: so many a day, since whoever owns one can close it and keep
//! its rent. Pure: time comes in.

use std::time::Duration;

use tokio::time::Instant;

const DAY: Duration = Duration::from_secs(86_400);

/// So many in any day that begins with the first of them.
#[derive(Clone, Debug)]
pub(crate) struct Allowance {
    most: u32,
    day: Option<Instant>,
    used: u32,
}

impl Allowance {
    pub(crate) fn new(most: u32) -> Self {
        Self { most, day: None, used: 0 }
    }

    /// How many may still be made.
    pub(crate) fn left(&self, now: Instant) -> u32 {
        if self.is_over(now) { self.most } else { self.most.saturating_sub(self.used) }
    }

    /// So many are made.
    pub(crate) fn spend(&mut self, count: u32, now: Instant) {
        if count == 0 {
            return;
        }
        if self.is_over(now) {
            (self.day, self.used) = (Some(now), 0);
        }
        self.used = self.used.saturating_add(count);
    }

    fn is_over(&self, now: Instant) -> bool {
        self.day.is_none_or(|day| now.saturating_duration_since(day) >= DAY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_for_a_day_from_the_first_on() {
        let begun = Instant::now();
        let mut allowance = Allowance::new(3);
        allowance.spend(2, begun);
        assert_eq!(allowance.left(begun), 1);
        allowance.spend(1, begun + DAY / 2);
        assert_eq!(allowance.left(begun + DAY / 2), 0);
        assert_eq!(allowance.left(begun + DAY), 3);
        allowance.spend(2, begun + DAY);
        assert_eq!(allowance.left(begun + DAY), 1);
        assert_eq!(Allowance::new(0).left(begun), 0);
    }
}
