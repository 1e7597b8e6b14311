//! Instructions to a gateway, and the digest that attesters sign.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::{
    DomainError,
    identity::{GatewayId, MarketId, OperationId},
    protocol::{MirrorRecord, Operation},
    word::{Word, eip712_digest, keccak_text, keccak_words},
};

/// What an order does (section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Mint at the destination.
    Mint,
    /// Release at home.
    Release,
    /// Close the destination's slot for ever.
    Void,
    /// Undo at the origin.
    Refund,
    /// Undo at the origin what another operation took the slot of.
    Conflict,
    /// Copy a position.
    Mirror,
    /// Pay again (AO).
    Resend,
}

impl Action {
    /// The number of this action on the wire.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Mint => 1,
            Self::Release => 2,
            Self::Void => 3,
            Self::Refund => 4,
            Self::Conflict => 5,
            Self::Mirror => 6,
            Self::Resend => 7,
        }
    }

    /// The word people and metrics use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Mint => "mint",
            Self::Release => "release",
            Self::Void => "void",
            Self::Refund => "refund",
            Self::Conflict => "conflict",
            Self::Mirror => "mirror",
            Self::Resend => "resend",
        }
    }
}

/// What an order acts on, carried with it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum OrderContent {
    /// Mint, Release, Void or Refund of an operation.
    Operation(Operation),
    /// Refund of an operation whose slot an orphan holds.
    Conflict {
        /// The operation to refund.
        operation: Operation,
        /// The operation that no longer exists at the origin and yet was settled.
        orphan: OperationId,
        /// The market that bears the orphan's mint.
        market: MarketId,
        /// Its gross amount.
        orphan_amount: u128,
    },
    /// A version of a position.
    Mirror(MirrorRecord),
    /// A payout of AO, again.
    Resend {
        /// The payout.
        payout: Word,
        /// Which attempt this is, from 1.
        attempt: u64,
    },
}

impl OrderContent {
    /// The word of the digest that stands for this content.
    #[must_use]
    pub fn hash(&self) -> Word {
        match self {
            Self::Operation(operation) => operation.id().0,
            Self::Conflict { operation, orphan, market, orphan_amount } => keccak_words(&[
                keccak_text("Conflict(bytes32 operation,bytes32 orphan,bytes32 market,uint128 orphanAmount)"),
                operation.id().0,
                orphan.0,
                market.0,
                (*orphan_amount).into(),
            ]),
            Self::Mirror(record) => record.hash(),
            Self::Resend { payout, attempt } => {
                keccak_words(&[keccak_text("Resend(bytes32 payout,uint64 attempt)"), *payout, (*attempt).into()])
            }
        }
    }

    /// The words carried with the order.
    #[must_use]
    pub fn words(&self) -> Vec<Word> {
        match self {
            Self::Operation(operation) => operation.words().to_vec(),
            Self::Conflict { operation, orphan, market, orphan_amount } => {
                let mut words = operation.words().to_vec();
                words.extend([orphan.0, market.0, (*orphan_amount).into()]);
                words
            }
            Self::Mirror(record) => record.words().to_vec(),
            Self::Resend { payout, attempt } => vec![*payout, (*attempt).into()],
        }
    }
}

/// An instruction to one gateway under one attester epoch.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Order {
    /// What to do.
    pub action: Action,
    /// The gateway that executes it.
    pub gateway: GatewayId,
    /// The attester epoch it is signed under.
    pub epoch: u64,
    /// What it acts on.
    pub content: OrderContent,
}

impl Order {
    /// The EIP-712 digest that attesters sign.
    #[must_use]
    pub fn digest(&self) -> Word {
        static TYPE: LazyLock<Word> = LazyLock::new(|| keccak_text("Order(uint8 action,uint64 epoch,bytes32 content)"));
        let order = keccak_words(&[*TYPE, self.action.code().into(), self.epoch.into(), self.content.hash()]);
        eip712_digest(self.gateway.domain_separator(), order)
    }

    /// The operation this order is about, if it is about one.
    #[must_use]
    pub fn operation(&self) -> Option<&Operation> {
        match &self.content {
            OrderContent::Operation(operation) | OrderContent::Conflict { operation, .. } => Some(operation),
            OrderContent::Mirror(_) | OrderContent::Resend { .. } => None,
        }
    }
}

/// An order with enough signatures to be executed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SignedOrder {
    /// The order.
    pub order: Order,
    /// Signatures of 65 bytes, `r ‖ s ‖ v`, signers ascending, concatenated.
    pub signatures: Vec<u8>,
}

/// How a gateway answered one order of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OrderCode {
    /// Executed now.
    Done,
    /// This very outcome is recorded already: success.
    AlreadyDone,
    /// A window is full; ask again later.
    Delayed,
    /// Refused; the reason says why.
    Rejected,
}

impl OrderCode {
    /// The word people and metrics use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::AlreadyDone => "already_done",
            Self::Delayed => "delayed",
            Self::Rejected => "rejected",
        }
    }

    /// The code behind a number of the wire.
    ///
    /// # Errors
    /// [`DomainError::Unknown`] for any other number.
    pub fn from_code(code: u8) -> Result<Self, DomainError> {
        match code {
            0 => Ok(Self::Done),
            1 => Ok(Self::AlreadyDone),
            2 => Ok(Self::Delayed),
            3 => Ok(Self::Rejected),
            _ => Err(DomainError::Unknown { what: "order code", found: code.into() }),
        }
    }
}
