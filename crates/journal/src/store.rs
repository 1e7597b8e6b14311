//! How the journal is read and written.

use async_trait::async_trait;
use tim3_domain::{
    identity::{GatewayId, OperationId},
    protocol::MirrorRecord,
};

use crate::{
    Change, Cursor, EarlyFact, JournalError, OperationRecord, SentTransaction, SignatureKey, SignatureRecord,
    TimelineEntry,
};

/// The port. Reads see everything that was committed; they are quick and may be made from async code.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Makes all of `changes` durable, in order, or fails for good. Concurrent callers share one fsync.
    async fn commit(&self, changes: Vec<Change>) -> Result<(), JournalError>;

    /// An operation's record.
    fn operation(&self, id: OperationId) -> Result<Option<OperationRecord>, JournalError>;

    /// Every operation whose phase is not terminal.
    fn open_operations(&self) -> Result<Vec<OperationRecord>, JournalError>;

    /// Up to `limit` operations, newest first, after `before` if given (exclusive).
    fn operations(&self, before: Option<OperationId>, limit: usize) -> Result<Vec<OperationRecord>, JournalError>;

    /// An operation's story, oldest line first.
    fn timeline(&self, id: OperationId) -> Result<Vec<TimelineEntry>, JournalError>;

    /// A gateway's cursor.
    fn cursor(&self, gateway: GatewayId) -> Result<Option<Cursor>, JournalError>;

    /// Every early outcome that is kept.
    fn early(&self) -> Result<Vec<(OperationId, EarlyFact)>, JournalError>;

    /// Every kept transaction of a chain, by nonce.
    fn transactions(&self, chain: &str) -> Result<Vec<SentTransaction>, JournalError>;

    /// What was signed under a key.
    fn signature(&self, key: &SignatureKey) -> Result<Option<SignatureRecord>, JournalError>;

    /// Every position's newest final version.
    fn positions(&self) -> Result<Vec<MirrorRecord>, JournalError>;

    /// Every version that `peer` is known to have.
    fn mirrored(&self, peer: GatewayId) -> Result<Vec<MirrorRecord>, JournalError>;

    /// A named value.
    fn note(&self, name: &str) -> Result<Option<String>, JournalError>;
}

/// The journal in one redb file.
#[derive(Debug)]
pub struct RedbJournal;
