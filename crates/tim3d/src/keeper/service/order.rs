//! Whether the order of positions is right: an exact rescan of all of them, now and then.

use tracing::error;

use super::Running;
use crate::output::now_ms;

/// Between two checks. One of a million positions takes some 25 milliseconds.
const EVERY_MS: u64 = 3_600_000;

impl Running {
    /// Checks once positions are known, and then each hour, when everything of the round has been sent. What was wrong is shown until the next check.
    pub(super) fn check_order(&mut self) {
        let now = now_ms();
        if self.positions.is_known() && now.saturating_sub(self.checked_ms) >= EVERY_MS {
            self.checked_ms = now;
            self.disordered.clear();
            for (market, positions) in self.session.keeper.check_books() {
                error!(market, positions, "the order of positions was wrong, and was made anew: please report it");
                self.metrics.keeper_disorder(&market, positions);
                let problem = format!("the order of its positions was wrong about {positions}, and was made anew");
                self.disordered.insert(market, problem);
            }
        }
        self.problems.extend(self.disordered.clone());
    }
}
