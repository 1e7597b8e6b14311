//! What the CLI asks of a journal that no daemon has open: is it sound, and what is in it.

use std::{collections::BTreeMap, io::Write, path::Path};

use redb::{ReadTransaction, ReadableDatabase};
use serde::{Serialize, de::DeserializeOwned};
use tim3_domain::lifecycle::Phase;

use crate::{
    FORMAT_VERSION, JournalError, file,
    key::Key,
    table::{BY_TIME, MIRRORED, OPEN, OPERATIONS, POSITIONS, TIMELINE, TRANSACTIONS, Table, Visit, failed},
};

/// Problems that are told one by one; the others are counted.
const PROBLEMS_TOLD: usize = 100;

/// What [`verify`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// The file's format version.
    pub format: u32,
    /// Records by table.
    pub records: BTreeMap<&'static str, u64>,
    /// Operations by the name of their phase.
    pub phases: BTreeMap<&'static str, u64>,
    /// Operations whose phase is not terminal.
    pub open_operations: u64,
    /// How many problems there are; 0 where the journal is sound.
    pub problem_count: u64,
    /// The first 100 of them.
    pub problems: Vec<Problem>,
}

/// Something in the journal that no tim3d would have written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The table.
    pub table: &'static str,
    /// The key's bytes in hexadecimal.
    pub key: String,
    /// What is wrong.
    pub detail: String,
}

/// Reads the whole journal at `path`: every checksum, every record, every index. A file that was not closed is repaired first, as a start
/// of the daemon would.
///
/// # Errors
/// [`JournalError::InUse`] while a daemon runs on it; [`JournalError::Newer`]; [`JournalError::Open`] where there is no journal;
/// [`JournalError::Corrupt`] where it is beyond reading.
pub fn verify(path: &Path) -> Result<Verification, JournalError> {
    read_all(path).map_err(|error| match error {
        JournalError::Read(detail) => JournalError::Corrupt { path: path.to_owned(), detail },
        other => other,
    })
}

fn read_all(path: &Path) -> Result<Verification, JournalError> {
    let database = file::open(path, true)?;
    let transaction = database.begin_read().map_err(failed)?;
    let found = Verification { format: FORMAT_VERSION, ..Verification::default() };
    let mut verifier = Verifier { transaction: &transaction, found };
    verifier.visit_all()?;
    verifier.operations()?;
    verifier.indices()?;
    verifier.keys()?;
    Ok(verifier.found)
}

/// Writes every record of the journal at `path` as a line of JSON: `{"table": …, "key": …, "record": …}`. Returns how many.
///
/// # Errors
/// As [`verify`]; [`JournalError::Damaged`] at the first record that does not decode; [`JournalError::Export`] where `to` takes no more.
pub fn export(path: &Path, to: &mut dyn Write) -> Result<u64, JournalError> {
    let database = file::open(path, false)?;
    let transaction = database.begin_read().map_err(failed)?;
    let mut exporter = Exporter { transaction: &transaction, to, lines: 0 };
    exporter.visit_all()?;
    exporter.to.flush().map_err(|error| JournalError::Export(error.to_string()))?;
    Ok(exporter.lines)
}

struct Exporter<'a> {
    transaction: &'a ReadTransaction,
    to: &'a mut dyn Write,
    lines: u64,
}

/// One line of an export.
#[derive(Serialize)]
struct Line<K, V> {
    table: &'static str,
    key: K,
    record: V,
}

impl Visit for Exporter<'_> {
    fn visit<K: Key, V: Serialize + DeserializeOwned>(&mut self, table: &Table<K, V>) -> Result<(), JournalError> {
        for row in table.read(self.transaction)?.all()? {
            let (key, record) = row?.content?;
            let line = serde_json::to_vec(&Line { table: table.name, key, record });
            let mut line = line.map_err(|error| JournalError::Export(error.to_string()))?;
            line.push(b'\n');
            self.to.write_all(&line).map_err(|error| JournalError::Export(error.to_string()))?;
            self.lines = self.lines.saturating_add(1);
        }
        Ok(())
    }
}

struct Verifier<'a> {
    transaction: &'a ReadTransaction,
    found: Verification,
}

