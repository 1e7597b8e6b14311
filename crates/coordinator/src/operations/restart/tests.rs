use tim3_chain::{BlockRef, FinalEvent, Located, Tips};
use tim3_domain::{
    identity::{Account, AssetId, MarketId},
    protocol::{Event, EventBody, Operation, OperationKind},
    word::Word,
};

use super::*;
use crate::{news::News, settings::AssetSettings};

const A: GatewayId = GatewayId(Word([1; 32]));
const B: GatewayId = GatewayId(Word([2; 32]));
const ASSET: AssetId = AssetId(Word([3; 32]));
const SOMEBODY: Account = Account(Word([4; 32]));

fn block(height: u64) -> BlockRef {
    BlockRef { height, hash: Word::from_u128(height.into()), timestamp: height }
}

/// Always under the same replay key; another time makes another operation.
fn burned(timestamp: u64) -> Operation {
    Operation {
        kind: OperationKind::Transfer,
        origin: A,
        destination: B,
        nonce: 0,
        asset: ASSET,
        market: MarketId::ZERO,
        owner: Account::ZERO,
        actor: SOMEBODY,
        refund_to: SOMEBODY,
        recipient: SOMEBODY,
        amount: 10,
        fee: 0,
        wanted: 0,
        timestamp,
    }
}

fn located(operation: &Operation) -> Located {
    let body = EventBody::Burned { operation: Box::new(operation.clone()) };
    let event = Event { sequence: 0, timestamp: operation.timestamp, body };
    Located { event, block: block(operation.timestamp), transaction: TxId("t".into()) }
}

#[test]
fn an_orphan_of_before_the_restart_ends_when_another_is_final_under_its_key() {
    let (orphan, replacement) = (burned(5), burned(6));
    let record = OperationRecord {
        operation: orphan.clone(),
        origin: located(&orphan),
        origin_proved: false,
        closed: None,
        phase: Phase::Orphaned { replaced: false },
        outcome: None,
        attempts: 0,
        updated_ms: 0,
    };
    let settings = AssetSettings { asset: ASSET, symbol: "TIM3".into(), value_hold: None, limit: None, t_max: 3_600 };
    let mut operations = Operations::new(&settings, [(A, "a".into()), (B, "b".into())].into(), 0);
    let mut work = Work::default();
    operations.restore(vec![record], Vec::new(), &Default::default(), None, &mut work);
    let finals = vec![FinalEvent::from_journal(A, located(&replacement))];
    let tips = Tips { head: block(10), finalized: block(9), tiers: Vec::new() };
    let news = News { finals, ..News::nothing(A, tips) };
    operations.news(&news, &mut |_| None, 0, &mut work);
    assert!(operations.get(orphan.id()).is_none(), "the orphan has ended");
    assert!(work.finished.contains_key(&orphan.id()), "{:?}", work.finished);
    assert!(operations.get(replacement.id()).is_some(), "the other one lives");
}
