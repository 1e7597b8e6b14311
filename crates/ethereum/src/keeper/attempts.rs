//! What became of liquidations and trades.

use std::{collections::BTreeMap, fmt::Debug, sync::Arc};

use alloy::{
    eips::BlockNumberOrTag,
    primitives::{Address, B256},
    rpc::types::Log,
    sol_types::SolEvent as _,
};
use serde::Deserialize;
use serde_json::json;
use tim3_chain::{
    Attempt, BlockRef, ChainError, Liquidated, Traded, Transaction, TxId, Undone, is_liquidation_guard, is_trade_guard,
};
use tim3_domain::{identity::Account, protocol::EventBody};
use tim3_rpc::{Call, Request};

use super::Keeper;
use crate::{
    abi::{self, Executor, Token},
    decode,
    node::{self, Node, NodeError},
    sender::Sender,
    submitter::fees_of,
};

/// Receipts in one batch, at most.
const BATCH: usize = 100;

/// Where what a keeper does is to be found in a receipt.
#[derive(Clone, Copy, Debug)]
pub(super) struct Whose {
    gateway: Address,
    keeper: Address,
}

/// One kind of thing that a keeper does.
pub(super) trait Deed: Clone + Eq + Debug + Send + Sync {
    /// Said where it succeeded and left no trace.
    const MISSING: &str;

    /// What a receipt says was done.
    fn read(receipt: &Receipt, whose: Whose) -> Option<Self>;

    /// Whether a reason says that its own guard stopped it.
    fn is_guard(reason: &str) -> bool;

    /// It used so much gas.
    fn used(_keeper: &Keeper, _gas: u64) {}
}

/// A receipt with what a ledger needs of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Receipt {
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
    /// What was called.
    #[serde(default)]
    to: Option<Address>,
    logs: Vec<Log>,
}

/// What is believed of a receipt once a quorum says the same.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mined<T> {
    block: BlockRef,
    gas: u64,
    cost: u128,
    succeeded: bool,
    done: Option<T>,
}

impl Receipt {
    fn mined<T: Deed>(&self, whose: Whose) -> Mined<T> {
        let paid = self.effective_gas_price.saturating_mul(self.gas_used.into());
        Mined {
            // Receipts do not say the time.
            block: BlockRef { height: self.block_number, hash: abi::word(self.block_hash), timestamp: 0 },
            gas: self.gas_used,
            cost: paid.saturating_add(self.l1_fee.unwrap_or_default()),
            succeeded: self.status == 1,
            done: T::read(self, whose),
        }
    }

    /// The gateway's events.
    fn events(&self, gateway: Address) -> impl Iterator<Item = EventBody> {
        let height = self.block_number;
        self.logs.iter().filter_map(move |log| match decode::read(log, gateway, height, height).ok()? {
            decode::Read::Event(located) => Some(located.event.body),
            decode::Read::Skip(_) | decode::Read::Other => None,
        })
    }
}

impl Deed for Liquidated {
    const MISSING: &str = "it succeeded, and the gateway reported no liquidation";

    fn read(receipt: &Receipt, whose: Whose) -> Option<Self> {
        receipt.events(whose.gateway).find_map(|body| match body {
            EventBody::Liquidated { repaid, seized, bad_debt, .. } => Some(Self { repaid, seized, bad_debt }),
            _ => None,
        })
    }

    fn is_guard(reason: &str) -> bool {
        is_liquidation_guard(reason)
    }

    fn used(keeper: &Keeper, gas: u64) {
        keeper.used(gas);
    }
}

impl Deed for Traded {
    const MISSING: &str = "it succeeded, and nothing moved";

