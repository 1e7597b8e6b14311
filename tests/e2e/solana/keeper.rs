//! Keepers in mode `live` on Solana, with a price account as Pyth's receiver keeps it: what they liquidate, what they leave alone, and that their ledger is
//! the chain.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use anyhow::{Context as _, Result, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::json;
use tim3_chain::{Actor as _, Attempt, Feed, Keeper as Hand, Liquidate, Transaction, UserAction};
use tim3_devnet::{
    SolanaSite,
    accounts::{self, KEEPER},
    daemon::{until, until_async},
    plan::{SYNTHETIC, UNIT},
    solana::{PriceUpdate, SOL, VOLATILE, account_of},
};
use tim3_domain::identity::Account;
use tim3_solana::{Keeper, Keypair, Pubkey, Signer as _, address::account};

use crate::{
    hands::Hands,
    keeping::{self, Balances, agrees, is_done, ledger, moved, shows, verdict},
    scene::{PATIENCE, Scene},
};

const POSITIONS: usize = 200;
/// Those that a price below 135 makes unhealthy; the others stand until 93.75.
const WEAK: usize = 20;
/// One that no price of these tests endangers.
const HEALTHY: usize = POSITIONS - 1;
/// What pays for transactions: the collateral is called SOL, and is a token.
const COIN: &str = "COIN";

fn owner(number: usize) -> Keypair {
    accounts::solana_key(&format!("owner-{number}"))
}

fn weak() -> BTreeSet<Account> {
    (0..WEAK).map(|number| account(&owner(number).pubkey())).collect()
}

fn debt(number: usize) -> u128 {
    match number {
        HEALTHY => 200,
        number if number < WEAK => 1_080,
        _ => 750,
    }
}

/// 200 positions of ten SOL at 150 dollars; the first 20 owe 1080, the last one 200, the others 750. What they draw goes to the keeper, who repays with it.
async fn positions(site: &SolanaSite) -> Result<()> {
    /// At once; more of their events than two pages take would be one too many.
    const AT_ONCE: usize = 20;
    let wallets: Vec<Pubkey> = (0..POSITIONS).map(|number| owner(number).pubkey()).collect();
    site.equip(&wallets, SOL / 5, 10 * SOL).await?;
    let (chain, market, here) = (site.connect().await?, site.market(VOLATILE)?, site.deployment.id);
    let open = |number: usize| {
        let user = chain.user(owner(number));
        async move {
            let lock = UserAction::Lock {
                market,
                collateral: 10 * u128::from(SOL),
                debt: debt(number) * UNIT,
                destination: here,
                recipient: account_of(KEEPER),
                refund_to: user.account(),
                max_fee: 0,
            };
            user.act(lock).await
        }
    };
    stream::iter((0..POSITIONS).map(open)).buffer_unordered(AT_ONCE).try_for_each(async |_| Ok(())).await?;
    Ok(())
}

/// What the keeper has, by the names that its ledger uses.
async fn balances(site: &SolanaSite) -> Result<Balances> {
    let wallet = accounts::solana_key(KEEPER).pubkey();
    let (synthetic, collateral) = (site.balance(SYNTHETIC, &wallet).await?, site.balance(VOLATILE, &wallet).await?);
    let coins = site.lamports(&wallet).await?;
    Ok([(SYNTHETIC, synthetic), (VOLATILE, collateral), (COIN, coins)].map(|(name, it)| (name, it.into())).into())
}

/// How often each owner was liquidated, by the gateway's final events.
async fn liquidated(site: &SolanaSite) -> Result<BTreeMap<Account, usize>> {
    Ok(keeping::liquidated(site.events().await?))
}

