//! Constant-product pools, as Uniswap V2 computes them, and the best size of a trade.
//!
//! A pool with reserves r (in) and s (out) and fee factor γ = n/d pays `x·n·s / (r·d + x·n)` for x, rounded down. What a path of such pools
//! pays is again of the form `K·x / (M + N·x)`; its best size has a closed form, which is computed here in integers:
//!
//! * [`Hop`]: one pool in one direction.
//! * [`Leg`], [`Fold`], [`optimum`]: a path through pools and fixed prices, and how much to send through it.
//! * [`toward`]: how much to trade with one pool against a price outside.
//! * [`isqrt`]: the square root that both need.
//! * [`Accumulator`], [`Observation`]: the mean price of a pool over time.
//!
//! Sources: Angeris et al., "An analysis of Uniswap markets" and "Optimal routing for constant function market makers"; the Uniswap V2
//! library for the rounding.

mod isqrt;
mod optimum;
mod outside;
mod size;
mod twap;

use ruint::Uint;
use serde::{Deserialize, Serialize};

pub use isqrt::isqrt;
pub use optimum::{Fold, Leg, Optimum, optimum};
pub use outside::toward;
pub use size::Size;
pub use twap::{Accumulator, Observation};

use crate::DomainError;

/// Holds `amount · kept · reserve`: 128 + 32 + 128 bits.
type U320 = Uint<320, 5>;

/// The part γ = kept/of of an input that a pool trades; the rest is its fee.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "(u32, u32)", into = "(u32, u32)")]
pub struct Fee {
    kept: u32,
    of: u32,
}

impl Fee {
    /// 0.3 %, as every Uniswap V2 pool takes.
    pub const UNISWAP_V2: Self = Self { kept: 997, of: 1_000 };
    /// No fee.
    pub const NONE: Self = Self { kept: 1, of: 1 };

    /// The fee that keeps `kept` of `of`.
    ///
    /// # Errors
    /// [`DomainError::Parameter`] unless `0 < kept ≤ of`.
    pub fn new(kept: u32, of: u32) -> Result<Self, DomainError> {
        if kept == 0 || kept > of {
            return Err(DomainError::Parameter {
                parameter: "fee factor of a pool",
                found: format!("{kept}/{of}"),
                expected: "above 0 and at most 1, for example 997/1000",
            });
        }
        Ok(Self { kept, of })
    }

    /// n of γ = n/d.
    #[must_use]
    pub fn kept(self) -> u32 {
        self.kept
    }

    /// d of γ = n/d.
    #[must_use]
    pub fn of(self) -> u32 {
        self.of
    }
}

impl TryFrom<(u32, u32)> for Fee {
    type Error = DomainError;

    fn try_from((kept, of): (u32, u32)) -> Result<Self, Self::Error> {
        Self::new(kept, of)
    }
}

impl From<Fee> for (u32, u32) {
    fn from(fee: Fee) -> Self {
        (fee.kept, fee.of)
    }
}

/// A constant-product pool in the direction of one trade. Amounts are in the base units of the two assets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Hop {
    /// What the pool holds of the asset that goes in.
    pub reserve_in: u128,
    /// What it holds of the asset that comes out.
    pub reserve_out: u128,
    /// What it takes.
    pub fee: Fee,
}

impl Hop {
    /// What the pool pays for `amount`, rounded down; less than its reserve. An empty pool pays nothing.
    #[must_use]
    pub fn output(&self, amount: u128) -> u128 {
        if self.reserve_in == 0 {
            return 0;
        }
        let traded = U320::from(amount).saturating_mul(U320::from(self.fee.kept));
        let reserve = U320::from(self.reserve_in).saturating_mul(U320::from(self.fee.of));
        let paid = traded.saturating_mul(U320::from(self.reserve_out)).checked_div(reserve.saturating_add(traded));
        paid.unwrap_or_default().saturating_to()
    }

    /// The least input for which the pool pays `amount`. `None` where none is enough.
    #[must_use]
    pub fn input(&self, amount: u128) -> Option<u128> {
        if amount == 0 {
            return Some(0);
        }
        // x·n·s ≥ amount · (r·d + x·n), solved for x.
        let left = self.reserve_out.checked_sub(amount).filter(|left| *left != 0 && self.reserve_in != 0)?;
        let owed =
            U320::from(self.reserve_in).saturating_mul(U320::from(amount)).saturating_mul(U320::from(self.fee.of));
        let paid = U320::from(left).saturating_mul(U320::from(self.fee.kept));
        u128::try_from(owed.div_ceil(paid)).ok()
    }

    /// The pool after `amount` went in. `None` where its reserve would leave 128 bits.
    #[must_use]
    pub fn after(&self, amount: u128) -> Option<Self> {
        let reserve_out = self.reserve_out.checked_sub(self.output(amount))?;
        Some(Self { reserve_in: self.reserve_in.checked_add(amount)?, reserve_out, ..*self })
    }

    /// The same pool the other way round.
    #[must_use]
    pub fn reversed(&self) -> Self {
        Self { reserve_in: self.reserve_out, reserve_out: self.reserve_in, ..*self }
    }
}
