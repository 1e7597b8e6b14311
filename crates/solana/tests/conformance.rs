//! The suite that every adapter must pass, and what only this chain has, on a real validator.
//!
//! One test, because each validator costs as much as ten cases; and several gateways on it, because almost all the time is spent waiting for
//! finality.

mod catch_up;
mod recipients;
mod support;

use std::sync::Arc;

use async_trait::async_trait;
use futures::{future::join_all, join};
use support::{World, signer};
use tim3_chain::{
    Actor, Chain, ChainError, TxId,
    conformance::{self, Harness, Keys},
};
use tim3_domain::{
    identity::{Account, GatewayId, MarketId},
    protocol::SignedOrder,
    word::Word,
};
use tim3_solana::{Signer as _, Solana, User};

/// One for what only this chain has; the others share the suite.
const GATEWAYS: usize = 7;

struct Local {
    world: World,
    chain: Arc<Solana>,
    user: User,
    executor: User,
}

impl Local {
    async fn on(world: World) -> Self {
        world.give_collateral("user", 1_000_000_000_000).await;
        for who in ["stranger", "treasury"] {
            world.open(who).await;
        }
        let chain = Arc::new(world.connect().await);
        let (user, executor) = (chain.user(signer("user")), chain.user(signer("executor")));
        Self { world, chain, user, executor }
    }
}

#[async_trait]
impl Harness for Local {
    fn chain(&self) -> Arc<dyn Chain> {
        Arc::clone(&self.chain) as Arc<dyn Chain>
    }

    async fn restart(&self) -> Arc<dyn Chain> {
        Arc::new(self.world.connect().await)
    }

    fn user(&self) -> &dyn Actor {
        &self.user
    }

    fn stranger(&self) -> Account {
        tim3_solana::address::account(&signer("stranger").pubkey())
    }

    fn salt(&self) -> Word {
        self.world.plan.salt
    }

    fn market(&self) -> MarketId {
        self.world.market()
    }

    fn peer(&self) -> GatewayId {
        self.world.peer
    }

    fn keys(&self) -> &Keys {
        &self.world.keys
    }

    /// What surely fits in 1,232 bytes, with two signatures each and a lookup table.
    fn orders_at_once(&self) -> usize {
        3
    }

    async fn execute(&self, orders: &[SignedOrder]) -> Result<TxId, ChainError> {
        self.executor.execute(orders).await
    }

    async fn finalize(&self) {
        self.world.finalize().await;
    }

    async fn pass(&self, _seconds: u64) -> bool {
        false
    }

    fn can_reorg(&self) -> bool {
        false
    }

    async fn reorg(&self, _depth: u64) -> bool {
        false
    }
}

/// What only this chain has.
async fn its_own(world: &World) {
    recipients::without_an_account_get_one(world).await;
    recipients::table_makes_room_for_a_third_order(world).await;
    catch_up::is_complete(world, 480, 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_adapter_conforms() {
    let [other, shared @ ..] = World::several::<GATEWAYS>().await;
    let (other, shared) = join!(Local::on(other), join_all(shared.map(Local::on)));
    let (report, ()) = join!(conformance::run(&shared), its_own(&other.world));
    println!("{report}");
    assert!(report.is_passed(), "{report}");
    let skipped = report.skipped();
    assert!(skipped.len() <= 3, "only what needs another time or another history is skipped: {skipped:?}");
}
