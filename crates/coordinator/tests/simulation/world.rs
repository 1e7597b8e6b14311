//! Three simulated chains, their users, the daemon, and what must hold in the end.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures::future::join_all;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use tim3_chain::{Attester, Chain};
use tim3_coordinator::{
    AssetSettings, ChainSettings, Daemon, Guardians, LocalAttester, Settings, attestation::Attesters, daemon::Parts,
};
use tim3_domain::{
    identity::{Account, GatewayId, OperationId},
    lifecycle::Phase,
    word::keccak_text,
};
use tim3_journal::{Journal, OperationRecord, RedbJournal};
use tim3_simchain::{Assets, Config, Faults, Setup, SimActor, SimChain, SimNode, network};
use tim3_telemetry::Metrics;
use tokio_util::sync::CancellationToken;

use super::{crash::CrashingJournal, plan::stories};

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) faults: bool,
    /// How often the daemon is ended at a random boundary.
    pub(crate) crashes: usize,
    /// The one boundary it is ended at, and whether that commit is written.
    pub(crate) crash_at: Option<(u64, bool)>,
    pub(crate) operations: usize,
}

#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) refunded: usize,
}

/// Virtual time after which an operation counts as lost.
const PATIENCE: Duration = Duration::from_secs(4 * 3600);

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, faults: true, crashes: 0, crash_at: None, operations: 10 }
    }
}

pub(crate) fn run(world: &World) -> Report {
    println!("seed {} ({world:?})", world.seed);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().expect("runtime");
    runtime.block_on(play(world))
}

fn account(name: &str) -> Account {
    Account(keccak_text(name))
}

fn secret(number: u8) -> [u8; 32] {
    [number; 32]
}

/// A directory in memory where there is one: what is tested is the order of writes, not the disk.
pub(crate) fn directory() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("directory")
}

