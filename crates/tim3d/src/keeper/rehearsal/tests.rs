use std::collections::BTreeMap;

use tim3_domain::{health::Balances, identity::Account, market::MarketTerms, price::Price, word::Word};
use tim3_keeper::{
    Decision, Input, Keeper, Recorded, arbitrage::Fill, config::Config as Core, input::Outcome, ledger::Move,
    price::Reading, replay::Line,
};

use super::{
    plan::Plan,
    prices::{Prices, Stated},
    report::{Aftermath, Inventory, Why, judge},
};
use crate::{
    config::{Config, Kind, tests::minimal},
    keeper::{Learned, assemble},
};

/// What is laid over the minimum.
const KEEPER: &str = r#"
[markets.weth_a]
kind = "vault"
home = "a"
synthetic = "TIM3"
collateral = "WETH"
collateral_decimals = 18
[keeper.chains.a]
account = "0x2222222222222222222222222222222222222222"
[keeper.markets.weth_a]
[keeper.assets]
WETH.prices = ["weth", "market"]
ETH.prices = ["eth"]
TIM3.prices = ["par"]
[keeper.prices]
weth = { chain = "a", feed = "0x3333333333333333333333333333333333333333" }
market = { url = "https://prices.example/weth", path = "price" }
eth = { url = "https://prices.example/eth", path = "price" }
par = { fixed = "1" }
"#;

/// One whole WETH.
const WETH: u128 = 1_000_000_000_000_000_000;
/// One whole TIM3.
const TIM3: u128 = 1_000_000;
/// The time of everything, in seconds.
const NOW: u64 = 1_000;

fn config() -> Config {
    read(KEEPER)
}

fn read(text: &str) -> Config {
    minimal().file("keeper.toml", text).config()
}

fn stated(text: &str) -> Stated {
    text.parse().unwrap()
}

fn price(text: &str) -> Price {
    text.parse().unwrap()
}

#[test]
fn what_cannot_be_rehearsed_is_refused_in_words() {
    let refused = |config: &Config, chain: Option<&str>| Plan::new(config, chain).unwrap_err().to_string();
    let other = Config { keeper: None, ..config() };
    assert!(refused(&other, None).contains("no section [keeper]"));
    assert!(refused(&config(), Some("b")).contains("there are a"), "{}", refused(&config(), Some("b")));
    let mut other = config();
    other.chains[0].kind =
        Kind::Solana { program: Account::default(), lookup_table: None, spending: Default::default() };
    for chain in [None, Some("a")] {
        assert!(refused(&other, chain).contains("only EVM chains"), "{}", refused(&other, chain));
    }
    let mut other = config();
    other.keeper.as_mut().unwrap().markets.clear();
    assert!(refused(&other, None).contains("nothing to liquidate"));
}

#[test]
fn only_prices_that_are_needed_can_be_stated_and_those_off_the_chain_follow() {
    let mut plan = Plan::new(&config(), None).unwrap();
    let refused = Prices::new(&plan, None, &[stated("WBTC=1")]).err().unwrap().to_string();
    assert!(refused.contains("those of ETH, TIM3, WETH are"), "{refused}");
    for wrong in ["WETH", "WETH=", "WETH=0", "=1"] {
        assert!(wrong.parse::<Stated>().is_err(), "{wrong}");
    }
    Prices::new(&plan, Some(30), &[stated("ETH=1500.5")]).unwrap();
    plan.state(&BTreeMap::from([("WETH".to_owned(), price("1500"))]));
    let fixed = |name: &str| format!("{:?}", plan.keeper.prices[name].origin);
    assert_eq!((fixed("market").as_str(), fixed("par").as_str()), ("Fixed(1500)", "Fixed(1)"));
    assert!(fixed("weth").starts_with("Feed") && fixed("eth").starts_with("Json"), "they say what they said");
}

