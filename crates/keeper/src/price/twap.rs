//! The mean price of a pool over a window of time, out of what one endpoint showed of it.

use std::collections::VecDeque;

use tim3_domain::{amm::Observation, price::Price};

use super::Reading;

/// Into so many parts a window is divided: observations are taken no closer together.
const PARTS: u64 = 16;

/// What one endpoint showed of a pool: as many observations as a window needs, at most 18.
///
/// The mean is that since the newest observation that is a window old or older. One that is older than two windows says too little of the last one: after a
/// long silence everything begins anew.
#[derive(Clone, Debug)]
pub struct Window {
    seconds: u64,
    /// In the order of their times; at most the first is older than the window.
    seen: VecDeque<Observation>,
}

impl Window {
    /// A window of so many seconds, of which nothing was seen.
    #[must_use]
    pub fn new(seconds: u64) -> Self {
        Self { seconds, seen: VecDeque::new() }
    }

    /// The least seconds between two observations.
    #[must_use]
    pub fn step(seconds: u64) -> u64 {
        seconds.div_ceil(PARTS).max(1)
    }

    /// Takes what the pool showed. What comes too soon after the last, or is older, changes nothing.
    pub fn observe(&mut self, observation: Observation) {
        let due = self.seen.back().map(|last| last.time.saturating_add(Self::step(self.seconds)));
        if due.is_some_and(|due| observation.time < due) {
            return;
        }
        self.seen.push_back(observation);
        let age = |seen: &Observation| observation.time.saturating_sub(seen.time);
        while self.seen.get(1).is_some_and(|next| age(next) >= self.seconds) {
            self.seen.pop_front();
        }
        if self.seen.front().is_some_and(|first| age(first) > self.seconds.saturating_mul(2)) {
            self.seen.pop_front();
        }
    }

    /// How much of the window was seen, in seconds.
    #[must_use]
    pub fn seen(&self) -> u64 {
        match (self.seen.front(), self.seen.back()) {
            (Some(first), Some(last)) => last.time.saturating_sub(first.time),
            _ => 0,
        }
    }

    /// When the newest observation was made.
    #[must_use]
    pub fn newest(&self) -> Option<u64> {
        self.seen.back().map(|last| last.time)
    }

    /// The mean as of the newest observation, as `endpoint` shows it: 0 where it is no price. `None` while too little was seen. `decimals` are those of
    /// the token that is priced, and of the other one.
    #[must_use]
    pub fn reading(&self, endpoint: u16, decimals: [u8; 2]) -> Option<Reading> {
        let (first, last) = (self.seen.front()?, self.seen.back()?);
        if self.seen() < self.seconds {
            return None;
        }
        let mean = last.mean_since(first, decimals).and_then(|mean| i128::try_from(mean.raw()).ok());
        Some(Reading {
            endpoint,
            answer: mean.unwrap_or_default(),
            confidence: 0,
            decimals: Price::DECIMALS,
            published: last.time,
        })
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]
mod tests {
    use proptest::prelude::*;
    use tim3_domain::amm::Accumulator;

    use super::*;

    const SECONDS: u64 = 1_800;

    /// A pool of two tokens without decimals in which the first one costs `price` since time 0.
    fn at(price: u128, time: u64) -> Observation {
        Accumulator { reserves: [1, price], sum: Default::default(), touched: 0 }.at(time).unwrap()
    }

    fn mean(window: &Window) -> Option<i128> {
        window.reading(3, [0, 0]).map(|reading| reading.answer)
    }

    #[test]
    fn there_is_no_price_before_a_window_was_seen_and_again_after_a_long_silence() {
        let mut window = Window::new(SECONDS);
        assert_eq!((mean(&window), window.seen()), (None, 0));
        window.observe(at(7, 1_000));
        window.observe(at(7, 2_799));
        assert_eq!((mean(&window), window.seen()), (None, 1_799));
        // Too soon after the last one.
        window.observe(at(7, 2_800));
        assert_eq!((mean(&window), window.newest()), (None, Some(2_799)));
        window.observe(at(7, 2_912));
        let reading = window.reading(3, [0, 0]).unwrap();
        assert_eq!((reading.endpoint, reading.published), (3, 2_912));
        assert_eq!(mean(&window), Some(7 * 10_i128.pow(18)));
        window.observe(at(7, 2_799 + 2 * SECONDS));
        assert!(mean(&window).is_some(), "twice the window");
        window.observe(at(7, 2_799 + 4 * SECONDS + 1));
        assert_eq!((mean(&window), window.seen()), (None, 0));
    }

    #[test]
    fn a_price_that_no_price_can_hold_is_zero() {
        let mut window = Window::new(60);
        window.observe(at(1, 0));
        window.observe(Observation { sum: Default::default(), time: 60 });
        assert_eq!(mean(&window), Some(0), "a sum that stood still");
        window.observe(at(u128::MAX >> 16, 120));
        assert_eq!(mean(&window), Some(0), "beyond 128 bits");
    }

    proptest! {
        #[test]
        fn few_are_kept_and_what_is_kept_is_about_a_window_old(
            seconds in 1..5_000_u64,
            steps in prop::collection::vec(0..2_000_u64, 1..300),
        ) {
            let mut window = Window::new(seconds);
            let mut now = 1_000;
            for step in steps {
                now += step;
                window.observe(at(7, now));
                prop_assert!(window.seen.len() <= 18, "{}", window.seen.len());
                prop_assert!(window.seen() <= 2 * seconds);
                let inside = window.seen.iter().skip(1).all(|seen| window.newest().unwrap() - seen.time < seconds);
                prop_assert!(inside, "{window:?}");
                if let Some(reading) = window.reading(0, [0, 0]) {
                    prop_assert_eq!(reading.answer, 7 * 10_i128.pow(18));
                    prop_assert!(now - reading.published < Window::step(seconds));
                }
            }
        }
    }
}
