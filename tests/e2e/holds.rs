//! Operations that cannot go on at once, and their neighbours that can.

use std::time::Duration;

use alloy::{
    primitives::{Address, B256, U256},
    providers::ext::AnvilApi as _,
};
use anyhow::{Context as _, Result};
use tim3_chain::{Actor as _, UserAction};
use tim3_devnet::{
    Site, accounts,
    contracts::{IGateway, IToken},
    plan::{STABLE, SYNTHETIC, UNIT},
    site::{native, synthetic},
};
use tim3_domain::{identity::AssetId, protocol::Operation};
use tim3_ethereum::deploy::plan::WindowPlan;

use crate::scene::{Scene, account, outcomes};

/// 500 TIM3 of bob's on b, lawfully come by.
async fn with_tokens(scene: &Scene) -> Result<()> {
    let first = scene.lock(&scene.devnet.a, "alice", 500 * UNIT, "bob").await?;
    scene.in_phase(&first, "completed").await
}

/// Something on the same route and something on the opposite one.
async fn neighbours(scene: &Scene) -> Result<()> {
    let there = scene.lock(&scene.devnet.a, "alice", 5 * UNIT, "alice").await?;
    let back = scene.redeem(&scene.devnet.b, "bob", 5 * UNIT, "bob").await?;
    scene.in_phase(&there, "completed").await?;
    scene.in_phase(&back, "completed").await
}

fn word(address: Address) -> B256 {
    address.into_word()
}

async fn freeze(site: &Site, name: &str, frozen: bool) -> Result<()> {
    let (token, who) = (*site.token(STABLE)?.address(), accounts::address(name)?);
    let sent = site.send_as(who, token, &IToken::setFrozenCall { account: who, frozen }).await?;
    site.mined(&[sent]).await
}

#[tokio::test]
async fn a_payout_that_the_token_refuses_waits_for_its_recipient() -> Result<()> {
    let mut scene = Scene::start().await?;
    scene.run().await?;
    with_tokens(&scene).await?;
    let a = &scene.devnet.a;
    freeze(a, "carol", true).await?;
    let refused = scene.redeem(&scene.devnet.b, "bob", 40 * UNIT, "carol").await?;
    neighbours(&scene).await?;
    scene.in_phase(&refused, "completed").await?;
    let usda = B256::new(AssetId::from_symbol(STABLE)?.0.0);
    let carol = word(accounts::address("carol")?);
    assert_eq!(a.gateway().claimable(carol, usda).call().await?, 40 * UNIT);

    let before = a.balance(STABLE, accounts::address("carol")?).await?;
    freeze(a, "carol", false).await?;
    let claim = UserAction::Claim { asset: AssetId::from_symbol(STABLE)?, to: account("carol")? };
    a.user(accounts::key("carol")?).await?.act(claim).await?;
    scene.has(a, "carol", STABLE, before + native(40)).await?;
    assert_eq!(a.gateway().claimable(carol, usda).call().await?, 0);
    scene.audited(460 * UNIT).await?;
    scene.end().await
}

/// Level 2 on b: nothing is minted there, and redeeming goes on.
#[tokio::test]
async fn a_paused_destination_takes_what_waits_when_it_is_opened_again() -> Result<()> {
    let mut scene = Scene::start().await?;
    scene.run().await?;
    with_tokens(&scene).await?;
    let Site { deployment, .. } = &scene.devnet.b;
    let pause = async |who: &str, level| {
        let call = IGateway::setPauseCall { asset: synthetic()?, level };
        let sent = scene.devnet.b.send_as(accounts::address(who)?, deployment.gateway, &call).await?;
        scene.devnet.b.mined(&[sent]).await
    };
    pause(accounts::GUARDIAN, 2).await?;
    let waiting = scene.lock(&scene.devnet.a, "alice", 70 * UNIT, "carol").await?;
    let back = scene.redeem(&scene.devnet.b, "bob", 50 * UNIT, "bob").await?;
    let other = scene.lock(&scene.devnet.b, "alice", 20 * UNIT, "carol");
    assert!(other.await.is_err(), "level 2 takes no locks");
    scene.in_phase(&back, "completed").await?;
    let shown = scene.shown(waiting.id())?;
    assert_eq!(shown["ended"], false, "{shown:#}");
    assert_eq!(outcomes(&scene.devnet.b, &waiting).await?, Vec::<&str>::new());

    pause(accounts::ADMIN, 0).await?;
    scene.has(&scene.devnet.b, "carol", SYNTHETIC, U256::from(70 * UNIT)).await?;
    scene.in_phase(&waiting, "completed").await?;
    scene.audited(520 * UNIT).await?;
    scene.end().await
}

