//! The cases that every keeper's adapter must pass, where a daemon's keeper has worked before.

use std::sync::Arc;

use anyhow::{Result, ensure};
use async_trait::async_trait;
use tim3_chain::{
    Chain, Feed, Keeper,
    conformance::keepers::{self, KeeperHarness},
};
use tim3_domain::identity::{Account, MarketId};

/// A chain on which the daemon is gone and the price has fallen since.
pub(crate) struct Hands {
    pub(crate) chain: Arc<dyn Chain>,
    pub(crate) keeper: Arc<dyn Keeper>,
    /// One that has done nothing yet.
    pub(crate) fresh: Arc<dyn Keeper>,
    pub(crate) market: MarketId,
    pub(crate) unhealthy: Vec<Account>,
    pub(crate) healthy: Account,
    pub(crate) stranger: Account,
    pub(crate) feed: Feed,
    pub(crate) has_fees: bool,
}

#[async_trait]
impl KeeperHarness for Hands {
    fn chain(&self) -> Arc<dyn Chain> {
        Arc::clone(&self.chain)
    }

    fn keeper(&self) -> Arc<dyn Keeper> {
        Arc::clone(&self.keeper)
    }

    async fn restart(&self) -> Arc<dyn Keeper> {
        Arc::clone(&self.fresh)
    }

    fn market(&self) -> MarketId {
        self.market
    }

    fn unhealthy(&self) -> Vec<Account> {
        self.unhealthy.clone()
    }

    fn healthy(&self) -> Account {
        self.healthy
    }

    fn stranger(&self) -> Account {
        self.stranger
    }

    fn feed(&self) -> Feed {
        self.feed.clone()
    }

    fn has_fees(&self) -> bool {
        self.has_fees
    }
}

impl Hands {
    pub(crate) async fn conform(&self) -> Result<()> {
        let report = keepers::run(self).await;
        ensure!(report.is_passed() && report.skipped().is_empty(), "{report}");
        Ok(())
    }
}
