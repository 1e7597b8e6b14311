//! What became of transactions, as the relay is told of it.

use tim3_chain::{ChainError, Transaction, TransactionState};

use super::Batches;
use crate::{connect::Solana, failure::Failure, fates::Fate, node::Status};

impl Solana {
    pub(super) async fn read_states(
        &self,
        batches: &Batches,
        transactions: &[Transaction],
    ) -> Result<Vec<TransactionState>, ChainError> {
        let mut states = Vec::with_capacity(transactions.len());
        for fate in self.link.fates(transactions).await? {
            states.push(match fate {
                Fate::Dead => {
                    batches.sender.missed();
                    TransactionState::Dead
                }
                Fate::Unknown => TransactionState::Unknown,
                Fate::Seen(Status { commitment: None, .. }) => TransactionState::Pending,
                Fate::Seen(Status { error: Some(error), .. }) => {
                    TransactionState::Reverted { reason: Failure::of(&error).to_string() }
                }
                Fate::Seen(Status { slot, .. }) => {
                    batches.sender.included();
                    TransactionState::Included(self.link.block_of("states", slot).await?)
                }
            });
        }
        Ok(states)
    }
}
