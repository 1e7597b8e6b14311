//! What is to be deployed, in TOML.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use tim3_arweave::{
    Id,
    deploy::{Ground, check::Expected as ExpectedOnAo, plan::GatewayPlan as AoPlan},
};
use tim3_chain::plan::RoutePlan;
use tim3_domain::identity::{AssetId, ChainId, GatewayId};
use tim3_ethereum::{
    Address,
    deploy::{check::Expected, plan::GatewayPlan},
};
use tim3_rpc::SecretUrl;
use tim3_solana::{
    Pubkey, base58,
    deploy::{PROGRAM, check::Expected as ExpectedOnSolana, plan::GatewayPlan as SolanaPlan},
};

use crate::config::{KeyRef, SecretRef};

/// A plan. Gateways have the names that their chains will have in the configuration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Plan {
    /// Those on EVM chains.
    #[serde(default)]
    pub(super) gateways: BTreeMap<String, Target>,
    /// Those on Solana.
    #[serde(default)]
    pub(super) solana_gateways: BTreeMap<String, SolanaTarget>,
    /// Those on AO.
    #[serde(default)]
    pub(super) ao_gateways: BTreeMap<String, AoTarget>,
    /// What operations may go where.
    #[serde(default)]
    routes: Vec<Route>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Target {
    pub(super) chain_id: u64,
    pub(super) url: SecretUrl,
    /// Pays, and sets the gateway up.
    pub(super) deployer: Key,
    /// Is offered the gateway afterwards.
    pub(super) admin: Option<Address>,
    pub(super) gateway: GatewayPlan,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SolanaTarget {
    /// CAIP-2 name of the cluster.
    pub(super) chain: ChainId,
    pub(super) url: SecretUrl,
    /// Pays, and sets the gateway up.
    pub(super) deployer: Key,
    /// Is offered the gateway afterwards.
    #[serde(default, with = "base58::option")]
    pub(super) admin: Option<Pubkey>,
    /// A gateway program that is there; without it, it is uploaded.
    #[serde(default, with = "base58::option")]
    pub(super) program: Option<Pubkey>,
    /// Who may replace an uploaded program afterwards; without it, the deployer.
    pub(super) upgrade_authority: Option<Authority>,
    pub(super) gateway: SolanaPlan,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AoTarget {
    /// What the gateway is told that its network is called.
    pub(super) chain: ChainId,
    /// Takes messages.
    pub(super) mu: SecretUrl,
    /// The scheduler's endpoint.
    pub(super) su: SecretUrl,
    /// Says what messages did.
    pub(super) cu: SecretUrl,
    /// What the process runs.
    pub(super) module: Id,
    /// Who orders its messages.
    pub(super) scheduler: Id,
    /// Whose signature makes a message of another process believable.
    pub(super) authority: Id,
    /// Owns the process, and sets the gateway up.
    pub(super) deployer: Key,
    /// Is offered the gateway afterwards.
    pub(super) admin: Option<Id>,
    /// Who may evaluate code in the process afterwards; without it, the deployer.
    pub(super) owner: Option<Owner>,
    pub(super) gateway: AoPlan,
}

impl AoTarget {
    /// What its process is made of.
    pub(super) fn ground(&self) -> Ground {
        Ground { module: self.module, scheduler: self.scheduler, authority: self.authority }
    }
}

/// Who may evaluate code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Owner {
    Nobody,
}

/// Who may replace a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Authority {
    Nobody,
    Account(#[serde(with = "base58")] Pubkey),
}

impl Authority {
    pub(super) fn account(self) -> Option<Pubkey> {
        match self {
            Self::Nobody => None,
            Self::Account(account) => Some(account),
        }
    }
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
pub(super) enum Key {
    Keystore { keystore: PathBuf, password: Secret },
    Plain(Secret),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(super) enum Secret {
    Env(String),
    File(PathBuf),
    Credential(String),
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
        let twin = |name: &&String| plan.names().filter(|other| other == name).count() > 1;
        if let Some(name) = plan.names().find(twin) {
            bail!("{}: two gateways are called {name:?}; rename one of them", path.display());
        }
        let unowned = |target: &AoTarget| target.admin.is_some() && target.owner.is_none();
        if let Some((name, _)) = plan.ao_gateways.iter().find(|(_, target)| unowned(target)) {
            bail!(
                "{}: ao_gateways.{name} offers the gateway to an admin who does not own the process; add owner = \"nobody\"",
                path.display()
            );
        }
        for route in &plan.routes {
            for name in [&route.from, &route.to] {
                if !plan.names().any(|known| known == name) {
                    bail!(
                        "{}: a route names {name:?}, and there is no [gateways.{name}], [solana_gateways.{name}] or [ao_gateways.{name}]; correct one of them",
                        path.display()
                    );
                }
            }
        }
        Ok(plan)
    }

    fn names(&self) -> impl Iterator<Item = &String> {
        self.gateways.keys().chain(self.solana_gateways.keys()).chain(self.ao_gateways.keys())
    }

    /// What the gateway called `name` should be, on an EVM chain.
    pub(super) fn expected(&self, name: &str) -> Expected {
        Expected { plan: self.gateways.get(name).map(|target| target.gateway.clone()), ..Expected::default() }
    }

    /// What the gateway called `name` should be, on Solana.
    pub(super) fn expected_on_solana(&self, name: &str) -> ExpectedOnSolana {
        let Some(target) = self.solana_gateways.get(name) else { return ExpectedOnSolana::default() };
        ExpectedOnSolana {
            plan: Some(target.gateway.clone()),
            program: Some(PROGRAM.to_vec()),
            upgrade_authority: target.upgrade_authority.map(Authority::account),
            ..ExpectedOnSolana::default()
        }
    }

    /// What the gateway called `name` should be, on AO, given what the others' ids are.
    pub(super) fn expected_on_ao(&self, name: &str, id: impl Fn(&str) -> Option<GatewayId>) -> Result<ExpectedOnAo> {
        let Some(target) = self.ao_gateways.get(name) else { return Ok(ExpectedOnAo::default()) };
        Ok(ExpectedOnAo {
            plan: Some(target.gateway.clone()),
            routes: self.routes_from(name, id)?,
            admin: None,
            ground: Some(target.ground()),
        })
    }

    /// The routes from the gateway called `name`, given what the others' ids are.
    pub(super) fn routes_from(&self, name: &str, id: impl Fn(&str) -> Option<GatewayId>) -> Result<Vec<RoutePlan>> {
        let from_here = self.routes.iter().filter(|route| route.from == name);
        let plan = |route: &Route| {
            Ok(RoutePlan {
                asset: AssetId::from_symbol(&route.asset)?,
                peer: id(&route.to).with_context(|| format!("{} is not deployed", route.to))?,
                min: route.min,
                max: route.max,
                flat_fee: route.flat_fee,
                fee_bps: route.fee_bps,
                enabled: true,
                evm: self.gateways.contains_key(&route.to),
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

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/deployment.example.toml");

    #[test]
    fn the_example_is_a_plan() {
        let plan = Plan::read(Path::new(EXAMPLE)).unwrap();
        assert_eq!(plan.gateways.keys().collect::<Vec<_>>(), ["base", "ethereum"]);
        let solana = plan.expected_on_solana("solana");
        assert_eq!(
            (solana.upgrade_authority, solana.plan.map(|gateway| gateway.attesters.len())),
            (Some(None), Some(3))
        );
        let ids = |name: &str| Some(GatewayId(tim3_domain::word::keccak_text(name)));
        let routes = plan.routes_from("ethereum", ids).unwrap();
        let evm: Vec<_> = routes.iter().map(|route| route.evm).collect();
        assert_eq!(evm, [true, false, false], "to base, to Solana, to AO");
        let ao = plan.expected_on_ao("ao", ids).unwrap();
        assert_eq!((ao.routes.len(), ao.plan.map(|gateway| gateway.attesters.len())), (1, Some(3)));
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
        assert!(
            told(&text.replace("solana_gateways.solana", "solana_gateways.base")).contains("two gateways are called")
        );
        assert!(told(&text.replace("owner = \"nobody\"\n", "")).contains("add owner = \"nobody\""));
        let line = text.lines().take_while(|line| !line.starts_with("upgrade_authority")).count() + 1;
        let message = told(&text.replace("upgrade_authority = \"nobody\"", "upgrade_authority = { account = \"me\" }"));
        assert!(message.contains(&format!(":{line}: ")) && message.contains("no address of Solana"), "{message}");
    }
}
