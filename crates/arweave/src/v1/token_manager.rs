//! What the Token Manager, which is the TIM3 token, says.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Role;
use super::message::{Malformed, Message, Milliseconds, content, map};
use super::quantity::Quantity;

const ROLE: Role = Role::TokenManager;

/// A mint or a burn that was done, as `GetOperation` tells it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Operation {
    /// The Token Manager's own id, which nobody else knows.
    #[serde(alias = "mintId", alias = "burnId")]
    pub id: String,
    /// Whose tokens.
    #[serde(alias = "recipient")]
    pub user: String,
    /// How many.
    pub amount: Quantity,
    /// Who had it done.
    #[serde(alias = "minter", alias = "burner")]
    pub by: String,
    /// What for.
    pub purpose: String,
    /// When.
    pub timestamp: Milliseconds,
}

/// A mint or a burn that was done, as the answer to the request tells it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Done {
    /// The Token Manager's own id.
    #[serde(alias = "mintId", alias = "burnId")]
    pub id: String,
    /// Whose tokens.
    #[serde(alias = "recipient")]
    pub user: String,
    /// How many.
    pub amount: Quantity,
    /// What the user has now.
    pub new_balance: Quantity,
    /// What there is now.
    pub total_supply: Quantity,
    /// What for: of mints, only a patched Token Manager says it (D2).
    pub purpose: Option<String>,
}

/// The answer to `Info`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// Decimals that it claims; its arithmetic knows none.
    pub denomination: u8,
    /// A of the books.
    pub total_supply: Quantity,
    /// The most there may be.
    pub max_supply: Quantity,
    /// Whether it mints.
    pub minting_enabled: bool,
    /// Whether it burns.
    pub burning_enabled: bool,
}

/// One message of the Token Manager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Says {
    /// Tokens were minted.
    Minted(Done),
    /// Tokens were burned.
    Burned(Done),
    /// The answer to `GetOperation`.
    Operations(BTreeMap<String, Operation>),
    /// The answer to `Balance`.
    Balance {
        /// Whose.
        target: String,
        /// How many.
        balance: Quantity,
    },
    /// The answer to `Balances`: those above zero.
    Balances(BTreeMap<String, Quantity>),
    /// The answer to `Info`.
    Info(Info),
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
struct Operations {
    #[serde(deserialize_with = "map")]
    operations: BTreeMap<String, Operation>,
}

#[derive(Deserialize)]
struct Balance {
    target: String,
    balance: Quantity,
}

#[derive(Deserialize)]
struct Balances(#[serde(deserialize_with = "map")] BTreeMap<String, Quantity>);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TokenInfo {
    denomination: u8,
    total_supply: Quantity,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Settings {
    max_supply: Quantity,
    minting_enabled: bool,
    burning_enabled: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawInfo {
    token_info: TokenInfo,
    config: Settings,
}

impl Says {
    /// What a message of the Token Manager says.
    ///
    /// # Errors
    /// [`Malformed`] when it is not what its action says; nothing may be concluded from it then.
    pub fn decode(message: &Message) -> Result<Self, Malformed> {
        Ok(match message.action() {
            "Mint-Response" => Self::Minted(content(ROLE, message)?),
            "Burn-Response" => Self::Burned(content(ROLE, message)?),
            "Operation-Response" => Self::Operations(content::<Operations>(ROLE, message)?.operations),
            "Balance-Response" => {
                let Balance { target, balance } = content(ROLE, message)?;
                Self::Balance { target, balance }
            }
            "Balances-Response" => Self::Balances(content::<Balances>(ROLE, message)?.0),
            "Info-Response" => {
                let RawInfo { token_info, config } = content(ROLE, message)?;
                Self::Info(Info {
                    denomination: token_info.denomination,
                    total_supply: token_info.total_supply,
                    max_supply: config.max_supply,
                    minting_enabled: config.minting_enabled,
                    burning_enabled: config.burning_enabled,
                })
            }
            action => match action.strip_suffix("-Error") {
                Some(of) => Self::Error { of: of.to_owned(), why: message.data.clone() },
                None => Self::Other,
            },
        })
    }
}
