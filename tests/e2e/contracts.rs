//! `tim3d contracts` with a gateway on an EVM chain and one on Solana, and with one on AO.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tim3_devnet::{AoSite, accounts, daemon::Program, plan::STABLE};

use crate::scene::Scene;

/// Deploys a gateway on chain a and one on Solana with a program of its own, and has both checked.
pub(crate) fn are_deployed_on_both_kinds(scene: &Scene) -> Result<()> {
    let checked = scene.program.query(&["contracts", "check"])?;
    let s = scene.devnet.solana.as_ref().context("no Solana chain")?;
    ensure!(checked["s"]["findings"].as_array().is_some_and(|findings| findings.len() > 10), "{checked}");

    let directory = scene.devnet.directory.join("contracts");
    fs::create_dir(&directory)?;
    let write = |name: &str, text: &str| fs::write(directory.join(name), text);
    let (a, solana) = (scene.devnet.a.anvil().url(), s.validator()?.url()?);
    let (plan, more) = plan(scene, a.as_str(), solana.as_str(), s.deployment.chain.as_str())?;
    write("plan.toml", &plan)?;
    let deploy = |plan: &str, state: &str| {
        let file = |name: &str| directory.join(name).display().to_string();
        scene.program.output(&["contracts", "deploy", &file(plan), "--output", &file(state)])
    };
    let deployed = deploy("plan.toml", "state.json")?;
    let said = String::from_utf8_lossy(&deployed.stderr);
    ensure!(deployed.status.success(), "{said}");
    ensure!(said.contains("y: uploading the program"), "{said}");
    let again = deploy("plan.toml", "state.json")?;
    ensure!(again.stdout == deployed.stdout && again.stderr.is_empty(), "nothing is left to do: {again:?}");

    // Another peer: an active gateway's routes are its admin's, but its lookup table has room for them.
    write("more.toml", &format!("{plan}{more}"))?;
    let extended = deploy("more.toml", "state.json")?;
    let said = String::from_utf8_lossy(&extended.stderr);
    ensure!(extended.status.success() && said.contains("y: lookup table extended by 1"), "{said}");
    let again = deploy("more.toml", "state.json")?;
    ensure!(again.stdout == extended.stdout && again.stderr.is_empty(), "nothing is left to do: {again:?}");

    // The salt is taken on this program, by a gateway that is active.
    let sections = String::from_utf8(deployed.stdout)?;
    let program = sections.lines().find(|line| line.starts_with("program = ")).context("no program was printed")?;
    write("again.toml", &plan.replace("upgrade_authority = \"nobody\"", program))?;
    let refused = deploy("again.toml", "other.json")?;
    let said = String::from_utf8_lossy(&refused.stderr);
    ensure!(!refused.status.success() && said.contains("choose another salt"), "{said}");

    // What it printed is a configuration, with endpoints and keys beside it.
    write("chains.toml", &sections)?;
    let keys = scene.devnet.keys();
    let key = |name: &str| accounts::key_file(&keys, name).display().to_string();
    let mut rest = "journal.path = \"journal.redb\"\n[assets.TIM3]\n".to_owned();
    for (name, url) in [("x", a.as_str()), ("y", solana.as_str())] {
        rest += &format!(
            "[chains.{name}]\nendpoints = [{{ url = \"{url}\" }}]\nsubmit.signer = {{ file = \"{}\" }}\n",
            key("admin")
        );
    }
    for name in accounts::ATTESTERS {
        let section = name.replace('-', "_");
        rest += &format!("[attesters.{section}]\nkey = {{ file = \"{}\" }}\n", key(name));
    }
    write("rest.toml", &rest)?;
    let program =
        Program::new(env!("CARGO_BIN_EXE_tim3d"), directory.join("chains.toml")).with_file(directory.join("rest.toml"));
    let check =
        |plan: &Path| program.output(&["contracts".as_ref(), "check".as_ref(), "--plan".as_ref(), plan.as_os_str()]);
    let right = check(&directory.join("plan.toml"))?;
    let said = String::from_utf8_lossy(&right.stdout);
    ensure!(right.status.success(), "{said}{}", String::from_utf8_lossy(&right.stderr));
    ensure!(said.contains("who can replace the program: nobody"), "{said}");
    write(
        "other.toml",
        &plan
            .replace("depeg_bps = 0", "depeg_bps = 1")
            .replace("\"nobody\"", &format!("{{ account = \"{}\" }}", s.deployment.gateway)),
    )?;
    let wrong = check(&directory.join("other.toml"))?;
    let said = String::from_utf8_lossy(&wrong.stdout);
    let count = said.lines().filter(|line| line.starts_with("WRONG")).count();
    ensure!(wrong.status.code() == Some(3) && count == 2, "market and upgrade authority are others: {said}");
    Ok(())
}

