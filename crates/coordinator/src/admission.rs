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
        let window = settings.limit.map(|RollingLimit { amount, period }| Window {
            limit: amount,
            period: period.max(1),
            available: i128::try_from(amount).unwrap_or(i128::MAX),
            updated: now,
        });
        Self { value_hold: settings.value_hold, window, paused: None }
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
    fn a_pause_holds_even_what_was_approved() {
        let mut admission = Admission::new(&settings(None, None), 0);
        admission.set_paused(Some("audit".into()));
        assert_eq!(admission.decide(1, true, 0), Err(Hold::Paused));
        admission.set_paused(None);
        assert_eq!(admission.decide(1, false, 0), Ok(()));
    }
}
