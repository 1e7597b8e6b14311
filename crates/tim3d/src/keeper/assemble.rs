//! From the configuration of the daemon, and what the gateways say of their markets, to that of the keepers' core.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use tim3_domain::{amount::SYNTHETIC_DECIMALS, market::MarketTerms, price::Price};
use tim3_keeper::{
    arbitrage::Reliability,
    config::{ArbitragePolicy, AssetConfig, ChainConfig, MarketConfig, SourceConfig},
    price::Guards,
};

use crate::{
    chains::milliseconds,
    config::{Config, Keeper, Origin, PriceSource},
};

/// What a gateway says of a market: its terms, and the price of its synthetic at which debt counts.
pub(crate) type Terms = (MarketTerms, Price);

/// Decimals of an asset that no market has: coins that pay for transactions on EVM chains.
const GAS_DECIMALS: u8 = 18;

/// The configuration of the core.
///
/// # Errors
/// Where `terms` has no word of a market, or the whole makes no sense.
pub(crate) fn assemble(
    config: &Config,
    keeper: &Keeper,
    terms: &BTreeMap<String, Terms>,
) -> Result<tim3_keeper::Config> {
    let sources = keeper.prices.iter().map(|(name, source)| (name.clone(), source_of(config, source))).collect();
    let feeds = keeper.assets.iter().map(|(symbol, asset)| (symbol.clone(), asset.rule.clone())).collect();
    let asset = |symbol: &String| AssetConfig { decimals: decimals(config, symbol), feed: symbol.clone() };
    let chain = |chain: &crate::config::KeeperChain| ChainConfig {
        gas_asset: chain.gas_asset.clone(),
        max_age_ms: milliseconds(chain.max_age),
        reliability: Reliability::default(),
    };
    let parameters = keeper.parameters.clone();
    let assembled = tim3_keeper::Config {
        mode: parameters.mode,
        sources,
        feeds,
        chains: keeper.chains.iter().map(|(name, it)| (name.clone(), chain(it))).collect(),
        assets: keeper.assets.keys().map(|symbol| (symbol.clone(), asset(symbol))).collect(),
        markets: markets(config, keeper, terms)?,
        venues: BTreeMap::new(),
        reserves: BTreeMap::new(),
        liquidation: parameters.liquidation,
        arbitrage: NO_ARBITRAGE,
        inventory: BTreeMap::new(),
        limits: parameters.limits,
        patience: parameters.patience,
    };
    assembled.check()?;
    Ok(assembled)
}

/// Without venues there is nothing to search, and nothing is.
const NO_ARBITRAGE: ArbitragePolicy = ArbitragePolicy {
    hops: 0,
    steps: 0,
    min_profit: u128::MAX,
    crossing_bps: 0,
    slippage_bps: 0,
    retry_ms: 0,
    max_hedge_loss: 0,
};

fn source_of(config: &Config, source: &PriceSource) -> SourceConfig {
    let endpoints_of = |name: &str| config.chains.iter().find(|chain| chain.name == name).map(|it| it.endpoints.len());
    let (chain, endpoints) = match &source.origin {
        Origin::Feed { chain, .. } => (Some(chain.clone()), endpoints_of(chain).unwrap_or(1)),
        Origin::Http { .. } | Origin::Fixed(_) => (None, 1),
    };
    let guards = Guards {
        max_age: source.max_age.as_secs(),
        // None of these sources states a confidence.
        max_confidence_bps: 0,
        max_jump_bps: source.max_jump_bps,
        endpoints: u16::try_from(endpoints).unwrap_or(u16::MAX),
    };
    SourceConfig { chain, guards }
}

fn decimals(config: &Config, symbol: &str) -> u8 {
    let collateral = config.markets.iter().find(|market| market.collateral_symbol == symbol);
    if config.assets.iter().any(|asset| asset.symbol == symbol) {
        SYNTHETIC_DECIMALS
    } else {
        collateral.map_or(GAS_DECIMALS, |market| market.collateral_decimals)
    }
}

fn markets(
    config: &Config,
    keeper: &Keeper,
    terms: &BTreeMap<String, Terms>,
) -> Result<BTreeMap<String, MarketConfig>> {
    let mut markets = BTreeMap::new();
    for market in config.markets.iter().filter(|market| keeper.markets.contains(&market.name)) {
        let (terms, target) = terms.get(&market.name).with_context(|| format!("no terms of {}", market.name))?;
        let made = MarketConfig {
            chain: market.home.clone(),
            synthetic: market.synthetic_symbol.clone(),
            collateral: market.collateral_symbol.clone(),
            terms: *terms,
            target: *target,
            feed: market.collateral_symbol.clone(),
            exit: None,
        };
        markets.insert(market.name.clone(), made);
    }
    Ok(markets)
}
