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
    fn any_position()(case in usual_case(), debt in 1..1_000_000_000_000_000_u128, share in 5_000..15_000_u128)
        -> (Case, Balances) {
        (case, near_the_edge(case, debt, share))
    }
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
        inventory in 0..2_000_000_000_000_000_u128,
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
