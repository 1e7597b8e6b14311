use tim3_chain::{FinalEvent, Located, Skip, Tips};
use tim3_domain::{
    identity::{Account, GatewayId, OperationId},
    protocol::{Event, EventBody},
};

use super::*;

const GATEWAY: GatewayId = GatewayId(Word([1; 32]));
const OPERATION: OperationId = OperationId(Word([2; 32]));
const SETTLE: OrderRef = OrderRef::Leg(OPERATION, Leg::Settle);

fn block(height: u64) -> BlockRef {
    BlockRef { height, hash: Word::from_u128(height.into()), timestamp: height }
}

fn transaction(id: &str, replaces: Option<&str>) -> Transaction {
    Transaction { id: TxId(id.into()), raw: Vec::new(), nonce: 0, replaces: replaces.map(|id| TxId(id.into())) }
}

/// A transaction as an earlier run of the daemon left it in the journal: its jobs are gone.
fn restored() -> Flights {
    let mut flights = Flights::default();
    flights.add(transaction("t", None), vec![(SETTLE, None)]);
    flights
}

fn news(finalized: u64) -> News {
    let tips = Tips { head: block(finalized + 4), finalized: block(finalized), tiers: Vec::new() };
    News::nothing(GATEWAY, tips)
}

fn event(height: u64) -> Located {
    let body = EventBody::TreasurySet { treasury: Account::ZERO };
    let event = Event { sequence: 0, timestamp: 0, body };
    Located { event, block: block(height), transaction: TxId("t".into()) }
}

fn full_window(height: u64) -> Skip {
    Skip {
        transaction: TxId("t".into()),
        block: block(height),
        content: OPERATION.0,
        action: Action::Mint,
        code: OrderCode::Delayed,
        reason: "WindowFull()".into(),
    }
}

fn fates(told: &Told) -> Vec<&Fate> {
    told.reports.iter().map(|(_, _, fate)| fate).collect()
}

const STUCK: Duration = Duration::from_secs(30);

#[test]
fn a_skip_is_told_although_the_transaction_was_found_included_before_the_news() {
    let mut flights = restored();
    let state = TransactionState::Included(block(9));
    assert!(matches!(flights.judge(&transaction("t", None), &state, STUCK), Judgement::Wait));
    let told = flights.news(&News { skips: vec![full_window(9)], ..news(5) });
    assert!(matches!(fates(&told)[..], [Fate::Refused { .. }]), "{told:?}");
    let told = flights.news(&News { skips: vec![full_window(9)], ..news(6) });
    assert!(told.reports.is_empty(), "told twice: {told:?}");
}

#[test]
fn what_a_final_transaction_carried_is_told_once_more_and_the_transaction_forgotten() {
    let mut flights = restored();
    let told = flights.news(&News { seen: vec![event(9)], ..news(5) });
    assert!(matches!(fates(&told)[..], [Fate::Included(_)]), "{told:?}");
    let told = flights.news(&News { finals: vec![FinalEvent::from_journal(GATEWAY, event(9))], ..news(9) });
    assert!(matches!(fates(&told)[..], [Fate::Final(_)]), "{told:?}");
    assert_eq!(told.done, [TxId("t".into())]);
    assert_eq!(flights.transactions().count(), 0);
}

#[test]
fn a_transaction_without_an_event_is_asked_for_before_it_counts_as_final() {
    let mut flights = restored();
    flights.news(&News { skips: vec![full_window(9)], ..news(5) });
    assert!(flights.silent(Duration::ZERO).is_empty());
    let told = flights.news(&news(9));
    assert!(told.done.is_empty());
    assert_eq!(flights.silent(Duration::ZERO), [transaction("t", None)]);
    // A reorg took it away: it is sent again, and whatever comes of it then is told.
    let judgement = flights.judge(&transaction("t", None), &TransactionState::Unknown, STUCK);
    assert!(matches!(judgement, Judgement::Resend));
    let told = flights.news(&News { seen: vec![event(11)], ..news(10) });
    assert!(matches!(fates(&told)[..], [Fate::Included(_)]), "{told:?}");
}

#[test]
fn one_that_became_final_before_the_daemon_began_is_ended_by_its_state() {
    let mut flights = restored();
    flights.news(&news(20));
    let judgement = flights.judge(&transaction("t", None), &TransactionState::Included(block(9)), STUCK);
    let Judgement::Final(told) = judgement else { panic!("{judgement:?}") };
    assert!(matches!(fates(&told)[..], [Fate::Final(_)]), "{told:?}");
    assert_eq!(told.done.len(), 1);
}

#[test]
fn of_a_transaction_and_its_replacement_one_speaks_for_the_orders() {
    let mut flights = restored();
    assert_eq!(flights.replace(&transaction("t", None), &transaction("u", Some("t"))), [SETTLE]);
    flights.news(&News { seen: vec![event(9)], ..news(5) });
    let told = flights.news(&News { finals: vec![FinalEvent::from_journal(GATEWAY, event(9))], ..news(9) });
    assert!(matches!(fates(&told)[..], [Fate::Final(_)]), "{told:?}");
    assert_eq!(told.done.len(), 2);
}

#[test]
fn a_transaction_is_lost_when_its_nonce_is_used_and_there_is_no_receipt_twice_in_a_row() {
    let mut flights = restored();
    let lost = transaction("t", None);
    let mut judge = |state| flights.judge(&lost, &state, STUCK);
    assert!(matches!(judge(TransactionState::Dead), Judgement::Wait));
    assert!(matches!(judge(TransactionState::Pending), Judgement::Wait));
    assert!(matches!(judge(TransactionState::Dead), Judgement::Wait));
    assert!(matches!(judge(TransactionState::Dead), Judgement::Lost { .. }));
}
