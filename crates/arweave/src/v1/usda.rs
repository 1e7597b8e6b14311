//! What the collateral token says: the mock, whose answers are JSON in data, or a standard one, whose answers are in tags.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Role;
use super::message::{Malformed, Message, content, map, tag};
use super::quantity::Quantity;

const ROLE: Role = Role::Usda;

/// What a user has, at the mock.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Balance {
    /// Whose.
    pub target: String,
    /// With what is locked.
    pub balance: Quantity,
    /// What is locked; anybody may lock and unlock it (H2).
    pub locked: Quantity,
    /// What may be transferred.
    pub available: Quantity,
}

/// A sum that was locked or unlocked.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Moved {
    /// Whose.
    pub user: String,
    /// How much.
    pub amount: Quantity,
}

/// Somebody unlocked a user's sum.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Freed {
    /// How much.
    pub amount: Quantity,
    /// Who. Anybody but the Lock Manager takes collateral from under tokens.
    pub unlocked_by: String,
}

/// One message of the collateral token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Says {
    /// To who asked: it is locked.
    Locked(Moved),
    /// To the user: it is free.
    Freed(Freed),
    /// To who asked: it is free.
    Unlocked(Moved),
    /// The answer to `Balance`, of the mock.
    Balance(Balance),
    /// The answer to `Balances`, of the mock.
    Balances(BTreeMap<String, Quantity>),
    /// The answer to `Info`, of either.
    Info {
        /// Decimals that it claims.
        denomination: u8,
        /// Its symbol.
        ticker: String,
    },
    /// A refusal.
    Error {
        /// What was refused.
        of: String,
        /// Why.
        why: String,
    },
    /// Notices, and what is not known here.
    Other,
}

#[derive(Deserialize)]
struct Info {
    denomination: u8,
    ticker: String,
}

#[derive(Deserialize)]
struct Balances(#[serde(deserialize_with = "map")] BTreeMap<String, Quantity>);

impl Says {
    /// What a message of the collateral token says.
    ///
    /// # Errors
    /// [`Malformed`] when it is not what its action says; nothing may be concluded from it then.
    pub fn decode(message: &Message) -> Result<Self, Malformed> {
        Ok(match message.action() {
            "Lock-Response" => Self::Locked(content(ROLE, message)?),
            "Unlock-Response" => Self::Unlocked(content(ROLE, message)?),
            "Unlock-Notice" => Self::Freed(content(ROLE, message)?),
            "Balance-Response" if message.tag("Balance").is_none() => Self::Balance(content(ROLE, message)?),
            "Balances-Response" => Self::Balances(content::<Balances>(ROLE, message)?.0),
            // A standard token need not answer under this action.
            _ if message.tag("Denomination").is_some() => {
                Self::Info { denomination: tag(ROLE, message, "Denomination")?, ticker: tag(ROLE, message, "Ticker")? }
            }
            "Info-Response" => {
                let Info { denomination, ticker } = content(ROLE, message)?;
                Self::Info { denomination, ticker }
            }
            action => match action.strip_suffix("-Error") {
                Some(of) => Self::Error { of: of.to_owned(), why: message.data.clone() },
                None => Self::Other,
            },
        })
    }
}
