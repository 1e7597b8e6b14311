//! Records of inputs and decisions, and the proof that the ones lead to the others.
//!
//! A record is a header with the version of the format, the configuration and what is carried over from before, then every input, each followed by what it led to. One
//! [`Line`] is one line of JSON, or one value of any other serde format: where it is kept is not this crate's business.

use serde::{Deserialize, Serialize};

use crate::{
    config::Config,
    decision::Decision,
    error::KeeperError,
    input::{Input, Recorded},
    keeper::{Carried, Keeper, Step},
    ledger::Entry,
};

/// Version of the format. It grows with every change by which old records would be read differently.
pub const VERSION: u32 = 1;

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
}

/// Decides everything again, under the configuration of the record or under `other`. Under the record's own, every decision and every entry of the
/// ledger must come out bit for bit; under another one the numbers of decisions are not compared, because one more shifts them all.
///
/// # Errors
/// [`KeeperError`] for a record of another version or without a header, or where its inputs name what a configuration does not have.
pub fn replay(lines: &[Line], other: Option<&Config>) -> Result<Report, KeeperError> {
    Ok(decide(lines, other)?.1)
}

/// The keeper at the end of a record, as it was when that was written; `None` for a record without a line. The report says whether it is.
///
/// # Errors
/// As [`replay`].
pub fn restore(lines: &[Line]) -> Result<(Option<Keeper>, Report), KeeperError> {
    decide(lines, None)
}

fn decide(lines: &[Line], other: Option<&Config>) -> Result<(Option<Keeper>, Report), KeeperError> {
    let mut report = Report::default();
    let mut keeper: Option<Keeper> = None;
    let mut lines = lines.iter().zip(1..).peekable();
    while let Some((line, number)) = lines.next() {
        let stray = |reason: &str| KeeperError::Record { line: number, reason: reason.to_owned() };
        match line {
            Line::Header { version, .. } if *version != VERSION => {
                return Err(KeeperError::Version { found: *version, expected: VERSION });
            }
            Line::Header { config, carried, .. } => {
                keeper = Some(Keeper::resume(other.unwrap_or(config).clone(), (**carried).clone())?);
            }
            // Another configuration stays what it is.
            Line::Input(Recorded { input: Input::Parameters(_), .. }) if other.is_some() => {}
            Line::Input(input) => {
                let keeper = keeper.as_mut().ok_or_else(|| stray("an input before any header"))?;
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
                let replayed = keeper.step(input)?;
                report.inputs = report.inputs.saturating_add(1);
                let decided = u64::try_from(recorded.decisions.len()).unwrap_or(u64::MAX);
                report.decisions = report.decisions.saturating_add(decided);
                if !is_same(&recorded, &replayed, other.is_none()) {
                    report.differences.push(Difference { input: input.sequence, recorded, replayed });
                }
            }
            Line::Decision(_) | Line::Entry(_) => return Err(stray("a decision without an input before it")),
        }
    }
    Ok((keeper, report))
}

fn is_same(recorded: &Step, replayed: &Step, exactly: bool) -> bool {
    if exactly {
        return recorded.decisions == replayed.decisions && recorded.entries == replayed.entries;
    }
    let what = |decision: &Decision| (decision.subject.clone(), decision.action.clone());
    recorded.decisions.iter().map(what).eq(replayed.decisions.iter().map(what))
}