    /// `None` where nothing moved to or from the keeper or its treasury, or more than amounts can say.
    fn read(receipt: &Receipt, whose: Whose) -> Option<Self> {
        let mut sums: BTreeMap<Account, i128> = BTreeMap::new();
        let mut swept = Vec::new();
        for log in &receipt.logs {
            // The executor alone says that, of what it did itself.
            if Some(log.address()) == receipt.to
                && let Ok(Executor::Swept { token, amount, .. }) =
                    Executor::Swept::decode_log(&log.inner).map(|log| log.data)
            {
                swept.push((abi::account(token), amount.try_into().ok()?));
                continue;
            }
            // A log of another shape, for example of a token of collectibles, moves nothing that is counted.
            let Ok(Token::Transfer { from, to, value }) = Token::Transfer::decode_log(&log.inner).map(|log| log.data)
            else {
                continue;
            };
            let value = i128::try_from(value).ok();
            let sum = sums.entry(abi::account(log.address())).or_default();
            if to == whose.keeper {
                *sum = sum.checked_add(value?)?;
            }
            if from == whose.keeper {
                *sum = sum.checked_sub(value?)?;
            }
        }
        let changes: Vec<_> = sums.into_iter().filter(|(_, change)| *change != 0).collect();
        let operation = receipt.events(whose.gateway).find_map(|body| body.started().map(|operation| operation.id()));
        (!changes.is_empty() || !swept.is_empty()).then_some(Self { changes, swept, operation })
    }

    fn is_guard(reason: &str) -> bool {
        // One that sells what it seizes is a liquidation, too.
        is_trade_guard(reason) || Liquidated::is_guard(reason)
    }
}

