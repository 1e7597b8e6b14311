//! A page of the gateway's logs from one endpoint.

use std::ops::RangeInclusive;

use alloy::{eips::BlockNumberOrTag, primitives::Address, rpc::types::Log, sol_types::SolEvent};
use serde_json::json;
use tim3_chain::{Located, Skip};
use tim3_rpc::{CallError, Request};

use crate::{
    abi::Gateway,
    decode::{self, Read},
    node::{self, Node, NodeError},
};

#[derive(Debug)]
pub(super) struct Page {
    pub(super) events: Vec<Located>,
    pub(super) skips: Vec<Skip>,
    /// The last height that the endpoint can have answered for.
    pub(super) last: u64,
}

/// The logs of `gateway` in the blocks `from` to `to`, as far as the endpoint has them: one that lags gives no logs for blocks it does not
/// know, and says nothing, so its head is asked for first.
pub(super) async fn fetch(node: &Node, gateway: Address, from: u64, to: u64) -> Result<Page, NodeError> {
    let requests = [Request::new("eth_blockNumber", json!([])), request(gateway, from, to)];
    let mut results = node.batch(&requests).await?;
    let last = results.quantity()?.min(to);
    if last < from {
        return Err(CallError::Behind(format!("head {last} where block {from} is asked for")));
    }
    read(node, results.logs()?, gateway, from..=to, last).await
}

/// Asks for the logs of `gateway` in the blocks `from` to `to`.
pub(super) fn request(gateway: Address, from: u64, to: u64) -> Request {
    let (number, topics) =
        (BlockNumberOrTag::Number, [[Gateway::Event::SIGNATURE_HASH, Gateway::Skipped::SIGNATURE_HASH]]);
    let filter = json!({"address": gateway, "fromBlock": number(from), "toBlock": number(to), "topics": topics});
    Request::new("eth_getLogs", json!([filter]))
}

/// What the logs of the blocks that were `asked` for say, up to the `last` that the endpoint has.
pub(super) async fn read(
    node: &Node,
    logs: Vec<Log>,
    gateway: Address,
    asked: RangeInclusive<u64>,
    last: u64,
) -> Result<Page, NodeError> {
    let (from, to) = asked.into_inner();
    let (mut events, mut skips) = (Vec::new(), Vec::new());
    for log in logs {
        match decode::read(&log, gateway, from, to).map_err(|bad| CallError::Garbage(bad.to_string()))? {
            Read::Event(event) if event.block.height <= last => events.push(event),
            Read::Skip(skip) if skip.block.height <= last => skips.push(skip),
            Read::Event(_) | Read::Skip(_) | Read::Other => {}
        }
    }
    events.sort_by_key(|located| located.event.sequence);
    date(node, &events, &mut skips).await?;
    Ok(Page { events, skips, last })
}

/// Gives skips the time of their block where the endpoint's logs do not say it.
async fn date(node: &Node, events: &[Located], skips: &mut [Skip]) -> Result<(), NodeError> {
    for skip in &mut *skips {
        if let Some(event) = events.iter().find(|event| event.block.hash == skip.block.hash) {
            skip.block.timestamp = event.block.timestamp;
        }
    }
    let undated: Vec<_> = skips.iter_mut().filter(|skip| skip.block.timestamp == 0).collect();
    if undated.is_empty() {
        return Ok(());
    }
    let requests: Vec<_> =
        undated.iter().map(|skip| node::block(BlockNumberOrTag::Number(skip.block.height))).collect();
    let mut results = node.batch(&requests).await?;
    for skip in undated {
        skip.block.timestamp = results.known_block("skip's")?.block.timestamp;
    }
    Ok(())
}
