//! Ethereum and Solana: every kind of operation in both directions, judged by what the chains themselves hold. Two of three attesters sign.
//! Needs anvil and solana-test-validator: tests/setup.sh installs them.

use alloy::primitives::{B256, U256};
use anyhow::{Context as _, Result};
use tim3_chain::{Actor as _, UserAction};
use tim3_devnet::{
    Site, SolanaSite, accounts,
    daemon::until_async,
    plan::{STABLE, SYNTHETIC, UNIT},
    site::native,
    solana::{Position, account_of},
};
use tim3_domain::{
    identity::{Account, AssetId, GatewayId, MarketId},
    protocol::Operation,
};
use tim3_solana::Signer as _;

use crate::{
    contracts,
    scene::{PATIENCE, Scene, account, events_of, outcomes, receipt},
};

#[tokio::test]
async fn locks_redeems_and_transfers_go_both_ways_between_ethereum_and_solana() -> Result<()> {
    let mut scene = Scene::with(|options| options.solana = true).await?;
    scene.run().await?;
    let (a, b) = (&scene.devnet.a, &scene.devnet.b);
    let s = scene.devnet.solana.as_ref().context("no Solana chain")?;
    let (on_a, on_s) = (a.market(STABLE)?, s.market(STABLE)?);

    // Ethereum to Solana and back.
    let mint =
        ethereum(a, "alice", lock(on_a, 100 * UNIT, s.deployment.id, account_of("bob"), account("alice")?)).await?;
    has(s, "bob", SYNTHETIC, 100 * UNIT).await?;
    scene.in_phase(&mint, "completed").await?;
    mirrored_on_solana(a, s, on_a, 100 * UNIT).await?;
    let redeem = redeem(on_a, 40 * UNIT, a.deployment.id, account("carol")?, account_of("bob"))?;
    solana(s, "bob", redeem).await?;
    scene.has(a, "carol", STABLE, native(1_000_040)).await?;
    mirrored_on_solana(a, s, on_a, 60 * UNIT).await?;
    solana(s, "bob", transfer(25 * UNIT, b.deployment.id, account("carol")?, account_of("bob"))?).await?;
    scene.has(b, "carol", SYNTHETIC, U256::from(25 * UNIT)).await?;
    has(s, "bob", SYNTHETIC, 35 * UNIT).await?;

    // Solana to Ethereum and back.
    solana(s, "alice", lock(on_s, 200 * UNIT, a.deployment.id, account("bob")?, account_of("alice"))).await?;
    scene.has(a, "bob", SYNTHETIC, U256::from(200 * UNIT)).await?;
    has(s, "alice", STABLE, 999_800 * UNIT).await?;
    mirrored_on_ethereum(s, a, on_s, 200 * UNIT).await?;
    mirrored_on_ethereum(s, b, on_s, 200 * UNIT).await?;
    let back = self::redeem(on_s, 50 * UNIT, s.deployment.id, account_of("carol"), account("bob")?)?;
    let released = ethereum(a, "bob", back).await?;
    has(s, "carol", STABLE, 1_000_050 * UNIT).await?;
    scene.in_phase(&released, "completed").await?;
    mirrored_on_ethereum(s, a, on_s, 150 * UNIT).await?;
    let moved = ethereum(a, "bob", transfer(30 * UNIT, s.deployment.id, account_of("bob"), account("bob")?)?).await?;
    has(s, "bob", SYNTHETIC, 65 * UNIT).await?;
    scene.in_phase(&moved, "completed").await?;
    assert!(outcomes(a, &moved).await?.is_empty(), "it was neither refunded nor settled at its origin");

    scene.audited(60 * UNIT + 150 * UNIT).await?;
    contracts::are_deployed_on_both_kinds(&scene)?;
    scene.end().await
}

fn lock(market: MarketId, amount: u128, destination: GatewayId, recipient: Account, refund_to: Account) -> UserAction {
    UserAction::Lock { market, collateral: amount, debt: amount, destination, recipient, refund_to, max_fee: 0 }
}

fn transfer(amount: u128, destination: GatewayId, recipient: Account, refund_to: Account) -> Result<UserAction> {
    let asset = AssetId::from_symbol(SYNTHETIC)?;
    Ok(UserAction::Transfer { asset, amount, destination, recipient, refund_to, max_fee: 0 })
}

fn redeem(
    market: MarketId,
    amount: u128,
    home: GatewayId,
    recipient: Account,
    refund_to: Account,
) -> Result<UserAction> {
    let (asset, owner) = (AssetId::from_symbol(SYNTHETIC)?, market.reserve_owner());
    Ok(UserAction::Redeem { asset, amount, home, market, owner, recipient, wanted: 0, refund_to, max_fee: 0 })
}

/// Lets a user act on an EVM chain; gives the operation that the gateway recorded.
async fn ethereum(site: &Site, user: &str, action: UserAction) -> Result<Operation> {
    let transaction = site.user(accounts::key(user)?).await?.act(action).await?;
    let events = events_of(&receipt(site, &transaction).await?)?;
    let operation = events.iter().find_map(|event| event.body.started().cloned());
    operation.with_context(|| format!("{transaction} started nothing"))
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
        let is_same = home.reserve(market).await? == found;
        Ok((is_same && found.debt == amount && found.collateral == amount).then_some(()))
    };
    until_async(PATIENCE, look).await.with_context(|| format!("{} has no mirror with {amount}", site.name))
}
