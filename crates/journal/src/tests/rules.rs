//! What a list may not say, and that only the list suffers for it.

use tim3_domain::{
    identity::{Account, MarketId},
    lifecycle::{Fact, Phase, Step},
    place::{Located, TxId},
    protocol::{Action, Event, EventBody, PositionState},
    word::Word,
};

use super::{
    commit,
    disk::Disk,
    included,
    sample::{block, gateway, line, operation},
};
use crate::{Change, EarlyFact, Journal, JournalError, SentTransaction, SignatureKey, SignatureRecord};

fn write(n: u64, phase: Phase) -> Change {
    Change::Operation(Box::new(operation(n, phase)))
}

fn signature(content: u64, epoch: u64) -> Change {
    let key = key();
    Change::Signature(key, SignatureRecord { content: content.into(), epoch, digest: Word::from(content + epoch) })
}

fn key() -> SignatureKey {
    SignatureKey {
        attester: [7; 20],
        origin: gateway(0),
        destination: gateway(1),
        nonce: 3,
        action: Action::Mint,
        subject: Word::ZERO,
    }
}

#[test]
fn a_phase_that_cannot_follow_is_refused_by_name_and_nothing_of_its_list_is_written() {
    let journal = Disk::default().open();
    commit(&journal, vec![write(1, Phase::Observed), write(1, Phase::Final)]).unwrap();
    let note = Change::Note("audit".to_owned(), "exact".to_owned());
    let error = commit(&journal, vec![note.clone(), write(1, Phase::Settling(Step::Submitted))]).unwrap_err();
    assert!(!error.is_fatal());
    assert!(error.to_string().contains("cannot go from final to submitted"), "{error}");
    assert_eq!(journal.note("audit"), Ok(None));
    commit(&journal, vec![note, write(1, Phase::Settling(Step::Signing))]).unwrap();
    assert_eq!(journal.note("audit"), Ok(Some("exact".to_owned())));
}

#[test]
fn an_operation_without_a_record_counts_as_observed() {
    let journal = Disk::default().open();
    commit(&journal, vec![write(1, included(Phase::Observed))]).unwrap();
    let error = commit(&journal, vec![write(2, Phase::Settling(Step::Submitted))]).unwrap_err();
    assert!(error.to_string().contains("from observed to submitted"), "{error}");
    assert_eq!(journal.operations(None, 9).unwrap().len(), 1);
}

#[test]
fn one_key_signs_one_content_in_any_epoch() {
    let journal = Disk::default().open();
    commit(&journal, vec![signature(1, 0)]).unwrap();
    commit(&journal, vec![signature(1, 5)]).unwrap();
    assert_eq!(journal.signature(&key()).unwrap().unwrap().epoch, 5);
    let error = commit(&journal, vec![write(1, Phase::Observed), signature(2, 6)]).unwrap_err();
    assert!(
        matches!(&error, JournalError::Conflict { stored, refused, .. } if *stored == Word::from(1_u64) && *refused == Word::from(2_u64))
    );
    for part in ["0x0707", "mint 3", &gateway(0).to_string(), &gateway(1).to_string()] {
        assert!(error.to_string().contains(part), "{error} lacks {part}");
    }
    assert_eq!(journal.operations(None, 9), Ok(vec![]));
    commit(&journal, vec![signature(1, 6)]).unwrap();
}

#[test]
fn of_two_lists_in_one_fsync_that_contradict_each_other_the_second_is_refused() {
    let disk = Disk::default();
    let journal = disk.open();
    let outcomes = futures::executor::block_on(futures::future::join_all([
        journal.commit(vec![signature(1, 0), write(1, Phase::Observed)]),
        journal.commit(vec![signature(2, 0), write(2, Phase::Observed)]),
        journal.commit(vec![signature(1, 1), write(3, Phase::Observed)]),
    ]));
    assert!(matches!(outcomes.as_slice(), [Ok(()), Err(JournalError::Conflict { .. }), Ok(())]), "{outcomes:?}");
    assert_eq!(journal.operations(None, 9).unwrap().len(), 2);
}

#[test]
fn a_list_that_contradicts_itself_is_refused() {
    let journal = Disk::default().open();
    assert!(commit(&journal, vec![signature(1, 0), signature(2, 0)]).is_err());
    assert!(commit(&journal, vec![write(1, Phase::Final), write(1, Phase::Observed)]).is_err());
    assert_eq!(journal.signature(&key()), Ok(None));
    assert_eq!(journal.operations(None, 9), Ok(vec![]));
}

