//! Durable commits a second with 1, 16 and 256 callers at once: the journal, and one transaction a commit as the baseline.
//!
//! Both write the same three changes a commit to a file beside the build, so that the disk is the one the code lives on.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::float_arithmetic,
    reason = "a benchmark prints, and stops where it fails"
)]

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use divan::{Bencher, counter::ItemsCount};
use redb::{Database, TableDefinition};
use tim3_journal::{Change, Journal, RedbJournal};
use tokio::runtime::Runtime;

#[path = "../tests/sample/mod.rs"]
mod sample;

const JOURNAL: &str = "journal";
const BASELINE: &str = "one transaction a commit";

const CALLERS: [u64; 3] = [1, 16, 256];

/// Commits of each caller in one iteration.
const COMMITS: u64 = 8;

/// Who commits, with how many callers.
type Case = (&'static str, u64);

/// Commits made, and the time they took.
static RATES: Mutex<BTreeMap<Case, (u64, Duration)>> = Mutex::new(BTreeMap::new());

/// Transactions of the journal, by how many callers there were.
static FSYNCS: Mutex<BTreeMap<u64, u64>> = Mutex::new(BTreeMap::new());

fn main() {
    divan::main();
    let rates = RATES.lock().unwrap();
    let rate = |who, callers| rates.get(&(who, callers)).map(|(commits, took)| *commits as f64 / took.as_secs_f64());
    for (callers, fsyncs) in FSYNCS.lock().unwrap().iter() {
        let (Some(ours), Some(naive)) = (rate(JOURNAL, *callers), rate(BASELINE, *callers)) else { continue };
        let shared = rates[&(JOURNAL, *callers)].0 as f64 / *fsyncs as f64;
        println!(
            "{callers:>3} callers: {ours:>6.0} commits/s, {:.1} times the baseline's {naive:.0}; {shared:.1} commits an fsync",
            ours / naive
        );
    }
}

#[divan::bench(args = CALLERS, sample_count = 10, sample_size = 1)]
fn journal(bencher: Bencher<'_, '_>, callers: u64) {
    let directory = directory();
    let observer = move |_| *FSYNCS.lock().unwrap().entry(callers).or_default() += 1;
    let journal = RedbJournal::open_observed(&directory.path().join("journal.redb"), Box::new(observer)).unwrap();
    let journal = Arc::new(journal);
    run(bencher, JOURNAL, callers, move |n| {
        let journal = journal.clone();
        async move { journal.commit(sample::step(n)).await.unwrap() }
    });
}

#[divan::bench(args = CALLERS, sample_count = 10, sample_size = 1)]
fn one_transaction_a_commit(bencher: Bencher<'_, '_>, callers: u64) {
    let directory = directory();
    let database = Arc::new(Mutex::new(Database::create(directory.path().join("naive.redb")).unwrap()));
    run(bencher, BASELINE, callers, move |n| {
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

fn run<F, C>(bencher: Bencher<'_, '_>, who: &'static str, callers: u64, commit: F)
where
    F: Fn(u64) -> C + Clone + Send + Sync + 'static,
    C: Future<Output = ()> + Send,
{
    let runtime = Runtime::new().unwrap();
    let next = Arc::new(AtomicU64::new(0));
    bencher.counter(ItemsCount::new(callers * COMMITS)).bench(|| {
        let begun = Instant::now();
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
        let mut rates = RATES.lock().unwrap();
        let (commits, took) = rates.entry((who, callers)).or_default();
        *commits += callers * COMMITS;
        *took += begun.elapsed();
    });
}

fn directory() -> tempfile::TempDir {
    tempfile::tempdir_in(PathBuf::from(env!("CARGO_TARGET_TMPDIR"))).unwrap()
}
