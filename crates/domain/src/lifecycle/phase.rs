//! Where an operation stands.

use serde::{Deserialize, Serialize};

use crate::protocol::{Action, OperationKind};

/// A phase; each variant names what may come next, and [`Phase::can_become`] checks it at every persist.
///
/// An outcome may come from every phase that is not terminal, because somebody else may have delivered, voided or refunded: *outcomes*
/// below are `SettledIncluded`, `Completed`, `VoidedIncluded`, `Refunding`, `RefundedIncluded` and `Refunded`. An included outcome keeps the
/// phase it came over in `was`, which goes on learning what the chains state, and is where a reorg leads back to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The event is included at the origin. Next: `Final`, `Orphaned`, outcomes.
    Observed,
    /// The event is final and proved; the router's word is awaited. Next: `Settling`, `Held`, `Voiding`, `DeadLetter`, outcomes.
    Final,
    /// A limit or an operator's decision is awaited. Next: `Settling`, another `Held`, `Voiding`, `DeadLetter`, outcomes.
    Held(Hold),
    /// Mint or Release is on its way. Next: its own steps, `Voiding`, `DeadLetter`, outcomes.
    Settling(Step),
    /// Minted or Released is included. Next: `Completed`; what it was; `VoidedIncluded`, `Refunding` or `RefundedIncluded` after a reorg
    /// that was not seen as such.
    SettledIncluded {
        /// What a reorg leads back to.
        was: Box<Phase>,
    },
    /// Minted or Released is final. Terminal.
    Completed,
    /// The destination's slot is being closed. Next: its own steps, `DeadLetter`, outcomes (`SettledIncluded` when the race is lost).
    Voiding {
        /// Why it is not delivered.
        why: Refusal,
        /// How far the Void order is.
        step: Step,
    },
    /// Voided is included. Next: `Refunding`; what it was; `SettledIncluded` or `Completed` after a reorg that was not seen as such.
    VoidedIncluded {
        /// What a reorg leads back to.
        was: Box<Phase>,
    },
    /// Voided is final and the origin is to give back. Next: its own steps, `RefundedIncluded`, `Refunded`, `DeadLetter`.
    Refunding(Step),
    /// Refunded is included. Next: `Refunded`; what it was.
    RefundedIncluded {
        /// What a reorg leads back to.
        was: Box<Phase>,
    },
    /// Refunded is final. Terminal.
    Refunded,
    /// A reorg took the event away before it was final here. Next: `Observed`, `Final`, outcomes. Terminal once `replaced`.
    Orphaned {
        /// Whether another event with its sequence is final.
        replaced: bool,
    },
    /// It keeps failing for its own reasons and blocks nobody. Entered from the phases in which the daemon acts (the others only wait
    /// for a chain, and nothing of their own can fail). Next: where it was, by retry, from signing; `Voiding`; outcomes.
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
    /// A transaction carries it. Next: `Authorized` when the transaction is dropped, reverted or the order delayed; `Signing` in a new
    /// epoch.
    Submitted,
}

