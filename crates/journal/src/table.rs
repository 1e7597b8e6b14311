//! The tables of the file, and typed access to their rows.

use std::{fmt, marker::PhantomData};

use redb::{ReadOnlyTable, ReadTransaction, ReadableTable, TableDefinition, WriteTransaction};
use serde::{Serialize, de::DeserializeOwned};
use tim3_domain::{
    identity::{Account, GatewayId, MarketId, OperationId},
    place::{Located, TxId},
    protocol::MirrorRecord,
};

use crate::{
    Cursor, EarlyFact, JournalError, OperationRecord, SentTransaction, SignatureKey, SignatureRecord, TimelineEntry,
    key::Key,
};

/// Which position: a market lives on one home, so this names the home as well.
pub(crate) type PositionKey = (MarketId, Account);

pub(crate) const OPERATIONS: Table<OperationId, OperationRecord> = Table::new("operations");
/// Index: the operations whose phase is not terminal.
pub(crate) const OPEN: Table<OperationId, ()> = Table::new("open");
/// Index: every operation by its timestamp at the origin.
pub(crate) const BY_TIME: Table<(u64, OperationId), ()> = Table::new("by_time");
/// Lines are numbered from 0 for each operation.
pub(crate) const TIMELINE: Table<(OperationId, u32), TimelineEntry> = Table::new("timeline");
pub(crate) const CURSORS: Table<GatewayId, Cursor> = Table::new("cursors");
/// Early outcomes are numbered for each operation.
pub(crate) const EARLY: Table<(OperationId, u32), EarlyFact> = Table::new("early");
pub(crate) const TRANSACTIONS: Table<(String, TxId), SentTransaction> = Table::new("transactions");
pub(crate) const SIGNATURES: Table<SignatureKey, SignatureRecord> = Table::new("signatures");
pub(crate) const POSITIONS: Table<PositionKey, (GatewayId, Located)> = Table::new("positions");
pub(crate) const MIRRORED: Table<(GatewayId, PositionKey), MirrorRecord> = Table::new("mirrored");
pub(crate) const NOTES: Table<String, String> = Table::new("notes");
/// Lines are numbered from 0; the oldest go.
pub(crate) const KEEPER: Table<u64, String> = Table::new("keeper");
/// Entries are numbered from 0, and stay.
pub(crate) const KEEPER_LEDGER: Table<u64, String> = Table::new("keeper_ledger");

/// Something that is done with every table that holds records, that is with all but the indices.
pub(crate) trait Visit {
    /// Does it with one table.
    fn visit<K: Key, V: Serialize + DeserializeOwned>(&mut self, table: &Table<K, V>) -> Result<(), JournalError>;

    /// Does it with each.
    fn visit_all(&mut self) -> Result<(), JournalError> {
        self.visit(&OPERATIONS)?;
        self.visit(&TIMELINE)?;
        self.visit(&CURSORS)?;
        self.visit(&EARLY)?;
        self.visit(&TRANSACTIONS)?;
        self.visit(&SIGNATURES)?;
        self.visit(&POSITIONS)?;
        self.visit(&MIRRORED)?;
        self.visit(&NOTES)?;
        self.visit(&KEEPER)?;
        self.visit(&KEEPER_LEDGER)
    }
}

type Bytes = &'static [u8];

/// A table by name and by what its keys and values mean.
pub(crate) struct Table<K, V> {
    pub(crate) name: &'static str,
    types: PhantomData<fn() -> (K, V)>,
}

impl<K: Key, V: Serialize + DeserializeOwned> Table<K, V> {
    const fn new(name: &'static str) -> Self {
        Self { name, types: PhantomData }
    }

    pub(crate) fn read(
        &self,
        transaction: &ReadTransaction,
    ) -> Result<Rows<ReadOnlyTable<Bytes, Bytes>, K, V>, JournalError> {
        let rows = transaction.open_table(TableDefinition::new(self.name)).map_err(failed)?;
        Ok(Rows { name: self.name, rows, types: PhantomData })
    }

    /// Opens the table for writing, and makes it where it does not exist.
    pub(crate) fn write<'t>(&self, transaction: &'t WriteTransaction) -> Result<WriteRows<'t, K, V>, JournalError> {
        let rows = transaction.open_table(TableDefinition::new(self.name)).map_err(failed)?;
        Ok(Rows { name: self.name, rows, types: PhantomData })
    }
}

/// An open table.
pub(crate) struct Rows<T, K, V> {
    name: &'static str,
    rows: T,
    types: PhantomData<fn() -> (K, V)>,
}

/// A table that is open for writing.
pub(crate) type WriteRows<'t, K, V> = Rows<redb::Table<'t, Bytes, Bytes>, K, V>;

/// A row as it was found.
pub(crate) struct Row<K, V> {
    /// The key in hexadecimal.
    pub(crate) name: String,
    /// What it says, or what is wrong with it.
    pub(crate) content: Result<(K, V), JournalError>,
}