#[test]
fn the_price_of_a_pool_is_stated_or_falls_because_no_time_passes_on_a_copy() {
    let pool = r#"pool = { chain = "a", pool = "0x4444444444444444444444444444444444444444", token = "0x5555555555555555555555555555555555555555", quote = "USDA" }"#;
    let text = KEEPER
        .replace("par = ", &format!("{pool}\npar = "))
        .replace("TIM3.prices", "USDA.prices = [\"par\"]\nTIM3.prices")
        .replace("\"market\"]", "\"market\", \"pool\"]");
    let mut plan = Plan::new(&read(&text), None).unwrap();
    assert!(plan.symbols().contains("USDA"), "what the pool is quoted in");
    Prices::new(&plan, Some(30), &[]).unwrap();
    plan.state(&BTreeMap::from([("WETH".to_owned(), price("1500"))]));
    assert_eq!(format!("{:?}", plan.keeper.prices["pool"].origin), "Fixed(1500)");

    let plan = Plan::new(&read(&text.replace("[\"eth\"]", "[\"pool\"]")), None).unwrap();
    let refused = Prices::new(&plan, Some(30), &[]).err().unwrap().to_string();
    assert!(refused.contains("say the price with --price ETH=PRICE"), "{refused}");
    Prices::new(&plan, Some(30), &[stated("ETH=1500")]).unwrap();
}

/// What a rehearsal's keeper was told, at a price of 1500 dollars, with three positions of one WETH: one that is taken whole or not at all, one of which a
/// part is taken, and a healthy one.
struct Told {
    keeper: Keeper,
    lines: Vec<Line>,
    sequence: u64,
}

fn owner(number: u8) -> Account {
    Account(Word([number; 32]))
}

impl Told {
    fn new(inventory: u128, change: impl FnOnce(&mut Core)) -> Self {
        let plan = Plan::new(&config(), None).unwrap();
        let terms = MarketTerms {
            max_ltv_bps: 7_500,
            liquidation_threshold_bps: 8_000,
            bonus_bps: 500,
            close_factor_bps: 5_000,
            debt_ceiling: u128::MAX,
            dust: 100 * TIM3,
        };
        let terms = BTreeMap::from([("weth_a".to_owned(), (terms, Price::ONE))]);
        let mut core = assemble(&plan.config, &plan.keeper, &Learned { terms, ..Learned::default() }).unwrap();
        change(&mut core);
        let keeper = Keeper::new(core.clone()).unwrap();
        let lines = vec![Line::header(&core, keeper.carried().unwrap())];
        let mut told = Self { keeper, lines, sequence: 0 };
        told.give(Input::Head { chain: "a".into(), height: 7, time: NOW });
        told.give(Input::Gas { chain: "a".into(), liquidation: 1, step: 1 });
        for (asset, amount) in [("TIM3", inventory), ("WETH", 0), ("ETH", WETH)] {
            told.give(Input::Holding { chain: "a".into(), asset: asset.into(), amount });
        }
        for (number, debt) in [(1, 1_450), (2, 1_250), (3, 1_000)] {
            told.position(number, debt * TIM3, 1);
        }
        told
    }

    fn give(&mut self, input: Input) -> Vec<Decision> {
        let recorded = Recorded { sequence: self.sequence, at_ms: NOW * 1_000, input };
        self.sequence += 1;
        let step = self.keeper.step(&recorded).unwrap();
        self.lines.extend(Line::of(&recorded, &step));
        step.decisions
    }

    fn position(&mut self, number: u8, debt: u128, version: u64) {
        let (market, balances) = ("weth_a".to_owned(), Balances { collateral: WETH, debt });
        self.give(Input::Position { market, owner: owner(number), balances, version });
    }

    /// Gives the decisions to act that follow.
    fn prices(&mut self) -> Vec<u64> {
        let mut acts = Vec::new();
        for (source, dollars) in [("par", 1), ("eth", 1_500), ("market", 1_500), ("weth", 1_500)] {
            let answer = dollars * 100_000_000;
            let readings = vec![Reading { endpoint: 0, answer, confidence: 0, decimals: 8, published: NOW }];
            acts.extend(self.give(Input::Price { source: source.into(), readings }));
        }
        acts.extend(self.give(Input::Look));
        acts.into_iter().filter(|decision| decision.action.is_some()).map(|decision| decision.number).collect()
    }

