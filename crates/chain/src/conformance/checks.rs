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

use std::{future::Future, time::Duration};

use tokio::time::Instant;

use super::{
    report::{Case, Failure, Outcome, Report},
    suite::Suite,
};

/// A case that takes longer hangs: no chain here needs as long for its few transactions.
const PATIENCE: Duration = Duration::from_secs(300);

pub(super) async fn all(suite: &mut Suite<'_>) -> Report {
    let mut report = Report::default();
    macro_rules! cases {
        ($($module:ident::$case:ident: $name:literal,)*) => {
            $(
                let begun = Instant::now();
                let outcome = judge($module::$case(suite)).await;
                report.cases.push(Case { name: $name, outcome, took: begun.elapsed() });
            )*
        };
    }
    cases! {
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
        windows::delayed: "an order over the window is delayed and passes after it refilled",
        submitting::batches: "batches that were prepared at once are all included, and sending twice is harmless",
        submitting::left_out: "simulation leaves out what would not be executed, and says why",
        submitting::restart: "after a restart no transaction takes the place of a journaled one",
        reorgs::gone: "events of a replaced block are gone, and the running hash follows",
        reorgs::transactions: "a transaction of a replaced block is not reported as included there",
    }
    report
}

async fn judge(case: impl Future<Output = Result<(), Failure>>) -> Outcome {
    match tokio::time::timeout(PATIENCE, case).await {
        Ok(Ok(())) => Outcome::Passed,
        Ok(Err(failure)) => failure.into_outcome(),
        Err(_) => Outcome::Failed(format!("no answer within {} seconds", PATIENCE.as_secs())),
    }
}
