//! Each order has one outcome, once.

use tim3_domain::protocol::{Action, EventBody, Operation, OperationKind, OrderCode, Outcome};

use super::{
    super::{
        report::{Failure, check, check_eq},
        suite::{Suite, WHOLE, only, started},
    },
    outgoing::{check_position, sole},
};
use crate::Slot;

pub(super) async fn mint(suite: &mut Suite<'_>) -> Result<(), Failure> {
    for kind in [OperationKind::Mint, OperationKind::Transfer] {
        let operation = Operation { fee: WHOLE, ..suite.incoming(kind, 20 * WHOLE) };
        let balance = suite.chain.balance(suite.asset(), suite.user()).await?;
        let books = suite.books().await?;
        let steps = [
            ("Mint", Action::Mint, &operation, OrderCode::Done),
            ("the same Mint again", Action::Mint, &operation, OrderCode::AlreadyDone),
            ("Void after Mint", Action::Void, &operation, OrderCode::Rejected),
        ];
        let events = suite.expect_signed(&steps).await?;
        let outcome = Outcome { fee: WHOLE, paid: 19 * WHOLE, ..gross(&operation) };
        check_eq!(*only(&events)?, EventBody::Minted { outcome, recipient: suite.user() }, "the event of a Mint");
        let now = suite.chain.balance(suite.asset(), suite.user()).await?;
        check_eq!(now, balance.saturating_add(19 * WHOLE), "the recipient's balance");
        let minted = suite.books().await?.minted;
        check_eq!(minted, books.minted.saturating_add(20 * WHOLE), "what the gateway counts as minted");
        check_slot(suite, &operation, Slot::Done).await?;
    }
    Ok(())
}

pub(super) async fn void(suite: &mut Suite<'_>) -> Result<(), Failure> {
    for (kind, settle) in [
        (OperationKind::Mint, Action::Mint),
        (OperationKind::Transfer, Action::Mint),
        (OperationKind::Redeem, Action::Release),
    ] {
        let operation = suite.incoming(kind, 3 * WHOLE);
        let voided = suite.books().await?.peers.first().map_or(0, |peer| peer.voided);
        let steps = [
            ("Void", Action::Void, &operation, OrderCode::Done),
            ("the same Void again", Action::Void, &operation, OrderCode::AlreadyDone),
            ("settling after Void", settle, &operation, OrderCode::Rejected),
        ];
        let events = suite.expect_signed(&steps).await?;
        let expected = EventBody::Voided { outcome: gross(&operation), kind };
        check_eq!(*only(&events)?, expected, "the event of a Void");
        let now = suite.books().await?.peers.first().map_or(0, |peer| peer.voided);
        check_eq!(now, voided.saturating_add(3 * WHOLE), "what the books say was voided");
        check_slot(suite, &operation, Slot::Void).await?;
    }
    Ok(())
}

pub(super) async fn wrong_orders(suite: &mut Suite<'_>) -> Result<(), Failure> {
    let good = suite.incoming(OperationKind::Transfer, 2 * WHOLE);
    let redeem = suite.incoming(OperationKind::Redeem, 2 * WHOLE);
    let elsewhere = Operation { destination: suite.peer(), origin: suite.gateway(), ..good.clone() };
    let own = Operation { origin: suite.gateway(), ..good.clone() };
    let all_fee = Operation { fee: good.amount, ..good.clone() };
    let stranger = Operation { owner: suite.user(), ..redeem.clone() };
    let wrong = [
        ("a Mint of a Redeem", Action::Mint, &redeem),
        ("a Release of a Transfer", Action::Release, &good),
        ("a Mint for another gateway", Action::Mint, &elsewhere),
        ("a Mint from this gateway itself", Action::Mint, &own),
        ("a Mint that is all fee", Action::Mint, &all_fee),
        ("a Release from a reserve for another owner", Action::Release, &stranger),
        ("a Refund of what was not sent from here", Action::Refund, &good),
    ];
    let wrong = wrong.map(|(what, action, operation)| (what, action, operation, OrderCode::Rejected));
    suite.expect_signed(&wrong).await?;
    check_slot(suite, &good, Slot::None).await?;
    let right = [
        ("the right order", Action::Mint, &good, OrderCode::Done),
        ("the right order", Action::Void, &redeem, OrderCode::Done),
    ];
    suite.expect_signed(&right).await.map(|_| ())
}

