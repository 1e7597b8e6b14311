//! Heads, finality, events.

use std::ops::RangeInclusive;

use async_trait::async_trait;
use tim3_chain::{BlockRef, ChainError, Endpoint, Fetched, QuorumHead, Reader, Tips};

use super::SimChain;

#[async_trait]
impl Reader for SimChain {
    async fn tips(&self) -> Result<Tips, ChainError> {
        const WHAT: &str = "tips";
        self.ask(WHAT)?;
        let config = self.node.config();
        let inner = self.node.lock();
        let (visible, finalized) = (inner.visible(), inner.finalized(config.finality_depth));
        let block = |height: u64| {
            inner
                .block(height)
                .map(|block| block.block)
                .ok_or_else(|| self.transient(WHAT, format!("no block {height}")))
        };
        let tier = |(from, depth): &(u128, u64)| Ok((*from, block(visible.saturating_sub(*depth))?));
        Ok(Tips {
            head: block(visible)?,
            finalized: block(finalized)?,
            tiers: config.tiers.iter().map(tier).collect::<Result<_, ChainError>>()?,
        })
    }

    async fn wait_for_news(&self) {
        let mut news = self.node.subscribe();
        // Either way there may be news.
        let _ = tokio::time::timeout(self.poll, news.changed()).await;
    }

    async fn block_at(&self, height: u64) -> Result<Option<BlockRef>, ChainError> {
        self.ask("block_at")?;
        let inner = self.node.lock();
        Ok(inner.block(height).filter(|_| height <= inner.visible()).map(|block| block.block))
    }

    async fn events(&self, heights: RangeInclusive<u64>) -> Result<(Fetched, u64), ChainError> {
        const WHAT: &str = "events";
        self.ask(WHAT)?;
        let endpoint = self.local().preferred;
        let mut inner = self.node.lock();
        let from = *heights.start();
        let last = (*heights.end()).min(from.saturating_add(self.node.config().range.saturating_sub(1)));
        if heights.is_empty() || last > inner.visible() {
            return Err(self.transient(WHAT, format!("no blocks {from} to {last}")));
        }
        let mut fetched = Fetched { events: Vec::new(), skips: Vec::new(), endpoint: Endpoint(endpoint) };
        for block in (from..=last).filter_map(|height| inner.block(height)) {
            fetched.events.extend(block.events.iter().cloned());
            fetched.skips.extend(block.skips.iter().cloned());
        }
        if !fetched.events.is_empty()
            && let Some(lie) = inner.lie(endpoint)
        {
            lie.tell(&mut fetched.events);
        }
        Ok((fetched, last))
    }

    async fn quorum_head(&self, block: &BlockRef) -> Result<QuorumHead, ChainError> {
        let gateway = self.at("quorum_head", block)?;
        Ok(QuorumHead::agreed(gateway.id(), gateway.head(), *block))
    }

    async fn birth(&self) -> Result<BlockRef, ChainError> {
        self.ask("birth")?;
        self.node.lock().block(0).map(|block| block.block).ok_or_else(|| self.transient("birth", "no first block"))
    }

    fn distrust(&self, endpoint: Endpoint, _why: &str) {
        let all = self.node.config().endpoints;
        let mut local = self.local();
        local.distrusted.insert(endpoint.0);
        if (0..all).all(|endpoint| local.distrusted.contains(&endpoint)) {
            local.distrusted.clear();
        }
        let next = (0..all).find(|candidate| *candidate != endpoint.0 && !local.distrusted.contains(candidate));
        local.preferred = next.unwrap_or(endpoint.0);
    }
}
