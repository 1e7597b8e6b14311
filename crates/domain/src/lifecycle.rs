//! The life of an operation: `apply(phase, input) -> Transition`, pure.
//!
//! ```text
//! Observed ─▶ Final ─▶ Settling(Signing ─▶ Authorized ─▶ Submitted) ─▶ SettledIncluded ─▶ Completed
//!    │          ├─▶ Held ─▶ Settling | Voiding
//!    │          └─▶ Voiding(…) ─▶ VoidedIncluded ─▶ Refunding(…) ─▶ RefundedIncluded ─▶ Refunded
//!    └─▶ Orphaned
//! ```
//!
//! *Included* and *final* are different phases of every outcome: a reorg takes an included outcome back one phase, only finality goes on.
//! What a chain states (an outcome, its finality, its disappearance) is taken from every phase in which it can be true, in any order
//! between chains, because each chain is followed on its own. What contradicts the protocol itself is an [`Effect::Halt`].

mod apply;
mod effect;
mod input;
mod phase;

#[cfg(test)]
mod tests;

pub use apply::{Transition, apply};
pub use effect::{Breach, Effect};
pub use input::{Fact, Input};
pub use phase::{Hold, Leg, Phase, Refusal, Step};
