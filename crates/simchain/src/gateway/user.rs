//! What users do.

use tim3_chain::UserAction;
use tim3_domain::{
    amount::{Rounding, SYNTHETIC_DECIMALS, scale},
    health::Balances,
    identity::{Account, AssetId, GatewayId, MarketId, MarketKind, OperationId},
    market::ONE_BPS,
    protocol::{EventBody, OperationKind, Outcome},
};

use super::{
    Controller, KeeperAction, Market, Reject,
    outbox::Draft,
    positions::Release,
    reject::{add, sub},
    session::Session,
};

impl Session {
    pub(super) fn user(&mut self, action: &UserAction) -> Result<(), Reject> {
        match *action {
            UserAction::Lock { .. } => self.lock(action),
            UserAction::Transfer { asset, amount, destination, recipient, refund_to, max_fee } => {
                self.check_pause(asset, 1)?;
                self.burn(Draft {
                    kind: OperationKind::Transfer,
                    destination,
                    asset,
                    market: MarketId::ZERO,
                    owner: Account::ZERO,
                    refund_to,
                    recipient,
                    amount,
                    wanted: 0,
                    max_fee,
                })
            }
            UserAction::Redeem { home, market, owner, amount, wanted, recipient, .. } if home == self.gateway.id => {
                self.redeem(market, owner, amount, wanted, recipient)
            }
            UserAction::Redeem { asset, amount, home, market, owner, recipient, wanted, refund_to, max_fee } => {
                self.check_pause(asset, 2)?;
                if market.is_zero() || owner.is_zero() {
                    return Err(Reject::InvalidIntent);
                }
                self.burn(Draft {
                    kind: OperationKind::Redeem,
                    destination: home,
                    asset,
                    market,
                    owner,
                    refund_to,
                    recipient,
                    amount,
                    wanted,
                    max_fee,
                })
            }
            UserAction::Repay { market, owner, amount } => self.repay(market, owner, amount),
            UserAction::Withdraw { market, collateral, to } => self.withdraw(market, collateral, to),
            UserAction::Claim { asset, to } => self.claim(asset, to),
            UserAction::RaisePause { asset, level } => self.set_pause(asset, level),
        }
    }

    pub(super) fn keeper(&mut self, action: &KeeperAction) -> Result<(), Reject> {
        match *action {
            KeeperAction::Liquidate { market, owner, max_repay, min_seized } => {
                self.liquidate(market, owner, max_repay, min_seized)
            }
            KeeperAction::Cover { market, amount } => self.cover(market, amount),
            KeeperAction::SetController { market, gateway, account } => self.set_controller(market, gateway, account),
        }
    }

    fn lock(&mut self, action: &UserAction) -> Result<(), Reject> {
        let UserAction::Lock { market: id, collateral, debt, destination, recipient, refund_to, max_fee } = *action
        else {
            return Err(Reject::InvalidIntent);
        };
        let market = self.market(id)?;
        self.check_pause(market.synthetic, 0)?;
        if collateral == 0 && debt == 0 {
            return Err(Reject::ZeroAmount);
        }
        self.pull(market.collateral, collateral)?;
        let owner = match market.kind {
            MarketKind::Reserve => id.reserve_owner(),
            MarketKind::Vault => self.caller,
        };
        let before = self.gateway.position(id, owner);
        let (after, owed) = (add(before.collateral, collateral)?, add(before.debt, debt)?);
        if debt != 0 {
            self.check_draw(&market, collateral, debt, after, owed)?;
        }
        let position = self.save_position(id, owner, after, owed)?;
        let at_home = debt != 0 && destination == self.gateway.id;
        let operation = if debt == 0 || at_home {
            None
        } else {
            Some(Box::new(self.dispatch(Draft {
                kind: OperationKind::Mint,
                destination,
                asset: market.synthetic,
                market: id,
                owner,
                refund_to,
                recipient,
                amount: debt,
                wanted: collateral,
                max_fee,
            })?))
        };
        let (minted, recipient_here) = if at_home { (debt, self.payee(recipient)?) } else { (0, Account::ZERO) };
        let actor = self.caller;
        self.append(EventBody::Locked { position, actor, collateral, minted, recipient: recipient_here, operation })?;
        self.mint(market.synthetic, recipient_here, minted, OperationId::ZERO)
    }

    /// What drawing debt needs: room under the ceiling; in a reserve as much collateral as debt, at par; in a vault LTV within the maximum
    /// at the lower price, and no dust.
    fn check_draw(
        &self,
        market: &Market,
        brought: u128,
        drawn: u128,
        collateral: u128,
        debt: u128,
    ) -> Result<(), Reject> {
        let terms = market.terms.market;
        let total = add(market.debt, drawn)?;
        if total > terms.debt_ceiling {
            return Err(Reject::CeilingExceeded { debt: total, ceiling: terms.debt_ceiling });
        }
        if debt < terms.dust {
            return Err(Reject::BelowDust { debt, dust: terms.dust });
        }
        let covered = match market.kind {
            MarketKind::Reserve => {
                self.check_peg(market)?;
                // What this lock brings must carry what it draws, both ways: a reserve's surplus is nobody's to draw against.
                let decimals = self.asset(market.collateral)?.decimals;
                scale(brought, decimals, SYNTHETIC_DECIMALS, Rounding::Down)? >= drawn
                    && scale(drawn, SYNTHETIC_DECIMALS, decimals, Rounding::Down)? <= brought
            }
            MarketKind::Vault => {
                let scales = self.scales(market, self.price(market)?.lower)?;
                scales.covers(Balances { collateral, debt }, terms.max_ltv_bps.into(), ONE_BPS.into())
            }
        };
        if covered { Ok(()) } else { Err(Reject::Undercollateralized) }
    }

