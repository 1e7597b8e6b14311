//! From the operator's configuration to that of a rehearsal: one chain, its vault markets, and what their prices come from.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use tim3_chain::Feed;
use tim3_domain::{identity::Account, price::Price};
use tim3_ethereum::keys;
use tim3_keeper::Mode;
use tim3_rpc::SecretUrl;

use crate::{
    config::{Chain, Config, Endpoint, Family, Keeper, KeeperAccount, KeyRef, Market, Origin, UrlRef},
    keeper::world::vaults,
};

/// How often the copy is looked at.
const POLL: Duration = Duration::from_millis(100);
/// How long the copy may take to answer: it asks the chain for what it does not have yet.
const ANSWER: Duration = Duration::from_secs(60);

/// What is rehearsed.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// The chain as it is configured.
    pub(super) original: Chain,
    /// Who keeps there.
    pub(super) account: KeeperAccount,
    /// The configuration with that chain and its vault markets alone; the chain is its copy.
    pub(super) config: Config,
    /// What the keeper is told on the copy.
    pub(super) keeper: Keeper,
}

impl Plan {
    /// A rehearsal on the chain of this name, or on the one that has vault markets.
    ///
    /// # Errors
    /// Where nothing can be rehearsed, with what would have to be otherwise.
    pub(super) fn new(config: &Config, name: Option<&str>) -> Result<Self> {
        let keeper =
            config.keeper.as_ref().context("there is no section [keeper] in the configuration: nobody liquidates")?;
        let original = chain(config, keeper, name)?;
        let name = &original.name;
        let account = keeper.chains.get(name).map(|kept| kept.account.clone());
        let account = account.with_context(|| format!("there is no section [keeper.chains.{name}]"))?;
        let (mut config, mut keeper) = (config.clone(), keeper.clone());
        let markets: Vec<String> = homed(&config, &keeper, name).map(|market| market.name.clone()).collect();
        config.markets.retain(|market| markets.contains(&market.name));
        config.chains.retain(|chain| chain.name == *name);
        keeper.markets = markets;
        keeper.chains.retain(|kept, _| kept == name);
        // Liquidations alone are rehearsed.
        keeper.venues.clear();
        keeper.exits.clear();
        keeper.inventory.clear();
        keeper.parameters.mode = Mode::Live;
        keeper.poll_interval = POLL;
        let needed = symbols(&config, &keeper);
        keeper.assets.retain(|symbol, _| needed.contains(symbol));
        let sources: BTreeSet<&str> = keeper.assets.values().flat_map(|asset| asset.rule.sources()).collect();
        keeper.prices.retain(|source, _| sources.contains(source.as_str()));
        Ok(Self { original, account, config, keeper })
    }

    /// The chain, behind the endpoint of its copy.
    pub(super) fn copy(&mut self, url: SecretUrl) -> Result<Chain> {
        let endpoint = Endpoint {
            name: "copy".to_owned(),
            unit: None,
            url: UrlRef::Plain(url),
            ws: None,
            priority: 0,
            rate: None,
        };
        let chain = self.config.chains.first_mut().context("there is no chain")?;
        chain.endpoints = vec![endpoint];
        chain.quorum = 1;
        (chain.poll_interval, chain.request_timeout) = (POLL, ANSWER);
        (chain.mirror, chain.guardian) = (false, None);
        Ok(chain.clone())
    }

    /// The vault markets.
    pub(super) fn markets(&self) -> impl Iterator<Item = &Market> {
        vaults(&self.config, &self.keeper)
    }

    /// Symbols whose prices are needed.
    pub(super) fn symbols(&self) -> BTreeSet<String> {
        symbols(&self.config, &self.keeper)
    }

    /// Feeds on the chain that the price of an asset comes from.
    pub(super) fn feeds(&self, symbol: &str) -> Vec<Account> {
        let sources = self.keeper.assets.get(symbol).into_iter().flat_map(|asset| asset.rule.sources());
        let feed = |source: &str| match &self.keeper.prices.get(source)?.origin {
            Origin::Feed { chain, feed: Feed::Chainlink { aggregator, .. } } if *chain == self.original.name => {
                Some(*aggregator)
            }
            _ => None,
        };
        sources.filter_map(feed).collect()
    }

    /// Has every source of these assets that is not on the chain say the stated price.
    pub(super) fn state(&mut self, prices: &BTreeMap<String, Price>) {
        for (symbol, price) in prices {
            let Some(asset) = self.keeper.assets.get(symbol) else { continue };
            for name in asset.rule.sources() {
                let Some(source) = self.keeper.prices.get_mut(name) else { continue };
                if !matches!(&source.origin, Origin::Feed { chain, .. } if *chain == self.original.name) {
                    source.origin = Origin::Fixed(*price);
                }
            }
        }
    }

