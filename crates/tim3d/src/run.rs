//! `tim3d run`: [`prepare`] wires the parts of a checked configuration together, [`App::run`] runs them until a signal or a failure.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, Error, Result, anyhow};
use futures::future::{join, join_all};
use tim3_api::{Access, Control, Limits, Surface};
use tim3_arweave::Gateways;
use tim3_chain::Attester;
use tim3_coordinator::{
    AssetSettings, ChainSettings, Daemon, LocalAttester, Settings, attestation::Attesters, daemon::Parts,
    settings::RollingLimit,
};
use tim3_ethereum::Address;
use tim3_journal::{Journal, RedbJournal};
use tim3_rpc::Observer;
use tim3_telemetry::{LogControl, Metrics};
use tokio::{net::TcpListener, signal::unix::Signal};
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::{
    anchor::{Anchoring, Problem},
    chains::{self, Connected},
    config::{self, Config, Inputs, Loaded},
    control::{Endpoints, Live},
    directory::Directory,
    keeper, keys,
    metrics::{self, Calls},
    output::now_ms,
    reload::{self, Reloader},
    service::Manager,
    supervise::Group,
    v1::{Adopted, Adoption},
};

/// Everything that stood in the way, one line each.
#[derive(Debug)]
pub(crate) struct Failures(pub(crate) Vec<Error>);

impl fmt::Display for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = self.0.iter().map(|error| format!("{error:#}")).collect();
        f.write_str(&lines.join("\nerror: "))
    }
}

impl std::error::Error for Failures {}

/// A daemon with its surface, ready to run.
pub(crate) struct App {
    daemon: Daemon,
    keepers: Option<keeper::Service>,
    anchoring: Option<Anchoring>,
    adoptions: Vec<Adoption>,
    listener: TcpListener,
    surface: Surface,
    live: Arc<Live>,
    reloader: Reloader,
    manager: Manager,
    stop: CancellationToken,
    shutdown_timeout: Duration,
}

impl App {
    /// Runs until `stop` is cancelled or a part ends; then ends every part. The configuration is read again at each `hangup`.
    pub(crate) async fn run(self, hangup: Signal) -> Result<(), Failures> {
        let mut group = Group::new(self.stop.clone());
        let Self {
            daemon,
            keepers,
            anchoring,
            adoptions,
            listener,
            surface,
            live,
            reloader,
            manager,
            stop,
            shutdown_timeout,
        } = self;
        manager.ready();
        if let Some(keepers) = keepers {
            group.spawn("keepers", keepers.run(stop.clone()));
        }
        let until = stop.clone();
        for adoption in adoptions {
            let until = stop.clone();
            group.spawn(
                "V1 processes",
                async move { adoption.run(until).await.map_err(|error| vec![Error::from(error)]) },
            );
        }
        if let Some(anchoring) = anchoring {
            let until = stop.clone();
            group.spawn(
                "anchoring",
                async move { anchoring.run(until).await.map_err(|error| vec![Error::from(error)]) },
            );
        }
        group.spawn("service manager", async move {
            manager.attend(live, until).await;
            Ok(())
        });
        group.spawn("reloads", async move {
            reloader.run(hangup, stop).await;
            Ok(())
        });
        group.spawn("relay", async move {
            daemon.run().await.map_err(|errors| errors.into_iter().map(Error::from).collect())
        });
        group.spawn("api", async move {
            tim3_api::serve(listener, surface).await.map_err(|error| vec![Error::from(error)])
        });
        group.run(shutdown_timeout).await.map_err(Failures)
    }
}

/// What a run begins with.
pub(crate) struct Start {
    /// Where the configuration comes from, and comes from again at each reload.
    pub(crate) inputs: Inputs,
    pub(crate) loaded: Loaded,
    pub(crate) log: LogControl,
    pub(crate) manager: Manager,
}

