use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const FEES: Fees = Fees { max: 10, tip: 1 };
const PATIENCE: Duration = Duration::from_secs(5);

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn synced(mined: u64, pooled: u64) -> Pipeline {
    let mut pipeline = Pipeline::default();
    pipeline.observe(mined, pooled, at(0));
    pipeline
}

#[test]
fn nonces_follow_each_other_without_waiting_for_the_chain() {
    let mut pipeline = synced(7, 7);
    assert_eq!([pipeline.allot(FEES, at(0)), pipeline.allot(FEES, at(0)), pipeline.allot(FEES, at(0))], [7, 8, 9]);
}

#[test]
fn journaled_transactions_keep_their_nonces_after_a_restart() {
    let mut pipeline = Pipeline::default();
    for nonce in [5, 6, 8] {
        pipeline.sent(nonce, FEES, Kind::Sent, at(0));
    }
    pipeline.observe(5, 5, at(0));
    assert_eq!([pipeline.allot(FEES, at(0)), pipeline.allot(FEES, at(0))], [7, 9], "the gap first, then above");
}

#[test]
fn what_waits_in_the_pool_from_elsewhere_is_not_replaced() {
    let mut pipeline = synced(5, 8);
    assert_eq!(pipeline.allot(FEES, at(0)), 8);
    pipeline.observe(5, 6, at(1));
    assert_eq!(pipeline.allot(FEES, at(1)), 6, "what left the pool unmined is free");
}

#[test]
fn an_endless_pool_is_not_believed() {
    let mut pipeline = synced(5, u64::MAX);
    assert_eq!(pipeline.allot(FEES, at(0)), 5 + FOREIGN);
}

#[test]
fn a_lagging_endpoint_does_not_make_mined_nonces_free() {
    let mut pipeline = synced(5, 5);
    pipeline.allot(FEES, at(0));
    pipeline.observe(6, 6, at(1));
    pipeline.observe(5, 5, at(1));
    assert_eq!(pipeline.allot(FEES, at(1)), 6);
}

#[test]
fn a_reorganisation_that_lowers_the_nonce_is_believed_when_it_stays() {
    let mut pipeline = synced(9, 9);
    for _ in 0..LOWER_READINGS {
        pipeline.observe(6, 6, at(1));
    }
    assert_eq!(pipeline.allot(FEES, at(1)), 6);
}

#[test]
fn a_nonce_that_was_never_sent_and_holds_others_up_is_named_after_a_while() {
    let mut pipeline = synced(5, 5);
    let [first, second] = [pipeline.allot(FEES, at(0)), pipeline.allot(FEES, at(0))];
    assert_eq!(pipeline.gap(at(0), PATIENCE), None, "nobody is held up");
    pipeline.sent(second, FEES, Kind::Sent, at(1));
    assert_eq!(pipeline.gap(at(1), PATIENCE), None);
    assert_eq!(pipeline.gap(at(5), PATIENCE), None);
    assert_eq!(pipeline.gap(at(6), PATIENCE), Some(first));
    pipeline.sent(first, FEES, Kind::Filler, at(6));
    assert_eq!(pipeline.gap(at(99), PATIENCE), None);
    assert_eq!(pipeline.old_fillers(at(99), PATIENCE).len(), 1);
}

#[test]
fn a_missing_nonce_is_named_too_unless_an_order_takes_it() {
    let mut pipeline = Pipeline::default();
    pipeline.sent(6, FEES, Kind::Sent, at(0));
    pipeline.observe(5, 5, at(0));
    assert_eq!(pipeline.gap(at(0), PATIENCE), None);
    assert_eq!(pipeline.gap(at(5), PATIENCE), Some(5));
    assert_eq!(pipeline.allot(FEES, at(5)), 5);
    pipeline.sent(5, FEES, Kind::Sent, at(5));
    assert_eq!(pipeline.gap(at(50), PATIENCE), None);
}

