//! Orders in batches. What the ports call a transaction is here a run of signed messages: the votes of as many attesters' wallets as must
//! vote, none of which executes anything, and behind them one `Execute` of the submitter's, which executes all orders of the batch and by whose
//! id the transaction is known. Nothing in it orders it among others, and nothing ends its life: it is posted until it is scheduled.

mod framing;

use std::collections::BTreeMap;

use async_trait::async_trait;
use futures::future::try_join_all;
use tim3_chain::{
    AttesterSet, Capacity, ChainError, Prepared, Submitter, Transaction, TransactionState, TxId, Verdict,
};
use tim3_domain::protocol::{OrderCode, SignedOrder};
use tracing::debug;

use crate::{
    ans104::{DataItem, Tag},
    config::AoConfig,
    connect::{Ao, Voters},
    id::Id,
    link::Link,
    orders::{Answers, data},
    units::compute::{Outcome, Trial},
    view::reason,
    votes,
    wallet::Wallet,
};

/// Orders in one message, at most: the gateway refuses more.
const MAX_ORDERS: usize = 100;

/// The sender of batches.
#[derive(Debug)]
pub(crate) struct Batches {
    wallet: Wallet,
    capacity: Capacity,
}

impl Batches {
    pub(crate) fn new(wallet: Wallet, config: &AoConfig) -> Self {
        let orders = config.max_orders.clamp(1, MAX_ORDERS);
        Self { wallet, capacity: Capacity { orders, in_flight: config.max_in_flight.max(1) } }
    }

    pub(crate) fn address(&self) -> Id {
        self.wallet.address()
    }
}

#[async_trait]
impl Submitter for Ao {
    fn capacity(&self) -> Capacity {
        self.batches.as_ref().map_or(Capacity { orders: 0, in_flight: 0 }, |batches| batches.capacity)
    }

    async fn prepare(&self, orders: &[SignedOrder]) -> Result<Prepared, ChainError> {
        let wallet = self.wallet()?;
        if orders.is_empty() {
            return Ok(Prepared { transaction: None, left_out: Vec::new() });
        }
        let set = self.link.attesters().await?;
        let mut verdicts = self.link.simulate(orders, &set).await?;
        for (verdict, order) in verdicts.iter_mut().zip(orders) {
            if verdict.is_none() && self.voters.voting(order, &set).is_none() {
                let reason = "TooFewVotes: not enough wallets of attesters that signed it are here".to_owned();
                *verdict = Some(Verdict { index: 0, code: OrderCode::Rejected, reason, permanent: false });
            }
        }
        let chosen: Vec<&SignedOrder> =
            orders.iter().zip(&verdicts).filter(|(_, verdict)| verdict.is_none()).map(|(order, _)| order).collect();
        let out = (0..).zip(verdicts).filter_map(|(index, verdict)| Some(Verdict { index, ..verdict? }));
        let left_out = out.collect();
        if chosen.is_empty() {
            return Ok(Prepared { transaction: None, left_out });
        }
        let items = self.link.batch(&self.voters, wallet, &chosen, &set)?;
        let id = items.last().map(|item| TxId(item.id().to_string()));
        let raw = framing::frame(items.iter().map(DataItem::raw));
        let transaction = id.map(|id| Transaction { id, raw, nonce: 0, replaces: None });
        Ok(Prepared { transaction, left_out })
    }

    async fn broadcast(&self, transaction: &Transaction) -> Result<(), ChainError> {
        let items = framing::unframe(&transaction.raw)
            .ok_or_else(|| self.link.rejected("broadcast", "the bytes are no run of messages"))?;
        // One after another: the votes come before what counts them.
        for item in items {
            self.link.post(item).await?;
        }
        Ok(())
    }

    async fn states(&self, transactions: &[Transaction]) -> Result<Vec<TransactionState>, ChainError> {
        try_join_all(transactions.iter().map(|transaction| self.link.state_of(&transaction.id))).await
    }

    /// A message has neither a fee to raise nor a life that ends.
    async fn escalate(&self, _transaction: &Transaction) -> Result<Option<Transaction>, ChainError> {
        Ok(None)
    }

    /// What was journaled takes nothing from what is prepared later.
    async fn restore(&self, _transactions: &[Transaction]) -> Result<(), ChainError> {
        Ok(())
    }

    async fn funds(&self) -> Result<(String, bool), ChainError> {
        Ok(("messages cost nothing".to_owned(), false))
    }
}

