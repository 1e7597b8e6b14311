//! How well a position is secured, and what may be taken out of it or must be repaid.
//!
//! C is the value of the collateral, D that of the debt, LT the liquidation threshold, b the liquidator's bonus. A position is healthy while
//! `C · LT ≥ D`. Values are compared by cross multiplication in 512 bits, so nothing is rounded where it decides; where an amount comes
//! out, it is rounded against whoever acts, as the gateways do. Debt counts at the synthetic's target price; collateral at the lower of the
//! admitted prices for mint and withdraw and at the higher for liquidation ([`crate::price::Quote`]).
//!
//! * [`Scales`]: from amounts to values and back; [`Line`]: one comparison for many positions.
//! * [`assess`], [`plan`]: whether and how to liquidate; [`liquidate`]: what a gateway makes of it.
//! * [`release`]: what a Release pays.

mod liquidation;
mod payout;
mod scales;

use serde::{Deserialize, Serialize};

pub use liquidation::{
    Assessment, DEEP_BPS, Leave, Liquidation, Plan, Refusal, assess, bad_debt, liquidate, plan, repay_to_target,
};
pub use payout::{Backing, Release, release};
pub use scales::{Line, Scales};

use crate::protocol::PositionState;

/// What secures what: the two amounts of a position.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Balances {
    /// Collateral in its canonical units.
    pub collateral: u128,
    /// Debt in canonical units of the synthetic.
    pub debt: u128,
}

impl From<&PositionState> for Balances {
    fn from(position: &PositionState) -> Self {
        Self { collateral: position.collateral, debt: position.debt }
    }
}
