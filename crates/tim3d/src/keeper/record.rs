//! What the keepers were told, decided and sent, line by line in the journal.
//!
//! Lines are numbered for ever; a *page* of them begins with a header and is read without those before it. Which pages there are is a note. Entries of
//! the ledger are kept beside them as well, and stay when their page is forgotten.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tim3_chain::Transaction;
use tim3_domain::clock::utc;
use tim3_journal::{Change, Journal};
use tim3_keeper::{
    Input, Recorded,
    input::Outcome,
    replay::{self, Line},
};
use tracing::warn;

/// The note with the pages.
const PAGES: &str = "keeper/pages";
/// Lines read at once.
const BATCH: usize = 1_000;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Item {
    /// What the core was told and decided.
    Line(Box<Line>),
    /// A transaction that was signed for a decision; it comes before it is sent.
    Sent(Box<Sent>),
}

/// A transaction of a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sent {
    /// The decision.
    pub(crate) decision: u64,
    /// Configured name of the chain.
    pub(crate) chain: String,
    /// The transaction.
    pub(crate) transaction: Transaction,
}

/// A page: where it begins, and when it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Page {
    line: u64,
    at_ms: u64,
}

/// The record, open at its end.
pub(super) struct Record {
    journal: Arc<dyn Journal>,
    next: u64,
    pages: Vec<Page>,
    /// Lines that are not durable yet.
    changes: Vec<Change>,
}

impl Record {
    /// Opens the record, and gives the lines of its last page.
    pub(super) fn open(journal: Arc<dyn Journal>) -> Result<(Self, Vec<(u64, Item)>)> {
        let pages = pages(journal.as_ref())?;
        let start = pages.last().map_or(0, |page| page.line);
        let texts = texts(journal.as_ref(), start)?;
        let next = texts.last().map_or(start, |(number, _)| number.saturating_add(1));
        let found = if is_of_another_version(&texts) { readable(texts)? } else { items(texts)? };
        let mut record = Self { journal, next, pages, changes: Vec::new() };
        if found.iter().any(|(_, item)| has_entries(item)) {
            record.keep_older_entries()?;
        }
        Ok((record, found))
    }

    /// Has the ledger's own table keep the entries of before there was one.
    fn keep_older_entries(&mut self) -> Result<()> {
        if !self.journal.keeper_entries(0, 1)?.is_empty() {
            return Ok(());
        }
        let mut start = self.pages.first().map_or(0, |page| page.line);
        loop {
            let batch = self.journal.keeper_lines(start, BATCH)?;
            let Some((last, _)) = batch.last() else { return Ok(()) };
            start = last.saturating_add(1);
            for (_, text) in batch.iter().filter(|(_, text)| text.contains("\"entry\"")) {
                if let Ok(Item::Line(line)) = serde_json::from_str(text)
                    && let Line::Entry(entry) = *line
                {
                    self.changes.push(Change::KeeperEntry(entry.number, serde_json::to_string(&entry)?));
                }
            }
        }
    }

    /// The number of the next line.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// How many lines the page has.
    pub(super) fn length(&self) -> u64 {
        self.next.saturating_sub(self.pages.last().map_or(0, |page| page.line))
    }

    /// Adds a line. It is durable after [`Self::commit`].
    pub(super) fn add(&mut self, item: &Item) -> Result<()> {
        if let Item::Line(line) = item
            && let Line::Entry(entry) = line.as_ref()
        {
            self.changes.push(Change::KeeperEntry(entry.number, serde_json::to_string(entry)?));
        }
        self.changes.push(Change::Keeper(self.next, serde_json::to_string(item)?));
        self.next = self.next.saturating_add(1);
        Ok(())
    }

    /// The next line begins a page. Pages that ended longer than `keep` ago are forgotten.
    pub(super) fn turn(&mut self, now_ms: u64, keep: Duration) -> Result<()> {
        let oldest = now_ms.saturating_sub(crate::chains::milliseconds(keep));
        // A page ends where the next one begins.
        let gone = self.pages.iter().skip(1).filter(|page| page.at_ms < oldest).count();
        self.pages.drain(..gone);
        self.pages.push(Page { line: self.next, at_ms: now_ms });
        let below = self.pages.first().map_or(self.next, |page| page.line);
        self.changes.push(Change::KeeperForget { below });
        self.changes.push(Change::Note(PAGES.to_owned(), serde_json::to_string(&self.pages)?));
        Ok(())
    }

