//! What the keepers name must be there, and fit.

use std::collections::BTreeMap;

use tim3_chain::Feed;
use tim3_domain::identity::MarketKind;
use tim3_keeper::Mode;

use super::{Keeper, KeeperAccount, KeeperChain, KeeperVenue, Known, Origin};
use crate::config::{
    model::{Chain, Family, Market},
    node::Table,
};

pub(super) fn keeper(table: &Table<'_>, keeper: &Keeper, known: &Known<'_>) {
    for (name, chain) in &keeper.chains {
        let key = format!("keeper.chains.{name}");
        match chain_of(known, name) {
            None => unknown(table, &key, "chains", known.chains.iter().map(|(name, _)| name)),
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
        if let Some(asset) = &chain.gas_asset {
            has_price(table, keeper, &format!("{key}.gas_asset"), asset);
        }
    }
    units(table, keeper, known);
    for (name, chain) in &keeper.chains {
        treasury(table, keeper, known, name, chain);
    }
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
        let is_market = matches!(source.origin, Origin::Feed { feed: Feed::Market(_), .. });
        let key = format!("keeper.prices.{name}.{}", if is_market { "market" } else { "chain" });
        if !keeper.chains.contains_key(chain) && is_market {
            let found = format!("a market on {chain}, which is not kept");
            table.conflict_at(&key, found, format!("a section [keeper.chains.{chain}]"), "add it");
        } else if !keeper.chains.contains_key(chain) {
            unknown(table, &key, "keeper.chains", keeper.chains.keys());
        } else if chain_of(known, chain).flatten().is_some_and(|chain| chain.kind.family() != family) {
            let expected = "the chain that the feed is on: Chainlink's aggregators and pools are read on chains of kind \"ethereum\", Pyth's accounts on \"solana\", markets and RedStone's processes on \"ao\"";
            table.conflict_at(&key, format!("a chain of another kind: {chain}"), expected.to_owned(), "correct it");
        }
    }
}

/// What is swept comes out of sales, and is given by the executor.
fn treasury(table: &Table<'_>, keeper: &Keeper, known: &Known<'_>, name: &str, chain: &KeeperChain) {
    let Some(treasury) = chain.treasury else { return };
    let key = format!("keeper.chains.{name}.treasury");
    if chain.executor == Some(treasury) {
        let expected = "an account that can use what it gets".to_owned();
        return table.conflict_at(&key, "the executor".to_owned(), expected, "name another one");
    }
    let is_there = |market: &str| {
        let found = known.markets.iter().find(|(other, _)| *other == market).and_then(|(_, market)| market.as_ref());
        found.is_some_and(|market| market.home == name)
    };
    if !keeper.exits.keys().any(|market| is_there(market)) {
        let found = format!("no market on {name} that sells what it seizes");
        let expected = "one whose section in [keeper.markets] has sell: what sales leave over goes to the treasury";
        table.conflict_at(&key, found, expected.to_owned(), "add it, or remove the treasury");
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
        Some((key, kept.gas_asset.as_deref()?, chain.kind.family().coin()?.1))
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
    let coin = keeper.chains.get(&found.home).and_then(|chain| chain.gas_asset.as_ref());
    if coin == Some(&found.collateral_symbol) {
        let expected = "another symbol: what pays for transactions is not the token that the market holds".to_owned();
        let key = format!("keeper.chains.{}.gas_asset", found.home);
        table.conflict_at(&key, format!("the collateral of {name}"), expected, "name it otherwise in [keeper.assets]");
    }
    has_price(table, keeper, &key, &found.collateral_symbol);
    has_price(table, keeper, &key, &found.synthetic_symbol);
    if found.kind == MarketKind::Reserve {
        can_trade(table, keeper, known, &key, &found.home);
    }
    if let Some(exit) = keeper.exits.get(name) {
        let family = chain_of(known, &found.home).flatten().map(|chain| chain.kind.family());
        self::exit(table, keeper, (&format!("{key}.sell"), family), found, &exit.venue);
    }
}

/// What is seized can be sold where it is, for what is owed.
fn exit(table: &Table<'_>, keeper: &Keeper, (key, family): (&str, Option<Family>), market: &Market, name: &str) {
    if family.is_some_and(|family| family != Family::Ethereum) {
        let expected = "a market on a chain of kind \"ethereum\"".to_owned();
        return table.conflict_at(key, format!("a market on {}", market.home), expected, "remove it");
    }
    if market.kind == MarketKind::Reserve {
        let (found, expected) =
            ("a reserve market".to_owned(), "a vault market: nobody is liquidated in others".to_owned());
        return table.conflict_at(key, found, expected, "remove it");
    }
    let Some(venue) = keeper.venues.get(name) else {
        return unknown(table, key, "keeper.venues", keeper.venues.keys());
    };
    let Market { home, collateral_symbol: collateral, synthetic_symbol: synthetic, .. } = market;
    if (&venue.chain, &venue.base, &venue.quote) != (home, collateral, synthetic) {
        let found = format!("a venue for {} and {} on {}", venue.base, venue.quote, venue.chain);
        let expected = format!("one on {home} with base {collateral} and quote {synthetic}");
        table.conflict_at(key, found, expected, "name another venue");
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
    if venue.base == venue.quote {
        let expected = "another symbol than that of the base".to_owned();
        table.conflict_at(&format!("{key}.quote"), venue.quote.clone(), expected, "name the pool's other asset");
    }
    let coin = keeper.chains.get(&venue.chain).and_then(|chain| chain.gas_asset.as_ref());
    for (side, symbol) in [("base", &venue.base), ("quote", &venue.quote)] {
        if coin == Some(symbol) {
            let expected = format!("another symbol than keeper.chains.{}.gas_asset: a pool holds a token", venue.chain);
            let remedy = "name it otherwise in [keeper.assets], for example WSOL";
            table.conflict_at(&format!("{key}.{side}"), symbol.clone(), expected, remedy);
        }
    }
    has_price(table, keeper, &format!("{key}.base"), &venue.base);
    has_price(table, keeper, &format!("{key}.quote"), &venue.quote);
    can_trade(table, keeper, known, &key, &venue.chain);
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

/// In mode live a trade needs what makes its calls one transaction, where a transaction is one call.
fn can_trade(table: &Table<'_>, keeper: &Keeper, known: &Known<'_>, key: &str, chain: &str) {
    let Some(kept) = keeper.chains.get(chain) else { return };
    let family = known.family(chain);
    if keeper.parameters.mode == Mode::Live && family == Family::Ethereum && kept.executor.is_none() {
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
