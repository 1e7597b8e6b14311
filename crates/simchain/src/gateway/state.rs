//! What a gateway has recorded, and how it answers.

use std::{collections::BTreeSet, sync::Arc};

use tim3_chain::{AttesterSet, Books, Direction, Holding, MarketState, PeerBooks, PositionRecord, RouteState, Slot};
use tim3_domain::{
    amount::{Rounding, scale},
    identity::{Account, AssetId, GatewayId, MarketId, MarketKind, OperationId},
    price::Price,
    protocol::{Head, MirrorRecord, Window},
    word::Word,
};

use super::{Call, Receipt, Reject, Terms, session::Session, signatures::Memo, table::Table};

/// A registered token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asset {
    /// Price of one whole synthetic; `None` makes it a collateral.
    pub target: Option<Price>,
    /// Canonical decimals.
    pub decimals: u8,
    /// What the token itself counts in.
    pub native_decimals: u8,
    /// Pause level as it was set.
    pub level: u8,
    /// When level 3 falls to 2.
    pub frozen_until: u64,
    /// Synthetics that this collateral backs.
    pub backs: Vec<AssetId>,
}

/// A market at its home.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Market {
    /// Reserve or vault.
    pub kind: MarketKind,
    /// The synthetic.
    pub synthetic: AssetId,
    /// The collateral.
    pub collateral: AssetId,
    /// What the admin decided.
    pub terms: Terms,
    /// Collateral of all positions, canonical.
    pub recorded: u128,
    /// Debt of all positions.
    pub debt: u128,
}

/// Who may redeem the collateral of a position from elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Controller {
    /// Where it burns.
    pub gateway: GatewayId,
    /// Who it is there.
    pub account: Account,
}

/// What the oracle said last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feed {
    /// For drawing debt and withdrawing.
    pub lower: Price,
    /// For liquidation.
    pub higher: Price,
    /// When it was said.
    pub at: u64,
}

/// Cumulative totals of one asset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) minted: u128,
    pub(super) burned: u128,
    pub(super) debt: u128,
    pub(super) bad_debt: u128,
    pub(super) claimable: u128,
}

/// Bad debt of a market, which need not be at home here (see the Conflict order).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BadDebt {
    pub(super) asset: AssetId,
    pub(super) amount: u128,
}

/// A gateway with the tokens around it.
#[derive(Clone, Debug)]
pub struct Gateway {
    pub(super) id: GatewayId,
    pub(super) account: Account,
    pub(super) admin: Account,
    pub(super) guardian: Account,
    pub(super) treasury: Account,
    pub(super) retired: bool,
    pub(super) head: Head,
    pub(super) checkpoints: Table<u64, Word>,
    pub(super) attesters: Arc<AttesterSet>,
    pub(super) memo: Arc<Memo>,
    pub(super) assets: Table<AssetId, Asset>,
    pub(super) totals: Table<AssetId, Totals>,
    pub(super) peers: Table<(AssetId, GatewayId), PeerBooks>,
    pub(super) windows: Table<(AssetId, Direction), Window>,
    pub(super) routes: Table<(AssetId, GatewayId), RouteState>,
    pub(super) markets: Table<MarketId, Market>,
    pub(super) positions: Table<(MarketId, Account), PositionRecord>,
    pub(super) controllers: Table<(MarketId, Account), Controller>,
    pub(super) bad_debts: Table<MarketId, BadDebt>,
    pub(super) mirrors: Table<(MarketId, Account), MirrorRecord>,
    pub(super) mirror_homes: Table<MarketId, GatewayId>,
    pub(super) claimables: Table<(Account, AssetId), u128>,
    pub(super) nonces: Table<GatewayId, u64>,
    pub(super) outgoing: Table<(GatewayId, u64), OperationId>,
    pub(super) slots: Table<(GatewayId, u64), Slot>,
    pub(super) refunds: Table<(GatewayId, u64), ()>,
    pub(super) tombstones: Table<GatewayId, Head>,
    // The world around the gateway.
    pub(super) balances: Table<(AssetId, Account), u128>,
    pub(super) supplies: Table<AssetId, u128>,
    pub(super) refusing: Table<(AssetId, Account), ()>,
    pub(super) prices: Table<AssetId, Feed>,
}

