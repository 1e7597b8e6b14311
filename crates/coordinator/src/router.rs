//! Hands each chain's news to everybody they concern, and moves the cursor behind what all of them keep of it.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tim3_domain::identity::GatewayId;
use tim3_journal::{Change, Cursor, Journal};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use crate::{
    board::Board,
    coordinator::{Links, Message},
    error::CoordinatorError,
    news::News,
    submitter::Request,
    watcher::Told,
};

/// A cursor that proves nothing new is written this often: losing it costs some blocks read again.
const IDLE_CURSOR: Duration = Duration::from_secs(5);

/// How long a cursor that proves something may wait for another list's fsync: nothing waits for it.
const CURSOR_PATIENCE: Duration = Duration::from_millis(100);

/// News for the mirrors, answered when what follows has its place in the journal.
pub(crate) type ToldMirrors = (Arc<News>, oneshot::Sender<()>);

/// Who is told.
pub(crate) struct Router {
    pub(crate) coordinators: Vec<mpsc::Sender<Message>>,
    pub(crate) mirrors: mpsc::Sender<ToldMirrors>,
    pub(crate) links: Links,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) board: Board,
}

impl Router {
    /// Routes until cancelled.
    ///
    /// # Errors
    /// [`CoordinatorError::Journal`] when a cursor cannot be made durable.
    pub(crate) async fn run(
        self,
        mut told: mpsc::Receiver<Told>,
        cancel: CancellationToken,
    ) -> Result<(), CoordinatorError> {
        let mut written: HashMap<GatewayId, Instant> = HashMap::new();
        let mut applying: JoinSet<Result<(), CoordinatorError>> = JoinSet::new();
        loop {
            tokio::select! {
                () = cancel.cancelled() => return Ok(()),
                Some(result) = applying.join_next() => match result {
                    Ok(result) => result?,
                    Err(error) => return Err(CoordinatorError::Task { task: "router".into(), detail: error.to_string() }),
                },
                next = told.recv() => {
                    let Some(Told { news, cursor, applied }) = next else {
                        // No chain is watched, or the daemon is ending.
                        cancel.cancelled().await;
                        return Ok(());
                    };
                    self.board.answered(news.gateway, &news.tips, cursor);
                    let last = written.get(&news.gateway);
                    let write = !news.finals.is_empty() || last.is_none_or(|last| last.elapsed() >= IDLE_CURSOR);
                    if write {
                        written.insert(news.gateway, Instant::now());
                    }
                    let acknowledged = self.tell(&news).await;
                    let journal = Arc::clone(&self.journal);
                    applying.spawn(async move {
                        for ack in acknowledged {
                            if ack.await.is_err() {
                                // Its receiver ended: the daemon is ending, and the cursor stays where it was.
                                return Ok(());
                            }
                        }
                        let _ = applied.send(());
                        if write { keep(&*journal, news.gateway, cursor).await } else { Ok(()) }
                    });
                }
            }
        }
    }

    async fn tell(&self, news: &Arc<News>) -> Vec<oneshot::Receiver<()>> {
        let mut acknowledged = Vec::with_capacity(self.coordinators.len().saturating_add(1));
        for coordinator in &self.coordinators {
            let (applied, done) = oneshot::channel();
            let _ = coordinator.send(Message::News(Arc::clone(news), applied)).await;
            acknowledged.push(done);
        }
        let (applied, done) = oneshot::channel();
        let _ = self.mirrors.send((Arc::clone(news), applied)).await;
        acknowledged.push(done);
        if let Some(link) = self.links.get(&news.gateway) {
            let _ = link.submitter.send(Request::News(Arc::clone(news))).await;
        }
        acknowledged
    }
}

async fn keep(journal: &dyn Journal, gateway: GatewayId, cursor: Cursor) -> Result<(), CoordinatorError> {
    Ok(journal.queue(vec![Change::Cursor(gateway, cursor)], CURSOR_PATIENCE).await?.await?)
}
