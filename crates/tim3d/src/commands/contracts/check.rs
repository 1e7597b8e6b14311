//! `tim3d contracts check`: are the gateways what the configuration, and a plan if there is one, say they are?

use std::path::Path;

use anyhow::{Result, bail};
use tim3_arweave::Ao;
use tim3_chain::{
    Chain as Port, Direction,
    findings::{Finding, Report},
};
use tim3_ethereum::{Ethereum, keys};
use tim3_solana::Solana;

use super::{
    super::{Verdict, block_on, load},
    plan::Plan,
    v1,
};
use crate::{
    adapter::Adapter,
    cli::Global,
    config::{Chain, Config, Family, KeyRef},
    output,
};

pub(super) fn check(global: &Global, only: Option<&str>, plan: Option<&Path>, as_json: bool) -> Result<()> {
    let config = load(global)?.config;
    let plan = plan.map(Plan::read).transpose()?;
    let chains: Vec<_> = config.chains.iter().filter(|chain| only.is_none_or(|only| only == chain.name)).collect();
    let adopted: Vec<_> = config.v1.iter().filter(|v1| only.is_none_or(|only| only == v1.name)).collect();
    if chains.is_empty() && adopted.is_empty() {
        let names = config.chains.iter().map(|chain| chain.name.as_str());
        let names: Vec<_> = names.chain(config.v1.iter().map(|v1| v1.name.as_str())).collect();
        bail!("no chain is named {:?}; the configuration has {}", only.unwrap_or_default(), names.join(", "));
    }
    let reports = block_on(async {
        let mut reports = std::collections::BTreeMap::new();
        for chain in chains {
            reports.insert(chain.name.clone(), report(&config, chain, plan.as_ref()).await?);
        }
        for settings in adopted {
            reports.insert(settings.name.clone(), v1::report(settings).await?);
        }
        Ok(reports)
    })?;
    if as_json {
        output::json(&reports)?;
    } else {
        for (name, report) in &reports {
            output::text(&format!("{name}\n{report}"))?;
        }
    }
    let wrong: Vec<_> =
        reports.iter().filter(|(_, report)| !report.is_right()).map(|(name, _)| name.as_str()).collect();
    if wrong.is_empty() { Ok(()) } else { Err(Verdict(format!("not as expected: {}", wrong.join(", "))).into()) }
}

/// Connects without a key, and reads back what kind of gateway it is.
async fn read(config: &Config, chain: &Chain, plan: Option<&Plan>) -> Result<(Box<dyn Port>, Report)> {
    match chain.kind.family() {
        Family::Ethereum => {
            let ethereum = connect::<Ethereum>(chain).await?;
            let report = ethereum.check(&plan.map(|plan| plan.expected(&chain.name)).unwrap_or_default()).await?;
            Ok((Box::new(ethereum), report))
        }
        Family::Solana => {
            let solana = connect::<Solana>(chain).await?;
            let report =
                solana.check(&plan.map(|plan| plan.expected_on_solana(&chain.name)).unwrap_or_default()).await?;
            Ok((Box::new(solana), report))
        }
        Family::Ao => {
            let ao = connect::<Ao>(chain).await?;
            let id = |name: &str| config.chains.iter().find(|peer| peer.name == name).map(|peer| peer.gateway);
            let expected = plan.map(|plan| plan.expected_on_ao(&chain.name, id)).transpose()?.unwrap_or_default();
            let report = ao.check(&expected).await?;
            Ok((Box::new(ao), report))
        }
    }
}

async fn connect<A: Adapter>(chain: &Chain) -> Result<A> {
    Ok(<A as Adapter>::connect(A::settings(chain)?, None, None).await?)
}

async fn report(config: &Config, chain: &Chain, plan: Option<&Plan>) -> Result<Report> {
    let (gateway, mut report) = read(config, chain, plan).await?;
    let mut add = |what: String, found: String, expected: Option<String>| {
        report.findings.push(Finding { what, found, expected });
    };
    add("id, as configured".to_owned(), gateway.gateway().to_string(), Some(chain.gateway.to_string()));
    let attesters = gateway.attesters().await?;
    let ours = config.attesters.iter().filter_map(|attester| address(&attester.key));
    let count = ours.filter(|address| attesters.signers.contains(address)).count();
    let enough = |enough: bool| {
        format!("{} for a threshold of {}", if enough { "enough" } else { "too few" }, attesters.threshold)
    };
    let found = format!("{count} keys are attesters: {}", enough(count >= attesters.threshold.into()));
    add(
        "attesters of this configuration".to_owned(),
        found.clone(),
        (count < attesters.threshold.into()).then(|| enough(true)),
    );
    for asset in &config.assets {
        let symbol = &asset.symbol;
        let level = gateway.pause_level(asset.id).await?;
        add(format!("{symbol}: pause level"), level.to_string(), Some("0".to_owned()));
        for (name, direction) in [("mint", Direction::Mint), ("release", Direction::Release)] {
            let window = gateway.window(asset.id, direction).await?;
            add(format!("{symbol}: {name} window"), format!("{} in {} s", window.limit, window.period), None);
        }
        for peer in config.chains.iter().filter(|peer| peer.gateway != chain.gateway) {
            let route = gateway.route(asset.id, peer.gateway).await?;
            let found = format!(
                "enabled {}, {} to {}, fee {} and {} bp",
                route.enabled, route.min, route.max, route.fee.flat, route.fee.bps
            );
            add(format!("{symbol}: route to {}", peer.name), found, None);
        }
    }
    Ok(report)
}

/// The address of an attester, where it can be told without a password.
fn address(key: &KeyRef) -> Option<[u8; 20]> {
    match key {
        KeyRef::Keystore { file, .. } => keys::address(file).ok().map(|address| address.0.0),
        KeyRef::Plain(_) => crate::keys::open(key, "an attester").ok().map(|signer| signer.address().0.0),
    }
}
