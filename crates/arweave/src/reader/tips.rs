//! How far the gateway has come, and how much of that is final: a message is as final as the block of Arweave in which the scheduler laid
//! down its assignment is deep.

mod depths;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use tim3_chain::{BlockRef, ChainError, Reader as _, Tips};
use tim3_rpc::{CallError, Http};

use self::depths::Depths;
use crate::{
    connect::Ao,
    id::Id,
    link::lock,
    units::{
        base,
        scheduler::{self, PAGE, Scheduled},
    },
};

/// What was read before.
#[derive(Debug, Default)]
pub(crate) struct Following {
    /// The newest message of any reading.
    head: Option<BlockRef>,
    /// The newest final message of any reading.
    finalized: Option<BlockRef>,
    depths: Depths,
}

impl Ao {
    pub(super) async fn read_tips(&self) -> Result<Tips, ChainError> {
        let (least, mut depths) = {
            let following = lock(&self.following);
            (following.head.map_or(0, |head| head.height), following.depths.clone())
        };
        let latest = self.head(least).await?;
        let head = latest.block();
        self.link.blocks.keep(head);
        let config = &self.link.config;
        let needed: Vec<u64> =
            std::iter::once(config.confirmations).chain(config.tiers.iter().map(|tier| tier.1)).collect();
        let finals = if needed.iter().all(|needed| *needed == 0) {
            vec![Some(head); needed.len()]
        } else {
            self.laid_down(&mut depths, &latest, &needed).await?
        };
        // Where nothing is deep enough for a tier yet, nothing but the process itself counts for it.
        let birth = self.birth().await?;
        let mut finals = finals.into_iter();
        let mut following = lock(&self.following);
        following.head = following.head.max(Some(head));
        following.depths = depths;
        following.finalized = following.finalized.max(finals.next().flatten());
        let finalized =
            following.finalized.ok_or_else(|| self.link.transient("tips", "no message of the gateway is final yet"))?;
        let tiers = config.tiers.iter().zip(finals).map(|(tier, block)| (tier.0, block.unwrap_or(birth))).collect();
        Ok(Tips { head: head.max(finalized), finalized, tiers })
    }

    /// The newest message, from a scheduler that is not behind what was read before.
    async fn head(&self, least: u64) -> Result<Scheduled, ChainError> {
        let process = self.link.process();
        let ask = |su: Arc<Http>| async move {
            match scheduler::latest(&su, process).await? {
                Some(latest) if latest.nonce >= least => Ok(latest),
                Some(latest) => Err(CallError::Behind(format!("its head {} is below {least}", latest.nonce))),
                None => Err(CallError::Behind(format!("process {process} is not known"))),
            }
        };
        self.link.ask(&self.link.schedulers, "head", ask).await
    }

    /// The newest messages on which so many blocks lie, for each number that is needed.
    async fn laid_down(
        &self,
        depths: &mut Depths,
        latest: &Scheduled,
        needed: &[u64],
    ) -> Result<Vec<Option<BlockRef>>, ChainError> {
        let deepest = needed.iter().copied().max().unwrap_or_default();
        depths.begin(latest.nonce.saturating_sub(PAGE.saturating_sub(1)));
        while depths.end() <= latest.nonce {
            let page = self.link.page(depths.end(), latest.nonce).await?;
            if page.is_empty() {
                break;
            }
            depths.append(page);
        }
        loop {
            let height = self.base_height().await?;
            let open = depths.open(base::PAGE);
            if !open.is_empty() {
                depths.found(&self.base_heights(&open).await?);
            }
            if depths.reaches(height, deepest) || depths.first() == 0 {
                let finals = needed.iter().map(|needed| depths.last(height, *needed)).collect();
                depths.forget(height, deepest);
                return Ok(finals);
            }
            // All that is known is younger than what is final: further back.
            let first = depths.first();
            let page = self.link.page(first.saturating_sub(PAGE), first.saturating_sub(1)).await?;
            if page.is_empty() {
                return Err(self.link.transient("tips", format!("the scheduler has nothing before message {first}")));
            }
            depths.prepend(page);
        }
    }

    /// The height of Arweave, of which a quorum of gateways says that it is at least that.
    async fn base_height(&self) -> Result<u64, ChainError> {
        let said: Mutex<Vec<u64>> = Mutex::default();
        let ask = |gateway: Arc<Http>| {
            let said = &said;
            async move {
                let height = base::height(&gateway).await?;
                lock(said).push(height);
                Ok(())
            }
        };
        self.link.gateways.quorum("height", ask).await.map_err(|error| self.link.error("height", error))?;
        Ok(lock(&said).iter().copied().min().unwrap_or_default())
    }

    /// In which block each of these is, as a quorum of gateways says.
    async fn base_heights(&self, ids: &[Id]) -> Result<BTreeMap<Id, u64>, ChainError> {
        let ask = |gateway: Arc<Http>| async move { base::heights(&gateway, ids).await };
        let agreed = self.link.gateways.quorum("assignments", ask).await;
        agreed.map(|agreed| agreed.value).map_err(|error| self.link.error("assignments", error))
    }
}
