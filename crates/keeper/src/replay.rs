//! Records of inputs and decisions, and the proof that the ones lead to the others.
//!
//! A record is a header with the version of the format, the configuration and what is carried over from before, then every input, each followed by what it led to. One
//! [`Line`] is one line of JSON, or one value of any other serde format: where it is kept is not this crate's business.

mod abandoned;
mod what_if;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    config::{Config, Mode},
    decision::Decision,
    error::KeeperError,
    input::Recorded,
    keeper::{Carried, Keeper, Step},
    ledger::Entry,
};
pub use abandoned::{Abandoned, abandon};

/// Version of the format. It grows with every change by which old records would be read differently, and so with every change of what is decided. What such a
/// record says by itself is in [`Abandoned`].
pub const VERSION: u32 = 2;

/// One piece of a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// Comes first, and again where the configuration changed; from there on a new keeper decides.
    Header {
        /// [`VERSION`] of the program that wrote it.
        version: u32,
        /// What the keepers were told.
        config: Box<Config>,
        /// What they took over from before.
        carried: Box<Carried>,
    },
    /// An input.
    Input(Recorded),
    /// A decision that the input before it led to.
    Decision(Box<Decision>),
    /// An entry of the ledger that it led to.
    Entry(Box<Entry>),
}

impl Line {
    /// The header of a record, or of a page of it.
    #[must_use]
    pub fn header(config: &Config, carried: Carried) -> Self {
        Self::Header { version: VERSION, config: Box::new(config.clone()), carried: Box::new(carried) }
    }

    /// An input with what it led to.
    #[must_use]
    pub fn of(recorded: &Recorded, step: &Step) -> Vec<Self> {
        let decisions = step.decisions.iter().map(|decision| Self::Decision(Box::new(decision.clone())));
        let entries = step.entries.iter().map(|entry| Self::Entry(Box::new(entry.clone())));
        std::iter::once(Self::Input(recorded.clone())).chain(decisions).chain(entries).collect()
    }
}

/// The lines of a record in JSON lines. Empty lines are left out.
///
/// # Errors
/// [`KeeperError::Record`] naming the line that is none.
pub fn read(text: &str) -> Result<Vec<Line>, KeeperError> {
    let lines = text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty());
    lines
        .map(|(text, line)| {
            serde_json::from_str(text).map_err(|error| KeeperError::Record { line, reason: error.to_string() })
        })
        .collect()
}

/// What a keeper decides now where the record says something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The input.
    pub input: u64,
    /// What it led to then.
    pub recorded: Step,
    /// What it leads to now.
    pub replayed: Step,
}

/// What a replay came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Inputs replayed.
    pub inputs: u64,
    /// Decisions of the record.
    pub decisions: u64,
    /// Inputs that lead to something else now; none if the record is this program's own.
    pub differences: Vec<Difference>,
    /// Actions under another configuration that the record has no fitting outcome of: they were filled as quoted.
    pub assumed: u64,
    /// What the entries of the record came to, by mode, in US dollars with 18 decimals.
    pub recorded: BTreeMap<Mode, i128>,
    /// What those of the replay came to.
    pub replayed: BTreeMap<Mode, i128>,
}

/// Decides everything again, under the configuration of the record or under `other`.
///
/// Under the record's own, every decision and every entry of the ledger must come out bit for bit. Under another one, subjects and actions are compared, because
/// one decision more shifts the numbers of all after it. What became of an action is what became of the recorded one about the same subject and of the same kind, if that
/// was under way; where there was none, or it did something of another size, the action is filled as quoted ([`Report::assumed`]). The world is the recorded one all the
/// same: pools and positions do not feel what only the replay did, but inventory and limits do.
///
/// # Errors
/// [`KeeperError`] for a record of another version or without a header, or where its inputs name what a configuration does not have.
pub fn replay(lines: &[Line], other: Option<&Config>) -> Result<Report, KeeperError> {
    match other {
        Some(other) => what_if::replay(lines, other),
        None => Ok(restore(lines)?.1),
    }
}

/// The keeper at the end of a record, as it was when that was written; `None` for a record without a line. The report says whether it is.
///
/// # Errors
/// As [`replay`].
pub fn restore(lines: &[Line]) -> Result<(Option<Keeper>, Report), KeeperError> {
    let mut report = Report::default();
    let mut keeper: Option<Keeper> = None;
    for piece in pieces(lines) {
        match piece? {
            Piece::Header(config, carried) => keeper = Some(Keeper::resume(config.clone(), carried.clone())?),
            Piece::Input { number, input, recorded } => {
                let keeper = keeper.as_mut().ok_or_else(|| before_any_header(number))?;
                let replayed = keeper.step(input)?;
                let is_same = recorded.decisions == replayed.decisions && recorded.entries == replayed.entries;
                report.count(input, recorded, replayed, is_same);
            }
        }
    }
    Ok((keeper, report))
}

impl Report {
    fn count(&mut self, input: &Recorded, recorded: Step, replayed: Step, is_same: bool) {
        self.inputs = self.inputs.saturating_add(1);
        let decided = u64::try_from(recorded.decisions.len()).unwrap_or(u64::MAX);
        self.decisions = self.decisions.saturating_add(decided);
        for (results, step) in [(&mut self.recorded, &recorded), (&mut self.replayed, &replayed)] {
            for entry in &step.entries {
                let result = results.entry(entry.mode).or_default();
                *result = result.saturating_add(entry.usd);
            }
        }
        if !is_same {
            self.differences.push(Difference { input: input.sequence, recorded, replayed });
        }
    }
}

/// What belongs together in a record.
enum Piece<'l> {
    Header(&'l Config, &'l Carried),
    Input {
        /// Of its line.
        number: usize,
        input: &'l Recorded,
        /// What it led to then.
        recorded: Step,
    },
}

fn before_any_header(line: usize) -> KeeperError {
    KeeperError::Record { line, reason: "an input before any header".to_owned() }
}

fn pieces(lines: &[Line]) -> impl Iterator<Item = Result<Piece<'_>, KeeperError>> {
    let mut lines = lines.iter().zip(1..).peekable();
    std::iter::from_fn(move || {
        let (line, number) = lines.next()?;
        Some(match line {
            Line::Header { version, .. } if *version != VERSION => {
                Err(KeeperError::Version { found: *version, expected: VERSION })
            }
            Line::Header { config, carried, .. } => Ok(Piece::Header(config, carried)),
            Line::Input(input) => {
                let mut recorded = Step::default();
                while let Some((line, _)) =
                    lines.next_if(|(line, _)| matches!(line, Line::Decision(_) | Line::Entry(_)))
                {
                    match line {
                        Line::Decision(decision) => recorded.decisions.push((**decision).clone()),
                        Line::Entry(entry) => recorded.entries.push((**entry).clone()),
                        Line::Header { .. } | Line::Input(_) => {}
                    }
                }
                Ok(Piece::Input { number, input, recorded })
            }
            Line::Decision(_) | Line::Entry(_) => {
                let reason = "a decision without an input before it".to_owned();
                Err(KeeperError::Record { line: number, reason })
            }
        })
    })
}
