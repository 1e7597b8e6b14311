//! kill -9 at random moments: what was acknowledged is there, and no list is there by half.
#![expect(clippy::unwrap_used, clippy::panic, clippy::arithmetic_side_effects, reason = "a test stops where it fails")]

use std::{
    collections::BTreeSet,
    env,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    sync::Arc,
    thread,
    time::Duration,
};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use tim3_domain::lifecycle::Phase;
use tim3_journal::{Journal, JournalError, RedbJournal, verify};

mod sample;

const THIS_TEST: &str = "acknowledged_commits_survive_kill_nine";
/// Set for the child: the journal it writes.
const JOURNAL: &str = "TIM3_TEST_JOURNAL";
/// Set for the child: the first number it may use.
const FIRST: &str = "TIM3_TEST_FIRST";
/// Set by whoever repeats a failure.
const SEED: &str = "TIM3_TEST_SEED";

const KILLS: u64 = 25;
const WRITERS: u64 = 8;
/// More numbers than a child ever comes to use.
const NUMBERS: u64 = 1_000_000;

#[test]
fn acknowledged_commits_survive_kill_nine() {
    if let (Ok(path), Ok(first)) = (env::var(JOURNAL), env::var(FIRST)) {
        commit_until_killed(Path::new(&path), first.parse().unwrap());
    }
    let seed = env::var(SEED).map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    println!("repeat with {SEED}={seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = directory.path().join("journal.redb");
    let mut acknowledged = BTreeSet::new();
    for kill in 0..KILLS {
        let (mut child, mut output) = start(&path, kill * NUMBERS);
        // The first children die while the file comes into being.
        for _ in 0..if kill < 3 { 0 } else { rng.random_range(0..150) } {
            acknowledged.insert(read(&mut output).expect("the child ended before it was killed"));
        }
        if kill == KILLS - 1 {
            assert!(matches!(RedbJournal::open(&path), Err(JournalError::InUse { .. })));
        }
        thread::sleep(Duration::from_micros(rng.random_range(0..3000)));
        child.kill().unwrap();
        child.wait().unwrap();
        acknowledged.extend(std::iter::from_fn(|| read(&mut output)));
        check(&path, &acknowledged);
    }
    assert!(acknowledged.len() > 100, "only {} commits were made before the kills", acknowledged.len());
    let found = verify(&path).unwrap();
    assert_eq!(found.problems, []);
}

fn start(path: &Path, first: u64) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new(env::current_exe().unwrap())
        .args([THIS_TEST, "--exact", "--nocapture"])
        .env(JOURNAL, path)
        .env(FIRST, first.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    (child, output)
}

/// The next acknowledged number; `None` once the child is gone.
fn read(output: &mut BufReader<ChildStdout>) -> Option<u64> {
    let mut line = String::new();
    while output.read_line(&mut line).unwrap() > 0 {
        match line.strip_prefix("acknowledged ") {
            Some(number) if number.ends_with('\n') => return Some(number.trim().parse().unwrap()),
            // The harness's own lines.
            _ => line.clear(),
        }
    }
    None
}

fn check(path: &Path, acknowledged: &BTreeSet<u64>) {
    if acknowledged.is_empty() && !path.exists() {
        return;
    }
    let journal = RedbJournal::open(path).unwrap();
    for number in acknowledged {
        let id = sample::operation(*number, Phase::Observed).operation.id();
        assert!(journal.operation(id).unwrap().is_some(), "acknowledged commit {number} is gone");
    }
    for record in journal.operations(None, usize::MAX).unwrap() {
        let lines = journal.timeline(record.operation.id()).unwrap().len();
        assert_eq!(lines, 2, "list {} is there by half", record.operation.nonce);
    }
    assert_eq!(journal.note("last").unwrap().is_some(), !journal.operations(None, 1).unwrap().is_empty());
}

fn commit_until_killed(path: &Path, first: u64) -> ! {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let journal = Arc::new(RedbJournal::open(path).unwrap());
    let writers: Vec<_> =
        (0..WRITERS).map(|writer| runtime.spawn(commit_for_ever(journal.clone(), first + writer))).collect();
    for writer in writers {
        runtime.block_on(writer).unwrap();
    }
    panic!("no writer ever ends");
}

async fn commit_for_ever(journal: Arc<RedbJournal>, first: u64) {
    for number in (first..).step_by(usize::try_from(WRITERS).unwrap()) {
        let mut changes = sample::step(number);
        changes.push(tim3_journal::Change::Note("last".to_owned(), number.to_string()));
        journal.commit(changes).await.unwrap();
        // One write of one line, so that a kill does not cut it in two.
        let line = format!("acknowledged {number}\n");
        std::io::stdout().write_all(line.as_bytes()).unwrap();
    }
}
