//! Several orders in one transaction.

use tim3_domain::protocol::{Action, Operation, OperationKind, OrderCode};

use super::{
    super::{
        report::{Failure, check_eq},
        suite::{Suite, WHOLE},
    },
    outcomes::check_slot,
};
use crate::Slot;

pub(super) async fn neighbours(suite: &mut Suite<'_>) -> Result<(), Failure> {
    let done = suite.incoming(OperationKind::Transfer, WHOLE);
    suite.expect_signed(&[("Mint", Action::Mint, &done, OrderCode::Done)]).await?;
    let good: Vec<Operation> = (0..3).map(|_| suite.incoming(OperationKind::Transfer, WHOLE)).collect();
    let bad = suite.incoming(OperationKind::Transfer, WHOLE);
    let mut forged = suite.signed(Action::Mint, &bad).await?;
    forged.signatures.reverse();

    let mut batch = vec![suite.signed(Action::Mint, &done).await?];
    for operation in &good {
        batch.push(suite.signed(Action::Mint, operation).await?);
    }
    batch.insert(2, forged);
    let (answers, events) = suite.execute(&batch).await?;
    let codes: Vec<OrderCode> = answers.iter().map(|answer| answer.code).collect();
    let expected = [OrderCode::AlreadyDone, OrderCode::Done, OrderCode::Rejected, OrderCode::Done, OrderCode::Done];
    check_eq!(codes, expected, "how the orders of a batch ended");
    let minted: Vec<_> =
        events.iter().filter_map(|event| event.event().body.outcome()).map(|outcome| outcome.operation).collect();
    check_eq!(minted, good.iter().map(Operation::id).collect::<Vec<_>>(), "the operations that were minted");
    for operation in &good {
        check_slot(suite, operation, Slot::Done).await?;
    }
    check_slot(suite, &bad, Slot::None).await?;
    suite.expect_signed(&[("the bad order, signed", Action::Mint, &bad, OrderCode::Done)]).await.map(|_| ())
}
