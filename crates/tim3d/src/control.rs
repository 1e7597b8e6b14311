//! The running daemon, in the words of the API.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures::{
    StreamExt as _,
    stream::{self, BoxStream},
};
use tim3_api::{
    Control, ControlError, LedgerQuery, OperationQuery, OperatorAction, PositionQuery, RecordQuery, no_keepers,
    view::{
        AnchorView, AssetAudit, AssetView, AuditView, BlockView, ChainView, CheckView, EndpointView, KeeperLedgerView,
        KeeperRecordView, KeeperView, OperationView, Page, PositionView, ReadinessView, ReasonView, ReloadView,
        SignedUnits, StatusView, SubmitterView, TimelineView, Units, V1OperationView, V1View,
    },
};
use tim3_chain::Chain;
use tim3_coordinator::{
    AssetSettings, Handle,
    board::{AssetBoard, AuditBoard, ChainBoard},
    coordinator::Command,
    daemon::FUNDS,
};
use tim3_domain::{
    amount::SYNTHETIC_DECIMALS,
    identity::{AssetId, GatewayId, OperationId},
};
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use crate::{
    anchor::{self, Problem},
    books::Books,
    directory::Directory,
    keeper::Keepers,
    notices,
    output::now_ms,
    reload::Reloads,
    v1::Adopted,
};

/// A chain that has not answered for so long is not being relayed.
const SILENCE_MS: u64 = 30_000;

/// An operation that has stood still for so long is not being relayed; the alert Tim3BacklogOld says the same.
const BACKLOG_MS: u64 = 3_600_000;

/// Gives the state of a chain's endpoints.
pub(crate) type Endpoints = Arc<dyn Fn() -> Vec<EndpointView> + Send + Sync>;

/// What [`Control`] is answered from.
pub(crate) struct Live {
    pub(crate) handle: Handle,
    pub(crate) directory: Arc<Directory>,
    /// By gateway; chains without endpoints have no entry.
    pub(crate) endpoints: BTreeMap<GatewayId, Endpoints>,
    /// How long the head of a chain may stand still; zero, or no entry, is for ever.
    pub(crate) standstill: BTreeMap<GatewayId, Duration>,
    pub(crate) started_ms: u64,
    /// V1 processes on AO.
    pub(crate) adopted: Vec<Adopted>,
    /// What goes wrong with anchoring.
    pub(crate) anchoring: Problem,
    /// `None` where there is no configuration to reload.
    pub(crate) reloads: Option<Reloads>,
    /// `None` where there are no keepers.
    pub(crate) keepers: Option<Keepers>,
    /// Cancelled when the daemon is to stop.
    pub(crate) stop: CancellationToken,
}

impl Live {
    fn books(&self) -> Books<'_> {
        Books { journal: self.handle.journal().as_ref(), directory: &self.directory }
    }

    fn chain_views(&self) -> Vec<ChainView> {
        self.handle.chains().map(|(gateway, chain, board)| self.chain_view(gateway, chain.as_ref(), board)).collect()
    }

    fn chain_view(&self, gateway: GatewayId, chain: &dyn Chain, board: ChainBoard) -> ChainView {
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let tips = board.tips.as_ref();
        ChainView {
            name: chain.name().to_owned(),
            chain: chain.chain_id().to_string(),
            gateway: self.directory.account(gateway, chain.account()),
            gateway_id: gateway.to_string(),
            head: tips.map(|tips| BlockView::from(&tips.head)),
            finalized: tips.map(|tips| BlockView::from(&tips.finalized)),
            events: board.cursor.map_or(0, |cursor| cursor.head.count),
            read_to: board.cursor.map_or(0, |cursor| cursor.height),
            answered_ms: board.answered_ms,
            error: board.error,
            endpoints: self.endpoints.get(&gateway).map(|endpoints| endpoints()).unwrap_or_default(),
            submitter: SubmitterView {
                waiting: count(board.waiting),
                in_flight: count(board.in_flight),
                funds_low: board.funds.as_ref().is_some_and(|(_, low)| *low),
                funds: board.funds.map(|(left, _)| left),
            },
            mirrors_behind: count(board.mirrors_behind),
        }
    }

    fn known(&self, symbol: &str) -> Result<AssetId, ControlError> {
        let known = || self.handle.assets().map(|(asset, _)| asset.symbol.clone()).collect::<Vec<_>>().join(", ");
        self.directory.asset_of(symbol).ok_or_else(|| ControlError::NotFound {
            what: "asset",
            name: symbol.to_owned(),
            hint: format!("this daemon carries {}", known()),
        })
    }
}

