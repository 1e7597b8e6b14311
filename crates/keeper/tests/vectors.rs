//! Golden values from elsewhere (`vectors.json`), given there with as many digits as their sources have.

#![expect(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    reason = "tests: the allowance in clippy.toml does not reach functions beside the test functions"
)]

use serde_json::Value;
use tim3_domain::{
    amm::{Fee, Fold, Hop, Leg, optimum, toward},
    amount::parse,
    health::{Assessment, Balances, Scales, assess, bad_debt, repay_to_target},
    market::{MarketTerms, VaultParameters},
    price::Price,
};
use tim3_keeper::arbitrage::network::{Pool, bound};

const WAD: u128 = 1_000_000_000_000_000_000;

fn golden() -> Value {
    serde_json::from_str(include_str!("vectors.json")).unwrap()
}

/// A number or a decimal text of the file, at `decimals`; digits beyond them are cut.
fn number(value: &Value, decimals: u8) -> u128 {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let fraction: String = fraction.chars().take(decimals.into()).collect();
    parse(&format!("{whole}.{fraction}"), decimals).unwrap()
}

/// Whether `found` at `decimals` is the golden text, up to a unit of the last place that both have.
fn agrees(found: u128, decimals: u8, golden: &Value) -> bool {
    let text = golden.as_str().map_or_else(|| golden.to_string(), str::to_owned);
    let digits = text.split_once('.').map_or(0, |(_, fraction)| fraction.len()).min(decimals.into());
    let unit = 10_u128.pow(u32::try_from(usize::from(decimals) - digits).unwrap());
    found.abs_diff(number(golden, decimals)) <= unit
}

fn parameters(threshold_bps: u16, bonus_bps: u16) -> VaultParameters {
    VaultParameters::check(MarketTerms {
        max_ltv_bps: 5_000,
        liquidation_threshold_bps: threshold_bps,
        bonus_bps,
        close_factor_bps: 10_000,
        debt_ceiling: u128::MAX,
        dust: 0,
    })
    .unwrap()
}

/// Collateral with 6 decimals at a price of 1, so that its amount is its value.
fn at_par() -> Scales {
    Scales::new(Price::ONE, Price::ONE, 6).unwrap()
}

fn position(value: &Value) -> Balances {
    Balances { collateral: number(&value["C"], 6), debt: number(&value["D"], 6) }
}

fn bps(value: &Value) -> u16 {
    u16::try_from(number(value, 4)).unwrap()
}

#[test]
fn the_health_factor_and_its_values() {
    let golden = &golden()["hf_aave"]["result"];
    let scales = Scales::new(Price::new(2_000 * WAD).unwrap(), Price::ONE, 18).unwrap();
    let position = Balances { collateral: 10 * WAD, debt: 15_000_000_000 };
    assert_eq!(scales.health_factor(position, 8_250).unwrap().to_string(), golden[0]);
    // The source has values with 8 decimals.
    assert_eq!(
        (scales.collateral_value(position.collateral) / ruint::aliases::U256::from(10_000_000_000_u64)).to_string(),
        golden[1]
    );
    assert_eq!(
        (scales.debt_value(position.debt) / ruint::aliases::U256::from(10_000_000_000_u64)).to_string(),
        golden[2]
    );
}

#[test]
fn the_liquidation_price() {
    let golden = &golden()["liq_price"];
    let scales = Scales::new(Price::ONE, Price::ONE, 6).unwrap();
    let price = scales.liquidation_price(position(golden), bps(&golden["LT"])).unwrap();
    assert!(agrees(price.raw(), 18, &golden["price"]));
    let there = Scales::new(price, Price::ONE, 6).unwrap();
    let health = there.health_factor(position(golden), bps(&golden["LT"])).unwrap();
    assert_eq!(health, number(&golden["check_hf_at_price"], 18));
}

