//! The wire forms: what is written is read back, what is not a record is refused, and the arithmetic is that of wider integers.

#![expect(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "tests: the allowance in clippy.toml does not reach functions beside the test functions"
)]

#[path = "protocol/amounts.rs"]
mod amounts;
#[path = "protocol/events.rs"]
mod events;
#[path = "protocol/orders.rs"]
mod orders;
#[path = "protocol/records.rs"]
mod records;
#[path = "protocol/windows.rs"]
mod windows;

use proptest::{collection::vec, prelude::*};
use tim3_domain::{
    identity::{Account, AssetId, GatewayId, MarketId, OperationId},
    protocol::{MirrorRecord, Operation, OperationKind, PositionState},
    word::Word,
};

fn any_word() -> impl Strategy<Value = Word> {
    any::<[u8; 32]>().prop_map(Word)
}

/// Words as a hostile endpoint would choose them: kinds, small numbers, the ends of every range, noise.
fn hostile_words(count: impl Into<proptest::collection::SizeRange>) -> impl Strategy<Value = Vec<Word>> {
    let word = prop_oneof![
        4 => (0..5_u8).prop_map(Word::from),
        2 => any::<u64>().prop_map(Word::from),
        2 => any::<u128>().prop_map(Word::from),
        1 => Just(Word([0xff; 32])),
        1 => any_word(),
    ];
    vec(word, count)
}

fn any_kind() -> impl Strategy<Value = OperationKind> {
    prop_oneof![Just(OperationKind::Mint), Just(OperationKind::Redeem), Just(OperationKind::Transfer)]
}

fn any_operation() -> impl Strategy<Value = Operation> {
    let ids = (any_word(), any_word(), any_word(), any_word());
    let accounts = (any_word(), any_word(), any_word(), any_word());
    let numbers = any::<(u64, u128, u128, u128, u64)>();
    (any_kind(), ids, accounts, numbers).prop_map(|(kind, ids, accounts, numbers)| {
        let (origin, destination, asset, market) = ids;
        let (owner, actor, refund_to, recipient) = accounts;
        let (nonce, amount, fee, wanted, timestamp) = numbers;
        Operation {
            kind,
            origin: GatewayId(origin),
            destination: GatewayId(destination),
            nonce,
            asset: AssetId(asset),
            market: MarketId(market),
            owner: Account(owner),
            actor: Account(actor),
            refund_to: Account(refund_to),
            recipient: Account(recipient),
            amount,
            fee,
            wanted,
            timestamp,
        }
    })
}

fn any_position() -> impl Strategy<Value = PositionState> {
    (any_word(), any_word(), any::<u128>(), any::<u128>()).prop_map(|(market, owner, collateral, debt)| PositionState {
        market: MarketId(market),
        owner: Account(owner),
        collateral,
        debt,
    })
}

fn any_mirror() -> impl Strategy<Value = MirrorRecord> {
    (any_word(), any_position(), any::<u64>()).prop_map(|(home, position, version)| MirrorRecord {
        home: GatewayId(home),
        position,
        version,
    })
}

fn any_operation_id() -> impl Strategy<Value = OperationId> {
    any_word().prop_map(OperationId)
}
