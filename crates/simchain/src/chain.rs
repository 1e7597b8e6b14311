//! The adapter: how the daemon sees a simulated chain.

mod reader;
mod records;
mod submitter;

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tim3_chain::{BlockRef, Chain, ChainError};
use tim3_domain::identity::{Account, ChainId, GatewayId};

use crate::{SimNode, gateway::Gateway, node::Noise};

/// One adapter on a chain, with a signer of its own. Making a new one is what a restart of the daemon does: only what the chain knows is
/// left of the old one.
#[derive(Debug)]
pub struct SimChain {
    node: SimNode,
    name: String,
    chain: ChainId,
    signer: Account,
    poll: Duration,
    local: Mutex<Local>,
}

/// What an adapter keeps in memory.
#[derive(Debug, Default)]
struct Local {
    /// Nonces that were allotted, or that journaled transactions have; those that the chain has used are forgotten.
    nonces: BTreeSet<u64>,
    /// Whom it asks first.
    preferred: usize,
    distrusted: BTreeSet<usize>,
}

impl SimChain {
    /// An adapter called `name`, whose transactions `signer` sends.
    #[must_use]
    pub fn new(node: SimNode, name: &str, signer: Account) -> Self {
        let chain = node.config().chain.clone();
        let poll = Duration::from_millis(200);
        Self { node, name: name.to_owned(), chain, signer, poll, local: Mutex::default() }
    }

    /// The chain it looks at.
    #[must_use]
    pub fn node(&self) -> &SimNode {
        &self.node
    }

    fn local(&self) -> MutexGuard<'_, Local> {
        self.local.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn transient(&self, what: &'static str, detail: impl Into<String>) -> ChainError {
        ChainError::Transient { chain: self.name.clone(), what, detail: detail.into() }
    }

    /// Fails when the faults say so.
    fn ask(&self, what: &'static str) -> Result<(), ChainError> {
        match self.node.lock().noise() {
            None => Ok(()),
            Some(Noise::Transient) => Err(self.transient(what, "simulated: no endpoint answered")),
            Some(Noise::RateLimited) => Err(ChainError::RateLimited { chain: self.name.clone(), what }),
        }
    }

    /// The gateway as it is now.
    fn newest(&self, what: &'static str) -> Result<Gateway, ChainError> {
        self.ask(what)?;
        Ok(self.node.state())
    }

    /// The gateway at a block that is still on the chain.
    fn at(&self, what: &'static str, block: &BlockRef) -> Result<Gateway, ChainError> {
        self.ask(what)?;
        let inner = self.node.lock();
        let found = inner.block(block.height).filter(|found| found.block == *block);
        let found = found.ok_or_else(|| self.transient(what, format!("no block {} {}", block.height, block.hash)))?;
        let world = found.after.as_ref();
        let world =
            world.ok_or_else(|| self.transient(what, format!("the state of block {} is gone", block.height)))?;
        Ok(world.gateway.clone())
    }
}

impl Chain for SimChain {
    fn chain_id(&self) -> &ChainId {
        &self.chain
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn gateway(&self) -> GatewayId {
        self.node.gateway()
    }

    fn account(&self) -> Account {
        self.node.config().account
    }

    fn display_account(&self, account: &Account) -> String {
        account.to_string()
    }
}
