//! What Chainlink aggregators say. Total: whatever a feed answers is a reading, at worst one that is no price.

use std::sync::Arc;

use alloy::{
    eips::BlockNumberOrTag,
    primitives::{Address, Bytes},
    sol_types::SolCall,
};
use tim3_chain::{ChainError, Feed, FeedReading};
use tim3_rpc::{Answer, Call, CallError};

use super::Keeper;
use crate::{
    abi::{self, Aggregator, call_data},
    node::{self, At, Node, NodeError, Results},
};

/// More decimals than any feed has; the gateway's oracle refuses them, too.
const MOST_DECIMALS: u8 = 36;

/// What is asked of one feed.
#[derive(Clone, Copy)]
struct Asked {
    feed: Address,
    sequencer: Option<(Address, u64)>,
}

impl Keeper {
    pub(super) async fn read_feed(&self, feed: &Feed) -> Result<Vec<FeedReading>, ChainError> {
        const WHAT: &str = "price feed";
        let Feed::Chainlink { aggregator, sequencer } = *feed else {
            return Err(self.link.rejected(WHAT, "a feed of another kind of chain"));
        };
        let address = |account| {
            abi::address(&account).ok_or_else(|| self.link.rejected(WHAT, format!("{account} is no EVM address")))
        };
        let sequencer = sequencer.map(|(uptime, grace)| Ok::<_, ChainError>((address(uptime)?, grace)));
        let asked = Asked { feed: address(aggregator)?, sequencer: sequencer.transpose()? };
        let ask = |node: Arc<Node>| async move { reading(&node, asked).await };
        let said = self.link.pool.everyone(Call::new(WHAT).weight(4), ask).await;
        let numbered =
            |Answer { value, endpoint }| FeedReading { endpoint: u16::try_from(endpoint).unwrap_or(u16::MAX), ..value };
        Ok(said.map_err(|error| self.link.error(WHAT, error))?.into_iter().map(numbered).collect())
    }
}

async fn reading(node: &Node, Asked { feed, sequencer }: Asked) -> Result<FeedReading, NodeError> {
    let call = |contract, data: Bytes| node::call(contract, &data, At::Latest);
    let round = call_data(&Aggregator::latestRoundDataCall {});
    let mut requests = vec![call(feed, call_data(&Aggregator::decimalsCall {})), call(feed, round.clone())];
    requests.extend(sequencer.map(|(uptime, _)| call(uptime, round)));
    // Nodes answer the calls of a batch in an order of their own: a round may be newer than the block that tells the time.
    requests.push(node::block(BlockNumberOrTag::Latest));
    let mut results = node.batch(&requests).await?;
    let decimals = said::<Aggregator::decimalsCall>(&mut results)?;
    let round = said::<Aggregator::latestRoundDataCall>(&mut results)?;
    let uptime = match sequencer {
        Some((_, grace)) => Some((said::<Aggregator::latestRoundDataCall>(&mut results)?, grace)),
        None => None,
    };
    let now = results.known_block("newest")?.block.timestamp;
    Ok(judged(decimals, round.as_ref(), uptime.as_ref().map(|(round, grace)| (round.as_ref(), *grace)), now))
}

