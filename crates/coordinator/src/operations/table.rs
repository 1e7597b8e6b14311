//! The open operations of one synthetic and the one door through which they change.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use tim3_chain::{BlockRef, Located, Refused, Tips, TxId};
use tim3_domain::{
    identity::{AssetId, GatewayId, OperationId},
    lifecycle::{Effect, Hold, Input, Leg, Phase, Refusal, Step, apply},
};
use tim3_journal::{Change, EarlyFact, OperationRecord, TimelineEntry};

use super::Entry;
use crate::{admission::Admission, audit::Conflicts, bus::Notice, settings::AssetSettings};

/// Asks the journal for an operation that is not open: `None` where it was never seen.
pub type Archive<'a> = dyn FnMut(OperationId) -> Option<OperationRecord> + 'a;

/// The gateways of this daemon by identity, with the configured names of their chains.
pub type Peers = BTreeMap<GatewayId, String>;

/// What is to be done after a step, in this order: changes made durable, effects carried out, notices sent.
#[derive(Debug, Default)]
#[must_use]
pub struct Work {
    /// For the journal.
    pub changes: Vec<Change>,
    /// For attesters and submitters.
    pub effects: Vec<(OperationId, Effect)>,
    /// For the bus.
    pub notices: Vec<Notice>,
    /// How long operations took from being seen to their outcome being included, by the daemon's clock.
    pub settled: Vec<Duration>,
    /// Operations that came to their end, with the terminal phase: until the changes are durable nobody else knows of it.
    pub finished: BTreeMap<OperationId, Phase>,
}

impl Work {
    /// The terminal phase of an operation that is not open, if it ever was: ended in this step, or before and journaled.
    pub(super) fn ended(&self, id: OperationId, archive: &mut Archive<'_>) -> Option<Phase> {
        let phase = self.finished.get(&id).cloned().or_else(|| archive(id).map(|record| record.phase));
        phase.filter(Phase::is_terminal)
    }
}

/// One line of a story about to be written.
#[derive(Debug, Default)]
pub(super) struct Story {
    pub(super) what: String,
    pub(super) gateway: Option<GatewayId>,
    pub(super) block: Option<BlockRef>,
    pub(super) transaction: Option<TxId>,
}

impl Story {
    pub(super) fn say(what: impl Into<String>) -> Self {
        Self { what: what.into(), ..Self::default() }
    }
}

/// The open operations of one synthetic.
#[derive(Debug)]
pub struct Operations {
    pub(super) asset: AssetId,
    pub(super) peers: Peers,
    pub(super) open: HashMap<OperationId, Entry>,
    /// The operation seen last under each replay key, and those that reorgs left behind under the same one.
    pub(super) by_key: HashMap<(GatewayId, GatewayId, u64), OperationId>,
    pub(super) rivals: HashMap<(GatewayId, GatewayId, u64), Vec<OperationId>>,
    /// Proved operations whose amount may want deeper finality, by origin and sequence.
    pub(super) ripening: BTreeMap<(GatewayId, u64), OperationId>,
    pub(super) early: HashMap<OperationId, Vec<EarlyFact>>,
    /// What was executed under a replay key before an operation was final under it, since the daemon started.
    pub(super) executed: HashMap<(GatewayId, GatewayId, u64), (OperationId, Located)>,
    pub(super) conflicts: Conflicts,
    pub(super) tips: BTreeMap<GatewayId, Tips>,
    pub(super) admission: Admission,
    pub(super) t_max: u64,
}

impl Operations {
    /// How often a leg may be refused in a row before it becomes a dead letter.
    pub const MAX_ATTEMPTS: u32 = 20;

    /// The table of a synthetic before anything is known.
    #[must_use]
    pub fn new(settings: &AssetSettings, peers: Peers, now_ms: u64) -> Self {
        Self {
            asset: settings.asset,
            peers,
            open: HashMap::new(),
            by_key: HashMap::new(),
            rivals: HashMap::new(),
            ripening: BTreeMap::new(),
            early: HashMap::new(),
            executed: HashMap::new(),
            conflicts: Conflicts::new(),
            tips: BTreeMap::new(),
            admission: Admission::new(settings, now_ms / 1000),
            t_max: settings.t_max,
        }
    }

