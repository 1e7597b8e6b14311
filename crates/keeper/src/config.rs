//! What the keepers are told: names, feeds, markets, venues, policies and limits.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use tim3_domain::{
    amm::Fee,
    market::{MarketTerms, VaultParameters},
    price::Price,
};

use crate::{
    arbitrage::{Reliability, Target},
    error::KeeperError,
    flight::Patience,
    limits::Limits,
    liquidation, price,
    risk::Vault,
};

/// What becomes of a decision to act.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// It is recorded.
    #[default]
    Observe,
    /// It is filled as quoted, in the ledger only.
    Paper,
    /// It is done.
    Live,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Observe => "observe",
            Self::Paper => "paper",
            Self::Live => "live",
        })
    }
}

/// A price source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceConfig {
    /// The chain whose clock its times are of; none for a feed off chain, whose times are real ones.
    pub chain: Option<String>,
    /// The asset in whole units of which its answers are; none where they are in US dollars.
    #[serde(default)]
    pub quote: Option<String>,
    /// What is expected of its answers.
    pub guards: price::Guards,
}

/// A chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainConfig {
    /// The asset that pays for transactions; none where they cost nothing.
    pub gas_asset: Option<String>,
    /// How old its newest block may be, in milliseconds: a chain that stands still hides prices that do not.
    pub max_age_ms: u64,
    /// How its transactions fare.
    pub reliability: Reliability,
    /// The most steps of a trade that it does as one; none where that is no matter.
    #[serde(default)]
    pub steps: Option<u64>,
}

/// An asset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AssetConfig {
    /// Canonical decimals.
    pub decimals: u8,
    /// Name of the feed of its price.
    pub feed: String,
}

/// A vault market.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarketConfig {
    /// Its home chain.
    pub chain: String,
    /// The synthetic that is owed.
    pub synthetic: String,
    /// What secures it.
    pub collateral: String,
    /// Its terms, as its gateway has them.
    pub terms: MarketTerms,
    /// Price of one whole synthetic at which its debt counts.
    pub target: Price,
    /// Name of the feed of the collateral's price; the one that the gateway itself asks.
    pub feed: String,
    /// Name of the venue on the same chain in which seized collateral is sold for the synthetic, in the transaction that seizes it. Without one, the
    /// collateral is kept and counts at its lower price.
    pub exit: Option<String>,
    /// Whether that venue lends what is repaid until it is paid with the collateral: then no inventory is needed.
    #[serde(default)]
    pub flash: bool,
}

/// A constant-product pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VenueConfig {
    /// Its chain.
    pub chain: String,
    /// One asset.
    pub base: String,
    /// The other one.
    pub quote: String,
    /// What it takes.
    pub fee: Fee,
}

/// A reserve market, in which the synthetic is minted and redeemed at par.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReserveConfig {
    /// Its home chain.
    pub chain: String,
    /// What is minted.
    pub synthetic: String,
    /// What it is minted against.
    pub collateral: String,
}

/// How arbitrage is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArbitragePolicy {
    /// Most steps of a cycle, crossings included.
    pub hops: usize,
    /// Most edges that one search looks at.
    pub steps: usize,
    /// More than this must be gained after all costs, in US dollars with 18 decimals.
    pub min_profit: u128,
    /// What crossing to another chain costs, in basis points: bringing inventory back later.
    pub crossing_bps: u16,
    /// How much less than quoted is accepted, in basis points.
    pub slippage_bps: u16,
    /// For how long only the other leg is tried, in milliseconds; after that the first one may be undone instead, if that comes to more.
    pub retry_ms: u64,
    /// The most that a trade may lose when either way ends it after that, in US dollars with 18 decimals; beyond that it is carried, and shown.
    pub max_hedge_loss: u128,
}

/// Where the inventory of a synthetic should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InventoryConfig {
    /// By chain.
    pub targets: Vec<Target>,
    /// The smallest transfer.
    pub smallest: u128,
}

/// Everything the keepers are told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What becomes of decisions.
    pub mode: Mode,
    /// Price sources by name.
    pub sources: BTreeMap<String, SourceConfig>,
    /// How sources make prices, by name.
    pub feeds: BTreeMap<String, price::Rule>,
    /// Chains by name.
    pub chains: BTreeMap<String, ChainConfig>,
    /// Assets by symbol.
    pub assets: BTreeMap<String, AssetConfig>,
    /// Vault markets by name.
    pub markets: BTreeMap<String, MarketConfig>,
    /// Pools by name.
    pub venues: BTreeMap<String, VenueConfig>,
    /// Reserve markets by name.
    pub reserves: BTreeMap<String, ReserveConfig>,
    /// How liquidation is done.
    pub liquidation: liquidation::Policy,
    /// How arbitrage is done.
    pub arbitrage: ArbitragePolicy,
    /// Inventory of synthetics, by symbol.
    pub inventory: BTreeMap<String, InventoryConfig>,
    /// What may be risked.
    pub limits: Limits,
    /// How long what fails waits.
    pub patience: Patience,
}

/// What can change while the keepers run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// What becomes of decisions.
    pub mode: Mode,
    /// How liquidation is done.
    pub liquidation: liquidation::Policy,
    /// How trades are decided and done; what is half done goes by it, too.
    pub arbitrage: ArbitragePolicy,
    /// What may be risked.
    pub limits: Limits,
    /// How long what fails waits.
    pub patience: Patience,
}

