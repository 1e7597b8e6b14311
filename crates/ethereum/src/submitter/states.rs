//! What became of transactions.

use std::collections::BTreeMap;

use alloy::{eips::BlockNumberOrTag, sol_types::SolCall};
use serde_json::json;
use tim3_chain::{BlockRef, ChainError, Transaction, TransactionState, TxId};
use tim3_rpc::{Call, Request};

use super::{Batches, fees_of};
use crate::{
    abi::Gateway,
    connect::Ethereum,
    link::lock,
    node::{self, Receipt},
};

/// Receipts in one batch, at most.
const BATCH: usize = 100;

impl Ethereum {
    pub(super) async fn read_states(
        &self,
        batches: &Batches,
        transactions: &[Transaction],
    ) -> Result<Vec<TransactionState>, ChainError> {
        let sender = &batches.sender;
        // Nonces first: a receipt that is missing afterwards, of a nonce that was used before, never comes.
        let (mined, pooled) = sender.sync().await?;
        let used: Vec<_> = transactions.iter().filter(|transaction| transaction.nonce < mined).collect();
        let mut receipts = self.receipts(used.iter().map(|transaction| &transaction.id)).await?;
        let missing: Vec<_> =
            used.iter().map(|transaction| &transaction.id).filter(|id| !receipts.contains_key(*id)).collect();
        if !missing.is_empty() {
            // The endpoint that counted may be ahead of the one that had no receipt.
            let again = self.receipts(missing.into_iter()).await?;
            receipts.extend(again);
        }
        let times = self.times(receipts.values()).await?;
        let mut states = Vec::with_capacity(transactions.len());
        for transaction in transactions {
            states.push(match receipts.get(&transaction.id) {
                Some(receipt) if receipt.succeeded() => {
                    self.learn_gas(batches, transaction, receipt);
                    let block = receipt.block();
                    let timestamp = times.get(&block.height).copied().unwrap_or_default();
                    TransactionState::Included(BlockRef { timestamp, ..block })
                }
                Some(receipt) => {
                    TransactionState::Reverted { reason: self.why_reverted(batches, transaction, receipt).await }
                }
                None if transaction.nonce < mined => TransactionState::Dead,
                None => {
                    sender.adopt_unknown(transaction.nonce, || fees_of(sender, transaction).ok());
                    if transaction.nonce < pooled {
                        sender.note_pooled(transaction.nonce);
                        TransactionState::Pending
                    } else {
                        TransactionState::Unknown
                    }
                }
            });
        }
        sender.tend().await;
        Ok(states)
    }

    async fn receipts<'a>(&self, ids: impl Iterator<Item = &'a TxId>) -> Result<BTreeMap<TxId, Receipt>, ChainError> {
        let ids: Vec<_> = ids.cloned().collect();
        let mut found = BTreeMap::new();
        for ids in ids.chunks(BATCH) {
            let requests: Vec<_> = ids.iter().map(|id| node::receipt(&id.0)).collect();
            let receipts = self
                .link
                .ask(Call::new("receipts").weight(requests.len()), |node| {
                    let requests = requests.clone();
                    async move {
                        let mut results = node.batch(&requests).await?;
                        requests.iter().map(|_| results.receipt()).collect::<Result<Vec<_>, _>>()
                    }
                })
                .await?;
            found.extend(ids.iter().cloned().zip(receipts).filter_map(|(id, receipt)| Some((id, receipt?))));
        }
        Ok(found)
    }

    /// The time of the blocks of `receipts`, which do not say it.
    async fn times(&self, receipts: impl Iterator<Item = &Receipt>) -> Result<BTreeMap<u64, u64>, ChainError> {
        let mut heights: Vec<_> = receipts.map(|receipt| receipt.block_number).collect();
        heights.sort_unstable();
        heights.dedup();
        let mut times = BTreeMap::new();
        for heights in heights.chunks(BATCH) {
            let requests: Vec<_> =
                heights.iter().map(|height| node::block(BlockNumberOrTag::Number(*height))).collect();
            let blocks = self
                .link
                .ask(Call::new("blocks").weight(requests.len()), |node| {
                    let requests = requests.clone();
                    async move {
                        let mut results = node.batch(&requests).await?;
                        requests.iter().map(|_| results.known_block("receipt's")).collect::<Result<Vec<_>, _>>()
                    }
                })
                .await?;
            times.extend(blocks.iter().map(|seen| (seen.block.height, seen.block.timestamp)));
        }
        Ok(times)
    }

    fn learn_gas(&self, batches: &Batches, transaction: &Transaction, receipt: &Receipt) {
        let orders = batches
            .sender
            .read(&transaction.raw)
            .ok()
            .and_then(|read| Gateway::executeCall::abi_decode_validate(&read.input).ok())
            .map_or(0, |call| call.orders.len());
        lock(&batches.gas).used(orders, receipt.gas_used);
    }

    /// The reason of a revert: receipts do not tell, calling again does as long as it has not passed.
    async fn why_reverted(&self, batches: &Batches, transaction: &Transaction, receipt: &Receipt) -> String {
        let Ok(read) = batches.sender.read(&transaction.raw) else {
            return "not a transaction of this sender".to_owned();
        };
        // All but a 64th can be used up inside.
        if receipt.gas_used >= read.gas_limit.saturating_sub(read.gas_limit.div_ceil(64)) {
            return "out of gas".to_owned();
        }
        let call = json!({"from": batches.sender.address(), "to": read.to, "input": read.input});
        let request = Request::new("eth_call", json!([call, "latest"]));
        let again = self.link.ask("revert reason", |node| {
            let request = request.clone();
            async move { node.one(request).await?.bytes() }
        });
        match again.await {
            Err(ChainError::Rejected { reason, .. }) => reason,
            Ok(_) | Err(_) => "the reason has passed".to_owned(),
        }
    }
}
