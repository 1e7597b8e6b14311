//! A disk in memory that can fail, stall, and lose what was not synced.

use std::{
    io,
    path::Path,
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use redb::{Builder, Database, StorageBackend};

use crate::{Observer, RedbJournal, file};

/// What a disk writes at once, or not at all.
const SECTOR: usize = 512;

/// Far more than a writer needs to come to its sync.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Clone, Debug, Default)]
pub(super) struct Disk(Arc<(Mutex<State>, Condvar)>);

#[derive(Debug, Default)]
struct State {
    durable: Vec<u8>,
    /// What reads see: `durable` and then `unsynced`.
    seen: Vec<u8>,
    unsynced: Vec<Pending>,
    failing: bool,
    held: bool,
    waiting: bool,
}

#[derive(Clone, Debug)]
enum Pending {
    Length(usize),
    Write(usize, Vec<u8>),
}

fn apply(image: &mut Vec<u8>, pending: &Pending) {
    match pending {
        Pending::Length(length) => image.resize(*length, 0),
        Pending::Write(offset, bytes) => {
            if let Some(target) = image.get_mut(*offset..*offset + bytes.len()) {
                target.copy_from_slice(bytes);
            }
        }
    }
}

impl Disk {
    pub(super) fn database(&self) -> Database {
        let database = Builder::new().create_with_backend(self.clone()).unwrap();
        file::prepare(&database, Path::new("disk")).unwrap();
        database
    }

    pub(super) fn open(&self) -> RedbJournal {
        self.open_observed(Box::new(|_| {}))
    }

    pub(super) fn open_observed(&self, observer: Observer) -> RedbJournal {
        RedbJournal::start(self.database(), observer).unwrap()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.0.lock().unwrap()
    }

    /// From now on every write fails, or none does.
    pub(super) fn set_failing(&self, failing: bool) {
        self.state().failing = failing;
    }

    /// From now on every sync waits.
    pub(super) fn hold(&self) {
        self.state().held = true;
    }

    /// Returns once a sync waits. Fails where none comes.
    pub(super) fn wait_until_held(&self) {
        let waited = self.0.1.wait_timeout_while(self.state(), PATIENCE, |state| !state.waiting).unwrap();
        assert!(waited.0.waiting, "the writer does not sync");
    }

    pub(super) fn release(&self) {
        self.state().held = false;
        self.0.1.notify_all();
    }

    /// The disk after a power cut now: of what was not synced, an arbitrary part in an arbitrary order reached it, some of it torn.
    pub(super) fn after_power_loss(&self, seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let state = self.state();
        let mut image = state.durable.clone();
        for pending in &state.unsynced {
            match pending {
                Pending::Write(offset, bytes) => {
                    let whole = rng.random_bool(0.5);
                    for (n, sector) in bytes.chunks(SECTOR).enumerate() {
                        if whole || rng.random_bool(0.3) {
                            apply(&mut image, &Pending::Write(offset + n * SECTOR, sector.to_vec()));
                        }
                    }
                }
                Pending::Length(_) if rng.random_bool(0.5) => apply(&mut image, pending),
                Pending::Length(_) => {}
            }
        }
        let state = State { seen: image.clone(), durable: image, ..State::default() };
        Self(Arc::new((Mutex::new(state), Condvar::new())))
    }

    fn change(&self, pending: Pending) -> io::Result<()> {
        let mut state = self.state();
        if state.failing {
            return Err(io::Error::other("no space left on the test's disk"));
        }
        apply(&mut state.seen, &pending);
        state.unsynced.push(pending);
        Ok(())
    }
}

fn index(offset: u64) -> usize {
    usize::try_from(offset).unwrap()
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.state().seen.len().try_into().unwrap())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.state();
        let offset = index(offset);
        let bytes = state.seen.get(offset..offset + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(bytes);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(Pending::Length(index(len)))
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.change(Pending::Write(index(offset), data.to_vec()))
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.state();
        while state.held {
            state.waiting = true;
            self.0.1.notify_all();
            state = self.0.1.wait(state).unwrap();
        }
        state.waiting = false;
        if state.failing {
            return Err(io::Error::other("the test's disk does not sync"));
        }
        let State { durable, unsynced, .. } = &mut *state;
        unsynced.drain(..).for_each(|pending| apply(durable, &pending));
        Ok(())
    }
}
