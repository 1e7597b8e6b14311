//! What it came to, for people and for programs.

use std::{collections::BTreeMap, fmt::Write as _};

use anyhow::Context as _;
use serde::Serialize;
use tim3_coordinator::Handle;
use tim3_domain::lifecycle::Phase;
use tim3_journal::OperationRecord;
use tim3_simchain::Struck;

use super::{
    proof::{Held, Proof, Side},
    stage::{ALL, Stage},
    world::FaultLevel,
};

/// How operations of one kind ended.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Endings {
    pub(super) completed: usize,
    pub(super) refunded: usize,
    /// Seen, taken away by a reorg before it was final, and replaced.
    pub(super) orphaned: usize,
    /// Neither: what the demo must not end with.
    pub(super) open: usize,
}

/// Time from the first sight of an operation's event to its final outcome, in milliseconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Times {
    p50_ms: u64,
    p95_ms: u64,
    longest_ms: u64,
}

/// The daemon's own auditor.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Audit {
    exact: bool,
    laws: usize,
    audits: usize,
    breaches: Vec<String>,
}

/// What the daemon's journal says.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Journaled {
    pub(super) operations: BTreeMap<&'static str, Endings>,
    time_to_final: Times,
    /// Operations that a gateway refused or delayed at least once and that ended well all the same.
    delayed: usize,
    audit: Audit,
}

/// The summary.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Summary {
    /// Always: no real chain took part.
    pub(super) simulated: bool,
    pub(super) holds: bool,
    pub(super) seed: u64,
    pub(super) faults: FaultLevel,
    pub(super) planned: u32,
    pub(super) seconds: u64,
    /// How often the daemon was killed and started again.
    pub(super) kills: u32,
    pub(super) journal: Journaled,
    pub(super) struck: BTreeMap<&'static str, Struck>,
    pub(super) proof: Proof,
    /// What part of the script did not come to its end, and why.
    pub(super) unfinished: Vec<String>,
}

impl Journaled {
    /// Reads the journal of a daemon that has nothing left to do.
    pub(super) fn read(handle: &Handle, stage: &Stage) -> anyhow::Result<Self> {
        let records = handle.journal().operations(None, ALL)?;
        let mut operations: BTreeMap<&'static str, Endings> = BTreeMap::new();
        let (mut times, mut delayed) = (Vec::new(), 0_usize);
        for record in &records {
            let endings = operations.entry(record.operation.kind.name()).or_default();
            let count = match record.phase {
                Phase::Completed => &mut endings.completed,
                Phase::Refunded => &mut endings.refunded,
                Phase::Orphaned { .. } => &mut endings.orphaned,
                _ => &mut endings.open,
            };
            *count = count.saturating_add(1);
            if matches!(record.phase, Phase::Completed | Phase::Refunded) {
                let (took, refused) = story(handle, record)?;
                times.push(took);
                delayed = delayed.saturating_add(usize::from(refused));
            }
        }
        let (_, board) = handle.assets().next().context("the daemon carries no asset")?;
        let verdict = board.audit.verdict.context("the daemon made no audit")?;
        let audit = Audit {
            exact: verdict.exact(),
            laws: verdict.checks.len(),
            audits: stage.view.seen().audits,
            breaches: verdict.breaches().map(|check| format!("{} ({})", check.law, check.detail)).collect(),
        };
        Ok(Self { operations, time_to_final: Times::of(times), delayed, audit })
    }

    /// How many operations ended as they should.
    pub(super) fn ended(&self) -> usize {
        self.operations.values().map(|endings| endings.completed.saturating_add(endings.refunded)).sum()
    }

    pub(super) fn holds(&self) -> bool {
        self.audit.exact && self.operations.values().all(|endings| endings.open == 0)
    }
}

/// How long an operation took, and whether a gateway did not execute its order at once.
fn story(handle: &Handle, record: &OperationRecord) -> anyhow::Result<(u64, bool)> {
    let lines = handle.journal().timeline(record.operation.id())?;
    let at = |line: Option<&tim3_journal::TimelineEntry>| line.map_or(0, |line| line.at_ms);
    let refused = lines.iter().any(|line| line.what.starts_with("not executed"));
    Ok((at(lines.last()).saturating_sub(at(lines.first())), refused))
}

impl Times {
    fn of(mut times: Vec<u64>) -> Self {
        times.sort_unstable();
        let at = |percent: usize| {
            let rank = times.len().saturating_mul(percent).div_ceil(100).saturating_sub(1);
            times.get(rank).copied().unwrap_or_default()
        };
        Self { p50_ms: at(50), p95_ms: at(95), longest_ms: at(100) }
    }
}

