//! `tim3d keeper rehearse`: the keeper as it runs, against a copy of its chain on which prices have fallen.
//!
//! Everything between the positions and the ledger is what runs live: the watcher that proves events, the keepers' service with its rounds, simulation, signing,
//! sending, outcomes, record. What is put in its place is around it: the chain is a copy in an [`anvil`] that asks the chain through [`source`], the account
//! is a fresh one that is given the keeper's inventory, feeds say other prices ([`prices`]), the journal is temporary, and blocks come as soon as the keeper has
//! looked at the one before. What it came to is judged from the record alone ([`report`]) and told ([`view`]).

mod anvil;
mod plan;
mod prices;
mod report;
mod source;
mod stage;
mod view;

use std::{collections::BTreeMap, sync::Arc};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use tim3_chain::{Chain as _, Keeper as Hands};
use tim3_coordinator::{Daemon, attestation::Attesters, daemon::Parts};
use tim3_ethereum::{Ethereum, EthereumConfig, Fork, PrivateKeySigner};
use tim3_journal::{Journal, RedbJournal};
use tim3_telemetry::Metrics;
use tokio_util::sync::CancellationToken;

use super::Site;
use crate::{
    adapter::Adapter,
    config::Config,
    output::{self, now_ms},
    run,
};
use anvil::Anvil;
use plan::Plan;
use prices::{Prices, Stated};
use source::Source;
use stage::Stage;
use view::Report;

/// Options of `tim3d keeper rehearse`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    /// The chain, by its configured name [default: the one that is home to vault markets]
    #[arg(long)]
    chain: Option<String>,
    /// Copy the chain as it was after this block [default: its newest one]
    #[arg(long, value_name = "HEIGHT")]
    block: Option<u64>,
    /// Let the price of every collateral fall by so much [default: until every position is unhealthy]
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(1..=99))]
    fall: Option<u8>,
    /// The price of an asset in US dollars, for example WETH=1500; may be given several times
    #[arg(long = "price", value_name = "SYMBOL=PRICE")]
    prices: Vec<Stated>,
    /// Give the keeper as much of the synthetic as all positions owe, and coins for fees, instead of what its account has
    #[arg(long)]
    unlimited: bool,
    /// Minutes after which what is not liquidated is left over
    #[arg(long, value_name = "MINUTES", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=1_440))]
    patience: u64,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Rehearses until nothing more happens, or `stop`.
///
/// # Errors
/// What stands in the way, one line each where there is more than one.
pub(crate) async fn rehearse(config: &Config, args: &Args, stop: CancellationToken) -> Result<Report> {
    let mut plan = Plan::new(config, args.chain.as_deref())?;
    let prices = Prices::new(&plan, args.fall, &args.prices)?;
    let owner = plan.owner()?;
    let real = <Ethereum as Adapter>::settings(&plan.original)?;
    let name = plan.original.name.clone();
    let endpoint =
        real.endpoints.iter().min_by_key(|endpoint| endpoint.priority).context("there is no endpoint")?.clone();
    // Its errors say what is wrong with the endpoints; those of the copy would say it in other words.
    verified(real, &plan, &stop).await?;
    let source = Source::serve(endpoint.url.clone()).await?;
    let anvil = Anvil::start(plan.original.chain.reference()).await?;
    let settings = <Ethereum as Adapter>::settings(&plan.copy(anvil.url.clone())?)?;
    let fork = Fork::new(&settings)?;
    let copied = interruptible(&stop, fork.copy(&source.url, args.block)).await?;
    let copied = copied.map_err(|error| match source.problem() {
        Some(problem) => anyhow!("{name}: what {} serves cannot be copied: {problem}", endpoint.url),
        None => error.into(),
    })?;
    output::note(&format!("{name} is copied after block {}", copied.height));
    // Whatever the chain's clock says, the copy goes on now.
    fork.mine(Some(now_ms() / 1_000)).await?;
    let chain = Arc::new(verified(settings, &plan, &stop).await?);
    let key = PrivateKeySigner::from_slice(&rand::random::<[u8; 32]>()).context("no key")?;
    let hands: Arc<dyn Hands> = Arc::new(chain.keeper(key));
    let site = Site { chain, hands };

    let end = stop.child_token();
    let directory = tempfile::Builder::new().prefix("tim3-rehearsal").tempdir().context("cannot make a directory")?;
    let journal: Arc<dyn Journal> = Arc::new(RedbJournal::open(&directory.path().join("journal.redb"))?);
    let metrics = Metrics::new()?;
    let parts = Parts {
        settings: run::settings(&plan.config),
        chains: vec![Arc::clone(&site.chain)],
        attesters: Attesters::new([]),
        guardians: BTreeMap::new(),
        journal,
        metrics: metrics.clone(),
    };
    let daemon = Daemon::following(parts, end.clone()).await?;
    let stage = Stage { plan, prices, owner, fork, site, handle: daemon.handle(), metrics, end: end.clone() };
    let played = async {
        let played = stage.play(args, copied.height).await;
        end.cancel();
        played
    };
    let (followed, played) = tokio::join!(daemon.run(), played);
    ensure!(!stop.is_cancelled(), "interrupted");
    if let Err(errors) = followed {
        return Err(run::Failures(errors.into_iter().map(Into::into).collect()).into());
    }
    played
}

/// Connects to what is there, and checks that it is the configured gateway.
async fn verified(settings: EthereumConfig, plan: &Plan, stop: &CancellationToken) -> Result<Ethereum> {
    let chain = interruptible(stop, Ethereum::connect(settings, None, None)).await??;
    let (found, expected) = (chain.gateway(), plan.original.gateway);
    ensure!(found == expected, "{}: the gateway has id {found}, expected {expected}", plan.original.name);
    Ok(chain)
}

async fn interruptible<T>(stop: &CancellationToken, work: impl Future<Output = T>) -> Result<T> {
    tokio::select! {
        () = stop.cancelled() => bail!("interrupted"),
        done = work => Ok(done),
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]
mod tests;
