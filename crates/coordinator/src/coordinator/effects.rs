//! Carrying effects out: asking attesters, handing orders to submitters, waiting for the next attempt.

use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

use tim3_chain::{AttestRequest, AttesterSet, Chain, Evidence, Refused, Slot};
use tim3_domain::{
    identity::{GatewayId, OperationId},
    lifecycle::{Effect, Leg, Phase, Refusal, Step},
    protocol::{Order, OrderContent, SignedOrder},
};
use tim3_journal::OrderRef;
use tokio::time::Instant;
use tracing::error;

use super::{Coordinator, Message};
use crate::{
    operations::{Entry, Work},
    submitter::{Request, queue::Job},
};

/// First pause before another attempt; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Longest pause before another attempt.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(60);

type Asked = (OperationId, Leg, AttestRequest);
type Answer = (OperationId, Leg, Result<SignedOrder, Refused>);

impl Coordinator {
    /// Carries out what is durable now.
    pub(super) async fn carry_out(&mut self, effects: Vec<(OperationId, Effect)>) {
        let mut sign: BTreeMap<(GatewayId, Leg), Vec<OperationId>> = BTreeMap::new();
        for (id, effect) in effects {
            match effect {
                Effect::Sign(leg) => self.group_for_signing(id, leg, &mut sign),
                Effect::Submit(leg) if self.signed.contains_key(&(id, leg)) => self.submit(id, leg),
                Effect::Submit(leg) => self.group_for_signing(id, leg, &mut sign),
                Effect::SubmitLater(leg) => self.later(id, leg),
                Effect::Withdraw(leg) => self.withdraw(id, leg),
                Effect::Halt(breach) => error!(op = %id, ?breach, "the chain contradicts the protocol"),
            }
        }
        for ((gateway, leg), ids) in sign {
            self.ask(gateway, leg, &ids).await;
        }
        self.ask_windows();
    }

    fn group_for_signing(&self, id: OperationId, leg: Leg, sign: &mut BTreeMap<(GatewayId, Leg), Vec<OperationId>>) {
        if let Some(entry) = self.operations.get(id) {
            let operation = &entry.record.operation;
            let gateway = if leg == Leg::Refund { operation.origin } else { operation.destination };
            sign.entry((gateway, leg)).or_default().push(id);
        }
    }

    /// Asks the attesters in a task of its own; the answer is a message.
    async fn ask(&self, gateway: GatewayId, leg: Leg, ids: &[OperationId]) {
        let Some(link) = self.links.get(&gateway) else { return };
        let set = link.attesters.read().await.clone();
        let open_at = self.operations.tips(gateway).map(|tips| tips.finalized).unwrap_or_default();
        let mut asked = Vec::with_capacity(ids.len());
        let mut unproved = Vec::new();
        for id in ids {
            let Some(entry) = self.operations.get(*id) else { continue };
            match evidence(entry, leg, open_at) {
                Some(evidence) => {
                    let content = OrderContent::Operation(entry.record.operation.clone());
                    let action = leg.action(entry.record.operation.kind);
                    let order = Order { action, gateway, epoch: set.epoch, content };
                    asked.push((*id, leg, AttestRequest { order, evidence }));
                }
                None => {
                    unproved.push((*id, leg, Err(Refused::Unavailable("the evidence is not final here yet".into()))))
                }
            }
        }
        let (attesters, chain, messages) =
            (self.attesters.clone(), std::sync::Arc::clone(&link.chain), self.messages.clone());
        self.tasks.spawn(async move {
            let mut answers = unproved;
            let asked = if leg == Leg::Void { open_slots(&*chain, asked, &open_at, &mut answers).await } else { asked };
            answers.extend(gather(&attesters, asked, &set).await);
            let _ = messages.send(Message::Signed(answers)).await;
        });
    }

    fn submit(&mut self, id: OperationId, leg: Leg) {
        if let Some(signed) = self.signed.get(&(id, leg)).cloned() {
            let gateway = signed.order.gateway;
            let job = Job { order: OrderRef::Leg(id, leg), signed, reply: self.reports.clone() };
            self.outbox.push(gateway, Request::Carry(Box::new(job)));
        }
    }

