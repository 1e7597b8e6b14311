//! Keepers in mode `live` that trade: between two real Uniswap V2 pools on two chains, against par, and across kills between two legs. And what such a pool is worth
//! as a source of prices.

use std::collections::BTreeMap;

use alloy::{
    primitives::U256,
    providers::{Provider as _, ext::AnvilApi as _},
};
use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use serde_json::Value;
use tim3_devnet::{
    Site, accounts,
    contracts::IToken,
    daemon::{until, until_async},
    plan::{STABLE, SYNTHETIC, UNIT},
};
use tim3_domain::price::Price;

use crate::{
    keeping::{shows, trading, verdict},
    scene::{PATIENCE, Scene},
    uniswap::{self, Pool, clock},
};

/// Whose account trades.
const KEEPER: &str = "bob";
/// What either pool begins with, of both tokens.
const LIQUIDITY: u64 = 100_000;
/// What the keeper is to have of TIM3 on either chain.
const TARGET: u128 = 20_000;
/// A price of one, as [`Pool::price`] says it.
pub(crate) const PAR: u128 = 10_u128.pow(12);

/// What the keeper has: coins, USDA and TIM3 over both chains; and how many transactions it has sent on each.
#[derive(Clone, Copy, Debug)]
struct Account {
    sums: [i128; 3],
    /// Of TIM3 on each chain, in whole ones.
    synthetic: [u128; 2],
    sent: [u64; 2],
}

impl Account {
    async fn read(scene: &Scene) -> Result<Self> {
        let keeper = accounts::address(KEEPER)?;
        let (mut sums, mut synthetic, mut sent) = ([0; 3], [0; 2], [0; 2]);
        for (index, site) in scene.devnet.sites().into_iter().enumerate() {
            let coins = site.provider().get_balance(keeper).await?;
            let balances = [coins, site.balance(STABLE, keeper).await?, site.balance(SYNTHETIC, keeper).await?];
            for (sum, balance) in sums.iter_mut().zip(balances) {
                *sum += i128::try_from(balance)?;
            }
            synthetic[index] = u128::try_from(balances[2] / U256::from(UNIT))?;
            sent[index] = site.provider().get_transaction_count(keeper).await?;
        }
        Ok(Self { sums, synthetic, sent })
    }
}

