//! A complete TIM3 gateway as a value: `contracts/PROTOCOL.md` sections 3 to 8, without a chain around it.
//!
//! [`Gateway::apply`] is a pure function of the state, the call, its caller and the time. A refused call changes nothing. A clone is cheap
//! and shares what it can with its source, so a chain keeps one per block and a reorg is an assignment.
//!
//! Token contracts are part of the state: balances are what the tokens say, totals what the gateway counted.

mod admin;
mod call;
mod ledger;
mod liquidation;
mod orders;
mod outbox;
mod positions;
mod reject;
mod session;
mod signatures;
mod state;
mod table;
#[cfg(test)]
mod tests;
mod user;

pub use call::{Admin, Call, KeeperAction, Outside, Terms};
pub use reject::Reject;
pub use session::{Answer, Receipt};
pub use state::{Asset, Controller, Feed, Gateway, Market};
