//! From a gateway's events to facts about operations.

use std::time::Duration;

use tim3_chain::{FinalEvent, Located, Tips};
use tim3_domain::{
    identity::{GatewayId, OperationId},
    lifecycle::{Effect, Fact, Input, Phase, apply},
    protocol::{EventBody, Operation, Outcome},
};
use tim3_journal::{Change, EarlyFact, OperationRecord};

use super::{
    Archive, Entry, Operations, Work,
    table::{Story, replay_key},
};
use crate::{bus::Notice, news::News};

/// How sure an event is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sureness {
    Seen,
    Final,
    Gone,
}

impl Operations {
    /// Applies one reading of one chain. Events of other synthetics are passed over.
    pub fn news(&mut self, news: &News, archive: &mut Archive<'_>, now_ms: u64, work: &mut Work) {
        if let Some(why) = &news.broken {
            self.halt(why.clone(), now_ms, work);
        }
        for located in &news.gone {
            self.event(news.gateway, located, Sureness::Gone, archive, now_ms, work);
        }
        for located in &news.seen {
            self.event(news.gateway, located, Sureness::Seen, archive, now_ms, work);
        }
        for event in &news.finals {
            self.proved(event, archive, now_ms, work);
        }
        let moved = self.tips.insert(news.gateway, news.tips.clone()).is_none_or(|old| old != news.tips);
        if moved || !news.finals.is_empty() {
            self.ripen(news.gateway, &news.tips, now_ms, work);
        }
        if news.complete {
            self.missing(news.gateway, now_ms, work);
        }
    }

    fn proved(&mut self, event: &FinalEvent, archive: &mut Archive<'_>, now_ms: u64, work: &mut Work) {
        // What was not seen before it was final is seen now; the order of facts stays that of the chain.
        self.event(event.gateway(), event.located(), Sureness::Seen, archive, now_ms, work);
        self.event(event.gateway(), event.located(), Sureness::Final, archive, now_ms, work);
    }

    fn event(
        &mut self,
        gateway: GatewayId,
        located: &Located,
        sureness: Sureness,
        archive: &mut Archive<'_>,
        now_ms: u64,
        work: &mut Work,
    ) {
        let body = &located.event.body;
        if let Some(operation) = body.started().filter(|operation| operation.asset == self.asset) {
            if operation.origin == gateway {
                self.origin(operation, located, sureness, archive, now_ms, work);
            } else {
                self.halt(format!("gateway {gateway} reports an operation of {}", operation.origin), now_ms, work);
            }
        }
        if let Some(outcome) = body.outcome().filter(|outcome| outcome.asset == self.asset) {
            self.outcome(gateway, outcome, located, sureness, archive, now_ms, work);
        }
    }

    fn origin(
        &mut self,
        operation: &Operation,
        located: &Located,
        sureness: Sureness,
        archive: &mut Archive<'_>,
        now_ms: u64,
        work: &mut Work,
    ) {
        let id = operation.id();
        if !self.open.contains_key(&id) {
            if sureness == Sureness::Gone || work.ended(id, archive).is_some() {
                return;
            }
            self.open_operation(operation, located, now_ms, work);
        }
        let place = Story {
            what: String::new(),
            gateway: Some(operation.origin),
            block: Some(located.block),
            transaction: Some(located.transaction.clone()),
        };
        let Some(entry) = self.open.get_mut(&id) else { return };
        match sureness {
            Sureness::Gone => {
                entry.told.origin = false;
                let story = Story { what: "a reorg took the event away".into(), ..place };
                self.step(id, &Input::Fact(Fact::OriginGone), story, now_ms, work);
            }
            Sureness::Seen => {
                entry.told.origin = true;
                entry.record.origin = located.clone();
                let story = Story { what: "the event is back".into(), ..place };
                self.step(id, &Input::Fact(Fact::OriginSeen), story, now_ms, work);
            }
            Sureness::Final => {
                if !entry.record.origin_proved {
                    entry.record.origin_proved = true;
                    work.changes.push(Change::Operation(Box::new(entry.record.clone())));
                }
                self.ripening.insert((operation.origin, located.event.sequence), id);
                self.supersede(id, now_ms, work);
            }
        }
    }

