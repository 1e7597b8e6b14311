//! Random changes against an in-memory model, with the journal closed or its power cut at random points.

use std::collections::BTreeMap;

use futures::{executor::block_on, future::join_all};
use proptest::{collection::vec, prelude::*};
use tim3_domain::{
    identity::OperationId,
    lifecycle::{Fact, Hold, Phase, Refusal, Step},
    place::TxId,
    protocol::{Action, Head, MirrorRecord, PositionState},
    word::Word,
};

use super::{
    disk::Disk,
    included,
    sample::{gateway, line, operation},
};
use crate::{
    Change, Cursor, EarlyFact, Journal, OperationRecord, RedbJournal, SentTransaction, SignatureKey, SignatureRecord,
    TimelineEntry,
};

/// What the journal should hold, kept in the plainest way.
#[derive(Clone, Debug, Default)]
struct Model {
    operations: BTreeMap<OperationId, OperationRecord>,
    timeline: BTreeMap<OperationId, Vec<TimelineEntry>>,
    cursors: BTreeMap<u64, Cursor>,
    early: BTreeMap<OperationId, Vec<EarlyFact>>,
    transactions: BTreeMap<(String, TxId), SentTransaction>,
    signatures: BTreeMap<SignatureKey, SignatureRecord>,
    mirrored: BTreeMap<u64, BTreeMap<Word, MirrorRecord>>,
    notes: BTreeMap<String, String>,
    keeper: BTreeMap<u64, String>,
    keeper_ledger: BTreeMap<u64, String>,
}

impl Model {
    /// Whether the list is accepted; the model changes only then.
    fn commit(&mut self, changes: &[Change]) -> bool {
        let mut next = self.clone();
        let accepted = changes.iter().all(|change| next.apply(change));
        if accepted {
            *self = next;
        }
        accepted
    }

    fn apply(&mut self, change: &Change) -> bool {
        match change.clone() {
            Change::Operation(record) => {
                let id = record.operation.id();
                let from = self.operations.get(&id).map_or(Phase::Observed, |stored| stored.phase.clone());
                let legal = from.can_become(&record.phase);
                self.operations.insert(id, *record);
                return legal;
            }
            Change::Signature(key, record) => {
                let stored = self.signatures.insert(key, record);
                return stored.is_none_or(|stored| stored.content == record.content);
            }
            Change::Timeline(id, entry) => self.timeline.entry(id).or_default().push(entry),
            Change::Cursor(gateway, cursor) => {
                self.cursors.insert(gateway.0.to_u64().unwrap(), cursor);
            }
            Change::Early(id, fact) => {
                let kept = self.early.entry(id).or_default();
                if !kept.contains(&fact) {
                    kept.push(fact);
                }
            }
            Change::EarlyDone(id) => {
                self.early.remove(&id);
            }
            Change::Transaction(sent) => {
                self.transactions.insert((sent.chain.clone(), sent.id.clone()), sent);
            }
            Change::TransactionDone(chain, id) => {
                self.transactions.remove(&(chain, id));
            }
            Change::Mirrored { peer, record } => {
                let kept = self.mirrored.entry(peer.0.to_u64().unwrap()).or_default();
                kept.insert(record.position.owner.0, record);
            }
            Change::Note(name, value) => {
                self.notes.insert(name, value);
            }
            Change::Keeper(number, line) => {
                self.keeper.insert(number, line);
            }
            Change::KeeperEntry(number, entry) => {
                self.keeper_ledger.insert(number, entry);
            }
            Change::KeeperForget { below } => self.keeper.retain(|number, _| *number >= below),
            // Has a test of its own.
            Change::Position { .. } => return false,
        }
        true
    }