impl<T: ReadableTable<Bytes, Bytes>, K: Key, V: Serialize + DeserializeOwned> Rows<T, K, V> {
    pub(crate) fn get(&self, key: &K) -> Result<Option<V>, JournalError> {
        let value = self.rows.get(key.bytes().as_slice()).map_err(failed)?;
        value.map(|value| self.decode(value.value())).transpose()
    }

    /// Whether there is a row, decodable or not.
    pub(crate) fn has(&self, key: &K) -> Result<bool, JournalError> {
        Ok(self.rows.get(key.bytes().as_slice()).map_err(failed)?.is_some())
    }

    /// The rows whose keys start with `prefix`, in the order of their keys.
    pub(crate) fn under(&self, prefix: &impl Key) -> Result<Vec<(K, V)>, JournalError> {
        let prefix = prefix.bytes();
        let mut found = Vec::new();
        for row in self.rows.range(prefix.as_slice()..).map_err(failed)? {
            let (key, value) = row.map_err(failed)?;
            if !key.value().starts_with(&prefix) {
                break;
            }
            found.push(self.row(key.value(), value.value())?);
        }
        Ok(found)
    }

    /// Up to `limit` keys below `end`, greatest first.
    pub(crate) fn keys_below(&self, end: Option<&K>, limit: usize) -> Result<Vec<K>, JournalError> {
        let rows = match end {
            Some(end) => self.rows.range(..end.bytes().as_slice()),
            None => self.rows.iter(),
        };
        let keys = rows.map_err(failed)?.rev().take(limit);
        keys.map(|row| row.map_err(failed).and_then(|(key, _)| self.key(key.value()))).collect()
    }

    /// Up to `limit` rows from `start` on, in the order of their keys.
    pub(crate) fn from(&self, start: &K, limit: usize) -> Result<Vec<(K, V)>, JournalError> {
        let rows = self.rows.range(start.bytes().as_slice()..).map_err(failed)?.take(limit);
        rows.map(|row| row.map_err(failed).and_then(|(key, value)| self.row(key.value(), value.value()))).collect()
    }

    /// Every row; `Err` only where the file itself cannot be read.
    pub(crate) fn all(&self) -> Result<impl Iterator<Item = Result<Row<K, V>, JournalError>>, JournalError> {
        let rows = self.rows.iter().map_err(failed)?;
        Ok(rows.map(|row| {
            let (key, value) = row.map_err(failed)?;
            Ok(Row { name: hex::encode(key.value()), content: self.row(key.value(), value.value()) })
        }))
    }

    fn row(&self, key: &[u8], value: &[u8]) -> Result<(K, V), JournalError> {
        Ok((self.key(key)?, self.decode(value)?))
    }

    fn key(&self, key: &[u8]) -> Result<K, JournalError> {
        K::parse(key).ok_or_else(|| self.damaged(format!("0x{} is no key", hex::encode(key))))
    }

    fn decode(&self, value: &[u8]) -> Result<V, JournalError> {
        match postcard::take_from_bytes(value) {
            Ok((value, [])) => Ok(value),
            Ok((_, rest)) => Err(self.damaged(format!("{} bytes are left behind the record", rest.len()))),
            Err(error) => Err(self.damaged(error.to_string())),
        }
    }

    fn damaged(&self, detail: String) -> JournalError {
        JournalError::Damaged { table: self.name, detail }
    }
}

impl<P: Key + Copy + PartialEq, V: Serialize + DeserializeOwned> WriteRows<'_, (P, u32), V> {
    /// Adds a row behind the last one under `prefix`, from 0. At the last number the last row is replaced.
    pub(crate) fn push(&mut self, prefix: P, value: &V) -> Result<(), JournalError> {
        let last = self.keys_below(Some(&(prefix, u32::MAX)), 1)?;
        let next = match last.first() {
            Some((owner, n)) if *owner == prefix => n.saturating_add(1),
            _ => 0,
        };
        self.put(&(prefix, next), value)
    }
}

impl<K: Key, V: Serialize + DeserializeOwned> WriteRows<'_, K, V> {
    pub(crate) fn put(&mut self, key: &K, value: &V) -> Result<(), JournalError> {
        let value = postcard::to_stdvec(value).map_err(failed)?;
        self.rows.insert(key.bytes().as_slice(), value.as_slice()).map_err(failed)?;
        Ok(())
    }

    /// Removes every row whose key is below `end`.
    pub(crate) fn remove_below(&mut self, end: &K) -> Result<(), JournalError> {
        self.rows.retain_in(..end.bytes().as_slice(), |_, _| false).map_err(failed)
    }

    pub(crate) fn remove(&mut self, key: &K) -> Result<(), JournalError> {
        self.rows.remove(key.bytes().as_slice()).map_err(failed)?;
        Ok(())
    }
}

/// The file could not be used; the writer turns this into [`JournalError::Write`].
pub(crate) fn failed(error: impl fmt::Display) -> JournalError {
    JournalError::Read(error.to_string())
}
