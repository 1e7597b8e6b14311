//! What the Lock Manager says.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Role;
use super::message::{Malformed, Message, Milliseconds, content, map};
use super::quantity::Quantity;

const ROLE: Role = Role::LockManager;

/// Where a lock is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", from = "String")]
pub enum Status {
    /// The collateral token was asked. If it refused, it stays so for ever.
    Pending,
    /// A changed Lock Manager waits for the user's transfer (H17).
    AwaitingTransfer,
    /// It holds collateral.
    Locked,
    /// The collateral token was asked to let go. If it refused, it stays so for ever.
    Unlocking,
    /// It holds nothing any more.
    Unlocked,
    /// Not one that is known here.
    Unknown(String),
}

impl From<String> for Status {
    fn from(text: String) -> Self {
        match text.as_str() {
            "pending" => Self::Pending,
            "awaiting-transfer" => Self::AwaitingTransfer,
            "locked" => Self::Locked,
            "unlocking" => Self::Unlocking,
            "unlocked" => Self::Unlocked,
            _ => Self::Unknown(text),
        }
    }
}

/// A lock, as `GetLockInfo` tells it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lock {
    /// Its key.
    pub lock_id: String,
    /// Whose collateral.
    pub user: String,
    /// What it holds; what it held, when it is unlocked.
    pub amount: Quantity,
    /// Where it is.
    pub status: Status,
    /// When it was asked for.
    pub timestamp: Milliseconds,
    /// What for: whatever the caller said.
    pub purpose: String,
}

/// A lock, as an answer to a request tells it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Answered {
    /// Its key.
    pub lock_id: String,
    /// Whose collateral.
    pub user: String,
    /// How much is locked or unlocked.
    #[serde(alias = "unlockAmount", alias = "unlockedAmount")]
    pub amount: Quantity,
    /// Where it is.
    pub status: Status,
    /// What for: only a patched Lock Manager says it (D1).
    pub purpose: Option<String>,
}

/// Limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// Smallest lock.
    pub min_lock_amount: Quantity,
    /// Largest lock.
    pub max_lock_amount: Quantity,
    /// Whether it asks who calls. When not, anybody locks and unlocks.
    pub require_confirmation: bool,
    /// Whether it knows a collateral token.
    pub mock_usda_configured: bool,
}

/// One message of the Lock Manager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Says {
    /// A lock was recorded.
    LockPending(Answered),
    /// A lock holds collateral.
    Locked(Answered),
    /// The collateral token was asked to let go.
    UnlockPending(Answered),
    /// Collateral was let go. Said to who asked for the lock, not to who asked for this.
    Unlocked(Answered),
    /// The answer to `GetLockInfo`.
    Locks(BTreeMap<String, Lock>),
    /// The answer to `Info`.
    Info(Limits),
    /// A refusal.
    Error {
        /// What was refused.
        of: String,
        /// Why.
        why: String,
    },
    /// What is not known here.
    Other,
}

#[derive(Deserialize)]
struct Locks {
    #[serde(deserialize_with = "map")]
    locks: BTreeMap<String, Lock>,
}

#[derive(Deserialize)]
struct Info {
    config: Limits,
}

impl Says {
    /// What a message of the Lock Manager says.
    ///
    /// # Errors
    /// [`Malformed`] when it is not what its action says; nothing may be concluded from it then.
    pub fn decode(message: &Message) -> Result<Self, Malformed> {
        Ok(match message.action() {
            "LockCollateral-Pending" => Self::LockPending(content(ROLE, message)?),
            "LockCollateral-Success" => Self::Locked(content(ROLE, message)?),
            "UnlockCollateral-Pending" => Self::UnlockPending(content(ROLE, message)?),
            "UnlockCollateral-Success" => Self::Unlocked(content(ROLE, message)?),
            "LockInfo-Response" => Self::Locks(content::<Locks>(ROLE, message)?.locks),
            "Info-Response" => Self::Info(content::<Info>(ROLE, message)?.config),
            action => match action.strip_suffix("-Error") {
                Some(of) => Self::Error { of: of.to_owned(), why: message.data.clone() },
                None => Self::Other,
            },
        })
    }
}
