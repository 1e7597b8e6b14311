//! The cases, by what they are about.

mod batches;
mod following;
mod mirrors;
mod outcomes;
mod outgoing;
mod reads;
mod release;
mod reorgs;
mod signatures;
mod submitting;
mod windows;

use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::BoxFuture;
use tokio::{task::yield_now, time::Instant};

use super::{
    Harness,
    report::{Case, Failure},
    suite::Suite,
};

type Check = for<'s> fn(&'s mut Suite<'_>) -> BoxFuture<'s, Result<(), Failure>>;

/// What is left to do: the place of the next case.
#[derive(Debug, Default)]
pub(super) struct Queue(AtomicUsize);

impl Queue {
    fn take(&self) -> Option<(usize, &'static str, Check)> {
        let place = self.0.fetch_add(1, Ordering::Relaxed);
        CASES.get(place).map(|(name, check)| (place, *name, *check))
    }
}

/// Takes cases from the queue until none is left; gives what became of them, by their places.
pub(super) async fn share(harness: &dyn Harness, queue: &Queue) -> Vec<(usize, Case)> {
    let begun = Instant::now();
    let mut suite = match Suite::open(harness).await {
        Ok(suite) => suite,
        Err(failure) => {
            let (outcome, took) = (failure.into_outcome(), begun.elapsed());
            return vec![(0, Case { name: "the gateway can be opened", outcome, took })];
        }
    };
    let mut cases = Vec::new();
    while let Some((place, name, check)) = queue.take() {
        cases.push((place, Case::of(name, check(&mut suite)).await));
        // Others get a turn even where nothing here ever waits.
        yield_now().await;
    }
    cases
}

macro_rules! cases {
    ($($module:ident::$case:ident: $name:literal,)*) => {
        const CASES: &[(&str, Check)] = &[$(($name, |suite| Box::pin($module::$case(suite))),)*];
    };
}

cases! {
    // These two want a gateway that nothing happened to, and find one: whoever takes them has done nothing else.
    reads::identity: "a gateway is who it says it is",
    reads::limits: "route, windows, pause level, attesters and claims can be read",
    reads::books: "the books are one reading of counters, tokens and collateral",
    following::ranges: "events are dense, in order, and the same in any partition of the blocks",
    following::tips: "what is final stays below the head and never falls back",
    following::pinned: "a quorum's head is pinned to a block that exists",
    outgoing::lock: "a lock for elsewhere is Locked with the operation it starts",
    outgoing::home_mint: "a lock for home mints at once and starts nothing",
    outgoing::burns: "burns are Burned as a Transfer and as a Redeem",
    outgoing::refusals: "a user is told why the gateway refuses, and nothing happens",
    outcomes::mint: "a Mint order is executed once, and shuts out Void",
    outcomes::void: "a voided slot stays shut for Mint",
    outcomes::wrong_orders: "an order for another gateway, kind or amount is rejected",
    outcomes::refund_lock: "a refunded lock gives the collateral back, once",
    outcomes::refund_burn: "a refunded burn is minted again, once",
    signatures::refused: "less than the threshold, other epochs, gateways, contents and orders of signers are refused",
    batches::neighbours: "a bad order in a batch leaves its neighbours alone",
    release::debt_and_payout: "Release lowers the debt and pays the collateral",
    release::surplus: "Release beyond the debt mints the surplus",
    release::at_home: "synthetic is redeemed at home without an order",
    mirrors::newest_wins: "the newest version of a position is kept, and a contradiction rejected",
    submitting::batches: "batches that were prepared at once are all included, and sending twice is harmless",
    submitting::left_out: "simulation leaves out what would not be executed, and says why",
    submitting::restart: "after a restart no transaction takes the place of a journaled one",
    // It leaves the window empty where time cannot be made to pass.
    windows::delayed: "an order over the window is delayed and passes after it refilled",
    reorgs::gone: "events of a replaced block are gone, and the running hash follows",
    reorgs::transactions: "a transaction of a replaced block is not reported as included there",
}