#[async_trait]
impl Control for Live {
    fn readiness(&self) -> ReadinessView {
        let mut reasons = Vec::new();
        let mut add = |subject: &str, reason: String| {
            reasons.push(ReasonView { subject: subject.to_owned(), reason });
        };
        if self.stop.is_cancelled() {
            add("daemon", "it is stopping".to_owned());
        }
        for (gateway, chain, board) in self.handle.chains() {
            let patience = self.standstill.get(&gateway).copied().unwrap_or_default();
            if let Some(reason) = silence(&board, now_ms()).or_else(|| standstill(&board, patience, now_ms())) {
                add(chain.name(), reason);
            }
        }
        for (_, chain, board) in self.handle.chains() {
            if let Some(reason) = unpaid(&board, self.started_ms, now_ms()) {
                add(chain.name(), reason);
            }
        }
        if let Some(asset) = self.handle.stuck(Duration::from_millis(SILENCE_MS)) {
            add(
                &asset.symbol,
                "its coordinator makes no progress: the journal does not answer, or it is stuck".to_owned(),
            );
        }
        for (asset, board) in self.handle.assets() {
            if let Some(reason) = backlog(&board, now_ms()) {
                add(&asset.symbol, reason);
            }
            if let Some(why) = &board.paused {
                add(&asset.symbol, format!("signing is stopped: {why}"));
            }
            if let Some(reason) = unaudited(&board.audit, self.handle.audit_interval(), self.started_ms, now_ms()) {
                add(&asset.symbol, reason);
            }
        }
        for adopted in &self.adopted {
            if let Some(reason) = adopted.problem(SILENCE_MS, self.started_ms, now_ms()) {
                add(&adopted.name, reason);
            }
        }
        reasons.extend(self.keepers.iter().flat_map(|keepers| keepers.board.reasons()));
        ReadinessView::from_reasons(reasons)
    }

    async fn status(&self) -> Result<StatusView, ControlError> {
        let mut open = BTreeMap::new();
        for (phase, count) in self.handle.assets().flat_map(|(_, board)| board.phases) {
            let total: &mut u64 = open.entry(phase.to_owned()).or_default();
            *total = total.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        }
        Ok(StatusView {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_ms: self.started_ms,
            readiness: self.readiness(),
            open,
            assets: self.handle.assets().map(|(asset, board)| asset_view(asset, board)).collect(),
            chains: self.chain_views(),
            v1: self.adopted.iter().map(|it| V1View { endpoints: it.endpoints(), ..it.known().view }).collect(),
        })
    }

    async fn chains(&self) -> Result<Vec<ChainView>, ControlError> {
        Ok(self.chain_views())
    }

    async fn operations(&self, query: &OperationQuery) -> Result<Page<OperationView>, ControlError> {
        self.books().operations(query)
    }

    async fn operation(&self, id: OperationId) -> Result<OperationView, ControlError> {
        self.books().operation(id)
    }

    async fn explain(&self, id: OperationId) -> Result<TimelineView, ControlError> {
        self.books().explain(id)
    }

    async fn positions(&self, query: &PositionQuery) -> Result<Page<PositionView>, ControlError> {
        self.books().positions(query)
    }

