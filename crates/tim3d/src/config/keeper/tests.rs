//! `[keeper]` as an operator writes it.

use tim3_chain::Feed;
use tim3_domain::{amm::Fee, market::MarketTerms, price::Price};
use tim3_keeper::{Mode, price::Rule};

use crate::{
    config::{
        Loaded, Origin, changes,
        tests::{Case, kinds},
    },
    keeper::{Learned, assemble},
};

const BASE: &str = r#"
[journal]
path = "journal.redb"
[chains.a]
kind = "ethereum"
chain = "eip155:31337"
gateway = "0x1111111111111111111111111111111111111111"
gateway_salt = "0x0000000000000000000000000000000000000000000000000000000000000001"
endpoints = [{ url = "http://127.0.0.1:8545" }, { url = "http://127.0.0.1:8546" }]
submit.signer = { env = "SUBMITTER" }
[assets.TIM3]
[attesters.one]
key = { env = "ATTESTER" }
[markets.weth]
kind = "vault"
home = "a"
synthetic = "TIM3"
collateral = "WETH"
collateral_decimals = 18
[markets.usda]
kind = "reserve"
home = "a"
synthetic = "TIM3"
collateral = "USDA"
"#;

const KEEPER: &str = r#"
[keeper]
mode = "live"
min_profit = "-2.5"
limits.day = "1000"
[keeper.chains.a]
key = { env = "KEEPER" }
cap = "500"
[keeper.markets.weth]
cap = "400"
[keeper.assets.WETH]
prices = ["feed", "http"]
combine = "bounded"
max_deviation_bps = 150
[keeper.assets.ETH]
prices = ["feed"]
[keeper.assets.TIM3]
prices = ["par"]
combine = "primary"
cap = "300"
[keeper.prices.feed]
chain = "a"
feed = "0x2222222222222222222222222222222222222222"
max_age = "70m"
[keeper.prices.http]
url = "https://one.example/eth"
path = "data.amount"
[keeper.prices.par]
fixed = "1"
"#;

fn read(keeper: &str, flags: &[&str]) -> Result<Loaded, String> {
    let case = Case::new().file("tim3d.toml", &format!("{BASE}{keeper}"));
    flags.iter().fold(case, |case, flag| case.flag(flag)).load().map_err(|problems| problems.to_string())
}

fn learned(markets: &[&str]) -> Learned {
    let terms = MarketTerms {
        max_ltv_bps: 7_500,
        liquidation_threshold_bps: 8_000,
        bonus_bps: 500,
        close_factor_bps: 5_000,
        debt_ceiling: 10,
        dust: 1,
    };
    let terms = markets.iter().map(|market| ((*market).to_owned(), (terms, Price::ONE))).collect();
    Learned { terms, ..Learned::default() }
}

#[test]
fn without_the_section_there_are_no_keepers() {
    assert!(read("", &[]).unwrap().config.keeper.is_none());
}

#[test]
fn what_is_written_reaches_the_core() {
    const DOLLAR: u128 = 10_u128.pow(18);
    let loaded = read(KEEPER, &[]).unwrap();
    let config = &loaded.config;
    let keeper = config.keeper.as_ref().unwrap();
    let core = assemble(config, keeper, &learned(&["weth"])).unwrap();
    assert_eq!(core.mode, Mode::Live);
    assert_eq!(core.liquidation.min_profit, -2_500_000_000_000_000_000);
    let limits = &core.limits;
    assert_eq!((limits.day, limits.default, limits.daily_loss), (1_000 * DOLLAR, 100_000 * DOLLAR, 100 * DOLLAR));
    assert_eq!(
        (limits.chains["a"], limits.assets["TIM3"], limits.venues["weth"]),
        (500 * DOLLAR, 300 * DOLLAR, 400 * DOLLAR)
    );
    let rule = Rule::Bounded { primary: "feed".to_owned(), reference: "http".to_owned(), max_deviation_bps: 150 };
    assert_eq!(core.feeds["WETH"], rule);
    assert_eq!((core.assets["WETH"].decimals, core.assets["TIM3"].decimals, core.assets["ETH"].decimals), (18, 6, 18));
    let guards = core.sources["feed"].guards;
    assert_eq!((guards.max_age, guards.endpoints), (4_200, 2), "every endpoint of the chain is asked");
    assert!(matches!(keeper.prices["par"].origin, Origin::Fixed(_)));
}

