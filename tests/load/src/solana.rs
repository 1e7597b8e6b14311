//! Between an anvil with blocks of one second and a Solana validator, both ways, and catching up on the validator's records.

mod finals;
mod raw;
pub(crate) mod report;
mod single;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs,
    time::Duration,
};

use alloy::primitives::B256;
use anyhow::{Context as _, Result, bail, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use tim3_chain::{Actor as _, Located, Reader as _, UserAction};
use tim3_devnet::{
    Devnet, Options, Site, SolanaSite, accounts,
    anvil::Mining,
    daemon::{Daemon, Program, free_port},
    plan::{STABLE, UNIT},
    proxy::{Fault, Plan as Faults, Proxy},
    site::synthetic,
    solana::account_of,
};
use tim3_domain::{identity::Account, protocol::EventBody};
use tim3_rpc::{EndpointConfig, JsonRpc};
use tim3_solana::{Solana, SolanaConfig, User};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use self::finals::Finals;
use crate::{
    feed,
    heads::Heads,
    ledger, process,
    purse::Purse,
    rpc::Client,
    run::Plan,
    stage::DEPTH,
    statistic::{Hundredths, Quantiles},
};

/// How long transfers measure the ceiling.
const CEILING: Duration = Duration::from_secs(5);
/// Raw sends whose time is taken.
const RAW_SENDS: u64 = 100;
/// What a lock may use.
const LOCK_UNITS: u32 = 120_000;
/// Locks on Solana on their way to the node at once.
const ABREAST: usize = 32;
/// Records of the catch-up in one transaction, and transactions at once.
const TOGETHER: u64 = 8;
const WRITERS: usize = 12;
/// How long nothing may happen before a run has failed.
const PATIENCE: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_millis(50);

/// What a run measured.
#[derive(Clone, Debug)]
pub(crate) struct Figures {
    pub(crate) validator: String,
    /// Plain transfers a second, nobody else there.
    pub(crate) transfers: Hundredths,
    /// From sending a transfer to the validator until it is accepted.
    pub(crate) raw_send: Quantiles,
    pub(crate) to_solana: Leg,
    pub(crate) to_ethereum: Leg,
    pub(crate) catch_up: CatchUp,
}

/// Operations in one direction.
#[derive(Clone, Debug, Default)]
pub(crate) struct Leg {
    pub(crate) operations: u64,
    /// That were offered, and completed, a second.
    pub(crate) offered: Hundredths,
    pub(crate) completed: Hundredths,
    /// Destination transactions that carried them.
    pub(crate) transactions: u64,
    /// From the event being final to the destination's node accepting the transaction.
    pub(crate) latency: Quantiles,
    /// The same of operations one at a time.
    pub(crate) single: Quantiles,
    pub(crate) usage: Usage,
}

/// What was used.
#[derive(Clone, Debug, Default)]
pub(crate) struct Usage {
    pub(crate) calls: BTreeMap<String, u64>,
    pub(crate) elapsed: Duration,
    pub(crate) daemon: Duration,
    pub(crate) anvil: Duration,
    pub(crate) validator: Duration,
    /// The largest memory of the daemon so far, in bytes.
    pub(crate) memory: u64,
}

impl Usage {
    pub(crate) fn all_calls(&self) -> u64 {
        self.calls.values().sum()
    }
}

/// Records that the daemon read after its start.
#[derive(Clone, Debug, Default)]
pub(crate) struct CatchUp {
    pub(crate) records: u64,
    /// Until it works, and until it has proved the last record, both from the start.
    pub(crate) ready: Duration,
    pub(crate) elapsed: Duration,
    /// Of the Solana chain alone.
    pub(crate) calls: BTreeMap<String, u64>,
}

struct Stage {
    devnet: Devnet,
    proxies: [Proxy; 2],
    heads: Heads,
    finals: Finals,
    program: Program,
    daemon: Option<Daemon>,
    api_port: u16,
    /// Beside the daemon, for reading.
    solana: Solana,
}

impl Stage {
    async fn set(plan: &Plan) -> Result<Self> {
        let directory = plan.directory.join("solana");
        let mining = Mining::Every(Duration::from_secs(1));
        let api_port = free_port()?;
        let options = Options { mining, solana: true, ..Options::new(directory.clone(), api_port) };
        let devnet = Devnet::start(&options).await?;
        let s = devnet.solana.as_ref().context("no Solana chain")?;
        let none = || Faults::Always(Fault::None);
        let proxies = [
            Proxy::start(devnet.a.anvil().url().clone(), none()).await?,
            Proxy::start(s.validator()?.url()?, none()).await?,
        ];
        let [proxy_a, proxy_s] = &proxies;
        let overlay = directory.join("load.toml");
        let (ws_a, ws_s) = (devnet.a.anvil().websocket(), s.validator()?.websocket()?);
        let text = format!(
            "[chains.a]\nendpoints = [{{ url = \"{}\", ws = \"{ws_a}\" }}]\n\
             finality = {{ policy = \"depth\", depth = {DEPTH} }}\nsubmit.max_in_flight = 64\n\n\
             [chains.s]\nendpoints = [{{ url = \"{}\", ws = \"{ws_s}\" }}]\n",
            proxy_a.url(),
            proxy_s.url()
        );
        fs::write(&overlay, text).context("cannot write the configuration")?;
        let mut program = Program::new(&plan.tim3d, devnet.configuration()).with_file(overlay);
        for set in &plan.set {
            program = program.with_set(set);
        }
        let (heads, finals) = (Heads::listen(&devnet.a).await?, Finals::listen(ws_s).await?);
        let deployment = &s.deployment;
        let endpoints = vec![EndpointConfig::new(s.validator()?.url()?.into())];
        let config =
            SolanaConfig::new("load", deployment.chain.clone(), deployment.program, deployment.gateway, endpoints);
        let solana = Solana::connect(config, None, None).await?;
        Ok(Self { devnet, proxies, heads, finals, program, daemon: None, api_port, solana })
    }

    fn a(&self) -> &Site {
        &self.devnet.a
    }

    fn s(&self) -> Result<&SolanaSite> {
        self.devnet.solana.as_ref().context("no Solana chain")
    }

    async fn start_daemon(&mut self) -> Result<()> {
        let mut daemon = self.program.run(&self.devnet.directory.join("tim3d.log"))?;
        daemon.ready(&self.program, PATIENCE).await?;
        self.daemon = Some(daemon);
        Ok(())
    }

    async fn end_daemon(&mut self) -> Result<()> {
        let status = self.daemon.take().context("no daemon runs")?.terminate(PATIENCE).await?;
        ensure!(status.success(), "tim3d ended with {status}");
        Ok(())
    }

    /// What was used until now.
    fn usage(&self) -> Result<Usage> {
        let pid = self.daemon.as_ref().context("no daemon runs")?.pid();
        let mut calls = BTreeMap::new();
        for (method, count) in self.proxies.iter().flat_map(Proxy::calls) {
            let sum: &mut u64 = calls.entry(method).or_default();
            *sum = sum.saturating_add(count);
        }
        Ok(Usage {
            calls,
            elapsed: Duration::ZERO,
            daemon: process::cpu(pid)?,
            anvil: process::cpu(self.a().anvil().pid())?,
            validator: process::cpu(self.s()?.validator()?.pid())?,
            memory: process::peak_memory(pid)?,
        })
    }

    /// What the chains counted towards Solana (`true`) or towards Ethereum: sent and settled, in operations of one unit.
    async fn sent_and_settled(&self, towards_solana: bool) -> Result<(u128, u128)> {
        let (a, s) = (self.a(), self.s()?);
        let totals = a.gateway().peerTotals(synthetic()?, B256::new(s.deployment.id.0.0)).call().await?;
        let (sent, settled) = s.sent_and_settled(a.deployment.id).await?;
        let (sent, settled) = if towards_solana { (totals.sent, settled) } else { (sent, totals.settled) };
        Ok((sent.checked_div(UNIT).context("no unit")?, settled.checked_div(UNIT).context("no unit")?))
    }

    /// Waits until what was sent is settled; gives when, and how many at each look.
    async fn settled(&mut self, towards_solana: bool) -> Result<Vec<(Instant, u128)>> {
        let (mut seen, mut moved): (Vec<(Instant, u128)>, Instant) = (Vec::new(), Instant::now());
        loop {
            let (sent, settled) = self.sent_and_settled(towards_solana).await?;
            if seen.last().is_none_or(|(_, last)| *last != settled) {
                moved = Instant::now();
                seen.push((moved, settled));
            }
            if sent == settled {
                return Ok(seen);
            }
            self.devnet.check()?;
            if moved.elapsed() >= PATIENCE {
                let words = self.daemon.as_ref().map(Daemon::last_words).unwrap_or_default();
                bail!("{settled} of {sent} were settled, and no more for {PATIENCE:?}; tim3d says:\n{words}");
            }
            sleep(LOOK).await;
        }
    }

    /// Every event of the Solana gateway in the slots from `from` on that are final now.
    async fn events(&self, from: u64) -> Result<Vec<Located>> {
        let last = self.solana.tips().await?.finalized.height;
        let (mut next, mut events) = (from, Vec::new());
        while next <= last {
            let (fetched, reached) = self.solana.events(next..=last).await?;
            events.extend(fetched.events);
            next = reached.saturating_add(1);
        }
        Ok(events)
    }

    /// When a transaction was first accepted through a proxy.
    fn accepted(&self, proxy: usize) -> HashMap<String, Instant> {
        let mut first = HashMap::new();
        for (hash, at) in self.proxies.get(proxy).map(Proxy::accepted).unwrap_or_default() {
            first.entry(hash).or_insert_with(|| Instant::from_std(at));
        }
        first
    }
}

/// Runs every phase.
pub(crate) async fn run(plan: &Plan, records: u64) -> Result<Figures> {
    let mut stage = Stage::set(plan).await?;
    let client = JsonRpc::new(stage.s()?.validator()?.url()?.into())?;
    let version = raw::ask(&client, "getVersion", serde_json::json!([])).await?;
    let version = version.get("solana-core").and_then(|version| version.as_str()).unwrap_or_default();
    let validator = format!("solana-test-validator {version}");
    let carol = accounts::solana_key("carol");
    let transfers = raw::transfers(&client, &carol, CEILING).await.context("transfers")?;
    let raw_send = raw::accepted(&client, &carol, RAW_SENDS).await.context("raw sends")?;

    stage.start_daemon().await?;
    let there = single::to_solana(&mut stage).await.context("single operations towards Solana")?;
    let back = single::to_ethereum(&mut stage).await.context("single operations towards Ethereum")?;
    let to_solana = Leg { single: there, ..to_solana(&mut stage, plan).await.context("towards Solana")? };
    let to_ethereum = Leg { single: back, ..to_ethereum(&mut stage, plan).await.context("towards Ethereum")? };
    stage.end_daemon().await?;
    let catch_up = catch_up(&mut stage, records).await.context("catching up")?;
    stage.end_daemon().await?;
    Ok(Figures { validator, transfers, raw_send, to_solana, to_ethereum, catch_up })
}

/// Locks on the anvil, evenly over the seconds, that become mints on Solana.
async fn to_solana(stage: &mut Stage, plan: &Plan) -> Result<Leg> {
    let (destination, recipient) = (stage.s()?.deployment.id, B256::new(account_of("bob").0.0));
    let mut purse = Purse::new(stage.a(), "to Solana", 64).await?.with_collateral(stage.a()).await?;
    let locks = purse.locks_for(plan.operations, stage.a(), destination, |_| recipient)?;
    let client = Client::new(stage.a().anvil().url().clone())?;
    let (from, before) = (stage.solana.tips().await?.head.height, stage.usage()?);
    let height = stage.a().height().await?.saturating_add(1);
    let begun = Instant::now();
    feed::evenly(&client, locks, Duration::from_secs(plan.seconds)).await?;
    let offered = Hundredths::rate(plan.operations, begun.elapsed());
    let seen = stage.settled(true).await?;
    let usage = between(&before, &stage.usage()?, begun.elapsed());

    let (latencies, transactions) = arrived_on_solana(stage, height, from).await?;
    Ok(leg(plan.operations, offered, &seen, begun, transactions, latencies, usage))
}

/// Of the locks on the anvil from a block on: how long each took from its block being final until the validator accepted the transaction with its
/// mint, in a slot from `from` on; and how many transactions there were.
async fn arrived_on_solana(stage: &Stage, height: u64, from: u64) -> Result<(Vec<Duration>, usize)> {
    let destination = stage.s()?.deployment.id;
    let mut locked = HashMap::new();
    for (height, _, event) in ledger::events(stage.a(), height).await? {
        if let Some(operation) = event.body.started().filter(|operation| operation.destination == destination) {
            locked.insert(operation.nonce, height);
        }
    }
    let accepted = stage.accepted(1);
    let (mut latencies, mut transactions) = (Vec::new(), HashSet::new());
    finalized(stage).await?;
    for event in stage.events(from).await? {
        let EventBody::Minted { outcome, .. } = event.event.body else { continue };
        let Some(height) = locked.get(&outcome.nonce) else { continue };
        let at = stage.heads.announced(height.saturating_add(DEPTH)).context("a final block was not announced")?;
        if let Some(accepted) = accepted.get(&event.transaction.0) {
            latencies.push(accepted.saturating_duration_since(at));
        }
        transactions.insert(event.transaction.0);
    }
    Ok((latencies, transactions.len()))
}

/// Locks on Solana, evenly over the seconds, that become mints on the anvil.
async fn to_ethereum(stage: &mut Stage, plan: &Plan) -> Result<Leg> {
    let mut users = Vec::new();
    for name in ["alice", "bob"] {
        let user = stage.solana.user(accounts::solana_key(name));
        let lock = lock(stage, &user)?;
        users.push((user, lock));
    }
    let (from, before) = (stage.solana.tips().await?.head.height, stage.usage()?);
    let height = stage.a().height().await?.saturating_add(1);
    let (sent_before, _) = stage.sent_and_settled(false).await?;
    let begun = Instant::now();
    // What finds a page full fails, and is not sent again: the gateway says how many there were.
    let pace = Duration::from_secs(plan.seconds).checked_div(u32::try_from(plan.operations)?).unwrap_or_default();
    let mut clock = interval(pace.max(Duration::from_micros(1)));
    clock.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let ticks = stream::unfold(clock, |mut clock| async move {
        clock.tick().await;
        Some(((), clock))
    });
    let sends = ticks.take(usize::try_from(plan.operations)?).enumerate().map(|(index, ())| {
        let user = users.get(index % 2);
        async move {
            let (user, lock) = user.context("no user")?;
            user.send(lock.clone(), LOCK_UNITS).await.map_err(anyhow::Error::from)
        }
    });
    sends.buffer_unordered(ABREAST).try_collect::<Vec<_>>().await?;
    let offered = Hundredths::rate(plan.operations, begun.elapsed());
    finalized(stage).await?;
    let seen = stage.settled(false).await?;
    let usage = between(&before, &stage.usage()?, begun.elapsed());
    let (sent, _) = stage.sent_and_settled(false).await?;
    let count = u64::try_from(sent.saturating_sub(sent_before))?;

    let (latencies, transactions) = arrived_on_ethereum(stage, from, height).await?;
    Ok(leg(count, offered, &seen, begun, transactions, latencies, usage))
}

/// The same the other way: of the locks on Solana from a slot on, until the anvil accepted the transaction, in a block from `height` on.
async fn arrived_on_ethereum(stage: &Stage, from: u64, height: u64) -> Result<(Vec<Duration>, usize)> {
    let destination = stage.a().deployment.id;
    let mut locked = HashMap::new();
    for event in stage.events(from).await? {
        if let Some(operation) = event.event.body.started().filter(|operation| operation.destination == destination) {
            locked.insert(operation.nonce, event.block.height);
        }
    }
    let accepted = stage.accepted(0);
    let (mut latencies, mut transactions) = (Vec::new(), HashSet::new());
    for (_, transaction, event) in ledger::events(stage.a(), height).await? {
        let EventBody::Minted { outcome, .. } = event.body else { continue };
        let Some(slot) = locked.get(&outcome.nonce) else { continue };
        if let Some((accepted, at)) = accepted.get(&transaction).zip(stage.finals.of(*slot)) {
            latencies.push(accepted.saturating_duration_since(at));
        }
        transactions.insert(transaction);
    }
    Ok((latencies, transactions.len()))
}

/// A lock of one unit on Solana for somebody on the anvil.
fn lock(stage: &Stage, user: &User) -> Result<UserAction> {
    Ok(UserAction::Lock {
        market: stage.s()?.market(STABLE)?,
        collateral: UNIT,
        debt: UNIT,
        destination: stage.a().deployment.id,
        recipient: Account::from_evm(accounts::address("bob")?.into_array()),
        refund_to: user.account(),
        max_fee: 0,
    })
}

/// Waits until what is included on Solana now is final there.
async fn finalized(stage: &Stage) -> Result<()> {
    let head = stage.solana.tips().await?.head.height;
    while stage.finals.of(head).is_none() {
        sleep(LOOK).await;
    }
    Ok(())
}

fn leg(
    operations: u64,
    offered: Hundredths,
    seen: &[(Instant, u128)],
    begun: Instant,
    transactions: usize,
    latencies: Vec<Duration>,
    usage: Usage,
) -> Leg {
    let last = seen.last().map_or(begun, |(at, _)| *at);
    Leg {
        operations,
        offered,
        completed: Hundredths::rate(operations, last.saturating_duration_since(begun)),
        transactions: u64::try_from(transactions).unwrap_or(u64::MAX),
        latency: Quantiles::of(latencies),
        single: Quantiles::default(),
        usage,
    }
}

/// The daemon is down while the gateway makes records, and is then started.
async fn catch_up(stage: &mut Stage, records: u64) -> Result<CatchUp> {
    let s = stage.s()?;
    let (market, id) = (s.market(STABLE)?, s.deployment.id);
    let alice = stage.solana.user(accounts::solana_key("alice"));
    let whole = u128::from(records.next_multiple_of(TOGETHER));
    let lock = UserAction::Lock {
        market,
        collateral: whole,
        debt: whole,
        destination: id,
        recipient: alice.account(),
        refund_to: alice.account(),
        max_fee: 0,
    };
    alice.act(lock).await?;
    let repay = UserAction::Repay { market, owner: market.reserve_owner(), amount: 1 };
    let together = usize::try_from(TOGETHER)?;
    let writes = (0..records.div_ceil(TOGETHER)).map(|_| alice.act_repeatedly(repay.clone(), together));
    stream::iter(writes).buffer_unordered(WRITERS).try_collect::<Vec<_>>().await?;
    finalized(stage).await?;
    let records = u64::try_from(whole)?.saturating_add(1);

    let [_, proxy] = &stage.proxies;
    let earlier = proxy.calls();
    let begun = Instant::now();
    stage.start_daemon().await?;
    let ready = begun.elapsed();
    // The counter begins with the process: what it has proved is what it has read since.
    while proved(stage).await? < records {
        ensure!(begun.elapsed() < PATIENCE, "{} of {records} records after {PATIENCE:?}", proved(stage).await?);
        sleep(LOOK).await;
    }
    let elapsed = begun.elapsed();
    let [_, proxy] = &stage.proxies;
    let calls = proxy.calls().into_iter().map(|(method, count)| {
        let before = earlier.get(&method).copied().unwrap_or_default();
        (method, count.saturating_sub(before))
    });
    Ok(CatchUp { records, ready, elapsed, calls: calls.filter(|(_, count)| *count > 0).collect() })
}

/// How many events of the Solana gateway the daemon has proved since its start.
async fn proved(stage: &Stage) -> Result<u64> {
    let text = reqwest::get(format!("http://127.0.0.1:{}/metrics", stage.api_port)).await?.text().await?;
    // By kind of event; counters are whole numbers.
    let own =
        text.lines().filter(|line| line.starts_with("tim3_chain_events_proved_total{") && line.contains("chain=\"s\""));
    let counts = own.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
    Ok(counts.sum())
}

fn between(before: &Usage, after: &Usage, elapsed: Duration) -> Usage {
    let calls = after.calls.iter().map(|(method, count)| {
        (method.clone(), count.saturating_sub(before.calls.get(method).copied().unwrap_or_default()))
    });
    Usage {
        calls: calls.filter(|(_, count)| *count > 0).collect(),
        elapsed,
        daemon: after.daemon.saturating_sub(before.daemon),
        anvil: after.anvil.saturating_sub(before.anvil),
        validator: after.validator.saturating_sub(before.validator),
        memory: after.memory,
    }
}
