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
    waiting: BTreeMap<Account, BTreeMap<u64, Vec<Pending>>>,
    ids: HashMap<TxId, (Account, u64)>,
    arrivals: u64,
}

impl Mempool {
    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(crate) fn get(&self, id: &TxId) -> Option<&Pending> {
        let (sender, nonce) = self.ids.get(id)?;
        self.waiting.get(sender)?.get(nonce)?.iter().find(|pending| pending.id == *id)
    }

    pub(crate) fn insert(&mut self, tx: Tx, id: TxId, since: u64) {
        self.arrivals = self.arrivals.saturating_add(1);
        self.restore(Pending { tx, id, arrival: self.arrivals, since });
    }

    /// Takes back what a reorg set free.
    pub(crate) fn restore(&mut self, pending: Pending) {
        let (sender, nonce) = (pending.tx.sender, pending.tx.nonce);
        if self.ids.insert(pending.id.clone(), (sender, nonce)).is_none() {
            self.waiting.entry(sender).or_default().entry(nonce).or_default().push(pending);
        }
    }

    /// Forgets a transaction, and gives it.
    pub(crate) fn remove(&mut self, id: &TxId) -> Option<Pending> {
        let (sender, nonce) = self.ids.remove(id)?;
        let of_sender = self.waiting.get_mut(&sender)?;
        let waiting = of_sender.get_mut(&nonce)?;
        let found = waiting.iter().position(|pending| pending.id == *id).map(|at| waiting.swap_remove(at));
        if waiting.is_empty() {
            of_sender.remove(&nonce);
        }
        if of_sender.is_empty() {
            self.waiting.remove(&sender);
        }
        found
    }

    /// The first nonce from `from` that no waiting transaction of `sender` has.
    pub(crate) fn free_nonce(&self, sender: Account, from: u64) -> u64 {
        let Some(waiting) = self.waiting.get(&sender) else { return from };
        // Mostly they are dense, and the one after the last is free.
        let ends =
            waiting.first_key_value().zip(waiting.last_key_value()).map(|((first, _), (last, _))| (*first, *last));
        if let Some((first, last)) = ends.filter(|(first, _)| *first == from) {
            let span = last.saturating_sub(first).saturating_add(1);
            if u64::try_from(waiting.len()) == Ok(span) {
                return last.saturating_add(1);
            }
        }
        let mut free = from;
        for (nonce, _) in waiting.range(from..) {
            if *nonce != free {
                break;
            }
            free = free.saturating_add(1);
        }
        free
    }

    /// Those who have something waiting.
    pub(crate) fn senders(&self) -> Vec<Account> {
        self.waiting.keys().copied().collect()
    }

    /// The dearest transaction of `sender` with `nonce`.
    pub(crate) fn best(&self, sender: Account, nonce: u64) -> Option<&Pending> {
        self.waiting.get(&sender)?.get(&nonce)?.iter().max_by_key(|pending| pending.tx.fee)
    }

    /// Forgets every transaction of `sender` with `nonce`, and gives the dearest.
    pub(crate) fn take(&mut self, sender: Account, nonce: u64) -> Option<Pending> {
        let waiting = self.waiting.get_mut(&sender)?;
        let all = waiting.remove(&nonce)?;
        if waiting.is_empty() {
            self.waiting.remove(&sender);
        }
        for pending in &all {
            self.ids.remove(&pending.id);
        }
        all.into_iter().max_by_key(|pending| pending.tx.fee)
    }

    /// Forgets what can never be included because its nonce is used.
    pub(crate) fn forget_below(&mut self, sender: Account, nonce: u64) {
        let stale = self.waiting.get(&sender).map(|waiting| waiting.range(..nonce).map(|(nonce, _)| *nonce));
        for nonce in stale.map(Iterator::collect::<Vec<_>>).unwrap_or_default() {
            self.take(sender, nonce);
        }
    }
}
