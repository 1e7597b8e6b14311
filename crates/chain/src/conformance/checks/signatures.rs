//! Whose word counts.

use k256::{Scalar, U256, elliptic_curve::ops::Reduce};
use tim3_domain::{
    identity::GatewayId,
    protocol::{Action, Operation, OperationKind, Order, OrderCode, OrderContent, SignedOrder},
    word::keccak_text,
};

use super::{
    super::{
        Keys,
        report::Failure,
        suite::{Suite, WHOLE},
    },
    outcomes::check_slot,
};
use crate::Slot;

pub(super) async fn refused(suite: &mut Suite<'_>) -> Result<(), Failure> {
    let operation = suite.incoming(OperationKind::Transfer, 2 * WHOLE);
    let order = suite.order(Action::Mint, OrderContent::Operation(operation.clone())).await?;
    let forgeries = forgeries(suite.harness.keys(), &order, &operation);
    let forgeries: Vec<_> = forgeries.into_iter().map(|(what, signed)| (what, signed, OrderCode::Rejected)).collect();
    suite.expect(&forgeries).await?;
    check_slot(suite, &operation, Slot::None).await?;
    let all = suite.harness.keys().sign_by(order, &[0, 1, 2]);
    suite.expect(&[("an order signed by all", all, OrderCode::Done)]).await.map(|_| ())
}

fn forgeries(keys: &Keys, order: &Order, operation: &Operation) -> Vec<(&'static str, SignedOrder)> {
    let two = || keys.sign_by(order.clone(), &[0, 1]);
    // What the gateway is shown differs from what was signed.
    let shown = |signed: Order| SignedOrder { order: order.clone(), signatures: keys.sign(signed).signatures };
    let other_amount = Operation { amount: operation.amount.saturating_add(1), ..operation.clone() };
    let outsiders = Keys::from_seed("nobody appointed these", 3, 2);
    let mut torn = two();
    torn.signatures.pop();
    let mut high = two();
    flip(&mut high.signatures);
    let mut strange_v = two();
    if let Some(v) = strange_v.signatures.last_mut() {
        *v = v.wrapping_sub(27);
    }
    vec![
        ("an order without signatures", keys.sign_by(order.clone(), &[])),
        ("an order with one signature of two", keys.sign_by(order.clone(), &[1])),
        ("an order with one signature twice", keys.sign_by(order.clone(), &[0, 0])),
        ("an order with signers descending", keys.sign_by(order.clone(), &[1, 0])),
        ("an order signed by outsiders", outsiders.sign(order.clone())),
        (
            "an order signed under the next epoch",
            shown(Order { epoch: order.epoch.saturating_add(1), ..order.clone() }),
        ),
        (
            "an order signed under the last epoch",
            shown(Order { epoch: order.epoch.saturating_sub(1), ..order.clone() }),
        ),
        (
            "an order signed for another gateway",
            shown(Order { gateway: GatewayId(keccak_text("elsewhere")), ..order.clone() }),
        ),
        ("an order signed as another action", shown(Order { action: Action::Void, ..order.clone() })),
        (
            "an order signed for another amount",
            shown(Order { content: OrderContent::Operation(other_amount), ..order.clone() }),
        ),
        ("an order with a torn signature", torn),
        ("an order whose signature has the higher s", high),
        ("an order whose signature has v of 0 or 1", strange_v),
    ]
}

/// Turns the first signature into its twin with the higher s, which recovers to the same signer.
fn flip(signatures: &mut [u8]) {
    let Some(first) = signatures.first_chunk_mut::<65>() else { return };
    if let Some(s) = first.get_mut(32..64) {
        let twin = <Scalar as Reduce<U256>>::reduce_bytes(k256::FieldBytes::from_slice(s)).negate();
        s.copy_from_slice(&twin.to_bytes());
    }
    if let Some(v) = first.last_mut() {
        *v = if *v == 27 { 28 } else { 27 };
    }
}
