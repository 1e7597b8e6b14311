//! Sending orders.

use async_trait::async_trait;
use tim3_chain::{Capacity, ChainError, Prepared, Submitter, Transaction, TransactionState, TxId, Verdict};
use tim3_domain::{
    amount,
    protocol::{OrderCode, SignedOrder},
};

use super::SimChain;
use crate::{
    gateway::{Answer, Call, Reject},
    node::{Inner, Tx},
};

/// What a transaction pays at first.
const FEE: u128 = 1_000;
/// The most that one ever pays.
const FEE_CAP: u128 = 3 * FEE;
/// The funds below which an operator should act.
const LOW_FUNDS: u128 = 1_000 * FEE;

#[async_trait]
impl Submitter for SimChain {
    fn capacity(&self) -> Capacity {
        let config = self.node.config();
        Capacity { orders: config.batch, in_flight: config.in_flight }
    }

    async fn prepare(&self, orders: &[SignedOrder]) -> Result<Prepared, ChainError> {
        const WHAT: &str = "prepare";
        let mut gateway = self.newest(WHAT)?;
        if orders.len() > self.capacity().orders {
            let detail = format!("{} orders, at most {} in one transaction", orders.len(), self.capacity().orders);
            return Err(self.transient(WHAT, detail));
        }
        let now = self.node.head().timestamp.saturating_add(self.node.config().block_seconds);
        let receipt = gateway.apply(&Call::Execute(orders.to_vec()), self.signer, now);
        let answers = receipt.map_err(|reason| self.rejected(WHAT, &reason))?.answers;
        let left_out = answers.iter().enumerate().filter_map(|(index, answer)| verdict(index, answer)).collect();
        let accepted = orders.iter().zip(&answers).filter(|(_, answer)| answer.code == OrderCode::Done);
        let accepted: Vec<SignedOrder> = accepted.map(|(order, _)| order.clone()).collect();
        let transaction = (!accepted.is_empty()).then(|| {
            let tx = Tx {
                gateway: self.node.gateway(),
                sender: self.signer,
                nonce: self.allot_nonce(),
                fee: FEE,
                call: Call::Execute(accepted),
            };
            transaction(&tx, None)
        });
        Ok(Prepared { transaction, left_out })
    }

    async fn broadcast(&self, transaction: &Transaction) -> Result<(), ChainError> {
        const WHAT: &str = "broadcast";
        self.ask(WHAT)?;
        let tx = self.decode(WHAT, transaction)?;
        self.node.submit_raw(tx).map_err(|detail| ChainError::StaleNonce { chain: self.name.clone(), detail })?;
        if self.node.lock().loses_reply() {
            return Err(self.transient(WHAT, "simulated: the answer was lost"));
        }
        Ok(())
    }

    async fn states(&self, transactions: &[Transaction]) -> Result<Vec<TransactionState>, ChainError> {
        self.ask("states")?;
        let inner = self.node.lock();
        let finalized = inner.finalized(self.node.config().finality_depth);
        Ok(transactions.iter().map(|transaction| self.fate(&inner, transaction, finalized)).collect())
    }

    async fn escalate(&self, old: &Transaction) -> Result<Option<Transaction>, ChainError> {
        const WHAT: &str = "escalate";
        self.ask(WHAT)?;
        let inner = self.node.lock();
        let Some(pending) = inner.pending(&old.id) else { return Ok(None) };
        let waited = inner.head().height.saturating_sub(pending.since);
        // A nonce below that nobody has, or whose transaction is lost for good, keeps this one waiting: the same call fills it.
        let due = inner.world().nonce(&self.signer);
        let patience = self.node.config().escalate_after.saturating_mul(3);
        if due < old.nonce && (self.local().nonces.insert(due) || waited >= patience) {
            return Ok(Some(transaction(&Tx { nonce: due, ..pending.tx.clone() }, None)));
        }
        let fee = pending.tx.fee.saturating_add(pending.tx.fee.div_ceil(8)).min(FEE_CAP);
        if waited < self.node.config().escalate_after || fee <= pending.tx.fee {
            return Ok(None);
        }
        Ok(Some(transaction(&Tx { fee, ..pending.tx.clone() }, Some(old.id.clone()))))
    }

    async fn restore(&self, transactions: &[Transaction]) -> Result<(), ChainError> {
        self.local().nonces.extend(transactions.iter().map(|transaction| transaction.nonce));
        Ok(())
    }

    async fn funds(&self) -> Result<(String, bool), ChainError> {
        self.ask("funds")?;
        let left = self.node.config().gas.saturating_sub(self.node.lock().world().spent(&self.signer));
        Ok((format!("{} SIM", amount::display(left, 9)), left < LOW_FUNDS))
    }
}

impl SimChain {
    fn rejected(&self, what: &'static str, reason: &Reject) -> ChainError {
        ChainError::Rejected { chain: self.name.clone(), what, reason: reason.to_string() }
    }

    /// The least nonce that is free: what a crash left unused between others is used first, so that those do not wait for ever.
    fn allot_nonce(&self) -> u64 {
        let due = self.node.lock().world().nonce(&self.signer);
        let mut local = self.local();
        local.nonces = local.nonces.split_off(&due);
        let mut nonce = due;
        while local.nonces.contains(&nonce) {
            nonce = nonce.saturating_add(1);
        }
        local.nonces.insert(nonce);
        nonce
    }

    fn decode(&self, what: &'static str, transaction: &Transaction) -> Result<Tx, ChainError> {
        let tx =
            Tx::decode(&transaction.raw).filter(|tx| tx.gateway == self.node.gateway() && tx.id() == transaction.id);
        tx.ok_or_else(|| ChainError::Rejected {
            chain: self.name.clone(),
            what,
            reason: format!("the bytes of {} are not a transaction of this chain", transaction.id),
        })
    }

    fn fate(&self, inner: &Inner, transaction: &Transaction, finalized: u64) -> TransactionState {
        if let Some(inclusion) = inner.inclusion(&transaction.id) {
            return match (&inclusion.refused, inner.block(inclusion.height)) {
                (Some(reason), _) => TransactionState::Reverted { reason: reason.to_string() },
                (None, Some(block)) => TransactionState::Included(block.block),
                (None, None) => TransactionState::Unknown,
            };
        }
        if inner.pending(&transaction.id).is_some() {
            return TransactionState::Pending;
        }
        // Another one has its nonce: for good once that is final, and until then nothing is to be done about it.
        let used_at = |world: &crate::node::World| world.nonce(&self.signer) > transaction.nonce;
        let settled = inner.block(finalized).and_then(|block| block.after.as_ref());
        match (settled.is_some_and(used_at), used_at(inner.world())) {
            (true, _) => TransactionState::Dead,
            (false, true) => TransactionState::Pending,
            (false, false) => TransactionState::Unknown,
        }
    }
}

fn verdict(index: usize, answer: &Answer) -> Option<Verdict> {
    let reason = answer.reason.as_ref()?;
    Some(Verdict { index, code: answer.code, reason: reason.to_string(), permanent: reason.is_permanent() })
}

fn transaction(tx: &Tx, replaces: Option<TxId>) -> Transaction {
    Transaction { id: tx.id(), raw: tx.encode(), nonce: tx.nonce, replaces }
}
