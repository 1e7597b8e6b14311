//! The five V1 processes of contracts/ao/v1 in the real aos module, untouched, and the real daemon that adopts them.

use std::{path::PathBuf, sync::Arc};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use tim3_arweave::{Id, Network, NetworkConfig, Wallet, ans104::Tag, units::compute::Trial};
use tim3_devnet::{
    ao::{AoNetwork, AoOptions, V1Ids},
    daemon::{Daemon, Program, free_port, until_async},
};
use tim3_domain::word::keccak_text;
use tim3_rpc::EndpointConfig;

use crate::scene::{PATIENCE, metrics};

fn wallet(name: &str) -> Result<Wallet> {
    Ok(Wallet::from_seed(&keccak_text(name).0)?)
}

/// The processes, their users, and a daemon once it was started.
struct World {
    devnet: AoNetwork,
    network: Arc<Network>,
    ids: V1Ids,
    program: Program,
    daemon: Option<Daemon>,
    log: PathBuf,
    _directory: TempDir,
}

impl World {
    async fn start() -> Result<Self> {
        let devnet = AoNetwork::start(&AoOptions { v1: true, ..AoOptions::default() }).await?;
        let ids = devnet.v1().context("V1 processes")?.clone();
        let (mu, su, arweave) = (devnet.messenger()?, devnet.scheduler()?, devnet.gateway()?);
        let cu = devnet.compute_units()?.remove(0);
        let end = |url: &url::Url| EndpointConfig::new(url.clone().into());
        let network = Network::new(NetworkConfig::new("ao", end(&mu), end(&su), end(&cu), end(&arweave)), None)?;
        let directory = tempfile::tempdir()?;
        let text = format!(
            r#"
[journal]
path = "journal.redb"
[api]
listen = "127.0.0.1:{port}"
token = {{ env = "E2E_V1_TOKEN" }}
[chains.ao_v1]
kind = "ao"
profile = "tim3-v1"
coordinator = "{coordinator}"
lock_manager = "{lock_manager}"
token_manager = "{token_manager}"
state_manager = "{state_manager}"
usda = "{usda}"
authority = "{authority}"
poll_interval = "200ms"
stranded_after = "0s"
endpoints = [
  {{ unit = "mu", url = "{mu}" }}, {{ unit = "su", url = "{su}" }},
  {{ unit = "cu", url = "{cu}" }}, {{ unit = "arweave", url = "{arweave}" }},
]
submit.signer = {{ env = "E2E_V1_SIGNER" }}
"#,
            port = free_port()?,
            coordinator = ids.coordinator,
            lock_manager = ids.lock_manager,
            token_manager = ids.token_manager,
            state_manager = ids.state_manager,
            usda = ids.usda,
            authority = devnet.authority_id(),
        );
        let file = directory.path().join("tim3d.toml");
        std::fs::write(&file, text)?;
        let seed: String = keccak_text("daemon").to_string().trim_start_matches("0x").to_owned();
        let program = Program::new(env!("CARGO_BIN_EXE_tim3d"), file)
            .with_env("E2E_V1_SIGNER", seed)
            .with_env("E2E_V1_TOKEN", "token");
        let log = directory.path().join("tim3d.log");
        let network = Arc::new(network);
        let world = Self { devnet, network, ids, program, daemon: None, log, _directory: directory };
        for user in ["alice", "bob"] {
            world.send(user, &world.ids.usda, &[("Action", "Mint"), ("Quantity", "1000")]).await?;
        }
        Ok(world)
    }

    async fn send(&self, from: &str, to: &str, tags: &[(&str, &str)]) -> Result<()> {
        let tags: Vec<Tag> = tags.iter().map(|(name, value)| Tag::new(*name, *value)).collect();
        self.network.send(&wallet(from)?, to.parse::<Id>()?, &tags, "").await?;
        self.devnet.idle().await
    }

    async fn mint(&self, user: &str, amount: &str) -> Result<()> {
        self.send(user, &self.ids.coordinator, &[("Action", "MintTIM3"), ("Amount", amount)]).await
    }

    async fn burn(&self, user: &str, amount: &str) -> Result<()> {
        self.send(user, &self.ids.coordinator, &[("Action", "BurnTIM3"), ("Amount", amount)]).await
    }

    async fn view(&self, process: &str, tags: &[(&str, &str)]) -> Result<Value> {
        let outcome = self.network.dry_run(process.parse::<Id>()?, &Trial::new(tags)).await?;
        Ok(serde_json::from_str(&outcome.messages.first().context("no answer")?.data)?)
    }

    /// Waits until a user has these tokens, this locked collateral and this position in the Coordinator's books.
    async fn has(&self, user: &str, tokens: &str, locked: &str, position: i64) -> Result<()> {
        let address = wallet(user)?.address().to_string();
        let mut found = Value::Null;
        let look = async || {
            let balance = self.view(&self.ids.token_manager, &[("Action", "Balance"), ("Target", &address)]).await?;
            found = json!([balance["balance"]]);
            if found[0] != tokens {
                return Ok(None);
            }
            let usda = self.view(&self.ids.usda, &[("Action", "Balance"), ("Target", &address)]).await?;
            let of = self.view(&self.ids.coordinator, &[("Action", "GetPosition"), ("User", &address)]).await?;
            found = json!([balance["balance"], usda["locked"], of["position"]["tim3Minted"]]);
            Ok((found == json!([tokens, locked, position])).then_some(()))
        };
        until_async(PATIENCE, look)
            .await
            .with_context(|| format!("{user} has {found}, not {tokens}, {locked}, {position}"))
    }