/// A plan of a gateway on either kind of chain, and what makes it one with a third.
fn plan(scene: &Scene, ethereum: &str, solana: &str, cluster: &str) -> Result<(String, String)> {
    let admin = accounts::key_file(&scene.devnet.keys(), accounts::ADMIN).display().to_string();
    let attesters = accounts::ATTESTERS.into_iter().map(|name| Ok(accounts::address(name)?.to_string()));
    let attesters = attesters.collect::<Result<Vec<_>>>()?;
    let somebody = tim3_devnet::solana::account_of(accounts::GUARDIAN);
    let somebody = tim3_solana::address::pubkey(&somebody);
    let shared = format!(
        "delay_seconds = 60\nthreshold = 2\nattesters = {attesters:?}\n\
         synthetics = [{{ symbol = \"TIM3\", name = \"TIM3\", target = 1000000000000000000, mint_window = {{ limit = 2000000, period_seconds = 60 }}, release_window = {{ limit = 2000000, period_seconds = 60 }} }}]\n"
    );
    let guardian = accounts::address(accounts::GUARDIAN)?;
    let on_ethereum = |name: &str, salt: &str| {
        let salt = salt.repeat(32);
        format!(
            r#"
[gateways.{name}]
chain_id = 31337
url = "{ethereum}"
deployer = {{ file = "{admin}" }}
[gateways.{name}.gateway]
salt = "0x{salt}"
guardian = "{guardian}"
treasury = "{guardian}"
{shared}"#
        )
    };
    let route = |from: &str, to: &str| {
        format!("\n[[routes]]\nasset = \"TIM3\"\nfrom = \"{from}\"\nto = \"{to}\"\nmin = 1\nmax = 1000000\n")
    };
    let salt_y = "b2".repeat(32);
    let on_solana = format!(
        r#"
[solana_gateways.y]
chain = "{cluster}"
url = "{solana}"
deployer = {{ file = "{admin}" }}
upgrade_authority = "nobody"
[solana_gateways.y.gateway]
salt = "0x{salt_y}"
guardian = "{somebody}"
treasury = "{somebody}"
{shared}
collaterals = [{{ symbol = "USDA", decimals = 6, token = {{ test = {{ decimals = 8 }} }} }}]
markets = [{{ synthetic = "TIM3", collateral = "USDA", kind = "reserve", depeg_bps = 0, debt_ceiling = 1000000 }}]
"#
    );
    let plan = [on_ethereum("x", "a1"), on_solana, route("x", "y"), route("y", "x")].concat();
    let more = [on_ethereum("z", "c3"), route("y", "z"), route("z", "y")].concat();
    Ok((plan, more))
}

