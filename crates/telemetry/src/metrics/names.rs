//! Names from the configuration as label values, at most so many of each sort.

use std::{
    collections::BTreeSet,
    sync::{PoisonError, RwLock},
};

/// Names of one sort that are shown as they are; a daemon has far fewer.
pub(super) const NAMES: usize = 64;

/// What stands for every name beyond them.
pub(super) const OTHER: &str = "other";

/// The names seen so far.
#[derive(Debug, Default)]
pub(super) struct Names {
    chains: Seen,
    assets: Seen,
    endpoints: Seen,
    markets: Seen,
}

impl Names {
    pub(super) fn chain<'n>(&self, name: &'n str) -> &'n str {
        self.chains.admit(name)
    }

    pub(super) fn asset<'n>(&self, symbol: &'n str) -> &'n str {
        self.assets.admit(symbol)
    }

    pub(super) fn endpoint<'n>(&self, alias: &'n str) -> &'n str {
        self.endpoints.admit(alias)
    }

    pub(super) fn market<'n>(&self, name: &'n str) -> &'n str {
        self.markets.admit(name)
    }
}

#[derive(Debug, Default)]
struct Seen(RwLock<BTreeSet<String>>);

impl Seen {
    fn admit<'n>(&self, name: &'n str) -> &'n str {
        // A set is whole even where somebody panicked beside it.
        if self.0.read().unwrap_or_else(PoisonError::into_inner).contains(name) {
            return name;
        }
        let mut seen = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if seen.contains(name) {
            return name;
        }
        if seen.len() >= NAMES {
            return OTHER;
        }
        seen.insert(name.to_owned());
        name
    }
}
