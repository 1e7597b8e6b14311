//! Prices that come by websocket: a task that holds the connection, and makes it anew whenever no price came for too long.
//!
//! What counts is prices, not signs of life: a server that forgot what it was asked for may go on saying that it is there.
//! Of what comes only the newest price is kept. What else comes (confirmations, signs of life, garbage) is counted, and told where no price comes with it.

use std::{convert::Infallible, time::Duration};

use tim3_keeper::price::Reading;
use tim3_rpc::{SecretUrl, Websocket};
use tokio::{
    sync::watch,
    time::{interval, sleep},
};
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, info, warn};

use super::document::{self, MAX_DOCUMENT};

/// Between two attempts to connect at first, and at most.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// What is listened to.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// The source's name.
    pub(super) name: String,
    pub(super) url: SecretUrl,
    /// Where in a message the price is.
    pub(super) path: String,
    pub(super) time_path: Option<String>,
    /// What is sent first.
    pub(super) subscribe: Option<String>,
    /// Without a price for so long the connection is taken for dead.
    pub(super) silence: Duration,
    /// The same price is news after so many seconds.
    pub(super) repeat: u64,
}

/// What was heard so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Heard {
    /// The newest price.
    pub(super) newest: Option<Reading>,
    /// Why no newer one comes, if so.
    pub(super) problem: Option<String>,
}

/// A source that speaks by itself. Its task ends with it.
#[derive(Debug)]
pub(super) struct Stream {
    settings: Settings,
    heard: watch::Sender<Heard>,
    task: Option<AbortOnDropHandle<Infallible>>,
}

impl Stream {
    pub(super) fn new(settings: Settings) -> Self {
        Self { settings, heard: watch::Sender::new(Heard::default()), task: None }
    }

    /// What was heard. It begins to listen when it is first asked.
    pub(super) fn heard(&mut self, clock: fn() -> u64) -> Heard {
        if self.task.as_ref().is_none_or(AbortOnDropHandle::is_finished) {
            if self.task.is_some() {
                warn!(source = self.settings.name, "what listened to prices broke off; it begins anew");
            }
            let task = tokio::spawn(listen(self.settings.clone(), self.heard.clone(), PAUSES, clock));
            self.task = Some(AbortOnDropHandle::new(task));
        }
        let heard = self.heard.borrow().clone();
        match heard {
            Heard { newest: None, problem: None } => {
                Heard { problem: Some("it has not said anything yet".to_owned()), ..heard }
            }
            heard => heard,
        }
    }
}

impl Heard {
    fn take(&mut self, reading: Reading, repeat: u64) {
        self.problem = None;
        let is_same = |held: &Reading| (held.answer, held.decimals) == (reading.answer, reading.decimals);
        let is_news = self
            .newest
            .is_none_or(|held| !is_same(&held) || reading.published >= held.published.saturating_add(repeat));
        if is_news {
            self.newest = Some(reading);
        }
    }
}

/// Listens for ever; `clock` gives the seconds since 1970.
async fn listen(
    settings: Settings,
    heard: watch::Sender<Heard>,
    (first, longest): (Duration, Duration),
    clock: fn() -> u64,
) -> Infallible {
    let Settings { name, url, .. } = &settings;
    let mut pause = first;
    loop {
        let mut prices = 0_u64;
        let Err(why) = session(&settings, &heard, clock, &mut prices).await;
        // Once an outage: that it lasts is no news.
        if prices > 0 {
            warn!(source = name, %url, prices, why, "prices by websocket broke off");
            pause = first;
        } else {
            debug!(source = name, %url, why, "no prices by websocket");
        }
        heard.send_modify(|heard| heard.problem = Some(why));
        // Whom a server sent away together must not come back together.
        let half = pause.checked_div(2).unwrap_or_default();
        sleep(rand::random_range(half..=pause)).await;
        pause = pause.saturating_mul(2).min(longest);
    }
}

/// One connection, until it ends.
async fn session(
    settings: &Settings,
    heard: &watch::Sender<Heard>,
    clock: fn() -> u64,
    prices: &mut u64,
) -> Result<Infallible, String> {
    let Settings { name, url, path, time_path, subscribe, silence, repeat } = settings;
    let mut socket = Websocket::connect(url, MAX_DOCUMENT).await?;
    if let Some(text) = subscribe {
        socket.send(text).await?;
    }
    let (mut pings, mut silent) = (interval(silence.checked_div(3).unwrap_or(*silence)), interval(*silence));
    pings.reset();
    silent.reset();
    let mut others = Others::default();
    loop {
        tokio::select! {
            message = socket.next() => match document::reading(&message?, path, time_path.as_deref(), clock()) {
                Ok(reading) => {
                    if *prices == 0 {
                        info!(source = name, %url, "prices come by websocket");
                    }
                    *prices = prices.saturating_add(1);
                    heard.send_modify(|heard| heard.take(reading, *repeat));
                    silent.reset();
                    others = Others::default();
                }
                Err(why) => others.add(why),
            },
            _ = pings.tick() => socket.ping().await?,
            _ = silent.tick() => return Err(others.tell(*silence)),
        }
    }
}

/// Messages without a price.
#[derive(Debug, Default)]
struct Others {
    count: u64,
    last: String,
}

impl Others {
    fn add(&mut self, why: String) {
        self.count = self.count.saturating_add(1);
        self.last = why;
    }

    fn tell(&self, silence: Duration) -> String {
        match self.count {
            0 => format!("not a word for {silence:?}"),
            count => format!("no price for {silence:?} in {count} messages; of the last one: {}", self.last),
        }
    }
}

#[cfg(test)]
mod tests;
