//! What the keepers' record says, as an operator asks for it beside a daemon that is not running.

#![expect(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "making what a test reads")]

mod support;

use std::collections::BTreeMap;

use serde_json::json;
use support::Site;
use tim3_domain::{
    amount::display, health::Balances, identity::Account, market::MarketTerms, price::Price, word::Word,
};
use tim3_journal::{Change, Journal as _, RedbJournal};
use tim3_keeper::{
    Config, Input, Keeper, Mode, Recorded, Subject,
    config::{ArbitragePolicy, AssetConfig, ChainConfig, MarketConfig, SourceConfig},
    flight::Patience,
    keeper::Carried,
    ledger::Entry,
    limits::Limits,
    liquidation::Policy,
    price::{Guards, Reading, Rule},
    replay::Line,
};

const WETH: u128 = 1_000_000_000_000_000_000;
const TIM3: u128 = 1_000_000;
const THRESHOLD: u128 = 8_250;
/// Parts of a price or a health.
const ONE: u128 = 1_000_000_000_000_000_000;
const NOW_MS: u64 = 1_700_000_000_000;

/// Whole units of collateral and debt.
const POSITIONS: [(u128, u128); 5] = [(10, 15_000), (10, 14_000), (10, 0), (1, 1_700), (1, 2_500)];
const INVENTORY: u128 = 20_000 * TIM3;

fn named<T>(name: &str, value: T) -> BTreeMap<String, T> {
    BTreeMap::from([(name.to_owned(), value)])
}

fn config() -> Config {
    let guards = Guards { max_age: 3_600, max_confidence_bps: 100, max_jump_bps: 2_000, endpoints: 1 };
    let terms = MarketTerms {
        max_ltv_bps: 7_500,
        liquidation_threshold_bps: 8_250,
        bonus_bps: 500,
        close_factor_bps: 10_000,
        debt_ceiling: u128::MAX,
        dust: 0,
    };
    let chain = ChainConfig { gas_asset: None, max_age_ms: 60_000, steps: None, reliability: Default::default() };
    let market = MarketConfig {
        chain: "a".into(),
        synthetic: "TIM3".into(),
        collateral: "WETH".into(),
        terms,
        target: Price::ONE,
        feed: "WETH".into(),
        exit: None,
        flash: false,
    };
    let asset = |decimals, feed: &str| AssetConfig { decimals, feed: feed.to_owned() };
    Config {
        mode: Mode::Observe,
        sources: named("eth", SourceConfig { chain: None, quote: None, guards }),
        feeds: ["WETH", "TIM3"].map(|feed| (feed.to_owned(), Rule::Primary("eth".into()))).into(),
        chains: named("a", chain),
        assets: [("WETH".to_owned(), asset(18, "WETH")), ("TIM3".to_owned(), asset(6, "TIM3"))].into(),
        markets: named("weth", market),
        venues: BTreeMap::new(),
        reserves: BTreeMap::new(),
        liquidation: Policy { target_bps: 10_500, min_profit: 0, haircut_bps: 0, slippage_bps: 0, per_look: 9 },
        arbitrage: ArbitragePolicy {
            hops: 2,
            steps: 1,
            min_profit: 0,
            crossing_bps: 0,
            slippage_bps: 0,
            retry_ms: 0,
            max_hedge_loss: 0,
        },
        inventory: BTreeMap::new(),
        limits: Limits::default(),
        patience: Patience { first_ms: 1, most_ms: 1 },
    }
}

fn owner(number: u8) -> Account {
    Account(Word::from(number))
}

fn inputs() -> Vec<Input> {
    let reading = Reading { endpoint: 0, answer: 2_000, confidence: 0, decimals: 0, published: NOW_MS / 1_000 };
    let position = |(number, (collateral, debt)): (u8, (u128, u128))| Input::Position {
        market: "weth".into(),
        owner: owner(number),
        balances: Balances { collateral: collateral * WETH, debt: debt * TIM3 },
        version: 1,
    };
    let mut inputs = vec![
        Input::Head { chain: "a".into(), height: 5, time: NOW_MS / 1_000 },
        Input::Price { source: "eth".into(), readings: vec![reading] },
        Input::Holding { chain: "a".into(), asset: "TIM3".into(), amount: INVENTORY },
    ];
    inputs.extend((0..).zip(POSITIONS).map(position));
    let reason = "timeout\u{1b}[2J".to_owned();
    inputs.push(Input::PositionUnknown { market: "weth".into(), owner: owner(9), reason });
    inputs
}

