//! A small world: a vault market on `east`, pools of TIM3 against USDA on `east` and `west`, and a reserve market at home on `east`.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::collections::BTreeMap;

use tim3_domain::{
    amm::Fee, health::Balances, identity::Account, market::MarketTerms, price::Price, word::keccak_text,
};
use tim3_keeper::{
    Config, Decision, Input, Keeper, Mode, Recorded,
    arbitrage::{Reliability, Target},
    config::{
        ArbitragePolicy, AssetConfig, ChainConfig, InventoryConfig, MarketConfig, ReserveConfig, SourceConfig,
        VenueConfig,
    },
    decision::Rule as Asked,
    flight::Patience,
    keeper::Step,
    limits::Limits,
    liquidation::Policy,
    price::{Guards, Reading, Rule},
};

pub(crate) const DOLLAR: u128 = 1_000_000_000_000_000_000;
/// Of TIM3 and USDA, which have 6 decimals.
pub(crate) const WHOLE: u128 = 1_000_000;

pub(crate) fn named<T>(all: impl IntoIterator<Item = (&'static str, T)>) -> BTreeMap<String, T> {
    all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn source(max_age: u64) -> SourceConfig {
    let guards = Guards { max_age, max_confidence_bps: 100, max_jump_bps: 2_000, endpoints: 2 };
    SourceConfig { chain: Some("east".into()), quote: None, guards }
}

fn asset(decimals: u8, feed: &str) -> AssetConfig {
    AssetConfig { decimals, feed: feed.into() }
}

pub(crate) fn config(mode: Mode) -> Config {
    let chain = |failure_bps| ChainConfig {
        steps: None,
        gas_asset: Some("ETH".into()),
        max_age_ms: 60_000,
        reliability: Reliability { failure_bps, latency_ms: 1_000 },
    };
    let pool = |chain: &str| VenueConfig {
        chain: chain.into(),
        base: "USDA".into(),
        quote: "TIM3".into(),
        fee: Fee::UNISWAP_V2,
    };
    let terms = MarketTerms {
        max_ltv_bps: 7_500,
        liquidation_threshold_bps: 8_250,
        bonus_bps: 500,
        close_factor_bps: 10_000,
        debt_ceiling: u128::MAX,
        dust: 0,
    };
    Config {
        mode,
        sources: named([("eth", source(3_600)), ("usd", source(1_000_000))]),
        feeds: named([("eth", Rule::Primary("eth".into())), ("usd", Rule::Primary("usd".into()))]),
        chains: named([("east", chain(100)), ("west", chain(200))]),
        assets: named([
            ("ETH", asset(18, "eth")),
            ("WETH", asset(18, "eth")),
            ("TIM3", asset(6, "usd")),
            ("USDA", asset(6, "usd")),
        ]),
        markets: named([(
            "weth",
            MarketConfig {
                chain: "east".into(),
                synthetic: "TIM3".into(),
                collateral: "WETH".into(),
                terms,
                target: Price::ONE,
                feed: "eth".into(),
                exit: None,
                flash: false,
            },
        )]),
        venues: named([("east pool", pool("east")), ("west pool", pool("west"))]),
        reserves: named([(
            "par",
            ReserveConfig { chain: "east".into(), synthetic: "TIM3".into(), collateral: "USDA".into() },
        )]),
        liquidation: Policy {
            target_bps: 10_500,
            min_profit: i128::try_from(DOLLAR).unwrap(),
            haircut_bps: 100,
            slippage_bps: 50,
            per_look: 32,
        },
        arbitrage: ArbitragePolicy {
            hops: 4,
            steps: 1_000_000,
            min_profit: DOLLAR,
            crossing_bps: 5,
            slippage_bps: 50,
            retry_ms: 30_000,
            max_hedge_loss: 100 * DOLLAR,
        },
        inventory: named([(
            "TIM3",
            InventoryConfig {
                targets: ["east", "west"]
                    .map(|chain| Target { chain: chain.into(), amount: 50_000 * WHOLE, least: 20_000 * WHOLE })
                    .to_vec(),
                smallest: 100 * WHOLE,
            },
        )]),
        limits: Limits {
            default: 10_000_000 * DOLLAR,
            day: 10_000_000 * DOLLAR,
            daily_loss: 1_000 * DOLLAR,
            exposure: 100_000 * DOLLAR,
            ..Limits::default()
        },
        patience: Patience { first_ms: 15_000, most_ms: 60_000 },
    }
}

pub(crate) fn owner(number: u32) -> Account {
    Account(keccak_text(&number.to_string()))
}

/// A keeper with its clock, heights and inputs.
pub(crate) struct World {
    pub(crate) keeper: Keeper,
    pub(crate) now_ms: u64,
    pub(crate) height: u64,
    pub(crate) sequence: u64,
    pub(crate) record: Vec<(Recorded, Step)>,
    /// What the chains have, by chain and asset.
    pub(crate) held: BTreeMap<(String, String), u128>,
}

impl World {
    pub(crate) fn new(config: Config) -> Self {
        let keeper = Keeper::new(config).unwrap();
        let held = BTreeMap::new();
        Self { keeper, now_ms: 1_700_000_000_000, height: 100, sequence: 0, record: Vec::new(), held }
    }

    pub(crate) fn give(&mut self, input: Input) -> Step {
        let recorded = Recorded { sequence: self.sequence, at_ms: self.now_ms, input };
        self.sequence += 1;
        let step = self.keeper.step(&recorded).unwrap();
        self.record.push((recorded, step.clone()));
        step
    }

    /// A new block on both chains.
    pub(crate) fn block(&mut self) {
        self.now_ms += 12_000;
        self.height += 1;
        for chain in ["east", "west"] {
            self.give(Input::Head { chain: chain.into(), height: self.height, time: self.now_ms / 1_000 });
        }
    }

    /// What one endpoint says, while the others do not answer.
    pub(crate) fn reading(&mut self, source: &str, endpoint: u16, answer: i128) -> Step {
        self.readings(source, [(endpoint, answer)])
    }

    /// What endpoints say.
    pub(crate) fn readings(&mut self, source: &str, said: impl IntoIterator<Item = (u16, i128)>) -> Step {
        let published = self.now_ms / 1_000;
        let reading = |(endpoint, answer)| Reading { endpoint, answer, confidence: 0, decimals: 2, published };
        self.give(Input::Price { source: source.into(), readings: said.into_iter().map(reading).collect() })
    }

    /// A price in cents that both endpoints read in two rounds, so that it is believed however far it is.
    pub(crate) fn price(&mut self, source: &str, cents: i128) -> Vec<Decision> {
        let both = [(0, cents), (1, cents)];
        let mut decisions = self.readings(source, both).decisions;
        self.now_ms += 1_000;
        decisions.extend(self.readings(source, both).decisions);
        decisions
    }

    /// Prices, gas and a block.
    pub(crate) fn open(&mut self) {
        self.block();
        self.price("usd", 100);
        self.price("eth", 200_000);
        for chain in ["east", "west"] {
            // A dollar and ten cents.
            let gas = Input::Gas { chain: chain.into(), liquidation: 500_000_000_000_000, step: 50_000_000_000_000 };
            self.give(gas);
        }
        self.block();
    }

    pub(crate) fn hold(&mut self, chain: &str, asset: &str, amount: u128) -> Step {
        self.held.insert((chain.into(), asset.into()), amount);
        self.give(Input::Holding { chain: chain.into(), asset: asset.into(), amount })
    }

    pub(crate) fn quota(&mut self, chain: &str, free: u128) {
        self.give(Input::Quota { chain: chain.into(), asset: "TIM3".into(), free });
    }

    pub(crate) fn position(&mut self, number: u32, collateral: u128, debt: u128) -> Step {
        let balances = Balances { collateral, debt };
        self.give(Input::Position { market: "weth".into(), owner: owner(number), balances, version: self.sequence })
    }

    pub(crate) fn pool(&mut self, venue: &str, base: u128, quote: u128) {
        self.give(Input::Pool { venue: venue.into(), base: base * WHOLE, quote: quote * WHOLE });
    }

    pub(crate) fn look(&mut self) -> Vec<Decision> {
        self.give(Input::Look).decisions
    }
}

/// The check that stood against a decision, or `None` where it is to act.
pub(crate) fn obstacle(decision: &Decision) -> Option<Asked> {
    assert_eq!(decision.action.is_none(), decision.obstacle().is_some(), "{decision}");
    decision.obstacle().map(|check| check.rule)
}

pub(crate) fn acts(decisions: &[Decision]) -> Vec<&Decision> {
    decisions.iter().filter(|decision| obstacle(decision).is_none()).collect()
}
