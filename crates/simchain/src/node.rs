//! The chain around a gateway.

mod block;
mod faults;
mod mempool;
mod production;
mod transaction;
mod world;

use std::{
    ops::RangeInclusive,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tim3_domain::{
    identity::{Account, ChainId, GatewayId},
    place::{BlockRef, Located, TxId},
    word::{Word, keccak_text},
};
use tokio::sync::watch;

use crate::gateway::{Call, Gateway, Reject};

pub(crate) use block::Block;
pub use faults::{Faults, Struck};
pub(crate) use faults::{Lie, Noise};
pub(crate) use production::{Inclusion, Inner};
pub(crate) use transaction::Tx;
pub(crate) use world::World;

/// What a chain is like. [`Config::new`] has sensible values for all but the name.
#[derive(Clone, Debug)]
pub struct Config {
    /// CAIP-2 name.
    pub chain: ChainId,
    /// The gateway's account.
    pub account: Account,
    /// The gateway's instance salt.
    pub salt: Word,
    /// Who administers the gateway.
    pub admin: Account,
    /// Who may raise its pause levels.
    pub guardian: Account,
    /// Time of the first block, in seconds.
    pub genesis_time: u64,
    /// Seconds from block to block with [`SimNode::mine`].
    pub block_seconds: u64,
    /// Blocks behind the head that the newest final block is.
    pub finality_depth: u64,
    /// For amounts of at least the first member, the depth of finality; ascending.
    pub tiers: Vec<(u128, u64)>,
    /// Blocks whose state can still be read, and which a reorg can replace.
    pub retention: usize,
    /// Blocks whose events one call gives, at most.
    pub range: u64,
    /// Transactions in one block, at most.
    pub block_transactions: usize,
    /// Orders in one transaction of an adapter, at most.
    pub batch: usize,
    /// Transactions of one adapter on their way at once.
    pub in_flight: usize,
    /// Blocks after which an adapter pays more for a transaction that is not included.
    pub escalate_after: u64,
    /// Endpoints that an adapter of this chain has.
    pub endpoints: usize,
    /// What every account has for fees at the beginning.
    pub gas: u128,
    /// Whether each transaction makes a block at once.
    pub automine: bool,
}

impl Config {
    /// A chain called `reference` (letters and digits), whose identity follows from that name.
    ///
    /// # Errors
    /// [`tim3_domain::DomainError`] where that makes no CAIP-2 name.
    pub fn new(reference: &str) -> Result<Self, tim3_domain::DomainError> {
        let named = |what: &str| keccak_text(&format!("tim3/sim/{reference}/{what}"));
        Ok(Self {
            chain: format!("sim:{reference}").parse()?,
            account: Account(named("gateway")),
            salt: named("salt"),
            admin: Account(named("admin")),
            guardian: Account(named("guardian")),
            genesis_time: 1_700_000_000,
            block_seconds: 2,
            finality_depth: 4,
            tiers: Vec::new(),
            retention: 512,
            range: 64,
            block_transactions: 256,
            batch: 32,
            in_flight: 16,
            escalate_after: 3,
            endpoints: 3,
            gas: 1_000_000_000_000,
            automine: false,
        })
    }

    /// The identity of the gateway that such a chain carries.
    #[must_use]
    pub fn gateway(&self) -> GatewayId {
        GatewayId::derive(&self.chain, self.account, self.salt)
    }
}

/// A running chain; clones are the same chain.
#[derive(Clone, Debug)]
pub struct SimNode(Arc<Shared>);

/// Where a transaction is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Whereabouts {
    Included,
    Refused(Reject),
    Waiting,
    Forgotten,
}

#[derive(Debug)]
struct Shared {
    config: Config,
    inner: Mutex<Inner>,
    news: watch::Sender<u64>,
}

impl SimNode {
    /// A chain whose first block carries `genesis`: calls and who made them.
    ///
    /// # Errors
    /// The first refusal among those calls.
    pub fn new(config: Config, genesis: &[(Account, Call)]) -> Result<Self, Reject> {
        let inner = Inner::genesis(&config, genesis)?;
        Ok(Self(Arc::new(Shared { config, inner: Mutex::new(inner), news: watch::Sender::new(0) })))
    }

    /// What the chain is like.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// The gateway's identity.
    #[must_use]
    pub fn gateway(&self) -> GatewayId {
        self.0.config.gateway()
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.0.news.subscribe()
    }

    fn announce(&self, head: BlockRef) -> BlockRef {
        self.0.news.send_replace(head.height);
        head
    }

