//! Liquidations: what they take, what they leave, and that they help.

use tim3_domain::health::{Assessment, Leave, Liquidation, Plan, assess, bad_debt, plan, repay_to_target};

use super::*;

/// Whether the ratio C / D is no lower in `after` than in `before`, exactly.
fn no_worse(case: Case, before: Balances, after: Balances) -> bool {
    case.collateral(after.collateral) * case.debt(before.debt)
        >= case.collateral(before.collateral) * case.debt(after.debt)
}

fn after(position: Balances, taken: Liquidation) -> Balances {
    Balances { collateral: position.collateral - taken.seized, debt: position.debt - taken.repaid - taken.bad_debt }
}

prop_compose! {
    fn any_position()(case in usual_case(), debt in any_debt(), share in 8_000..15_000_u128)
        -> (Case, Balances) {
        (case, near_the_edge(case, debt + 1, share))
    }
}

/// C / D of 1.18 at par: unhealthy at a threshold of 82.5 %, not deep, and worth parting with a bonus of 5 %.
const SHAKY: Balances = Balances { collateral: 1_180, debt: 1_000 };

fn at_par() -> Scales {
    Scales::new(Price::ONE, Price::ONE, 6).unwrap()
}

fn half_closable(dust: u128) -> VaultParameters {
    VaultParameters::check(MarketTerms {
        max_ltv_bps: 7_500,
        liquidation_threshold_bps: 8_250,
        bonus_bps: 500,
        close_factor_bps: 5_000,
        debt_ceiling: u128::MAX,
        dust,
    })
    .unwrap()
}

#[test]
fn all_may_be_repaid_where_the_close_factor_would_leave_dust_or_the_position_is_deep_under_water() {
    let most = |position, dust| assess(position, &half_closable(dust), &at_par());
    assert_eq!(most(SHAKY, 500), Assessment::Partial { most: 500 });
    assert_eq!(most(SHAKY, 501), Assessment::Partial { most: 1_000 });
    // 1151 · 0.825 is just below 950, 1152 · 0.825 just above.
    assert_eq!(most(Balances { collateral: 1_151, ..SHAKY }, 0), Assessment::Partial { most: 1_000 });
    assert_eq!(most(Balances { collateral: 1_152, ..SHAKY }, 0), Assessment::Partial { most: 500 });
}

#[test]
fn a_plan_repays_more_or_less_than_its_target_asks_rather_than_leave_dust() {
    let plan = |dust, target, inventory| plan(SHAKY, &half_closable(dust), &at_par(), target, inventory);
    let taken = |repaid, seized| Plan::Take(Liquidation { repaid, seized, bad_debt: 0 });
    // (1000 − 0.825 · 1180) / (1 − 0.825 · 1.05) = 198.1…
    assert_eq!(plan(0, 10_000, 1_000), taken(199, 208));
    assert_eq!(plan(0, 9_000, 1_000), taken(199, 208));
    assert_eq!(plan(0, 10_000, 100), taken(100, 105));
    assert_eq!(plan(900, 10_000, 1_000), taken(1_000, 1_050));
    assert_eq!(plan(900, 10_000, 999), taken(100, 105));
    assert_eq!(plan(1_000, 10_000, 999), Plan::Leave(Leave::TooLittle));
    assert_eq!(plan(0, 10_000, 0), Plan::Leave(Leave::TooLittle));
}

