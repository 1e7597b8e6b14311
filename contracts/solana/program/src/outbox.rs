//! Operations that leave this gateway.

use pinocchio::AccountView;
use tim3_solana_interface::{
    GatewayError, Word,
    accounts::OutgoingPage,
    limits::OPERATION_WORDS,
    protocol::operation as field,
    seeds,
    words::{of_u128, to_u128},
};

use crate::{
    access::{Data, NewAccount, absent, address, create, open},
    codec,
    ledger::Session,
    records,
    rules::amounts::route_fee,
    tokens::{check_local, check_remote},
};

/// Accounts that an operation needs.
#[derive(Clone, Copy)]
pub(crate) struct Outbox<'a> {
    /// Route of (asset, destination).
    pub route: &'a AccountView,
    /// The destination.
    pub peer: &'a AccountView,
    /// Its current page of ids, and the next one.
    pub pages: [Option<&'a AccountView>; 2],
}

/// Completes an operation with fee, nonce and time, and records it.
#[inline(never)]
pub(crate) fn dispatch(
    s: &mut Session<'_>,
    outbox: &Outbox<'_>,
    words: &mut [Word; OPERATION_WORDS],
    max_fee: &u128,
) -> Result<(), GatewayError> {
    if s.gateway.retired() != 0 {
        return Err(GatewayError::Retired);
    }
    let word = |index: usize| words.get(index).copied().unwrap_or_default();
    let (asset, destination) = (word(field::ASSET), word(field::DESTINATION));
    let amount = to_u128(&word(field::AMOUNT)).ok_or(GatewayError::InvalidValue)?;

    // Without a route there is no account, and then the route is closed.
    if absent(outbox.route) || absent(outbox.peer) {
        return Err(GatewayError::RouteClosed);
    }
    let mut route = records::open_route(s, outbox.route, &asset, &destination)?;
    let mut peer = records::open_peer(s, outbox.peer, &destination)?;
    if route.enabled() == 0 || peer.tombstoned() != 0 {
        return Err(GatewayError::RouteClosed);
    }
    if amount < route.min() || amount > route.max() {
        return Err(GatewayError::AmountOutOfRange);
    }
    let fee = route_fee(amount, route.flat_fee(), route.fee_bps());
    if fee >= amount || fee > *max_fee {
        return Err(GatewayError::FeeTooHigh);
    }
    check_local(s, &word(field::REFUND_TO))?;
    check_remote(&word(field::RECIPIENT), route.evm() != 0)?;

    let nonce = peer.next_nonce();
    for (index, value) in [(field::FEE, fee), (field::NONCE, nonce.into()), (field::TIMESTAMP, s.now.into())] {
        if let Some(place) = words.get_mut(index) {
            *place = of_u128(value);
        }
    }
    peer.set_next_nonce(nonce.checked_add(1).ok_or(GatewayError::Overflow)?);
    route.set_sent(route.sent().checked_add(amount).ok_or(GatewayError::Overflow)?);
    let mut page = outgoing_page(s, outbox, &destination, nonce)?;
    page.set_operation(nonce, &codec::operation_id(words));
    Ok(())
}

/// The page of a nonce. Others may have filled the current one since the transaction was made: then the next one is used, and made where
/// nobody has done it.
fn outgoing_page<'a>(
    s: &Session<'_>,
    outbox: &Outbox<'a>,
    destination: &Word,
    nonce: u64,
) -> Result<OutgoingPage<Data<'a>>, GatewayError> {
    let number = OutgoingPage::of(nonce).ok_or(GatewayError::TableFull)?;
    for account in outbox.pages.into_iter().flatten() {
        if absent(account) {
            let new = NewAccount { account, payer: s.payer, owner: s.program, length: OutgoingPage::LENGTH };
            let bump = match create(&new, &seeds::outgoing(s.address, destination, &number.to_le_bytes()), s.program) {
                Err(GatewayError::WrongAddress) => continue,
                made => made?,
            };
            let mut page = OutgoingPage::create(open(account, s.program)?)?;
            page.set_gateway(*s.address);
            page.set_peer(*destination);
            page.set_page(number);
            page.set_bump(bump);
            page.set_payer(*address(s.payer));
            return Ok(page);
        }
        match records::open_outgoing(s, account, destination, number) {
            Err(GatewayError::WrongSubject) => {}
            page => return page,
        }
    }
    Err(GatewayError::PageMissing)
}
