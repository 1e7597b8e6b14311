//! Reserve reports on Arweave's base layer, as the AO devnet has it: only what the npm package arweave verifies gets into its blocks.

use std::path::Path;

use alloy::primitives::U256;
use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tim3_devnet::{
    ao::{AoNetwork, AoOptions},
    daemon::{until, until_async},
    plan::{SYNTHETIC, UNIT},
};

use crate::scene::{PATIENCE, Scene};

/// The auditor's wallet: worth nothing.
const JWK: &str = "../arweave/tests/wallet.json";

/// Asks for the ids of all transactions with a report in them, which a search of the gateway gives.
async fn posted(network: &AoNetwork) -> Result<Vec<String>> {
    let query = "query { transactions(tags: [{ name: \"App-Name\", values: [\"tim3d\"] }], first: 100) { edges { node { id } } } }";
    let client = reqwest::Client::new();
    let answer = client.post(network.gateway()?.join("graphql")?).body(json!({ "query": query }).to_string()).send();
    let answer: Value = serde_json::from_str(&answer.await?.text().await?)?;
    let edges = answer["data"]["transactions"]["edges"].as_array().with_context(|| format!("{answer}"))?;
    edges.iter().map(|edge| Ok(edge["node"]["id"].as_str().context("an id")?.to_owned())).collect()
}

/// Waits until the daemon's newest report is on Arweave, and gives it.
async fn anchored(scene: &Scene, network: &AoNetwork, above: u64) -> Result<Value> {
    let mut last = Value::Null;
    let look = async || {
        // Blocks are made as they are needed.
        network.mine(1).await?;
        last = scene.program.query(&["audit"]).unwrap_or_default()["anchor"].clone();
        let is_new = last["period_ms"].as_u64().is_some_and(|period| period > above);
        Ok((is_new && last["height"].is_u64()).then(|| last.clone()))
    };
    until_async(PATIENCE, look).await.with_context(|| format!("no report is on Arweave: {last}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn each_period_has_one_report_whatever_ends_and_whoever_has_it_can_verify_it() -> Result<()> {
    let network = AoNetwork::start(&AoOptions::default()).await?;
    let mut scene = Scene::start().await?;
    let key = Path::new(env!("CARGO_MANIFEST_DIR")).join(JWK);
    // Nothing listens at the first gateway, and some replies of the other one are lost.
    let gateways =
        format!("[{{ url = \"http://127.0.0.1:9\" }}, {{ url = \"{}\", priority = 1 }}]", network.gateway()?);
    let private = scene.write("auditor.jwk", &std::fs::read_to_string(key)?)?;
    let anchor = format!(
        "[anchor]\ngateways = {gateways}\nkey = {{ file = \"{}\" }}\ninterval = \"10s\"\nconfirmations = 3\n",
        private.display()
    );
    let file = scene.write("anchor.toml", &anchor)?;
    scene.program = scene.program.clone().with_file(file);
    network.fault(&json!({ "unit": "gateway", "kind": "lost-reply", "path": "/tx", "times": 2 })).await?;
    let lock = scene.lock(&scene.devnet.a, "alice", 100 * UNIT, "bob").await?;
    scene.run().await?;
    scene.in_phase(&lock, "completed").await?;
    scene.has(&scene.devnet.b, "bob", SYNTHETIC, U256::from(100 * UNIT)).await?;
    scene.audited(100 * UNIT).await?;

    // Killed as soon as a report is signed: it goes on with the same one.
    until(PATIENCE, || Ok((scene.logged("posts a reserve report")? > 0).then_some(()))).await?;
    scene.kill()?;
    scene.run().await?;
    let first = anchored(&scene, &network, 0).await?;
    let after = first["period_ms"].as_u64().context("a period")?;
    let second = anchored(&scene, &network, after).await?;
    scene.audited(100 * UNIT).await?;

    let transaction = |anchor: &Value| {
        anchor["transactions"]
            .as_array()
            .and_then(|all| all.last()?.as_str())
            .context("a transaction")
            .map(str::to_owned)
    };
    let (first, second) = (transaction(&first)?, transaction(&second)?);
    let verified = scene.program.query(&["audit", "--verify", &second])?;
    ensure!(verified["valid"] == true && verified["not_compared"].is_null(), "{verified:#}");
    let report = &verified["report"];
    let asset = &report["assets"][0];
    assert_eq!(
        (&asset["locked"], &asset["minted"], &asset["in_flight"]),
        (&json!("100000000"), &json!("100000000"), &json!("0"))
    );
    assert_eq!(asset["chains"].as_array().map(Vec::len), Some(2));
    assert_eq!(report["attesters"].as_array().map(Vec::len), Some(3), "{report:#}");
    // What the report says of a block, the chain says, too.
    let chains = asset["chains"].as_array().context("chains")?;
    for site in scene.devnet.sites() {
        let id = json!(site.deployment.id.to_string());
        let chain = chains.iter().find(|chain| chain["gateway"] == id).context("a chain is missing")?;
        let height = chain["block"]["height"].as_u64().context("a height")?;
        let block = alloy::providers::Provider::get_block(site.provider(), height.into()).await?.context("a block")?;
        assert_eq!(chain["block"]["hash"], json!(block.header.hash.to_string()), "{}", site.name);
    }

    // One transaction a period, and each report names the one before.
    scene.end().await?;
    let all = posted(&network).await?;
    let mut periods = Vec::new();
    for id in &all {
        // The journal of a daemon that does not run is compared with as well.
        let verified = scene.program.query(&["audit", "--verify", id])?;
        ensure!(verified["valid"] == true && verified["not_compared"].is_null(), "{verified:#}");
        periods.push(verified["report"]["period_ms"].as_u64());
    }
    assert!(all.contains(&first) && all.contains(&second), "{all:?}");
    let count = periods.len();
    periods.sort_unstable();
    periods.dedup();
    assert_eq!(periods.len(), count, "two reports of one period: {periods:?}");

    // A transaction that is no report, and one that does not exist.
    let told = scene.program.output(&["audit", "--verify", &"A".repeat(43)])?;
    assert_eq!(told.status.code(), Some(1), "{}", String::from_utf8_lossy(&told.stderr));
    Ok(())
}
