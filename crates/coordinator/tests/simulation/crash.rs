//! A journal on a real disk under virtual time, whose process dies at a chosen write, if at any: before it is done, or after it is and before
//! anybody hears of it.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures::future::join_all;
use tim3_domain::{
    identity::{GatewayId, OperationId},
    place::Located,
    protocol::MirrorRecord,
};
use tim3_journal::{
    Change, Cursor, Durable, EarlyFact, Journal, JournalError, OperationRecord, RedbJournal, SentTransaction,
    SignatureKey, SignatureRecord, TimelineEntry,
};
use tokio::sync::oneshot;

/// A list, and where its answer goes.
type Queued = (Vec<Change>, oneshot::Sender<Result<(), JournalError>>);

pub(crate) struct CrashingJournal(Arc<Shared>);

struct Shared {
    inner: Arc<RedbJournal>,
    /// Writes until the end; negative for never.
    left: AtomicI64,
    /// Whether the last one is written.
    written: bool,
    dead: AtomicBool,
    /// Lists that have their place and are not written yet: a crash loses them.
    queued: Mutex<Vec<Queued>>,
}

impl CrashingJournal {
    pub(crate) fn new(inner: Arc<RedbJournal>, crash: Option<(u64, bool)>) -> Self {
        let left = AtomicI64::new(crash.map_or(-1, |(left, _)| left as i64));
        let written = crash.is_some_and(|(_, written)| written);
        Self(Arc::new(Shared { inner, left, written, dead: AtomicBool::new(false), queued: Mutex::default() }))
    }
}

impl Shared {
    fn died() -> JournalError {
        JournalError::Write("the process was ended here".into())
    }

    /// Writes what is queued, all of it as one, unless the process dies here.
    async fn write(&self) {
        let lists = std::mem::take(&mut *self.queued.lock().expect("queue"));
        if lists.is_empty() {
            return;
        }
        let (mut dies, dead) = (false, self.dead.load(Ordering::SeqCst));
        if !dead {
            dies = self.left.fetch_sub(1, Ordering::SeqCst) == 0;
            self.dead.fetch_or(dies, Ordering::SeqCst);
        }
        let (lists, answers): (Vec<_>, Vec<_>) = lists.into_iter().unzip();
        let outcomes = if dead || (dies && !self.written) {
            Vec::new()
        } else {
            let mut durable = Vec::with_capacity(lists.len());
            for changes in lists {
                durable.push(self.inner.queue(changes, Duration::ZERO).await.expect("queue"));
            }
            // In a blocking task, so that virtual time stands still while the real disk works.
            let runtime = tokio::runtime::Handle::current();
            tokio::task::spawn_blocking(move || runtime.block_on(join_all(durable))).await.expect("commit")
        };
        let outcomes = outcomes.into_iter().filter(|_| !dies);
        for (answer, outcome) in answers.into_iter().zip(outcomes.chain(std::iter::repeat_with(|| Err(Self::died())))) {
            let _ = answer.send(outcome);
        }
    }
}

#[async_trait]
impl Journal for CrashingJournal {
    async fn queue(&self, changes: Vec<Change>, patience: Duration) -> Result<Durable, JournalError> {
        if self.0.dead.load(Ordering::SeqCst) {
            return Err(Shared::died());
        }
        let (answer, outcome) = oneshot::channel();
        self.0.queued.lock().expect("queue").push((changes, answer));
        let shared = Arc::clone(&self.0);
        tokio::spawn(async move {
            tokio::time::sleep(patience).await;
            shared.write().await;
        });
        Ok(Box::pin(async { outcome.await.unwrap_or_else(|_| Err(Shared::died())) }))
    }

    fn operation(&self, id: OperationId) -> Result<Option<OperationRecord>, JournalError> {
        self.0.inner.operation(id)
    }

    fn open_operations(&self) -> Result<Vec<OperationRecord>, JournalError> {
        self.0.inner.open_operations()
    }

    fn operations(&self, before: Option<OperationId>, limit: usize) -> Result<Vec<OperationRecord>, JournalError> {
        self.0.inner.operations(before, limit)
    }

    fn timeline(&self, id: OperationId) -> Result<Vec<TimelineEntry>, JournalError> {
        self.0.inner.timeline(id)
    }

    fn cursor(&self, gateway: GatewayId) -> Result<Option<Cursor>, JournalError> {
        self.0.inner.cursor(gateway)
    }

    fn early(&self) -> Result<Vec<(OperationId, EarlyFact)>, JournalError> {
        self.0.inner.early()
    }

    fn transactions(&self, chain: &str) -> Result<Vec<SentTransaction>, JournalError> {
        self.0.inner.transactions(chain)
    }

    fn signature(&self, key: &SignatureKey) -> Result<Option<SignatureRecord>, JournalError> {
        self.0.inner.signature(key)
    }

    fn positions(&self) -> Result<Vec<(GatewayId, Located)>, JournalError> {
        self.0.inner.positions()
    }

    fn mirrored(&self, peer: GatewayId) -> Result<Vec<MirrorRecord>, JournalError> {
        self.0.inner.mirrored(peer)
    }

    fn note(&self, name: &str) -> Result<Option<String>, JournalError> {
        self.0.inner.note(name)
    }

    fn keeper_lines(&self, from: u64, limit: usize) -> Result<Vec<(u64, String)>, JournalError> {
        self.0.inner.keeper_lines(from, limit)
    }

    fn keeper_entries(&self, from: u64, limit: usize) -> Result<Vec<(u64, String)>, JournalError> {
        self.0.inner.keeper_entries(from, limit)
    }
}
