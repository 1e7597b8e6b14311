//! The journal of a daemon that is not running, as an operator looks into it.

#![expect(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "making what a test reads")]

mod support;

use support::{GATEWAY_ID, Site};
use tim3_domain::{
    identity::{Account, AssetId, GatewayId, MarketId},
    lifecycle::{Hold, Phase},
    place::{BlockRef, Located, TxId},
    protocol::{Event, EventBody, Operation, OperationKind, PositionState},
    word::Word,
};
use tim3_journal::{Change, Journal as _, OperationRecord, RedbJournal, TimelineEntry};

fn gateway() -> GatewayId {
    GATEWAY_ID.parse().unwrap()
}

fn operation(nonce: u64) -> Operation {
    let account = Account::from_evm([7; 20]);
    Operation {
        kind: OperationKind::Mint,
        origin: gateway(),
        destination: GatewayId(Word([9; 32])),
        nonce,
        asset: AssetId::from_symbol("TIM3").unwrap(),
        market: MarketId(Word([5; 32])),
        owner: account,
        actor: account,
        refund_to: account,
        recipient: account,
        amount: 1_500_000,
        fee: 0,
        wanted: 1_500_000,
        timestamp: 1_700_000_000 + nonce,
    }
}

/// A journal with two operations, one of them held, and a position.
async fn filled(site: &Site) {
    let journal = RedbJournal::open(&site.path("journal.redb")).unwrap();
    for nonce in 0..2 {
        let operation = operation(nonce);
        let id = operation.id();
        let position = PositionState { market: operation.market, owner: operation.owner, collateral: 3, debt: 2 };
        let body = EventBody::Locked {
            position,
            actor: operation.actor,
            collateral: 3,
            minted: 0,
            recipient: Account::ZERO,
            operation: Some(Box::new(operation.clone())),
        };
        let event = Event { sequence: nonce, timestamp: operation.timestamp, body };
        let block = BlockRef { height: 100 + nonce, hash: Word([1; 32]), timestamp: operation.timestamp };
        let origin = Located { event, block, transaction: TxId(format!("0x{nonce:064x}")) };
        let mut record = OperationRecord {
            operation,
            origin: origin.clone(),
            origin_proved: false,
            closed: None,
            phase: Phase::Observed,
            outcome: None,
            attempts: 0,
            updated_ms: 1_700_000_000_000,
        };
        let entry = |phase: &str, what: &str, at_ms| TimelineEntry {
            at_ms,
            phase: phase.into(),
            what: what.into(),
            chain: Some("a".into()),
            block: Some(block),
            transaction: Some(origin.transaction.clone()),
        };
        journal
            .commit(vec![
                Change::Operation(Box::new(record.clone())),
                Change::Timeline(id, entry("observed", "Locked observed", 1_700_000_000_000)),
            ])
            .await
            .unwrap();
        if nonce == 1 {
            record.origin_proved = true;
            for phase in [Phase::Final, Phase::Held(Hold::Value)] {
                record.phase = phase;
                journal.commit(vec![Change::Operation(Box::new(record.clone()))]).await.unwrap();
            }
            // What comes from chains and gateways must not steer the terminal.
            let held = entry("held", "over the value hold\u{1b}[2J", 1_700_000_001_234);
            journal
                .commit(vec![Change::Timeline(id, held), Change::Position { home: gateway(), event: origin }])
                .await
                .unwrap();
        }
    }
}

