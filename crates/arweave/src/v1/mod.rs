//! The five TIM3 V1 processes that already run on AO, as they are.
//!
//! V1 spreads one mint over a Coordinator, a Lock Manager, a Token Manager, a State Manager and a (mock) USDA token, whose answers leave out what
//! the Coordinator needs to know whose they are: as deployed, no mint and no burn completes. This module speaks with them and completes both
//! without touching the processes, by standing in the managers' slots between the Coordinator and them.
//!
//! * [`quantity`], [`name`], [`message`]: numbers, ids and messages of V1, decoded by total functions.
//! * [`coordinator`], [`lock_manager`], [`token_manager`], [`state_manager`], [`usda`]: what each process is asked and says.
//! * [`configuration`]: who sits in which slot, and every message that could change that.
//! * [`books`]: what the processes' books say of the same thing, and how they must agree.
//! * [`probe`]: what to ask at the start, and what the answers show the processes to be.
//! * [`adopt`]: the planner, which decides from what is known what to send next.
//! * [`ports`]: the processes read as any gateway is, by the ports of `tim3_chain`.
//! * [`network`], [`journal`], [`driver`]: the shell that tells the planner what was seen, and does what it wants.
//!
//! The decisions are pure: the planner is told what was seen and answers with what to do. The State Manager is decoded and compared, and never
//! counted on, because its positions are overwritten by whoever reports last.

pub mod adopt;
pub mod books;
pub mod configuration;
pub mod coordinator;
pub mod driver;
pub mod journal;
pub mod lock_manager;
pub mod message;
pub mod name;
pub mod network;
pub mod ports;
pub mod probe;
pub mod quantity;
pub mod state_manager;
pub mod token_manager;
pub mod usda;

use std::fmt;

use serde::{Deserialize, Serialize};

/// One of the five processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Takes users' `MintTIM3` and `BurnTIM3`.
    Coordinator,
    /// Keeps a record for each lock of collateral.
    LockManager,
    /// Is the TIM3 token.
    TokenManager,
    /// Is told of positions; advisory.
    StateManager,
    /// Is the collateral token.
    Usda,
}

impl Role {
    /// All, in the order of bringing them up.
    pub const ALL: [Self; 5] =
        [Self::Coordinator, Self::LockManager, Self::TokenManager, Self::StateManager, Self::Usda];
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Coordinator => "Coordinator",
            Self::LockManager => "Lock Manager",
            Self::TokenManager => "Token Manager",
            Self::StateManager => "State Manager",
            Self::Usda => "USDA",
        })
    }
}
