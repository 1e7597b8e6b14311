//! A burn: see that locks cover it, burn, tell the Coordinator, unlock in as many parts as it takes, tell the Coordinator.

use serde_json::json;

use super::super::Role;
use super::super::lock_manager::{Lock, Status};
use super::super::message::Message;
use super::super::name::Purpose;
use super::super::quantity::Quantity;
use super::plan::{Part, part, why};
use super::{Decision, End, LookUp, Operated, Planner, StepKind, Waiting};

impl Planner {
    /// What to do next about a burn.
    pub(super) fn plan_burn(&self, purpose: &Purpose, operation: &Operated) -> Decision {
        if operation.booked {
            return Decision::End(End::Completed);
        }
        let burned = self.facts.burns.get(purpose).map(|burn| burn.what.1.amount);
        let decision = match burned {
            Some(amount) => self.release(purpose, operation, amount),
            None => self.burn(purpose, operation),
        };
        decision.unwrap_or_else(|waiting| waiting)
    }

    /// It is not burned, as far as is known.
    fn burn(&self, purpose: &Purpose, operation: &Operated) -> Result<Decision, Decision> {
        let user = purpose.id().user().to_owned();
        if let Some((step, sent)) = self.facts.last(purpose, StepKind::Burn) {
            if sent.outcome.is_none() {
                return Ok(Self::settle(step, Some(LookUp::Burns(user))));
            }
            self.fresh(operation, [LookUp::Burns(user)])?;
            return Ok(Decision::End(End::Refused(why(sent))));
        }
        let Some(asked) = operation.asked.as_ref().filter(|_| !operation.expired) else {
            return Ok(Decision::End(End::Cancelled));
        };
        if self.another_burns(purpose) {
            return Ok(Decision::Wait(Waiting::Turn, Vec::new()));
        }
        let look_ups =
            [LookUp::Locks, LookUp::Mints, LookUp::Burns, LookUp::Balance, LookUp::Held].map(|of| of(user.clone()));
        self.fresh(operation, look_ups.clone())?;
        if self.facts.balances.get(&user).is_none_or(|balance| *balance < asked.amount.quantity) {
            return Ok(Decision::End(End::Refused("the user has fewer tokens than that".to_owned())));
        }
        let free = self.free_locks(&user).iter().try_fold(Quantity::ZERO, |sum, lock| sum.checked_add(lock.amount));
        if free.is_none_or(|free| free < asked.amount.quantity) {
            return Ok(Self::look(Waiting::Cover, look_ups));
        }
        if !self.facts.held_covers(&user) {
            return Ok(Self::look(Waiting::FreedPastLocks, look_ups));
        }
        let tags = [("User", asked.user.as_str()), ("Amount", asked.amount.text.as_str())];
        Ok(self.send(purpose, StepKind::Burn, Role::TokenManager, Message::with_tags("", "Burn", &tags)))
    }

    /// Whether another burn of the same user has begun and not ended.
    fn another_burns(&self, purpose: &Purpose) -> bool {
        self.operations.iter().any(|(other, operation)| {
            let begun = self.facts.last(other, StepKind::Burn).is_some() || self.facts.burns.contains_key(other);
            other.is_burn()
                && other != purpose
                && other.id().user() == purpose.id().user()
                && operation.end.is_none()
                && begun
        })
    }

    /// Locks that secure minted tokens, and may be released for burned ones.
    fn free_locks(&self, user: &str) -> Vec<&Lock> {
        let minted =
            |lock: &Lock| lock.purpose.parse().is_ok_and(|purpose: Purpose| self.facts.mints.contains_key(&purpose));
        self.facts.locks_of_user(user).filter(|lock| lock.status == Status::Locked && minted(lock)).collect()
    }

    /// It is burned: whatever becomes of the Coordinator, the user gets his collateral.
    fn release(&self, purpose: &Purpose, operation: &Operated, amount: Quantity) -> Result<Decision, Decision> {
        let wanted = operation.asked.as_ref().filter(|_| !operation.expired);
        if let Some(asked) = wanted {
            match self.facts.last(purpose, StepKind::TellBurned) {
                None => {
                    let content = json!({
                        "burnId": purpose.id().to_string(), "user": asked.user, "amount": amount.to_string(), "purpose": purpose.to_string(),
                    });
                    return Ok(self.tell(purpose, StepKind::TellBurned, "Burn-Response", &content));
                }
                Some((step, sent)) if sent.outcome.is_none() => return Ok(Self::settle(step, None)),
                Some(_) => {}
            }
        }
        let released = self.parts(purpose, operation)?;
        let remaining = amount.checked_sub(released).unwrap_or(Quantity::ZERO);
        if remaining.is_positive() {
            return self.unlock_more(purpose, operation, remaining);
        }
        let Some((asked, then)) = wanted.zip(operation.then.as_ref()) else { return Ok(Decision::End(End::Unbooked)) };
        Ok(match self.facts.last(purpose, StepKind::TellUnlocked) {
            None => {
                let content = json!({ "user": asked.user, "unlockedAmount": then.amount.text, "status": "unlocked", "purpose": purpose.to_string() });
                self.tell(purpose, StepKind::TellUnlocked, "UnlockCollateral-Success", &content)
            }
            Some((step, sent)) if sent.outcome.is_none() => Self::settle(step, None),
            Some(_) => Decision::End(End::Unbooked),
        })
    }

    /// How much has been let go of by now; waits for the part that is under way.
    fn parts(&self, purpose: &Purpose, operation: &Operated) -> Result<Quantity, Decision> {
        let user = purpose.id().user().to_owned();
        let mut released = Quantity::ZERO;
        for (step, sent) in self.facts.steps_of(purpose, StepKind::Unlock) {
            match part(sent) {
                Part::Unanswered => return Err(Self::settle(step, Some(LookUp::Locks(user)))),
                Part::NotUnderstood => return Err(Decision::Wait(Waiting::Understanding, Vec::new())),
                Part::Refused => {}
                Part::Begun(lock, amount) => {
                    self.fresh(operation, [LookUp::Locks(user.clone())])?;
                    let status = self.facts.locks.get(&lock).map(|lock| &lock.what.status);
                    if !matches!(status, Some(Status::Locked | Status::Unlocked)) {
                        return Err(Self::look(Waiting::Unlock, [LookUp::Locks(user)]));
                    }
                    released =
                        released.checked_add(amount).ok_or(Decision::Wait(Waiting::Understanding, Vec::new()))?;
                }
            }
        }
        Ok(released)
    }

    fn unlock_more(&self, purpose: &Purpose, operation: &Operated, remaining: Quantity) -> Result<Decision, Decision> {
        let user = purpose.id().user().to_owned();
        let look_ups = [LookUp::Locks(user.clone()), LookUp::Mints(user.clone())];
        self.fresh(operation, look_ups.clone())?;
        if self.unlocking(&user) {
            return Ok(Self::look(Waiting::Turn, look_ups));
        }
        let free = self.free_locks(&user);
        // The smallest that is large enough; without one, the largest.
        let enough = free.iter().filter(|lock| lock.amount >= remaining).min_by_key(|lock| lock.amount);
        match enough.or_else(|| free.iter().max_by_key(|lock| lock.amount)) {
            Some(lock) => Ok(self.unlock(purpose, StepKind::Unlock, &lock.lock_id, remaining.min(lock.amount))),
            None => Ok(Self::look(Waiting::Cover, look_ups)),
        }
    }
}