/// An entry of the ledger; its numbers are larger than those of a [`Value`].
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Entry {
    decision: u64,
    pub(crate) usd: i128,
    pub(crate) moves: Vec<Move>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Move {
    pub(crate) chain: String,
    pub(crate) asset: String,
    pub(crate) delta: i128,
}

/// The entries of the ledger.
pub(crate) fn ledger(scene: &Scene) -> Result<Vec<Entry>> {
    let output = scene.program.output(&["keeper", "ledger", "--json"])?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

/// That the ledger says of every balance what the chains say, to the last unit, and has an entry for each transaction; and that it gained.
async fn agrees(scene: &Scene, before: &Account) -> Result<()> {
    let (after, entries) = (Account::read(scene).await?, ledger(scene)?);
    let mut moved: BTreeMap<String, i128> = BTreeMap::new();
    let mut sent = [0; 2];
    for change in entries.iter().flat_map(|entry| &entry.moves) {
        *moved.entry(change.asset.clone()).or_default() += change.delta;
        if change.asset == "ETH" {
            sent[usize::from(change.chain == "b")] += 1;
        }
    }
    for ((asset, after), before) in ["ETH", STABLE, SYNTHETIC].into_iter().zip(after.sums).zip(before.sums) {
        let (found, expected) = (moved.get(asset).copied().unwrap_or_default(), after - before);
        ensure!(found == expected, "{asset} moved by {expected}, and the ledger says {found}: {entries:#?}");
    }
    let expected = [after.sent[0] - before.sent[0], after.sent[1] - before.sent[1]];
    ensure!(sent == expected, "{expected:?} transactions, and the ledger has {sent:?}");
    let gained: i128 = entries.iter().map(|entry| entry.usd).sum();
    ensure!(gained > 0, "it came to {gained}");
    let differences = scene.logged("the inventory is not what the ledger says")?;
    ensure!(differences == 0, "{differences} times the inventory was another than the ledger's");
    Ok(())
}

/// Waits until nothing is under way or half done, and the ledger has more than `entries`; gives how many.
pub(crate) async fn quiet(scene: &Scene, entries: u64) -> Result<u64> {
    let mut last = Value::Null;
    let waited = until(PATIENCE.saturating_mul(2), || {
        last = scene.program.query(&["keeper", "status"]).unwrap_or_default();
        let is_quiet = last["in_flight"].as_object().is_some_and(serde_json::Map::is_empty)
            && last["open_trades"].as_array().is_some_and(Vec::is_empty);
        Ok(last["entries"].as_u64().filter(|found| is_quiet && *found > entries))
    });
    waited.await.with_context(|| format!("more than {entries} entries; the keepers say {last:#}"))
}

/// Waits until both pools are seen.
pub(crate) async fn sees_pools(scene: &Scene) -> Result<()> {
    let mut last = Value::Null;
    let waited = until(PATIENCE, || {
        last = scene.program.query(&["keeper", "status"]).unwrap_or_default();
        let priced = |venue: &Value| venue["price"].is_string();
        let pools = last["venues"].as_array().map_or(0, |venues| venues.iter().filter(|venue| priced(venue)).count());
        Ok((pools == 2).then_some(()))
    });
    waited.await.with_context(|| format!("the keepers say {last:#}"))
}

/// That whoever buys on the one side and sells on the other gains nothing after the pools' fees.
pub(crate) fn within_fees(cheap: u128, dear: u128) -> bool {
    dear * 997 * 997 <= cheap * 1_000 * 1_000
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
    format!("{}{more}", trading(mode, ["a", "b"], TARGET, &own))
}

/// Deploys the executor of a chain as an operator does.
pub(crate) fn executor(scene: &Scene, chain: &str) -> Result<String> {
    let output = scene.program.output(&["contracts", "executor", chain])?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    let line = text.lines().find_map(|line| line.strip_prefix("executor = ")).context("no executor")?;
    Ok(line.trim_matches('"').to_owned())
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
    sees_pools(&stage.scene).await?;
    let before = Account::read(&stage.scene).await?;
    ensure!(before.synthetic == [TARGET; 2], "{before:?}");

    // TIM3 becomes dear on b: bought on a, sold on b, and brought from a to b by the relay.
    stage.pools[1].raise(stage.sites()[1], 10_000).await?;
    let entries = quiet(&stage.scene, 2).await?;
    let [a, b] = stage.prices().await?;
    ensure!(a > PAR && within_fees(a, b), "{a} on a and {b} on b");
    let after = Account::read(&stage.scene).await?;
    ensure!(after.synthetic.iter().all(|held| *held >= 19_500), "{after:?}");
    agrees(&stage.scene, &before).await?;
    explains(&stage.scene)?;

    // kill -9 when the first leg is sent, and at the second one: each is found, and nothing is done twice.
    let entries = killed(&mut stage, 1, entries).await?;
    agrees(&stage.scene, &before).await?;
    let entries = killed(&mut stage, 2, entries).await?;
    agrees(&stage.scene, &before).await?;

    // Both pools are above par: TIM3 is minted at home on a, and sold on either side.
    stage.scene.end().await?;
    stage.configure("2m", "[keeper.markets.usda_a]")?;
    stage.scene.run().await?;
    let entries = quiet(&stage.scene, entries).await?;
    let [a, b] = stage.prices().await?;
    ensure!(a * 997 <= PAR * 1_000 && b * 997 <= PAR * 1_000, "{a} on a and {b} on b");
    agrees(&stage.scene, &before).await?;

    // And below: bought, and redeemed.
    stage.pools[0].lower(stage.sites()[0], 10_000).await?;
    let entries = quiet(&stage.scene, entries).await?;
    let [a, _] = stage.prices().await?;
    ensure!(a * 1_000 >= PAR * 997, "{a} on a");
    agrees(&stage.scene, &before).await?;

    hedged(&mut stage, entries).await?;
    agrees(&stage.scene, &before).await?;
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
    sees_pools(&stage.scene).await?;
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

/// Opens a gap, kills the daemon as soon as it has sent so many of the trade's legs, and lets it go on.
async fn killed(stage: &mut Stage, legs: usize, entries: u64) -> Result<u64> {
    let sent = stage.scene.logged("trade sent")?;
    stage.pools[1].raise(stage.sites()[1], 10_000).await?;
    let scene = &stage.scene;
    until(PATIENCE, || Ok((scene.logged("trade sent")? >= sent + legs).then_some(())))
        .await
        .context("nothing is sent")?;
    stage.scene.kill()?;
    let found = stage.scene.logged("what was under way is followed")?;
    stage.scene.run().await?;
    let entries = quiet(&stage.scene, entries + 1).await?;
    let [a, b] = stage.prices().await?;
    ensure!(within_fees(a, b), "{a} on a and {b} on b");
    let scene = &stage.scene;
    ensure!(scene.logged("what was under way is followed")? == found + 1, "nothing was found");
    ensure!(scene.logged("trade sent")? == sent + 2, "a leg was sent twice, or not at all");
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
