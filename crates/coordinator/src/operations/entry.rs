//! An open operation as the daemon holds it in memory.

use tim3_chain::FinalEvent;
use tim3_domain::{
    identity::{MarketId, OperationId},
    lifecycle::Leg,
    protocol::{Action, OrderContent},
};
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

    /// What closed the slot at the destination as evidence, once it is proved.
    #[must_use]
    pub fn closed(&self) -> Option<FinalEvent> {
        let closed = self.record.closed.clone()?;
        Some(FinalEvent::from_journal(self.record.operation.destination, closed))
    }

    /// What the leg's order does, and with what.
    #[must_use]
    pub fn order(&self, leg: Leg) -> (Action, OrderContent) {
        let operation = self.record.operation.clone();
        match self.record.orphan().filter(|_| leg == Leg::Refund) {
            Some((orphan, orphan_amount)) => {
                // A transfer has no market: the loss stands under the synthetic's own id, at the origin of the refund.
                let market = if operation.market.0.is_zero() { MarketId(operation.asset.0) } else { operation.market };
                (Action::Conflict, OrderContent::Conflict { operation, orphan, market, orphan_amount })
            }
            None => (leg.action(operation.kind), OrderContent::Operation(operation)),
        }
    }
}
