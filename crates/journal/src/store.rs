//! How the journal is read and written.

use std::{
    fmt,
    path::Path,
    pin::Pin,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use redb::{Database, ReadTransaction, ReadableDatabase};
use tim3_domain::{
    identity::{GatewayId, OperationId},
    place::Located,
    protocol::MirrorRecord,
};
use tokio::sync::{mpsc, oneshot};

use crate::{
    Change, Cursor, EarlyFact, JournalError, OperationRecord, SentTransaction, SignatureKey, SignatureRecord,
    TimelineEntry, file,
    table::{
        BY_TIME, CURSORS, EARLY, KEEPER, KEEPER_LEDGER, MIRRORED, NOTES, OPEN, OPERATIONS, POSITIONS, SIGNATURES,
        TIMELINE, TRANSACTIONS, failed,
    },
    writer::{Observer, Poison, QUEUE, Request, Writer, poisoned},
};

/// Ends when a list is durable; what it says, [`Journal::commit`] says. The list is written whether or not anybody waits.
pub type Durable = Pin<Box<dyn Future<Output = Result<(), JournalError>> + Send>>;

/// The port. Reads see everything that was committed; they are quick and may be made from async code.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Gives `changes` their place behind every list that has one: none becomes durable before those in front of it. All of the list is
    /// made durable, or nothing. It may wait for `patience` so that others share its fsync, and waits no longer than the first of them does.
    ///
    /// # Errors
    /// That of an earlier list, if it was fatal.
    async fn queue(&self, changes: Vec<Change>, patience: Duration) -> Result<Durable, JournalError>;

    /// Makes `changes` durable at once. Concurrent callers share one fsync. A caller that stops waiting may find its list written all the
    /// same.
    ///
    /// # Errors
    /// [`JournalError::Transition`] and [`JournalError::Conflict`] refuse this list only; any other is fatal and comes back from every later call.
    async fn commit(&self, changes: Vec<Change>) -> Result<(), JournalError> {
        self.queue(changes, Duration::ZERO).await?.await
    }

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

    /// Every position's newest final event, with its home.
    fn positions(&self) -> Result<Vec<(GatewayId, Located)>, JournalError>;

    /// Every version that `peer` is known to have.
    fn mirrored(&self, peer: GatewayId) -> Result<Vec<MirrorRecord>, JournalError>;

    /// A named value.
    fn note(&self, name: &str) -> Result<Option<String>, JournalError>;

    /// Up to `limit` lines of the keepers' record from number `from` on, with their numbers.
    fn keeper_lines(&self, from: u64, limit: usize) -> Result<Vec<(u64, String)>, JournalError>;

    /// Up to `limit` entries of the keepers' ledger from number `from` on, with their numbers.
    fn keeper_entries(&self, from: u64, limit: usize) -> Result<Vec<(u64, String)>, JournalError>;
}

/// The journal in one redb file, which one process at a time may have open.
///
/// Terminal operations are on disk only; what is kept in memory is bounded by redb's page cache and the queue of lists. Dropping it writes
/// what is queued and closes the file.
pub struct RedbJournal {
    database: Arc<Database>,
    queue: Option<mpsc::Sender<Request>>,
    writer: Option<thread::JoinHandle<()>>,
    poison: Poison,
}

impl RedbJournal {
    /// Opens the journal at `path`, or makes an empty one. After a crash the whole file is checked, which is logged as it goes on.
    ///
    /// # Errors
    /// [`JournalError::InUse`], [`JournalError::Newer`], or [`JournalError::Open`] with what is to be done.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        Self::open_observed(path, Box::new(|_| {}))
    }

    /// The same; `observer` is told what each fsync was shared by.
    ///
    /// # Errors
    /// As [`RedbJournal::open`].
    pub fn open_observed(path: &Path, observer: Observer) -> Result<Self, JournalError> {
        file::create_if_missing(path)?;
        Self::start(file::open(path, false)?, observer)
            .map_err(|error| JournalError::Open { path: path.to_owned(), detail: error.to_string() })
    }

    /// Starts the writer over a database that [`file::prepare`] has seen.
    pub(crate) fn start(database: Database, observer: Observer) -> Result<Self, std::io::Error> {
        let database = Arc::new(database);
        let poison = Poison::default();
        let (queue, requests) = mpsc::channel(QUEUE);
        let clock = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let writer = Writer { database: database.clone(), queue: requests, clock, poison: poison.clone(), observer };
        let writer = thread::Builder::new().name("journal".to_owned()).spawn(move || writer.run())?;
        Ok(Self { database, queue: Some(queue), writer: Some(writer), poison })
    }

    /// A view of what is committed now. It never waits for the writer, nor the writer for it.
    fn begin(&self) -> Result<ReadTransaction, JournalError> {
        self.sound()?;
        self.database.begin_read().map_err(failed)
    }

    fn sound(&self) -> Result<(), JournalError> {
        self.poison.get().map_or(Ok(()), |error| Err(error.clone()))
    }
}

