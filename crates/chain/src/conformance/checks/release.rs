//! Debt that comes home.

use tim3_domain::{
    identity::OperationId,
    protocol::{Action, EventBody, Operation, OperationKind, OrderCode},
};

use super::{
    super::{
        report::{Failure, check_eq},
        suite::{Suite, WHOLE, only},
    },
    outgoing::{check_position, sole},
};
use crate::{FinalEvent, UserAction};

pub(super) async fn debt_and_payout(suite: &mut Suite<'_>) -> Result<(), Failure> {
    suite.mint_at_home(40 * WHOLE).await?;
    for fee in [0, WHOLE] {
        let reserve = suite.market.id.reserve_owner();
        let before = suite.chain.position(suite.market.id, reserve).await?;
        let stranger = suite.harness.stranger();
        let had = suite.chain.collateral_balance(suite.market.collateral, stranger).await?;
        let minted = suite.books().await?.minted;
        let operation = Operation { fee, ..suite.incoming(OperationKind::Redeem, 10 * WHOLE) };
        let steps = [
            ("Release", Action::Release, &operation, OrderCode::Done),
            ("Release again", Action::Release, &operation, OrderCode::AlreadyDone),
            ("Void after Release", Action::Void, &operation, OrderCode::Rejected),
        ];
        let events = suite.expect_signed(&steps).await?;
        let paid = (10 * WHOLE).saturating_sub(fee);
        let released = Released::read(&events)?;
        check_eq!((released.operation, released.fee), (operation.id(), fee), "the operation and its fee");
        check_eq!((released.paid, released.surplus), (paid, 0), "debt repaid, and surplus");
        check_eq!(released.payout, suite.collateral(paid)?, "the payout");
        let position = *events.first().and_then(|event| event.event().body.position()).ok_or("no position")?;
        check_eq!(position.debt, before.debt.saturating_sub(paid), "the debt afterwards");
        check_eq!(position.collateral, before.collateral.saturating_sub(released.payout), "the collateral afterwards");
        check_position(suite, &position, sole(&events)?.sequence).await?;
        let has = suite.chain.collateral_balance(suite.market.collateral, stranger).await?;
        check_eq!(has, had.saturating_add(released.payout), "the recipient's collateral");
        check_eq!(suite.books().await?.minted, minted.saturating_add(fee), "minted for the treasury");
    }
    Ok(())
}

pub(super) async fn surplus(suite: &mut Suite<'_>) -> Result<(), Failure> {
    let reserve = suite.market.id.reserve_owner();
    let debt = suite.chain.position(suite.market.id, reserve).await?.debt;
    let stranger = suite.harness.stranger();
    let had = suite.chain.balance(suite.asset(), stranger).await?;
    let operation = suite.incoming(OperationKind::Redeem, debt.saturating_add(3 * WHOLE));
    let events = suite.expect_signed(&[("Release", Action::Release, &operation, OrderCode::Done)]).await?;
    let released = Released::read(&events)?;
    check_eq!((released.paid, released.surplus), (debt, 3 * WHOLE), "debt repaid, and surplus");
    let has = suite.chain.balance(suite.asset(), stranger).await?;
    check_eq!(has, had.saturating_add(3 * WHOLE), "the surplus that the recipient got");
    let left = suite.chain.position(suite.market.id, reserve).await?;
    check_eq!(left.debt, 0, "the debt that is left");
    Ok(())
}

pub(super) async fn at_home(suite: &mut Suite<'_>) -> Result<(), Failure> {
    let had = suite.chain.collateral_balance(suite.market.collateral, suite.harness.stranger()).await?;
    let redeem = UserAction::Redeem {
        asset: suite.asset(),
        amount: 8 * WHOLE,
        home: suite.gateway(),
        market: suite.market.id,
        owner: suite.market.id.reserve_owner(),
        recipient: suite.harness.stranger(),
        wanted: 0,
        refund_to: suite.user(),
        max_fee: 0,
    };
    let lock = suite.lock(8 * WHOLE, suite.gateway())?;
    let [_, events] = suite.act_each([lock, redeem]).await?;
    let released = Released::read(&events)?;
    check_eq!(released.operation, OperationId::ZERO, "the operation of a redeem at home");
    check_eq!((released.fee, released.paid, released.surplus), (0, 8 * WHOLE, 0), "fee, debt repaid, surplus");
    let has = suite.chain.collateral_balance(suite.market.collateral, suite.harness.stranger()).await?;
    check_eq!(has, had.saturating_add(suite.collateral(8 * WHOLE)?), "the recipient's collateral");
    let position = *events.first().and_then(|event| event.event().body.position()).ok_or("no position")?;
    check_position(suite, &position, sole(&events)?.sequence).await?;

    let owner = suite.market.id.reserve_owner();
    let repay = UserAction::Repay { market: suite.market.id, owner, amount: 2 * WHOLE };
    let lock = suite.lock(2 * WHOLE, suite.gateway())?;
    let [_, events] = suite.act_each([lock, repay]).await?;
    match only(&events)? {
        EventBody::Repaid { payer, amount, position } => {
            check_eq!((*payer, *amount), (suite.user(), 2 * WHOLE), "who repaid, and what");
            check_position(suite, position, sole(&events)?.sequence).await
        }
        other => Err(format!("expected Repaid, found {other:?}").into()),
    }
}

/// What a Released event says.
struct Released {
    operation: OperationId,
    fee: u128,
    paid: u128,
    surplus: u128,
    payout: u128,
}

impl Released {
    fn read(events: &[FinalEvent]) -> Result<Self, Failure> {
        match only(events)? {
            EventBody::Released { outcome, payout, .. } => {
                check_eq!(
                    outcome.gross,
                    outcome.fee.saturating_add(outcome.paid).saturating_add(outcome.surplus),
                    "the gross amount as the sum of fee, paid and surplus"
                );
                Ok(Self {
                    operation: outcome.operation,
                    fee: outcome.fee,
                    paid: outcome.paid,
                    surplus: outcome.surplus,
                    payout: *payout,
                })
            }
            other => Err(format!("expected Released, found {other:?}").into()),
        }
    }
}
