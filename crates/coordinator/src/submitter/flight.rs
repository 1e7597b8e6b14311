//! Transactions on their way, and what the chain's news and answers say about them. No I/O.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use tim3_chain::{BlockRef, Transaction, TransactionState};
use tim3_domain::{
    lifecycle::Leg,
    place::TxId,
    protocol::{Action, OrderCode},
    word::Word,
};
use tim3_journal::OrderRef;
use tokio::time::Instant;

use super::{Fate, queue::Job};
use crate::news::News;

/// A transaction and its orders; jobs are absent for what an earlier run of the daemon sent.
#[derive(Debug)]
struct Flight {
    transaction: Transaction,
    orders: Vec<(OrderRef, Option<Job>)>,
    since: Instant,
    included: Option<BlockRef>,
    /// The news spoke of it, and its orders were told what became of them.
    told: bool,
    /// One of its events is final and proved.
    proved: bool,
    /// The first of the transactions of which at most one can be included: replacements share it.
    family: TxId,
    /// Another transaction with its nonce took its place.
    replaced: bool,
    /// The chain said once that its nonce is used and that there is no receipt.
    dead: bool,
}

/// The transactions of one chain whose fate is not final.
#[derive(Debug, Default)]
pub(super) struct Flights {
    flights: BTreeMap<TxId, Flight>,
    carried: HashMap<OrderRef, TxId>,
    /// Height of the newest final block.
    finalized: u64,
}

/// Which order, who handed it in (nobody, if an earlier run of the daemon did), and what became of it.
pub(super) type Tidings = (OrderRef, Option<Job>, Fate);

/// How the orders that a transaction skipped ended, by action and content.
type Skips<'a> = HashMap<(Action, Word), (OrderCode, &'a str)>;

/// What news come to.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Whom to tell what.
    pub(super) reports: Vec<Tidings>,
    /// Transactions whose fate is final.
    pub(super) done: Vec<TxId>,
}

/// What is to be done about a transaction that left no trace.
#[derive(Debug)]
pub(super) enum Judgement {
    Wait,
    Final(Told),
    Lost { why: String, orders: Vec<(OrderRef, Option<Job>)> },
    Resend,
    Escalate,
}

impl Flights {
    pub(super) fn len(&self) -> usize {
        self.flights.values().filter(|flight| flight.included.is_none() && !flight.replaced).count()
    }

    pub(super) fn add(&mut self, transaction: Transaction, orders: Vec<(OrderRef, Option<Job>)>) {
        for (order, _) in &orders {
            self.carried.insert(*order, transaction.id.clone());
        }
        let replaced = transaction.replaces.as_ref().and_then(|id| self.flights.get_mut(id));
        let family = match replaced {
            Some(flight) => {
                flight.replaced = true;
                flight.family.clone()
            }
            None => transaction.id.clone(),
        };
        let id = transaction.id.clone();
        let flight = Flight {
            transaction,
            orders,
            since: Instant::now(),
            included: None,
            told: false,
            proved: false,
            family,
            replaced: false,
            dead: false,
        };
        self.flights.insert(id, flight);
    }

    pub(super) fn transactions(&self) -> impl Iterator<Item = &Transaction> {
        self.flights.values().map(|flight| &flight.transaction)
    }

    pub(super) fn carried(&self) -> impl Iterator<Item = (OrderRef, TxId)> {
        self.carried.iter().map(|(order, id)| (*order, id.clone()))
    }

    /// The transaction that may still be included and carries this very order; one of an older epoch does not count.
    pub(super) fn carries(&self, job: &Job) -> Option<TxId> {
        let id = self.carried.get(&job.order)?;
        let flight = self.flights.get(id).filter(|flight| flight.included.is_none())?;
        let same = |(order, carried): &(OrderRef, Option<Job>)| {
            *order == job.order && carried.as_ref().is_some_and(|carried| carried.signed == job.signed)
        };
        flight.orders.iter().any(same).then(|| id.clone())
    }

    /// Takes the chain's news: inclusion, orders that were skipped, finality, reorgs.
    pub(super) fn news(&mut self, news: &News) -> Told {
        let mut told = Told::default();
        for located in &news.gone {
            if let Some(flight) = self.flights.get_mut(&located.transaction) {
                (flight.included, flight.told) = (None, false);
                flight.since = Instant::now();
            }
        }
        let mut seen: HashMap<&TxId, BlockRef> =
            news.seen.iter().map(|located| (&located.transaction, located.block)).collect();
        seen.extend(news.finals.iter().map(|event| (event.transaction(), *event.block())));
        seen.extend(news.skips.iter().map(|skip| (&skip.transaction, skip.block)));
        let mut skipped: HashMap<&TxId, Skips<'_>> = HashMap::new();
        for skip in &news.skips {
            let answer = (skip.code, skip.reason.as_str());
            skipped.entry(&skip.transaction).or_default().insert((skip.action, skip.content), answer);
        }
        let none = HashMap::new();
        for (id, block) in seen {
            let skips = skipped.get(id).unwrap_or(&none);
            let Some(flight) = self.flights.get_mut(id) else { continue };
            flight.included = Some(block);
            if !flight.told {
                flight.told = true;
                told.reports.extend(flight.reports(skips));
            }
        }
        for event in &news.finals {
            if let Some(flight) = self.flights.get_mut(event.transaction()) {
                flight.proved = true;
            }
        }
        self.finish(news.tips.finalized.height, &mut told);
        told
    }

