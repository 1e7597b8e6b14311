//! Follows one chain: what is included, what a reorg took away, what is final and proved.
//!
//! The decisions are in [`follow`]; this is the loop that does its reading and hands the news on.

pub mod follow;

use std::{ops::RangeInclusive, sync::Arc};

use tim3_chain::{Chain, ChainError, ErrorClass, EventChain, Fetched, ProofError, QuorumHead, Reading, Tips};
use tim3_domain::protocol::Head;
use tim3_journal::Cursor;
use tim3_telemetry::Metrics;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::{
    board::Board,
    bus::{Bus, Notice},
    error::CoordinatorError,
    news::News,
};
use follow::{Draft, Follow, Next};

/// News with a way to say that everything that follows from it is durable.
#[derive(Debug)]
pub struct Told {
    /// What changed.
    pub news: Arc<News>,
    /// The cursor that may be journaled once it is.
    pub cursor: Cursor,
    /// Answered when it is applied and durable.
    pub applied: oneshot::Sender<()>,
}

/// The watcher of one chain.
#[derive(Debug)]
pub struct Watcher<C: ?Sized> {
    chain: Arc<C>,
    follow: Follow,
    out: mpsc::Sender<Told>,
    board: Board,
    bus: Bus,
    metrics: Metrics,
}

impl<C: Chain + ?Sized> Watcher<C> {
    /// A watcher that goes on at `cursor`, or begins at the gateway's birth.
    ///
    /// # Errors
    /// [`CoordinatorError::Chain`] when the birth has to be read and no endpoint answers.
    pub async fn new(
        chain: Arc<C>,
        cursor: Option<Cursor>,
        out: mpsc::Sender<Told>,
        board: Board,
        bus: Bus,
        metrics: Metrics,
    ) -> Result<Self, CoordinatorError> {
        let gateway = chain.gateway();
        let cursor = match cursor {
            Some(cursor) => cursor,
            None => {
                let birth = chain.birth().await?;
                Cursor { head: Head::genesis(gateway), height: birth.height.saturating_sub(1) }
            }
        };
        let follow = Follow::new(EventChain::resume(gateway, cursor.head), cursor.height);
        Ok(Self { chain, follow, out, board, bus, metrics })
    }

    /// Follows until cancelled.
    ///
    /// # Errors
    /// [`CoordinatorError::Chain`] of class halt; every other error is logged and tried again.
    pub async fn run(mut self, cancel: CancellationToken) -> Result<(), CoordinatorError> {
        let mut failures = 0_u32;
        loop {
            match self.read().await {
                Ok(()) => failures = 0,
                Err(error) if error.class() == ErrorClass::Halt => return Err(error.into()),
                Err(error) => {
                    failures = failures.saturating_add(1);
                    self.metrics.chain_error(self.chain.name(), error.class().name());
                    self.board.update_chain(self.chain.gateway(), |chain| chain.error = Some(error.to_string()));
                    warn!(chain = self.chain.name(), %error, failures, "reading failed, trying again");
                }
            }
            // Failures wait with the endpoints' own pace: the pool behind the reader limits rates and backs off.
            tokio::select! {
                () = cancel.cancelled() => return Ok(()),
                () = self.chain.wait_for_news() => {}
            }
        }
    }

    /// One reading: in one exchange where the chain allows it, else step by step.
    async fn read(&mut self) -> Result<(), ChainError> {
        let read = self.follow.scanned().copied();
        let announced = match &read {
            Some(block) => self.chain.announced(block).await,
            None => None,
        };
        let (tips, mut draft, events, quorum) = match announced.filter(|reading| self.follow.goes_on(reading)) {
            Some(Reading { tips, fetched, quorum, .. }) => {
                let events = vec![(fetched, tips.head.height)];
                let quorum = match quorum {
                    Some(quorum) => self.follow.wants_proof(&tips).then_some(quorum),
                    None => self.quorum(&tips).await?,
                };
                (tips, self.follow.begin(false), events, quorum)
            }
            None => {
                let (tips, now) = tokio::try_join!(self.chain.tips(), async {
                    match read {
                        Some(block) => self.chain.block_at(block.height).await,
                        None => Ok(None),
                    }
                })?;
                let Next { heights, rescan } = self.follow.plan(&tips, now.as_ref());
                let (events, quorum) = tokio::try_join!(self.fetch(heights), self.quorum(&tips))?;
                (tips, self.follow.begin(rescan), events, quorum)
            }
        };
        self.metrics.chain_tips(self.chain.name(), tips.head.height, tips.finalized.height, tips.head.timestamp);
        if let Err(error) = self.interpret(&mut draft, events, quorum.as_ref()) {
            self.metrics.proof_failure(self.chain.name());
            self.follow.forget_scanned();
            if self.is_broken(error).await {
                self.tell_broken(tips, &error).await;
                return Ok(());
            }
            warn!(chain = self.chain.name(), %error, "events do not lead to the quorum's hash, reading them elsewhere");
            if let Some(endpoint) = draft.endpoint {
                self.chain.distrust(endpoint, &error.to_string());
            }
            return Ok(());
        }
        // If the chain moved while it was read, this very block is no longer there at the next reading, and all is read again.
        self.follow.scanned_to(tips.head, &draft);
        self.tell(draft, tips).await;
        Ok(())
    }

