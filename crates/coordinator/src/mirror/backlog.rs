//! Which gateway lacks which version of which position, and when it may be carried. No I/O.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use tim3_chain::FinalEvent;
use tim3_domain::{
    identity::{Account, GatewayId, MarketId},
    protocol::MirrorRecord,
    word::Word,
};
use tokio::time::Instant;

type Key = (MarketId, Account);

/// The copies that are missing.
#[derive(Debug, Default)]
pub struct Backlog {
    peers: BTreeMap<GatewayId, Peer>,
    /// Newest event of each position that some peer lacks.
    newest: HashMap<Key, FinalEvent>,
}

#[derive(Debug)]
struct Peer {
    interval: Duration,
    /// What it lacks, and since when.
    behind: BTreeMap<Key, Instant>,
    has: HashMap<Key, u64>,
    /// What is on its way, by content hash, and since when.
    carried: HashMap<Word, (MirrorRecord, Instant)>,
    last: HashMap<Key, Instant>,
    /// The head at which the gateway first said that it has a copy already.
    answered: HashMap<Word, u64>,
}

/// How long a copy may be on its way before it is carried again.
const PATIENCE: Duration = Duration::from_secs(120);

impl Backlog {
    /// No copy is known; `peers` want copies, each position at most once an interval.
    #[must_use]
    pub fn new(peers: impl IntoIterator<Item = (GatewayId, Duration)>) -> Self {
        let peer = |interval| Peer {
            interval,
            behind: BTreeMap::new(),
            has: HashMap::new(),
            carried: HashMap::new(),
            last: HashMap::new(),
            answered: HashMap::new(),
        };
        Self {
            peers: peers.into_iter().map(|(gateway, interval)| (gateway, peer(interval))).collect(),
            newest: HashMap::new(),
        }
    }

    /// A position has a new final version.
    pub fn moved(&mut self, event: FinalEvent) {
        let Some(record) = record_of(&event) else { return };
        let key = key_of(&record);
        if self.newest.get(&key).is_some_and(|newest| newest.event().sequence >= record.version) {
            return;
        }
        let mut wanted = false;
        for (gateway, peer) in &mut self.peers {
            if *gateway != record.home && peer.has.get(&key).is_none_or(|has| *has < record.version) {
                peer.behind.entry(key).or_insert_with(Instant::now);
                wanted = true;
            }
        }
        if wanted {
            self.newest.insert(key, event);
        }
    }

    /// Up to `most` copies that `gateway` lacks, that are not on their way, and whose interval is over.
    #[must_use]
    pub fn due(&self, gateway: GatewayId, most: usize) -> Vec<(MirrorRecord, FinalEvent)> {
        let Some(peer) = self.peers.get(&gateway) else { return Vec::new() };
        let ready = |key: &&Key| peer.last.get(*key).is_none_or(|last| last.elapsed() >= peer.interval);
        let copies = peer.behind.keys().filter(ready).filter_map(|key| self.newest.get(key));
        let copies = copies.filter_map(|event| record_of(event).map(|record| (record, event.clone())));
        let free = |(record, _): &(MirrorRecord, FinalEvent)| {
            peer.carried.get(&record.hash()).is_none_or(|(_, since)| since.elapsed() >= PATIENCE)
        };
        copies.filter(free).take(most).collect()
    }

    /// A copy is on its way.
    pub fn carried(&mut self, gateway: GatewayId, record: &MirrorRecord) {
        if let Some(peer) = self.peers.get_mut(&gateway) {
            peer.carried.insert(record.hash(), (*record, Instant::now()));
            peer.last.insert(key_of(record), Instant::now());
        }
    }

    /// A copy is not on its way any more and did not arrive.
    pub fn lost(&mut self, gateway: GatewayId, hash: Word) {
        if let Some(peer) = self.peers.get_mut(&gateway) {
            peer.carried.remove(&hash);
        }
    }

    /// The transaction that carried a copy is final.
    pub fn arrived(&mut self, gateway: GatewayId, hash: Word) -> Option<MirrorRecord> {
        let peer = self.peers.get_mut(&gateway)?;
        peer.answered.remove(&hash);
        peer.carried.remove(&hash).map(|(record, _)| record)
    }

    /// The gateway says that it has the copy, at a (head, final) height. It counts once the gateway still says so when the head at which it
    /// said so first is final; until then it is asked again.
    pub fn is_there(&mut self, gateway: GatewayId, hash: Word, (head, finalized): (u64, u64)) -> Option<MirrorRecord> {
        let peer = self.peers.get_mut(&gateway)?;
        let (record, _) = peer.carried.remove(&hash)?;
        let first = *peer.answered.entry(hash).or_insert(head);
        if first > finalized {
            return None;
        }
        peer.answered.remove(&hash);
        Some(record)
    }

    /// `gateway` is known to have this version.
    pub fn delivered(&mut self, gateway: GatewayId, record: &MirrorRecord) {
        let key = key_of(record);
        if let Some(peer) = self.peers.get_mut(&gateway) {
            let has = peer.has.entry(key).or_insert(record.version);
            *has = (*has).max(record.version);
            let newest = self.newest.get(&key).map(|event| event.event().sequence);
            if newest.is_none_or(|newest| *has >= newest) {
                peer.behind.remove(&key);
                peer.last.remove(&key);
                if peer.behind.is_empty() {
                    peer.answered.clear();
                }
            }
        }
        if self.peers.values().all(|peer| !peer.behind.contains_key(&key)) {
            self.newest.remove(&key);
        }
    }

    /// How many positions `gateway` does not have in their newest version.
    #[must_use]
    pub fn behind(&self, gateway: GatewayId) -> usize {
        self.peers.get(&gateway).map_or(0, |peer| peer.behind.len())
    }

    /// How long `gateway` has lacked what it lacks longest.
    #[must_use]
    pub fn oldest(&self, gateway: GatewayId) -> Duration {
        let oldest = self.peers.get(&gateway).and_then(|peer| peer.behind.values().min());
        oldest.map_or(Duration::ZERO, Instant::elapsed)
    }
}

/// The copy that an event asks for, if it moved a position.
#[must_use]
pub fn record_of(event: &FinalEvent) -> Option<MirrorRecord> {
    let position = *event.event().body.position()?;
    Some(MirrorRecord { home: event.gateway(), position, version: event.event().sequence })
}

fn key_of(record: &MirrorRecord) -> Key {
    (record.position.market, record.position.owner)
}

#[cfg(test)]
mod tests;
