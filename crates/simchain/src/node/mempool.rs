//! Transactions that wait.

use std::collections::{BTreeMap, HashMap};

use tim3_domain::{identity::Account, place::TxId};

use super::Tx;

/// A waiting transaction.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    pub(crate) tx: Tx,
    pub(crate) id: TxId,
    /// Its place in the order of arrival.
    pub(crate) arrival: u64,
    /// The height at which it arrived.
    pub(crate) since: u64,
}

/// By sender and nonce; of several with the same nonce the dearest is included.
#[derive(Debug, Default)]
pub(crate) struct Mempool {
    waiting: BTreeMap<(Account, u64), Vec<Pending>>,
    ids: HashMap<TxId, (Account, u64)>,
    arrivals: u64,
}

impl Mempool {
    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(crate) fn get(&self, id: &TxId) -> Option<&Pending> {
        self.waiting.get(self.ids.get(id)?)?.iter().find(|pending| pending.id == *id)
    }

    pub(crate) fn insert(&mut self, tx: Tx, since: u64) {
        self.arrivals = self.arrivals.saturating_add(1);
        let pending = Pending { id: tx.id(), tx, arrival: self.arrivals, since };
        self.restore(pending);
    }

    /// Takes back what a reorg set free.
    pub(crate) fn restore(&mut self, pending: Pending) {
        let key = (pending.tx.sender, pending.tx.nonce);
        if self.ids.insert(pending.id.clone(), key).is_none() {
            self.waiting.entry(key).or_default().push(pending);
        }
    }

    /// The first nonce from `from` that no waiting transaction of `sender` has.
    pub(crate) fn free_nonce(&self, sender: Account, from: u64) -> u64 {
        let taken = self.waiting.range((sender, from)..=(sender, u64::MAX)).map(|((_, nonce), _)| *nonce);
        taken.zip(from..).find(|(taken, expected)| taken != expected).map_or_else(
            || {
                let run = self.waiting.range((sender, from)..=(sender, u64::MAX)).count();
                from.saturating_add(u64::try_from(run).unwrap_or(u64::MAX))
            },
            |(_, free)| free,
        )
    }

    /// Those who have something waiting.
    pub(crate) fn senders(&self) -> Vec<Account> {
        let mut senders: Vec<Account> = self.waiting.keys().map(|(sender, _)| *sender).collect();
        senders.dedup();
        senders
    }

    /// The dearest transaction of `sender` with `nonce`.
    pub(crate) fn best(&self, sender: Account, nonce: u64) -> Option<&Pending> {
        self.waiting.get(&(sender, nonce))?.iter().max_by_key(|pending| pending.tx.fee)
    }

    /// Forgets every transaction of `sender` with `nonce`, and gives the dearest.
    pub(crate) fn take(&mut self, sender: Account, nonce: u64) -> Option<Pending> {
        let all = self.waiting.remove(&(sender, nonce))?;
        for pending in &all {
            self.ids.remove(&pending.id);
        }
        all.into_iter().max_by_key(|pending| pending.tx.fee)
    }

    /// Forgets what can never be included because its nonce is used.
    pub(crate) fn forget_below(&mut self, sender: Account, nonce: u64) {
        let stale: Vec<_> = self.waiting.range((sender, 0)..(sender, nonce)).map(|(key, _)| *key).collect();
        for (sender, nonce) in stale {
            self.take(sender, nonce);
        }
    }
}
