//! News by websocket: only ever a hint. When it dies, readings come at the poll interval and nothing else changes.

use std::{convert::Infallible, time::Duration};

use alloy::providers::{Provider, ProviderBuilder, WsConnect};
use futures::StreamExt;
use tim3_rpc::SecretUrl;
use tokio::sync::watch;
use tracing::{debug, info};

/// A subscription that is silent for longer is made anew: connections die without saying so.
const SILENCE: Duration = Duration::from_secs(90);
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Counts new blocks in `news`, for ever: from the first of `urls` that works, and from the next one when it ends.
pub(crate) async fn follow(chain: String, urls: Vec<SecretUrl>, news: watch::Sender<u64>) -> Infallible {
    let mut pause = FIRST_PAUSE;
    loop {
        for url in &urls {
            match listen(&chain, url, &news).await {
                Ok(blocks) if blocks > 0 => pause = FIRST_PAUSE,
                Ok(_) => {}
                Err(error) => debug!(chain, %url, error = url.redact(&error), "websocket ended"),
            }
        }
        tokio::time::sleep(pause).await;
        pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
    }
}

/// How many blocks were announced until the subscription ended.
async fn listen(chain: &str, url: &SecretUrl, news: &watch::Sender<u64>) -> Result<u64, String> {
    let connect = WsConnect::new(url.expose().as_str()).with_max_retries(0);
    let provider = ProviderBuilder::new().connect_ws(connect).await.map_err(|error| error.to_string())?;
    let mut blocks = provider.subscribe_blocks().await.map_err(|error| error.to_string())?.into_stream();
    info!(chain, %url, "websocket announces new blocks");
    let mut count = 0_u64;
    while let Ok(Some(_)) = tokio::time::timeout(SILENCE, blocks.next()).await {
        count = count.saturating_add(1);
        news.send_modify(|news| *news = news.wrapping_add(1));
    }
    Ok(count)
}