    fn open_operation(&mut self, operation: &Operation, located: &Located, now_ms: u64, work: &mut Work) {
        let record = OperationRecord {
            operation: operation.clone(),
            origin: located.clone(),
            origin_proved: false,
            closed: None,
            phase: Phase::Observed,
            outcome: None,
            attempts: 0,
            updated_ms: now_ms,
        };
        let entry = Entry { seen_ms: Some(now_ms), ..Entry::new(record) };
        let id = entry.id;
        work.changes.push(Change::Operation(Box::new(entry.record.clone())));
        if let Some(rival) = self.by_key.insert(replay_key(&entry), id) {
            self.rivals.entry(replay_key(&entry)).or_default().push(rival);
        }
        work.notices.push(Notice::OperationChanged {
            operation: id,
            asset: self.asset,
            kind: operation.kind.name(),
            phase: entry.record.phase.name(),
            at_ms: now_ms,
        });
        self.open.insert(id, entry);
        let story = Story {
            what: format!("{} observed", located.event.body.name()),
            gateway: Some(operation.origin),
            block: Some(located.block),
            transaction: Some(located.transaction.clone()),
        };
        self.note(id, story, now_ms, work);
        if let Some(facts) = self.early.remove(&id) {
            work.changes.push(Change::EarlyDone(id));
            for early in facts {
                self.fact(id, early.fact, &early.located, now_ms, work);
            }
        }
    }

