//! News by websocket: new blocks are announced.

use alloy::providers::{Provider, ProviderBuilder, WsConnect};
use futures::StreamExt;
use tim3_rpc::{SecretUrl, news::SILENCE};
use tokio::sync::watch;
use tracing::info;

/// How many blocks were announced until the subscription ended.
pub(crate) async fn listen(chain: &str, url: &SecretUrl, news: &watch::Sender<u64>) -> Result<u64, String> {
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
