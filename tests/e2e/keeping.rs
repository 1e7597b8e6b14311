//! What keepers say of themselves, and whether the chain says the same.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tim3_devnet::daemon::until;
use tim3_domain::{
    identity::Account,
    protocol::{Event, EventBody},
};
use tim3_keeper::{
    Mode,
    ledger::{Entry, Move},
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

/// The entries of the ledger, all of what happened.
pub(crate) fn ledger(scene: &Scene) -> Result<Vec<Entry>> {
    let output = scene.program.output(&["keeper", "ledger", "--json"])?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    let entries: Vec<Entry> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    ensure!(entries.iter().all(|entry| entry.mode == Mode::Live), "{entries:#?}");
    Ok(entries)
}

/// Sums of what moved by the ledger, by asset.
pub(crate) fn moved(entries: &[Entry]) -> BTreeMap<String, i128> {
    sums(entries.iter().flat_map(|entry| &entry.moves))
}

/// Sums of what went to a treasury by the ledger, by asset.
pub(crate) fn swept(entries: &[Entry]) -> BTreeMap<String, i128> {
    sums(entries.iter().flat_map(|entry| &entry.swept))
}

fn sums<'a>(moves: impl Iterator<Item = &'a Move>) -> BTreeMap<String, i128> {
    let mut sums = BTreeMap::new();
    for change in moves {
        *sums.entry(change.asset.clone()).or_default() += change.delta;
    }
    sums
}

/// That the ledger says of every balance what the chain says, to the last unit.
pub(crate) fn agrees(sums: &BTreeMap<String, i128>, before: &Balances, after: &Balances) -> Result<()> {
    for (asset, before) in before {
        let change = after.get(asset).with_context(|| format!("no balance of {asset}"))? - before;
        let found = sums.get(*asset).copied().unwrap_or_default();
        ensure!(found == change, "{asset} moved by {change}, and the ledger says {sums:?}");
    }
    Ok(())
}
