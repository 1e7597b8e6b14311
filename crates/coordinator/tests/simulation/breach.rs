//! Chains that do what they must not: the daemon stops, and freezes the gateways where tokens are at stake.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tempfile::TempDir;
use tim3_chain::{Actor, Attester, Chain, UserAction};
use tim3_coordinator::{
    AssetBoard, AssetSettings, ChainSettings, Command, CoordinatorError, Daemon, Guardians, Handle, LocalAttester,
    Settings, attestation::Attesters, daemon::Parts,
};
use tim3_domain::{identity::Account, word::keccak_text};
use tim3_journal::{Journal, RedbJournal};
use tim3_simchain::{
    Assets, Config, Setup, SimActor, SimChain, SimNode,
    gateway::{Admin, Call, Outside},
    network,
};
use tim3_telemetry::Metrics;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{crash::CrashingJournal, world::directory};

fn account(name: &str) -> Account {
    Account(keccak_text(name))
}

fn journal(directory: &TempDir) -> Arc<dyn Journal> {
    let journal = RedbJournal::open(&directory.path().join("journal")).expect("journal");
    Arc::new(CrashingJournal::new(Arc::new(journal), None))
}

fn attester(journal: &Arc<dyn Journal>) -> LocalAttester {
    LocalAttester::new(&[1; 32], Arc::clone(journal)).expect("key")
}

fn nodes() -> Vec<SimNode> {
    let signer = attester(&journal(&directory())).address();
    let mut setup = Setup::new(1, vec![signer], account("treasury"));
    setup.funded = vec![(account("user"), 1_000_000_000, 0)];
    let configs = ["a", "b"].map(|name| Config { automine: true, ..Config::new(name).expect("name") });
    network(configs.to_vec(), &setup, &[]).expect("network")
}

fn parts(nodes: &[SimNode], journal: Arc<dyn Journal>) -> Parts {
    let assets = Assets::new().expect("symbols");
    let chain = |(node, name): (&SimNode, &str)| -> Arc<dyn Chain> {
        Arc::new(SimChain::new(node.clone(), name, account("signer")))
    };
    let guardian = |node: &SimNode| {
        let guardian = SimActor::new(node.clone(), "sim", node.config().guardian);
        (node.gateway(), Arc::new(guardian) as Arc<dyn Actor>)
    };
    let asset =
        AssetSettings { asset: assets.tim3, symbol: "TIM3".into(), value_hold: None, limit: None, t_max: 21_600 };
    Parts {
        settings: Settings {
            assets: vec![asset],
            chains: vec![ChainSettings::default(); 2],
            collaterals: BTreeMap::from([(assets.usda, "USDA".to_owned())]),
            start_patience: Duration::from_secs(30),
            audit_interval: Duration::from_secs(5),
        },
        chains: nodes.iter().zip(["a", "b"]).map(chain).collect(),
        attesters: Attesters::new([Arc::new(attester(&journal)) as Arc<dyn Attester>]),
        guardians: nodes.iter().map(guardian).collect::<Guardians>(),
        journal,
        metrics: Metrics::default(),
    }
}

/// What nobody may do: see [`happens`].
async fn outside(what: impl FnOnce(&Assets, &SimNode) -> Outside) -> Option<String> {
    happens(|assets, node| {
        node.submit(account("somebody"), Call::Outside(what(assets, node)));
    })
    .await
}

/// A daemon with a journal of its own.
struct Running {
    handle: Handle,
    stop: CancellationToken,
    task: JoinHandle<Result<(), Vec<CoordinatorError>>>,
    _journal: TempDir,
}

impl Running {
    async fn start(nodes: &[SimNode]) -> Self {
        let directory = directory();
        let (journal, stop) = (journal(&directory), CancellationToken::new());
        let daemon = Daemon::prepare(parts(nodes, journal), stop.clone()).await.expect("daemon");
        Self { handle: daemon.handle(), stop, task: tokio::spawn(daemon.run()), _journal: directory }
    }

    fn board(&self) -> AssetBoard {
        self.handle.assets().next().expect("an asset").1
    }

    async fn end(self) {
        self.stop.cancel();
        self.task.await.expect("task").expect("no part failed");
    }
}

