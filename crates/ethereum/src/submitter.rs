//! Orders in batches: one simulation, one transaction.

mod simulate;
mod states;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use alloy::primitives::{Bytes, TxKind, U256, utils::format_ether};
use async_trait::async_trait;
use tim3_chain::{Capacity, ChainError, Prepared, Submitter, Transaction, TransactionState, Verdict};
use tim3_domain::{
    protocol::{OrderCode, SignedOrder},
    word::bytes_of,
};
use tracing::warn;

use crate::{
    abi::{Gateway, call_data},
    config::EthereumConfig,
    connect::Ethereum,
    fees::Fees,
    gas::GasModel,
    link::lock,
    reason,
    sender::{Draft, Sender, Signed},
};

/// The largest transaction that pools take is 128 KiB; what else is in it fits in the rest.
const MAX_INPUT: usize = 120 * 1024;

/// More than an order has, so that what is counted before orders are known fits when they are.
const MANY_SIGNATURES: usize = 32;

/// The sender of batches.
#[derive(Debug)]
pub(crate) struct Batches {
    pub(crate) sender: Arc<Sender>,
    gas: Mutex<GasModel>,
    capacity: Capacity,
    max_gas: u64,
}

impl Batches {
    pub(crate) fn new(sender: Sender, config: &EthereumConfig) -> Self {
        let capacity = Capacity { orders: config.max_orders.max(1), in_flight: config.max_in_flight.max(1) };
        Self { sender: Arc::new(sender), gas: Mutex::default(), capacity, max_gas: config.max_gas }
    }

    /// What one batch takes by number and by gas as it is known now: what is handed in above that only comes back later.
    fn capacity(&self) -> Capacity {
        let by_gas = lock(&self.gas).fitting(self.max_gas, MANY_SIGNATURES);
        Capacity { orders: self.capacity.orders.min(by_gas).max(1), ..self.capacity }
    }

    /// How many of `orders` fit in one transaction, by number, bytes and gas; at least one, if there is one.
    fn fitting(&self, orders: &[Gateway::Order], signatures: usize) -> usize {
        let by_gas = lock(&self.gas).fitting(self.max_gas, signatures);
        let mut bytes = 0_usize;
        let by_size = orders.iter().take_while(|order| {
            // Offset, three heads, two lengths, and padding of two tails.
            let size = order.content.len().saturating_add(order.signatures.len()).saturating_add(8 * 32);
            bytes = bytes.saturating_add(size);
            bytes <= MAX_INPUT
        });
        by_size.count().min(by_gas).min(self.capacity.orders).max(1).min(orders.len())
    }
}

/// An order as the contract takes it.
pub(crate) fn encoded(signed: &SignedOrder) -> Gateway::Order {
    Gateway::Order {
        action: signed.order.action.code(),
        content: bytes_of(&signed.order.content.words()).into(),
        signatures: Bytes::copy_from_slice(&signed.signatures),
    }
}

/// A transaction as the ports know it.
pub(crate) fn transaction(signed: Signed, replaces: Option<&Transaction>) -> Transaction {
    Transaction { id: signed.id, raw: signed.raw, nonce: signed.nonce, replaces: replaces.map(|old| old.id.clone()) }
}

#[async_trait]
impl Submitter for Ethereum {
    fn capacity(&self) -> Capacity {
        self.batches.as_ref().map_or(Capacity { orders: 0, in_flight: 0 }, Batches::capacity)
    }

