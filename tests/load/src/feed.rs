//! Ways to send what was signed beforehand.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Result, anyhow};
use tokio::{
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval},
};

use crate::rpc::Client;

/// Transactions in one request.
const BATCH: usize = 100;
/// Connections at once, where each waits for its transaction.
pub(crate) const CONNECTIONS: usize = 16;
/// How often a steady feed sends.
const TICK: Duration = Duration::from_millis(50);

/// As fast as the node takes them, in batches: it must make blocks by the clock.
pub(crate) async fn flood(client: &Client, raw: &[String]) -> Result<()> {
    for batch in raw.chunks(BATCH) {
        client.send(batch).await?;
    }
    Ok(())
}

/// Evenly over `duration`, in batches.
pub(crate) async fn evenly(client: &Client, raw: Vec<String>, duration: Duration) -> Result<()> {
    let ticks = duration.as_millis().checked_div(TICK.as_millis()).unwrap_or_default().max(1);
    let each = raw.len().div_ceil(usize::try_from(ticks)?).max(1);
    let mut clock = interval(TICK);
    // A tick that was missed is made up for: the average is what was asked for.
    clock.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut sending = JoinSet::new();
    for batch in raw.chunks(each) {
        clock.tick().await;
        let (client, batch) = (client.clone(), batch.to_vec());
        sending.spawn(async move { client.send(&batch).await });
        while let Some(sent) = sending.try_join_next() {
            sent??;
        }
    }
    while let Some(sent) = sending.join_next().await {
        sent??;
    }
    Ok(())
}

/// Over some connections, each of which waits until its transaction is mined before it sends the next: a node that makes a block for
/// each transaction stalls under a backlog. Ends with the transactions or after `most`; gives how many were mined. The transactions of an
/// account must lie a multiple of the number of [`CONNECTIONS`] apart.
pub(crate) async fn abreast(client: &Client, raw: Vec<String>, most: Duration) -> Result<u64> {
    let (raw, begun) = (Arc::new(raw), Instant::now());
    let mined = Arc::new(AtomicU64::new(0));
    let mut lanes = JoinSet::new();
    for lane in 0..CONNECTIONS {
        let (client, raw, mined) = (client.clone(), Arc::clone(&raw), Arc::clone(&mined));
        lanes.spawn(async move {
            for raw in raw.iter().skip(lane).step_by(CONNECTIONS) {
                if begun.elapsed() >= most {
                    break;
                }
                client.send_and_wait(raw).await?;
                mined.fetch_add(1, Ordering::Relaxed);
            }
            Ok::<_, anyhow::Error>(())
        });
    }
    while let Some(lane) = lanes.join_next().await {
        lane.map_err(|error| anyhow!(error))??;
    }
    Ok(mined.load(Ordering::Relaxed))
}
