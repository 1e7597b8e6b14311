//! What the API asks of the daemon.

use async_trait::async_trait;
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tim3_domain::identity::OperationId;

use crate::view::{
    AnchorView, AssetView, AuditView, ChainView, EventView, KeeperLedgerView, KeeperRecordView, KeeperView,
    OperationView, Page, PositionView, ReadinessView, ReloadView, StatusView, TimelineView, V1OperationView,
};

/// The daemon, as far as an operator sees it. Reads answer from memory or the journal, never from a chain, so that the surface stays quick while chains
/// are slow.
#[async_trait]
pub trait Control: Send + Sync + 'static {
    /// Whether the daemon does its work now, and if not, every reason why not.
    fn readiness(&self) -> ReadinessView;

    /// The whole at a glance.
    async fn status(&self) -> Result<StatusView, ControlError>;

    /// Every configured chain.
    async fn chains(&self) -> Result<Vec<ChainView>, ControlError>;

    /// Operations, newest first.
    async fn operations(&self, query: &OperationQuery) -> Result<Page<OperationView>, ControlError>;

    /// One operation.
    async fn operation(&self, id: OperationId) -> Result<OperationView, ControlError>;

    /// The story of one operation and what it waits for.
    async fn explain(&self, id: OperationId) -> Result<TimelineView, ControlError>;

    /// Positions with their mirrors, by market and owner.
    async fn positions(&self, query: &PositionQuery) -> Result<Page<PositionView>, ControlError>;

    /// The last audit of each asset.
    async fn audit(&self) -> Result<AuditView, ControlError>;

    /// Mints and burns through the V1 processes of a chain, newest first, [`MAX_PAGE`] at most.
    async fn v1_operations(&self, chain: &str) -> Result<Vec<V1OperationView>, ControlError>;

    /// The reserve report of the period that begins then, in milliseconds since 1970.
    async fn anchor(&self, period_ms: u64) -> Result<AnchorView, ControlError>;

    /// Does to an operation what an operator wants; the reason is journaled.
    async fn act(&self, id: OperationId, action: OperatorAction, reason: &str) -> Result<OperationView, ControlError>;

    /// Stops or resumes signing for an asset, by symbol; the reason is journaled.
    async fn pause(&self, asset: &str, paused: bool, reason: &str) -> Result<AssetView, ControlError>;

    /// Has the configuration read again; everything that can be taken without a restart is, or nothing.
    async fn reload(&self) -> Result<ReloadView, ControlError>;

    /// The keepers at a glance.
    async fn keeper(&self) -> Result<KeeperView, ControlError> {
        Err(no_keepers())
    }

    /// Stops the keepers, or lets them go on; the reason is logged.
    async fn pause_keeper(&self, _paused: bool, _reason: &str) -> Result<KeeperView, ControlError> {
        Err(no_keepers())
    }

    /// Lines of the keepers' record.
    async fn keeper_record(&self, _query: &RecordQuery) -> Result<KeeperRecordView, ControlError> {
        Err(no_keepers())
    }

    /// Entries of the keepers' ledger.
    async fn keeper_ledger(&self, _query: &LedgerQuery) -> Result<KeeperLedgerView, ControlError> {
        Err(no_keepers())
    }

    /// What happens from now on. A reader that is too slow is told how many it missed, by `Missed`.
    fn events(&self) -> BoxStream<'static, EventView>;
}

/// What a daemon without keepers answers.
#[must_use]
pub fn no_keepers() -> ControlError {
    let hint = "this daemon has none; add a section [keeper] to its configuration".to_owned();
    ControlError::NotFound { what: "part", name: "keepers".to_owned(), hint }
}

/// What an operator can do to an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OperatorAction {
    /// A dead letter goes on where it was.
    Retry,
    /// A held operation is signed for.
    Approve,
    /// It is not delivered but refunded.
    Void,
    /// It is refunded although its slot is done: for an orphan of a chain that broke its finality, which becomes bad debt.
    Conflict,
}

impl OperatorAction {
    /// The word of this action in paths and logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Approve => "approve",
            Self::Void => "void",
            Self::Conflict => "conflict",
        }
    }
}

/// Which operations, and which page of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperationQuery {
    /// Only those in this phase, by its name (`held`, `dead_letter`, …).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// Only those that have not ended.
    #[serde(default, skip_serializing_if = "is_false")]
    pub open: bool,
    /// Only those of this synthetic, by symbol.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asset: Option<String>,
    /// Only those that start or end on this chain, by configured name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<String>,
    /// The `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<OperationId>,
    /// How many at most, 1 to [`MAX_PAGE`].
    #[serde(default = "default_page")]
    pub limit: usize,
}

/// Which page of the positions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PositionQuery {
    /// Only those whose mirror is missing or older than the position.
    #[serde(default, skip_serializing_if = "is_false")]
    pub behind: bool,
    /// The `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// How many at most, 1 to [`MAX_PAGE`].
    #[serde(default = "default_page")]
    pub limit: usize,
}

/// Which lines of the keepers' record: those of a point in time and after it begin with the page that holds it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordQuery {
    /// From this line on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<u64>,
    /// Where `from` is absent: from the page on that holds this point in time, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_ms: Option<u64>,
    /// How many at most, 1 to [`MAX_PAGE`].
    #[serde(default = "default_page")]
    pub limit: usize,
}

/// Which entries of the keepers' ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LedgerQuery {
    /// From this entry on.
    #[serde(default)]
    pub from: u64,
    /// How many at most, 1 to [`MAX_PAGE`].
    #[serde(default = "default_page")]
    pub limit: usize,
}

/// The largest page: a response stays below a few megabytes.
pub const MAX_PAGE: usize = 1_000;

/// The page where none is asked for: what fits a screen or two.
#[must_use]
pub fn default_page() -> usize {
    100
}

fn is_false(value: &bool) -> bool {
    !value
}

/// Why the daemon did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ControlError {
    /// There is nothing of that name.
    #[error("{what} {name:?} is not known; {hint}")]
    NotFound {
        /// What was looked for: `operation`, `asset`.
        what: &'static str,
        /// Its name.
        name: String,
        /// Where to look.
        hint: String,
    },
    /// It cannot be done in the state it is in.
    #[error("{0}")]
    Conflict(String),
    /// The request itself is wrong.
    #[error("{0}")]
    Invalid(String),
    /// The daemon cannot answer now: it starts, stops, or its journal failed.
    #[error("{0}")]
    Unavailable(String),
}