proptest! {
    #[test]
    fn a_position_is_treated_as_its_exact_ratios_say((case, position) in any_position(), parameters in any_parameters()) {
        let (c, d) = (case.collateral(position.collateral), case.debt(position.debt));
        let terms = parameters.terms();
        let healthy = c * wide(terms.liquidation_threshold_bps.into()) >= d * wide(10_000);
        let worth_parting = c * wide(10_000) >= d * wide(10_000 + u128::from(terms.bonus_bps));
        match assess(position, &parameters, &case.scales()) {
            Assessment::Healthy => prop_assert!(healthy),
            Assessment::Partial { most } => {
                prop_assert!(!healthy && worth_parting && most <= position.debt);
                let deep = c * wide(terms.liquidation_threshold_bps.into()) < d * wide(9_500);
                let part = position.debt * u128::from(terms.close_factor_bps) / 10_000;
                let all = deep || position.debt - part < terms.dust;
                prop_assert_eq!(most, if all { position.debt } else { part });
            }
            Assessment::Whole(whole) => {
                prop_assert!(!healthy && !worth_parting);
                prop_assert_eq!(whole.seized, position.collateral);
                prop_assert_eq!(whole.repaid + whole.bad_debt, position.debt);
                prop_assert_eq!(whole.bad_debt, bad_debt(position, terms.bonus_bps, &case.scales()));
            }
        }
    }

    #[test]
    fn any_part_helps_where_the_collateral_pays_the_bonus_and_harms_where_it_does_not(
        (case, position) in any_position(), parameters in any_parameters(), part in 1..=10_000_u128,
    ) {
        let bonus = parameters.terms().bonus_bps;
        let repaid = position.debt * part / 10_000;
        prop_assume!(repaid > 0 && repaid < position.debt);
        // The exact ratio after it, collateral counted in parts of 1/10000, so that nothing is rounded.
        let (c, d) = (case.collateral(position.collateral) * wide(10_000), case.debt(position.debt));
        let seized = case.debt(repaid) * wide(10_000 + u128::from(bonus));
        let rises = seized <= c && (c - seized) * d > c * case.debt(position.debt - repaid);
        match assess(position, &parameters, &case.scales()) {
            Assessment::Healthy => {}
            Assessment::Partial { .. } => {
                let indifferent = c == d * wide(10_000 + u128::from(bonus));
                prop_assert!(rises || indifferent);
            }
            Assessment::Whole(_) => prop_assert!(!rises),
        }
    }

    #[test]
    fn repaying_to_a_target_reaches_it_and_one_unit_less_does_not(
        (case, position) in any_position(), parameters in any_parameters(), target in 10_000..20_000_u16,
    ) {
        let terms = parameters.terms();
        let (threshold, one) = (wide(terms.liquidation_threshold_bps.into()), wide(10_000));
        let with_bonus = wide(10_000 + u128::from(terms.bonus_bps));
        // LT · (C − x · (1 + b)) ≥ T · (D − x), every factor in basis points.
        let reaches = |x: u128| {
            let held = case.collateral(position.collateral) * threshold * one + case.debt(x) * wide(target.into()) * one;
            held >= case.debt(position.debt) * wide(target.into()) * one + case.debt(x) * threshold * with_bonus
        };
        match repay_to_target(position, &parameters, &case.scales(), target) {
            None => prop_assert!(wide(target.into()) * one <= threshold * with_bonus),
            Some(repaid) => {
                prop_assert!(repaid == position.debt || reaches(repaid));
                prop_assert!(repaid == 0 || !reaches(repaid - 1));
            }
        }
    }

    #[test]
    fn a_plan_keeps_every_bound(
        (case, position) in any_position(),
        parameters in any_parameters(),
        target in 9_000..20_000_u16,
        inventory in any_debt(),
    ) {
        let scales = case.scales();
        let terms = parameters.terms();
        let assessment = assess(position, &parameters, &scales);
        match (plan(position, &parameters, &scales, target, inventory), assessment) {
            (Plan::Leave(Leave::Healthy), assessment) => prop_assert_eq!(assessment, Assessment::Healthy),
            (Plan::Leave(Leave::WholeNeeds(needed)), Assessment::Whole(whole)) => {
                prop_assert!(needed == whole.repaid && needed > inventory);
            }
            (Plan::Leave(Leave::TooLittle), Assessment::Partial { most }) => {
                // One unit leaves the most debt, all of it leaves none: neither is possible.
                let most = most.min(inventory);
                prop_assert!(most == 0 || (most < position.debt && position.debt - 1 < terms.dust));
            }
            (Plan::Take(taken), Assessment::Whole(whole)) => {
                prop_assert_eq!(taken, whole);
                prop_assert!(taken.repaid <= inventory);
            }
            (Plan::Take(taken), Assessment::Partial { most }) => {
                let left = after(position, taken);
                prop_assert!(0 < taken.repaid && taken.repaid <= most.min(inventory) && taken.bad_debt == 0);
                prop_assert!(left.debt == 0 || left.debt >= terms.dust, "{} is dust", left.debt);
                prop_assert!(no_worse(case, position, left));
                // The other side of the dust rule.
                prop_assert!(case.collateral(left.collateral) >= case.debt(left.debt));
            }
            (plan, assessment) => prop_assert!(false, "{plan:?} for {assessment:?}"),
        }
    }

    #[test]
    fn a_plan_with_enough_inventory_and_no_close_factor_reaches_its_target(
        (case, position) in any_position(), parameters in any_parameters(), target in 10_000..12_000_u16,
    ) {
        let terms = MarketTerms { close_factor_bps: 10_000, dust: 0, ..*parameters.terms() };
        let parameters = VaultParameters::check(terms).unwrap();
        if let (Plan::Take(taken), Assessment::Partial { .. }) =
            (plan(position, &parameters, &case.scales(), target, u128::MAX), assess(position, &parameters, &case.scales()))
        {
            let left = after(position, taken);
            prop_assert!(case.scales().covers(left, terms.liquidation_threshold_bps.into(), target.into()));
        }
    }
}