    /// An operation is final under its replay key: what a reorg left behind under the same key is replaced.
    fn supersede(&mut self, id: OperationId, now_ms: u64, work: &mut Work) {
        let Some(key) = self.open.get(&id).map(replay_key) else { return };
        let seen_last = self.by_key.insert(key, id);
        let rivals = self.rivals.remove(&key).unwrap_or_default();
        let replaced = rivals.into_iter().chain(seen_last).filter(|rival| *rival != id);
        for old in replaced {
            let story = Story::say(format!("replaced by operation {id}"));
            self.step(old, &Input::Fact(Fact::OriginReplaced), story, now_ms, work);
        }
        if let Some((orphan, located)) = self.executed.remove(&key).filter(|(executed, _)| *executed != id) {
            self.displaced(id, orphan, &located, now_ms, work);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one event with its context; a struct would only rename them")]
    fn outcome(
        &mut self,
        gateway: GatewayId,
        outcome: &Outcome,
        located: &Located,
        sureness: Sureness,
        archive: &mut Archive<'_>,
        now_ms: u64,
        work: &mut Work,
    ) {
        let (key, facts) = match located.event.body {
            EventBody::Voided { .. } => {
                ((outcome.peer, gateway, outcome.nonce), [Fact::VoidedSeen, Fact::VoidedFinal, Fact::VoidedGone])
            }
            EventBody::Refunded { .. } => {
                ((gateway, outcome.peer, outcome.nonce), [Fact::RefundedSeen, Fact::RefundedFinal, Fact::RefundedGone])
            }
            _ => ((outcome.peer, gateway, outcome.nonce), [Fact::SettledSeen, Fact::SettledFinal, Fact::SettledGone]),
        };
        let [seen, final_, gone] = facts;
        let fact = match sureness {
            Sureness::Seen => seen,
            Sureness::Final => final_,
            Sureness::Gone => gone,
        };
        let id = outcome.operation;
        if self.open.contains_key(&id) {
            self.fact(id, fact, located, now_ms, work);
            return;
        }
        if let Some(ended) = work.ended(id, archive) {
            let effects = apply(&ended, &Input::Fact(fact)).effects;
            if effects.iter().any(|effect| matches!(effect, Effect::Halt(_))) {
                self.halt(format!("operation {id}: {fact:?} after {}", ended.name()), now_ms, work);
            }
            return;
        }
        // The same slot under another id, both final: what was executed is not what the origin has.
        let other = self.by_key.get(&key).and_then(|other| self.open.get(other));
        match other.filter(|other| sureness == Sureness::Final && other.record.origin_proved).map(|other| other.id) {
            Some(other) => self.displaced(other, id, located, now_ms, work),
            None => {
                if fact == Fact::SettledFinal {
                    self.executed.insert(key, (id, located.clone()));
                }
                self.keep_early(id, fact, located, work);
            }
        }
    }

    /// The destination executed `orphan` in the slot of `id`: a chain broke its finality. An operator decides, see [`Self::conflict`].
    fn displaced(&mut self, id: OperationId, orphan: OperationId, located: &Located, now_ms: u64, work: &mut Work) {
        let Some(entry) = self.open.get_mut(&id) else { return };
        let destination = entry.record.operation.destination;
        entry.record.closed = Some(located.clone());
        work.changes.push(Change::Operation(Box::new(entry.record.clone())));
        let story = Story {
            what: format!("another operation holds its slot: {orphan}"),
            gateway: Some(destination),
            block: Some(located.block),
            transaction: Some(located.transaction.clone()),
        };
        self.note(id, story, now_ms, work);
        self.halt(format!("gateway {destination} executed {orphan} where the origin has {id}"), now_ms, work);
    }

    /// Keeps an outcome until its operation is seen; what a reorg took away is forgotten.
    fn keep_early(&mut self, id: OperationId, fact: Fact, located: &Located, work: &mut Work) {
        if matches!(fact, Fact::SettledGone | Fact::VoidedGone | Fact::RefundedGone) {
            let Some(facts) = self.early.get_mut(&id) else { return };
            facts.retain(|early| early.located.event != located.event);
            work.changes.push(Change::EarlyDone(id));
            work.changes.extend(facts.iter().map(|early| Change::Early(id, early.clone())));
            return;
        }
        let early = EarlyFact { fact, located: located.clone() };
        let facts = self.early.entry(id).or_default();
        if !facts.contains(&early) {
            facts.push(early.clone());
            work.changes.push(Change::Early(id, early));
        }
    }

    /// Applies a fact about an outcome to an open operation.
    fn fact(&mut self, id: OperationId, fact: Fact, located: &Located, now_ms: u64, work: &mut Work) {
        let Some(entry) = self.open.get_mut(&id) else { return };
        let at_origin = matches!(fact, Fact::RefundedSeen | Fact::RefundedFinal | Fact::RefundedGone);
        let operation = &entry.record.operation;
        let gateway = if at_origin { operation.origin } else { operation.destination };
        let gone = matches!(fact, Fact::SettledGone | Fact::VoidedGone | Fact::RefundedGone);
        let told = if at_origin { &mut entry.told.refund } else { &mut entry.told.destination };
        *told = !gone;
        match fact {
            Fact::SettledSeen | Fact::RefundedSeen => {
                if fact == Fact::SettledSeen
                    && let Some(seen_ms) = entry.seen_ms.take()
                {
                    work.settled.push(Duration::from_millis(now_ms.saturating_sub(seen_ms)));
                }
                entry.record.outcome = Some((located.transaction.clone(), located.block));
            }
            Fact::SettledGone | Fact::RefundedGone => entry.record.outcome = None,
            Fact::VoidedFinal => entry.record.closed = Some(located.clone()),
            _ => {}
        }
        let story = Story {
            what: fact_story(fact, located),
            gateway: Some(gateway),
            block: Some(located.block),
            transaction: Some(located.transaction.clone()),
        };
        self.step(id, &Input::Fact(fact), story, now_ms, work);
    }

    /// The chain's final block moved: origin events that waited for their tier become final.
    fn ripen(&mut self, gateway: GatewayId, tips: &Tips, now_ms: u64, work: &mut Work) {
        let ripe: Vec<((GatewayId, u64), OperationId)> = self
            .ripening
            .range((gateway, 0)..=(gateway, u64::MAX))
            .map(|(key, id)| (*key, *id))
            .filter(|(_, id)| self.open.get(id).is_none_or(|entry| is_ripe(entry, tips)))
            .collect();
        for (key, id) in ripe {
            self.ripening.remove(&key);
            let story = Story {
                what: "final and proved by a quorum".into(),
                gateway: Some(gateway),
                block: Some(tips.finalized),
                transaction: None,
            };
            self.step(id, &Input::Fact(Fact::OriginFinal), story, now_ms, work);
            self.admit(id, now_ms, work);
        }
    }
}

fn is_ripe(entry: &Entry, tips: &Tips) -> bool {
    entry.record.origin.block.height <= tips.final_for(entry.record.operation.amount).height
}

fn fact_story(fact: Fact, located: &Located) -> String {
    let name = located.event.body.name();
    match fact {
        Fact::SettledSeen | Fact::VoidedSeen | Fact::RefundedSeen => format!("{name} included"),
        Fact::SettledFinal | Fact::VoidedFinal | Fact::RefundedFinal => format!("{name} final"),
        _ => format!("a reorg took {name} away"),
    }
}