    async fn audit(&self) -> Result<AuditView, ControlError> {
        let assets: Vec<_> = self.handle.assets().map(|(asset, board)| audit_view(asset, board)).collect();
        let newest = anchor::newest_view(self.handle.journal().as_ref());
        let newest = newest.map_err(|error| ControlError::Unavailable(error.to_string()))?;
        let anchor = newest.map(|newest| AnchorView { problem: self.anchoring.get(), ..newest });
        Ok(AuditView { exact: !assets.is_empty() && assets.iter().all(|asset| asset.exact), assets, anchor })
    }

    async fn v1_operations(&self, chain: &str) -> Result<Vec<V1OperationView>, ControlError> {
        let known = || self.adopted.iter().map(|adopted| adopted.name.as_str()).collect::<Vec<_>>().join(", ");
        let adopted = self.adopted.iter().find(|adopted| adopted.name == chain).ok_or_else(|| ControlError::NotFound {
            what: "chain with V1 processes",
            name: chain.to_owned(),
            hint: format!("this daemon serves {:?}", known()),
        });
        Ok(adopted?.known().operations)
    }

    async fn anchor(&self, period_ms: u64) -> Result<AnchorView, ControlError> {
        self.books().anchor(period_ms)
    }

    async fn act(&self, id: OperationId, action: OperatorAction, reason: &str) -> Result<OperationView, ControlError> {
        // Tells an operation that does not exist from one that cannot be acted on.
        self.books().record(id)?;
        let reason = reason.to_owned();
        let command = match action {
            OperatorAction::Retry => Command::Retry(id, reason),
            OperatorAction::Approve => Command::Approve(id, reason),
            OperatorAction::Void => Command::Void(id, reason),
            OperatorAction::Conflict => Command::Conflict(id, reason),
        };
        self.handle.operate(id, command).await.map_err(ControlError::Conflict)?;
        self.books().operation(id)
    }

    async fn pause(&self, asset: &str, paused: bool, reason: &str) -> Result<AssetView, ControlError> {
        if let Some(adopted) = self.adopted.iter().find(|adopted| adopted.name == asset) {
            let halted = paused.then(|| reason.to_owned());
            adopted.pause(halted.clone()).await.map_err(ControlError::Unavailable)?;
            let id = adopted.known().view.coordinator;
            return Ok(AssetView { symbol: asset.to_owned(), id, halted });
        }
        let id = self.known(asset)?;
        let command = if paused { Command::Pause(reason.to_owned()) } else { Command::Resume };
        self.handle.command(id, command).await.map_err(ControlError::Conflict)?;
        let halted = paused.then(|| reason.to_owned());
        Ok(AssetView { symbol: asset.to_owned(), id: id.to_string(), halted })
    }

    async fn reload(&self) -> Result<ReloadView, ControlError> {
        let nothing = || ControlError::Conflict("this daemon has no configuration to reload".to_owned());
        self.reloads.as_ref().ok_or_else(nothing)?.reload().await.map_err(ControlError::Invalid)
    }

    async fn keeper(&self) -> Result<KeeperView, ControlError> {
        Ok(self.keepers.as_ref().ok_or_else(no_keepers)?.board.view())
    }

    async fn pause_keeper(&self, paused: bool, reason: &str) -> Result<KeeperView, ControlError> {
        let keepers = self.keepers.as_ref().ok_or_else(no_keepers)?;
        keepers.pause(paused, reason.to_owned()).await.map_err(ControlError::Unavailable)?;
        Ok(keepers.board.view())
    }

    async fn keeper_record(&self, query: &RecordQuery) -> Result<KeeperRecordView, ControlError> {
        self.books().keeper_record(query)
    }

    async fn keeper_ledger(&self, query: &LedgerQuery) -> Result<KeeperLedgerView, ControlError> {
        self.books().keeper_ledger(query)
    }

