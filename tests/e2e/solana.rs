//! Ethereum and Solana: every kind of operation in both directions, judged by what the chains themselves hold. Two of three attesters sign.
//! Needs anvil and solana-test-validator: tests/setup.sh installs them.

mod arbitrage;
mod keeper;

use alloy::primitives::{B256, U256};
use anyhow::{Context as _, Result};
use tim3_chain::{Actor as _, UserAction};
use tim3_devnet::{
    Site, SolanaSite, accounts,
    daemon::until_async,
    plan::{STABLE, SYNTHETIC, UNIT},
    site::{Position, native},
    solana::{SOL, VOLATILE, account_of},
};
use tim3_domain::identity::{Account, MarketId};
use tim3_solana::Signer as _;

use crate::{
    actions::{lock, on_ethereum, redeem, transfer},
    contracts,
    scene::{PATIENCE, Scene, account, outcomes},
};

#[tokio::test]
async fn locks_redeems_and_transfers_go_both_ways_between_ethereum_and_solana() -> Result<()> {
    let mut scene = Scene::with(|options| {
        options.solana = true;
        options.ticks_per_slot = 8;
    })
    .await?;
    scene.program = scene.program.clone().with_set("chains.s.submit.create_accounts=1");
    scene.run().await?;
    tokio::try_join!(
        ethereum_to_solana_and_back(&scene),
        solana_to_ethereum_and_back(&scene),
        vault_on_solana(&scene)
    )?;
    scene.audited(60 * UNIT + 150 * UNIT + 500 * UNIT).await?;
    contracts::are_deployed_on_both_kinds(&scene)?;
    one_account_a_day_over_a_restart(&mut scene).await?;
    scene.end().await
}

/// 60 of 100 stay.
async fn ethereum_to_solana_and_back(scene: &Scene) -> Result<()> {
    let (a, b) = (&scene.devnet.a, &scene.devnet.b);
    let s = scene.devnet.solana.as_ref().context("no Solana chain")?;
    let home = a.market(STABLE)?;
    let mint =
        on_ethereum(a, "alice", lock(home, 100 * UNIT, s.deployment.id, account_of("bob"), account("alice")?)).await?;
    has(s, "bob", SYNTHETIC, 100 * UNIT).await?;
    scene.in_phase(&mint, "completed").await?;
    mirrored_on_solana(a, s, home, 100 * UNIT).await?;
    let redeem = redeem(home, 40 * UNIT, a.deployment.id, account("carol")?, account_of("bob"))?;
    solana(s, "bob", redeem).await?;
    scene.has(a, "carol", STABLE, native(1_000_040)).await?;
    mirrored_on_solana(a, s, home, 60 * UNIT).await?;
    solana(s, "bob", transfer(25 * UNIT, b.deployment.id, account("carol")?, account_of("bob"))?).await?;
    scene.has(b, "carol", SYNTHETIC, U256::from(25 * UNIT)).await?;
    has(s, "bob", SYNTHETIC, 35 * UNIT).await
}

/// 150 of 200 stay.
async fn solana_to_ethereum_and_back(scene: &Scene) -> Result<()> {
    let (a, b) = (&scene.devnet.a, &scene.devnet.b);
    let s = scene.devnet.solana.as_ref().context("no Solana chain")?;
    let home = s.market(STABLE)?;
    solana(s, "alice", lock(home, 200 * UNIT, a.deployment.id, account("bob")?, account_of("alice"))).await?;
    scene.has(a, "bob", SYNTHETIC, U256::from(200 * UNIT)).await?;
    has(s, "alice", STABLE, 999_800 * UNIT).await?;
    mirrored_on_ethereum(s, a, home, 200 * UNIT).await?;
    mirrored_on_ethereum(s, b, home, 200 * UNIT).await?;
    let redeem = redeem(home, 50 * UNIT, s.deployment.id, account_of("carol"), account("bob")?)?;
    let released = on_ethereum(a, "bob", redeem).await?;
    has(s, "carol", STABLE, 1_000_050 * UNIT).await?;
    scene.in_phase(&released, "completed").await?;
    mirrored_on_ethereum(s, a, home, 150 * UNIT).await?;
    let back = transfer(30 * UNIT, s.deployment.id, account_of("alice"), account("bob")?)?;
    let moved = on_ethereum(a, "bob", back).await?;
    has(s, "alice", SYNTHETIC, 30 * UNIT).await?;
    scene.in_phase(&moved, "completed").await?;
    assert!(outcomes(a, &moved).await?.is_empty(), "it was neither refunded nor settled at its origin");
    Ok(())
}

