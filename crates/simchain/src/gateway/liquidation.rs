//! Unhealthy positions and what they leave behind.

use tim3_chain::PositionRecord;
use tim3_domain::{
    health::{Balances, Liquidation, Refusal, liquidate},
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

    /// What the position loses, in what the token can pay.
    fn taking(&self, market: &Market, position: PositionRecord, max_repay: u128) -> Result<Liquidation, Reject> {
        let PositionRecord { collateral, debt, .. } = position;
        let parameters = VaultParameters::check(market.terms.market)?;
        let scales = self.scales(market, self.price(market)?.higher)?;
        let taken = liquidate(Balances { collateral, debt }, &parameters, &scales, max_repay);
        let taken = taken.map_err(|refusal| match refusal {
            Refusal::Healthy => Reject::Healthy,
            Refusal::MustTakeWhole(repay) => Reject::MustTakeWhole(repay),
            Refusal::ZeroAmount => Reject::ZeroAmount,
            Refusal::BelowDust(debt) => Reject::BelowDust { debt, dust: parameters.terms().dust },
        })?;
        Ok(Liquidation { seized: self.payable(market.collateral, taken.seized)?, ..taken })
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
