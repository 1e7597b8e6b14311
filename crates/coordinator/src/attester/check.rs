//! Does the evidence show what the order says? Pure.

use tim3_chain::{AttestRequest, Evidence, FinalEvent, Refused};
use tim3_domain::{
    identity::{GatewayId, OperationId},
    protocol::{Action, EventBody, MirrorRecord, Operation, OperationKind, Order, OrderContent},
    word::{Word, keccak_words},
};
use tim3_journal::SignatureKey;

/// Checks a request by the rules of `PROTOCOL` section 6.
///
/// # Errors
/// [`Refused::Evidence`] saying what does not fit.
pub fn check(request: &AttestRequest) -> Result<(), Refused> {
    let order = &request.order;
    match (&order.content, order.action, &request.evidence) {
        (OrderContent::Operation(operation), Action::Mint | Action::Release, Evidence::Event(event)) => {
            started(operation, event)?;
            at(order, operation.destination)?;
            let releases = operation.kind == OperationKind::Redeem;
            ensure(releases == (order.action == Action::Release), "the action does not fit the operation's kind")
        }
        (OrderContent::Operation(operation), Action::Void, Evidence::Void { event, slot, .. }) => {
            started(operation, event)?;
            at(order, operation.destination)?;
            let open = slot.is_of(operation.destination, operation.origin, operation.nonce);
            ensure(open, "the open slot is another operation's")
        }
        (OrderContent::Operation(operation), Action::Refund, Evidence::Refund { event, closed }) => {
            started(operation, event)?;
            at(order, operation.origin)?;
            was_voided(operation, closed)
        }
        (
            OrderContent::Conflict { operation, orphan, orphan_amount, .. },
            Action::Conflict,
            Evidence::Refund { event, closed },
        ) => {
            started(operation, event)?;
            at(order, operation.origin)?;
            holds_the_slot(operation, *orphan, *orphan_amount, closed)
        }
        (OrderContent::Mirror(record), Action::Mirror, Evidence::Event(event)) => {
            ensure(order.gateway != record.home, "a position is not mirrored at its home")?;
            moved(record, event)
        }
        (OrderContent::Resend { payout, attempt }, Action::Resend, Evidence::Lost(lost)) => {
            ensure(lost.allows(order.gateway, *payout, *attempt), "another payout or attempt was lost")
        }
        _ => refuse("there is no evidence of this form for this order"),
    }
}

/// What an attester signs at most one content for.
#[must_use]
pub fn signature_key(attester: [u8; 20], order: &Order) -> SignatureKey {
    let key = |origin, destination, nonce, subject| SignatureKey {
        attester,
        origin,
        destination,
        nonce,
        action: order.action,
        subject,
    };
    match &order.content {
        OrderContent::Operation(operation) | OrderContent::Conflict { operation, .. } => {
            key(operation.origin, operation.destination, operation.nonce, Word::ZERO)
        }
        OrderContent::Mirror(record) => {
            let subject = keccak_words(&[record.position.market.0, record.position.owner.0]);
            key(record.home, order.gateway, record.version, subject)
        }
        OrderContent::Resend { payout, attempt } => key(order.gateway, order.gateway, *attempt, *payout),
    }
}

/// The proved event is this operation's, at its origin.
fn started(operation: &Operation, event: &FinalEvent) -> Result<(), Refused> {
    ensure(event.gateway() == operation.origin, "the event is of another gateway than the operation's origin")?;
    ensure(event.event().body.started() == Some(operation), "the event starts another operation")?;
    ensure(operation.origin != operation.destination, "origin and destination are the same gateway")?;
    ensure(operation.fee < operation.amount, "the fee is not below the amount")
}

fn at(order: &Order, gateway: GatewayId) -> Result<(), Refused> {
    ensure(order.gateway == gateway, "the order is for another gateway than the operation names")
}

fn was_voided(operation: &Operation, voided: &FinalEvent) -> Result<(), Refused> {
    ensure(
        voided.gateway() == operation.destination,
        "the void is of another gateway than the operation's destination",
    )?;
    match &voided.event().body {
        EventBody::Voided { outcome, kind } => ensure(
            outcome.operation == operation.id()
                && outcome.peer == operation.origin
                && outcome.nonce == operation.nonce
                && outcome.gross == operation.amount
                && *kind == operation.kind,
            "the void is of another operation",
        ),
        _ => refuse("the destination's event is no void"),
    }
}

/// The slot was done under another id.
fn holds_the_slot(operation: &Operation, orphan: OperationId, amount: u128, done: &FinalEvent) -> Result<(), Refused> {
    ensure(
        done.gateway() == operation.destination,
        "the outcome is of another gateway than the operation's destination",
    )?;
    match &done.event().body {
        EventBody::Minted { outcome, .. } | EventBody::Released { outcome, .. } => ensure(
            orphan != operation.id()
                && outcome.operation == orphan
                && outcome.asset == operation.asset
                && outcome.peer == operation.origin
                && outcome.nonce == operation.nonce
                && outcome.gross == amount,
            "the outcome is not the orphan's in the operation's slot",
        ),
        _ => refuse("the destination's event executed nothing"),
    }
}

/// The proved event left the position as the record says.
fn moved(record: &MirrorRecord, event: &FinalEvent) -> Result<(), Refused> {
    ensure(event.gateway() == record.home, "the event is of another gateway than the position's home")?;
    ensure(event.event().sequence == record.version, "the version is not the event's sequence")?;
    ensure(event.event().body.position() == Some(&record.position), "the event left the position otherwise")
}

fn ensure(holds: bool, otherwise: &str) -> Result<(), Refused> {
    if holds { Ok(()) } else { refuse(otherwise) }
}

fn refuse(why: &str) -> Result<(), Refused> {
    Err(Refused::Evidence(why.to_owned()))
}
