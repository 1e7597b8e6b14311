//! What became of transactions that were signed here. One can no longer be included when a final block is beyond its last valid one and a quorum
//! does not know it.

use std::sync::{Arc, atomic::Ordering};

use tim3_chain::{ChainError, Transaction};
use tim3_rpc::{Call, CallError};
use tracing::debug;

use crate::{
    link::Network,
    node::{self, Commitment, Node, Status},
};

/// Statuses in one request, at most.
const BATCH: usize = 256;

/// What became of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It can never be included.
    Dead,
    /// Nobody knows it, and it may still be included: endpoints keep no transaction that waits, so it is sent again until it is seen.
    Unknown,
    /// An endpoint has seen it.
    Seen(Status),
}

impl Network {
    /// What became of transactions, in the order asked for.
    pub(crate) async fn fates(&self, transactions: &[Transaction]) -> Result<Vec<Fate>, ChainError> {
        let mut fates = Vec::with_capacity(transactions.len());
        for transactions in transactions.chunks(BATCH) {
            let (height, statuses) = self.statuses(transactions).await?;
            self.final_height.fetch_max(height, Ordering::Relaxed);
            let is_over = |(transaction, status): &(&Transaction, &Option<Status>)| {
                status.is_none() && transaction.nonce < height
            };
            let expired: Vec<&Transaction> =
                transactions.iter().zip(&statuses).filter(is_over).map(|(transaction, _)| transaction).collect();
            // Without a quorum nothing is dead, and the others' statuses are as good as before.
            let settled = self.settled(&expired).await;
            if let Err(error) = &settled {
                debug!(chain = self.name, %error, "no quorum says that transactions can no longer be included");
            }
            for (transaction, status) in transactions.iter().zip(statuses) {
                let place = expired.iter().position(|expired| expired.id == transaction.id);
                let settled = place.and_then(|place| settled.as_ref().ok()?.get(place));
                fates.push(match (status, settled) {
                    (Some(status), _) => Fate::Seen(status),
                    (None, Some(Some(status))) => Fate::Seen(status.clone()),
                    (None, Some(None)) => Fate::Dead,
                    (None, None) => Fate::Unknown,
                });
            }
        }
        Ok(fates)
    }

    /// Whether the life of a transaction is not over, as far as is known without asking.
    pub(crate) fn may_live(&self, transaction: &Transaction) -> bool {
        transaction.nonce >= self.final_height.load(Ordering::Relaxed)
    }

    /// The height of the final block, and what the endpoint knows of transactions that it saw lately.
    async fn statuses(&self, transactions: &[Transaction]) -> Result<(u64, Vec<Option<Status>>), ChainError> {
        let ids: Vec<&str> = transactions.iter().map(|transaction| transaction.id.0.as_str()).collect();
        let ids = ids.as_slice();
        self.ask(Call::new("statuses").weight(2), |node| async move {
            // The height first: what is not known afterwards was not included up to there.
            let requests = [node::block_height(Commitment::Finalized), node::statuses(ids.iter().copied(), false)];
            let mut results = node.batch(&requests).await?;
            Ok((results.read("block height")?, results.statuses(ids.len())?))
        })
        .await
    }

    /// What a quorum, in whose view the lives of the transactions are over, knows of them.
    async fn settled(&self, expired: &[&Transaction]) -> Result<Vec<Option<Status>>, ChainError> {
        let Some(last) = expired.iter().map(|transaction| transaction.nonce).max() else { return Ok(Vec::new()) };
        let ids: Vec<&str> = expired.iter().map(|transaction| transaction.id.0.as_str()).collect();
        let ids = ids.as_slice();
        let ask = |node: Arc<Node>| async move {
            let requests = [node::block_height(Commitment::Finalized), node::statuses(ids.iter().copied(), true)];
            let mut results = node.batch(&requests).await?;
            let height: u64 = results.read("block height")?;
            if height <= last {
                return Err(CallError::Behind(format!("its final block {height} is not beyond {last}")));
            }
            // How final it is moves on while it is asked for.
            let statuses = results.statuses(ids.len())?.into_iter();
            let settled = |status: Status| Status { commitment: Some(Commitment::Finalized), ..status };
            Ok(statuses.map(|status| status.map(settled)).collect::<Vec<_>>())
        };
        let agreed = self.pool.quorum(Call::new("fates").weight(2), ask).await;
        agreed.map(|agreed| agreed.value).map_err(|error| self.error("fates", error))
    }
}
