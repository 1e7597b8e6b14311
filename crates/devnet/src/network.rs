//! From nothing to two, three or four chains that a daemon can run on.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    time::Duration,
};

use alloy::providers::{Provider as _, ProviderBuilder, RootProvider};
use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use tim3_domain::identity::GatewayId;
use tim3_ethereum::{
    Address, EthereumConfig,
    config::Endpoint,
    deploy::{
        Deployer, Deployment,
        plan::{RoutePlan, WindowPlan},
    },
};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    accounts,
    anvil::{Anvil, AnvilOptions, Mining},
    ao_site::{self, AoSite},
    configuration, plan,
    site::{Site, fund_gas},
    solana::{self, SolanaSite},
};

/// The chains' names in the configuration.
pub const NAMES: [&str; 2] = ["a", "b"];
/// The chains' EIP-155 ids.
const CHAIN_IDS: (u64, u64) = (31_337, 31_338);
/// What marks a directory as a devnet's, and is locked while one runs there.
const MARK: &str = ".devnet";

/// How a devnet is to be.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where keys and configuration go. Replaced as a whole if it is an earlier devnet's.
    pub directory: PathBuf,
    /// Ports of the two anvils; 0 takes a free one.
    pub ports: [u16; 2],
    /// Port of the daemon's API, for the configuration.
    pub api_port: u16,
    /// When blocks are made.
    pub mining: Mining,
    /// Gas limit of a block.
    pub gas_limit: u64,
    /// A block is final when twice as many are on top of it.
    pub slots_in_an_epoch: u64,
    /// The Mint and Release windows of all gateways.
    pub window: WindowPlan,
    /// Whether there is a Solana chain, too.
    pub solana: bool,
    /// Its ticks in a slot, of 6.25 ms each.
    pub ticks_per_slot: u32,
    /// Whether there is an AO network, too.
    pub ao: bool,
    /// How many compute units that has.
    pub compute_units: u16,
}

impl Options {
    /// Free ports, blocks of 1 s and 10^9 gas, finality 4 blocks deep, windows of ten million an hour.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>, api_port: u16) -> Self {
        Self {
            directory: directory.into(),
            ports: [0; 2],
            api_port,
            mining: Mining::Every(Duration::from_secs(1)),
            gas_limit: 1_000_000_000,
            slots_in_an_epoch: 2,
            window: WindowPlan { limit: 10_000_000 * plan::UNIT, period_seconds: 3_600 },
            solana: false,
            ticks_per_slot: 16,
            ao: false,
            compute_units: 1,
        }
    }
}

/// Chains that are each other's peers. Dropping it ends them; the files stay.
#[derive(Debug)]
pub struct Devnet {
    /// Chain a.
    pub a: Site,
    /// Chain b.
    pub b: Site,
    /// The Solana chain, where there is one.
    pub solana: Option<SolanaSite>,
    /// The AO network, where there is one.
    pub ao: Option<AoSite>,
    /// Where keys and configuration are.
    pub directory: PathBuf,
    _lock: File,
}

