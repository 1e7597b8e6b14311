//! What the journal promises, on a disk that fails, stalls and loses power on demand.
#![expect(clippy::arithmetic_side_effects, reason = "small numbers of tests")]

mod disk;
mod durability;
mod inspection;
mod model;
mod opening;
mod rules;

#[path = "../tests/sample/mod.rs"]
mod sample;

use tim3_domain::lifecycle::Phase;

use crate::{Change, Journal, JournalError, RedbJournal};

/// Runs one commit to its end.
fn commit(journal: &RedbJournal, changes: Vec<Change>) -> Result<(), JournalError> {
    futures::executor::block_on(journal.commit(changes))
}

/// Settled by somebody else, seen in phase `was`.
fn included(was: Phase) -> Phase {
    Phase::SettledIncluded { was: Box::new(was) }
}
