//! The router's decision: may an operation be signed for now? Pure; the clock comes in.

use tim3_domain::{lifecycle::Hold, protocol::Window};

use crate::settings::{AssetSettings, RollingLimit};

/// What stands between a final event and a signature, for one synthetic.
#[derive(Clone, Debug)]
pub struct Admission {
    value_hold: Option<u128>,
    window: Option<Window>,
    paused: Option<String>,
}

impl Admission {
    /// The admission that `settings` ask for, with a full allowance.
    #[must_use]
    pub fn new(settings: &AssetSettings, now: u64) -> Self {
        Self { value_hold: settings.value_hold, window: settings.limit.map(|limit| full(limit, now)), paused: None }
    }

    /// Judges by the limits of `settings` from `now` on (seconds). What is used of the allowance stays used.
    pub fn set_limits(&mut self, settings: &AssetSettings, now: u64) {
        let used = |window: Window| full_amount(window.limit).saturating_sub(window.available_at(now));
        let used = self.window.map(used).unwrap_or_default();
        self.value_hold = settings.value_hold;
        self.window = settings.limit.map(|limit| {
            let full = full(limit, now);
            Window { available: full.available.saturating_sub(used), ..full }
        });
    }

    /// Why nothing is signed, if so.
    #[must_use]
    pub fn paused(&self) -> Option<&str> {
        self.paused.as_deref()
    }

    /// Stops or resumes signing.
    pub fn set_paused(&mut self, why: Option<String>) {
        self.paused = why;
    }

    /// Decides about an operation of `amount` at `now` (seconds); `approved` is an operator's word for this operation, which
    /// overrides the value hold and the rolling limit, never a pause. What is admitted uses the allowance.
    pub fn decide(&mut self, amount: u128, approved: bool, now: u64) -> Result<(), Hold> {
        if self.paused.is_some() {
            return Err(Hold::Paused);
        }
        if approved {
            return Ok(());
        }
        if self.value_hold.is_some_and(|hold| amount >= hold) {
            return Err(Hold::Value);
        }
        if let Some(window) = &mut self.window {
            *window = window.take(amount, now).ok_or(Hold::Limit)?;
        }
        Ok(())
    }
}

/// An allowance of which nothing is used.
fn full(RollingLimit { amount, period }: RollingLimit, now: u64) -> Window {
    Window { limit: amount, period: period.max(1), available: full_amount(amount), updated: now }
}

fn full_amount(amount: u128) -> i128 {
    i128::try_from(amount).unwrap_or(i128::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tim3_domain::identity::AssetId;

    fn settings(value_hold: Option<u128>, limit: Option<RollingLimit>) -> AssetSettings {
        AssetSettings { asset: AssetId::ZERO, symbol: "TIM3".into(), value_hold, limit, t_max: 3600 }
    }

    #[test]
    fn amounts_from_the_hold_wait_for_an_operator_and_pass_with_his_word() {
        let mut admission = Admission::new(&settings(Some(100), None), 0);
        assert_eq!(admission.decide(99, false, 0), Ok(()));
        assert_eq!(admission.decide(100, false, 0), Err(Hold::Value));
        assert_eq!(admission.decide(100, true, 0), Ok(()));
    }

    #[test]
    fn the_rolling_limit_refills_with_time() {
        let mut admission = Admission::new(&settings(None, Some(RollingLimit { amount: 100, period: 10 })), 0);
        assert_eq!(admission.decide(100, false, 0), Ok(()));
        assert_eq!(admission.decide(50, false, 4), Err(Hold::Limit));
        assert_eq!(admission.decide(50, false, 5), Ok(()));
    }

    #[test]
    fn a_lower_limit_holds_at_once_and_what_was_used_stays_used() {
        let limit = |amount| Some(RollingLimit { amount, period: 10 });
        let mut admission = Admission::new(&settings(None, limit(100)), 0);
        assert_eq!(admission.decide(60, false, 0), Ok(()));
        admission.set_limits(&settings(Some(70), limit(50)), 0);
        assert_eq!(admission.decide(1, false, 0), Err(Hold::Limit), "60 of 50 are used");
        assert_eq!(admission.decide(1, false, 2), Err(Hold::Limit), "10 came back, which pays the overdraft");
        assert_eq!(admission.decide(5, false, 3), Ok(()));
        assert_eq!(admission.decide(70, false, 3), Err(Hold::Value));
        admission.set_limits(&settings(None, limit(200)), 3);
        assert_eq!(admission.decide(151, false, 3), Err(Hold::Limit), "50 of 200 are used");
        assert_eq!(admission.decide(150, false, 3), Ok(()));
        admission.set_limits(&settings(None, None), 3);
        assert_eq!(admission.decide(1_000, false, 3), Ok(()));
        admission.set_limits(&settings(None, limit(10)), 3);
        assert_eq!(admission.decide(10, false, 3), Ok(()), "a limit where there was none begins full");
    }

    #[test]
    fn a_pause_holds_even_what_was_approved() {
        let mut admission = Admission::new(&settings(None, None), 0);
        admission.set_paused(Some("audit".into()));
        assert_eq!(admission.decide(1, true, 0), Err(Hold::Paused));
        admission.set_paused(None);
        assert_eq!(admission.decide(1, false, 0), Ok(()));
    }
}
