//! The V1 processes of contracts/ao/v1, untouched, in the real aos module: how they are read through the ports, and what a day does to them. What their
//! users ask of them completes in the end-to-end test of the daemon.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test"
)]

use std::sync::Arc;

use serde_json::{Value, json};
use tim3_arweave::{
    Network, NetworkConfig, Wallet,
    ans104::Tag,
    units::compute::Trial,
    v1::{
        Role,
        adopt::{End, Patience},
        configuration::Deployment,
        driver::Driver,
        journal::{Entry, Memory, MemoryError},
        network::Processes,
        ports::Ports,
        probe::Decimals,
    },
};
use tim3_chain::{BlockRef, ChainError, Lock as _, PositionRecord, State as _, Token as _};
use tim3_devnet::ao::{AoNetwork, AoOptions, V1Ids};
use tim3_domain::{
    identity::{AssetId, GatewayId, MarketId, MarketKind},
    word::{Word, keccak_text},
};
use tim3_rpc::EndpointConfig;

const DECIMALS: Decimals = Decimals { token: 6, usda: 6 };
const PATIENCE: Patience = Patience { report_after: 600_000, stranded_after: 0 };

fn wallet(name: &str) -> Wallet {
    Wallet::from_seed(&keccak_text(name).0).expect("a seed")
}

struct World {
    devnet: AoNetwork,
    network: Arc<Network>,
    deployment: Deployment,
}

/// For who is never started anew.
struct Forgetful;

#[async_trait::async_trait]
impl Memory for Forgetful {
    fn recall(&self) -> Result<Vec<Entry>, MemoryError> {
        Ok(Vec::new())
    }

    async fn record(&mut self, _: &Entry) -> Result<(), MemoryError> {
        Ok(())
    }
}

impl World {
    async fn start() -> Self {
        let devnet = AoNetwork::start(&AoOptions { v1: true, ..AoOptions::default() }).await.expect("a network");
        let end = |url: url::Url| EndpointConfig::new(url.into());
        let units = devnet.compute_units().unwrap().remove(0);
        let config = NetworkConfig::new(
            "ao",
            end(devnet.messenger().unwrap()),
            end(devnet.scheduler().unwrap()),
            end(units),
            end(devnet.gateway().unwrap()),
        );
        let network = Arc::new(Network::new(config, None).expect("endpoints"));
        let V1Ids { coordinator, lock_manager, token_manager, state_manager, usda } =
            devnet.v1().expect("V1 processes").clone();
        let daemon = wallet("daemon").address().to_string();
        let deployment = Deployment { coordinator, lock_manager, token_manager, state_manager, usda, daemon };
        let world = Self { devnet, network, deployment };
        for user in ["alice", "bob"] {
            world.send(user, Role::Usda, &[("Action", "Mint"), ("Quantity", "1000")]).await;
        }
        world
    }

    async fn send(&self, from: &str, role: Role, tags: &[(&str, &str)]) {
        let tags: Vec<Tag> = tags.iter().map(|(name, value)| Tag::new(*name, *value)).collect();
        let process = self.deployment.process(role).parse().unwrap();
        self.network.send(&wallet(from), process, &tags, "").await.expect("sent");
        self.devnet.idle().await.unwrap();
    }

    async fn mint(&self, user: &str, amount: &str) {
        self.send(user, Role::Coordinator, &[("Action", "MintTIM3"), ("Amount", amount)]).await;
    }

    async fn view(&self, role: Role, tags: &[(&str, &str)]) -> Value {
        let process = self.deployment.process(role).parse().unwrap();
        let outcome = self.network.dry_run(process, &Trial::new(tags)).await.expect("a view");
        serde_json::from_str(&outcome.messages.first().expect("an answer").data).expect("JSON")
    }

