//! `tim3d journal`.

use std::{
    fs::OpenOptions,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use tim3_journal::JournalError;

use super::{Verdict, load};
use crate::{
    cli::{Global, JournalCommand},
    output,
};

pub(super) fn dispatch(global: &Global, command: JournalCommand) -> Result<()> {
    match command {
        JournalCommand::Verify { file, json } => verify(&path(global, file)?, json),
        JournalCommand::Export { file, output } => export(&path(global, file)?, output.as_deref()),
    }
}

fn path(global: &Global, named: Option<PathBuf>) -> Result<PathBuf> {
    named.map_or_else(|| Ok(load(global)?.config.journal), Ok)
}

fn verify(path: &Path, as_json: bool) -> Result<()> {
    let found = tim3_journal::verify(path).map_err(|error| match error {
        JournalError::Corrupt { .. } => Verdict(error.to_string()).into(),
        other => anyhow::Error::from(other),
    })?;
    if as_json {
        output::json(&found)?;
    } else {
        let mut table = output::Table::pairs();
        table.row(["format".into(), found.format.to_string()]);
        for (name, count) in &found.records {
            table.row([(*name).to_owned(), count.to_string()]);
        }
        table.row(["open operations".into(), found.open_operations.to_string()]);
        for problem in &found.problems {
            table.row([format!("problem in {}", problem.table), format!("{}: {}", problem.key, problem.detail)]);
        }
        output::text(&table.render())?;
    }
    match found.problem_count {
        0 => Ok(()),
        count => Err(Verdict(format!(
            "{}: {count} problems; keep a copy, and restore the journal from a backup or start with an empty one",
            path.display()
        ))
        .into()),
    }
}

fn export(path: &Path, to: Option<&Path>) -> Result<()> {
    let mut sink: Box<dyn Write> = match to {
        Some(to) => Box::new(
            OpenOptions::new()
                .write(true)
                .create_new(true)
                .open(to)
                .with_context(|| format!("cannot write {}; name a file that is not there yet", to.display()))?,
        ),
        None => Box::new(io::stdout().lock()),
    };
    let mut buffered = BufWriter::new(&mut sink);
    let lines = tim3_journal::export(path, &mut buffered)?;
    drop(buffered);
    output::note(&format!("{lines} records"));
    Ok(())
}