    async fn run(&mut self) -> Result<()> {
        let mut daemon = self.program.run(&self.log)?;
        daemon.ready(&self.program, PATIENCE).await?;
        self.daemon = Some(daemon);
        Ok(())
    }

    /// Waits until the daemon's view of the processes is as `wanted`.
    async fn known(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        let mut last = Value::Null;
        let look = async || {
            // A daemon that is halted is not ready, and says so with exit code 3.
            let output = self.program.output(&["status", "--json"])?;
            last = serde_json::from_slice::<Value>(&output.stdout).unwrap_or_default()["v1"][0].clone();
            Ok(wanted(&last).then(|| last.clone()))
        };
        until_async(PATIENCE, look).await.with_context(|| format!("not {what}: {last:#}"))
    }

    /// `contracts check` by its exit code, and what it printed.
    fn check(&self, code: i32) -> Result<String> {
        let output = self.program.output(&["contracts", "check"])?;
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        ensure!(output.status.code() == Some(code), "contracts check ended with {}: {said}", output.status);
        Ok(said)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn adopted_processes_complete_what_is_asked_of_them_until_a_stranger_takes_a_slot() -> Result<()> {
    let mut world = World::start().await?;

    // As they are, a mint only locks. They can be adopted, and are not yet.
    world.mint("bob", "7").await?;
    world.has("bob", "0", "7", 0).await?;
    let said = world.check(0)?;
    ensure!(said.contains("the daemon sets it"), "{said}");
    // Other decimals than those of the processes are no ground to begin on.
    let wrong = world.program.clone().with_set("chains.ao_v1.usda_decimals=12").output(&["run"])?;
    let said = String::from_utf8_lossy(&wrong.stderr).into_owned();
    ensure!(wrong.status.code() == Some(1) && said.contains("has 6 decimals"), "{}: {said}", wrong.status);

    // The lock that was stranded before is released. A mint and a burn of 25, while somebody asks for the health.
    world.run().await?;
    world.has("bob", "0", "0", 0).await?;
    world.mint("alice", "25").await?;
    world.devnet.advance(600).await?;
    world.send("stranger", &world.ids.coordinator, &[("Action", "SystemHealth")]).await?;
    world.has("alice", "25", "25", 25).await?;
    world.burn("alice", "25").await?;
    world.has("alice", "0", "0", 0).await?;

    // Killed with mints under way, it goes on with what the journal knows; a burn larger than any single lock, and two equal ones at once.
    for amount in ["2", "3", "4"] {
        world.mint("alice", amount).await?;
    }
    world.daemon.take().context("a daemon")?.kill()?;
    world.run().await?;
    world.has("alice", "9", "9", 9).await?;
    for amount in ["5", "2", "2"] {
        world.burn("alice", amount).await?;
    }
    world.has("alice", "0", "0", 0).await?;
    let known = world.known("all completed", |v1| v1["completed"] == 8 && v1["open"] == 0).await?;
    ensure!(known["halted"].is_null(), "{known:#}");
    let operations = world.program.query(&["ops", "v1", "ao_v1"])?;
    let states: Vec<_> = operations.as_array().context("a list")?.iter().map(|it| it["state"].clone()).collect();
    assert_eq!(states.iter().filter(|state| **state == "completed").count(), 8, "{operations:#}");
    let said = world.check(0)?;
    ensure!(said.contains("slots: the daemon's"), "{said}");

    // A stranger's Configure stops minting.
    let stranger = wallet("stranger")?.address().to_string();
    let take = [("Action", "Configure"), ("ConfigType", "CoordinatorProcess"), ("Value", stranger.as_str())];
    world.send("stranger", &world.ids.token_manager, &take).await?;
    world.mint("bob", "8").await?;
    let known = world.known("halted", |v1| v1["halted"].is_string()).await?;
    ensure!(known["halted"].as_str().is_some_and(|why| why.contains(&stranger)), "{known:#}");
    let status = world.program.output(&["status"])?;
    assert_eq!(status.status.code(), Some(3), "a halted daemon is not ready");
    let metrics = metrics(&world.program).await?;
    ensure!(metrics.contains("tim3_v1_halted{chain=\"ao_v1\"} 1"), "{metrics}");
    ensure!(metrics.matches("tim3_endpoint_usable{chain=\"ao_v1\",").count() == 4, "{metrics}");
    world.has("bob", "0", "0", 0).await?;

    // A human has looked: it goes on, and a restart does not halt for the same again.
    let resumed = world.program.output(&["resume", "ao_v1", "--reason", "looked into it"])?;
    ensure!(resumed.status.success(), "{}", String::from_utf8_lossy(&resumed.stderr));
    world.has("bob", "8", "8", 8).await?;
    world.daemon.take().context("a daemon")?.kill()?;
    world.run().await?;
    world.known("served", |v1| v1["halted"].is_null() && v1["round_ms"].is_u64()).await?;
    let status = world.daemon.take().context("a daemon")?.terminate(PATIENCE).await?;
    ensure!(status.success(), "tim3d ended with {status}");
    Ok(())
}
