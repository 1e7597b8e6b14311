//! A mint: lock, tell the Coordinator, mint, tell the Coordinator; and when it cannot be, the release of the lock.

use serde_json::json;

use super::super::Role;
use super::super::lock_manager::{Lock, Status};
use super::super::message::Message;
use super::super::name::Purpose;
use super::plan::why;
use super::{Decision, End, LookUp, Operated, Planner, StepKind, Waiting};

impl Planner {
    /// What to do next about a mint.
    pub(super) fn plan_mint(&self, purpose: &Purpose, operation: &Operated) -> Decision {
        if operation.booked {
            return Decision::End(End::Completed);
        }
        let decision = if self.facts.mints.contains_key(purpose) {
            Ok(self.book(purpose, operation))
        } else {
            self.make(purpose, operation)
        };
        decision.unwrap_or_else(|waiting| waiting)
    }

    /// It is minted: the Coordinator has to know.
    fn book(&self, purpose: &Purpose, operation: &Operated) -> Decision {
        let (Some(asked), Some((id, minted))) = (&operation.asked, self.facts.mints.get(purpose)) else {
            return Decision::End(End::Unbooked);
        };
        match self.facts.last(purpose, StepKind::TellMinted) {
            Some((step, sent)) if sent.outcome.is_none() => Self::settle(step, None),
            None if !operation.expired => {
                let content = json!({
                    "mintId": id, "recipient": asked.user, "amount": minted.amount.to_string(), "purpose": purpose.to_string(),
                });
                self.tell(purpose, StepKind::TellMinted, "Mint-Response", &content)
            }
            _ => Decision::End(End::Unbooked),
        }
    }

    /// It is not minted, as far as is known.
    fn make(&self, purpose: &Purpose, operation: &Operated) -> Result<Decision, Decision> {
        let user = purpose.id().user().to_owned();
        if let Some((step, sent)) = self.facts.last(purpose, StepKind::Mint) {
            if sent.outcome.is_none() {
                return Ok(Self::settle(step, Some(LookUp::Mints(user))));
            }
            // It was answered, and not by having minted.
            self.fresh(operation, [LookUp::Mints(user)])?;
            return self.unwind(purpose, operation, End::Refused(why(sent)));
        }
        let Some(asked) = operation.asked.as_ref().filter(|_| !operation.expired) else {
            return self.unwind(purpose, operation, End::Cancelled);
        };
        let locks: Vec<&Lock> = self.facts.locks_for(purpose).collect();
        let by_status = |status: &Status| locks.iter().find(|lock| lock.status == *status);
        if let Some(lock) = by_status(&Status::Locked) {
            if lock.amount != asked.amount.quantity || lock.user != asked.user {
                return self.unwind(purpose, operation, End::Refused("the lock is not what was asked for".to_owned()));
            }
            return self.go_on(purpose, operation, lock);
        }
        if by_status(&Status::Unlocking).or_else(|| by_status(&Status::Unlocked)).is_some() {
            return self.unwind(purpose, operation, End::Refused("the lock was released by somebody else".to_owned()));
        }
        if !locks.is_empty() {
            return Ok(Self::look(Waiting::Lock, [LookUp::Locks(user)]));
        }
        match self.facts.last(purpose, StepKind::Lock) {
            Some((step, sent)) if sent.outcome.is_none() => Ok(Self::settle(step, Some(LookUp::Locks(user)))),
            Some((_, sent)) => {
                self.fresh(operation, [LookUp::Locks(user)])?;
                Ok(Decision::End(End::Refused(why(sent))))
            }
            None => {
                self.fresh(operation, [LookUp::Locks(user.clone()), LookUp::Mints(user)])?;
                let tags = [("User", asked.user.as_str()), ("Amount", asked.amount.text.as_str())];
                Ok(self.send(
                    purpose,
                    StepKind::Lock,
                    Role::LockManager,
                    Message::with_tags("", "LockCollateral", &tags),
                ))
            }
        }
    }

    /// The lock holds what it should.
    fn go_on(&self, purpose: &Purpose, operation: &Operated, lock: &Lock) -> Result<Decision, Decision> {
        match self.facts.last(purpose, StepKind::TellLocked) {
            None => {
                let content = json!({
                    "lockId": lock.lock_id, "user": lock.user, "amount": lock.amount.to_string(), "status": "locked",
                    "usdaLockId": lock.lock_id, "purpose": purpose.to_string(),
                });
                return Ok(self.tell(purpose, StepKind::TellLocked, "LockCollateral-Success", &content));
            }
            Some((step, sent)) if sent.outcome.is_none() => return Ok(Self::settle(step, None)),
            Some(_) => {}
        }
        // The Coordinator has heard of the lock. If it did not ask for the mint, it knows the operation no longer, and never will.
        let Some(wanted) = &operation.then else { return self.unwind(purpose, operation, End::Cancelled) };
        if wanted.amount.quantity != lock.amount || wanted.user != lock.user {
            return self.unwind(
                purpose,
                operation,
                End::Refused("the Coordinator wants to mint something else than it had locked".to_owned()),
            );
        }
        let user = lock.user.clone();
        self.fresh(operation, [LookUp::Locks(user.clone()), LookUp::Mints(user.clone()), LookUp::Held(user.clone())])?;
        if !self.facts.held_covers(&user) {
            return Ok(Self::look(Waiting::FreedPastLocks, [LookUp::Locks(user.clone()), LookUp::Held(user)]));
        }
        let tags = [("Recipient", wanted.user.as_str()), ("Amount", wanted.amount.text.as_str())];
        Ok(self.send(purpose, StepKind::Mint, Role::TokenManager, Message::with_tags("", "Mint", &tags)))
    }

    /// It will not be minted: what is locked for it is released.
    fn unwind(&self, purpose: &Purpose, operation: &Operated, end: End) -> Result<Decision, Decision> {
        let user = purpose.id().user().to_owned();
        let locks: Vec<&Lock> = self.facts.locks_for(purpose).collect();
        if let Some((step, sent)) = self.facts.last(purpose, StepKind::Lock)
            && sent.outcome.is_none()
            && locks.is_empty()
        {
            return Ok(Self::settle(step, Some(LookUp::Locks(user))));
        }
        if let Some((step, _)) =
            self.facts.steps_of(purpose, StepKind::Release).find(|(_, sent)| sent.outcome.is_none())
        {
            return Ok(Self::settle(step, Some(LookUp::Locks(user))));
        }
        self.fresh(operation, [LookUp::Mints(user.clone()), LookUp::Locks(user.clone())])?;
        if let Some(lock) = locks.iter().find(|lock| lock.status == Status::Locked) {
            if self.unlocking(&user) {
                return Ok(Self::look(Waiting::Turn, [LookUp::Locks(user)]));
            }
            return Ok(self.unlock(purpose, StepKind::Release, &lock.lock_id, lock.amount));
        }
        Ok(match locks.iter().find(|lock| lock.status != Status::Unlocked) {
            Some(Lock { status: Status::Unlocking, .. }) => Self::look(Waiting::Unlock, [LookUp::Locks(user)]),
            // A lock may still be confirmed.
            Some(_) => Self::look(Waiting::Lock, [LookUp::Locks(user)]),
            None => Decision::End(end),
        })
    }
}
