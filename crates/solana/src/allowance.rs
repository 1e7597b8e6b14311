//! How many token accounts of recipients the submitter makes at its own expense: so many a day, since whoever owns one can close it and keep
//! its rent. Pure: time comes in, in seconds since 1970, because a day goes on over restarts.

const DAY: u64 = 86_400;

/// So many in any day that begins with the first of them.
#[derive(Clone, Debug)]
pub(crate) struct Allowance {
    most: u32,
    day: Option<u64>,
    used: u32,
}

impl Allowance {
    pub(crate) fn new(most: u32) -> Self {
        Self { most, day: None, used: 0 }
    }

    /// How many may still be made.
    pub(crate) fn left(&self, now: u64) -> u32 {
        if self.is_over(now) { self.most } else { self.most.saturating_sub(self.used) }
    }

    /// So many are made.
    pub(crate) fn spend(&mut self, count: u32, now: u64) {
        if count == 0 {
            return;
        }
        if self.is_over(now) {
            (self.day, self.used) = (Some(now), 0);
        }
        self.used = self.used.saturating_add(count);
    }

    /// What a later run has to know, if there is something: when the day began, and how many were made in it.
    pub(crate) fn kept(&self) -> Option<String> {
        self.day.map(|day| format!("{day} {}", self.used))
    }

    /// Takes up what an earlier run kept; `false` where that is not what [`Self::kept`] gives.
    pub(crate) fn take_up(&mut self, kept: &str) -> bool {
        let read = kept.split_once(' ').and_then(|(day, used)| Some((day.parse().ok()?, used.parse().ok()?)));
        if let Some((day, used)) = read {
            (self.day, self.used) = (Some(day), used);
        }
        read.is_some()
    }

    fn is_over(&self, now: u64) -> bool {
        self.day.is_none_or(|day| now.saturating_sub(day) >= DAY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_for_a_day_from_the_first_on() {
        let begun = 1_700_000_000;
        let mut allowance = Allowance::new(3);
        allowance.spend(2, begun);
        assert_eq!(allowance.left(begun), 1);
        assert_eq!(allowance.left(begun - 1), 1, "a clock that is put back begins no day");
        allowance.spend(1, begun + DAY / 2);
        assert_eq!(allowance.left(begun + DAY / 2), 0);
        assert_eq!(allowance.left(begun + DAY), 3);
        allowance.spend(2, begun + DAY);
        assert_eq!(allowance.left(begun + DAY), 1);
        assert_eq!(Allowance::new(0).left(begun), 0);
    }

    #[test]
    fn a_later_run_goes_on_with_the_day() {
        let begun = 1_700_000_000;
        let mut allowance = Allowance::new(3);
        assert_eq!(allowance.kept(), None);
        allowance.spend(2, begun);
        let mut later = Allowance::new(3);
        assert!(later.take_up(&allowance.kept().expect("something to keep")));
        assert_eq!((later.left(begun + 1), later.left(begun + DAY)), (1, 3));
        for other in ["", "1", "1 2 3", "-1 2", "x y"] {
            assert!(!later.take_up(other), "{other:?}");
        }
        assert_eq!(later.left(begun), 1, "what is not understood changes nothing");
    }
}
