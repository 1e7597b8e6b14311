//! Debt that is paid at home: of a position, and bad debt.

use pinocchio::{AccountView, Address};
use tim3_solana_interface::{
    GatewayError,
    instruction::{CoverArgs, RepayArgs},
    protocol::event,
};

use crate::{
    access::{address, given},
    bad_debt,
    book::{self, MarketRef},
    ledger::{Body, Session},
    rules::health::Balances,
    tokens::{self, Token},
};

/// Burns the user's synthetic against the debt of a position; takes no more than the debt. Open at every level.
#[inline(never)]
pub(crate) fn repay(program: &Address, accounts: &[AccountView], args: &RepayArgs) -> Result<(), GatewayError> {
    let [_, _, _, _, _, _, user, source, mint, position] = accounts else {
        return Err(GatewayError::AccountMissing);
    };
    let mut s = Session::active(program, accounts)?;
    let market = MarketRef::load(&s, args.market)?;
    let kept = book::position(&s, &market, &args.owner, given(position, program))?;
    let amount = args.amount.min(kept.balances.debt);
    if kept.balances.debt == 0 {
        return Err(GatewayError::NoDebt);
    }
    if amount == 0 {
        return Err(GatewayError::ZeroAmount);
    }
    let after = Balances {
        collateral: kept.balances.collateral,
        debt: kept.balances.debt.checked_sub(amount).ok_or(GatewayError::Overflow)?,
    };
    book::save(&mut s, &kept, &after)?;
    let mut body = Body::new();
    body.word(&market.id).word(&args.owner).number(after.collateral).number(after.debt);
    body.word(address(user)).number(amount);
    s.append(event::REPAID, body.as_slice())?;
    let token = market.synthetic(&s)?;
    tokens::burn(&mut s, &token, [source, mint, user], &amount)
}

/// Burns the user's synthetic against the bad debt of a market; takes no more than there is. Open at every level.
#[inline(never)]
pub(crate) fn cover(program: &Address, accounts: &[AccountView], args: &CoverArgs) -> Result<(), GatewayError> {
    let [_, _, _, _, _, _, user, source, mint, account] = accounts else {
        return Err(GatewayError::AccountMissing);
    };
    let mut s = Session::active(program, accounts)?;
    let mut record = bad_debt::open_record(&s, account, &args.market)?;
    let amount = args.amount.min(record.amount());
    if record.amount() == 0 {
        return Err(GatewayError::NoDebt);
    }
    if amount == 0 {
        return Err(GatewayError::ZeroAmount);
    }
    let left = record.amount().checked_sub(amount).ok_or(GatewayError::Overflow)?;
    record.set_amount(left);
    let token = Token::load(&s, s.gateway.asset_index(&record.asset()).ok_or(GatewayError::UnknownAsset)?)?;
    let mut asset = s.gateway.asset_mut(token.index).ok_or(GatewayError::UnknownAsset)?;
    let total = asset.bad_debt().checked_sub(amount).ok_or(GatewayError::Overflow)?;
    asset.set_bad_debt(total);
    let mut body = Body::new();
    body.word(&args.market).word(&token.id).word(address(user)).number(amount).number(left);
    s.append(event::COVERED, body.as_slice())?;
    tokens::burn(&mut s, &token, [source, mint, user], &amount)
}
