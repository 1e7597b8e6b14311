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
    let first = [
        ("the first version", record(50, 5), OrderCode::Done),
        ("the same again", record(50, 5), OrderCode::AlreadyDone),
        ("the same version with other content", record(51, 5), OrderCode::Rejected),
        ("an older version", record(49, 4), OrderCode::AlreadyDone),
    ];
    let then = [
        ("a newer version", record(70, 9), OrderCode::Done),
        ("a position of this gateway", own, OrderCode::Rejected),
        ("what was replaced", record(50, 5), OrderCode::AlreadyDone),
    ];
    for (steps, collateral, version) in [(first.as_slice(), 50, 5), (&then, 70, 9)] {
        let mut signed = Vec::new();
        for (what, record, code) in steps {
            let order = suite.order(Action::Mirror, OrderContent::Mirror(*record)).await?;
            signed.push((*what, suite.harness.keys().sign(order), *code));
        }
        suite.expect(&signed).await?;
        let found = suite.chain.mirror(market, market.reserve_owner()).await?;
        check_eq!(found, PositionRecord { collateral, debt: 40, version }, "the mirror");
    }
    Ok(())
}
