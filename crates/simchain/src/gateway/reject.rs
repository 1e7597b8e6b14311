//! Why a gateway refuses, under the names that the Ethereum gateway gives its errors.

use thiserror::Error;
use tim3_domain::{
    DomainError,
    identity::{Account, AssetId, GatewayId, MarketId, OperationId},
    protocol::OrderCode,
};

/// A refused call or order. Nothing of it was done.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "each variant is one error of the protocol, and its fields are what the text shows")]
pub enum Reject {
    #[error("Retired()")]
    Retired,
    #[error("NotAdmin()")]
    NotAdmin,
    #[error("NotGuardian()")]
    NotGuardian,
    #[error("Paused({0}, {1})")]
    Paused(AssetId, u8),
    #[error("UnknownAsset({0})")]
    UnknownAsset(AssetId),
    #[error("UnknownMarket({0})")]
    UnknownMarket(MarketId),
    #[error("WrongMarketKind({0})")]
    WrongMarketKind(MarketId),
    #[error("InvalidAccount({0})")]
    InvalidAccount(Account),
    #[error("InvalidIntent()")]
    InvalidIntent,
    #[error("InvalidValue({0})")]
    InvalidValue(&'static str),
    #[error("ZeroAmount()")]
    ZeroAmount,
    #[error("Unrepresentable({0})")]
    Unrepresentable(u128),
    #[error("Overflow()")]
    Overflow,
    #[error("InsufficientBalance({asset}, {found}, {needed})")]
    InsufficientBalance { asset: AssetId, found: u128, needed: u128 },
    #[error("TransferFailed()")]
    TransferFailed,
    #[error("RouteClosed({0}, {1})")]
    RouteClosed(AssetId, GatewayId),
    #[error("AmountOutOfRange({amount}, {min}, {max})")]
    AmountOutOfRange { amount: u128, min: u128, max: u128 },
    #[error("FeeTooHigh({0})")]
    FeeTooHigh(u128),
    #[error("NothingToClaim()")]
    NothingToClaim,
    #[error("CeilingExceeded({debt}, {ceiling})")]
    CeilingExceeded { debt: u128, ceiling: u128 },
    #[error("BelowDust({debt}, {dust})")]
    BelowDust { debt: u128, dust: u128 },
    #[error("Undercollateralized()")]
    Undercollateralized,
    #[error("PriceUnavailable()")]
    PriceUnavailable,
    #[error("Depegged({0})")]
    Depegged(u128),
    #[error("NoDebt()")]
    NoDebt,
    #[error("Healthy()")]
    Healthy,
    #[error("MustTakeWhole({0})")]
    MustTakeWhole(u128),
    #[error("SeizedTooLittle({seized}, {min})")]
    SeizedTooLittle { seized: u128, min: u128 },
    #[error("AlreadyDone()")]
    AlreadyDone,
    #[error("WindowFull({available}, {needed})")]
    WindowFull { available: i128, needed: u128 },
    #[error("SlotTaken()")]
    SlotTaken,
    #[error("UnknownAction({0})")]
    UnknownAction(u8),
    #[error("MalformedContent()")]
    MalformedContent,
    #[error("WrongGateway({0})")]
    WrongGateway(GatewayId),
    #[error("WrongKind({0})")]
    WrongKind(u8),
    #[error("WrongOwner({0})")]
    WrongOwner(Account),
    #[error("UnknownOperation({0})")]
    UnknownOperation(OperationId),
    #[error("MirrorConflict({0})")]
    MirrorConflict(u64),
    #[error("InvalidSignature({0})")]
    InvalidSignature(usize),
    #[error("UnorderedSigners({0})")]
    UnorderedSigners(usize),
    #[error("UnknownSigner({0})")]
    UnknownSigner(Account),
    #[error("TooFewSignatures({count}, {threshold})")]
    TooFewSignatures { count: usize, threshold: u8 },
}

impl Reject {
    /// How an order that ends so is answered.
    #[must_use]
    pub fn code(&self) -> OrderCode {
        match self {
            Self::AlreadyDone => OrderCode::AlreadyDone,
            Self::WindowFull { .. } => OrderCode::Delayed,
            _ => OrderCode::Rejected,
        }
    }

    /// Whether no later attempt with the same content can end otherwise.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        matches!(
            self,
            Self::UnknownMarket(_)
                | Self::InvalidAccount(_)
                | Self::SlotTaken
                | Self::UnknownAction(_)
                | Self::MalformedContent
                | Self::WrongGateway(_)
                | Self::WrongKind(_)
                | Self::WrongOwner(_)
                | Self::UnknownOperation(_)
                | Self::MirrorConflict(_)
        )
    }
}

impl From<DomainError> for Reject {
    fn from(error: DomainError) -> Self {
        match error {
            DomainError::Inexact { amount, .. } => Self::Unrepresentable(amount),
            DomainError::Parameter { parameter, .. } => Self::InvalidValue(parameter),
            _ => Self::Overflow,
        }
    }
}

/// `a + b`, or the reason why not.
pub(super) fn add(a: u128, b: u128) -> Result<u128, Reject> {
    a.checked_add(b).ok_or(Reject::Overflow)
}

/// `a − b`, or the reason why not.
pub(super) fn sub(a: u128, b: u128) -> Result<u128, Reject> {
    a.checked_sub(b).ok_or(Reject::Overflow)
}
