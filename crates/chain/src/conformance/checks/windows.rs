//! Rolling limits.

use tim3_domain::protocol::{Action, OperationKind, OrderCode};

use super::{
    super::{
        report::{Failure, check},
        suite::{Suite, WHOLE},
    },
    outcomes::check_slot,
};
use crate::{Direction, Slot};

pub(super) async fn delayed(suite: &mut Suite<'_>) -> Result<(), Failure> {
    // Half of the limit more than there is: refilling takes half a period, which no run reaches by itself.
    let window = suite.chain.window(suite.asset(), Direction::Mint).await?;
    let available = u128::try_from(window.available_at(suite.block.timestamp)).unwrap_or(0);
    let half = window.limit.checked_div(2).unwrap_or(0);
    if let Some(most) = available.checked_sub(WHOLE).filter(|most| *most > 0) {
        let filling = suite.incoming(OperationKind::Transfer, most);
        suite.expect_signed(&[("a Mint within the window", Action::Mint, &filling, OrderCode::Done)]).await?;
    }
    let operation = suite.incoming(OperationKind::Transfer, half);
    let small = suite.incoming(OperationKind::Transfer, 1);
    let steps = [
        ("a Mint over the window", Action::Mint, &operation, OrderCode::Delayed),
        ("a Mint that still fits", Action::Mint, &small, OrderCode::Done),
    ];
    suite.expect_signed(&steps).await?;
    check_slot(suite, &operation, Slot::None).await?;
    if !suite.harness.pass(window.period).await {
        return Err(Failure::Unsupported("the harness cannot let time pass"));
    }
    let refilled = suite.chain.window(suite.asset(), Direction::Mint).await?;
    let tips = suite.chain.tips().await?;
    let holds = refilled.available_at(tips.head.timestamp);
    check!(u128::try_from(holds).is_ok_and(|holds| holds >= half), "after a period the window holds {holds}");
    suite.expect_signed(&[("the delayed Mint", Action::Mint, &operation, OrderCode::Done)]).await.map(|_| ())
}