async fn play(world: &World) -> Report {
    let directory = directory();
    let path = directory.path().join("journal");
    let journal = Arc::new(RedbJournal::open(&path).expect("journal"));
    let nodes = nodes(world, &journal);
    let stop = CancellationToken::new();
    let mining = tokio::spawn(mine(nodes.clone(), stop.clone()));
    let playing = tokio::spawn(play_stories(world.seed, world.operations, nodes.clone()));
    let daemons = tokio::spawn(keep_running(
        world.seed,
        world.crashes,
        world.crash_at,
        journal.clone(),
        nodes.clone(),
        stop.clone(),
    ));

    let played = tokio::time::timeout(PATIENCE, playing).await;
    if played.is_err() {
        panic!(
            "seed {}: users wait for ever: {:#?}\nrefunded: {:#?}\nsent {}, ended {}",
            world.seed,
            unfinished(&journal),
            refunded(&journal),
            sent(&nodes),
            ended(&journal),
        );
    }
    let ended = async {
        while !(all_ended(&journal, &nodes) && mirrored(&nodes)) {
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, ended).await;
    if waited.is_err() {
        panic!(
            "seed {}: operations do not end (mirrored: {}): {:#?}",
            world.seed,
            mirrored(&nodes),
            unfinished(&journal)
        );
    }
    stop.cancel();
    mining.await.expect("mining");
    daemons.await.expect("daemon");
    check(world, &journal, &nodes)
}

fn nodes(world: &World, journal: &Arc<RedbJournal>) -> Vec<SimNode> {
    let configs = ["a", "b", "c"].map(|name| {
        let mut config = Config::new(name).expect("name");
        config.finality_depth = 4;
        config.batch = 8;
        config
    });
    let shared: Arc<dyn Journal> = journal.clone();
    let mut signers: Vec<[u8; 20]> =
        [1, 2, 3].map(|n| LocalAttester::new(&secret(n), shared.clone()).expect("key").address()).to_vec();
    signers.sort_unstable();
    let mut setup = Setup::new(2, signers, account("treasury"));
    setup.funded = (0..world.operations).map(|n| (account(&format!("user {n}")), 1_000_000_000_000, 0)).collect();
    let nodes = network(configs.to_vec(), &setup, &[]).expect("network");
    if world.faults {
        for (index, node) in nodes.iter().enumerate() {
            node.set_faults(Faults::rough(world.seed * 10 + index as u64));
        }
    }
    nodes
}

async fn mine(nodes: Vec<SimNode>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        for node in &nodes {
            node.mine();
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

async fn play_stories(seed: u64, count: usize, nodes: Vec<SimNode>) {
    let stories = stories(seed, count, nodes.len());
    let plays = stories.iter().enumerate().map(|(number, story)| {
        let nodes = &nodes;
        async move {
            let account = account(&format!("user {number}"));
            let users: Vec<SimActor> = nodes.iter().map(|node| SimActor::new(node.clone(), "sim", account)).collect();
            tokio::time::sleep(Duration::from_secs(story.start)).await;
            story.play(nodes, &users).await;
        }
    });
    join_all(plays).await;
}

/// Starts the daemon again and again, each time over what the one before left.
async fn keep_running(
    seed: u64,
    crashes: usize,
    crash_at: Option<(u64, bool)>,
    journal: Arc<RedbJournal>,
    nodes: Vec<SimNode>,
    stop: CancellationToken,
) {
    let mut random = StdRng::seed_from_u64(seed.wrapping_add(99));
    let mut plan: Vec<(u64, bool)> = crash_at.into_iter().collect();
    plan.extend((0..crashes).map(|_| (random.random_range(0..60), random.random_bool(0.5))));
    let mut plan = plan.into_iter();
    while !stop.is_cancelled() {
        let crashing: Arc<dyn Journal> = Arc::new(CrashingJournal::new(journal.clone(), plan.next()));
        let cancel = stop.child_token();
        match Daemon::prepare(parts(&nodes, crashing), cancel).await {
            Ok(daemon) => {
                let _ = daemon.run().await;
            }
            // A chain that does not answer at start is tried again, as a supervisor would.
            Err(_) => tokio::time::sleep(Duration::from_secs(1)).await,
        }
    }
}

fn parts(nodes: &[SimNode], journal: Arc<dyn Journal>) -> Parts {
    let chains: Vec<Arc<dyn Chain>> = nodes
        .iter()
        .zip(["a", "b", "c"])
        .map(|(node, name)| Arc::new(SimChain::new(node.clone(), name, account("signer"))) as Arc<dyn Chain>)
        .collect();
    let attesters =
        [1, 2, 3].map(|n| Arc::new(LocalAttester::new(&secret(n), journal.clone()).expect("key")) as Arc<dyn Attester>);
    let asset = AssetSettings {
        asset: Assets::new().expect("symbols").tim3,
        symbol: "TIM3".into(),
        value_hold: None,
        limit: None,
        t_max: 6 * 3600,
    };
    let chain = ChainSettings { escalate_after: Duration::from_secs(10), ..ChainSettings::default() };
    let settings = Settings {
        assets: vec![asset],
        chains: vec![chain; 3],
        collaterals: BTreeMap::new(),
        start_patience: Duration::from_secs(30),
        audit_interval: Duration::from_secs(30),
    };
    Parts {
        settings,
        chains,
        attesters: Attesters::new(attesters),
        guardians: Guardians::new(),
        journal,
        metrics: Metrics::default(),
    }
}

/// How many operations the gateways have sent: what a reorg took away for good is not among them.
fn sent(nodes: &[SimNode]) -> u64 {
    let routes = nodes.iter().flat_map(|from| nodes.iter().map(move |to| (from, to)));
    routes.map(|(from, to)| from.state().next_nonce(to.gateway())).sum()
}

fn ended(journal: &RedbJournal) -> u64 {
    let records = journal.operations(None, usize::MAX).expect("journal");
    records.iter().filter(|record| matches!(record.phase, Phase::Completed | Phase::Refunded)).count() as u64
}

fn all_ended(journal: &RedbJournal, nodes: &[SimNode]) -> bool {
    ended(journal) == sent(nodes)
}

type Told = Vec<(OperationId, Phase, Vec<String>)>;

fn unfinished(journal: &RedbJournal) -> Told {
    stories_of(journal, journal.open_operations().expect("journal"))
}

fn refunded(journal: &RedbJournal) -> Told {
    let mut records = journal.operations(None, usize::MAX).expect("journal");
    records.retain(|record| record.phase == Phase::Refunded);
    stories_of(journal, records)
}

fn stories_of(journal: &RedbJournal, records: Vec<OperationRecord>) -> Told {
    let story = |id| {
        journal
            .timeline(id)
            .expect("journal")
            .into_iter()
            .map(|entry| format!("{}: {}", entry.phase, entry.what))
            .collect()
    };
    records.into_iter().map(|record| (record.operation.id(), record.phase, story(record.operation.id()))).collect()
}

/// Every reserve position is known everywhere in its newest version.
fn mirrored(nodes: &[SimNode]) -> bool {
    let assets = Assets::new().expect("symbols");
    nodes.iter().all(|home| {
        let market = assets.reserve(home.gateway());
        let position = home.state().position(market, market.reserve_owner());
        let others = nodes.iter().filter(|node| node.gateway() != home.gateway());
        position.debt == 0 && position.version == 0
            || others.map(|node| node.state().mirror(market, market.reserve_owner())).all(|mirror| {
                mirror.is_some_and(|mirror| mirror.version == position.version && mirror.position.debt == position.debt)
            })
    })
}

/// The conservation law, read from the gateways themselves; one outcome an operation; and every amount where it belongs.
fn check(world: &World, journal: &RedbJournal, nodes: &[SimNode]) -> Report {
    let seed = world.seed;
    let tim3 = Assets::new().expect("symbols").tim3;
    let gateways: Vec<GatewayId> = nodes.iter().map(SimNode::gateway).collect();
    let mut supply = 0;
    let mut debt = 0;
    for node in nodes {
        let books = node.state().books(tim3, &gateways);
        supply += books.minted - books.burned;
        debt += books.debt + books.bad_debt;
        assert_eq!(
            books.minted - books.burned,
            node.state().supply(tim3),
            "seed {seed}: the token's supply is another"
        );
        let back: u128 = books.peers.iter().map(|peer| peer.sent - peer.refunded).sum();
        let settled: u128 = nodes
            .iter()
            .map(|other| {
                let index = gateways.iter().position(|gateway| *gateway == node.gateway()).expect("gateway");
                other.state().books(tim3, &gateways).peers[index].settled
            })
            .sum();
        assert_eq!(back, settled, "seed {seed}: something of {} is still on its way", node.config().chain);
    }
    assert_eq!(supply, debt, "seed {seed}: minted is not what is owed");
    assert_eq!(ended(journal), sent(nodes), "seed {seed}: as many ends as beginnings");
    let halted = journal.note(&format!("halt/{tim3}")).expect("journal");
    assert_eq!(halted, None, "seed {seed}: halted");
    let records = journal.operations(None, usize::MAX).expect("journal");
    Report { refunded: records.iter().filter(|record| record.phase == Phase::Refunded).count() }
}