#[test]
fn a_position_that_a_partial_liquidation_makes_worse() {
    let golden = &golden()["marginfi_175"];
    assert_eq!(golden["improves"], false);
    let position = position(golden);
    assert!(agrees(position.collateral * 1_000_000_000_000 / position.debt, 12, &golden["C_over_D"]));
    // 1/19 lies between two whole basis points.
    let bonus = bps(&golden["effective_bonus"]);
    for bonus in [bonus, bonus + 1] {
        assert!(matches!(assess(position, &parameters(9_400, bonus), &at_par()), Assessment::Whole(_)));
        // What it would do: repaying 1 takes 1 + b.
        let (repaid, seized) = (1_000_000, at_par().seizable(1_000_000, bonus));
        let after = Balances { collateral: position.collateral - seized, debt: position.debt - repaid };
        assert!(at_par().health_factor(after, 9_400) < at_par().health_factor(position, 9_400));
    }
}

#[test]
fn repaying_to_a_target() {
    for golden in golden()["repay_to_target"].as_array().unwrap() {
        let (threshold, bonus) = (bps(&golden["LT"]), bps(&golden["bonus"]));
        let parameters = parameters(threshold, bonus);
        let position = position(golden);
        assert_eq!(at_par().health_factor(position, threshold), Some(number(&golden["hf_before"], 18)));
        let target = bps(&golden["target"]);
        let repaid = repay_to_target(position, &parameters, &at_par(), target).unwrap();
        let seized = at_par().seizable(repaid, bonus);
        assert!(agrees(repaid, 6, &golden["repay"]) && agrees(seized, 6, &golden["seize"]));
        let after = |repaid: u128, seized: u128| {
            let left = Balances { collateral: position.collateral - seized, debt: position.debt - repaid };
            at_par().health_factor(left, threshold).unwrap()
        };
        // The least that reaches it, up to what the rounding of the seized collateral gives away.
        let wanted = number(&golden["hf_after"], 18);
        assert!(after(repaid, seized) >= wanted && after(repaid - 10, at_par().seizable(repaid - 10, bonus)) < wanted);
        assert!(agrees(after(repaid, seized) / 10_000_000_000, 8, &golden["hf_after"]));
        assert_eq!(golden["feasible"], true);
    }
}

#[test]
fn bad_debt_that_no_liquidation_pays() {
    for golden in golden()["bad_debt"].as_array().unwrap() {
        assert!(agrees(bad_debt(position(golden), bps(&golden["b"]), &at_par()), 6, &golden["bad_debt"]));
    }
}

#[test]
fn a_pool_against_a_price_outside() {
    let golden = &golden()["cfmm_external_price"];
    let reserve = |index: usize| number(&golden["R"][index], 0) * WAD;
    let value = |index: usize| number(&golden["v"][index], 0);
    let fee = Fee::new(u32::try_from(number(&golden["gamma"], 3)).unwrap(), 1_000).unwrap();
    let hop = Hop { reserve_in: reserve(1), reserve_out: reserve(0), fee };
    let delta = toward(&hop, value(1), value(0));
    let lambda = hop.output(delta);
    // The source computed in doubles: the root, of two millions, is right to 2^-32, and what is made of it no better.
    assert!(agrees(delta / 1_000_000_000, 9, &golden["Delta"][1]), "{delta}");
    assert!(agrees(lambda / 1_000_000, 12, &golden["Lambda"][0]), "{lambda}");
    let profit = lambda * value(0) - delta * value(1);
    assert!(agrees(profit / 1_000_000_000, 9, &golden["profit"]), "{profit}");
    assert_eq!(toward(&hop.reversed(), value(0), value(1)), 0);
    assert_eq!([&golden["Delta"][0], &golden["Lambda"][1]].map(|none| number(none, 0)), [0, 0]);
    // Trying did no better.
    assert!(profit >= number(&golden["brute_profit"], 18));
    assert!(delta.abs_diff(number(&golden["brute_in"], 18)) < WAD / 100);
}

