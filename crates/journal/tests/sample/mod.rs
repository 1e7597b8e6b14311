//! Records for tests and benchmarks, told apart by small numbers.

use tim3_domain::{
    identity::{Account, AssetId, GatewayId, MarketId},
    lifecycle::Phase,
    place::{BlockRef, Located, TxId},
    protocol::{Event, EventBody, Operation, OperationKind},
    word::Word,
};
use tim3_journal::{Change, OperationRecord, TimelineEntry};

pub(crate) fn gateway(n: u64) -> GatewayId {
    GatewayId(Word::from(1000 + n))
}

/// Operation `n`, newer than those of smaller numbers.
pub(crate) fn operation(n: u64, phase: Phase) -> OperationRecord {
    let operation = Operation {
        kind: OperationKind::Transfer,
        origin: gateway(0),
        destination: gateway(1),
        nonce: n,
        asset: AssetId::from_symbol("TIM3").unwrap(),
        market: MarketId::ZERO,
        owner: Account::ZERO,
        actor: Account::from_evm([1; 20]),
        refund_to: Account::from_evm([2; 20]),
        recipient: Account::from_evm([3; 20]),
        amount: 100_000_000,
        fee: 0,
        wanted: 0,
        timestamp: 1_700_000_000 + n,
    };
    let body = EventBody::Burned { operation: Box::new(operation.clone()) };
    let event = Event { sequence: n, timestamp: operation.timestamp, body };
    let origin = Located { event, block: block(n), transaction: TxId(format!("0x{n:064x}")) };
    OperationRecord {
        operation,
        origin,
        origin_proved: phase != Phase::Observed,
        closed: None,
        phase,
        outcome: None,
        attempts: 0,
        updated_ms: n,
    }
}

pub(crate) fn block(n: u64) -> BlockRef {
    BlockRef { height: n, hash: Word::from(n), timestamp: 1_700_000_000 + n }
}

pub(crate) fn line(n: u64) -> TimelineEntry {
    TimelineEntry {
        at_ms: n,
        phase: "observed".to_owned(),
        what: format!("line {n}"),
        chain: Some("anvil-a".to_owned()),
        block: Some(block(n)),
        transaction: None,
    }
}

/// What a coordinator writes in one step of operation `n`.
pub(crate) fn step(n: u64) -> Vec<Change> {
    let record = operation(n, Phase::Observed);
    let id = record.operation.id();
    vec![Change::Operation(Box::new(record)), Change::Timeline(id, line(0)), Change::Timeline(id, line(1))]
}
