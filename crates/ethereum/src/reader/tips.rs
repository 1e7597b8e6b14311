//! How far the chain has come, and how much of that is final.

use std::sync::Arc;

use alloy::eips::BlockNumberOrTag;
use tim3_chain::{BlockRef, ChainError, Tips};
use tim3_domain::word::Word;
use tim3_rpc::{Call, CallError};
use tracing::debug;

use crate::{
    config::{EthereumConfig, Finality},
    connect::Ethereum,
    link::lock,
    node::{self, Node, NodeError, Seen},
};

/// How often a final block that no quorum confirms yet is asked about again before a newer one takes its place.
const PATIENCE: u32 = 10;

/// What was read before.
#[derive(Debug, Default)]
pub(crate) struct Following {
    /// The count of announcements at the last reading.
    pub(crate) news: u64,
    /// The last agreed final blocks; heights never fall.
    agreed: Option<Final>,
    /// Stated as final by one endpoint, and not confirmed by a quorum yet.
    pending: Option<(Final, u32)>,
}

/// The blocks that count as final, under the policy and for the tiers.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Final {
    block: BlockRef,
    tiers: Vec<(u128, BlockRef)>,
}

impl Final {
    fn blocks(&self) -> impl Iterator<Item = &BlockRef> {
        std::iter::once(&self.block).chain(self.tiers.iter().map(|(_, block)| block))
    }

    fn hashes(&self) -> Vec<Word> {
        self.blocks().map(|block| block.hash).collect()
    }
}

impl Ethereum {
    pub(super) async fn read_tips(&self) -> Result<Tips, ChainError> {
        let news = *self.news.borrow();
        let config = Arc::new(self.link.config.clone());
        let floor = lock(&self.following).agreed.clone();
        let least = floor.as_ref().map_or(0, |floor| floor.block.height);
        let (head, stated) = self
            .link
            .ask("tips", |node| {
                let config = Arc::clone(&config);
                async move { stated(&node, &config, least).await }
            })
            .await?;
        if let Some(batches) = &self.batches {
            batches.sender.note_base_fee(head.base_fee);
        }
        let agreed = match floor {
            Some(floor) if floor == stated || stated.block.height < floor.block.height => floor,
            _ => self.confirm(config, stated).await?,
        };
        let mut following = lock(&self.following);
        following.news = news;
        // Another reading may have come further meanwhile.
        let newer = following.agreed.take().filter(|other| other.block.height > agreed.block.height);
        let Final { block, tiers } = following.agreed.insert(newer.unwrap_or(agreed)).clone();
        Ok(Tips { head: head.block, finalized: block, tiers })
    }

    /// What a quorum says is final: what was stated, or what was stated before and is confirmed now, or what was agreed on before.
    async fn confirm(&self, config: Arc<EthereumConfig>, stated: Final) -> Result<Final, ChainError> {
        if self.link.pool.quorum_size() == 1 {
            return Ok(stated);
        }
        // The oldest unconfirmed one first: an endpoint that is always a little behind confirms that one in time.
        let (candidate, tries) = lock(&self.following).pending.take().unwrap_or((stated, 0));
        let shared = Arc::new(candidate.clone());
        let call = Call::new("final").weight(candidate.blocks().count().saturating_add(2));
        let confirmed = self
            .link
            .pool
            .quorum(call, |node| {
                let (config, candidate) = (Arc::clone(&config), Arc::clone(&shared));
                async move { confirmed(&node, &config, &candidate).await }
            })
            .await;
        let mut following = lock(&self.following);
        match confirmed {
            Ok(hashes) if hashes.value == candidate.hashes() => return Ok(candidate),
            Ok(_) => debug!(chain = self.link.name, "a stated final block is not the quorum's"),
            Err(error) => {
                debug!(chain = self.link.name, %error, height = candidate.block.height, "not confirmed as final");
                if tries < PATIENCE {
                    following.pending = Some((candidate, tries.saturating_add(1)));
                }
                if following.agreed.is_none() {
                    return Err(self.link.error("final", error));
                }
            }
        }
        following
            .agreed
            .clone()
            .ok_or_else(|| self.link.transient("final", "no quorum for a final block yet".to_owned()))
    }
}