    /// A user's tokens, locked collateral, and position in the Coordinator's books.
    async fn state(&self, user: &str) -> (String, String, Value) {
        let user = wallet(user).address().to_string();
        let tokens = self.view(Role::TokenManager, &[("Action", "Balance"), ("Target", &user)]).await;
        let usda = self.view(Role::Usda, &[("Action", "Balance"), ("Target", &user)]).await;
        let position = self.view(Role::Coordinator, &[("Action", "GetPosition"), ("User", &user)]).await;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&tokens["balance"]), text(&usda["locked"]), position["position"]["tim3Minted"].clone())
    }

    fn processes(&self) -> Processes {
        let authority = self.devnet.authority_id().parse().unwrap();
        Processes::new(Arc::clone(&self.network), self.deployment.clone(), authority).expect("ids")
    }

    /// What the ports say of everything, and of alice, who has all of it.
    async fn is_read_by_the_ports(&self) {
        let [synthetic, collateral] = ["TIM3", "USDA"].map(|symbol| AssetId::from_symbol(symbol).unwrap());
        let market = MarketId::derive(GatewayId::ZERO, synthetic, collateral, MarketKind::Vault);
        let ports = Ports::new(self.processes(), market, synthetic, collateral, DECIMALS);
        let alice = wallet("alice").address().account();
        let position = PositionRecord { collateral: 25, debt: 25, version: 0 };
        assert_eq!(ports.position(market, alice).await, Ok(position));
        assert_eq!(ports.supply(synthetic).await, Ok(25));
        assert_eq!(ports.balance(synthetic, alice).await, Ok(25));
        assert_eq!(ports.collateral_balance(collateral, alice).await, Ok(975));
        let found = ports.market(market).await.unwrap().expect("its market");
        assert_eq!((found.debt, found.recorded, found.debt_ceiling), (25, 25, 300));
        let books =
            ports.books(synthetic, &[], &BlockRef { height: 0, hash: Word::ZERO, timestamp: 0 }).await.expect("books");
        assert_eq!((books.supply, books.debt), (25, 25));
        assert!(books.holdings.iter().all(tim3_chain::Holding::covers) && books.holdings[0].held == 25);
        assert_eq!(ports.pause_level(synthetic).await, Ok(0));
        assert!(matches!(ports.supply(collateral).await, Err(ChainError::Rejected { .. })));
    }

    async fn driver(&self) -> Driver {
        Driver::start(self.processes(), wallet("daemon"), DECIMALS, PATIENCE, Box::new(Forgetful), 0)
            .await
            .expect("processes that can be adopted")
    }

    /// Rounds until there is nothing to do.
    async fn rest(&self, driver: &mut Driver) {
        let mut quiet = 0;
        for now in 1.. {
            let busy = driver.round(now).await.expect("a round");
            self.devnet.idle().await.unwrap();
            quiet = if busy { 0 } else { quiet + 1 };
            assert!(now < 200, "no rest: {:?}", driver.findings(u64::MAX));
            if quiet == 2 {
                return;
            }
        }
    }
}

fn shown(tokens: &str, locked: &str, position: i64) -> (String, String, Value) {
    (tokens.to_owned(), locked.to_owned(), json!(position))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_minted_is_read_through_the_ports_and_what_was_forgotten_comes_back() {
    let world = World::start().await;
    let mut driver = world.driver().await;
    world.rest(&mut driver).await;
    world.mint("alice", "25").await;
    world.rest(&mut driver).await;
    assert_eq!(world.state("alice").await, shown("25", "25", 25));
    world.is_read_by_the_ports().await;

    // A sweep by a third party, a day after a lock was asked for: the Coordinator forgets the mint, and the collateral comes back.
    world.mint("bob", "6").await;
    driver.round(1).await.expect("a round");
    world.devnet.advance(100_000).await.unwrap();
    world.send("stranger", Role::Coordinator, &[("Action", "SystemHealth")]).await;
    world.rest(&mut driver).await;
    assert_eq!(world.state("bob").await, shown("0", "0", 0));
    let ended = driver.planner().ends();
    assert!(ended.len() == 2 && ended.contains(&&End::Completed) && ended.contains(&&End::Cancelled), "{ended:?}");
}
