//! Signatures over orders, and what they rest on.

use async_trait::async_trait;
use thiserror::Error;
use tim3_domain::{lifecycle::Refusal, protocol::Order};

use crate::{FinalEvent, LostPayout, OpenSlot};

/// A recoverable secp256k1 signature: `r ‖ s ‖ v`, low s, v of 27 or 28.
pub type Signature = [u8; 65];

/// What an attester is shown. It believes nothing that is not proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// Mint, Release, Mirror: the event at the origin.
    Event(Box<FinalEvent>),
    /// Void: the event at the origin, the open slot at the destination, and why.
    Void {
        /// The event at the origin.
        event: Box<FinalEvent>,
        /// The slot that the void closes.
        slot: OpenSlot,
        /// Why it is not delivered.
        why: Refusal,
    },
    /// Refund, Conflict: the event at the origin and the outcome at the destination.
    Refund {
        /// The event at the origin.
        event: Box<FinalEvent>,
        /// What closed the slot at the destination: `Voided`, or for a conflict what was executed under another id.
        closed: Box<FinalEvent>,
    },
    /// Resend: the payout that its token was never told of.
    Lost(LostPayout),
}

/// A wish for a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttestRequest {
    /// What to sign.
    pub order: Order,
    /// Why it is right.
    pub evidence: Evidence,
}

/// Why an attester did not sign.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refused {
    /// The evidence does not show what the order says.
    #[error("the evidence does not support the order: {0}")]
    Evidence(String),
    /// It signed something else for the same replay key and action.
    #[error("already signed {signed} for this replay key and action, asked for {asked}")]
    Conflict {
        /// Digest of what was signed.
        signed: String,
        /// Digest of what was asked for.
        asked: String,
    },
    /// It could not write, reach its endpoints, or be reached.
    #[error("attester unavailable: {0}")]
    Unavailable(String),
}

/// Somebody whose signature counts.
#[async_trait]
pub trait Attester: Send + Sync {
    /// The 20-byte address that signatures recover to.
    fn address(&self) -> [u8; 20];

    /// Signs what is right; one answer a request, in order. The record is durable before a signature leaves.
    async fn attest(&self, requests: &[AttestRequest]) -> Vec<Result<Signature, Refused>>;
}
