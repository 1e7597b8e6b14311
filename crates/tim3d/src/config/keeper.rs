//! `[keeper]`: what the keepers look after, where their prices come from, and what they may risk.

mod check;
mod prices;
#[cfg(test)]
mod tests;
mod trading;

use std::{collections::BTreeMap, time::Duration};

use tim3_domain::identity::Account;
use tim3_keeper::{
    Mode,
    arbitrage::Reliability,
    config::{InventoryConfig, Parameters},
    flight::Patience,
    limits::Limits,
    liquidation::Policy,
    price,
};

pub(crate) use prices::{JsonSource, Origin, PriceSource};
pub(crate) use trading::KeeperVenue;

use super::{
    model::{Chain, Config, Family, Market},
    node::{Parse, Table},
    secret::{self, KeyRef},
    text,
};

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// `[keeper]`; every reference in it is to something that exists.
#[derive(Clone, Debug)]
pub(crate) struct Keeper {
    pub(crate) poll_interval: Duration,
    /// How long the record of inputs and decisions is kept.
    pub(crate) keep_record: Duration,
    /// What a reload can change.
    pub(crate) parameters: Parameters,
    /// By name of the chain.
    pub(crate) chains: BTreeMap<String, KeeperChain>,
    /// By symbol.
    pub(crate) assets: BTreeMap<String, KeeperAsset>,
    /// Names of markets: vaults to liquidate in, reserves to trade with.
    pub(crate) markets: Vec<String>,
    /// Where what is seized in vault markets is sold at once, by market.
    pub(crate) exits: BTreeMap<String, Exit>,
    /// By name.
    pub(crate) prices: BTreeMap<String, PriceSource>,
    /// Pools, by name.
    pub(crate) venues: BTreeMap<String, KeeperVenue>,
    /// How long a signed trade may happen.
    pub(crate) trade_deadline: Duration,
    /// Where the inventory of synthetics should be, by symbol.
    pub(crate) inventory: BTreeMap<String, InventoryConfig>,
}

/// `sell` and `flash` of `[keeper.markets.NAME]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exit {
    /// Name of the venue.
    pub(crate) venue: String,
    /// Whether it lends what is repaid.
    pub(crate) flash: bool,
}

/// `[keeper.chains.NAME]`.
#[derive(Clone, Debug)]
pub(crate) struct KeeperChain {
    pub(crate) account: KeeperAccount,
    /// What pays for transactions, where they cost something.
    pub(crate) gas_asset: Option<String>,
    pub(crate) max_age: Duration,
    /// What makes the calls of a trade one transaction.
    pub(crate) executor: Option<Account>,
    /// Who gets what sales of seized collateral leave over; the keeper itself where there is none.
    pub(crate) treasury: Option<Account>,
    pub(crate) reliability: Reliability,
    cap: Option<u128>,
}

/// Who holds the inventory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeeperAccount {
    /// Somebody whose key is here.
    Key(KeyRef),
    /// Somebody who is only looked at.
    Address(Account),
}

/// `[keeper.assets.SYMBOL]`.
#[derive(Clone, Debug)]
pub(crate) struct KeeperAsset {
    /// How its sources make its price.
    pub(crate) rule: price::Rule,
    cap: Option<u128>,
}

/// What the rest of the configuration has, as far as it is right.
pub(super) struct Known<'a> {
    pub(super) chains: &'a [(String, Option<Chain>)],
    pub(super) markets: &'a [(String, Option<Market>)],
    /// Symbols of the synthetics.
    pub(super) assets: Vec<&'a str>,
}

impl Known<'_> {
    /// The kind of a chain; of one that is wrong or not there, the commonest.
    fn family(&self, name: &str) -> Family {
        let found = self.chains.iter().find(|(chain, _)| chain == name).and_then(|(_, chain)| chain.as_ref());
        found.map_or(Family::Ethereum, |chain| chain.kind.family())
    }
}

/// The section, if there is one. `Some(None)` only where a problem was reported.
pub(super) fn keeper(root: &Table<'_>, known: &Known<'_>) -> Option<Option<Keeper>> {
    root.value("keeper")?;
    Some(root.table("keeper", |table| section(table, known)))
}

