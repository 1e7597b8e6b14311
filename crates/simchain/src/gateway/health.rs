//! The arithmetic of over-collateralised positions, without rounding where values are compared and against whoever acts where amounts come out.

use ruint::aliases::{U256, U512};
use tim3_domain::amount::SYNTHETIC_DECIMALS;

/// One, in basis points.
pub(super) const ONE: u128 = 10_000;
/// Below this health (C · threshold / D, basis points) a position may be liquidated whole.
pub(super) const DEEP: u128 = 9_500;

/// What turns amounts into values.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scales {
    /// Price of one whole collateral, 18 decimals.
    pub(super) price: u128,
    /// Price of one whole synthetic, 18 decimals.
    pub(super) target: u128,
    /// Canonical decimals of the collateral.
    pub(super) decimals: u8,
}

impl Scales {
    /// `amount · price · factor` of collateral, on the scale that `debt` has, too.
    fn collateral(&self, amount: u128, factor: u128) -> U512 {
        product(&[amount, self.price, factor, power(SYNTHETIC_DECIMALS.saturating_sub(self.decimals))])
    }

    fn debt(&self, amount: u128, factor: u128) -> U512 {
        product(&[amount, self.target, factor, power(self.decimals.saturating_sub(SYNTHETIC_DECIMALS))])
    }

    /// Whether `C · num ≥ D · den`.
    pub(super) fn covers(&self, collateral: u128, debt: u128, num: u128, den: u128) -> bool {
        self.collateral(collateral, num) >= self.debt(debt, den)
    }

    /// The least collateral for which `C · num ≥ D · ONE`, rounded up and saturated.
    pub(super) fn collateral_for(&self, debt: u128, num: u128) -> u128 {
        narrow(div_up(self.debt(debt, ONE), self.collateral(1, num)))
    }

    /// The collateral a liquidator gets for `repay`, rounded down and saturated.
    pub(super) fn seizable(&self, repay: u128, bonus: u128) -> u128 {
        let value = self.debt(repay, ONE.saturating_add(bonus));
        narrow(value.checked_div(self.collateral(1, ONE)).unwrap_or(U512::MAX))
    }

    /// The debt that buys all of `collateral` with the bonus: C / (1 + bonus), rounded up and saturated.
    pub(super) fn repay_for(&self, collateral: u128, bonus: u128) -> u128 {
        narrow(div_up(self.collateral(collateral, ONE), self.debt(1, ONE.saturating_add(bonus))))
    }
}

/// The most debt that one liquidation may repay where a partial one helps: all of it when the position is deep under water or what is left
/// would be below `dust`.
pub(super) fn closable(debt: u128, close_factor: u16, dust: u128, deep: bool) -> u128 {
    let part = U256::from(debt)
        .saturating_mul(U256::from(close_factor))
        .checked_div(U256::from(ONE))
        .and_then(|part| u128::try_from(part).ok())
        .map_or(debt, |part| part.min(debt));
    if deep || debt.saturating_sub(part) < dust { debt } else { part }
}

fn power(exponent: u8) -> u128 {
    10_u128.saturating_pow(exponent.into())
}

fn product(factors: &[u128]) -> U512 {
    factors.iter().fold(U512::from(1), |product, factor| product.saturating_mul(U512::from(*factor)))
}

fn div_up(a: U512, b: U512) -> U512 {
    a.checked_add(b.saturating_sub(U512::from(1))).and_then(|sum| sum.checked_div(b)).unwrap_or(U512::MAX)
}

fn narrow(value: U512) -> u128 {
    u128::try_from(value).unwrap_or(u128::MAX)
}