/// A vault on Solana, whose debt of 500 is drawn on Ethereum.
async fn vault_on_solana(scene: &Scene) -> Result<()> {
    let (a, s) = (&scene.devnet.a, scene.devnet.solana.as_ref().context("no Solana chain")?);
    let market = s.market(VOLATILE)?;
    let (collateral, debt) = (10 * u128::from(SOL), 500 * UNIT);
    let draw = UserAction::Lock {
        market,
        collateral,
        debt,
        destination: a.deployment.id,
        recipient: account("carol")?,
        refund_to: account_of("carol"),
        max_fee: 0,
    };
    solana(s, "carol", draw).await?;
    scene.has(a, "carol", SYNTHETIC, U256::from(debt)).await?;
    copied_to_ethereum(a, market, account_of("carol"), collateral, debt).await
}

/// The daemon may make one token account a day. The second recipient who has none claims, although the daemon that made the first was killed.
async fn one_account_a_day_over_a_restart(scene: &mut Scene) -> Result<()> {
    for (recipient, paid) in [("admin", UNIT), ("guardian", 0)] {
        let (a, s) = (&scene.devnet.a, scene.devnet.solana.as_ref().context("no Solana chain")?);
        let there = transfer(UNIT, s.deployment.id, account_of(recipient), account("bob")?)?;
        let moved = on_ethereum(a, "bob", there).await?;
        scene.in_phase(&moved, "completed").await?;
        has(s, recipient, SYNTHETIC, paid).await?;
        scene.kill()?;
        scene.run().await?;
    }
    Ok(())
}

/// Waits until an EVM chain has this copy of a position on Solana.
async fn copied_to_ethereum(site: &Site, market: MarketId, owner: Account, collateral: u128, debt: u128) -> Result<()> {
    let (market, owner) = (B256::new(market.0.0), B256::new(owner.0.0));
    let look = async || {
        let mirror = site.gateway().mirror(market, owner).call().await?;
        Ok(((mirror.collateral, mirror.debt) == (collateral, debt)).then_some(()))
    };
    until_async(PATIENCE, look).await.with_context(|| format!("{} has no mirror of the vault position", site.name))
}

/// Lets a user act on Solana.
async fn solana(site: &SolanaSite, user: &str, action: UserAction) -> Result<()> {
    site.user(accounts::solana_key(user)).await?.act(action).await?;
    Ok(())
}

/// Waits until `user` has `amount` of `symbol` on Solana.
async fn has(site: &SolanaSite, user: &str, symbol: &str, amount: u128) -> Result<()> {
    let wallet = accounts::solana_key(user).pubkey();
    let mut found = 0;
    let look = async || {
        found = site.balance(symbol, &wallet).await?;
        Ok((u128::from(found) == amount).then_some(()))
    };
    let waited = until_async(PATIENCE, look).await;
    waited.with_context(|| format!("{user} has {found} {symbol} on Solana, expected {amount}"))
}

/// Waits until Solana has the copy of an EVM chain's reserve position.
async fn mirrored_on_solana(home: &Site, site: &SolanaSite, market: MarketId, amount: u128) -> Result<()> {
    let word = B256::new(market.0.0);
    let look = async || {
        let position = home.gateway().position(word, word).call().await?;
        let mirror = site.mirror(market, market.reserve_owner()).await?;
        let expected = Position { collateral: position.collateral, debt: position.debt, version: position.version };
        Ok((mirror == Some(expected) && expected.debt == amount && expected.collateral == amount).then_some(()))
    };
    until_async(PATIENCE, look).await.with_context(|| format!("Solana has no mirror with {amount}"))
}

/// Waits until an EVM chain has the copy of Solana's reserve position.
async fn mirrored_on_ethereum(home: &SolanaSite, site: &Site, market: MarketId, amount: u128) -> Result<()> {
    let word = B256::new(market.0.0);
    let look = async || {
        let mirror = site.gateway().mirror(word, word).call().await?;
        let found = Position { collateral: mirror.collateral, debt: mirror.debt, version: mirror.version };
        let is_same = home.totals(market).await? == found;
        Ok((is_same && found.debt == amount && found.collateral == amount).then_some(()))
    };
    until_async(PATIENCE, look).await.with_context(|| format!("{} has no mirror with {amount}", site.name))
}