fn configuration(site: &SolanaSite) -> String {
    let oracle = site.oracle();
    format!(
        r#"
chains.a.mirror = false
chains.b.mirror = false
[keeper]
mode = "live"
poll_interval = "200ms"
limits = {{ day = "10000000", each = "10000000", daily_loss = "1000" }}
[keeper.chains.s]
key = {{ file = "keys/{KEEPER}.key" }}
gas_asset = "{COIN}"
[keeper.markets.sol_s]
[keeper.assets]
{VOLATILE}.prices = ["sol"]
{COIN}.prices = ["sol"]
TIM3.prices = ["par"]
[keeper.prices]
sol = {{ chain = "s", pyth = "{}", feed_id = "{}", max_age = "1h" }}
par = {{ fixed = "1" }}
"#,
        oracle.account, oracle.feed
    )
}

#[tokio::test]
async fn a_price_fall_liquidates_the_unhealthy_and_only_those_and_neither_a_bad_price_account_nor_a_kill_misleads()
-> Result<()> {
    let mut scene = Scene::with(|options| {
        options.solana = true;
        options.ticks_per_slot = 8;
    })
    .await?;
    let site = || scene_site(&scene);
    let file = scene.devnet.directory.join("keeper-s.toml");
    std::fs::write(&file, configuration(site()?))?;
    positions(site()?).await?;
    let before = balances(site()?).await?;
    // A price of which twenty would be unhealthy, and that is more than an hour old.
    let old = i64::try_from(site()?.clock().await? - 3_700)?;
    site()?.publish(&PriceUpdate { published: old, ..site()?.quote(134).await? }).await?;
    scene.program = scene.program.clone().with_file(&file);
    scene.run().await?;
    bad_prices(&scene).await?;

    // A fall by a tenth: twenty are unhealthy.
    publish(&scene, 134).await?;
    shows(&scene, "twenty liquidations", is_done(WEAK)).await?;
    let once: BTreeMap<Account, usize> = weak().into_iter().map(|owner| (owner, 1)).collect();
    assert_eq!(liquidated(scene_site(&scene)?).await?, once);
    agrees(&moved(&ledger(&scene)?), &before, &balances(scene_site(&scene)?).await?)?;

    // A further fall, and kill -9 as soon as the first is sent.
    let sent = scene.logged("liquidation sent")?;
    publish(&scene, 122).await?;
    until(PATIENCE, || Ok((scene.logged("liquidation sent")? > sent).then_some(())))
        .await
        .context("nothing is sent")?;
    scene.kill()?;
    scene.run().await?;
    shows(&scene, "twenty more", is_done(2 * WEAK)).await?;
    let twice: BTreeMap<Account, usize> = weak().into_iter().map(|owner| (owner, 2)).collect();
    assert_eq!(liquidated(scene_site(&scene)?).await?, twice, "each once in each fall");
    agrees(&moved(&ledger(&scene)?), &before, &balances(scene_site(&scene)?).await?)?;

    // All but one, and more than two pages of events take: none of them fails for want of a third.
    publish(&scene, 105).await?;
    shows(&scene, "a price that is no jump", |view| view["markets"][0]["price"] == "105").await?;
    publish(&scene, 93).await?;
    shows(&scene, "everybody", is_done(2 * WEAK + POSITIONS - 1)).await?;
    let everybody: BTreeSet<Account> = (0..HEALTHY).map(|number| account(&owner(number).pubkey())).collect();
    assert_eq!(liquidated(scene_site(&scene)?).await?.into_keys().collect::<BTreeSet<_>>(), everybody);
    assert_eq!(scene.logged("an action failed")?, 0);
    agrees(&moved(&ledger(&scene)?), &before, &balances(scene_site(&scene)?).await?)?;
    let report = scene.program.query(&["keeper", "replay"])?;
    assert_eq!(report["differences"], json!([]), "{report:#}");
    scene.end().await?;
    attempts(&scene).await
}

fn scene_site(scene: &Scene) -> Result<&SolanaSite> {
    scene.devnet.solana.as_ref().context("no Solana chain")
}

async fn publish(scene: &Scene, dollars: i64) -> Result<()> {
    let site = scene_site(scene)?;
    site.publish(&site.quote(dollars).await?).await
}

