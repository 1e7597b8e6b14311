//! What a Release pays: as much as it may, and not a unit more.

use tim3_domain::{
    amount::{Rounding, scale},
    health::{Backing, release},
};

use super::*;

proptest! {
    #[test]
    fn a_vault_pays_the_most_that_keeps_max_ltv(
        case in usual_case(),
        debt in 0..1_000_000_000_000_u128,
        share in 5_000..30_000_u128,
        net in 0..2_000_000_000_000_u128,
        wanted in any_amount(),
        max_ltv_bps in 1..=9_999_u16,
    ) {
        let position = near_the_edge(case, debt, share);
        let scales = case.scales();
        let done = release(position, net, wanted, Backing::Vault { max_ltv_bps, scales: Some(&scales) });
        prop_assert_eq!(done.paid + done.surplus, net);
        prop_assert_eq!(done.paid, net.min(debt));
        prop_assert_eq!(done.left.debt, debt - done.paid);
        prop_assert_eq!(done.left.collateral + done.payout, position.collateral);
        let allowed = |payout: u128| {
            let left = Balances { collateral: position.collateral - payout, debt: done.left.debt };
            scales.covers(left, max_ltv_bps.into(), 10_000)
        };
        prop_assert!(done.payout <= wanted);
        prop_assert!(done.payout == 0 || allowed(done.payout));
        prop_assert!(done.payout == wanted.min(position.collateral) || !allowed(done.payout + 1));
    }

    #[test]
    fn without_a_valid_price_a_vault_pays_only_when_the_debt_is_gone(
        collateral in any_amount(), debt in any_amount(), net in any_amount(), wanted in any_amount(),
    ) {
        let position = Balances { collateral, debt };
        let done = release(position, net, wanted, Backing::Vault { max_ltv_bps: 7_500, scales: None });
        prop_assert_eq!(done.payout, if net >= debt { wanted.min(collateral) } else { 0 });
    }

    #[test]
    fn a_reserve_pays_what_was_repaid_at_par(
        collateral in any_amount(), debt in any_amount(), net in any_amount(), wanted in any_amount(), decimals in 0..=36_u8,
    ) {
        let done = release(Balances { collateral, debt }, net, wanted, Backing::Reserve { decimals });
        let at_par = scale(net.min(debt), 6, decimals, Rounding::Down).unwrap_or(u128::MAX);
        prop_assert_eq!(done.payout, at_par.min(wanted).min(collateral));
        prop_assert_eq!(done.surplus, net.saturating_sub(debt));
    }
}