    /// What a quorum says at the final block, where that proves something.
    async fn quorum(&self, tips: &Tips) -> Result<Option<QuorumHead>, ChainError> {
        if !self.follow.wants_proof(tips) {
            return Ok(None);
        }
        self.chain.quorum_head(&tips.finalized).await.map(Some)
    }

    async fn fetch(&self, heights: Option<RangeInclusive<u64>>) -> Result<Vec<(Fetched, u64)>, ChainError> {
        let mut all = Vec::new();
        let Some(heights) = heights else { return Ok(all) };
        let (mut from, to) = heights.into_inner();
        while from <= to {
            let (fetched, last) = self.chain.events(from..=to).await?;
            if last < to {
                info!(chain = self.chain.name(), block = last, of = to, "catching up");
            }
            from = last.max(from).saturating_add(1);
            all.push((fetched, last));
        }
        Ok(all)
    }

    fn interpret(
        &mut self,
        draft: &mut Draft,
        events: Vec<(Fetched, u64)>,
        quorum: Option<&QuorumHead>,
    ) -> Result<(), ProofError> {
        for (fetched, last) in events {
            self.follow.take(draft, fetched, last)?;
        }
        quorum.map_or(Ok(()), |quorum| self.follow.prove(draft, quorum))
    }

    /// Whether a quorum no longer has the history that was proved: then it is not the events that are wrong.
    async fn is_broken(&self, error: ProofError) -> bool {
        if matches!(error, ProofError::Finality { .. }) {
            return true;
        }
        let Cursor { head, height } = self.follow.cursor();
        if head.count == 0 {
            return false;
        }
        let now = async {
            match self.chain.block_at(height).await? {
                Some(block) => self.chain.quorum_head(&block).await.map(Some),
                None => Ok(None),
            }
        };
        // Not every node keeps what was, so no answer says nothing.
        matches!(now.await, Ok::<_, ChainError>(Some(now)) if now.head() != head)
    }

    /// Has signing stopped; the chain's proved history goes no further until somebody decides what is true.
    async fn tell_broken(&self, tips: Tips, error: &ProofError) {
        let (chain, cursor) = (self.chain.name(), self.follow.cursor());
        let Cursor { head, height } = cursor;
        let why = format!("{chain} broke its finality: {} events were proved at block {height}; {error}", head.count);
        error!(chain, %why, "signing stops");
        self.board.update_chain(self.chain.gateway(), |chain| chain.error = Some(why.clone()));
        self.metrics.chain_error(chain, ErrorClass::Halt.name());
        let news = News { broken: Some(why), ..News::nothing(self.chain.gateway(), tips) };
        self.hand_on(news).await;
    }

    /// Waits until it is durable: at most one reading a chain is ever in memory.
    async fn hand_on(&self, news: News) {
        let (applied, done) = oneshot::channel();
        if self.out.send(Told { news: Arc::new(news), cursor: self.follow.cursor(), applied }).await.is_ok() {
            let _ = done.await;
        }
    }

    async fn tell(&mut self, draft: Draft, tips: Tips) {
        let chain = self.chain.name().to_owned();
        let (gone, seen) = self.follow.finish(&draft);
        if !gone.is_empty() {
            self.metrics.reorg(&chain, gone.len());
            self.bus.send(Notice::Reorg { chain: chain.clone(), events: gone.len() });
        }
        for event in &draft.finals {
            self.metrics.event_proved(&chain, event.event().body.name());
        }
        let advanced = Notice::ChainAdvanced { chain, head: tips.head.height, finalized: tips.finalized.height };
        let complete = self.follow.first_complete();
        let nothing = News::nothing(self.chain.gateway(), tips);
        self.hand_on(News { gone, seen, finals: draft.finals, skips: draft.skips, complete, ..nothing }).await;
        self.bus.send(advanced);
    }
}
