//! A journal whose process dies at a chosen commit: before it is written, or after it is and before anybody hears of it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicI64, Ordering},
};

use async_trait::async_trait;
use tim3_domain::{
    identity::{GatewayId, OperationId},
    place::Located,
    protocol::MirrorRecord,
};
use tim3_journal::{
    Change, Cursor, EarlyFact, Journal, JournalError, OperationRecord, RedbJournal, SentTransaction, SignatureKey,
    SignatureRecord, TimelineEntry,
};

pub(crate) struct CrashingJournal {
    inner: Arc<RedbJournal>,
    /// Commits until the end; negative for never.
    left: AtomicI64,
    /// Whether the last commit is written.
    written: bool,
    dead: AtomicBool,
}

impl CrashingJournal {
    pub(crate) fn new(inner: Arc<RedbJournal>, crash: Option<(u64, bool)>) -> Self {
        let left = crash.map_or(-1, |(left, _)| left as i64);
        let written = crash.is_some_and(|(_, written)| written);
        Self { inner, left: AtomicI64::new(left), written, dead: AtomicBool::new(false) }
    }

    fn died() -> JournalError {
        JournalError::Write("the process was ended here".into())
    }
}

#[async_trait]
impl Journal for CrashingJournal {
    async fn commit(&self, changes: Vec<Change>) -> Result<(), JournalError> {
        if self.dead.load(Ordering::SeqCst) {
            return Err(Self::died());
        }
        let dies = self.left.fetch_sub(1, Ordering::SeqCst) == 0;
        if dies {
            self.dead.store(true, Ordering::SeqCst);
            if !self.written {
                return Err(Self::died());
            }
        }
        // In a blocking task, so that virtual time stands still while the real disk works.
        let inner = Arc::clone(&self.inner);
        let runtime = tokio::runtime::Handle::current();
        tokio::task::spawn_blocking(move || runtime.block_on(inner.commit(changes))).await.expect("commit")?;
        if dies { Err(Self::died()) } else { Ok(()) }
    }

    fn operation(&self, id: OperationId) -> Result<Option<OperationRecord>, JournalError> {
        self.inner.operation(id)
    }

    fn open_operations(&self) -> Result<Vec<OperationRecord>, JournalError> {
        self.inner.open_operations()
    }

    fn operations(&self, before: Option<OperationId>, limit: usize) -> Result<Vec<OperationRecord>, JournalError> {
        self.inner.operations(before, limit)
    }

    fn timeline(&self, id: OperationId) -> Result<Vec<TimelineEntry>, JournalError> {
        self.inner.timeline(id)
    }

    fn cursor(&self, gateway: GatewayId) -> Result<Option<Cursor>, JournalError> {
        self.inner.cursor(gateway)
    }

    fn early(&self) -> Result<Vec<(OperationId, EarlyFact)>, JournalError> {
        self.inner.early()
    }

    fn transactions(&self, chain: &str) -> Result<Vec<SentTransaction>, JournalError> {
        self.inner.transactions(chain)
    }

    fn signature(&self, key: &SignatureKey) -> Result<Option<SignatureRecord>, JournalError> {
        self.inner.signature(key)
    }

    fn positions(&self) -> Result<Vec<(GatewayId, Located)>, JournalError> {
        self.inner.positions()
    }

    fn mirrored(&self, peer: GatewayId) -> Result<Vec<MirrorRecord>, JournalError> {
        self.inner.mirrored(peer)
    }

    fn note(&self, name: &str) -> Result<Option<String>, JournalError> {
        self.inner.note(name)
    }
}