impl MarketConfig {
    /// The market's terms, checked.
    ///
    /// # Errors
    /// [`KeeperError::Domain`] naming the market and the first term that makes no sense.
    pub fn vault(&self, name: &str, decimals: u8) -> Result<Vault, KeeperError> {
        let wrong = |error| KeeperError::Domain { subject: format!("market {name}"), error };
        let parameters = VaultParameters::check(self.terms).map_err(wrong)?;
        let vault = Vault { parameters, target: self.target, decimals };
        vault.scales(Price::ONE).map_err(wrong)?;
        Ok(vault)
    }
}

impl Config {
    /// The part that can change while the keepers run.
    #[must_use]
    pub fn parameters(&self) -> Parameters {
        let Self { mode, liquidation, arbitrage, limits, patience, .. } = self.clone();
        Parameters { mode, liquidation, arbitrage, limits, patience }
    }

    /// The same with other parameters.
    #[must_use]
    pub fn with(self, parameters: Parameters) -> Self {
        let Parameters { mode, liquidation, arbitrage, limits, patience } = parameters;
        Self { mode, liquidation, arbitrage, limits, patience, ..self }
    }

    /// The same under the terms that `known` has of the same markets: they are the gateways', whoever configures the keepers.
    #[must_use]
    pub fn under_terms_of(mut self, known: &Self) -> Self {
        for (name, market) in &mut self.markets {
            if let Some(known) = known.markets.get(name) {
                (market.terms, market.target) = (known.terms, known.target);
            }
        }
        self
    }

    /// Checks that every name that is used is configured, and that terms make sense.
    ///
    /// # Errors
    /// [`KeeperError`] naming the first that is wrong.
    pub fn check(&self) -> Result<(), KeeperError> {
        for (name, source) in &self.sources {
            source.chain.iter().try_for_each(|chain| named("chain", chain, &self.chains))?;
            source.quote.iter().try_for_each(|quote| self.check_quote(name, quote))?;
        }
        for rule in self.feeds.values() {
            rule.sources().try_for_each(|source| named("source", source, &self.sources))?;
        }
        for chain in self.chains.values() {
            chain.gas_asset.iter().try_for_each(|asset| named("asset", asset, &self.assets))?;
        }
        for asset in self.assets.values() {
            named("feed", &asset.feed, &self.feeds)?;
        }
        for (name, market) in &self.markets {
            self.check_pair(&market.chain, &market.synthetic, &market.collateral)?;
            named("feed", &market.feed, &self.feeds)?;
            self.check_exit(name, market)?;
            if market.flash && market.exit.is_none() {
                let (key, expected) = (format!("markets.{name}.flash"), "an exit, which lends");
                return Err(KeeperError::Setting { key, found: "true".to_owned(), expected });
            }
            market.vault(name, self.assets.get(&market.collateral).map_or(0, |asset| asset.decimals))?;
        }
        for venue in self.venues.values() {
            self.check_pair(&venue.chain, &venue.base, &venue.quote)?;
        }
        for reserve in self.reserves.values() {
            self.check_pair(&reserve.chain, &reserve.synthetic, &reserve.collateral)?;
        }
        for (asset, inventory) in &self.inventory {
            named("asset", asset, &self.assets)?;
            inventory.targets.iter().try_for_each(|target| named("chain", &target.chain, &self.chains))?;
        }
        Ok(())
    }

    fn check_pair(&self, chain: &str, one: &str, other: &str) -> Result<(), KeeperError> {
        named("chain", chain, &self.chains)?;
        named("asset", one, &self.assets)?;
        named("asset", other, &self.assets)
    }

    /// What a source is quoted in has a price in US dollars: then no price hangs on itself.
    fn check_quote(&self, source: &str, quote: &str) -> Result<(), KeeperError> {
        named("asset", quote, &self.assets)?;
        let rule = self.assets.get(quote).and_then(|asset| self.feeds.get(&asset.feed));
        let is_quoted = |name: &str| self.sources.get(name).is_some_and(|source| source.quote.is_some());
        if rule.is_none_or(|rule| !rule.sources().any(is_quoted)) {
            return Ok(());
        }
        Err(KeeperError::Setting {
            key: format!("sources.{source}.quote"),
            found: quote.to_owned(),
            expected: "an asset whose own sources are in US dollars",
        })
    }

    fn check_exit(&self, name: &str, market: &MarketConfig) -> Result<(), KeeperError> {
        let Some(exit) = &market.exit else { return Ok(()) };
        named("venue", exit, &self.venues)?;
        let fits = self.venues.get(exit).is_some_and(|venue| {
            let pair = [&venue.base, &venue.quote];
            venue.chain == market.chain && pair.contains(&&market.synthetic) && pair.contains(&&market.collateral)
        });
        if fits {
            return Ok(());
        }
        Err(KeeperError::Setting {
            key: format!("markets.{name}.exit"),
            found: exit.clone(),
            expected: "a venue on the market's chain between its collateral and its synthetic",
        })
    }
}

/// That `name` is one of `known`.
pub(crate) fn named<T>(what: &'static str, name: &str, known: &BTreeMap<String, T>) -> Result<(), KeeperError> {
    if known.contains_key(name) { Ok(()) } else { Err(KeeperError::unknown(what, name, known.keys())) }
}
