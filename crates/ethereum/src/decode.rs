//! From the logs of an endpoint to events and skips. Total: whatever an endpoint sends, the result is a record or an error.

use alloy::{primitives::Address, rpc::types::Log, sol_types::SolEvent};
use thiserror::Error;
use tim3_chain::{BlockRef, Located, Skip, TxId};
use tim3_domain::{
    DomainError,
    protocol::{Action, Event, EventBody, OrderCode},
    word::words_of,
};

use crate::{
    abi::{self, Gateway},
    reason,
};

/// A log that is not what a gateway writes.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadLog {
    /// Of another contract, or of none.
    #[error("a log of {0} where the gateway's were asked for")]
    Address(Address),
    /// Without its place in the chain.
    #[error("a log without {0}")]
    Place(&'static str),
    /// Of blocks that were not asked for.
    #[error("a log of block {0}, which was not asked for")]
    Height(u64),
    /// Topics or data of another shape.
    #[error("a log that does not decode: {0}")]
    Shape(String),
    /// Fields out of their range.
    #[error("event {sequence}: {error}")]
    Fields {
        /// The event.
        sequence: u64,
        /// Which field.
        error: DomainError,
    },
    /// A number that names no action or code.
    #[error("a skip with action {action} and code {code}")]
    Skip {
        /// The action.
        action: u8,
        /// The code.
        code: u8,
    },
}

/// A log, read.
#[expect(clippy::large_enum_variant, reason = "nearly all are events")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Read {
    /// A sequenced event.
    Event(Located),
    /// An order that changed nothing.
    Skip(Skip),
    /// A log that is none of the two: of the gateway's administration, or removed by a reorganisation.
    Other,
}

/// Reads one log of `gateway` from the blocks `first` to `last`.
///
/// # Errors
/// [`BadLog`] saying what is wrong with it.
pub fn read(log: &Log, gateway: Address, first: u64, last: u64) -> Result<Read, BadLog> {
    if log.removed {
        return Ok(Read::Other);
    }
    if log.address() != gateway {
        return Err(BadLog::Address(log.address()));
    }
    let height = log.block_number.ok_or(BadLog::Place("block number"))?;
    if !(first..=last).contains(&height) {
        return Err(BadLog::Height(height));
    }
    let hash = abi::word(log.block_hash.ok_or(BadLog::Place("block hash"))?);
    let transaction = TxId(log.transaction_hash.ok_or(BadLog::Place("transaction hash"))?.to_string());
    let block = BlockRef { height, hash, timestamp: log.block_timestamp.unwrap_or_default() };
    match log.topic0() {
        Some(topic) if *topic == Gateway::Event::SIGNATURE_HASH => event(log, block, transaction).map(Read::Event),
        Some(topic) if *topic == Gateway::Skipped::SIGNATURE_HASH => skip(log, block, transaction).map(Read::Skip),
        _ => Ok(Read::Other),
    }
}

fn event(log: &Log, block: BlockRef, transaction: TxId) -> Result<Located, BadLog> {
    let raw = decoded::<Gateway::Event>(log)?;
    let fields = |error| BadLog::Fields { sequence: raw.sequence, error };
    let words = words_of("event body", &raw.body).map_err(fields)?;
    let body = EventBody::decode(raw.kind, &words).map_err(fields)?;
    let event = Event { sequence: raw.sequence, timestamp: raw.timestamp, body };
    // The gateway's time is its block's; not every endpoint says the block's in a log.
    Ok(Located { event, block: BlockRef { timestamp: raw.timestamp, ..block }, transaction })
}

fn skip(log: &Log, block: BlockRef, transaction: TxId) -> Result<Skip, BadLog> {
    let raw = decoded::<Gateway::Skipped>(log)?;
    let wrong = BadLog::Skip { action: raw.action, code: raw.code };
    let (Some(action), Ok(code)) = (action(raw.action), OrderCode::from_code(raw.code)) else { return Err(wrong) };
    if code == OrderCode::Done {
        return Err(wrong);
    }
    Ok(Skip { transaction, block, content: abi::word(raw.content), action, code, reason: reason::decode(&raw.reason) })
}

fn decoded<E: SolEvent>(log: &Log) -> Result<E, BadLog> {
    E::decode_log_data_validate(log.data()).map_err(|error| BadLog::Shape(error.to_string()))
}

fn action(code: u8) -> Option<Action> {
    use Action::{Conflict, Mint, Mirror, Refund, Release, Resend, Void};
    [Mint, Release, Void, Refund, Conflict, Mirror, Resend].into_iter().find(|action| action.code() == code)
}

#[cfg(test)]
mod tests;