#[test]
fn what_does_not_fit_is_told_with_its_key() {
    for (flags, expected) in [
        (vec!["keeper.mode=often"], "keeper.mode"),
        (vec!["keeper.chains.b.key={ env = 'B' }"], "keeper.chains.b"),
        (vec!["keeper.chains.a.key={ env = 'SUBMITTER' }"], "keeper.chains.a.key"),
        (vec!["keeper.chains.a.gas_asset=COIN"], "[keeper.assets.COIN]"),
        (vec!["keeper.markets.usda.cap=1"], "[keeper.assets.USDA]"),
        (vec!["keeper.markets.other.cap=1"], "keeper.markets.other"),
        (vec!["keeper.assets.ETH.prices=nowhere"], "keeper.assets.ETH.prices"),
        (
            vec!["keeper.assets.ETH.combine=median", "keeper.assets.ETH.quorum=2"],
            "at least as many names as the quorum",
        ),
        (vec!["keeper.prices.feed.chain=b"], "keeper.prices.feed.chain"),
        (vec!["keeper.prices.par.path=a.b"], "keeper.prices.par.path"),
        (vec!["keeper.prices.par.fixed=0"], "keeper.prices.par.fixed"),
        (vec!["keeper.limits.day=-1"], "keeper.limits.day"),
        (vec!["keeper.surprise=1"], "keeper.surprise"),
    ] {
        let problems = read(KEEPER, &flags).unwrap_err();
        assert!(problems.contains(expected), "{flags:?}: {problems}");
    }
    let looking =
        KEEPER.replace("key = { env = \"KEEPER\" }", "account = \"0x3333333333333333333333333333333333333333\"");
    let problems = read(&looking, &[]).unwrap_err();
    assert!(problems.contains("keeper.mode is \"live\""), "{problems}");
    read(&looking, &["keeper.mode=paper"]).unwrap();
}

const TRADING: &str = r#"
[keeper.chains.a]
executor = "0x5555555555555555555555555555555555555555"
failure_bps = 7
[keeper.assets.USDA]
prices = ["par"]
[keeper.markets.usda]
[keeper.arbitrage]
hops = 3
[keeper.venues.pool]
chain = "a"
pool = "0x6666666666666666666666666666666666666666"
router = "0x7777777777777777777777777777777777777777"
base = "USDA"
quote = "TIM3"
fee_bps = 25
cap = "9"
"#;

/// With venues, as in a second file.
fn trading(flags: &[&str]) -> Result<Loaded, String> {
    let merged = KEEPER.replace("[keeper.chains.a]\n", "").replace("key = { env = \"KEEPER\" }\ncap = \"500\"\n", "");
    let trading = TRADING.replace("[keeper.chains.a]\n", "[keeper.chains.a]\nkey = { env = \"KEEPER\" }\n");
    read(&format!("{merged}{trading}"), flags)
}

/// What lies beside [`TRADING`] where what is seized is sold.
const SELLING: &str = r#"
[keeper.venues.exit]
chain = "a"
pool = "0x8888888888888888888888888888888888888888"
router = "0x7777777777777777777777777777777777777777"
base = "WETH"
quote = "TIM3"
"#;

/// With a venue for the collateral, and more keys of its market.
fn selling(keys: &str, flags: &[&str]) -> Result<Loaded, String> {
    let merged = KEEPER.replace("[keeper.chains.a]\n", "").replace("key = { env = \"KEEPER\" }\ncap = \"500\"\n", "");
    let merged = merged.replace("[keeper.markets.weth]\n", &format!("[keeper.markets.weth]\n{keys}\n"));
    let trading = TRADING.replace("[keeper.chains.a]\n", "[keeper.chains.a]\nkey = { env = \"KEEPER\" }\n");
    read(&format!("{merged}{trading}{SELLING}"), flags)
}