#[test]
fn sending_the_same_again_restarts_no_clock_and_a_dearer_one_does() {
    let mut pipeline = synced(5, 5);
    let nonce = pipeline.allot(FEES, at(0));
    let since = |pipeline: &Pipeline| pipeline.get(nonce).map(|slot| slot.since);
    pipeline.sent(nonce, FEES, Kind::Sent, at(1));
    pipeline.sent(nonce, FEES, Kind::Sent, at(9));
    assert_eq!(since(&pipeline), Some(at(1)));
    pipeline.sent(nonce, Fees { max: 11, tip: 2 }, Kind::Sent, at(10));
    assert_eq!(since(&pipeline), Some(at(10)));
}

#[test]
fn what_is_refused_is_not_late_and_what_is_accepted_at_last_is_late_from_then_on() {
    let mut pipeline = synced(5, 5);
    let nonce = pipeline.allot(FEES, at(0));
    let slot = |pipeline: &Pipeline| pipeline.get(nonce).map(|slot| (slot.answer, slot.since));
    pipeline.refused(nonce, Answer::Refused);
    pipeline.pooled(nonce);
    assert_eq!(slot(&pipeline), Some((Answer::Refused, at(0))), "what a pool has is another one of this nonce");
    pipeline.accepted(nonce, FEES, Kind::Sent, at(60));
    pipeline.accepted(nonce, FEES, Kind::Sent, at(70));
    assert_eq!(slot(&pipeline), Some((Answer::Accepted, at(60))));
    pipeline.sent(nonce, FEES, Kind::Sent, at(80));
    assert_eq!(slot(&pipeline), Some((Answer::Accepted, at(60))), "a pool has it, whatever became of these bytes");
    pipeline.replaced(nonce, Fees { max: 11, tip: 2 }, at(90));
    assert_eq!(slot(&pipeline), Some((Answer::Open, at(90))), "nobody has seen the dearer one");
    pipeline.pooled(nonce);
    assert_eq!(slot(&pipeline), Some((Answer::Accepted, at(90))));
}

#[derive(Clone, Debug)]
enum Step {
    Allot,
    Send(usize),
    Release(usize),
    Mine,
}

proptest! {
    #[test]
    fn no_nonce_is_allotted_twice_while_its_transaction_may_be_included(
        start in 0_u64..100,
        steps in prop::collection::vec(prop_oneof![
            Just(Step::Allot), (0_usize..8).prop_map(Step::Send), (0_usize..8).prop_map(Step::Release), Just(Step::Mine)
        ], 0..120)
    ) {
        let mut pipeline = synced(start, start);
        let (mut live, mut sent) = (BTreeSet::new(), BTreeSet::new());
        let mut mined = start;
        for (second, step) in steps.into_iter().enumerate() {
            let now = at(second as u64);
            match step {
                Step::Allot => {
                    let nonce = pipeline.allot(FEES, now);
                    prop_assert!(nonce >= mined);
                    prop_assert!((mined..nonce).all(|lower| live.contains(&lower)), "gaps are filled first");
                    prop_assert!(live.insert(nonce), "{} was allotted twice", nonce);
                }
                Step::Send(index) => if let Some(nonce) = live.iter().copied().nth(index) {
                    pipeline.sent(nonce, FEES, Kind::Sent, now);
                    sent.insert(nonce);
                },
                Step::Release(index) => if let Some(nonce) = live.iter().copied().filter(|nonce| !sent.contains(nonce)).nth(index) {
                    pipeline.release(nonce);
                    live.remove(&nonce);
                },
                Step::Mine => if sent.contains(&mined) {
                    live.remove(&mined);
                    mined += 1;
                    pipeline.observe(mined, mined, now);
                },
            }
        }
        // Whatever is left, the fillers close every gap below a sent transaction.
        for round in 0..200 {
            if let Some(nonce) = pipeline.gap(at(10_000 + round * 10), PATIENCE) {
                pipeline.sent(nonce, FEES, Kind::Filler, at(10_000));
                sent.insert(nonce);
            }
        }
        if let Some(highest) = sent.iter().copied().filter(|nonce| *nonce >= mined).max() {
            prop_assert!((mined..highest).all(|nonce| sent.contains(&nonce)), "a gap is left below {}", highest);
        }
    }
}
