//! What became of liquidations.

use std::{collections::BTreeMap, sync::Arc};

use alloy::{
    eips::BlockNumberOrTag,
    primitives::{Address, B256},
    rpc::types::Log,
};
use serde::Deserialize;
use serde_json::json;
use tim3_chain::{Attempt, BlockRef, ChainError, Liquidated, Transaction, TxId, Undone};
use tim3_domain::protocol::EventBody;
use tim3_rpc::{Call, Request};

use super::Keeper;
use crate::{
    abi, decode,
    node::{self, Node, NodeError},
    sender::Sender,
    submitter::fees_of,
};

/// Receipts in one batch, at most.
const BATCH: usize = 100;

/// Reasons with which a liquidation that came too late, or for a position that recovered, changes nothing.
const GUARDS: [&str; 5] = ["Healthy", "NoDebt", "SeizedTooLittle", "MustTakeWhole", "BelowDust"];

/// A receipt with what a ledger needs of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Receipt {
    #[serde(with = "alloy::serde::quantity")]
    status: u64,
    block_hash: B256,
    #[serde(with = "alloy::serde::quantity")]
    block_number: u64,
    #[serde(with = "alloy::serde::quantity")]
    gas_used: u64,
    #[serde(with = "alloy::serde::quantity")]
    effective_gas_price: u128,
    /// What a rollup takes besides for the data.
    #[serde(default, with = "alloy::serde::quantity::opt")]
    l1_fee: Option<u128>,
    logs: Vec<Log>,
}

/// What is believed of a receipt once a quorum says the same.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mined {
    block: BlockRef,
    gas: u64,
    cost: u128,
    succeeded: bool,
    liquidated: Option<Liquidated>,
}

impl Receipt {
    fn mined(&self, gateway: Address) -> Mined {
        let liquidated = |log: &Log| {
            let height = self.block_number;
            match decode::read(log, gateway, height, height).ok()? {
                decode::Read::Event(located) => match located.event.body {
                    EventBody::Liquidated { repaid, seized, bad_debt, .. } => {
                        Some((Liquidated { repaid, seized, bad_debt }, located.event.timestamp))
                    }
                    _ => None,
                },
                decode::Read::Skip(_) | decode::Read::Other => None,
            }
        };
        let found = self.logs.iter().find_map(liquidated);
        let timestamp = found.map(|(_, timestamp)| timestamp).unwrap_or_default();
        let paid = self.effective_gas_price.saturating_mul(self.gas_used.into());
        Mined {
            block: BlockRef { height: self.block_number, hash: abi::word(self.block_hash), timestamp },
            gas: self.gas_used,
            cost: paid.saturating_add(self.l1_fee.unwrap_or_default()),
            succeeded: self.status == 1,
            liquidated: found.map(|(liquidated, _)| liquidated),
        }
    }
}

impl Keeper {
    pub(super) async fn read_attempts(
        &self,
        sender: &Sender,
        transactions: &[Transaction],
    ) -> Result<Vec<Attempt>, ChainError> {
        // Nonces first: a receipt that is missing afterwards, of a nonce that was used before, never comes.
        let (mined, pooled) = sender.sync().await?;
        let used: Vec<&TxId> = transactions.iter().filter(|it| it.nonce < mined).map(|it| &it.id).collect();
        let mut receipts = self.mined(&used).await?;
        let mut attempts = Vec::with_capacity(transactions.len());
        for transaction in transactions {
            attempts.push(match receipts.remove(&transaction.id) {
                Some(mined) => self.attempt(sender, transaction, mined).await,
                None if transaction.nonce < mined => Attempt::Dead,
                None => {
                    sender.adopt_unknown(transaction.nonce, || fees_of(sender, transaction).ok());
                    if transaction.nonce < pooled {
                        sender.note_pooled(transaction.nonce);
                        Attempt::Pending
                    } else {
                        Attempt::Unknown
                    }
                }
            });
        }
        sender.tend().await;
        Ok(attempts)
    }

    async fn attempt(&self, sender: &Sender, transaction: &Transaction, mined: Mined) -> Attempt {
        let Mined { block, gas, cost, succeeded, liquidated } = mined;
        let result = match (succeeded, liquidated) {
            (true, Some(liquidated)) => {
                self.used(gas);
                Ok(liquidated)
            }
            (true, None) => Err(Undone::Failed("it succeeded, and the gateway reported no liquidation".to_owned())),
            (false, _) => Err(self.why_undone(sender, transaction).await),
        };
        Attempt::Included { block, cost, result }
    }

