//! The one rule by which debt is undone: Release, redeem at home, and Refund of a lock.

use tim3_solana_interface::limits::{ONE_BPS, SYNTHETIC_DECIMALS};

use super::{
    amounts::scale,
    health::{Balances, Scales},
};

/// What stands behind the debt that is repaid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backing {
    /// Collateral at par.
    Reserve {
        /// Canonical decimals of the collateral.
        decimals: u8,
    },
    /// Collateral as far as max LTV allows.
    Vault {
        /// Highest debt to collateral value, basis points.
        max_ltv: u16,
        /// At the lower price; `None` while there is no valid one.
        scales: Option<Scales>,
    },
}

/// What is done with the synthetic that was burned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Undone {
    /// Debt repaid.
    pub paid: u128,
    /// Minted again, because there was no debt left to repay.
    pub surplus: u128,
    /// Collateral paid out, in canonical units that the token can represent.
    pub payout: u128,
    /// The position after it.
    pub left: Balances,
}

/// Lets the debt fall by at most `net`, and finds out what collateral that frees: no more than `cap`, the collateral there is, and what a
/// token of `native` decimals can represent of canonical `decimals`.
#[inline(always)]
pub fn undo(position: &Balances, net: &u128, cap: &u128, backing: &Backing, precision: Precision, out: &mut Undone) {
    let paid = (*net).min(position.debt);
    let debt = position.debt.saturating_sub(paid);
    let free = match backing {
        Backing::Reserve { decimals } => scale(paid, SYNTHETIC_DECIMALS, *decimals),
        Backing::Vault { .. } if *cap == 0 => 0,
        Backing::Vault { .. } if debt == 0 => position.collateral,
        Backing::Vault { scales: None, .. } => 0,
        Backing::Vault { max_ltv, scales: Some(scales) } => {
            position.collateral.saturating_sub(scales.collateral_for(debt, (*max_ltv).into(), ONE_BPS.into()))
        }
    };
    let payout = precision.payable(free.min(*cap).min(position.collateral));
    let collateral = position.collateral.saturating_sub(payout);
    *out = Undone { paid, surplus: (*net).saturating_sub(paid), payout, left: Balances { collateral, debt } };
}

/// Decimals of an asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Precision {
    /// Canonical.
    pub decimals: u8,
    /// Of the mint.
    pub native: u8,
}

impl Precision {
    /// The native amount of a canonical one, rounded down.
    #[must_use]
    pub fn to_native(self, amount: u128) -> u128 {
        scale(amount, self.decimals, self.native)
    }

    /// The canonical amount of a native one, if it is exact.
    #[must_use]
    pub fn to_canonical(self, native: u64) -> Option<u128> {
        let amount = scale(native.into(), self.native, self.decimals);
        (amount != u128::MAX && self.to_native(amount) == u128::from(native)).then_some(amount)
    }

    /// `amount` rounded down to what the token can represent.
    #[must_use]
    pub fn payable(self, amount: u128) -> u128 {
        scale(self.to_native(amount), self.native, self.decimals)
    }
}
