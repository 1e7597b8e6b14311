//! `verify` finds what no daemon would have written; `export` tells everything.

use std::{fs, path::Path, sync::LazyLock};

use proptest::prelude::*;
use redb::{Database, WriteTransaction};
use serde_json::Value;
use tim3_domain::{lifecycle::Phase, place::TxId, protocol::Action, word::Word};

use super::{
    commit, included,
    sample::{gateway, line, operation, step},
};
use crate::{
    Change, JournalError, RedbJournal, SentTransaction, SignatureKey, SignatureRecord, export,
    table::{BY_TIME, OPEN, OPERATIONS, TIMELINE},
    verify,
};

fn filled(path: &Path) {
    let journal = RedbJournal::open(path).unwrap();
    for n in 0..5 {
        commit(&journal, step(n)).unwrap();
    }
    let settled =
        [included(Phase::Observed), Phase::Completed].map(|phase| Change::Operation(Box::new(operation(4, phase))));
    commit(&journal, settled.to_vec()).unwrap();
    let sent = SentTransaction {
        chain: "anvil-a".to_owned(),
        id: TxId("0xfe".to_owned()),
        raw: vec![0xab, 0xcd],
        nonce: 1,
        replaces: None,
        orders: vec![],
    };
    let key = SignatureKey {
        attester: [7; 20],
        origin: gateway(0),
        destination: gateway(1),
        nonce: 3,
        action: Action::Mint,
        subject: Word::ZERO,
    };
    let signed = SignatureRecord { content: Word::ZERO, epoch: 0, digest: Word::ZERO };
    commit(&journal, vec![Change::Transaction(sent), Change::Signature(key, signed)]).unwrap();
}

/// The bytes of a filled journal.
static FILLED: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal.redb");
    filled(&path);
    fs::read(&path).unwrap()
});

/// Writes past the journal's back.
fn tamper(path: &Path, with: impl FnOnce(&WriteTransaction)) {
    let database = Database::open(path).unwrap();
    let transaction = database.begin_write().unwrap();
    with(&transaction);
    transaction.commit().unwrap();
}

#[test]
fn a_sound_journal_is_counted_and_has_no_problem() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal.redb");
    filled(&path);
    let found = verify(&path).unwrap();
    assert_eq!((found.problem_count, found.problems.as_slice()), (0, [].as_slice()));
    assert_eq!((found.records["operations"], found.records["timeline"], found.open_operations), (5, 10, 4));
    assert_eq!((found.phases["observed"], found.phases["completed"]), (4, 1));
}

#[test]
fn an_export_is_one_json_object_a_line_and_names_its_table() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal.redb");
    filled(&path);
    let copy = directory.path().join("copy.redb");
    fs::copy(&path, &copy).unwrap();
    let _running = RedbJournal::open(&path).unwrap();
    let mut text = Vec::new();
    assert_eq!(export(&copy, &mut text), Ok(17));
    let lines: Vec<Value> = text
        .split(|b| *b == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    let of = |table: &str| lines.iter().filter(|line| line["table"] == table).collect::<Vec<_>>();
    assert_eq!((lines.len(), of("operations").len(), of("timeline").len()), (17, 5, 10));
    let completed = operation(4, Phase::Completed);
    let record = of("operations").into_iter().find(|line| line["key"] == completed.operation.id().to_string()).unwrap();
    assert_eq!(serde_json::from_value::<crate::OperationRecord>(record["record"].clone()).unwrap(), completed);
    assert_eq!(of("transactions")[0]["record"]["raw"], "0xabcd");
    assert_eq!(of("signatures")[0]["key"]["attester"], format!("0x{}", "07".repeat(20)));
    let sent = serde_json::from_value::<SentTransaction>(of("transactions")[0]["record"].clone()).unwrap();
    assert_eq!(sent.raw, [0xab, 0xcd]);
}

type Tampering<'a> = &'a dyn Fn(&WriteTransaction);

#[test]
fn every_kind_of_damage_is_told_with_its_table() {
    let broken = |with: Tampering<'_>| {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal.redb");
        filled(&path);
        tamper(&path, with);
        let found = verify(&path).unwrap();
        let told: Vec<_> = found.problems.iter().map(|problem| (problem.table, problem.detail.clone())).collect();
        assert_eq!(found.problem_count, 1, "{told:?}");
        let (table, detail) = told.into_iter().next().unwrap();
        format!("{table}: {detail}")
    };
    let record = operation(1, Phase::Observed);
    let id = record.operation.id();
    let cases: [(&str, Tampering<'_>); 8] = [
        ("operations: its phase is observed", &|t| OPEN.write(t).unwrap().remove(&id).unwrap()),
        ("operations: it is missing from the index by time", &|t| {
            BY_TIME.write(t).unwrap().remove(&(record.operation.timestamp, id)).unwrap();
        }),
        ("open: no such operation", &|t| OPEN.write(t).unwrap().put(&gateway(9).0.into(), &()).unwrap()),
        ("by_time: no such operation", &|t| BY_TIME.write(t).unwrap().put(&(1, gateway(9).0.into()), &()).unwrap()),
        ("timeline: line 9 of its story stands where line 2 belongs", &|t| {
            TIMELINE.write(t).unwrap().put(&(id, 9), &line(1)).unwrap();
        }),
        ("operations: no operation comes to DeadLetter", &|t| {
            let impossible = Phase::DeadLetter { was: Box::new(Phase::Completed), reason: "tampered".to_owned() };
            OPERATIONS.write(t).unwrap().put(&id, &operation(1, impossible)).unwrap();
        }),
        ("operations: this is operation", &|t| {
            OPERATIONS.write(t).unwrap().put(&id, &operation(2, Phase::Observed)).unwrap();
        }),
        ("operations: damaged record in operations", &|t| {
            let raw = redb::TableDefinition::<'_, &[u8], &[u8]>::new("operations");
            t.open_table(raw).unwrap().insert([1_u8; 32].as_slice(), [0xff_u8; 40].as_slice()).unwrap();
        }),
    ];
    for (expected, with) in cases {
        let found = broken(with);
        assert!(found.starts_with(expected), "{found:?} is not {expected:?}");
    }
}

#[test]
fn a_turned_letter_of_a_record_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal.redb");
    let mut bytes = FILLED.clone();
    let places: Vec<_> = (0..bytes.len()).filter(|n| bytes[*n..].starts_with(b"line 1")).collect();
    assert!(!places.is_empty());
    places.into_iter().for_each(|n| bytes[n] = b'L');
    fs::write(&path, bytes).unwrap();
    let error = verify(&path).unwrap_err();
    assert!(matches!(&error, JournalError::Corrupt { path: named, .. } if *named == path), "{error}");
    assert!(error.to_string().contains("restore it from a backup"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// A bit that the disk turned is told, or it was in a place that nobody uses; it never ends the program.
    #[test]
    fn a_turned_bit_is_an_error_and_no_panic(place: prop::sample::Index, bit in 0_u8..8) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal.redb");
        let mut bytes = FILLED.clone();
        // Pages that were never used are zero, and most of the file.
        let used: Vec<usize> = (0..bytes.len()).filter(|n| bytes[*n] != 0).collect();
        bytes[used[place.index(used.len())]] ^= 1 << bit;
        fs::write(&path, bytes).unwrap();
        match verify(&path) {
            Ok(found) => prop_assert_eq!((found.records["operations"], found.records["timeline"]), (5, 10)),
            Err(error) => prop_assert!(error.to_string().contains("journal.redb"), "{}", error),
        }
    }
}
