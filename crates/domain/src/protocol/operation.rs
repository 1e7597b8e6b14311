//! One cross-chain piece of work, as its origin recorded it.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::{
    DomainError,
    identity::{Account, AssetId, GatewayId, MarketId, OperationId},
    word::{Word, WordReader, keccak_text, keccak_words},
};

/// What an operation does at its destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OperationKind {
    /// A lock at home becomes synthetic elsewhere.
    Mint,
    /// A burn elsewhere repays debt and releases collateral at home.
    Redeem,
    /// A burn here becomes synthetic there.
    Transfer,
}

impl OperationKind {
    /// The number of this kind on the wire.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Mint => 1,
            Self::Redeem => 2,
            Self::Transfer => 3,
        }
    }

    /// The kind behind a number of the wire.
    ///
    /// # Errors
    /// [`DomainError::Unknown`] for any other number.
    pub fn from_code(code: u8) -> Result<Self, DomainError> {
        match code {
            1 => Ok(Self::Mint),
            2 => Ok(Self::Redeem),
            3 => Ok(Self::Transfer),
            _ => Err(DomainError::Unknown { what: "operation kind", found: code.into() }),
        }
    }

    /// The word people and metrics use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Mint => "mint",
            Self::Redeem => "redeem",
            Self::Transfer => "transfer",
        }
    }
}

/// The fourteen fields of an operation; what each means for each kind is the table of section 3.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Operation {
    /// What is to be done at the destination.
    pub kind: OperationKind,
    /// Gateway of the lock or burn.
    pub origin: GatewayId,
    /// Gateway that mints or releases.
    pub destination: GatewayId,
    /// Dense per (origin, destination), from 0.
    pub nonce: u64,
    /// The synthetic.
    pub asset: AssetId,
    /// The market; zero for a transfer.
    pub market: MarketId,
    /// Owner of the position; zero for a transfer.
    pub owner: Account,
    /// Who called the origin gateway.
    pub actor: Account,
    /// Where a refund goes, at the origin.
    pub refund_to: Account,
    /// Who receives, at the destination.
    pub recipient: Account,
    /// Gross amount in canonical units of the synthetic.
    pub amount: u128,
    /// Route fee in the same units, below `amount`.
    pub fee: u128,
    /// Collateral in canonical units: brought in by a lock, asked for by a redeem.
    pub wanted: u128,
    /// Time at the origin, in seconds.
    pub timestamp: u64,
}

impl Operation {
    /// Number of words on the wire.
    pub const WORDS: usize = 14;

    /// The operation as words, in the order of the protocol.
    #[must_use]
    pub fn words(&self) -> [Word; Self::WORDS] {
        [
            self.kind.code().into(),
            self.origin.0,
            self.destination.0,
            self.nonce.into(),
            self.asset.0,
            self.market.0,
            self.owner.0,
            self.actor.0,
            self.refund_to.0,
            self.recipient.0,
            self.amount.into(),
            self.fee.into(),
            self.wanted.into(),
            self.timestamp.into(),
        ]
    }

    /// Reads the fourteen words of an operation.
    ///
    /// # Errors
    /// [`DomainError`] naming the first field that does not fit.
    pub fn read(words: &mut WordReader<'_>) -> Result<Self, DomainError> {
        Ok(Self {
            kind: OperationKind::from_code(words.u8("kind")?)?,
            origin: words.word("origin")?.into(),
            destination: words.word("destination")?.into(),
            nonce: words.u64("nonce")?,
            asset: words.word("asset")?.into(),
            market: words.word("market")?.into(),
            owner: words.word("owner")?.into(),
            actor: words.word("actor")?.into(),
            refund_to: words.word("refundTo")?.into(),
            recipient: words.word("recipient")?.into(),
            amount: words.u128("amount")?,
            fee: words.u128("fee")?,
            wanted: words.u128("wanted")?,
            timestamp: words.u64("timestamp")?,
        })
    }

    /// The name of the operation: the EIP-712 struct hash of its words.
    #[must_use]
    pub fn id(&self) -> OperationId {
        static TYPE: LazyLock<Word> = LazyLock::new(|| {
            keccak_text(
                "Operation(uint8 kind,bytes32 origin,bytes32 destination,uint64 nonce,bytes32 asset,bytes32 market,\
                 bytes32 owner,bytes32 actor,bytes32 refundTo,bytes32 recipient,uint128 amount,uint128 fee,uint128 wanted,\
                 uint64 timestamp)",
            )
        });
        let mut words = vec![*TYPE];
        words.extend(self.words());
        OperationId(keccak_words(&words))
    }
}

/// What a route takes when an operation settles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteFee {
    /// Flat part, in canonical units of the synthetic.
    pub flat: u128,
    /// Proportional part, in 1/10000 of the gross amount.
    pub bps: u16,
}

impl RouteFee {
    /// `flat + ⌊amount · bps / 10000⌋`, or `None` where that is not below `amount`.
    #[must_use]
    pub fn of(&self, amount: u128) -> Option<u128> {
        let whole = amount.checked_div(10_000)?.checked_mul(self.bps.into())?;
        let rest = amount.checked_rem(10_000)?.checked_mul(self.bps.into())?.checked_div(10_000)?;
        let fee = whole.checked_add(rest)?.checked_add(self.flat)?;
        (fee < amount).then_some(fee)
    }
}
