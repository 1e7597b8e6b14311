use tim3_domain::{
    identity::{GatewayId, OperationId},
    lifecycle::Leg,
    protocol::{Action, MirrorRecord, Order, OrderContent, PositionState},
    word::Word,
};

use super::*;

fn job(order: OrderRef) -> Job {
    let position = PositionState { market: Word::ZERO.into(), owner: Word::ZERO.into(), collateral: 0, debt: 0 };
    let content = OrderContent::Mirror(MirrorRecord { home: GatewayId::ZERO, position, version: 0 });
    let order_content = Order { action: Action::Mirror, gateway: GatewayId::ZERO, epoch: 0, content };
    Job { order, signed: SignedOrder { order: order_content, signatures: Vec::new() }, reply: mpsc::channel(1).0 }
}

fn leg(number: u128) -> OrderRef {
    OrderRef::Leg(OperationId(Word::from_u128(number)), Leg::Settle)
}

fn mirror(number: u128) -> OrderRef {
    OrderRef::Mirror(Word::from_u128(number))
}

fn orders(jobs: &[Job]) -> Vec<OrderRef> {
    jobs.iter().map(|job| job.order).collect()
}

#[test]
fn orders_leave_in_the_order_they_came_and_mirrors_last() {
    let mut queue = Queue::default();
    for order in [mirror(1), leg(1), leg(2), mirror(2), leg(3)] {
        queue.push(job(order));
    }
    assert_eq!(orders(&queue.take(4)), [leg(1), leg(2), leg(3), mirror(1)]);
    assert_eq!(orders(&queue.take(4)), [mirror(2)]);
    assert!(queue.is_empty());
}

#[test]
fn what_is_put_back_keeps_its_place_before_what_came_later() {
    let mut queue = Queue::default();
    queue.push(job(leg(1)));
    queue.push(job(leg(2)));
    let taken = queue.take(2);
    queue.push(job(leg(3)));
    queue.put_back(taken);
    assert_eq!(orders(&queue.take(9)), [leg(1), leg(2), leg(3)]);
}

#[test]
fn the_same_order_waits_once_and_can_be_withdrawn() {
    let mut queue = Queue::default();
    queue.push(job(leg(1)));
    queue.push(job(leg(1)));
    assert_eq!(queue.len(), 1);
    queue.withdraw(&leg(1));
    queue.withdraw(&leg(1));
    assert!(queue.is_empty());
}

#[test]
fn a_batch_that_fails_as_a_whole_is_halved_until_the_culprit_is_alone() {
    let mut queue = Queue::default();
    for number in 1..=5 {
        queue.push(job(leg(number)));
    }
    let mut size = 5;
    while size > 1 {
        let batch = queue.take(100);
        assert_eq!(batch.len(), size);
        queue.split(batch);
        size /= 2;
    }
    assert_eq!(orders(&queue.take(100)), [leg(1)]);
    assert_eq!(queue.take(100).len(), 4, "the others travel together again");
}
