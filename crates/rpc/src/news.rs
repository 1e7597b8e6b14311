//! News by websocket: only ever a hint. When it dies, readings come at the poll interval and nothing else changes.

use std::{convert::Infallible, time::Duration};

use tokio::sync::watch;
use tracing::{debug, warn};

use crate::SecretUrl;

/// A subscription that is silent for longer is made anew: connections die without saying so.
pub const SILENCE: Duration = Duration::from_secs(90);
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Counts news, for ever: from the first of `urls` that works, and from the next one when it ends. `listen` counts them in the channel that
/// it is given until its subscription ends, and says how many there were.
pub async fn follow<F, Fut>(chain: String, urls: Vec<SecretUrl>, news: watch::Sender<u64>, listen: F) -> Infallible
where
    F: Fn(SecretUrl, watch::Sender<u64>) -> Fut,
    Fut: Future<Output = Result<u64, String>>,
{
    let mut pause = FIRST_PAUSE;
    let mut told = false;
    loop {
        for url in &urls {
            let ended = listen(url.clone(), news.clone()).await;
            let works = matches!(ended, Ok(count) if count > 0);
            if works {
                pause = FIRST_PAUSE;
            }
            let error = ended.err().map_or_else(|| "it ended".to_owned(), |error| url.redact(&error));
            // Once an outage: that it lasts is no news.
            if works || !told {
                warn!(chain, %url, error, "no news by websocket, looking at the poll interval until there is again");
            } else {
                debug!(chain, %url, error, "still no news by websocket");
            }
            told = true;
        }
        tokio::time::sleep(pause).await;
        pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
    }
}
