//! Ethereum and AO, the gateway there in the real aos module: every kind of operation in both directions, judged by what contract and processes
//! themselves hold. Two of three attesters sign. In between all endpoints of AO are replaced while the daemon runs, and a payout is lost. Needs anvil and
//! node: tests/setup.sh installs them.

mod arbitrage;
mod keeper;

use std::path::Path;

use alloy::primitives::{B256, U256};
use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use tim3_chain::{Actor as _, UserAction};
use tim3_devnet::{
    AoSite, Site, accounts,
    ao::AoNetwork,
    ao_site::{STABLE_NATIVE, account_of},
    daemon::until_async,
    plan::{STABLE, STABLE_DECIMALS, SYNTHETIC, UNIT},
    site::{Position, native},
};
use tim3_domain::identity::MarketId;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    actions::{lock, on_ethereum, redeem, transfer},
    contracts,
    scene::{PATIENCE, Scene, account, outcomes},
};

/// One unit of the protocol in units of the collateral's process.
const NATIVE: u128 = 10_u128.pow((STABLE_NATIVE - STABLE_DECIMALS) as u32);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn locks_redeems_and_transfers_go_both_ways_between_ethereum_and_ao() -> Result<()> {
    let mut scene = Scene::with(|options| options.ao = true).await?;
    let old = Gates::open(scene.devnet.ao.as_ref().context("no AO network")?.network()).await?;
    let overlay = scene.devnet.directory.join("overlay.toml");
    std::fs::write(&overlay, overlay_with(old.0.iter().map(|(unit, gate)| (*unit, gate.port))))?;
    scene.program = scene.program.clone().with_file(&overlay);
    scene.run().await?;
    let (a, b) = (&scene.devnet.a, &scene.devnet.b);
    let o = scene.devnet.ao.as_ref().context("no AO network")?;
    let (on_a, on_o) = (a.market(STABLE)?, o.market(STABLE)?);
    let (id_a, id_b, id_o) = (a.deployment.id, b.deployment.id, o.deployment.gateway);

    // AO to Ethereum and back.
    ao(o, "alice", lock(on_o, 200 * UNIT, id_a, account("bob")?, account_of("alice")?)).await?;
    scene.has(a, "bob", SYNTHETIC, U256::from(200 * UNIT)).await?;
    has(o, "alice", STABLE, 999_800 * UNIT * NATIVE).await?;
    mirrored_on_ethereum(o, a, on_o, 200 * UNIT).await?;
    mirrored_on_ethereum(o, b, on_o, 200 * UNIT).await?;
    let back = redeem(on_o, 50 * UNIT, id_o, account_of("carol")?, account("bob")?)?;
    let released = on_ethereum(a, "bob", back).await?;
    has(o, "carol", STABLE, 1_000_050 * UNIT * NATIVE).await?;
    scene.in_phase(&released, "completed").await?;
    mirrored_on_ethereum(o, a, on_o, 150 * UNIT).await?;
    let moved = on_ethereum(a, "bob", transfer(30 * UNIT, id_o, account_of("bob")?, account("bob")?)?).await?;
    has(o, "bob", SYNTHETIC, 30 * UNIT).await?;
    scene.in_phase(&moved, "completed").await?;
    assert!(outcomes(a, &moved).await?.is_empty(), "it was neither refunded nor settled at its origin");

    let new = Gates::open(o.network()).await?;
    units_are_replaced_while_it_runs(&scene, o.network(), &overlay, &new)?;
    drop(old);

    // A payout that never reaches its token is sent again.
    o.network().fault(&json!({"unit": "push", "kind": "drop", "match": {"Action": "Transfer"}})).await?;
    let again = redeem(on_o, 20 * UNIT, id_o, account_of("carol")?, account("bob")?)?;
    let released = on_ethereum(a, "bob", again).await?;
    has(o, "carol", STABLE, 1_000_070 * UNIT * NATIVE).await?;
    scene.in_phase(&released, "completed").await?;
    assert_eq!(scene.logged("a payout never reached its token: it is sent again")?, 1);

    // Ethereum to AO and back.
    let mint = on_ethereum(a, "alice", lock(on_a, 100 * UNIT, id_o, account_of("bob")?, account("alice")?)).await?;
    has(o, "bob", SYNTHETIC, 130 * UNIT).await?;
    scene.in_phase(&mint, "completed").await?;
    mirrored_on_ao(a, o, on_a, 100 * UNIT).await?;
    ao(o, "bob", redeem(on_a, 40 * UNIT, id_a, account("carol")?, account_of("bob")?)?).await?;
    scene.has(a, "carol", STABLE, native(1_000_040)).await?;
    mirrored_on_ao(a, o, on_a, 60 * UNIT).await?;
    ao(o, "bob", transfer(25 * UNIT, id_b, account("carol")?, account_of("bob")?)?).await?;
    scene.has(b, "carol", SYNTHETIC, U256::from(25 * UNIT)).await?;
    has(o, "bob", SYNTHETIC, 65 * UNIT).await?;

    scene.audited(60 * UNIT + 130 * UNIT).await?;
    assert_eq!(o.overpaid().await?, 0);
    contracts::are_deployed_on_ao(&scene)?;
    scene.end().await
}

