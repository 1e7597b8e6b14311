//! How far the chain has come, and how much of that is final; and how soon after one reading the next may come.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use alloy::eips::BlockNumberOrTag;
use tim3_chain::{BlockRef, ChainError, Tips};
use tim3_rpc::{Call, CallError};
use tokio::time::Instant;
use tracing::debug;

use crate::{
    config::{EthereumConfig, Finality},
    connect::Ethereum,
    link::lock,
    node::{self, Node, NodeError, Seen},
};

/// The least time from a reading with new blocks to the next one.
const BREATH: Duration = Duration::from_millis(10);
/// The same while blocks crowd. A reading asks for as much whether there is one block to read or thirty, and an endpoint that answers has
/// less time to make blocks.
const LONG_BREATH: Duration = Duration::from_millis(400);
/// Blocks that come faster than one in this time crowd.
const CROWD: Duration = Duration::from_millis(25);

/// What was read before.
#[derive(Debug, Default)]
pub(crate) struct Following {
    /// The count of announcements at the last reading.
    pub(crate) news: u64,
    /// When the next reading may begin; at once after one that found no new block.
    pub(crate) next: Option<Instant>,
    /// The last agreed final blocks; heights never fall.
    agreed: Option<Final>,
    pace: Pace,
}

/// When readings with new blocks began, and what pause follows.
#[derive(Clone, Copy, Debug, Default)]
struct Pace {
    /// The last one, and its head.
    last: Option<(Instant, u64)>,
    pause: Duration,
}

impl Pace {
    /// A reading that began at `begun` found the chain at `head`: whether there are new blocks. The pause doubles as long as they crowd, and
    /// halves when they do not.
    fn found(&mut self, begun: Instant, head: u64) -> bool {
        let before = self.last.filter(|(_, height)| *height != head);
        if before.is_none() && self.last.is_some() {
            return false;
        }
        let crowded = before.is_some_and(|(at, height)| {
            let blocks = u32::try_from(head.saturating_sub(height)).unwrap_or(u32::MAX);
            CROWD.saturating_mul(blocks) >= begun.saturating_duration_since(at)
        });
        let pause = if crowded { self.pause.saturating_mul(2) } else { self.pause.checked_div(2).unwrap_or_default() };
        *self = Self { last: Some((begun, head)), pause: pause.clamp(BREATH, LONG_BREATH) };
        true
    }
}

/// The blocks that count as final, under the policy and for the tiers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Final {
    pub(super) block: BlockRef,
    tiers: Vec<(u128, BlockRef)>,
}

impl Final {
    /// From the block of the policy and those of the tiers, in this order.
    pub(super) fn new(config: &EthereumConfig, blocks: &[BlockRef]) -> Option<Self> {
        let (block, tiers) = blocks.split_first()?;
        let amounts = config.tiers.iter().map(|(amount, _)| *amount);
        Some(Self { block: *block, tiers: amounts.zip(tiers.iter().copied()).collect() })
    }
}

impl Ethereum {
    pub(super) async fn read_tips(&self) -> Result<Tips, ChainError> {
        let (begun, floor) = self.begin_reading();
        let least = floor.as_ref().map_or(0, |floor| floor.block.height);
        let (head, stated) = self
            .link
            .ask(Call::new("tips").weight(2), |node| {
                let link = Arc::clone(&self.link);
                async move { stated(&node, &link.config, least).await }
            })
            .await?;
        let agreed = match floor {
            Some(floor) if floor == stated || stated.block.height < least => floor,
            floor => self.confirm(stated, floor).await?,
        };
        Ok(self.end_reading(begun, head, agreed))
    }

    /// When a reading begins, and the final blocks that were agreed on last.
    pub(super) fn begin_reading(&self) -> (Instant, Option<Final>) {
        let mut following = lock(&self.following);
        let begun = Instant::now();
        // Also where the reading fails: whoever waits for news then waits for the next ones, or for a poll interval.
        following.news = *self.news.borrow();
        following.next = begun.checked_add(following.pace.pause.max(BREATH));
        (begun, following.agreed.clone())
    }

