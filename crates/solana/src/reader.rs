//! Following the chain. Events are in pages, which are accounts, and each record names its slot; so events are found by number, and a block
//! is where they were written. Confirmed state is only ever a hint; no block counts as final before a quorum of endpoints, each by its own
//! word, says so.

mod fetch;
mod place;
mod tips;
mod transactions;

use std::{ops::RangeInclusive, sync::Arc, time::Duration};

use async_trait::async_trait;
use tim3_chain::{BlockRef, ChainError, Endpoint, Fetched, QuorumHead, Reader, Tips};
use tim3_rpc::Call;
use tokio::time::{sleep_until, timeout};

use crate::{
    connect::Solana,
    link::{Network, lock},
    node::Node,
};

pub(crate) use place::Places;
pub(crate) use tips::Following;

/// The least time from reading to reading: slots that come faster are read several at once.
const BREATH: Duration = Duration::from_millis(40);

#[async_trait]
impl Reader for Solana {
    async fn tips(&self) -> Result<Tips, ChainError> {
        self.read_tips().await
    }

    async fn wait_for_news(&self) {
        let mut news = self.news.subscribe();
        let (read, begun) = {
            let following = lock(&self.following);
            (following.news, following.begun)
        };
        let poll = Duration::from_millis(self.link.config.poll_interval_ms);
        // News that came after the last reading count at once.
        let _ = timeout(poll, news.wait_for(|count| *count != read)).await;
        if let Some(next) = begun.and_then(|begun| begun.checked_add(BREATH)) {
            sleep_until(next).await;
        }
    }

    async fn block_at(&self, height: u64) -> Result<Option<BlockRef>, ChainError> {
        self.link.block_at(height).await
    }

    async fn events(&self, heights: RangeInclusive<u64>) -> Result<(Fetched, u64), ChainError> {
        let (from, to) = heights.into_inner();
        let answer = self
            .link
            .pool
            .call(Call::new("events").weight(4), |node: Arc<Node>| async move {
                fetch::fetch(&self.link, &self.places, &node, from, to).await
            })
            .await
            .map_err(|error| self.link.error("events", error))?;
        let fetch::Page { events, skips, last } = answer.value;
        Ok((Fetched { events, skips, endpoint: Endpoint(answer.endpoint) }, last))
    }

    /// Solana has no past state. Each endpoint's own pages, proved against its own finalized head, say what the head was when `block` was
    /// made; a quorum of them must say the same.
    async fn quorum_head(&self, block: &BlockRef) -> Result<QuorumHead, ChainError> {
        let ask =
            |node: Arc<Node>, slot: u64| async move { fetch::head_at(&self.link, &self.places, &node, slot).await };
        let head = self.link.agreed(Call::new("quorum head").weight(2), block, ask).await?;
        Ok(QuorumHead::agreed(self.link.id, head, *block))
    }

    async fn birth(&self) -> Result<BlockRef, ChainError> {
        let height = self.link.born;
        match self.block_at(height).await? {
            Some(block) => Ok(block),
            // Nodes forget old blocks; the gateway itself knows its slot.
            None => Ok(fetch::forgotten(height, 0)),
        }
    }

    fn distrust(&self, endpoint: Endpoint, why: &str) {
        // What it stated about blocks is as good as what it stated about events.
        self.link.blocks.forget_stated();
        self.link.pool.distrust(endpoint.0, why);
    }
}

impl Network {
    /// The block at a slot, or `None` where there is none.
    pub(crate) async fn block_at(&self, slot: u64) -> Result<Option<BlockRef>, ChainError> {
        // What one endpoint stated may have been taken back since.
        if let Some(known) = self.blocks.get(slot).filter(|block| self.blocks.agreed(block)) {
            return Ok(Some(known));
        }
        let found = self.ask("block", |node| async move { fetch::block(&node, slot).await }).await?;
        if let Some(block) = found {
            self.blocks.state(block);
        }
        Ok(found)
    }

    /// The block at a slot in which something was seen.
    pub(crate) async fn block_of(&self, what: &'static str, slot: u64) -> Result<BlockRef, ChainError> {
        let missing = || self.transient(what, format!("no block in slot {slot} yet"));
        self.block_at(slot).await?.ok_or_else(missing)
    }
}
