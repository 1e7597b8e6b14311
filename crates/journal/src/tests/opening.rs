//! Every way in which a journal cannot be opened says what to do.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use redb::{Database, TableDefinition};
use tim3_domain::lifecycle::Phase;

use super::{
    commit,
    sample::{operation, step},
};
use crate::{FORMAT_VERSION, Journal, JournalError, RedbJournal, export, verify};

fn refusal(path: &Path) -> String {
    let error = RedbJournal::open(path).unwrap_err();
    assert!(error.is_fatal());
    assert!(error.to_string().contains(&*path.to_string_lossy()), "{error} does not name the file");
    error.to_string()
}

#[test]
fn a_journal_is_made_closed_and_found_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal.redb");
    let journal = RedbJournal::open(&path).unwrap();
    commit(&journal, step(1)).unwrap();
    drop(journal);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let names: Vec<_> = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["journal.redb"], "drafts are left behind");
    let journal = RedbJournal::open(&path).unwrap();
    assert_eq!(journal.operations(None, 9), Ok(vec![operation(1, Phase::Observed)]));
}

#[test]
fn an_empty_file_becomes_a_journal() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let journal = RedbJournal::open(file.path()).unwrap();
    commit(&journal, step(1)).unwrap();
}

#[test]
fn a_second_daemon_is_told_that_the_journal_is_in_use() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal.redb");
    let journal = RedbJournal::open(&path).unwrap();
    let refused = [
        RedbJournal::open(&path).unwrap_err(),
        verify(&path).unwrap_err(),
        export(&path, &mut Vec::new()).unwrap_err(),
    ];
    for error in refused {
        assert!(matches!(error, JournalError::InUse { .. }), "{error}");
        assert!(error.to_string().contains("in use by a running tim3d"), "{error}");
    }
    commit(&journal, step(1)).unwrap();
}

#[test]
fn a_newer_format_names_both_versions() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal.redb");
    drop(RedbJournal::open(&path).unwrap());
    let database = Database::open(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    let meta: TableDefinition<'_, &str, u32> = TableDefinition::new("meta");
    transaction.open_table(meta).unwrap().insert("format", FORMAT_VERSION + 1).unwrap();
    transaction.commit().unwrap();
    drop(database);
    let text = refusal(&path);
    assert!(text.contains("run the newer tim3d") && text.contains(&(FORMAT_VERSION + 1).to_string()), "{text}");
    assert!(matches!(verify(&path), Err(JournalError::Newer { .. })));
}

#[test]
fn a_journal_from_before_there_were_keepers_or_their_ledger_gets_the_table() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal.redb");
    drop(RedbJournal::open(&path).unwrap());
    for table in ["keeper", "keeper_ledger"] {
        let database = Database::open(&path).unwrap();
        let transaction = database.begin_write().unwrap();
        assert!(transaction.delete_table(TableDefinition::<'_, &[u8], &[u8]>::new(table)).unwrap());
        transaction.commit().unwrap();
        drop(database);
        verify(&path).unwrap();
        let journal = RedbJournal::open(&path).unwrap();
        assert_eq!((journal.keeper_lines(0, 9), journal.keeper_entries(0, 9)), (Ok(Vec::new()), Ok(Vec::new())));
    }
}

#[test]
fn what_is_no_journal_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let text = directory.path().join("notes.txt");
    fs::write(&text, "not a journal, but somebody's notes").unwrap();
    assert!(refusal(&text).contains("correct journal.path"));
    assert_eq!(fs::read_to_string(&text).unwrap(), "not a journal, but somebody's notes");

    let foreign = directory.path().join("foreign.redb");
    let database = Database::create(&foreign).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(TableDefinition::<'_, u64, u64>::new("meta")).unwrap().insert(1, 1).unwrap();
    transaction.commit().unwrap();
    drop(database);
    assert!(refusal(&foreign).contains("no journal of tim3d"));

    assert!(refusal(directory.path()).contains("directory"));
    assert!(refusal(&directory.path().join("missing/journal.redb")).contains("make the directory"));
}

#[test]
fn looking_at_a_journal_that_is_not_there_makes_none() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal.redb");
    assert!(verify(&path).is_err());
    assert!(export(&path, &mut Vec::new()).is_err());
    assert!(!path.exists());
}
