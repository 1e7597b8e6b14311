//! One list of changes against the tables of one transaction: first all of it is checked, then all of it is written.

use std::collections::{BTreeMap, HashMap};

use redb::WriteTransaction;
use tim3_domain::{
    identity::{GatewayId, OperationId},
    lifecycle::Phase,
    place::{Located, TxId},
    protocol::MirrorRecord,
    word::Word,
};

use crate::{
    Change, Cursor, EarlyFact, JournalError, OperationRecord, SentTransaction, SignatureKey, SignatureRecord,
    TimelineEntry,
    table::{
        BY_TIME, CURSORS, EARLY, KEEPER, KEEPER_LEDGER, MIRRORED, NOTES, OPEN, OPERATIONS, POSITIONS, PositionKey,
        SIGNATURES, TIMELINE, TRANSACTIONS, WriteRows,
    },
};

/// Every table, open in one write transaction.
pub(crate) struct Tables<'t> {
    operations: WriteRows<'t, OperationId, OperationRecord>,
    open: WriteRows<'t, OperationId, ()>,
    by_time: WriteRows<'t, (u64, OperationId), ()>,
    timeline: WriteRows<'t, (OperationId, u32), TimelineEntry>,
    cursors: WriteRows<'t, GatewayId, Cursor>,
    early: WriteRows<'t, (OperationId, u32), EarlyFact>,
    transactions: WriteRows<'t, (String, TxId), SentTransaction>,
    signatures: WriteRows<'t, SignatureKey, SignatureRecord>,
    positions: WriteRows<'t, PositionKey, (GatewayId, Located)>,
    mirrored: WriteRows<'t, (GatewayId, PositionKey), MirrorRecord>,
    notes: WriteRows<'t, String, String>,
    keeper: WriteRows<'t, u64, String>,
    keeper_ledger: WriteRows<'t, u64, String>,
}

/// A list that may be written.
pub(crate) struct Checked<'c> {
    changes: &'c [Change],
    /// In the order of the rows, so that neighbours are written one after the other.
    operations: BTreeMap<OperationId, Newest<'c>>,
}

/// What a list makes of an operation.
struct Newest<'c> {
    /// The last of its records.
    record: &'c OperationRecord,
    before: Before,
}

/// What the tables say about an operation before the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    Unknown,
    Open,
    Ended,
}

impl Before {
    fn of(phase: &Phase) -> Self {
        if phase.is_terminal() { Self::Ended } else { Self::Open }
    }
}

impl<'t> Tables<'t> {
    /// Opens the tables, and makes those that do not exist.
    pub(crate) fn open(transaction: &'t WriteTransaction) -> Result<Self, JournalError> {
        Ok(Self {
            operations: OPERATIONS.write(transaction)?,
            open: OPEN.write(transaction)?,
            by_time: BY_TIME.write(transaction)?,
            timeline: TIMELINE.write(transaction)?,
            cursors: CURSORS.write(transaction)?,
            early: EARLY.write(transaction)?,
            transactions: TRANSACTIONS.write(transaction)?,
            signatures: SIGNATURES.write(transaction)?,
            positions: POSITIONS.write(transaction)?,
            mirrored: MIRRORED.write(transaction)?,
            notes: NOTES.write(transaction)?,
            keeper: KEEPER.write(transaction)?,
            keeper_ledger: KEEPER_LEDGER.write(transaction)?,
        })
    }

