//! What somebody in front of a fresh devnet can do next, as commands to copy.

use std::fmt::{Display, Write as _};

use anyhow::{Context as _, Result};
use tim3_domain::identity::GatewayId;

use crate::{
    AoSite, Devnet, accounts, ao_site,
    plan::{STABLE, SYNTHETIC, UNIT},
    site::{native, synthetic},
    solana,
};

/// The text; it ends with a newline.
///
/// # Errors
/// Never for a devnet that started.
pub fn text(devnet: &Devnet) -> Result<String> {
    let Devnet { a, b, .. } = devnet;
    let alice = accounts::address("alice")?;
    let account = alice.into_word();
    let (usda, market) = (*a.token(STABLE)?.address(), a.market(STABLE)?);
    let tim3 = *b.token(SYNTHETIC)?.address();
    let key = accounts::key_file(&devnet.keys(), "alice");
    let (key, configuration) = (key.display(), devnet.configuration());
    let (configuration, keeper) = (configuration.display(), devnet.keeper());
    let keeper = keeper.display();
    let (collateral, debt) = (native(100), 100 * UNIT);
    let back = 40 * UNIT;
    let asset = synthetic()?;
    let (url_a, url_b) = (a.anvil().url(), b.anvil().url());
    let (gateway_a, gateway_b) = (a.deployment.gateway, b.deployment.gateway);
    let (id_a, id_b) = (a.deployment.id, b.deployment.id);
    let [keys, directory] = [devnet.keys(), devnet.directory.clone()];
    let lock = |destination: GatewayId, recipient: &dyn Display| {
        format!(
            r#"  cast send --rpc-url {url_a} --private-key $(cat {key}) {usda} \
    'approve(address,uint256)' {gateway_a} {collateral}
  cast send --rpc-url {url_a} --private-key $(cat {key}) {gateway_a} \
    'lock(bytes32,uint256,uint128,bytes32,bytes32,bytes32,uint128)' \
    {market} {collateral} {debt} \
    {destination} {recipient} {account} 0
"#
        )
    };
    let others = others(devnet)?;
    let on_ao = match &devnet.ao {
        Some(site) => on_ao(site, &lock(site.deployment.gateway, &ao_site::account_of("alice")?))?,
        None => String::new(),
    };
    let lock = lock(id_b, &account);
    Ok(format!(
        r#"Chains with a TIM3 gateway each:
  a  eip155:{}  {url_a}  gateway {gateway_a}
  b  eip155:{}  {url_b}  gateway {gateway_b}
{others}alice, bob and carol have 1,000,000 USDA and 100 WETH on each of a and b. Keys: {}; addresses: {}/devnet.json

Start the daemon, in another terminal:
  cargo run -p tim3d -- run --config {configuration} --config {keeper}

Lock 100 USDA on a, so that alice gets 100 TIM3 on b (cast is where anvil is: `source` the env.sh that tests/setup.sh wrote):
{lock}
See what became of it:
  cargo run -p tim3d -- ops list --config {configuration}
  cast call --rpc-url {url_b} {tim3} 'balanceOf(address)(uint256)' {alice}

Redeem 40 of them on a:
  cast send --rpc-url {url_b} --private-key $(cat {key}) {gateway_b} \
    'burn(bytes32,uint128,(uint8,bytes32,bytes32,bytes32,bytes32,uint128),bytes32,uint128)' \
    {asset} {back} \
    '(2,{id_a},{market},{market},{account},0)' {account} 0
  cargo run -p tim3d -- audit --config {configuration}
{on_ao}
Ctrl-C ends all of it.
"#,
        a.deployment.chain_id,
        b.deployment.chain_id,
        keys.display(),
        directory.display(),
    ))
}

/// The chains that are there because they were asked for, a line each.
fn others(devnet: &Devnet) -> Result<String> {
    let mut text = String::new();
    if let Some(site) = &devnet.solana {
        let (chain, url) = (&site.deployment.chain, site.validator()?.url()?);
        let (name, gateway) = (solana::NAME, site.deployment.gateway);
        writeln!(
            text,
            "  {name}  {chain}  {url}  gateway {gateway}; alice, bob and carol have 1,000,000 USDA and 1,000 SOL there"
        )?;
    }
    if let Some(site) = &devnet.ao {
        let (chain, url) = (ao_site::CHAIN, site.network().messenger()?);
        let (name, process) = (ao_site::NAME, site.deployment.process);
        writeln!(text, "  {name}  {chain}  {url}  gateway {process}; alice, bob and carol have 1,000,000 USDA there")?;
    }
    Ok(text)
}

/// The same lock for alice's wallet on AO, and how to ask the process itself what she has.
fn on_ao(site: &AoSite, lock: &str) -> Result<String> {
    let (process, alice) = (site.deployment.process, accounts::ao_wallet("alice")?.address());
    let cu = site.network().compute_units()?.into_iter().next().context("no compute unit")?;
    Ok(format!(
        r#"
Lock 100 USDA on a, so that alice's wallet on AO, {alice}, gets 100 TIM3, and ask the process there:
{lock}  curl -s '{cu}dry-run?process-id={process}' -H 'Content-Type: application/json' -d '{{"Id":"1","Target":"{process}","Owner":"1",
    "Anchor":"0","Data":"","Tags":[{{"name":"Action","value":"Balance"}},{{"name":"Recipient","value":"{alice}"}}]}}'
"#
    ))
}