    /// Forgets what is final, and what can no longer be included because of it.
    fn finish(&mut self, finalized: u64, told: &mut Told) {
        self.finalized = finalized;
        let families: HashSet<TxId> =
            self.flights.values().filter(|flight| flight.proved).map(|flight| flight.family.clone()).collect();
        self.end(&families, told);
        for flight in self.flights.values_mut() {
            // Without an event nothing would tell that a reorg took it away: its fate is asked for.
            if flight.included.is_some_and(|block| block.height <= finalized) {
                flight.included = None;
            }
        }
    }

    fn end(&mut self, families: &HashSet<TxId>, told: &mut Told) {
        if families.is_empty() {
            return;
        }
        let ended = self.flights.iter().filter(|(_, flight)| families.contains(&flight.family));
        for id in ended.map(|(id, _)| id.clone()).collect::<Vec<_>>() {
            if let Some(flight) = self.flights.get(&id) {
                // What another transaction carries since is that one's to tell.
                let last = flight.orders.iter().filter(|(order, _)| self.carried.get(order) == Some(&id));
                told.reports.extend(last.map(|(order, job)| (*order, job.clone(), Fate::Final(id.clone()))));
            }
            self.forget(&id);
            told.done.push(id);
        }
    }

    fn forget(&mut self, id: &TxId) -> Option<Flight> {
        let flight = self.flights.remove(id)?;
        for (order, _) in &flight.orders {
            if self.carried.get(order) == Some(id) {
                self.carried.remove(order);
            }
        }
        Some(flight)
    }

    /// Transactions that the news did not mention for `age`.
    pub(super) fn silent(&self, age: Duration) -> Vec<Transaction> {
        self.flights
            .values()
            .filter(|flight| flight.included.is_none() && flight.since.elapsed() >= age)
            .map(|flight| flight.transaction.clone())
            .collect()
    }

    /// What an answer about a silent transaction means.
    pub(super) fn judge(&mut self, transaction: &Transaction, state: &TransactionState, stuck: Duration) -> Judgement {
        let Some(flight) = self.flights.get_mut(&transaction.id) else { return Judgement::Wait };
        flight.dead &= *state == TransactionState::Dead;
        match state {
            TransactionState::Included(block) if block.height <= self.finalized => {
                let families = HashSet::from([flight.family.clone()]);
                let mut told = Told::default();
                self.end(&families, &mut told);
                Judgement::Final(told)
            }
            TransactionState::Included(block) => {
                // What became of its orders is told by the news.
                flight.included = Some(*block);
                Judgement::Wait
            }
            TransactionState::Reverted { reason } => self.lose(&transaction.id, format!("reverted: {reason}")),
            TransactionState::Dead if flight.dead => {
                self.lose(&transaction.id, "it can no longer be included".to_owned())
            }
            TransactionState::Dead => {
                // It is believed when it is said again at the next check: while a block is made known, its nonces may count as used
                // before its receipts are there.
                flight.dead = true;
                Judgement::Wait
            }
            TransactionState::Pending | TransactionState::Unknown if flight.replaced => Judgement::Wait,
            TransactionState::Pending | TransactionState::Unknown if flight.told => {
                // A reorg took it away; whatever comes of it next is news again.
                flight.told = false;
                flight.since = Instant::now();
                Judgement::Resend
            }
            TransactionState::Pending | TransactionState::Unknown if flight.since.elapsed() >= stuck => {
                flight.since = Instant::now();
                Judgement::Escalate
            }
            TransactionState::Unknown => Judgement::Resend,
            TransactionState::Pending => Judgement::Wait,
        }
    }

    fn lose(&mut self, id: &TxId, why: String) -> Judgement {
        let Some(flight) = self.forget(id) else { return Judgement::Wait };
        // What a replacement still carries is not lost.
        let carried = &self.carried;
        let orders = flight.orders.into_iter().filter(|(order, _)| !carried.contains_key(order)).collect();
        Judgement::Lost { why, orders }
    }

    /// Lets `replacement` carry the orders of `transaction`; both are followed, because either may be included.
    pub(super) fn replace(&mut self, transaction: &Transaction, replacement: &Transaction) -> Vec<OrderRef> {
        let Some(orders) = self.flights.get(&transaction.id).map(|flight| flight.orders.clone()) else {
            return Vec::new();
        };
        let refs = orders.iter().map(|(order, _)| *order).collect();
        self.add(replacement.clone(), orders);
        refs
    }
}

/// How the gateway skipped an order, if it did. The order's name is enough: jobs are gone after a restart.
fn skip_of<'a>(order: &OrderRef, skips: &'a Skips<'_>) -> Option<&'a (OrderCode, &'a str)> {
    let (content, actions): (Word, &[Action]) = match order {
        OrderRef::Leg(id, Leg::Settle) => (id.0, &[Action::Mint, Action::Release]),
        OrderRef::Leg(id, Leg::Void) => (id.0, &[Action::Void]),
        OrderRef::Leg(id, Leg::Refund) => (id.0, &[Action::Refund]),
        OrderRef::Mirror(content) => (*content, &[Action::Mirror]),
        OrderRef::Resend(content) => (*content, &[Action::Resend]),
    };
    actions.iter().find_map(|action| skips.get(&(*action, content)))
}

impl Flight {
    /// What the orders of an included transaction are told.
    fn reports(&self, skips: &Skips<'_>) -> Vec<Tidings> {
        let tidings = self.orders.iter().map(|(order, job)| {
            let fate = match skip_of(order, skips) {
                Some((code, reason)) => Fate::Refused { reason: (*reason).to_owned(), permanent: false, code: *code },
                None => Fate::Included(self.transaction.id.clone()),
            };
            (*order, job.clone(), fate)
        });
        tidings.collect()
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]
mod tests;
