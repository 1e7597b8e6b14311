//! `[keeper.prices.NAME]`, and how prices are combined.

use std::time::Duration;

use tim3_chain::{Feed, PricedToken};
use tim3_domain::price::Price;
use tim3_keeper::price::Rule;
use tim3_rpc::SecretUrl;

use super::Known;
use crate::config::{
    endpoints,
    model::UrlRef,
    node::Table,
    text::{self, Combination},
};

/// `[keeper.prices.NAME]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PriceSource {
    pub(crate) origin: Origin,
    pub(crate) max_age: Duration,
    pub(crate) max_jump_bps: u32,
    /// Widest confidence interval; 0 where the source states none.
    pub(crate) max_confidence_bps: u32,
}

/// Where a price comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// On a chain.
    Feed {
        /// Name of the chain.
        chain: String,
        /// Where it is published there.
        feed: Feed,
    },
    /// The mean over time of what a pool pays.
    Pool {
        /// Name of the chain.
        chain: String,
        /// The token, and the pool that it is in.
        priced: PricedToken,
        /// Symbol of the pool's other token.
        quote: String,
        /// Over how long.
        window: Duration,
    },
    /// Documents of JSON.
    Json(JsonSource),
    /// The operator's word.
    Fixed(Price),
}

/// Documents of JSON: one that is fetched again and again, or the messages of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JsonSource {
    /// Where it is; the scheme says which of the two.
    pub(crate) url: UrlRef,
    /// Where in it the price is.
    pub(crate) path: String,
    /// Where in it the price's own time is, in seconds or milliseconds since 1970.
    pub(crate) time_path: Option<String>,
    /// What the server is told first.
    pub(crate) subscribe: Option<String>,
    /// When a server that sends no price is asked anew.
    pub(crate) silence: Duration,
}

/// A price that is made anew each sixteenth of a window must not get stale in an eighth.
const PARTS: u32 = 8;

const WHAT: &str = "feed, the address of a Chainlink aggregator; pyth, of a price account; pool, of a pair of Uniswap V2; market, the name of one on AO; \
     redstone, the id of an oracle process there; url, of JSON; or fixed, a price";

pub(super) fn source(table: &Table<'_>, known: &Known<'_>) -> Option<PriceSource> {
    let form =
        table.one_of(&["feed", "pyth", "pool", "market", "redstone", "url", "fixed"]).ok()?.map(|(form, _)| form);
    // Asked for in every form, so that a key of another form is told apart from one that is unknown.
    const REST: [&str; 13] = [
        "chain",
        "sequencer",
        "sequencer_grace",
        "feed_id",
        "max_confidence_bps",
        "token",
        "quote",
        "window",
        "ticker",
        "path",
        "time_path",
        "subscribe",
        "silence",
    ];
    let rest = REST.map(|key| (key, table.value(key)));
    let mut max_confidence = Some(0);
    let origin = match form {
        Some("feed") => chainlink(table),
        Some("pyth") => {
            max_confidence = table.or("max_confidence_bps", text::integer::<1, 10_000>, 100_u64);
            pyth(table)
        }
        Some("pool") => pool(table),
        Some("market") => {
            max_confidence = table.or("max_confidence_bps", text::integer::<1, 10_000>, 100_u64);
            own(table, known)
        }
        Some("redstone") => redstone(table),
        Some("url") => json(table),
        Some(_) => table.get("fixed", text::price).map(Origin::Fixed),
        None => {
            table.missing("feed", WHAT);
            None
        }
    };
    let fitting: &[&str] = match form {
        Some("feed") => &["chain", "sequencer", "sequencer_grace"],
        Some("pyth") => &["chain", "feed_id", "max_confidence_bps"],
        Some("pool") => &["chain", "token", "quote", "window"],
        Some("market") => &["max_confidence_bps"],
        Some("redstone") => &["chain", "ticker"],
        Some("url") => &["path", "time_path", "subscribe", "silence"],
        _ => &[],
    };
    for (key, _) in rest.iter().filter(|(key, value)| value.is_some() && !fitting.contains(key)) {
        table.conflict(
            key,
            "a key of another form of source".to_owned(),
            format!("one of {}", fitting.join(", ")),
            "remove it",
        );
    }
    let max_age = table.or("max_age", text::duration::<1_000, { 30 * 86_400_000 }>, "1h");
    let max_jump = table.or("max_jump_bps", text::integer::<1, 1_000_000>, 2_000_u64);
    if let (Some(Origin::Pool { window, .. }), Some(max_age)) = (&origin, max_age)
        && max_age.saturating_mul(PARTS) < *window
    {
        let expected = format!("at least an eighth of window, which is {window:?}: its mean is made anew now and then");
        table.conflict("max_age", format!("{max_age:?}"), expected, "raise it, or take a shorter window");
    }
    Some(PriceSource {
        origin: origin?,
        max_age: max_age?,
        max_jump_bps: u32::try_from(max_jump?).ok()?,
        max_confidence_bps: u32::try_from(max_confidence?).ok()?,
    })
}

fn chain(table: &Table<'_>) -> Option<String> {
    table.required("chain", text::text, "the name of the chain that the feed is on")
}