impl Summary {
    /// The summary as text.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "\nSummary: SIMULATED, seed {}, faults {:?}, {} s\n", self.seed, self.faults, self.seconds)?;
        self.write_operations(out)?;
        self.write_survived(out)?;
        self.write_conservation(out)?;
        self.write_proof(out)?;
        for why in &self.unfinished {
            writeln!(out, "unfinished: {why}")?;
        }
        let verdict = if self.holds { "everything holds" } else { "IT DOES NOT HOLD" };
        writeln!(out, "\n{verdict}")
    }

    fn write_operations(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "{:<12} {:>9} {:>9} {:>9} {:>9}", "operations", "completed", "refunded", "orphaned", "open")?;
        for (kind, Endings { completed, refunded, orphaned, open }) in &self.journal.operations {
            writeln!(out, "{kind:<12} {completed:>9} {refunded:>9} {orphaned:>9} {open:>9}")?;
        }
        let Times { p50_ms, p95_ms, longest_ms } = self.journal.time_to_final;
        let seconds = |ms: u64| format!("{}.{} s", ms / 1000, ms % 1000 / 100);
        writeln!(
            out,
            "event to final outcome: p50 {}, p95 {}, longest {}",
            seconds(p50_ms),
            seconds(p95_ms),
            seconds(longest_ms)
        )
    }

    fn write_survived(&self, out: &mut String) -> std::fmt::Result {
        let sum = |what: fn(&Struck) -> u64| self.struck.values().map(what).sum::<u64>();
        writeln!(
            out,
            "\nsurvived: {} reorgs of {} blocks, {} transactions dropped, {} delayed, {} batches copied by a stranger,\n          \
             {} failed calls, {} lost answers, {} stalls, {} lies about events, {} kills of the daemon;\n          \
             {} operations were refused or delayed by a gateway first",
            sum(|struck| struck.reorgs),
            sum(|struck| struck.replaced_blocks),
            sum(|struck| struck.dropped),
            sum(|struck| struck.delayed),
            sum(|struck| struck.copied),
            sum(|struck| struck.failed_calls),
            sum(|struck| struck.lost_replies),
            sum(|struck| struck.stalls),
            sum(|struck| struck.lies),
            self.kills,
            self.journal.delayed,
        )
    }

    fn write_conservation(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "\nConservation in millionths of TIM3, read from the gateways and not from the daemon")?;
        writeln!(
            out,
            "{:<6} {:>16} {:>16} {:>10}  {:>18} = sent − refunded − settled",
            "chain", "supply", "debt", "bad debt", "debts − supply"
        )?;
        let exact = |holds| if holds { "exact" } else { "WRONG" };
        for side @ Side { chain, bad_debt, debt, left, right, .. } in &self.proof.chains {
            let verdict = exact(side.holds());
            let supply = side.supply();
            writeln!(out, "{chain:<6} {supply:>16} {debt:>16} {bad_debt:>10}  {left:>18} = {right:<18} {verdict}")?;
        }
        let (supply, in_flight, owed) = (self.proof.supply(), self.proof.in_flight(), self.proof.owed());
        let verdict = exact(supply.saturating_add(in_flight) == owed);
        writeln!(out, "all    supply {supply} + in flight {in_flight} = debts {owed}  {verdict}")?;
        self.write_holdings(out)
    }

    fn write_holdings(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "\nTokens and collateral, as the tokens count them, against what the gateways recorded")?;
        let exact = |holds| if holds { "exact" } else { "WRONG" };
        for side @ Side { chain, token, collateral, .. } in &self.proof.chains {
            let verdict = exact(*token == side.supply());
            writeln!(out, "{chain:<6} TIM3   {token:>24} of {:<24} {verdict}", side.supply())?;
            for (symbol, Held { held, owed }) in collateral {
                writeln!(out, "{chain:<6} {symbol:<6} {held:>24} of {owed:<24} {}", exact(held == owed))?;
            }
        }
        Ok(())
    }

    fn write_proof(&self, out: &mut String) -> std::fmt::Result {
        let Proof { doubled, unfounded, lost, holdings, wrong, mirrors, stale_mirrors, .. } = &self.proof;
        let Audit { exact, laws, audits, .. } = &self.journal.audit;
        let verdict = if *exact { "exact" } else { "BREACH" };
        writeln!(out, "\nauditor        {verdict} ({laws} laws, {audits} audits while it ran)")?;
        writeln!(out, "minted twice   {}", doubled.len())?;
        writeln!(out, "without lock   {}", unfounded.len())?;
        writeln!(out, "lost           {}", lost.len())?;
        writeln!(out, "balances       {holdings} compared with the users' own records, {} differ", wrong.len())?;
        writeln!(out, "mirrors        {mirrors} copies compared with their positions, {} differ", stale_mirrors.len())?;
        for problem in doubled.iter().chain(unfounded).chain(lost).chain(wrong).chain(stale_mirrors) {
            writeln!(out, "  {problem}")?;
        }
        self.journal.audit.breaches.iter().try_for_each(|breach| writeln!(out, "  {breach}"))
    }
}

/// The stage's faults by chain.
pub(super) fn struck(stage: &Stage) -> BTreeMap<&'static str, Struck> {
    stage.world.chains().into_iter().map(|chain| (chain.name, chain.node.struck())).collect()
}