/// Makes blocks until it is so.
async fn until(nodes: &[SimNode], what: &str, mut so: impl FnMut() -> bool) {
    for _ in 0..720 {
        if so() {
            return;
        }
        for node in nodes {
            node.mine();
        }
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
    panic!("an hour later {what} is still not so");
}

fn lock(home: &SimNode, destination: &SimNode, amount: u128) -> UserAction {
    UserAction::Lock {
        market: Assets::new().expect("symbols").reserve(home.gateway()),
        collateral: amount,
        debt: amount,
        destination: destination.gateway(),
        recipient: account("user"),
        refund_to: account("user"),
        max_fee: 0,
    }
}

/// Runs the daemon over honest chains, then lets something happen on the first one; gives why signing stopped, if it did within an hour.
async fn happens(what: impl FnOnce(&Assets, &SimNode)) -> Option<String> {
    let nodes = nodes();
    let (assets, home) = (Assets::new().expect("symbols"), nodes.first().expect("two").clone());
    SimActor::new(home.clone(), "sim", account("user")).act(lock(&home, &home, 100)).await.expect("locked");
    let daemon = Running::start(&nodes).await;
    let (mut what, mut stopped) = (Some(what), None);
    for _ in 0..720 {
        for node in &nodes {
            node.mine();
        }
        tokio::time::sleep(Duration::from_secs(5)).await;
        let board = daemon.board();
        stopped = board.paused;
        let audited = board.audit.verdict.is_some_and(|verdict| verdict.exact() && verdict.supply == 100);
        if audited && let Some(what) = what.take() {
            assert_eq!(stopped, None, "nothing has happened yet");
            what(&assets, &home);
        }
        let level = |node: &SimNode| node.state().pause_level(assets.tim3, node.head().timestamp);
        if stopped.is_some() && nodes.iter().all(|node| level(node) == Some(3)) {
            break;
        }
    }
    assert!(what.is_none(), "the honest chains were never found exact");
    if let Some(why) = &stopped {
        resume_is_undone(&daemon, &nodes, why).await;
    }
    daemon.end().await;
    stopped
}

/// Who lets signing go on while the cause stands has it until the next audit or reading.
async fn resume_is_undone(daemon: &Running, nodes: &[SimNode], why: &str) {
    let (asset, _) = daemon.handle.assets().next().expect("an asset");
    daemon.handle.command(asset.asset, Command::Resume).await.expect("resumed");
    until(nodes, "stopped again", || daemon.board().paused.is_some()).await;
    let cause = |why: &str| why.split(':').next().map(str::to_owned);
    assert_eq!(daemon.board().paused.as_deref().and_then(cause), cause(why), "it stopped for another cause");
}

#[tokio::test(start_paused = true)]
async fn tokens_from_nowhere_stop_the_daemon_and_freeze_the_gateways() {
    let stopped = outside(|assets, _| Outside::Fund { asset: assets.tim3, account: account("thief"), amount: 1 }).await;
    assert!(stopped.as_deref().is_some_and(|why| why.contains("a: token supply ≤ minted − burned")), "{stopped:?}");
}

#[tokio::test(start_paused = true)]
async fn collateral_that_vanishes_stops_the_daemon_and_freezes_the_gateways() {
    let seize = |assets: &Assets, node: &SimNode| Outside::Seize {
        asset: assets.usda,
        account: node.config().account,
        amount: 1,
    };
    let stopped = outside(seize).await;
    assert!(stopped.as_deref().is_some_and(|why| why.contains("a: USDA held + pending ≥ recorded")), "{stopped:?}");
}

#[tokio::test(start_paused = true)]
async fn collateral_that_is_given_away_stops_nothing() {
    let stopped =
        outside(|assets, node| Outside::Fund { asset: assets.usda, account: node.config().account, amount: 1_000 })
            .await;
    assert_eq!(stopped, None);
}

#[tokio::test(start_paused = true)]
async fn a_chain_that_takes_back_what_was_final_stops_the_daemon() {
    let stopped = happens(|_, node| {
        node.reorg(node.head().height, false);
    })
    .await;
    assert!(stopped.as_deref().is_some_and(|why| why.contains("a broke its finality")), "{stopped:?}");
}

#[tokio::test(start_paused = true)]
async fn what_an_orphan_displaced_is_refunded_and_the_orphan_is_bad_debt() {
    let nodes = nodes();
    let [home, away] = nodes.as_slice() else { panic!("two chains") };
    let (assets, user) = (Assets::new().expect("symbols"), SimActor::new(home.clone(), "sim", account("user")));
    user.act(lock(home, away, 100)).await.expect("locked");
    let minted = || away.state().balance(assets.tim3, account("user")) == 100;
    let daemon = Running::start(&nodes).await;
    until(&nodes, "minted", minted).await;
    let completed = || daemon.board().phases.is_empty() && daemon.board().audit.verdict.is_some_and(|v| v.exact());
    until(&nodes, "completed", completed).await;
    daemon.end().await;

    // Whoever follows the new history from its beginning finds another operation where the mint has come from.
    home.reorg(home.head().height, false);
    user.act(lock(home, away, 60)).await.expect("locked again");
    let displaced = home.state().outgoing(away.gateway(), 0).expect("an operation");
    let daemon = Running::start(&nodes).await;
    // Whichever comes first: that two operations have one slot, or that a mint has no lock.
    let frozen = |node: &SimNode| node.state().pause_level(assets.tim3, node.head().timestamp) == Some(3);
    until(&nodes, "stopped", || daemon.board().paused.is_some() && nodes.iter().all(frozen)).await;
    let known = || daemon.handle.journal().operation(displaced).expect("read").is_some_and(|one| one.closed.is_some());
    until(&nodes, "found", known).await;

    // A frozen gateway refunds nothing: its admin opens it.
    let open = Admin::SetPause { asset: assets.tim3, level: 0 };
    for node in &nodes {
        node.submit(node.config().admin, Call::Admin(open.clone()));
    }
    let decision = Command::Conflict(displaced, "nobody knows the first one".into());
    daemon.handle.operate(displaced, decision).await.expect("decided");
    until(&nodes, "refunded", || home.state().refunded(away.gateway(), 0)).await;
    let exact = || daemon.board().audit.verdict.is_some_and(|verdict| verdict.exact() && verdict.bad_debt == 100);
    until(&nodes, "exact", exact).await;
    let audits = daemon.board().audit.at_ms;
    daemon.handle.command(assets.tim3, Command::Resume).await.expect("resumed");
    until(&nodes, "audited again", || daemon.board().audit.at_ms > audits).await;
    assert!(minted() && daemon.board().paused.is_none());
    daemon.end().await;
}
