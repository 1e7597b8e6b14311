//! Operations one at a time, a second between them: what each takes when nothing else is on its way.

use std::time::Duration;

use alloy::primitives::B256;
use anyhow::{Context as _, Result, ensure};
use tim3_chain::Reader as _;
use tim3_devnet::{accounts, solana::account_of};
use tokio::time::interval;

use super::{LOCK_UNITS, Stage, arrived_on_ethereum, arrived_on_solana, finalized, lock};
use crate::{purse::Purse, rpc::Client, statistic::Quantiles};

/// Operations each way.
const COUNT: u64 = 50;
/// Between two of them: a block of the anvil, and ten slots.
const PAUSE: Duration = Duration::from_secs(1);

/// From the lock's block being final until the validator accepts the mint.
pub(super) async fn to_solana(stage: &mut Stage) -> Result<Quantiles> {
    let (destination, recipient) = (stage.s()?.deployment.id, B256::new(account_of("bob").0.0));
    let mut purse = Purse::new(stage.a(), "single to Solana", 1).await?.with_collateral(stage.a()).await?;
    let locks = purse.locks_for(COUNT, stage.a(), destination, |_| recipient)?;
    let client = Client::new(stage.a().anvil().url().clone())?;
    let (from, height) = (stage.solana.tips().await?.head.height, stage.a().height().await?.saturating_add(1));
    for lock in locks {
        client.send_and_wait(&lock).await?;
    }
    stage.settled(true).await?;
    all(arrived_on_solana(stage, height, from).await?.0)
}

/// From the lock's slot being final until the anvil accepts the mint.
pub(super) async fn to_ethereum(stage: &mut Stage) -> Result<Quantiles> {
    let user = stage.solana.user(accounts::solana_key("alice"));
    let (from, height) = (stage.solana.tips().await?.head.height, stage.a().height().await?.saturating_add(1));
    let mut clock = interval(PAUSE);
    for _ in 0..COUNT {
        clock.tick().await;
        user.send(lock(stage, &user)?, LOCK_UNITS).await?;
    }
    finalized(stage).await?;
    stage.settled(false).await?;
    all(arrived_on_ethereum(stage, from, height).await?.0)
}

fn all(latencies: Vec<Duration>) -> Result<Quantiles> {
    let count = u64::try_from(latencies.len()).context("more than there are")?;
    ensure!(count == COUNT, "{count} of {COUNT} single operations were seen to be accepted");
    Ok(Quantiles::of(latencies))
}
