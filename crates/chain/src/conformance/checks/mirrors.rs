//! Copies of positions that are at home elsewhere.

use tim3_domain::{
    identity::{MarketId, MarketKind},
    protocol::{Action, MirrorRecord, OrderCode, OrderContent, PositionState},
};

use super::super::{
    report::{Failure, check_eq},
    suite::Suite,
};
use crate::PositionRecord;

pub(super) async fn newest_wins(suite: &mut Suite<'_>) -> Result<(), Failure> {
    let market = MarketId::derive(suite.peer(), suite.asset(), suite.market.collateral, MarketKind::Reserve);
    let record = |collateral, version| MirrorRecord {
        home: suite.peer(),
        position: PositionState { market, owner: market.reserve_owner(), collateral, debt: 40 },
        version,
    };
    let own = MirrorRecord { home: suite.gateway(), ..record(1, 99) };
    let steps = [
        ("the first version", record(50, 5), OrderCode::Done, (50, 5)),
        ("an older version", record(49, 4), OrderCode::AlreadyDone, (50, 5)),
        ("the same again", record(50, 5), OrderCode::AlreadyDone, (50, 5)),
        ("the same version with other content", record(51, 5), OrderCode::Rejected, (50, 5)),
        ("a newer version", record(70, 9), OrderCode::Done, (70, 9)),
        ("a position of this gateway", own, OrderCode::Rejected, (70, 9)),
    ];
    for (what, record, code, (collateral, version)) in steps {
        let order = suite.order(Action::Mirror, OrderContent::Mirror(record)).await?;
        let signed = suite.harness.keys().sign(order);
        suite.expect(what, signed, code).await?;
        let found = suite.chain.mirror(market, market.reserve_owner()).await?;
        check_eq!(found, PositionRecord { collateral, debt: 40, version }, format!("the mirror after {what}"));
    }
    Ok(())
}
