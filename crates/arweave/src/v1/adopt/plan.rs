//! From what is known to what is to be done, and what mints and burns share in that.

use super::super::Role;
use super::super::lock_manager::{Says as LockSays, Status};
use super::super::message::Message;
use super::super::name::Purpose;
use super::super::quantity::Quantity;
use super::facts::Sent;
use super::{Decision, End, Intent, LookUp, Operated, Planner, Step, StepKind, Waiting, step};

impl Planner {
    /// What to do now. Asked again after something was seen; what has not been done yet is said again.
    pub fn next(&mut self, now: u64) -> Vec<Intent> {
        if !self.caught_up || self.halt.is_some() {
            return Vec::new();
        }
        if let Some(intents) = self.configure() {
            return intents;
        }
        let mut intents = self.find_stranded(now);
        let open: Vec<Purpose> =
            self.operations.iter().filter(|(_, o)| o.end.is_none()).map(|(purpose, _)| purpose.clone()).collect();
        // Who has the turn is decided by what is known now, so that two operations of one user never both start.
        let mut busy = std::collections::BTreeSet::new();
        for purpose in open {
            let Some(operation) = self.operations.get(&purpose) else { continue };
            let decision = if purpose.is_burn() {
                self.plan_burn(&purpose, operation)
            } else {
                self.plan_mint(&purpose, operation)
            };
            let Some(operation) = self.operations.get_mut(&purpose) else { continue };
            let wait = |operation: &mut Operated, waiting| {
                if operation.waiting.0 != waiting {
                    operation.waiting = (waiting, now);
                }
            };
            match decision {
                Decision::Do(intent) => {
                    let unlocks = matches!(&*intent, Intent::Send { step, .. } if matches!(step.kind, StepKind::Release | StepKind::Unlock | StepKind::Burn));
                    if unlocks && !busy.insert(purpose.id().user().to_owned()) {
                        wait(operation, Waiting::Turn);
                    } else {
                        operation.waiting = (Waiting::Answer, now);
                        intents.push(*intent);
                    }
                }
                Decision::Wait(waiting, more) => {
                    wait(operation, waiting);
                    intents.extend(more);
                }
                Decision::End(end) => operation.end = Some(end),
            }
        }
        let mut seen = Vec::new();
        intents.retain(|intent| {
            !seen.contains(intent) && {
                seen.push(intent.clone());
                true
            }
        });
        intents
    }

    /// What puts the daemon into its slots; nothing when it is in all of them.
    fn configure(&self) -> Option<Vec<Intent>> {
        let missing = self.watch.missing();
        if missing.is_empty() {
            return None;
        }
        let steps: Vec<(&Step, &Sent)> =
            self.facts.steps.iter().filter(|(step, _)| step.kind == StepKind::Configure).collect();
        let mut number = steps.iter().map(|(step, _)| step.number).max().unwrap_or(0);
        let mut intents = Vec::new();
        for setting in missing {
            let target = self.deployment.process(setting.role);
            let same = |message: &Message| {
                message.target == target
                    && message.tag("ConfigType") == Some(&setting.name)
                    && message.tag("Value") == Some(&setting.value)
            };
            let sent: Vec<_> = steps.iter().filter(|(_, sent)| same(&sent.message)).collect();
            if let Some((step, _)) = sent.iter().find(|(_, sent)| sent.outcome.is_none()) {
                intents.push(Intent::Settle((*step).clone()));
            } else if sent.len() <= self.watch.times_set(&setting) {
                number = number.saturating_add(1);
                let step = Step { purpose: None, kind: StepKind::Configure, number };
                let name = step.to_string();
                let tags = [
                    ("ConfigType", setting.name.as_str()),
                    ("Value", setting.value.as_str()),
                    (step::TAG, name.as_str()),
                ];
                intents.push(Intent::Send {
                    step,
                    role: setting.role,
                    message: Message::with_tags(target, "Configure", &tags),
                });
            }
            // Otherwise it was done, and history is about to show it.
        }
        Some(intents)
    }

    /// Locks that became no token and burns that released nothing, neither of them by the daemon's doing, become operations of their own.
    fn find_stranded(&mut self, now: u64) -> Vec<Intent> {
        let old = |since: u64| now.saturating_sub(since) >= self.patience.stranded_after;
        let mut look_ups: Vec<LookUp> = Vec::new();
        for (user, mark) in &self.users {
            let all = [LookUp::Locks(user.clone()), LookUp::Mints(user.clone()), LookUp::Burns(user.clone())];
            look_ups.extend(self.facts.stale(*mark, all));
        }
        let mut found: Vec<Purpose> = Vec::new();
        for lock in self.facts.locks.values().filter(|lock| lock.what.status == Status::Locked) {
            let Ok(purpose) = lock.what.purpose.parse::<Purpose>() else { continue };
            let unknown =
                self.operations.get(&purpose).is_none_or(|o| matches!(o.end, Some(End::Cancelled | End::Refused(_))));
            if !purpose.is_burn() && unknown && !self.facts.mints.contains_key(&purpose) && old(lock.since) {
                found.push(purpose);
            }
        }
        for (purpose, burn) in &self.facts.burns {
            let by_coordinator = burn.what.1.by == self.deployment.coordinator;
            if by_coordinator
                && !self.operations.contains_key(purpose)
                && !self.unlocks_asked.contains(purpose)
                && old(burn.since)
            {
                found.push(purpose.clone());
            }
        }
        let at = self.facts.tick();
        for purpose in found {
            // One that had ended, and whose lock was confirmed all the same, begins anew as stranded.
            self.operations.insert(purpose, Operated::new(None, at, now));
        }
        look_ups.into_iter().map(Intent::LookUp).collect()
    }

