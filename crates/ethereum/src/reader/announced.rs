//! A reading in one exchange. An announcement says which block is the newest, and by its parents' hashes which one is final then; so nothing
//! has to be asked before something else. Whatever the announcement said, only what the endpoints answer counts, under the same rules as
//! step by step; where they answer something else, it is asked step by step.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use alloy::{eips::BlockNumberOrTag, primitives::Address};
use serde_json::json;
use tim3_chain::{BlockRef, Endpoint, Fetched, QuorumHead, Reading};
use tim3_domain::protocol::Head;
use tim3_rpc::{Call, CallError, PoolError, Request};
use tracing::debug;

use super::{
    logs,
    tips::{Final, own_heights},
};
use crate::{
    abi::{self, Gateway, call_data},
    config::Finality,
    connect::Ethereum,
    fault::Refusal,
    link::lock,
    node::{self, At, Node, NodeError, Seen},
};

/// What is asked.
#[derive(Clone, Debug)]
struct Asked {
    gateway: Address,
    /// Up to where was read before.
    read: u64,
    newest: u64,
    /// What that makes final: under the policy, and for each tier.
    finals: Vec<u64>,
    /// The first of these, as far as its hash was announced.
    pinned: BlockRef,
    /// Whether one endpoint is a quorum: then the gateway's head is asked with the rest.
    alone: bool,
}

/// What one endpoint says.
struct Stated {
    newest: Seen,
    below: Option<BlockRef>,
    finals: Vec<BlockRef>,
    page: logs::Page,
    /// The gateway's head at the pinned block, if that was asked and this is a block of the endpoint's chain.
    head: Option<Head>,
}

impl Ethereum {
    pub(super) async fn read_announced(&self, read: &BlockRef) -> Option<Reading> {
        let asked = self.asked(read)?;
        let (begun, floor) = self.begin_reading();
        let floor = floor.map_or(0, |floor| floor.block.height);
        if asked.finals.first().is_none_or(|height| *height < floor) {
            return None;
        }
        let stating = async {
            let call = Call::new("reading").weight(asked.finals.len().saturating_add(4));
            self.link.pool.call(call, |node| state(node, asked.clone())).await
        };
        let voting = async { if asked.alone { Ok(None) } else { self.vote_announced(&asked).await.map(Some) } };
        let (answer, voted) = match tokio::try_join!(stating, voting) {
            Ok(stated) => stated,
            Err(error) => {
                debug!(chain = self.link.name, error = %self.link.error("reading", error), "not read at once");
                return None;
            }
        };
        let Stated { newest, below, finals, page, head } = answer.value;
        let (finals, head) = match voted {
            Some((finals, head)) => (finals, Some(head)),
            None => (finals, head),
        };
        let agreed = Final::new(&self.link.config, &finals)?;
        let block = agreed.block;
        let quorum =
            head.filter(|_| block.hash == asked.pinned.hash).map(|head| QuorumHead::agreed(self.link.id, head, block));
        let tips = self.end_reading(begun, newest, agreed);
        let fetched = Fetched { events: page.events, skips: page.skips, endpoint: Endpoint(answer.endpoint) };
        // Another reading may have come further meanwhile.
        let quorum = quorum.filter(|_| tips.finalized == block);
        Some(Reading { tips, below, fetched, quorum })
    }

    /// What may be asked at once: the chain counts blocks to finality and has announced enough of them.
    fn asked(&self, read: &BlockRef) -> Option<Asked> {
        let config = &self.link.config;
        if !matches!(config.finality, Finality::Depth(_)) {
            return None;
        }
        let announced = lock(&self.announced);
        let newest = announced.newest().filter(|newest| *newest > read.height)?;
        let finals: Vec<_> = own_heights(config, newest, None).collect();
        let height = *finals.first()?;
        let pinned = BlockRef { height, hash: abi::word(announced.hash(height)?), timestamp: 0 };
        drop(announced);
        let whole = lock(&self.span).last(read.height.saturating_add(1), newest) == newest;
        let alone = self.link.pool.quorum_size() == 1;
        whole.then_some(Asked { gateway: config.gateway, read: read.height, newest, finals, pinned, alone })
    }

    /// The final blocks and the gateway's head at the first of them, as a quorum has them; each endpoint only if its own head makes them final.
    async fn vote_announced(&self, asked: &Asked) -> Result<(Vec<BlockRef>, Head), PoolError<Refusal>> {
        let call = Call::new("final head").weight(asked.finals.len().saturating_add(2));
        let ask = |node: Arc<Node>| {
            let asked = asked.clone();
            async move {
                let finals = asked.finals.iter().map(|height| node::block(BlockNumberOrTag::Number(*height)));
                let height = Request::new("eth_blockNumber", json!([]));
                let requests: Vec<_> = [height, asked.head()].into_iter().chain(finals).collect();
                let mut results = node.batch(&requests).await?;
                if results.quantity()? < asked.newest {
                    return Err(CallError::Behind("not final there yet".to_owned()));
                }
                let Gateway::headReturn { count, hash } = results.returns::<Gateway::headCall>()?;
                let finals = asked.finals.iter().map(|_| Ok(results.known_block("final")?.block));
                Ok((finals.collect::<Result<_, NodeError>>()?, Head { count, hash: abi::word(hash) }))
            }
        };
        self.link.pool.quorum(call, ask).await.map(|agreed| agreed.value)
    }
}

impl Asked {
    fn head(&self) -> Request {
        node::call(self.gateway, &call_data(&Gateway::headCall {}), At::Block(&self.pinned))
    }
}

async fn state(node: Arc<Node>, asked: Asked) -> Result<Stated, NodeError> {
    let from = asked.read.saturating_add(1);
    let heights: BTreeSet<_> = asked.finals.iter().copied().chain([asked.read, asked.newest]).collect();
    let blocks = heights.iter().map(|height| node::block(BlockNumberOrTag::Number(*height)));
    let requests: Vec<_> = blocks
        .chain([logs::request(asked.gateway, from, asked.newest)])
        .chain(asked.alone.then(|| asked.head()))
        .collect();
    let mut results = node.batch(&requests).await?;
    let mut blocks = BTreeMap::new();
    for height in heights {
        blocks.insert(height, results.block()?.filter(|seen| seen.block.height == height));
    }
    let behind = |height: u64| CallError::Behind(format!("no block {height}"));
    let known = |height: u64| blocks.get(&height).copied().flatten().ok_or_else(|| behind(height));
    let newest = known(asked.newest)?;
    let finals = asked.finals.iter().map(|height| Ok(known(*height)?.block)).collect::<Result<_, NodeError>>()?;
    let below = known(asked.read).ok().map(|seen| seen.block);
    let logs = results.logs()?;
    // Of a block that is not canonical there is no head; the step by step reading says what is.
    let head = if asked.alone { results.returns::<Gateway::headCall>().ok() } else { None };
    let head = head.map(|Gateway::headReturn { count, hash }| Head { count, hash: abi::word(hash) });
    let page = logs::read(&node, logs, asked.gateway, from..=asked.newest, asked.newest).await?;
    Ok(Stated { newest, below, finals, page, head })
}
