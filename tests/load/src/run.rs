//! The phases of a run.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::PathBuf,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use tim3_devnet::plan as deployed;
use tokio::time::Instant;

use crate::{
    feed,
    figures::{Figures, Flow, Relay},
    heads::Heads,
    ledger::{self, Begin, Carried, sent_and_settled},
    purse::Purse,
    rpc::Client,
    stage::{DEPTH, Stage, between},
    statistic::{Hundredths, Quantiles},
};

/// Transfers that measure the ceiling.
const TRANSFERS: u64 = 12_000;
/// On automine nothing is measured for longer than this.
const AUTOMINE_CEILING: Duration = Duration::from_secs(5);
/// Raw sends whose time is taken.
const RAW_SENDS: u64 = 200;
/// Those that are waited for until they are mined, at one a block.
const RAW_MINED: u64 = 10;
/// Between two blocks on automine, where operations come one at a time: long enough to read the first before the second comes.
const MOMENT: Duration = Duration::from_millis(50);
/// Accounts that lock: a multiple of [`feed::CONNECTIONS`].
const ACCOUNTS: u64 = 64;

/// What is to be run.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) tim3d: PathBuf,
    pub(crate) set: Vec<String>,
    pub(crate) directory: PathBuf,
    pub(crate) operations: u64,
    pub(crate) seconds: u64,
}

/// When blocks are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Automine,
    Second,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Automine => "automine",
            Self::Second => "1s",
        }
    }
}

/// Runs every phase.
pub(crate) async fn run(kind: Kind, plan: &Plan) -> Result<Figures> {
    let mut stage = Stage::set(kind, plan).await?;
    let [_, proxy] = &stage.proxies;
    let (a, b) = (Client::new(stage.a().anvil().url().clone())?, Client::new(proxy.url().clone())?);
    let backlog = plan.operations.div_ceil(4);
    let purse = |site, name, accounts| Purse::new(site, name, accounts);
    let transfers = purse(stage.a(), "transfers", ACCOUNTS).await?.transfers(TRANSFERS)?;
    let first = purse(stage.a(), "backlog", ACCOUNTS).await?.with_collateral(stage.a()).await?;
    let first = { first }.locks(backlog, stage.a(), stage.b())?;
    let mut singles = purse(stage.a(), "single", 1).await?.with_collateral(stage.a()).await?;
    let mut nudges = purse(stage.a(), "nudge", 1).await?;
    let sustained = purse(stage.a(), "sustained", ACCOUNTS).await?.with_collateral(stage.a()).await?;
    let sustained = { sustained }.locks(plan.operations, stage.a(), stage.b())?;
    let mut raw = purse(stage.b(), "raw", 1).await?;

    let transfers = ceiling(&mut stage, kind, &a, transfers).await.context("transfers")?;
    let begin = Begin::now(stage.a(), stage.b()).await?;
    let locks = ceiling(&mut stage, kind, &a, first).await.context("locks")?;
    let (sent, _) = sent_and_settled(stage.a(), stage.b(), deployed::UNIT).await?;
    ensure!(sent == locks.count.into(), "{sent} of {} locks made an operation, the others reverted", locks.count);
    nudge(&a, &mut nudges).await?;

    let idle = crate::stage::Usage { own: crate::process::cpu(std::process::id())?, ..Default::default() };
    let started = Instant::now();
    stage.start_daemon().await?;
    stage.settled().await.context("backlog")?;
    let mut backlog = relay(&stage, begin, &idle).await.context("backlog")?;
    backlog.flow = since(started, &backlog.flow);

    let (raw_send, raw_mined) = raw_sends(&b, &mut raw).await.context("raw sends")?;
    let (begin, before) = (Begin::now(stage.a(), stage.b()).await?, stage.usage()?);
    one_at_a_time(&mut stage, kind, &a, &mut singles, &mut nudges).await.context("single operations")?;
    let single = relay(&stage, begin, &before).await.context("single operations")?;

    let (begin, before) = (Begin::now(stage.a(), stage.b()).await?, stage.usage()?);
    let duration = Duration::from_secs(plan.seconds);
    let (started, offered) = (Instant::now(), offer(kind, &a, sustained, duration).await.context("sustained load")?);
    let offered = Hundredths::rate(offered, started.elapsed());
    nudge(&a, &mut nudges).await?;
    stage.settled().await.context("sustained load")?;
    let sustained = relay(&stage, begin, &before).await.context("sustained load")?;

    let anvil = a.call("web3_clientVersion", &json!([])).await?.as_str().unwrap_or_default().to_owned();
    let memory = stage.peak_memory()?;
    stage.end().await?;
    Ok(Figures { kind, anvil, transfers, locks, raw_send, raw_mined, backlog, single, sustained, offered, memory })
}

/// As many of `raw` as the chain takes, nobody else there.
async fn ceiling(stage: &mut Stage, kind: Kind, client: &Client, raw: Vec<String>) -> Result<Flow> {
    let from = stage.a().height().await?.saturating_add(1);
    match kind {
        Kind::Automine => drop(feed::abreast(client, raw, AUTOMINE_CEILING).await?),
        Kind::Second => {
            feed::flood(client, &raw).await?;
            drained(client).await?;
        }
    }
    let [heads, _] = &stage.heads;
    let head = stage.a().height().await?;
    heads.reached(head).await?;
    let mut blocks = BTreeMap::new();
    for height in from..=head {
        let count = client.call("eth_getBlockTransactionCountByNumber", &json!([format!("{height:#x}")])).await?;
        let count = count.as_str().and_then(|count| u64::from_str_radix(count.trim_start_matches("0x"), 16).ok());
        blocks.insert(height, count.context("a block without a count")?);
    }
    flow(&blocks, heads)
}

