//! The state machine by example, under hostile input, and in an honest world with faults.

mod honest;
mod hostile;
mod world;

use super::{Effect, Fact, Hold, Input, Leg, Phase, Refusal, Step, apply};

/// Applies `inputs` from `phase`, checking every step against the documented successors; the last phase and all effects.
fn run(phase: Phase, inputs: impl IntoIterator<Item = Input>) -> (Phase, Vec<Effect>) {
    let mut effects = Vec::new();
    let last = inputs.into_iter().fold(phase, |phase, input| {
        let transition = apply(&phase, &input);
        assert!(
            transition.next == phase || phase.can_become(&transition.next),
            "{phase:?} may not become {:?} by {input:?}",
            transition.next
        );
        effects.extend(transition.effects);
        transition.next
    });
    (last, effects)
}

fn facts(facts: impl IntoIterator<Item = Fact>) -> impl Iterator<Item = Input> {
    facts.into_iter().map(Input::Fact)
}

fn voiding(step: Step) -> Phase {
    Phase::Voiding { why: Refusal::TooOld, step }
}

fn dead(was: Phase) -> Phase {
    Phase::DeadLetter { was: Box::new(was), reason: "it reverts".into() }
}

#[test]
fn an_undisturbed_operation_completes() {
    let inputs = facts([Fact::OriginFinal])
        .chain([Input::Admit, Input::Signed(Leg::Settle), Input::Sent(Leg::Settle)])
        .chain(facts([Fact::SettledSeen, Fact::SettledFinal]));
    let (phase, effects) = run(Phase::Observed, inputs);
    assert_eq!(phase, Phase::Completed);
    assert_eq!(effects, [Effect::Sign(Leg::Settle), Effect::Submit(Leg::Settle), Effect::Withdraw(Leg::Settle)]);
}

#[test]
fn a_refused_operation_is_voided_and_only_then_refunded() {
    let inputs = facts([Fact::OriginFinal])
        .chain([
            Input::Hold(Hold::Value),
            Input::Refuse(Refusal::Operator("no".into())),
            Input::Signed(Leg::Void),
            Input::Sent(Leg::Void),
        ])
        .chain(facts([Fact::VoidedSeen]));
    let (phase, effects) = run(Phase::Observed, inputs);
    assert_eq!(phase.name(), "voided");
    assert!(!effects.contains(&Effect::Sign(Leg::Refund)), "a void that is not final was refunded");
    let (phase, effects) = run(phase, facts([Fact::VoidedFinal]));
    assert_eq!(effects, [Effect::Sign(Leg::Refund)]);
    let (phase, _) = run(phase, facts([Fact::RefundedSeen, Fact::RefundedFinal]));
    assert_eq!(phase, Phase::Refunded);
}

#[test]
fn a_lost_void_race_completes_and_takes_the_void_back() {
    for step in [Step::Signing, Step::Authorized, Step::Submitted] {
        let (phase, effects) = run(voiding(step), facts([Fact::SettledSeen]));
        assert_eq!(phase, Phase::SettledIncluded { was: Box::new(voiding(step)) });
        assert_eq!(effects.contains(&Effect::Withdraw(Leg::Void)), step != Step::Signing);
        assert_eq!(run(phase, facts([Fact::SettledFinal])).0, Phase::Completed);
    }
}

#[test]
fn a_race_that_a_reorg_opens_again_goes_on_with_the_void_not_with_the_mint() {
    let (phase, effects) = run(voiding(Step::Submitted), facts([Fact::SettledSeen, Fact::SettledGone]));
    assert_eq!(phase, voiding(Step::Signing));
    assert_eq!(effects, [Effect::Withdraw(Leg::Void), Effect::Sign(Leg::Void)]);
}

#[test]
fn a_reorg_of_what_others_delivered_does_not_pass_a_hold_or_finality() {
    for phase in [Phase::Observed, Phase::Final, Phase::Held(Hold::Value), dead(Phase::Settling(Step::Signing))] {
        for (seen, gone) in [
            (Fact::SettledSeen, Fact::SettledGone),
            (Fact::VoidedSeen, Fact::VoidedGone),
            (Fact::RefundedSeen, Fact::RefundedGone),
        ] {
            assert_eq!(run(phase.clone(), facts([seen, gone])), (phase.clone(), vec![]));
        }
    }
}

#[test]
fn finality_of_the_origin_is_remembered_under_an_outcome_that_a_reorg_takes_away() {
    let (phase, _) = run(Phase::Observed, facts([Fact::SettledSeen, Fact::OriginFinal, Fact::SettledGone]));
    assert_eq!(phase, Phase::Final);
}

