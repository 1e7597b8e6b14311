//! Blocks that are replaced before they are final.

use tim3_domain::protocol::{Action, EventBody, OperationKind};

use super::{
    super::{
        report::{Failure, check, check_eq},
        suite::{Suite, WHOLE, started},
    },
    submitting::prepare,
};
use crate::{FinalEvent, Located, TransactionState};

fn possible(suite: &Suite<'_>) -> Result<(), Failure> {
    if suite.harness.can_reorg() { Ok(()) } else { Err(Failure::Unsupported("the harness cannot make reorgs")) }
}

pub(super) async fn gone(suite: &mut Suite<'_>) -> Result<(), Failure> {
    possible(suite)?;
    suite.observe().await?;
    let before = suite.chain.quorum_head(&suite.block).await?.head();
    let action = suite.lock(6 * WHOLE, suite.peer())?;
    let transaction = suite.harness.user().act(action.clone()).await?;
    let located = unfinal(suite).await?;
    let located = located.into_iter().find(|located| located.transaction == transaction);
    let located = located.ok_or("an included lock is not among the events above finality")?;
    let head = suite.chain.tips().await?.head;
    let grown = suite.chain.quorum_head(&head).await?.head();
    check_eq!(grown.count, before.count.saturating_add(1), "the count with the lock");

    replace_from(suite, located.block.height).await?;
    check!(!unfinal(suite).await?.contains(&located), "the event of a replaced block is still stated");
    let now = suite.chain.block_at(located.block.height).await?;
    check!(now.is_none_or(|block| block.hash != located.block.hash), "the replaced block is still on the chain");
    check!(suite.chain.quorum_head(&located.block).await.is_err(), "the head at a replaced block was given");
    let head = suite.chain.tips().await?.head;
    check_eq!(suite.chain.quorum_head(&head).await?.head(), before, "the head after the reorg");

    let nonce = suite.sent();
    let events: Vec<FinalEvent> = suite.act(action).await?;
    check_eq!(started(&events)?.nonce, nonce, "the nonce of the same lock afterwards");
    Ok(())
}

pub(super) async fn transactions(suite: &mut Suite<'_>) -> Result<(), Failure> {
    possible(suite)?;
    suite.observe().await?;
    let operation = suite.incoming(OperationKind::Transfer, WHOLE);
    let order = suite.signed(Action::Mint, &operation).await?;
    let transaction = prepare(suite, &*suite.chain, &[order]).await?;
    suite.chain.broadcast(&transaction).await?;
    // Somebody acts, so that there is a block by now wherever blocks come with transactions.
    let action = suite.lock(WHOLE, suite.gateway())?;
    suite.harness.user().act(action).await?;
    let mine = unfinal(suite).await?.into_iter().find(|located| located.transaction == transaction.id);
    let Some(mine) = mine else {
        return Err("a transaction that was sent before another was included is not included after that one".into());
    };
    replace_from(suite, mine.block.height).await?;
    let states = suite.chain.states(std::slice::from_ref(&transaction)).await?;
    let state = states.first().ok_or("no state")?;
    check!(*state != TransactionState::Included(mine.block), "included in a block that was replaced");
    check!(!matches!(state, TransactionState::Dead), "dead, although its nonce is free again");
    // The same bytes are good again, as the daemon would send them.
    suite.chain.broadcast(&transaction).await?;
    let (events, _) = suite.observe().await?;
    let minted = events.iter().filter(|event| matches!(event.event().body, EventBody::Minted { .. }));
    check_eq!(minted.count(), 1, "Mints after sending it again");
    Ok(())
}

/// The events above finality.
async fn unfinal(suite: &Suite<'_>) -> Result<Vec<Located>, Failure> {
    let head = suite.chain.tips().await?.head;
    let mut from = suite.block.height.saturating_add(1);
    let mut events = Vec::new();
    while from <= head.height {
        let (fetched, last) = suite.chain.events(from..=head.height).await?;
        events.extend(fetched.events);
        from = last.max(from).saturating_add(1);
    }
    Ok(events)
}

/// Replaces every block from `height`, which must not be final.
async fn replace_from(suite: &Suite<'_>, height: u64) -> Result<(), Failure> {
    let tips = suite.chain.tips().await?;
    check!(height > tips.finalized.height, "block {height} is final as soon as it is included: {tips:?}");
    let depth = tips.head.height.saturating_sub(height).saturating_add(1);
    if !suite.harness.reorg(depth).await {
        return Err(Failure::Unsupported("the harness cannot make reorgs"));
    }
    let after = suite.chain.tips().await?.finalized;
    check!(after.height >= tips.finalized.height, "final {} after {}", after.height, tips.finalized.height);
    check_eq!(suite.chain.block_at(tips.finalized.height).await?, Some(tips.finalized), "the final block");
    Ok(())
}
