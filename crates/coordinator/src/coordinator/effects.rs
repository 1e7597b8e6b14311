//! Carrying effects out: asking attesters, handing orders to submitters, waiting for the next attempt.

use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

use tim3_chain::{AttestRequest, AttesterSet, BlockRef, Chain, Evidence, FinalEvent, OpenSlot, Refused, Slot};
use tim3_domain::{
    identity::{GatewayId, OperationId},
    lifecycle::{Effect, Leg, Phase, Refusal, Step},
    protocol::{Order, SignedOrder},
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

/// What shows that an order is right, as far as it is known without asking a chain.
enum Known {
    Evidence(Evidence),
    /// A void, whose slot a quorum still has to call open.
    Void {
        event: Box<FinalEvent>,
        why: Refusal,
    },
}

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
        let finalized = self.operations.tips(gateway).map(|tips| tips.finalized).unwrap_or_default();
        let mut known = Vec::with_capacity(ids.len());
        let mut answers = Vec::new();
        for id in ids {
            let Some(entry) = self.operations.get(*id) else { continue };
            match evidence(entry, leg) {
                Some(evidence) => {
                    let (action, content) = entry.order(leg);
                    let order = Order { action, gateway, epoch: set.epoch, content };
                    known.push((*id, order, evidence));
                }
                None => {
                    answers.push((*id, leg, Err(Refused::Unavailable("the evidence is not final here yet".into()))))
                }
            }
        }
        let (attesters, chain, messages) =
            (self.attesters.clone(), std::sync::Arc::clone(&link.chain), self.messages.clone());
        self.tasks.spawn(async move {
            let (asked, refused) = complete(&*chain, leg, known, &finalized).await;
            answers.extend(refused);
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

/// What shows that the leg's order is right; `None` while it is not final here.
fn evidence(entry: &Entry, leg: Leg) -> Option<Known> {
    let event = Box::new(entry.origin()?);
    Some(match leg {
        Leg::Settle => Known::Evidence(Evidence::Event(event)),
        Leg::Void => {
            let why = match &entry.record.phase {
                Phase::Voiding { why, .. } => why.clone(),
                _ => Refusal::Elsewhere,
            };
            Known::Void { event, why }
        }
        Leg::Refund => Known::Evidence(Evidence::Refund { event, closed: Box::new(entry.closed()?) }),
    })
}

/// Makes requests of what is known. For voids a quorum is asked whether their slots are open at the final block; those whose slots are
/// taken wait for the outcome that took them.
async fn complete(
    chain: &dyn Chain,
    leg: Leg,
    known: Vec<(OperationId, Order, Known)>,
    finalized: &BlockRef,
) -> (Vec<Asked>, Vec<Answer>) {
    let replay_key = |(_, order, known): &(OperationId, Order, Known)| match known {
        Known::Void { .. } => order.operation().map(|operation| (operation.origin, operation.nonce)),
        Known::Evidence(_) => None,
    };
    let keys: Vec<_> = known.iter().filter_map(replay_key).collect();
    let slots = if keys.is_empty() { Ok(Vec::new()) } else { chain.slots(&keys, finalized).await };
    let slots = match slots {
        Ok(slots) => slots,
        Err(error) => {
            let why = Refused::Unavailable(error.to_string());
            return (Vec::new(), known.into_iter().map(|(id, ..)| (id, leg, Err(why.clone()))).collect());
        }
    };
    let mut slots = keys.into_iter().zip(slots);
    let (mut asked, mut refused) = (Vec::new(), Vec::new());
    for (id, order, known) in known {
        let evidence = match known {
            Known::Evidence(evidence) => evidence,
            Known::Void { event, why } => match slots.next() {
                Some(((origin, nonce), Slot::None)) => {
                    let slot = OpenSlot::agreed(order.gateway, origin, nonce, *finalized);
                    Evidence::Void { event, slot, why }
                }
                taken => {
                    let slot = taken.map(|(_, slot)| slot);
                    let why = format!("the slot is {slot:?}, its event is awaited");
                    refused.push((id, leg, Err(Refused::Unavailable(why))));
                    continue;
                }
            },
        };
        asked.push((id, leg, AttestRequest { order, evidence }));
    }
    (asked, refused)
}

async fn gather(attesters: &crate::attestation::Attesters, asked: Vec<Asked>, set: &AttesterSet) -> Vec<Answer> {
    let (names, requests): (Vec<_>, Vec<_>) = asked.into_iter().map(|(id, leg, request)| ((id, leg), request)).unzip();
    let results = attesters.sign(requests, set).await;
    names.into_iter().zip(results).map(|((id, leg), result)| (id, leg, result)).collect()
}
