//! Every section but the chains, key by key.

use tim3_domain::identity::{AssetId, MarketId};

use super::{
    anchor, chains, check,
    keeper::{self, Known},
    model::{Api, Asset, Attester, Chain, Config, Limit, Log, Market, V1},
    node::Table,
    secret, text, v1,
};

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Tables by name; `None` for those with mistakes of their own.
type Named<T> = Vec<(String, Option<T>)>;

/// The whole. `None` only where a problem was reported.
pub(super) fn config(root: &Table<'_>) -> Option<Config> {
    let journal = root.table("journal", |journal| {
        journal.required("path", text::path, "the path of the journal, for example \"/var/lib/tim3d/journal.redb\"")
    });
    let daemon = root.table("daemon", |daemon| {
        let shutdown = daemon.or("shutdown_timeout", text::duration::<SECOND, { 10 * MINUTE }>, "25s");
        let start = daemon.or("start_patience", text::duration::<0, HOUR>, "30s");
        Some((shutdown?, start?))
    });
    let log = root.table("log", log);
    let api = root.table("api", api);
    let audit_interval = root.table("audit", |audit| audit.or("interval", text::duration::<SECOND, HOUR>, "30s"));
    let has_anchor = root.value("anchor").is_some();
    let anchor = if has_anchor { root.table("anchor", anchor::anchor) } else { None };
    let (mut chains, mut adopted): (Named<Chain>, Named<V1>) = (Vec::new(), Vec::new());
    let sort = |name: &str, table: &Table<'_>| {
        Some(if v1::is_v1(table) { Err(v1::chain(name, table)) } else { Ok(chains::chain(name, table)) })
    };
    for (name, read) in root.named("chains", text::name, sort) {
        match read {
            Some(Err(v1)) => adopted.push((name, v1)),
            read => chains.push((name, read.and_then(Result::ok).flatten())),
        }
    }
    let assets = root.named("assets", text::asset_name, asset);
    let attesters = root.named("attesters", text::name, attester);
    check::chains(root, &chains);
    check::attesters(root, &attesters);
    let markets = root.named("markets", text::name, |name, table| market(name, table, &chains, &assets));
    check::markets(root, &markets);
    let symbols = assets.iter().map(|(symbol, _)| symbol.as_str()).collect();
    let keeper = keeper::keeper(root, &Known { chains: &chains, markets: &markets, assets: symbols });
    check::v1(root, &adopted);
    // Who only serves V1 processes has nothing to relay and nothing to sign for.
    let relays = adopted.is_empty() || !chains.is_empty();
    if chains.is_empty() && relays {
        root.missing("chains", "a section [chains.NAME] for each chain");
    }
    if assets.is_empty() && relays {
        root.missing("assets", "a section [assets.SYMBOL] for each synthetic, for example [assets.TIM3]");
    }
    if attesters.is_empty() && relays {
        root.missing("attesters", "a section [attesters.NAME] for each key that signs orders");
    }
    let (shutdown_timeout, start_patience) = daemon?;
    Some(Config {
        journal: journal?,
        shutdown_timeout,
        start_patience,
        log: log?,
        api: api?,
        audit_interval: audit_interval?,
        anchor,
        chains: values(chains),
        v1: values(adopted),
        assets: values(assets),
        markets: values(markets),
        attesters: values(attesters),
        keeper: match keeper {
            Some(keeper) => Some(keeper?),
            None => None,
        },
    })
}

fn values<T>(named: Named<T>) -> Vec<T> {
    named.into_iter().filter_map(|(_, value)| value).collect()
}

fn log(table: &Table<'_>) -> Option<Log> {
    let format = table.or("format", text::log_format, "auto");
    let filter = table.or("filter", text::log_filter, "info,alloy=warn");
    Some(Log { format: format?, filter: filter? })
}

fn api(table: &Table<'_>) -> Option<Api> {
    let listen = table.or("listen", text::address, "127.0.0.1:9180");
    let token = secret::secret(table, "token");
    let listen = listen?;
    if !listen.ip().is_loopback() && table.value("token").is_none() {
        table.conflict(
            "listen",
            format!("{listen}, which others can reach"),
            "api.token, which they then need".to_owned(),
            "set api.token, or listen on 127.0.0.1",
        );
    }
    Some(Api { listen, token })
}

fn asset(symbol: &str, table: &Table<'_>) -> Option<Asset> {
    let value_hold = table.get("value_hold", text::tokens);
    let limit = if table.value("limit").is_some() { table.table("limit", limit) } else { None };
    let t_max = table.or("t_max", text::duration::<MINUTE, { 365 * DAY }>, "2d")?;
    if let Some(limit) = limit
        && t_max < limit.period.saturating_mul(4)
    {
        table.conflict(
            "t_max",
            format!("{} s", t_max.as_secs()),
            format!("at least four times limit.period, {} s", limit.period.saturating_mul(4).as_secs()),
            "raise it, or operations that wait for the limit are voided",
        );
    }
    Some(Asset { symbol: symbol.to_owned(), id: AssetId::from_symbol(symbol).ok()?, value_hold, limit, t_max })
}

fn limit(table: &Table<'_>) -> Option<Limit> {
    let amount = table.required("amount", text::tokens, "an amount in tokens, for example \"1000000\"");
    let period = table.required("period", text::duration::<SECOND, { 30 * DAY }>, "a duration, for example \"1h\"");
    Some(Limit { amount: amount?, period: period? })
}

fn attester(name: &str, table: &Table<'_>) -> Option<Attester> {
    Some(Attester { name: name.to_owned(), key: secret::key(table, "key")? })
}

fn market(
    name: &str,
    table: &Table<'_>,
    chains: &[(String, Option<Chain>)],
    assets: &[(String, Option<Asset>)],
) -> Option<Market> {
    let kind = table.required("kind", text::market_kind, "\"reserve\" or \"vault\"");
    let home = table.required("home", text::text, "the name of the chain that holds the collateral");
    let synthetic = table.required("synthetic", text::symbol, "the symbol of the synthetic, for example \"TIM3\"");
    let collateral = table.required("collateral", text::symbol, "the symbol of the collateral, for example \"USDA\"");
    let decimals = table.or("collateral_decimals", text::integer::<0, 38>, 6_u64);
    let (home, synthetic) = (home?, synthetic?);
    let chain = chains.iter().find(|(chain, _)| *chain == home);
    if chain.is_none() {
        unknown(table, "home", &home, "chains", chains);
    }
    if !assets.iter().any(|(symbol, _)| *symbol == synthetic) {
        unknown(table, "synthetic", &synthetic, "assets", assets);
    }
    let (kind, collateral) = (kind?, collateral?);
    let ids = (AssetId::from_symbol(&synthetic).ok()?, AssetId::from_symbol(&collateral).ok()?);
    Some(Market {
        name: name.to_owned(),
        id: MarketId::derive(chain?.1.as_ref()?.gateway, ids.0, ids.1, kind),
        kind,
        home,
        synthetic: ids.0,
        synthetic_symbol: synthetic,
        collateral: ids.1,
        collateral_symbol: collateral,
        collateral_decimals: u8::try_from(decimals?).ok()?,
    })
}

/// Reports that `name` at `key` is not among the names of `section`.
fn unknown<T>(table: &Table<'_>, key: &'static str, name: &str, section: &str, known: &[(String, T)]) {
    let names: Vec<_> = known.iter().map(|(name, _)| name.as_str()).collect();
    let remedy = format!("name one of them, or add [{section}.{name}]");
    table.conflict(key, format!("{name:?}"), format!("a name out of [{section}]: {}", names.join(", ")), &remedy);
}