/// Opens, connects and checks everything that the configuration names. What can be checked independently is, so that one start tells of all.
pub(crate) async fn prepare(start: Start, stop: CancellationToken) -> Result<App, Failures> {
    let Start { inputs, loaded, log, manager } = start;
    let config = &loaded.config;
    let one = |error: Error| Failures(vec![error]);
    let listener = listen(config).await.map_err(one)?;
    let metrics = Metrics::new().map_err(|error| one(error.into()))?;
    let journal = RedbJournal::open_observed(&config.journal, metrics::journal(metrics.clone()));
    let journal: Arc<dyn Journal> = Arc::new(journal.map_err(|error| one(error.into()))?);
    let token = config.api.read_token();
    let attesters: Vec<_> = config.attesters.iter().map(|attester| open_attester(attester, &journal)).collect();
    let auditor = config.anchor.as_ref().map(|anchor| keys::open_auditor(&anchor.key)).transpose();
    let gateways = config.anchor.as_ref().map(|anchor| gateways(anchor, &metrics)).transpose();
    let calls: Arc<dyn Observer> = Arc::new(Calls(metrics.clone()));
    let connect = |chain| chains::connect(chain, Some(Arc::clone(&calls)), config.start_patience, &stop);
    let adopt = |v1| Adoption::prepare(v1, &journal, metrics.clone(), Arc::clone(&calls), config.start_patience, &stop);
    let (chains, adoptions) =
        join(join_all(config.chains.iter().map(connect)), join_all(config.v1.iter().map(adopt))).await;

    let mut failures = Vec::new();
    let token = keep(vec![token], &mut failures).pop().flatten();
    let attesters = keep(attesters, &mut failures);
    let auditor = keep(vec![auditor], &mut failures).pop().flatten();
    let gateways = keep(vec![gateways], &mut failures).pop().flatten();
    let chains = keep(chains, &mut failures);
    let (adoptions, adopted): (Vec<_>, Vec<_>) = keep(adoptions, &mut failures).into_iter().unzip();
    if !failures.is_empty() {
        return Err(Failures(failures));
    }
    let directory = Arc::new(Directory::new(config));
    let endpoints: BTreeMap<_, _> =
        chains.iter().map(|one| (one.chain.gateway(), Arc::clone(&one.endpoints))).collect();
    let addresses = attesters.iter().map(|attester| Address::from(attester.address()).to_string()).collect();
    let parts = parts(config, &chains, attesters, journal, metrics.clone());
    let daemon = Daemon::prepare(parts, stop.clone()).await.map_err(|error| one(error.into()))?;
    let usable = usable_endpoints(&chains, &adopted);
    let standstill = config.chains.iter().map(|chain| (chain.gateway, chain.standstill_after)).collect();
    let access = Access::new(token, config.api.listen.ip().is_loopback());
    let shutdown_timeout = config.shutdown_timeout;
    info!(chains = config.chains.len(), v1 = config.v1.len(), assets = config.assets.len(), api = %config.api.listen, "ready to relay");
    let (keepers, asked) = match &config.keeper {
        Some(section) => {
            let made = keeper::prepare(config, section, &chains, daemon.handle(), metrics.clone()).map_err(one)?;
            (Some(made.0), Some(made.1))
        }
        None => (None, None),
    };
    let parts = reload::Parts {
        log,
        handle: daemon.handle(),
        access: access.clone(),
        chains: chains.into_iter().map(|one| (one.chain.name().to_owned(), one.verify)).collect(),
        metrics: metrics.clone(),
        manager: manager.clone(),
        keepers: asked.clone(),
    };
    let problem = Problem::default();
    let anchoring = config.anchor.clone().zip(auditor).zip(gateways).map(|((settings, wallet), gateways)| Anchoring {
        settings,
        gateways,
        wallet,
        attesters: addresses,
        handle: daemon.handle(),
        directory: Arc::clone(&directory),
        metrics: metrics.clone(),
        problem: problem.clone(),
    });
    let (reloader, reloads) = Reloader::new(inputs, loaded, parts).map_err(one)?;
    let handle = daemon.handle();
    let live = Live {
        handle,
        directory,
        endpoints,
        standstill,
        started_ms: now_ms(),
        adopted,
        anchoring: problem,
        reloads: Some(reloads),
        keepers: asked,
        stop: stop.clone(),
    };
    let live = Arc::new(live);
    let asked = Arc::clone(&live);
    let refresh = move |metrics: &Metrics| {
        usable(metrics);
        metrics.ready(asked.readiness().ready);
    };
    let surface = Surface {
        control: Arc::clone(&live) as Arc<dyn Control>,
        metrics: metrics::render(metrics, refresh),
        access,
        limits: Limits::default(),
        stop: stop.clone(),
    };
    Ok(App {
        daemon,
        keepers,
        anchoring,
        adoptions,
        listener,
        surface,
        live,
        reloader,
        manager,
        stop,
        shutdown_timeout,
    })
}

