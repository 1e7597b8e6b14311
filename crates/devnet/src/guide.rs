//! What somebody in front of a fresh devnet can do next, as commands to copy.

use anyhow::Result;

use crate::{
    Devnet, SolanaSite, accounts,
    plan::{STABLE, SYNTHETIC, UNIT},
    site::{native, synthetic},
    solana::NAME,
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
    let configuration = configuration.display();
    let (collateral, debt) = (native(100), 100 * UNIT);
    let back = 40 * UNIT;
    let asset = synthetic()?;
    let (url_a, url_b) = (a.anvil().url(), b.anvil().url());
    let (gateway_a, gateway_b) = (a.deployment.gateway, b.deployment.gateway);
    let (id_a, id_b) = (a.deployment.id, b.deployment.id);
    let [keys, directory] = [devnet.keys(), devnet.directory.clone()];
    let solana = devnet.solana.as_ref().map(solana).transpose()?.unwrap_or_default();
    Ok(format!(
        r#"Chains with a TIM3 gateway each:
  a  eip155:{}  {url_a}  gateway {gateway_a}
  b  eip155:{}  {url_b}  gateway {gateway_b}
{solana}alice, bob and carol have 1,000,000 USDA and 100 WETH on each of a and b. Keys: {}; addresses: {}/devnet.json

Start the daemon, in another terminal:
  cargo run -p tim3d -- run --config {configuration}

Lock 100 USDA on a, so that alice gets 100 TIM3 on b (cast is where anvil is: `source` the env.sh that tests/setup.sh wrote):
  cast send --rpc-url {url_a} --private-key $(cat {key}) {usda} \
    'approve(address,uint256)' {gateway_a} {collateral}
  cast send --rpc-url {url_a} --private-key $(cat {key}) {gateway_a} \
    'lock(bytes32,uint256,uint128,bytes32,bytes32,bytes32,uint128)' \
    {market} {collateral} {debt} \
    {id_b} {account} {account} 0

See what became of it:
  cargo run -p tim3d -- ops list --config {configuration}
  cast call --rpc-url {url_b} {tim3} 'balanceOf(address)(uint256)' {alice}

Redeem 40 of them on a:
  cast send --rpc-url {url_b} --private-key $(cat {key}) {gateway_b} \
    'burn(bytes32,uint128,(uint8,bytes32,bytes32,bytes32,bytes32,uint128),bytes32,uint128)' \
    {asset} {back} \
    '(2,{id_a},{market},{market},{account},0)' {account} 0
  cargo run -p tim3d -- audit --config {configuration}

Ctrl-C ends the chains.
"#,
        a.deployment.chain_id,
        b.deployment.chain_id,
        keys.display(),
        directory.display(),
    ))
}

/// The line of the Solana chain, and what is there.
fn solana(site: &SolanaSite) -> Result<String> {
    let (chain, url, gateway) = (&site.deployment.chain, site.validator()?.url()?, site.deployment.gateway);
    Ok(format!(
        "  {NAME}  {chain}  {url}  gateway {gateway}; alice, bob and carol have 1,000,000 USDA and 1,000 SOL there\n"
    ))
}
