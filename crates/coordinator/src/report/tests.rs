use proptest::prelude::*;
use tim3_chain::{Books, Holding, PeerBooks};

use super::*;

fn reading(chain: &str, books: Books) -> Reading {
    let gateway = GatewayId(Word::from_u128(chain.len() as u128));
    let block = BlockRef { height: 7, hash: Word([5; 32]), timestamp: 1_700_000_000 };
    Reading { gateway, chain: chain.to_owned(), first: books.clone(), second: books, block }
}

/// 100 locked at home, 60 of it there, 40 on the other chain, of which 10 are on their way back.
fn readings() -> Vec<Reading> {
    let holding = Holding {
        collateral: AssetId(Word([4; 32])),
        held: 100,
        recorded: 100,
        claimable: 0,
        pending: 0,
        undebited: 0,
    };
    let home = Books {
        minted: 100,
        burned: 40,
        debt: 100,
        supply: 60,
        holdings: vec![holding],
        peers: vec![PeerBooks::default(), PeerBooks { sent: 40, ..PeerBooks::default() }],
        ..Books::default()
    };
    let away = Books {
        minted: 40,
        burned: 10,
        supply: 30,
        peers: vec![PeerBooks { sent: 10, settled: 40, ..PeerBooks::default() }, PeerBooks::default()],
        ..Books::default()
    };
    vec![reading("a", home), reading("bb", away)]
}

fn asset(readings: &[Reading]) -> AssetReport {
    let name = |_| "USDA".to_owned();
    AssetReport::new(("TIM3", AssetId(Word([3; 32]))), 5, readings, &Conflicts::new(), |_| None, name)
}

fn report(assets: Vec<AssetReport>) -> Report {
    let head = Head { count: 3, hash: Word([8; 32]) };
    Report {
        format: FORMAT.to_owned(),
        auditor: "A".repeat(43),
        attesters: vec![format!("0x{}", "11".repeat(20))],
        period_ms: 3_600_000,
        made_ms: 3_700_000,
        previous: None,
        journal: JournalState::new(&[(GatewayId(Word([2; 32])), Cursor { head, height: 9 })], &[]),
        assets,
    }
}

#[test]
fn sums_and_laws_of_honest_books_hold() {
    let report = report(vec![asset(&readings())]);
    let asset = &report.assets[0];
    let sums = [asset.locked, asset.bad_debt, asset.minted, asset.in_flight].map(|amount| amount.0);
    assert_eq!((sums, asset.breaches.as_slice()), ([100, 0, 90, 10], &[][..]));
    assert!(report.check().iter().all(|check| check.held), "{:?}", report.check());
}

#[test]
fn what_was_changed_after_it_was_audited_is_seen() {
    type Change = fn(&mut AssetReport);
    let changes: [(&str, Change); 5] = [
        ("TIM3: its sums are those of its chains", |it| it.minted.0 -= 1),
        ("TIM3: minted + in flight = locked + bad debt", |it| {
            it.chains[0].minted.0 += 1;
            it.minted.0 += 1;
        }),
        ("a: USDA held + pending ≥ recorded + claimable + not yet debited", |it| {
            it.chains[0].collateral[0].held.0 = 99
        }),
        ("TIM3: its auditor saw every law hold", |it| it.breaches.push("a law".to_owned())),
        ("TIM3: its sums are those of its chains", |it| it.chains[1].sent.0 = u128::MAX),
    ];
    for (law, change) in changes {
        let mut asset = asset(&readings());
        change(&mut asset);
        let broken: Vec<_> = report(vec![asset]).check().into_iter().filter(|check| !check.held).collect();
        assert!(broken.iter().any(|check| check.law == law), "{law}: {broken:?}");
    }
}

#[test]
fn a_breach_is_reported_and_not_hidden() {
    let mut readings = readings();
    readings[0].second.holdings[0].held = 90;
    let asset = asset(&readings);
    assert_eq!(asset.breaches.len(), 1, "{:?}", asset.breaches);
}

#[test]
fn a_report_has_one_encoding() {
    let report = report(vec![asset(&readings())]);
    let bytes = report.encode().unwrap();
    assert_eq!(Report::decode(&bytes), Ok(report));
    let text = String::from_utf8(bytes).unwrap();
    for other in [text.replacen(':', ": ", 1), text.replacen("\"100\"", "\"0100\"", 1), format!("{text}\n")] {
        assert_eq!(Report::decode(other.as_bytes()), Err(BadReport::Encoding), "{other}");
    }
    let other = text.replacen("report/1", "report/2", 1);
    assert!(matches!(Report::decode(other.as_bytes()), Err(BadReport::Format(_))));
    let other = text.replacen("\"open\":0", "\"open\":0,\"more\":1", 1);
    assert!(matches!(Report::decode(other.as_bytes()), Err(BadReport::Form(_))));
}

#[test]
fn the_digest_says_what_the_journal_knows() {
    let of = |count, height| {
        let cursor = Cursor { head: Head { count, hash: Word([8; 32]) }, height };
        JournalState::new(&[(GatewayId(Word([2; 32])), cursor)], &[]).digest
    };
    assert_eq!(of(1, 2), of(1, 2));
    assert_ne!(of(1, 2), of(2, 2));
    assert_ne!(of(1, 2), of(1, 3));
}

proptest! {
    #[test]
    fn any_bytes_are_a_report_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Report::decode(&bytes).is_err());
    }

    /// What somebody else made of a report is itself in its one encoding, or refused.
    #[test]
    fn a_changed_report_is_another_one_or_an_error(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let report = report(vec![asset(&readings())]);
        let mut bytes = report.encode().unwrap();
        let at = at.index(bytes.len());
        let was = std::mem::replace(&mut bytes[at], byte);
        if let Ok(read) = Report::decode(&bytes) {
            prop_assert_eq!(read.encode().unwrap(), bytes);
            prop_assert_eq!(read == report, was == byte);
            let _ = read.check();
        }
    }
}
