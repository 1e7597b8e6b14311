//! Reserve reports on Arweave: one a period, signed by the auditor's wallet, in the journal before it is posted, followed until it is buried deep
//! enough. Whatever ends the daemon in between, the same bytes go on; a report is signed anew only when no block can take them any more.

mod post;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tim3_api::view::AnchorView;
use tim3_arweave::{
    Gateways, Transaction, Wallet,
    ans104::Tag,
    gateways::{GatewayError, Ground},
    transaction::Draft,
};
use tim3_coordinator::{
    Handle, Report,
    report::{AssetReport, FORMAT, JournalState},
};
use tim3_domain::word::keccak_bytes;
use tim3_journal::{Change, Journal, JournalError};
use tim3_rpc::PoolError;
use tim3_telemetry::Metrics;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use self::post::{After, Next, Open, Post, Settled};
use crate::{config::Anchor, directory::Directory, output::now_ms};

/// How often it is looked after, where the interval does not ask for more.
const LOOK: Duration = Duration::from_secs(15);
/// Books that were read longer ago than so many audits are too old for a report.
const AUDITS: u32 = 5;

/// What goes wrong at the moment; clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Problem(Arc<Mutex<Option<String>>>);

impl Problem {
    pub(crate) fn get(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, problem: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = problem;
    }
}

/// What anchoring is made of.
pub(crate) struct Anchoring {
    pub(crate) settings: Anchor,
    pub(crate) gateways: Gateways,
    pub(crate) wallet: Wallet,
    /// Addresses of the attesters that this daemon signs with.
    pub(crate) attesters: Vec<String>,
    pub(crate) handle: Handle,
    pub(crate) directory: Arc<Directory>,
    pub(crate) metrics: Metrics,
    pub(crate) problem: Problem,
}

