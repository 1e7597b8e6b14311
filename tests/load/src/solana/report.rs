//! How the figures are shown: a table for people, JSON for programs.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use anyhow::Result;
use serde_json::{Value, json};

use super::{CatchUp, Figures, Leg};
use crate::{
    figures::Machine,
    report::{number, quantiles, quantiles_json},
    statistic::{Hundredths, milliseconds},
};

const MEBIBYTE: u128 = 1024 * 1024;

type Row = (&'static str, fn(&Leg, &Figures) -> String);

const ROWS: [Row; 12] = [
    ("operations", |leg, _| leg.operations.to_string()),
    ("offered, a second", |leg, _| leg.offered.to_string()),
    ("completed, a second", |leg, _| leg.completed.to_string()),
    ("  for each plain transfer of the validator", |leg, f| {
        Hundredths::ratio(leg.completed.0, f.transfers.0).to_string()
    }),
    ("operations a destination transaction", |leg, _| per(leg.operations, leg.transactions).to_string()),
    ("RPC calls an operation", |leg, _| per(leg.usage.all_calls(), leg.operations).to_string()),
    ("final event to accepted, ms (p50 p95 p99)", |leg, _| quantiles(leg.latency)),
    ("  the same one at a time", |leg, _| quantiles(leg.single)),
    ("processor of the daemon, cores", |leg, _| cores(leg.usage.daemon, leg)),
    ("  of the anvil, of the validator", |leg, _| {
        [leg.usage.anvil, leg.usage.validator].map(|used| cores(used, leg)).join(" ")
    }),
    ("processor of the daemon an operation, ms", |leg, _| {
        Hundredths::ratio(leg.usage.daemon.as_micros(), u128::from(leg.operations).saturating_mul(1_000)).to_string()
    }),
    ("memory of the daemon at most, MiB", |leg, _| (u128::from(leg.usage.memory) / MEBIBYTE).to_string()),
];

fn per(part: u64, whole: u64) -> Hundredths {
    Hundredths::ratio(part.into(), whole.into())
}

fn cores(used: Duration, leg: &Leg) -> String {
    Hundredths::ratio(used.as_nanos(), leg.usage.elapsed.as_nanos()).to_string()
}

impl CatchUp {
    fn rate(&self) -> Hundredths {
        Hundredths::rate(self.records, self.elapsed)
    }

    fn reads(&self) -> u64 {
        self.calls.get("getMultipleAccounts").copied().unwrap_or_default()
    }

    fn all_calls(&self) -> u64 {
        self.calls.values().sum()
    }
}

/// The table.
pub(crate) fn text(machine: &Machine, figures: &Figures) -> Result<String> {
    let mut text = String::new();
    let Machine { cores, tim3d, load_before, load_after } = machine;
    writeln!(text, "{cores} cores; load average {load_before} before, {load_after} after; {tim3d}")?;
    writeln!(text, "{}", figures.validator)?;
    writeln!(text, "\nWhat the validator does by itself")?;
    writeln!(text, "  {:<46}{:>24}", "plain transfers, a second", figures.transfers)?;
    writeln!(text, "  {:<46}{:>24}", "raw send until accepted, ms (p50 p95 p99)", quantiles(figures.raw_send))?;
    writeln!(text, "\n{:<48}{:>24}{:>24}", "Locks that become mints", "Ethereum to Solana", "Solana to Ethereum")?;
    for (name, value) in ROWS {
        let (there, back) = (value(&figures.to_solana, figures), value(&figures.to_ethereum, figures));
        writeln!(text, "  {name:<46}{there:>24}{back:>24}")?;
    }
    let CatchUp { records, ready, elapsed, calls } = &figures.catch_up;
    writeln!(text, "\nCatching up on the validator's records, from the start of the daemon")?;
    let milliseconds = |duration: &Duration| milliseconds(*duration).to_string();
    for (name, value) in [
        ("records", records.to_string()),
        ("records, a second", figures.catch_up.rate().to_string()),
        ("until it works, until the last is proved, ms", [ready, elapsed].map(milliseconds).join(" ")),
        ("records a batched read of accounts", per(*records, figures.catch_up.reads()).to_string()),
        ("RPC calls a record", per(figures.catch_up.all_calls(), *records).to_string()),
        ("RPC calls by method", by_method(calls)),
    ] {
        writeln!(text, "  {name:<46}{value:>24}")?;
    }
    Ok(text)
}

fn by_method(calls: &BTreeMap<String, u64>) -> String {
    calls.iter().map(|(method, count)| format!("{method} {count}")).collect::<Vec<_>>().join(", ")
}

/// For programs, with units in the names.
pub(crate) fn json(figures: &Figures) -> Value {
    let leg = |leg: &Leg| {
        json!({
            "operations": leg.operations,
            "offered_per_second": number(leg.offered),
            "completed_per_second": number(leg.completed),
            "destination_transactions": leg.transactions,
            "final_event_to_accepted": quantiles_json(leg.latency),
            "final_event_to_accepted_one_at_a_time": quantiles_json(leg.single),
            "rpc_calls": leg.usage.calls,
            "seconds": number(Hundredths(leg.usage.elapsed.as_millis() / 10)),
            "processor_ms": {
                "daemon": leg.usage.daemon.as_millis(), "anvil": leg.usage.anvil.as_millis(),
                "validator": leg.usage.validator.as_millis(),
            },
            "daemon_peak_memory_bytes": leg.usage.memory,
        })
    };
    let CatchUp { records, ready, elapsed, calls } = &figures.catch_up;
    json!({
        "validator": figures.validator,
        "raw": {"transfers_per_second": number(figures.transfers), "accepted": quantiles_json(figures.raw_send)},
        "to_solana": leg(&figures.to_solana),
        "to_ethereum": leg(&figures.to_ethereum),
        "catch_up": {
            "records": records, "records_per_second": number(figures.catch_up.rate()),
            "ready_ms": ready.as_millis(), "elapsed_ms": elapsed.as_millis(), "rpc_calls": calls,
        },
    })
}