impl Devnet {
    /// Starts everything. On an error nothing is left running.
    ///
    /// # Errors
    /// One line that says what is missing, what a chain refused, or which file is in the way.
    pub async fn start(options: &Options) -> Result<Self> {
        let lock = claim(&options.directory)?;
        let ([name_a, name_b], [port_a, port_b]) = (NAMES, options.ports);
        let (a, b, s, o) = tokio::try_join!(
            Setup::start(options, name_a, CHAIN_IDS.0, port_a),
            Setup::start(options, name_b, CHAIN_IDS.1, port_b),
            when(options.solana, async || solana::Setup::start(&options.directory, options.ticks_per_slot).await),
            when(options.ao, async || ao_site::Setup::start(&options.directory, options.compute_units).await),
        )?;
        let (on_a, on_b, on_s, on_o) = tokio::try_join!(
            a.deploy(options),
            b.deploy(options),
            with(s.as_ref(), async |s| s.deploy(options.window).await),
            with(o.as_ref(), async |o| o.deploy(options.window).await),
        )?;
        let everybody = [
            Some((on_a.id, true)),
            Some((on_b.id, true)),
            on_s.as_ref().map(|on_s| (on_s.id, false)),
            on_o.as_ref().map(|on_o| (on_o.gateway, false)),
        ];
        let routes = |from: GatewayId| {
            let peers = everybody.into_iter().flatten().filter(move |(peer, _)| *peer != from);
            plan::routes(peers, options.window)
        };
        let (from_a, from_b) = (routes(on_a.id)?, routes(on_b.id)?);
        let (a, b, solana, ao) = tokio::try_join!(
            a.finish(on_a, &from_a),
            b.finish(on_b, &from_b),
            with(s.zip(on_s), async |(s, on_s)| {
                let routes = routes(on_s.id)?;
                s.finish(on_s, &routes).await
            }),
            with(o.zip(on_o), async |(o, on_o)| {
                let routes = routes(on_o.gateway)?;
                o.finish(on_o, &routes).await
            }),
        )?;
        accounts::write(&options.directory.join("keys"))?;
        let devnet = Self { a, b, solana, ao, directory: options.directory.clone(), _lock: lock };
        fs::write(devnet.configuration(), configuration::text(&devnet, options.api_port)?)?;
        fs::write(devnet.keeper(), configuration::keeper(&devnet)?)?;
        accounts::secret(&devnet.directory.join("api.token"), "devnet")?;
        fs::write(devnet.directory.join("devnet.json"), format!("{:#}\n", devnet.describe()?))?;
        Ok(devnet)
    }

    /// The configuration file for `tim3d`.
    #[must_use]
    pub fn configuration(&self) -> PathBuf {
        self.directory.join("tim3d.toml")
    }

    /// What is laid over it for a keeper.
    #[must_use]
    pub fn keeper(&self) -> PathBuf {
        self.directory.join("keeper.toml")
    }

    /// The directory with the keys.
    #[must_use]
    pub fn keys(&self) -> PathBuf {
        self.directory.join("keys")
    }

    /// Both EVM chains.
    #[must_use]
    pub fn sites(&self) -> [&Site; 2] {
        [&self.a, &self.b]
    }

    /// Fails when a chain has ended, with its last words.
    ///
    /// # Errors
    /// See above.
    pub fn check(&mut self) -> Result<()> {
        self.a.anvil.check()?;
        self.b.anvil.check()?;
        self.solana.as_mut().map_or(Ok(()), SolanaSite::check)?;
        self.ao.as_mut().map_or(Ok(()), AoSite::check)
    }

    /// What is where, for programs.
    fn describe(&self) -> Result<Value> {
        let chain =
            |site: &Site| json!({"url": site.anvil.url(), "ws": site.anvil.websocket(), "deployment": site.deployment});
        let mut chains: serde_json::Map<_, _> =
            self.sites().into_iter().map(|site| (site.name.to_owned(), chain(site))).collect();
        if let Some(site) = &self.solana {
            let (url, ws) = (site.validator()?.url()?, site.validator()?.websocket()?);
            let accounts = solana::addresses();
            let chain = json!({"url": url, "ws": ws, "deployment": site.deployment, "accounts": accounts});
            chains.insert(solana::NAME.to_owned(), chain);
        }
        if let Some(site) = &self.ao {
            chains.insert(ao_site::NAME.to_owned(), ao_site::describe(site)?);
        }
        let names = accounts::everybody().chain(accounts::ATTESTERS).chain([accounts::TREASURY]);
        let accounts = names
            .map(|name| Ok((name.to_owned(), json!(accounts::address(name)?))))
            .collect::<Result<serde_json::Map<_, _>>>()?;
        Ok(json!({"chains": chains, "accounts": accounts}))
    }
}