#[test]
fn where_collateral_is_sold_reaches_the_core() {
    for (keys, exit, flash) in [
        ("", None, false),
        ("sell = \"exit\"", Some("exit".to_owned()), false),
        ("sell = \"exit\"\nflash = true", Some("exit".to_owned()), true),
    ] {
        let loaded = selling(keys, &[]).unwrap();
        let keeper = loaded.config.keeper.as_ref().unwrap();
        let core = assemble(&loaded.config, keeper, &learned(&["weth"])).unwrap();
        assert_eq!((&core.markets["weth"].exit, core.markets["weth"].flash), (&exit, flash));
    }
    let treasury = "keeper.chains.a.treasury=0x9999999999999999999999999999999999999999";
    let loaded = selling("sell = \"exit\"", &[treasury]).unwrap();
    assert!(loaded.config.keeper.unwrap().chains["a"].treasury.is_some());
    for (keys, flags, expected) in [
        ("sell = \"nowhere\"", vec![], "a name out of [keeper.venues]: exit, pool"),
        ("sell = \"pool\"", vec![], "one on a with base WETH and quote TIM3"),
        ("flash = true", vec![], "keeper.markets.weth.sell"),
        ("", vec!["keeper.markets.usda.sell=exit"], "a vault market"),
        ("sell = \"exit\"\nflash = 7", vec![], "keeper.markets.weth.flash"),
        ("", vec![treasury], "no market on a that sells what it seizes"),
        (
            "sell = \"exit\"",
            vec!["keeper.chains.a.treasury=0x5555555555555555555555555555555555555555"],
            "the executor",
        ),
        ("sell = \"exit\"", vec!["keeper.chains.a.treasury=5"], "keeper.chains.a.treasury"),
    ] {
        let problems = selling(keys, &flags).unwrap_err();
        assert!(problems.contains(expected), "{keys} {flags:?}: {problems}");
    }
}

#[test]
fn venues_reach_the_core() {
    let loaded = trading(&[]).unwrap();
    let keeper = loaded.config.keeper.as_ref().unwrap();
    let decimals = [("USDA".to_owned(), 18)].into();
    let core = assemble(&loaded.config, keeper, &Learned { decimals, ..learned(&["weth"]) }).unwrap();
    let fee = core.venues["pool"].fee;
    assert_eq!((fee.kept(), fee.of()), (9_975, 10_000));
    assert_eq!((core.reserves["usda"].collateral.as_str(), core.assets["USDA"].decimals), ("USDA", 18));
    assert_eq!((core.arbitrage.hops, core.chains["a"].reliability.failure_bps), (3, 7));
    assert_eq!(core.limits.venues["pool"], 9 * 10_u128.pow(18));
    for (flags, expected) in [
        (vec!["keeper.venues.pool.chain=b"], "keeper.venues.pool.chain"),
        (vec!["keeper.venues.pool.quote=OTHER"], "[keeper.assets.OTHER]"),
        (vec!["keeper.venues.pool.quote=USDA"], "another symbol than that of the base"),
        (vec!["keeper.venues.pool.quote_token=5"], "keeper.venues.pool.quote_token"),
        (vec!["keeper.venues.pool.base=OTHER"], "[keeper.assets.OTHER]"),
        (vec!["keeper.venues.pool.fee_bps=10000"], "keeper.venues.pool.fee_bps"),
        (
            vec!["keeper.venues.pool.program=0x7777777777777777777777777777777777777777"],
            "program of a pool on a chain of kind \"ethereum\"",
        ),
        (vec!["keeper.inventory.TIM3.smallest=1"], "at least two chains"),
        (vec!["keeper.inventory.TIM3.chains={ a = { target = '5', least = '6' } }"], "at most the target"),
        (
            vec![
                "keeper.inventory.TIM3.chains={ a = { target = '5', least = '1' }, b = { target = '5', least = '1' } }",
            ],
            "keeper.inventory.TIM3.chains.b",
        ),
        (vec!["keeper.limits.exposure=-1"], "keeper.limits.exposure"),
    ] {
        let problems = trading(&flags).unwrap_err();
        assert!(problems.contains(expected), "{flags:?}: {problems}");
    }
    let without = TRADING.replace("executor = \"0x5555555555555555555555555555555555555555\"\n", "");
    let merged = KEEPER.replace("[keeper.chains.a]\n", "[keeper.chains.a]\nfailure_bps = 7\n");
    let problems = read(&format!("{merged}{}", without.replace("[keeper.chains.a]\nfailure_bps = 7\n", "")), &[]);
    assert!(problems.unwrap_err().contains("keeper.chains.a.executor"));
}

