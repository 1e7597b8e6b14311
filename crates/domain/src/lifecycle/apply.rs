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

/// The next phase and its effects. Total: an input that means nothing in `phase` changes nothing.
///
/// Facts of one chain come in the order of that chain, each perhaps more than once; between chains there is no order, and a reorg may
/// have happened unseen. So an *included* outcome is a claim that any later one replaces. What is final is not: only facts that no reorg
/// and no delay explain are a [`Breach`], which changes nothing and halts.
pub fn apply(phase: &Phase, input: &Input) -> Transition {
    match input {
        Input::Fact(fact) => apply_fact(phase, *fact),
        Input::Admit => match phase {
            Phase::Final | Phase::Held(_) => sign(Leg::Settle, Phase::Settling(Step::Signing)),
            _ => Transition::stay(phase),
        },
        Input::Hold(why) => match phase {
            Phase::Final | Phase::Held(_) => Transition::to(Phase::Held(*why), []),
            _ => Transition::stay(phase),
        },
        Input::Refuse(why) => refuse(phase, why),
        Input::Signed(leg) | Input::Sent(leg) | Input::Dropped(leg) | Input::Deferred(leg) => match phase.leg() {
            Some((current, step)) if current == *leg => advance(phase, *leg, step, input),
            _ => Transition::stay(phase),
        },
        Input::EpochChanged => match phase.leg() {
            Some((leg, _)) => {
                Transition::to(phase.at(Step::Signing), withdraw(phase).into_iter().chain([Effect::Sign(leg)]))
            }
            None => Transition::stay(phase),
        },
        Input::Fail(reason) if phase.acts() => {
            let next = Phase::DeadLetter { was: Box::new(phase.clone()), reason: reason.clone() };
            Transition::to(next, withdraw(phase))
        }
        Input::Fail(_) => Transition::stay(phase),
        Input::Retry => match phase {
            Phase::DeadLetter { was, .. } => resume(was),
            _ => Transition::stay(phase),
        },
        Input::Displaced if phase.is_undecided() && *phase != Phase::Observed => refund(phase),
        Input::Displaced => Transition::stay(phase),
    }
}

fn sign(leg: Leg, next: Phase) -> Transition {
    Transition::to(next, [Effect::Sign(leg)])
}