    /// Makes the next block, `block_seconds` after the last one, with whatever the faults do to it.
    pub fn mine(&self) -> BlockRef {
        let head = self.lock().mine(&self.0.config, None);
        self.announce(head)
    }

    /// Makes the next block at `timestamp`, or at the time of the last one where that is later.
    pub fn mine_at(&self, timestamp: u64) -> BlockRef {
        let head = self.lock().mine(&self.0.config, Some(timestamp));
        self.announce(head)
    }

    /// Lets `seconds` pass on the chain, in one block.
    pub fn advance(&self, seconds: u64) -> BlockRef {
        self.mine_at(self.head().timestamp.saturating_add(seconds))
    }

    /// Makes blocks at the system's time, one each `interval`, for ever. The caller owns the task this runs in.
    pub async fn produce(&self, interval: Duration) {
        let mut ticks = tokio::time::interval(interval);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
            self.mine_at(now);
        }
    }

    /// Replaces the newest `depth` blocks by `depth + 1` others. Their transactions return to the mempool, and are included again unless a
    /// fault prevents it; without `keep` they are forgotten. A depth beyond finality breaks finality: that is for the caller to decide.
    pub fn reorg(&self, depth: u64, keep: bool) -> BlockRef {
        let head = self.lock().reorg(&self.0.config, depth, keep);
        self.announce(head)
    }

    /// From now on these faults happen; the generators start anew from their seed.
    pub fn set_faults(&self, faults: Faults) {
        self.lock().set_faults(faults);
    }

    /// How often each fault really struck.
    #[must_use]
    pub fn struck(&self) -> Struck {
        self.lock().struck()
    }

    /// Puts a call of `sender` into the mempool.
    pub fn submit(&self, sender: Account, call: Call) -> TxId {
        let id = self.lock().submit_call(self.gateway(), sender, call);
        self.mine_if_automatic();
        id
    }

    /// See [`Inner::renumber`].
    pub(crate) fn renumber(&self, id: &TxId) -> Option<TxId> {
        let id = self.lock().renumber(id)?;
        self.mine_if_automatic();
        Some(id)
    }

    pub(crate) fn submit_raw(&self, tx: Tx) -> Result<(), String> {
        self.lock().submit(tx)?;
        self.mine_if_automatic();
        Ok(())
    }

    fn mine_if_automatic(&self) {
        if self.0.config.automine {
            self.mine();
        }
    }

    /// The newest block.
    #[must_use]
    pub fn head(&self) -> BlockRef {
        self.lock().head()
    }

    /// The gateway after the newest block: a snapshot that stays as it is.
    #[must_use]
    pub fn state(&self) -> Gateway {
        self.lock().world().gateway.clone()
    }

    /// The gateway after the block at `height`, if that is still kept.
    #[must_use]
    pub fn state_at(&self, height: u64) -> Option<Gateway> {
        self.lock().block(height)?.after.as_ref().map(|world| world.gateway.clone())
    }

    /// The gateway's events in the blocks of `heights`, as the chain has them now. An adapter's endpoints may state something else.
    #[must_use]
    pub fn events(&self, heights: RangeInclusive<u64>) -> Vec<Located> {
        let inner = self.lock();
        let heights = *heights.start()..=(*heights.end()).min(inner.head().height);
        heights.filter_map(|height| inner.block(height)).flat_map(|block| block.events.iter().cloned()).collect()
    }

    /// Transactions that wait for a block.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.lock().waiting()
    }

    /// Whether a transaction waits for a block. One that neither waits nor is included will never be.
    #[must_use]
    pub fn is_waiting(&self, id: &TxId) -> bool {
        self.lock().pending(id).is_some()
    }

    /// Where a transaction is, in one look: between two it might be included.
    pub(crate) fn whereabouts(&self, id: &TxId) -> Whereabouts {
        let inner = self.lock();
        match inner.inclusion(id) {
            Some(Inclusion { refused: Some(reason), .. }) => Whereabouts::Refused(reason.clone()),
            Some(_) => Whereabouts::Included,
            None if inner.pending(id).is_some() => Whereabouts::Waiting,
            None => Whereabouts::Forgotten,
        }
    }

    /// Whether a transaction is included, and why it was refused as a whole if it was.
    #[must_use]
    pub fn inclusion(&self, id: &TxId) -> Option<Result<BlockRef, Reject>> {
        let inner = self.lock();
        let inclusion = inner.inclusion(id)?;
        match &inclusion.refused {
            Some(reason) => Some(Err(reason.clone())),
            None => inner.block(inclusion.height).map(|block| Ok(block.block)),
        }
    }
}
