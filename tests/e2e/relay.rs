//! Operations on their normal way.

use alloy::primitives::U256;
use anyhow::{Context as _, Result};
use serde_json::Value;
use tim3_chain::TxId;
use tim3_devnet::{
    daemon::until_async,
    plan::{STABLE, SYNTHETIC, UNIT},
    site::native,
};
use tim3_domain::protocol::Operation;

use crate::scene::{PATIENCE, Scene, events_of, outcomes, receipt};

#[tokio::test]
async fn a_lock_on_a_is_minted_and_mirrored_on_b_redeemed_and_moved_back() -> Result<()> {
    let mut scene = Scene::start().await?;
    scene.run().await?;
    let [a, b] = scene.devnet.sites();
    let whole = |amount: u128| U256::from(amount * UNIT);

    let lock = scene.lock(a, "alice", 100 * UNIT, "bob").await?;
    scene.has(b, "bob", SYNTHETIC, whole(100)).await?;
    scene.has(a, "alice", STABLE, native(999_900)).await?;
    mirrored(&scene, 100 * UNIT).await?;
    scene.in_phase(&lock, "completed").await?;
    assert_eq!(outcomes(b, &lock).await?, ["Minted"]);
    explained(&scene, &lock).await?;

    let redeem = scene.redeem(b, "bob", 40 * UNIT, "carol").await?;
    scene.has(a, "carol", STABLE, native(1_000_040)).await?;
    scene.in_phase(&redeem, "completed").await?;
    assert_eq!(outcomes(a, &redeem).await?, ["Released"]);
    mirrored(&scene, 60 * UNIT).await?;

    let transfer = scene.transfer(b, "bob", 25 * UNIT, "carol").await?;
    scene.has(a, "carol", SYNTHETIC, whole(25)).await?;
    scene.in_phase(&transfer, "completed").await?;
    assert_eq!(outcomes(a, &transfer).await?, ["Minted"]);

    scene.has(b, "bob", SYNTHETIC, whole(35)).await?;
    scene.audited(60 * UNIT).await?;
    scene.end().await
}

/// Waits until b has the copy of a's reserve position.
async fn mirrored(scene: &Scene, amount: u128) -> Result<()> {
    let [a, b] = scene.devnet.sites();
    let market = alloy::primitives::B256::new(a.market(STABLE)?.0.0);
    let look = async || {
        let mirror = b.gateway().mirror(market, market).call().await?;
        let position = a.gateway().position(market, market).call().await?;
        let is_same =
            (mirror.collateral, mirror.debt, mirror.version) == (position.collateral, position.debt, position.version);
        Ok((is_same && mirror.debt == amount && mirror.collateral == amount).then_some(()))
    };
    until_async(PATIENCE, look).await.with_context(|| format!("b has no mirror with {amount}"))
}

/// The story names each step, and for those on a chain the block and transaction that the chain itself knows.
async fn explained(scene: &Scene, operation: &Operation) -> Result<()> {
    let id = operation.id().to_string();
    let story = scene.program.query(&["ops", "explain", &id])?;
    let entries = story["entries"].as_array().context("no entries")?;
    let phases: Vec<_> = entries.iter().filter_map(|entry| entry["phase"].as_str()).collect();
    assert_eq!(
        phases,
        ["observed", "final", "signing", "authorized", "submitted", "settled", "completed"],
        "{story:#}"
    );
    let [a, b] = scene.devnet.sites();
    for (phase, site, event) in [("observed", a, "Locked"), ("settled", b, "Minted")] {
        let entry = entries.iter().find(|entry| entry["phase"] == phase).context(phase)?;
        assert_eq!(entry["chain"], site.name);
        let transaction = TxId(entry["transaction"].as_str().context("no transaction")?.to_owned());
        let receipt = receipt(site, &transaction).await?;
        assert!(events_of(&receipt)?.iter().any(|found| found.body.name() == event), "{entry:#}");
        assert_eq!(entry["block"]["height"], Value::from(receipt.block_number));
        assert_eq!(entry["block"]["hash"], Value::from(receipt.block_hash.map(|hash| hash.to_string())));
    }
    assert_eq!(entries.iter().find(|entry| entry["phase"] == "submitted").context("submitted")?["chain"], "b");

    // The same for people, where every line of it is.
    let told = String::from_utf8(scene.program.output(&["ops", "explain", &id])?.stdout)?;
    for word in ["100 TIM3", "a → b", "Locked observed", "2 attesters signed", "Minted final", "it ended"] {
        assert!(told.contains(word), "{word:?} is not in\n{told}");
    }
    Ok(())
}

#[tokio::test]
async fn a_daemon_that_was_away_delivers_what_happened_meanwhile() -> Result<()> {
    let mut scene = Scene::start().await?;
    let early = scene.lock(&scene.devnet.a, "alice", 100 * UNIT, "bob").await?;
    scene.run().await?;
    scene.in_phase(&early, "completed").await?;
    scene.end().await?;
    let late = scene.lock(&scene.devnet.b, "alice", 50 * UNIT, "bob").await?;
    let back = scene.redeem(&scene.devnet.b, "bob", 30 * UNIT, "alice").await?;
    scene.run().await?;
    scene.in_phase(&late, "completed").await?;
    scene.in_phase(&back, "completed").await?;
    scene.has(&scene.devnet.a, "bob", SYNTHETIC, U256::from(50 * UNIT)).await?;
    scene.audited(120 * UNIT).await?;
    scene.end().await
}
