//! `tim3d contracts deploy`: the gateways of a plan, one after the other, each step written down so that it can be gone on with.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use tim3_domain::identity::AssetId;
use tim3_ethereum::{
    Address, EndpointConfig, EthereumConfig,
    deploy::{
        Deployer, Deployment,
        check::Expected,
        plan::{GatewayPlan, RoutePlan},
    },
};
use tim3_rpc::SecretUrl;

use super::super::block_on;
use crate::{
    config::{KeyRef, SecretRef},
    keys, output,
};

/// What is to be deployed, in TOML.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Plan {
    /// By the name the chain will have in the configuration.
    gateways: BTreeMap<String, Target>,
    /// What operations may go where.
    #[serde(default)]
    routes: Vec<Route>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Target {
    chain_id: u64,
    url: SecretUrl,
    /// Pays, and sets the gateway up.
    deployer: Key,
    /// Is offered the gateway afterwards.
    admin: Option<Address>,
    gateway: GatewayPlan,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Route {
    /// Symbol.
    asset: String,
    from: String,
    to: String,
    min: u128,
    max: u128,
    #[serde(default)]
    flat_fee: u128,
    #[serde(default)]
    fee_bps: u16,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, untagged)]
enum Key {
    Keystore { keystore: PathBuf, password: Secret },
    Plain(Secret),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
enum Secret {
    Env(String),
    File(PathBuf),
    Credential(String),
}

/// How far the deployment of one gateway is.
#[derive(Debug, Serialize, Deserialize)]
struct Progress {
    deployment: Deployment,
    active: bool,
}

impl Plan {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read the plan {}", path.display()))?;
        let plan: Self = toml::from_str(&text).map_err(|error| {
            let line = error.span().map_or(1, |span| {
                text.bytes().take(span.start).filter(|byte| *byte == b'\n').count().saturating_add(1)
            });
            anyhow::anyhow!("{}:{line}: {}", path.display(), error.message().replace('\n', ", "))
        })?;
        for route in &plan.routes {
            for name in [&route.from, &route.to] {
                if !plan.gateways.contains_key(name) {
                    bail!(
                        "{}: a route names {name:?}, and there is no [gateways.{name}]; correct one of them",
                        path.display()
                    );
                }
            }
        }
        Ok(plan)
    }

    /// What the gateway called `name` should be.
    pub(super) fn expected(&self, name: &str) -> Expected {
        Expected { plan: self.gateways.get(name).map(|target| target.gateway.clone()), ..Expected::default() }
    }

    fn routes_from(&self, name: &str, state: &BTreeMap<String, Progress>) -> Result<Vec<RoutePlan>> {
        let from_here = self.routes.iter().filter(|route| route.from == name);
        let plan = |route: &Route| {
            let peer = state.get(&route.to).with_context(|| format!("{} is not deployed", route.to))?.deployment.id;
            Ok(RoutePlan {
                asset: AssetId::from_symbol(&route.asset)?,
                peer,
                min: route.min,
                max: route.max,
                flat_fee: route.flat_fee,
                fee_bps: route.fee_bps,
                enabled: true,
                evm: true,
            })
        };
        from_here.map(plan).collect()
    }
}

impl From<&Secret> for SecretRef {
    fn from(secret: &Secret) -> Self {
        match secret {
            Secret::Env(name) => Self::Environment(name.clone()),
            Secret::File(path) => Self::File(path.clone()),
            Secret::Credential(name) => Self::Credential(name.clone()),
        }
    }
}

impl From<&Key> for KeyRef {
    fn from(key: &Key) -> Self {
        match key {
            Key::Keystore { keystore, password } => {
                Self::Keystore { file: keystore.clone(), password: password.into() }
            }
            Key::Plain(place) => Self::Plain(place.into()),
        }
    }
}

pub(super) fn deploy(plan: &Path, state_path: &Path) -> Result<()> {
    let plan = Plan::read(plan)?;
    let mut state: BTreeMap<String, Progress> = match fs::read(state_path) {
        Ok(text) => serde_json::from_slice(&text)
            .with_context(|| format!("{} is no record of a deployment; name another --output", state_path.display()))?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", state_path.display())),
    };
    block_on(async {
        let mut deployers = BTreeMap::new();
        for (name, target) in &plan.gateways {
            deployers.insert(name, connect(name, target).await?);
        }
        for (name, target) in &plan.gateways {
            if let (None, Some(deployer)) = (state.get(name), deployers.get(name)) {
                output::note(&format!("{name}: deploying from {}", deployer.address()));
                let deployment = deployer.gateway(&target.gateway).await.with_context(|| name.clone())?;
                state.insert(name.clone(), Progress { deployment, active: false });
                save(state_path, &state)?;
            }
        }
        for (name, target) in &plan.gateways {
            let routes = plan.routes_from(name, &state)?;
            let (Some(progress), Some(deployer)) = (state.get_mut(name), deployers.get(name)) else { continue };
            if !progress.active {
                let gateway = progress.deployment.gateway;
                output::note(&format!("{name}: opening {} routes, activating", routes.len()));
                deployer.open_routes(gateway, &routes).await.with_context(|| name.clone())?;
                deployer.activate(gateway, target.admin).await.with_context(|| name.clone())?;
                progress.active = true;
                save(state_path, &state)?;
            }
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

/// Written as a whole, because a gateway that nobody remembers was paid for in vain.
fn save(path: &Path, state: &BTreeMap<String, Progress>) -> Result<()> {
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
fn sections(state: &BTreeMap<String, Progress>) -> String {
    let section = |(name, Progress { deployment, .. }): (&String, &Progress)| {
        format!(
            "[chains.{name}]\nkind = \"ethereum\"\nchain = \"eip155:{}\"\ngateway = \"{}\"\ngateway_id = \"{}\"\nbirth = {}\n",
            deployment.chain_id,
            deployment.gateway.to_checksum(None),
            deployment.id,
            deployment.birth,
        )
    };
    format!("# For the configuration:\n{}", state.iter().map(section).collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/deployment.example.toml");

    #[test]
    fn the_example_is_a_plan() {
        let plan = Plan::read(Path::new(EXAMPLE)).unwrap();
        assert_eq!(plan.gateways.keys().collect::<Vec<_>>(), ["base", "ethereum"]);
        assert!(plan.expected("base").plan.is_some_and(|gateway| gateway.threshold == 2));
        assert!(plan.expected("elsewhere").plan.is_none());
        let key: KeyRef = (&plan.gateways["base"].deployer).into();
        assert!(matches!(key, KeyRef::Keystore { password: SecretRef::File(_), .. }));
    }

    #[test]
    fn a_mistake_is_told_with_its_line() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let text = fs::read_to_string(EXAMPLE).unwrap();
        let told = |text: &str| {
            fs::write(file.path(), text).unwrap();
            format!("{:#}", Plan::read(file.path()).unwrap_err())
        };
        let line = text.lines().take_while(|line| *line != "chain_id = 1").count() + 1;
        let message = told(&text.replace("chain_id = 1\n", "chain_id = \"one\"\n"));
        assert!(message.contains(&format!(":{line}: ")), "{message}");
        assert!(told(&text.replace("threshold = 2", "treshold = 2")).contains("unknown field `treshold`"));
        assert!(told(&text.replace("to = \"base\"", "to = \"moon\"")).contains("there is no [gateways.moon]"));
    }
}
