//! How tokens come in and go out. Amounts are canonical; this is the only place that knows native units.

use tim3_domain::{
    amount::{Rounding, scale},
    identity::{Account, AssetId, OperationId},
    protocol::EventBody,
};

use super::{
    Reject,
    reject::{add, sub},
    session::Session,
    state::Totals,
};

impl Session {
    pub(super) fn update_totals(
        &mut self,
        asset: AssetId,
        change: impl FnOnce(&mut Totals) -> Result<(), Reject>,
    ) -> Result<(), Reject> {
        let mut totals = self.gateway.totals.read(&asset);
        change(&mut totals)?;
        self.gateway.totals.set(asset, totals);
        Ok(())
    }

    /// Mints synthetic; into custody for a later claim where the token refuses the account.
    pub(super) fn mint(&mut self, asset: AssetId, to: Account, amount: u128, cause: OperationId) -> Result<(), Reject> {
        if amount == 0 {
            return Ok(());
        }
        if self.gateway.refusing.contains(&(asset, to)) {
            return self.mint_into_custody(asset, to, amount, cause);
        }
        self.mint_to(asset, to, amount)
    }

    /// Mints synthetic that the gateway keeps for an account.
    pub(super) fn mint_into_custody(
        &mut self,
        asset: AssetId,
        account: Account,
        amount: u128,
        cause: OperationId,
    ) -> Result<(), Reject> {
        if amount == 0 {
            return Ok(());
        }
        self.mint_to(asset, self.gateway.account, amount)?;
        self.credit(asset, account, amount, cause)
    }

    fn mint_to(&mut self, asset: AssetId, to: Account, amount: u128) -> Result<(), Reject> {
        self.update_totals(asset, |totals| {
            totals.minted = add(totals.minted, amount)?;
            Ok(())
        })?;
        let native = self.native_exact(asset, amount)?;
        self.gateway.supplies.set(asset, add(self.gateway.supplies.read(&asset), native)?);
        self.deposit(asset, to, native)
    }

    /// Burns the caller's synthetic.
    pub(super) fn burn_from_caller(&mut self, asset: AssetId, amount: u128) -> Result<(), Reject> {
        let native = self.native_exact(asset, amount)?;
        self.withdraw_from(asset, self.caller, native)?;
        self.gateway.supplies.set(asset, sub(self.gateway.supplies.read(&asset), native)?);
        self.update_totals(asset, |totals| {
            totals.burned = add(totals.burned, amount)?;
            Ok(())
        })
    }

    /// Takes collateral from the caller.
    pub(super) fn pull(&mut self, asset: AssetId, amount: u128) -> Result<(), Reject> {
        let native = self.native_exact(asset, amount)?;
        self.withdraw_from(asset, self.caller, native)?;
        self.deposit(asset, self.gateway.account, native)
    }

    /// `amount` rounded down to what the token can pay.
    pub(super) fn payable(&self, asset: AssetId, amount: u128) -> Result<u128, Reject> {
        let a = self.asset(asset)?;
        let native = scale(amount, a.decimals, a.native_decimals, Rounding::Down)?;
        Ok(scale(native, a.native_decimals, a.decimals, Rounding::Down)?)
    }

    /// Pays what the gateway holds, or refuses.
    pub(super) fn pay(&mut self, asset: AssetId, to: Account, amount: u128) -> Result<(), Reject> {
        if amount != 0 && self.gateway.refusing.contains(&(asset, to)) {
            return Err(Reject::TransferFailed);
        }
        let native = self.native_exact(asset, amount)?;
        self.withdraw_from(asset, self.gateway.account, native)?;
        self.deposit(asset, to, native)
    }

    /// Pays what the gateway holds, or makes it claimable.
    pub(super) fn push(&mut self, asset: AssetId, to: Account, amount: u128, cause: OperationId) -> Result<(), Reject> {
        if amount == 0 {
            return Ok(());
        }
        if self.gateway.refusing.contains(&(asset, to)) {
            return self.credit(asset, to, amount, cause);
        }
        self.pay(asset, to, amount)
    }

    fn credit(&mut self, asset: AssetId, account: Account, amount: u128, cause: OperationId) -> Result<(), Reject> {
        let key = (account, asset);
        self.gateway.claimables.set(key, add(self.gateway.claimables.read(&key), amount)?);
        self.update_totals(asset, |totals| {
            totals.claimable = add(totals.claimable, amount)?;
            Ok(())
        })?;
        self.append(EventBody::Claimable { account, asset, amount, cause })
    }

    /// `amount` in the token's own units; refused where it has no exact form there.
    pub(super) fn native_exact(&self, asset: AssetId, amount: u128) -> Result<u128, Reject> {
        let a = self.asset(asset)?;
        Ok(scale(amount, a.decimals, a.native_decimals, Rounding::Exact)?)
    }

    fn deposit(&mut self, asset: AssetId, to: Account, native: u128) -> Result<(), Reject> {
        if native != 0 {
            self.gateway.balances.set((asset, to), add(self.gateway.balances.read(&(asset, to)), native)?);
        }
        Ok(())
    }

    pub(super) fn withdraw_from(&mut self, asset: AssetId, from: Account, native: u128) -> Result<(), Reject> {
        let found = self.gateway.balances.read(&(asset, from));
        let left = found.checked_sub(native).ok_or(Reject::InsufficientBalance { asset, found, needed: native })?;
        if native != 0 {
            self.gateway.balances.set((asset, from), left);
        }
        Ok(())
    }
}
