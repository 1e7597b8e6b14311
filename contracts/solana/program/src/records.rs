//! Routes and slots, which an order makes where nobody has done it.

use pinocchio::AccountView;
use tim3_solana_interface::{
    GatewayError, Word,
    accounts::{Route, SlotPage},
    protocol::slot,
    seeds,
};

use crate::{
    access::{Data, NewAccount, absent, create, derived, open},
    ledger::Session,
};

/// Checks that an account is, or may become, the route of (asset, peer).
#[inline(never)]
pub(crate) fn check_route(
    s: &Session<'_>,
    account: &AccountView,
    asset: &Word,
    peer: &Word,
) -> Result<(), GatewayError> {
    if absent(account) {
        derived(account, &seeds::route(s.address, asset, peer), s.program).map(|_| ())
    } else {
        open_route(s, account, asset, peer).map(|_| ())
    }
}

/// The route of (asset, peer), provided that it is this account.
#[inline(always)]
fn open_route<'a>(
    s: &Session<'_>,
    account: &'a AccountView,
    asset: &Word,
    peer: &Word,
) -> Result<Route<Data<'a>>, GatewayError> {
    let route = Route::new(open(account, s.program)?)?;
    if route.gateway() == *s.address && route.asset() == *asset && route.peer() == *peer {
        Ok(route)
    } else {
        Err(GatewayError::WrongSubject)
    }
}

/// The route of (asset, peer); a new one is closed.
#[inline(never)]
pub(crate) fn ensure_route<'a>(
    s: &Session<'_>,
    account: &'a AccountView,
    asset: &Word,
    peer: &Word,
) -> Result<Route<Data<'a>>, GatewayError> {
    if !absent(account) {
        return open_route(s, account, asset, peer);
    }
    let new = NewAccount { account, payer: s.payer, owner: s.program, length: Route::LENGTH };
    create(&new, &seeds::route(s.address, asset, peer), s.program)?;
    let mut route = Route::create(open(account, s.program)?)?;
    route.set_gateway(*s.address);
    route.set_asset(*asset);
    route.set_peer(*peer);
    Ok(route)
}

/// The outcome of (origin, nonce) so far.
#[inline(never)]
pub(crate) fn outcome(s: &Session<'_>, account: &AccountView, origin: &Word, nonce: u64) -> Result<u8, GatewayError> {
    let number = SlotPage::of(nonce).ok_or(GatewayError::InvalidValue)?;
    if absent(account) {
        derived(account, &seeds::slots(s.address, origin, &number.to_le_bytes()), s.program)?;
        return Ok(slot::NONE);
    }
    Ok(open_slots(s, account, origin, number)?.slot(nonce))
}

#[inline(always)]
fn open_slots<'a>(
    s: &Session<'_>,
    account: &'a AccountView,
    origin: &Word,
    number: u32,
) -> Result<SlotPage<Data<'a>>, GatewayError> {
    let page = SlotPage::new(open(account, s.program)?)?;
    if page.gateway() == *s.address && page.peer() == *origin && page.page() == number {
        Ok(page)
    } else {
        Err(GatewayError::WrongSubject)
    }
}

/// Records the outcome of (origin, nonce), which has none.
#[inline(never)]
pub(crate) fn record_outcome(
    s: &Session<'_>,
    account: &AccountView,
    origin: &Word,
    nonce: u64,
    outcome: u8,
) -> Result<(), GatewayError> {
    let number = SlotPage::of(nonce).ok_or(GatewayError::InvalidValue)?;
    let mut page = if absent(account) {
        let new = NewAccount { account, payer: s.payer, owner: s.program, length: SlotPage::LENGTH };
        create(&new, &seeds::slots(s.address, origin, &number.to_le_bytes()), s.program)?;
        let mut page = SlotPage::create(open(account, s.program)?)?;
        page.set_gateway(*s.address);
        page.set_peer(*origin);
        page.set_page(number);
        page
    } else {
        open_slots(s, account, origin, number)?
    };
    page.set_slot(nonce, outcome);
    Ok(())
}
