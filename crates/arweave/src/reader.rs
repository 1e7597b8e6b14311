//! Following the gateway. A message of the process stands for a block: its number is the height, its id the hash. The scheduler's order is
//! trusted; what the messages did is not: events come from one compute unit, and a quorum of them agrees on the running hash.

mod events;
mod tips;

use std::{ops::RangeInclusive, sync::Arc, time::Duration};

use async_trait::async_trait;
use serde::Deserialize;
use tim3_chain::{BlockRef, ChainError, Endpoint, Fetched, QuorumHead, Reader, Tips};
use tim3_domain::{protocol::Head, word::Word};
use tim3_rpc::{Call, Http};

use crate::{
    connect::Ao,
    link::garbage,
    units::scheduler::{PAGE, Scheduled},
    view::{Number, Query, view},
};

pub(crate) use tips::Following;

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Checkpoint {
    There { count: Number<u64>, hash: Word },
    Nothing { exists: bool },
}

#[async_trait]
impl Reader for Ao {
    async fn tips(&self) -> Result<Tips, ChainError> {
        self.read_tips().await
    }

    /// There are no subscriptions on AO.
    async fn wait_for_news(&self) {
        tokio::time::sleep(Duration::from_millis(self.link.config.poll_interval_ms)).await;
    }

    async fn block_at(&self, height: u64) -> Result<Option<BlockRef>, ChainError> {
        self.link.block(height).await
    }

    async fn events(&self, heights: RangeInclusive<u64>) -> Result<(Fetched, u64), ChainError> {
        let (from, to) = heights.into_inner();
        let messages = self.link.page(from, to.min(from.saturating_add(PAGE).saturating_sub(1))).await?;
        let Some(last) = messages.last().map(|message| message.nonce) else {
            return Err(self.link.transient("events", format!("the scheduler has no message {from} yet")));
        };
        let messages: &[Scheduled] = &messages;
        let ask = |cu: Arc<Http>| async move { events::fetch(&self.link, &cu, messages, from, last).await };
        let answer = self.link.compute_units.call(Call::new("events"), ask).await;
        let answer = answer.map_err(|error| self.link.error("events", error))?;
        let events::Page { events, skips, last } = answer.value;
        Ok((Fetched { events, skips, endpoint: Endpoint(answer.endpoint) }, last))
    }

    async fn quorum_head(&self, block: &BlockRef) -> Result<QuorumHead, ChainError> {
        let genesis = Head::genesis(self.link.id);
        let ask = |cu: Arc<Http>, height: u64| async move {
            let query = Query::new("Checkpoint").with("Nonce", height);
            match view(&cu, self.link.process(), &query).await?.since(height)? {
                Checkpoint::There { count, hash } => Ok(Head { count: count.0, hash }),
                Checkpoint::Nothing { exists: false } => Ok(genesis),
                Checkpoint::Nothing { exists: true } => Err(garbage("a checkpoint without count and hash")),
            }
        };
        let head = self.link.agreed(Call::new("quorum head"), block, ask).await?;
        Ok(QuorumHead::agreed(self.link.id, head, *block))
    }

    async fn birth(&self) -> Result<BlockRef, ChainError> {
        let found = self.link.block(0).await?;
        found.ok_or_else(|| self.link.transient("birth", "the scheduler does not have the process's first message"))
    }

    fn distrust(&self, endpoint: Endpoint, why: &str) {
        self.link.blocks.forget();
        self.link.compute_units.distrust(endpoint.0, why);
    }
}
