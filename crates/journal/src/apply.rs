//! One list of changes against the tables of one transaction: first all of it is checked, then all of it is written.

use std::collections::HashMap;

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
        BY_TIME, CURSORS, EARLY, MIRRORED, NOTES, OPEN, OPERATIONS, POSITIONS, PositionKey, SIGNATURES, TIMELINE,
        TRANSACTIONS, WriteRows,
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
        })
    }

    /// Whether the list may be written: each phase follows from the one before it, and no signature contradicts another.
    pub(crate) fn check(&self, changes: &[Change]) -> Result<(), JournalError> {
        // What earlier changes of the same list will have made of the tables.
        let mut phases: HashMap<OperationId, Phase> = HashMap::new();
        let mut contents: HashMap<SignatureKey, Word> = HashMap::new();
        for change in changes {
            match change {
                Change::Operation(record) => {
                    let id = record.operation.id();
                    let from = match phases.remove(&id) {
                        Some(phase) => phase,
                        None => self.operations.get(&id)?.map_or(Phase::Observed, |stored| stored.phase),
                    };
                    if !from.can_become(&record.phase) {
                        return Err(JournalError::Transition {
                            operation: id,
                            from: from.name(),
                            to: record.phase.name(),
                        });
                    }
                    phases.insert(id, record.phase.clone());
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
        Ok(())
    }

    /// Writes a list that was checked. An error leaves a part of it in the transaction, which must not be committed then.
    pub(crate) fn write(&mut self, changes: &[Change]) -> Result<(), JournalError> {
        changes.iter().try_for_each(|change| self.write_one(change))
    }

    fn write_one(&mut self, change: &Change) -> Result<(), JournalError> {
        match change {
            Change::Operation(record) => self.write_operation(record),
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
        }
    }

    fn write_operation(&mut self, record: &OperationRecord) -> Result<(), JournalError> {
        let id = record.operation.id();
        self.operations.put(&id, record)?;
        self.by_time.put(&(record.operation.timestamp, id), &())?;
        if record.phase.is_terminal() { self.open.remove(&id) } else { self.open.put(&id, &()) }
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