    fn check_peg(&self, market: &Market) -> Result<(), Reject> {
        let Some(depeg) = market.terms.depeg_bps else { return Ok(()) };
        let lower = self.price(market)?.lower;
        let target = self.asset(market.synthetic)?.target.ok_or(Reject::UnknownAsset(market.synthetic))?;
        let least = target.raw().checked_mul(ONE_BPS.saturating_sub(depeg).into()).ok_or(Reject::Overflow)?;
        let pegged = lower.raw().checked_mul(ONE_BPS.into()).is_none_or(|price| price >= least);
        if pegged { Ok(()) } else { Err(Reject::Depegged(lower.raw())) }
    }

    fn burn(&mut self, draft: Draft) -> Result<(), Reject> {
        if draft.destination == self.gateway.id {
            return Err(Reject::InvalidIntent);
        }
        let operation = Box::new(self.dispatch(draft)?);
        let (asset, amount) = (operation.asset, operation.amount);
        self.append(EventBody::Burned { operation })?;
        self.burn_from_caller(asset, amount)
    }

    fn redeem(
        &mut self,
        market: MarketId,
        owner: Account,
        amount: u128,
        wanted: u128,
        recipient: Account,
    ) -> Result<(), Reject> {
        if amount == 0 {
            return Err(Reject::ZeroAmount);
        }
        self.payee(recipient)?;
        let asset = self.market(market)?.synthetic;
        self.burn_from_caller(asset, amount)?;
        let outcome = Outcome {
            operation: OperationId::ZERO,
            peer: self.gateway.id,
            nonce: 0,
            asset,
            gross: amount,
            fee: 0,
            paid: 0,
            surplus: 0,
        };
        self.release(Release { outcome, market, owner, recipient, actor: self.caller, wanted })
    }

    fn repay(&mut self, id: MarketId, owner: Account, amount: u128) -> Result<(), Reject> {
        let market = self.market(id)?;
        let before = self.gateway.position(id, owner);
        let amount = amount.min(before.debt);
        if before.debt == 0 {
            return Err(Reject::NoDebt);
        }
        if amount == 0 {
            return Err(Reject::ZeroAmount);
        }
        let position = self.save_position(id, owner, before.collateral, sub(before.debt, amount)?)?;
        self.append(EventBody::Repaid { position, payer: self.caller, amount })?;
        self.burn_from_caller(market.synthetic, amount)
    }

    pub(super) fn vault(&self, id: MarketId) -> Result<Market, Reject> {
        let market = self.market(id)?;
        if market.kind == MarketKind::Vault { Ok(market) } else { Err(Reject::WrongMarketKind(id)) }
    }

    fn withdraw(&mut self, id: MarketId, collateral: u128, to: Account) -> Result<(), Reject> {
        let market = self.vault(id)?;
        self.check_pause(market.synthetic, 2)?;
        let recipient = self.payee(to)?;
        let before = self.gateway.position(id, self.caller);
        let amount = self.payable(market.collateral, collateral)?;
        if amount == 0 {
            return Err(Reject::ZeroAmount);
        }
        let left = before.collateral.checked_sub(amount).ok_or(Reject::AmountOutOfRange {
            amount,
            min: 1,
            max: before.collateral,
        })?;
        if before.debt != 0 {
            let scales = self.scales(&market, self.price(&market)?.lower)?;
            let after = Balances { collateral: left, debt: before.debt };
            if !scales.covers(after, market.terms.market.max_ltv_bps.into(), ONE_BPS.into()) {
                return Err(Reject::Undercollateralized);
            }
        }
        let position = self.save_position(id, self.caller, left, before.debt)?;
        self.append(EventBody::Withdrawn { position, recipient, amount })?;
        self.pay(market.collateral, recipient, amount)
    }

    fn set_controller(&mut self, market: MarketId, gateway: GatewayId, account: Account) -> Result<(), Reject> {
        self.vault(market)?;
        if gateway.is_zero() != account.is_zero() {
            return Err(Reject::InvalidAccount(account));
        }
        let owner = self.caller;
        self.gateway.controllers.set((market, owner), Controller { gateway, account });
        self.append(EventBody::ControllerSet { market, owner, gateway, account })
    }

    /// Collateral may be claimed unless a synthetic that it backs is frozen; a synthetic only while supply may be handed out.
    fn claim(&mut self, asset: AssetId, to: Account) -> Result<(), Reject> {
        let registered = self.asset(asset)?;
        if registered.target.is_some() {
            self.check_pause(asset, 1)?;
        }
        for synthetic in registered.backs {
            self.check_pause(synthetic, 2)?;
        }
        let (account, recipient) = (self.caller, self.payee(to)?);
        let amount = self.gateway.claimable(account, asset);
        if amount == 0 {
            return Err(Reject::NothingToClaim);
        }
        self.gateway.claimables.set((account, asset), 0);
        self.update_totals(asset, |totals| {
            totals.claimable = sub(totals.claimable, amount)?;
            Ok(())
        })?;
        self.append(EventBody::Claimed { account, asset, amount, recipient })?;
        self.pay(asset, recipient, amount)
    }
}
