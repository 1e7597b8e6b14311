//! From a candidate to a sized attempt that pays, or the reason why not.

use serde::{Deserialize, Serialize};
use tim3_domain::{
    amm::Hop,
    amount::{Rounding, SYNTHETIC_DECIMALS},
    health::{Assessment, Balances, Leave, Liquidation, Plan, Scales, assess, plan},
    price::Price,
};

use crate::{
    arbitrage::trade::{less, more},
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
    /// More than this must be gained after all costs, in US dollars with 18 decimals; below zero to protect the market at a loss.
    pub min_profit: i128,
    /// What selling the collateral is taken to cost where the market has no exit, in basis points of its value.
    pub haircut_bps: u16,
    /// How much less collateral than computed is accepted, and how much more is repaid where a position is taken whole, in basis points.
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
    /// The lower and the higher price of the synthetic: at the one counts what comes in, at the other what goes out.
    pub owed: (Price, Price),
    /// The synthetic at hand on the market's chain; all there is where the exit lends it.
    pub inventory: u128,
    /// The pool in which the collateral is sold for the synthetic at once, if there is one.
    pub exit: Option<Hop>,
    /// Whether it lends what is repaid.
    pub flash: bool,
    /// What the transaction costs, in US dollars with 18 decimals, rounded up.
    pub gas_usd: u128,
}

/// What an attempt would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// What is repaid and seized.
    pub taken: Liquidation,
    /// The most to repay. Where the position is taken whole that is more than expected, because a little more collateral or a higher price in the block makes
    /// the gateway ask for more, or for nothing at all to happen.
    pub max_repay: u128,
    /// The least collateral to accept.
    pub min_seized: u128,
    /// What of the synthetic the exit gives for that.
    pub output: Option<u128>,
    /// What is gained after gas and price impact, in US dollars with 18 decimals.
    pub profit: i128,
    /// What is put in, in US dollars with 18 decimals.
    pub stake: u128,
}

impl Attempt {
    /// Whether the exit gives what is repaid.
    fn is_paid(&self) -> bool {
        self.output.is_some_and(|output| output >= self.taken.repaid)
    }
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
    let attempt = best(position, taken, policy, means, &scales);
    if let (true, Some(output)) = (means.flash, attempt.output) {
        // Below what is repaid even the whole of it would not pay the debt.
        checks.push(Check::new(Rule::Repayment, output, Relation::AtLeast, attempt.taken.repaid, units));
    }
    checks.push(Check::new(Rule::Profit, attempt.profit, Relation::Above, policy.min_profit, Number::Usd));
    let pays = checks.iter().all(|check| check.passed);
    (checks, pays.then_some(attempt))
}

/// How often a size is halved in search of a better one.
const HALVINGS: u32 = 8;

/// Of all that may be taken and halves of it, what gains most: the deeper a sale goes into a pool, the less it pays. A loan has to be paid by the sale first. What is
/// kept gains in proportion, and all of it is taken.
fn best(position: Balances, whole: Liquidation, policy: &Policy, means: &Means<'_>, scales: &Scales) -> Attempt {
    let is_whole = matches!(assess(position, &means.vault.parameters, scales), Assessment::Whole(_));
    let most = if is_whole { more(whole.repaid, policy.slippage_bps).min(position.debt) } else { whole.repaid };
    let mut best = result(whole, most.min(means.inventory), policy, means);
    for halvings in 1..=HALVINGS {
        let most = whole.repaid.checked_shr(halvings).unwrap_or_default();
        if means.exit.is_none() || most == 0 {
            break;
        }
        if let Plan::Take(taken) = plan(position, &means.vault.parameters, scales, policy.target_bps, most) {
            let smaller = result(taken, taken.repaid, policy, means);
            let rank = |attempt: &Attempt| (!means.flash || attempt.is_paid(), attempt.profit);
            if rank(&smaller) > rank(&best) {
                best = smaller;
            }
        }
    }
    best
}

/// What an attempt gains, and what is put in. Where there is an exit, as much is sold as is accepted at least, for what the pool pays; what is seized beyond
/// that is kept.
fn result(taken: Liquidation, most: u128, policy: &Policy, means: &Means<'_>) -> Attempt {
    let (lower, higher) = means.owed;
    let cost = |repaid: u128| higher.value(repaid, SYNTHETIC_DECIMALS, Rounding::Up).unwrap_or(u128::MAX);
    let min_seized = less(taken.seized, policy.slippage_bps);
    let output = means.exit.map(|exit| exit.output(min_seized));
    let kept = if output.is_some() { taken.seized.saturating_sub(min_seized) } else { taken.seized };
    // What is too large for a value counts as nothing gained.
    let kept = means.lower.value(kept, means.vault.decimals, Rounding::Down).unwrap_or_default();
    // Only the difference of what is repaid and bought is ever held.
    let bought = output.unwrap_or_default();
    let owed = match bought.checked_sub(taken.repaid) {
        Some(gain) => signed(lower.value(gain, SYNTHETIC_DECIMALS, Rounding::Down).unwrap_or_default()),
        None => signed(cost(taken.repaid.saturating_sub(bought))).saturating_neg(),
    };
    let profit = owed.saturating_add(signed(less(kept, policy.haircut_bps))).saturating_sub(signed(means.gas_usd));
    // The loan is all that there is then.
    let max_repay = if means.flash { most.min(bought) } else { most }.max(taken.repaid);
    Attempt { taken, max_repay, min_seized, output, profit, stake: cost(max_repay) }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]
mod tests;
