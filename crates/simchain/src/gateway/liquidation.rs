//! Unhealthy positions and what they leave behind.

use tim3_chain::PositionRecord;
use tim3_domain::{
    health::{Assessment, Balances, Liquidation, assess},
    identity::{Account, AssetId, MarketId},
    market::VaultParameters,
    protocol::EventBody,
};

use super::{
    Market, Reject,
    reject::{add, sub},
    session::Session,
    state::BadDebt,
};

impl Session {
    pub(super) fn liquidate(
        &mut self,
        id: MarketId,
        owner: Account,
        max_repay: u128,
        min_seized: u128,
    ) -> Result<(), Reject> {
        let market = self.vault(id)?;
        self.check_pause(market.synthetic, 2)?;
        let before = self.gateway.position(id, owner);
        if before.debt == 0 {
            return Err(Reject::NoDebt);
        }
        let Liquidation { repaid, seized, bad_debt } = self.taking(&market, before, max_repay)?;
        if seized < min_seized {
            return Err(Reject::SeizedTooLittle { seized, min: min_seized });
        }
        let debt = sub(sub(before.debt, repaid)?, bad_debt)?;
        let position = self.save_position(id, owner, sub(before.collateral, seized)?, debt)?;
        if bad_debt != 0 {
            self.add_bad_debt(id, market.synthetic, bad_debt)?;
        }
        let liquidator = self.caller;
        self.append(EventBody::Liquidated { position, liquidator, repaid, seized, bad_debt })?;
        self.burn_from_caller(market.synthetic, repaid)?;
        self.pay(market.collateral, liquidator, seized)
    }

    /// Part of the debt is repaid where that does not make the position worse; otherwise it is taken whole, and the debt that is left is bad.
    fn taking(&self, market: &Market, before: PositionRecord, max_repay: u128) -> Result<Liquidation, Reject> {
        let PositionRecord { collateral, debt, .. } = before;
        let terms = market.terms.market;
        let parameters = VaultParameters::check(terms)?;
        let scales = self.scales(market, self.price(market)?.higher)?;
        let most = match assess(Balances { collateral, debt }, &parameters, &scales) {
            Assessment::Healthy => return Err(Reject::Healthy),
            Assessment::Whole(whole) if max_repay < whole.repaid => return Err(Reject::MustTakeWhole(whole.repaid)),
            Assessment::Whole(whole) => return Ok(whole),
            Assessment::Partial { most } => most,
        };
        let repaid = most.min(max_repay);
        let left = sub(debt, repaid)?;
        if repaid == 0 {
            return Err(Reject::ZeroAmount);
        }
        if left != 0 && left < terms.dust {
            return Err(Reject::BelowDust { debt: left, dust: terms.dust });
        }
        let seized = scales.seizable(repaid, terms.bonus_bps).min(collateral);
        Ok(Liquidation { repaid, seized: self.payable(market.collateral, seized)?, bad_debt: 0 })
    }

    pub(super) fn add_bad_debt(&mut self, market: MarketId, asset: AssetId, amount: u128) -> Result<(), Reject> {
        let known = self.gateway.bad_debts.get(&market).unwrap_or(BadDebt { asset, amount: 0 });
        if known.asset != asset {
            return Err(Reject::UnknownAsset(asset));
        }
        self.gateway.bad_debts.set(market, BadDebt { asset, amount: add(known.amount, amount)? });
        self.update_totals(asset, |totals| {
            totals.bad_debt = add(totals.bad_debt, amount)?;
            Ok(())
        })
    }

    pub(super) fn cover(&mut self, market: MarketId, amount: u128) -> Result<(), Reject> {
        let bad = self.gateway.bad_debts.get(&market).filter(|bad| bad.amount != 0).ok_or(Reject::NoDebt)?;
        let amount = amount.min(bad.amount);
        if amount == 0 {
            return Err(Reject::ZeroAmount);
        }
        let left = sub(bad.amount, amount)?;
        self.gateway.bad_debts.set(market, BadDebt { amount: left, ..bad });
        self.update_totals(bad.asset, |totals| {
            totals.bad_debt = sub(totals.bad_debt, amount)?;
            Ok(())
        })?;
        let payer = self.caller;
        self.append(EventBody::Covered { market, asset: bad.asset, payer, amount, left })?;
        self.burn_from_caller(bad.asset, amount)
    }
}