/// None of them triggers anything, though of most twenty positions would be unhealthy.
async fn bad_prices(scene: &Scene) -> Result<()> {
    let site = scene_site(scene)?;
    let all = |view: &serde_json::Value| view["markets"][0]["positions"] == POSITIONS;
    shows(scene, "an old price", |view| all(view) && verdict(view) == "stale").await?;
    publish(scene, 150).await?;
    shows(scene, "a price", |view| verdict(view) == "valid").await?;
    publish(scene, 15).await?;
    shows(scene, "a jump", |view| verdict(view) == "too_volatile").await?;
    publish(scene, 150).await?;
    shows(scene, "the price after the jump", |view| verdict(view) == "valid").await?;
    let fallen = site.quote(134).await?;
    site.publish(&PriceUpdate { confidence: 200_000_000, ..fallen }).await?;
    shows(scene, "a price of two dollars more or less", |view| verdict(view) == "too_uncertain").await?;
    site.write_price(vec![7; PriceUpdate::LENGTH]).await?;
    shows(scene, "garbage", |view| verdict(view) == "non_positive").await?;
    publish(scene, 150).await?;
    shows(scene, "the price after garbage", |view| verdict(view) == "valid").await?;
    site.publish(&PriceUpdate { full: false, ..site.quote(134).await? }).await?;
    let view = shows(scene, "a price that is not verified", |view| verdict(view) == "non_positive").await?;
    assert_eq!((&view["in_flight"], &view["entries"]), (&json!({}), &json!(0)), "{view:#}");
    assert_eq!(liquidated(site).await?, BTreeMap::new());
    Ok(())
}

/// The port itself, with the daemon gone; and what was never included is signed anew once it is dead.
async fn attempts(scene: &Scene) -> Result<()> {
    let site = scene_site(scene)?;
    publish(scene, 85).await?;
    let (chain, other, key) = (site.connect().await?, site.connect().await?, || accounts::solana_key(KEEPER));
    let (keeper, market, oracle) = (Arc::new(chain.keeper(key())), site.market(VOLATILE)?, site.oracle());
    let of = |number: usize| account(&owner(number).pubkey());
    let kept = Liquidate { market, owner: of(WEAK + 8), max_repay: 200 * UNIT, min_seized: 1 };
    let kept = keeper.prepare(&kept).await?;
    assert_eq!(keeper.escalate(&kept).await?, None, "it may still be included");
    let hands = Hands {
        chain: Arc::new(chain),
        keeper: Arc::clone(&keeper) as Arc<dyn Hand>,
        fresh: Arc::new(other.keeper(key())),
        market,
        unhealthy: (WEAK..WEAK + 8).map(of).collect(),
        healthy: of(HEALTHY),
        stranger: of(POSITIONS),
        feed: Feed::Pyth { account: account(&oracle.account), id: oracle.feed },
        has_fees: true,
    };
    hands.conform().await?;

    let dead = ended(&keeper, &kept).await?;
    assert_eq!(dead, Attempt::Dead);
    let again = keeper.escalate(&kept).await?.context("it is not signed anew")?;
    assert_eq!(again.replaces.as_ref(), Some(&kept.id));
    keeper.broadcast(&again).await?;
    let done = ended(&keeper, &again).await?;
    ensure!(matches!(done, Attempt::Included { result: Ok(_), .. }), "{done:?}");
    assert_eq!(keeper.attempts(&[kept, again]).await?[0], Attempt::Dead);
    Ok(())
}

/// What became of a transaction, once that is certain.
async fn ended(keeper: &Keeper, transaction: &Transaction) -> Result<Attempt> {
    until_async(PATIENCE, async || {
        let attempt = keeper.attempts(std::slice::from_ref(transaction)).await?.pop();
        Ok(attempt.filter(|attempt| !matches!(attempt, Attempt::Pending | Attempt::Unknown)))
    })
    .await
}
