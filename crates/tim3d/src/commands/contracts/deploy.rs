//! `tim3d contracts deploy`: the gateways of a plan, one after the other, each step written down so that it can be gone on with.

mod ao;

use std::{collections::BTreeMap, fs, io::Write as _, path::Path};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use tim3_arweave::{Id, deploy::Deployment as AoDeployment};
use tim3_domain::identity::{ChainId, GatewayId};
use tim3_ethereum::{
    Address, EndpointConfig, EthereumConfig,
    deploy::{Deployer, Deployment},
};
use tim3_solana::{
    Addresses, Keypair, Pubkey, SolanaConfig, base58,
    deploy::{Deployer as SolanaDeployer, Deployment as SolanaDeployment, PROGRAM},
};

use super::{
    super::block_on,
    plan::{Authority, Plan, SolanaTarget, Target},
};
use crate::{keys, output};

/// How far the deployment of one gateway is.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Progress {
    Ethereum {
        deployment: Deployment,
        active: bool,
    },
    Solana {
        /// What was uploaded or named.
        #[serde(with = "base58")]
        program: Pubkey,
        deployment: Option<SolanaDeployment>,
        active: bool,
    },
    Ao {
        /// What was spawned.
        process: Id,
        chain: ChainId,
        deployment: Option<AoDeployment>,
        active: bool,
    },
}

/// By name.
type State = BTreeMap<String, Progress>;

fn id_of(state: &State, name: &str) -> Option<GatewayId> {
    match state.get(name)? {
        Progress::Ethereum { deployment, .. } => Some(deployment.id),
        Progress::Solana { deployment, .. } => deployment.as_ref().map(|deployment| deployment.id),
        Progress::Ao { deployment, .. } => deployment.as_ref().map(|deployment| deployment.gateway),
    }
}

pub(super) fn deploy(plan: &Path, state_path: &Path) -> Result<()> {
    let plan = Plan::read(plan)?;
    let mut state: State = match fs::read(state_path) {
        Ok(text) => serde_json::from_slice(&text)
            .with_context(|| format!("{} is no record of a deployment; name another --output", state_path.display()))?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", state_path.display())),
    };
    block_on(async {
        // All of them first: a plan that cannot be carried out as a whole is better not begun.
        let (mut ethereum, mut solana, mut ao) = (Vec::new(), Vec::new(), Vec::new());
        for (name, target) in &plan.gateways {
            ethereum.push((name, target, connect(name, target).await?));
        }
        for (name, target) in &plan.solana_gateways {
            solana.push((name, target, connect_solana(name, target).await?));
        }
        for (name, target) in &plan.ao_gateways {
            ao.push((name, target, ao::connect(name, target)?));
        }
        for (name, target, deployer) in &ethereum {
            if !state.contains_key(*name) {
                output::note(&format!("{name}: deploying from {}", deployer.address()));
                let deployment = deployer.gateway(&target.gateway).await.with_context(|| (*name).clone())?;
                state.insert((*name).clone(), Progress::Ethereum { deployment, active: false });
                save(state_path, &state)?;
            }
        }
        for (name, target, deployer) in &solana {
            deploy_solana(name, target, deployer, &mut state, state_path).await.with_context(|| (*name).clone())?;
        }
        for (name, target, deployer) in &ao {
            ao::deploy(name, target, deployer, &mut state, state_path).await.with_context(|| (*name).clone())?;
        }
        for (name, target, deployer) in &ethereum {
            let routes = plan.routes_from(name, |peer| id_of(&state, peer))?;
            let Some(Progress::Ethereum { deployment, active }) = state.get_mut(*name) else { continue };
            if !*active {
                output::note(&format!("{name}: opening {} routes, activating", routes.len()));
                deployer.open_routes(deployment.gateway, &routes).await.with_context(|| (*name).clone())?;
                deployer.activate(deployment.gateway, target.admin).await.with_context(|| (*name).clone())?;
                *active = true;
                save(state_path, &state)?;
            }
        }
        for (name, target, deployer) in &solana {
            finish_solana(name, target, deployer, &plan, &mut state, state_path)
                .await
                .with_context(|| (*name).clone())?;
        }
        for (name, target, deployer) in &ao {
            ao::finish(name, target, deployer, &plan, &mut state, state_path).await.with_context(|| (*name).clone())?;
        }
        Ok(())
    })?;
    output::text(&sections(&state))
}

async fn connect(name: &str, target: &Target) -> Result<Deployer> {
    let signer = keys::open(&(&target.deployer).into(), &format!("gateways.{name}.deployer"))?;
    let endpoint = EndpointConfig::new(target.url.clone());
    let config = EthereumConfig::new(name, target.chain_id, Address::ZERO, vec![endpoint]);
    Ok(Deployer::connect(&config, signer).await?)
}

