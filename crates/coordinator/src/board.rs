//! What the daemon's parts last knew, for whoever asks: nothing here decides anything.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use tim3_chain::Tips;
use tim3_domain::identity::{AssetId, GatewayId};
use tim3_journal::Cursor;
use tokio::time::Instant;

use crate::{
    audit::{Conflicts, Reading, Verdict},
    coordinator::now_ms,
};

/// A chain.
#[derive(Clone, Debug, Default)]
pub struct ChainBoard {
    /// How far it has come.
    pub tips: Option<Tips>,
    /// How far its events are proved and worked off.
    pub cursor: Option<Cursor>,
    /// When it last answered, in milliseconds since 1970.
    pub answered_ms: Option<u64>,
    /// When its newest block was first seen to be newer than the one before.
    pub advanced_ms: Option<u64>,
    /// What went wrong last, while it still does.
    pub error: Option<String>,
    /// Signed orders that wait for a transaction.
    pub waiting: usize,
    /// Transactions that are not included.
    pub in_flight: usize,
    /// What the signer has left for fees, and whether that is too little.
    pub funds: Option<(String, bool)>,
    /// When that was read, in milliseconds since 1970.
    pub funds_ms: Option<u64>,
    /// Positions whose newest version it does not have.
    pub mirrors_behind: usize,
}

/// A synthetic.
#[derive(Clone, Debug, Default)]
pub struct AssetBoard {
    /// Why nothing is signed, if so.
    pub paused: Option<String>,
    /// Open operations by phase.
    pub phases: BTreeMap<&'static str, usize>,
    /// When the oldest open operation that waits for nobody's decision last changed, in milliseconds since 1970.
    pub oldest_ms: Option<u64>,
    /// What Conflict orders refund.
    pub conflicts: Conflicts,
    /// When its coordinator last came round; it does every second, and waits for the journal in between.
    pub worked: Option<Instant>,
    /// The last audit.
    pub audit: AuditBoard,
}

/// An audit.
#[derive(Clone, Debug, Default)]
pub struct AuditBoard {
    /// When it ended, in milliseconds since 1970.
    pub at_ms: Option<u64>,
    /// What it came to.
    pub verdict: Option<Verdict>,
    /// Why the newest attempt could not read the books, if it could not.
    pub unknown: Option<String>,
    /// The books that were read last, and when, in milliseconds since 1970.
    pub readings: Option<(u64, Arc<[Reading]>)>,
}

#[derive(Debug, Default)]
struct State {
    chains: BTreeMap<GatewayId, ChainBoard>,
    assets: BTreeMap<AssetId, AssetBoard>,
}

/// The board; clones share one.
#[derive(Clone, Debug, Default)]
pub struct Board(Arc<RwLock<State>>);

impl Board {
    /// A chain as last known.
    #[must_use]
    pub fn chain(&self, gateway: GatewayId) -> ChainBoard {
        self.read().chains.get(&gateway).cloned().unwrap_or_default()
    }

    /// A synthetic as last known.
    #[must_use]
    pub fn asset(&self, asset: AssetId) -> AssetBoard {
        self.read().assets.get(&asset).cloned().unwrap_or_default()
    }

    /// Changes what is known of a chain.
    pub fn update_chain(&self, gateway: GatewayId, update: impl FnOnce(&mut ChainBoard)) {
        update(self.write().chains.entry(gateway).or_default());
    }

    /// Changes what is known of a synthetic.
    pub fn update_asset(&self, asset: AssetId, update: impl FnOnce(&mut AssetBoard)) {
        update(self.write().assets.entry(asset).or_default());
    }

    /// A chain answered.
    pub fn answered(&self, gateway: GatewayId, tips: &Tips, cursor: Cursor) {
        let now = now_ms();
        self.update_chain(gateway, |chain| {
            if chain.tips.as_ref().is_none_or(|old| old.head.height < tips.head.height) {
                chain.advanced_ms = Some(now);
            }
            chain.tips = Some(tips.clone());
            chain.cursor = Some(cursor);
            chain.answered_ms = Some(now);
            chain.error = None;
        });
    }

    /// An audit ended.
    pub fn audited(&self, asset: AssetId, verdict: Verdict) {
        self.update_asset(asset, |board| {
            (board.audit.at_ms, board.audit.verdict, board.audit.unknown) = (Some(now_ms()), Some(verdict), None);
        });
    }

    /// An audit could not be made.
    pub fn audit_unknown(&self, asset: AssetId, why: String) {
        self.update_asset(asset, |board| board.audit.unknown = Some(why));
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}
