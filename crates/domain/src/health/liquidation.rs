//! Whether to liquidate, how much, and what is left.

use serde::{Deserialize, Serialize};

use super::{
    Balances, Scales,
    scales::{div_up, with_bonus},
};
use crate::market::{MarketTerms, ONE_BPS, VaultParameters};

/// Below this health (`C · LT / D` in basis points) a position may be liquidated whole, as the gateways have it.
pub const DEEP_BPS: u16 = 9_500;

/// What a liquidation does to a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Liquidation {
    /// Debt repaid, in canonical units of the synthetic.
    pub repaid: u128,
    /// Collateral seized, in its canonical units.
    pub seized: u128,
    /// Debt left when the collateral is gone.
    pub bad_debt: u128,
}

/// How a gateway would treat a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Assessment {
    /// `C · LT ≥ D`: it may not be liquidated.
    Healthy,
    /// `C ≥ (1 + b) · D`: repaying a part does not make it worse, and makes it better where the two differ.
    Partial {
        /// The most that may be repaid.
        most: u128,
    },
    /// `C < (1 + b) · D`: repaying a part would make it worse. All of it is taken, or nothing.
    Whole(Liquidation),
}

/// Why a gateway refuses a liquidation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The position is healthy.
    Healthy,
    /// It is taken whole or not at all, and that takes this repayment.
    MustTakeWhole(u128),
    /// Nothing would be repaid.
    ZeroAmount,
    /// This debt would be left, which is below the dust floor.
    BelowDust(u128),
}

/// A decision about a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Plan {
    /// Do nothing, and why.
    Leave(Leave),
    /// Liquidate.
    Take(Liquidation),
}

/// Why a position is left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Leave {
    /// It may not be liquidated.
    Healthy,
    /// A part would make it worse, and the inventory is below what all of it takes.
    WholeNeeds(u128),
    /// Close factor and inventory allow no repayment that leaves the debt at zero or above the dust floor.
    TooLittle,
}

/// How a gateway would treat a position at the price in `scales`, which is the higher of the admitted ones.
#[must_use]
pub fn assess(position: Balances, parameters: &VaultParameters, scales: &Scales) -> Assessment {
    let terms = parameters.terms();
    let threshold = terms.liquidation_threshold_bps.into();
    if scales.covers(position, threshold, ONE_BPS.into()) {
        return Assessment::Healthy;
    }
    let whole = u32::from(ONE_BPS).saturating_add(terms.bonus_bps.into());
    if !scales.covers(position, ONE_BPS.into(), whole) {
        let bad_debt = bad_debt(position, terms.bonus_bps, scales);
        let repaid = position.debt.saturating_sub(bad_debt);
        return Assessment::Whole(Liquidation { repaid, seized: position.collateral, bad_debt });
    }
    let deep = !scales.covers(position, threshold, DEEP_BPS.into());
    Assessment::Partial { most: closable(position.debt, terms, deep) }
}

/// What a gateway takes from a position for at most `max_repay`, before the rounding of the collateral to native precision.
///
/// # Errors
/// [`Refusal`] as the gateway would give it.
pub fn liquidate(
    position: Balances,
    parameters: &VaultParameters,
    scales: &Scales,
    max_repay: u128,
) -> Result<Liquidation, Refusal> {
    let most = match assess(position, parameters, scales) {
        Assessment::Healthy => return Err(Refusal::Healthy),
        Assessment::Whole(whole) if max_repay < whole.repaid => return Err(Refusal::MustTakeWhole(whole.repaid)),
        Assessment::Whole(whole) => return Ok(whole),
        Assessment::Partial { most } => most,
    };
    let terms = parameters.terms();
    let repaid = most.min(max_repay);
    let left = position.debt.saturating_sub(repaid);
    if repaid == 0 {
        return Err(Refusal::ZeroAmount);
    }
    if left != 0 && left < terms.dust {
        return Err(Refusal::BelowDust(left));
    }
    let seized = scales.seizable(repaid, terms.bonus_bps).min(position.collateral);
    Ok(Liquidation { repaid, seized, bad_debt: 0 })
}

