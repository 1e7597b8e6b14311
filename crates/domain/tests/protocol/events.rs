//! Event bodies and the running hash.

use tim3_domain::{
    DomainError,
    protocol::{Event, EventBody, Head},
};

use super::*;

/// The table of section 4: how many words a body of each kind has, from kind 1 on.
const WORDS: [&[usize]; 19] = [
    &[8, 22],
    &[14],
    &[9],
    &[14],
    &[9],
    &[14],
    &[8],
    &[6],
    &[6],
    &[4],
    &[4],
    &[4],
    &[5],
    &[4],
    &[3],
    &[4],
    &[4],
    &[1],
    &[3],
];

/// Words of the right length for their kind, mostly with values in range.
fn any_body_words() -> impl Strategy<Value = (u8, Vec<Word>)> {
    (1..=19_u8).prop_flat_map(|kind| {
        let length = proptest::sample::select(WORDS[usize::from(kind) - 1]);
        let words = length.prop_flat_map(
            |length| prop_oneof![3 => vec((1..4_u8).prop_map(Word::from), length), 1 => hostile_words(length)],
        );
        (Just(kind), words)
    })
}

#[test]
fn every_kind_and_both_forms_of_locked_can_be_read() {
    for (kind, lengths) in (1_u8..).zip(WORDS) {
        for length in lengths {
            let words = vec![Word::from(1_u8); *length];
            let body = EventBody::decode(kind, &words).unwrap();
            assert_eq!((body.kind(), body.words()), (kind, words));
            assert_eq!(body.started().is_some(), kind == 2 || *length == 22, "{}", body.name());
            assert_eq!(body.outcome().is_some(), (3..=6).contains(&kind), "{}", body.name());
        }
    }
}

proptest! {
    #[test]
    fn a_body_is_read_or_refused_and_never_changed((kind, words) in any_body_words()) {
        if let Ok(body) = EventBody::decode(kind, &words) {
            prop_assert_eq!(body.kind(), kind);
            prop_assert_eq!(body.words(), words);
        }
    }

    #[test]
    fn a_body_of_another_length_is_refused(kind in 1..=19_u8, words in hostile_words(0..30)) {
        if !WORDS[usize::from(kind) - 1].contains(&words.len()) {
            let refused = matches!(EventBody::decode(kind, &words), Err(DomainError::Length { .. }));
            prop_assert!(refused);
        }
    }

    #[test]
    fn a_kind_that_does_not_exist_is_refused(kind in prop_oneof![Just(0_u8), 20_u8..], words in hostile_words(0..30)) {
        let refused = matches!(EventBody::decode(kind, &words), Err(DomainError::Unknown { .. }));
        prop_assert!(refused);
    }

    #[test]
    fn a_locked_event_carries_its_operation(operation in any_operation(), position in any_position(), amounts: (u128, u128)) {
        let body = EventBody::Locked {
            position,
            actor: operation.actor,
            collateral: amounts.0,
            minted: amounts.1,
            recipient: operation.recipient,
            operation: Some(Box::new(operation.clone())),
        };
        let read = EventBody::decode(1, &body.words()).unwrap();
        prop_assert_eq!(read.started(), Some(&operation));
        prop_assert_eq!(read, body);
    }

    #[test]
    fn the_running_hash_depends_on_all_of_an_event_and_takes_only_the_next(
        (kind, words) in any_body_words(), count in 0..u64::MAX, hash in any_word(), timestamp: u64, skip in 1..u64::MAX,
    ) {
        let Ok(body) = EventBody::decode(kind, &words) else { return Ok(()) };
        let head = Head { count, hash };
        let event = Event { sequence: count, timestamp, body };
        let after = head.after(&event).unwrap();
        prop_assert_eq!(after.count, count + 1);
        let later = Event { timestamp: timestamp ^ 1, ..event.clone() };
        prop_assert_ne!(head.after(&later).unwrap().hash, after.hash);
        let elsewhere = Head { hash: Word(hash.0.map(|byte| byte ^ 1)), ..head };
        prop_assert_ne!(elsewhere.after(&event).unwrap().hash, after.hash);
        let skipped = Event { sequence: count.wrapping_add(skip), ..event };
        prop_assert_eq!(head.after(&skipped), None);
    }
}
