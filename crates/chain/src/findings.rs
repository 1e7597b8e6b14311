//! What a gateway was found to be, beside what it should be.

use std::fmt;

use serde::Serialize;

/// One thing that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is.
    pub what: String,
    /// What it was found to be.
    pub found: String,
    /// What it should be, where somebody says.
    pub expected: Option<String>,
}

impl Finding {
    /// Whether nothing else was expected.
    #[must_use]
    pub fn is_right(&self) -> bool {
        self.expected.as_ref().is_none_or(|expected| *expected == self.found)
    }
}

/// All that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// In the order of reading.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Whether everything is as expected.
    #[must_use]
    pub fn is_right(&self) -> bool {
        self.findings.iter().all(Finding::is_right)
    }

    /// Adds what was read, and what should have been.
    pub fn add(&mut self, what: impl Into<String>, found: impl ToString, expected: Option<impl ToString>) {
        let expected = expected.map(|expected| expected.to_string());
        self.findings.push(Finding { what: what.into(), found: found.to_string(), expected });
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            let Finding { what, found, expected } = finding;
            match expected {
                Some(expected) if !finding.is_right() => {
                    writeln!(f, "WRONG  {what}: found {found}, expected {expected}")?
                }
                Some(_) => writeln!(f, "ok     {what}: {found}")?,
                None => writeln!(f, "       {what}: {found}")?,
            }
        }
        Ok(())
    }
}
