use tim3_chain::{Holding, PeerBooks};
use tim3_domain::word::Word;

use super::*;

const ASSET: AssetId = AssetId(Word([3; 32]));
const COLLATERAL: AssetId = AssetId(Word([4; 32]));

fn auditor() -> (Auditor, mpsc::Receiver<Message>) {
    let (coordinator, messages) = mpsc::channel(8);
    let auditor = Auditor::new(
        ASSET,
        "TIM3".to_owned(),
        BTreeMap::from([(COLLATERAL, "USDA".to_owned())]),
        Arc::default(),
        Guardians::new(),
        coordinator,
        Board::default(),
        Bus::new(),
        Metrics::default(),
        Duration::from_secs(1),
    );
    (auditor, messages)
}

/// Two gateways: 100 locked and minted at home, 40 moved to the other one, 10 of it on their way back and voided.
fn honest() -> Vec<Reading> {
    let holding = Holding { collateral: COLLATERAL, held: 100, recorded: 100, claimable: 0, pending: 0, undebited: 0 };
    let at_home = Books {
        minted: 100,
        burned: 40,
        debt: 100,
        supply: 60,
        holdings: vec![holding],
        peers: vec![PeerBooks::default(), PeerBooks { sent: 40, voided: 10, ..PeerBooks::default() }],
        ..Books::default()
    };
    let away = Books {
        minted: 50,
        burned: 10,
        supply: 40,
        peers: vec![PeerBooks { sent: 10, refunded: 10, settled: 40, ..PeerBooks::default() }, PeerBooks::default()],
        ..Books::default()
    };
    let reading = |(name, books): (&str, Books)| Reading {
        gateway: GatewayId(Word::from_u128(name.len() as u128)),
        chain: name.to_owned(),
        first: books.clone(),
        second: books,
        block: BlockRef::default(),
    };
    [("a", at_home), ("bb", away)].map(reading).into()
}

#[tokio::test]
async fn honest_books_stop_nothing() {
    let (auditor, mut messages) = auditor();
    let verdict = auditor.audit(&honest());
    assert!(verdict.exact(), "{:?}", verdict.breaches().collect::<Vec<_>>());
    assert!(!auditor.judge(verdict, false).await);
    assert!(messages.try_recv().is_err());
}

#[tokio::test]
async fn a_breach_of_any_law_stops_signing_and_says_which_law() {
    type Break = fn(&mut Reading, &mut Reading);
    let breaks: [(&str, Break); 6] = [
        ("a: debt + bad debt − (minted − burned) = sent − refunded − settled", |a, _| a.second.debt += 1),
        ("a: claimable ≤ minted − burned", |a, _| a.second.claimable = 61),
        ("bb: token supply ≤ minted − burned", |_, b| b.second.supply += 1),
        ("a: USDA held + pending ≥ recorded + claimable + not yet debited", |a, _| a.second.holdings[0].held -= 1),
        ("a → bb: settled ≤ sent", |_, b| b.first.peers[0].settled += 1),
        ("bb → a: refunded ≤ voided", |_, b| b.first.peers[0].refunded += 1),
    ];
    for (law, broken) in breaks {
        let (auditor, mut messages) = auditor();
        let mut readings = honest();
        let [a, b] = readings.as_mut_slice() else { panic!("two readings") };
        broken(a, b);
        assert!(auditor.judge(auditor.audit(&readings), false).await, "{law}");
        let Ok(Message::Command(Command::Pause(why), _)) = messages.try_recv() else {
            panic!("{law}: signing was not stopped")
        };
        assert!(why.contains(law), "{law}: {why}");
        let verdict = auditor.board.asset(ASSET).audit.verdict.expect("a verdict");
        assert!(verdict.breaches().any(|check| check.law == law), "{law}: {verdict:?}");
        // It goes on being said, and is done once,
        auditor.board.update_asset(ASSET, |asset| asset.paused = Some(why));
        assert!(auditor.judge(auditor.audit(&readings), true).await);
        assert!(messages.try_recv().is_err(), "{law}: stopped twice");
        // unless somebody lets signing go on while it lasts.
        auditor.board.update_asset(ASSET, |asset| asset.paused = None);
        assert!(auditor.judge(auditor.audit(&readings), true).await);
        assert!(matches!(messages.try_recv(), Ok(Message::Command(Command::Pause(_), _))), "{law}: resumed for good");
    }
}
