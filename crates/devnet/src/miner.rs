//! Makes an anvil's blocks at an interval, and none while a reorg is made.
//!
//! anvil's own interval does not wait for `anvil_reorg`: a block that it makes in the middle of one stands on the state of blocks that are gone,
//! and from then on logs and state contradict each other.

use std::{sync::Arc, thread, time::Duration};

use alloy::providers::{ProviderBuilder, RootProvider, ext::AnvilApi as _};
use anyhow::{Context as _, Result};
use tokio::{
    runtime::Builder,
    sync::{Mutex, MutexGuard},
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::{CancellationToken, DropGuard};
use url::Url;

/// Who makes the blocks of one anvil. Dropping it ends that.
#[derive(Debug)]
pub(crate) struct Miner {
    making: Arc<Mutex<()>>,
    _stop: DropGuard,
}

impl Miner {
    /// Makes a block after each interval: in a thread of its own, because a test may keep its runtime to itself for longer than that.
    pub(crate) fn start(anvil: &Url, every: Duration) -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build().context("cannot start a runtime")?;
        let (making, stop) = (Arc::new(Mutex::new(())), CancellationToken::new());
        let (url, held, stopped) = (anvil.clone(), Arc::clone(&making), stop.clone());
        let mine = async move {
            let provider: RootProvider = ProviderBuilder::default().connect_http(url);
            let mut ticks = interval(every);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                let _making = held.lock().await;
                // What the node has against it shows where it matters: nothing is mined.
                let _ = provider.evm_mine(None).await;
            }
        };
        let run = move || {
            runtime.block_on(async {
                tokio::select! { () = stopped.cancelled() => {}, () = mine => {} }
            })
        };
        thread::Builder::new().name("miner".to_owned()).spawn(run).context("cannot start a thread")?;
        Ok(Self { making, _stop: stop.drop_guard() })
    }

    /// No block is made for as long as this is held.
    pub(crate) async fn hold(&self) -> MutexGuard<'_, ()> {
        self.making.lock().await
    }
}
