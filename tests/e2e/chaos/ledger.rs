//! What became of every operation, off the events of all chains.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, bail, ensure};
use tim3_devnet::{Devnet, ao_site, solana};
use tim3_domain::{
    identity::{Account, OperationId},
    protocol::{EventBody, Operation, OperationKind},
};

use super::plan::is_voided;

/// All operations and outcomes on the chains as they are now; of Solana's what is final.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    operations: BTreeMap<OperationId, Operation>,
    outcomes: BTreeMap<OperationId, Vec<(&'static str, u128)>>,
    minted_at_home: u128,
    paid: u128,
}

impl Ledger {
    pub(super) async fn read(devnet: &Devnet) -> Result<Self> {
        let mut ledger = Self::default();
        let mut histories = Vec::new();
        for site in devnet.sites() {
            histories.push((site.name, site.events().await?));
        }
        if let Some(site) = &devnet.solana {
            histories.push((solana::NAME, site.events().await?));
        }
        if let Some(site) = &devnet.ao {
            histories.push((ao_site::NAME, site.events().await?));
        }
        for (name, events) in histories {
            for (index, event) in events.into_iter().enumerate() {
                ensure!(event.sequence == index as u64, "{name}: event {} at place {index}", event.sequence);
                if let EventBody::Locked { minted, .. } = event.body {
                    ledger.minted_at_home += minted;
                }
                if let EventBody::Released { outcome, .. } = event.body {
                    ledger.paid += outcome.paid;
                }
                if let Some(operation) = event.body.started() {
                    ledger.operations.insert(operation.id(), operation.clone());
                }
                if let Some(outcome) = event.body.outcome() {
                    let outcomes = ledger.outcomes.entry(outcome.operation).or_default();
                    outcomes.push((event.body.name(), outcome.gross));
                }
            }
        }
        Ok(ledger)
    }

    /// Whether `count` operations began and each came to its end.
    pub(super) fn is_settled(&self, count: usize) -> bool {
        self.operations.len() >= count && self.open().next().is_none()
    }

    fn open(&self) -> impl Iterator<Item = &OperationId> {
        let is_end = |(name, _): &(&str, u128)| *name != "Voided";
        self.operations.keys().filter(move |id| !self.outcomes.get(id).is_some_and(|all| all.iter().any(is_end)))
    }

    /// Whose operations began.
    pub(super) fn actors(&self) -> BTreeSet<Account> {
        self.operations.values().map(|operation| operation.actor).collect()
    }

    /// How many operations began.
    pub(super) fn len(&self) -> usize {
        self.operations.len()
    }

    pub(super) fn summary(&self) -> String {
        let open: Vec<_> = self.open().map(ToString::to_string).collect();
        format!(
            "{} operations, {} open: {:?}",
            self.operations.len(),
            open.len(),
            open.iter().take(5).collect::<Vec<_>>()
        )
    }

    /// Each of `count` operations was delivered or refunded once, in full, as the operator decided, and nothing else was.
    pub(super) fn check(&self, count: usize) -> Result<()> {
        ensure!(self.operations.len() == count && self.outcomes.len() == count, "{count} meant; {}", self.summary());
        for (id, outcomes) in &self.outcomes {
            let operation = self.operations.get(id).with_context(|| format!("{id} was delivered and never began"))?;
            ensure!(outcomes.iter().all(|(_, gross)| *gross == operation.amount), "{id}: {outcomes:?}, {operation:?}");
            // They come chain by chain.
            let mut names: Vec<_> = outcomes.iter().map(|(name, _)| *name).collect();
            names.sort_unstable();
            match names.as_slice() {
                ["Refunded", "Voided"] if is_voided(operation.amount) => {}
                ["Minted" | "Released"] if !is_voided(operation.amount) => {}
                other => bail!("{id} of {} ended with {other:?}", operation.amount),
            }
        }
        Ok(())
    }

    /// What circulates when nothing is on its way: drawn by locks, less what redeems repaid.
    pub(super) fn supply(&self) -> u128 {
        let drawn = |operation: &&Operation| operation.kind == OperationKind::Mint && !is_voided(operation.amount);
        let drawn: u128 = self.operations.values().filter(drawn).map(|operation| operation.amount).sum();
        self.minted_at_home + drawn - self.paid
    }

    /// Whether this operation is on its chain.
    pub(super) fn knows(&self, id: &str) -> bool {
        self.operations.keys().any(|known| known.to_string() == id)
    }
}
