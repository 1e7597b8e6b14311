//! The transition function.

use super::{Breach, Effect, Fact, Input, Leg, Phase, Refusal, Step};

/// What an input does to a phase.
#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// The phase after it; equal to the one before where the input changes nothing.
    pub next: Phase,
    /// What is to be done, in order.
    pub effects: Vec<Effect>,
}

impl Transition {
    fn to(next: Phase, effects: impl IntoIterator<Item = Effect>) -> Self {
        Self { next, effects: effects.into_iter().collect() }
    }

    fn stay(phase: &Phase) -> Self {
        Self::to(phase.clone(), [])
    }

    fn halt(phase: &Phase, fact: Fact) -> Self {
        Self::to(phase.clone(), [Effect::Halt(Breach { phase: phase.name().to_owned(), fact })])
    }
}

/// The next phase and its effects. Total: an input that means nothing in `phase` changes nothing, and a fact that cannot be true halts.
pub fn apply(phase: &Phase, input: &Input) -> Transition {
    match input {
        Input::Fact(fact) => apply_fact(phase, *fact),
        Input::Admit => match phase {
            Phase::Final | Phase::Held(_) => begin(Leg::Settle, Phase::Settling(Step::Signing)),
            _ => Transition::stay(phase),
        },
        Input::Hold(why) => match phase {
            Phase::Final | Phase::Held(_) => Transition::to(Phase::Held(*why), []),
            _ => Transition::stay(phase),
        },
        Input::Refuse(why) => refuse(phase, why),
        Input::Signed(leg) => advance(phase, *leg, Step::Signing, Step::Authorized, Some(Effect::Submit(*leg))),
        Input::Sent(leg) => advance(phase, *leg, Step::Authorized, Step::Submitted, None),
        Input::Dropped(leg) => advance(phase, *leg, Step::Submitted, Step::Authorized, Some(Effect::Submit(*leg))),
        Input::Deferred(leg) => match phase.leg() {
            Some((current, Step::Authorized | Step::Submitted)) if current == *leg => {
                Transition::to(with_step(phase, Step::Authorized), [Effect::SubmitLater(*leg)])
            }
            _ => Transition::stay(phase),
        },
        Input::EpochChanged => match phase.leg() {
            Some((leg, Step::Authorized | Step::Submitted)) => {
                Transition::to(with_step(phase, Step::Signing), [Effect::Withdraw(leg), Effect::Sign(leg)])
            }
            _ => Transition::stay(phase),
        },
        Input::Fail(reason) => fail(phase, reason),
        Input::Retry => match phase {
            Phase::DeadLetter { was, .. } => resume(was),
            _ => Transition::stay(phase),
        },
    }
}

fn begin(leg: Leg, next: Phase) -> Transition {
    Transition::to(next, [Effect::Sign(leg)])
}

fn with_step(phase: &Phase, step: Step) -> Phase {
    match phase {
        Phase::Settling(_) => Phase::Settling(step),
        Phase::Voiding { why, .. } => Phase::Voiding { why: why.clone(), step },
        Phase::Refunding(_) => Phase::Refunding(step),
        other => other.clone(),
    }
}

fn advance(phase: &Phase, leg: Leg, from: Step, to: Step, effect: Option<Effect>) -> Transition {
    if phase.leg() == Some((leg, from)) {
        Transition::to(with_step(phase, to), effect)
    } else {
        Transition::stay(phase)
    }
}

/// The leg to take back when a phase is left for another reason than its own order.
fn withdraw(phase: &Phase) -> Option<Effect> {
    match phase.leg() {
        Some((leg, Step::Authorized | Step::Submitted)) => Some(Effect::Withdraw(leg)),
        _ => None,
    }
}

fn refuse(phase: &Phase, why: &Refusal) -> Transition {
    let from = match phase {
        Phase::DeadLetter { was, .. } => was,
        other => other,
    };
    match from {
        Phase::Final | Phase::Held(_) | Phase::Settling(_) => {
            let next = Phase::Voiding { why: why.clone(), step: Step::Signing };
            Transition::to(next, withdraw(from).into_iter().chain([Effect::Sign(Leg::Void)]))
        }
        _ => Transition::stay(phase),
    }
}

fn fail(phase: &Phase, reason: &str) -> Transition {
    match phase {
        Phase::Held(_) | Phase::Settling(_) | Phase::Voiding { .. } | Phase::Refunding(_) => {
            let next = Phase::DeadLetter { was: Box::new(phase.clone()), reason: reason.to_owned() };
            Transition::to(next, withdraw(phase))
        }
        _ => Transition::stay(phase),
    }
}

/// Where a dead letter goes on: its leg starts again from signing, which gives the signatures it had.
fn resume(was: &Phase) -> Transition {
    match was.leg() {
        Some((leg, _)) => begin(leg, with_step(was, Step::Signing)),
        None => Transition::stay(was),
    }
}

