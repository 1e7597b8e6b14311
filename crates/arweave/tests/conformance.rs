//! The suite that every adapter must pass, on a real process in the real aos module.

mod support;

use std::sync::Arc;

use async_trait::async_trait;
use support::{World, wallet};
use tim3_arweave::{Ao, User};
use tim3_chain::{
    Actor, Chain, ChainError, TxId,
    conformance::{self, Harness, Keys},
};
use tim3_domain::{
    identity::{Account, GatewayId, MarketId},
    protocol::SignedOrder,
    word::Word,
};

struct Local {
    world: World,
    chain: Arc<Ao>,
    user: User,
    executor: User,
}

impl Local {
    async fn start() -> Self {
        let world = World::start(1).await;
        world.give_collateral("user", 100_000_000_000).await;
        let chain = Arc::new(world.connect().await);
        let (user, executor) = (chain.user(wallet("user")), chain.user(wallet("executor")));
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
        wallet("stranger").address().account()
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

    fn orders_at_once(&self) -> usize {
        100
    }

    async fn execute(&self, orders: &[SignedOrder]) -> Result<TxId, ChainError> {
        self.executor.execute(orders).await
    }

    async fn finalize(&self) {
        self.world.finalize().await;
    }

    async fn pass(&self, seconds: u64) -> bool {
        self.world.network.advance(seconds).await.is_ok()
    }

    fn can_reorg(&self) -> bool {
        false
    }

    async fn reorg(&self, _depth: u64) -> bool {
        false
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_adapter_conforms() {
    let report = conformance::run(&[Local::start().await]).await;
    println!("{report}");
    assert!(report.is_passed(), "{report}");
    let skipped = report.skipped();
    assert!(skipped.len() <= 2, "only what needs another history is skipped: {skipped:?}");
}
