//! The suite that every adapter must pass: one call of [`run`] does what users, attesters and the daemon do, through the ports alone, and
//! compares every answer with what `contracts/PROTOCOL.md` says it must be.
//!
//! An adapter's test implements [`Harness`] over a freshly deployed gateway and asserts that the [`Report`] has no failure:
//!
//! ```ignore
//! #[tokio::test]
//! async fn conforms() {
//!     let report = tim3_chain::conformance::run(&[MyHarness::start().await]).await;
//!     assert!(report.is_passed(), "{report}");
//!     println!("{report}");
//! }
//! ```
//!
//! There is one gateway under test and one *foreign* gateway that exists only as an identity: the suite plays it by signing orders with the
//! attesters' keys, so what an order rests on elsewhere is up to the suite. After every step the suite proves the new events against the quorum's
//! hash and checks that the conservation law of section 7 holds exactly.
//!
//! Most of the time is spent waiting for finality. Where that is long, several gateways, each with a harness of its own, share the cases and
//! wait at the same time: a case needs nothing that another one leaves behind.
//!
//! [`keepers`] has the cases of [`crate::Keeper`], with a harness of their own.
//!
//! A case that fails does not stop the others; a case that the harness cannot provide for (no reorgs, no control of time) is listed as
//! skipped, never as passed.

mod checks;
pub mod keepers;
mod keys;
mod report;
mod suite;

use std::sync::Arc;

use async_trait::async_trait;
use futures::future::join_all;
use tim3_domain::{
    identity::{Account, GatewayId, MarketId},
    protocol::SignedOrder,
    word::Word,
};

use crate::{Actor, Chain, ChainError, TxId};

pub use keys::Keys;
pub use report::{Case, Outcome, Report};

/// What the suite needs of a chain's test environment.
///
/// # What must be set up
/// * A gateway that has executed no order and made no operation, active, at pause level 0, with a treasury.
/// * A synthetic and a *reserve* market of it without an oracle or dust, with a debt ceiling of at least 1,000 whole.
/// * Both windows with a limit of at least 10,000 whole, and a period so long that [`Harness::finalize`] takes far less than half of it (a day
///   is always right).
/// * A route to [`Harness::peer`] that is enabled, with a minimum of at most 1 whole, a maximum of at least 100 whole, and a fee
///   below 1 %.
/// * The attesters are [`Harness::keys`]: three keys of which two must sign.
/// * The user holds at least 1,000 whole of the market's collateral, has allowed the gateway to take it, and can pay for transactions; so
///   can the submitter of [`Harness::chain`] and whoever sends for [`Harness::execute`].
///
/// Nothing else may use the gateway while the suite runs. The gateways of several harnesses may be on one chain unless time or blocks of it can be
/// changed: that would change them for all.
#[async_trait]
pub trait Harness: Send + Sync {
    /// The adapter under test; always the same one.
    fn chain(&self) -> Arc<dyn Chain>;

    /// A second adapter on the same gateway with the same submitter key, which knows only what a freshly started process would. The first one is
    /// not used while the second is.
    async fn restart(&self) -> Arc<dyn Chain>;

    /// A user with collateral.
    fn user(&self) -> &dyn Actor;

    /// An account of this chain that holds nothing and can receive everything.
    fn stranger(&self) -> Account;

    /// The salt that the gateway was deployed with.
    fn salt(&self) -> Word;

    /// The reserve market.
    fn market(&self) -> MarketId;

    /// The foreign gateway.
    fn peer(&self) -> GatewayId;

    /// The attesters' keys.
    fn keys(&self) -> &Keys;

    /// Orders that fit in one transaction, at least; a batch of more is executed in several.
    fn orders_at_once(&self) -> usize {
        usize::MAX
    }

    /// Sends `orders` in one transaction exactly as they are, in this order and without simulation, as anybody but the submitter may, and waits
    /// until it is included. The id must be the one that [`crate::Reader::events`] gives.
    async fn execute(&self, orders: &[SignedOrder]) -> Result<TxId, ChainError>;

    /// Makes everything that is included so far final.
    async fn finalize(&self);

    /// Lets `seconds` pass on the chain; `false` where that is not possible.
    async fn pass(&self, seconds: u64) -> bool;

    /// Whether [`Harness::reorg`] is possible.
    fn can_reorg(&self) -> bool {
        true
    }

    /// Replaces the newest `depth` blocks, none of them final, by at least as many that have none of their transactions; `false` where that is not
    /// possible. The user must be able to act afterwards.
    async fn reorg(&self, depth: u64) -> bool;
}

/// Runs every case once, on whichever harness is free. On one it takes as long as the chain takes to include some hundred transactions, and to
/// finalise some fifty times.
pub async fn run<H: Harness>(harnesses: &[H]) -> Report {
    let queue = checks::Queue::default();
    let parts = join_all(harnesses.iter().map(|harness| checks::share(harness, &queue))).await;
    Report::of(parts.into_iter().flatten().collect())
}
