//! Values, health factor and thresholds: each is on the right side of its exact bound, and the next integer is not.

use tim3_domain::price::Price;

use super::*;

const WAD: u128 = 1_000_000_000_000_000_000;

/// Whether `C · numerator ≥ D · denominator`, from the definition.
fn exactly(case: Case, balances: Balances, numerator: u128, denominator: u128) -> bool {
    case.collateral(balances.collateral) * wide(numerator) >= case.debt(balances.debt) * wide(denominator)
}

proptest! {
    #[test]
    fn comparison_is_exact(
        case in any_case(), collateral in any_amount(), debt in any_amount(), numerator: u16, denominator: u16,
    ) {
        let balances = Balances { collateral, debt };
        prop_assert_eq!(
            case.scales().covers(balances, numerator.into(), denominator.into()),
            exactly(case, balances, numerator.into(), denominator.into())
        );
    }

    #[test]
    fn a_line_says_what_the_comparison_says(
        case in any_case(), debt in any_amount(), share in 9_999..=10_001_u128, numerator: u16, denominator: u16,
        collateral in any_amount(),
    ) {
        let line = case.scales().line(numerator.into(), denominator.into());
        for balances in [near_the_edge(case, debt, share), Balances { collateral, debt }] {
            prop_assert_eq!(line.covers(balances), exactly(case, balances, numerator.into(), denominator.into()));
        }
    }

    #[test]
    fn the_value_of_collateral_rounds_down_and_that_of_debt_up(case in any_case(), amount in any_amount()) {
        let value = Wide::from(case.scales().collateral_value(amount));
        let exact = wide(amount) * wide(case.price);
        let unit = wide(10).pow(Wide::from(case.decimals));
        prop_assert!(value * unit <= exact && exact < (value + wide(1)) * unit);

        let value = Wide::from(case.scales().debt_value(amount));
        let (exact, unit) = (wide(amount) * wide(case.target), wide(1_000_000));
        prop_assert!(exact <= value * unit && value * unit < exact + unit);
    }

    #[test]
    fn the_health_factor_is_one_or_more_exactly_where_the_position_is_healthy(
        case in any_case(), debt in any_amount(), share in 5_000..20_000_u128, threshold in 1..=10_000_u16,
    ) {
        let position = near_the_edge(case, debt, share);
        let factor = case.scales().health_factor(position, threshold);
        prop_assert_eq!(factor.is_none(), debt == 0);
        let healthy = exactly(case, position, threshold.into(), 10_000);
        prop_assert_eq!(factor.is_none_or(|factor| factor >= WAD), healthy);
        if let Some(factor) = factor.filter(|factor| *factor < u128::MAX) {
            let exact = case.collateral(position.collateral) * wide(threshold.into()) * wide(WAD);
            let unit = case.debt(debt) * wide(10_000);
            prop_assert!(wide(factor) * unit <= exact && exact < (wide(factor) + wide(1)) * unit);
        }
    }

    #[test]
    fn at_the_liquidation_price_it_is_healthy_and_just_below_it_is_not(
        case in any_case(), collateral in any_amount(), debt in any_amount(), threshold in 1..=10_000_u16,
    ) {
        let position = Balances { collateral, debt };
        let at = |price: u128| exactly(Case { price, ..case }, position, threshold.into(), 10_000);
        match case.scales().liquidation_price(position, threshold).map(Price::raw) {
            Some(price) => prop_assert!(at(price) && !at(price - 1)),
            None => prop_assert!(debt == 0 || collateral == 0 || !at(u128::MAX)),
        }
    }

    #[test]
    fn the_collateral_for_a_debt_is_the_least_that_carries_it(
        case in any_case(), debt in any_amount(), ltv in 1..=10_000_u16,
    ) {
        let needed = case.scales().collateral_for(debt, ltv);
        let carries = |collateral| exactly(case, Balances { collateral, debt }, ltv.into(), 10_000);
        prop_assert!(needed == u128::MAX || carries(needed));
        prop_assert!(needed == 0 || !carries(needed - 1));
    }

    #[test]
    fn seized_collateral_is_the_most_that_the_repayment_and_its_bonus_pay(
        case in any_case(), repaid in any_amount(), bonus: u16,
    ) {
        let seized = case.scales().seizable(repaid, bonus);
        let paid = case.debt(repaid) * wide(10_000 + u128::from(bonus));
        prop_assert!(case.collateral(seized) * wide(10_000) <= paid);
        prop_assert!(seized == u128::MAX || case.collateral(1) * (wide(seized) + wide(1)) * wide(10_000) > paid);
    }

    #[test]
    fn the_repayment_for_collateral_is_the_least_that_pays_for_it(
        case in any_case(), collateral in any_amount(), bonus: u16,
    ) {
        let repaid = case.scales().repay_for(collateral, bonus);
        let pays = |repaid| case.debt(repaid) * wide(10_000 + u128::from(bonus)) >= case.collateral(collateral) * wide(10_000);
        prop_assert!(repaid == u128::MAX || pays(repaid));
        prop_assert!(repaid == 0 || !pays(repaid - 1));
    }

    #[test]
    fn decimals_beyond_the_widest_product_are_refused(decimals in Scales::MAX_DECIMALS + 1..) {
        prop_assert!(Scales::new(Price::ONE, Price::ONE, decimals).is_err());
    }
}
