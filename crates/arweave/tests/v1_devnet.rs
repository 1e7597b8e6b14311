//! The V1 processes of contracts/ao/v1, untouched, in the real aos module: adopted, what their users ask for completes.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unreachable,
    clippy::unwrap_used,
    reason = "a test"
)]

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};
use tim3_arweave::{
    Birth, Id, Network, NetworkConfig, Wallet,
    ans104::Tag,
    units::compute::Trial,
    v1::{
        Role,
        adopt::{End, Halt, Patience},
        configuration::Deployment,
        driver::{DriveError, Driver},
        journal::{Entry, Memory, MemoryError},
        network::Processes,
        ports::Ports,
        probe::{Decimals, Unfit},
    },
};
use tim3_chain::{BlockRef, ChainError, Lock as _, PositionRecord, State as _, Token as _};
use tim3_devnet::ao::{AoNetwork, AoOptions};
use tim3_domain::{
    identity::{AssetId, GatewayId, MarketId, MarketKind},
    word::{Word, keccak_text},
};
use tim3_rpc::EndpointConfig;

const DECIMALS: Decimals = Decimals { token: 6, usda: 6 };
const PATIENCE: Patience = Patience { report_after: 600_000, stranded_after: 0 };
const FILES: [(Role, &str); 5] = [
    (Role::Coordinator, "coordinator"),
    (Role::LockManager, "lock-manager"),
    (Role::TokenManager, "token-manager"),
    (Role::StateManager, "state-manager"),
    (Role::Usda, "mock-usda"),
];

fn wallet(name: &str) -> Wallet {
    Wallet::from_seed(&keccak_text(name).0).expect("a seed")
}

struct World {
    devnet: AoNetwork,
    network: Arc<Network>,
    deployment: Deployment,
    memory: Kept,
}

/// A journal that outlives the driver, as text.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<String>>>);

#[async_trait::async_trait]
impl Memory for Kept {
    fn recall(&self) -> Result<Vec<Entry>, MemoryError> {
        self.0.lock().unwrap().iter().map(|text| Entry::decode(text)).collect()
    }

    async fn record(&mut self, entry: &Entry) -> Result<(), MemoryError> {
        self.0.lock().unwrap().push(entry.encode()?);
        Ok(())
    }
}