    /// That every price can be had, with those of the assets that are `stated`.
    pub(super) fn check(&self, stated: impl Fn(&str) -> bool) -> Result<()> {
        for (symbol, asset) in self.keeper.assets.iter().filter(|(symbol, _)| !stated(symbol)) {
            for name in asset.rule.sources() {
                match self.keeper.prices.get(name).map(|source| &source.origin) {
                    Some(Origin::Feed { chain, .. }) if *chain != self.original.name => bail!(
                        "keeper.prices.{name} is on {chain}, which is not copied; say the price with --price {symbol}=PRICE"
                    ),
                    Some(Origin::Pool { .. }) => bail!(
                        "keeper.prices.{name} is a mean over time, and no time passes here; say the price with --price {symbol}=PRICE"
                    ),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// The account whose inventory is given to the rehearsal. A keystore says it without its password.
    pub(super) fn owner(&self) -> Result<Account> {
        let role = format!("keeper.chains.{}", self.original.name);
        Ok(match &self.account {
            KeeperAccount::Address(account) => *account,
            KeeperAccount::Key(KeyRef::Keystore { file, .. }) => {
                Account::from_evm(keys::address(file).with_context(|| format!("key of {role}"))?.into_array())
            }
            KeeperAccount::Key(key) => Account::from_evm(crate::keys::open(key, &role)?.address().into_array()),
        })
    }
}

fn homed<'a>(config: &'a Config, keeper: &'a Keeper, chain: &'a str) -> impl Iterator<Item = &'a Market> {
    vaults(config, keeper).filter(move |market| market.home == chain)
}

fn symbols(config: &Config, keeper: &Keeper) -> BTreeSet<String> {
    let pairs =
        vaults(config, keeper).flat_map(|market| [market.synthetic_symbol.clone(), market.collateral_symbol.clone()]);
    let coins = keeper.chains.values().filter_map(|kept| kept.gas_asset.clone());
    let mut needed: BTreeSet<String> = pairs.chain(coins).collect();
    // What their pools are quoted in.
    let sources = needed.iter().filter_map(|symbol| keeper.assets.get(symbol)).flat_map(|asset| asset.rule.sources());
    let quote = |source: &str| match &keeper.prices.get(source)?.origin {
        Origin::Pool { quote, .. } => Some(quote.clone()),
        _ => None,
    };
    let quotes: Vec<String> = sources.filter_map(quote).collect();
    needed.extend(quotes);
    needed
}

fn chain(config: &Config, keeper: &Keeper, name: Option<&str>) -> Result<Chain> {
    let of = |name: &str| config.chains.iter().find(|chain| chain.name == name);
    if let Some(name) = name {
        let names: Vec<&str> = keeper.chains.keys().map(String::as_str).collect();
        let kept = of(name).filter(|_| keeper.chains.contains_key(name));
        let found = kept.with_context(|| {
            format!("--chain {name}: there is no section [keeper.chains.{name}]; there are {}", names.join(", "))
        })?;
        let family = found.kind.family();
        if family != Family::Ethereum {
            bail!(
                "{name} is a chain of kind {family:?}: a rehearsal copies its chain with anvil, which only EVM chains can be"
            );
        }
        if homed(config, keeper, name).next().is_none() {
            bail!("{name} is home to no vault market in [keeper.markets]: there is nothing to liquidate");
        }
        return Ok(found.clone());
    }
    let homes: BTreeSet<&str> = vaults(config, keeper).map(|market| market.home.as_str()).collect();
    let fit = |name: &&&str| of(name).is_some_and(|chain| chain.kind.family() == Family::Ethereum);
    let fitting: Vec<&str> = homes.iter().filter(fit).copied().collect();
    match (fitting.as_slice(), homes.is_empty()) {
        ([name], _) => of(name).cloned().with_context(|| format!("there is no section [chains.{name}]")),
        ([], true) => bail!("no market in [keeper.markets] is of kind \"vault\": there is nothing to liquidate"),
        ([], false) => {
            let homes: Vec<&str> = homes.into_iter().collect();
            bail!(
                "vault markets are on {} alone: a rehearsal copies its chain with anvil, which only EVM chains can be",
                homes.join(", ")
            )
        }
        (names, _) => {
            bail!("there are vault markets on several chains: say which with --chain, one of {}", names.join(", "))
        }
    }
}
