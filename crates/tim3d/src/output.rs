//! What commands print: JSON for programs, aligned text for people.

use std::io::{self, Write};

use anyhow::Result;
use serde::Serialize;
use tim3_domain::{amount::display, price::Price};

/// Prints `value` as JSON.
pub(crate) fn json(value: &impl Serialize) -> Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, value).map_err(io::Error::from)?;
    writeln!(out)?;
    Ok(())
}

/// Prints `text`, which ends with a newline or gets one.
pub(crate) fn text(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    if !text.ends_with('\n') {
        writeln!(out)?;
    }
    Ok(())
}

/// Says something beside the result.
pub(crate) fn note(text: &str) {
    // There is nobody to tell that nothing can be told.
    let _ = writeln!(io::stderr(), "{text}");
}

/// Rows of text, aligned by column.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these headings.
    pub(crate) fn new(headings: &[&str]) -> Self {
        Self { rows: vec![headings.iter().map(|&heading| heading.to_owned()).collect()] }
    }

    /// A table of names and values, without headings.
    pub(crate) fn pairs() -> Self {
        Self { rows: Vec::new() }
    }

    /// Adds a row. Control characters, which could act on the terminal, become `�`.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        let clean = |cell: String| cell.replace(|character: char| character.is_control(), "\u{fffd}");
        self.rows.push(cells.into_iter().map(clean).collect());
    }

    /// The table, each row on a line.
    pub(crate) fn render(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let width =
            |column: usize| self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
        let widths: Vec<_> = (0..columns).map(|column| width(column).unwrap_or_default()).collect();
        let line = |row: &Vec<String>| {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
        };
        self.rows.iter().map(line).collect()
    }
}

/// An amount that may be below zero, in whole units.
pub(crate) fn signed(value: i128, decimals: u8) -> String {
    let sign = if value < 0 { "-" } else { "" };
    format!("{sign}{}", display(value.unsigned_abs(), decimals))
}

/// US dollars with 18 decimals, as people read them.
pub(crate) fn usd(value: i128) -> String {
    signed(value, Price::DECIMALS)
}

/// This machine's clock, in milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_aligned_and_cannot_steer_the_terminal() {
        let mut table = Table::new(&["ID", "REASON"]);
        table.row(["long id".into(), "a\u{1b}[2Jb".into()]);
        table.row(["x".into(), String::new()]);
        assert_eq!(table.render(), "ID       REASON\nlong id  a\u{fffd}[2Jb\nx\n");
    }
}
