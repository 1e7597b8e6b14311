//! The whole daemon over simulated chains that do what they must not: it stops, and freezes the gateways where tokens are at stake.
//!
//! Time is virtual.
#![expect(clippy::expect_used, reason = "a test that cannot go on fails")]

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tim3_chain::{Actor, Attester, Chain, UserAction};
use tim3_coordinator::{
    AssetSettings, ChainSettings, Command, Daemon, Guardians, Handle, LocalAttester, Settings, attestation::Attesters,
    daemon::Parts,
};
use tim3_domain::{identity::Account, word::keccak_text};
use tim3_journal::{Journal, RedbJournal};
use tim3_simchain::{
    Assets, Config, Setup, SimActor, SimChain, SimNode,
    gateway::{Call, Outside},
    network,
};
use tim3_telemetry::Metrics;
use tokio_util::sync::CancellationToken;

fn account(name: &str) -> Account {
    Account(keccak_text(name))
}

fn nodes(signer: [u8; 20]) -> Vec<SimNode> {
    let mut setup = Setup::new(1, vec![signer], account("treasury"));
    setup.funded = vec![(account("user"), 1_000_000_000, 0)];
    let configs = ["a", "b"].map(|name| Config { automine: true, ..Config::new(name).expect("name") });
    network(configs.to_vec(), &setup, &[]).expect("network")
}

fn parts(nodes: &[SimNode], attester: LocalAttester, journal: Arc<dyn Journal>) -> Parts {
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
        attesters: Attesters::new([Arc::new(attester) as Arc<dyn Attester>]),
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

/// Runs the daemon over honest chains, then lets something happen on the first one; gives why signing stopped, if it did within an hour.
async fn happens(what: impl FnOnce(&Assets, &SimNode)) -> Option<String> {
    let directory = tempfile::tempdir().expect("directory");
    let journal: Arc<dyn Journal> = Arc::new(RedbJournal::open(&directory.path().join("journal")).expect("journal"));
    let attester = LocalAttester::new(&[1; 32], Arc::clone(&journal)).expect("key");
    let nodes = nodes(attester.address());
    let (assets, home) = (Assets::new().expect("symbols"), nodes.first().expect("two").clone());
    let user = SimActor::new(home.clone(), "sim", account("user"));
    let lock = UserAction::Lock {
        market: assets.reserve(home.gateway()),
        collateral: 100,
        debt: 100,
        destination: home.gateway(),
        recipient: user.account(),
        refund_to: user.account(),
        max_fee: 0,
    };
    user.act(lock).await.expect("locked");

    let stop = CancellationToken::new();
    let daemon = Daemon::prepare(parts(&nodes, attester, journal), stop.clone()).await.expect("daemon");
    let handle = daemon.handle();
    let running = tokio::spawn(daemon.run());
    let (mut what, mut stopped) = (Some(what), None);
    for _ in 0..720 {
        for node in &nodes {
            node.mine();
        }
        tokio::time::sleep(Duration::from_secs(5)).await;
        let (_, board) = handle.assets().next().expect("an asset");
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
        resume_is_undone(&handle, &home, why).await;
    }
    stop.cancel();
    running.await.expect("task").expect("no part failed");
    stopped
}

/// Who lets signing go on while the cause stands has it until the next audit or reading.
async fn resume_is_undone(handle: &Handle, home: &SimNode, why: &str) {
    let paused = || handle.assets().next().expect("an asset").1.paused;
    let asset = handle.assets().next().expect("an asset").0.asset;
    handle.command(asset, Command::Resume).await.expect("resumed");
    // The journal's disk keeps real time.
    for _ in 0..720 {
        if paused().is_some() {
            break;
        }
        home.mine();
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
    let cause = |why: &str| why.split(':').next().map(str::to_owned);
    assert_eq!(paused().as_deref().and_then(cause), cause(why), "the cause stands, and signing goes on");
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
