//! Orders at the destination: Mint, Release, Void.

use tim3_solana_interface::{
    GatewayError, Word, ZERO,
    instruction::Role,
    protocol::{event, kind, level, slot},
};

use super::{Carried, Halt, check_signatures};
use crate::{
    book::MarketRef,
    codec::Operation,
    delivery::{Due, Payee, resolve},
    ledger::{Body, Session},
    pauses, records,
    settle::{Release, pay_fee, resolve_fee},
    tokens::{Token, check_local},
    windows::{self, Direction},
};

/// The operation is for this gateway, its slot is free, and the attesters signed.
#[inline(never)]
fn check(
    s: &Session<'_>,
    carried: &Carried<'_>,
    op: &Operation<'_>,
    content: &Word,
    outcome: u8,
) -> Result<(), GatewayError> {
    let id = s.gateway.id();
    if *op.destination() != id || *op.origin() == id || *op.origin() == ZERO {
        return Err(GatewayError::WrongGateway);
    }
    let taken = records::outcome(s, carried.written(Role::Page)?, op.origin(), op.nonce)?;
    if taken == outcome {
        return Err(GatewayError::AlreadyDone);
    }
    if taken != slot::NONE {
        return Err(GatewayError::SlotTaken);
    }
    records::check_route(s, carried.written(Role::Route)?, op.asset(), op.origin())?;
    check_signatures(s, carried, content)
}

/// Records the outcome and adds the gross amount to what was settled or voided.
#[inline(never)]
fn settle(s: &Session<'_>, carried: &Carried<'_>, op: &Operation<'_>, outcome: u8) -> Result<(), GatewayError> {
    records::record_outcome(s, carried.written(Role::Page)?, op.origin(), op.nonce, outcome)?;
    let mut route = records::ensure_route(s, carried.written(Role::Route)?, op.asset(), op.origin())?;
    let add = |total: u128| total.checked_add(op.amount).ok_or(GatewayError::Overflow);
    if outcome == slot::DONE {
        route.set_settled(add(route.settled())?);
    } else {
        route.set_voided(add(route.voided())?);
    }
    Ok(())
}

/// Mints `amount − fee` to the recipient and `fee` to the treasury.
#[inline(never)]
pub(super) fn mint(s: &mut Session<'_>, carried: &Carried<'_>, op: &Operation<'_>, content: &Word) -> Result<(), Halt> {
    check(s, carried, op, content, slot::DONE)?;
    if op.kind == kind::REDEEM {
        return Err(GatewayError::WrongKind.into());
    }
    let paid = op.amount.checked_sub(op.fee).filter(|paid| *paid != 0).ok_or(GatewayError::FeeTooHigh)?;
    let index = s.gateway.asset_index(op.asset()).ok_or(GatewayError::UnknownAsset)?;
    pauses::check(s, index, level::NO_RISK)?;
    check_local(s, op.recipient())?;
    windows::check(s, index, Direction::Mint, &op.amount)?;
    let (token, till, treasury) = (Token::load(s, index)?, carried.till(), s.gateway.treasury());
    let payee = Payee { wallet: op.recipient(), token: till.token, claimable: till.claimable };
    let delivery = resolve(s, &token, &payee, &paid)?;
    let fee_to = resolve_fee(s, &token, &till, &treasury, &op.fee)?;
    till.press.check(s, &token, delivery.waits() || fee_to.waits(), &op.amount)?;

    let apply = |s: &mut Session<'_>| {
        windows::take(s, index, Direction::Mint, &op.amount)?;
        settle(s, carried, op, slot::DONE)?;
        let mut body = Body::new();
        outcome(&mut body, content, op).number(op.fee).number(paid).number(0).word(op.recipient());
        s.append(event::MINTED, body.as_slice())?;
        till.press.mint(s, &token, &Due { wallet: op.recipient(), amount: paid, cause: content, delivery })?;
        pay_fee(s, &till, index, &treasury, &op.fee, fee_to, content)
    };
    apply(s).map_err(Halt::Abort)
}

/// The first five words of an outcome at the destination.
fn outcome<'a>(body: &'a mut Body, id: &Word, op: &Operation<'_>) -> &'a mut Body {
    body.word(id).word(op.origin()).number(op.nonce.into()).word(op.asset()).number(op.amount)
}

/// Repays debt and pays collateral.
#[inline(never)]
pub(super) fn release(
    s: &mut Session<'_>,
    carried: &Carried<'_>,
    op: &Operation<'_>,
    content: &Word,
) -> Result<(), Halt> {
    check(s, carried, op, content, slot::DONE)?;
    if op.kind != kind::REDEEM {
        return Err(GatewayError::WrongKind.into());
    }
    if op.fee >= op.amount {
        return Err(GatewayError::FeeTooHigh.into());
    }
    let market = MarketRef::find(s, op.market())?;
    if market.synthetic(s)?.id != *op.asset() {
        return Err(GatewayError::UnknownMarket.into());
    }
    let till = carried.till();
    let release = Release {
        operation: *content,
        peer: op.origin(),
        nonce: op.nonce,
        asset: op.asset(),
        owner: op.owner(),
        recipient: op.recipient(),
        amount: op.amount,
        fee: op.fee,
        actor: op.actor(),
        wanted: op.wanted,
    };
    let released = release.plan(s, &market, &till)?;
    let apply = |s: &mut Session<'_>| {
        settle(s, carried, op, slot::DONE)?;
        released.apply(s, &release, &market, &till)
    };
    apply(s).map_err(Halt::Abort)
}

/// Closes the slot for ever. Needs nothing of the operation to be known here, so that whatever cannot be delivered can be voided, at every
/// level.
#[inline(never)]
pub(super) fn void(s: &mut Session<'_>, carried: &Carried<'_>, op: &Operation<'_>, content: &Word) -> Result<(), Halt> {
    check(s, carried, op, content, slot::VOID)?;
    let apply = |s: &mut Session<'_>| {
        settle(s, carried, op, slot::VOID)?;
        let mut body = Body::new();
        outcome(&mut body, content, op).number(0).number(0).number(0).number(op.kind.into());
        s.append(event::VOIDED, body.as_slice())
    };
    apply(s).map_err(Halt::Abort)
}
