//! The file itself: how it comes into being, and what it must say before it is used.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process,
    time::{SystemTime, UNIX_EPOCH},
};

use redb::{Builder, Database, DatabaseError, ReadableDatabase, TableDefinition, TableHandle, backends::FileBackend};

use crate::{
    JournalError,
    apply::Tables,
    table::{KEEPER, KEEPER_LEDGER, failed},
};

/// The format this program writes. It changes with the tables, the keys, and any record whose encoding changes.
pub const FORMAT_VERSION: u32 = 1;

/// This table and its one key are the same in every format, so that every tim3d can name the format it finds.
const META: TableDefinition<'static, &str, u32> = TableDefinition::new("meta");
const FORMAT: &str = "format";

/// What redb may keep of the file in memory. Its own default is 1 GiB.
const CACHE_BYTES: usize = 64 << 20;

/// Opens the journal, which must exist. `check` reads the whole file and compares every checksum first.
pub(crate) fn open(path: &Path, check: bool) -> Result<Database, JournalError> {
    let file = OpenOptions::new().read(true).write(true).open(path).map_err(|error| unusable(path, &error))?;
    let shown = path.to_owned();
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(check).set_repair_callback(move |repair| {
        tracing::info!(path = %shown.display(), progress = repair.progress(), "journal was not closed, checking it");
    });
    let backend = FileBackend::new(file).map_err(|error| refused(path, &error))?;
    let database = builder.create_with_backend(backend).map_err(|error| refused(path, &error))?;
    prepare(&database, path)?;
    Ok(database)
}

/// Makes an empty journal at `path` unless something is there. The whole of it appears at once, so that a crash leaves none or all.
pub(crate) fn create_if_missing(path: &Path) -> Result<(), JournalError> {
    if path.try_exists().map_err(|error| unusable(path, &error))? {
        return Ok(());
    }
    let draft = draft_path(path);
    let made = create(&draft, path);
    // It is of no use under its first name, whether it got the second or not.
    let _ = fs::remove_file(&draft);
    made
}

fn create(draft: &Path, path: &Path) -> Result<(), JournalError> {
    // Signed transactions are nobody else's business.
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(draft);
    drop(file.map_err(|error| unusable(path, &error))?);
    drop(open(draft, false)?);
    match fs::hard_link(draft, path) {
        Ok(()) => {}
        // Another tim3d was faster; which of the two runs is decided by the lock.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(unusable(path, &error)),
    }
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(|error| unusable(path, &error))
}

fn draft_path(path: &Path) -> PathBuf {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".new-{}-{now}", process::id()));
    name.into()
}

/// Checks the format of a journal, and gives a database that has no table yet the tables of one.
pub(crate) fn prepare(database: &Database, path: &Path) -> Result<(), JournalError> {
    let problem = |detail: String| JournalError::Open { path: path.to_owned(), detail };
    let corrupt = |error: JournalError| JournalError::Corrupt { path: path.to_owned(), detail: error.to_string() };
    match format_of(database).map_err(corrupt)? {
        Some(FORMAT_VERSION) => complete(database).map_err(|error| problem(error.to_string())),
        Some(found) if found > FORMAT_VERSION => {
            Err(JournalError::Newer { path: path.to_owned(), found, supported: FORMAT_VERSION })
        }
        Some(found) => Err(problem(format!("journal format {found} was never written by any tim3d"))),
        None if is_empty(database).map_err(corrupt)? => {
            initialise(database).map_err(|error| problem(error.to_string()))
        }
        None => Err(problem("a redb database, and no journal of tim3d; correct journal.path".to_owned())),
    }
}

fn format_of(database: &Database) -> Result<Option<u32>, JournalError> {
    let transaction = database.begin_read().map_err(failed)?;
    let meta = match transaction.open_table(META) {
        Ok(meta) => meta,
        Err(redb::TableError::Storage(error)) => return Err(failed(error)),
        // Missing, or another program's table of this name.
        Err(_) => return Ok(None),
    };
    Ok(meta.get(FORMAT).map_err(failed)?.map(|format| format.value()))
}

fn is_empty(database: &Database) -> Result<bool, JournalError> {
    let transaction = database.begin_read().map_err(failed)?;
    Ok(transaction.list_tables().map_err(failed)?.next().is_none()
        && transaction.list_multimap_tables().map_err(failed)?.next().is_none())
}

/// Makes the tables that a journal of before they were thought of does not have.
fn complete(database: &Database) -> Result<(), JournalError> {
    let transaction = database.begin_read().map_err(failed)?;
    let names: Vec<String> = transaction.list_tables().map_err(failed)?.map(|table| table.name().to_owned()).collect();
    if [KEEPER.name, KEEPER_LEDGER.name].into_iter().all(|name| names.iter().any(|there| there == name)) {
        return Ok(());
    }
    let transaction = database.begin_write().map_err(failed)?;
    drop(Tables::open(&transaction)?);
    transaction.commit().map_err(failed)
}

fn initialise(database: &Database) -> Result<(), JournalError> {
    let transaction = database.begin_write().map_err(failed)?;
    transaction.open_table(META).map_err(failed)?.insert(FORMAT, FORMAT_VERSION).map_err(failed)?;
    drop(Tables::open(&transaction)?);
    transaction.commit().map_err(failed)
}

fn unusable(path: &Path, error: &io::Error) -> JournalError {
    let hint = match error.kind() {
        io::ErrorKind::NotFound => "; make the directory, or correct journal.path",
        io::ErrorKind::PermissionDenied => "; let the daemon's user read and write it",
        _ => "",
    };
    JournalError::Open { path: path.to_owned(), detail: format!("{error}{hint}") }
}

fn refused(path: &Path, error: &DatabaseError) -> JournalError {
    match error {
        DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
            JournalError::InUse { path: path.to_owned() }
        }
        DatabaseError::Storage(redb::StorageError::Io(error)) if error.kind() == io::ErrorKind::InvalidData => {
            JournalError::Open { path: path.to_owned(), detail: format!("no journal ({error}); correct journal.path") }
        }
        DatabaseError::Storage(redb::StorageError::Corrupted(detail)) => {
            JournalError::Corrupt { path: path.to_owned(), detail: detail.clone() }
        }
        other => JournalError::Open { path: path.to_owned(), detail: other.to_string() },
    }
}
