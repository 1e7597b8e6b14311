//! What owners do with their vault positions besides locking.

use pinocchio::{AccountView, Address};
use tim3_solana_interface::{
    GatewayError, ZERO,
    accounts::Position,
    instruction::{SetControllerArgs, WithdrawArgs},
    limits::ONE_BPS,
    protocol::{event, level},
    seeds,
};

use crate::{
    access::{address, close, given, open, open_gateway, proven},
    book::{self, MarketRef},
    delivery::{Delivery, Due, Payee, resolve},
    ledger::{Body, Session},
    rules::health::Balances,
    tokens::{Vault, check_local},
};

/// Pays collateral of the user's own position, as far as max LTV allows at the lower price.
#[inline(never)]
pub(crate) fn withdraw(program: &Address, accounts: &[AccountView], args: &WithdrawArgs) -> Result<(), GatewayError> {
    let [_, _, _, _, _, _, user, authority, vault, recipient, position, price] = accounts else {
        return Err(GatewayError::AccountMissing);
    };
    let mut s = Session::active(program, accounts)?;
    let market = MarketRef::vault(&s, args.market, Some(level::NO_SUPPLY))?;
    let token = market.collateral(&s)?;
    let owner = address(user);
    let kept = book::position(&s, &market, owner, Some(position))?;
    let amount = token.precision.payable(args.collateral);
    if amount == 0 {
        return Err(GatewayError::ZeroAmount);
    }
    let left = kept.balances.collateral.checked_sub(amount).ok_or(GatewayError::AmountOutOfRange)?;
    let after = Balances { collateral: left, debt: kept.balances.debt };
    if after.debt != 0 {
        let lower = book::valid_prices(&s, &market, given(price, program))?.lower;
        let max_ltv = s.gateway.market(market.index).ok_or(GatewayError::UnknownMarket)?.max_ltv();
        if !book::scales(&s, &market, &lower)?.covers(&after, max_ltv.into(), ONE_BPS.into()) {
            return Err(GatewayError::Undercollateralized);
        }
    }
    check_local(&s, &args.to)?;
    let payee = Payee { wallet: &args.to, token: Some(recipient), claimable: None };
    let delivery @ Delivery::Account(_) = resolve(&s, &token, &payee, &amount)? else {
        return Err(GatewayError::InvalidTokenAccount);
    };
    let vault = Vault { account: Some(vault), authority: Some(authority) };
    vault.check(&s, &token, &amount)?;

    book::save(&mut s, &kept, &after)?;
    let mut body = Body::new();
    body.word(&market.id).word(owner).number(after.collateral).number(after.debt).word(&args.to).number(amount);
    s.append(event::WITHDRAWN, body.as_slice())?;
    vault.pay(&mut s, &token, &Due { wallet: &args.to, amount, cause: &ZERO, delivery })
}

/// Names the account on another gateway that may withdraw from the user's position. Open at every level.
#[inline(never)]
pub(crate) fn set_controller(
    program: &Address,
    accounts: &[AccountView],
    args: &SetControllerArgs,
) -> Result<(), GatewayError> {
    let [_, _, _, _, _, user, position] = accounts else { return Err(GatewayError::AccountMissing) };
    let mut s = Session::active(program, accounts)?;
    let market = MarketRef::vault(&s, args.market, None)?;
    if (args.gateway == ZERO) != (args.account == ZERO) {
        return Err(GatewayError::InvalidAccount);
    }
    let owner = address(user);
    let mut record = book::ensure_position(&s, position, &market.id, owner)?;
    record.set_controller_gateway(args.gateway);
    record.set_controller_account(args.account);
    drop(record);
    let mut body = Body::new();
    body.word(&market.id).word(owner).word(&args.gateway).word(&args.account);
    s.append(event::CONTROLLER_SET, body.as_slice())
}

/// Closes an empty position without a controller. Its rent goes back to who paid it.
#[inline(never)]
pub(crate) fn close_position(program: &Address, accounts: &[AccountView]) -> Result<(), GatewayError> {
    let [gateway, position, rent_payer] = accounts else { return Err(GatewayError::AccountMissing) };
    drop(open_gateway(gateway, program)?);
    let record = Position::new(open(position, program)?)?;
    if record.gateway() != *address(gateway) || record.payer() != *address(rent_payer) {
        return Err(GatewayError::WrongSubject);
    }
    let (market, owner) = (record.market(), record.owner());
    let seeds = seeds::position(address(gateway), &market, &owner);
    proven(position, &seeds, record.bump(), program)?;
    if record.collateral() != 0 || record.debt() != 0 || record.controller_gateway() != ZERO {
        return Err(GatewayError::NotEmpty);
    }
    drop(record);
    close(position, rent_payer)
}