    // ------------------------------------------------------------------------------------------------------------ for both kinds

    /// Waits for look-ups, unless all have been answered since the operation last moved.
    pub(super) fn fresh<const N: usize>(&self, operation: &Operated, look_ups: [LookUp; N]) -> Result<(), Decision> {
        let stale = self.facts.stale(operation.mark, look_ups);
        if stale.is_empty() {
            Ok(())
        } else {
            Err(Decision::Wait(Waiting::LookUp, stale.into_iter().map(Intent::LookUp).collect()))
        }
    }

    pub(super) fn send(&self, purpose: &Purpose, kind: StepKind, role: Role, mut message: Message) -> Decision {
        let number = self.facts.last(purpose, kind).map_or(0, |(step, _)| step.number).saturating_add(1);
        let step = Step { purpose: Some(purpose.clone()), kind, number };
        message.target = self.deployment.process(role).to_owned();
        message.tags.push(("Purpose".to_owned(), purpose.to_string()));
        message.tags.push((step::TAG.to_owned(), step.to_string()));
        Decision::Do(Box::new(Intent::Send { step, role, message }))
    }

    /// Whether an unlock of the user is under way.
    pub(super) fn unlocking(&self, user: &str) -> bool {
        let unanswered = |(purpose, operation): (&Purpose, &Operated)| {
            let steps =
                [StepKind::Release, StepKind::Unlock].into_iter().flat_map(|kind| self.facts.steps_of(purpose, kind));
            operation.end.is_none()
                && purpose.id().user() == user
                && steps.into_iter().any(|(_, sent)| sent.outcome.is_none())
        };
        self.facts.locks_of_user(user).any(|lock| lock.status == Status::Unlocking)
            || self.operations.iter().any(unanswered)
    }

    /// A message to the Coordinator that says what a manager answered.
    pub(super) fn tell(
        &self,
        purpose: &Purpose,
        kind: StepKind,
        action: &str,
        content: &serde_json::Value,
    ) -> Decision {
        let message = Message { data: content.to_string(), ..Message::with_tags("", action, &[]) };
        self.send(purpose, kind, Role::Coordinator, message)
    }

    pub(super) fn unlock(&self, purpose: &Purpose, kind: StepKind, lock: &str, amount: Quantity) -> Decision {
        let amount = amount.to_string();
        self.send(
            purpose,
            kind,
            Role::LockManager,
            Message::with_tags("", "UnlockCollateral", &[("LockId", lock), ("Amount", &amount)]),
        )
    }

    pub(super) fn settle(step: &Step, more: Option<LookUp>) -> Decision {
        let intents = std::iter::once(Intent::Settle(step.clone())).chain(more.map(Intent::LookUp)).collect();
        Decision::Wait(Waiting::Answer, intents)
    }

    pub(super) fn look(waiting: Waiting, look_ups: impl IntoIterator<Item = LookUp>) -> Decision {
        Decision::Wait(waiting, look_ups.into_iter().map(Intent::LookUp).collect())
    }
}

/// What an unlock that was sent came to.
pub(super) enum Part {
    Unanswered,
    /// It holds back this much of this lock.
    Begun(String, Quantity),
    Refused,
    NotUnderstood,
}

/// What came of an unlock.
pub(super) fn part(sent: &Sent) -> Part {
    let Some(outcome) = &sent.outcome else { return Part::Unanswered };
    for message in &outcome.messages {
        match LockSays::decode(message) {
            Ok(LockSays::UnlockPending(answered)) => return Part::Begun(answered.lock_id, answered.amount),
            Ok(LockSays::Error { .. }) => return Part::Refused,
            _ => {}
        }
    }
    Part::NotUnderstood
}

/// The words of a refusal, or of a handler's failure.
pub(super) fn why(sent: &Sent) -> String {
    let Some(outcome) = &sent.outcome else { return String::new() };
    let refusal = outcome.messages.iter().find(|m| m.action().ends_with("-Error")).map(|m| m.data.clone());
    refusal.or_else(|| outcome.error.clone()).unwrap_or_else(|| "no answer that is understood".to_owned())
}
