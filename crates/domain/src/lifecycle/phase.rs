//! Where an operation stands.

use serde::{Deserialize, Serialize};

use crate::protocol::{Action, OperationKind};

/// A phase; each variant names what may come next, and [`Phase::can_become`] checks it at every persist.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The event is included at the origin. Next: `Final`, `Orphaned`, or what the chains already did.
    Observed,
    /// The event is final and proved. Next: `Settling`, `Held`, `Voiding`, or what the chains already did.
    Final,
    /// A limit or an operator's decision is awaited. Next: `Settling`, `Voiding`, or what the chains already did.
    Held(Hold),
    /// Mint or Release is on its way. Next: its own steps, `SettledIncluded`, `Voiding`, `DeadLetter`, or what the chains already did.
    Settling(Step),
    /// Minted or Released is included. Next: `Completed`; `Settling` when a reorg takes it away.
    SettledIncluded,
    /// Minted or Released is final. Terminal.
    Completed,
    /// The destination's slot is being closed. Next: its own steps, `VoidedIncluded`, `DeadLetter`; `SettledIncluded` when the race is lost.
    Voiding {
        /// Why it is not delivered.
        why: Refusal,
        /// How far the Void order is.
        step: Step,
    },
    /// Voided is included. Next: `Refunding`; `Voiding` when a reorg takes it away.
    VoidedIncluded {
        /// Why it was not delivered.
        why: Refusal,
    },
    /// Voided is final and the origin is to give back. Next: its own steps, `RefundedIncluded`, `DeadLetter`.
    Refunding(Step),
    /// Refunded is included. Next: `Refunded`; `Refunding` when a reorg takes it away.
    RefundedIncluded,
    /// Refunded is final. Terminal.
    Refunded,
    /// A reorg took the event away before it was final. Next: `Observed`. Terminal once `replaced`.
    Orphaned {
        /// Whether another event with its sequence is final.
        replaced: bool,
    },
    /// It keeps failing for its own reasons and blocks nobody. Next: where it was, by retry; `Voiding`; or what the chains did.
    DeadLetter {
        /// Where it was.
        was: Box<Phase>,
        /// Why it stopped, for people.
        reason: String,
    },
}

/// How far an order is on its way to the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Attesters are asked. Next: `Authorized`.
    Signing,
    /// Enough attesters signed. Next: `Submitted`; `Signing` in a new epoch.
    Authorized,
    /// A transaction carries it. Next: `Authorized` when the transaction is dropped, reverted or the order delayed.
    Submitted,
}

/// Which of its three orders an operation waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Leg {
    /// Mint or Release at the destination.
    Settle,
    /// Void at the destination.
    Void,
    /// Refund at the origin.
    Refund,
}

impl Leg {
    /// The order's action for an operation of `kind`.
    #[must_use]
    pub fn action(self, kind: OperationKind) -> Action {
        match (self, kind) {
            (Self::Settle, OperationKind::Redeem) => Action::Release,
            (Self::Settle, OperationKind::Mint | OperationKind::Transfer) => Action::Mint,
            (Self::Void, _) => Action::Void,
            (Self::Refund, _) => Action::Refund,
        }
    }
}

/// Why an operation waits before it is signed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hold {
    /// Its amount is over the value an operator wants to see first.
    Value,
    /// The rolling limit of the daemon is used up.
    Limit,
    /// An operator or an audit breach stopped signing for the asset.
    Paused,
}

/// Why an operation is voided instead of delivered.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// An operator said so, and why.
    Operator(String),
    /// The destination can never execute it, in the gateway's own words.
    Undeliverable(String),
    /// It is older than T_max at the destination.
    TooOld,
    /// Another party voided it; its reason is not known here.
    Elsewhere,
}

impl Phase {
    /// The name people, metrics and the API use.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Observed => "observed",
            Self::Final => "final",
            Self::Held(_) => "held",
            Self::Settling(Step::Signing) => "signing",
            Self::Settling(Step::Authorized) => "authorized",
            Self::Settling(Step::Submitted) => "submitted",
            Self::SettledIncluded => "settled",
            Self::Completed => "completed",
            Self::Voiding { .. } => "voiding",
            Self::VoidedIncluded { .. } => "voided",
            Self::Refunding(_) => "refunding",
            Self::RefundedIncluded => "refund_included",
            Self::Refunded => "refunded",
            Self::Orphaned { .. } => "orphaned",
            Self::DeadLetter { .. } => "dead_letter",
        }
    }

    /// Whether nothing can come after this phase.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        matches!(self, Self::Completed | Self::Refunded | Self::Orphaned { replaced: true })
    }

    /// The order this phase is working on, and how far it is.
    #[must_use]
    pub fn leg(&self) -> Option<(Leg, Step)> {
        match self {
            Self::Settling(step) => Some((Leg::Settle, *step)),
            Self::Voiding { step, .. } => Some((Leg::Void, *step)),
            Self::Refunding(step) => Some((Leg::Refund, *step)),
            _ => None,
        }
    }

    /// Whether the destination's slot is still open as far as this phase knows.
    #[must_use]
    pub fn is_undecided(&self) -> bool {
        match self {
            Self::Observed | Self::Final | Self::Held(_) | Self::Settling(_) | Self::Voiding { .. } => true,
            Self::DeadLetter { was, .. } => was.is_undecided(),
            _ => false,
        }
    }

    /// Whether `next` is among the successors that this phase documents.
    #[must_use]
    pub fn can_become(&self, next: &Self) -> bool {
        use Phase as P;
        if self == next {
            return !self.is_terminal();
        }
        match (self, next) {
            (P::Completed | P::Refunded | P::Orphaned { replaced: true }, _) => false,
            (P::Observed, P::Final | P::Orphaned { .. }) => true,
            (P::Orphaned { replaced: false }, P::Observed | P::Orphaned { replaced: true }) => true,
            (P::Final | P::Held(_), P::Settling(Step::Signing) | P::Held(_)) => true,
            (P::Settling(_), P::Settling(_)) | (P::Voiding { .. }, P::Voiding { .. }) => true,
            (P::Refunding(_), P::Refunding(_)) => true,
            (P::SettledIncluded, P::Completed | P::Settling(Step::Signing)) => true,
            (P::VoidedIncluded { .. }, P::Refunding(Step::Signing) | P::Voiding { .. }) => true,
            (P::RefundedIncluded, P::Refunded | P::Refunding(Step::Signing)) => true,
            (P::Refunding(_) | P::VoidedIncluded { .. }, P::RefundedIncluded) => true,
            (P::DeadLetter { was, .. }, next) if !matches!(next, P::DeadLetter { .. }) => {
                was.can_become(next) || **was == *next
            }
            (from, P::Voiding { .. }) => from.is_undecided() && *from != P::Observed,
            (from, P::SettledIncluded | P::VoidedIncluded { .. } | P::RefundedIncluded) => from.is_undecided(),
            (_, P::DeadLetter { was, .. }) => **was == *self,
            _ => false,
        }
    }
}
