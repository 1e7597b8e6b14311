#![expect(unused_must_use, reason = "a test looks at the part of the work it is about")]

use tim3_chain::{BlockRef, FinalEvent, Located, Tips, TxId};
use tim3_domain::{
    identity::{Account, AssetId, GatewayId, MarketId},
    lifecycle::{Effect, Hold, Leg, Phase, Refusal, Step},
    protocol::{Action, Event, EventBody, Operation, OperationKind, OrderContent, Outcome},
    word::Word,
};
use tim3_journal::{Change, OperationRecord};

use super::*;
use crate::{
    news::News,
    settings::{AssetSettings, RollingLimit},
};

const A: GatewayId = GatewayId(Word([1; 32]));
const B: GatewayId = GatewayId(Word([2; 32]));
const ASSET: AssetId = AssetId(Word([3; 32]));

/// A table with two chains, and a journal of what ended.
struct Table {
    operations: Operations,
    ended: Vec<OperationRecord>,
    now_ms: u64,
}

impl Table {
    fn new(value_hold: Option<u128>, limit: Option<RollingLimit>) -> Self {
        let settings = AssetSettings { asset: ASSET, symbol: "TIM3".into(), value_hold, limit, t_max: 3_600 };
        let peers = [(A, "a".to_owned()), (B, "b".to_owned())].into();
        Self { operations: Operations::new(&settings, peers, 0), ended: Vec::new(), now_ms: 0 }
    }

    fn told(
        &mut self,
        gateway: GatewayId,
        height: u64,
        gone: &[Located],
        seen: &[Located],
        finals: &[Located],
    ) -> Work {
        self.told_tiers(gateway, height, Vec::new(), gone, seen, finals)
    }

    fn told_tiers(
        &mut self,
        gateway: GatewayId,
        height: u64,
        tiers: Vec<(u128, BlockRef)>,
        gone: &[Located],
        seen: &[Located],
        finals: &[Located],
    ) -> Work {
        let tips = Tips { head: block(height), finalized: block(height), tiers };
        let finals = finals.iter().map(|located| FinalEvent::from_journal(gateway, located.clone())).collect();
        let news = News { gone: gone.to_vec(), seen: seen.to_vec(), finals, ..News::nothing(gateway, tips) };
        let mut work = Work::default();
        let ended = self.ended.clone();
        let mut archive = |id| ended.iter().find(|record| record.operation.id() == id).cloned();
        self.operations.news(&news, &mut archive, self.now_ms, &mut work);
        self.keep(&work);
        work
    }

    fn keep(&mut self, work: &Work) {
        for change in &work.changes {
            if let tim3_journal::Change::Operation(record) = change
                && record.phase.is_terminal()
            {
                self.ended.push((**record).clone());
            }
        }
    }

    fn phase(&self, operation: &Operation) -> Option<Phase> {
        self.operations.get(operation.id()).map(|entry| entry.record.phase.clone())
    }

    /// The operation is final at its origin.
    fn begin(&mut self, operation: &Operation, sequence: u64) -> Work {
        let event = burned(operation, sequence, 1);
        self.told(A, 1, &[], std::slice::from_ref(&event), std::slice::from_ref(&event))
    }
}

fn block(height: u64) -> BlockRef {
    BlockRef { height, hash: Word::from(height), timestamp: height }
}

fn operation(nonce: u64, amount: u128) -> Operation {
    Operation {
        kind: OperationKind::Transfer,
        origin: A,
        destination: B,
        nonce,
        asset: ASSET,
        market: MarketId::ZERO,
        owner: Account::ZERO,
        actor: Account(Word([5; 32])),
        refund_to: Account(Word([5; 32])),
        recipient: Account(Word([6; 32])),
        amount,
        fee: 0,
        wanted: 0,
        timestamp: 1,
    }
}

fn located(sequence: u64, height: u64, body: EventBody) -> Located {
    let event = Event { sequence, timestamp: height, body };
    Located { event, block: block(height), transaction: TxId(format!("{sequence}@{height}")) }
}

fn burned(operation: &Operation, sequence: u64, height: u64) -> Located {
    located(sequence, height, EventBody::Burned { operation: Box::new(operation.clone()) })
}

fn minted(operation: &Operation, sequence: u64, height: u64) -> Located {
    let outcome = Outcome {
        operation: operation.id(),
        peer: A,
        nonce: operation.nonce,
        asset: ASSET,
        gross: operation.amount,
        fee: 0,
        paid: operation.amount,
        surplus: 0,
    };
    located(sequence, height, EventBody::Minted { outcome, recipient: operation.recipient })
}

fn halted(table: &Table) -> bool {
    table.operations.paused().is_some()
}

#[test]
fn a_pause_is_journaled_and_so_is_its_end() {
    let mut table = Table::new(None, None);
    let mut note = |why: Option<&str>| {
        let mut work = Work::default();
        table.operations.set_paused(why.map(str::to_owned), 0, &mut work);
        work.changes
    };
    let expected = |why: &str| [Change::Note(halt_note(ASSET), why.to_owned())];
    assert_eq!(note(Some("maintenance")), expected("maintenance"));
    assert_eq!(note(None), expected(""), "what is restored is no pause");
}

