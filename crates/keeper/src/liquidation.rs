//! From a candidate to a sized attempt that pays, or the reason why not.

use serde::{Deserialize, Serialize};
use tim3_domain::{
    amm::Hop,
    amount::{Rounding, SYNTHETIC_DECIMALS},
    health::{Assessment, Balances, Leave, Liquidation, Plan, assess, plan},
    price::Price,
};

use crate::{
    arbitrage::trade::less,
    decision::{Check, Number, Relation, Rule},
    limits::signed,
    risk::Vault,
};

/// How liquidation is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// The health, in basis points, to which a position is lifted where a part is repaid; at least 10000.
    pub target_bps: u16,
    /// What must be gained after all costs, in US dollars with 18 decimals; below zero to protect the market at a loss.
    pub min_profit: i128,
    /// What selling the collateral is taken to cost where the market has no exit, in basis points of its value.
    pub haircut_bps: u16,
    /// How much less collateral than computed is accepted, in basis points.
    pub slippage_bps: u16,
    /// How many candidates a look decides about, the least healthy first.
    pub per_look: usize,
}

/// What an attempt is sized with.
#[derive(Clone, Copy, Debug)]
pub struct Means<'a> {
    /// The market.
    pub vault: &'a Vault,
    /// Its synthetic.
    pub synthetic: &'a str,
    /// The price at which the gateway liquidates: the higher one.
    pub higher: Price,
    /// The price at which collateral that is kept counts: the lower one.
    pub lower: Price,
    /// The synthetic at hand on the market's chain.
    pub inventory: u128,
    /// The pool that turns collateral into the synthetic, if there is one.
    pub exit: Option<Hop>,
    /// What the transaction costs, in US dollars with 18 decimals, rounded up.
    pub gas_usd: u128,
}

/// What an attempt would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// What is repaid and seized.
    pub taken: Liquidation,
    /// The least collateral to accept.
    pub min_seized: u128,
    /// What is gained after gas and price impact, in US dollars with 18 decimals.
    pub profit: i128,
    /// What is put in, in US dollars with 18 decimals.
    pub stake: u128,
}

/// Sizes an attempt on `position` and asks whether it pays. There is an attempt exactly where every check passed.
#[must_use]
pub fn size(position: Balances, policy: &Policy, means: &Means<'_>) -> (Vec<Check>, Option<Attempt>) {
    let Ok(scales) = means.vault.scales(means.higher) else { return (Vec::new(), None) };
    let threshold = means.vault.parameters.terms().liquidation_threshold_bps;
    let health = scales.health_factor(position, threshold).unwrap_or(u128::MAX);
    let mut checks = vec![Check::new(Rule::Health, health, Relation::Below, Price::ONE.raw(), Number::Health)];
    let units = |amount| Number::Amount(amount, means.synthetic.to_owned());
    let taken = match plan(position, &means.vault.parameters, &scales, policy.target_bps, means.inventory) {
        Plan::Take(taken) => taken,
        Plan::Leave(Leave::Healthy) => return (checks, None),
        Plan::Leave(Leave::WholeNeeds(whole)) => {
            checks.push(Check::new(Rule::WholePosition, means.inventory, Relation::AtLeast, whole, units));
            return (checks, None);
        }
        Plan::Leave(Leave::TooLittle) => {
            let most = match assess(position, &means.vault.parameters, &scales) {
                Assessment::Partial { most } => most.min(means.inventory),
                Assessment::Healthy | Assessment::Whole(_) => 0,
            };
            // What can be repaid would leave dust, so that only all of it would do.
            let needed = if most == 0 { 1 } else { position.debt };
            checks.push(Check::new(Rule::Repayment, most, Relation::AtLeast, needed, units));
            return (checks, None);
        }
    };
    let (profit, stake) = result(&taken, policy, means);
    checks.push(Check::new(Rule::Profit, profit, Relation::AtLeast, policy.min_profit, Number::Usd));
    let pays = checks.iter().all(|check| check.passed);
    let min_seized = less(taken.seized, policy.slippage_bps);
    (checks, pays.then_some(Attempt { taken, min_seized, profit, stake }))
}

/// What is gained, and what is put in. Where there is an exit, the collateral is worth what the pool pays for all of it.
fn result(taken: &Liquidation, policy: &Policy, means: &Means<'_>) -> (i128, u128) {
    let target = means.vault.target;
    let stake = target.value(taken.repaid, SYNTHETIC_DECIMALS, Rounding::Up).unwrap_or(u128::MAX);
    // What is too large for a value counts as nothing gained.
    let revenue = match means.exit {
        Some(exit) => target.value(exit.output(taken.seized), SYNTHETIC_DECIMALS, Rounding::Down).unwrap_or_default(),
        None => {
            let kept = means.lower.value(taken.seized, means.vault.decimals, Rounding::Down).unwrap_or_default();
            less(kept, policy.haircut_bps)
        }
    };
    let profit = signed(revenue).saturating_sub(signed(stake)).saturating_sub(signed(means.gas_usd));
    (profit, stake)
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]
mod tests;