#[tokio::test]
async fn operations_are_listed_shown_and_explained_offline() {
    let site = Site::new();
    support::unreachable(&site);
    filled(&site).await;
    let nobody = support::nobody();
    let (open, held) = (operation(0).id().to_string(), operation(1).id().to_string());

    let list = site.run(&["ops", "list", "--json", "--url", &nobody]);
    assert_eq!(list.code, 0, "{list:?}");
    assert!(
        list.err.contains(&format!("note: no tim3d answers at {nobody}; this is what its journal says")),
        "{}",
        list.err
    );
    let ids: Vec<_> = list.json()["items"].as_array().unwrap().iter().map(|item| item["id"].clone()).collect();
    assert_eq!(ids, [held.as_str(), open.as_str()], "newest first");

    let url = ["--url", nobody.as_str()];
    let filtered = site.run(&[&["ops", "list", "--phase", "held"], url.as_slice()].concat());
    assert!(filtered.out.contains(&held) && !filtered.out.contains(&open), "{}", filtered.out);
    assert!(filtered.out.contains("1.5 TIM3"), "{}", filtered.out);
    let limited = site.run(&[&["ops", "list", "--limit", "1", "--open"], url.as_slice()].concat());
    assert!(limited.out.contains(&held) && !limited.out.contains(&open), "{}", limited.out);
    assert!(limited.err.contains("there are more"), "{}", limited.err);

    let shown = site.run(&[&["ops", "show", held.as_str(), "--json"], url.as_slice()].concat()).json();
    assert_eq!(shown["actions"], serde_json::json!(["approve", "void"]));
    assert_eq!(shown["recipient"], Account::from_evm([7; 20]).to_string(), "the destination is no chain of ours");
    assert_eq!(shown["actor"], format!("eip155:31337:0x{}", "07".repeat(20)));
    assert_eq!(shown["amount"], "1500000");

    let story = site.run(&[&["ops", "explain", held.as_str()], url.as_slice()].concat());
    assert!(
        story.out.contains("+1.234s") && story.out.contains("it waits for an operator: `tim3d ops approve`"),
        "{}",
        story.out
    );
    assert!(!story.out.contains('\u{1b}'), "{}", story.out);
    let unknown = site.run(&[&["ops", "explain", GATEWAY_ID], url.as_slice()].concat());
    unknown.assert_one_line_error(1, &["operation", GATEWAY_ID, "is not known", "tim3d ops list"]);

    let positions = site.run(&[&["positions", "--json"], url.as_slice()].concat()).json();
    assert_eq!(positions["items"][0]["collateral"], "3");
    assert_eq!(positions["items"][0]["version"], 1);

    // What needs the daemon says so.
    for command in [vec!["ops", "approve", held.as_str(), "--reason", "x"], vec!["status"], vec!["audit"]] {
        let ended = site.run(&[command.as_slice(), url.as_slice()].concat());
        ended.assert_one_line_error(1, &[&format!("no tim3d answers at {nobody}"), "tim3d run"]);
    }
}

#[tokio::test]
async fn a_journal_is_verified_and_exported() {
    let site = Site::new();
    support::unreachable(&site);
    filled(&site).await;
    let verified = site.run(&["journal", "verify", "--json"]);
    assert_eq!(verified.code, 0, "{verified:?}");
    assert_eq!(verified.json()["open_operations"], 2);
    assert_eq!(site.run(&["journal", "export", "-o", "export.jsonl"]).code, 0);
    let text = std::fs::read_to_string(site.path("export.jsonl")).unwrap();
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().filter(|line| line["table"] == "operations").count() == 2, "{text}");
    assert_eq!(site.run(&["journal", "export"]).out, text);
    site.write("garbage", "no journal");
    site.run(&["journal", "verify", "garbage"]).assert_one_line_error(1, &["garbage"]);
}

#[tokio::test]
async fn a_damaged_journal_is_told_with_the_exit_code_of_a_verdict() {
    let site = Site::new();
    support::unreachable(&site);
    filled(&site).await;
    let mut bytes = std::fs::read(site.path("journal.redb")).unwrap();
    let places: Vec<_> = (0..bytes.len()).filter(|n| bytes[*n..].starts_with(b"Locked observed")).collect();
    assert!(!places.is_empty());
    places.into_iter().for_each(|n| bytes[n] = b'l');
    std::fs::write(site.path("journal.redb"), bytes).unwrap();
    let ended = site.run(&["journal", "verify"]);
    ended.assert_one_line_error(3, &["journal.redb", "the journal is damaged", "restore it from a backup"]);
}

#[tokio::test]
async fn a_journal_in_use_or_of_a_newer_version_is_refused_in_one_line() {
    let site = Site::new();
    support::unreachable(&site);
    let journal = RedbJournal::open(&site.path("journal.redb")).unwrap();
    let nobody = support::nobody();
    for command in [vec!["run"], vec!["journal", "verify"], vec!["ops", "list", "--url", &nobody]] {
        site.run(&command).assert_one_line_error(1, &["journal.redb", "in use by a running tim3d"]);
    }
    drop(journal);
    // What a later version leaves: the same table with a higher number.
    let database = redb::Database::open(site.path("journal.redb")).unwrap();
    let transaction = database.begin_write().unwrap();
    let meta = redb::TableDefinition::<&str, u32>::new("meta");
    transaction.open_table(meta).unwrap().insert("format", 99).unwrap();
    transaction.commit().unwrap();
    drop(database);
    site.run(&["run"]).assert_one_line_error(1, &["journal.redb", "format 99 is newer", "run the newer tim3d"]);
}

#[test]
fn looking_makes_no_journal() {
    let site = Site::new();
    support::unreachable(&site);
    let nobody = support::nobody();
    site.run(&["ops", "list", "--url", &nobody]).assert_one_line_error(1, &["no tim3d answers", "no journal at"]);
    assert!(!site.path("journal.redb").exists());
}
