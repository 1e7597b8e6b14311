//! What a changed configuration changes, and how much of it a running daemon can take.

use std::collections::BTreeMap;

use tim3_domain::word::keccak_bytes;

use super::{Asset, Chain, Config, Loaded, Setting, keeper};

/// A key whose value differs; secrets are left out, as everywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) key: String,
    /// `None` where it is not set.
    pub(crate) before: Option<String>,
    /// `None` where it is not set any more.
    pub(crate) after: Option<String>,
    /// Whether it can be taken without a restart.
    pub(crate) live: bool,
}

/// Every key that differs, in order.
pub(crate) fn changes(before: &Loaded, after: &Loaded) -> Vec<Change> {
    let [old, new] = [before, after].map(values);
    let keys: std::collections::BTreeSet<_> = old.keys().chain(new.keys()).copied().collect();
    let differs = keys.into_iter().filter(|key| old.get(key) != new.get(key));
    let change = |key: &str| Change {
        key: key.to_owned(),
        before: old.get(key).map(|&value| value.to_owned()),
        after: new.get(key).map(|&value| value.to_owned()),
        live: is_live(key, &before.config, &after.config),
    };
    differs.map(change).collect()
}

/// What holds once everything in `after` that can be taken without a restart is taken.
pub(crate) fn in_force(before: &Loaded, after: &Loaded) -> Loaded {
    let live = |setting: &&Setting| is_live(&setting.key, &before.config, &after.config);
    let kept = before.settings.iter().filter(|setting| !live(setting));
    let settings = kept.chain(after.settings.iter().filter(live)).cloned().collect();
    let mut config = before.config.clone();
    config.log.filter.clone_from(&after.config.log.filter);
    config.api.token.clone_from(&after.config.api.token);
    for asset in &mut config.assets {
        if let Some(Asset { value_hold, limit, t_max, .. }) = asset_of(&after.config, &asset.symbol) {
            (asset.value_hold, asset.limit, asset.t_max) = (*value_hold, *limit, *t_max);
        }
    }
    for chain in &mut config.chains {
        if let Some(other) = same_chain(chain, &after.config) {
            chain.endpoints.clone_from(&other.endpoints);
            (chain.quorum, chain.arweave_quorum) = (other.quorum, other.arweave_quorum);
            (chain.request_timeout, chain.health_interval) = (other.request_timeout, other.health_interval);
            chain.stall_after = other.stall_after;
        }
    }
    config.keeper = keeper::in_force(before.config.keeper.as_ref(), after.config.keeper.as_ref());
    Loaded { config, settings, warnings: after.warnings.clone() }
}

/// A short name of what holds, whatever set it: over every key and value as `config show` prints them.
pub(crate) fn hash(loaded: &Loaded) -> String {
    let text: String = values(loaded).into_iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
    keccak_bytes(text.as_bytes()).to_string().trim_start_matches("0x").chars().take(12).collect()
}

/// The chain of that name in another configuration, if it is the same gateway there.
pub(crate) fn same_chain<'a>(chain: &Chain, other: &'a Config) -> Option<&'a Chain> {
    let is_same = |other: &&Chain| {
        (&other.name, &other.chain, other.gateway, other.account)
            == (&chain.name, &chain.chain, chain.gateway, chain.account)
            && std::mem::discriminant(&other.kind) == std::mem::discriminant(&chain.kind)
    };
    other.chains.iter().find(is_same)
}

fn asset_of<'a>(config: &'a Config, symbol: &str) -> Option<&'a Asset> {
    config.assets.iter().find(|asset| asset.symbol == symbol)
}

fn values(loaded: &Loaded) -> BTreeMap<&str, &str> {
    loaded.settings.iter().map(|setting| (setting.key.as_str(), setting.value.as_str())).collect()
}

fn is_live(key: &str, before: &Config, after: &Config) -> bool {
    if key.starts_with("keeper.") {
        return keeper::is_live(key, before, after);
    }
    let mut parts = key.splitn(3, '.');
    let Some((section, name)) = parts.next().zip(parts.next()) else { return false };
    // `endpoints[2].url` is of `endpoints`, `limit.amount` of `limit`.
    let rest = parts.next().map(|rest| rest.split(['.', '[']).next().unwrap_or_default());
    match (section, rest) {
        ("log", None) => name == "filter",
        ("api", _) => name == "token",
        ("assets", Some("value_hold" | "limit" | "t_max")) => {
            asset_of(before, name).is_some() && asset_of(after, name).is_some()
        }
        (
            "chains",
            Some("endpoints" | "quorum" | "arweave_quorum" | "request_timeout" | "health_interval" | "stall_after"),
        ) => {
            let chain = before.chains.iter().find(|chain| chain.name == name);
            chain.is_some_and(|chain| same_chain(chain, after).is_some())
        }
        _ => false,
    }
}
