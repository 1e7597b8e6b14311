//! What can happen to an operation.

use serde::{Deserialize, Serialize};

use super::{Hold, Leg, Refusal};

/// One thing that happened. Time is not among them: whoever holds the clock turns it into `Refuse(TooOld)` or a repeated `Submit`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// A chain states something.
    Fact(Fact),
    /// The router lets it pass.
    Admit,
    /// The router or an operator makes it wait.
    Hold(Hold),
    /// It is not to be delivered.
    Refuse(Refusal),
    /// Enough attesters of the executing gateway's current epoch signed the leg's order.
    Signed(Leg),
    /// A transaction with the leg's order is durable and was sent.
    Sent(Leg),
    /// That transaction was dropped or reverted, and cannot be included any more.
    Dropped(Leg),
    /// The gateway delayed or refused the order for now.
    Deferred(Leg),
    /// The executing gateway has other attesters: signatures are void.
    EpochChanged,
    /// It failed for its own reasons, again and again.
    Fail(String),
    /// An operator wants a dead letter to go on.
    Retry,
    /// Another operation holds its slot for good, because a chain broke its finality, and an operator wants it refunded.
    Displaced,
}

/// What a chain states about an operation, in the order of that chain. *Seen* is included, *Final* is final and proved, *Gone* is a reorg of
/// what was included. A fact may be told more than once, and *Seen* and *Gone* may be left out where nobody was looking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// The event is at the origin (again).
    OriginSeen,
    /// The event is final and proved.
    OriginFinal,
    /// The event is no longer at the origin.
    OriginGone,
    /// Another event with its sequence is final.
    OriginReplaced,
    /// Minted or Released.
    SettledSeen,
    /// Minted or Released is final.
    SettledFinal,
    /// Minted or Released is gone.
    SettledGone,
    /// Voided.
    VoidedSeen,
    /// Voided is final and proved.
    VoidedFinal,
    /// Voided is gone.
    VoidedGone,
    /// Refunded.
    RefundedSeen,
    /// Refunded is final.
    RefundedFinal,
    /// Refunded is gone.
    RefundedGone,
}
