//! The events of some messages, and the orders that messages carried in vain.

use std::collections::BTreeMap;

use serde::Deserialize;
use tim3_chain::{Located, Skip, TxId};
use tim3_domain::protocol::{Event, EventBody, OrderCode};
use tim3_rpc::{CallError, Http};

use crate::{
    id::Id,
    link::{Link, garbage},
    orders::{Answer, Answers},
    units::{
        UnitError,
        compute::{self, Outcome},
        scheduler::Scheduled,
    },
    view::{Number, Query, view, words},
};

/// What one compute unit says about messages up to `last`.
pub(super) struct Page {
    pub(super) events: Vec<Located>,
    pub(super) skips: Vec<Skip>,
    pub(super) last: u64,
}

#[derive(Debug, Deserialize)]
struct Events {
    events: Vec<Record>,
    covered: Number<u64>,
}

#[derive(Debug, Deserialize)]
struct Record {
    sequence: Number<u64>,
    kind: Number<u8>,
    timestamp: Number<u64>,
    body: String,
    nonce: Number<u64>,
    message: Id,
}

impl Record {
    fn event(&self) -> Result<Event, String> {
        let words = words(&self.body).ok_or_else(|| "the body is no words".to_owned())?;
        let body = EventBody::decode(self.kind.0, &words).map_err(|error| error.to_string())?;
        Ok(Event { sequence: self.sequence.0, timestamp: self.timestamp.0, body })
    }
}

pub(super) async fn fetch(
    link: &Link,
    cu: &Http,
    messages: &[Scheduled],
    from: u64,
    to: u64,
) -> Result<Page, UnitError> {
    let query = Query::new("Events").with("From-Nonce", from).with("To-Nonce", to).with("Limit", 200);
    let answer: Events = view(cu, link.process(), &query).await?.since(from)?;
    let last = answer.covered.0.min(to);
    if last < from {
        return Err(CallError::Behind(format!("it covers messages up to {last}, asked for {from}")));
    }
    let known: BTreeMap<u64, &Scheduled> = messages.iter().map(|message| (message.nonce, message)).collect();
    let events = located(&answer.events, &known, from, last)?;
    let mut skips = Vec::new();
    // Only what executes orders tells what became of them.
    let executes = |message: &&&Scheduled| message.nonce <= last && message.tag("Action") == Some("Execute");
    for message in known.values().filter(executes) {
        let outcome = compute::result(cu, link.process(), message.id).await?;
        let outcome = outcome.ok_or_else(|| CallError::Behind(format!("no result of message {}", message.nonce)))?;
        skips.extend(skipped(message, &outcome));
    }
    Ok(Page { events, skips, last })
}

/// The events in their places. Each is of a message that the scheduler has under that number.
fn located(
    records: &[Record],
    messages: &BTreeMap<u64, &Scheduled>,
    from: u64,
    last: u64,
) -> Result<Vec<Located>, UnitError> {
    let mut events = Vec::with_capacity(records.len());
    for record in records {
        let (sequence, nonce) = (record.sequence.0, record.nonce.0);
        let message = messages.get(&nonce).filter(|message| message.id == record.message);
        let message = message.filter(|_| (from..=last).contains(&nonce)).ok_or_else(|| {
            garbage(format!(
                "event {sequence} is of message {} numbered {nonce}, which is none asked for",
                record.message
            ))
        })?;
        let event = record.event().map_err(|error| garbage(format!("event {sequence}: {error}")))?;
        events.push(Located { event, block: message.block(), transaction: TxId(message.id.to_string()) });
    }
    Ok(events)
}

/// The orders of a message that it did not execute. A hint: what is unreadable is left out.
fn skipped(message: &Scheduled, outcome: &Outcome) -> Vec<Skip> {
    let answer = outcome.action("Execute-Response");
    let answers: Option<Answers> = answer.and_then(|answer| serde_json::from_str(&answer.data).ok());
    let skip = |answer: &Answer| {
        let code = answer.code().filter(|code| *code != OrderCode::Done)?;
        let (content, action) = (answer.content?, answer.action()?);
        let (transaction, block) = (TxId(message.id.to_string()), message.block());
        Some(Skip { transaction, block, content, action, code, reason: answer.reason() })
    };
    answers.iter().flat_map(|answers| &answers.orders).filter_map(skip).collect()
}

#[cfg(test)]
mod tests;