    fn outcome(&mut self, decision: u64, outcome: Outcome) {
        self.give(Input::Outcome { decision, outcome });
    }

    fn judge(&self) -> Aftermath {
        judge(&self.lines, &BTreeMap::from([("WETH".to_owned(), price("1500"))])).unwrap()
    }

    /// How many are left for which reasons.
    fn left(&self) -> BTreeMap<Why, usize> {
        let mut left = BTreeMap::new();
        for one in self.judge().left {
            *left.entry(one.why).or_default() += 1;
        }
        left
    }
}

#[test]
fn what_was_liquidated_and_what_is_left_for_want_of_inventory_is_told_with_what_it_takes() {
    let mut told = Told::new(1_000 * TIM3, |_| {});
    let acts = told.prices();
    assert_eq!(acts.len(), 1);
    let (repaid, seized) = (500 * TIM3, WETH / 3);
    let change = |asset: &str, delta: i128| Move { chain: "a".into(), asset: asset.into(), delta };
    let moves = vec![change("TIM3", -500_000_000), change("WETH", i128::try_from(seized).unwrap()), change("ETH", -9)];
    told.outcome(
        acts[0],
        Outcome::Done { fill: Fill { input: repaid, output: seized }, moves, swept: Vec::new(), gas: 9 },
    );
    told.position(2, 700 * TIM3, 2);
    let aftermath = told.judge();
    assert_eq!((aftermath.positions, aftermath.unhealthy, aftermath.liquidated()), (3, 2, 1));
    assert_eq!((aftermath.liquidations, aftermath.failures, aftermath.unknown), (1, 0, 0));
    assert_eq!(told.left(), BTreeMap::from([(Why::Inventory, 1)]));
    let whole = (1_500 * TIM3 * 100).div_ceil(105);
    let inventory = Inventory { at_hand: 1_000 * TIM3, repaid, needed: repaid + whole };
    assert_eq!(aftermath.inventory["TIM3"], inventory);
    let ledger = BTreeMap::from([
        ("ETH".to_owned(), i128::try_from(WETH).unwrap() - 9),
        ("TIM3".to_owned(), 500_000_000),
        ("WETH".to_owned(), i128::try_from(seized).unwrap()),
    ]);
    assert_eq!((aftermath.ledger, aftermath.seized["WETH"]), (ledger, seized));
}

#[test]
fn every_reason_to_leave_a_position_is_told_apart() {
    let of = |change: fn(&mut Core)| {
        let mut told = Told::new(100_000 * TIM3, change);
        told.prices();
        told.left()
    };
    let both = |why| BTreeMap::from([(why, 2)]);
    assert_eq!(of(|core| core.limits.day = 1), both(Why::Limit));
    assert_eq!(of(|core| core.liquidation.min_profit = i128::MAX), both(Why::Unprofitable));
    assert_eq!(of(|_| {}), both(Why::NotReached), "nothing became of them");
    let mut told = Told::new(0, |_| {});
    told.prices();
    assert_eq!(told.left(), both(Why::Inventory));
    let mut told = Told::new(100_000 * TIM3, |_| {});
    assert_eq!(told.left(), both(Why::Guard), "there is no price");
    told.give(Input::Pause { paused: true });
    told.prices();
    assert_eq!(told.left(), both(Why::Guard), "it is paused");
}

#[test]
fn what_failed_is_left_with_the_reason_of_its_failure() {
    let mut told = Told::new(100_000 * TIM3, |_| {});
    for decision in told.prices() {
        told.outcome(decision, Outcome::Refused { reason: "the gateway is frozen".to_owned() });
    }
    assert_eq!(told.left(), BTreeMap::from([(Why::Failed, 2)]));
    let aftermath = told.judge();
    assert!(aftermath.left.iter().all(|left| left.detail == "the gateway is frozen"), "{:?}", aftermath.left);
    assert_eq!((aftermath.failures, aftermath.liquidated()), (2, 0));
}
