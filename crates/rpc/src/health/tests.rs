use proptest::prelude::*;

use super::*;

const POLICY: Policy = Policy {
    timeout: Duration::from_secs(1),
    round: Duration::from_secs(10),
    stall_after: Duration::from_secs(30),
    max_lag: 5,
    distrust_for: Duration::from_secs(60),
};

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn fleet(count: u32) -> Fleet {
    Fleet::new(POLICY, (0..count).map(|priority| (priority, None)))
}

#[test]
fn the_highest_priority_is_asked_first_and_the_next_after_it() {
    let mut fleet = Fleet::new(POLICY, [(5, None), (1, None), (1, None)]);
    assert_eq!(fleet.pick(at(0), 1, &[]), Pick::Ask(1));
    assert_eq!(fleet.pick(at(0), 1, &[1]), Pick::Ask(2));
    assert_eq!(fleet.pick(at(0), 1, &[1, 2]), Pick::Ask(0));
    assert_eq!(fleet.pick(at(0), 1, &[1, 2, 0]), Pick::Nobody);
}

#[test]
fn an_endpoint_that_does_not_answer_is_asked_last_until_it_answers() {
    let mut fleet = fleet(2);
    fleet.failed(0);
    assert_eq!(fleet.pick(at(9_999), 1, &[]), Pick::Ask(1), "time alone does not bring it back");
    assert_eq!(fleet.pick(at(9_999), 1, &[1]), Pick::Ask(0), "nothing better is left");
    fleet.answered(0);
    assert_eq!(fleet.pick(at(9_999), 1, &[]), Pick::Ask(0));
}

#[test]
fn an_endpoint_that_asked_for_fewer_calls_gets_none_until_then() {
    let mut fleet = fleet(2);
    fleet.limited(0, at(10), Some(at(3)));
    assert_eq!(fleet.pick(at(12), 1, &[]), Pick::Ask(1));
    assert_eq!(fleet.pick(at(12), 1, &[1]), Pick::Nobody);
    assert_eq!(fleet.pick(at(13), 1, &[]), Pick::Ask(0));
}

#[test]
fn the_wait_for_fewer_calls_doubles_and_ends() {
    let mut fleet = fleet(1);
    for (limited_at, until) in [(0, 500), (1_000, 2_000), (5_000, 7_000)] {
        fleet.limited(0, Duration::from_millis(limited_at), None);
        assert_eq!(fleet.grade(0, Duration::from_millis(until - 1)), Grade::Limited);
        assert_eq!(fleet.grade(0, Duration::from_millis(until)), Grade::Good);
    }
    for _ in 0..100 {
        fleet.limited(0, at(100), None);
    }
    assert_eq!(fleet.grade(0, at(100) + LIMITED_CAP), Grade::Good);
}

#[test]
fn a_lie_costs_an_endpoint_its_place_for_a_while() {
    let mut fleet = fleet(2);
    fleet.distrust(0, at(10));
    assert_eq!(fleet.pick(at(69), 1, &[]), Pick::Ask(1));
    fleet.failed(1);
    assert_eq!(fleet.pick(at(69), 1, &[]), Pick::Ask(1), "an endpoint that fails is better than one that lies");
    fleet.answered(1);
    assert_eq!(fleet.pick(at(70), 1, &[]), Pick::Ask(0));
}

#[test]
fn a_head_that_stands_still_while_another_moves_is_stalled() {
    let mut fleet = fleet(2);
    for round in 0..4 {
        fleet.round(&[Some(100), Some(100 + round)], at(round * 10));
        assert_eq!(fleet.grade(0, at(round * 10)), if round < 3 { Grade::Good } else { Grade::Stalled });
    }
    assert_eq!(fleet.pick(at(30), 1, &[]), Pick::Ask(1));
    fleet.round(&[Some(104), Some(104)], at(40));
    assert_eq!(fleet.grade(0, at(40)), Grade::Good);
}

#[test]
fn a_chain_that_stands_still_stalls_nobody() {
    let mut fleet = fleet(2);
    for round in 0..20 {
        fleet.round(&[Some(100), Some(99)], at(round * 10));
    }
    assert_eq!(fleet.grade(0, at(200)), Grade::Good);
    assert_eq!(fleet.grade(1, at(200)), Grade::Good);
}

#[test]
fn a_head_far_from_the_median_is_astray_in_both_directions() {
    let mut fleet = fleet(4);
    fleet.round(&[Some(9_000), Some(100), Some(101), Some(50)], at(10));
    let grades: Vec<_> = (0..4).map(|endpoint| fleet.grade(endpoint, at(10))).collect();
    assert_eq!(grades, [Grade::Astray, Grade::Good, Grade::Good, Grade::Astray]);
}

#[test]
fn two_heads_that_differ_accuse_nobody() {
    let mut fleet = fleet(2);
    fleet.round(&[Some(9_000), Some(100)], at(10));
    assert_eq!(fleet.grade(0, at(10)), Grade::Good);
    assert_eq!(fleet.grade(1, at(10)), Grade::Good);
}

#[test]
fn a_good_endpoint_at_its_rate_is_waited_for_rather_than_passed_over() {
    let rate = Some(Rate { per_second: 10, burst: 1 });
    let mut fleet = Fleet::new(POLICY, [(0, rate), (1, None)]);
    fleet.failed(1);
    assert_eq!(fleet.pick(at(1), 1, &[]), Pick::Ask(0));
    assert_eq!(fleet.pick(at(1), 1, &[]), Pick::Wait(Duration::from_millis(100)));
    fleet.answered(1);
    assert_eq!(fleet.pick(at(1), 1, &[]), Pick::Ask(1), "another good one is asked at once");
}

#[derive(Clone, Debug)]
enum Step {
    Answered(usize),
    Failed(usize),
    Limited(usize),
    Distrust(usize),
    Round(Vec<Option<u64>>),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0_usize..3).prop_map(Step::Answered),
        (0_usize..3).prop_map(Step::Failed),
        (0_usize..3).prop_map(Step::Limited),
        (0_usize..3).prop_map(Step::Distrust),
        prop::collection::vec(prop::option::of(any::<u64>()), 3).prop_map(Step::Round),
    ]
}

proptest! {
    #[test]
    fn whatever_happened_everybody_is_asked_once_again_later(steps in prop::collection::vec((step(), 0_u64..20), 0..60)) {
        let mut fleet = fleet(3);
        let mut now = Duration::ZERO;
        for (step, gap) in steps {
            now += at(gap);
            match step {
                Step::Answered(one) => fleet.answered(one),
                Step::Failed(one) => fleet.failed(one),
                Step::Limited(one) => fleet.limited(one, now, None),
                Step::Distrust(one) => fleet.distrust(one, now),
                Step::Round(heads) => fleet.round(&heads, now),
            }
            let Pick::Ask(first) = fleet.pick(now, 1, &[]) else { continue };
            let best = (0..3).map(|one| fleet.grade(one, now)).min().expect("three");
            prop_assert_eq!(fleet.grade(first, now), best, "the best grade goes first");
        }
        now += LIMITED_CAP;
        let mut asked = Vec::new();
        while let Pick::Ask(one) = fleet.pick(now, 1, &asked) {
            prop_assert!(!asked.contains(&one));
            asked.push(one);
        }
        prop_assert_eq!(asked.len(), 3, "no history disables an endpoint for good");
    }
}