/// A journal with a record of these positions, and a ledger whose entries' pages are gone.
async fn filled(site: &Site) {
    let journal = RedbJournal::open(&site.path("journal.redb")).unwrap();
    let mut keeper = Keeper::new(config()).unwrap();
    let text = |line: &Line| format!("{{\"line\":{}}}", serde_json::to_string(line).unwrap());
    let mut lines = vec![Line::header(keeper.config(), Carried::default())];
    for (sequence, input) in (0..).zip(inputs()) {
        let recorded = Recorded { sequence, at_ms: NOW_MS + sequence, input };
        lines.extend(Line::of(&recorded, &keeper.step(&recorded).unwrap()));
    }
    let lines = (0..).zip(lines).map(|(number, line)| Change::Keeper(number, text(&line)));
    let entries = (0..3_u64).map(|number| {
        let entry = Entry {
            number,
            decision: number,
            at_ms: NOW_MS + 60_000 * number,
            mode: Mode::Live,
            subject: Subject::OpenTrade(number),
            moves: Vec::new(),
            swept: Vec::new(),
            gas: 0,
            slippage: 0,
            fee: 0,
            slippage_asset: String::new(),
            usd: 7,
            unpriced: vec!["DAI".into()],
        };
        Change::KeeperEntry(number, serde_json::to_string(&entry).unwrap())
    });
    journal.commit(lines.chain(entries).collect()).await.unwrap();
}

/// `part · by / of`, and whether to round up.
fn share(part: u128, by: u128, of: u128, up: bool) -> u128 {
    if up { (part * by).div_ceil(of) } else { part * by / of }
}

/// The market at a price in dollars, position by position: how many are liquidatable, their debt, collateral and bad debt, what is to be repaid, and what of it
/// the inventory pays.
fn stress(dollars: u128) -> serde_json::Value {
    let mut below: Vec<(u128, u128)> =
        POSITIONS.into_iter().filter(|(has, owes)| has * dollars * THRESHOLD < owes * 10_000).collect();
    // The least healthy first.
    below.sort_by(|(c, d), (other_c, other_d)| (c * other_d).cmp(&(other_c * d)));
    let sum = |of: &dyn Fn(&(u128, u128)) -> u128| below.iter().map(of).sum::<u128>();
    let worth = |(has, _): &(u128, u128)| share(has * dollars * TIM3, 10_000, 10_500, true);
    let bad = |it: &(u128, u128)| (it.1 * TIM3).saturating_sub(worth(it));
    let repaid = |it: &(u128, u128)| {
        let (has, owes) = (it.0 * dollars * TIM3, it.1 * TIM3);
        if it.0 * dollars * 10_000 < it.1 * 10_500 {
            return owes - bad(it);
        }
        // x = (T · D − LT · C) / (T − LT · (1 + b))
        let missing = owes * 10_500 - has * THRESHOLD;
        share(missing, 10_000, 10_500 * 10_000 - THRESHOLD * 10_500, true).min(owes)
    };
    let mut left = INVENTORY;
    for it in &below {
        let whole = it.0 * dollars * 10_000 < it.1 * 10_500;
        let paid = if whole && repaid(it) > left { 0 } else { repaid(it).min(left) };
        left -= paid;
    }
    json!({
        "price": dollars.to_string(),
        "liquidatable": below.len(),
        "debt": display(sum(&|it| it.1 * TIM3), 6),
        "collateral": display(sum(&|it| it.0 * WETH), 18),
        "bad_debt": display(sum(&bad), 6),
        "to_repay": display(sum(&repaid), 6),
        "covered": display(INVENTORY - left, 6),
    })
}

