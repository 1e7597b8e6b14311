//! Orders at the origin: Refund and Conflict.

use pinocchio::AccountView;
use tim3_solana_interface::{
    GatewayError, Word, ZERO,
    accounts::OutgoingPage,
    instruction::Role,
    limits::{CONFLICT_WORDS, OPERATION_WORDS},
    protocol::{event, kind, level},
    words::to_u128,
};

use super::{Carried, Halt, check_signatures};
use crate::{
    access::Data,
    bad_debt,
    book::MarketRef,
    codec::{self, Operation},
    delivery::{Delivery, Due, Payee, resolve},
    ledger::{Body, Session},
    pauses, records,
    settle::{Request, Settlement, Till, plan},
    tokens::{Token, check_local},
};

/// A refund that is known to succeed.
struct Refund<'a> {
    token: Token,
    till: Till<'a>,
    /// Of a lock.
    settlement: Option<Settlement<'a>>,
    /// Of a burn: how it reaches `refundTo`.
    minted_to: Delivery<'a>,
}

/// Gives back what the operation took, gross and outside the windows.
#[inline(never)]
pub(super) fn refund(
    s: &mut Session<'_>,
    carried: &Carried<'_>,
    op: &Operation<'_>,
    content: &Word,
) -> Result<(), Halt> {
    check(s, carried, op, content)?;
    check_signatures(s, carried, content)?;
    let refund = prepare(s, carried, op)?;
    apply(s, carried, op, content, &refund).map_err(Halt::Abort)
}

/// The operation is one that this gateway made, word for word, and it was not refunded.
#[inline(never)]
fn check(s: &Session<'_>, carried: &Carried<'_>, op: &Operation<'_>, id: &Word) -> Result<(), GatewayError> {
    if *op.origin() != s.gateway.id() {
        return Err(GatewayError::WrongGateway);
    }
    let page = outgoing(s, carried.written(Role::Page)?, op)?;
    if page.operation(op.nonce) != id {
        return Err(GatewayError::UnknownOperation);
    }
    if page.refunded(op.nonce) {
        return Err(GatewayError::AlreadyDone);
    }
    records::check_route(s, carried.written(Role::Route)?, op.asset(), op.destination())?;
    let index = s.gateway.asset_index(op.asset()).ok_or(GatewayError::UnknownAsset)?;
    pauses::check(s, index, level::NO_SUPPLY)
}

/// The page of an operation's id, provided that it is this account.
fn outgoing<'a>(
    s: &Session<'_>,
    account: &'a AccountView,
    op: &Operation<'_>,
) -> Result<OutgoingPage<Data<'a>>, GatewayError> {
    let number = OutgoingPage::of(op.nonce).ok_or(GatewayError::InvalidValue)?;
    records::open_outgoing(s, account, op.destination(), number)
}

#[inline(never)]
fn prepare<'a>(s: &Session<'_>, carried: &Carried<'a>, op: &Operation<'a>) -> Result<Refund<'a>, GatewayError> {
    let index = s.gateway.asset_index(op.asset()).ok_or(GatewayError::UnknownAsset)?;
    let (token, till) = (Token::load(s, index)?, carried.till());
    if op.kind == kind::MINT {
        let request = Request {
            market: MarketRef::find(s, op.market())?,
            owner: op.owner(),
            net: op.amount,
            cap: op.wanted,
            payee: op.refund_to(),
            custody: false,
        };
        let settlement = plan(s, &till, &request)?;
        till.press.check(s, &token, settlement.surplus_to.waits(), &settlement.undone.surplus)?;
        return Ok(Refund { token, till, settlement: Some(settlement), minted_to: Delivery::Nothing });
    }
    check_local(s, op.refund_to())?;
    let payee = Payee { wallet: op.refund_to(), token: till.token, claimable: till.claimable };
    let minted_to = resolve(s, &token, &payee, &op.amount)?;
    till.press.check(s, &token, minted_to.waits(), &op.amount)?;
    Ok(Refund { token, till, settlement: None, minted_to })
}

#[inline(never)]
fn apply(
    s: &mut Session<'_>,
    carried: &Carried<'_>,
    op: &Operation<'_>,
    id: &Word,
    refund: &Refund<'_>,
) -> Result<(), GatewayError> {
    outgoing(s, carried.written(Role::Page)?, op)?.set_refunded(op.nonce);
    let mut route = records::ensure_route(s, carried.written(Role::Route)?, op.asset(), op.destination())?;
    route.set_refunded(route.refunded().checked_add(op.amount).ok_or(GatewayError::Overflow)?);
    drop(route);

    let mut body = Body::new();
    body.word(id).word(op.destination()).number(op.nonce.into()).word(op.asset()).number(op.amount).number(0);
    let Some(settlement) = &refund.settlement else {
        body.number(0).number(op.amount).number(0).word(op.refund_to()).words(&[ZERO; 4]);
        s.append(event::REFUNDED, body.as_slice())?;
        let due = Due { wallet: op.refund_to(), amount: op.amount, cause: id, delivery: refund.minted_to };
        return refund.till.press.mint(s, &refund.token, &due);
    };
    settlement.save(s)?;
    let undone = &settlement.undone;
    body.number(undone.paid).number(undone.surplus).number(undone.payout).word(op.refund_to());
    settlement.position(&mut body);
    s.append(event::REFUNDED, body.as_slice())?;
    settlement.pay(s, &refund.till, id)
}

/// Refunds, and records what an operation that no longer exists has minted at the destination: counted as sent, and as bad debt.
#[inline(never)]
pub(super) fn conflict(
    s: &mut Session<'_>,
    carried: &Carried<'_>,
    words: &[Word; CONFLICT_WORDS],
    content: &Word,
) -> Result<(), Halt> {
    let op = &Operation::read(words)?;
    let id = codec::operation_id(op.words);
    check(s, carried, op, &id)?;
    check_signatures(s, carried, content)?;
    let [.., orphan, market, amount] = words;
    debug_assert_eq!(words.len(), OPERATION_WORDS.saturating_add(3));
    let amount = to_u128(amount).ok_or(GatewayError::MalformedContent)?;
    if *orphan == ZERO || *orphan == id || *market == ZERO || amount == 0 {
        return Err(GatewayError::MalformedContent.into());
    }
    let account = carried.written(Role::BadDebt)?;
    bad_debt::check(s, Some(account), market, op.asset())?;
    let refund = prepare(s, carried, op)?;

    let finish = |s: &mut Session<'_>| {
        apply(s, carried, op, &id, &refund)?;
        bad_debt::add(s, account, market, &refund.token, &amount)?;
        let mut route = records::ensure_route(s, carried.written(Role::Route)?, op.asset(), op.destination())?;
        route.set_sent(route.sent().checked_add(amount).ok_or(GatewayError::Overflow)?);
        drop(route);
        let mut body = Body::new();
        body.word(market).word(op.asset()).number(amount).word(orphan);
        s.append(event::BAD_DEBT, body.as_slice())
    };
    finish(s).map_err(Halt::Abort)
}
