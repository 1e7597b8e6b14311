//! The suite that every adapter must pass, on a real anvil.

mod support;

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;
use support::{WHOLE, World, signer};
use tim3_chain::{
    Actor, Chain, ChainError, TxId,
    conformance::{self, Harness, Keys},
};
use tim3_domain::{
    identity::{Account, GatewayId, MarketId},
    protocol::SignedOrder,
    word::Word,
};
use tim3_ethereum::{Ethereum, User};

struct Anvil {
    world: World,
    chain: Arc<Ethereum>,
    user: User,
    executor: User,
}

impl Anvil {
    async fn start() -> Self {
        let world = World::start().await;
        let chain = Arc::new(world.connect().await);
        world.give_collateral(&chain, "user", 1_000_000 * WHOLE).await;
        let (user, executor) = (chain.user(signer("user")), chain.user(signer("executor")));
        Self { world, chain, user, executor }
    }
}

#[async_trait]
impl Harness for Anvil {
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
        Account::from_evm(signer("stranger").address().into_array())
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

    async fn execute(&self, orders: &[SignedOrder]) -> Result<TxId, ChainError> {
        self.executor.execute(orders).await
    }

    async fn finalize(&self) {
        self.world.mine(2).await;
    }

    async fn pass(&self, seconds: u64) -> bool {
        self.world.rpc("evm_increaseTime", json!([seconds])).await;
        self.world.mine(1).await;
        true
    }

    async fn reorg(&self, depth: u64) -> bool {
        self.world.rpc("anvil_reorg", json!([depth, []])).await;
        true
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_adapter_conforms() {
    let report = conformance::run(&[Anvil::start().await]).await;
    println!("{report}");
    assert!(report.is_passed(), "{report}");
}
