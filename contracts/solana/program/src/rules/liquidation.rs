//! Whether to liquidate, and how much.

use tim3_solana_interface::{
    GatewayError,
    limits::{DEEP_BPS, ONE_BPS},
};

use super::{
    amounts::share,
    health::{Balances, Scales, with},
};

/// What the market says about liquidations. Ratios are basis points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiquidationTerms {
    /// Above it a position may be liquidated.
    pub threshold: u16,
    /// What a liquidator gets on top.
    pub bonus: u16,
    /// Part of the debt that one liquidation may repay.
    pub close_factor: u16,
    /// Least debt of a position.
    pub dust: u128,
}

/// What a liquidation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Liquidation {
    /// Debt repaid.
    pub repaid: u128,
    /// Collateral seized, before the rounding to native precision where only a part is taken.
    pub seized: u128,
    /// Debt left when the collateral is gone.
    pub bad: u128,
    /// Whether all collateral is taken.
    pub whole: bool,
}

/// Part of the debt is repaid where that makes the position healthier, which is while C ≥ (1 + bonus) · D. Below that the position is taken
/// whole: all collateral for C / (1 + bonus), and the debt that is left is bad. `scales` are at the higher price.
///
/// # Errors
/// `Healthy`, `MustTakeWhole`, `ZeroAmount`, `BelowDust`.
#[inline(never)]
pub fn liquidation(
    position: &Balances,
    terms: &LiquidationTerms,
    scales: &Scales,
    max_repay: &u128,
) -> Result<Liquidation, GatewayError> {
    let one = u32::from(ONE_BPS);
    if scales.covers(position, terms.threshold.into(), one) {
        return Err(GatewayError::Healthy);
    }
    if !scales.covers(position, one, with(terms.bonus)) {
        let repaid = scales.repay_for(position.collateral, terms.bonus).min(position.debt);
        if *max_repay < repaid {
            return Err(GatewayError::MustTakeWhole);
        }
        let bad = position.debt.saturating_sub(repaid);
        return Ok(Liquidation { repaid, seized: position.collateral, bad, whole: true });
    }
    let deep = !scales.covers(position, terms.threshold.into(), DEEP_BPS.into());
    let repaid = closable(position.debt, terms, deep).min(*max_repay);
    if repaid == 0 {
        return Err(GatewayError::ZeroAmount);
    }
    let left = position.debt.saturating_sub(repaid);
    if left != 0 && left < terms.dust {
        return Err(GatewayError::BelowDust);
    }
    let seized = scales.seizable(repaid, terms.bonus).min(position.collateral);
    Ok(Liquidation { repaid, seized, bad: 0, whole: false })
}

/// The close factor's part, or everything where the position is deep under water or what is left would be dust.
fn closable(debt: u128, terms: &LiquidationTerms, deep: bool) -> u128 {
    let part = share(debt, terms.close_factor);
    if deep || debt.saturating_sub(part) < terms.dust { debt } else { part }
}
