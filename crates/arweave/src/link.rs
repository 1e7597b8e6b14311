//! A gateway on a network: plain views, and views that a quorum of compute units agrees on.

use std::{
    fmt::Debug,
    ops::Deref,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::de::DeserializeOwned;
use tim3_chain::{BlockRef, ChainError};
use tim3_domain::identity::GatewayId;
use tim3_rpc::{Call, CallError, Http};

use crate::{
    blocks::Blocks,
    config::AoConfig,
    id::Id,
    network::Network,
    units::{UnitError, scheduler::Scheduled},
    view::{Query, view},
};

/// A gateway on a network.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) network: Arc<Network>,
    pub(crate) config: AoConfig,
    pub(crate) id: GatewayId,
    pub(crate) blocks: Blocks,
}

impl Deref for Link {
    type Target = Network;

    fn deref(&self) -> &Network {
        &self.network
    }
}

impl Link {
    pub(crate) fn new(network: Arc<Network>, config: AoConfig, id: GatewayId) -> Self {
        Self { network, config, id, blocks: Blocks::default() }
    }

    pub(crate) fn process(&self) -> Id {
        self.config.process
    }

    /// A view of one compute unit.
    pub(crate) async fn view<T>(&self, what: &'static str, query: Query) -> Result<T, ChainError>
    where
        T: DeserializeOwned + Debug,
    {
        let query = &query;
        let ask = |cu: Arc<Http>| async move { view(&cu, self.process(), query).await.map(|seen| seen.value) };
        self.ask(&self.compute_units, what, ask).await
    }

    /// What a quorum of compute units says about state that is not before `block`.
    pub(crate) async fn agreed<T, F, Fut>(&self, call: Call, block: &BlockRef, ask: F) -> Result<T, ChainError>
    where
        T: Clone + PartialEq + Debug + Send,
        F: Fn(Arc<Http>, u64) -> Fut,
        Fut: Future<Output = Result<T, UnitError>> + Send,
    {
        let what = call.what();
        self.verify(what, block).await?;
        let agreed = self.compute_units.quorum_in_rounds(call, |cu| ask(cu, block.height)).await;
        agreed.map_err(|error| self.error(what, error))
    }

    /// Fails unless `block` is a message of the gateway.
    pub(crate) async fn verify(&self, what: &'static str, block: &BlockRef) -> Result<(), ChainError> {
        match self.block(block.height).await? {
            Some(found) if found.hash == block.hash => Ok(()),
            found => {
                let found = found.map_or_else(|| "no message".to_owned(), |found| found.hash.to_string());
                Err(self.transient(what, format!("nonce {} has {found}, expected {}", block.height, block.hash)))
            }
        }
    }

    /// The message with this number, as a block.
    pub(crate) async fn block(&self, height: u64) -> Result<Option<BlockRef>, ChainError> {
        if let Some(known) = self.blocks.get(height) {
            return Ok(Some(known));
        }
        let found = self.page(height, height).await?;
        Ok(found.first().map(Scheduled::block))
    }

    /// Messages of the gateway, remembered as blocks.
    pub(crate) async fn page(&self, first: u64, last: u64) -> Result<Vec<Scheduled>, ChainError> {
        let found = self.history(self.process(), first, last).await?;
        for message in &found {
            self.blocks.keep(message.block());
        }
        Ok(found)
    }
}

/// A unit that answers what it should not.
pub(crate) fn garbage(what: impl Into<String>) -> UnitError {
    CallError::Garbage(what.into())
}

/// What the locks here guard is valid between any two statements, so a panic elsewhere does not spoil it.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
