//! Prices out of pools: what every endpoint shows of one is kept for a window, and its mean is the price.

use std::{collections::BTreeMap, time::Duration};

use tim3_chain::{PoolReading, PricedToken};
use tim3_keeper::price::{Reading, Window};
use tracing::debug;

use super::Site;

/// A token in a pool, with what was seen of its price.
pub(super) struct Mean {
    priced: PricedToken,
    /// The window, in seconds.
    seconds: u64,
    /// By endpoint: what one of them says is never compared with what another one said.
    windows: BTreeMap<u16, Window>,
    /// Whether it was asked what was seen before it began.
    looked_back: bool,
}

impl Mean {
    pub(super) fn new(priced: PricedToken, window: Duration) -> Self {
        Self { priced, seconds: window.as_secs(), windows: BTreeMap::new(), looked_back: false }
    }

    /// Between two looks: a quarter of the time between two observations, which are then not much further apart than they have to be.
    pub(super) fn pause(&self) -> Duration {
        Duration::from_secs(Window::step(self.seconds)).checked_div(4).unwrap_or_default()
    }

    /// Looks, and gives the mean of every endpoint that has shown enough.
    pub(super) async fn read(&mut self, site: &Site) -> Result<Vec<Reading>, String> {
        let oracle = site.hands.pools().ok_or("this chain has no such pools")?;
        let seen = oracle.observe(&self.priced, 0).await.map_err(|error| error.to_string())?;
        if !self.looked_back {
            // Nodes that have forgotten it say so; then it takes a window until there is a price.
            let ago = self.seconds.saturating_add(Window::step(self.seconds));
            match oracle.observe(&self.priced, ago).await {
                Ok(before) => {
                    for one in before.iter().filter(|one| one.observation.is_some()) {
                        self.take(one);
                    }
                }
                Err(error) => debug!(%error, "what a pool's price was before is not known"),
            }
            self.looked_back = true;
        }
        let readings: Vec<Reading> = seen.iter().filter_map(|seen| self.take(seen)).collect();
        self.forget();
        if readings.is_empty() { Err(self.waits()) } else { Ok(readings) }
    }

    /// Takes what an endpoint showed, and gives the mean that it comes to. A pool without a price has none for a window from then on.
    fn take(&mut self, seen: &PoolReading) -> Option<Reading> {
        let PoolReading { endpoint, decimals, observation, at } = *seen;
        let Some(observation) = observation else {
            self.windows.remove(&endpoint);
            return Some(Reading { endpoint, answer: 0, confidence: 0, decimals: 0, published: at });
        };
        let window = self.windows.entry(endpoint).or_insert_with(|| Window::new(self.seconds));
        window.observe(observation);
        window.reading(endpoint, decimals)
    }

    /// Endpoints that are no more.
    fn forget(&mut self) {
        let newest = self.windows.values().filter_map(Window::newest).max().unwrap_or_default();
        let is_there =
            |window: &Window| window.newest().is_some_and(|last| last.saturating_add(self.seconds) >= newest);
        self.windows.retain(|_, window| is_there(window));
    }

    fn waits(&self) -> String {
        let seen = self.windows.values().map(Window::seen).max().unwrap_or_default();
        format!("its pool was watched for {seen} s, and a price takes {} s", self.seconds)
    }
}

#[cfg(test)]
mod tests {
    use tim3_domain::{
        amm::{Accumulator, Observation},
        identity::Account,
    };

    use super::*;

    fn mean() -> Mean {
        let zero = Account::ZERO;
        Mean::new(PricedToken { pool: zero, token: zero }, Duration::from_mins(30))
    }

    fn at(time: u64) -> Option<Observation> {
        Accumulator { reserves: [1, 7], sum: Default::default(), touched: 0 }.at(time)
    }

    fn take(mean: &mut Mean, endpoint: u16, observation: Option<Observation>, at: u64) -> Option<i128> {
        mean.take(&PoolReading { endpoint, decimals: [0, 0], observation, at }).map(|reading| reading.answer)
    }

    #[test]
    fn each_endpoint_needs_a_window_of_its_own_and_an_empty_pool_begins_it_anew() {
        const SEVEN: i128 = 7 * 10_i128.pow(18);
        let mut mean = mean();
        assert_eq!(take(&mut mean, 0, at(1_000), 1_000), None);
        assert_eq!(take(&mut mean, 1, at(2_000), 2_000), None);
        assert_eq!(mean.waits(), "its pool was watched for 0 s, and a price takes 1800 s");
        assert_eq!(take(&mut mean, 0, at(2_800), 2_800), Some(SEVEN));
        assert_eq!(take(&mut mean, 1, at(2_800), 2_800), None);
        assert_eq!(take(&mut mean, 0, None, 2_812), Some(0), "no price, and it says so");
        assert_eq!(take(&mut mean, 0, at(2_824), 2_824), None);
        assert_eq!(take(&mut mean, 1, at(3_800), 3_800), Some(SEVEN));
    }

    #[test]
    fn endpoints_that_are_gone_are_forgotten() {
        let mut mean = mean();
        for (endpoint, time) in [(0, 1_000), (1, 2_700), (2, 2_801)] {
            take(&mut mean, endpoint, at(time), time);
        }
        mean.forget();
        assert_eq!(mean.windows.keys().copied().collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn it_looks_often_enough_for_its_window() {
        assert_eq!(mean().pause(), Duration::from_millis(28_250));
    }
}
