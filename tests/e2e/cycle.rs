//! A keeper in mode `live` that goes in a circle through three real Uniswap V2 pools of one chain, in one transaction.

use alloy::{primitives::U256, providers::Provider as _};
use anyhow::{Context as _, Result, ensure};
use tim3_devnet::{
    Site, accounts,
    plan::{STABLE, SYNTHETIC, VOLATILE},
};

use crate::{
    keeping::Balances,
    scene::Scene,
    trading::{executor, gained, quiet, sees_pools, sent},
    uniswap::{self, Pool},
};

/// Whose account trades.
const KEEPER: &str = "bob";
/// What it has of TIM3.
const INVENTORY: u128 = 20_000;
/// The pools by name, with what each begins with: a WETH is worth 2000 TIM3 everywhere.
const POOLS: [(&str, [(&str, u64); 2]); 3] = [
    ("stable", [(STABLE, 100_000), (SYNTHETIC, 100_000)]),
    ("cross", [(VOLATILE, 50), (STABLE, 100_000)]),
    ("volatile", [(VOLATILE, 50), (SYNTHETIC, 100_000)]),
];

/// The keepers' part of the configuration: without an executor they only look.
fn configuration(pools: &[Pool], executor: Option<&str>) -> String {
    let (mode, executor) = match executor {
        Some(executor) => ("live", format!("executor = \"{executor}\"")),
        None => ("observe", String::new()),
    };
    let mut text = format!(
        r#"
[keeper]
mode = "{mode}"
poll_interval = "200ms"
limits = {{ day = "10000000", each = "10000000", daily_loss = "10000" }}
[keeper.chains.a]
key = {{ file = "keys/{KEEPER}.key" }}
{executor}
[keeper.assets]
USDA.prices = ["par"]
TIM3.prices = ["par"]
WETH.prices = ["ether"]
ETH.prices = ["ether"]
[keeper.prices]
par = {{ fixed = "1" }}
ether = {{ fixed = "2000" }}
"#
    );
    for ((name, [(base, _), (quote, _)]), Pool { pair, router }) in POOLS.iter().zip(pools) {
        text.push_str(&format!(
            r#"
[keeper.venues.{name}]
chain = "a"
pool = "{pair}"
router = "{router}"
base = "{base}"
quote = "{quote}"
"#
        ));
    }
    text
}

async fn balances(site: &Site) -> Result<Balances> {
    let keeper = accounts::address(KEEPER)?;
    let number = |amount: U256| Ok::<_, anyhow::Error>(i128::try_from(amount)?);
    let mut balances = Balances::from([("ETH", number(site.provider().get_balance(keeper).await?)?)]);
    for asset in [STABLE, SYNTHETIC, VOLATILE] {
        balances.insert(asset, number(site.balance(asset, keeper).await?)?);
    }
    Ok(balances)
}

#[tokio::test]
async fn a_circle_through_three_pools_is_gone_in_one_transaction_and_leaves_nothing_to_gain() -> Result<()> {
    let mut scene = Scene::start().await?;
    let a = &scene.devnet.a;
    let mut pools = Vec::new();
    for (_, sides) in POOLS {
        pools.push(Pool::deploy_of(a, sides).await?);
    }
    uniswap::mint(a, KEEPER, INVENTORY).await?;
    let file = scene.devnet.directory.join("cycle.toml");
    std::fs::write(&file, configuration(&pools, None))?;
    scene.program = scene.program.clone().with_file(&file);
    let executor = executor(&scene, "a")?;
    std::fs::write(&file, configuration(&pools, Some(&executor)))?;
    scene.run().await?;
    sees_pools(&scene, POOLS.len()).await?;

    // In turn each pool has too much of something: one way round, and the other.
    let (before, mut known) = (balances(&scene.devnet.a).await?, 0);
    for (pool, symbol, whole) in [(1, VOLATILE, 5), (0, STABLE, 10_000), (2, VOLATILE, 5)] {
        let (legs, transactions) = (sent(&scene)?, count(&scene).await?);
        pools[pool].give(&scene.devnet.a, symbol, whole).await?;
        quiet(&scene, known).await?;
        let entries = gained(&scene, &before, &balances(&scene.devnet.a).await?, known)?;
        known = u64::try_from(entries.len())?;
        let (legs, transactions) = (sent(&scene)? - legs, count(&scene).await? - transactions);
        let last = entries.last().context("no entry")?;
        let subject = last.subject.to_string();
        ensure!(POOLS.iter().all(|(name, _)| subject.contains(name)), "{subject}");
        ensure!(u64::try_from(legs)? == transactions, "{transactions} transactions for {legs} trades");
    }
    let report = scene.program.query(&["keeper", "replay"])?;
    ensure!(report["differences"] == serde_json::json!([]), "{report:#}");
    scene.end().await
}

/// How many transactions the keeper has sent.
async fn count(scene: &Scene) -> Result<u64> {
    Ok(scene.devnet.a.provider().get_transaction_count(accounts::address(KEEPER)?).await?)
}
