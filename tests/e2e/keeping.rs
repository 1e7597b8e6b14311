//! What keepers say of themselves, and whether the chain says the same.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tim3_devnet::daemon::until;
use tim3_domain::{
    identity::Account,
    protocol::{Event, EventBody},
};

use crate::scene::{PATIENCE, Scene};

/// What a keeper's account has on a chain, by the names that its ledger uses.
pub(crate) type Balances = BTreeMap<&'static str, i128>;

/// The keepers' view, once it is as `test` wants it.
pub(crate) async fn shows(scene: &Scene, what: &str, test: impl Fn(&Value) -> bool) -> Result<Value> {
    let mut last = Value::Null;
    let waited = until(PATIENCE.saturating_mul(2), || {
        last = scene.program.query(&["keeper", "status"]).unwrap_or_default();
        Ok(test(&last).then(|| last.clone()))
    });
    waited.await.with_context(|| format!("waited for {what}; the keepers say {last:#}"))
}

pub(crate) fn verdict(view: &Value) -> &str {
    view["markets"][0]["verdict"].as_str().unwrap_or_default()
}

/// Whether nothing is left to do, and the ledger has so many entries at least.
pub(crate) fn is_done(entries: usize) -> impl Fn(&Value) -> bool {
    move |view| {
        let is_quiet = view["in_flight"] == json!({}) && view["markets"][0]["liquidatable"] == 0;
        is_quiet && view["entries"].as_u64() >= u64::try_from(entries).ok()
    }
}

/// The configuration of keepers that trade TIM3 at par with the dollar on two chains, on each of which `target` of it is to be. `own` has the sections of these chains,
/// of the venues, and of the policy.
pub(crate) fn trading(mode: &str, chains: [&str; 2], target: u128, own: &str) -> String {
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

/// How often each owner was liquidated, by a gateway's events.
pub(crate) fn liquidated(events: impl IntoIterator<Item = Event>) -> BTreeMap<Account, usize> {
    let mut times = BTreeMap::new();
    for event in events {
        if let EventBody::Liquidated { position, .. } = event.body {
            *times.entry(position.owner).or_default() += 1;
        }
    }
    times
}

/// The entries of the ledger.
pub(crate) fn ledger(scene: &Scene) -> Result<Vec<Value>> {
    let output = scene.program.output(&["keeper", "ledger", "--json"])?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

/// Sums of what moved by the ledger, by asset.
pub(crate) fn moved(entries: &[Value]) -> Result<BTreeMap<String, i128>> {
    sums(entries, "moves")
}

/// The same of another column of moves.
pub(crate) fn sums(entries: &[Value], column: &str) -> Result<BTreeMap<String, i128>> {
    let mut sums = BTreeMap::new();
    for entry in entries {
        ensure!(entry["mode"] == "live", "{entry}");
        for change in entry[column].as_array().context("no moves")? {
            let delta: i128 = change["delta"].to_string().parse()?;
            *sums.entry(change["asset"].as_str().unwrap_or_default().to_owned()).or_default() += delta;
        }
    }
    Ok(sums)
}

/// That the ledger says of every balance what the chain says, to the last unit.
pub(crate) fn agrees(sums: &BTreeMap<String, i128>, before: &Balances, after: &Balances) -> Result<()> {
    for (asset, before) in before {
        let change = after.get(asset).with_context(|| format!("no balance of {asset}"))? - before;
        ensure!(sums.get(*asset) == Some(&change), "{asset} moved by {change}, and the ledger says {sums:?}");
    }
    Ok(())
}
