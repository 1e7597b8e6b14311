//! A gateway of Arweave: how high the base layer is, and in which block something lies.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;
use tim3_rpc::{CallError, Http};

use super::{UnitError, value};
use crate::id::Id;

/// Ids in one query, at most.
pub const PAGE: usize = 100;

#[derive(Deserialize)]
struct Info {
    height: u64,
}

#[derive(Deserialize)]
struct Answer {
    data: Option<Data>,
}

#[derive(Deserialize)]
struct Data {
    transactions: Transactions,
}

#[derive(Deserialize)]
struct Transactions {
    edges: Vec<Edge>,
}

#[derive(Deserialize)]
struct Edge {
    node: Node,
}

#[derive(Deserialize)]
struct Node {
    id: Id,
    block: Option<Block>,
}

#[derive(Deserialize)]
struct Block {
    height: u64,
}

/// How many blocks there are.
///
/// # Errors
/// [`UnitError`].
pub async fn height(gateway: &Http) -> Result<u64, UnitError> {
    let info: Option<Info> = value(&gateway.get("info").await?)?;
    info.map(|info| info.height).ok_or_else(|| CallError::Garbage("no answer to info".to_owned()))
}

/// The height of the block in which each of these transactions and items is, for those that are in one; [`PAGE`] ids at most.
///
/// # Errors
/// [`UnitError`].
pub async fn heights(gateway: &Http, ids: &[Id]) -> Result<BTreeMap<Id, u64>, UnitError> {
    let list: Vec<String> = ids.iter().take(PAGE).map(|id| format!("\"{id}\"")).collect();
    let query = format!(
        "query {{ transactions(ids: [{}], first: {PAGE}) {{ edges {{ node {{ id block {{ height }} }} }} }} }}",
        list.join(", ")
    );
    let body = json!({ "query": query }).to_string().into_bytes();
    let answer: Option<Answer> = value(&gateway.post("graphql", "application/json", body).await?)?;
    let data = answer.and_then(|answer| answer.data);
    let data = data.ok_or_else(|| CallError::Fault("the query was not answered".to_owned()))?;
    let asked = |id: &Id| ids.contains(id);
    let found = data.transactions.edges.into_iter().map(|edge| edge.node).filter(|node| asked(&node.id));
    Ok(found.filter_map(|node| Some((node.id, node.block?.height))).collect())
}
