//! What can go wrong with the journal.

use std::path::PathBuf;

use thiserror::Error;

/// A journal that could not be opened, read or written. After a failed write nothing more may be signed or sent.
#[derive(Clone, Debug, Error)]
pub enum JournalError {
    /// Another process has it open.
    #[error(
        "{path}: the journal is in use by another tim3d; stop that one first, or give this one its own journal.path"
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
}
