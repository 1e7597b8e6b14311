//! In an honest world every history ends where the chains ended, is never called a breach, and never waits for nothing.

use proptest::{collection::vec, prelude::*};

use super::world::{Happening, World};
use super::*;

fn any_happening() -> impl Strategy<Value = Happening> {
    use Happening as H;
    let any_leg = || prop_oneof![3 => Just(Leg::Settle), 2 => Just(Leg::Void), 2 => Just(Leg::Refund)];
    prop_oneof![
        3 => prop_oneof![Just(H::OriginReorg), Just(H::OriginIncluded), Just(H::OriginIncluded), Just(H::OriginReplaced)],
        2 => Just(H::OriginFinal),
        4 => any_leg().prop_map(H::Executed),
        2 => Just(H::SlotReorg),
        1 => Just(H::SlotFinal),
        2 => Just(H::RefundReorg),
        1 => Just(H::RefundFinal),
        6 => Just(H::HearOrigin),
        6 => Just(H::HearDestination),
        1 => Just(H::HearOriginTwice),
        1 => Just(H::HearDestinationTwice),
        8 => (0_usize..4).prop_map(H::Work),
        1 => any_leg().prop_map(H::Dropped),
        1 => any_leg().prop_map(H::Deferred),
        1 => Just(H::Epoch),
        3 => Just(H::Admit),
        1 => Just(H::Hold),
        1 => Just(H::Refuse),
        1 => Just(H::Fail),
        1 => Just(H::Retry),
        1 => Just(H::Crash),
    ]
}

proptest! {
    #[test]
    fn every_history_whose_faults_stop_ends_where_the_chains_ended(
        happenings in vec(any_happening(), 0..150),
        event_comes_back: bool,
    ) {
        let mut world = World::new();
        for happening in happenings {
            world.happen(happening);
        }
        world.calm_down(event_comes_back);
        prop_assert_eq!(Some(world.phase.clone()), world.end(), "{:?}", world);
    }
}
