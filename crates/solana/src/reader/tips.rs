//! How far the chain has come, and how much of that is final.

use std::sync::{Arc, Mutex};

use tim3_chain::{BlockRef, ChainError, Tips};
use tim3_rpc::{Call, CallError};
use tokio::time::Instant;
use tracing::debug;

use crate::{
    connect::Solana,
    link::{Network, lock},
    node::{self, Commitment, Node, NodeError},
};

/// What was read before.
#[derive(Debug, Default)]
pub(crate) struct Following {
    /// The count of announcements at the last reading.
    pub(crate) news: u64,
    /// When the last reading began.
    pub(crate) begun: Option<Instant>,
    /// The newest agreed final block.
    agreed: Option<BlockRef>,
}

impl Solana {
    pub(super) async fn read_tips(&self) -> Result<Tips, ChainError> {
        let floor = {
            let mut following = lock(&self.following);
            // Also where the reading fails: whoever waits for news then waits for the next ones, or for a poll interval.
            following.news = *self.news.borrow();
            following.begun = Some(Instant::now());
            following.agreed
        };
        let least = floor.map_or(0, |floor| floor.height);
        let network = &self.link.network;
        let (head, stated) =
            network.ask(Call::new("tips").weight(4), |node| async move { stated(network, &node, least).await }).await?;
        let agreed = match floor {
            Some(floor) if stated.height <= floor.height => floor,
            floor => self.confirm(stated, floor).await?,
        };
        let mut following = lock(&self.following);
        // Another reading may have come further meanwhile.
        let newer = following.agreed.filter(|other| other.height > agreed.height);
        let finalized = *following.agreed.insert(newer.unwrap_or(agreed));
        let head = if head.height > finalized.height { head } else { finalized };
        Ok(Tips { head, finalized, tiers: self.tiers(&finalized) })
    }

    /// The blocks below the final one that the tiers ask for: of those that a quorum agreed on. Where none is known as deep, the height
    /// alone says what is not final yet.
    fn tiers(&self, finalized: &BlockRef) -> Vec<(u128, BlockRef)> {
        let tier = |(amount, depth): &(u128, u64)| {
            let height = finalized.height.saturating_sub(*depth);
            let block = self.link.blocks.agreed_below(height);
            (*amount, block.unwrap_or(BlockRef { height, ..BlockRef::default() }))
        };
        self.link.config.tiers.iter().map(tier).collect()
    }

    /// The block that a quorum calls final: the stated one; or, where some endpoints are not as far, the newest that enough of them have
    /// reached; or, where there is no quorum now, that of before.
    async fn confirm(&self, stated: BlockRef, floor: Option<BlockRef>) -> Result<BlockRef, ChainError> {
        let quorum = self.link.pool.quorum_size();
        if quorum == 1 {
            self.link.blocks.agree(stated);
            return Ok(stated);
        }
        let reached = Arc::new(Mutex::new(Vec::new()));
        let mut outcome = self.vote(stated.height, &reached).await;
        if outcome.is_err() {
            let lower = {
                let mut slots = lock(&reached).clone();
                slots.sort_unstable_by(|a, b| b.cmp(a));
                quorum.checked_sub(1).and_then(|nth| slots.get(nth).copied())
            };
            let newer = |slot: &u64| floor.is_none_or(|floor| *slot > floor.height);
            if let Some(slot) = lower.filter(newer) {
                outcome = self.vote(slot, &reached).await;
            }
        }
        match (outcome, floor) {
            (Ok(block), _) => {
                self.link.blocks.agree(block);
                Ok(block)
            }
            (Err(error), Some(floor)) => {
                debug!(chain = self.link.name, %error, "no quorum for a newer final block");
                Ok(floor)
            }
            (Err(error), None) => Err(error),
        }
    }

    /// The newest block up to `slot` that a quorum has, each endpoint only if by its own word that slot is final. Notes how far each is.
    async fn vote(&self, slot: u64, reached: &Arc<Mutex<Vec<u64>>>) -> Result<BlockRef, ChainError> {
        let ask = |node: Arc<Node>| {
            let reached = Arc::clone(reached);
            async move {
                let own = node.height().await?;
                lock(&reached).push(own);
                if own < slot {
                    return Err(CallError::Behind("not final there yet".to_owned()));
                }
                at_or_below(&node, slot).await
            }
        };
        let agreed = self.link.pool.quorum(Call::new("final").weight(2), ask).await;
        agreed.map(|agreed| agreed.value).map_err(|error| self.link.error("final", error))
    }
}

/// The newest block up to `slot`: a slot may have been skipped.
async fn at_or_below(node: &Node, slot: u64) -> Result<BlockRef, NodeError> {
    /// Skipped slots in a row, at most: a leader has four.
    const SKIPPED: u64 = 32;
    let last = slot.saturating_sub(SKIPPED);
    let mut slot = slot;
    loop {
        match node.one(node::block(slot)).await?.block(slot)? {
            Some(block) => return Ok(block),
            None if slot > last => slot = slot.saturating_sub(1),
            None => return Err(CallError::Behind(format!("no block in slots {last} to {slot}"))),
        }
    }
}

/// The head and the final block as one endpoint states them. One that is below a block known to be final is behind.
async fn stated(network: &Network, node: &Node, least: u64) -> Result<(BlockRef, BlockRef), NodeError> {
    let mut results = node.batch(&[node::slot(Commitment::Confirmed), node::slot(Commitment::Finalized)]).await?;
    let (head, finalized): (u64, u64) = (results.read("slot")?, results.read("slot")?);
    if finalized < least {
        return Err(CallError::Behind(format!("its final slot {finalized} is below the final slot {least}")));
    }
    let mut results = node.batch(&[node::block(head), node::block(finalized)]).await?;
    let head = match results.block(head) {
        Ok(Some(block)) => Some(block),
        // A block that was voted for may be there a moment later than its slot; the final one is there.
        Ok(None) | Err(CallError::Behind(_)) => None,
        Err(error) => return Err(error),
    };
    let finalized = match results.block(finalized)? {
        Some(block) => block,
        None => at_or_below(node, finalized).await?,
    };
    network.blocks.state(finalized);
    if let Some(head) = head {
        network.blocks.state(head);
    }
    Ok((head.unwrap_or(finalized), finalized))
}