    fn check(&self, journal: &RedbJournal) {
        let mut newest: Vec<_> = self.operations.values().cloned().collect();
        newest.sort_by_key(|record| std::cmp::Reverse((record.operation.timestamp, record.operation.id())));
        assert_eq!(journal.operations(None, usize::MAX).unwrap(), newest);
        let open: Vec<_> = self.operations.values().filter(|record| !record.phase.is_terminal()).cloned().collect();
        assert_eq!(journal.open_operations().unwrap(), open);
        for n in 0..OPERATIONS {
            let id = operation(n, Phase::Observed).operation.id();
            assert_eq!(journal.operation(id).unwrap().as_ref(), self.operations.get(&id));
            assert_eq!(journal.timeline(id).unwrap(), self.timeline.get(&id).cloned().unwrap_or_default());
        }
        for n in 0..3 {
            assert_eq!(journal.cursor(gateway(n)).unwrap().as_ref(), self.cursors.get(&(1000 + n)));
            let mirrored = self.mirrored.get(&(1000 + n)).cloned().unwrap_or_default();
            assert_eq!(journal.mirrored(gateway(n)).unwrap(), mirrored.into_values().collect::<Vec<_>>());
            let note = format!("note {n}");
            assert_eq!(journal.note(&note).unwrap().as_ref(), self.notes.get(&note));
            let key = signature_key(n);
            assert_eq!(journal.signature(&key).unwrap().as_ref(), self.signatures.get(&key));
        }
        let early = self.early.iter().flat_map(|(id, facts)| facts.iter().map(|fact| (*id, fact.clone())));
        assert_eq!(journal.early().unwrap(), early.collect::<Vec<_>>());
        let lines = |from: u64| self.keeper.range(from..).map(|(number, line)| (*number, line.clone()));
        assert_eq!(journal.keeper_lines(0, usize::MAX).unwrap(), lines(0).collect::<Vec<_>>());
        let entries: Vec<_> = self.keeper_ledger.clone().into_iter().collect();
        assert_eq!(journal.keeper_entries(0, usize::MAX).unwrap(), entries);
        assert_eq!(journal.keeper_lines(2, 2).unwrap(), lines(2).take(2).collect::<Vec<_>>());
        for chain in ["a", "b"] {
            let mut kept: Vec<_> = self.transactions.values().filter(|sent| sent.chain == chain).cloned().collect();
            kept.sort_by_key(|sent| sent.nonce);
            assert_eq!(journal.transactions(chain).unwrap(), kept);
        }
    }
}

const OPERATIONS: u64 = 5;

fn signature_key(n: u64) -> SignatureKey {
    SignatureKey {
        attester: [1; 20],
        origin: gateway(0),
        destination: gateway(1),
        nonce: n,
        action: Action::Release,
        subject: Word::ZERO,
    }
}

fn phases() -> impl Strategy<Value = Phase> {
    let step = prop_oneof![Just(Step::Signing), Just(Step::Authorized), Just(Step::Submitted)];
    let plain = prop_oneof![
        Just(Phase::Observed),
        Just(Phase::Final),
        Just(Phase::Held(Hold::Value)),
        step.clone().prop_map(Phase::Settling),
        Just(included(Phase::Observed)),
        Just(included(Phase::Settling(Step::Submitted))),
        Just(Phase::Completed),
        step.clone().prop_map(|step| Phase::Voiding { why: Refusal::TooOld, step }),
        Just(Phase::VoidedIncluded { was: Box::new(Phase::Final) }),
        step.prop_map(Phase::Refunding),
        Just(Phase::RefundedIncluded { was: Box::new(Phase::Refunding(Step::Submitted)) }),
        Just(Phase::Refunded),
        any::<bool>().prop_map(|replaced| Phase::Orphaned { replaced }),
    ];
    let dead = |was: Phase| Phase::DeadLetter { was: Box::new(was), reason: "it fails".to_owned() };
    prop_oneof![5 => plain.clone(), 1 => plain.prop_map(dead)]
}