async fn connect_solana(name: &str, target: &SolanaTarget) -> Result<SolanaDeployer> {
    let signer = keys::open_solana(&(&target.deployer).into(), &format!("solana_gateways.{name}.deployer"))?;
    let (endpoint, nobody) = (EndpointConfig::new(target.url.clone()), Pubkey::default());
    let config = SolanaConfig::new(name, target.chain.clone(), nobody, nobody, vec![endpoint]);
    Ok(SolanaDeployer::connect(&config, signer).await?)
}

/// Program and gateway, as far as they are not there.
async fn deploy_solana(
    name: &str,
    target: &SolanaTarget,
    deployer: &SolanaDeployer,
    state: &mut State,
    state_path: &Path,
) -> Result<()> {
    if !state.contains_key(name) {
        let program = match target.program {
            Some(program) => program,
            None => {
                output::note(&format!("{name}: uploading the program from {}", deployer.address()));
                deployer.program(PROGRAM, &Keypair::new()).await?
            }
        };
        state.insert(name.to_owned(), Progress::Solana { program, deployment: None, active: false });
        save(state_path, state)?;
    }
    if let Some(Progress::Solana { program, deployment: deployment @ None, .. }) = state.get_mut(name) {
        output::note(&format!("{name}: deploying from {}", deployer.address()));
        *deployment = Some(deployer.gateway(*program, &target.gateway).await?);
        save(state_path, state)?;
    }
    Ok(())
}

/// Routes, lookup table and activation, and who may replace the program; of a gateway that is active, what its lookup table lacks.
async fn finish_solana(
    name: &str,
    target: &SolanaTarget,
    deployer: &SolanaDeployer,
    plan: &Plan,
    state: &mut State,
    state_path: &Path,
) -> Result<()> {
    let routes = plan.routes_from(name, |peer| id_of(state, peer))?;
    let Some(Progress::Solana { program, deployment: Some(deployment), active }) = state.get_mut(name) else {
        return Ok(());
    };
    let addresses = Addresses { program: *program, gateway: deployment.gateway };
    if *active {
        let Some(table) = deployment.lookup_table else { return Ok(()) };
        // Routes that its admin opened since, or will.
        let added = deployer.extend_lookup_table(table, &addresses, &routes).await?;
        if added > 0 {
            output::note(&format!(
                "{name}: lookup table extended by {added}; a daemon takes that up at its next start"
            ));
        }
        return Ok(());
    }
    if !deployer.is_active(&addresses).await? {
        output::note(&format!("{name}: opening {} routes", routes.len()));
        deployer.open_routes(&addresses, &routes).await?;
    }
    if deployment.lookup_table.is_none() {
        deployment.lookup_table = Some(deployer.lookup_table(&addresses, &routes).await?);
        save(state_path, state)?;
    }
    if !deployer.is_active(&addresses).await? {
        output::note(&format!("{name}: activating"));
        deployer.activate(&addresses, target.admin).await?;
    }
    if let (Some(authority), None) = (target.upgrade_authority, target.program) {
        deployer.set_upgrade_authority(&addresses.program, Authority::account(authority).as_ref()).await?;
    }
    if let Some(Progress::Solana { active, .. }) = state.get_mut(name) {
        *active = true;
    }
    save(state_path, state)
}

/// Written as a whole, because a gateway that nobody remembers was paid for in vain.
fn save(path: &Path, state: &State) -> Result<()> {
    let draft = path.with_extension("new");
    let write = || {
        let mut file = fs::File::create(&draft)?;
        file.write_all(&serde_json::to_vec_pretty(state)?)?;
        file.sync_all()?;
        fs::rename(&draft, path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// What goes into the configuration.
fn sections(state: &State) -> String {
    let sections: Vec<_> = state.iter().filter_map(|(name, progress)| section(name, progress)).collect();
    format!("# For the configuration:\n{}", sections.join("\n"))
}

fn section(name: &str, progress: &Progress) -> Option<String> {
    Some(match progress {
        Progress::Ethereum { deployment, .. } => format!(
            "[chains.{name}]\nkind = \"ethereum\"\nchain = \"eip155:{}\"\ngateway = \"{}\"\ngateway_id = \"{}\"\nbirth = {}\n",
            deployment.chain_id,
            deployment.gateway.to_checksum(None),
            deployment.id,
            deployment.birth,
        ),
        Progress::Solana { deployment, .. } => {
            let SolanaDeployment { chain, program, gateway, id, lookup_table, .. } = deployment.as_ref()?;
            let table = lookup_table.map(|table| format!("lookup_table = \"{table}\"\n")).unwrap_or_default();
            format!(
                "[chains.{name}]\nkind = \"solana\"\nchain = \"{chain}\"\nprogram = \"{program}\"\ngateway = \"{gateway}\"\ngateway_id = \"{id}\"\n{table}",
            )
        }
        Progress::Ao { process, chain, deployment, .. } => {
            let id = deployment.as_ref()?.gateway;
            format!(
                "[chains.{name}]\nkind = \"ao\"\nchain = \"{chain}\"\ngateway = \"{process}\"\ngateway_id = \"{id}\"\n"
            )
        }
    })
}
