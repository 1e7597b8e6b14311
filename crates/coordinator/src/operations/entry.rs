//! An open operation as the daemon holds it in memory.

use tim3_chain::FinalEvent;
use tim3_domain::identity::OperationId;
use tim3_journal::OperationRecord;

/// The journaled record and what follows from it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its name, derived from the record once.
    pub id: OperationId,
    /// What the journal has.
    pub record: OperationRecord,
    /// When it was first seen, in milliseconds since 1970; unknown after a restart.
    pub seen_ms: Option<u64>,
    /// An operator let it pass.
    pub approved: bool,
    /// Its origin event, outcome and refund were told since the daemon started: what was not is looked for after a restart.
    pub told: Told,
}

/// Which of an operation's events a watcher has told of since start.
#[derive(Clone, Copy, Debug, Default)]
pub struct Told {
    /// The lock or burn.
    pub origin: bool,
    /// Minted, Released or Voided.
    pub destination: bool,
    /// Refunded.
    pub refund: bool,
}

impl Entry {
    /// The entry of a record.
    #[must_use]
    pub fn new(record: OperationRecord) -> Self {
        Self { id: record.operation.id(), record, seen_ms: None, approved: false, told: Told::default() }
    }

    /// The origin event as evidence, once it is proved.
    #[must_use]
    pub fn origin(&self) -> Option<FinalEvent> {
        self.record
            .origin_proved
            .then(|| FinalEvent::from_journal(self.record.operation.origin, self.record.origin.clone()))
    }

    /// `Voided` as evidence, once it is proved.
    #[must_use]
    pub fn voided(&self) -> Option<FinalEvent> {
        let voided = self.record.voided.clone()?;
        Some(FinalEvent::from_journal(self.record.operation.destination, voided))
    }
}