/// A vault on Solana beside the one on Ethereum, kept as well.
const VAULT: &str = r#"
[markets.sol]
kind = "vault"
home = "s"
synthetic = "TIM3"
collateral = "WSOL"
collateral_decimals = 9
[keeper.chains.s]
key = { env = "SOLANA_KEEPER" }
[keeper.markets.sol]
[keeper.assets.WSOL]
prices = ["sol"]
[keeper.assets.SOL]
prices = ["sol"]
[keeper.prices.sol]
chain = "s"
pyth = "7UVimffxr9ow1uXYxsr4LHAcV58mLzhmwaeKvJ1pjLiE"
feed_id = "0xef0d8b6fda2ceba41da15d4095d1da392a0d2f8ed0c6c7bc0f4cfac8c280b56d"
"#;

#[test]
fn a_vault_on_solana_has_pyths_prices_and_its_own_kind_of_accounts_and_coins() {
    let both = format!("{KEEPER}{}{VAULT}", kinds::SOLANA);
    let loaded = read(&both, &[]).unwrap();
    let keeper = loaded.config.keeper.as_ref().unwrap();
    assert_eq!(keeper.chains["s"].gas_asset.as_deref(), Some("SOL"));
    let Origin::Feed { chain, feed: Feed::Pyth { id, .. } } = &keeper.prices["sol"].origin else {
        panic!("{:?}", keeper.prices["sol"])
    };
    assert_eq!((chain.as_str(), id.0[..2].to_vec()), ("s", vec![0xef, 0x0d]));
    let core = assemble(&loaded.config, keeper, &learned(&["weth", "sol"])).unwrap();
    assert_eq!((core.assets["SOL"].decimals, core.assets["WSOL"].decimals, core.assets["ETH"].decimals), (9, 9, 18));
    let confidence = |source: &str| core.sources[source].guards.max_confidence_bps;
    assert_eq!((confidence("sol"), confidence("feed")), (100, 0));

    for (flags, expected) in [
        (vec!["keeper.chains.s.gas_asset=WSOL"], "keeper.chains.s.gas_asset"),
        (vec!["keeper.chains.s.gas_asset=ETH"], "ETH with 9 decimals"),
        (vec!["keeper.prices.sol.chain=a"], "a chain of another kind: a"),
        (vec!["keeper.prices.feed.chain=s"], "a chain of another kind: s"),
        (vec!["keeper.prices.sol.pyth=0x2222222222222222222222222222222222222222"], "keeper.prices.sol.pyth"),
        (vec!["keeper.prices.sol.feed_id=7"], "keeper.prices.sol.feed_id"),
        (vec!["keeper.prices.feed.max_confidence_bps=7"], "keeper.prices.feed.max_confidence_bps"),
    ] {
        let problems = read(&both, &flags).unwrap_err();
        assert!(problems.contains(expected), "{flags:?}: {problems}");
    }
    let looking =
        both.replace("key = { env = \"SOLANA_KEEPER\" }", "account = \"7UVimffxr9ow1uXYxsr4LHAcV58mLzhmwaeKvJ1pjLiE\"");
    read(&looking, &["keeper.mode=paper"]).unwrap();
    let other = looking.replace(
        "account = \"7UVimffxr9ow1uXYxsr4LHAcV58mLzhmwaeKvJ1pjLiE\"",
        "account = \"0x3333333333333333333333333333333333333333\"",
    );
    let problems = read(&other, &["keeper.mode=paper"]).unwrap_err();
    assert!(problems.contains("keeper.chains.s.account"), "{problems}");
}

const POOL: &str = r#"
[keeper.assets.USDA]
prices = ["par"]
[keeper.prices.pool]
chain = "a"
pool = "0x6666666666666666666666666666666666666666"
token = "0x8888888888888888888888888888888888888888"
quote = "USDA"
window = "20m"
"#;

