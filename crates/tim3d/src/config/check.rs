//! What sections must be to each other.

use tim3_arweave::v1::Role;

use super::{
    model::{Attester, Chain, Market, V1},
    node::Table,
};

/// Two chains are never the same chain, nor the same gateway.
pub(super) fn chains(root: &Table<'_>, chains: &[(String, Option<Chain>)]) {
    for (name, twin) in twins(chains, |chain| chain.chain.clone()) {
        let key = format!("chains.{name}.chain");
        let found = format!("the chain of chains.{twin}");
        root.conflict_at(&key, found, "another chain".to_owned(), "correct one of them, or remove it");
    }
    for (name, twin) in twins(chains, |chain| chain.gateway) {
        let key = format!("chains.{name}.gateway");
        let found = format!("the gateway of chains.{twin}");
        root.conflict_at(&key, found, "a gateway of its own".to_owned(), "correct gateway and gateway_id");
    }
}

/// One key is one voice.
pub(super) fn attesters(root: &Table<'_>, attesters: &[(String, Option<Attester>)]) {
    for (name, twin) in twins(attesters, |attester| attester.key.clone()) {
        let key = format!("attesters.{name}.key");
        let found = format!("the key of attesters.{twin}");
        root.conflict_at(&key, found, "a key of its own".to_owned(), "remove this attester or name its own key");
    }
}

/// One market has one name.
pub(super) fn markets(root: &Table<'_>, markets: &[(String, Option<Market>)]) {
    for (name, twin) in twins(markets, |market| market.id) {
        let key = format!("markets.{name}");
        let found = format!("the market of markets.{twin}");
        root.conflict_at(&key, found, "another market".to_owned(), "remove one of them");
    }
}

/// One Coordinator has one pair of slots.
pub(super) fn v1(root: &Table<'_>, adopted: &[(String, Option<V1>)]) {
    for (name, twin) in twins(adopted, |v1| v1.process(Role::Coordinator)) {
        let key = format!("chains.{name}.coordinator");
        let found = format!("the Coordinator of chains.{twin}");
        root.conflict_at(&key, found, "another Coordinator".to_owned(), "correct one of them, or remove it");
    }
}

/// The names of items that have the key of an earlier one, with the name of that.
fn twins<T, K: PartialEq>(named: &[(String, Option<T>)], key: impl Fn(&T) -> K) -> Vec<(&str, &str)> {
    let keys: Vec<_> = named.iter().filter_map(|(name, item)| Some((name.as_str(), key(item.as_ref()?)))).collect();
    let twin = |(index, (name, key)): (usize, &(_, K))| {
        let first = keys.iter().take(index).find(|(_, other)| other == key)?;
        Some((*name, first.0))
    };
    keys.iter().enumerate().filter_map(twin).collect()
}