impl Drop for RedbJournal {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(writer) = self.writer.take() {
            // A panic of the writer was answered to its callers already.
            let _ = writer.join();
        }
    }
}

impl fmt::Debug for RedbJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedbJournal").field("poison", &self.poison.get()).finish_non_exhaustive()
    }
}

#[async_trait]
impl Journal for RedbJournal {
    async fn queue(&self, changes: Vec<Change>, patience: Duration) -> Result<Durable, JournalError> {
        self.sound()?;
        if changes.is_empty() {
            return Ok(Box::pin(async { Ok(()) }));
        }
        let (answer, outcome) = oneshot::channel();
        let now = Instant::now();
        let request = Request { changes, due: now.checked_add(patience).unwrap_or(now), answer };
        let queue = self.queue.as_ref().ok_or_else(|| orphaned(&self.poison))?;
        queue.send(request).await.map_err(|_| orphaned(&self.poison))?;
        let poison = self.poison.clone();
        Ok(Box::pin(async move { outcome.await.unwrap_or_else(|_| Err(orphaned(&poison))) }))
    }

    fn operation(&self, id: OperationId) -> Result<Option<OperationRecord>, JournalError> {
        OPERATIONS.read(&self.begin()?)?.get(&id)
    }

    fn open_operations(&self) -> Result<Vec<OperationRecord>, JournalError> {
        let transaction = self.begin()?;
        let ids = OPEN.read(&transaction)?.under(&())?;
        let operations = OPERATIONS.read(&transaction)?;
        ids.into_iter().map(|(id, ())| operations.get(&id)?.ok_or_else(|| lost("open", id))).collect()
    }

    fn operations(&self, before: Option<OperationId>, limit: usize) -> Result<Vec<OperationRecord>, JournalError> {
        let transaction = self.begin()?;
        let operations = OPERATIONS.read(&transaction)?;
        let end = match before {
            None => None,
            Some(id) => match operations.get(&id)? {
                Some(record) => Some((record.operation.timestamp, id)),
                None => return Ok(Vec::new()),
            },
        };
        let keys = BY_TIME.read(&transaction)?.keys_below(end.as_ref(), limit)?;
        keys.into_iter().map(|(_, id)| operations.get(&id)?.ok_or_else(|| lost("by_time", id))).collect()
    }

    fn timeline(&self, id: OperationId) -> Result<Vec<TimelineEntry>, JournalError> {
        Ok(values(TIMELINE.read(&self.begin()?)?.under(&id)?))
    }

    fn cursor(&self, gateway: GatewayId) -> Result<Option<Cursor>, JournalError> {
        CURSORS.read(&self.begin()?)?.get(&gateway)
    }

    fn early(&self) -> Result<Vec<(OperationId, EarlyFact)>, JournalError> {
        let kept = EARLY.read(&self.begin()?)?.under(&())?;
        Ok(kept.into_iter().map(|((id, _), fact)| (id, fact)).collect())
    }

    fn transactions(&self, chain: &str) -> Result<Vec<SentTransaction>, JournalError> {
        let mut kept = values(TRANSACTIONS.read(&self.begin()?)?.under(&chain.to_owned())?);
        kept.sort_by_key(|transaction| transaction.nonce);
        Ok(kept)
    }

    fn signature(&self, key: &SignatureKey) -> Result<Option<SignatureRecord>, JournalError> {
        SIGNATURES.read(&self.begin()?)?.get(key)
    }

    fn positions(&self) -> Result<Vec<(GatewayId, Located)>, JournalError> {
        Ok(values(POSITIONS.read(&self.begin()?)?.under(&())?))
    }

    fn mirrored(&self, peer: GatewayId) -> Result<Vec<MirrorRecord>, JournalError> {
        Ok(values(MIRRORED.read(&self.begin()?)?.under(&peer)?))
    }

    fn note(&self, name: &str) -> Result<Option<String>, JournalError> {
        NOTES.read(&self.begin()?)?.get(&name.to_owned())
    }

    fn keeper_lines(&self, from: u64, limit: usize) -> Result<Vec<(u64, String)>, JournalError> {
        KEEPER.read(&self.begin()?)?.from(&from, limit)
    }

    fn keeper_entries(&self, from: u64, limit: usize) -> Result<Vec<(u64, String)>, JournalError> {
        KEEPER_LEDGER.read(&self.begin()?)?.from(&from, limit)
    }
}

/// The writer is gone without an answer.
fn orphaned(poison: &Poison) -> JournalError {
    poisoned(poison, JournalError::Write("the writer's thread has ended".to_owned()))
}

fn values<K, V>(rows: Vec<(K, V)>) -> Vec<V> {
    rows.into_iter().map(|(_, value)| value).collect()
}

fn lost(index: &'static str, id: OperationId) -> JournalError {
    JournalError::Damaged { table: index, detail: format!("operation {id} has no record") }
}
