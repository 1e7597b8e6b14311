//! What users start.

use tim3_domain::{
    identity::{Account, GatewayId, MarketId},
    protocol::{Event, EventBody, Operation, OperationKind, PositionState},
    word::keccak_text,
};

use super::super::{
    report::{Failure, check, check_eq},
    suite::{Suite, WHOLE, only},
};
use crate::{FinalEvent, PositionRecord, UserAction};

pub(super) async fn lock(suite: &mut Suite<'_>) -> Result<(), Failure> {
    let reserve = suite.market.id.reserve_owner();
    for debt in [100 * WHOLE, 7 * WHOLE] {
        let (position, books) = (suite.chain.position(suite.market.id, reserve).await?, suite.books().await?);
        let held = suite.chain.collateral_held(suite.market.collateral).await?;
        let had = suite.chain.collateral_balance(suite.market.collateral, suite.user()).await?;
        let nonce = suite.sent();
        let action = suite.lock(debt, suite.peer())?;
        let events = suite.act(action).await?;

        let collateral = suite.collateral(debt)?;
        let event = sole(&events)?;
        let after = PositionState {
            market: suite.market.id,
            owner: reserve,
            collateral: position.collateral.saturating_add(collateral),
            debt: position.debt.saturating_add(debt),
        };
        let operation = Operation {
            kind: OperationKind::Mint,
            market: suite.market.id,
            owner: reserve,
            amount: debt,
            wanted: collateral,
            ..outgoing(suite, nonce, debt, event.timestamp).await?
        };
        let body = EventBody::Locked {
            position: after,
            actor: suite.user(),
            collateral,
            minted: 0,
            recipient: Account::ZERO,
            operation: Some(Box::new(operation)),
        };
        check_eq!(event.body, body, "the event of a lock");
        check_position(suite, &after, event.sequence).await?;
        let now = suite.books().await?;
        check_eq!(now.debt, books.debt.saturating_add(debt), "the debt in the books");
        check_eq!(sent(&now), sent(&books).saturating_add(debt), "what the books say was sent");
        check_eq!(
            suite.chain.collateral_held(suite.market.collateral).await?,
            held.saturating_add(collateral),
            "the collateral held"
        );
        check_eq!(
            suite.chain.collateral_balance(suite.market.collateral, suite.user()).await?,
            had.saturating_sub(collateral),
            "the user's collateral"
        );
    }
    Ok(())
}

pub(super) async fn home_mint(suite: &mut Suite<'_>) -> Result<(), Failure> {
    let amount = 11 * WHOLE;
    let balance = suite.chain.balance(suite.asset(), suite.user()).await?;
    let (supply, nonce) = (suite.chain.supply(suite.asset()).await?, suite.sent());
    let action = suite.lock(amount, suite.gateway())?;
    let events = suite.act(action).await?;
    match only(&events)? {
        EventBody::Locked { minted, recipient, operation: None, actor, .. } => {
            check_eq!((*minted, *recipient, *actor), (amount, suite.user(), suite.user()), "minted here, for, by");
        }
        other => return Err(format!("expected Locked without an operation, found {other:?}").into()),
    }
    let now = suite.chain.balance(suite.asset(), suite.user()).await?;
    check_eq!(now, balance.saturating_add(amount), "the user's balance");
    check_eq!(suite.chain.supply(suite.asset()).await?, supply.saturating_add(amount), "the supply");
    check_eq!(suite.sent(), nonce, "operations sent");

    // Collateral alone: no debt, nothing minted, whatever the other arguments say.
    let only_collateral = UserAction::Lock {
        market: suite.market.id,
        collateral: suite.collateral(WHOLE)?,
        debt: 0,
        destination: suite.peer(),
        recipient: suite.abroad(),
        refund_to: suite.user(),
        max_fee: 0,
    };
    let events = suite.act(only_collateral).await?;
    let plain = matches!(only(&events)?, EventBody::Locked { minted: 0, operation: None, .. });
    check!(plain, "a lock of collateral alone made {events:?}");
    Ok(())
}

pub(super) async fn burns(suite: &mut Suite<'_>) -> Result<(), Failure> {
    suite.mint_at_home(30 * WHOLE).await?;
    let amount = 4 * WHOLE;
    let redeem = UserAction::Redeem {
        asset: suite.asset(),
        amount,
        home: suite.peer(),
        market: MarketId(keccak_text("a market at home abroad")),
        owner: suite.abroad(),
        recipient: suite.abroad(),
        wanted: 5,
        refund_to: suite.user(),
        max_fee: amount,
    };
    for action in [suite.transfer(amount), redeem] {
        let (balance, nonce) = (suite.chain.balance(suite.asset(), suite.user()).await?, suite.sent());
        let events = suite.act(action.clone()).await?;
        let event = sole(&events)?;
        let common = outgoing(suite, nonce, amount, event.timestamp).await?;
        let operation = match action {
            UserAction::Redeem { market, owner, wanted, .. } => {
                Operation { kind: OperationKind::Redeem, market, owner, wanted, ..common }
            }
            _ => common,
        };
        check_eq!(event.body, EventBody::Burned { operation: Box::new(operation) }, "the event of a burn");
        let now = suite.chain.balance(suite.asset(), suite.user()).await?;
        check_eq!(now, balance.saturating_sub(amount), "the user's balance after a burn");
    }
    Ok(())
}