    fn withdraw(&mut self, id: OperationId, leg: Leg) {
        if let Some(signed) = self.signed.remove(&(id, leg)) {
            self.outbox.push(signed.order.gateway, Request::Withdraw(OrderRef::Leg(id, leg)));
        }
    }

    /// Lets the leg wait for its next attempt.
    pub(super) fn later(&mut self, id: OperationId, leg: Leg) {
        let attempts = self.operations.get(id).map_or(0, |entry| entry.record.attempts);
        let pause = FIRST_PAUSE.saturating_mul(1_u32.checked_shl(attempts.saturating_sub(1)).unwrap_or(u32::MAX));
        let now = Instant::now();
        self.due.insert((now.checked_add(pause.min(LONGEST_PAUSE)).unwrap_or(now), id), leg);
    }

    /// Turns what is due into effects, as far as it still fits where the operation stands.
    pub(super) fn fire_due(&mut self, work: &mut Work) {
        let now = Instant::now();
        let operations = &self.operations;
        let ripe = self.delayed.ripe(|gateway| operations.tips(gateway).map_or(0, |tips| tips.head.timestamp));
        if !ripe.is_empty() {
            let ripe: HashSet<OperationId> = ripe.into_iter().collect();
            self.due.retain(|(_, id), _| !ripe.contains(id));
            self.due.extend(ripe.into_iter().map(|id| ((now, id), Leg::Settle)));
        }
        while let Some(entry) = self.due.first_entry().filter(|entry| entry.key().0 <= now) {
            let ((_, id), leg) = entry.remove_entry();
            match self.operations.get(id).and_then(|entry| entry.record.phase.leg()) {
                Some((current, Step::Signing)) if current == leg => work.effects.push((id, Effect::Sign(leg))),
                Some((current, Step::Authorized)) if current == leg => work.effects.push((id, Effect::Submit(leg))),
                _ => {}
            }
        }
    }
}

/// What shows that the leg's order is right, as far as it is known here.
fn evidence(entry: &Entry, leg: Leg, open_at: tim3_chain::BlockRef) -> Option<Evidence> {
    let event = Box::new(entry.origin()?);
    Some(match leg {
        Leg::Settle => Evidence::Event(event),
        Leg::Void => {
            let why = match &entry.record.phase {
                Phase::Voiding { why, .. } => why.clone(),
                _ => Refusal::Elsewhere,
            };
            Evidence::Void { event, open_at, why }
        }
        Leg::Refund => Evidence::Refund { event, voided: Box::new(entry.voided()?) },
    })
}

/// Keeps those whose slot a quorum says is open at the final block; the others wait for the outcome that took it.
async fn open_slots(
    chain: &dyn Chain,
    asked: Vec<Asked>,
    open_at: &tim3_chain::BlockRef,
    answers: &mut Vec<Answer>,
) -> Vec<Asked> {
    let keys: Vec<_> = asked
        .iter()
        .filter_map(|(_, _, request)| request.order.operation())
        .map(|operation| (operation.origin, operation.nonce))
        .collect();
    let slots = match chain.slots(&keys, open_at).await {
        Ok(slots) if slots.len() == asked.len() => slots,
        Ok(_) => Vec::new(),
        Err(error) => {
            let why = Refused::Unavailable(error.to_string());
            answers.extend(asked.into_iter().map(|(id, leg, _)| (id, leg, Err(why.clone()))));
            return Vec::new();
        }
    };
    let mut open = Vec::new();
    for (asked, slot) in asked.into_iter().zip(slots) {
        if slot == Slot::None {
            open.push(asked);
        } else {
            let why = Refused::Unavailable(format!("the slot is {slot:?}, its event is awaited"));
            answers.push((asked.0, asked.1, Err(why)));
        }
    }
    open
}

async fn gather(attesters: &crate::attestation::Attesters, asked: Vec<Asked>, set: &AttesterSet) -> Vec<Answer> {
    let (names, requests): (Vec<_>, Vec<_>) = asked.into_iter().map(|(id, leg, request)| ((id, leg), request)).unzip();
    let results = attesters.sign(requests, set).await;
    names.into_iter().zip(results).map(|((id, leg), result)| (id, leg, result)).collect()
}