fn pyth(table: &Table<'_>) -> Option<Origin> {
    let account = table.get("pyth", text::solana_account);
    let id = table.required("feed_id", text::word, "the id of the feed: 0x and 64 hexadecimal digits");
    Some(Origin::Feed { chain: chain(table)?, feed: Feed::Pyth { account: account?, id: id? } })
}

/// What the gateway goes by in one of its markets.
fn own(table: &Table<'_>, known: &Known<'_>) -> Option<Origin> {
    let name = table.get("market", text::text)?;
    let Some((_, market)) = known.markets.iter().find(|(market, _)| *market == name) else {
        let names: Vec<_> = known.markets.iter().map(|(name, _)| name.as_str()).collect();
        let expected = format!("a name out of [markets]: {}", names.join(", "));
        table.conflict("market", name, expected, "correct it");
        return None;
    };
    let market = market.as_ref()?;
    Some(Origin::Feed { chain: market.home.clone(), feed: Feed::Market(market.id) })
}

fn redstone(table: &Table<'_>) -> Option<Origin> {
    let process = table.get("redstone", text::ao_account);
    let ticker = table.required("ticker", text::ticker, "what the price is of, as the process calls it: \"AR\"");
    Some(Origin::Feed { chain: chain(table)?, feed: Feed::RedStone { process: process?, ticker: ticker? } })
}

fn chainlink(table: &Table<'_>) -> Option<Origin> {
    let aggregator = table.get("feed", text::evm_account);
    let chain = chain(table);
    let grace = table.or("sequencer_grace", text::duration::<0, 86_400_000>, "1h");
    let sequencer = match table.value("sequencer") {
        Some(_) => Some(table.get("sequencer", text::evm_account)?),
        None => None,
    };
    let grace = grace?.as_secs();
    let sequencer = sequencer.map(|uptime| (uptime, grace));
    Some(Origin::Feed { chain: chain?, feed: Feed::Chainlink { aggregator: aggregator?, sequencer } })
}

fn pool(table: &Table<'_>) -> Option<Origin> {
    let pool = table.get("pool", text::evm_account);
    let token = table.required("token", text::evm_account, "the address of the token in the pool that is priced");
    let what = "the symbol of the pool's other token, out of [keeper.assets]: its price makes dollars of the pool's";
    let quote = table.required("quote", text::symbol, what);
    let window = table.or("window", text::duration::<10_000, 86_400_000>, "30m");
    let chain = chain(table);
    let priced = PricedToken { pool: pool?, token: token? };
    Some(Origin::Pool { chain: chain?, priced, quote: quote?, window: window? })
}

fn json(table: &Table<'_>) -> Option<Origin> {
    let url = endpoints::url(table, "url", text::json_url);
    let path =
        table.required("path", text::json_path, "where in the document the price is, for example \"data.amount\"");
    let time_path = match table.value("time_path") {
        Some(_) => Some(table.get("time_path", text::json_path)?),
        None => None,
    };
    let subscribe = match table.value("subscribe") {
        Some(_) => Some(table.get("subscribe", text::text)?),
        None => None,
    };
    let silence = table.or("silence", text::duration::<1_000, 3_600_000>, "1m");
    if let Some(UrlRef::Plain(url)) = &url
        && !JsonSource::listens(url)
    {
        for key in ["subscribe", "silence"].into_iter().filter(|key| table.value(key).is_some()) {
            let expected = "a URL with ws or wss, on which a server sends what is new".to_owned();
            table.conflict(key, "a document that is fetched".to_owned(), expected, "remove it, or correct the URL");
        }
    }
    Some(Origin::Json(JsonSource { url: url?, path: path?, time_path, subscribe, silence: silence? }))
}

impl JsonSource {
    /// Whether a server at `url` sends what is new.
    pub(crate) fn listens(url: &SecretUrl) -> bool {
        matches!(url.expose().scheme(), "ws" | "wss")
    }
}

/// The rule of an asset.
pub(super) fn rule(
    table: &Table<'_>,
    combine: Combination,
    mut sources: Vec<String>,
    quorum: Option<u64>,
    deviation: Option<u64>,
) -> Option<Rule> {
    let count = sources.len();
    let wrong = |expected: &str| {
        let found = format!("{count} names");
        table.conflict("prices", found, expected.to_owned(), "correct prices or combine");
        None
    };
    match combine {
        Combination::Primary if count == 1 => Some(Rule::Primary(sources.pop()?)),
        Combination::Primary => wrong("one name, with combine = \"primary\""),
        Combination::Worst => Some(Rule::Worst(sources)),
        Combination::Median => {
            let majority = count.div_ceil(2).max(1);
            let quorum = quorum.map_or(Some(majority), |quorum| usize::try_from(quorum).ok())?;
            if quorum > count {
                return wrong("at least as many names as the quorum");
            }
            Some(Rule::Median { sources, quorum })
        }
        Combination::Bounded => {
            let Some(deviation) = deviation else {
                table.missing("max_deviation_bps", "how far the two may lie apart, in basis points");
                return None;
            };
            let Ok([primary, reference]) = <[String; 2]>::try_from(sources) else {
                return wrong("two names, the price and what it is compared with, with combine = \"bounded\"");
            };
            Some(Rule::Bounded { primary, reference, max_deviation_bps: u32::try_from(deviation).ok()? })
        }
    }
}
