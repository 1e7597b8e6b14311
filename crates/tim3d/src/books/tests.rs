use tim3_domain::{
    identity::{Account, AssetId, GatewayId, MarketId},
    place::Located,
    protocol::{Event, EventBody, Operation, OperationKind},
    word::Word,
};
use tim3_journal::{Change, RedbJournal};

use super::*;
use crate::directory::ChainEntry;

fn gateway(chain: u8) -> GatewayId {
    GatewayId(Word([chain; 32]))
}

/// Operations from chain `a` to chain `b`, and every third one back.
async fn journal(directory: &tempfile::TempDir, count: u64) -> (RedbJournal, Directory) {
    let journal = RedbJournal::open(&directory.path().join("journal.redb")).unwrap();
    for nonce in 0..count {
        let (origin, destination) = if nonce % 3 == 0 { (2, 1) } else { (1, 2) };
        let operation = Operation {
            kind: OperationKind::Transfer,
            origin: gateway(origin),
            destination: gateway(destination),
            nonce,
            asset: AssetId::from_symbol("TIM3").unwrap(),
            market: MarketId::ZERO,
            owner: Account::ZERO,
            actor: Account::from_evm([1; 20]),
            refund_to: Account::from_evm([1; 20]),
            recipient: Account::from_evm([2; 20]),
            amount: 1,
            fee: 0,
            wanted: 0,
            // Several share a second: the order among them is by name.
            timestamp: nonce / 4,
        };
        let body = EventBody::Burned { operation: Box::new(operation.clone()) };
        let event = Event { sequence: nonce, timestamp: operation.timestamp, body };
        let record = OperationRecord {
            operation,
            origin: Located { event, block: BlockRef::default(), transaction: TxId(String::new()) },
            origin_proved: false,
            closed: None,
            phase: Phase::Observed,
            outcome: None,
            attempts: 0,
            updated_ms: 0,
        };
        journal.commit(vec![Change::Operation(Box::new(record))]).await.unwrap();
    }
    let mut directory = Directory::default();
    for (number, name) in [(1, "a"), (2, "b")] {
        let chain = format!("eip155:{number}").parse().unwrap();
        directory.add_chain(gateway(number), ChainEntry { name: name.into(), chain, mirror: true });
    }
    (journal, directory)
}

#[tokio::test]
async fn pages_of_any_size_and_filter_list_every_operation_once_and_newest_first() {
    let directory = tempfile::tempdir().unwrap();
    let (journal, directory) = journal(&directory, 20).await;
    let books = Books { journal: &journal, directory: &directory };
    let list = |query: &OperationQuery| {
        let (mut ids, mut query) = (Vec::new(), query.clone());
        loop {
            let page = books.operations(&query).unwrap();
            assert!(page.items.len() <= query.limit);
            ids.extend(page.items.into_iter().map(|view| view.id));
            match page.next {
                Some(next) => query.before = Some(next.parse().unwrap()),
                None => return ids,
            }
        }
    };
    let all: Vec<_> = journal.operations(None, 100).unwrap().iter().map(|r| r.operation.id().to_string()).collect();
    for limit in [1, 3, 19, 20, 21] {
        for open in [false, true] {
            let query = |phase: Option<&str>, chain: Option<&str>| OperationQuery {
                phase: phase.map(str::to_owned),
                chain: chain.map(str::to_owned),
                open,
                limit,
                ..OperationQuery::default()
            };
            assert_eq!(list(&query(None, None)), all, "limit {limit}, open {open}");
            assert_eq!(list(&query(Some("observed"), Some("a"))), all, "either end counts");
            assert_eq!(list(&query(Some("held"), None)), Vec::<String>::new());
            assert_eq!(list(&query(None, Some("c"))), Vec::<String>::new());
        }
    }
}