pub(super) async fn refund_lock(suite: &mut Suite<'_>) -> Result<(), Failure> {
    let operation = suite.lock_abroad(50 * WHOLE).await?;
    let reserve = suite.market.id.reserve_owner();
    let position = suite.chain.position(suite.market.id, reserve).await?;
    let had = suite.chain.collateral_balance(suite.market.collateral, suite.user()).await?;
    let tampered = Operation { amount: 51 * WHOLE, ..operation.clone() };
    check!(!suite.chain.refunded(suite.peer(), operation.nonce).await?, "refunded before it was");
    let steps = [
        ("a Refund of more than was sent", Action::Refund, &tampered, OrderCode::Rejected),
        ("Refund", Action::Refund, &operation, OrderCode::Done),
        ("Refund again", Action::Refund, &operation, OrderCode::AlreadyDone),
    ];
    let events = suite.expect_signed(&steps).await?;
    let EventBody::Refunded { outcome, payout, refund_to, position: after } = *only(&events)? else {
        return Err(format!("expected Refunded, found {events:?}").into());
    };
    let expected = Outcome { paid: operation.amount, ..gross(&operation) };
    check_eq!(outcome, Outcome { peer: suite.peer(), ..expected }, "the outcome of a refunded lock");
    check_eq!((payout, refund_to), (operation.wanted, suite.user()), "the payout and who gets it");
    check_eq!(after.debt, position.debt.saturating_sub(operation.amount), "the debt afterwards");
    check_eq!(after.collateral, position.collateral.saturating_sub(payout), "the collateral afterwards");
    check_position(suite, &after, sole(&events)?.sequence).await?;
    let now = suite.chain.collateral_balance(suite.market.collateral, suite.user()).await?;
    check_eq!(now, had.saturating_add(payout), "the user's collateral");
    check!(suite.chain.refunded(suite.peer(), operation.nonce).await?, "not refunded after it was");
    Ok(())
}

pub(super) async fn refund_burn(suite: &mut Suite<'_>) -> Result<(), Failure> {
    suite.mint_at_home(5 * WHOLE).await?;
    let action = suite.transfer(5 * WHOLE);
    let balance = suite.chain.balance(suite.asset(), suite.user()).await?;
    let operation = started(&suite.act(action).await?)?;
    let steps = [
        ("Refund", Action::Refund, &operation, OrderCode::Done),
        ("Refund again", Action::Refund, &operation, OrderCode::AlreadyDone),
    ];
    let events = suite.expect_signed(&steps).await?;
    match only(&events)? {
        EventBody::Refunded { outcome, payout: 0, refund_to, position } => {
            let expected = Outcome { peer: suite.peer(), surplus: operation.amount, ..gross(&operation) };
            check_eq!(*outcome, expected, "the outcome of a refunded burn");
            check_eq!(*refund_to, suite.user(), "who is refunded");
            check!(position.words().iter().all(|word| word.is_zero()), "a burn has no position, found {position:?}");
        }
        other => return Err(format!("expected Refunded without a payout, found {other:?}").into()),
    }
    check_eq!(suite.chain.balance(suite.asset(), suite.user()).await?, balance, "the user's balance after two refunds");
    Ok(())
}

/// The outcome of an incoming operation, with nothing settled.
fn gross(operation: &Operation) -> Outcome {
    Outcome {
        operation: operation.id(),
        peer: operation.origin,
        nonce: operation.nonce,
        asset: operation.asset,
        gross: operation.amount,
        fee: 0,
        paid: 0,
        surplus: 0,
    }
}

pub(super) async fn check_slot(suite: &Suite<'_>, operation: &Operation, expected: Slot) -> Result<(), Failure> {
    let slots = suite.chain.slots(&[(operation.origin, operation.nonce)], &suite.block).await?;
    check_eq!(slots, [expected], "the slot");
    Ok(())
}