    fn events(&self) -> BoxStream<'static, tim3_api::view::EventView> {
        let (receiver, directory) = (self.handle.notices(), Arc::clone(&self.directory));
        stream::unfold((receiver, directory), |(mut receiver, directory)| async move {
            let event = match receiver.recv().await {
                Ok(notice) => notices::view(&notice, &directory, now_ms()),
                Err(RecvError::Lagged(count)) => notices::missed(count, now_ms()),
                Err(RecvError::Closed) => return None,
            };
            Some((event, (receiver, directory)))
        })
        .boxed()
    }
}

/// Why a chain is not being relayed, if it is not.
fn silence(board: &ChainBoard, now_ms: u64) -> Option<String> {
    let Some(answered) = board.answered_ms else {
        return Some(board.error.clone().unwrap_or_else(|| "it has not answered yet".to_owned()));
    };
    let silent = now_ms.saturating_sub(answered);
    (silent > SILENCE_MS).then(|| {
        let error = board.error.as_deref().unwrap_or("no error was reported");
        format!("it has not answered for {} s: {error}", silent / 1_000)
    })
}

/// Why nothing can happen on a chain that answers, if its newest block has been the newest for too long.
fn standstill(board: &ChainBoard, patience: Duration, now_ms: u64) -> Option<String> {
    let (tips, advanced) = (board.tips.as_ref()?, board.advanced_ms?);
    let still = Duration::from_millis(now_ms.saturating_sub(advanced));
    (!patience.is_zero() && still > patience).then(|| {
        let height = tips.head.height;
        format!("it stands still: no endpoint has had a block above {height} for {} s", still.as_secs())
    })
}

/// How many readings in a row may fail before what they read is not known any more.
const READINGS: u32 = 5;

/// For how long something is not known that is read every `period`, in seconds, if that is too long.
fn unknown_for(read_ms: Option<u64>, period: Duration, started_ms: u64, now_ms: u64) -> Option<u64> {
    let unknown = Duration::from_millis(now_ms.saturating_sub(read_ms.unwrap_or(started_ms)));
    let patience = period.saturating_mul(READINGS).max(Duration::from_millis(SILENCE_MS));
    (unknown > patience).then_some(unknown.as_secs())
}

/// Why a chain's signer cannot pay, or nobody knows whether it can, if so.
fn unpaid(board: &ChainBoard, started_ms: u64, now_ms: u64) -> Option<String> {
    if let Some((left, true)) = &board.funds {
        return Some(format!("its signer has too little left for fees: {left}"));
    }
    let unknown = unknown_for(board.funds_ms, FUNDS, started_ms, now_ms)?;
    Some(format!("the balance of its signer could not be read for {unknown} s"))
}

/// How long the oldest operation stands still, if that is too long; what waits for an operator does not count.
fn backlog(board: &AssetBoard, now_ms: u64) -> Option<String> {
    let age = now_ms.saturating_sub(board.oldest_ms?);
    (age > BACKLOG_MS)
        .then(|| format!("an operation has stood still for {} s; see `tim3d ops list --open`", age / 1_000))
}

/// Why nobody knows whether the books add up, if so.
fn unaudited(board: &AuditBoard, period: Duration, started_ms: u64, now_ms: u64) -> Option<String> {
    let unknown = unknown_for(board.at_ms, period, started_ms, now_ms)?;
    let why = board.unknown.as_deref().unwrap_or("no error was reported");
    Some(format!("its books have not been audited for {unknown} s: {why}"))
}

fn asset_view(asset: &AssetSettings, board: AssetBoard) -> AssetView {
    AssetView { symbol: asset.symbol.clone(), id: asset.asset.to_string(), halted: board.paused }
}