/// The close factor's part, or everything where the position is deep under water or what is left would be dust.
fn closable(debt: u128, terms: &MarketTerms, deep: bool) -> u128 {
    let (whole, rest) = (debt.checked_div(ONE_BPS.into()), debt.checked_rem(ONE_BPS.into()));
    let share = |part: Option<u128>| part.unwrap_or_default().saturating_mul(terms.close_factor_bps.into());
    // The close factor is at most 1, so the sum is at most the debt.
    let part = share(whole).saturating_add(share(rest).checked_div(ONE_BPS.into()).unwrap_or_default());
    if deep || debt.saturating_sub(part) < terms.dust { debt } else { part }
}

/// `max(0, D − C / (1 + b))`: the debt that no liquidation of all the collateral pays, in canonical units, rounded down.
#[must_use]
pub fn bad_debt(position: Balances, bonus_bps: u16, scales: &Scales) -> u128 {
    position.debt.saturating_sub(scales.repay_for(position.collateral, bonus_bps))
}

/// The least repayment that lifts the health to `target_bps`: `x = (T · D − LT · C) / (T − LT · (1 + b))`, rounded up, at most the debt; 0
/// where the health is there already. `None` where `T ≤ LT · (1 + b)`, because then no repayment lifts it that far.
#[must_use]
pub fn repay_to_target(
    position: Balances,
    parameters: &VaultParameters,
    scales: &Scales,
    target_bps: u16,
) -> Option<u128> {
    let terms = parameters.terms();
    let one = u128::from(ONE_BPS);
    let threshold = u128::from(terms.liquidation_threshold_bps);
    let gain = u128::from(target_bps)
        .checked_mul(one)?
        .checked_sub(threshold.checked_mul(with_bonus(terms.bonus_bps))?)
        .filter(|gain| *gain != 0)?;
    let wanted = scales.debt(position.debt, target_bps.into());
    let missing = wanted.saturating_sub(scales.collateral(position.collateral, threshold));
    let repaid = div_up(missing.saturating_mul(ruint::aliases::U512::from(one)), scales.debt(1, gain));
    Some(repaid.saturating_to::<u128>().min(position.debt))
}

/// What to do about a position with `inventory` of the synthetic at hand: the smallest repayment that lifts the health to `target_bps` (at
/// least 1), within the close factor and the inventory, that leaves no dust. The collateral left behind is then worth no less than the
/// debt left behind, so that it is no dust either.
#[must_use]
pub fn plan(
    position: Balances,
    parameters: &VaultParameters,
    scales: &Scales,
    target_bps: u16,
    inventory: u128,
) -> Plan {
    let most = match assess(position, parameters, scales) {
        Assessment::Healthy => return Plan::Leave(Leave::Healthy),
        Assessment::Whole(whole) if whole.repaid > inventory => {
            return Plan::Leave(Leave::WholeNeeds(whole.repaid));
        }
        Assessment::Whole(whole) => return Plan::Take(whole),
        Assessment::Partial { most } => most.min(inventory),
    };
    let terms = parameters.terms();
    let wanted = repay_to_target(position, parameters, scales, target_bps.max(ONE_BPS)).unwrap_or(position.debt);
    let repaid = match wanted.min(most) {
        part if part == position.debt || position.debt.saturating_sub(part) >= terms.dust => part,
        _ if most == position.debt => position.debt,
        _ => position.debt.saturating_sub(terms.dust),
    };
    if repaid == 0 {
        return Plan::Leave(Leave::TooLittle);
    }
    let seized = scales.seizable(repaid, terms.bonus_bps).min(position.collateral);
    Plan::Take(Liquidation { repaid, seized, bad_debt: 0 })
}