#[test]
fn a_final_event_is_signed_for_and_a_final_outcome_completes_it() {
    let mut table = Table::new(None, None);
    let operation = operation(0, 100);
    let work = table.begin(&operation, 0);
    assert_eq!(work.effects, [(operation.id(), Effect::Sign(Leg::Settle))]);
    let outcome = minted(&operation, 0, 2);
    table.told(B, 2, &[], std::slice::from_ref(&outcome), &[]);
    assert_eq!(table.phase(&operation).map(|phase| phase.name()), Some("settled"));
    let work = table.told(B, 3, &[], &[], &[outcome]);
    assert_eq!(work.finished, [(operation.id(), Phase::Completed)].into());
    assert_eq!(table.phase(&operation), None, "what ended is in the journal only");
}

#[test]
fn nothing_is_signed_below_the_finality_that_the_amount_asks_for() {
    let mut table = Table::new(None, None);
    let (small, large) = (operation(0, 100), operation(1, 1_000));
    let events = [burned(&small, 0, 5), burned(&large, 1, 5)];
    let work = table.told_tiers(A, 5, vec![(1_000, block(3))], &[], &events, &events);
    assert_eq!(work.effects, [(small.id(), Effect::Sign(Leg::Settle))]);
    assert_eq!(table.phase(&large), Some(Phase::Observed));
    let work = table.told_tiers(A, 7, vec![(1_000, block(5))], &[], &[], &[]);
    assert_eq!(work.effects, [(large.id(), Effect::Sign(Leg::Settle))]);
}

#[test]
fn an_outcome_told_before_its_operation_is_kept_and_applied() {
    let mut table = Table::new(None, None);
    let operation = operation(0, 100);
    let outcome = minted(&operation, 0, 2);
    let work = table.told(B, 2, &[], std::slice::from_ref(&outcome), std::slice::from_ref(&outcome));
    assert!(work.changes.iter().any(|change| matches!(change, tim3_journal::Change::Early(..))));
    let work = table.begin(&operation, 0);
    assert_eq!(work.finished, [(operation.id(), Phase::Completed)].into());
    assert!(work.effects.is_empty(), "nothing is signed for what is done: {:?}", work.effects);
}

#[test]
fn an_operation_that_another_takes_the_place_of_is_orphaned_for_good() {
    let mut table = Table::new(None, None);
    let (old, new) = (operation(0, 100), operation(0, 200));
    let event = burned(&old, 0, 1);
    table.told(A, 0, &[], std::slice::from_ref(&event), &[]);
    table.told(A, 0, &[event], &[], &[]);
    assert_eq!(table.phase(&old), Some(Phase::Orphaned { replaced: false }));
    let work = table.begin(&new, 0);
    assert_eq!(work.finished, [(old.id(), Phase::Orphaned { replaced: true })].into());
    assert_eq!(table.phase(&new), Some(Phase::Settling(Step::Signing)));
    assert!(!halted(&table));
}

#[test]
fn what_another_operation_displaced_stops_signing_and_is_refunded_at_an_operators_word() {
    let (orphan, real) = (operation(0, 100), operation(0, 200));
    let outcome = [minted(&orphan, 0, 2)];
    for orphan_first in [true, false] {
        let mut table = Table::new(None, None);
        if !orphan_first {
            table.begin(&real, 0);
        }
        table.told(B, 2, &[], &outcome, &outcome);
        if orphan_first {
            table.begin(&real, 0);
        }
        assert!(halted(&table), "orphan first: {orphan_first}");
        let mut work = Work::default();
        table.operations.conflict(real.id(), "ops", 0, &mut work).unwrap();
        assert_eq!(work.effects, [(real.id(), Effect::Sign(Leg::Refund))]);
        let market = MarketId(ASSET.0);
        let content =
            OrderContent::Conflict { operation: real.clone(), orphan: orphan.id(), market, orphan_amount: 100 };
        let entry = table.operations.get(real.id()).unwrap();
        assert_eq!(entry.order(Leg::Refund), (Action::Conflict, content));
    }
    let mut table = Table::new(None, None);
    table.begin(&real, 0);
    assert!(table.operations.conflict(real.id(), "ops", 0, &mut Work::default()).is_err(), "nothing holds its slot");
}

#[test]
fn amounts_over_the_hold_wait_and_go_on_with_an_operators_word() {
    let mut table = Table::new(Some(100), None);
    let operation = operation(0, 100);
    assert!(table.begin(&operation, 0).effects.is_empty());
    assert_eq!(table.phase(&operation), Some(Phase::Held(Hold::Value)));
    let mut work = Work::default();
    table.operations.approve(operation.id(), "ops", 0, &mut work).unwrap();
    assert_eq!(work.effects, [(operation.id(), Effect::Sign(Leg::Settle))]);
    assert!(table.operations.approve(operation.id(), "ops", 0, &mut work).is_err(), "it is held no more");
}