/// A reload has other units asked once they know the gateway, and changes nothing where they do not.
fn units_are_replaced_while_it_runs(
    scene: &Scene,
    network: &AoNetwork,
    overlay: &Path,
    Gates(gates): &Gates,
) -> Result<()> {
    let control = network.control_url()?.port().context("no port")?;
    std::fs::write(overlay, overlay_with(gates.iter().map(|(unit, _)| (*unit, control))))?;
    let refused = scene.program.output(&["config", "reload"])?;
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    ensure!(refused.status.code() == Some(1) && said.contains("nothing has changed"), "{}: {said}", refused.status);
    std::fs::write(overlay, overlay_with(gates.iter().map(|(unit, gate)| (*unit, gate.port))))?;
    let changes = scene.program.query(&["config", "reload"])?["changes"].clone();
    let changes = changes.as_array().context("changes")?;
    ensure!(!changes.is_empty() && changes.iter().all(|change| change["applied"] == true), "{changes:?}");
    Ok(())
}

/// What makes a daemon ask these units, by their ports, and miss payouts early.
fn overlay_with(units: impl Iterator<Item = (&'static str, u16)>) -> String {
    let endpoint = |(unit, port)| format!("  {{ unit = \"{unit}\", url = \"http://127.0.0.1:{port}\" }},\n");
    let endpoints: String = units.map(endpoint).collect();
    format!("[chains.o]\nresend_after = \"3s\"\nendpoints = [\n{endpoints}]\n")
}

/// Another address of each unit.
struct Gates(Vec<(&'static str, Gate)>);

/// Passes connections on, until it is dropped and they end.
struct Gate {
    port: u16,
    _task: AbortOnDropHandle<()>,
}

impl Gates {
    async fn open(network: &AoNetwork) -> Result<Self> {
        let mut gates = Vec::new();
        let cu = network.compute_units()?.remove(0);
        for (unit, url) in
            [("mu", network.messenger()?), ("su", network.scheduler()?), ("cu", cu), ("arweave", network.gateway()?)]
        {
            gates.push((unit, Gate::open(url.port().context("no port")?).await?));
        }
        Ok(Self(gates))
    }
}

impl Gate {
    async fn open(to: u16) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((mut from, _)) = listener.accept().await {
                connections.spawn(async move {
                    let mut to = TcpStream::connect(("127.0.0.1", to)).await?;
                    copy_bidirectional(&mut from, &mut to).await
                });
            }
        });
        Ok(Self { port, _task: AbortOnDropHandle::new(task) })
    }
}

/// Lets a user act on AO.
async fn ao(site: &AoSite, user: &str, action: UserAction) -> Result<()> {
    site.user(user).await?.act(action).await?;
    Ok(())
}

/// Waits until `user` has `amount` of `symbol` on AO, in the token's own units.
async fn has(site: &AoSite, user: &str, symbol: &str, amount: u128) -> Result<()> {
    let wallet = accounts::ao_wallet(user)?.address();
    let mut found = 0;
    let look = async || {
        found = site.balance(symbol, wallet).await?;
        Ok((found == amount).then_some(()))
    };
    let waited = until_async(PATIENCE, look).await;
    waited.with_context(|| format!("{user} has {found} {symbol} on AO, expected {amount}"))
}

/// Waits until AO has the copy of an EVM chain's reserve position.
async fn mirrored_on_ao(home: &Site, site: &AoSite, market: MarketId, amount: u128) -> Result<()> {
    let word = B256::new(market.0.0);
    let look = async || {
        let position = home.gateway().position(word, word).call().await?;
        let mirror = site.mirror(market, market.reserve_owner()).await?;
        let expected = Position { collateral: position.collateral, debt: position.debt, version: position.version };
        Ok((mirror == expected && expected.debt == amount && expected.collateral == amount).then_some(()))
    };
    until_async(PATIENCE, look).await.with_context(|| format!("AO has no mirror with {amount}"))
}

/// Waits until an EVM chain has the copy of AO's reserve position.
async fn mirrored_on_ethereum(home: &AoSite, site: &Site, market: MarketId, amount: u128) -> Result<()> {
    let word = B256::new(market.0.0);
    let look = async || {
        let mirror = site.gateway().mirror(word, word).call().await?;
        let found = Position { collateral: mirror.collateral, debt: mirror.debt, version: mirror.version };
        let is_same = home.reserve(market).await? == found;
        Ok((is_same && found.debt == amount && found.collateral == amount).then_some(()))
    };
    until_async(PATIENCE, look).await.with_context(|| format!("{} has no mirror with {amount}", site.name))
}
