//! The daemon's memory: what it must know again after `kill -9`.
//!
//! [`record`] says what is kept, [`Journal`] how it is written: a list of [`Change`]s is durable as a whole before [`Journal::commit`]
//! returns, and many callers' lists share one fsync; with [`Journal::queue`] a list has its place at once, and may wait for others to share
//! theirs. A failed write is fatal: every later call fails with the same error.
//!
//! The file has a [`FORMAT_VERSION`], and one process at a time may have it open. Of a file that nobody has open, [`verify`] tells whether it is
//! sound and [`export`] tells everything in it.
//!
//! What does not live here: what any of it means. Chains are the truth about outcomes; the journal is the truth about what this daemon
//! signed, sent and decided.

mod apply;
pub mod error;
mod file;
mod hexadecimal;
mod inspect;
mod key;
pub mod record;
pub mod store;
mod table;
mod writer;

pub use error::JournalError;
pub use file::FORMAT_VERSION;
pub use inspect::{Problem, Verification, export, verify};
pub use record::{
    Change, Cursor, EarlyFact, OperationRecord, OrderRef, SentTransaction, SignatureKey, SignatureRecord, TimelineEntry,
};
pub use store::{Durable, Journal, RedbJournal};
pub use writer::{GroupCommit, Observer};

#[cfg(test)]
extern crate self as tim3_journal;
#[cfg(test)]
mod tests;