/// It stood out when it came; that a number changed since is no reason not to look at it.
#[test]
fn what_is_held_for_its_value_waits_for_its_operator_under_a_higher_hold_too() {
    let limits =
        |value_hold| AssetSettings { asset: ASSET, symbol: "TIM3".into(), value_hold, limit: None, t_max: 3_600 };
    let mut table = Table::new(Some(100), None);
    let (held, next) = (operation(0, 100), operation(1, 100));
    table.begin(&held, 0);
    for value_hold in [Some(200), None] {
        let mut work = Work::default();
        table.operations.set_limits(&limits(value_hold), 0, &mut work);
        assert!(work.effects.is_empty(), "{value_hold:?}");
        assert_eq!(table.phase(&held), Some(Phase::Held(Hold::Value)));
    }
    assert_eq!(table.begin(&next, 1).effects, [(next.id(), Effect::Sign(Leg::Settle))], "what comes is judged anew");
}

#[test]
fn the_rolling_limit_is_spent_in_the_order_of_arrival() {
    let mut table = Table::new(None, Some(RollingLimit { amount: 100, period: 10 }));
    let operations = [operation(0, 100), operation(1, 60), operation(2, 60)];
    for (sequence, operation) in operations.iter().enumerate() {
        table.begin(operation, sequence as u64);
    }
    let mut work = Work::default();
    table.operations.tick(6_000, &mut work);
    let signed: Vec<_> = work.effects.iter().map(|(id, _)| *id).collect();
    let waiting = [operations[1].id(), operations[2].id()];
    assert_eq!(signed.len(), 1, "60 of 100 came back");
    assert!(waiting.contains(&signed[0]));
}

#[test]
fn what_is_older_than_t_max_at_the_destination_is_voided() {
    let mut table = Table::new(None, None);
    let operation = operation(0, 100);
    table.begin(&operation, 0);
    table.told(B, 3_601, &[], &[], &[]);
    let mut work = Work::default();
    table.operations.tick(0, &mut work);
    assert!(work.effects.is_empty(), "not yet");
    table.told(B, 3_602, &[], &[], &[]);
    table.operations.tick(0, &mut work);
    assert_eq!(work.effects, [(operation.id(), Effect::Sign(Leg::Void))]);
    assert_eq!(table.phase(&operation), Some(Phase::Voiding { why: Refusal::TooOld, step: Step::Signing }));
}

#[test]
fn a_hopeless_order_is_voided_and_a_full_window_only_waits() {
    let mut table = Table::new(None, None);
    let (hopeless, delayed) = (operation(0, 100), operation(1, 100));
    for (sequence, operation) in [&hopeless, &delayed].into_iter().enumerate() {
        table.begin(operation, sequence as u64);
        table.operations.signed(operation.id(), Leg::Settle, 2, 0, &mut Work::default());
    }
    let mut work = Work::default();
    table.operations.refused(hopeless.id(), Leg::Settle, "UnknownAsset()", true, 0, &mut work);
    table.operations.refused(delayed.id(), Leg::Settle, "window", false, 0, &mut work);
    assert!(matches!(table.phase(&hopeless), Some(Phase::Voiding { why: Refusal::Undeliverable(_), .. })));
    assert_eq!(table.phase(&delayed), Some(Phase::Settling(Step::Authorized)));
    assert!(work.effects.contains(&(delayed.id(), Effect::SubmitLater(Leg::Settle))));
}

#[test]
fn a_slot_executed_under_another_id_halts_the_asset() {
    let mut table = Table::new(None, None);
    let (real, orphan) = (operation(0, 100), operation(0, 999));
    table.begin(&real, 0);
    let outcome = minted(&orphan, 0, 2);
    table.told(B, 2, &[], std::slice::from_ref(&outcome), std::slice::from_ref(&outcome));
    assert!(halted(&table));
    let next = operation(1, 100);
    table.begin(&next, 1);
    assert_eq!(table.phase(&next), Some(Phase::Held(Hold::Paused)), "nothing more is signed");
}

#[test]
fn a_mint_after_a_refund_halts_the_asset() {
    let mut table = Table::new(None, None);
    let operation = operation(0, 100);
    table.begin(&operation, 0);
    let EventBody::Minted { outcome, .. } = minted(&operation, 0, 2).event.body else { panic!("a mint") };
    let position =
        tim3_domain::protocol::PositionState { market: MarketId::ZERO, owner: Account::ZERO, collateral: 0, debt: 0 };
    let refunded = EventBody::Refunded {
        outcome: Outcome { peer: B, paid: 0, surplus: 100, ..outcome },
        payout: 0,
        refund_to: operation.refund_to,
        position,
    };
    let refunded = located(1, 3, refunded);
    table.told(A, 3, &[], std::slice::from_ref(&refunded), std::slice::from_ref(&refunded));
    assert_eq!(table.phase(&operation), None, "refunded for good");
    let outcome = minted(&operation, 0, 4);
    table.told(B, 4, &[], std::slice::from_ref(&outcome), std::slice::from_ref(&outcome));
    assert!(halted(&table));
}
