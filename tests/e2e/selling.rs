//! A keeper that sells what it seizes in the transaction that seizes it, in a real Uniswap V2 pool: with what the pool lends, and with its own.

use alloy::primitives::Address;
use anyhow::{Result, ensure};
use serde_json::Value;
use tim3_devnet::{
    accounts,
    plan::{SYNTHETIC, UNIT, VOLATILE},
};

use crate::{
    keeper::{balances, balances_of, inventory, liquidated, positions, price},
    keeping::{agrees, is_done, ledger, moved, shows, swept},
    scene::Scene,
    trading::executor,
    uniswap::Pool,
};

/// What each position owes, at one WETH of 2000 dollars.
const DEBTS: [u128; 4] = [1_450; 4];
/// What the pool begins with: 1800 TIM3 for a WETH.
const LIQUIDITY: [(&str, u64); 2] = [(VOLATILE, 100), (SYNTHETIC, 180_000)];

/// Laid over the devnet's own keeper; without an executor it only looks. What its own money gains goes to `treasury`.
fn configuration(pool: &Pool, executor: Option<&str>, treasury: Option<Address>) -> String {
    let flash = treasury.is_none();
    let treasury = treasury.map(|treasury| format!("treasury = \"{treasury}\"")).unwrap_or_default();
    let (mode, executor) = match executor {
        Some(executor) => ("live", format!("executor = \"{executor}\"\n{treasury}")),
        None => ("observe", String::new()),
    };
    format!(
        r#"
chains.b.mirror = false
[keeper]
mode = "{mode}"
poll_interval = "200ms"
retry_after = "1s"
limits = {{ day = "10000000", each = "10000000", daily_loss = "1000" }}
prices.weth.max_age = "1h"
[keeper.chains.a]
{executor}
[keeper.markets.weth_a]
sell = "exit"
flash = {flash}
[keeper.venues.exit]
chain = "a"
pool = "{}"
router = "{}"
base = "{VOLATILE}"
quote = "TIM3"
"#,
        pool.pair, pool.router
    )
}

/// How often the pool stood against it.
fn left(view: &Value) -> u64 {
    let count = |rule| view["missed"][rule].as_u64().unwrap_or_default();
    count("largest possible repayment") + count("profit")
}

#[tokio::test]
async fn what_is_seized_is_sold_at_once_also_where_the_pool_lends_what_is_repaid_and_a_thin_pool_is_left_alone()
-> Result<()> {
    let mut scene = Scene::start().await?;
    let pool = Pool::deploy_of(&scene.devnet.a, LIQUIDITY).await?;
    positions(&scene.devnet.a, &DEBTS).await?;
    let file = scene.devnet.directory.join("selling.toml");
    std::fs::write(&file, configuration(&pool, None, None))?;
    scene.program = scene.program.clone().with_file(scene.devnet.keeper()).with_file(&file);
    let executor = executor(&scene, "a")?;
    std::fs::write(&file, configuration(&pool, Some(&executor), None))?;
    price(&scene.devnet.a, 2_000).await?;
    scene.run().await?;
    let ready = |view: &Value| view["markets"][0]["positions"] == DEBTS.len() && view["venues"][0]["price"].is_string();
    shows(&scene, "the pool and the positions", ready).await?;

    // It has not one TIM3, and what the pool lends liquidates all four.
    let before = balances(&scene.devnet.a).await?;
    ensure!(before["TIM3"] == 0, "{before:?}");
    price(&scene.devnet.a, 1_800).await?;
    shows(&scene, "liquidations with what the pool lends", is_done(DEBTS.len())).await?;
    ensure!(liquidated(&scene.devnet.a).await?.len() == DEBTS.len());
    let after = balances(&scene.devnet.a).await?;
    // The bonus, less what the pool takes.
    ensure!(after["TIM3"] > 20 * i128::try_from(UNIT)? && after["WETH"] >= before["WETH"], "{after:?}");
    agrees(&moved(&ledger(&scene)?), &before, &after)?;

    // A pool that would not even give what is to be repaid: nothing happens, and the reason is told.
    pool.thin(&scene.devnet.a).await?;
    let known = left(&scene.program.query(&["keeper", "status"])?);
    price(&scene.devnet.a, 1_640).await?;
    let view = shows(&scene, "positions that are left", |view| left(view) > known).await?;
    ensure!(liquidated(&scene.devnet.a).await?.len() == DEBTS.len(), "{view:#}");
    ensure!(balances(&scene.devnet.a).await? == after, "{view:#}");

    // With liquidity it goes on; and with its own TIM3 it sells as well.
    pool.fill(&scene.devnet.a, LIQUIDITY).await?;
    shows(&scene, "liquidations once the pool is filled", is_done(2 * DEBTS.len())).await?;
    agrees(&moved(&ledger(&scene)?), &before, &balances(&scene.devnet.a).await?)?;
    let counted = moved(&ledger(&scene)?);
    scene.end().await?;
    let treasury = accounts::address(accounts::TREASURY)?;
    std::fs::write(&file, configuration(&pool, Some(&executor), Some(treasury)))?;
    let own = balances(&scene.devnet.a).await?;
    inventory(&scene.devnet.a, 5_000 * UNIT).await?;
    let brought = balances(&scene.devnet.a).await?;
    let hoard = balances_of(&scene.devnet.a, treasury).await?;
    scene.run().await?;
    price(&scene.devnet.a, 1_500).await?;
    shows(&scene, "liquidations out of its own", is_done(3 * DEBTS.len())).await?;
    ensure!(liquidated(&scene.devnet.a).await?.len() == 3 * DEBTS.len());
    let end = balances(&scene.devnet.a).await?;
    let all = moved(&ledger(&scene)?);
    let since = all.iter().map(|(asset, sum)| (asset.clone(), sum - counted.get(asset).copied().unwrap_or_default()));
    agrees(&since.collect(), &brought, &end)?;
    ensure!(end["TIM3"] == brought["TIM3"] && brought["TIM3"] > own["TIM3"], "{own:?} {brought:?} {end:?}");
    let swept = swept(&ledger(&scene)?);
    ensure!(swept["TIM3"] > 0, "{swept:?}");
    let gained = balances_of(&scene.devnet.a, treasury).await?;
    for (asset, before) in &hoard {
        let (found, expected) = (swept.get(*asset).copied().unwrap_or_default(), gained[asset] - before);
        ensure!(found == expected, "the treasury got {expected} of {asset}, and the ledger says {swept:?}");
    }

    let report = scene.program.query(&["keeper", "replay"])?;
    ensure!(report["differences"] == serde_json::json!([]), "{report:#}");
    ensure!(scene.logged("the inventory is not what the ledger says")? == 0, "another inventory than the ledger's");
    let view = scene.program.query(&["keeper", "status"])?;
    ensure!(view["lost"] == 0, "sales are in the order in which they were sized: {view:#}");
    scene.end().await
}