#[test]
fn a_pool_is_a_source_on_its_chain_that_is_quoted_in_an_asset_with_a_price_of_its_own() {
    let text = format!("{KEEPER}{POOL}");
    let loaded = read(&text, &["keeper.assets.ETH.prices=feed,pool"]).unwrap();
    let keeper = loaded.config.keeper.as_ref().unwrap();
    let Origin::Pool { quote, window, .. } = &keeper.prices["pool"].origin else { panic!("{:?}", keeper.prices) };
    assert_eq!((quote.as_str(), window.as_secs()), ("USDA", 1_200));
    let core = assemble(&loaded.config, keeper, &learned(&["weth"])).unwrap();
    let source = &core.sources["pool"];
    assert_eq!((source.chain.as_deref(), source.quote.as_deref()), (Some("a"), Some("USDA")));
    assert_eq!((source.guards.endpoints, &core.sources["feed"].quote), (2, &None));
    for (flags, expected) in [
        (vec!["keeper.prices.pool.chain=b"], "keeper.prices.pool.chain"),
        (vec!["keeper.prices.pool.token=0x1"], "keeper.prices.pool.token"),
        (vec!["keeper.prices.pool.quote=COIN"], "[keeper.assets.COIN]"),
        (vec!["keeper.assets.USDA.prices=par,pool"], "USDA, whose source pool is a pool itself"),
        (vec!["keeper.prices.pool.window=9s"], "keeper.prices.pool.window"),
        (vec!["keeper.prices.pool.max_age=149s"], "at least an eighth of window"),
        (vec!["keeper.prices.pool.path=a.b"], "keeper.prices.pool.path"),
        (vec!["keeper.prices.feed.window=20m"], "keeper.prices.feed.window"),
    ] {
        let problems = read(&text, &flags).unwrap_err();
        assert!(problems.contains(expected), "{flags:?}: {problems}");
    }
    read(&text, &["keeper.prices.pool.max_age=150s"]).unwrap();
    let problems = read(&text.replace("quote = \"USDA\"\n", ""), &[]).unwrap_err();
    assert!(problems.contains("the symbol of the pool's other token"), "{problems}");
}

#[test]
fn json_comes_by_websocket_where_its_url_says_so() {
    let url = "keeper.prices.http.url=wss://one.example/topsecret";
    let subscribe = "keeper.prices.http.subscribe=ticker ETH";
    let loaded = read(KEEPER, &[url, subscribe]).unwrap();
    let Origin::Json(json) = &loaded.config.keeper.as_ref().unwrap().prices["http"].origin else { panic!("no JSON") };
    assert_eq!((json.subscribe.as_deref(), json.silence.as_secs()), (Some("ticker ETH"), 60));
    for (flags, expected) in [
        (vec!["keeper.prices.http.url=ftp://one.example/"], "a URL with http or https or ws or wss"),
        (vec![subscribe], "keeper.prices.http.subscribe"),
        (vec!["keeper.prices.http.silence=10s"], "keeper.prices.http.silence"),
        (vec![url, "keeper.prices.http.silence=0s"], "keeper.prices.http.silence"),
        (vec!["keeper.prices.feed.silence=10s"], "keeper.prices.feed.silence"),
    ] {
        let problems = read(KEEPER, &flags).unwrap_err();
        assert!(problems.contains(expected) && !problems.contains("topsecret"), "{flags:?}: {problems}");
    }
}

/// A vault on AO beside the one on Ethereum, kept as well.
const AO_VAULT: &str = r#"
[markets.war]
kind = "vault"
home = "o"
synthetic = "TIM3"
collateral = "WAR"
collateral_decimals = 12
[keeper.chains.o]
key = { env = "AO_KEEPER" }
[keeper.markets.war]
[keeper.assets.WAR]
prices = ["own", "redstone"]
[keeper.prices.own]
market = "war"
[keeper.prices.redstone]
chain = "o"
redstone = "TqXuaP6gVYYQaJDe1XM4ILt32RnNonvEuBObfNM7iIk"
ticker = "AR"
"#;

