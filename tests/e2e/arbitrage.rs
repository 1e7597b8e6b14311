//! Keepers in mode `live` that trade: between two real Uniswap V2 pools on two chains, against par, and across kills between two legs. And what such a pool is worth
//! as a source of prices.

use alloy::{
    primitives::U256,
    providers::{Provider as _, ext::AnvilApi as _},
};
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tim3_devnet::{
    Site, accounts,
    contracts::IToken,
    daemon::{until, until_async},
    plan::{STABLE, SYNTHETIC, UNIT},
};
use tim3_domain::price::Price;
use tim3_keeper::ledger::Move;

use crate::{
    keeping::{Balances, ledger, shows, verdict},
    scene::{PATIENCE, Scene},
    trading::{self, PAR, executor, gained, quiet, sees_pools, sent, within_fees},
    uniswap::{self, Pool, clock},
};

/// Whose account trades.
const KEEPER: &str = "bob";
/// What either pool begins with, of both tokens.
const LIQUIDITY: u64 = 100_000;
/// What the keeper is to have of TIM3 on either chain.
const TARGET: u128 = 20_000;
/// What the keeper has: coins, USDA and TIM3 over both chains; and how many transactions it has sent on each.
#[derive(Clone, Debug)]
struct Account {
    balances: Balances,
    /// Of TIM3 on each chain, in whole ones.
    synthetic: [u128; 2],
    sent: [u64; 2],
}

impl Account {
    async fn read(scene: &Scene) -> Result<Self> {
        let keeper = accounts::address(KEEPER)?;
        let (mut balances, mut synthetic, mut sent) = (Balances::new(), [0; 2], [0; 2]);
        for (index, site) in scene.devnet.sites().into_iter().enumerate() {
            let coins = site.provider().get_balance(keeper).await?;
            let tokens = (site.balance(STABLE, keeper).await?, site.balance(SYNTHETIC, keeper).await?);
            for (asset, held) in [("ETH", coins), (STABLE, tokens.0), (SYNTHETIC, tokens.1)] {
                *balances.entry(asset).or_default() += i128::try_from(held)?;
            }
            synthetic[index] = u128::try_from(tokens.1 / U256::from(UNIT))?;
            sent[index] = site.provider().get_transaction_count(keeper).await?;
        }
        Ok(Self { balances, synthetic, sent })
    }
}

/// That the ledger says what the chains say, has an entry for each transaction, and gained since the first `known` entries. Gives how many there are.
async fn agrees(scene: &Scene, before: &Account, known: u64) -> Result<u64> {
    let after = Account::read(scene).await?;
    let entries = gained(scene, &before.balances, &after.balances, known)?;
    let on = |chain: &str| {
        let paid = |change: &&Move| change.chain == chain && change.asset == "ETH";
        u64::try_from(entries.iter().flat_map(|entry| &entry.moves).filter(paid).count())
    };
    let (sent, expected) = ([on("a")?, on("b")?], [after.sent[0] - before.sent[0], after.sent[1] - before.sent[1]]);
    ensure!(sent == expected, "{expected:?} transactions, and the ledger has {sent:?}");
    Ok(u64::try_from(entries.len())?)
}

/// The keepers' part of the configuration: without an executor they only look.
fn configuration(pools: &[Pool; 2], executors: Option<&[String; 2]>, retry: &str, more: &str) -> String {
    let mode = if executors.is_some() { "live" } else { "observe" };
    let executor = |index: usize| executors.map_or(String::new(), |all| format!("executor = \"{}\"", all[index]));
    let [a, b] = pools;
    let own = format!(
        r#"
[keeper.arbitrage]
crossing_bps = 0
retry = "{retry}"
[keeper.chains.a]
key = {{ file = "keys/{KEEPER}.key" }}
{}
[keeper.chains.b]
key = {{ file = "keys/{KEEPER}.key" }}
{}
"#,
        executor(0),
        executor(1),
    );
    let own = [own, a.venue("a"), b.venue("b")].concat();
    format!("{}{more}", trading::configuration(mode, ["a", "b"], TARGET, &own))
}

struct Stage {
    scene: Scene,
    pools: [Pool; 2],
    executors: [String; 2],
}

impl Stage {
    async fn start() -> Result<Self> {
        let mut scene = Scene::start().await?;
        let [a, b] = scene.devnet.sites();
        let pools = tokio::try_join!(Pool::deploy(a, LIQUIDITY), Pool::deploy(b, LIQUIDITY))?;
        let pools = [pools.0, pools.1];
        tokio::try_join!(uniswap::mint(a, KEEPER, TARGET), uniswap::mint(b, KEEPER, TARGET))?;
        let file = scene.devnet.directory.join("keeper.toml");
        std::fs::write(&file, configuration(&pools, None, "2m", ""))?;
        scene.program = scene.program.clone().with_file(&file);
        let executors = [executor(&scene, "a")?, executor(&scene, "b")?];
        let stage = Self { scene, pools, executors };
        stage.configure("2m", "")?;
        Ok(stage)
    }

