//! What tests of keepers that trade share.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tim3_chain::{Attempt, ChainError, Traded, Trader, Transaction};
use tim3_devnet::daemon::{until, until_async};
use tim3_keeper::ledger::Entry;

use crate::{
    keeping::{Balances, agrees, ledger, moved},
    scene::{PATIENCE, Scene},
};

/// A price of one, as [`Pool::price`](crate::uniswap::Pool::price) says it.
pub(crate) const PAR: u128 = 10_u128.pow(12);

/// The configuration of keepers that trade TIM3 at par with the dollar on two chains, on each of which `target` of it is to be. `own` has the sections of these chains,
/// of the venues, and of the policy.
pub(crate) fn configuration(mode: &str, chains: [&str; 2], target: u128, own: &str) -> String {
    let [one, other] = chains;
    format!(
        r#"
chains.a.mirror = false
chains.b.mirror = false
[keeper]
mode = "{mode}"
poll_interval = "200ms"
retry_after = "1s"
limits = {{ day = "10000000", each = "10000000", daily_loss = "10000", exposure = "100000" }}
{own}
[keeper.inventory.TIM3.chains]
{one} = {{ target = "{target}", least = "19500" }}
{other} = {{ target = "{target}", least = "19500" }}
[keeper.assets]
USDA.prices = ["par"]
TIM3.prices = ["par"]
ETH.prices = ["ether"]
[keeper.prices]
par = {{ fixed = "1" }}
ether = {{ fixed = "2000" }}
"#
    )
}

/// Deploys the executor of a chain as an operator does.
pub(crate) fn executor(scene: &Scene, chain: &str) -> Result<String> {
    let output = scene.program.output(&["contracts", "executor", chain])?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    let line = text.lines().find_map(|line| line.strip_prefix("executor = ")).context("no executor")?;
    Ok(line.trim_matches('"').to_owned())
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

/// Waits until so many pools are seen.
pub(crate) async fn sees_pools(scene: &Scene, pools: usize) -> Result<()> {
    let mut last = Value::Null;
    let waited = until(PATIENCE, || {
        last = scene.program.query(&["keeper", "status"]).unwrap_or_default();
        let priced = |venue: &Value| venue["price"].is_string();
        let seen = last["venues"].as_array().map_or(0, |venues| venues.iter().filter(|venue| priced(venue)).count());
        Ok((seen == pools).then_some(()))
    });
    waited.await.with_context(|| format!("the keepers say {last:#}"))
}

/// That whoever buys on the one side and sells on the other gains nothing after the pools' fees.
pub(crate) fn within_fees(cheap: u128, dear: u128) -> bool {
    dear * 997 * 997 <= cheap * 1_000 * 1_000
}

/// That the ledger says of every balance what the chains say, to the last unit, before and after; that all entries together gained, and those after the first `known` by
/// themselves; and that it was never told another inventory.
pub(crate) fn gained(scene: &Scene, before: &Balances, after: &Balances, known: u64) -> Result<Vec<Entry>> {
    let entries = ledger(scene)?;
    agrees(&moved(&entries), before, after)?;
    let since = |first: u64| entries.iter().filter(|entry| entry.number >= first).map(|entry| entry.usd).sum::<i128>();
    let (all, new) = (since(0), since(known));
    ensure!(all > 0 && new > 0, "it came to {all}, and {new} of that since entry {known}");
    let differences = scene.logged("the inventory is not what the ledger says")?;
    ensure!(differences == 0, "{differences} times the inventory was another than the ledger's");
    Ok(entries)
}

/// How many legs and trades were sent.
pub(crate) fn sent(scene: &Scene) -> Result<usize> {
    scene.logged("trade sent")
}

/// Kills the daemon as soon as it has sent `legs` of a trade, where it had sent `before`, and lets it go on: what was under way is found, and no leg is sent twice. Gives how many
/// entries the ledger has then.
pub(crate) async fn killed(scene: &mut Scene, before: usize, legs: usize, entries: u64) -> Result<u64> {
    const FOUND: &str = "what was under way is followed";
    until(PATIENCE, || Ok((sent(scene)? >= before + legs).then_some(()))).await.context("nothing is sent")?;
    scene.kill()?;
    let found = scene.logged(FOUND)?;
    scene.run().await?;
    let entries = quiet(scene, entries + 1).await?;
    ensure!(scene.logged(FOUND)? == found + 1, "nothing was found");
    ensure!(sent(scene)? == before + 2, "a leg was sent twice, or not at all");
    Ok(entries)
}

/// That a port refuses, with a reason.
pub(crate) fn rejected<T: std::fmt::Debug>(result: Result<T, ChainError>, expected: &str) -> Result<()> {
    let is_it = matches!(&result, Err(ChainError::Rejected { reason, .. }) if reason.contains(expected));
    ensure!(is_it, "{result:?}, expected {expected}");
    Ok(())
}

/// What became of a trade, once that is certain.
pub(crate) async fn ended(trader: &dyn Trader, transaction: &Transaction) -> Result<Attempt<Traded>> {
    until_async(PATIENCE, async || {
        let attempt = trader.trades(std::slice::from_ref(transaction)).await?.pop();
        Ok(attempt.filter(|attempt| !matches!(attempt, Attempt::Pending | Attempt::Unknown)))
    })
    .await
}
