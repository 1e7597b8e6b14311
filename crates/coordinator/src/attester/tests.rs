use std::sync::Arc;

use k256::ecdsa::{RecoveryId, Signature as Ecdsa, VerifyingKey};
use tim3_chain::{BlockRef, Evidence, FinalEvent, Located, LostPayout, OpenSlot, TxId};
use tim3_domain::{
    identity::{Account, AssetId, GatewayId, MarketId, OperationId},
    lifecycle::Refusal,
    protocol::{
        Action, Event, EventBody, MirrorRecord, Operation, OperationKind, Order, OrderContent, Outcome, PositionState,
    },
    word::{Word, keccak_bytes},
};
use tim3_journal::RedbJournal;

use super::*;
use crate::attestation::Attesters;
use tim3_chain::AttesterSet;

const HOME: GatewayId = GatewayId(Word([1; 32]));
const AWAY: GatewayId = GatewayId(Word([2; 32]));

fn operation(kind: OperationKind, nonce: u64, amount: u128) -> Operation {
    Operation {
        kind,
        origin: HOME,
        destination: AWAY,
        nonce,
        asset: AssetId(Word([3; 32])),
        market: MarketId(Word([4; 32])),
        owner: Account(Word([4; 32])),
        actor: Account(Word([5; 32])),
        refund_to: Account(Word([5; 32])),
        recipient: Account(Word([6; 32])),
        amount,
        fee: 0,
        wanted: amount,
        timestamp: 1_000,
    }
}

fn position() -> PositionState {
    PositionState { market: MarketId(Word([4; 32])), owner: Account(Word([4; 32])), collateral: 100, debt: 100 }
}

fn proved(gateway: GatewayId, sequence: u64, body: EventBody) -> Box<FinalEvent> {
    let event = Event { sequence, timestamp: 1_000, body };
    let located = Located { event, block: BlockRef::default(), transaction: TxId("0x".into()) };
    Box::new(FinalEvent::from_journal(gateway, located))
}

fn started(operation: &Operation) -> Box<FinalEvent> {
    let body = if operation.kind == OperationKind::Mint {
        EventBody::Locked {
            position: position(),
            actor: operation.actor,
            collateral: 0,
            minted: 0,
            recipient: Account::ZERO,
            operation: Some(Box::new(operation.clone())),
        }
    } else {
        EventBody::Burned { operation: Box::new(operation.clone()) }
    };
    proved(operation.origin, 7, body)
}

fn voided(operation: &Operation, id: OperationId, gross: u128) -> Box<FinalEvent> {
    let outcome = Outcome {
        operation: id,
        peer: operation.origin,
        nonce: operation.nonce,
        asset: operation.asset,
        gross,
        fee: 0,
        paid: 0,
        surplus: 0,
    };
    proved(operation.destination, 9, EventBody::Voided { outcome, kind: operation.kind })
}

/// The destination minted for an operation.
fn done(operation: &Operation) -> Box<FinalEvent> {
    let outcome = Outcome {
        operation: operation.id(),
        peer: operation.origin,
        nonce: operation.nonce,
        asset: operation.asset,
        gross: operation.amount,
        fee: 0,
        paid: operation.amount,
        surplus: 0,
    };
    proved(operation.destination, 9, EventBody::Minted { outcome, recipient: operation.recipient })
}

fn conflict(operation: &Operation, orphan: &Operation, orphan_amount: u128) -> Order {
    let (market, orphan, operation) = (operation.market, orphan.id(), operation.clone());
    let content = OrderContent::Conflict { operation, orphan, market, orphan_amount };
    Order { action: Action::Conflict, gateway: HOME, epoch: 1, content }
}

fn order(action: Action, gateway: GatewayId, epoch: u64, operation: &Operation) -> Order {
    Order { action, gateway, epoch, content: OrderContent::Operation(operation.clone()) }
}

fn mint(operation: &Operation, epoch: u64) -> AttestRequest {
    AttestRequest { order: order(Action::Mint, AWAY, epoch, operation), evidence: Evidence::Event(started(operation)) }
}

fn attester(secret: u8) -> (LocalAttester, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let journal = Arc::new(RedbJournal::open(&directory.path().join("journal")).unwrap());
    (LocalAttester::new(&[secret; 32], journal).unwrap(), directory)
}