/// The order of the phase's own leg goes a step on or back.
fn advance(phase: &Phase, leg: Leg, step: Step, input: &Input) -> Transition {
    match (step, input) {
        // From every step: after a restart signatures are asked for again, wherever the order was.
        (_, Input::Signed(_)) | (Step::Submitted, Input::Dropped(_)) => {
            Transition::to(phase.at(Step::Authorized), [Effect::Submit(leg)])
        }
        (Step::Authorized, Input::Sent(_)) => Transition::to(phase.at(Step::Submitted), []),
        (Step::Authorized | Step::Submitted, Input::Deferred(_)) => {
            Transition::to(phase.at(Step::Authorized), [Effect::SubmitLater(leg)])
        }
        _ => Transition::stay(phase),
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
    if !from.is_refusable() {
        return Transition::stay(phase);
    }
    let next = Phase::Voiding { why: why.clone(), step: Step::Signing };
    Transition::to(next, withdraw(phase).into_iter().chain([Effect::Sign(Leg::Void)]))
}

/// Where a dead letter, or an outcome that a reorg took away, goes on: its leg starts again from signing, which gives the signatures it
/// had.
fn resume(was: &Phase) -> Transition {
    match was.leg() {
        Some((leg, _)) => sign(leg, was.at(Step::Signing)),
        None => Transition::stay(was),
    }
}

fn apply_fact(phase: &Phase, fact: Fact) -> Transition {
    match fact {
        Fact::OriginSeen | Fact::OriginFinal | Fact::OriginGone | Fact::OriginReplaced => apply_origin(phase, fact),
        Fact::SettledSeen
        | Fact::SettledFinal
        | Fact::SettledGone
        | Fact::VoidedSeen
        | Fact::VoidedFinal
        | Fact::VoidedGone => apply_destination(phase, fact),
        Fact::RefundedSeen | Fact::RefundedFinal | Fact::RefundedGone => apply_refund(phase, fact),
    }
}

/// What is under an included outcome learns a fact: its next phase, without the work it asks for, which falls due when a reorg leads back.
fn learn(phase: &Phase, was: &Phase, fact: Fact, wrap: fn(Box<Phase>) -> Phase) -> Transition {
    let Transition { next, effects } = apply_fact(was, fact);
    if next.is_terminal() || effects.iter().any(|effect| matches!(effect, Effect::Halt(_))) {
        return Transition::halt(phase, fact);
    }
    Transition::to(wrap(Box::new(next)), [])
}

fn settled(was: Box<Phase>) -> Phase {
    Phase::SettledIncluded { was }
}

fn voided(was: Box<Phase>) -> Phase {
    Phase::VoidedIncluded { was }
}

fn refunded(was: Box<Phase>) -> Phase {
    Phase::RefundedIncluded { was }
}

fn apply_origin(phase: &Phase, fact: Fact) -> Transition {
    use Phase as P;
    match (phase, fact) {
        (P::SettledIncluded { was }, _) => learn(phase, was, fact, settled),
        (P::VoidedIncluded { was }, _) => learn(phase, was, fact, voided),
        (P::RefundedIncluded { was }, _) => learn(phase, was, fact, refunded),
        (P::Orphaned { replaced: false }, Fact::OriginSeen) => Transition::to(P::Observed, []),
        (P::Observed | P::Orphaned { replaced: false }, Fact::OriginFinal) => Transition::to(P::Final, []),
        (P::Observed | P::Orphaned { replaced: false }, Fact::OriginGone) => {
            Transition::to(P::Orphaned { replaced: false }, [])
        }
        (P::Observed | P::Orphaned { replaced: false }, Fact::OriginReplaced) => {
            Transition::to(P::Orphaned { replaced: true }, [])
        }
        (P::Orphaned { replaced: true }, Fact::OriginFinal) => Transition::halt(phase, fact),
        (P::Orphaned { replaced: true }, _) | (_, Fact::OriginSeen | Fact::OriginFinal) => Transition::stay(phase),
        // A final outcome proves that the event was final, though perhaps not yet to the endpoint asked here.
        (P::Completed | P::Refunded, Fact::OriginGone) => Transition::stay(phase),
        (voided, Fact::OriginGone) if voided.is_voided() => Transition::stay(phase),
        _ => Transition::halt(phase, fact),
    }
}

/// What the destination states about its slot.
fn apply_destination(phase: &Phase, fact: Fact) -> Transition {
    use Phase as P;
    match (phase, fact) {
        (P::RefundedIncluded { was }, _) => learn(phase, was, fact, refunded),
        (P::SettledIncluded { was }, Fact::SettledGone) | (P::VoidedIncluded { was }, Fact::VoidedGone) => resume(was),
        (P::SettledIncluded { .. }, Fact::SettledSeen) | (P::VoidedIncluded { .. }, Fact::VoidedSeen) => {
            Transition::stay(phase)
        }
        (P::SettledIncluded { was } | P::VoidedIncluded { was }, _) => decide(phase, was, fact),
        (P::Completed, Fact::SettledSeen | Fact::SettledFinal | Fact::VoidedGone)
        | (P::Orphaned { replaced: true }, Fact::SettledGone | Fact::VoidedGone) => Transition::stay(phase),
        (voided, Fact::VoidedSeen | Fact::VoidedFinal | Fact::SettledGone) if voided.is_voided() => {
            Transition::stay(phase)
        }
        // A final refund proves that the void was final, though perhaps not yet to the endpoint asked here.
        (P::Refunded, fact) if fact != Fact::SettledFinal => Transition::stay(phase),
        (P::Completed | P::Refunded | P::Orphaned { replaced: true }, _) => Transition::halt(phase, fact),
        (voided, _) if voided.is_voided() => Transition::halt(phase, fact),
        _ => decide(phase, phase, fact),
    }
}

/// The destination states an outcome over `was`, which may still have any.
fn decide(phase: &Phase, was: &Phase, fact: Fact) -> Transition {
    let was = Box::new(was.clone());
    match fact {
        Fact::SettledSeen => Transition::to(settled(was), withdraw(phase)),
        Fact::VoidedSeen => Transition::to(voided(was), withdraw(phase)),
        Fact::SettledFinal => Transition::to(Phase::Completed, withdraw(phase)),
        Fact::VoidedFinal => refund(phase),
        _ => Transition::stay(phase),
    }
}

/// The slot is closed for good: what was locked or burned is given back.
fn refund(phase: &Phase) -> Transition {
    let effects = withdraw(phase).into_iter().chain([Effect::Sign(Leg::Refund)]);
    Transition::to(Phase::Refunding(Step::Signing), effects)
}

/// What the origin states about giving back.
fn apply_refund(phase: &Phase, fact: Fact) -> Transition {
    use Phase as P;
    match (phase, fact) {
        (P::RefundedIncluded { was }, Fact::RefundedGone) => resume(was),
        (P::RefundedIncluded { .. } | P::Refunded, Fact::RefundedSeen) | (P::Refunded, Fact::RefundedFinal) => {
            Transition::stay(phase)
        }
        (P::Refunded, _) => Transition::halt(phase, fact),
        (_, Fact::RefundedGone) => Transition::stay(phase),
        (P::Completed | P::Orphaned { replaced: true }, _) => Transition::halt(phase, fact),
        (_, Fact::RefundedFinal) => Transition::to(P::Refunded, withdraw(phase)),
        _ => Transition::to(refunded(Box::new(phase.clone())), withdraw(phase)),
    }
}
