//! What the keepers last knew of themselves, for whoever asks.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use tim3_api::view::{KeeperView, ReasonView};

use crate::output::now_ms;

/// What stands still, or is wrong, for so long is told by `/readyz`.
const PATIENCE_MS: u64 = 30_000;

#[derive(Debug, Default)]
struct State {
    view: KeeperView,
    /// When a round last ended, in milliseconds since 1970.
    looked_ms: Option<u64>,
    /// How many rounds ended.
    rounds: u64,
    /// Since when each subject has had a problem.
    since: BTreeMap<String, u64>,
}

/// The board; clones share one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Board(Arc<RwLock<State>>);

impl Board {
    /// As last known.
    pub(crate) fn view(&self) -> KeeperView {
        self.0.read().unwrap_or_else(PoisonError::into_inner).view.clone()
    }

    /// How many rounds have ended.
    pub(super) fn rounds(&self) -> u64 {
        self.0.read().unwrap_or_else(PoisonError::into_inner).rounds
    }

    /// Why the keepers do not do their work, if so.
    pub(crate) fn reasons(&self) -> Vec<ReasonView> {
        let state = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let reason = |subject: &str, reason: String| ReasonView { subject: subject.to_owned(), reason };
        let now = now_ms();
        let Some(looked) = state.looked_ms else {
            let why = state.view.problems.first().map_or("they have not looked yet", |problem| &problem.reason);
            return vec![reason("keepers", format!("they are starting: {why}"))];
        };
        let still = now.saturating_sub(looked);
        if still > PATIENCE_MS {
            return vec![reason("keepers", format!("they make no progress for {} s", still / 1_000))];
        }
        let is_old = |problem: &&ReasonView| {
            state.since.get(&problem.subject).is_some_and(|since| now.saturating_sub(*since) > PATIENCE_MS)
        };
        state.view.problems.iter().filter(is_old).map(|it| reason(&it.subject, it.reason.clone())).collect()
    }

    /// What the start waits for.
    pub(super) fn starting(&self, why: &str) {
        let mut state = self.0.write().unwrap_or_else(PoisonError::into_inner);
        state.view.problems = vec![ReasonView { subject: "keepers".to_owned(), reason: why.to_owned() }];
    }

    /// A round ended so; `is_whole` where it looked at everything.
    pub(super) fn looked(&self, view: KeeperView, is_whole: bool) {
        let mut state = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let now = now_ms();
        let since = view.problems.iter().map(|problem| {
            let since = state.since.get(&problem.subject).copied().unwrap_or(now);
            (problem.subject.clone(), since)
        });
        state.since = since.collect();
        state.rounds = state.rounds.saturating_add(1);
        if is_whole {
            state.looked_ms = Some(now);
        }
        state.view = view;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(subjects: &[&str]) -> KeeperView {
        let problem = |subject: &&str| ReasonView { subject: (*subject).to_owned(), reason: "down".to_owned() };
        KeeperView { problems: subjects.iter().map(problem).collect(), ..KeeperView::default() }
    }

    fn set_back(board: &Board, change: impl FnOnce(&mut State)) {
        change(&mut board.0.write().unwrap());
    }

    #[test]
    fn problems_are_told_once_they_last_and_a_standstill_at_once() {
        let board = Board::default();
        assert!(board.reasons()[0].reason.starts_with("they are starting"));
        board.looked(view(&["weth"]), true);
        assert_eq!(board.reasons(), []);
        set_back(&board, |state| state.since = BTreeMap::from([("weth".to_owned(), 1)]));
        board.looked(view(&["weth", "east"]), true);
        assert_eq!(board.reasons().iter().map(|it| it.subject.as_str()).collect::<Vec<_>>(), ["weth"]);
        board.looked(view(&[]), true);
        assert_eq!(board.reasons(), []);
        set_back(&board, |state| state.looked_ms = Some(1));
        assert!(board.reasons()[0].reason.starts_with("they make no progress"));
    }
}
