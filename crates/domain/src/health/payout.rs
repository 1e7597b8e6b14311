//! What a Release, a redeem at home and the Refund of a lock pay (`contracts/PROTOCOL.md` section 5).

use super::{Balances, Scales};
use crate::amount::{Rounding, SYNTHETIC_DECIMALS, scale};

/// What stands behind the debt that is repaid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backing<'a> {
    /// Collateral at par, with its canonical decimals.
    Reserve {
        /// Canonical decimals of the collateral.
        decimals: u8,
    },
    /// Collateral as far as max LTV allows.
    Vault {
        /// Highest debt to collateral value, in basis points.
        max_ltv_bps: u16,
        /// At the lower price; `None` while no valid one is known.
        scales: Option<&'a Scales>,
    },
}

/// What is done with the synthetic that was burned, and what is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Release {
    /// Debt repaid.
    pub paid: u128,
    /// Minted again, because there was no debt left to repay.
    pub surplus: u128,
    /// Collateral paid out, in its canonical units, before the rounding to native precision.
    pub payout: u128,
    /// The position after it.
    pub left: Balances,
}

/// Repays `net` (the amount without the fee) and pays out at most `wanted` collateral. The payout never exceeds the collateral; from a vault
/// it keeps LTV within the maximum, and without a valid price it waits until the debt is gone.
#[must_use]
pub fn release(position: Balances, net: u128, wanted: u128, backing: Backing<'_>) -> Release {
    let paid = net.min(position.debt);
    let debt = position.debt.saturating_sub(paid);
    let free = match backing {
        // Beyond 128 bits it is above every collateral.
        Backing::Reserve { decimals } => scale(paid, SYNTHETIC_DECIMALS, decimals, Rounding::Down).unwrap_or(u128::MAX),
        Backing::Vault { .. } if debt == 0 => position.collateral,
        Backing::Vault { scales: None, .. } => 0,
        Backing::Vault { max_ltv_bps, scales: Some(scales) } => {
            position.collateral.saturating_sub(scales.collateral_for(debt, max_ltv_bps))
        }
    };
    let payout = free.min(wanted).min(position.collateral);
    let left = Balances { collateral: position.collateral.saturating_sub(payout), debt };
    Release { paid, surplus: net.saturating_sub(paid), payout, left }
}
