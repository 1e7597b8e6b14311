//! The life of an operation: `apply(phase, input) -> Transition`, pure.
//!
//! ```text
//! Observed ─▶ Final ─▶ Settling(Signing ─▶ Authorized ─▶ Submitted) ─▶ SettledIncluded ─▶ Completed
//!    │          ├─▶ Held ─▶ Settling | Voiding
//!    │          └─▶ Voiding(…) ─▶ VoidedIncluded ─▶ Refunding(…) ─▶ RefundedIncluded ─▶ Refunded
//!    └─▶ Orphaned
//! ```
//!
//! *Included* and *final* are different phases of every outcome: a reorg takes an included outcome back to what was before it, only
//! finality goes on. What a chain states is taken in every phase in which it can be true, in any order between chains, because each chain
//! is followed on its own and somebody else may have delivered. What no reorg and no delay explains is an [`Effect::Halt`].
//!
//! Who drives it: the watcher states [`Fact`]s; the router answers `Final` and `Held` with `Admit`, `Hold` or `Refuse`; attesters and
//! submitter answer [`Effect`]s. After a restart whoever drives it asks for the leg's signatures again ([`Effect::Sign`] of
//! [`Phase::leg`]), unless a transaction that may still be included carries it.

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
