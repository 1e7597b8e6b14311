//! Durable commits a second with 1, 16 and 256 callers at once: the journal, and one transaction a commit as the baseline.
//!
//! Both write the same three changes a commit to a file beside the build, so that the disk is the one the code lives on.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::print_stderr,
    reason = "a benchmark prints, and stops where it fails"
)]

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use divan::{Bencher, counter::ItemsCount};
use redb::{Database, TableDefinition};
use tim3_journal::{Change, Journal, RedbJournal};
use tokio::runtime::Runtime;

#[path = "../tests/sample/mod.rs"]
mod sample;

const CALLERS: [u64; 3] = [1, 16, 256];

/// Commits of each caller in one iteration.
const COMMITS: u64 = 8;

fn main() {
    divan::main();
}

#[divan::bench(args = CALLERS, sample_count = 10, sample_size = 1)]
fn journal(bencher: Bencher<'_, '_>, callers: u64) {
    let directory = directory();
    let groups = Arc::new((AtomicU64::new(0), AtomicU64::new(0)));
    let seen = groups.clone();
    let observer = move |group: tim3_journal::GroupCommit| {
        seen.0.fetch_add(1, Ordering::Relaxed);
        seen.1.fetch_add(group.lists.try_into().unwrap(), Ordering::Relaxed);
    };
    let journal = RedbJournal::open_observed(&directory.path().join("journal.redb"), Box::new(observer)).unwrap();
    let journal = Arc::new(journal);
    run(bencher, callers, move |n| {
        let journal = journal.clone();
        async move { journal.commit(sample::step(n)).await.unwrap() }
    });
    let (transactions, lists) = (groups.0.load(Ordering::Relaxed), groups.1.load(Ordering::Relaxed));
    eprintln!("  {callers} callers: {lists} commits in {transactions} fsyncs");
}

#[divan::bench(args = CALLERS, sample_count = 10, sample_size = 1)]
fn one_transaction_a_commit(bencher: Bencher<'_, '_>, callers: u64) {
    let directory = directory();
    let database = Arc::new(Mutex::new(Database::create(directory.path().join("naive.redb")).unwrap()));
    run(bencher, callers, move |n| {
        let database = database.clone();
        async move { tokio::task::spawn_blocking(move || naive(&database.lock().unwrap(), n)).await.unwrap() }
    });
}

/// The same records, without index, check or queue.
fn naive(database: &Database, n: u64) {
    let table: TableDefinition<'_, (&[u8], u64), &[u8]> = TableDefinition::new("records");
    let transaction = database.begin_write().unwrap();
    let mut rows = transaction.open_table(table).unwrap();
    for (line, change) in sample::step(n).into_iter().enumerate() {
        let (id, bytes) = match change {
            Change::Operation(record) => (record.operation.id(), postcard::to_stdvec(&record).unwrap()),
            Change::Timeline(id, entry) => (id, postcard::to_stdvec(&entry).unwrap()),
            other => panic!("{other:?} is no part of a step"),
        };
        rows.insert((id.0.0.as_slice(), line.try_into().unwrap()), bytes.as_slice()).unwrap();
    }
    drop(rows);
    transaction.commit().unwrap();
}

fn run<F, C>(bencher: Bencher<'_, '_>, callers: u64, commit: F)
where
    F: Fn(u64) -> C + Clone + Send + Sync + 'static,
    C: Future<Output = ()> + Send,
{
    let runtime = Runtime::new().unwrap();
    let next = Arc::new(AtomicU64::new(0));
    bencher.counter(ItemsCount::new(callers * COMMITS)).bench(|| {
        let tasks = (0..callers).map(|_| {
            let (commit, next) = (commit.clone(), next.clone());
            runtime.spawn(async move {
                for _ in 0..COMMITS {
                    commit(next.fetch_add(1, Ordering::Relaxed)).await;
                }
            })
        });
        let tasks: Vec<_> = tasks.collect();
        runtime.block_on(async {
            for task in tasks {
                task.await.unwrap();
            }
        });
    });
}

fn directory() -> tempfile::TempDir {
    tempfile::tempdir_in(PathBuf::from(env!("CARGO_TARGET_TMPDIR"))).unwrap()
}
