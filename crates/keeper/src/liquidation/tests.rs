use proptest::prelude::*;
use tim3_domain::{
    amm::Fee,
    market::{MarketTerms, VaultParameters},
};

use super::*;

const DOLLAR: i128 = 1_000_000_000_000_000_000;

const POLICY: Policy =
    Policy { target_bps: 10_500, min_profit: DOLLAR, haircut_bps: 100, slippage_bps: 50, per_look: 10 };

fn vault(dust: u128) -> Vault {
    let terms = MarketTerms {
        max_ltv_bps: 7_500,
        liquidation_threshold_bps: 8_250,
        bonus_bps: 500,
        close_factor_bps: 5_000,
        debt_ceiling: u128::MAX,
        dust,
    };
    Vault { parameters: VaultParameters::check(terms).unwrap(), target: Price::ONE, decimals: 8 }
}

fn means(vault: &Vault, cents: u128) -> Means<'_> {
    let price = Price::new(cents * Price::ONE.raw() / 100).unwrap();
    Means {
        vault,
        synthetic: "TIM3",
        higher: price,
        lower: price,
        owed: (Price::ONE, Price::ONE),
        inventory: u128::MAX,
        exit: None,
        flash: false,
        gas_usd: 0,
    }
}

/// 10 whole collateral against 15000.
const POSITION: Balances = Balances { collateral: 1_000_000_000, debt: 15_000_000_000 };

fn obstacle(checks: &[Check]) -> Option<(Rule, bool)> {
    checks.iter().find(|check| !check.passed).map(|check| (check.rule, check.passed))
}

#[test]
fn a_candidate_that_pays_is_sized_to_its_target() {
    let vault = vault(0);
    let (checks, attempt) = size(POSITION, &POLICY, &means(&vault, 180_000));
    assert_eq!(obstacle(&checks), None);
    let attempt = attempt.unwrap();
    // x* = (1.05 · 15000 − 0.825 · 18000) / (1.05 − 0.825 · 1.05) = 4897.959183…, rounded up.
    assert_eq!(attempt.taken.repaid, 4_897_959_184);
    assert_eq!(attempt.stake, 4_897_959_184_000_000_000_000);
    // 5 % bonus less 1 % haircut of 105 %.
    assert_eq!(attempt.profit / DOLLAR, 193);
    assert_eq!(attempt.min_seized, attempt.taken.seized * 9_950 / 10_000);
}

#[test]
fn each_reason_to_leave_it_names_the_number_that_would_have_changed_it() {
    let (market, dusty) = (vault(0), vault(16_000_000_000));
    let unhealthy = means(&market, 180_000);
    let exit = |reserve_out| Hop { reserve_in: 1_000_000_000, reserve_out, fee: Fee::UNISWAP_V2 };
    for (policy, means, rule, bound) in [
        (POLICY, means(&market, 181_819), Rule::Health, Number::Health(Price::ONE.raw())),
        (POLICY, Means { inventory: 0, ..unhealthy }, Rule::Repayment, Number::Amount(1, "TIM3".into())),
        (
            POLICY,
            Means { inventory: 14_999_999_999, vault: &dusty, ..unhealthy },
            Rule::Repayment,
            Number::Amount(15_000_000_000, "TIM3".into()),
        ),
        (
            POLICY,
            Means { inventory: 9_999_999_999, ..means(&market, 105_000) },
            Rule::WholePosition,
            Number::Amount(10_000_000_000, "TIM3".into()),
        ),
        (POLICY, Means { gas_usd: 200 * DOLLAR.unsigned_abs(), ..unhealthy }, Rule::Profit, Number::Usd(DOLLAR)),
        // Half of what the position has at the price: the pool moves too far.
        (POLICY, Means { exit: Some(exit(9_000_000_000)), ..unhealthy }, Rule::Profit, Number::Usd(DOLLAR)),
        (Policy { min_profit: 1_000 * DOLLAR, ..POLICY }, unhealthy, Rule::Profit, Number::Usd(1_000 * DOLLAR)),
    ] {
        let (checks, attempt) = size(POSITION, &policy, &means);
        assert_eq!(attempt, None);
        assert_eq!(obstacle(&checks), Some((rule, false)));
        assert_eq!(checks.last().map(|check| &check.bound), Some(&bound));
    }
    let loss = Policy { min_profit: -DOLLAR * 10, ..POLICY };
    let costly = Means { gas_usd: 200 * DOLLAR.unsigned_abs(), ..unhealthy };
    assert!(size(POSITION, &loss, &costly).1.is_some_and(|attempt| attempt.profit < 0));
}

