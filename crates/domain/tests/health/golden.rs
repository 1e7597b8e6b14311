//! Values known from elsewhere (`tests/data/health.json`), given there with as many digits as their sources have.

use serde_json::Value;
use tim3_domain::{
    amount::parse,
    health::{Assessment, Balances, Scales, assess, bad_debt, repay_to_target},
    market::{MarketTerms, VaultParameters},
    price::Price,
};

fn golden() -> Value {
    serde_json::from_str(include_str!("../data/health.json")).unwrap()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap()
}

fn bps(value: &Value, key: &str) -> u16 {
    value[key].as_u64().and_then(|bps| u16::try_from(bps).ok()).unwrap()
}

/// Collateral with 6 decimals at a price of 1, so that its amount is its value.
fn at_par() -> Scales {
    Scales::new(Price::ONE, Price::ONE, 6).unwrap()
}

fn balances(value: &Value) -> Balances {
    Balances {
        collateral: parse(text(value, "collateral_value"), 6).unwrap(),
        debt: parse(text(value, "debt"), 6).unwrap(),
    }
}

/// `found` at 6 decimals is the golden text up to a unit of the last place both have.
fn agrees(found: u128, golden: &str) -> bool {
    let golden = parse(golden, 8).unwrap();
    (found * 100).abs_diff(golden) <= 100
}

#[test]
fn the_health_factor_and_its_values_are_those_of_aave() {
    let golden = &golden()["health_factor"];
    let price: Price = text(golden, "price").parse().unwrap();
    let decimals = u8::try_from(golden["collateral_decimals"].as_u64().unwrap()).unwrap();
    let scales = Scales::new(price, Price::ONE, decimals).unwrap();
    let position = Balances {
        collateral: parse(text(golden, "collateral"), decimals).unwrap(),
        debt: parse(text(golden, "debt"), 6).unwrap(),
    };
    let factor = scales.health_factor(position, bps(golden, "liquidation_threshold_bps")).unwrap();
    assert_eq!(factor.to_string(), text(golden, "factor"));
    let to_18 = "0000000000";
    assert_eq!(
        scales.collateral_value(position.collateral).to_string(),
        text(golden, "collateral_value_8").to_owned() + to_18
    );
    assert_eq!(scales.debt_value(position.debt).to_string(), text(golden, "debt_value_8").to_owned() + to_18);
}

#[test]
fn the_liquidation_price_agrees() {
    let golden = &golden()["liquidation_price"];
    let scales = Scales::new(Price::ONE, Price::ONE, 18).unwrap();
    let position = Balances {
        collateral: parse(text(golden, "collateral"), 18).unwrap(),
        debt: parse(text(golden, "debt"), 6).unwrap(),
    };
    let price = scales.liquidation_price(position, bps(golden, "liquidation_threshold_bps")).unwrap();
    assert_eq!(price.to_string()[..text(golden, "price").len()], *text(golden, "price"));
}

#[test]
fn a_position_that_a_partial_liquidation_worsens_is_taken_whole() {
    let golden = &golden()["worsens"];
    let terms = MarketTerms {
        max_ltv_bps: 9_000,
        liquidation_threshold_bps: 9_500,
        bonus_bps: bps(golden, "bonus_bps"),
        close_factor_bps: 5_000,
        debt_ceiling: u128::MAX,
        dust: 0,
    };
    let parameters = VaultParameters::check(terms).unwrap();
    assert!(matches!(assess(balances(golden), &parameters, &at_par()), Assessment::Whole(_)));
}

#[test]
fn repayment_to_a_target_agrees() {
    for golden in golden()["repay_to_target"].as_array().unwrap() {
        let terms = MarketTerms {
            max_ltv_bps: 7_500,
            liquidation_threshold_bps: bps(golden, "liquidation_threshold_bps"),
            bonus_bps: bps(golden, "bonus_bps"),
            close_factor_bps: 10_000,
            debt_ceiling: u128::MAX,
            dust: 0,
        };
        let parameters = VaultParameters::check(terms).unwrap();
        let position = balances(golden);
        let before = at_par().health_factor(position, terms.liquidation_threshold_bps).unwrap();
        assert_eq!(before, parse(text(golden, "before"), 18).unwrap());
        let repay = repay_to_target(position, &parameters, &at_par(), bps(golden, "target_bps")).unwrap();
        assert!(agrees(repay, text(golden, "repay")), "{repay}");
        assert!(agrees(at_par().seizable(repay, terms.bonus_bps), text(golden, "seize")));
    }
}

#[test]
fn bad_debt_agrees() {
    for golden in golden()["bad_debt"].as_array().unwrap() {
        let found = bad_debt(balances(golden), bps(golden, "bonus_bps"), &at_par());
        assert!(agrees(found, text(golden, "bad_debt")), "{found}");
    }
}