/// What one endpoint says. One that is below a block known to be final is behind.
async fn stated(node: &Node, config: &EthereumConfig, least: u64) -> Result<(Seen, Final), NodeError> {
    let (head, tagged) = head(node, config).await?;
    if head.block.height < least {
        let height = head.block.height;
        return Err(CallError::Behind(format!("its head {height} is below the final block {least}")));
    }
    let below = |depth: u64| head.block.height.saturating_sub(depth);
    let heights: Vec<u64> = depths(config).map(below).collect();
    let mut blocks = at(node, &head, &heights).await?.into_iter();
    let mut next = || blocks.next().ok_or_else(|| CallError::Garbage("a block is missing".to_owned()));
    let block = match tagged {
        Some(block) => block,
        None => next()?,
    };
    let tiers = config.tiers.iter().map(|(amount, _)| Ok((*amount, next()?))).collect::<Result<_, NodeError>>()?;
    Ok((head, Final { block, tiers }))
}

/// The hashes that an endpoint has at the candidate's heights, if by its own head they are all final.
async fn confirmed(node: &Node, config: &EthereumConfig, candidate: &Final) -> Result<Vec<Word>, NodeError> {
    let (head, tagged) = head(node, config).await?;
    let own = tagged.map(|block| block.height).into_iter();
    let own = own.chain(depths(config).map(|depth| head.block.height.saturating_sub(depth)));
    if own.zip(candidate.blocks()).any(|(own, block)| own < block.height) {
        return Err(CallError::Behind(format!("block {} is not final there yet", candidate.block.height)));
    }
    let heights: Vec<_> = candidate.blocks().map(|block| block.height).collect();
    Ok(at(node, &head, &heights).await?.into_iter().map(|block| block.hash).collect())
}

/// The head, and the final block where the chain itself says which it is.
async fn head(node: &Node, config: &EthereumConfig) -> Result<(Seen, Option<BlockRef>), NodeError> {
    let tag = match config.finality {
        Finality::Finalized => Some(BlockNumberOrTag::Finalized),
        Finality::Safe => Some(BlockNumberOrTag::Safe),
        Finality::Depth(_) => None,
    };
    let requests: Vec<_> = std::iter::once(BlockNumberOrTag::Latest).chain(tag).map(node::block).collect();
    let mut results = node.batch(&requests).await?;
    let head = results.known_block("latest")?;
    let tagged = tag.map(|_| results.known_block("final")).transpose()?;
    Ok((head, tagged.map(|seen| seen.block)))
}

/// Depths under the head that matter: of the policy, if it is one, and of the tiers.
fn depths(config: &EthereumConfig) -> impl Iterator<Item = u64> {
    let policy = match config.finality {
        Finality::Depth(depth) => Some(depth),
        Finality::Finalized | Finality::Safe => None,
    };
    policy.into_iter().chain(config.tiers.iter().map(|(_, depth)| *depth))
}

/// The blocks at `heights`, of which the head itself is known already.
async fn at(node: &Node, head: &Seen, heights: &[u64]) -> Result<Vec<BlockRef>, NodeError> {
    let known = |height: u64| height == head.block.height;
    let requests: Vec<_> = heights
        .iter()
        .filter(|height| !known(**height))
        .map(|height| node::block(BlockNumberOrTag::Number(*height)))
        .collect();
    if requests.is_empty() {
        return Ok(vec![head.block; heights.len()]);
    }
    let mut results = node.batch(&requests).await?;
    let block = |height: &u64| if known(*height) { Ok(head.block) } else { Ok(results.known_block("final")?.block) };
    heights.iter().map(block).collect()
}
