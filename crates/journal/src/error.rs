//! What can go wrong with the journal.

use std::path::PathBuf;

use thiserror::Error;
use tim3_domain::{identity::OperationId, word::Word};

use crate::SignatureKey;

/// A journal that could not be opened, read or written. After a failed write nothing more may be signed or sent.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum JournalError {
    /// A running daemon has it open.
    #[error(
        "{path}: the journal is in use by a running tim3d; stop that one first, or use another file: its own journal.path to run, a \
         copy made while it is stopped to verify or export"
    )]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// It was written by a newer daemon.
    #[error("{path}: journal format {found} is newer than this tim3d understands ({supported}); run the newer tim3d")]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format version.
        found: u32,
        /// The newest version this program understands.
        supported: u32,
    },
    /// The file or its directory cannot be used.
    #[error("{path}: {detail}")]
    Open {
        /// The file.
        path: PathBuf,
        /// What the operating system or the store said.
        detail: String,
    },
    /// The file is a journal, and its structure or checksums are wrong.
    #[error(
        "{path}: the journal is damaged ({detail}); keep a copy, and restore it from a backup or start with an empty one"
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What the store said.
        detail: String,
    },
    /// A record that does not decode: the file is damaged.
    #[error("damaged record in {table}: {detail}; run `tim3d journal verify`")]
    Damaged {
        /// The table.
        table: &'static str,
        /// What was found.
        detail: String,
    },
    /// A write that did not become durable.
    #[error("journal write failed, nothing more is signed or sent: {0}")]
    Write(String),
    /// The file could not be read.
    #[error("journal read failed: {0}")]
    Read(String),
    /// What was exported could not be written to where it was to go.
    #[error("journal export failed: {0}")]
    Export(String),
    /// An operation was to be written in a phase that its stored phase cannot become. Nothing of the list was written.
    #[error(
        "operation {operation} cannot go from {from} to {to}: nothing was written; `tim3d ops explain {operation}` tells its story"
    )]
    Transition {
        /// The operation.
        operation: OperationId,
        /// Its stored phase; `observed` without a record.
        from: &'static str,
        /// The phase that was refused.
        to: &'static str,
    },
    /// Another content was signed under this key. Nothing of the list was written.
    #[error(
        "attester 0x{} signed {stored} for {} {} of {} to {}, and does not sign {refused}",
        hex::encode(.key.attester), .key.action.name(), .key.nonce, .key.origin, .key.destination
    )]
    Conflict {
        /// What is signed at most once.
        key: Box<SignatureKey>,
        /// The content that was signed.
        stored: Word,
        /// The content that was refused.
        refused: Word,
    },
}

impl JournalError {
    /// Whether the journal is of no more use, so that the daemon must stop. What is not fatal refused one list and left the rest alone.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        !matches!(self, Self::Transition { .. } | Self::Conflict { .. })
    }
}