impl Gateway {
    /// A gateway that has nothing registered. `account` is its own account on its chain.
    #[must_use]
    pub fn new(id: GatewayId, account: Account, admin: Account, guardian: Account) -> Self {
        Self {
            id,
            account,
            admin,
            guardian,
            treasury: admin,
            retired: false,
            head: Head::genesis(id),
            checkpoints: Table::default(),
            attesters: Arc::new(AttesterSet { epoch: 0, threshold: u8::MAX, signers: Vec::new() }),
            memo: Arc::default(),
            assets: Table::default(),
            totals: Table::default(),
            peers: Table::default(),
            windows: Table::default(),
            routes: Table::default(),
            markets: Table::default(),
            positions: Table::default(),
            controllers: Table::default(),
            bad_debts: Table::default(),
            mirrors: Table::default(),
            mirror_homes: Table::default(),
            claimables: Table::default(),
            nonces: Table::default(),
            outgoing: Table::default(),
            slots: Table::default(),
            refunds: Table::default(),
            tombstones: Table::default(),
            balances: Table::default(),
            supplies: Table::default(),
            refusing: Table::default(),
            prices: Table::default(),
        }
    }

    /// Does what `caller` asks for at `now` (chain seconds), as a whole or not at all.
    ///
    /// # Errors
    /// [`Reject`] with the reason; nothing has changed then. Orders of a batch never fail it: each has its own answer.
    pub fn apply(&mut self, call: &Call, caller: Account, now: u64) -> Result<Receipt, Reject> {
        let (next, receipt) = Session::run(self.clone(), call, caller, now)?;
        *self = next;
        Ok(receipt)
    }

    /// Its identity.
    #[must_use]
    pub fn id(&self) -> GatewayId {
        self.id
    }

    /// Its account: where collateral and custody are held.
    #[must_use]
    pub fn account(&self) -> Account {
        self.account
    }

    /// Count and running hash.
    #[must_use]
    pub fn head(&self) -> Head {
        self.head
    }

    /// The running hash when a call ended with `count` events.
    #[must_use]
    pub fn checkpoint(&self, count: u64) -> Option<Word> {
        self.checkpoints.get(&count)
    }

    /// The operation with `nonce` towards `destination`.
    #[must_use]
    pub fn outgoing(&self, destination: GatewayId, nonce: u64) -> Option<OperationId> {
        self.outgoing.get(&(destination, nonce))
    }

    /// The nonce that the next operation towards `destination` gets.
    #[must_use]
    pub fn next_nonce(&self, destination: GatewayId) -> u64 {
        self.nonces.read(&destination)
    }

    /// The outcome recorded for an incoming operation.
    #[must_use]
    pub fn slot(&self, origin: GatewayId, nonce: u64) -> Slot {
        self.slots.get(&(origin, nonce)).unwrap_or(Slot::None)
    }

    /// Whether an outgoing operation was refunded.
    #[must_use]
    pub fn refunded(&self, destination: GatewayId, nonce: u64) -> bool {
        self.refunds.contains(&(destination, nonce))
    }

    /// A registered token.
    #[must_use]
    pub fn asset(&self, asset: AssetId) -> Option<Asset> {
        self.assets.get(&asset)
    }

    /// A market at home here.
    #[must_use]
    pub fn market(&self, market: MarketId) -> Option<MarketState> {
        let m = self.markets.get(&market)?;
        let terms = m.terms.market;
        Some(MarketState {
            id: market,
            kind: m.kind,
            synthetic: m.synthetic,
            collateral: m.collateral,
            collateral_decimals: self.asset(m.collateral)?.decimals,
            max_ltv_bps: terms.max_ltv_bps,
            liquidation_threshold_bps: terms.liquidation_threshold_bps,
            bonus_bps: terms.bonus_bps,
            close_factor_bps: terms.close_factor_bps,
            debt_ceiling: terms.debt_ceiling,
            dust: terms.dust,
            debt: m.debt,
            recorded: m.recorded,
        })
    }

