//! What stays when everything else begins anew: records of inputs are kept in pages, and a page is read without those before it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Keeper;
use crate::{
    config::{Config, Mode},
    decision::{Action, Rule, Subject},
    error::KeeperError,
    ledger::Ledger,
    limits::Budget,
    price::Range,
};

/// What a page takes over from the one before: numbers go on, and so do the day's caps and results. What is read from the world is not in it, save for the
/// prices that were believed: a jump is one also where a page turns.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carried {
    /// The number of the next decision.
    pub decisions: u64,
    /// The number of the next entry of the ledger.
    pub entries: u64,
    /// Whether an operator has paused the keepers.
    pub is_paused: bool,
    /// Uses and results of the day, by mode.
    #[serde(default)]
    pub budgets: BTreeMap<Mode, Budget>,
    /// Results so far, by mode.
    pub results: BTreeMap<Mode, i128>,
    /// Opportunities seen and not taken so far, by what stood against them.
    pub missed: BTreeMap<Rule, u64>,
    /// How often somebody else was first so far.
    pub lost: u64,
    /// The price of each source that was believed last.
    #[serde(default)]
    pub prices: BTreeMap<String, Range>,
}

impl Keeper {
    /// Keepers that know nothing yet but what was carried over.
    ///
    /// # Errors
    /// As [`Keeper::new`].
    pub fn resume(config: Config, carried: Carried) -> Result<Self, KeeperError> {
        let Carried { decisions, entries, is_paused, budgets, results, missed, lost, prices } = carried;
        let ledger = Ledger::resume(entries, results, missed, lost);
        let mut keeper = Self { next_decision: decisions, is_paused, budgets, ledger, ..Self::new(config)? };
        for (name, believed) in prices {
            if let Some(source) = keeper.sources.get_mut(&name) {
                source.believe(believed);
            }
        }
        Ok(keeper)
    }

    /// What a new page would take over; `None` while something is under way, which a new page would not know.
    #[must_use]
    pub fn carried(&self) -> Option<Carried> {
        let is_quiet = self.pending.is_empty() && self.open.is_empty();
        is_quiet.then(|| Carried {
            decisions: self.next_decision,
            entries: self.ledger.next(),
            is_paused: self.is_paused,
            budgets: self.budgets.clone(),
            results: self.ledger.results().clone(),
            missed: self.ledger.missed().clone(),
            lost: self.ledger.lost(),
            prices: self.sources.iter().filter_map(|(name, it)| Some((name.clone(), it.believed()?))).collect(),
        })
    }

    /// Whether an operator has paused the keepers.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.is_paused
    }

    /// What a decision without an outcome is to do.
    #[must_use]
    pub fn action_of(&self, decision: u64) -> Option<&Action> {
        self.pending.get(&decision).map(|pending| &pending.action)
    }

    /// What a decision without an outcome is about, and the chain that it is done on; of a transfer, where it begins.
    #[must_use]
    pub fn place_of(&self, decision: u64) -> Option<(&Subject, &str)> {
        self.pending.get(&decision).map(|pending| (&pending.subject, pending.chain.as_str()))
    }

    /// Decisions to act that have no outcome yet.
    pub fn pending(&self) -> impl Iterator<Item = u64> {
        self.pending.keys().copied()
    }

    /// Uses and results of the day, in the mode that is on.
    #[must_use]
    pub fn budget(&self) -> &Budget {
        self.budgets.get(&self.config.mode).unwrap_or(Budget::unused())
    }

    /// What a feed says now.
    ///
    /// # Errors
    /// The verdict, where there is no price at all.
    pub fn price(&self, feed: &str) -> crate::price::Judged {
        self.feed(feed)
    }
}