impl World {
    async fn start() -> Self {
        let devnet = AoNetwork::start(&AoOptions::default()).await.expect("a network");
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
        let id = |text: &str| text.parse::<Id>().expect("an id");
        let birth = Birth {
            module: id(devnet.module_id()),
            scheduler: id(devnet.scheduler_id()),
            authority: id(devnet.authority_id()),
            tags: &[],
        };
        let owner = wallet("operator");
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contracts/ao/v1/src");
        let read = |name: &str| std::fs::read_to_string(sources.join(format!("{name}.lua"))).expect("a source");
        let mut ids = BTreeMap::new();
        for (role, file) in FILES {
            let process = network.spawn(&owner, &birth).await.expect("a process");
            let code = format!("local variant = {{}}\n{}\n{}", read("shared"), read(file));
            network.eval(&owner, process, &code).await.expect("evaluated");
            ids.insert(role, process.to_string());
        }
        let [coordinator, lock_manager, token_manager, state_manager, usda] =
            Role::ALL.map(|role| ids.remove(&role).unwrap());
        let daemon = wallet("daemon").address().to_string();
        let deployment = Deployment { coordinator, lock_manager, token_manager, state_manager, usda, daemon };
        let world = Self { devnet, network, deployment, memory: Kept::default() };
        let d = &world.deployment;
        for (role, name, value) in [
            (Role::Coordinator, "MockUsdaProcess", &d.usda),
            (Role::Coordinator, "LockManagerProcess", &d.lock_manager),
            (Role::Coordinator, "TokenManagerProcess", &d.token_manager),
            (Role::LockManager, "CoordinatorProcess", &d.coordinator),
            (Role::LockManager, "MockUsdaProcess", &d.usda),
            (Role::TokenManager, "CoordinatorProcess", &d.coordinator),
        ] {
            world.configure("operator", role, name, value).await;
        }
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

    async fn configure(&self, from: &str, role: Role, name: &str, value: &str) {
        self.send(from, role, &[("Action", "Configure"), ("ConfigType", name), ("Value", value)]).await;
    }

    async fn mint(&self, user: &str, amount: &str) {
        self.send(user, Role::Coordinator, &[("Action", "MintTIM3"), ("Amount", amount)]).await;
    }

    async fn burn(&self, user: &str, amount: &str) {
        self.send(user, Role::Coordinator, &[("Action", "BurnTIM3"), ("Amount", amount)]).await;
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

    /// What the ports say of everything and of alice, who has 25 of both tokens' 25.
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

    async fn try_driver(&self, decimals: Decimals) -> Result<Driver, DriveError> {
        let memory = Box::new(self.memory.clone());
        Driver::start(self.processes(), wallet("daemon"), decimals, PATIENCE, memory, 0).await
    }

    async fn driver(&self) -> Driver {
        self.try_driver(DECIMALS).await.expect("processes that can be adopted")
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
async fn untouched_processes_complete_what_is_asked_of_them() {
    let world = World::start().await;

    // As they are, a mint only locks.
    world.mint("bob", "7").await;
    assert_eq!(world.state("bob").await, shown("0", "7", 0));

    // Decimals that are not those of the processes are no ground to begin on.
    let error = world.try_driver(Decimals { usda: 12, ..DECIMALS }).await.expect_err("other decimals");
    assert!(
        matches!(&error, DriveError::Unfit(why) if matches!(why.as_slice(), [Unfit::Decimals { role: Role::Usda, found: 6, expected: 12 }])),
        "{error}"
    );

    // The lock that was stranded before is found and released.
    let mut driver = world.driver().await;
    world.rest(&mut driver).await;
    assert_eq!(world.state("bob").await, shown("0", "0", 0));

    // A mint and a burn of 25, while somebody asks for the health.
    world.mint("alice", "25").await;
    world.devnet.advance(600).await.unwrap();
    world.send("stranger", Role::Coordinator, &[("Action", "SystemHealth")]).await;
    world.rest(&mut driver).await;
    assert_eq!(world.state("alice").await, shown("25", "25", 25));
    world.is_read_by_the_ports().await;
    world.burn("alice", "25").await;
    world.rest(&mut driver).await;
    assert_eq!(world.state("alice").await, shown("0", "0", 0));

    // A burn larger than any single lock, and two equal ones at once; the daemon is started anew in between, from its journal.
    for amount in ["2", "3", "4"] {
        world.mint("alice", amount).await;
        driver.round(1).await.expect("a round");
    }
    drop(driver);
    let mut driver = world.driver().await;
    world.rest(&mut driver).await;
    assert_eq!(world.state("alice").await, shown("9", "9", 9));
    world.burn("alice", "5").await;
    world.burn("alice", "2").await;
    world.burn("alice", "2").await;
    world.rest(&mut driver).await;
    assert_eq!(world.state("alice").await, shown("0", "0", 0));

    // A sweep by a third party, a day after a lock was asked for: the Coordinator forgets the mint, and the collateral comes back.
    world.mint("bob", "6").await;
    driver.round(1).await.expect("a round");
    world.devnet.advance(100_000).await.unwrap();
    world.send("stranger", Role::Coordinator, &[("Action", "SystemHealth")]).await;
    world.rest(&mut driver).await;
    assert_eq!(world.state("bob").await, shown("0", "0", 0));
    let ended = driver.planner().ends();
    assert_eq!(ended.iter().filter(|end| ***end == End::Completed).count(), 5 + 3, "{ended:?}");

    // A stranger's Configure is noticed in the next round, and nothing is minted any more.
    world
        .configure("stranger", Role::TokenManager, "CoordinatorProcess", &wallet("stranger").address().to_string())
        .await;
    world.mint("bob", "8").await;
    driver.round(1).await.expect("a round");
    let Some(Halt::Taken(intrusion)) = driver.halted() else { unreachable!("{:?}", driver.findings(1)) };
    assert_eq!(intrusion.by, Some(wallet("stranger").address().to_string()));
    world.rest_halted(&mut driver).await;
    assert_eq!(world.state("bob").await, shown("0", "0", 0));
    driver.resume().await.unwrap();
    // It goes on after a restart, too: what was looked at is nothing to stop for again.
    drop(driver);
    let mut driver = world.driver().await;
    world.rest(&mut driver).await;
    assert_eq!(world.state("bob").await, shown("8", "8", 8));
}

impl World {
    async fn rest_halted(&self, driver: &mut Driver) {
        for now in 2..5 {
            driver.round(now).await.expect("a round");
            self.devnet.idle().await.unwrap();
        }
    }
}
