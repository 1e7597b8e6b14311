use tim3_chain::{BlockRef, Located, TxId};
use tim3_domain::protocol::{Event, EventBody, PositionState};

use super::*;

const HOME: GatewayId = GatewayId(Word([1; 32]));
const B: GatewayId = GatewayId(Word([2; 32]));
const C: GatewayId = GatewayId(Word([3; 32]));

fn backlog() -> Backlog {
    Backlog::new([HOME, B, C].map(|gateway| (gateway, Duration::ZERO)))
}

fn moved(version: u64) -> FinalEvent {
    let position = PositionState {
        market: MarketId(Word([4; 32])),
        owner: Account(Word([5; 32])),
        collateral: version.into(),
        debt: 0,
    };
    let body = EventBody::Withdrawn { position, recipient: Account(Word([5; 32])), amount: 1 };
    let event = Event { sequence: version, timestamp: 0, body };
    FinalEvent::from_journal(HOME, Located { event, block: BlockRef::default(), transaction: TxId("0x".into()) })
}

fn versions(backlog: &Backlog, gateway: GatewayId) -> Vec<u64> {
    backlog.due(gateway, 9).into_iter().map(|(record, _)| record.version).collect()
}

#[test]
fn every_peer_but_the_home_lacks_the_newest_version_only() {
    let mut backlog = backlog();
    for version in [3, 5, 4] {
        backlog.moved(moved(version));
    }
    assert_eq!((versions(&backlog, HOME), versions(&backlog, B), versions(&backlog, C)), (vec![], vec![5], vec![5]));
}

#[test]
fn what_arrived_at_one_gateway_is_still_lacked_by_another() {
    let mut backlog = backlog();
    backlog.moved(moved(3));
    let (record, _) = backlog.due(B, 9).remove(0);
    backlog.carried(B, &record);
    backlog.carried(C, &record);
    assert_eq!(backlog.arrived(B, record.hash()), Some(record));
    backlog.delivered(B, &record);
    assert_eq!((backlog.behind(B), backlog.behind(C)), (0, 1));
    backlog.lost(C, record.hash());
    assert_eq!(versions(&backlog, C), [3], "it is carried again");
}

#[test]
fn what_is_on_its_way_is_not_carried_twice() {
    let mut backlog = backlog();
    backlog.moved(moved(3));
    let (record, _) = backlog.due(B, 9).remove(0);
    backlog.carried(B, &record);
    assert!(versions(&backlog, B).is_empty());
    backlog.moved(moved(4));
    assert_eq!(versions(&backlog, B), [4], "a newer version is another copy");
}

#[test]
fn a_gateways_word_that_it_has_a_copy_counts_when_what_it_rests_on_is_final() {
    let mut backlog = backlog();
    backlog.moved(moved(3));
    let (record, _) = backlog.due(B, 9).remove(0);
    backlog.carried(B, &record);
    assert_eq!(backlog.is_there(B, record.hash(), (10, 8)), None);
    assert_eq!(versions(&backlog, B), [3], "it is asked again");
    backlog.carried(B, &record);
    assert_eq!(backlog.is_there(B, record.hash(), (12, 10)), Some(record));
}
