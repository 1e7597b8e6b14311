//! A gateway of Arweave: how high the base layer is, in which block something lies, and transactions to it and from it.

use std::collections::BTreeMap;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::json;
use tim3_rpc::{CallError, Http, Response};

use super::{Refusal, UnitError, is_success, said, value};
use crate::{
    id::Id,
    transaction::{MAX_DATA, Transaction},
};

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

/// What a gateway says of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It does not know it.
    Unknown,
    /// It waits for a block.
    Pending,
    /// It is in a block.
    Included {
        /// The height of that.
        height: u64,
        /// How many blocks lie on it, itself included.
        confirmations: u64,
    },
}

/// A block for a transaction to name: it is valid while that is one of the last 50.
///
/// # Errors
/// [`UnitError`].
pub async fn anchor(gateway: &Http) -> Result<Vec<u8>, UnitError> {
    let response = gateway.get("tx_anchor").await?;
    read_anchor(&response)
}

fn read_anchor(response: &Response) -> Result<Vec<u8>, UnitError> {
    let decoded = BASE64_URL_SAFE_NO_PAD.decode(text(response)?);
    // The hash of a block; of a transaction in the networks of old.
    let anchor = decoded.ok().filter(|anchor| matches!(anchor.len(), 32 | 48));
    anchor.ok_or_else(|| CallError::Garbage(format!("not a block: {}", said(response))))
}

/// What storing so many bytes costs, in winstons.
///
/// # Errors
/// [`UnitError`].
pub async fn price(gateway: &Http, bytes: usize) -> Result<u128, UnitError> {
    winstons(&gateway.get(&format!("price/{bytes}")).await?)
}

/// What a wallet has, in winstons.
///
/// # Errors
/// [`UnitError`].
pub async fn balance(gateway: &Http, wallet: Id) -> Result<u128, UnitError> {
    winstons(&gateway.get(&format!("wallet/{wallet}/balance")).await?)
}

fn winstons(response: &Response) -> Result<u128, UnitError> {
    let amount = text(response)?.parse();
    amount.map_err(|_| CallError::Garbage(format!("not an amount: {}", said(response))))
}

/// Hands a transaction in. One that was handed in before is known and does nothing.
///
/// # Errors
/// [`CallError::Refused`] where the gateway does not take it.
pub async fn post(gateway: &Http, body: Vec<u8>) -> Result<(), UnitError> {
    let response = gateway.post("tx", "application/json", body).await?;
    match response.status {
        _ if is_success(&response) => Ok(()),
        400 | 402 | 410 => Err(CallError::Refused(Refusal { reason: said(&response) })),
        401..500 => Err(CallError::Fault(said(&response))),
        _ => Err(CallError::Transport(said(&response))),
    }
}

/// What became of a transaction.
///
/// # Errors
/// [`UnitError`].
pub async fn status(gateway: &Http, id: Id) -> Result<Status, UnitError> {
    let response = gateway.get(&format!("tx/{id}/status")).await?;
    read_status(&response)
}

#[derive(Deserialize)]
struct Included {
    block_height: u64,
    number_of_confirmations: u64,
}

fn read_status(response: &Response) -> Result<Status, UnitError> {
    if response.status == 202 {
        return Ok(Status::Pending);
    }
    let status = |Included { block_height: height, number_of_confirmations: confirmations }| Status::Included {
        height,
        confirmations,
    };
    Ok(value::<Included>(response)?.map_or(Status::Unknown, status))
}

/// A transaction with its data, verified.
///
/// # Errors
/// [`UnitError`]; [`CallError::Behind`] where the gateway does not know it, [`CallError::Garbage`] for what nobody signed.
pub async fn transaction(gateway: &Http, id: Id) -> Result<Transaction, UnitError> {
    let unknown = || CallError::Behind(format!("transaction {id} is not known, or waits for a block"));
    let response = gateway.get(&format!("tx/{id}")).await?;
    // A node that has it, and not in a block yet, says so with 202 and no transaction.
    if matches!(response.status, 202 | 404) {
        return Err(unknown());
    }
    let mut found = read_transaction(&response)?;
    if found.data().is_empty() {
        let data = gateway.get(&format!("tx/{id}/data")).await?;
        found = found.with_data(read_data(&data)?.ok_or_else(unknown)?);
    }
    let garbage = |why: String| CallError::Garbage(format!("transaction {id}: {why}"));
    if found.id() != id {
        return Err(garbage(format!("{} came instead", found.id())));
    }
    found.verify().map_err(|error| garbage(error.to_string()))?;
    Ok(found)
}

fn read_transaction(response: &Response) -> Result<Transaction, UnitError> {
    text(response)?;
    Transaction::decode(&response.body).map_err(|error| CallError::Garbage(error.to_string()))
}

fn read_data(response: &Response) -> Result<Option<Vec<u8>>, UnitError> {
    if response.status == 404 {
        return Ok(None);
    }
    // Four letters for three bytes.
    let text = text(response)?;
    if text.len() / 4 > MAX_DATA / 3 {
        return Err(CallError::Garbage(format!("{} letters of data, more than is looked at", text.len())));
    }
    let data = BASE64_URL_SAFE_NO_PAD.decode(text);
    data.map(Some).map_err(|error| CallError::Garbage(format!("not data: {error}")))
}

/// The text of a good answer.
fn text(response: &Response) -> Result<&str, UnitError> {
    match response.status {
        200..300 => std::str::from_utf8(&response.body)
            .map(str::trim)
            .map_err(|_| CallError::Garbage("an answer that is no text".to_owned())),
        400..500 => Err(CallError::Fault(said(response))),
        _ => Err(CallError::Transport(said(response))),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn response(status: u16, body: impl AsRef<[u8]>) -> Response {
        Response { status, body: body.as_ref().to_vec() }
    }

    #[test]
    fn a_transaction_is_unknown_waits_or_is_in_a_block() {
        assert_eq!(read_status(&response(404, "Not Found.")), Ok(Status::Unknown));
        assert_eq!(read_status(&response(202, "Pending")), Ok(Status::Pending));
        let body = r#"{"block_height":7,"block_indep_hash":"x","number_of_confirmations":3}"#;
        assert_eq!(read_status(&response(200, body)), Ok(Status::Included { height: 7, confirmations: 3 }));
        assert!(matches!(read_status(&response(200, "<html>")), Err(CallError::Garbage(_))));
        assert!(matches!(read_status(&response(503, "down")), Err(CallError::Transport(_))));
    }

    #[test]
    fn amounts_and_blocks_are_what_they_are_or_an_error() {
        assert_eq!(winstons(&response(200, "1000000000000\n")), Ok(1_000_000_000_000));
        for wrong in ["", "-1", "1.5", "1e9", "0x10", "\u{663}"] {
            assert!(matches!(winstons(&response(200, wrong)), Err(CallError::Garbage(_))), "{wrong:?}");
        }
        assert_eq!(read_anchor(&response(200, "A".repeat(64))), Ok(vec![0; 48]));
        assert!(matches!(read_anchor(&response(200, "A".repeat(40))), Err(CallError::Garbage(_))));
    }

    proptest! {
        #[test]
        fn any_answer_is_a_value_or_an_error(status in 100_u16..600, body in prop::collection::vec(any::<u8>(), 0..200)) {
            let answer = response(status, &body);
            let _ = (read_status(&answer), winstons(&answer), read_anchor(&answer));
            let _ = (read_transaction(&answer).map(|found| found.verify()), read_data(&answer));
        }
    }
}
