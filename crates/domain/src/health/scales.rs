//! From amounts to values and back.

use ruint::aliases::{U256, U512};

use super::Balances;
use crate::{DomainError, amount::SYNTHETIC_DECIMALS, market::ONE_BPS, price::Price};

/// 10^18: one, as health factors and values are given.
const WAD: u128 = 1_000_000_000_000_000_000;

/// What turns amounts of one market into values, at one price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Scales {
    price: Price,
    target: Price,
    decimals: u8,
}

impl Scales {
    /// The most decimals a collateral may have; with them every product below stays within 512 bits.
    pub const MAX_DECIMALS: u8 = 36;

    /// `price` of one whole collateral, which has `decimals` in canonical units; `target` price of one whole synthetic.
    ///
    /// # Errors
    /// [`DomainError::Parameter`] for more than [`Self::MAX_DECIMALS`].
    pub fn new(price: Price, target: Price, decimals: u8) -> Result<Self, DomainError> {
        if decimals > Self::MAX_DECIMALS {
            return Err(DomainError::Parameter {
                parameter: "collateral decimals",
                found: decimals.to_string(),
                expected: "at most 36",
            });
        }
        Ok(Self { price, target, decimals })
    }

    /// Value of `collateral` with 18 decimals, rounded down.
    #[must_use]
    pub fn collateral_value(&self, collateral: u128) -> U256 {
        let value = product(&[collateral, self.price.raw()]).checked_div(power(self.decimals)).unwrap_or_default();
        value.saturating_to()
    }

    /// Value of `debt` with 18 decimals, rounded up.
    #[must_use]
    pub fn debt_value(&self, debt: u128) -> U256 {
        div_up(product(&[debt, self.target.raw()]), power(SYNTHETIC_DECIMALS)).saturating_to()
    }

    /// Whether `C · numerator ≥ D · denominator`, exactly.
    #[must_use]
    pub fn covers(&self, balances: Balances, numerator: u32, denominator: u32) -> bool {
        self.collateral(balances.collateral, numerator.into()) >= self.debt(balances.debt, denominator.into())
    }

    /// The comparison of [`Self::covers`], made ready for many positions.
    #[must_use]
    pub fn line(&self, numerator: u32, denominator: u32) -> Line {
        let (per_collateral, per_debt) = (self.collateral(1, numerator.into()), self.debt(1, denominator.into()));
        let common = per_collateral.gcd(per_debt);
        let reduced = |side: U512| side.checked_div(common).unwrap_or_default();
        Line { per_collateral: Side::new(reduced(per_collateral)), per_debt: Side::new(reduced(per_debt)) }
    }

    /// The health factor `C · LT / D` with 18 decimals, rounded down and saturated; `None` without debt. It is 10^18 or more exactly
    /// where the position is healthy.
    #[must_use]
    pub fn health_factor(&self, balances: Balances, threshold_bps: u16) -> Option<u128> {
        self.collateral(balances.collateral, threshold_bps.into())
            .saturating_mul(U512::from(WAD))
            .checked_div(self.debt(balances.debt, ONE_BPS.into()))
            .map(|factor| factor.saturating_to())
    }

    /// The lowest price of the collateral at which the position is still healthy, `D / (q · LT)` rounded up. `None` where no price decides:
    /// nothing is owed, nothing secures it, or the price would be above every price.
    #[must_use]
    pub fn liquidation_price(&self, balances: Balances, threshold_bps: u16) -> Option<Price> {
        let unit = self.up().saturating_mul(product(&[balances.collateral, threshold_bps.into()]));
        if unit.is_zero() {
            return None;
        }
        u128::try_from(div_up(self.debt(balances.debt, ONE_BPS.into()), unit)).ok().and_then(Price::new)
    }

    /// The least collateral with which `debt` is at most `ltv_bps` of its value, rounded up and saturated.
    #[must_use]
    pub fn collateral_for(&self, debt: u128, ltv_bps: u16) -> u128 {
        div_up(self.debt(debt, ONE_BPS.into()), self.collateral(1, ltv_bps.into())).saturating_to()
    }

