//! What `tim3d` is told about a devnet.

use std::fmt::Write as _;

use anyhow::{Context as _, Result};

use crate::{
    Devnet, Site, accounts, ao_site,
    plan::{STABLE, STABLE_DECIMALS, SYNTHETIC, TOKEN_DECIMALS, VOLATILE},
    solana,
};

/// The configuration file. Paths in it are relative to it.
pub(crate) fn text(devnet: &Devnet, api_port: u16) -> Result<String> {
    let mut text = format!(
        r#"# Written by tim3-devnet for the chains it runs, and of no use without them. config/tim3d.example.toml explains every key.

[journal]
path = "journal.redb"

[api]
listen = "127.0.0.1:{api_port}"
token = {{ file = "api.token" }}

[audit]
interval = "2s"

[assets.{SYNTHETIC}]
"#
    );
    for site in devnet.sites() {
        chain(&mut text, site)?;
    }
    if let Some(site) = &devnet.solana {
        text.push_str(&solana::configuration(site)?);
    }
    if let Some(site) = &devnet.ao {
        text.push_str(&ao_site::configuration(site)?);
    }
    for name in accounts::ATTESTERS {
        let section = name.replace('-', "_");
        write!(text, "\n[attesters.{section}]\nkey = {{ file = \"keys/{name}.key\" }}\n")?;
    }
    Ok(text)
}

/// A second configuration file, to lay over the first: a keeper that looks after the vault market of chain a.
pub(crate) fn keeper(devnet: &Devnet) -> Result<String> {
    let Site { name, deployment, .. } = &devnet.a;
    let feed = deployment.test_feeds.get(VOLATILE).context("the devnet has no price feed")?;
    let market = VOLATILE.to_lowercase();
    Ok(format!(
        r#"# Written by tim3-devnet: a keeper, laid over tim3d.toml by a second --config. In mode "paper" it decides and counts, and sends nothing.

[keeper]
mode = "paper"

[keeper.chains.{name}]
key = {{ file = "keys/{}.key" }}

[keeper.markets.{market}_{name}]

[keeper.assets]
{VOLATILE}.prices = ["{market}"]
ETH.prices = ["{market}"]
{SYNTHETIC}.prices = ["par"]

[keeper.prices]
{market} = {{ chain = "{name}", feed = "{feed}", max_age = "30d" }}
par = {{ fixed = "1" }}
"#,
        accounts::KEEPER
    ))
}

fn chain(text: &mut String, site: &Site) -> Result<()> {
    let Site { name, deployment, .. } = site;
    let (gateway, id, chain_id) = (deployment.gateway, deployment.id, deployment.chain_id);
    let (url, ws) = (site.anvil().url(), site.anvil().websocket());
    write!(
        text,
        r#"
[chains.{name}]
kind = "ethereum"
chain = "eip155:{chain_id}"
gateway = "{gateway}"
gateway_id = "{id}"
endpoints = [{{ url = "{url}", ws = "{ws}" }}]
poll_interval = "200ms"
mirror_interval = "1s"
guardian = {{ file = "keys/{}.key" }}

[chains.{name}.submit]
signer = {{ keystore = "keys/{}.json", password = {{ file = "keys/password" }} }}
escalate_after = "5s"
"#,
        accounts::GUARDIAN,
        accounts::SUBMITTER,
    )?;
    for (collateral, kind, decimals) in [(STABLE, "reserve", STABLE_DECIMALS), (VOLATILE, "vault", TOKEN_DECIMALS)] {
        let market = collateral.to_lowercase();
        write!(
            text,
            r#"
[markets.{market}_{name}]
kind = "{kind}"
home = "{name}"
synthetic = "{SYNTHETIC}"
collateral = "{collateral}"
collateral_decimals = {decimals}
"#
        )?;
    }
    Ok(())
}
