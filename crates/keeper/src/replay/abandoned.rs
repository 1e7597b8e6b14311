//! What a record says by itself, without anything being decided again.

use std::collections::BTreeMap;

use super::Line;
use crate::{
    config::Mode,
    decision::{Action, Rule, Subject},
    input::{Input, Outcome, Recorded},
    keeper::Carried,
};

/// What the page of a record says without anything being decided again. It is all that another version can take over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Abandoned {
    /// Numbers, results, what was missed and lost, and whether the keepers were paused. What the page itself put in is not in it: of the day's caps only what was used
    /// before it counts.
    pub carried: Carried,
    /// What was to be done and has no outcome.
    pub unfinished: BTreeMap<u64, Action>,
    /// How much is open of each trade whose other leg is not done, by the decision that opened it: bought and not sold, or sold and not bought.
    pub half_done: BTreeMap<u64, u128>,
}

/// Reads the last page of a record of whatever version.
#[must_use]
pub fn abandon(lines: &[Line]) -> Abandoned {
    let mut found = Abandoned::default();
    for line in lines {
        let Abandoned { carried, unfinished, half_done } = &mut found;
        match line {
            Line::Header { carried, .. } => found = Abandoned { carried: (**carried).clone(), ..Abandoned::default() },
            Line::Decision(decision) => {
                carried.decisions = decision.number.saturating_add(1);
                match (&decision.action, decision.obstacle()) {
                    (Some(action), _) if decision.mode == Mode::Live => {
                        unfinished.insert(decision.number, action.clone());
                    }
                    (None, Some(obstacle)) => {
                        let missed = carried.missed.entry(obstacle.rule).or_default();
                        *missed = missed.saturating_add(1);
                        // It is let go.
                        if let (Rule::Leftover, Subject::OpenTrade(trade)) = (obstacle.rule, &decision.subject) {
                            half_done.remove(trade);
                        }
                    }
                    _ => {}
                }
            }
            Line::Entry(entry) => {
                carried.entries = entry.number.saturating_add(1);
                let result = carried.results.entry(entry.mode).or_default();
                *result = result.saturating_add(entry.usd);
                let budget = carried.budgets.entry(entry.mode).or_default();
                budget.turn(entry.at_ms);
                budget.settle(entry.counted());
            }
            Line::Input(Recorded { input: Input::Pause { paused }, .. }) => carried.is_paused = *paused,
            Line::Input(Recorded { input: Input::Outcome { decision, outcome }, .. }) => {
                let Some(action) = unfinished.remove(decision) else { continue };
                match (outcome, action) {
                    (Outcome::Lost { .. }, _) => carried.lost = carried.lost.saturating_add(1),
                    (Outcome::Done { fill, .. }, Action::Open { trade, .. }) if fill.output != 0 => {
                        half_done.insert(*decision, trade.leaves_open(fill));
                    }
                    (Outcome::Done { fill, .. }, Action::Close(order) | Action::Hedge(order)) => {
                        let left = half_done.remove(&order.trade).unwrap_or_default();
                        let left = left.saturating_sub(order.ends(fill));
                        half_done.extend((left != 0).then_some((order.trade, left)));
                    }
                    _ => {}
                }
            }
            Line::Input(_) => {}
        }
    }
    found
}
