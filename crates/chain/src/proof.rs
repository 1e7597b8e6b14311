//! From what one endpoint stated to what a quorum proves.
//!
//! An [`EventChain`] holds the running hash up to some event. Given further events and the head that a quorum agrees on at a final
//! block, it recomputes the hash; only if count and hash are equal do the events become [`FinalEvent`]s. A `FinalEvent` cannot be made in
//! any other way, so whoever holds one holds the proof.

use serde::{Deserialize, Serialize};
use thiserror::Error;
use tim3_domain::{
    identity::GatewayId,
    protocol::{Event, Head},
};

use crate::{BlockRef, Located, TxId};

/// A gateway's head at a final block, agreed on by a quorum of endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuorumHead {
    gateway: GatewayId,
    head: Head,
    block: BlockRef,
}

impl QuorumHead {
    /// For adapters, in their implementation of `Reader::quorum_head` and nowhere else: states that a quorum agreed.
    #[must_use]
    pub fn agreed(gateway: GatewayId, head: Head, block: BlockRef) -> Self {
        Self { gateway, head, block }
    }

    /// The agreed count and hash.
    #[must_use]
    pub fn head(&self) -> Head {
        self.head
    }

    /// The block it was read at.
    #[must_use]
    pub fn block(&self) -> &BlockRef {
        &self.block
    }
}

/// A slot of which a quorum says that nothing was executed in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenSlot {
    gateway: GatewayId,
    origin: GatewayId,
    nonce: u64,
    block: BlockRef,
}

impl OpenSlot {
    /// For whoever asked [`crate::State::slots`] of `gateway` at the final `block`, and nowhere else: states that a quorum agreed.
    #[must_use]
    pub fn agreed(gateway: GatewayId, origin: GatewayId, nonce: u64, block: BlockRef) -> Self {
        Self { gateway, origin, nonce, block }
    }

    /// Whether it is the slot of the operation that `origin` numbered `nonce`, at `gateway`.
    #[must_use]
    pub fn is_of(&self, gateway: GatewayId, origin: GatewayId, nonce: u64) -> bool {
        (self.gateway, self.origin, self.nonce) == (gateway, origin, nonce)
    }

    /// The block it was read at.
    #[must_use]
    pub fn block(&self) -> &BlockRef {
        &self.block
    }
}

/// An event that is final and proved against the running hash of its gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FinalEvent {
    gateway: GatewayId,
    located: Located,
}

impl FinalEvent {
    /// For the coordinator's recovery and nowhere else: an event that this daemon proved and wrote to its own journal before.
    #[must_use]
    pub fn from_journal(gateway: GatewayId, located: Located) -> Self {
        Self { gateway, located }
    }

    /// The gateway that reported it.
    #[must_use]
    pub fn gateway(&self) -> GatewayId {
        self.gateway
    }

    /// The event.
    #[must_use]
    pub fn event(&self) -> &Event {
        &self.located.event
    }

    /// Its block.
    #[must_use]
    pub fn block(&self) -> &BlockRef {
        &self.located.block
    }

    /// Its transaction.
    #[must_use]
    pub fn transaction(&self) -> &TxId {
        &self.located.transaction
    }

    /// The event with its place.
    #[must_use]
    pub fn located(&self) -> &Located {
        &self.located
    }
}

/// Why events do not lead to the head a quorum agreed on. The events are wrong, not the quorum; but for [`ProofError::Finality`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ProofError {
    /// Another gateway's head.
    #[error("the head is of gateway {found}, expected {expected}")]
    Gateway {
        /// Whose events these are.
        expected: GatewayId,
        /// Whose head it is.
        found: GatewayId,
    },
    /// A number is missing or repeated.
    #[error("event {found} where {expected} was due")]
    Sequence {
        /// The sequence that was due.
        expected: u64,
        /// The sequence that came.
        found: u64,
    },
    /// The events end before or after the head.
    #[error("{found} events where the quorum counts {expected}")]
    Count {
        /// What the quorum counts.
        expected: u64,
        /// What the events add up to.
        found: u64,
    },
    /// What was proved at a final block is not there any more, says a quorum at a later one: the chain broke its finality.
    #[error("the quorum counts {found} events and does not have the {proved} that were final: finality was broken")]
    Finality {
        /// How many events were proved.
        proved: u64,
        /// What the quorum counts now.
        found: u64,
    },
    /// The hash differs: at least one event is not what the gateway reported.
    #[error("the running hash of {count} events differs from the quorum's")]
    Hash {
        /// How many events were hashed.
        count: u64,
    },
}

/// The proved part of a gateway's history: only its head is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventChain {
    gateway: GatewayId,
    head: Head,
}

impl EventChain {
    /// The history of a gateway from its first event.
    #[must_use]
    pub fn genesis(gateway: GatewayId) -> Self {
        Self { gateway, head: Head::genesis(gateway) }
    }

    /// A history that was proved before and kept in the daemon's own journal.
    #[must_use]
    pub fn resume(gateway: GatewayId, head: Head) -> Self {
        Self { gateway, head }
    }

    /// How far the proved history reaches.
    #[must_use]
    pub fn head(&self) -> Head {
        self.head
    }

    /// Proves `events`, the ones that follow the proved history, against `target`; on error nothing changes.
    ///
    /// # Errors
    /// [`ProofError`] saying where the events and the quorum part.
    pub fn extend(&mut self, events: Vec<Located>, target: &QuorumHead) -> Result<Vec<FinalEvent>, ProofError> {
        if target.gateway != self.gateway {
            return Err(ProofError::Gateway { expected: self.gateway, found: target.gateway });
        }
        let (proved, found) = (self.head, target.head);
        if found.count < proved.count || (found.count == proved.count && found.hash != proved.hash) {
            return Err(ProofError::Finality { proved: proved.count, found: found.count });
        }
        let mut head = self.head;
        for located in &events {
            head = head
                .after(&located.event)
                .ok_or(ProofError::Sequence { expected: head.count, found: located.event.sequence })?;
        }
        if head.count != target.head.count {
            return Err(ProofError::Count { expected: target.head.count, found: head.count });
        }
        if head.hash != target.head.hash {
            return Err(ProofError::Hash { count: head.count });
        }
        self.head = head;
        let gateway = self.gateway;
        Ok(events.into_iter().map(|located| FinalEvent { gateway, located }).collect())
    }
}
