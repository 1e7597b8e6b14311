//! After a restart: what the journal knew, and what the chains no longer say.

use tim3_domain::{
    identity::{GatewayId, OperationId},
    lifecycle::{Effect, Fact, Input, Leg, Phase, Step},
    place::TxId,
};
use tim3_journal::{EarlyFact, OperationRecord};

use super::{
    Entry, Operations, Work,
    table::{Story, replay_key},
};

impl Operations {
    /// Takes up the open operations of the journal. Those in `sent` are carried by transactions whose fate the submitter asks for;
    /// every other leg starts again from signing, which gives the signatures it had.
    pub fn restore(
        &mut self,
        records: Vec<OperationRecord>,
        early: Vec<(OperationId, EarlyFact)>,
        sent: &std::collections::BTreeMap<(OperationId, Leg), TxId>,
        halted: Option<String>,
        work: &mut Work,
    ) {
        self.admission.set_paused(halted);
        for (id, fact) in early {
            self.early.entry(id).or_default().push(fact);
        }
        for record in records {
            if record.operation.asset != self.asset {
                continue;
            }
            let entry = Entry::new(record);
            let id = entry.id;
            let on_its_way = |leg, step| step == Step::Submitted && sent.contains_key(&(id, leg));
            if let Some((leg, _)) = entry.record.phase.leg().filter(|(leg, step)| !on_its_way(*leg, *step)) {
                work.effects.push((id, Effect::Sign(leg)));
            }
            if matches!(entry.record.phase, Phase::Orphaned { .. }) {
                // It waits for whatever becomes final under its key.
                self.rivals.entry(replay_key(&entry)).or_default().push(id);
            } else {
                self.by_key.insert(replay_key(&entry), id);
            }
            if entry.record.phase.awaits_origin() && entry.record.origin_proved {
                self.ripening.insert((entry.record.operation.origin, entry.record.origin.event.sequence), id);
            }
            self.open.insert(id, entry);
        }
    }

    /// Every event of `gateway` up to its head has been told since start: what the journal had seen there and was not told again is gone.
    pub(super) fn missing(&mut self, gateway: GatewayId, now_ms: u64, work: &mut Work) {
        let gone: Vec<(OperationId, Fact)> = self
            .open
            .values()
            .filter_map(|entry| {
                let operation = &entry.record.operation;
                let fact = match entry.record.phase {
                    Phase::Observed
                        if operation.origin == gateway && !entry.told.origin && !entry.record.origin_proved =>
                    {
                        Fact::OriginGone
                    }
                    Phase::SettledIncluded { .. } if operation.destination == gateway && !entry.told.destination => {
                        Fact::SettledGone
                    }
                    Phase::VoidedIncluded { .. } if operation.destination == gateway && !entry.told.destination => {
                        Fact::VoidedGone
                    }
                    Phase::RefundedIncluded { .. } if operation.origin == gateway && !entry.told.refund => {
                        Fact::RefundedGone
                    }
                    _ => return None,
                };
                Some((entry.id, fact))
            })
            .collect();
        for (id, fact) in gone {
            let story = Story::say("a reorg took the event away while the daemon was not looking");
            self.step(id, &Input::Fact(fact), story, now_ms, work);
        }
    }
}

#[cfg(test)]
mod tests;