    /// Makes everything that was added durable.
    pub(super) async fn commit(&mut self) -> Result<()> {
        let changes = std::mem::take(&mut self.changes);
        if !changes.is_empty() {
            self.journal.commit(changes).await.context("the keepers' record")?;
        }
        Ok(())
    }
}

/// Whether it says that there is something in the ledger.
fn has_entries(item: &Item) -> bool {
    let Item::Line(line) = item else { return false };
    match line.as_ref() {
        Line::Header { carried, .. } => carried.entries > 0,
        Line::Entry(_) => true,
        Line::Input(_) | Line::Decision(_) => false,
    }
}

fn pages(journal: &dyn Journal) -> Result<Vec<Page>> {
    let note = journal.note(PAGES)?;
    note.map_or_else(|| Ok(Vec::new()), |text| serde_json::from_str(&text).context("the pages of the keepers' record"))
}

/// The first line of the page that holds the lines of `at_ms`; of the oldest one, where that is gone.
pub(crate) fn page_of(journal: &dyn Journal, at_ms: u64) -> Result<u64> {
    let pages = pages(journal)?;
    let page = pages.iter().rev().find(|page| page.at_ms <= at_ms).or(pages.first());
    Ok(page.map_or(0, |page| page.line))
}

/// Lines by number from `from` on.
///
/// # Errors
/// Where one does not decode.
pub(super) fn lines(journal: &dyn Journal, from: u64) -> Result<Vec<(u64, Item)>> {
    items(texts(journal, from)?)
}

fn items(texts: Vec<(u64, String)>) -> Result<Vec<(u64, Item)>> {
    let item = |(number, text): (u64, String)| {
        let item = serde_json::from_str(&text).with_context(|| format!("line {number} of the keepers' record"))?;
        Ok((number, item))
    };
    texts.into_iter().map(item).collect()
}

/// What can be read of a page of another version, whose lines may look otherwise: its header at least, with the numbers that go on.
fn readable(mut texts: Vec<(u64, String)>) -> Result<Vec<(u64, Item)>> {
    let lines = texts.len();
    let rest = texts.split_off(lines.min(1));
    let mut found = items(texts).context("it is of another version of tim3d, which can read it")?;
    found.extend(rest.into_iter().filter_map(|(number, text)| Some((number, serde_json::from_str(&text).ok()?))));
    let unread = lines.saturating_sub(found.len());
    if unread != 0 {
        warn!(lines, unread, "lines of the keepers' record are of another version, and cannot be read");
    }
    Ok(found)
}

fn is_of_another_version(texts: &[(u64, String)]) -> bool {
    let header = texts.first().and_then(|(_, text)| serde_json::from_str::<Value>(text).ok());
    let version = header.as_ref().and_then(|header| header.pointer("/line/header/version"));
    version.and_then(Value::as_u64).is_some_and(|version| version != u64::from(replay::VERSION))
}

fn texts(journal: &dyn Journal, from: u64) -> Result<Vec<(u64, String)>> {
    let mut found = Vec::new();
    let mut start = from;
    loop {
        let batch = journal.keeper_lines(start, BATCH)?;
        let Some((last, _)) = batch.last() else { return Ok(found) };
        start = last.saturating_add(1);
        found.extend(batch);
    }
}

/// A line in words, for people.
pub(crate) fn line_view(item: &Item) -> Option<String> {
    match item {
        Item::Sent(sent) => {
            let Sent { decision, chain, transaction } = sent.as_ref();
            Some(format!("decision {decision}: {} was signed for {chain}", transaction.id))
        }
        Item::Line(line) => match line.as_ref() {
            Line::Entry(entry) => {
                Some(format!("decision {} came to, at {}: {}", entry.decision, utc(entry.at_ms), entry.csv()))
            }
            Line::Decision(decision) => Some(decision.to_string()),
            Line::Input(Recorded { input: Input::Outcome { decision, outcome }, at_ms, .. }) => {
                Some(format!("decision {decision} ended at {}: {}", utc(*at_ms), ended(outcome)))
            }
            Line::Header { .. } | Line::Input(_) => None,
        },
    }
}