impl Ao {
    fn wallet(&self) -> Result<&Wallet, ChainError> {
        let batches = self.batches.as_ref();
        batches
            .map(|batches| &batches.wallet)
            .ok_or_else(|| self.link.rejected("submit", "no submitter's key is configured"))
    }
}

impl Voters {
    /// The wallets that vote for an order: of attesters that signed it, and only where its signatures are what every gateway wants.
    pub(crate) fn voting(&self, order: &SignedOrder, set: &AttesterSet) -> Option<Vec<&Wallet>> {
        if order.order.epoch != set.epoch {
            return None;
        }
        let signers = votes::signers(order, &set.signers, set.threshold.into())?;
        self.of(&signers, set.threshold.into())
    }
}

impl Link {
    /// Why each order would not be executed; `None` where it would, given enough votes.
    async fn simulate(&self, orders: &[SignedOrder], set: &AttesterSet) -> Result<Vec<Option<Verdict>>, ChainError> {
        let trial = Trial { data: data(orders), ..Trial::new(&[("Action", "Simulate")]) };
        let outcome = self.dry_run(self.process(), &trial).await?;
        if let Some(error) = outcome.action("Simulate-Error") {
            return Err(self.rejected("simulate", reason(&error.data)));
        }
        let answers: Option<Answers> =
            outcome.action("Simulate-Response").and_then(|answer| serde_json::from_str(&answer.data).ok());
        let answers = answers.filter(|answers| answers.orders.len() == orders.len());
        let answers =
            answers.ok_or_else(|| self.transient("simulate", "the gateway does not answer for each order"))?;
        if answers.epoch.0 != set.epoch {
            return Err(self.transient("simulate", "the attesters changed meanwhile"));
        }
        let old = |index: usize, order: &SignedOrder| Verdict {
            index,
            code: OrderCode::Rejected,
            reason: format!("WrongEpoch {}, the attesters are of {}", order.order.epoch, set.epoch),
            permanent: false,
        };
        let verdict = |(index, (answer, order)): (usize, (&crate::orders::Answer, &SignedOrder))| {
            answer.verdict(index).or_else(|| (order.order.epoch != set.epoch).then(|| old(index, order)))
        };
        Ok(answers.orders.iter().zip(orders).enumerate().map(verdict).collect())
    }

    /// The messages of a batch: each wallet's votes, then their execution in the order given.
    pub(crate) fn batch(
        &self,
        voters: &Voters,
        executor: &Wallet,
        orders: &[&SignedOrder],
        set: &AttesterSet,
    ) -> Result<Vec<DataItem>, ChainError> {
        let mut ballots: BTreeMap<Id, (&Wallet, Vec<&SignedOrder>)> = BTreeMap::new();
        for order in orders {
            for wallet in voters.voting(order, set).unwrap_or_default() {
                ballots.entry(wallet.address()).or_insert_with(|| (wallet, Vec::new())).1.push(order);
            }
        }
        let epoch = set.epoch.to_string();
        let tags = [Tag::new("Action", "Attest"), Tag::new("Epoch", epoch), Tag::new("Execute", "false")];
        let votes = ballots.into_values().map(|(wallet, orders)| (wallet, tags.as_slice(), orders));
        let execute = [Tag::new("Action", "Execute")];
        votes
            .chain([(executor, execute.as_slice(), orders.to_vec())])
            .map(|(wallet, tags, orders)| self.message(wallet, self.process(), tags, &data(orders)))
            .collect()
    }

    async fn state_of(&self, id: &TxId) -> Result<TransactionState, ChainError> {
        let Ok(message) = id.0.parse::<Id>() else { return Ok(TransactionState::Dead) };
        // Messengers keep no item that waits: it is posted again until it is scheduled.
        let Some(scheduled) = self.scheduled(self.process(), message).await? else {
            return Ok(TransactionState::Unknown);
        };
        let state = match self.result(self.process(), message).await? {
            None => TransactionState::Pending,
            Some(outcome) => failed(&outcome).map_or_else(
                || TransactionState::Included(scheduled.block()),
                |reason| TransactionState::Reverted { reason },
            ),
        };
        debug!(chain = self.name(), %id, ?state, "state of a transaction");
        Ok(state)
    }
}

/// Why a message of orders did nothing at all.
pub(crate) fn failed(outcome: &Outcome) -> Option<String> {
    let refused = outcome.action("Execute-Error").map(|error| reason(&error.data));
    outcome.error.clone().or(refused)
}