fn recovered(digest: Word, signature: &Signature) -> [u8; 20] {
    let recovery = RecoveryId::from_byte(signature[64] - 27).unwrap();
    let parsed = Ecdsa::from_slice(&signature[..64]).unwrap();
    assert!(parsed.normalize_s().is_none(), "s is in the lower half");
    let key = VerifyingKey::recover_from_prehash(&digest.0, &parsed, recovery).unwrap();
    keccak_bytes(&key.to_encoded_point(false).as_bytes()[1..]).0[12..].try_into().unwrap()
}

#[tokio::test]
async fn what_is_proved_is_signed_and_recovers_to_the_attester() {
    let (attester, _directory) = attester(1);
    let request = mint(&operation(OperationKind::Mint, 0, 100), 1);
    let signature = attester.attest(std::slice::from_ref(&request)).await.remove(0).unwrap();
    assert_eq!(recovered(request.order.digest(), &signature), attester.address());
}

#[test]
fn evidence_that_shows_something_else_is_refused() {
    let good = operation(OperationKind::Mint, 0, 100);
    let other = operation(OperationKind::Mint, 0, 101);
    let redeem = operation(OperationKind::Redeem, 0, 100);
    let void = |at, nonce| {
        let slot = OpenSlot::agreed(at, HOME, nonce, BlockRef::default());
        Evidence::Void { event: started(&good), slot, why: Refusal::TooOld }
    };
    let cases = [
        ("another amount", order(Action::Mint, AWAY, 1, &good), Evidence::Event(started(&other))),
        ("another gateway executes", order(Action::Mint, HOME, 1, &good), Evidence::Event(started(&good))),
        ("a mint of a redeem", order(Action::Mint, AWAY, 1, &redeem), Evidence::Event(started(&redeem))),
        ("a release of a mint", order(Action::Release, AWAY, 1, &good), Evidence::Event(started(&good))),
        ("a refund without a void", order(Action::Refund, HOME, 1, &good), Evidence::Event(started(&good))),
        (
            "a refund for another's void",
            order(Action::Refund, HOME, 1, &good),
            Evidence::Refund { event: started(&good), closed: voided(&good, other.id(), 100) },
        ),
        (
            "a refund at the destination",
            order(Action::Refund, AWAY, 1, &good),
            Evidence::Refund { event: started(&good), closed: voided(&good, good.id(), 100) },
        ),
        ("a void at the origin", order(Action::Void, HOME, 1, &good), void(HOME, 0)),
        ("a void whose slot was read elsewhere", order(Action::Void, AWAY, 1, &good), void(HOME, 0)),
        ("a void with the open slot of another nonce", order(Action::Void, AWAY, 1, &good), void(AWAY, 1)),
    ];
    for (name, order, evidence) in cases {
        let refused = check(&AttestRequest { order, evidence });
        assert!(matches!(refused, Err(Refused::Evidence(_))), "{name}: {refused:?}");
    }
    let displaced = |closed| Evidence::Refund { event: started(&good), closed };
    let elsewhere = operation(OperationKind::Mint, 1, 101);
    let conflicts = [
        ("a conflict with itself", conflict(&good, &good, 100), displaced(done(&good))),
        ("a conflict over another amount", conflict(&good, &other, 100), displaced(done(&other))),
        ("a conflict in another slot", conflict(&good, &elsewhere, 101), displaced(done(&elsewhere))),
        ("a conflict with what was voided", conflict(&good, &other, 101), displaced(voided(&good, other.id(), 101))),
        ("a refund of what another displaced", order(Action::Refund, HOME, 1, &good), displaced(done(&other))),
    ];
    for (name, order, evidence) in conflicts {
        let refused = check(&AttestRequest { order, evidence });
        assert!(matches!(refused, Err(Refused::Evidence(_))), "{name}: {refused:?}");
    }
    let evidence = displaced(done(&other));
    assert_eq!(check(&AttestRequest { order: conflict(&good, &other, 101), evidence }), Ok(()));
    let refund = order(Action::Refund, HOME, 1, &good);
    let evidence = Evidence::Refund { event: started(&good), closed: voided(&good, good.id(), 100) };
    assert_eq!(check(&AttestRequest { order: refund, evidence }), Ok(()));
    assert_eq!(check(&AttestRequest { order: order(Action::Void, AWAY, 1, &good), evidence: void(AWAY, 0) }), Ok(()));
}