fn apply_fact(phase: &Phase, fact: Fact) -> Transition {
    match fact {
        Fact::OriginSeen | Fact::OriginFinal | Fact::OriginGone | Fact::OriginReplaced => apply_origin(phase, fact),
        Fact::SettledSeen | Fact::SettledFinal | Fact::SettledGone => apply_settled(phase, fact),
        Fact::VoidedSeen | Fact::VoidedFinal | Fact::VoidedGone => apply_voided(phase, fact),
        Fact::RefundedSeen | Fact::RefundedFinal | Fact::RefundedGone => apply_refunded(phase, fact),
    }
}

fn apply_origin(phase: &Phase, fact: Fact) -> Transition {
    match (phase, fact) {
        (Phase::Orphaned { replaced: false }, Fact::OriginSeen) => Transition::to(Phase::Observed, []),
        (Phase::Orphaned { replaced: false }, Fact::OriginReplaced) => {
            Transition::to(Phase::Orphaned { replaced: true }, [])
        }
        (Phase::Observed, Fact::OriginFinal) => Transition::to(Phase::Final, []),
        (Phase::Observed, Fact::OriginGone) => Transition::to(Phase::Orphaned { replaced: false }, []),
        (Phase::Orphaned { .. }, Fact::OriginGone) | (_, Fact::OriginSeen) => Transition::stay(phase),
        (Phase::Orphaned { .. }, _) => Transition::halt(phase, fact),
        (_, Fact::OriginFinal) => Transition::stay(phase),
        // Whatever rests on the event was below finality only in `Observed`.
        _ => Transition::halt(phase, fact),
    }
}

fn apply_settled(phase: &Phase, fact: Fact) -> Transition {
    match (phase, fact) {
        (Phase::SettledIncluded, Fact::SettledSeen) | (Phase::Completed, Fact::SettledSeen | Fact::SettledFinal) => {
            Transition::stay(phase)
        }
        (Phase::SettledIncluded, Fact::SettledFinal) => Transition::to(Phase::Completed, []),
        (Phase::SettledIncluded, Fact::SettledGone) => begin(Leg::Settle, Phase::Settling(Step::Signing)),
        (Phase::Completed, Fact::SettledGone) => Transition::halt(phase, fact),
        (_, Fact::SettledGone) => Transition::stay(phase),
        (from, Fact::SettledSeen) if from.is_undecided() => Transition::to(Phase::SettledIncluded, withdraw(from)),
        (from, Fact::SettledFinal) if from.is_undecided() => Transition::to(Phase::SettledIncluded, withdraw(from)),
        _ => Transition::halt(phase, fact),
    }
}

fn apply_voided(phase: &Phase, fact: Fact) -> Transition {
    match (phase, fact) {
        (Phase::VoidedIncluded { .. }, Fact::VoidedFinal) => begin(Leg::Refund, Phase::Refunding(Step::Signing)),
        (Phase::VoidedIncluded { why }, Fact::VoidedGone) => {
            begin(Leg::Void, Phase::Voiding { why: why.clone(), step: Step::Signing })
        }
        (Phase::Refunding(_) | Phase::RefundedIncluded | Phase::Refunded, Fact::VoidedGone) => {
            Transition::halt(phase, fact)
        }
        (_, Fact::VoidedGone) => Transition::stay(phase),
        (Phase::VoidedIncluded { .. } | Phase::Refunding(_) | Phase::RefundedIncluded | Phase::Refunded, _) => {
            Transition::stay(phase)
        }
        (Phase::DeadLetter { was, .. }, _) if matches!(**was, Phase::Refunding(_)) => Transition::stay(phase),
        (from, _) if from.is_undecided() => {
            let why = match from {
                Phase::Voiding { why, .. } => why.clone(),
                Phase::DeadLetter { was, .. } => match &**was {
                    Phase::Voiding { why, .. } => why.clone(),
                    _ => Refusal::Elsewhere,
                },
                _ => Refusal::Elsewhere,
            };
            Transition::to(Phase::VoidedIncluded { why }, withdraw(from))
        }
        _ => Transition::halt(phase, fact),
    }
}

fn apply_refunded(phase: &Phase, fact: Fact) -> Transition {
    match (phase, fact) {
        (Phase::RefundedIncluded, Fact::RefundedFinal) => Transition::to(Phase::Refunded, []),
        (Phase::RefundedIncluded, Fact::RefundedGone) => begin(Leg::Refund, Phase::Refunding(Step::Signing)),
        (Phase::RefundedIncluded, _) | (Phase::Refunded, Fact::RefundedSeen | Fact::RefundedFinal) => {
            Transition::stay(phase)
        }
        (Phase::Refunded, _) => Transition::halt(phase, fact),
        (_, Fact::RefundedGone) => Transition::stay(phase),
        (Phase::SettledIncluded | Phase::Completed | Phase::Orphaned { .. }, _) => Transition::halt(phase, fact),
        (from, _) => Transition::to(Phase::RefundedIncluded, withdraw(from)),
    }
}
