//! What the keepers were told, decided and sent, line by line in the journal.
//!
//! Lines are numbered for ever; a *page* of them begins with a header and is read without those before it. Which pages there are is a note.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use tim3_chain::Transaction;
use tim3_domain::clock::utc;
use tim3_journal::{Change, Journal};
use tim3_keeper::replay::Line;

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
        let found = lines(journal.as_ref(), start)?;
        let next = found.last().map_or(start, |(number, _)| number.saturating_add(1));
        Ok((Self { journal, next, pages, changes: Vec::new() }, found))
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
    let mut found = Vec::new();
    let mut start = from;
    loop {
        let batch = journal.keeper_lines(start, BATCH)?;
        let Some((last, _)) = batch.last() else { return Ok(found) };
        start = last.saturating_add(1);
        for (number, text) in batch {
            let item = serde_json::from_str(&text).with_context(|| format!("line {number} of the keepers' record"))?;
            found.push((number, item));
        }
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
            Line::Header { .. } | Line::Input(_) => None,
        },
    }
}
