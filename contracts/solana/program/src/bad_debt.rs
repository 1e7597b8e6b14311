//! Debt whose collateral is gone, by market.

use pinocchio::AccountView;
use tim3_solana_interface::{GatewayError, Word, accounts::BadDebt, seeds};

use crate::{
    access::{Data, NewAccount, absent, create, derived, open, proven},
    ledger::Session,
    tokens::Token,
};

/// The record of a market, provided that it is this account.
pub(crate) fn open_record<'a>(
    s: &Session<'_>,
    account: &'a AccountView,
    market: &Word,
) -> Result<BadDebt<Data<'a>>, GatewayError> {
    let record = BadDebt::new(open(account, s.program)?)?;
    if record.gateway() != *s.address || record.market() != *market {
        return Err(GatewayError::WrongSubject);
    }
    proven(account, &seeds::bad_debt(s.address, market), record.bump(), s.program)?;
    Ok(record)
}

/// Checks that bad debt in a synthetic can be added to what the account records.
pub(crate) fn check(
    s: &Session<'_>,
    account: Option<&AccountView>,
    market: &Word,
    asset: &Word,
) -> Result<(), GatewayError> {
    let account = account.ok_or(GatewayError::AccountMissing)?;
    if !account.is_writable() {
        return Err(GatewayError::NotWritable);
    }
    if absent(account) {
        return derived(account, &seeds::bad_debt(s.address, market), s.program).map(|_| ());
    }
    if open_record(s, account, market)?.asset() == *asset { Ok(()) } else { Err(GatewayError::UnknownAsset) }
}

/// Adds bad debt to a market and to the synthetic's total.
#[inline(never)]
pub(crate) fn add(
    s: &mut Session<'_>,
    account: &AccountView,
    market: &Word,
    token: &Token,
    amount: &u128,
) -> Result<(), GatewayError> {
    let mut record = if absent(account) {
        let new = NewAccount { account, payer: s.payer, owner: s.program, length: BadDebt::LENGTH };
        let bump = create(&new, &seeds::bad_debt(s.address, market), s.program)?;
        let mut record = BadDebt::create(open(account, s.program)?)?;
        record.set_gateway(*s.address);
        record.set_market(*market);
        record.set_asset(token.id);
        record.set_bump(bump);
        record
    } else {
        open_record(s, account, market)?
    };
    record.set_amount(record.amount().checked_add(*amount).ok_or(GatewayError::Overflow)?);
    let mut asset = s.gateway.asset_mut(token.index).ok_or(GatewayError::UnknownAsset)?;
    let total = asset.bad_debt().checked_add(*amount).ok_or(GatewayError::Overflow)?;
    asset.set_bad_debt(total);
    Ok(())
}