fn section(table: &Table<'_>, known: &Known<'_>) -> Option<Keeper> {
    let mode = table.or("mode", text::keeper_mode, "observe");
    let poll_interval = table.or("poll_interval", text::duration::<50, MINUTE>, "1s");
    let keep_record = table.or("keep_record", text::duration::<HOUR, { 365 * DAY }>, "7d");
    let liquidation = policy(table);
    let patience = patience(table);
    let limits = table.table("limits", limits);
    let prices = table.named("prices", text::name, |_, table| prices::source(table, known));
    let assets = table.named("assets", text::asset_name, asset);
    let chains = table.named("chains", text::name, |name, table| chain(table, known.family(name)));
    let markets = table.named("markets", text::name, |_, market| Some((cap(market)?, exit(market)?)));
    let venues = table.named("venues", text::name, |_, table| trading::venue(table, known));
    let arbitrage = table.table("arbitrage", trading::arbitrage);
    let inventory = table.named("inventory", text::asset_name, trading::inventory);
    let is_idle = markets.is_empty() && venues.is_empty();
    for (section, is_empty) in [("chains", chains.is_empty()), ("markets", is_idle)] {
        if is_empty {
            table.missing(section, &format!("a section [keeper.{section}.NAME] for each that is looked after"));
        }
    }
    let (prices, assets, chains) = (all(prices)?, all(assets)?, all(chains)?);
    let (venues, inventory) = (all(venues)?, all(inventory)?);
    let markets: BTreeMap<String, (Option<u128>, Option<Exit>)> = all(markets)?;
    let mut limits = limits?;
    let set = |caps: &mut BTreeMap<String, u128>, name: &str, cap: Option<u128>| {
        if let Some(cap) = cap {
            caps.insert(name.to_owned(), cap);
        }
    };
    chains.iter().for_each(|(name, chain)| set(&mut limits.chains, name, chain.cap));
    assets.iter().for_each(|(name, asset)| set(&mut limits.assets, name, asset.cap));
    markets.iter().for_each(|(name, (cap, _))| set(&mut limits.venues, name, *cap));
    venues.iter().for_each(|(name, venue)| set(&mut limits.venues, name, venue.cap));
    let (arbitrage, trade_deadline) = arbitrage?;
    let (mode, liquidation, patience) = (mode?, liquidation?, patience?);
    let keeper = Keeper {
        poll_interval: poll_interval?,
        keep_record: keep_record?,
        parameters: Parameters { mode, liquidation, arbitrage, limits, patience },
        chains,
        assets,
        markets: markets.keys().cloned().collect(),
        exits: markets.into_iter().filter_map(|(name, (_, exit))| Some((name, exit?))).collect(),
        prices,
        venues,
        trade_deadline,
        inventory,
    };
    check::keeper(table, &keeper, known);
    Some(keeper)
}

/// Everything, or nothing where one of them had a problem.
fn all<T>(named: Vec<(String, Option<T>)>) -> Option<BTreeMap<String, T>> {
    named.into_iter().map(|(name, value)| Some((name, value?))).collect()
}

fn policy(table: &Table<'_>) -> Option<Policy> {
    let bps = text::integer::<0, 10_000>;
    let target = table.or("target_health_bps", text::integer::<10_000, { u16::MAX as u64 }>, 10_500_u64);
    let min_profit = table.or("min_profit", text::usd_or_loss, "0");
    let haircut = table.or("haircut_bps", bps, 100_u64);
    let slippage = table.or("slippage_bps", bps, 50_u64);
    let per_look = table.or("per_look", text::integer::<1, 1_000>, 64_u64);
    Some(Policy {
        target_bps: u16::try_from(target?).ok()?,
        min_profit: min_profit?,
        haircut_bps: u16::try_from(haircut?).ok()?,
        slippage_bps: u16::try_from(slippage?).ok()?,
        per_look: usize::try_from(per_look?).ok()?,
    })
}

fn patience(table: &Table<'_>) -> Option<Patience> {
    let first = table.or("retry_after", text::duration::<SECOND, HOUR>, "15s");
    let most = table.or("retry_at_most", text::duration::<SECOND, DAY>, "10m");
    let milliseconds = |duration: Duration| u64::try_from(duration.as_millis()).ok();
    Some(Patience { first_ms: milliseconds(first?)?, most_ms: milliseconds(most?)? })
}

fn limits(table: &Table<'_>) -> Option<Limits> {
    let day = table.or("day", text::usd, "100000");
    let each = table.or("each", text::usd, "100000");
    let daily_loss = table.or("daily_loss", text::usd, "100");
    let exposure = table.or("exposure", text::usd, "10000");
    Some(Limits { day: day?, default: each?, daily_loss: daily_loss?, exposure: exposure?, ..Limits::default() })
}

/// The cap of one chain, asset or market; `None` only where it is wrong.
fn cap(table: &Table<'_>) -> Option<Option<u128>> {
    if table.value("cap").is_some() { table.get("cap", text::usd).map(Some) } else { Some(None) }
}

/// Where a market's collateral is sold at once, if it is; `None` only where that is wrong.
fn exit(table: &Table<'_>) -> Option<Option<Exit>> {
    let flash = table.or("flash", text::flag, false);
    let venue = match table.value("sell") {
        Some(_) => Some(table.get("sell", text::text)?),
        None => None,
    };
    let flash = flash?;
    if flash && venue.is_none() {
        table.missing("sell", "the venue that lends, because flash is true: a name out of [keeper.venues]");
        return None;
    }
    Some(venue.map(|venue| Exit { venue, flash }))
}

