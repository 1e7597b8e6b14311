//! The chain's own half of sending orders: nonces, fees, blockhashes, data items.
//!
//! The order of things is fixed by *journal before broadcast*: [`Submitter::prepare`] signs and gives bytes, the caller makes them durable, and only
//! then calls [`Submitter::broadcast`]. After a crash the caller hands the journaled transactions to [`Submitter::restore`].

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tim3_domain::protocol::{OrderCode, SignedOrder};

use crate::{BlockRef, ChainError, TxId};

/// How much one submitter carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Orders in one transaction, at most.
    pub orders: usize,
    /// Transactions on their way at once, at most.
    pub in_flight: usize,
}

/// A signed transaction. The bytes are enough to send it again after a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transaction {
    /// Its name on the chain.
    pub id: TxId,
    /// What is sent.
    pub raw: Vec<u8>,
    /// What orders it among its sender's (nonce), or ends its life (last valid height).
    pub nonce: u64,
    /// The transaction with the same nonce that it takes the place of.
    pub replaces: Option<TxId>,
}

/// What simulation says about one order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Index in the batch that was handed in.
    pub index: usize,
    /// How the gateway would answer: never `Done`.
    pub code: OrderCode,
    /// Its decoded reason.
    pub reason: String,
    /// Whether no later attempt can end otherwise (unknown market, slot taken by another outcome), as far as the reason tells.
    pub permanent: bool,
}

/// A transaction made of those orders that simulation accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// The signed transaction, or `None` where no order was accepted.
    pub transaction: Option<Transaction>,
    /// Orders that were left out, and why.
    pub left_out: Vec<Verdict>,
}

/// What became of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransactionState {
    /// Known, not included.
    Pending,
    /// Included; what its orders did is told by events and skips.
    Included(BlockRef),
    /// Included, and reverted as a whole.
    Reverted {
        /// The decoded reason.
        reason: String,
    },
    /// Can never be included: another transaction has its nonce, or its life is over.
    Dead,
    /// No endpoint knows it, and it may still be sent again.
    Unknown,
}

/// Sending orders to a gateway.
#[async_trait]
pub trait Submitter: Send + Sync {
    /// How much may be on its way.
    fn capacity(&self) -> Capacity;

    /// Simulates `orders` in one batch, leaves out what would not be executed, allots a nonce and signs. Nothing is sent.
    async fn prepare(&self, orders: &[SignedOrder]) -> Result<Prepared, ChainError>;

    /// Sends a transaction whose bytes are durable. Sending one that the chain knows already is success.
    async fn broadcast(&self, transaction: &Transaction) -> Result<(), ChainError>;

    /// What became of transactions, in the order asked for.
    async fn states(&self, transactions: &[Transaction]) -> Result<Vec<TransactionState>, ChainError>;

    /// A replacement with a higher fee (or a fresh blockhash) for a transaction that is not included, or `None` while it should only
    /// wait. Both may be on their way at once: the gateway executes an order once. Where a nonce below it is missing, the answer fills
    /// that, with the same orders and nothing in `replaces`.
    async fn escalate(&self, transaction: &Transaction) -> Result<Option<Transaction>, ChainError>;

    /// At start: the journaled transactions whose fate is not known. Afterwards `prepare` allots no nonce that one of them could still use.
    async fn restore(&self, transactions: &[Transaction]) -> Result<(), ChainError>;

    /// What is to be known again after a restart beside the transactions, if anything: a text that is made durable with the transaction whose
    /// [`Self::prepare`] changed it.
    fn kept(&self) -> Option<String> {
        None
    }

    /// At start: what [`Self::kept`] gave last. What is not understood is told of and passed over.
    fn take_up(&self, kept: &str) {
        let _ = kept;
    }

    /// What the signer has left for fees, as a decimal text with its unit, and whether it is below what is needed.
    async fn funds(&self) -> Result<(String, bool), ChainError>;
}