/// What `make` gives, if it is wanted.
async fn when<T>(wanted: bool, make: impl AsyncFnOnce() -> Result<T>) -> Result<Option<T>> {
    with(wanted.then_some(()), async |()| make().await).await
}

/// What `make` makes of `given`, if there is something.
async fn with<G, T>(given: Option<G>, make: impl AsyncFnOnce(G) -> Result<T>) -> Result<Option<T>> {
    match given {
        Some(given) => make(given).await.map(Some),
        None => Ok(None),
    }
}

/// Takes a directory: a new one, an empty one, or that of a devnet that does not run any more, which is emptied.
fn claim(directory: &Path) -> Result<File> {
    let shown = directory.display();
    fs::create_dir_all(directory).with_context(|| format!("cannot make {shown}"))?;
    let mark = directory.join(MARK);
    let used = fs::read_dir(directory).with_context(|| format!("cannot look into {shown}"))?.next().is_some();
    if used && !mark.exists() {
        bail!("{shown} has files in it that no devnet wrote: name another directory with --dir");
    }
    let lock = File::create(&mark).with_context(|| format!("cannot write {}", mark.display()))?;
    if lock.try_lock().is_err() {
        bail!("another devnet runs in {shown}: end it, or name another directory with --dir");
    }
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        match path {
            path if path == mark => Ok(()),
            path if path.is_dir() => fs::remove_dir_all(path),
            path => fs::remove_file(path),
        }
        .with_context(|| format!("cannot empty {shown}"))?;
    }
    Ok(lock)
}

/// A chain whose gateway is being set up.
struct Setup {
    name: &'static str,
    anvil: Anvil,
    deployer: Deployer,
    _hurry: AbortOnDropHandle<()>,
}

impl Setup {
    async fn start(options: &Options, name: &'static str, chain_id: u64, port: u16) -> Result<Self> {
        let Options { mining, gas_limit, slots_in_an_epoch, .. } = *options;
        let anvil = Anvil::start(&AnvilOptions { chain_id, port, mining, gas_limit, slots_in_an_epoch }).await?;
        let provider: RootProvider = ProviderBuilder::default().connect_http(anvil.url().clone());
        let addresses = accounts::everybody().map(accounts::address).collect::<Result<Vec<_>>>()?;
        fund_gas(&provider, &addresses).await?;
        let endpoint = Endpoint::new(anvil.url().clone().into());
        let config = EthereumConfig::new(name, chain_id, Address::ZERO, vec![endpoint]);
        let deployer = Deployer::connect(&config, accounts::key(accounts::ADMIN)?).await?;
        Ok(Self { name, anvil, deployer, _hurry: hurry(provider) })
    }

    async fn deploy(&self, options: &Options) -> Result<Deployment> {
        Ok(self.deployer.gateway(&plan::gateway(options.window)?).await?)
    }

    async fn finish(self, deployment: Deployment, routes: &[RoutePlan]) -> Result<Site> {
        self.deployer.open_routes(deployment.gateway, routes).await?;
        self.deployer.activate(deployment.gateway, None).await?;
        let site = Site::new(self.name, self.anvil, deployment);
        let users = accounts::USERS.into_iter().map(accounts::address).collect::<Result<Vec<_>>>()?;
        for (symbol, whole) in [(plan::STABLE, 1_000_000), (plan::VOLATILE, 100)] {
            site.fund_tokens(symbol, &users, whole).await?;
        }
        Ok(site)
    }
}

/// Makes a block whenever a transaction waits, so that setting up takes no longer on a slow chain than on a quick one.
fn hurry(provider: RootProvider) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(async move {
        let mut ticks = interval(Duration::from_millis(10));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let status: Result<Value, _> = provider.raw_request("txpool_status".into(), ()).await;
            if status.is_ok_and(|status| status.get("pending").is_some_and(|pending| pending != "0x0")) {
                // What the node has against it shows where it matters: nothing is mined.
                let _: Result<Value, _> = provider.raw_request("evm_mine".into(), ()).await;
            }
        }
    }))
}