fn audit_view(asset: &AssetSettings, board: AssetBoard) -> AssetAudit {
    let verdict = board.audit.verdict.unwrap_or_default();
    AssetAudit {
        asset: asset.symbol.clone(),
        at_ms: board.audit.at_ms,
        // What was never checked is not exact, and neither is what cannot be checked any more.
        exact: board.audit.at_ms.is_some() && board.audit.unknown.is_none() && verdict.exact(),
        unknown: board.audit.unknown,
        supply: SignedUnits(verdict.supply),
        in_flight: SignedUnits(verdict.in_flight),
        debt: Units(verdict.debt),
        bad_debt: Units(verdict.bad_debt),
        decimals: SYNTHETIC_DECIMALS,
        checks: verdict
            .checks
            .into_iter()
            .map(|check| CheckView { name: check.law, held: check.held, detail: check.detail })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use tim3_chain::{BlockRef, Tips};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(300);

    fn board(height: u64, advanced_ms: u64) -> ChainBoard {
        let head = BlockRef { height, ..BlockRef::default() };
        let tips = Tips { head, finalized: head, tiers: Vec::new() };
        ChainBoard { tips: Some(tips), advanced_ms: Some(advanced_ms), ..ChainBoard::default() }
    }

    #[test]
    fn a_head_that_stands_still_for_too_long_is_told_and_one_that_moves_is_not() {
        let board = board(77, 10_000);
        assert_eq!(standstill(&board, PATIENCE, 310_000), None);
        let told = standstill(&board, PATIENCE, 310_001).unwrap();
        assert!(told.contains("above 77 for 300 s"), "{told}");
        // A clock that was set back has nothing to say, and neither has who knows no block yet.
        assert_eq!(standstill(&board, PATIENCE, 0), None);
        assert_eq!(standstill(&ChainBoard::default(), PATIENCE, u64::MAX), None);
        assert_eq!(standstill(&board, Duration::ZERO, u64::MAX), None, "an operator does not want to hear of it");
    }

    #[test]
    fn books_and_balances_that_are_not_known_for_five_periods_are_told() {
        let period = Duration::from_secs(60);
        let audited = AuditBoard { at_ms: Some(1_000_000), ..AuditBoard::default() };
        assert_eq!(unaudited(&audited, period, 0, 1_300_000), None);
        let failing = AuditBoard { unknown: Some("b: timed out".into()), ..audited };
        let told = unaudited(&failing, period, 0, 1_300_001).unwrap();
        assert_eq!(told, "its books have not been audited for 300 s: b: timed out");
        // Who has just started has not had the time.
        assert_eq!(unaudited(&AuditBoard::default(), period, 500_000, 800_000), None);
        assert!(unaudited(&AuditBoard::default(), period, 500_000, 800_001).is_some());

        let read = ChainBoard { funds_ms: Some(1_000_000), ..ChainBoard::default() };
        assert_eq!(unpaid(&read, 0, 1_150_000), None);
        assert!(unpaid(&read, 0, 1_150_001).unwrap().contains("could not be read for 150 s"));
        let poor = ChainBoard { funds: Some(("0.01 ETH".into(), true)), ..read };
        assert_eq!(unpaid(&poor, 0, 0).unwrap(), "its signer has too little left for fees: 0.01 ETH");
        assert!(unpaid(&ChainBoard::default(), 1_000_000, 1_150_001).is_some());
        assert_eq!(unpaid(&ChainBoard::default(), 1_000_000, 1_000_000), None);
    }

    #[test]
    fn an_operation_that_stands_still_for_an_hour_is_told() {
        let board = AssetBoard { oldest_ms: Some(1_000_000), ..AssetBoard::default() };
        assert_eq!(backlog(&board, 4_600_000), None);
        assert!(backlog(&board, 4_600_001).unwrap().contains("for 3600 s"));
        assert_eq!(backlog(&AssetBoard::default(), u64::MAX), None);
    }

    #[test]
    fn a_chain_that_does_not_answer_is_told_with_its_error() {
        let answered = ChainBoard { answered_ms: Some(1_000), ..board(77, 1_000) };
        assert_eq!(silence(&answered, 31_000), None);
        let silent = ChainBoard { error: Some("refused".into()), ..answered };
        assert!(silence(&silent, 31_001).unwrap().contains("for 30 s: refused"));
    }
}