#[tokio::test]
async fn what_exceeds_a_window_waits_for_it_to_fill_again() -> Result<()> {
    let window = WindowPlan { limit: 1_000 * UNIT, period_seconds: 3_600 };
    let mut scene = Scene::with(|options| options.window = window).await?;
    scene.run().await?;
    with_tokens(&scene).await?;
    let over = scene.lock(&scene.devnet.a, "alice", 900 * UNIT, "carol").await?;
    // Of the other direction's window 1,000 are left, of this one's 500.
    let back = scene.redeem(&scene.devnet.b, "bob", 50 * UNIT, "bob").await?;
    scene.in_phase(&back, "completed").await?;
    told(&scene, &over, "WindowFull").await?;
    assert_eq!(outcomes(&scene.devnet.b, &over).await?, Vec::<&str>::new());

    let hour = U256::from(3_600);
    scene.devnet.b.provider().anvil_increase_time(hour.to()).await?;
    scene.in_phase(&over, "completed").await?;
    scene.has(&scene.devnet.b, "carol", SYNTHETIC, U256::from(900 * UNIT)).await?;
    scene.audited(1_350 * UNIT).await?;
    scene.end().await
}

/// Waits until the story of an operation that goes on says `word`.
async fn told(scene: &Scene, operation: &Operation, word: &str) -> Result<()> {
    let id = operation.id().to_string();
    let mut story = String::new();
    let waited = tim3_devnet::daemon::until(Duration::from_secs(60), || {
        story = String::from_utf8(scene.program.output(&["ops", "explain", &id])?.stdout)?;
        Ok(story.contains(word).then_some(()))
    });
    waited.await.with_context(|| format!("{word:?} is not in\n{story}"))
}

#[tokio::test]
async fn what_is_over_the_value_hold_waits_for_an_operator_who_approves_or_voids() -> Result<()> {
    let mut scene = Scene::start().await?;
    scene.program = scene.program.clone().with_set("assets.TIM3.value_hold=1000");
    scene.run().await?;
    with_tokens(&scene).await?;
    let [a, b] = scene.devnet.sites();
    let good = scene.lock(a, "alice", 5_000 * UNIT, "carol").await?;
    let bad = scene.lock(a, "alice", 7_000 * UNIT, "carol").await?;
    scene.in_phase(&good, "held").await?;
    scene.in_phase(&bad, "held").await?;
    neighbours(&scene).await?;
    assert_eq!((outcomes(b, &good).await?.len(), outcomes(b, &bad).await?.len()), (0, 0));

    let decide = |what: &str, operation: &Operation, why: &str| {
        scene.program.query(&["ops", what, &operation.id().to_string(), "--reason", why])
    };
    decide("approve", &good, "called the owner")?;
    decide("void", &bad, "nobody knows them")?;
    scene.in_phase(&good, "completed").await?;
    scene.in_phase(&bad, "refunded").await?;
    assert_eq!((outcomes(b, &good).await?, outcomes(a, &good).await?), (vec!["Minted"], vec![]));
    assert_eq!((outcomes(b, &bad).await?, outcomes(a, &bad).await?), (vec!["Voided"], vec!["Refunded"]));
    // Locked for bob 500, for carol 5,000, for the neighbour 5; the 7,000 are back.
    scene.has(a, "alice", STABLE, native(994_495)).await?;
    told(&scene, &good, "called the owner").await?;
    told(&scene, &bad, "nobody knows them").await?;
    scene.audited(5_500 * UNIT).await?;
    scene.end().await
}
