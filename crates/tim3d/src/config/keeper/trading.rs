//! What keepers trade in, and where their inventory should be.

use std::{collections::BTreeMap, time::Duration};

use tim3_domain::{amm::Fee, identity::Account, market::ONE_BPS};
use tim3_keeper::{
    arbitrage::Target,
    config::{ArbitragePolicy, InventoryConfig},
};

use super::{DAY, HOUR, Known, SECOND, all, cap};
use crate::config::{
    model::Family,
    node::{Parse, Table},
    text,
};

/// Edges that one search for cycles looks at, at most.
const STEPS: usize = 100_000;

/// `[keeper.venues.NAME]`: a constant-product pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeeperVenue {
    pub(crate) chain: String,
    pub(crate) pool: Account,
    /// What swaps in it: on Ethereum a router, on Solana the pool's program, on AO the pool itself.
    pub(crate) router: Account,
    /// Symbol of the asset that is traded for `quote`.
    pub(crate) base: String,
    /// Its token, where the chain's gateway does not have it.
    pub(crate) base_token: Option<Account>,
    /// Symbol of the other asset, mostly a synthetic.
    pub(crate) quote: String,
    /// Its token, where the chain's gateway does not have it.
    pub(crate) quote_token: Option<Account>,
    pub(crate) fee: Fee,
    pub(super) cap: Option<u128>,
}

pub(super) fn venue(table: &Table<'_>, known: &Known<'_>) -> Option<KeeperVenue> {
    let chain = table.required("chain", text::text, "the name of its chain, out of [keeper.chains]");
    let family = chain.as_ref().map_or(Family::Ethereum, |chain| known.family(chain));
    let (address, swapper): (Parse<Account>, _) = match family {
        Family::Ethereum => (text::evm_account, Some("router")),
        Family::Solana => (text::solana_account, Some("program")),
        Family::Ao => (text::ao_account, None),
    };
    let pool = table.required("pool", address, "the address of the pool");
    let router = match swapper {
        Some(swapper) => table.required(swapper, address, "the address of what swaps in it"),
        None => pool,
    };
    for foreign in ["router", "program"].into_iter().filter(|key| Some(*key) != swapper) {
        if table.value(foreign).is_some() {
            let found = format!("{foreign} of a pool on a chain of kind {:?}", family.kind());
            let expected = match swapper {
                Some(swapper) => format!("{swapper}, the address of what swaps in it"),
                None => "nothing: the pool swaps by itself".to_owned(),
            };
            table.conflict(foreign, found, expected, "correct it");
        }
    }
    let base = table.required("base", text::symbol, "the symbol of one asset, for example \"USDA\"");
    let quote = table.required("quote", text::symbol, "the symbol of the other asset, for example \"TIM3\"");
    let token = |key| match table.value(key) {
        Some(_) => Some(Some(table.get(key, address)?)),
        None => Some(None),
    };
    let (base_token, quote_token) = (token("base_token")?, token("quote_token")?);
    let fee = table.or("fee_bps", text::integer::<0, 9_999>, 30_u64);
    let cap = cap(table);
    let kept = u32::from(ONE_BPS).checked_sub(u32::try_from(fee?).ok()?)?;
    Some(KeeperVenue {
        chain: chain?,
        pool: pool?,
        router: router?,
        base: base?,
        base_token,
        quote: quote?,
        quote_token,
        fee: Fee::new(kept, ONE_BPS.into()).ok()?,
        cap: cap?,
    })
}

/// `[keeper.arbitrage]`: how trades are decided, and how long a signed one may happen.
pub(super) fn arbitrage(table: &Table<'_>) -> Option<(ArbitragePolicy, Duration)> {
    let bps = text::integer::<0, 10_000>;
    let hops = table.or("hops", text::integer::<2, 8>, 4_u64);
    let min_profit = table.or("min_profit", text::usd, "1");
    let crossing = table.or("crossing_bps", bps, 5_u64);
    let slippage = table.or("slippage_bps", bps, 50_u64);
    let retry = table.or("retry", text::duration::<SECOND, DAY>, "2m");
    let max_hedge_loss = table.or("max_hedge_loss", text::usd, "50");
    let deadline = table.or("deadline", text::duration::<SECOND, HOUR>, "1m");
    let policy = ArbitragePolicy {
        hops: usize::try_from(hops?).ok()?,
        steps: STEPS,
        min_profit: min_profit?,
        crossing_bps: u16::try_from(crossing?).ok()?,
        slippage_bps: u16::try_from(slippage?).ok()?,
        retry_ms: u64::try_from(retry?.as_millis()).ok()?,
        max_hedge_loss: max_hedge_loss?,
    };
    Some((policy, deadline?))
}

/// `[keeper.inventory.SYMBOL]`.
pub(super) fn inventory(_: &str, table: &Table<'_>) -> Option<InventoryConfig> {
    let smallest = table.or("smallest", text::tokens, "100");
    let targets = all(table.named("chains", text::name, target));
    let targets: BTreeMap<String, (u128, u128)> = targets?;
    if targets.len() < 2 {
        table.missing("chains", "a section [keeper.inventory.SYMBOL.chains.NAME] for each of at least two chains");
        return None;
    }
    let target = |(chain, (amount, least))| Target { chain, amount, least };
    Some(InventoryConfig { targets: targets.into_iter().map(target).collect(), smallest: smallest? })
}

/// Target and least of one chain.
fn target(_: &str, table: &Table<'_>) -> Option<(u128, u128)> {
    let amount = table.required("target", text::tokens, "how much is to be there, in tokens, for example \"50000\"");
    let least =
        table.required("least", text::tokens, "below how much it is filled up, in tokens, for example \"20000\"");
    let (amount, least) = (amount?, least?);
    if least > amount {
        let expected = "at most the target".to_owned();
        table.conflict("least", "more than the target".to_owned(), expected, "lower it, or raise the target");
    }
    Some((amount, least))
}

/// How often the transactions of a chain fail, and how long they take.
pub(super) fn reliability(table: &Table<'_>) -> Option<tim3_keeper::arbitrage::Reliability> {
    let failure = table.or("failure_bps", text::integer::<0, 10_000>, 0_u64);
    let latency = table.or("latency", text::duration::<0, HOUR>, "0s");
    Some(tim3_keeper::arbitrage::Reliability {
        failure_bps: u16::try_from(failure?).ok()?,
        latency_ms: u64::try_from(latency?.as_millis()).ok()?,
    })
}
