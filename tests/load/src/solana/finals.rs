//! When each slot became final, by the validator's own announcement.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context as _, Result};
use futures::StreamExt as _;
use solana_client::{nonblocking::pubsub_client::PubsubClient, rpc_config::RpcAccountInfoConfig};
use solana_commitment_config::CommitmentConfig;
use tim3_solana::Pubkey;
use tokio::{sync::oneshot, time::Instant};
use tokio_util::task::AbortOnDropHandle;
use url::Url;

/// It changes in every slot.
const CLOCK: Pubkey = Pubkey::from_str_const("SysvarC1ock11111111111111111111111111111111");

/// The announcements of a validator.
#[derive(Debug)]
pub(super) struct Finals {
    seen: Arc<Mutex<BTreeMap<u64, Instant>>>,
    _task: AbortOnDropHandle<()>,
}

impl Finals {
    /// Listens from now on.
    pub(super) async fn listen(websocket: Url) -> Result<Self> {
        let seen = Arc::new(Mutex::new(BTreeMap::new()));
        let into = Arc::clone(&seen);
        let (ready, is_ready) = oneshot::channel();
        let task = tokio::spawn(async move {
            let client = match PubsubClient::new(websocket.as_str()).await {
                Ok(client) => client,
                Err(error) => return drop(ready.send(Err(error))),
            };
            let config = RpcAccountInfoConfig {
                commitment: Some(CommitmentConfig::finalized()),
                ..RpcAccountInfoConfig::default()
            };
            let mut changes = match client.account_subscribe(&CLOCK, Some(config)).await {
                Ok((changes, _)) => changes,
                Err(error) => return drop(ready.send(Err(error))),
            };
            let _ = ready.send(Ok(()));
            while let Some(change) = changes.next().await {
                into.lock().unwrap_or_else(PoisonError::into_inner).insert(change.context.slot, Instant::now());
            }
        });
        let task = AbortOnDropHandle::new(task);
        is_ready.await.context("the subscription ended")?.context("cannot subscribe to slots")?;
        Ok(Self { seen, _task: task })
    }

    /// When a slot was announced as final; it may have been together with later ones.
    pub(super) fn of(&self, slot: u64) -> Option<Instant> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.range(slot..).next().map(|(_, at)| *at)
    }
}
