//! News by websocket: changes of the gateway's account are announced, when they are voted for and again when they are final.

use futures::StreamExt;
use solana_client::{
    nonblocking::pubsub_client::PubsubClient,
    rpc_config::{RpcAccountInfoConfig, UiDataSliceConfig},
};
use solana_commitment_config::CommitmentConfig;
use solana_pubkey::Pubkey;
use tim3_rpc::{SecretUrl, news::SILENCE};
use tokio::{select, sync::watch, time::sleep};
use tracing::info;

/// How many changes were announced until a subscription ended.
pub(crate) async fn listen(
    chain: &str,
    gateway: &Pubkey,
    url: &SecretUrl,
    news: &watch::Sender<u64>,
) -> Result<u64, String> {
    let client = PubsubClient::new(url.expose().as_str()).await.map_err(|error| error.to_string())?;
    // That it changed is all that is wanted.
    let config = |commitment| RpcAccountInfoConfig {
        data_slice: Some(UiDataSliceConfig { offset: 0, length: 0 }),
        commitment: Some(commitment),
        ..RpcAccountInfoConfig::default()
    };
    let subscribe = |commitment| client.account_subscribe(gateway, Some(config(commitment)));
    let (mut confirmed, _) = subscribe(CommitmentConfig::confirmed()).await.map_err(|error| error.to_string())?;
    let (mut finalized, _) = subscribe(CommitmentConfig::finalized()).await.map_err(|error| error.to_string())?;
    info!(chain, %url, "websocket announces changes of the gateway");
    let mut count = 0_u64;
    loop {
        select! {
            Some(_) = confirmed.next() => {}
            Some(_) = finalized.next() => {}
            () = sleep(SILENCE) => return Ok(count),
            else => return Ok(count),
        }
        count = count.saturating_add(1);
        news.send_modify(|news| *news = news.wrapping_add(1));
    }
}