/// Has the devnet's gateway on AO checked, and deploys another one from an Arweave key file: what broke off is gone on with.
pub(crate) fn are_deployed_on_ao(scene: &Scene) -> Result<()> {
    let checked = scene.program.query(&["contracts", "check", "o"])?;
    ensure!(checked["o"]["findings"].as_array().is_some_and(|findings| findings.len() > 10), "{checked}");

    let directory = scene.devnet.directory.join("contracts");
    fs::create_dir(&directory)?;
    let file = |name: &str| directory.join(name).display().to_string();
    let wallet = directory.join("wallet.json");
    fs::write(&wallet, include_str!("../../crates/arweave/tests/wallet.json"))?;
    fs::set_permissions(&wallet, fs::Permissions::from_mode(0o600))?;
    let o = scene.devnet.ao.as_ref().context("no AO network")?;
    let plan = ao_plan(o, &file("wallet.json"))?;
    let deploy = || scene.program.output(&["contracts", "deploy", &file("plan.toml"), "--output", &file("state.json")]);

    // A wallet is no token, which is noticed when the process is there.
    let usda = o.token(STABLE)?.to_string();
    let nobody = accounts::ao_wallet("carol")?.address().to_string();
    fs::write(directory.join("plan.toml"), plan.replace(&usda, &nobody))?;
    let broken = deploy()?;
    let said = String::from_utf8_lossy(&broken.stderr);
    ensure!(!broken.status.success() && said.contains(&nobody), "{said}");
    let begun: Value = serde_json::from_str(&fs::read_to_string(directory.join("state.json"))?)?;
    fs::write(directory.join("plan.toml"), &plan)?;
    let deployed = deploy()?;
    let said = String::from_utf8_lossy(&deployed.stderr);
    ensure!(deployed.status.success() && !said.contains("spawning"), "{said}");
    let process = begun["z"]["process"].as_str().context("no process")?;
    let sections = String::from_utf8(deployed.stdout.clone())?;
    ensure!(sections.contains(&format!("gateway = \"{process}\"")), "{sections}");
    let again = deploy()?;
    ensure!(again.stdout == deployed.stdout && again.stderr.is_empty(), "nothing is left to do: {again:?}");

    // What it printed is a configuration, with units, voters and keys beside it: those of the devnet's own gateway.
    fs::write(directory.join("chains.toml"), &sections)?;
    let configuration: toml::Table = toml::from_str(&fs::read_to_string(scene.devnet.configuration())?)?;
    let own = configuration["chains"]["o"].as_table().context("no chain")?;
    let key = format!("{{ file = \"{}\" }}", accounts::key_file(&scene.devnet.keys(), "attester-one").display());
    let mut rest =
        format!("journal.path = \"journal.redb\"\n[assets.TIM3]\n[attesters.one]\nkey = {key}\n[chains.z]\n");
    let mut voters = own["voters"].as_array().context("no voters")?.clone();
    for voter in voters.iter_mut().filter_map(toml::Value::as_table_mut) {
        voter.remove("key");
    }
    rest += &format!("endpoints = {}\nvoters = {}\n", own["endpoints"], toml::Value::Array(voters));
    rest += &format!("submit.signer = {{ file = \"{}\" }}\n", wallet.display());
    fs::write(directory.join("rest.toml"), rest)?;
    let program =
        Program::new(env!("CARGO_BIN_EXE_tim3d"), directory.join("chains.toml")).with_file(directory.join("rest.toml"));
    let check = || program.output(&["contracts", "check", "--plan", &file("plan.toml")]);
    let right = check()?;
    let said = String::from_utf8_lossy(&right.stdout);
    // One attester's key is too few.
    let wrong: Vec<_> = said.lines().filter(|line| line.starts_with("WRONG")).collect();
    ensure!(wrong.len() == 1 && wrong[0].contains("attesters of this configuration"), "{said}");
    ensure!(said.contains("who owns the process: renounced"), "{said}");
    let other = plan.replace("limit = 2000000", "limit = 3000000").replace(o.network().authority_id(), &nobody);
    fs::write(directory.join("plan.toml"), other)?;
    let wrong = check()?;
    let said = String::from_utf8_lossy(&wrong.stdout);
    let count = said.lines().filter(|line| line.starts_with("WRONG")).count();
    ensure!(wrong.status.code() == Some(3) && count == 5, "two windows, authority and authorities are others: {said}");
    Ok(())
}

fn ao_plan(site: &AoSite, wallet: &str) -> Result<String> {
    let network = site.network();
    let (mu, su) = (network.messenger()?, network.scheduler()?);
    let cu = network.compute_units()?.into_iter().next().context("no compute unit")?;
    let (module, scheduler, authority) = (network.module_id(), network.scheduler_id(), network.authority_id());
    let somebody = accounts::ao_wallet(accounts::GUARDIAN)?.address();
    let attesters = accounts::ATTESTERS.into_iter().map(|name| Ok(accounts::ao_wallet(name)?.address().to_string()));
    let (attesters, usda) = (attesters.collect::<Result<Vec<_>>>()?, site.token(STABLE)?);
    let salt = "c3".repeat(32);
    Ok(format!(
        r#"
[ao_gateways.z]
chain = "ao:devnet"
mu = "{mu}"
su = "{su}"
cu = "{cu}"
module = "{module}"
scheduler = "{scheduler}"
authority = "{authority}"
deployer = {{ file = "{wallet}" }}
admin = "{somebody}"
owner = "nobody"
[ao_gateways.z.gateway]
salt = "0x{salt}"
guardian = "{somebody}"
treasury = "{somebody}"
delay_seconds = 60
threshold = 2
attesters = {attesters:?}
synthetics = [{{ symbol = "TIM3", name = "TIM3", target = 1000000000000000000, mint_window = {{ limit = 2000000, period_seconds = 60 }}, release_window = {{ limit = 2000000, period_seconds = 60 }} }}]
collaterals = [{{ symbol = "USDA", decimals = 6, token = {{ existing = "{usda}" }} }}]
markets = [{{ synthetic = "TIM3", collateral = "USDA", kind = "reserve", debt_ceiling = 1000000 }}]
"#
    ))
}
