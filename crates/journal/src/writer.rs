//! The one thread that writes: it takes what callers have queued, makes it durable in one transaction, and answers them all.

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use redb::{Database, Durability};
use tokio::{
    runtime::Runtime,
    sync::{mpsc, oneshot},
    time::timeout_at,
};

use crate::{Change, JournalError, apply::Tables, table::failed};

/// Lists that may wait. A caller beyond them waits to enqueue, so that memory is bounded.
pub(crate) const QUEUE: usize = 1024;

/// Changes after which a transaction takes no more lists: it bounds what one fsync may make everybody wait for.
const CHANGES_AT_ONCE: usize = 8192;

/// A caller's list, and where its answer goes.
pub(crate) struct Request {
    pub(crate) changes: Vec<Change>,
    /// Until when it may wait for others.
    pub(crate) due: Instant,
    pub(crate) answer: oneshot::Sender<Result<(), JournalError>>,
}

/// The first fatal error, which every later call returns.
pub(crate) type Poison = Arc<OnceLock<JournalError>>;

/// What one transaction made durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupCommit {
    /// Lists of changes that shared its fsync.
    pub lists: usize,
    /// Changes in them.
    pub changes: usize,
    /// Time from its begin until it was durable.
    pub took: Duration,
}

/// Is told about every transaction, on the writer's thread; it must not block.
pub type Observer = Box<dyn Fn(GroupCommit) + Send>;

pub(crate) struct Writer {
    pub(crate) database: Arc<Database>,
    pub(crate) queue: mpsc::Receiver<Request>,
    /// Wakes the thread when a list has waited long enough.
    pub(crate) clock: Runtime,
    pub(crate) poison: Poison,
    pub(crate) observer: Observer,
}

impl Writer {
    /// Writes until every sender is gone or a write fails.
    pub(crate) fn run(mut self) {
        while let Some(first) = self.queue.blocking_recv() {
            let mut batch = self.gather(first);
            match self.commit(&mut batch) {
                Ok(outcomes) => {
                    for (request, outcome) in batch.into_iter().zip(outcomes) {
                        // A caller that went away has its list durable all the same.
                        let _ = request.answer.send(outcome);
                    }
                }
                Err(error) => return self.fail(batch, error),
            }
        }
    }

    /// What is there, and what comes until the first of them may not wait any longer.
    fn gather(&mut self, first: Request) -> Vec<Request> {
        let (mut changes, mut due) = (first.changes.len(), first.due);
        let mut batch = vec![first];
        while changes < CHANGES_AT_ONCE {
            let next = match self.queue.try_recv() {
                Ok(next) => Some(next),
                Err(_) if due <= Instant::now() => None,
                Err(_) => self.clock.block_on(async { timeout_at(due.into(), self.queue.recv()).await.ok().flatten() }),
            };
            let Some(next) = next else { break };
            changes = changes.saturating_add(next.changes.len());
            due = due.min(next.due);
            batch.push(next);
        }
        batch
    }

    /// One transaction for all of `batch`, and for what comes while it is made; the outcome of each list, or the error that none of them
    /// survives.
    fn commit(&mut self, batch: &mut Vec<Request>) -> Result<Vec<Result<(), JournalError>>, JournalError> {
        let begun = Instant::now();
        let mut transaction = self.database.begin_write().map_err(failed)?;
        transaction.set_durability(Durability::Immediate).map_err(failed)?;
        let mut tables = Tables::open(&transaction)?;
        let (mut lists, mut changes) = (0_usize, 0_usize);
        let mut outcomes = Vec::with_capacity(batch.len());
        while let Some(request) = batch.get(outcomes.len()) {
            match tables.check(&request.changes) {
                Ok(checked) => {
                    tables.write(&checked)?;
                    lists = lists.saturating_add(1);
                    changes = changes.saturating_add(request.changes.len());
                    outcomes.push(Ok(()));
                }
                Err(error) if error.is_fatal() => return Err(error),
                Err(error) => outcomes.push(Err(error)),
            }
            if outcomes.len() == batch.len() && changes < CHANGES_AT_ONCE {
                batch.extend(self.queue.try_recv());
            }
        }
        drop(tables);
        if lists == 0 {
            transaction.abort().map_err(failed)?;
            return Ok(outcomes);
        }
        transaction.commit().map_err(failed)?;
        let group = GroupCommit { lists, changes, took: begun.elapsed() };
        tracing::trace!(lists, changes, took = ?group.took, "durable");
        (self.observer)(group);
        Ok(outcomes)
    }

    fn fail(mut self, batch: Vec<Request>, error: JournalError) {
        let error = poisoned(&self.poison, error);
        tracing::error!(%error, "journal is closed");
        self.queue.close();
        let waiting = std::iter::from_fn(|| self.queue.blocking_recv());
        for request in batch.into_iter().chain(waiting) {
            let _ = request.answer.send(Err(error.clone()));
        }
    }
}

/// Makes `error` the journal's last word, unless it has one already; returns that word.
pub(crate) fn poisoned(poison: &Poison, error: JournalError) -> JournalError {
    let word = match error {
        JournalError::Write(detail) | JournalError::Read(detail) => detail,
        other => other.to_string(),
    };
    poison.get_or_init(|| JournalError::Write(word)).clone()
}
