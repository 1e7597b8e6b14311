//! What the keepers name must be there, and fit.

use tim3_domain::identity::MarketKind;
use tim3_keeper::Mode;

use super::{Keeper, KeeperAccount, KeeperVenue, Known, Origin};
use crate::config::{
    model::{Chain, Kind},
    node::Table,
};

pub(super) fn keeper(table: &Table<'_>, keeper: &Keeper, known: &Known<'_>) {
    for (name, chain) in &keeper.chains {
        let key = format!("keeper.chains.{name}");
        match chain_of(known, name) {
            None => unknown(table, &key, "chains", known.chains.iter().map(|(name, _)| name)),
            Some(Some(configured)) if configured.kind != Kind::Ethereum => table.conflict_at(
                &key,
                "a chain of another kind".to_owned(),
                "a chain of kind \"ethereum\": there are no keepers for others yet".to_owned(),
                "remove it",
            ),
            Some(Some(configured)) if chain.account == KeeperAccount::Key(configured.submit.signer.clone()) => {
                table.conflict_at(
                    &format!("{key}.key"),
                    format!("the key of chains.{name}.submit.signer"),
                    "a key of its own: two that send from one account take each other's nonces".to_owned(),
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
        if let Origin::Feed { chain, .. } = &source.origin
            && !keeper.chains.contains_key(chain)
        {
            let names = keeper.chains.keys();
            unknown(table, &format!("keeper.prices.{name}.chain"), "keeper.chains", names);
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
