//! How figures are shown: a table for people, JSON for programs.

use std::fmt::Write as _;

use anyhow::Result;
use serde_json::{Value, json};

use crate::{
    figures::{Figures, Flow, Machine, Relay},
    statistic::{Hundredths, Quantiles, milliseconds},
};

const MEBIBYTE: u128 = 1024 * 1024;

/// One line of the table: what it is, and how it is had from the figures.
type Row = (&'static str, fn(&Figures) -> String);

const ROWS: [(&str, &[Row]); 4] = [
    (
        "What the chain does by itself",
        &[
            ("plain transfers, a second", |f| f.transfers.rate().to_string()),
            ("locks, a second", |f| f.locks.rate().to_string()),
            ("raw send until accepted, ms (p50 p95 p99)", |f| quantiles(f.raw_send)),
            ("raw send until mined, ms (p50)", |f| milliseconds(f.raw_mined.p50).to_string()),
        ],
    ),
    (
        "Sustained load",
        &[
            ("operations offered, a second", |f| f.offered.to_string()),
            ("operations completed", |f| f.sustained.flow.count.to_string()),
            ("operations completed, a second", |f| f.sustained.flow.rate().to_string()),
            ("  for each plain transfer the chain could do", |f| of(f.sustained.flow, f.transfers)),
            ("  for each lock the chain could do", |f| of(f.sustained.flow, f.locks)),
            ("operations a destination transaction", |f| f.sustained.per_transaction().to_string()),
            ("RPC calls an operation", |f| f.sustained.calls_per_operation().to_string()),
            ("HTTP requests an operation", |f| f.sustained.requests_per_operation().to_string()),
            ("final event to accepted, ms (p50 p95 p99)", |f| quantiles(f.sustained.latency)),
            ("processor of the daemon, cores", |f| cores(f.sustained.usage.daemon, &f.sustained)),
            ("  of chain a, of chain b, of this program", |f| {
                let [a, b] = f.sustained.usage.anvils;
                [a, b, f.sustained.usage.own].map(|used| cores(used, &f.sustained)).join(" ")
            }),
            ("processor of the daemon an operation, ms", |f| each(&f.sustained)),
            ("memory of the daemon at most, MiB", |f| (u128::from(f.memory) / MEBIBYTE).to_string()),
        ],
    ),
    (
        "Working off a backlog, from the start of the daemon",
        &[
            ("operations completed", |f| f.backlog.flow.count.to_string()),
            ("operations completed, a second", |f| f.backlog.flow.rate().to_string()),
            ("operations a destination transaction", |f| f.backlog.per_transaction().to_string()),
            ("RPC calls an operation", |f| f.backlog.calls_per_operation().to_string()),
        ],
    ),
    (
        "One operation at a time",
        &[
            ("operations", |f| f.single.flow.count.to_string()),
            ("final event to accepted, ms (p50 p95 p99)", |f| quantiles(f.single.latency)),
            ("  p50 over that of a raw send", |f| over(f.single.latency, f.raw_send)),
            ("RPC calls an operation", |f| f.single.calls_per_operation().to_string()),
        ],
    ),
];

pub(crate) fn quantiles(of: Quantiles) -> String {
    [of.p50, of.p95, of.p99].map(|one| milliseconds(one).to_string()).join(" ")
}

fn of(flow: Flow, ceiling: Flow) -> String {
    Hundredths::ratio(flow.rate().0, ceiling.rate().0).to_string()
}

fn over(latency: Quantiles, raw: Quantiles) -> String {
    Hundredths::ratio(latency.p50.as_nanos(), raw.p50.as_nanos()).to_string()
}

/// Processor time as a share of the time in which the operations completed.
fn cores(used: std::time::Duration, relay: &Relay) -> String {
    Hundredths::ratio(used.as_nanos(), relay.flow.elapsed.as_nanos()).to_string()
}

fn each(relay: &Relay) -> String {
    Hundredths::ratio(relay.usage.daemon.as_micros(), u128::from(relay.flow.count).saturating_mul(1_000)).to_string()
}

/// The table.
pub(crate) fn text(machine: &Machine, figures: &[Figures]) -> Result<String> {
    let mut text = String::new();
    let Machine { cores, tim3d, load_before, load_after } = machine;
    writeln!(text, "{cores} cores; load average {load_before} before, {load_after} after; {tim3d}")?;
    if let Some(one) = figures.first() {
        writeln!(text, "{}", one.anvil)?;
    }
    for (title, rows) in ROWS {
        let names: String = figures.iter().map(|one| format!("{:>24}", one.kind.name())).collect();
        writeln!(text, "\n{title:<46}{names}")?;
        for (name, value) in rows {
            let values: String = figures.iter().map(|one| format!("{:>24}", value(one))).collect();
            writeln!(text, "  {name:<44}{values}")?;
        }
    }
    Ok(text)
}

/// The machine for programs.
pub(crate) fn machine_json(machine: &Machine) -> Value {
    let Machine { cores, tim3d, load_before, load_after } = machine;
    json!({"cores": cores, "tim3d": tim3d, "load_average_before": load_before, "load_average_after": load_after})
}

/// Everything that was measured on one kind of blocks, with units in the names.
pub(crate) fn json(figures: &Figures) -> Value {
    json!({
        "anvil": figures.anvil,
        "raw": {
            "transfers": flow_json(figures.transfers),
            "locks": flow_json(figures.locks),
            "accepted": quantiles_json(figures.raw_send),
            "mined": quantiles_json(figures.raw_mined),
        },
        "sustained": relay_json(&figures.sustained),
        "offered_per_second": number(figures.offered),
        "backlog": relay_json(&figures.backlog),
        "single": relay_json(&figures.single),
        "daemon_peak_memory_bytes": figures.memory,
    })
}

fn flow_json(flow: Flow) -> Value {
    json!({"count": flow.count, "per_second": number(flow.rate()), "seconds": number(Hundredths(flow.elapsed.as_millis() / 10))})
}

pub(crate) fn quantiles_json(of: Quantiles) -> Value {
    let [p50, p95, p99] = [of.p50, of.p95, of.p99].map(|one| number(milliseconds(one)));
    json!({"p50_ms": p50, "p95_ms": p95, "p99_ms": p99, "samples": of.samples})
}

fn relay_json(relay: &Relay) -> Value {
    let [a, b] = relay.usage.anvils;
    json!({
        "operations": flow_json(relay.flow),
        "destination_transactions": relay.transactions,
        "operations_per_transaction": number(relay.per_transaction()),
        "final_event_to_accepted": quantiles_json(relay.latency),
        "rpc_calls_per_operation": number(relay.calls_per_operation()),
        "rpc_calls": relay.usage.calls,
        "http_requests": relay.usage.requests,
        "processor_ms": {
            "daemon": relay.usage.daemon.as_millis(), "chain_a": a.as_millis(), "chain_b": b.as_millis(),
            "this_program": relay.usage.own.as_millis(),
        },
    })
}

/// As a JSON number with two digits.
pub(crate) fn number(value: Hundredths) -> Value {
    serde_json::from_str(&format!("{}.{:02}", value.0 / 100, value.0 % 100)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_numbers() {
        assert_eq!(number(Hundredths(1_205)), json!(12.05));
        assert_eq!(number(Hundredths(0)), json!(0.0));
    }
}
