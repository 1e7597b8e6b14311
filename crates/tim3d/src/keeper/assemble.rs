//! From the configuration of the daemon, and what the gateways say of their markets, to that of the keepers' core.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use tim3_domain::{amount::SYNTHETIC_DECIMALS, identity::MarketKind, market::MarketTerms, price::Price};
use tim3_keeper::{
    config::{AssetConfig, ChainConfig, MarketConfig, ReserveConfig, SourceConfig, VenueConfig},
    price::Guards,
};

use super::world::{kept, vaults};
use crate::{
    chains::milliseconds,
    config::{Chain, Config, Keeper, KeeperVenue, Market, Origin, PriceSource},
};

/// What a gateway says of a market: its terms, and the price of its synthetic at which debt counts.
pub(crate) type Terms = (MarketTerms, Price);

/// What only the chains know.
#[derive(Clone, Debug, Default)]
pub(crate) struct Learned {
    /// Of each vault market, by name.
    pub(crate) terms: BTreeMap<String, Terms>,
    /// Decimals in which an asset that is traded is counted, by symbol: those of its token.
    pub(crate) decimals: BTreeMap<String, u8>,
}

/// The configuration of the core.
///
/// # Errors
/// Where `learned` has no word of a market, or the whole makes no sense.
pub(crate) fn assemble(config: &Config, keeper: &Keeper, learned: &Learned) -> Result<tim3_keeper::Config> {
    let sources = keeper.prices.iter().map(|(name, source)| (name.clone(), source_of(config, source))).collect();
    let feeds = keeper.assets.iter().map(|(symbol, asset)| (symbol.clone(), asset.rule.clone())).collect();
    let asset = |symbol: &String| {
        let decimals = decimals(config, keeper, learned, symbol);
        AssetConfig { decimals, feed: symbol.clone() }
    };
    let chain = |chain: &crate::config::KeeperChain| ChainConfig {
        gas_asset: chain.gas_asset.clone(),
        max_age_ms: milliseconds(chain.max_age),
        reliability: chain.reliability,
    };
    let parameters = keeper.parameters.clone();
    let assembled = tim3_keeper::Config {
        mode: parameters.mode,
        sources,
        feeds,
        chains: keeper.chains.iter().map(|(name, it)| (name.clone(), chain(it))).collect(),
        assets: keeper.assets.keys().map(|symbol| (symbol.clone(), asset(symbol))).collect(),
        markets: markets(config, keeper, &learned.terms)?,
        venues: keeper.venues.iter().map(|(name, venue)| (name.clone(), venue_of(venue))).collect(),
        reserves: reserves(config, keeper),
        liquidation: parameters.liquidation,
        arbitrage: keeper.arbitrage.policy.clone(),
        inventory: keeper.inventory.clone(),
        limits: parameters.limits,
        patience: parameters.patience,
    };
    assembled.check()?;
    Ok(assembled)
}

fn venue_of(venue: &KeeperVenue) -> VenueConfig {
    let KeeperVenue { chain, base, quote, fee, .. } = venue;
    VenueConfig { chain: chain.clone(), base: base.clone(), quote: quote.clone(), fee: *fee }
}

fn reserves(config: &Config, keeper: &Keeper) -> BTreeMap<String, ReserveConfig> {
    let reserve = |market: &Market| ReserveConfig {
        chain: market.home.clone(),
        synthetic: market.synthetic_symbol.clone(),
        collateral: market.collateral_symbol.clone(),
    };
    let kept = kept(config, keeper).filter(|market| market.kind == MarketKind::Reserve);
    kept.map(|market| (market.name.clone(), reserve(market))).collect()
}

fn source_of(config: &Config, source: &PriceSource) -> SourceConfig {
    let endpoints_of = |name: &str| config.chains.iter().find(|chain| chain.name == name).map(|it| it.endpoints.len());
    let (chain, endpoints, quote) = match &source.origin {
        Origin::Feed { chain, .. } => (Some(chain.clone()), endpoints_of(chain).unwrap_or(1), None),
        Origin::Pool { chain, quote, .. } => {
            (Some(chain.clone()), endpoints_of(chain).unwrap_or(1), Some(quote.clone()))
        }
        Origin::Json(_) | Origin::Fixed(_) => (None, 1, None),
    };
    let guards = Guards {
        max_age: source.max_age.as_secs(),
        max_confidence_bps: source.max_confidence_bps,
        max_jump_bps: source.max_jump_bps,
        endpoints: u16::try_from(endpoints).unwrap_or(u16::MAX),
    };
    SourceConfig { chain, quote, guards }
}

fn decimals(config: &Config, keeper: &Keeper, learned: &Learned, symbol: &str) -> u8 {
    if let Some(decimals) = learned.decimals.get(symbol) {
        return *decimals;
    }
    if config.assets.iter().any(|asset| asset.symbol == symbol) {
        return SYNTHETIC_DECIMALS;
    }
    let pays = |chain: &&Chain| keeper.chains.get(&chain.name).is_some_and(|kept| kept.gas_asset == symbol);
    let collateral = config.markets.iter().find(|market| market.collateral_symbol == symbol);
    let gas = || config.chains.iter().find(pays).map_or(0, |chain| chain.kind.family().gas_decimals());
    collateral.map_or_else(gas, |market| market.collateral_decimals)
}

fn markets(
    config: &Config,
    keeper: &Keeper,
    terms: &BTreeMap<String, Terms>,
) -> Result<BTreeMap<String, MarketConfig>> {
    let mut markets = BTreeMap::new();
    for market in vaults(config, keeper) {
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
