//! `[keeper]` as an operator writes it.

use tim3_chain::Feed;
use tim3_domain::{market::MarketTerms, price::Price};
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
        (vec!["keeper.venues.pool.quote=USDA"], "a synthetic out of [assets]: TIM3"),
        (vec!["keeper.venues.pool.base=OTHER"], "[keeper.assets.OTHER]"),
        (vec!["keeper.venues.pool.fee_bps=10000"], "keeper.venues.pool.fee_bps"),
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
    assert_eq!(keeper.chains["s"].gas_asset, "SOL");
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

#[test]
fn numbers_are_taken_by_a_reload_and_names_are_not() {
    let before = read(KEEPER, &[]).unwrap();
    let after = read(
        KEEPER,
        &[
            "keeper.mode=observe",
            "keeper.limits.daily_loss=5",
            "keeper.assets.TIM3.cap=7",
            "keeper.poll_interval=3s",
            "keeper.prices.feed.max_age=2h",
        ],
    )
    .unwrap();
    let changed = |live: bool| {
        let changes = changes(&before, &after);
        changes.into_iter().filter(|change| change.live == live).map(|change| change.key).collect::<Vec<_>>()
    };
    assert_eq!(changed(true), ["keeper.assets.TIM3.cap", "keeper.limits.daily_loss", "keeper.mode"]);
    assert_eq!(changed(false), ["keeper.poll_interval", "keeper.prices.feed.max_age"]);
    let parameters = crate::config::in_force(&before, &after).config.keeper.unwrap().parameters;
    assert_eq!((parameters.mode, parameters.limits.assets["TIM3"]), (Mode::Observe, 7 * 10_u128.pow(18)));
}
