//! The adapter's own half of sending.

use tim3_domain::protocol::{Action, Operation, OperationKind, OrderCode, SignedOrder};

use super::{
    super::{
        report::{Failure, check, check_eq},
        suite::{Suite, WHOLE},
    },
    outcomes::check_slot,
};
use crate::{Chain, Slot, Transaction, TransactionState};

pub(super) async fn batches(suite: &mut Suite<'_>) -> Result<(), Failure> {
    let capacity = suite.chain.capacity();
    check!(capacity.orders > 0 && capacity.in_flight > 0, "no capacity: {capacity:?}");
    let (funds, low) = suite.chain.funds().await?;
    check!(!funds.is_empty() && !low, "the submitter has {funds:?} left, low: {low}");
    let operations: Vec<Operation> = (0..3).map(|_| suite.incoming(OperationKind::Transfer, WHOLE)).collect();
    let mut transactions = Vec::new();
    for operation in &operations {
        transactions.push(prepare(suite, &*suite.chain, &[suite.signed(Action::Mint, operation).await?]).await?);
    }
    for state in suite.chain.states(&transactions).await? {
        check_eq!(state, TransactionState::Unknown, "the state of a transaction that was not sent");
    }
    for transaction in transactions.iter().chain(&transactions) {
        suite.chain.broadcast(transaction).await?;
    }
    included(suite, &transactions).await?;
    for transaction in &transactions {
        suite.chain.broadcast(transaction).await?;
        let again = suite.chain.escalate(transaction).await?;
        check_eq!(again, None, "the replacement of an included transaction");
    }
    for operation in &operations {
        check_slot(suite, operation, Slot::Done).await?;
    }
    Ok(())
}

pub(super) async fn left_out(suite: &mut Suite<'_>) -> Result<(), Failure> {
    let done = suite.incoming(OperationKind::Transfer, WHOLE);
    suite.expect_signed(&[("Mint", Action::Mint, &done, OrderCode::Done)]).await?;
    let good = suite.incoming(OperationKind::Transfer, WHOLE);
    let wrong = Operation { destination: suite.peer(), ..suite.incoming(OperationKind::Transfer, WHOLE) };
    let orders = [
        suite.signed(Action::Mint, &done).await?,
        suite.signed(Action::Mint, &good).await?,
        suite.signed(Action::Mint, &wrong).await?,
        suite.signed(Action::Void, &done).await?,
    ];
    let prepared = suite.chain.prepare(&orders).await?;
    let verdicts: Vec<_> =
        prepared.left_out.iter().map(|verdict| (verdict.index, verdict.code, verdict.permanent)).collect();
    let expected = [(0, OrderCode::AlreadyDone, false), (2, OrderCode::Rejected, true), (3, OrderCode::Rejected, true)];
    let codes = |verdicts: &[(usize, OrderCode, bool)]| verdicts.iter().map(|v| (v.0, v.1)).collect::<Vec<_>>();
    check_eq!(codes(&verdicts), codes(&expected), "the orders that were left out");
    for (verdict, (_, code, permanent)) in prepared.left_out.iter().zip(expected) {
        let fits = code == OrderCode::AlreadyDone || verdict.permanent == permanent;
        check!(fits, "whether {verdict:?} is permanent");
        let told = code == OrderCode::AlreadyDone || !verdict.reason.is_empty();
        check!(told, "no reason is given for {verdict:?}");
    }
    let transaction = prepared.transaction.ok_or("the good order was left out, too")?;
    suite.chain.broadcast(&transaction).await?;
    included(suite, &[transaction]).await?;
    check_slot(suite, &good, Slot::Done).await?;

    let prepared = suite.chain.prepare(&orders).await?;
    check_eq!(prepared.transaction, None, "a transaction without any order");
    check_eq!(prepared.left_out.len(), orders.len(), "the number of orders left out");
    Ok(())
}

pub(super) async fn restart(suite: &mut Suite<'_>) -> Result<(), Failure> {
    let operations: Vec<Operation> = (0..4).map(|_| suite.incoming(OperationKind::Transfer, WHOLE)).collect();
    let mut orders = Vec::new();
    for operation in &operations {
        orders.push(suite.signed(Action::Mint, operation).await?);
    }
    let [sent, journaled, after, last] = orders.as_slice() else { return Err("four orders".into()) };
    // Two transactions are durable when the process dies; only one of them was sent.
    let first = prepare(suite, &*suite.chain, std::slice::from_ref(sent)).await?;
    let second = prepare(suite, &*suite.chain, std::slice::from_ref(journaled)).await?;
    suite.chain.broadcast(&first).await?;

    let restarted = suite.harness.restart().await;
    restarted.restore(&[first.clone(), second.clone()]).await?;
    let third = prepare(suite, &*restarted, std::slice::from_ref(after)).await?;
    let fourth = prepare(suite, &*restarted, std::slice::from_ref(last)).await?;
    let all = [first, second, third, fourth];
    for transaction in &all {
        restarted.broadcast(transaction).await?;
    }
    included(suite, &all).await?;
    for operation in &operations {
        check_slot(suite, operation, Slot::Done).await?;
    }
    // The first adapter goes on as if it were a third start.
    suite.chain.restore(&all).await?;
    Ok(())
}

/// A transaction with all of `orders`.
pub(super) async fn prepare(
    _suite: &Suite<'_>,
    chain: &dyn Chain,
    orders: &[SignedOrder],
) -> Result<Transaction, Failure> {
    let prepared = chain.prepare(orders).await?;
    check!(prepared.left_out.is_empty(), "left out of a good batch: {:?}", prepared.left_out);
    prepared.transaction.ok_or_else(|| "no transaction was prepared".into())
}

/// All are included once everything is final. What was sent may take a chain some blocks; and a block that is being made known can look for
/// a moment as if another transaction had used a nonce, so it counts only when it is said twice.
async fn included(suite: &mut Suite<'_>, transactions: &[Transaction]) -> Result<(), Failure> {
    let mut events = Vec::new();
    let mut before = Vec::new();
    let states = loop {
        // States first: the events of what is included now are final after this observation.
        let states = suite.chain.states(transactions).await?;
        check_eq!(states.len(), transactions.len(), "the number of states");
        events.extend(suite.observe().await?.0);
        let waits = |(index, state): (usize, &TransactionState)| match state {
            TransactionState::Pending | TransactionState::Unknown => true,
            TransactionState::Dead => before.get(index) != Some(state),
            TransactionState::Included(_) | TransactionState::Reverted { .. } => false,
        };
        if !states.iter().enumerate().any(waits) {
            break states;
        }
        before = states;
        suite.chain.wait_for_news().await;
    };
    for (transaction, state) in transactions.iter().zip(states) {
        let TransactionState::Included(block) = state else {
            return Err(format!("{} is {state:?}, expected it to be included", transaction.id).into());
        };
        let event = events.iter().find(|event| *event.transaction() == transaction.id);
        check_eq!(event.map(|event| *event.block()), Some(block), "the block of the transaction's event");
    }
    Ok(())
}