    /// The synthetic.
    #[must_use]
    pub fn asset(&self) -> AssetId {
        self.asset
    }

    /// An open operation.
    #[must_use]
    pub fn get(&self, id: OperationId) -> Option<&Entry> {
        self.open.get(&id)
    }

    /// Every open operation, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.open.values()
    }

    /// How far a gateway's chain has come, as told last.
    #[must_use]
    pub fn tips(&self, gateway: GatewayId) -> Option<&Tips> {
        self.tips.get(&gateway)
    }

    /// Why nothing is signed, if so.
    #[must_use]
    pub fn paused(&self) -> Option<&str> {
        self.admission.paused()
    }

    /// What Conflict orders refund, by route. Counted as soon as an operator has decided: the auditor must never see a refund before it.
    #[must_use]
    pub fn conflicts(&self) -> &Conflicts {
        &self.conflicts
    }

    /// Takes up from the journal what Conflict orders refund.
    pub fn restore_conflicts(&mut self, conflicts: Conflicts) {
        self.conflicts = conflicts;
    }

    /// Enough attesters signed these orders.
    pub fn signed(&mut self, id: OperationId, leg: Leg, signers: usize, now_ms: u64, work: &mut Work) {
        self.step(id, &Input::Signed(leg), Story::say(format!("{signers} attesters signed")), now_ms, work);
    }

    /// The attesters did not sign. What their evidence or an earlier signature forbids becomes a dead letter; otherwise true: ask again later.
    pub fn not_signed(&mut self, id: OperationId, leg: Leg, why: &Refused, now_ms: u64, work: &mut Work) -> bool {
        let Some(entry) =
            self.open.get_mut(&id).filter(|entry| entry.record.phase.leg().is_some_and(|(l, _)| l == leg))
        else {
            return false;
        };
        entry.record.attempts = entry.record.attempts.saturating_add(1);
        let first = entry.record.attempts == 1;
        let story = Story::say(format!("not signed: {why}"));
        match why {
            Refused::Unavailable(_) => {
                // One line says that it waits; the attempts that follow would only repeat it.
                if first {
                    self.note(id, story, now_ms, work);
                }
                true
            }
            Refused::Evidence(_) | Refused::Conflict { .. } => {
                self.step(id, &Input::Fail(why.to_string()), story, now_ms, work);
                false
            }
        }
    }

    /// A transaction that carries the order is durable and was sent.
    pub fn sent(&mut self, id: OperationId, leg: Leg, transaction: TxId, now_ms: u64, work: &mut Work) {
        let gateway = self.executing(id, leg);
        let story = Story { what: "sent".into(), gateway, transaction: Some(transaction), block: None };
        self.step(id, &Input::Sent(leg), story, now_ms, work);
    }

    /// The transaction that carried the order can never be included.
    pub fn dropped(&mut self, id: OperationId, leg: Leg, why: &str, now_ms: u64, work: &mut Work) {
        self.step(id, &Input::Dropped(leg), Story::say(format!("transaction dropped: {why}")), now_ms, work);
    }

    /// The transaction that carried the order is final. What its outcome has not been seen of by then was not executed, whether or not an
    /// endpoint said so.
    pub fn passed_over(&mut self, id: OperationId, leg: Leg, transaction: TxId, now_ms: u64, work: &mut Work) {
        let waits = |entry: &&mut Entry| entry.record.phase.leg() == Some((leg, Step::Submitted));
        let Some(entry) = self.open.get_mut(&id).filter(waits) else { return };
        entry.record.attempts = entry.record.attempts.saturating_add(1);
        let what = "not executed: its transaction is final without it".to_owned();
        let story = Story { what, gateway: self.executing(id, leg), transaction: Some(transaction), block: None };
        self.step(id, &Input::Deferred(leg), story, now_ms, work);
    }

    /// The gateway did not execute the order. What can never succeed is voided; what keeps failing becomes a dead letter.
    pub fn refused(&mut self, id: OperationId, leg: Leg, reason: &str, permanent: bool, now_ms: u64, work: &mut Work) {
        let Some(entry) = self.open.get_mut(&id) else { return };
        entry.record.attempts = entry.record.attempts.saturating_add(1);
        let hopeless = entry.record.attempts > Self::MAX_ATTEMPTS && leg != Leg::Settle;
        let input = match leg {
            Leg::Settle if permanent => Input::Refuse(Refusal::Undeliverable(reason.to_owned())),
            _ if hopeless => Input::Fail(reason.to_owned()),
            _ => Input::Deferred(leg),
        };
        self.step(id, &input, Story::say(format!("not executed: {reason}")), now_ms, work);
    }

    /// The attesters of a gateway changed: what is signed for it and not included must be signed again.
    pub fn epoch_changed(&mut self, gateway: GatewayId, now_ms: u64, work: &mut Work) {
        let affected: Vec<OperationId> = self
            .open
            .values()
            .filter(|entry| entry.record.phase.leg().is_some_and(|(leg, _)| executing_gateway(entry, leg) == gateway))
            .map(|entry| entry.id)
            .collect();
        for id in affected {
            self.step(id, &Input::EpochChanged, Story::say("a new attester epoch"), now_ms, work);
        }
    }

    /// An operator lets a held operation pass.
    pub fn approve(&mut self, id: OperationId, who: &str, now_ms: u64, work: &mut Work) -> Result<(), String> {
        let entry = self.open.get_mut(&id).ok_or("no open operation has this id")?;
        if !matches!(entry.record.phase, Phase::Held(_)) {
            return Err(format!("it is {}, only a held operation can be approved", entry.record.phase.name()));
        }
        entry.approved = true;
        self.note(id, Story::say(format!("approved: {who}")), now_ms, work);
        self.admit(id, now_ms, work);
        Ok(())
    }

    /// An operator wants an operation voided and refunded.
    pub fn void(&mut self, id: OperationId, why: &str, now_ms: u64, work: &mut Work) -> Result<(), String> {
        let phase = &self.open.get(&id).ok_or("no open operation has this id")?.record.phase;
        if !phase.is_undecided() || matches!(phase, Phase::Observed | Phase::Voiding { .. }) {
            return Err(format!("it is {}: only what is final and not decided can be voided", phase.name()));
        }
        let story = Story::say(format!("voided by an operator: {why}"));
        self.step(id, &Input::Refuse(Refusal::Operator(why.to_owned())), story, now_ms, work);
        Ok(())
    }

    /// An operator wants an operation refunded whose slot an orphan holds; what the orphan was given is bad debt from then on.
    pub fn conflict(&mut self, id: OperationId, why: &str, now_ms: u64, work: &mut Work) -> Result<(), String> {
        let entry = self.open.get(&id).ok_or("no open operation has this id")?;
        let Some((orphan, _)) = entry.record.orphan() else {
            return Err("no other operation holds its slot at the destination".to_owned());
        };
        let phase = &entry.record.phase;
        if !phase.is_undecided() || *phase == Phase::Observed {
            return Err(format!("it is {}: only what is final and not decided can be refunded", phase.name()));
        }
        let operation = &entry.record.operation;
        let route = (operation.origin, operation.destination);
        let refunded = self.conflicts.entry(route).or_default();
        *refunded = refunded.saturating_add(operation.amount);
        work.changes.push(Change::Note(conflicts_note(self.asset, route), refunded.to_string()));
        let story = Story::say(format!("refunded by an operator, {orphan} becomes bad debt: {why}"));
        self.step(id, &Input::Displaced, story, now_ms, work);
        Ok(())
    }

    /// An operator wants a dead letter, or one that waits, to be tried again now.
    pub fn retry(&mut self, id: OperationId, who: &str, now_ms: u64, work: &mut Work) -> Result<(), String> {
        let entry = self.open.get_mut(&id).ok_or("no open operation has this id")?;
        entry.record.attempts = 0;
        match (&entry.record.phase, entry.record.phase.leg()) {
            (Phase::DeadLetter { .. }, _) => {
                self.step(id, &Input::Retry, Story::say(format!("retried: {who}")), now_ms, work);
                self.admit(id, now_ms, work);
            }
            (_, Some((leg, _))) => {
                self.note(id, Story::say(format!("retried: {who}")), now_ms, work);
                work.effects.push((id, Effect::Submit(leg)));
            }
            (phase, None) => return Err(format!("it is {}: there is nothing to retry", phase.name())),
        }
        Ok(())
    }

    /// Stops or resumes signing for the synthetic, also over restarts; what waited for it goes on.
    pub fn set_paused(&mut self, why: Option<String>, now_ms: u64, work: &mut Work) {
        work.changes.push(Change::Note(halt_note(self.asset), why.clone().unwrap_or_default()));
        work.notices.push(Notice::Paused { asset: self.asset, why: why.clone() });
        self.admission.set_paused(why);
        self.tick(now_ms, work);
    }

    /// Other limits hold from now on. What is held for its value stays held until an operator decides; all else is judged by them.
    pub fn set_limits(&mut self, settings: &AssetSettings, now_ms: u64, work: &mut Work) {
        self.admission.set_limits(settings, now_ms / 1000);
        self.t_max = settings.t_max;
        self.tick(now_ms, work);
    }

    /// An operator lets signing go on.
    pub fn resume(&mut self, now_ms: u64, work: &mut Work) {
        self.set_paused(None, now_ms, work);
    }

    /// Time has passed: what is too old is voided, what waited for the rolling limit or a pause is looked at again.
    pub fn tick(&mut self, now_ms: u64, work: &mut Work) {
        let mut too_old = Vec::new();
        let mut waiting = Vec::new();
        for entry in self.open.values() {
            let age = self
                .tips
                .get(&entry.record.operation.destination)
                .map(|tips| tips.finalized.timestamp.saturating_sub(entry.record.operation.timestamp));
            match &entry.record.phase {
                Phase::Final | Phase::Held(_) | Phase::Settling(_) | Phase::DeadLetter { .. }
                    if age.is_some_and(|age| age > self.t_max) && entry.record.phase.is_undecided() =>
                {
                    too_old.push(entry.id);
                }
                Phase::Held(Hold::Limit | Hold::Paused) | Phase::Final => {
                    waiting.push((entry.record.operation.timestamp, entry.id));
                }
                _ => {}
            }
        }
        for id in too_old {
            let story = Story::say(format!("older than T_max ({} s) at the destination", self.t_max));
            self.step(id, &Input::Refuse(Refusal::TooOld), story, now_ms, work);
        }
        // Oldest first: a limit is spent in the order of arrival.
        waiting.sort_unstable();
        for (_, id) in waiting {
            self.admit(id, now_ms, work);
        }
    }

    /// Asks admission about an operation whose event is final.
    pub(super) fn admit(&mut self, id: OperationId, now_ms: u64, work: &mut Work) {
        let Some(entry) = self.open.get(&id) else { return };
        if !matches!(entry.record.phase, Phase::Final | Phase::Held(_)) {
            return;
        }
        let operation = &entry.record.operation;
        if !self.peers.contains_key(&operation.destination) {
            // Nobody here can void it either; it waits where an operator sees it.
            if entry.record.phase == Phase::Final {
                let story = Story::say("held: its destination gateway is not in this daemon's configuration");
                self.step(id, &Input::Hold(Hold::Value), story, now_ms, work);
            }
            return;
        }
        let (input, what) = match self.admission.decide(operation.amount, entry.approved, now_ms / 1000) {
            Ok(()) => (Input::Admit, "admitted".to_owned()),
            Err(why) if entry.record.phase == Phase::Held(why) => return,
            Err(why) => (Input::Hold(why), format!("held: {}", hold_reason(why))),
        };
        self.step(id, &input, Story::say(what), now_ms, work);
    }

    /// Applies an input to an open operation and writes what follows.
    pub(super) fn step(&mut self, id: OperationId, input: &Input, story: Story, now_ms: u64, work: &mut Work) {
        let Some(entry) = self.open.get_mut(&id) else { return };
        let before = entry.record.phase.clone();
        let transition = apply(&before, input);
        let halts = transition.effects.iter().any(|effect| matches!(effect, Effect::Halt(_)));
        if transition.next == before && transition.effects.is_empty() {
            return;
        }
        if before.leg().map(|(leg, _)| leg) != transition.next.leg().map(|(leg, _)| leg) {
            entry.record.attempts = 0;
        }
        entry.record.phase = transition.next;
        entry.record.updated_ms = now_ms;
        let phase = entry.record.phase.name();
        let changed = entry.record.phase != before;
        work.changes.push(Change::Operation(Box::new(entry.record.clone())));
        work.changes.push(Change::Timeline(id, timeline(&self.peers, phase, story, now_ms)));
        if changed {
            work.notices.push(Notice::OperationChanged {
                operation: id,
                asset: self.asset,
                kind: entry.record.operation.kind.name(),
                phase,
                at_ms: now_ms,
            });
        }
        work.effects.extend(transition.effects.into_iter().map(|effect| (id, effect)));
        if self.open.get(&id).is_some_and(|entry| entry.record.phase.is_terminal()) {
            self.close(id, work);
        }
        if halts {
            self.halt(format!("operation {id}: {input:?} while {}", before.name()), now_ms, work);
        }
    }

    /// Adds a line about what an operation waits for.
    pub fn say(&mut self, id: OperationId, what: String, now_ms: u64, work: &mut Work) {
        self.note(id, Story::say(what), now_ms, work);
    }

    /// Adds a line to an operation's story without another phase.
    pub(super) fn note(&mut self, id: OperationId, story: Story, now_ms: u64, work: &mut Work) {
        let Some(entry) = self.open.get(&id) else { return };
        work.changes.push(Change::Timeline(id, timeline(&self.peers, entry.record.phase.name(), story, now_ms)));
    }

    /// Stops signing for the synthetic because what chains state contradicts the protocol.
    pub(super) fn halt(&mut self, why: String, now_ms: u64, work: &mut Work) {
        work.notices.push(Notice::ErrorOccurred { subject: "protocol".into(), message: why.clone() });
        if self.admission.paused().is_none() {
            self.set_paused(Some(why), now_ms, work);
        }
    }

    fn close(&mut self, id: OperationId, work: &mut Work) {
        if let Some(entry) = self.open.remove(&id) {
            let key = replay_key(&entry);
            if self.by_key.get(&key) == Some(&id) {
                self.by_key.remove(&key);
            }
            work.finished.insert(id, entry.record.phase);
        }
    }

    fn executing(&self, id: OperationId, leg: Leg) -> Option<GatewayId> {
        self.open.get(&id).map(|entry| executing_gateway(entry, leg))
    }
}

