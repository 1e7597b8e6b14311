//! What the daemon has signed, on disk before it is sent: one line of JSON each. A line that a crash cut short was never sent.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use super::{adopt::Step, message::Message};

/// A message that was signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// Its name.
    pub step: Step,
    /// What it says.
    pub message: Message,
    /// The data item: the only bytes that are ever sent for this step.
    pub raw: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct Line {
    step: String,
    message: Message,
    raw: String,
}

/// A journal that is open. One daemon at a time has it.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
}

impl Journal {
    /// Opens the journal at `path`, or makes it, and gives what is in it.
    ///
    /// # Errors
    /// Where it cannot be read or written, is open already, or is damaged anywhere but at its end.
    pub fn open(path: &Path) -> io::Result<(Self, Vec<Signed>)> {
        let file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        file.try_lock().map_err(|error| named(path, &error))?;
        let text = std::fs::read(path)?;
        let end = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at.saturating_add(1));
        file.set_len(u64::try_from(end).map_err(|error| named(path, &error))?)?;
        let lines = text.get(..end).unwrap_or_default().split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let signed = (1_usize..)
            .zip(lines)
            .map(|(number, line)| read(line).map_err(|error| named(path, &format_args!("line {number}: {error}"))));
        let signed = signed.collect::<io::Result<Vec<_>>>()?;
        Ok((Self { file, path: path.to_owned() }, signed))
    }

    /// Adds what was signed; it is on disk when this returns.
    ///
    /// # Errors
    /// Where it is not, and then it must not be sent.
    pub fn record(&mut self, signed: &Signed) -> io::Result<()> {
        let line = Line {
            step: signed.step.to_string(),
            message: signed.message.clone(),
            raw: BASE64_URL_SAFE_NO_PAD.encode(&signed.raw),
        };
        let mut text = serde_json::to_vec(&line)?;
        text.push(b'\n');
        self.file.write_all(&text).and_then(|()| self.file.sync_data()).map_err(|error| named(&self.path, &error))
    }
}

fn read(line: &[u8]) -> Result<Signed, String> {
    let Line { step, message, raw } = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let step = step.parse().map_err(|_| format!("{step:?} is no step"))?;
    let raw = BASE64_URL_SAFE_NO_PAD.decode(raw).map_err(|error| error.to_string())?;
    Ok(Signed { step, message, raw })
}

fn named(path: &Path, error: &dyn std::fmt::Display) -> io::Error {
    io::Error::other(format!("journal {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(number: u16) -> Signed {
        let step = format!("mint.{number}.TIM3-mint-u-mint-1756743291881-1469").parse().expect("a step");
        Signed { step, message: Message::with_tags("tm", "Mint", &[("Amount", "5")]), raw: vec![1, 2, 255] }
    }

    #[test]
    fn what_was_recorded_is_there_again_and_a_cut_line_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("v1.journal");
        let (mut journal, found) = Journal::open(&path).expect("a new one");
        assert!(found.is_empty());
        for number in 1..4 {
            journal.record(&signed(number)).expect("recorded");
        }
        assert!(Journal::open(&path).is_err(), "it is open already");
        drop(journal);
        let mut text = std::fs::read(&path).expect("the file");
        text.truncate(text.len().saturating_sub(10));
        std::fs::write(&path, text).expect("cut");
        let (mut journal, found) = Journal::open(&path).expect("it again");
        assert_eq!(found, [signed(1), signed(2)]);
        journal.record(&signed(3)).expect("recorded");
        drop(journal);
        assert_eq!(Journal::open(&path).expect("it again").1.len(), 3);
    }

    #[test]
    fn damage_is_told_with_its_place() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("v1.journal");
        std::fs::write(&path, "{}\n").expect("written");
        let error = Journal::open(&path).expect_err("damage");
        assert!(error.to_string().contains("v1.journal: line 1"), "{error}");
    }
}
