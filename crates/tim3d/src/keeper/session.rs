//! The core with its record: everything that it is told goes through here.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use tim3_chain::Transaction;
use tim3_keeper::{
    Config, Input, Keeper, Recorded,
    input::Outcome,
    keeper::{Carried, Step},
    replay::{self, Line},
};
use tracing::{info, warn};

use super::record::{Item, Record, Sent};

/// Transactions of each decision that has no outcome yet, with the chain they are for.
pub(super) type Unfinished = BTreeMap<u64, (String, Vec<Transaction>)>;

/// The core and its record.
pub(super) struct Session {
    pub(super) keeper: Keeper,
    pub(super) record: Record,
}

/// A session, with what was under way when the one before ended.
pub(super) struct Resumed {
    pub(super) session: Session,
    /// What was signed, and may have been sent.
    pub(super) unfinished: Unfinished,
    /// What was decided and not signed.
    pub(super) unsigned: Vec<u64>,
    /// Whether the page goes on under the configuration of now; otherwise it has to be turned.
    pub(super) is_current: bool,
}

impl Session {
    /// Takes up the last page of the record, or begins the first one.
    pub(super) fn resume(record: Record, page: Vec<(u64, Item)>, config: &Config) -> Result<Resumed> {
        let mut lines = Vec::new();
        let mut unfinished = Unfinished::new();
        for (_, item) in page {
            match item {
                Item::Line(line) => lines.push(*line),
                Item::Sent(sent) => {
                    let Sent { decision, chain, transaction } = *sent;
                    unfinished.entry(decision).or_insert_with(|| (chain, Vec::new())).1.push(transaction);
                }
            }
        }
        let (restored, report) = replay::restore(&lines).context("the keepers' record")?;
        let Some(keeper) = restored else {
            let session = Self { keeper: Keeper::new(config.clone())?, record };
            return Ok(Resumed { session, unfinished, unsigned: Vec::new(), is_current: false });
        };
        let differences = report.differences.len();
        if differences != 0 {
            warn!(differences, "inputs of the keepers' record lead to other decisions now: another program wrote it");
        }
        let pending: Vec<u64> = keeper.pending().collect();
        unfinished.retain(|decision, _| pending.contains(decision));
        let unsigned = pending.into_iter().filter(|decision| !unfinished.contains_key(decision)).collect();
        let is_current = keeper.config().clone().with(config.parameters()) == *config;
        Ok(Resumed { session: Self { keeper, record }, unfinished, unsigned, is_current })
    }

    /// Tells the core something, and records it with what it led to.
    pub(super) fn give(&mut self, now_ms: u64, input: Input) -> Result<Step> {
        let recorded = Recorded { sequence: self.record.next(), at_ms: now_ms, input };
        let step = self.keeper.step(&recorded)?;
        for line in Line::of(&recorded, &step) {
            self.record.add(&Item::Line(Box::new(line)))?;
        }
        Ok(step)
    }

    /// What became of a decision.
    pub(super) fn outcome(&mut self, now_ms: u64, decision: u64, outcome: Outcome) -> Result<Step> {
        self.give(now_ms, Input::Outcome { decision, outcome })
    }

    /// A transaction was signed for a decision.
    pub(super) fn sent(&mut self, decision: u64, chain: &str, transaction: &Transaction) -> Result<()> {
        let (chain, transaction) = (chain.to_owned(), transaction.clone());
        self.record.add(&Item::Sent(Box::new(Sent { decision, chain, transaction })))
    }

    /// Begins a page under `config`, if nothing is under way. The core then knows nothing of the world.
    pub(super) fn turn(&mut self, now_ms: u64, keep: std::time::Duration, config: &Config) -> Result<bool> {
        let Some(carried) = self.keeper.carried() else { return Ok(false) };
        self.begin(now_ms, keep, config, carried)?;
        Ok(true)
    }

    fn begin(&mut self, now_ms: u64, keep: std::time::Duration, config: &Config, carried: Carried) -> Result<()> {
        self.record.turn(now_ms, keep)?;
        self.record.add(&Item::Line(Box::new(Line::header(config, carried.clone()))))?;
        self.keeper = Keeper::resume(config.clone(), carried)?;
        info!(line = self.record.next(), "the keepers' record begins a page");
        Ok(())
    }
}