pub(super) async fn refusals(suite: &mut Suite<'_>) -> Result<(), Failure> {
    suite.mint_at_home(10 * WHOLE).await?;
    let route = suite.chain.route(suite.asset(), suite.peer()).await?;
    let nowhere = GatewayId(keccak_text("nowhere"));
    let UserAction::Lock { market, collateral, debt, destination, recipient, refund_to, max_fee } =
        suite.lock(10 * WHOLE, suite.peer())?
    else {
        return Err("a lock is a lock".into());
    };
    let more = UserAction::Lock {
        market,
        collateral,
        debt: debt.saturating_add(1),
        destination,
        recipient,
        refund_to,
        max_fee,
    };
    suite.refused("a lock for more than its collateral is worth", more).await?;
    let elsewhere = UserAction::Lock { market, collateral, debt, destination: nowhere, recipient, refund_to, max_fee };
    suite.refused("a lock for a gateway without a route", elsewhere).await?;
    let nobody =
        UserAction::Lock { market, collateral, debt, destination, recipient: Account::ZERO, refund_to, max_fee };
    suite.refused("a lock for nobody", nobody).await?;
    let nothing = UserAction::Lock { market, collateral: 0, debt: 0, destination, recipient, refund_to, max_fee };
    suite.refused("a lock of nothing", nothing).await?;
    let unknown = MarketId(keccak_text("no market"));
    let unknown = UserAction::Lock { market: unknown, collateral, debt, destination, recipient, refund_to, max_fee };
    suite.refused("a lock in no market", unknown).await?;
    if let Some(fee) = route.fee.of(debt).and_then(|fee| fee.checked_sub(1)) {
        let cheap = UserAction::Lock { market, collateral, debt, destination, recipient, refund_to, max_fee: fee };
        suite.refused("a lock that allows less than the route's fee", cheap).await?;
    }
    if let Some(less) = route.min.checked_sub(1).filter(|less| *less > 0) {
        let small = suite.transfer(less);
        suite.refused("a transfer below the route's minimum", small).await?;
    }
    let UserAction::Transfer { asset, amount, recipient, refund_to, max_fee, .. } = suite.transfer(WHOLE) else {
        return Err("a transfer is a transfer".into());
    };
    let home = suite.gateway();
    let circle = UserAction::Transfer { asset, amount, destination: home, recipient, refund_to, max_fee };
    suite.refused("a transfer to where it starts", circle).await?;
    let balance = suite.chain.balance(asset, suite.user()).await?;
    let greedy = suite.transfer(balance.saturating_add(1));
    suite.refused("a transfer of more than the user has", greedy).await?;
    let claim = UserAction::Claim { asset, to: suite.user() };
    suite.refused("a claim of nothing", claim).await?;
    let (events, _) = suite.observe().await?;
    check!(events.is_empty(), "everything was refused, and yet there are {events:?}");
    Ok(())
}

/// A Transfer by the user to the foreign gateway, as its event must state it.
async fn outgoing(suite: &Suite<'_>, nonce: u64, amount: u128, timestamp: u64) -> Result<Operation, Failure> {
    let route = suite.chain.route(suite.asset(), suite.peer()).await?;
    Ok(Operation {
        kind: OperationKind::Transfer,
        origin: suite.gateway(),
        destination: suite.peer(),
        nonce,
        asset: suite.asset(),
        market: MarketId::ZERO,
        owner: Account::ZERO,
        actor: suite.user(),
        refund_to: suite.user(),
        recipient: suite.abroad(),
        amount,
        fee: route.fee.of(amount).ok_or("the route's fee is not below the amount")?,
        wanted: 0,
        timestamp,
    })
}

/// The position is what its event stated, and has the event's sequence as its version.
pub(super) async fn check_position(suite: &Suite<'_>, state: &PositionState, version: u64) -> Result<(), Failure> {
    let expected = PositionRecord { collateral: state.collateral, debt: state.debt, version };
    let found = suite.chain.position(state.market, state.owner).await?;
    check_eq!(found, expected, "the position");
    let market = suite.chain.market(state.market).await?.ok_or("the market is gone")?;
    check_eq!((market.recorded, market.debt), (state.collateral, state.debt), "the market's collateral and debt");
    Ok(())
}

fn sent(books: &crate::Books) -> u128 {
    books.peers.first().map_or(0, |peer| peer.sent)
}

pub(super) fn sole(events: &[FinalEvent]) -> Result<&Event, Failure> {
    only(events)?;
    events.first().map(FinalEvent::event).ok_or_else(|| "no event".into())
}