    async fn prepare(&self, orders: &[SignedOrder]) -> Result<Prepared, ChainError> {
        let batches = self.batches()?;
        let encoded: Vec<_> = orders.iter().map(encoded).collect();
        let signatures = orders.iter().map(|order| order.signatures.len()).max().unwrap_or_default().div_ceil(65);
        let fitting = batches.fitting(&encoded, signatures);
        let (tried, later) = encoded.split_at_checked(fitting).unwrap_or((&encoded, &[]));
        if tried.is_empty() {
            return Ok(Prepared { transaction: None, left_out: Vec::new() });
        }
        let simulated = self.simulate(batches, tried, signatures);
        let ((codes, gas), ()) = tokio::try_join!(simulated, batches.sender.ready())?;
        let mut left_out = Vec::new();
        let mut accepted = Vec::new();
        for (index, (order, (code, why))) in tried.iter().zip(codes).enumerate() {
            if code == OrderCode::Done {
                accepted.push(order.clone());
            } else {
                let permanent = code == OrderCode::Rejected && reason::is_permanent(&why);
                left_out.push(Verdict { index, code, reason: why, permanent });
            }
        }
        self.confirm_refusals(batches, tried, &mut left_out).await;
        left_out.extend(later.iter().enumerate().map(|(offset, _)| Verdict {
            index: fitting.saturating_add(offset),
            code: OrderCode::Delayed,
            reason: "does not fit in this transaction".to_owned(),
            permanent: false,
        }));
        if accepted.is_empty() {
            return Ok(Prepared { transaction: None, left_out });
        }
        let input = call_data(&Gateway::executeCall { orders: accepted });
        let to = TxKind::Call(self.link.config.gateway);
        let signed = batches.sender.prepare(Draft { to, value: U256::ZERO, input, gas }).await?;
        Ok(Prepared { transaction: Some(transaction(signed, None)), left_out })
    }

    async fn broadcast(&self, transaction: &Transaction) -> Result<(), ChainError> {
        let sender = &self.batches()?.sender;
        let fees = fees_of(sender, transaction)?;
        sender.send(&transaction.id, &transaction.raw, transaction.nonce, fees).await
    }

    async fn states(&self, transactions: &[Transaction]) -> Result<Vec<TransactionState>, ChainError> {
        self.read_states(self.batches()?, transactions).await
    }

    async fn escalate(&self, old: &Transaction) -> Result<Option<Transaction>, ChainError> {
        let signed = self.batches()?.sender.escalate(&old.raw).await?;
        Ok(signed.map(|signed| transaction(signed, Some(old))))
    }

    async fn restore(&self, transactions: &[Transaction]) -> Result<(), ChainError> {
        let sender = &self.batches()?.sender;
        for journaled in transactions {
            // Of another key or chain it takes no nonce here; whether it was included is told by events.
            match sender.verify(&journaled.raw).and_then(|()| fees_of(sender, journaled)) {
                Ok(fees) => sender.adopt(journaled.nonce, fees),
                Err(error) => warn!(chain = self.link.name, id = %journaled.id, %error, "transaction not restored"),
            }
        }
        sender.sync().await.map(|_| ())
    }

    async fn funds(&self) -> Result<(String, bool), ChainError> {
        /// Full batches that the balance should be good for.
        const BATCHES: u64 = 10;
        let batches = self.batches()?;
        let balance = batches.sender.balance().await?;
        let market = batches.sender.market().await?;
        let gas = lock(&batches.gas).limit(batches.capacity.orders, 1).min(batches.max_gas);
        let price = market.base.saturating_add(market.tip);
        let needed = U256::from(price).saturating_mul(U256::from(gas)).saturating_mul(U256::from(BATCHES));
        Ok((format!("{} ETH", format_ether(balance)), balance < needed))
    }
}

impl Ethereum {
    /// Takes back what is said to be permanent and no quorum confirms: such an order is tried again.
    async fn confirm_refusals(&self, batches: &Batches, tried: &[Gateway::Order], left_out: &mut [Verdict]) {
        let (indices, orders): (Vec<_>, Vec<_>) = left_out
            .iter()
            .filter(|verdict| verdict.permanent)
            .filter_map(|verdict| Some((verdict.index, tried.get(verdict.index)?.clone())))
            .unzip();
        if orders.is_empty() {
            return;
        }
        let confirmed: BTreeSet<usize> = match self.refused_for_good(batches, orders).await {
            Ok(hopeless) => indices.into_iter().zip(hopeless).filter_map(|(index, yes)| yes.then_some(index)).collect(),
            Err(error) => {
                warn!(chain = self.link.name, %error, "a refusal is not confirmed, its order is tried again");
                BTreeSet::new()
            }
        };
        for verdict in left_out {
            verdict.permanent &= confirmed.contains(&verdict.index);
        }
    }

    fn batches(&self) -> Result<&Batches, ChainError> {
        self.batches.as_ref().ok_or_else(|| self.link.rejected("submit", "no key to pay for orders is configured"))
    }
}

pub(crate) fn fees_of(sender: &Sender, transaction: &Transaction) -> Result<Fees, ChainError> {
    let read = sender.read(&transaction.raw)?;
    Ok(Fees { max: read.max_fee_per_gas, tip: read.max_priority_fee_per_gas })
}