#[tokio::test]
async fn the_ladder_shows_what_each_position_by_itself_does() {
    let site = Site::new();
    support::unreachable(&site);
    filled(&site).await;
    let nobody = support::nobody();
    let ladder = |arguments: &[&str]| site.run(&[&["keeper", "ladder", "--url", nobody.as_str()], arguments].concat());

    let shown = ladder(&["--json", "--what-if", "WETH=-30%"]);
    assert_eq!(shown.code, 0, "{shown:?}");
    let view = shown.json();
    let market = &view["markets"][0];
    assert_eq!((&market["price"], &market["verdict"]), (&json!("2000"), &json!("valid")));
    assert_eq!((&market["positions"], &market["without_debt"], &market["unknown"]), (&json!(6), &json!(1), &json!(1)));
    assert_eq!(market["unreadable"][0]["owner"], owner(9).to_string());
    assert_eq!((&market["now"], &market["what_if"]), (&stress(2_000), &stress(1_400)));
    assert!(market["now"]["bad_debt"] != "0" && market["what_if"]["covered"] != market["what_if"]["to_repay"]);
    let counts: Vec<_> = market["bands"].as_array().unwrap().iter().map(|band| band["positions"].clone()).collect();
    assert_eq!(counts, [2, 0, 0, 2, 0, 0, 0], "{market:#}");
    let expected: Vec<_> = [4, 3, 0, 1]
        .map(|number: u8| {
            let (has, owes) = POSITIONS[usize::from(number)];
            let critical = share(owes * ONE, 10_000, has * THRESHOLD, true);
            let price = 2_000 * ONE;
            json!({
                "owner": owner(number).to_string(),
                "debt": owes.to_string(),
                "collateral": has.to_string(),
                "health": display(share(has * 2_000 * ONE, THRESHOLD, owes * 10_000, false), 18),
                "liquidatable": critical > price,
                "liquidation_price": display(critical, 18),
                "distance_percent": display(share(price.saturating_sub(critical), 10_000, price, false), 2),
            })
        })
        .into();
    assert_eq!(market["least_healthy"].as_array().unwrap(), &expected);

    // A price as it is stated, and fewer of them.
    let stated = ladder(&["weth", "--json", "--limit", "1", "--what-if", "WETH=1500.5"]).json();
    assert_eq!(stated["markets"][0]["what_if"]["price"], "1500.5");
    assert_eq!(stated["markets"][0]["least_healthy"].as_array().unwrap().len(), 1);
    assert_eq!(ladder(&["--json"]).json()["markets"][0]["what_if"], json!(null));
}

#[tokio::test]
async fn the_ladder_is_told_in_words_and_says_what_can_be_asked() {
    let site = Site::new();
    support::unreachable(&site);
    filled(&site).await;
    let nobody = support::nobody();
    let ladder = |arguments: &[&str]| site.run(&[&["keeper", "ladder", "--url", nobody.as_str()], arguments].concat());
    let text = ladder(&["--what-if", "WETH=-30%"]).out;
    for words in [
        "weth on a: WETH at 2000 USD, valid; 6 positions, 1 without debt, 1 unknown",
        "below 1      2  ",
        "2 and above  0  ",
        "of that 20000 at hand pay",
        "is liquidatable",
        "9.09 %",
    ] {
        assert!(text.contains(words), "{words:?} is not in {text}");
    }
    assert!(!text.contains('\u{1b}'), "{text}");

    ladder(&["wbtc"]).assert_one_line_error(1, &["vault market", "wbtc", "there are weth"]);
    ladder(&["--what-if", "DAI=-30%"]).assert_one_line_error(1, &["--what-if DAI=…", "those of WETH count"]);
    let twice = ["--what-if", "WETH=-30%", "--what-if", "WETH=1"];
    ladder(&twice).assert_one_line_error(1, &["supposed twice"]);
    let wrong = ladder(&["--what-if", "WETH=30%"]);
    assert_eq!(wrong.code, 2, "{wrong:?}");
    assert!(wrong.err.contains("a percentage with its sign"), "{wrong:?}");
}

#[tokio::test]
async fn the_ledger_has_every_entry_of_a_span_of_time_though_the_record_forgot_them() {
    let site = Site::new();
    support::unreachable(&site);
    filled(&site).await;
    let nobody = support::nobody();
    let ledger =
        |arguments: &[&str]| site.run(&[&["keeper", "ledger", "--url", nobody.as_str()], arguments].concat()).out;
    let numbers = |text: &str| -> Vec<u64> {
        let entries = text.lines().map(|line| serde_json::from_str::<Entry>(line).unwrap());
        entries.map(|entry| entry.number).collect()
    };
    assert_eq!(numbers(&ledger(&["--json"])), [0, 1, 2]);
    // 60 seconds apart, the first one at 22:13:20.
    let (from, to) = ("2023-11-14T22:14:20Z", "2023-11-14T22:15:19Z");
    assert_eq!(numbers(&ledger(&["--json", "--from", from])), [1, 2]);
    assert_eq!(numbers(&ledger(&["--json", "--from", from, "--to", to])), [1]);
    let csv = ledger(&[]);
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 4);
    assert!(lines[0].ends_with(",pnl_usd_e18,unpriced") && lines[1].ends_with(",7,\"DAI\""), "{csv}");
}
