use proptest::prelude::*;
use serde_json::json;

use super::*;

fn message(nonce: u64) -> Scheduled {
    let bytes = [u8::try_from(nonce).expect("few"); 32];
    Scheduled {
        nonce,
        timestamp_ms: 1_000,
        id: Id(bytes),
        signer: String::new(),
        tags: Vec::new(),
        data: String::new(),
        assignment: Id(bytes),
    }
}

fn record(sequence: u64, nonce: u64, message: Id) -> Record {
    Record {
        sequence: Number(sequence),
        kind: Number(18),
        timestamp: Number(1),
        body: Word([9; 32]).to_string(),
        nonce: Number(nonce),
        message,
    }
}

use tim3_domain::word::Word;

#[test]
fn an_event_must_be_of_a_message_that_the_scheduler_has_there() {
    let list = [message(3), message(4)];
    let known: BTreeMap<u64, &Scheduled> = list.iter().map(|message| (message.nonce, message)).collect();
    let good = record(0, 4, list[1].id);
    let found = located(&[good], &known, 3, 4).expect("events");
    assert_eq!(found.first().map(|found| found.block), Some(list[1].block()));
    for (nonce, id, last) in [(4, list[0].id, 4), (5, list[1].id, 4), (4, list[1].id, 3)] {
        assert!(matches!(located(&[record(0, nonce, id)], &known, 3, last), Err(CallError::Garbage(_))), "{nonce}");
    }
    let torn = Record { body: "0x00".to_owned(), ..record(0, 4, list[1].id) };
    assert!(matches!(located(&[torn], &known, 3, 4), Err(CallError::Garbage(_))));
}

#[test]
fn orders_that_were_not_executed_are_skips() {
    let order = |code: &str| json!({"action": "1", "content": Word([7; 32]), "code": code, "reason": "Why"});
    let data = json!({"epoch": "1", "threshold": "2", "orders": [order("0"), order("3"), order("4")]}).to_string();
    let outcome = json!({"Messages": [{"Tags": [{"name": "Action", "value": "Execute-Response"}], "Data": data}]});
    let skips = skipped(&message(3), &serde_json::from_value(outcome).expect("an outcome"));
    let found: Vec<_> = skips.iter().map(|skip| (skip.code, skip.reason.as_str())).collect();
    assert_eq!(found, [(OrderCode::Rejected, "Why")]);
}

proptest! {
    #[test]
    fn whatever_a_unit_answers_is_events_or_an_error(
        kind in any::<u8>(), body in "\\PC{0,40}|0x([0-9a-f]{64}){0,15}", nonce in 0_u64..6, data in "\\PC{0,80}"
    ) {
        let list = [message(3), message(4)];
        let known: BTreeMap<u64, &Scheduled> = list.iter().map(|message| (message.nonce, message)).collect();
        let record = Record { kind: Number(kind), body, ..record(0, nonce, list[1].id) };
        let _ = located(&[record], &known, 3, 4);
        let outcome = json!({"Messages": [{"Tags": [{"name": "Action", "value": "Execute-Response"}], "Data": data}]});
        let _ = skipped(&message(3), &serde_json::from_value(outcome).expect("an outcome"));
    }
}
