//! What the keepers name must be there, and fit.

use std::collections::BTreeMap;

use tim3_chain::Feed;
use tim3_domain::identity::MarketKind;
use tim3_keeper::Mode;

use super::{Keeper, KeeperAccount, KeeperVenue, Known, Origin};
use crate::config::{
    model::{Chain, Family},
    node::Table,
};

pub(super) fn keeper(table: &Table<'_>, keeper: &Keeper, known: &Known<'_>) {
    for (name, chain) in &keeper.chains {
        let key = format!("keeper.chains.{name}");
        match chain_of(known, name) {
            None => unknown(table, &key, "chains", known.chains.iter().map(|(name, _)| name)),
            Some(Some(configured)) if configured.kind.family() == Family::Ao => table.conflict_at(
                &key,
                "a chain of kind \"ao\"".to_owned(),
                "a chain of kind \"ethereum\" or \"solana\": there are no keepers for others yet".to_owned(),
                "remove it",
            ),
            Some(Some(configured)) if chain.account == KeeperAccount::Key(configured.submit.signer.clone()) => {
                table.conflict_at(
                    &format!("{key}.key"),
                    format!("the key of chains.{name}.submit.signer"),
                    "a key of its own: what the submitter spends is not in the keeper's ledger".to_owned(),
                    "make one with `tim3d keys new keeper`",
                );
            }
            Some(_) => {}
        }
        if keeper.parameters.mode == Mode::Live && !chain.account.has_key() {
            table.conflict_at(
                &key,
                "an account without its key".to_owned(),
                "a key, because keeper.mode is \"live\"".to_owned(),
                "name the key, or use another mode",
            );
        }
        has_price(table, keeper, &format!("{key}.gas_asset"), &chain.gas_asset);
    }
    units(table, keeper, known);
    for name in &keeper.markets {
        market(table, keeper, known, name);
    }
    for (name, venue) in &keeper.venues {
        self::venue(table, keeper, known, name, venue);
    }
    for (symbol, inventory) in &keeper.inventory {
        let key = format!("keeper.inventory.{symbol}");
        is_synthetic(table, known, &key, symbol);
        has_price(table, keeper, &key, symbol);
        for target in inventory.targets.iter().filter(|target| !keeper.chains.contains_key(&target.chain)) {
            unknown(table, &format!("{key}.chains.{}", target.chain), "keeper.chains", keeper.chains.keys());
        }
    }
    for (symbol, asset) in &keeper.assets {
        for source in asset.rule.sources().filter(|source| !keeper.prices.contains_key(*source)) {
            let key = format!("keeper.assets.{symbol}.prices");
            let remedy = format!("name one of them, or add [keeper.prices.{source}]");
            let names: Vec<_> = keeper.prices.keys().map(String::as_str).collect();
            let expected = format!("names out of [keeper.prices]: {}", names.join(", "));
            table.conflict_at(&key, format!("{source:?}"), expected, &remedy);
        }
    }
    for (name, source) in &keeper.prices {
        let (chain, family) = match &source.origin {
            Origin::Feed { chain, feed: Feed::Chainlink { .. } } => (chain, Family::Ethereum),
            Origin::Feed { chain, feed: Feed::Pyth { .. } } => (chain, Family::Solana),
            Origin::Feed { chain, feed: Feed::Market(_) | Feed::RedStone { .. } } => (chain, Family::Ao),
            Origin::Pool { chain, quote, .. } => {
                self::quote(table, keeper, name, quote);
                (chain, Family::Ethereum)
            }
            Origin::Json(_) | Origin::Fixed(_) => continue,
        };
        let key = format!("keeper.prices.{name}.chain");
        if !keeper.chains.contains_key(chain) {
            unknown(table, &key, "keeper.chains", keeper.chains.keys());
        } else if chain_of(known, chain).flatten().is_some_and(|chain| chain.kind.family() != family) {
            let expected = "the chain that the feed is on: Chainlink's aggregators and pools are read on chains of kind \"ethereum\", Pyth's accounts on \"solana\"";
            table.conflict_at(&key, format!("a chain of another kind: {chain}"), expected.to_owned(), "correct it");
        }
    }
}

/// One symbol is one thing everywhere: amounts of it are compared and added.
fn units(table: &Table<'_>, keeper: &Keeper, known: &Known<'_>) {
    let mut all: BTreeMap<&str, u8> = BTreeMap::new();
    let markets = keeper.markets.iter().filter_map(|name| {
        let market = known.markets.iter().find(|(market, _)| market == name)?.1.as_ref()?;
        Some((format!("markets.{name}.collateral"), market.collateral_symbol.as_str(), market.collateral_decimals))
    });
    let coins = keeper.chains.iter().filter_map(|(name, kept)| {
        let chain = chain_of(known, name)??;
        let key = format!("keeper.chains.{name}.gas_asset");
        Some((key, kept.gas_asset.as_str(), chain.kind.family().gas_decimals()))
    });
    for (key, symbol, decimals) in markets.chain(coins) {
        let other = *all.entry(symbol).or_insert(decimals);
        if other != decimals {
            let expected = format!("a symbol of its own: elsewhere {symbol} has {other}");
            table.conflict_at(&key, format!("{symbol} with {decimals} decimals"), expected, "rename one of them");
        }
    }
}