    /// What a reading that began at `begun` comes to.
    pub(super) fn end_reading(&self, begun: Instant, head: Seen, agreed: Final) -> Tips {
        if let Some(batches) = &self.batches {
            batches.sender.note_base_fee(head.base_fee);
        }
        let mut following = lock(&self.following);
        let news = following.pace.found(begun, head.block.height);
        following.next = if news { begun.checked_add(following.pace.pause) } else { None };
        // Another reading may have come further meanwhile.
        let newer = following.agreed.take().filter(|other| other.block.height > agreed.block.height);
        let Final { block, tiers } = following.agreed.insert(newer.unwrap_or(agreed)).clone();
        Tips { head: head.block, finalized: block, tiers }
    }

    /// The blocks that a quorum calls final: at the heights that were stated; or, where some endpoints are not as far, at the heights that
    /// enough of them have reached; or, where there is no quorum now, those of before.
    async fn confirm(&self, stated: Final, floor: Option<Final>) -> Result<Final, ChainError> {
        let quorum = self.link.pool.quorum_size();
        if quorum == 1 {
            return Ok(stated);
        }
        let heights = std::iter::once(&stated.block).chain(stated.tiers.iter().map(|(_, block)| block));
        let heights: Vec<_> = heights.map(|block| block.height).collect();
        let reached = Arc::new(Mutex::new(Vec::new()));
        let mut outcome = self.vote(heights, &reached).await;
        let lower = common(&lock(&reached), quorum).filter(|_| outcome.is_err());
        if let Some(heights) = lower {
            outcome = self.vote(heights, &reached).await;
        }
        match (outcome, floor) {
            (Ok(blocks), floor) => Final::new(&self.link.config, &blocks)
                .filter(|agreed| floor.as_ref().is_none_or(|floor| agreed.block.height >= floor.block.height))
                .or(floor)
                .ok_or_else(|| self.link.transient("final", "no final block")),
            (Err(error), Some(floor)) => {
                debug!(chain = self.link.name, %error, "no quorum for a newer final block");
                Ok(floor)
            }
            (Err(error), None) => Err(error),
        }
    }

    /// The blocks at `heights` that a quorum has, each endpoint only if by its own head they are all final. Notes how far each endpoint is.
    async fn vote(&self, heights: Vec<u64>, reached: &Arc<Mutex<Vec<Vec<u64>>>>) -> Result<Vec<BlockRef>, ChainError> {
        let call = Call::new("final").weight(heights.len().saturating_add(2));
        let ask = |node: Arc<Node>| {
            let (link, heights, reached) = (Arc::clone(&self.link), heights.clone(), Arc::clone(reached));
            async move {
                let (head, tagged) = head(&node, &link.config).await?;
                let own: Vec<_> = own_heights(&link.config, head.block.height, tagged.as_ref()).collect();
                let short = own.iter().zip(&heights).any(|(own, height)| own < height);
                lock(&reached).push(own);
                if short {
                    return Err(CallError::Behind("not final there yet".to_owned()));
                }
                at(&node, &known(&head, tagged), &heights).await
            }
        };
        self.link
            .pool
            .quorum(call, ask)
            .await
            .map(|agreed| agreed.value)
            .map_err(|error| self.link.error("final", error))
    }
}

/// The greatest heights that `quorum` of the endpoints have reached, each of the heights for itself.
fn common(reached: &[Vec<u64>], quorum: usize) -> Option<Vec<u64>> {
    let width = reached.first()?.len();
    let column = |index: usize| {
        let mut heights: Vec<_> = reached.iter().filter_map(|own| own.get(index)).copied().collect();
        heights.sort_unstable_by(|a, b| b.cmp(a));
        heights.get(quorum.checked_sub(1)?).copied()
    };
    (0..width).map(column).collect()
}