fn ended(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Refused { reason } => format!("refused: {reason}"),
        Outcome::Failed { reason, .. } => format!("failed: {reason}"),
        Outcome::Lost { .. } => "somebody else was first".to_owned(),
        Outcome::Done { .. } => "done".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use tim3_journal::RedbJournal;
    use tim3_keeper::{Mode, Subject, ledger::Entry};

    use super::*;
    use crate::keeper::session;

    fn entry(number: u64) -> Item {
        let entry = Entry {
            number,
            decision: number,
            at_ms: number,
            mode: Mode::Live,
            subject: Subject::OpenTrade(number),
            moves: Vec::new(),
            swept: Vec::new(),
            gas: 0,
            slippage: 0,
            fee: 0,
            slippage_asset: String::new(),
            usd: 7,
            unpriced: vec!["DAI".into()],
        };
        Item::Line(Box::new(Line::Entry(Box::new(entry))))
    }

    fn numbers(kept: &[(u64, String)]) -> Vec<u64> {
        kept.iter().map(|(number, _)| *number).collect()
    }

    #[tokio::test]
    async fn lines_of_another_version_end_nothing_and_are_not_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let journal: Arc<dyn Journal> = Arc::new(RedbJournal::open(&directory.path().join("journal.redb")).unwrap());
        let write = async |version: u32| {
            let (config, carried) = (Box::new(session::tests::config()), Box::default());
            let header = Item::Line(Box::new(Line::Header { version, config, carried }));
            let (header, known) = (serde_json::to_string(&header).unwrap(), serde_json::to_string(&entry(1)).unwrap());
            let lines = [header, known, "{}".to_owned()].into_iter().zip(0..);
            journal.commit(lines.map(|(text, number)| Change::Keeper(number, text)).collect()).await.unwrap();
        };
        write(replay::VERSION - 1).await;
        let (record, page) = Record::open(Arc::clone(&journal)).unwrap();
        assert_eq!((record.next(), page.len(), &page[1]), (3, 2, &(1, entry(1))));
        write(replay::VERSION).await;
        assert!(Record::open(Arc::clone(&journal)).is_err(), "what this version wrote it can read");
    }

    #[tokio::test]
    async fn entries_of_before_there_was_a_ledger_by_itself_are_kept_as_well() {
        let directory = tempfile::tempdir().unwrap();
        let journal: Arc<dyn Journal> = Arc::new(RedbJournal::open(&directory.path().join("journal.redb")).unwrap());
        let lines = (0..3).map(|number| Change::Keeper(number, serde_json::to_string(&entry(number)).unwrap()));
        journal.commit(lines.collect()).await.unwrap();
        let (mut record, _) = Record::open(Arc::clone(&journal)).unwrap();
        record.commit().await.unwrap();
        assert_eq!(numbers(&journal.keeper_entries(0, 9).unwrap()), [0, 1, 2]);
    }

    #[tokio::test]
    async fn entries_of_the_ledger_outlive_their_page_and_a_restart() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal.redb");
        let open = || Record::open(Arc::new(RedbJournal::open(&path).unwrap())).unwrap();
        for page in 0..3 {
            let (mut record, _) = open();
            record.turn(1_000 * page, Duration::from_millis(1)).unwrap();
            for number in 0..2 {
                record.add(&entry(2 * page + number)).unwrap();
            }
            record.commit().await.unwrap();
        }
        let journal = RedbJournal::open(&path).unwrap();
        assert_eq!(numbers(&journal.keeper_lines(0, 9).unwrap()), [2, 3, 4, 5], "the first page is forgotten");
        let kept = journal.keeper_entries(0, 9).unwrap();
        assert_eq!(numbers(&kept), [0, 1, 2, 3, 4, 5]);
        let read: Vec<Entry> = kept.iter().map(|(_, text)| serde_json::from_str(text).unwrap()).collect();
        assert!(
            read.into_iter()
                .zip(0..)
                .all(|(it, number)| Item::Line(Box::new(Line::Entry(Box::new(it)))) == entry(number))
        );
        assert_eq!(numbers(&journal.keeper_entries(4, 1).unwrap()), [4], "from one on, and no more than asked for");
    }
}