fn market(table: &Table<'_>, keeper: &Keeper, known: &Known<'_>, name: &str) {
    let key = format!("keeper.markets.{name}");
    let Some((_, found)) = known.markets.iter().find(|(market, _)| market == name) else {
        return unknown(table, &key, "markets", known.markets.iter().map(|(name, _)| name));
    };
    let Some(found) = found else { return };
    if !keeper.chains.contains_key(&found.home) {
        let expected = format!("a section [keeper.chains.{}]", found.home);
        table.conflict_at(&key, format!("a market on {}", found.home), expected, "add it, or remove the market");
    }
    if keeper.chains.get(&found.home).is_some_and(|chain| chain.gas_asset == found.collateral_symbol) {
        let expected = "another symbol: what pays for transactions is not the token that the market holds".to_owned();
        let key = format!("keeper.chains.{}.gas_asset", found.home);
        table.conflict_at(&key, format!("the collateral of {name}"), expected, "name it otherwise in [keeper.assets]");
    }
    has_price(table, keeper, &key, &found.collateral_symbol);
    has_price(table, keeper, &key, &found.synthetic_symbol);
    if found.kind == MarketKind::Reserve {
        has_executor(table, keeper, &key, &found.home);
    }
}

fn venue(table: &Table<'_>, keeper: &Keeper, known: &Known<'_>, name: &str, venue: &KeeperVenue) {
    let key = format!("keeper.venues.{name}");
    if !keeper.chains.contains_key(&venue.chain) {
        unknown(table, &format!("{key}.chain"), "keeper.chains", keeper.chains.keys());
    }
    if keeper.markets.iter().any(|market| market == name) {
        let expected = "a name of its own".to_owned();
        table.conflict_at(&key, format!("the name of keeper.markets.{name}"), expected, "rename it");
    }
    is_synthetic(table, known, &format!("{key}.quote"), &venue.quote);
    has_price(table, keeper, &format!("{key}.base"), &venue.base);
    has_price(table, keeper, &format!("{key}.quote"), &venue.quote);
    has_executor(table, keeper, &key, &venue.chain);
}

/// What a pool is quoted in has a price in dollars: then no price hangs on itself.
fn quote(table: &Table<'_>, keeper: &Keeper, name: &str, quote: &str) {
    let key = format!("keeper.prices.{name}.quote");
    has_price(table, keeper, &key, quote);
    let Some(asset) = keeper.assets.get(quote) else { return };
    let is_pool = |name: &&str| keeper.prices.get(*name).is_some_and(|it| matches!(it.origin, Origin::Pool { .. }));
    if let Some(source) = asset.rule.sources().find(is_pool) {
        let expected = "an asset whose own sources are in dollars".to_owned();
        let found = format!("{quote}, whose source {source} is a pool itself");
        table.conflict_at(&key, found, expected, "quote the pool in an asset with another source");
    }
}

fn is_synthetic(table: &Table<'_>, known: &Known<'_>, key: &str, symbol: &str) {
    if !known.assets.contains(&symbol) {
        let expected = format!("a synthetic out of [assets]: {}", known.assets.join(", "));
        table.conflict_at(key, symbol.to_owned(), expected, "name one of them");
    }
}

/// In mode live a trade needs what makes its calls one transaction.
fn has_executor(table: &Table<'_>, keeper: &Keeper, key: &str, chain: &str) {
    let Some(kept) = keeper.chains.get(chain) else { return };
    if keeper.parameters.mode == Mode::Live && kept.executor.is_none() {
        let expected = format!("keeper.chains.{chain}.executor, because keeper.mode is \"live\"");
        let remedy = "deploy one with `tim3d contracts executor`, and name it there";
        table.conflict_at(key, "trades on a chain without an executor".to_owned(), expected, remedy);
    }
}

fn has_price(table: &Table<'_>, keeper: &Keeper, key: &str, symbol: &str) {
    if !keeper.assets.contains_key(symbol) {
        let expected = format!("a section [keeper.assets.{symbol}] that says where its price comes from");
        table.conflict_at(key, symbol.to_owned(), expected, "add it");
    }
}

fn chain_of<'a>(known: &Known<'a>, name: &str) -> Option<Option<&'a Chain>> {
    known.chains.iter().find(|(chain, _)| chain == name).map(|(_, chain)| chain.as_ref())
}

fn unknown<'a>(table: &Table<'_>, key: &str, section: &str, names: impl Iterator<Item = &'a String>) {
    let names: Vec<_> = names.map(String::as_str).collect();
    let expected = format!("a name out of [{section}]: {}", names.join(", "));
    table.conflict_at(key, "a name that is not there".to_owned(), expected, "correct it");
}