    /// A position at home; all zero where there is none.
    #[must_use]
    pub fn position(&self, market: MarketId, owner: Account) -> PositionRecord {
        self.positions.read(&(market, owner))
    }

    /// Who may redeem an owner's collateral from elsewhere.
    #[must_use]
    pub fn controller(&self, market: MarketId, owner: Account) -> Controller {
        self.controllers.read(&(market, owner))
    }

    /// The mirrored position of another gateway.
    #[must_use]
    pub fn mirror(&self, market: MarketId, owner: Account) -> Option<MirrorRecord> {
        self.mirrors.get(&(market, owner))
    }

    /// The books of a synthetic, with those towards `peers` in that order.
    #[must_use]
    pub fn books(&self, asset: AssetId, peers: &[GatewayId]) -> Books {
        let totals = self.totals.read(&asset);
        Books {
            minted: totals.minted,
            burned: totals.burned,
            debt: totals.debt,
            bad_debt: totals.bad_debt,
            claimable: totals.claimable,
            pending: 0,
            supply: self.supply(asset),
            holdings: self.collaterals(asset).into_iter().map(|collateral| self.holding(collateral)).collect(),
            peers: peers.iter().map(|peer| self.peers.read(&(asset, *peer))).collect(),
        }
    }

    /// What backs a synthetic here.
    fn collaterals(&self, synthetic: AssetId) -> BTreeSet<AssetId> {
        self.markets.values().filter(|market| market.synthetic == synthetic).map(|market| market.collateral).collect()
    }

    fn holding(&self, collateral: AssetId) -> Holding {
        let recorded = self.markets.values().filter(|market| market.collateral == collateral);
        Holding {
            collateral,
            held: self.balance(collateral, self.account),
            recorded: recorded.fold(0, |sum, market| sum.saturating_add(market.recorded)),
            claimable: self.totals.read(&collateral).claimable,
            pending: 0,
            undebited: 0,
        }
    }

    /// One of the two windows of a synthetic.
    #[must_use]
    pub fn window(&self, asset: AssetId, direction: Direction) -> Option<Window> {
        self.windows.get(&(asset, direction))
    }

    /// What is allowed towards `peer`; a route that was never set is closed.
    #[must_use]
    pub fn route(&self, asset: AssetId, peer: GatewayId) -> RouteState {
        let closed = RouteState { enabled: false, min: 0, max: 0, fee: tim3_domain::protocol::RouteFee::default() };
        self.routes.get(&(asset, peer)).unwrap_or(closed)
    }

    /// The pause level of a synthetic at `now`.
    #[must_use]
    pub fn pause_level(&self, asset: AssetId, now: u64) -> Option<u8> {
        let asset = self.asset(asset).filter(|asset| asset.target.is_some())?;
        Some(if asset.level == 3 && now >= asset.frozen_until { 2 } else { asset.level })
    }

    /// The current attesters.
    #[must_use]
    pub fn attesters(&self) -> &AttesterSet {
        &self.attesters
    }

    /// Who gets the fees.
    #[must_use]
    pub fn treasury(&self) -> Account {
        self.treasury
    }

    /// What waits for an account, in canonical units.
    #[must_use]
    pub fn claimable(&self, account: Account, asset: AssetId) -> u128 {
        self.claimables.read(&(account, asset))
    }

    /// An account's balance, in canonical units, rounded down.
    #[must_use]
    pub fn balance(&self, asset: AssetId, account: Account) -> u128 {
        self.canonical(asset, self.balances.read(&(asset, account)))
    }

    /// What the token itself counts as its supply, in canonical units, rounded down.
    #[must_use]
    pub fn supply(&self, asset: AssetId) -> u128 {
        self.canonical(asset, self.supplies.read(&asset))
    }

    /// What the oracle said last.
    #[must_use]
    pub fn price(&self, asset: AssetId) -> Option<Feed> {
        self.prices.get(&asset)
    }

    fn canonical(&self, asset: AssetId, native: u128) -> u128 {
        self.asset(asset).and_then(|a| scale(native, a.native_decimals, a.decimals, Rounding::Down).ok()).unwrap_or(0)
    }
}