/// What a contract answers, where it answers as a feed does. That it reverts or says something else is the contract's doing, not the endpoint's.
pub(super) fn said<C: SolCall>(results: &mut Results) -> Result<Option<C::Return>, NodeError> {
    match results.bytes() {
        Ok(bytes) => Ok(C::abi_decode_returns_validate(&bytes).ok()),
        Err(CallError::Refused(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

type Round = Aggregator::latestRoundDataReturn;

/// The reading of a round, by the same rules as the gateway's own oracle (`ChainlinkOracle.sol`).
fn judged(
    decimals: Option<u8>,
    round: Option<&Round>,
    sequencer: Option<(Option<&Round>, u64)>,
    now: u64,
) -> FeedReading {
    let no_price = FeedReading { endpoint: 0, answer: 0, confidence: 0, decimals: 0, published: now };
    let is_up = |(uptime, grace): (Option<&Round>, u64)| {
        uptime.is_some_and(|uptime| {
            let since = u64::try_from(uptime.startedAt).ok().filter(|since| *since != 0);
            let up_for = since.and_then(|since| now.checked_sub(since));
            uptime.answer.is_zero() && up_for.is_some_and(|up_for| up_for > grace)
        })
    };
    let (Some(decimals), Some(round)) = (decimals.filter(|decimals| *decimals <= MOST_DECIMALS), round) else {
        return no_price;
    };
    let updated = u64::try_from(round.updatedAt).ok().filter(|updated| *updated != 0);
    let (Some(published), Ok(answer)) = (updated, i128::try_from(round.answer)) else { return no_price };
    if round.answeredInRound < round.roundId || !sequencer.is_none_or(is_up) {
        return no_price;
    }
    FeedReading { endpoint: 0, answer, confidence: 0, decimals, published }
}

#[cfg(test)]
mod tests {
    use alloy::primitives::{I256, U256, aliases::U80};
    use proptest::prelude::*;

    use super::*;

    fn round(answer: I256, started: u64, updated: u64, answered_in: u64) -> Round {
        Round {
            roundId: U80::from(7),
            answer,
            startedAt: U256::from(started),
            updatedAt: U256::from(updated),
            answeredInRound: U80::from(answered_in),
        }
    }

    fn answer(value: i64) -> I256 {
        I256::try_from(value).unwrap()
    }

    #[test]
    fn what_is_no_price_is_zero_and_new() {
        let good = round(answer(200_000_000_000), 900, 950, 7);
        let read = |decimals, round: Option<&Round>, uptime| judged(decimals, round, uptime, 1_000);
        let price = FeedReading { endpoint: 0, answer: 200_000_000_000, confidence: 0, decimals: 8, published: 950 };
        assert_eq!(read(Some(8), Some(&good), None), price);
        let no_price = FeedReading { endpoint: 0, answer: 0, confidence: 0, decimals: 0, published: 1_000 };
        assert_eq!(read(None, Some(&good), None), no_price);
        assert_eq!(read(Some(37), Some(&good), None), no_price);
        assert_eq!(read(Some(8), None, None), no_price);
        for bad in [
            round(answer(1), 900, 0, 7),
            round(answer(1), 900, 950, 6),
            round(I256::MAX, 900, 950, 7),
            round(I256::MIN, 900, 950, 7),
        ] {
            assert_eq!(read(Some(8), Some(&bad), None), no_price, "{bad:?}");
        }
    }

    #[test]
    fn a_sequencer_must_have_been_up_for_longer_than_its_grace() {
        let good = round(answer(5), 900, 950, 7);
        let read = |uptime: Option<&Round>| judged(Some(8), Some(&good), Some((uptime, 100)), 1_000).answer;
        assert_eq!(read(Some(&round(answer(0), 899, 0, 7))), 5);
        for (down, why) in [
            (Some(round(answer(1), 100, 100, 7)), "it is down"),
            (Some(round(answer(0), 900, 900, 7)), "it is back for no longer than the grace"),
            (Some(round(answer(0), 0, 0, 7)), "it never reported"),
            (Some(round(answer(0), 2_000, 0, 7)), "it came back in the future"),
            (None, "its feed does not answer"),
        ] {
            assert_eq!(read(down.as_ref()), 0, "{why}");
        }
    }

    proptest! {
        #[test]
        fn any_round_is_a_reading(words in prop::array::uniform5(any::<[u8; 32]>()), decimals: u8, now: u64) {
            let bytes = words.concat();
            let round = Aggregator::latestRoundDataCall::abi_decode_returns_validate(&bytes).ok();
            let read = judged(Some(decimals), round.as_ref(), Some((round.as_ref(), 5)), now);
            prop_assert!(read.decimals <= MOST_DECIMALS);
        }
    }
}
