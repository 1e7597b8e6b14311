//! The scheduler: which message of a process came when. Its word on that is trusted on AO.

use serde::Deserialize;
use serde_json::Value;
use tim3_chain::BlockRef;
use tim3_rpc::{CallError, Http};

use super::{UnitError, value};
use crate::{
    ans104::{Tag, tags},
    id::Id,
};

/// Messages in one page, at most.
pub const PAGE: u64 = 100;

/// A message in its place in a process's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scheduled {
    /// Its number in the process.
    pub nonce: u64,
    /// The scheduler's time, in milliseconds.
    pub timestamp_ms: u64,
    /// The message.
    pub id: Id,
    /// Who signed it: for what a process sent, the authority. Empty where the scheduler does not say.
    pub signer: String,
    /// Its tags as the sender gave them.
    pub tags: Vec<Tag>,
    /// Its data, where that is a text.
    pub data: String,
    /// The scheduler's signed word on it, which it lays down on Arweave.
    pub assignment: Id,
}

impl Scheduled {
    /// What stands for a block.
    #[must_use]
    pub fn block(&self) -> BlockRef {
        let timestamp = self.timestamp_ms.checked_div(1000).unwrap_or_default();
        BlockRef { height: self.nonce, hash: self.id.word(), timestamp }
    }

    /// The value of its first tag of this name.
    #[must_use]
    pub fn tag(&self, name: &str) -> Option<&str> {
        tags::find(&self.tags, name)
    }
}

#[derive(Deserialize)]
struct Node {
    message: Message,
    assignment: Assignment,
}

#[derive(Deserialize)]
struct Message {
    id: Id,
    #[serde(default)]
    tags: Vec<Tag>,
    #[serde(default)]
    owner: Option<Owner>,
    #[serde(default)]
    data: Option<String>,
}

#[derive(Deserialize)]
struct Owner {
    #[serde(default)]
    address: String,
}

#[derive(Deserialize)]
struct Assignment {
    id: Id,
    tags: Vec<Tag>,
}

#[derive(Deserialize)]
struct Edge {
    node: Node,
}

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    edges: Vec<Edge>,
}

impl TryFrom<Node> for Scheduled {
    type Error = UnitError;

    fn try_from(Node { message, assignment }: Node) -> Result<Self, UnitError> {
        let number = |name: &str| {
            let text = tags::find(&assignment.tags, name);
            text.and_then(|text| text.parse().ok())
                .ok_or_else(|| CallError::Garbage(format!("assignment {} has no number in {name}", assignment.id)))
        };
        Ok(Self {
            nonce: number("Nonce")?,
            timestamp_ms: number("Timestamp")?,
            id: message.id,
            signer: message.owner.map(|owner| owner.address).unwrap_or_default(),
            tags: message.tags,
            data: message.data.unwrap_or_default(),
            assignment: assignment.id,
        })
    }
}

/// The newest message of a process, or `None` where the process is not known.
///
/// # Errors
/// [`UnitError`].
pub async fn latest(su: &Http, process: Id) -> Result<Option<Scheduled>, UnitError> {
    let found: Option<Node> = value(&su.get(&format!("{process}/latest")).await?)?;
    found.map(Scheduled::try_from).transpose()
}

#[derive(Deserialize)]
struct Clock {
    timestamp: Value,
}

/// What its clock shows, in seconds.
///
/// # Errors
/// [`UnitError`].
pub async fn now(su: &Http) -> Result<u64, UnitError> {
    let clock: Option<Clock> = value(&su.get("timestamp").await?)?;
    // Some say a number and some a text.
    let said = clock.map(|clock| clock.timestamp).unwrap_or_default();
    let milliseconds = said.as_u64().or_else(|| said.as_str()?.parse().ok());
    let milliseconds = milliseconds.ok_or_else(|| CallError::Garbage(format!("{said} is no time")))?;
    Ok(milliseconds / 1_000)
}

/// A message by its id, or `None` where it is not scheduled.
///
/// # Errors
/// [`UnitError`].
pub async fn message(su: &Http, process: Id, message: Id) -> Result<Option<Scheduled>, UnitError> {
    let found: Option<Node> = value(&su.get(&format!("{message}?process-id={process}")).await?)?;
    let found = found.map(Scheduled::try_from).transpose()?;
    match found {
        Some(found) if found.id != message => {
            Err(CallError::Garbage(format!("asked for message {message}, answered with {}", found.id)))
        }
        found => Ok(found),
    }
}

/// The messages of a process with the numbers `first` to `last`, [`PAGE`] at most, as far as they are there.
///
/// # Errors
/// [`CallError::Garbage`] where they are not the dense run that was asked for.
pub async fn history(su: &Http, process: Id, first: u64, last: u64) -> Result<Vec<Scheduled>, UnitError> {
    let last = last.min(first.saturating_add(PAGE).saturating_sub(1));
    let limit = last.saturating_sub(first).saturating_add(1);
    // `from` is not in the page.
    let from = first.checked_sub(1).map_or_else(String::new, |from| format!("from={from}&"));
    let page: Option<Page> = value(&su.get(&format!("{process}?{from}to={last}&limit={limit}")).await?)?;
    let page = page.ok_or_else(|| CallError::Behind(format!("process {process} is not known")))?;
    let found: Vec<Scheduled> = page.edges.into_iter().map(|edge| edge.node.try_into()).collect::<Result<_, _>>()?;
    let dense = found.iter().zip(first..=last).all(|(found, nonce)| found.nonce == nonce);
    if !dense || u64::try_from(found.len()).unwrap_or(u64::MAX) > limit {
        let nonces: Vec<u64> = found.iter().map(|found| found.nonce).take(8).collect();
        return Err(CallError::Garbage(format!("asked for messages {first} to {last}, the answer begins {nonces:?}")));
    }
    Ok(found)
}

#[cfg(test)]
pub(super) fn read(bytes: &[u8]) -> Result<Vec<Scheduled>, UnitError> {
    let page: Option<Page> = value(&tim3_rpc::Response { status: 200, body: bytes.to_vec() })?;
    page.into_iter().flat_map(|page| page.edges).map(|edge| edge.node.try_into()).collect()
}