#[test]
fn a_payout_is_sent_again_where_it_was_lost_and_under_the_next_attempt() {
    let (payout, another) = (Word([7; 32]), Word([8; 32]));
    let lost = LostPayout::agreed(HOME, payout, 1);
    let request = |gateway, payout, attempt| {
        let content = OrderContent::Resend { payout, attempt };
        let order = Order { action: Action::Resend, gateway, epoch: 1, content };
        check(&AttestRequest { order, evidence: Evidence::Lost(lost) })
    };
    assert_eq!(request(HOME, payout, 2), Ok(()));
    for (gateway, payout, attempt) in [(HOME, payout, 1), (HOME, payout, 3), (HOME, another, 2), (AWAY, payout, 2)] {
        assert!(request(gateway, payout, attempt).is_err());
    }
    assert_eq!(LostPayout::agreed(HOME, payout, u64::MAX).next_attempt(), None);
    assert!(!LostPayout::agreed(HOME, payout, u64::MAX).allows(HOME, payout, 0));
}

#[test]
fn a_mirror_is_what_its_event_left_and_never_at_home() {
    let body = EventBody::Withdrawn { position: position(), recipient: Account(Word([5; 32])), amount: 1 };
    let request = |gateway, version, debt| {
        let position = PositionState { debt, ..position() };
        let content = OrderContent::Mirror(MirrorRecord { home: HOME, position, version });
        let order = Order { action: Action::Mirror, gateway, epoch: 1, content };
        check(&AttestRequest { order, evidence: Evidence::Event(proved(HOME, 7, body.clone())) })
    };
    assert_eq!(request(AWAY, 7, 100), Ok(()));
    assert!(request(HOME, 7, 100).is_err());
    assert!(request(AWAY, 8, 100).is_err());
    assert!(request(AWAY, 7, 99).is_err());
}

#[tokio::test]
async fn two_contents_for_one_replay_key_are_never_both_signed() {
    let (attester, _directory) = attester(1);
    let first = mint(&operation(OperationKind::Mint, 5, 100), 1);
    let second = mint(&operation(OperationKind::Mint, 5, 200), 1);
    let together = attester.attest(&[first.clone(), second.clone()]).await;
    assert!(together[0].is_ok());
    assert!(matches!(together[1], Err(Refused::Conflict { .. })), "{:?}", together[1]);
    let again = attester.attest(&[second, first]).await;
    assert!(matches!(again[0], Err(Refused::Conflict { .. })), "also later: {:?}", again[0]);
    assert_eq!(again[1], together[0], "the same request has the same answer");
}

#[tokio::test]
async fn what_was_signed_is_remembered_by_the_next_process() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal");
    let sign = async |amount| {
        let journal = Arc::new(RedbJournal::open(&path).unwrap());
        let attester = LocalAttester::new(&[1; 32], journal).unwrap();
        attester.attest(&[mint(&operation(OperationKind::Mint, 5, amount), 1)]).await.remove(0)
    };
    assert!(sign(100).await.is_ok());
    assert!(matches!(sign(200).await, Err(Refused::Conflict { .. })));
}

#[tokio::test]
async fn the_same_content_is_signed_again_in_another_epoch() {
    let (attester, _directory) = attester(1);
    let operation = operation(OperationKind::Mint, 5, 100);
    let old = attester.attest(&[mint(&operation, 1)]).await.remove(0).unwrap();
    let new = attester.attest(&[mint(&operation, 2)]).await.remove(0).unwrap();
    assert_ne!(old, new);
}

#[tokio::test]
async fn the_threshold_is_gathered_ascending_and_too_few_is_an_error() {
    let made: Vec<_> = (1..=3).map(attester).collect();
    let mut signers: Vec<[u8; 20]> = made.iter().map(|(attester, _)| attester.address()).collect();
    signers.sort_unstable();
    let (attesters, _directories): (Vec<_>, Vec<_>) = made.into_iter().unzip();
    let all: Vec<Arc<dyn Attester>> =
        attesters.into_iter().map(|attester| Arc::new(attester) as Arc<dyn Attester>).collect();
    let request = mint(&operation(OperationKind::Mint, 0, 100), 1);
    let set = AttesterSet { epoch: 1, threshold: 2, signers: signers.clone() };
    let signed = Attesters::new(all.clone()).sign(vec![request.clone()], &set).await.remove(0).unwrap();
    let recovered: Vec<[u8; 20]> = signed
        .signatures
        .chunks(65)
        .map(|bytes| recovered(request.order.digest(), bytes.try_into().unwrap()))
        .collect();
    assert_eq!(recovered, signers[..2]);
    let alone = Attesters::new(all.into_iter().take(1)).sign(vec![request], &set).await.remove(0);
    assert!(matches!(alone, Err(Refused::Unavailable(_))), "{alone:?}");
}
