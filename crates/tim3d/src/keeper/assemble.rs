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
    config::{Chain, Config, Endpoint, Family, Keeper, KeeperVenue, Market, Origin, PriceSource, Unit},
};

/// What a gateway says of a market: its terms, and the price of its synthetic at which debt counts.
pub(crate) type Terms = (MarketTerms, Price);

/// What only the chains know.
#[derive(Clone, Debug, Default)]
pub(crate) struct Learned {
    /// Of each vault market, by name.
    pub(crate) terms: BTreeMap<String, Terms>,
    /// Decimals in which an asset that is traded is counted, by symbol: those of its token, the most it has on any chain.
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
    let chain = |name: &str, chain: &crate::config::KeeperChain| ChainConfig {
        gas_asset: chain.gas_asset.clone(),
        max_age_ms: milliseconds(chain.max_age),
        reliability: chain.reliability,
        steps: steps(config, name),
    };
    let parameters = keeper.parameters.clone();
    let assembled = tim3_keeper::Config {
        mode: parameters.mode,
        sources,
        feeds,
        chains: keeper.chains.iter().map(|(name, it)| (name.clone(), chain(name, it))).collect(),
        assets: keeper.assets.keys().map(|symbol| (symbol.clone(), asset(symbol))).collect(),
        markets: markets(config, keeper, &learned.terms)?,
        venues: keeper.venues.iter().map(|(name, venue)| (name.clone(), venue_of(venue))).collect(),
        reserves: reserves(config, keeper),
        liquidation: parameters.liquidation,
        arbitrage: parameters.arbitrage,
        inventory: keeper.inventory.clone(),
        limits: parameters.limits,
        patience: parameters.patience,
    };
    assembled.check()?;
    Ok(assembled)
}

/// Messages on AO happen each by itself, and nothing takes back the first of two.
fn steps(config: &Config, name: &str) -> Option<u64> {
    let chain = config.chains.iter().find(|chain| chain.name == name)?;
    (chain.kind.family() == Family::Ao).then_some(1)
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
    // On AO it is compute units that say what a process says.
    let says = |endpoint: &&Endpoint| endpoint.unit.is_none_or(|unit| unit == Unit::Cu);
    let endpoints_of = |name: &str| {
        let chain = config.chains.iter().find(|chain| chain.name == name)?;
        Some(chain.endpoints.iter().filter(says).count())
    };
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
    let pays =
        |chain: &&Chain| keeper.chains.get(&chain.name).is_some_and(|kept| kept.gas_asset.as_deref() == Some(symbol));
    let collateral = config.markets.iter().find(|market| market.collateral_symbol == symbol);
    let coin = || config.chains.iter().find(pays).and_then(|chain| chain.kind.family().coin());
    collateral.map_or_else(|| coin().map_or(0, |coin| coin.1), |market| market.collateral_decimals)
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
            exit: keeper.exits.get(&market.name).map(|exit| exit.venue.clone()),
            flash: keeper.exits.get(&market.name).is_some_and(|exit| exit.flash),
        };
        markets.insert(market.name.clone(), made);
    }
    Ok(markets)
}