    /// The collateral that `repaid` buys with the bonus, `x · (1 + b)`, rounded down and saturated.
    #[must_use]
    pub fn seizable(&self, repaid: u128, bonus_bps: u16) -> u128 {
        let value = self.debt(repaid, with_bonus(bonus_bps));
        value.checked_div(self.collateral(1, ONE_BPS.into())).unwrap_or(U512::MAX).saturating_to()
    }

    /// The repayment that buys all of `collateral` with the bonus, `C / (1 + b)`, rounded up and saturated.
    #[must_use]
    pub fn repay_for(&self, collateral: u128, bonus_bps: u16) -> u128 {
        div_up(self.collateral(collateral, ONE_BPS.into()), self.debt(1, with_bonus(bonus_bps))).saturating_to()
    }

    /// `collateral · factor` as a value on the scale that [`Self::debt`] has, too.
    pub(super) fn collateral(&self, collateral: u128, factor: u128) -> U512 {
        self.up().saturating_mul(product(&[collateral, self.price.raw(), factor]))
    }

    /// `debt · factor` as a value on the scale that [`Self::collateral`] has, too.
    pub(super) fn debt(&self, debt: u128, factor: u128) -> U512 {
        power(self.decimals.saturating_sub(SYNTHETIC_DECIMALS)).saturating_mul(product(&[
            debt,
            self.target.raw(),
            factor,
        ]))
    }

    /// The power of ten stands on the side where it is whole.
    fn up(&self) -> U512 {
        power(SYNTHETIC_DECIMALS.saturating_sub(self.decimals))
    }
}

/// The line `C · numerator = D · denominator` at one price, in lowest terms.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    per_collateral: Side,
    per_debt: Side,
}

impl Line {
    /// Whether the position is on the line or above it: [`Scales::covers`], exactly.
    #[inline]
    #[must_use]
    pub fn covers(&self, balances: Balances) -> bool {
        match (self.per_collateral, self.per_debt) {
            (Side::Narrow(per_collateral), Side::Narrow(per_debt)) => {
                // High half first, then low half: the order of the 256-bit products.
                let (low_c, high_c) = balances.collateral.carrying_mul(per_collateral, 0);
                let (low_d, high_d) = balances.debt.carrying_mul(per_debt, 0);
                (high_c, low_c) >= (high_d, low_d)
            }
            (per_collateral, per_debt) => {
                per_collateral.wide().saturating_mul(U512::from(balances.collateral))
                    >= per_debt.wide().saturating_mul(U512::from(balances.debt))
            }
        }
    }
}

/// A factor of a [`Line`]. Almost all are narrow, which is what makes a scan of many positions fast.
#[derive(Clone, Copy, Debug)]
enum Side {
    Narrow(u128),
    Wide(U512),
}

impl Side {
    fn new(factor: U512) -> Self {
        u128::try_from(factor).map_or(Self::Wide(factor), Self::Narrow)
    }

    fn wide(self) -> U512 {
        match self {
            Self::Narrow(factor) => U512::from(factor),
            Self::Wide(factor) => factor,
        }
    }
}

/// `1 + b` in basis points.
pub(super) fn with_bonus(bonus_bps: u16) -> u128 {
    u128::from(ONE_BPS).saturating_add(bonus_bps.into())
}

/// `dividend / divisor` rounded up; the largest number for a divisor of zero.
pub(super) fn div_up(dividend: U512, divisor: U512) -> U512 {
    if divisor.is_zero() { U512::MAX } else { dividend.div_ceil(divisor) }
}

fn power(exponent: u8) -> U512 {
    U512::from(10_u128.saturating_pow(exponent.into()))
}

/// No product here has more than 128 + 128 + 100 + 60 bits.
fn product(factors: &[u128]) -> U512 {
    factors.iter().fold(U512::from(1), |product, factor| product.saturating_mul(U512::from(*factor)))
}