    fn configure(&self, retry: &str, more: &str) -> Result<()> {
        let file = self.scene.devnet.directory.join("keeper.toml");
        Ok(std::fs::write(file, configuration(&self.pools, Some(&self.executors), retry, more))?)
    }

    fn sites(&self) -> [&Site; 2] {
        self.scene.devnet.sites()
    }

    async fn prices(&self) -> Result<[u128; 2]> {
        let [a, b] = self.sites();
        Ok([self.pools[0].price(a).await?, self.pools[1].price(b).await?])
    }
}

#[tokio::test]
async fn gaps_between_chains_and_against_par_are_closed_across_kills_and_a_leg_that_cannot_be_done_is_hedged()
-> Result<()> {
    let mut stage = Stage::start().await?;
    stage.scene.run().await?;
    sees_pools(&stage.scene, 2).await?;
    let before = Account::read(&stage.scene).await?;
    ensure!(before.synthetic == [TARGET; 2], "{before:?}");

    // TIM3 becomes dear on b: bought on a, sold on b, and brought from a to b by the relay.
    stage.pools[1].raise(stage.sites()[1], 10_000).await?;
    let entries = quiet(&stage.scene, 2).await?;
    let [a, b] = stage.prices().await?;
    ensure!(a > PAR && within_fees(a, b), "{a} on a and {b} on b");
    let after = Account::read(&stage.scene).await?;
    ensure!(after.synthetic.iter().all(|held| *held >= 19_500), "{after:?}");
    let mut known = agrees(&stage.scene, &before, 0).await?;
    explains(&stage.scene)?;

    // kill -9 when the first leg is sent, and at the second one: each is found, and nothing is done twice.
    let entries = killed(&mut stage, 1, entries).await?;
    known = agrees(&stage.scene, &before, known).await?;
    let entries = killed(&mut stage, 2, entries).await?;
    known = agrees(&stage.scene, &before, known).await?;

    let entries = demoted(&mut stage, entries).await?;
    known = agrees(&stage.scene, &before, known).await?;

    // Both pools are above par: TIM3 is minted at home on a, and sold on either side.
    stage.scene.end().await?;
    stage.configure("2m", "[keeper.markets.usda_a]")?;
    stage.scene.run().await?;
    let entries = quiet(&stage.scene, entries).await?;
    let [a, b] = stage.prices().await?;
    ensure!(a * 997 <= PAR * 1_000 && b * 997 <= PAR * 1_000, "{a} on a and {b} on b");
    known = agrees(&stage.scene, &before, known).await?;

    // And below: bought, and redeemed.
    stage.pools[0].lower(stage.sites()[0], 10_000).await?;
    let entries = quiet(&stage.scene, entries).await?;
    let [a, _] = stage.prices().await?;
    ensure!(a * 1_000 >= PAR * 997, "{a} on a");
    agrees(&stage.scene, &before, known).await?;

    hedged(&mut stage, entries).await?;
    // The hedge lost something.
    agrees(&stage.scene, &before, 0).await?;
    averaged(&mut stage).await?;
    stage.scene.end().await
}

/// The pool on a as a source of prices, here of WETH, for nothing else shows its price: the mean over a minute is hardly moved by what is made in one block and
/// unmade in the next, and follows what stays.
async fn averaged(stage: &mut Stage) -> Result<()> {
    stage.scene.end().await?;
    let (a, pool) = (stage.sites()[0], stage.pools[0]);
    let priced = format!(
        r#"
[keeper.markets.weth_a]
[keeper.assets.WETH]
prices = ["pool"]
[keeper.prices.pool]
chain = "a"
pool = "{}"
token = "{}"
quote = "USDA"
window = "1m"
"#,
        pool.pair,
        a.token(SYNTHETIC)?.address()
    );
    // Without executors: nobody trades against whoever moves the price.
    let file = stage.scene.devnet.directory.join("keeper.toml");
    std::fs::write(file, configuration(&stage.pools, None, "2m", &priced))?;
    stage.scene.run().await?;
    let (scene, a) = (&stage.scene, stage.sites()[0]);
    shows(scene, "a look at the pool", |view| mean(view).is_some() || view.to_string().contains("was watched for"))
        .await?;
    let stood = pool.price(a).await?;
    minute(a).await?;
    let is_it = |view: &Value| verdict(view) == "valid" && mean(view).is_some_and(|mean| mean.abs_diff(stood) < 1_000);
    let before = mean(&shows(scene, "the price that stood for a minute", is_it).await?);

    let spot = pool.manipulate(a, 35_000).await?;
    ensure!(spot > stood * 3 / 2, "{spot} after {stood}");
    let has_looked = |view: &Value| mean(view).is_some() && mean(view) != before;
    let moved = mean(&shows(scene, "a look after the manipulation", has_looked).await?).unwrap_or_default();
    ensure!(moved > stood && moved * 100 < stood * 102, "{stood} became {moved} by {spot} for a second");

    pool.raise(a, 10_000).await?;
    let stays = pool.price(a).await?;
    // From the first look after the rise on a minute has to pass.
    let mut shown = Some(moved);
    for _ in 0..5 {
        minute(a).await?;
        let before = shown;
        shown = mean(&shows(scene, "a later mean", |view| mean(view).is_some() && mean(view) != before).await?);
        if shown.is_some_and(|shown| shown.abs_diff(stays) < 1_000) {
            return same_again(scene);
        }
    }
    anyhow::bail!("{stays} stays, and the mean is {shown:?}")
}

