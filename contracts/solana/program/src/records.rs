//! Routes, peers and pages of nonces: what is known of other gateways.

use pinocchio::AccountView;
use tim3_solana_interface::{
    GatewayError, Word,
    accounts::{OutgoingPage, Peer, Route, SlotPage},
    protocol::slot,
    seeds,
};

use crate::{
    access::{Data, NewAccount, absent, create, derived, open, proven},
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
#[inline(never)]
pub(crate) fn open_route<'a>(
    s: &Session<'_>,
    account: &'a AccountView,
    asset: &Word,
    peer: &Word,
) -> Result<Route<Data<'a>>, GatewayError> {
    let route = Route::new(open(account, s.program)?)?;
    if route.gateway() != *s.address || route.asset() != *asset || route.peer() != *peer {
        return Err(GatewayError::WrongSubject);
    }
    proven(account, &seeds::route(s.address, asset, peer), route.bump(), s.program)?;
    Ok(route)
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
    let bump = create(&new, &seeds::route(s.address, asset, peer), s.program)?;
    let mut route = Route::create(open(account, s.program)?)?;
    route.set_gateway(*s.address);
    route.set_asset(*asset);
    route.set_peer(*peer);
    route.set_bump(bump);
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
    if page.gateway() != *s.address || page.peer() != *origin || page.page() != number {
        return Err(GatewayError::WrongSubject);
    }
    proven(account, &seeds::slots(s.address, origin, &number.to_le_bytes()), page.bump(), s.program)?;
    Ok(page)
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
        let bump = create(&new, &seeds::slots(s.address, origin, &number.to_le_bytes()), s.program)?;
        let mut page = SlotPage::create(open(account, s.program)?)?;
        page.set_gateway(*s.address);
        page.set_peer(*origin);
        page.set_page(number);
        page.set_bump(bump);
        page
    } else {
        open_slots(s, account, origin, number)?
    };
    page.set_slot(nonce, outcome);
    Ok(())
}

/// The record of a peer, provided that it is this account.
#[inline(never)]
pub(crate) fn open_peer<'a>(
    s: &Session<'_>,
    account: &'a AccountView,
    peer: &Word,
) -> Result<Peer<Data<'a>>, GatewayError> {
    let record = Peer::new(open(account, s.program)?)?;
    if record.gateway() != *s.address || record.peer() != *peer {
        return Err(GatewayError::WrongSubject);
    }
    proven(account, &seeds::peer(s.address, peer), record.bump(), s.program)?;
    Ok(record)
}

/// The record of a peer, made where nobody has done it.
#[inline(never)]
pub(crate) fn ensure_peer<'a>(
    s: &Session<'_>,
    account: &'a AccountView,
    peer: &Word,
) -> Result<Peer<Data<'a>>, GatewayError> {
    if !absent(account) {
        return open_peer(s, account, peer);
    }
    let new = NewAccount { account, payer: s.payer, owner: s.program, length: Peer::LENGTH };
    let bump = create(&new, &seeds::peer(s.address, peer), s.program)?;
    let mut record = Peer::create(open(account, s.program)?)?;
    record.set_gateway(*s.address);
    record.set_peer(*peer);
    record.set_bump(bump);
    Ok(record)
}

/// A page of ids of operations to `destination`, provided that it is this account.
#[inline(never)]
pub(crate) fn open_outgoing<'a>(
    s: &Session<'_>,
    account: &'a AccountView,
    destination: &Word,
    number: u32,
) -> Result<OutgoingPage<Data<'a>>, GatewayError> {
    let page = OutgoingPage::new(open(account, s.program)?)?;
    if page.gateway() != *s.address || page.peer() != *destination || page.page() != number {
        return Err(GatewayError::WrongSubject);
    }
    proven(account, &seeds::outgoing(s.address, destination, &number.to_le_bytes()), page.bump(), s.program)?;
    Ok(page)
}