fn chain(table: &Table<'_>, family: Family) -> Option<KeeperChain> {
    const WHO: &str = "key, the key of the account that holds the inventory; or account, its address, to look only";
    let account_of: Parse<Account> = match family {
        Family::Ethereum => text::evm_account,
        Family::Solana => text::solana_account,
        Family::Ao => text::ao_account,
    };
    let who = table.one_of(&["key", "account"]).ok()?.map(|(form, _)| form);
    let account = match who {
        Some("key") => secret::key(table, "key").map(KeeperAccount::Key),
        Some(_) => table.get("account", account_of).map(KeeperAccount::Address),
        None => {
            table.missing("key", WHO);
            None
        }
    };
    let gas_asset = match family.coin() {
        Some((coin, _)) => table.or("gas_asset", text::symbol, coin).map(Some),
        None => free(table),
    };
    let max_age = table.or("max_age", text::duration::<SECOND, HOUR>, "2m");
    let executor = match table.value("executor") {
        Some(_) if family != Family::Ethereum => {
            let expected = if family == Family::Solana {
                "nothing: its transactions hold all steps of a trade"
            } else {
                "nothing: a trade there is one message"
            };
            let found = format!("the executor of a chain of kind {:?}", family.kind());
            table.conflict("executor", found, expected.to_owned(), "remove it");
            None
        }
        Some(_) => Some(table.get("executor", text::evm_account)?),
        None => None,
    };
    let treasury = match table.value("treasury") {
        Some(_) => Some(table.get("treasury", account_of)?),
        None => None,
    };
    let reliability = trading::reliability(table);
    let cap = cap(table);
    Some(KeeperChain {
        account: account?,
        gas_asset: gas_asset?,
        max_age: max_age?,
        executor,
        treasury,
        reliability: reliability?,
        cap: cap?,
    })
}

/// On a chain whose transactions cost nothing.
fn free(table: &Table<'_>) -> Option<Option<String>> {
    if table.value("gas_asset").is_some() {
        let expected = "nothing: messages on AO cost nothing".to_owned();
        table.conflict("gas_asset", "what pays for transactions".to_owned(), expected, "remove it");
        return None;
    }
    Some(None)
}

fn asset(_: &str, table: &Table<'_>) -> Option<KeeperAsset> {
    let sources = table.required("prices", text::names, "names out of [keeper.prices], for example [\"weth\"]");
    let combine = table.or("combine", text::combination, "worst");
    let quorum = table.get("quorum", text::integer::<1, 64>);
    let deviation = table.get("max_deviation_bps", text::integer::<1, 10_000>);
    let cap = cap(table);
    let rule = prices::rule(table, combine?, sources?, quorum, deviation);
    Some(KeeperAsset { rule: rule?, cap: cap? })
}

/// Whether a key of this section can be taken without a restart: numbers and words that are [`Parameters`], of what is there before and after.
pub(super) fn is_live(key: &str, before: &Config, after: &Config) -> bool {
    let (Some(before), Some(after)) = (&before.keeper, &after.keeper) else { return false };
    const LIVE: [&str; 8] = [
        "mode",
        "target_health_bps",
        "min_profit",
        "haircut_bps",
        "slippage_bps",
        "per_look",
        "retry_after",
        "retry_at_most",
    ];
    let parts: Vec<&str> = key.split('.').collect();
    match parts.as_slice() {
        ["keeper", key] => LIVE.contains(key),
        ["keeper", "limits", _] => true,
        ["keeper", "arbitrage", key] => *key != "deadline",
        ["keeper", "chains", name, "cap"] => before.chains.contains_key(*name) && after.chains.contains_key(*name),
        ["keeper", "assets", name, "cap"] => before.assets.contains_key(*name) && after.assets.contains_key(*name),
        ["keeper", "venues", name, "cap"] => before.venues.contains_key(*name) && after.venues.contains_key(*name),
        ["keeper", "markets", name, "cap"] => {
            let has = |keeper: &Keeper| keeper.markets.iter().any(|market| market == name);
            has(before) && has(after)
        }
        _ => false,
    }
}

/// What holds of this section once everything in `after` that can be taken without a restart is taken.
pub(super) fn in_force(before: Option<&Keeper>, after: Option<&Keeper>) -> Option<Keeper> {
    let mut keeper = before?.clone();
    if let Some(after) = after {
        keeper.parameters = after.parameters.clone();
        // A cap of what is not there before a restart caps nothing.
        keeper.parameters.limits.chains.retain(|name, _| keeper.chains.contains_key(name));
        keeper.parameters.limits.assets.retain(|name, _| keeper.assets.contains_key(name));
        keeper
            .parameters
            .limits
            .venues
            .retain(|name, _| keeper.markets.contains(name) || keeper.venues.contains_key(name));
        // Live without keys, or without the executors that it needs, is refused for the whole configuration, and this is a part of two.
        let has_come = |name: &String| after.chains.get(name).is_some_and(|chain| chain.executor.is_some());
        let lacks = |(name, chain): (&String, &KeeperChain)| {
            !chain.account.has_key() || (chain.executor.is_none() && has_come(name))
        };
        if keeper.parameters.mode == Mode::Live && keeper.chains.iter().any(lacks) {
            keeper.parameters.mode = before?.parameters.mode;
        }
    }
    Some(keeper)
}

impl KeeperAccount {
    /// Whether it can act.
    pub(crate) fn has_key(&self) -> bool {
        matches!(self, Self::Key(_))
    }
}