/// Name of the journal note that keeps a halt over restarts.
pub(crate) fn halt_note(asset: AssetId) -> String {
    format!("halt/{asset}")
}

/// Name of the journal note that keeps what Conflict orders refund on a route.
pub(crate) fn conflicts_note(asset: AssetId, (origin, destination): (GatewayId, GatewayId)) -> String {
    format!("conflicts/{asset}/{origin}/{destination}")
}

/// The gateway that executes the leg's order.
pub(crate) fn executing_gateway(entry: &Entry, leg: Leg) -> GatewayId {
    match leg {
        Leg::Settle | Leg::Void => entry.record.operation.destination,
        Leg::Refund => entry.record.operation.origin,
    }
}

pub(super) fn replay_key(entry: &Entry) -> (GatewayId, GatewayId, u64) {
    let operation = &entry.record.operation;
    (operation.origin, operation.destination, operation.nonce)
}

fn hold_reason(why: Hold) -> &'static str {
    match why {
        Hold::Value => "the amount is over the value hold; `tim3d ops approve` lets it pass, `ops void` refunds it",
        Hold::Limit => "the rolling limit is used up; it goes on by itself",
        Hold::Paused => "signing for the asset is stopped; it goes on when that ends",
    }
}

fn timeline(peers: &Peers, phase: &str, story: Story, now_ms: u64) -> TimelineEntry {
    TimelineEntry {
        at_ms: now_ms,
        phase: phase.to_owned(),
        what: story.what,
        chain: story.gateway.map(|gateway| peers.get(&gateway).cloned().unwrap_or_else(|| gateway.short())),
        block: story.block,
        transaction: story.transaction,
    }
}
