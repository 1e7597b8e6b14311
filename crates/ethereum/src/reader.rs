//! Following the chain. One endpoint says how far it has come; where a quorum is configured, no block counts as final before a quorum of
//! endpoints, each by its own head, says so.

mod announced;
mod logs;
mod tips;

use std::{ops::RangeInclusive, sync::Arc, time::Duration};

use alloy::{eips::BlockNumberOrTag, primitives::Bytes};
use async_trait::async_trait;
use serde_json::json;
use tim3_chain::{BlockRef, ChainError, Endpoint, Fetched, QuorumHead, Reader, Reading, Tips};
use tim3_domain::protocol::Head;
use tim3_rpc::{Call, PoolError, Request};
use tokio::time::{sleep_until, timeout};

use crate::{
    abi::{self, Gateway, call_data},
    connect::Ethereum,
    fault::FaultClass,
    link::lock,
    node::{self, Node},
};

pub(crate) use tips::Following;

#[async_trait]
impl Reader for Ethereum {
    async fn tips(&self) -> Result<Tips, ChainError> {
        self.read_tips().await
    }

    async fn wait_for_news(&self) {
        let mut news = self.news.subscribe();
        let (read, next) = {
            let following = lock(&self.following);
            (following.news, following.next)
        };
        let poll = Duration::from_millis(self.link.config.poll_interval_ms);
        // News that came after the last reading count at once.
        let _ = timeout(poll, news.wait_for(|count| *count != read)).await;
        if let Some(next) = next {
            sleep_until(next).await;
        }
    }

    async fn block_at(&self, height: u64) -> Result<Option<BlockRef>, ChainError> {
        let found = self
            .link
            .ask("block", |node| async move { node.one(node::block(BlockNumberOrTag::Number(height))).await?.block() })
            .await?;
        Ok(found.map(|seen| seen.block))
    }

    async fn events(&self, heights: RangeInclusive<u64>) -> Result<(Fetched, u64), ChainError> {
        let (from, to) = heights.into_inner();
        loop {
            let last = lock(&self.span).last(from, to);
            let gateway = self.link.config.gateway;
            let asked = last.saturating_sub(from).saturating_add(1);
            let answer = self
                .link
                .pool
                .call(
                    Call::new("events").weight(2),
                    |node| async move { logs::fetch(&node, gateway, from, last).await },
                )
                .await;
            match answer {
                Ok(answer) => {
                    lock(&self.span).grow();
                    let logs::Page { events, skips, last } = answer.value;
                    return Ok((Fetched { events, skips, endpoint: Endpoint(answer.endpoint) }, last));
                }
                Err(PoolError::Refused { reason, .. }) if reason.class == FaultClass::TooLarge => {
                    if !lock(&self.span).shrink(asked) {
                        let detail = format!("the endpoints do not give the logs of block {from} alone: {reason}");
                        return Err(self.link.transient("events", detail));
                    }
                }
                Err(error) => {
                    // It may have been too much to answer in time.
                    lock(&self.span).shrink(asked);
                    return Err(self.link.error("events", error));
                }
            }
        }
    }

    async fn quorum_head(&self, block: &BlockRef) -> Result<QuorumHead, ChainError> {
        let answers = self.link.agreed("quorum head", &[call_data(&Gateway::headCall {})], block).await?;
        let bytes = answers.first().cloned().unwrap_or_else(Bytes::new);
        let Gateway::headReturn { count, hash } = self.link.decode::<Gateway::headCall>("quorum head", &bytes)?;
        Ok(QuorumHead::agreed(self.link.id, Head { count, hash: abi::word(hash) }, *block))
    }

    async fn announced(&self, read: &BlockRef) -> Option<Reading> {
        self.read_announced(read).await
    }

    async fn birth(&self) -> Result<BlockRef, ChainError> {
        let height = match self.link.config.birth {
            Some(height) => height,
            None => *self.birth.get_or_try_init(|| self.find_birth()).await?,
        };
        let missing = || self.link.transient("birth", format!("no block {height}, where the gateway was deployed"));
        self.block_at(height).await?.ok_or_else(missing)
    }

    fn distrust(&self, endpoint: Endpoint, why: &str) {
        self.link.pool.distrust(endpoint.0, why);
    }
}

impl Ethereum {
    /// The first block with the gateway's code, by bisection.
    async fn find_birth(&self) -> Result<u64, ChainError> {
        let tips = self.tips().await?;
        // A head is one endpoint's word, so it is used only where the gateway is younger than finality.
        let (mut low, mut high) = if self.has_code(tips.finalized.height).await? {
            (0, tips.finalized.height)
        } else {
            (tips.finalized.height, tips.head.height)
        };
        while low < high {
            let middle = low.midpoint(high);
            if self.has_code(middle).await? {
                high = middle;
            } else {
                low = middle.saturating_add(1);
            }
        }
        Ok(low)
    }

    async fn has_code(&self, height: u64) -> Result<bool, ChainError> {
        let request = json!([self.link.config.gateway, BlockNumberOrTag::Number(height)]);
        let request = Request::new("eth_getCode", request);
        let ask = |node: Arc<Node>| {
            let request = request.clone();
            async move { Ok(!node.one(request).await?.bytes()?.is_empty()) }
        };
        self.link.pool.quorum("birth", ask).await.map(|agreed| agreed.value).map_err(|error| {
            let hint = "where the endpoints do not keep old state, set birth to the block of the gateway's deployment";
            self.link.transient("birth", format!("{error}; {hint}"))
        })
    }
}