    /// Whether the list may be written: each phase follows from the one before it, and no signature contradicts another.
    pub(crate) fn check<'c>(&self, changes: &'c [Change]) -> Result<Checked<'c>, JournalError> {
        // What earlier changes of the same list will have made of the tables.
        let mut operations: BTreeMap<OperationId, Newest<'c>> = BTreeMap::new();
        let mut contents: HashMap<SignatureKey, Word> = HashMap::new();
        for change in changes {
            match change {
                Change::Operation(record) => {
                    let id = record.operation.id();
                    let stored;
                    let (before, from) = match operations.get(&id) {
                        Some(newest) => (newest.before, &newest.record.phase),
                        None => {
                            stored = self.operations.get(&id)?.map(|stored| stored.phase);
                            let before = stored.as_ref().map_or(Before::Unknown, Before::of);
                            (before, stored.as_ref().unwrap_or(&Phase::Observed))
                        }
                    };
                    if !from.can_become(&record.phase) {
                        return Err(JournalError::Transition {
                            operation: id,
                            from: from.name(),
                            to: record.phase.name(),
                        });
                    }
                    operations.insert(id, Newest { record, before });
                }
                Change::Signature(key, record) => {
                    let stored = match contents.get(key) {
                        Some(content) => Some(*content),
                        None => self.signatures.get(key)?.map(|stored| stored.content),
                    };
                    if let Some(stored) = stored.filter(|stored| *stored != record.content) {
                        let refused = record.content;
                        return Err(JournalError::Conflict { key: Box::new(*key), stored, refused });
                    }
                    contents.insert(*key, record.content);
                }
                _ => {}
            }
        }
        Ok(Checked { changes, operations })
    }

    /// Writes a list that was checked. An error leaves a part of it in the transaction, which must not be committed then.
    pub(crate) fn write(&mut self, checked: &Checked<'_>) -> Result<(), JournalError> {
        checked.changes.iter().try_for_each(|change| self.write_one(change))?;
        checked.operations.iter().try_for_each(|(id, newest)| self.write_operation(*id, newest))
    }

    fn write_one(&mut self, change: &Change) -> Result<(), JournalError> {
        match change {
            // Only the newest record of each, at the end.
            Change::Operation(_) => Ok(()),
            Change::Timeline(id, entry) => self.timeline.push(*id, entry),
            Change::Cursor(gateway, cursor) => self.cursors.put(gateway, cursor),
            Change::Early(id, fact) => {
                let known = self.early.under(id)?;
                if known.iter().any(|(_, other)| other == fact) { Ok(()) } else { self.early.push(*id, fact) }
            }
            Change::EarlyDone(id) => {
                let done = self.early.under(id)?;
                done.iter().try_for_each(|(key, _)| self.early.remove(key))
            }
            Change::Transaction(sent) => self.transactions.put(&(sent.chain.clone(), sent.id.clone()), sent),
            Change::TransactionDone(chain, id) => self.transactions.remove(&(chain.clone(), id.clone())),
            Change::Signature(key, record) => self.signatures.put(key, record),
            Change::Position { home, event } => self.write_position(*home, event),
            Change::Mirrored { peer, record } => {
                self.mirrored.put(&(*peer, (record.position.market, record.position.owner)), record)
            }
            Change::Note(name, value) => self.notes.put(name, value),
            Change::Keeper(number, line) => self.keeper.put(number, line),
            Change::KeeperEntry(number, entry) => self.keeper_ledger.put(number, entry),
            Change::KeeperForget { below } => self.keeper.remove_below(below),
        }
    }

    fn write_operation(&mut self, id: OperationId, newest: &Newest<'_>) -> Result<(), JournalError> {
        let Newest { record, before } = *newest;
        self.operations.put(&id, record)?;
        if before == Before::Unknown {
            self.by_time.put(&(record.operation.timestamp, id), &())?;
        }
        match (before, record.phase.is_terminal()) {
            (Before::Open, false) | (Before::Unknown | Before::Ended, true) => Ok(()),
            (Before::Unknown | Before::Ended, false) => self.open.put(&id, &()),
            (Before::Open, true) => self.open.remove(&id),
        }
    }

    fn write_position(&mut self, home: GatewayId, located: &Located) -> Result<(), JournalError> {
        let Some(position) = located.event.body.position() else { return Ok(()) };
        let key = (position.market, position.owner);
        match self.positions.get(&key)? {
            Some((_, newer)) if newer.event.sequence > located.event.sequence => Ok(()),
            _ => self.positions.put(&key, &(home, located.clone())),
        }
    }
}