/// The price of the vault market, as [`Pool::price`] says it.
fn mean(view: &Value) -> Option<u128> {
    let price: Price = view["markets"][0]["price"].as_str()?.parse().ok()?;
    Some(price.raw() / 10_u128.pow(6))
}

/// Lets a minute pass on the chain.
async fn minute(site: &Site) -> Result<()> {
    const MINUTE: u64 = 61;
    let before = clock(site).await?;
    site.provider().anvil_increase_time(MINUTE).await?;
    until_async(PATIENCE, async || Ok((clock(site).await? >= before + MINUTE).then_some(()))).await
}

/// The second leg cannot be done: the first one is undone, and once it can be, the gap is closed.
async fn hedged(stage: &mut Stage, entries: u64) -> Result<()> {
    stage.scene.end().await?;
    stage.configure("3s", "")?;
    stage.scene.run().await?;
    sees_pools(&stage.scene, 2).await?;
    let b = stage.sites()[1];
    // Not the keeper, whose transactions are counted.
    let (issuer, token) = (accounts::address("alice")?, *b.token(STABLE)?.address());
    let account = stage.executors[1].parse()?;
    let freeze = |frozen| IToken::setFrozenCall { account, frozen };
    b.mined(&[b.send_as(issuer, token, &freeze(true)).await?]).await?;
    stage.pools[1].raise(b, 10_000).await?;
    let scene = &stage.scene;
    until(PATIENCE, || Ok((scene.logged("hedge on a")? > 0).then_some(()))).await.context("nothing is hedged")?;
    b.mined(&[b.send_as(issuer, token, &freeze(false)).await?]).await?;
    quiet(scene, entries + 1).await?;
    let [cheap, dear] = stage.prices().await?;
    ensure!(within_fees(cheap, dear), "{cheap} on a and {dear} on b");
    Ok(())
}

/// Opens a gap, and kills the daemon when so many of the trade's legs are sent.
async fn killed(stage: &mut Stage, legs: usize, entries: u64) -> Result<u64> {
    let before = sent(&stage.scene)?;
    stage.pools[1].raise(stage.sites()[1], 10_000).await?;
    let entries = trading::killed(&mut stage.scene, before, legs, entries).await?;
    let [a, b] = stage.prices().await?;
    ensure!(within_fees(a, b), "{a} on a and {b} on b");
    Ok(entries)
}

/// Opens a gap, kills the daemon when the first leg is sent, and starts it in mode `observe`: it finishes the trade, and begins nothing.
async fn demoted(stage: &mut Stage, entries: u64) -> Result<u64> {
    let before = sent(&stage.scene)?;
    stage.pools[1].raise(stage.sites()[1], 10_000).await?;
    until(PATIENCE, || Ok((sent(&stage.scene)? > before).then_some(()))).await.context("nothing is sent")?;
    stage.scene.kill()?;
    let file = stage.scene.devnet.directory.join("keeper.toml");
    let live = std::fs::read_to_string(&file)?;
    std::fs::write(&file, live.replace("mode = \"live\"", "mode = \"observe\""))?;
    stage.scene.run().await?;
    let entries = quiet(&stage.scene, entries + 1).await?;
    let view = stage.scene.program.query(&["keeper", "status"])?;
    ensure!(view["mode"] == "observe" && sent(&stage.scene)? == before + 2, "{view:#}");
    Ok(entries)
}

/// That what was recorded leads to the same decisions again.
fn same_again(scene: &Scene) -> Result<()> {
    let report = scene.program.query(&["keeper", "replay"])?;
    ensure!(report["differences"] == serde_json::json!([]), "{report:#}");
    Ok(())
}

/// What an operator is told of a trade.
fn explains(scene: &Scene) -> Result<()> {
    same_again(scene)?;
    let entries = ledger(scene)?;
    let mut told = String::new();
    for entry in &entries {
        let explained = scene.program.output(&["keeper", "explain", &entry.decision.to_string()])?;
        told.push_str(&String::from_utf8(explained.stdout)?);
    }
    for word in ["in two legs", "send the other leg", "transfer", "profit is", "was signed for", "came to"] {
        ensure!(told.contains(word), "{word:?} is not in {told}");
    }
    Ok(())
}