impl Keeper {
    pub(super) async fn read_attempts<T: Deed>(
        &self,
        sender: &Sender,
        transactions: &[Transaction],
    ) -> Result<Vec<Attempt<T>>, ChainError> {
        // Nonces first: a receipt that is missing afterwards, of a nonce that was used before, never comes.
        let (mined, pooled) = sender.sync().await?;
        let used: Vec<&TxId> = transactions.iter().filter(|it| it.nonce < mined).map(|it| &it.id).collect();
        let mut receipts = self.mined::<T>(&used).await?;
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

    async fn attempt<T: Deed>(&self, sender: &Sender, transaction: &Transaction, mined: Mined<T>) -> Attempt<T> {
        let Mined { block, gas, cost, succeeded, done } = mined;
        let result = match (succeeded, done) {
            (true, Some(done)) => {
                T::used(self, gas);
                Ok(done)
            }
            (true, None) => Err(Undone::Failed(T::MISSING.to_owned())),
            (false, _) => Err(self.why_undone::<T>(sender, transaction).await),
        };
        Attempt::Included { block, cost, result }
    }

    /// The receipts that there are, as a quorum of endpoints states them: the ledger rests on them.
    async fn mined<T: Deed>(&self, ids: &[&TxId]) -> Result<BTreeMap<TxId, Mined<T>>, ChainError> {
        const WHAT: &str = "receipts";
        let whose = Whose { gateway: self.link.config.gateway, keeper: self.address };
        let mut found = BTreeMap::new();
        for ids in ids.chunks(BATCH) {
            let requests: Vec<_> = ids.iter().map(|id| node::receipt(&id.0)).collect();
            let ask = |node: Arc<Node>| {
                let requests = requests.clone();
                async move {
                    let mut results = node.batch(&requests).await?;
                    let receipts = requests.iter().map(|_| results.read::<Option<Receipt>>("receipt"));
                    let receipts = receipts.collect::<Result<Vec<_>, _>>()?;
                    Ok::<_, NodeError>(receipts.iter().map(|it| it.as_ref().map(|it| it.mined::<T>(whose))).collect())
                }
            };
            // They appear one after the other: who has fewer of them does not lie.
            let call = Call::new(WHAT).weight(requests.len()).moving();
            let agreed: Vec<Option<Mined<T>>> =
                self.link.pool.quorum(call, ask).await.map_err(|error| self.link.error(WHAT, error))?.value;
            found.extend(ids.iter().zip(agreed).filter_map(|(id, mined)| Some(((*id).clone(), mined?))));
        }
        Ok(found)
    }

    /// The reason of a revert: receipts do not tell, calling again does as long as it has not passed.
    async fn why_undone<T: Deed>(&self, sender: &Sender, transaction: &Transaction) -> Undone {
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
            Err(ChainError::Rejected { reason, .. }) if T::is_guard(&reason) => Undone::Guarded(reason),
            Err(ChainError::Rejected { reason, .. }) => Undone::Failed(reason),
            Ok(_) | Err(_) => Undone::Failed("it reverted, and the reason has passed".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloy::primitives::U256;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn who_comes_too_late_is_told_from_who_fails() {
        for reason in ["Healthy()", "NoDebt()", "SeizedTooLittle(1, 2)", "MustTakeWhole(5)"] {
            assert!(Liquidated::is_guard(reason), "{reason}");
        }
        for reason in ["TooLittle(0x00, 1, 2)", "Expired(3)", "Error(\"UniswapV2Router: EXCESSIVE_INPUT_AMOUNT\")"] {
            assert!(Traded::is_guard(reason) && !Liquidated::is_guard(reason), "{reason}");
        }
        for reason in ["ERC20InsufficientBalance(0x00, 0, 1)", "Paused(0x00, 3)", "PriceUnavailable(4)", "out of gas"] {
            assert!(!Liquidated::is_guard(reason), "{reason}");
            assert!(!Traded::is_guard(reason), "{reason}");
        }
    }

    const WHOSE: Whose = Whose { gateway: Address::ZERO, keeper: Address::repeat_byte(7) };

    fn receipt(fields: Value) -> Option<Receipt> {
        serde_json::from_value(fields).ok()
    }

    #[test]
    fn the_cost_is_all_that_was_paid() {
        let mut fields = json!({
            "status": "0x1", "blockHash": B256::repeat_byte(1), "blockNumber": "0x5", "gasUsed": "0x64",
            "effectiveGasPrice": "0x3", "logs": [],
        });
        assert_eq!(receipt(fields.clone()).unwrap().mined::<Liquidated>(WHOSE).cost, 300);
        fields["l1Fee"] = json!("0x7");
        let mined = receipt(fields).unwrap().mined::<Liquidated>(WHOSE);
        assert_eq!((mined.cost, mined.done, mined.succeeded), (307, None, true));
    }

    fn transfer(token: u8, from: Address, to: Address, value: U256) -> Value {
        let topics = [Token::Transfer::SIGNATURE_HASH, from.into_word(), to.into_word()];
        json!({
            "address": Address::repeat_byte(token), "topics": topics, "data": B256::from(value), "blockHash": B256::ZERO, "blockNumber": "0x5",
            "blockTimestamp": null, "transactionHash": B256::ZERO, "transactionIndex": "0x0", "logIndex": "0x0", "removed": false,
        })
    }

    #[test]
    fn a_trade_did_what_its_transfers_say() {
        let (keeper, pool) = (WHOSE.keeper, Address::repeat_byte(9));
        let logs = [
            transfer(1, keeper, pool, U256::from(100)),
            transfer(1, pool, keeper, U256::from(3)),
            transfer(2, pool, keeper, U256::from(50)),
            transfer(3, pool, Address::ZERO, U256::MAX >> 140),
        ];
        let mut fields = json!({
            "status": "0x1", "blockHash": B256::repeat_byte(1), "blockNumber": "0x5", "gasUsed": "0x64",
            "effectiveGasPrice": "0x3", "logs": logs,
        });
        let done = receipt(fields.clone()).unwrap().mined::<Traded>(WHOSE).done.unwrap();
        let token = |byte| abi::account(Address::repeat_byte(byte));
        assert_eq!(done.changes, [(token(1), -97), (token(2), 50)]);
        let swept = |executor| {
            let treasury = Address::repeat_byte(8);
            let topics = [Executor::Swept::SIGNATURE_HASH, Address::repeat_byte(2).into_word(), treasury.into_word()];
            let mut log = transfer(executor, keeper, treasury, U256::from(5));
            log["topics"] = json!(topics);
            log
        };
        fields["to"] = json!(Address::repeat_byte(4));
        fields["logs"] = json!([swept(4), swept(9)]);
        let done = receipt(fields.clone()).unwrap().mined::<Traded>(WHOSE).done.unwrap();
        assert_eq!((done.changes, done.swept), (vec![], vec![(token(2), 5)]), "nobody else is believed");
        fields["logs"] = json!([transfer(1, pool, keeper, U256::MAX)]);
        assert_eq!(receipt(fields.clone()).unwrap().mined::<Traded>(WHOSE).done, None);
        fields["logs"] = json!([]);
        assert_eq!(receipt(fields).unwrap().mined::<Traded>(WHOSE).done, None);
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
                let _ = receipt.mined::<Liquidated>(WHOSE);
                let _ = receipt.mined::<Traded>(WHOSE);
            }
        }
    }
}
