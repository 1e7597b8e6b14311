//! What pools say of the sums of their prices. Total: whatever a pool answers is a reading, at worst one that is no price.

use std::sync::Arc;

use alloy::{eips::BlockNumberOrTag, primitives::Address};
use async_trait::async_trait;
use tim3_chain::{BlockRef, ChainError, PoolOracle, PoolReading, PricedToken};
use tim3_domain::{amm::Accumulator, identity::Account};
use tim3_rpc::{Answer, Call, CallError};
use tracing::info;

use super::{Keeper, feeds::said};
use crate::{
    abi::{self, Pair, Token, call_data},
    link::lock,
    node::{self, At, Node, NodeError},
};

const WHAT: &str = "pool";

/// Blocks over which the chain's pace is measured.
const PACE: u64 = 100;

/// What never changes about a token in a pool.
#[derive(Clone, Copy, Debug)]
pub(super) struct Priced {
    pool: Address,
    /// Whether the token is the first of the two.
    is_first: bool,
    decimals: [u8; 2],
}

#[async_trait]
impl PoolOracle for Keeper {
    async fn observe(&self, priced: &PricedToken, ago: u64) -> Result<Vec<PoolReading>, ChainError> {
        let priced = self.priced(priced).await?;
        let ask = |node: Arc<Node>| async move { reading(&node, priced, ago).await };
        let said = self.link.pool.everyone(Call::new(WHAT).weight(4), ask).await;
        let numbered =
            |Answer { value, endpoint }| PoolReading { endpoint: u16::try_from(endpoint).unwrap_or(u16::MAX), ..value };
        Ok(said.map_err(|error| self.link.error(WHAT, error))?.into_iter().map(numbered).collect())
    }
}

impl Keeper {
    async fn priced(&self, at: &PricedToken) -> Result<Priced, ChainError> {
        if let Some(known) = lock(&self.priced).get(at) {
            return Ok(*known);
        }
        let address = |account: &Account| {
            abi::address(account).ok_or_else(|| self.link.rejected(WHAT, format!("{account} is no EVM address")))
        };
        let (pool, token) = (address(&at.pool)?, address(&at.token)?);
        let (one, other) = tokio::try_join!(
            self.link.fixed(WHAT, pool, &Pair::token0Call {}),
            self.link.fixed(WHAT, pool, &Pair::token1Call {}),
        )?;
        let (is_first, other) = match token {
            token if token == one => (true, other),
            token if token == other => (false, one),
            _ => {
                return Err(self.link.rejected(WHAT, format!("{pool} is a pool of {one} and {other}, not of {token}")));
            }
        };
        let decimals = tokio::try_join!(
            self.link.fixed(WHAT, token, &Token::decimalsCall {}),
            self.link.fixed(WHAT, other, &Token::decimalsCall {}),
        )?;
        info!(chain = self.link.name, %pool, %token, priced_in = %other, "a pool is a source of prices");
        let priced = Priced { pool, is_first, decimals: decimals.into() };
        lock(&self.priced).insert(*at, priced);
        Ok(priced)
    }
}

async fn reading(node: &Node, Priced { pool, is_first, decimals }: Priced, ago: u64) -> Result<PoolReading, NodeError> {
    let block = block_before(node, ago).await?;
    let sum = if is_first {
        call_data(&Pair::price0CumulativeLastCall {})
    } else {
        call_data(&Pair::price1CumulativeLastCall {})
    };
    // By its hash: reserves of one block and sums of another would be no sum at all.
    let requests = [call_data(&Pair::getReservesCall {}), sum].map(|data| node::call(pool, &data, At::Block(&block)));
    let mut results = node.batch(&requests).await?;
    let held = said::<Pair::getReservesCall>(&mut results)?;
    // Both sums are returned alike.
    let sum = said::<Pair::price0CumulativeLastCall>(&mut results)?;
    let observation = held.zip(sum).and_then(|(held, sum)| {
        let mut reserves = [held.reserve0.to(), held.reserve1.to()];
        if !is_first {
            reserves.reverse();
        }
        Accumulator { reserves, sum, touched: held.blockTimestampLast }.at(block.timestamp)
    });
    Ok(PoolReading { endpoint: 0, decimals, observation, at: block.timestamp })
}

/// The newest block, or one that is older by about `ago` seconds at the pace of the last blocks.
async fn block_before(node: &Node, ago: u64) -> Result<BlockRef, NodeError> {
    let at = async |number| Ok(node.one(node::block(number)).await?.known_block("wanted")?.block);
    let head = at(BlockNumberOrTag::Latest).await?;
    if ago == 0 {
        return Ok(head);
    }
    let sample = at(head.height.saturating_sub(PACE).into()).await?;
    let height = height_before(&head, &sample, ago);
    at(height.ok_or_else(|| CallError::Behind("the chain is younger".to_owned()))?.into()).await
}

/// The height of a block that is older than `head` by about `ago` seconds, at least that many at the pace since `sample`.
fn height_before(head: &BlockRef, sample: &BlockRef, ago: u64) -> Option<u64> {
    let blocks = u128::from(head.height.checked_sub(sample.height)?);
    let seconds = u128::from(head.timestamp.checked_sub(sample.timestamp)?).max(1);
    let back = u128::from(ago).checked_mul(blocks)?.div_ceil(seconds);
    head.height.checked_sub(u64::try_from(back).ok()?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tim3_domain::word::Word;

    use super::*;

    fn block(height: u64, timestamp: u64) -> BlockRef {
        BlockRef { height, hash: Word::ZERO, timestamp }
    }

    #[test]
    fn a_block_is_found_by_the_pace_of_the_last_ones() {
        let (head, sample) = (block(1_000, 13_200), block(900, 12_000));
        assert_eq!(height_before(&head, &sample, 1_800), Some(850));
        assert_eq!(height_before(&head, &sample, 1_801), Some(849), "older rather than younger");
        assert_eq!(height_before(&head, &sample, 12_001), None, "before the first one");
        assert_eq!(height_before(&head, &head, 1_800), Some(1_000), "there is but one");
    }

    proptest! {
        #[test]
        fn any_blocks_lead_to_an_older_one_or_none(heights: [u64; 2], times: [u64; 2], ago: u64) {
            let found = height_before(&block(heights[0], times[0]), &block(heights[1], times[1]), ago);
            prop_assert!(found.is_none_or(|height| height <= heights[0]));
        }
    }
}
