use alloy::primitives::{B256, Bytes, LogData, U256};
use proptest::prelude::*;
use tim3_domain::{
    identity::Account,
    protocol::EventBody,
    word::{Word, bytes_of},
};

use super::*;

const GATEWAY: Address = Address::repeat_byte(0x11);

fn log(data: LogData) -> Log {
    Log {
        inner: alloy::primitives::Log { address: GATEWAY, data },
        block_hash: Some(B256::repeat_byte(2)),
        block_number: Some(7),
        block_timestamp: None,
        transaction_hash: Some(B256::repeat_byte(3)),
        transaction_index: Some(0),
        log_index: Some(0),
        removed: false,
    }
}

fn treasury_set(sequence: u64) -> (EventBody, LogData) {
    let body = EventBody::TreasurySet { treasury: Account(Word([9; 32])) };
    let event = Gateway::Event { sequence, kind: body.kind(), timestamp: 1_000, body: bytes_of(&body.words()).into() };
    (body, event.encode_log_data())
}

fn skipped(action: u8, code: u8) -> LogData {
    let reason = Bytes::from(alloy::sol_types::SolError::abi_encode(&Gateway::AlreadyDone {}));
    Gateway::Skipped { index: U256::ZERO, content: B256::repeat_byte(5), action, code, reason }.encode_log_data()
}

#[test]
fn an_event_is_read_with_its_place_and_the_gateways_time() {
    let (body, data) = treasury_set(42);
    let block = BlockRef { height: 7, hash: Word([2; 32]), timestamp: 1_000 };
    let event = Event { sequence: 42, timestamp: 1_000, body };
    let located = Located { event, block, transaction: TxId(B256::repeat_byte(3).to_string()) };
    assert_eq!(read(&log(data), GATEWAY, 7, 7), Ok(Read::Event(located)));
}

#[test]
fn a_skip_is_read_with_its_reason() {
    let Ok(Read::Skip(skip)) = read(&log(skipped(1, 1)), GATEWAY, 0, 10) else { panic!("a skip") };
    assert_eq!((skip.action, skip.code, skip.reason.as_str()), (Action::Mint, OrderCode::AlreadyDone, "AlreadyDone()"));
}

#[test]
fn what_is_not_the_gateways_or_not_asked_for_is_refused() {
    let (_, data) = treasury_set(0);
    let other = Address::repeat_byte(0x12);
    assert_eq!(read(&log(data.clone()), other, 7, 7), Err(BadLog::Address(GATEWAY)));
    assert_eq!(read(&log(data.clone()), GATEWAY, 8, 9), Err(BadLog::Height(7)));
    let nowhere = Log { block_hash: None, ..log(data.clone()) };
    assert_eq!(read(&nowhere, GATEWAY, 7, 7), Err(BadLog::Place("block hash")));
    let removed = Log { removed: true, ..log(data) };
    assert_eq!(read(&removed, GATEWAY, 7, 7), Ok(Read::Other));
    for (action, code) in [(0, 1), (8, 1), (1, 0), (1, 4)] {
        assert_eq!(read(&log(skipped(action, code)), GATEWAY, 7, 7), Err(BadLog::Skip { action, code }));
    }
}

#[test]
fn a_body_that_is_not_its_kinds_is_refused() {
    let short = Gateway::Event { sequence: 1, kind: 18, timestamp: 1, body: vec![0; 31].into() };
    let unknown = Gateway::Event { sequence: 1, kind: 200, timestamp: 1, body: vec![0; 32].into() };
    for event in [short, unknown] {
        assert!(matches!(read(&log(event.encode_log_data()), GATEWAY, 7, 7), Err(BadLog::Fields { sequence: 1, .. })));
    }
}

proptest! {
    #[test]
    fn any_log_is_read_without_panicking(
        known in 0_usize..3, topics in prop::collection::vec(any::<[u8; 32]>(), 0..4), data in prop::collection::vec(any::<u8>(), 0..600)
    ) {
        let first = [Gateway::Event::SIGNATURE_HASH, Gateway::Skipped::SIGNATURE_HASH, B256::ZERO][known];
        let topics = std::iter::once(first).chain(topics.into_iter().map(B256::from)).take(4).collect();
        let _ = read(&log(LogData::new_unchecked(topics, data.into())), GATEWAY, 0, 10);
    }

    #[test]
    fn any_body_of_any_kind_is_read_without_panicking(kind in any::<u8>(), body in prop::collection::vec(any::<u8>(), 0..800)) {
        let event = Gateway::Event { sequence: 1, kind, timestamp: 1, body: body.into() };
        let _ = read(&log(event.encode_log_data()), GATEWAY, 0, 10);
    }

    #[test]
    fn every_event_a_gateway_can_write_is_read_back(kind in 1_u8..=19, words in prop::collection::vec(0_u64..4, 22), sequence in any::<u64>()) {
        // Some number of words fits each kind; small values fit every field but the operation kind 0.
        for count in 0..=22 {
            let words: Vec<Word> = words.iter().take(count).map(|word| Word::from(*word)).collect();
            let Ok(body) = EventBody::decode(kind, &words) else { continue };
            let event = Gateway::Event { sequence, kind, timestamp: 5, body: bytes_of(&body.words()).into() };
            let expected = Event { sequence, timestamp: 5, body };
            match read(&log(event.encode_log_data()), GATEWAY, 0, 10) {
                Ok(Read::Event(located)) => prop_assert_eq!(located.event, expected),
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }
}