/// Why nothing was posted.
enum Failure {
    /// It may work later: its class in metrics, and in words.
    Later(&'static str, String),
    /// Nothing may be posted any more.
    Journal(JournalError),
}

impl From<JournalError> for Failure {
    fn from(error: JournalError) -> Self {
        Self::Journal(error)
    }
}

impl From<GatewayError> for Failure {
    fn from(error: GatewayError) -> Self {
        let class = if matches!(error, PoolError::Refused { .. }) { "refused" } else { "gateway" };
        Self::Later(class, error.to_string())
    }
}

impl Anchoring {
    /// Makes, posts and follows reports until `stop`.
    ///
    /// # Errors
    /// That of the journal, without which nothing may be posted.
    pub(crate) async fn run(self, stop: CancellationToken) -> Result<(), JournalError> {
        self.metrics.anchors_every(self.settings.interval);
        if let Some(settled) = newest(self.handle.journal().as_ref())?.and_then(|post| post.newest_settled()) {
            self.metrics.anchored(settled.made_ms);
        }
        let pause = self.settings.interval.checked_div(5).map_or(LOOK, |part| LOOK.min(part));
        loop {
            let step = tokio::select! {
                () = stop.cancelled() => return Ok(()),
                step = self.step(now_ms()) => step,
            };
            match step {
                Ok(()) => self.problem.set(None),
                Err(Failure::Journal(error)) => return Err(error),
                Err(Failure::Later(class, why)) => {
                    warn!(class, why, "the reserves are not anchored");
                    self.metrics.anchor_failed(class);
                    self.problem.set(Some(why));
                }
            }
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn step(&self, now_ms: u64) -> Result<(), Failure> {
        let interval = u64::try_from(self.settings.interval.as_millis()).unwrap_or(u64::MAX).max(1);
        let period_ms = now_ms.saturating_sub(now_ms.checked_rem(interval).unwrap_or_default());
        let newest = newest(self.handle.journal().as_ref())?;
        match (post::next(newest.as_ref(), period_ms), newest) {
            (Next::Rest, _) => Ok(()),
            (Next::Follow, Some(post)) => self.follow(post).await,
            (Next::Make | Next::Follow, before) => {
                self.make(period_ms, now_ms, before.and_then(|post| post.newest_settled())).await
            }
        }
    }

    async fn make(&self, period_ms: u64, made_ms: u64, before: Option<Settled>) -> Result<(), Failure> {
        let report = self.report(period_ms, made_ms, before)?;
        let data = report.encode().map_err(|error| later("books", error))?;
        let digest = keccak_bytes(&data);
        let post = Post { period_ms, made_ms, digest, transactions: Vec::new(), open: None, height: None, before };
        self.sign(post, data).await
    }

    fn report(&self, period_ms: u64, made_ms: u64, before: Option<Settled>) -> Result<Report, Failure> {
        let oldest = self.handle.audit_interval().saturating_mul(AUDITS).max(LOOK);
        let oldest = made_ms.saturating_sub(u64::try_from(oldest.as_millis()).unwrap_or(u64::MAX));
        let mut assets = Vec::new();
        for (asset, board) in self.handle.assets() {
            let readings = board.audit.readings.filter(|(at_ms, _)| *at_ms >= oldest);
            let Some((at_ms, readings)) = readings else {
                let why = board.audit.unknown.unwrap_or_else(|| "no audit has ended yet".to_owned());
                return Err(later("books", format_args!("the books of {} were not read lately: {why}", asset.symbol)));
            };
            let chain = |gateway| self.handle.chain(gateway).map(|chain| chain.chain_id().clone());
            let name = |asset| self.directory.asset(asset);
            let asset = (asset.symbol.as_str(), asset.asset);
            assets.push(AssetReport::new(asset, at_ms, &readings, &board.conflicts, chain, name));
        }
        let journal = self.handle.journal();
        let mut cursors = Vec::new();
        for (gateway, ..) in self.handle.chains() {
            cursors.extend(journal.cursor(gateway)?.map(|cursor| (gateway, cursor)));
        }
        Ok(Report {
            format: FORMAT.to_owned(),
            auditor: self.wallet.address().to_string(),
            attesters: self.attesters.clone(),
            period_ms,
            made_ms,
            previous: before.map(|before| before.transaction.to_string()),
            journal: JournalState::new(&cursors, &journal.open_operations()?),
            assets,
        })
    }

    /// Signs a transaction with `data`, journals it and posts it.
    async fn sign(&self, mut post: Post, data: Vec<u8>) -> Result<(), Failure> {
        let Ground { height, anchor, price } = self.gateways.ground(data.len()).await?;
        let balance = self.gateways.balance(self.wallet.address()).await?;
        for (limit, found) in [("anchor.max_fee", self.settings.max_fee), ("the balance of anchor.key", balance)] {
            if price > found {
                return Err(later("funds", format_args!("a report costs {price} winstons, and {limit} is {found}")));
            }
        }
        let tags = [
            ("Content-Type", "application/json"),
            ("App-Name", "tim3d"),
            ("Type", FORMAT),
            ("Period", &post.period_ms.to_string()),
        ];
        let tags = tags.iter().map(|(name, value)| Tag::new(*name, *value)).collect();
        let transaction = Transaction::sign(Draft { tags, data, anchor, reward: price }, &self.wallet)
            .map_err(|error| later("refused", error))?;
        post.transactions.push(transaction.id());
        post.open = Some(Open { transaction: transaction.clone(), signed_at: height });
        self.keep(&post).await?;
        info!(period_ms = post.period_ms, digest = %post.digest, transaction = %transaction.id(), "posts a reserve report");
        Ok(self.gateways.post(&transaction).await?)
    }

    async fn follow(&self, post: Post) -> Result<(), Failure> {
        let Some(open) = post.open.clone() else { return Ok(()) };
        let id = open.transaction.id();
        let fate = self.gateways.fate(id).await?;
        match post::after(&open, fate, self.settings.confirmations) {
            After::Wait => Ok(()),
            After::Again => Ok(self.gateways.post(&open.transaction).await?),
            After::Renew => {
                warn!(transaction = %id, "a reserve report was in no block while it was valid: it is signed anew");
                self.sign(post, open.transaction.data().to_vec()).await
            }
            After::Settle(height) => {
                let post = post.settled(height);
                self.keep(&post).await?;
                self.metrics.anchored(post.made_ms);
                info!(period_ms = post.period_ms, transaction = %id, height, "a reserve report is on Arweave");
                Ok(())
            }
        }
    }

    async fn keep(&self, post: &Post) -> Result<(), Failure> {
        let text = serde_json::to_string(post).map_err(|error| later("refused", error))?;
        let newest = Change::Note(NEWEST.to_owned(), post.period_ms.to_string());
        Ok(self.handle.journal().commit(vec![Change::Note(name(post.period_ms), text), newest]).await?)
    }
}

fn later(class: &'static str, why: impl ToString) -> Failure {
    Failure::Later(class, why.to_string())
}

/// The note that names the newest report.
const NEWEST: &str = "anchor";

fn name(period_ms: u64) -> String {
    format!("anchor/{period_ms}")
}

/// The newest report that was signed.
fn newest(journal: &dyn Journal) -> Result<Option<Post>, JournalError> {
    let period = journal.note(NEWEST)?.and_then(|period| period.parse().ok());
    period.map_or(Ok(None), |period| of_period(journal, period))
}

fn of_period(journal: &dyn Journal, period_ms: u64) -> Result<Option<Post>, JournalError> {
    let damaged = |error: serde_json::Error| JournalError::Damaged { table: "notes", detail: error.to_string() };
    journal.note(&name(period_ms))?.map(|text| serde_json::from_str(&text).map_err(damaged)).transpose()
}

fn view(post: Post) -> AnchorView {
    AnchorView {
        period_ms: post.period_ms,
        digest: post.digest.to_string(),
        transactions: post.transactions.iter().map(ToString::to_string).collect(),
        height: post.height,
        problem: None,
    }
}

/// The newest report that a journal knows.
pub(crate) fn newest_view(journal: &dyn Journal) -> Result<Option<AnchorView>, JournalError> {
    Ok(newest(journal)?.map(view))
}

/// The report of a period that a journal knows.
pub(crate) fn view_of(journal: &dyn Journal, period_ms: u64) -> Result<Option<AnchorView>, JournalError> {
    Ok(of_period(journal, period_ms)?.map(view))
}
