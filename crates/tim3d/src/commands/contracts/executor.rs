//! `tim3d contracts executor`: what makes the calls of a keeper's trade one transaction.

use anyhow::{Context as _, Result, bail};
use tim3_ethereum::{Ethereum, deploy::Deployer};

use super::super::{block_on, inputs, load_from};
use crate::{
    adapter::Adapter,
    cli::Global,
    config::{Family, KeeperAccount},
    keys, output,
};

pub(super) fn executor(global: &Global, name: &str) -> Result<()> {
    let config = load_from(&inputs(global))?.config;
    let chain = config.chains.iter().find(|chain| chain.name == name);
    let chain = chain.with_context(|| format!("there is no section [chains.{name}]"))?;
    if chain.kind.family() != Family::Ethereum {
        bail!("{name} is no EVM chain: only those need an executor");
    }
    let kept = config.keeper.as_ref().and_then(|keeper| keeper.chains.get(name));
    let kept = kept.with_context(|| format!("there is no section [keeper.chains.{name}]"))?;
    let KeeperAccount::Key(key) = &kept.account else {
        bail!(
            "keeper.chains.{name} has an account without its key, and the executor obeys the account that deploys it"
        );
    };
    let signer = keys::open(key, &format!("keeper.chains.{name}"))?;
    let settings = <Ethereum as Adapter>::settings(chain)?;
    let executor = block_on(async {
        let deployer = Deployer::connect(&settings, signer).await?;
        let owner = deployer.address();
        output::note(&format!("{name}: deploying from {owner}, which it will obey"));
        Ok(deployer.executor(owner).await?)
    })?;
    output::text(&format!("[keeper.chains.{name}]\nexecutor = \"{executor}\""))
}
