//! News by websocket: new blocks are announced.

use std::{collections::VecDeque, sync::Mutex};

use alloy::{
    primitives::B256,
    providers::{Provider, ProviderBuilder, WsConnect},
};
use futures::StreamExt;
use tim3_rpc::{SecretUrl, news::SILENCE};
use tokio::sync::watch;
use tracing::info;

use crate::link::lock;

/// Announcements that are kept: more than any depth at which a block counts as final.
const KEPT: usize = 1024;

/// What was announced: only ever a guess of what the chain will say, and of what may be asked at once because of that.
#[derive(Debug, Default)]
pub(crate) struct Announced {
    /// Heights and hashes, as they came.
    blocks: VecDeque<(u64, B256)>,
}

impl Announced {
    fn add(&mut self, height: u64, hash: B256, parent: B256) {
        self.blocks.extend(height.checked_sub(1).map(|below| (below, parent)));
        self.blocks.push_back((height, hash));
        let many = self.blocks.len().saturating_sub(KEPT);
        self.blocks.drain(..many);
    }

    /// The height announced last.
    pub(crate) fn newest(&self) -> Option<u64> {
        self.blocks.back().map(|(height, _)| *height)
    }

    /// What was said last to be at a height.
    pub(crate) fn hash(&self, height: u64) -> Option<B256> {
        self.blocks.iter().rev().find(|(at, _)| *at == height).map(|(_, hash)| *hash)
    }
}

/// How many blocks were announced until the subscription ended.
pub(crate) async fn listen(
    chain: &str,
    url: &SecretUrl,
    announced: &Mutex<Announced>,
    news: &watch::Sender<u64>,
) -> Result<u64, String> {
    let connect = WsConnect::new(url.expose().as_str()).with_max_retries(0);
    let provider = ProviderBuilder::new().connect_ws(connect).await.map_err(|error| error.to_string())?;
    let mut blocks = provider.subscribe_blocks().await.map_err(|error| error.to_string())?.into_stream();
    info!(chain, %url, "websocket announces new blocks");
    let mut count = 0_u64;
    while let Ok(Some(block)) = tokio::time::timeout(SILENCE, blocks.next()).await {
        count = count.saturating_add(1);
        lock(announced).add(block.number, block.hash, block.parent_hash);
        news.send_modify(|news| *news = news.wrapping_add(1));
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_about_a_height_counts_and_parents_are_known() {
        let hash = B256::repeat_byte;
        let mut announced = Announced::default();
        announced.add(7, hash(7), hash(6));
        announced.add(8, hash(0x88), hash(0x77));
        assert_eq!(announced.newest(), Some(8));
        assert_eq!(
            [6, 7, 8, 9].map(|height| announced.hash(height)),
            [Some(hash(6)), Some(hash(0x77)), Some(hash(0x88)), None]
        );
        announced.add(7, hash(0x70), hash(0x60));
        assert_eq!((announced.newest(), announced.hash(7)), (Some(7), Some(hash(0x70))));
        for height in 0..2_000 {
            announced.add(height, hash(1), hash(2));
        }
        assert_eq!(announced.blocks.len(), KEPT);
    }
}
