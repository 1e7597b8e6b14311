//! The arithmetic of over-collateralised positions. C is the value of the collateral, D that of the debt. Values are compared by cross
//! multiplication, so nothing is rounded and nothing overflows: no product here has more than 128 + 128 + 15 + 70 bits. What is rounded is
//! rounded against whoever starts the action.

use tim3_solana_interface::limits::{ONE_BPS, SYNTHETIC_DECIMALS};

use super::{amounts::power, wide::Wide};

/// A position.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balances {
    /// Canonical units of the collateral.
    pub collateral: u128,
    /// Canonical units of the synthetic.
    pub debt: u128,
}

/// What turns amounts into values. Prices have 18 decimals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scales {
    /// Of one whole collateral.
    pub price: u128,
    /// Of one whole synthetic.
    pub target: u128,
    /// Canonical, of the collateral.
    pub decimals: u8,
}

impl Scales {
    /// Whether C · num ≥ D · den.
    #[must_use]
    pub fn covers(&self, position: &Balances, num: u32, den: u32) -> bool {
        self.collateral(&position.collateral, num) >= self.debt(&position.debt, den)
    }

    /// The least collateral for which C · num ≥ D · den, rounded up and saturated.
    #[must_use]
    pub fn collateral_for(&self, debt: u128, num: u32, den: u32) -> u128 {
        let mut least = 0;
        self.debt(&debt, den).divide(&self.collateral(&1, num), true, &mut least);
        least
    }

    /// The collateral that a liquidator gets for `repaid`: its value plus the bonus, rounded down and saturated.
    #[must_use]
    pub fn seizable(&self, repaid: u128, bonus: u16) -> u128 {
        let mut collateral = 0;
        self.debt(&repaid, with(bonus)).divide(&self.collateral(&1, ONE_BPS.into()), false, &mut collateral);
        collateral
    }

    /// The debt that buys all of `collateral` with the bonus, C / (1 + bonus), rounded up and saturated.
    #[must_use]
    pub fn repay_for(&self, collateral: u128, bonus: u16) -> u128 {
        let mut repaid = 0;
        self.collateral(&collateral, ONE_BPS.into()).divide(&self.debt(&1, with(bonus)), true, &mut repaid);
        repaid
    }

    /// collateral · price · factor, with the powers of ten on the side where they are whole.
    #[inline(never)]
    fn collateral(&self, collateral: &u128, factor: u32) -> Wide {
        let up = power(SYNTHETIC_DECIMALS.saturating_sub(self.decimals));
        Wide::of(*collateral).times(&self.price).times(&u128::from(factor)).times(&up)
    }

    #[inline(never)]
    fn debt(&self, debt: &u128, factor: u32) -> Wide {
        let down = power(self.decimals.saturating_sub(SYNTHETIC_DECIMALS));
        Wide::of(*debt).times(&self.target).times(&u128::from(factor)).times(&down)
    }
}

/// 1 + bonus, basis points.
#[inline(always)]
#[must_use]
pub fn with(bonus: u16) -> u32 {
    u32::from(ONE_BPS).saturating_add(bonus.into())
}