fn changes() -> impl Strategy<Value = Change> {
    let id = |n| operation(n, Phase::Observed).operation.id();
    let chain = prop_oneof![Just("a".to_owned()), Just("b".to_owned())];
    prop_oneof![
        6 => (0..OPERATIONS, phases()).prop_map(|(n, phase)| Change::Operation(Box::new(operation(n, phase)))),
        2 => (0..OPERATIONS, 0_u64..9).prop_map(move |(n, at)| Change::Timeline(id(n), line(at))),
        1 => (0_u64..3, 0_u64..9).prop_map(|(n, count)| {
            let head = Head { count, hash: Word::from(count) };
            Change::Cursor(gateway(n), Cursor { head, height: count })
        }),
        1 => (0..OPERATIONS, any::<bool>()).prop_map(move |(n, last)| {
            let fact = if last { Fact::SettledFinal } else { Fact::SettledSeen };
            Change::Early(id(n), EarlyFact { fact, located: operation(n, Phase::Observed).origin })
        }),
        1 => (0..OPERATIONS).prop_map(move |n| Change::EarlyDone(id(n))),
        // The id follows from the nonce, as on a chain.
        1 => (chain.clone(), 0_u64..4).prop_map(|(chain, nonce)| Change::Transaction(SentTransaction {
            chain,
            id: TxId(format!("0x{:02x}", 255 - nonce)),
            raw: vec![9; 40],
            nonce,
            replaces: None,
            orders: vec![],
        })),
        1 => (chain, 0_u64..4).prop_map(|(chain, nonce)| {
            Change::TransactionDone(chain, TxId(format!("0x{:02x}", 255 - nonce)))
        }),
        1 => (0_u64..3, prop_oneof![4 => Just(0_u64), 1 => Just(1)], 0_u64..3).prop_map(|(n, content, epoch)| {
            let content = Word::from(content);
            Change::Signature(signature_key(n), SignatureRecord { content, epoch, digest: content })
        }),
        1 => (0_u64..3, 0_u64..3, 0_u64..9).prop_map(|(peer, owner, version)| {
            let position = PositionState {
                market: Word::from(4_u64).into(),
                owner: Word::from(owner).into(),
                collateral: 1,
                debt: 1,
            };
            Change::Mirrored { peer: gateway(peer), record: MirrorRecord { home: gateway(7), position, version } }
        }),
        1 => (0_u64..3, "[a-z]{0,9}").prop_map(|(n, value)| Change::Note(format!("note {n}"), value)),
        1 => (0_u64..9, "[a-z]{0,9}").prop_map(|(n, line)| Change::Keeper(n, line)),
        1 => (0_u64..9, "[a-z]{0,9}").prop_map(|(n, entry)| Change::KeeperEntry(n, entry)),
        1 => (0_u64..9).prop_map(|below| Change::KeeperForget { below }),
    ]
}

#[derive(Clone, Debug)]
enum Move {
    /// Lists that callers give at once.
    Commit(Vec<Vec<Change>>),
    Reopen,
    PowerLoss(u64),
}

fn moves() -> impl Strategy<Value = Move> {
    prop_oneof![
        6 => vec(vec(changes(), 1..5), 1..5).prop_map(Move::Commit),
        1 => Just(Move::Reopen),
        1 => any::<u64>().prop_map(Move::PowerLoss),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn the_journal_holds_what_the_model_holds(moves in vec(moves(), 1..40)) {
        let mut model = Model::default();
        let mut disk = Disk::default();
        let mut journal = disk.open();
        for step in moves {
            match step {
                Move::Commit(lists) => {
                    let outcomes = block_on(join_all(lists.iter().map(|list| journal.commit(list.clone()))));
                    for (list, outcome) in lists.iter().zip(outcomes) {
                        prop_assert_eq!(outcome.is_ok(), model.commit(list), "{:?}", list);
                    }
                }
                Move::Reopen => {
                    drop(journal);
                    journal = disk.open();
                }
                Move::PowerLoss(seed) => {
                    let after = disk.after_power_loss(seed);
                    drop(journal);
                    disk = after;
                    journal = disk.open();
                }
            }
            model.check(&journal);
        }
    }
}