#[test]
fn pages_go_from_newest_to_oldest_without_gap_or_repetition() {
    let journal = Disk::default().open();
    for n in [3, 0, 4, 1, 2] {
        commit(&journal, vec![write(n, Phase::Observed)]).unwrap();
    }
    let mut nonces = Vec::new();
    let mut before = None;
    loop {
        let page = journal.operations(before, 2).unwrap();
        let Some(last) = page.last() else { break };
        before = Some(last.operation.id());
        nonces.extend(page.iter().map(|record| record.operation.nonce));
    }
    assert_eq!(nonces, [4, 3, 2, 1, 0]);
    let unknown = operation(9, Phase::Observed).operation.id();
    assert_eq!(journal.operations(Some(unknown), 2), Ok(vec![]));
}

#[test]
fn a_terminal_operation_is_no_longer_open_and_still_there() {
    let journal = Disk::default().open();
    commit(&journal, vec![write(1, included(Phase::Observed)), write(2, Phase::Observed)]).unwrap();
    commit(&journal, vec![write(1, Phase::Completed)]).unwrap();
    assert_eq!(journal.open_operations(), Ok(vec![operation(2, Phase::Observed)]));
    let id = operation(1, Phase::Completed).operation.id();
    assert_eq!(journal.operation(id), Ok(Some(operation(1, Phase::Completed))));
    assert!(commit(&journal, vec![write(1, included(Phase::Observed))]).is_err());
}

#[test]
fn stories_of_neighbours_do_not_mix() {
    let journal = Disk::default().open();
    let ids: Vec<_> = (0..20).map(|n| operation(n, Phase::Observed).operation.id()).collect();
    for n in 0..3 {
        commit(&journal, ids.iter().map(|id| Change::Timeline(*id, line(n))).collect()).unwrap();
    }
    for id in ids {
        assert_eq!(journal.timeline(id), Ok(vec![line(0), line(1), line(2)]));
    }
}

#[test]
fn an_early_outcome_is_kept_once_until_it_is_done() {
    let journal = Disk::default().open();
    let id = operation(1, Phase::Observed).operation.id();
    let located = operation(1, Phase::Observed).origin;
    let seen = EarlyFact { fact: Fact::SettledSeen, located: located.clone() };
    let last = EarlyFact { fact: Fact::SettledFinal, located };
    for fact in [&seen, &last, &seen] {
        commit(&journal, vec![Change::Early(id, fact.clone())]).unwrap();
    }
    assert_eq!(journal.early(), Ok(vec![(id, seen.clone()), (id, last)]));
    commit(&journal, vec![Change::EarlyDone(id), Change::Early(id, seen.clone())]).unwrap();
    assert_eq!(journal.early(), Ok(vec![(id, seen)]));
}

#[test]
fn transactions_of_a_chain_come_by_nonce_and_chains_do_not_mix() {
    let journal = Disk::default().open();
    let sent = |chain: &str, id: &str, nonce| SentTransaction {
        chain: chain.to_owned(),
        id: TxId(id.to_owned()),
        raw: vec![1, 2, 3],
        nonce,
        replaces: None,
        orders: vec![],
    };
    let all = [sent("a", "0xff", 1), sent("a", "0x00", 2), sent("aa", "0xff", 0), sent("b", "0xff", 0)];
    commit(&journal, all.iter().cloned().map(Change::Transaction).collect()).unwrap();
    assert_eq!(journal.transactions("a"), Ok(vec![sent("a", "0xff", 1), sent("a", "0x00", 2)]));
    commit(&journal, vec![Change::TransactionDone("a".to_owned(), TxId("0xff".to_owned()))]).unwrap();
    assert_eq!(journal.transactions("a"), Ok(vec![sent("a", "0x00", 2)]));
    assert_eq!(journal.transactions("aa").unwrap().len(), 1);
}

#[test]
fn the_newest_event_of_a_position_stays() {
    let journal = Disk::default().open();
    let moved = |sequence, debt| {
        let market = MarketId(Word::from(5_u64));
        let position = PositionState { market, owner: Account(market.0), collateral: 10, debt };
        let body = EventBody::Repaid { position, payer: Account::ZERO, amount: 1 };
        let event = Event { sequence, timestamp: 1, body };
        Located { event, block: block(1), transaction: TxId("0x".to_owned()) }
    };
    for event in [moved(4, 40), moved(2, 20)] {
        commit(&journal, vec![Change::Position { home: gateway(0), event }]).unwrap();
    }
    assert_eq!(journal.positions(), Ok(vec![(gateway(0), moved(4, 40))]));
    let unmoved = operation(1, Phase::Observed).origin;
    commit(&journal, vec![Change::Position { home: gateway(0), event: unmoved }]).unwrap();
    assert_eq!(journal.positions().unwrap().len(), 1);
}