/// What succeeded; the errors of the rest are added to `failures`.
fn keep<T>(results: Vec<Result<T>>, failures: &mut Vec<Error>) -> Vec<T> {
    results.into_iter().filter_map(|result| result.map_err(|error| failures.push(error)).ok()).collect()
}

/// Which endpoints are asked as usual, whenever metrics are read; those that a reload took away are not told of any more.
fn usable_endpoints(chains: &[Connected], adopted: &[Adopted]) -> impl Fn(&Metrics) + Send + Sync + use<> {
    let endpoints = |one: &Connected| (one.chain.name().to_owned(), Arc::clone(&one.endpoints));
    let units = |one: &Adopted| {
        let (name, one) = (one.name.clone(), one.clone());
        (name, Arc::new(move || one.endpoints()) as Endpoints)
    };
    let chains: Vec<_> = chains.iter().map(endpoints).chain(adopted.iter().map(units)).collect();
    let told = Mutex::new(BTreeSet::new());
    move |metrics| {
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        let mut now = BTreeSet::new();
        for (chain, endpoints) in &chains {
            for endpoint in endpoints() {
                metrics.endpoint_usable(chain, &endpoint.name, endpoint.healthy);
                now.insert((chain.clone(), endpoint.name));
            }
        }
        for (chain, endpoint) in told.difference(&now) {
            metrics.endpoint_gone(chain, endpoint);
        }
        *told = now;
    }
}

fn gateways(anchor: &config::Anchor, metrics: &Metrics) -> Result<Gateways> {
    let observer = Arc::new(Calls(metrics.clone()));
    let gateways = Gateways::new("anchor", &chains::gateways(anchor)?, anchor.request_timeout, Some(observer));
    gateways.context("anchor.gateways")
}

async fn listen(config: &Config) -> Result<TcpListener> {
    let address = config.api.listen;
    let hint = "stop what listens there, or give this daemon another api.listen";
    TcpListener::bind(address).await.map_err(|error| anyhow!("cannot listen on {address}: {error}; {hint}"))
}

fn open_attester(attester: &config::Attester, journal: &Arc<dyn Journal>) -> Result<Arc<dyn Attester>> {
    let role = format!("attesters.{}", attester.name);
    let key = keys::open(&attester.key, &role)?;
    let secret = zeroize::Zeroizing::new(key.to_bytes().0);
    let attester =
        LocalAttester::new(&secret, Arc::clone(journal)).map_err(|error| anyhow!("key of {role}: {error}"))?;
    Ok(Arc::new(attester))
}

fn parts(
    config: &Config,
    chains: &[Connected],
    attesters: Vec<Arc<dyn Attester>>,
    journal: Arc<dyn Journal>,
    metrics: Metrics,
) -> Parts {
    let guardians = chains.iter().filter_map(|one| Some((one.chain.gateway(), one.guardian.clone()?)));
    Parts {
        settings: settings(config),
        guardians: guardians.collect::<BTreeMap<_, _>>(),
        chains: chains.iter().map(|one| Arc::clone(&one.chain)).collect(),
        attesters: Attesters::new(attesters),
        journal,
        metrics,
    }
}

pub(crate) fn settings(config: &Config) -> Settings {
    let asset = |asset: &config::Asset| AssetSettings {
        asset: asset.id,
        symbol: asset.symbol.clone(),
        value_hold: asset.value_hold,
        limit: asset.limit.map(|limit| RollingLimit { amount: limit.amount, period: limit.period.as_secs() }),
        t_max: asset.t_max.as_secs(),
    };
    let chain = |chain: &config::Chain| ChainSettings {
        mirror: chain.mirror,
        mirror_interval: chain.mirror_interval,
        escalate_after: chain.submit.escalate_after,
        resend_after: chain.kind.resend_after(),
    };
    Settings {
        assets: config.assets.iter().map(asset).collect(),
        chains: config.chains.iter().map(chain).collect(),
        collaterals: config.markets.iter().map(|it| (it.collateral, it.collateral_symbol.clone())).collect(),
        start_patience: config.start_patience,
        audit_interval: config.audit_interval,
    }
}
