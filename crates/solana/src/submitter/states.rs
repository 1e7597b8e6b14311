//! What became of transactions. One can no longer be included when a final block is beyond its last valid one and a quorum does not know it.

use std::sync::Arc;

use tim3_chain::{BlockRef, ChainError, Reader as _, Transaction, TransactionState};
use tim3_rpc::{Call, CallError};
use tracing::debug;

use super::Batches;
use crate::{
    connect::Solana,
    failure::Failure,
    node::{self, Commitment, Node, Status},
};

/// Statuses in one request, at most.
const BATCH: usize = 256;

impl Solana {
    pub(super) async fn read_states(
        &self,
        batches: &Batches,
        transactions: &[Transaction],
    ) -> Result<Vec<TransactionState>, ChainError> {
        let mut states = Vec::with_capacity(transactions.len());
        for transactions in transactions.chunks(BATCH) {
            let (height, statuses) = self.statuses(transactions).await?;
            let expired: Vec<&Transaction> = transactions
                .iter()
                .zip(&statuses)
                .filter(|(transaction, status)| status.is_none() && transaction.nonce < height)
                .map(|(transaction, _)| transaction)
                .collect();
            // Without a quorum nothing is dead, and the others' states are as good as before.
            let fates = self.fates(&expired).await;
            if let Err(error) = &fates {
                debug!(chain = self.link.name, %error, "no quorum says that transactions can no longer be included");
            }
            for (transaction, status) in transactions.iter().zip(statuses) {
                let expired = expired.iter().position(|expired| expired.id == transaction.id);
                let fate = expired.and_then(|index| fates.as_ref().ok()?.get(index));
                let status = status.or_else(|| fate.cloned().flatten());
                states.push(match status {
                    None if fate.is_some() => {
                        batches.sender.missed();
                        TransactionState::Dead
                    }
                    // Endpoints keep no transaction that waits: it is sent again until it is seen.
                    None => TransactionState::Unknown,
                    Some(Status { commitment: None, .. }) => TransactionState::Pending,
                    Some(Status { error: Some(error), .. }) => {
                        TransactionState::Reverted { reason: Failure::of(&error).to_string() }
                    }
                    Some(Status { slot, .. }) => {
                        batches.sender.included();
                        TransactionState::Included(self.block_of(slot).await?)
                    }
                });
            }
        }
        Ok(states)
    }

    /// The height of the final block, and what the endpoint knows of transactions that it saw lately.
    async fn statuses(&self, transactions: &[Transaction]) -> Result<(u64, Vec<Option<Status>>), ChainError> {
        let ids: Vec<&str> = transactions.iter().map(|transaction| transaction.id.0.as_str()).collect();
        let ids = ids.as_slice();
        self.link
            .ask(Call::new("statuses").weight(2), |node| async move {
                // The height first: what is not known afterwards was not included up to there.
                let requests = [node::block_height(Commitment::Finalized), node::statuses(ids.iter().copied(), false)];
                let mut results = node.batch(&requests).await?;
                Ok((results.read("block height")?, results.statuses(ids.len())?))
            })
            .await
    }

    /// What a quorum, in whose view the lives of the transactions are over, knows of them.
    async fn fates(&self, expired: &[&Transaction]) -> Result<Vec<Option<Status>>, ChainError> {
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
        let agreed = self.link.pool.quorum(Call::new("fates").weight(2), ask).await;
        agreed.map(|agreed| agreed.value).map_err(|error| self.link.error("fates", error))
    }

    async fn block_of(&self, slot: u64) -> Result<BlockRef, ChainError> {
        let missing = || self.link.transient("states", format!("no block in slot {slot} yet"));
        self.block_at(slot).await?.ok_or_else(missing)
    }
}
