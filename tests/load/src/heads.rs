//! When each block of a chain was announced, by the chain itself.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use alloy::providers::{Provider as _, ProviderBuilder, WsConnect};
use anyhow::{Context as _, Result};
use futures::StreamExt as _;
use tim3_devnet::Site;
use tokio::{
    sync::{oneshot, watch},
    time::Instant,
};
use tokio_util::task::AbortOnDropHandle;

/// The announcements of one chain.
#[derive(Debug)]
pub(crate) struct Heads {
    seen: Arc<Mutex<BTreeMap<u64, Instant>>>,
    newest: watch::Receiver<u64>,
    _task: AbortOnDropHandle<()>,
}

impl Heads {
    /// Listens from now on.
    pub(crate) async fn listen(site: &Site) -> Result<Self> {
        let url = site.anvil().websocket();
        let (ready, is_ready) = oneshot::channel();
        let (announce, newest) = watch::channel(0);
        let seen = Arc::new(Mutex::new(BTreeMap::new()));
        let into = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            let provider = match ProviderBuilder::new().connect_ws(WsConnect::new(url)).await {
                Ok(provider) => provider,
                Err(error) => return drop(ready.send(Err(error))),
            };
            let mut blocks = match provider.subscribe_blocks().await {
                Ok(subscription) => subscription.into_stream(),
                Err(error) => return drop(ready.send(Err(error))),
            };
            let _ = ready.send(Ok(()));
            while let Some(block) = blocks.next().await {
                into.lock().unwrap_or_else(PoisonError::into_inner).insert(block.number, Instant::now());
                announce.send_replace(block.number);
            }
        });
        let task = AbortOnDropHandle::new(task);
        is_ready.await.context("the subscription ended")?.context("cannot subscribe to blocks")?;
        Ok(Self { seen, newest, _task: task })
    }

    /// When a block was announced.
    pub(crate) fn announced(&self, height: u64) -> Option<Instant> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).get(&height).copied()
    }

    /// Waits until a block was announced, which may be after the node answers for it.
    pub(crate) async fn reached(&self, height: u64) -> Result<()> {
        self.newest.clone().wait_for(|newest| *newest >= height).await.context("no more blocks are announced")?;
        Ok(())
    }

    /// Waits for the next block.
    pub(crate) async fn next(&mut self) -> Result<()> {
        self.newest.changed().await.context("no more blocks are announced")
    }
}
