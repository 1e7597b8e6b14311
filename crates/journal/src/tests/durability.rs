//! Acknowledged means durable; failed means closed; together means one fsync.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::{FutureExt, executor::block_on, future::join_all};
use proptest::prelude::*;

use super::{
    commit,
    disk::Disk,
    sample::{operation, step},
};
use crate::{Journal, JournalError};
use tim3_domain::lifecycle::Phase;

#[test]
fn a_failed_write_closes_the_journal_for_good() {
    let disk = Disk::default();
    let journal = disk.open();
    commit(&journal, step(1)).unwrap();
    disk.set_failing(true);
    let first = commit(&journal, step(2)).unwrap_err();
    assert!(matches!(&first, JournalError::Write(detail) if detail.contains("test's disk")), "{first}");
    assert!(first.is_fatal());
    disk.set_failing(false);
    let id = operation(1, Phase::Observed).operation.id();
    for later in [commit(&journal, step(3)).unwrap_err(), journal.operation(id).unwrap_err()] {
        assert_eq!(later.to_string(), first.to_string());
    }
    drop(journal);
    let journal = disk.open();
    assert_eq!(journal.operation(id), Ok(Some(operation(1, Phase::Observed))));
    commit(&journal, step(3)).unwrap();
}

#[test]
fn lists_that_wait_for_one_fsync_share_the_next() {
    let disk = Disk::default();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = seen.clone();
    let journal = disk.open_observed(Box::new(move |group| told.lock().unwrap().push((group.lists, group.changes))));
    disk.hold();
    let mut first = journal.commit(step(0));
    assert!((&mut first).now_or_never().is_none());
    disk.wait_until_held();
    let mut others: Vec<_> = (1..64).map(|n| journal.commit(step(n))).collect();
    for other in &mut others {
        assert!(other.now_or_never().is_none());
    }
    disk.release();
    block_on(first).unwrap();
    for outcome in block_on(join_all(others)) {
        outcome.unwrap();
    }
    drop(journal);
    assert_eq!(*seen.lock().unwrap(), [(1, 3), (63, 63 * 3)]);
}

#[test]
fn a_patient_list_shares_the_fsync_of_the_next_that_is_not() {
    let disk = Disk::default();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = seen.clone();
    let journal = disk.open_observed(Box::new(move |group| told.lock().unwrap().push(group.lists)));
    let patient = block_on(journal.queue(step(0), Duration::from_secs(3_600))).unwrap();
    let more_so = block_on(journal.queue(step(1), Duration::from_secs(7_200))).unwrap();
    commit(&journal, step(2)).unwrap();
    block_on(join_all([patient, more_so])).into_iter().for_each(|outcome| outcome.unwrap());
    assert_eq!(*seen.lock().unwrap(), [3]);
}

#[test]
fn a_patient_list_that_nobody_joins_is_durable_when_its_time_is_up_and_when_the_journal_is_closed() {
    let disk = Disk::default();
    let journal = disk.open();
    block_on(block_on(journal.queue(step(0), Duration::from_millis(2))).unwrap()).unwrap();
    drop(block_on(journal.queue(step(1), Duration::from_secs(3_600))).unwrap());
    drop(journal);
    assert_eq!(disk.open().operations(None, 100).unwrap().len(), 2);
}

#[test]
fn reads_go_on_while_the_writer_waits_for_the_disk() {
    let disk = Disk::default();
    let journal = disk.open();
    commit(&journal, step(1)).unwrap();
    disk.hold();
    let mut second = journal.commit(step(2));
    assert!((&mut second).now_or_never().is_none());
    disk.wait_until_held();
    assert_eq!(journal.operations(None, 10).unwrap().len(), 1);
    assert_eq!(journal.open_operations().unwrap().len(), 1);
    disk.release();
    block_on(second).unwrap();
    assert_eq!(journal.operations(None, 10).unwrap().len(), 2);
}

#[test]
fn dropping_the_journal_writes_what_is_queued() {
    let disk = Disk::default();
    let journal = disk.open();
    for n in 0..50 {
        // The caller stops waiting at once.
        assert!(journal.commit(step(n)).now_or_never().is_none_or(|done| done.is_ok()));
    }
    drop(journal);
    assert_eq!(disk.open().operations(None, 100).unwrap().len(), 50);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// The power goes in the middle of a transaction that nobody was told the end of.
    #[test]
    fn a_power_cut_keeps_what_was_acknowledged_and_halves_no_list(before in 0_u64..40, during in 1_u64..20, seed: u64) {
        let disk = Disk::default();
        let journal = disk.open();
        for n in 0..before {
            commit(&journal, step(n)).unwrap();
        }
        disk.hold();
        let cut: Vec<_> = (before..before + during)
            .map(|n| {
                let mut waiting = journal.commit(step(n));
                assert!((&mut waiting).now_or_never().is_none());
                waiting
            })
            .collect();
        disk.wait_until_held();
        let survivor = disk.after_power_loss(seed);
        disk.release();
        drop(cut);
        drop(journal);

        let journal = survivor.open();
        for n in 0..before + during {
            let id = operation(n, Phase::Observed).operation.id();
            let lines = journal.timeline(id).unwrap().len();
            match journal.operation(id).unwrap() {
                Some(_) => prop_assert_eq!(lines, 2),
                None => {
                    prop_assert!(n >= before, "acknowledged list {} is gone", n);
                    prop_assert_eq!(lines, 0);
                }
            }
        }
        commit(&journal, step(before + during)).unwrap();
    }
}
