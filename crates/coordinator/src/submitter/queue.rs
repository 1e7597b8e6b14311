//! Orders that wait for a transaction: first in, first out, with mirrors behind everything else. Pure.

use std::collections::{BTreeMap, HashMap};

use tim3_domain::protocol::SignedOrder;
use tim3_journal::OrderRef;
use tokio::sync::mpsc;

use super::{Fate, Report};

/// An order to carry, and where to tell what became of it.
#[derive(Clone, Debug)]
pub struct Job {
    /// Which order it is.
    pub order: OrderRef,
    /// The order with its signatures.
    pub signed: SignedOrder,
    /// Who wants to know.
    pub reply: mpsc::Sender<Report>,
}

impl Job {
    /// Tells what became of it.
    pub async fn report(&self, fate: Fate) {
        // An error means that nobody wants to know any more: the daemon is ending.
        let _ = self.reply.send(Report { gateway: self.signed.order.gateway, order: self.order, fate }).await;
    }
}

/// Place of a job: mirrors (1) behind orders about operations and payouts (0), each in the order of arrival.
type Place = (u8, i64);

/// The waiting jobs of one chain.
#[derive(Debug, Default)]
pub struct Queue {
    jobs: BTreeMap<Place, Job>,
    places: HashMap<OrderRef, Place>,
    arrivals: i64,
    returns: i64,
    /// After a batch that could not be simulated as a whole: no batch larger than this until one went through.
    limit: Option<usize>,
}

impl Queue {
    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.jobs.len()
    }

    /// Adds a job at its end; the same order again takes the place of the one that waits.
    pub fn push(&mut self, job: Job) {
        self.arrivals = self.arrivals.saturating_add(1);
        let place = self.places.get(&job.order).copied().unwrap_or((rank(&job.order), self.arrivals));
        self.insert(place, job);
    }

    /// Puts jobs back to the front, in their order.
    pub fn put_back(&mut self, jobs: Vec<Job>) {
        for job in jobs.into_iter().rev() {
            self.returns = self.returns.saturating_sub(1);
            self.insert((rank(&job.order), self.returns), job);
        }
    }

    /// Puts back a batch that failed as a whole: the next batches are half as large, until they are one order each and the culprit is found.
    pub fn split(&mut self, jobs: Vec<Job>) {
        self.limit = Some((jobs.len() / 2).max(1));
        self.put_back(jobs);
    }

    /// Removes an order that still waits.
    pub fn withdraw(&mut self, order: &OrderRef) {
        if let Some(place) = self.places.remove(order) {
            self.jobs.remove(&place);
        }
    }

    /// Takes up to `most` jobs from the front.
    pub fn take(&mut self, most: usize) -> Vec<Job> {
        let most = self.limit.take().map_or(most, |limit| limit.min(most));
        let mut taken = Vec::new();
        while taken.len() < most {
            let Some((_, job)) = self.jobs.pop_first() else { break };
            self.places.remove(&job.order);
            taken.push(job);
        }
        taken
    }

    fn insert(&mut self, place: Place, job: Job) {
        self.places.insert(job.order, place);
        self.jobs.insert(place, job);
    }
}

fn rank(order: &OrderRef) -> u8 {
    match order {
        OrderRef::Leg(..) | OrderRef::Resend(_) => 0,
        OrderRef::Mirror(_) => 1,
    }
}

#[cfg(test)]
mod tests;
