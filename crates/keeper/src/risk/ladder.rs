//! The book from above: how many positions stand how near to liquidation, and what other prices would do.

use ruint::aliases::U256;
use serde::{Deserialize, Serialize};
use tim3_domain::{
    health::{Balances, Line, Plan, bad_debt, plan},
    market::ONE_BPS,
    price::Price,
};

use super::{Book, Outlook};

/// Positions whose health is at least `from_bps` and below the next rung.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rung {
    /// Least health (`C · LT / D`) in basis points; 0 for the lowest rung.
    pub from_bps: u32,
    /// Positions on it.
    pub positions: u64,
    /// Their debt, in canonical units of the synthetic, saturated.
    pub debt: u128,
    /// Their collateral, in its canonical units, saturated.
    pub collateral: u128,
}

/// All positions of a market by health.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ladder {
    /// From the least healthy up.
    pub rungs: Vec<Rung>,
    /// Positions without debt.
    pub without_debt: u64,
    /// Positions that could not be read, or all of them without a price: neither healthy nor unhealthy.
    pub unknown: u64,
}

/// What a market would look like at another price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stress {
    /// The price.
    pub price: Price,
    /// Positions that would be liquidatable.
    pub liquidatable: u64,
    /// Their debt, saturated.
    pub debt: u128,
    /// Their collateral, saturated.
    pub collateral: u128,
    /// What no liquidation of all their collateral would pay, saturated.
    pub bad_debt: u128,
}

/// What one liquidation of each liquidatable position would repay, in canonical units of the synthetic, saturated. Whether it pays, caps, and what is
/// left for a second one are not in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repayment {
    /// With no end of the synthetic at hand.
    pub wanted: u128,
    /// With what is at hand, the least healthy first.
    pub covered: u128,
}

/// A price that is supposed instead of what a feed says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// This price.
    To(Price),
    /// So many basis points more than it is, or less; from -10000 on.
    By(i32),
}

impl Change {
    /// What becomes of `price`, rounded down: a lower price of the collateral is the harder test. Never below the least price, and at most the
    /// greatest.
    #[must_use]
    pub fn of(self, price: Price) -> Price {
        match self {
            Self::To(price) => price,
            Self::By(bps) => {
                let parts = i64::from(ONE_BPS).saturating_add(bps.into());
                let left = U256::from(price.raw())
                    .saturating_mul(U256::from(u64::try_from(parts).unwrap_or_default()))
                    .checked_div(U256::from(ONE_BPS))
                    .unwrap_or_default();
                Price::new(left.saturating_to::<u128>().max(1)).unwrap_or(price)
            }
        }
    }
}

impl Book {
    /// The positions by health, where `bounds_bps` are the lower ends of the rungs above the lowest.
    #[must_use]
    pub fn ladder(&self, bounds_bps: &[u32]) -> Ladder {
        let mut bounds = bounds_bps.to_vec();
        bounds.sort_unstable();
        bounds.dedup();
        let Some(scales) = self.price().ok().and_then(|price| self.vault().scales(price).ok()) else {
            return Ladder { unknown: count(self.len()), ..Ladder::default() };
        };
        let threshold = self.vault().parameters.terms().liquidation_threshold_bps;
        let lines: Vec<Line> = bounds.iter().map(|bound| scales.line(threshold.into(), *bound)).collect();
        let rungs = std::iter::once(0).chain(bounds).map(|from_bps| Rung { from_bps, ..Rung::default() });
        let mut ladder = Ladder { rungs: rungs.collect(), without_debt: 0, unknown: count(self.unknown().count()) };
        for (_, balances) in self.ranked() {
            if balances.debt == 0 {
                ladder.without_debt = ladder.without_debt.saturating_add(1);
                continue;
            }
            let rung = lines.partition_point(|line| line.covers(balances));
            if let Some(rung) = ladder.rungs.get_mut(rung) {
                rung.positions = rung.positions.saturating_add(1);
                rung.debt = rung.debt.saturating_add(balances.debt);
                rung.collateral = rung.collateral.saturating_add(balances.collateral);
            }
        }
        ladder
    }

    /// Known positions with debt, the least healthy first.
    pub fn debtors(&self) -> impl Iterator<Item = Outlook> {
        self.outlooks().filter(|outlook| outlook.position.balances.debt != 0)
    }

    /// What liquidations would repay at `price`, each of as much as lifts the health to `target_bps`, with `inventory` of the synthetic at hand.
    #[must_use]
    pub fn repayment(&self, price: Price, target_bps: u16, inventory: u128) -> Repayment {
        let mut repayment = Repayment::default();
        let Ok(scales) = self.vault().scales(price) else { return repayment };
        let is_below = |(key, _): &(u128, Balances)| *key > price.raw();
        for (_, balances) in self.ranked().take_while(is_below) {
            let repaid = |inventory| match plan(balances, &self.vault().parameters, &scales, target_bps, inventory) {
                Plan::Take(taken) => taken.repaid,
                Plan::Leave(_) => 0,
            };
            repayment.wanted = repayment.wanted.saturating_add(repaid(u128::MAX));
            let left = inventory.saturating_sub(repayment.covered);
            repayment.covered = repayment.covered.saturating_add(repaid(left));
        }
        repayment
    }

    /// What would be liquidatable and what would be lost at `price`. Positions that could not be read are left out.
    #[must_use]
    pub fn stress(&self, price: Price) -> Stress {
        let mut stress = Stress { price, liquidatable: 0, debt: 0, collateral: 0, bad_debt: 0 };
        let Ok(scales) = self.vault().scales(price) else { return stress };
        let terms = self.vault().parameters.terms();
        let line = scales.line(terms.liquidation_threshold_bps.into(), ONE_BPS.into());
        let is_below = |(key, _): &(u128, Balances)| *key > price.raw();
        for (_, balances) in self.ranked().take_while(is_below).filter(|(_, balances)| !line.covers(*balances)) {
            stress.liquidatable = stress.liquidatable.saturating_add(1);
            stress.debt = stress.debt.saturating_add(balances.debt);
            stress.collateral = stress.collateral.saturating_add(balances.collateral);
            stress.bad_debt = stress.bad_debt.saturating_add(bad_debt(balances, terms.bonus_bps, &scales));
        }
        stress
    }
}

fn count(items: usize) -> u64 {
    u64::try_from(items).unwrap_or(u64::MAX)
}