#[test]
fn a_vault_on_ao_has_the_prices_of_its_gateway_and_of_processes_and_pays_for_nothing() {
    let both = format!("{KEEPER}{}{AO_VAULT}", kinds::AO);
    let loaded = read(&both, &[]).unwrap();
    let (config, keeper) = (&loaded.config, loaded.config.keeper.as_ref().unwrap());
    assert_eq!(keeper.chains["o"].gas_asset, None);
    let home = config.markets.iter().find(|market| market.name == "war").unwrap();
    let own = Origin::Feed { chain: "o".to_owned(), feed: Feed::Market(home.id) };
    assert_eq!(keeper.prices["own"].origin, own);
    let Origin::Feed { feed: Feed::RedStone { ticker, .. }, .. } = &keeper.prices["redstone"].origin else {
        panic!("{:?}", keeper.prices["redstone"])
    };
    assert_eq!(ticker, "AR");
    let core = assemble(config, keeper, &learned(&["weth", "war"])).unwrap();
    assert_eq!((core.chains["o"].gas_asset.as_ref(), core.assets["WAR"].decimals), (None, 12));
    let guards = core.sources["own"].guards;
    assert_eq!((guards.endpoints, guards.max_confidence_bps), (2, 100), "compute units, and no others, say prices");

    for (flags, expected) in [
        (vec!["keeper.chains.o.gas_asset=ETH"], "messages on AO cost nothing"),
        (vec!["keeper.prices.own.market=nowhere"], "a name out of [markets]"),
        (vec!["keeper.prices.own.market=weth"], "a chain of another kind: a"),
        (vec!["keeper.prices.own.chain=o"], "keeper.prices.own.chain"),
        (vec!["keeper.prices.redstone.chain=a"], "a chain of another kind: a"),
        (vec!["keeper.prices.redstone.redstone=0x12"], "keeper.prices.redstone.redstone"),
        (vec!["keeper.prices.redstone.ticker=a b"], "keeper.prices.redstone.ticker"),
        (vec!["keeper.prices.feed.ticker=AR"], "keeper.prices.feed.ticker"),
    ] {
        let problems = read(&both, &flags).unwrap_err();
        assert!(problems.contains(expected), "{flags:?}: {problems}");
    }
    let unkept = both.replace("[keeper.chains.o]\nkey = { env = \"AO_KEEPER\" }\n", "");
    let problems = read(&unkept, &[]).unwrap_err();
    assert!(problems.contains("a section [keeper.chains.o]"), "{problems}");
}

/// A pool and a reserve market on Solana.
const SOLANA_POOL: &str = r#"
[markets.usda_s]
kind = "reserve"
home = "s"
synthetic = "TIM3"
collateral = "USDA"
[keeper.markets.usda_s]
[keeper.assets.USDA]
prices = ["par"]
[keeper.venues.pool]
chain = "s"
pool = "7UVimffxr9ow1uXYxsr4LHAcV58mLzhmwaeKvJ1pjLiE"
program = "SwapsVeCiPHMUAtzQWZw7RjsKjgCjhwU55QGu4U1Szw"
base = "USDA"
quote = "TIM3"
"#;

#[test]
fn on_solana_trades_need_the_program_of_a_pool_and_no_executor() {
    let pool = format!("{KEEPER}{}{VAULT}{SOLANA_POOL}", kinds::SOLANA);
    let loaded = read(&pool, &[]).unwrap();
    let venue = &loaded.config.keeper.as_ref().unwrap().venues["pool"];
    assert_eq!(venue.router.0.0[..4], [0x06, 0xa5, 0x3c, 0xd6]);
    let executor = "keeper.chains.s.executor=0x5555555555555555555555555555555555555555";
    let router = "keeper.venues.pool.router=0x5555555555555555555555555555555555555555";
    for (flag, expected) in [
        (executor, "the executor of a chain of kind \"solana\""),
        (router, "router of a pool on a chain of kind \"solana\""),
        ("keeper.venues.pool.program=0x5555555555555555555555555555555555555555", "keeper.venues.pool.program"),
        ("keeper.venues.pool.pool=5", "keeper.venues.pool.pool"),
        ("keeper.venues.pool.base=SOL", "another symbol than keeper.chains.s.gas_asset"),
    ] {
        let problems = read(&pool, &[flag]).unwrap_err();
        assert!(problems.contains(expected), "{flag}: {problems}");
    }
    let problems = read(&pool.replace("program = \"Swaps", "base_token = \"Swaps"), &[]).unwrap_err();
    assert!(problems.contains("keeper.venues.pool.program"), "{problems}");
}

