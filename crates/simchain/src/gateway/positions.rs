//! Positions at home, and the one rule by which debt is undone: Release, redeem at home, and Refund of a lock.

use tim3_chain::{Direction, PositionRecord};
use tim3_domain::{
    health::{self, Backing, Balances, Scales},
    identity::{Account, AssetId, MarketId, MarketKind},
    price::Price,
    protocol::{EventBody, Outcome, PositionState, Window},
};

use super::{
    Feed, Market, Reject,
    reject::{add, sub},
    session::Session,
};

/// Debt undone: what was undone is `paid + surplus`.
pub(super) struct Undone {
    pub(super) paid: u128,
    pub(super) surplus: u128,
    pub(super) payout: u128,
    pub(super) position: PositionState,
}

/// A Release, or a redeem at home: then operation, nonce and fee of the outcome are zero, and the peer is this gateway.
pub(super) struct Release {
    /// `paid` and `surplus` are still zero.
    pub(super) outcome: Outcome,
    pub(super) market: MarketId,
    pub(super) owner: Account,
    pub(super) recipient: Account,
    pub(super) actor: Account,
    pub(super) wanted: u128,
}

impl Session {
    /// Writes a position; its version is the event that the caller appends next.
    pub(super) fn save_position(
        &mut self,
        id: MarketId,
        owner: Account,
        collateral: u128,
        debt: u128,
    ) -> Result<PositionState, Reject> {
        let mut market = self.market(id)?;
        let before = self.gateway.position(id, owner);
        market.recorded = add(sub(market.recorded, before.collateral)?, collateral)?;
        market.debt = add(sub(market.debt, before.debt)?, debt)?;
        self.update_totals(market.synthetic, |totals| {
            totals.debt = add(sub(totals.debt, before.debt)?, debt)?;
            Ok(())
        })?;
        self.gateway.markets.set(id, market);
        let version = self.next_sequence();
        self.gateway.positions.set((id, owner), PositionRecord { collateral, debt, version });
        Ok(PositionState { market: id, owner, collateral, debt })
    }

    /// The oracle's answer, if it may be acted on.
    pub(super) fn price(&self, market: &Market) -> Result<Feed, Reject> {
        self.gateway
            .prices
            .get(&market.collateral)
            .filter(|feed| self.now.saturating_sub(feed.at) <= market.terms.max_price_age)
            .ok_or(Reject::PriceUnavailable)
    }

    pub(super) fn scales(&self, market: &Market, price: Price) -> Result<Scales, Reject> {
        let target = self.asset(market.synthetic)?.target.ok_or(Reject::UnknownAsset(market.synthetic))?;
        Ok(Scales::new(price, target, self.asset(market.collateral)?.decimals)?)
    }

    /// Lets the debt fall by at most `net`, and finds out what collateral that frees; at most `cap` of it.
    pub(super) fn undo(&mut self, id: MarketId, owner: Account, net: u128, cap: u128) -> Result<Undone, Reject> {
        let market = self.market(id)?;
        let PositionRecord { collateral, debt, .. } = self.gateway.position(id, owner);
        let scales = self.price(&market).and_then(|feed| self.scales(&market, feed.lower)).ok();
        let backing = match market.kind {
            MarketKind::Reserve => Backing::Reserve { decimals: self.asset(market.collateral)?.decimals },
            MarketKind::Vault => {
                Backing::Vault { max_ltv_bps: market.terms.market.max_ltv_bps, scales: scales.as_ref() }
            }
        };
        let undone = health::release(Balances { collateral, debt }, net, cap, backing);
        let payout = self.payable(market.collateral, undone.payout)?;
        let position = self.save_position(id, owner, sub(collateral, payout)?, undone.left.debt)?;
        Ok(Undone { paid: undone.paid, surplus: undone.surplus, payout, position })
    }

    /// The rule of Release: debt down, fee to the treasury, collateral and surplus to the recipient.
    pub(super) fn release(&mut self, release: Release) -> Result<(), Reject> {
        let Release { outcome, market: id, recipient, .. } = release;
        let (asset, cause) = (outcome.asset, outcome.operation);
        let market = self.market(id)?;
        if market.synthetic != asset {
            return Err(Reject::UnknownMarket(id));
        }
        let level = self.check_pause(asset, 2)?;
        self.take_window(asset, Direction::Release, outcome.gross)?;
        let cap = self.collateral_cap(&market, &release)?;
        let undone = self.undo(id, release.owner, sub(outcome.gross, outcome.fee)?, cap)?;
        if undone.surplus != 0 {
            self.force_mint_window(asset, undone.surplus)?;
        }
        self.append(EventBody::Released {
            outcome: Outcome { paid: undone.paid, surplus: undone.surplus, ..outcome },
            payout: undone.payout,
            recipient,
            position: undone.position,
        })?;
        self.mint(asset, self.gateway.treasury, outcome.fee, cause)?;
        if level < 2 {
            self.mint(asset, recipient, undone.surplus, cause)?;
        } else {
            self.mint_into_custody(asset, recipient, undone.surplus, cause)?;
        }
        if cause.is_zero() {
            self.pay(market.collateral, recipient, undone.payout)
        } else {
            self.push(market.collateral, recipient, undone.payout, cause)
        }
    }

    /// A reserve pays whoever burns; a vault only the owner at home, or his controller.
    fn collateral_cap(&self, market: &Market, release: &Release) -> Result<u128, Reject> {
        if market.kind == MarketKind::Reserve {
            let owner = release.market.reserve_owner();
            return if release.owner == owner { Ok(u128::MAX) } else { Err(Reject::WrongOwner(release.owner)) };
        }
        let controller = self.gateway.controller(release.market, release.owner);
        let at_home = release.outcome.operation.is_zero() && release.actor == release.owner;
        let named = controller.gateway == release.outcome.peer && controller.account == release.actor;
        Ok(if at_home || named { release.wanted } else { 0 })
    }

    /// Takes `amount` from a window, or delays.
    pub(super) fn take_window(&mut self, asset: AssetId, direction: Direction, amount: u128) -> Result<(), Reject> {
        let key = (asset, direction);
        let window = self.gateway.windows.get(&key).ok_or(Reject::WindowFull { available: 0, needed: amount })?;
        let available = window.available_at(self.now);
        let taken = window.take(amount, self.now).ok_or(Reject::WindowFull { available, needed: amount })?;
        self.gateway.windows.set(key, taken);
        Ok(())
    }

    /// Takes `amount` from the Mint window even where that drives it below zero.
    fn force_mint_window(&mut self, asset: AssetId, amount: u128) -> Result<(), Reject> {
        let key = (asset, Direction::Mint);
        let Some(window) = self.gateway.windows.get(&key) else { return Ok(()) };
        let amount = i128::try_from(amount).unwrap_or(i128::MAX);
        let available = window.available_at(self.now).saturating_sub(amount);
        self.gateway.windows.set(key, Window { available, updated: self.now, ..window });
        Ok(())
    }
}