fn two_pools(inputs: &Value) -> [Leg; 2] {
    let amount = |key: &str| number(&inputs[key], 0);
    assert!(inputs["fee"].as_str().unwrap().starts_with("997/1000"));
    let pool = |reserve_in, reserve_out| Leg::Pool(Hop { reserve_in, reserve_out, fee: Fee::UNISWAP_V2 });
    [pool(amount("a1"), amount("b1")), pool(amount("b2"), amount("a2"))]
}

#[test]
fn two_pools_that_disagree() {
    let golden = &golden()["two_pool"];
    let best = optimum(&two_pools(&golden["wide"]["inputs"]), u128::MAX).unwrap();
    assert_eq!(best.input.to_string(), golden["wide"]["opt_in"]);
    assert_eq!(best.profit().to_string(), golden["wide"]["profit"]);
    // Trying every size finds one at which the rounding of the middle amount is kinder, by less than a unit of it.
    let tried = number(&golden["wide"]["ternary_profit"], 0);
    assert!(tried >= best.profit() && tried - best.profit() < 1_000_000_000_000_000_000_000 / 1_900_000_000_000);
}

#[test]
fn two_pools_that_disagree_by_less_than_their_fees() {
    let golden = &golden()["two_pool"];
    assert_eq!(golden["se_159056"], "no arbitrage after fees");
    let [first, second] = two_pools(&golden["se_159056_inputs"]);
    assert_eq!(optimum(&[first, second], u128::MAX), None);
    let turned = |leg: Leg| match leg {
        Leg::Pool(hop) => Leg::Pool(hop.reversed()),
        fixed @ Leg::Fixed { .. } => fixed,
    };
    let back = [turned(second), turned(first)];
    assert!(!back.iter().fold(Fold::START, |fold, leg| fold.through(leg)).is_profitable());
}

#[test]
fn five_pools_of_three_kinds_at_once() {
    let golden = &golden()["k_pools_paper"];
    let inputs = &golden["inputs"];
    let prices: Vec<Price> =
        inputs["prices"].as_array().unwrap().iter().map(|price| Price::new(number(price, 18)).unwrap()).collect();
    let pool = |pool: &Value| {
        let fee = Fee::new(u32::try_from(number(&pool["fee"], 3)).unwrap(), 1_000).unwrap();
        let token = |at: usize| usize::try_from(number(&pool["tokens"][at], 0)).unwrap();
        let reserve = |at: usize| number(&pool["reserves"][at], 18);
        match pool["kind"].as_str().unwrap() {
            "weighted geometric mean 4:3:2:1" => Pool::Weighted {
                sides: (0..4).zip([4, 3, 2, 1]).map(|(at, weight)| (token(at), reserve(at), weight)).collect(),
                fee,
            },
            "constant product" => Pool::Weighted { sides: (0..2).map(|at| (token(at), reserve(at), 1)).collect(), fee },
            "constant sum" => Pool::Sum { sides: [0, 1].map(|at| (token(at), reserve(at))), fee },
            other => panic!("{other}"),
        }
    };
    let pools: Vec<Pool> = inputs["pools"].as_array().unwrap().iter().map(pool).collect();
    let found = bound(&pools, &prices);
    // Every dual value is an upper bound, and the source's solver stopped at one that is 2.3e-8 above the least; at the precision of doubles a
    // search of another kind finds 21.4998087636, too.
    assert_eq!(found / 100_000_000, 214_998_087_635);
    let golden_value = number(&golden["value"], 18);
    assert!(found <= golden_value && golden_value - found < 50_000_000_000, "{found}");
    // What it is made of, as far as the source gives it.
    let sold: u128 = (0..4).map(|at| number(&golden["psi"][at], 5) * prices[at].raw() / WAD).sum();
    assert!(sold.abs_diff(found / 10_000_000_000_000) <= 10);
}