    /// The receipts that there are, as a quorum of endpoints states them: the ledger rests on them.
    async fn mined(&self, ids: &[&TxId]) -> Result<BTreeMap<TxId, Mined>, ChainError> {
        const WHAT: &str = "receipts";
        let gateway = self.link.config.gateway;
        let mut found = BTreeMap::new();
        for ids in ids.chunks(BATCH) {
            let requests: Vec<_> = ids.iter().map(|id| node::receipt(&id.0)).collect();
            let ask = |node: Arc<Node>| {
                let requests = requests.clone();
                async move {
                    let mut results = node.batch(&requests).await?;
                    let receipts = requests.iter().map(|_| results.read::<Option<Receipt>>("receipt"));
                    let receipts = receipts.collect::<Result<Vec<_>, _>>()?;
                    Ok::<_, NodeError>(receipts.iter().map(|it| it.as_ref().map(|it| it.mined(gateway))).collect())
                }
            };
            // They appear one after the other: who has fewer of them does not lie.
            let call = Call::new(WHAT).weight(requests.len()).moving();
            let agreed: Vec<Option<Mined>> =
                self.link.pool.quorum(call, ask).await.map_err(|error| self.link.error(WHAT, error))?.value;
            found.extend(ids.iter().zip(agreed).filter_map(|(id, mined)| Some(((*id).clone(), mined?))));
        }
        Ok(found)
    }

    /// The reason of a revert: receipts do not tell, calling again does as long as it has not passed.
    async fn why_undone(&self, sender: &Sender, transaction: &Transaction) -> Undone {
        let Ok(read) = sender.read(&transaction.raw) else {
            return Undone::Failed("not a transaction of this sender".to_owned());
        };
        let call = json!({"from": self.address, "to": read.to, "input": read.input});
        let request = Request::new("eth_call", json!([call, BlockNumberOrTag::Latest]));
        let again = self.link.ask("revert reason", |node| {
            let request = request.clone();
            async move { node.one(request).await?.bytes() }
        });
        match again.await {
            Err(ChainError::Rejected { reason, .. }) if is_guard(&reason) => Undone::Guarded(reason),
            Err(ChainError::Rejected { reason, .. }) => Undone::Failed(reason),
            Ok(_) | Err(_) => Undone::Failed("it reverted, and the reason has passed".to_owned()),
        }
    }
}

fn is_guard(reason: &str) -> bool {
    GUARDS.contains(&reason.split('(').next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn who_comes_too_late_is_told_from_who_fails() {
        for reason in ["Healthy()", "NoDebt()", "SeizedTooLittle(1, 2)", "MustTakeWhole(5)"] {
            assert!(is_guard(reason), "{reason}");
        }
        for reason in ["ERC20InsufficientBalance(0x00, 0, 1)", "Paused(0x00, 3)", "PriceUnavailable(4)", "out of gas"] {
            assert!(!is_guard(reason), "{reason}");
        }
    }

    fn receipt(fields: Value) -> Option<Receipt> {
        serde_json::from_value(fields).ok()
    }

    #[test]
    fn the_cost_is_all_that_was_paid() {
        let mut fields = json!({
            "status": "0x1", "blockHash": B256::repeat_byte(1), "blockNumber": "0x5", "gasUsed": "0x64",
            "effectiveGasPrice": "0x3", "logs": [],
        });
        assert_eq!(receipt(fields.clone()).unwrap().mined(Address::ZERO).cost, 300);
        fields["l1Fee"] = json!("0x7");
        let mined = receipt(fields).unwrap().mined(Address::ZERO);
        assert_eq!((mined.cost, mined.liquidated, mined.succeeded), (307, None, true));
    }

    proptest! {
        #[test]
        fn whatever_an_endpoint_sends_is_a_receipt_or_none(
            texts in prop::collection::vec("(0x)?[0-9a-f]{0,70}", 8), logs in prop::collection::vec("[0-9a-fx]{0,10}", 0..3),
        ) {
            let fields = json!({
                "status": texts[0], "blockHash": texts[1], "blockNumber": texts[2], "gasUsed": texts[3],
                "effectiveGasPrice": texts[4], "l1Fee": texts[5],
                "logs": logs.iter().map(|data| json!({"address": texts[6], "data": data, "topics": [texts[7]]})).collect::<Vec<_>>(),
            });
            if let Some(receipt) = receipt(fields) {
                let _ = receipt.mined(Address::ZERO);
            }
        }
    }
}
