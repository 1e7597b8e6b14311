//! Any input in any order: nothing illegal, nothing signed that was not earned.

use proptest::{collection::vec, prelude::*};

use super::*;

const FACTS: [Fact; 13] = [
    Fact::OriginSeen,
    Fact::OriginFinal,
    Fact::OriginGone,
    Fact::OriginReplaced,
    Fact::SettledSeen,
    Fact::SettledFinal,
    Fact::SettledGone,
    Fact::VoidedSeen,
    Fact::VoidedFinal,
    Fact::VoidedGone,
    Fact::RefundedSeen,
    Fact::RefundedFinal,
    Fact::RefundedGone,
];

fn any_leg() -> impl Strategy<Value = Leg> {
    prop_oneof![Just(Leg::Settle), Just(Leg::Void), Just(Leg::Refund)]
}

fn any_input() -> impl Strategy<Value = Input> {
    prop_oneof![
        8 => proptest::sample::select(&FACTS[..]).prop_map(Input::Fact),
        2 => Just(Input::Admit),
        1 => prop_oneof![Just(Hold::Value), Just(Hold::Limit), Just(Hold::Paused)].prop_map(Input::Hold),
        1 => prop_oneof![Just(Refusal::TooOld), Just(Refusal::Elsewhere)].prop_map(Input::Refuse),
        2 => any_leg().prop_map(Input::Signed),
        2 => any_leg().prop_map(Input::Sent),
        1 => any_leg().prop_map(Input::Dropped),
        1 => any_leg().prop_map(Input::Deferred),
        1 => Just(Input::EpochChanged),
        1 => Just(Input::Fail("again and again".into())),
        1 => Just(Input::Retry),
        1 => Just(Input::Displaced),
    ]
}

proptest! {
    #[test]
    fn every_transition_is_among_the_documented_ones_and_terminal_phases_are_never_left(
        inputs in vec(any_input(), 0..120),
    ) {
        let mut phase = Phase::Observed;
        for input in inputs {
            let transition = apply(&phase, &input);
            prop_assert!(
                transition.next == phase || phase.can_become(&transition.next),
                "{:?} may not become {:?} by {:?}", phase, transition.next, input
            );
            if phase.is_terminal() {
                prop_assert_eq!(&transition.next, &phase);
                prop_assert!(transition.effects.iter().all(|effect| matches!(effect, Effect::Halt(_))));
            }
            if transition.effects.iter().any(|effect| matches!(effect, Effect::Halt(_))) {
                prop_assert_eq!(&transition.next, &phase);
                prop_assert_eq!(transition.effects.len(), 1);
            }
            phase = transition.next;
        }
    }

    #[test]
    fn nothing_is_signed_before_what_it_rests_on(inputs in vec(any_input(), 0..120)) {
        let mut phase = Phase::Observed;
        let mut told = Vec::new();
        for input in inputs {
            let transition = apply(&phase, &input);
            told.push(input);
            let origin_final = told.contains(&Input::Fact(Fact::OriginFinal));
            for effect in &transition.effects {
                prop_assert!(match effect {
                    Effect::Sign(Leg::Settle) => origin_final && told.contains(&Input::Admit),
                    Effect::Sign(Leg::Void) => {
                        origin_final && told.iter().any(|input| matches!(input, Input::Refuse(_)))
                    }
                    Effect::Sign(Leg::Refund) => {
                        told.contains(&Input::Fact(Fact::VoidedFinal)) || (origin_final && told.contains(&Input::Displaced))
                    }
                    Effect::Submit(leg) | Effect::SubmitLater(leg) => told.contains(&Input::Signed(*leg)),
                    Effect::Withdraw(_) | Effect::Halt(_) => true,
                }, "{:?} after {:?}", effect, told);
            }
            phase = transition.next;
        }
    }

    #[test]
    fn every_fact_told_twice_in_a_row_is_told_once(inputs in vec(any_input(), 0..60), again in proptest::sample::select(&FACTS[..])) {
        let phase = inputs.iter().fold(Phase::Observed, |phase, input| apply(&phase, input).next);
        let once = apply(&phase, &Input::Fact(again));
        let twice = apply(&once.next, &Input::Fact(again));
        prop_assert_eq!(&twice.next, &once.next);
        prop_assert!(twice.effects.iter().all(|effect| matches!(effect, Effect::Halt(_)) && once.effects.contains(effect)));
    }
}