/// Waits until no transaction waits.
async fn drained(client: &Client) -> Result<()> {
    loop {
        let status = client.call("txpool_status", &json!([])).await?;
        if ["pending", "queued"].iter().all(|kind| status.get(kind).is_some_and(|count| count == "0x0")) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// From how many each block has.
fn flow(blocks: &BTreeMap<u64, u64>, heads: &Heads) -> Result<Flow> {
    let count = blocks.values().sum();
    let mut full = blocks.iter().filter(|(_, count)| **count > 0);
    let Some((first, of_first)) = full.next() else { return Ok(Flow::default()) };
    let last = full.next_back().map_or(first, |(last, _)| last);
    let at = |height| heads.announced(height).with_context(|| format!("block {height} was never announced"));
    let last = at(*last)?;
    let elapsed = last.saturating_duration_since(at(*first)?);
    Ok(Flow { count, timed: count.saturating_sub(*of_first), elapsed, last: Some(last) })
}

/// The same with a known begin, so that the first block counts, too.
fn since(begun: Instant, flow: &Flow) -> Flow {
    let elapsed = flow.last.map_or(Duration::ZERO, |last| last.saturating_duration_since(begun));
    Flow { timed: flow.count, elapsed, ..*flow }
}

/// How many locks the chain took.
async fn offer(kind: Kind, client: &Client, raw: Vec<String>, duration: Duration) -> Result<u64> {
    match kind {
        Kind::Automine => feed::abreast(client, raw, duration).await,
        Kind::Second => {
            let count = u64::try_from(raw.len())?;
            feed::evenly(client, raw, duration).await?;
            drained(client).await?;
            Ok(count)
        }
    }
}

/// Makes the events before final on a chain that makes blocks for transactions only.
async fn nudge(client: &Client, nudges: &mut Purse) -> Result<()> {
    for raw in nudges.transfers(DEPTH)? {
        client.send_and_wait(&raw).await?;
    }
    Ok(())
}

/// The time until a transfer is accepted, and until it is mined.
async fn raw_sends(client: &Client, purse: &mut Purse) -> Result<(Quantiles, Quantiles)> {
    let mut accepted = Vec::new();
    for raw in purse.transfers(RAW_SENDS)? {
        let begun = Instant::now();
        client.send_one(&raw).await?;
        accepted.push(begun.elapsed());
    }
    drained(client).await?;
    let mut mined = Vec::new();
    for raw in purse.transfers(RAW_MINED)? {
        let begun = Instant::now();
        client.send_and_wait(&raw).await?;
        mined.push(begun.elapsed());
    }
    Ok((Quantiles::of(accepted), Quantiles::of(mined)))
}

/// One operation after the other, and the block that makes it final a moment after its own, as on every other chain; where blocks come by
/// the clock, one a block.
async fn one_at_a_time(
    stage: &mut Stage,
    kind: Kind,
    client: &Client,
    purse: &mut Purse,
    nudges: &mut Purse,
) -> Result<()> {
    let count = match kind {
        Kind::Automine => 300,
        Kind::Second => 20,
    };
    for raw in purse.locks(count, stage.a(), stage.b())? {
        client.send_and_wait(&raw).await?;
        if kind == Kind::Automine {
            tokio::time::sleep(MOMENT).await;
            nudge(client, nudges).await?;
            loop {
                let (sent, settled) = sent_and_settled(stage.a(), stage.b(), deployed::UNIT).await?;
                if sent == settled {
                    break;
                }
                let [_, heads] = &mut stage.heads;
                // Also without a block: one may have come between the question and the wait.
                let _ = tokio::time::timeout(Duration::from_millis(50), heads.next()).await;
            }
        }
    }
    stage.settled().await
}

/// What the daemon carried since `begin`, from what the chains say.
async fn relay(stage: &Stage, begin: Begin, before: &crate::stage::Usage) -> Result<Relay> {
    // First, so that reading the chains is not counted.
    let usage = between(before, &stage.usage()?);
    let carried = ledger::carried(stage.a(), stage.b(), begin.a, begin.b).await?;
    let mut blocks = BTreeMap::new();
    for one in &carried {
        let count: &mut u64 = blocks.entry(one.minted).or_default();
        *count = count.saturating_add(1);
    }
    let [heads_a, heads_b] = &stage.heads;
    heads_a.reached(carried.iter().map(|one| one.locked.saturating_add(DEPTH)).max().unwrap_or_default()).await?;
    heads_b.reached(carried.iter().map(|one| one.minted).max().unwrap_or_default()).await?;
    let [_, proxy] = &stage.proxies;
    let accepted: HashMap<String, Instant> =
        proxy.accepted().into_iter().map(|(hash, at)| (hash, Instant::from_std(at))).collect();
    let latency = |one: &Carried| {
        let finally = heads_a.announced(one.locked.saturating_add(DEPTH)).context("a final block was not announced")?;
        let accepted = accepted.get(&one.transaction).context("a mint did not come through the proxy")?;
        Ok(accepted.saturating_duration_since(finally))
    };
    let latencies = carried.iter().map(latency).collect::<Result<Vec<_>>>()?;
    let transactions = carried.iter().map(|one| &one.transaction).collect::<HashSet<_>>().len();
    Ok(Relay {
        flow: flow(&blocks, heads_b)?,
        transactions: u64::try_from(transactions)?,
        latency: Quantiles::of(latencies),
        usage,
    })
}