/// A pool and a reserve market on AO, beside a keeper on Ethereum.
const AO_POOL: &str = r#"
[markets.usda_o]
kind = "reserve"
home = "o"
synthetic = "TIM3"
collateral = "USDA"
[keeper.markets.usda_o]
[keeper.assets.USDA]
prices = ["par"]
[keeper.venues.pool]
chain = "o"
pool = "TqXuaP6gVYYQaJDe1XM4ILt32RnNonvEuBObfNM7iIk"
base = "USDA"
quote = "TIM3"
fee_bps = 25
"#;

#[test]
fn on_ao_a_pool_swaps_by_itself_and_a_trade_is_one_step() {
    let pool = format!("{KEEPER}{}{AO_VAULT}{AO_POOL}", kinds::AO);
    let loaded = read(&pool, &[]).unwrap();
    let (config, keeper) = (&loaded.config, loaded.config.keeper.as_ref().unwrap());
    let venue = &keeper.venues["pool"];
    assert_eq!((venue.pool, venue.fee), (venue.router, Fee::new(9_975, 10_000).unwrap()));
    let core = assemble(config, keeper, &learned(&["weth", "war"])).unwrap();
    assert_eq!((core.chains["o"].steps, core.chains["a"].steps), (Some(1), None));
    assert_eq!(core.reserves["usda_o"].chain, "o");
    let word = "TqXuaP6gVYYQaJDe1XM4ILt32RnNonvEuBObfNM7iIk";
    for (flag, expected) in [
        (
            "keeper.chains.o.executor=0x5555555555555555555555555555555555555555",
            "the executor of a chain of kind \"ao\"",
        ),
        (&format!("keeper.venues.pool.router={word}"), "router of a pool on a chain of kind \"ao\""),
        (&format!("keeper.venues.pool.program={word}"), "program of a pool on a chain of kind \"ao\""),
        ("keeper.venues.pool.pool=0x5555555555555555555555555555555555555555", "keeper.venues.pool.pool"),
        ("keeper.venues.pool.base_token=5", "keeper.venues.pool.base_token"),
        ("keeper.markets.war.sell=pool", "keeper.markets.war.sell"),
    ] {
        let problems = read(&pool, &[flag]).unwrap_err();
        assert!(problems.contains(expected), "{flag}: {problems}");
    }
}

#[test]
fn numbers_are_taken_by_a_reload_and_names_are_not() {
    let before = read(KEEPER, &[]).unwrap();
    let after = read(
        KEEPER,
        &[
            "keeper.mode=observe",
            "keeper.limits.daily_loss=5",
            "keeper.assets.TIM3.cap=7",
            "keeper.arbitrage.max_hedge_loss=7",
            "keeper.arbitrage.deadline=7s",
            "keeper.poll_interval=3s",
            "keeper.prices.feed.max_age=2h",
        ],
    )
    .unwrap();
    let changed = |live: bool| {
        let changes = changes(&before, &after);
        changes.into_iter().filter(|change| change.live == live).map(|change| change.key).collect::<Vec<_>>()
    };
    let live = ["keeper.arbitrage.max_hedge_loss", "keeper.assets.TIM3.cap", "keeper.limits.daily_loss", "keeper.mode"];
    assert_eq!(changed(true), live);
    assert_eq!(changed(false), ["keeper.arbitrage.deadline", "keeper.poll_interval", "keeper.prices.feed.max_age"]);
    let parameters = crate::config::in_force(&before, &after).config.keeper.unwrap().parameters;
    assert_eq!((parameters.mode, parameters.limits.assets["TIM3"]), (Mode::Observe, 7 * 10_u128.pow(18)));
    assert_eq!(parameters.arbitrage.max_hedge_loss, 7 * 10_u128.pow(18));
}

#[test]
fn what_lacks_an_executor_before_a_restart_does_not_become_live_by_a_reload() {
    let executor = "keeper.chains.a.executor=0x5555555555555555555555555555555555555555";
    let observe = "keeper.mode=observe";
    for (before, after, mode) in [
        (vec![observe], vec![executor], Mode::Observe),
        (vec![observe, executor], vec![executor], Mode::Live),
        (vec![observe], vec![], Mode::Live),
    ] {
        let (before, after) = (read(KEEPER, &before).unwrap(), read(KEEPER, &after).unwrap());
        let keeper = crate::config::in_force(&before, &after).config.keeper.unwrap();
        assert_eq!(keeper.parameters.mode, mode);
    }
}
