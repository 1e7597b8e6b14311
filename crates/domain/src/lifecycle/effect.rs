//! What a transition asks for.

use serde::{Deserialize, Serialize};

use super::{Fact, Leg};

/// Work for the shell. It is written to the journal with the transition and carried out after that is durable; carrying it out twice is
/// harmless, because gateways execute an order at most once and attesters answer the same request the same way.
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Ask the attesters for the leg's order. Resume with `Signed`.
    Sign(Leg),
    /// Hand the leg's signed order to the submitter. Resume with `Sent`.
    Submit(Leg),
    /// The same after a pause that grows with each time.
    SubmitLater(Leg),
    /// Take the leg's order back from the submitter if it still waits there.
    Withdraw(Leg),
    /// Stop signing for the chain's routes and page: the protocol's assumptions do not hold.
    Halt(Breach),
}

/// A contradiction between what a chain states and what can be true.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Breach {
    /// The phase the operation was in, by name.
    pub phase: String,
    /// What the chain stated.
    pub fact: Fact,
}