#[test]
fn a_final_outcome_that_was_never_seen_included_ends_the_operation_at_once() {
    assert_eq!(run(Phase::Settling(Step::Submitted), facts([Fact::SettledFinal])).0, Phase::Completed);
    assert_eq!(run(voiding(Step::Submitted), facts([Fact::VoidedFinal])).0, Phase::Refunding(Step::Signing));
    assert_eq!(run(Phase::Refunding(Step::Submitted), facts([Fact::RefundedFinal])).0, Phase::Refunded);
}

#[test]
fn a_new_epoch_asks_for_signatures_again_at_every_step() {
    for step in [Step::Signing, Step::Authorized, Step::Submitted] {
        let (phase, effects) = run(Phase::Settling(step), [Input::EpochChanged]);
        assert_eq!(phase, Phase::Settling(Step::Signing));
        assert_eq!(effects.last(), Some(&Effect::Sign(Leg::Settle)));
        assert_eq!(effects.contains(&Effect::Withdraw(Leg::Settle)), step != Step::Signing);
    }
}

#[test]
fn signatures_asked_for_again_after_a_restart_lead_to_a_submission_from_every_step() {
    for step in [Step::Signing, Step::Authorized, Step::Submitted] {
        let (phase, effects) = run(Phase::Refunding(step), [Input::Signed(Leg::Refund)]);
        assert_eq!(phase, Phase::Refunding(Step::Authorized));
        assert_eq!(effects, [Effect::Submit(Leg::Refund)]);
    }
}

#[test]
fn a_retried_dead_letter_starts_again_from_signing() {
    for (was, leg) in [
        (Phase::Settling(Step::Submitted), Leg::Settle),
        (voiding(Step::Authorized), Leg::Void),
        (Phase::Refunding(Step::Submitted), Leg::Refund),
    ] {
        let (phase, effects) = run(was.clone(), [Input::Fail("it reverts".into())]);
        assert_eq!((phase.clone(), effects), (dead(was.clone()), vec![Effect::Withdraw(leg)]));
        let (phase, effects) = run(phase, [Input::Retry]);
        assert_eq!(phase.leg(), Some((leg, Step::Signing)));
        assert_eq!(effects, [Effect::Sign(leg)]);
    }
}

#[test]
fn a_dead_letter_can_be_voided_while_nothing_is_decided() {
    for was in [Phase::Final, Phase::Held(Hold::Limit), Phase::Settling(Step::Submitted)] {
        let (phase, effects) = run(dead(was), [Input::Refuse(Refusal::TooOld)]);
        assert_eq!((phase, effects), (voiding(Step::Signing), vec![Effect::Sign(Leg::Void)]));
    }
    let dead = dead(Phase::Refunding(Step::Signing));
    assert_eq!(run(dead.clone(), [Input::Refuse(Refusal::TooOld)]), (dead, vec![]));
}

#[test]
fn a_dead_letter_leaves_by_what_the_chains_state() {
    let letter = dead(Phase::Settling(Step::Submitted));
    assert_eq!(run(letter.clone(), facts([Fact::SettledSeen, Fact::SettledFinal])).0, Phase::Completed);
    assert_eq!(run(letter, facts([Fact::VoidedSeen, Fact::VoidedFinal])).0, Phase::Refunding(Step::Signing));
    let letter = dead(Phase::Refunding(Step::Submitted));
    assert_eq!(run(letter, facts([Fact::RefundedSeen, Fact::RefundedFinal])).0, Phase::Refunded);
}

#[test]
fn what_no_reorg_explains_halts_and_changes_nothing() {
    use Fact as F;
    let settling = Phase::Settling(Step::Submitted);
    let refunding = Phase::Refunding(Step::Signing);
    for (phase, fact) in [
        (Phase::Final, F::OriginGone),
        (settling.clone(), F::OriginReplaced),
        (Phase::SettledIncluded { was: Box::new(settling.clone()) }, F::OriginGone),
        (Phase::SettledIncluded { was: Box::new(Phase::Observed) }, F::OriginReplaced),
        (Phase::Orphaned { replaced: true }, F::OriginFinal),
        (Phase::Orphaned { replaced: true }, F::SettledSeen),
        (Phase::Completed, F::SettledGone),
        (Phase::Completed, F::VoidedSeen),
        (Phase::Completed, F::RefundedSeen),
        (Phase::Completed, F::OriginReplaced),
        (refunding.clone(), F::SettledSeen),
        (refunding.clone(), F::VoidedGone),
        (dead(refunding.clone()), F::SettledFinal),
        (Phase::RefundedIncluded { was: Box::new(refunding) }, F::SettledSeen),
        (Phase::RefundedIncluded { was: Box::new(settling) }, F::SettledFinal),
        (Phase::Refunded, F::SettledFinal),
        (Phase::Refunded, F::RefundedGone),
    ] {
        let (next, effects) = run(phase.clone(), [Input::Fact(fact)]);
        assert_eq!(next, phase, "{fact:?}");
        assert!(matches!(effects.as_slice(), [Effect::Halt(breach)] if breach.fact == fact), "{phase:?} by {fact:?}");
    }
}