impl Step {
    /// The name people, metrics and the API use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Signing => "signing",
            Self::Authorized => "authorized",
            Self::Submitted => "submitted",
        }
    }
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
            Self::Settling(step) => step.name(),
            Self::SettledIncluded { .. } => "settled",
            Self::Completed => "completed",
            Self::Voiding { .. } => "voiding",
            Self::VoidedIncluded { .. } => "voided",
            Self::Refunding(_) => "refunding",
            Self::RefundedIncluded { .. } => "refund_included",
            Self::Refunded => "refunded",
            Self::Orphaned { .. } => "orphaned",
            Self::DeadLetter { .. } => "dead_letter",
        }
    }

    /// How far its order is, where the phase's name does not say that.
    #[must_use]
    pub fn step_name(&self) -> Option<&'static str> {
        match self {
            Self::Voiding { step, .. } | Self::Refunding(step) => Some(step.name()),
            _ => None,
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

    /// Whether the event's finality is still to be stated, also where somebody else's outcome is already included.
    #[must_use]
    pub fn awaits_origin(&self) -> bool {
        match self {
            Self::Observed | Self::Orphaned { replaced: false } => true,
            other => other.under().is_some_and(Self::awaits_origin),
        }
    }

    /// The same phase with its order at `step`.
    pub(super) fn at(&self, step: Step) -> Self {
        match self {
            Self::Settling(_) => Self::Settling(step),
            Self::Voiding { why, .. } => Self::Voiding { why: why.clone(), step },
            Self::Refunding(_) => Self::Refunding(step),
            other => other.clone(),
        }
    }

    /// Whether the daemon has something of its own to do, which can fail.
    pub(super) fn acts(&self) -> bool {
        matches!(self, Self::Final | Self::Held(_)) || self.leg().is_some()
    }

    /// Whether the event is final here and nothing was decided: what may still be refused.
    pub(super) fn is_refusable(&self) -> bool {
        matches!(self, Self::Final | Self::Held(_) | Self::Settling(_))
    }

    /// Whether the slot at the destination is closed for good: its Voided is final, or another operation holds it.
    pub(super) fn is_voided(&self) -> bool {
        match self {
            Self::Refunding(_) => true,
            Self::DeadLetter { was, .. } => was.is_voided(),
            _ => false,
        }
    }

    /// What an included outcome came over.
    fn under(&self) -> Option<&Self> {
        match self {
            Self::SettledIncluded { was } | Self::VoidedIncluded { was } | Self::RefundedIncluded { was } => Some(was),
            _ => None,
        }
    }

    /// Whether `next` is among the successors that this phase documents.
    #[must_use]
    pub fn can_become(&self, next: &Self) -> bool {
        use Phase as P;
        if self == next || self.is_terminal() {
            return !self.is_terminal();
        }
        match (self, next) {
            (P::Observed, P::Final | P::Orphaned { .. })
            | (P::Orphaned { .. }, P::Observed | P::Final | P::Orphaned { .. })
            | (P::Final | P::Held(_), P::Settling(Step::Signing) | P::Held(_))
            | (P::Settling(_), P::Settling(_))
            | (P::Refunding(_), P::Refunding(_)) => true,
            (P::Voiding { why, .. }, P::Voiding { why: same, .. }) => why == same,
            (from, P::Voiding { step: Step::Signing, .. }) if from.is_refusable() => true,
            (P::DeadLetter { was, .. }, P::Voiding { step: Step::Signing, .. }) if was.is_refusable() => true,
            (P::DeadLetter { was, .. }, next) if *next == was.at(Step::Signing) => true,
            (from, P::DeadLetter { was, .. }) if from.acts() => **was == *from,
            (from, next) => from.can_reach_outcome(next) || from.can_fall_back(next),
        }
    }

    /// A chain states an outcome over this phase.
    fn can_reach_outcome(&self, next: &Self) -> bool {
        use Phase as P;
        // Settled or voided, included, is a claim that a reorg may turn into the other one.
        let base = if matches!(self, P::RefundedIncluded { .. }) { self } else { self.under().unwrap_or(self) };
        let open = base.is_undecided() || *base == (P::Orphaned { replaced: false });
        match next {
            P::SettledIncluded { was } | P::VoidedIncluded { was } => open && **was == *base,
            P::Completed | P::Refunding(Step::Signing) => open,
            P::RefundedIncluded { was } => **was == *self,
            P::Refunded => true,
            _ => false,
        }
    }

    /// A reorg takes an included outcome away, or what is under it learns something.
    fn can_fall_back(&self, next: &Self) -> bool {
        let Some(was) = self.under() else { return false };
        let same_outcome = std::mem::discriminant(self) == std::mem::discriminant(next);
        *next == was.at(Step::Signing)
            || (same_outcome && next.under().is_some_and(|learned| !learned.is_terminal() && was.can_become(learned)))
    }
}
