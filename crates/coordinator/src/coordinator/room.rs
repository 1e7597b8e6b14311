//! Orders that a gateway delayed because a window was full: they are tried again when there is room for them, not by chance.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use tim3_chain::Direction;
use tim3_domain::{
    clock::utc,
    identity::{GatewayId, OperationId},
    lifecycle::{Leg, Step},
    protocol::{OperationKind, Window},
};
use tokio::time::Instant;
use tracing::warn;

use super::{Coordinator, Message, effects::LONGEST_PAUSE};
use crate::operations::Work;

/// What is delayed, by window.
#[derive(Debug, Default)]
pub(super) struct Delayed {
    /// Each operation with whether its story says until when it waits.
    operations: HashMap<(GatewayId, Direction), HashMap<OperationId, bool>>,
    /// Windows that are being read.
    asked: HashSet<(GatewayId, Direction)>,
    /// When windows were read last: while something waits, they are read again, because a limit may be raised.
    read: HashMap<(GatewayId, Direction), Instant>,
    /// Chain time from which there is room, which comes early where a chain's clock leaps.
    room: HashMap<OperationId, (GatewayId, u64)>,
}

impl Coordinator {
    /// The destination delayed an operation.
    pub(super) fn delayed(&mut self, id: OperationId) {
        let Some(entry) = self.operations.get(id) else { return };
        let operation = &entry.record.operation;
        let key = (operation.destination, direction(operation.kind));
        self.delayed.operations.entry(key).or_default().insert(id, false);
    }

    /// Asks for the windows of what was delayed, in tasks of their own; the answers are messages.
    pub(super) fn ask_windows(&mut self) {
        for (key, waiting) in &self.delayed.operations {
            let is_old = self.delayed.read.get(key).is_none_or(|read| read.elapsed() >= LONGEST_PAUSE);
            let wanted = is_old || waiting.values().any(|told| !told);
            let Some(link) = self.links.get(&key.0).filter(|_| wanted && !self.delayed.asked.contains(key)) else {
                continue;
            };
            self.delayed.asked.insert(*key);
            let (chain, messages, asset, key) =
                (Arc::clone(&link.chain), self.messages.clone(), self.operations.asset(), *key);
            self.tasks.spawn(async move {
                let window = chain.window(asset, key.1).await;
                if let Err(error) = &window {
                    warn!(chain = chain.name(), %error, "the full window could not be read: what it delays is tried again by and by");
                }
                let _ = messages.send(Message::Window(key.0, key.1, window.ok())).await;
            });
        }
    }

    /// Lets what a window delays wait until there is room, the oldest first. What was not read leaves the general pauses as they are.
    pub(super) fn take_window(
        &mut self,
        gateway: GatewayId,
        direction: Direction,
        window: Option<Window>,
        now_ms: u64,
        work: &mut Work,
    ) {
        let key = (gateway, direction);
        self.delayed.asked.remove(&key);
        self.delayed.read.insert(key, Instant::now());
        let delayed = self.delayed.operations.remove(&key).unwrap_or_default();
        for id in delayed.keys() {
            self.delayed.room.remove(id);
        }
        let Some(window) = window else { return };
        let chain_now = self.operations.tips(gateway).map_or(0, |tips| tips.head.timestamp).max(window.updated);
        // What is on its way again, or ended, is no longer delayed.
        let mut queue: Vec<(u64, OperationId, u128)> = delayed
            .keys()
            .filter_map(|id| self.operations.get(*id))
            .filter(|entry| entry.record.phase.leg() == Some((Leg::Settle, Step::Authorized)))
            .map(|entry| (entry.record.operation.timestamp, entry.id, entry.record.operation.amount))
            .collect();
        queue.sort_unstable();
        let queued: HashSet<OperationId> = queue.iter().map(|(_, id, _)| *id).collect();
        self.due.retain(|(_, id), _| !queued.contains(id));
        let (now, mut ahead, mut waiting) = (Instant::now(), 0_u128, HashMap::new());
        for (_, id, amount) in queue {
            let at = window.fits_at(amount, ahead, chain_now).filter(|at| *at > chain_now);
            if let Some(at) = at {
                self.delayed.room.insert(id, (gateway, at));
            }
            // The chain's clock goes as ours does; only what it shows may differ.
            let pause = at.map(|at| Duration::from_secs(at.saturating_sub(chain_now)));
            ahead = ahead.saturating_add(amount);
            let told = delayed.get(&id).copied().unwrap_or_default();
            waiting.insert(id, true);
            match pause {
                Some(pause) => {
                    self.due.insert((now.checked_add(pause).unwrap_or(now), id), Leg::Settle);
                    let until = now_ms.saturating_add(u64::try_from(pause.as_millis()).unwrap_or(u64::MAX));
                    if !told {
                        let what = format!("waits for room in the {} window until {}", name(direction), utc(until));
                        self.operations.say(id, what, now_ms, work);
                    }
                }
                // There should be room now, or there never will: over the whole limit, T_max voids it, unless the limit is raised.
                None => self.later(id, Leg::Settle),
            }
        }
        if !waiting.is_empty() {
            self.delayed.operations.insert(key, waiting);
        }
    }
}

impl Delayed {
    /// What there is room for by now, by the clocks of the chains.
    pub(super) fn ripe(&mut self, clock: impl Fn(GatewayId) -> u64) -> Vec<OperationId> {
        let ripe = |(gateway, at): &(GatewayId, u64)| *at <= clock(*gateway);
        let ids: Vec<_> = self.room.iter().filter(|(_, room)| ripe(room)).map(|(id, _)| *id).collect();
        for id in &ids {
            self.room.remove(id);
        }
        ids
    }
}

fn direction(kind: OperationKind) -> Direction {
    match kind {
        OperationKind::Redeem => Direction::Release,
        OperationKind::Mint | OperationKind::Transfer => Direction::Mint,
    }
}

fn name(direction: Direction) -> &'static str {
    match direction {
        Direction::Mint => "Mint",
        Direction::Release => "Release",
    }
}