#[test]
fn a_position_that_is_taken_whole_may_cost_a_little_more_by_then() {
    let vault = vault(0);
    // 10 of collateral at 1050 dollars against 15000: all of it for 10000.
    let whole = |means: &Means<'_>| {
        size(POSITION, &POLICY, means).1.map(|it| (it.taken.repaid, it.max_repay, it.stake / DOLLAR.unsigned_abs()))
    };
    let rich = means(&vault, 105_000);
    assert_eq!(whole(&rich), Some((10_000_000_000, 10_050_000_000, 10_050)));
    assert_eq!(whole(&Means { inventory: 10_020_000_000, ..rich }).map(|it| it.1), Some(10_020_000_000));
    // No more than is lent: the pool gives some 10100 for it.
    let exit = Some(Hop { reserve_in: 1_000_000_000_000, reserve_out: 10_230_000_000_000, fee: Fee::UNISWAP_V2 });
    let lent = size(POSITION, &POLICY, &Means { exit, flash: true, ..rich }).1.unwrap();
    assert_eq!(lent.max_repay, lent.output.unwrap().min(10_050_000_000));
    // A part is a part: the gateway would take all that it may.
    let part = size(POSITION, &POLICY, &means(&vault, 180_000)).1.unwrap();
    assert_eq!(part.max_repay, part.taken.repaid);
}

#[test]
fn of_a_loan_a_size_that_the_sale_pays_is_taken_before_one_that_gains_more() {
    let vault = vault(0);
    // The pool is 3.3 % below the price, and all of it moves it further: that gains more, with what is kept, and would not pay the debt.
    let exit = Hop { reserve_in: 37_000_000_000, reserve_out: 370 * 174_060 * 10_000, fee: Fee::UNISWAP_V2 };
    let rich = Means { exit: Some(exit), ..means(&vault, 180_000) };
    let own = size(POSITION, &POLICY, &rich).1.unwrap();
    assert!(!own.is_paid(), "{own:?}");
    let lent = size(POSITION, &POLICY, &Means { flash: true, ..rich }).1.unwrap();
    assert!(lent.is_paid() && lent.taken.repaid < own.taken.repaid && lent.profit < own.profit, "{own:?} {lent:?}");
}

#[test]
fn what_is_repaid_costs_what_it_is_worth_and_nothing_gained_is_no_reason() {
    let vault = vault(0);
    let dollar = Price::ONE.raw();
    let profit = |owed: (u128, u128), policy: &Policy| {
        let owed = (Price::new(owed.0).unwrap(), Price::new(owed.1).unwrap());
        let (checks, attempt) = size(POSITION, policy, &Means { owed, ..means(&vault, 180_000) });
        (obstacle(&checks), attempt.map(|attempt| attempt.profit / DOLLAR))
    };
    assert_eq!(profit((dollar, dollar), &POLICY).1, Some(193));
    assert_eq!(profit((dollar, dollar / 100 * 103), &POLICY).1, Some(46));
    assert_eq!(profit((dollar, dollar / 100 * 106), &POLICY), (Some((Rule::Profit, false)), None));
    let exactly = size(POSITION, &POLICY, &means(&vault, 180_000)).1.unwrap().profit;
    assert_eq!(profit((dollar, dollar), &Policy { min_profit: exactly, ..POLICY }).1, None);
    assert_eq!(profit((dollar, dollar), &Policy { min_profit: exactly - 1, ..POLICY }).1, Some(193));
}

proptest! {
    #[test]
    fn there_is_an_attempt_exactly_where_all_checks_pass(
        cents in 50_000..250_000_u128, debt in 0..20_000_000_000_u128, dust in 0..20_000_000_000_u128,
        inventory in prop_oneof![0..20_000_000_000_u128, Just(u128::MAX)], gas_usd in 0..1_000_000_000_000_000_000_000_u128,
        reserve_out in prop::option::of(1..1_000_000_000_000_u128),
    ) {
        let vault = vault(dust);
        let exit = reserve_out.map(|reserve_out| Hop { reserve_in: 50_000_000_000, reserve_out, fee: Fee::UNISWAP_V2 });
        let means = Means { inventory, gas_usd, exit, ..means(&vault, cents) };
        let position = Balances { debt, ..POSITION };
        let (checks, attempt) = size(position, &POLICY, &means);
        prop_assert_eq!(attempt.is_some(), checks.iter().all(|check| check.passed));
        if let Some(attempt) = attempt {
            prop_assert!(attempt.taken.repaid <= inventory && attempt.profit > POLICY.min_profit && attempt.max_repay <= inventory && attempt.max_repay >= attempt.taken.repaid);
        }
    }
}
