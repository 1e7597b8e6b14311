//! What a run measured, and on which machine.

use std::{path::Path, time::Duration};

use anyhow::Result;
use tokio::time::Instant;

use crate::{
    process,
    run::Kind,
    stage::{self, Usage},
    statistic::{Hundredths, Quantiles},
};

/// Where the figures come from.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    pub(crate) cores: usize,
    pub(crate) tim3d: String,
    pub(crate) load_before: String,
    pub(crate) load_after: String,
}

impl Machine {
    pub(crate) fn look(tim3d: &Path) -> Result<Self> {
        Ok(Self {
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            tim3d: stage::version(tim3d)?,
            load_before: process::load_average()?,
            load_after: String::new(),
        })
    }

    pub(crate) fn ended(&mut self) -> Result<()> {
        self.load_after = process::load_average()?;
        Ok(())
    }
}

/// Transactions or operations in blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flow {
    /// How many in all.
    pub(crate) count: u64,
    /// How many came in the time that was taken: those after the first block with some, where it begins with that.
    pub(crate) timed: u64,
    /// Time until the announcement of the last block with some.
    pub(crate) elapsed: Duration,
    /// That announcement.
    pub(crate) last: Option<Instant>,
}

impl Flow {
    pub(crate) fn rate(&self) -> Hundredths {
        Hundredths::rate(self.timed, self.elapsed)
    }
}

/// Operations that the daemon carried.
#[derive(Clone, Debug, Default)]
pub(crate) struct Relay {
    pub(crate) flow: Flow,
    /// Destination transactions that carried them.
    pub(crate) transactions: u64,
    /// From an event being final to the destination's node accepting the transaction.
    pub(crate) latency: Quantiles,
    pub(crate) usage: Usage,
}

impl Relay {
    pub(crate) fn calls(&self) -> u64 {
        self.usage.calls.values().sum()
    }

    pub(crate) fn per_transaction(&self) -> Hundredths {
        Hundredths::ratio(self.flow.count.into(), self.transactions.into())
    }

    pub(crate) fn calls_per_operation(&self) -> Hundredths {
        Hundredths::ratio(self.calls().into(), self.flow.count.into())
    }

    pub(crate) fn requests_per_operation(&self) -> Hundredths {
        Hundredths::ratio(self.usage.requests.into(), self.flow.count.into())
    }
}

/// Everything about one kind of blocks.
#[derive(Clone, Debug)]
pub(crate) struct Figures {
    pub(crate) kind: Kind,
    pub(crate) anvil: String,
    /// Plain transfers, nobody else there.
    pub(crate) transfers: Flow,
    /// Locks, nobody else there.
    pub(crate) locks: Flow,
    /// From sending a transfer until the node accepted it, through the proxy as the daemon does.
    pub(crate) raw_send: Quantiles,
    /// The same until it is mined.
    pub(crate) raw_mined: Quantiles,
    /// The daemon working off a backlog, from its start on.
    pub(crate) backlog: Relay,
    /// Operations one at a time.
    pub(crate) single: Relay,
    /// The sustained load.
    pub(crate) sustained: Relay,
    /// Locks offered a second.
    pub(crate) offered: Hundredths,
    /// The largest memory that the daemon had, in bytes.
    pub(crate) memory: u64,
}
