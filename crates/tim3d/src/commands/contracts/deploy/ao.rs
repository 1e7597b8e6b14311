//! Gateways on AO.

use std::path::Path;

use anyhow::Result;
use tim3_arweave::{NetworkConfig, deploy::Deployer};
use tim3_rpc::EndpointConfig;

use super::{
    super::plan::{AoTarget, Owner, Plan},
    Progress, State, id_of, save,
};
use crate::{keys, output};

pub(super) fn connect(name: &str, target: &AoTarget) -> Result<Deployer> {
    let wallet = keys::open_ao(&(&target.deployer).into(), &format!("ao_gateways.{name}.deployer"))?;
    let [mu, su, cu] = [&target.mu, &target.su, &target.cu].map(|url| EndpointConfig::new(url.clone()));
    // Nothing is read from Arweave here.
    let network = NetworkConfig::new(name, mu, su, cu.clone(), cu);
    Ok(Deployer::new(network, target.ground(), wallet)?)
}

/// Process and gateway, as far as they are not there.
pub(super) async fn deploy(
    name: &str,
    target: &AoTarget,
    deployer: &Deployer,
    state: &mut State,
    state_path: &Path,
) -> Result<()> {
    if !state.contains_key(name) {
        output::note(&format!("{name}: spawning the process as {}", deployer.address()));
        let (process, chain) = (deployer.process().await?, target.chain.clone());
        state.insert(name.to_owned(), Progress::Ao { process, chain, deployment: None, active: false });
        save(state_path, state)?;
    }
    if let Some(Progress::Ao { process, chain, deployment: deployment @ None, .. }) = state.get_mut(name) {
        output::note(&format!("{name}: setting up {process}"));
        *deployment = Some(deployer.set_up(*process, chain, &target.gateway).await?);
        save(state_path, state)?;
    }
    Ok(())
}

/// Routes and activation, and who owns the process.
pub(super) async fn finish(
    name: &str,
    target: &AoTarget,
    deployer: &Deployer,
    plan: &Plan,
    state: &mut State,
    state_path: &Path,
) -> Result<()> {
    let routes = plan.routes_from(name, |peer| id_of(state, peer))?;
    let Some(Progress::Ao { process, active: active @ false, .. }) = state.get_mut(name) else { return Ok(()) };
    if !deployer.is_active(*process).await? {
        output::note(&format!("{name}: opening {} routes, activating", routes.len()));
        deployer.set_routes(*process, &routes).await?;
        if let Some(admin) = target.admin {
            deployer.offer(*process, admin).await?;
        }
        deployer.activate(*process).await?;
    }
    if target.owner == Some(Owner::Nobody) {
        deployer.renounce(*process).await?;
    }
    *active = true;
    save(state_path, state)
}