/// Every record decodes.
impl Visit for Verifier<'_> {
    fn visit<K: Key, V: Serialize + DeserializeOwned>(&mut self, table: &Table<K, V>) -> Result<(), JournalError> {
        let mut count = 0_u64;
        for row in table.read(self.transaction)?.all()? {
            let row = row?;
            count = count.saturating_add(1);
            if let Err(error) = row.content {
                self.problem(table.name, row.name, error.to_string());
            }
        }
        self.found.records.insert(table.name, count);
        Ok(())
    }
}

impl Verifier<'_> {
    fn problem(&mut self, table: &'static str, key: String, detail: String) {
        self.found.problem_count = self.found.problem_count.saturating_add(1);
        if self.found.problems.len() < PROBLEMS_TOLD {
            self.found.problems.push(Problem { table, key, detail });
        }
    }

    /// Applies `check` to every row that decodes.
    fn each<K: Key, V: Serialize + DeserializeOwned>(
        &mut self,
        table: &Table<K, V>,
        mut check: impl FnMut(&mut Verification, K, V) -> Result<Option<String>, JournalError>,
    ) -> Result<(), JournalError> {
        for row in table.read(self.transaction)?.all()? {
            let row = row?;
            let Ok((key, value)) = row.content else { continue };
            if let Some(detail) = check(&mut self.found, key, value)? {
                self.problem(table.name, row.name, detail);
            }
        }
        Ok(())
    }

    /// Every operation has its own name as key, a phase that it can have come to, and its rows in both indices.
    fn operations(&mut self) -> Result<(), JournalError> {
        let open = OPEN.read(self.transaction)?;
        let by_time = BY_TIME.read(self.transaction)?;
        self.each(&OPERATIONS, |found, id, record| {
            let is_open = !record.phase.is_terminal();
            let count = found.phases.entry(record.phase.name()).or_default();
            *count = count.saturating_add(1);
            found.open_operations = found.open_operations.saturating_add(is_open.into());
            Ok(if record.operation.id() != id {
                Some(format!("this is operation {}", record.operation.id()))
            } else if !is_reachable(&record.phase) {
                Some(format!("no operation comes to {:?}", record.phase))
            } else if open.get(&id)?.is_some() != is_open {
                Some(format!("its phase is {}, and the index of open operations says otherwise", record.phase.name()))
            } else if by_time.get(&(record.operation.timestamp, id))?.is_none() {
                Some("it is missing from the index by time".to_owned())
            } else {
                None
            })
        })
    }

    /// Every row of an index stands for an operation.
    fn indices(&mut self) -> Result<(), JournalError> {
        let operations = OPERATIONS.read(self.transaction)?;
        let stale = |known: bool| (!known).then(|| "no such operation".to_owned());
        self.each(&OPEN, |_, id, ()| Ok(stale(operations.has(&id)?)))?;
        self.each(&BY_TIME, |_, (_, id), ()| Ok(stale(operations.has(&id)?)))
    }

    /// Every record is kept under its own key, and no line of a story is missing.
    fn keys(&mut self) -> Result<(), JournalError> {
        const ELSEWHERE: &str = "the record belongs under another key";
        let elsewhere = |fits: bool| (!fits).then(|| ELSEWHERE.to_owned());
        self.each(&TRANSACTIONS, |_, key, sent| Ok(elsewhere(key == (sent.chain, sent.id))))?;
        self.each(&POSITIONS, |_, key, (_, located)| {
            let position = located.event.body.position();
            Ok(elsewhere(position.is_some_and(|position| key == (position.market, position.owner))))
        })?;
        self.each(&MIRRORED, |_, (_, key), record| {
            Ok(elsewhere(key == (record.position.market, record.position.owner)))
        })?;
        let mut last = None;
        self.each(&TIMELINE, |_, (id, n), _| {
            let expected = match last.replace((id, n)) {
                Some((before, m)) if before == id => u32::saturating_add(m, 1),
                _ => 0,
            };
            Ok((n != expected).then(|| format!("line {n} of its story stands where line {expected} belongs")))
        })
    }
}

/// Whether `can_become` leads from `Observed` to `phase`. Every phase without a past is reachable as it stands.
fn is_reachable(phase: &Phase) -> bool {
    match phase {
        Phase::DeadLetter { was, .. }
        | Phase::SettledIncluded { was }
        | Phase::VoidedIncluded { was }
        | Phase::RefundedIncluded { was } => was.can_become(phase) && is_reachable(was),
        _ => true,
    }
}
