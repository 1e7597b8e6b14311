//! What the State Manager says. It is advisory: positions there are what was reported last, and the Coordinator's own reports overwrite
//! them with nothing (D5). It is read to show that, and nothing is decided by it.

use serde::Deserialize;

use super::Role;
use super::message::{Malformed, Message, content};
use super::quantity::Quantity;

const ROLE: Role = Role::StateManager;

/// A position as it was reported; can be negative.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Position {
    /// Collateral.
    pub collateral: Quantity,
    /// Tokens.
    pub tim3_balance: Quantity,
}

/// Totals.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    /// Collateral.
    pub total_collateral: Quantity,
    /// Tokens.
    #[serde(rename = "totalTIM3Supply")]
    pub total_tim3_supply: Quantity,
}

/// One message of the State Manager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Says {
    /// The answer to `GetPosition`.
    Position {
        /// Whose.
        user: String,
        /// What.
        position: Position,
    },
    /// The answer to `Info` or `SystemHealth`: G of the books.
    Totals(Totals),
    /// A refusal.
    Error {
        /// What was refused.
        of: String,
        /// Why.
        why: String,
    },
    /// Alerts, and what is not known here.
    Other,
}

#[derive(Deserialize)]
struct PositionOf {
    user: String,
    position: Position,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Health {
    system_state: Totals,
}

impl Says {
    /// What a message of the State Manager says.
    ///
    /// # Errors
    /// [`Malformed`] when it is not what its action says; nothing may be concluded from it then.
    pub fn decode(message: &Message) -> Result<Self, Malformed> {
        Ok(match message.action() {
            "Position-Response" => {
                let PositionOf { user, position } = content(ROLE, message)?;
                Self::Position { user, position }
            }
            "Info-Response" | "SystemHealth-Response" => Self::Totals(content::<Health>(ROLE, message)?.system_state),
            action => match action.strip_suffix("-Error") {
                Some(of) => Self::Error { of: of.to_owned(), why: message.data.clone() },
                None => Self::Other,
            },
        })
    }
}