/// What one endpoint says. One that is below a block known to be final is behind.
async fn stated(node: &Node, config: &EthereumConfig, least: u64) -> Result<(Seen, Final), NodeError> {
    let (head, tagged) = head(node, config).await?;
    if head.block.height < least {
        let height = head.block.height;
        return Err(CallError::Behind(format!("its head {height} is below the final block {least}")));
    }
    let heights: Vec<_> = own_heights(config, head.block.height, tagged.as_ref()).collect();
    let blocks = at(node, &known(&head, tagged), &heights).await?;
    let stated = Final::new(config, &blocks).ok_or_else(|| CallError::Garbage("a block is missing".to_owned()))?;
    Ok((head, stated))
}

fn known(head: &Seen, tagged: Option<BlockRef>) -> Vec<BlockRef> {
    std::iter::once(head.block).chain(tagged).collect()
}

/// The heights up to which an endpoint's own head makes blocks final: under the policy, and for each tier.
pub(super) fn own_heights(config: &EthereumConfig, head: u64, tagged: Option<&BlockRef>) -> impl Iterator<Item = u64> {
    let below = move |depth: u64| head.saturating_sub(depth);
    let policy = match (config.finality, tagged) {
        (_, Some(block)) => block.height,
        (Finality::Depth(depth), None) => below(depth),
        (Finality::Finalized | Finality::Safe, None) => 0,
    };
    std::iter::once(policy).chain(config.tiers.iter().map(move |(_, depth)| below(*depth)))
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

/// The blocks at `heights`, asking only for those that are not among the `known`.
async fn at(node: &Node, known: &[BlockRef], heights: &[u64]) -> Result<Vec<BlockRef>, NodeError> {
    let find = |height: u64| known.iter().find(|block| block.height == height).copied();
    let missing = heights.iter().filter(|height| find(**height).is_none());
    let requests: Vec<_> = missing.map(|height| node::block(BlockNumberOrTag::Number(*height))).collect();
    if requests.is_empty() {
        return Ok(heights.iter().filter_map(|height| find(*height)).collect());
    }
    let mut results = node.batch(&requests).await?;
    let block = |height: &u64| find(*height).map_or_else(|| Ok(results.known_block("final")?.block), Ok);
    heights.iter().map(block).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_blocks_after_a_quiet_time_are_read_with_a_short_pause_and_a_flood_with_a_long_one() {
        let ms = Duration::from_millis;
        let (mut pace, mut now, mut head) = (Pace::default(), Instant::now(), 1_000);
        let mut read = |after: u64, blocks: u64| {
            now += ms(after);
            head += blocks;
            pace.found(now, head).then_some(pace.pause)
        };
        assert_eq!(read(0, 0), Some(BREATH), "how long the first blocks took nobody knows");
        assert_eq!(read(1_000, 0), None, "after a reading of nothing no pause");
        assert_eq!(read(1_000, 1), Some(BREATH));
        assert_eq!(read(60_000, 5), Some(BREATH), "slow blocks, many at once");
        for pause in [20, 40, 80, 160, 320, 400, 400] {
            assert_eq!(read(40, 5), Some(ms(pause)));
        }
        assert_eq!(read(400, 24), Some(ms(400)), "still crowded");
        for pause in [200, 100, 50, 25, 12, 10, 10] {
            assert_eq!(read(400, 1).map(|pause| pause.as_millis()), Some(pause));
        }
        assert_eq!((read(15, 1), read(52, 1)), (Some(ms(20)), Some(BREATH)), "two that happen to be close");
    }

    #[test]
    fn a_height_is_common_when_a_quorum_has_reached_it() {
        let reached = [vec![2_000, 10], vec![100, 9], vec![101, 30]];
        assert_eq!(common(&reached, 2), Some(vec![101, 10]));
        assert_eq!(common(&reached, 3), Some(vec![100, 9]));
        assert_eq!(common(&reached, 4), None);
        assert_eq!(common(&[], 1), None);
    }
}
