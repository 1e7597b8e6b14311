//! What is kept, and the changes that can be made to it.

use serde::{Deserialize, Serialize};
use tim3_domain::{
    identity::{GatewayId, OperationId},
    lifecycle::{Fact, Leg, Phase},
    place::{BlockRef, Located, TxId},
    protocol::{Action, Head, MirrorRecord, Operation},
    word::Word,
};

/// An operation and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationRecord {
    /// The operation.
    pub operation: Operation,
    /// Its event at the origin, with the place it was last seen at.
    pub origin: Located,
    /// The event is final and was proved against a quorum's hash.
    pub origin_proved: bool,
    /// What closed its slot at the destination, once final and proved: `Voided`, or the outcome of another operation that holds the slot since
    /// a chain broke its finality. A refund rests on it.
    pub closed: Option<Located>,
    /// Where it stands.
    pub phase: Phase,
    /// The transaction of the outcome, once one is included.
    pub outcome: Option<(TxId, BlockRef)>,
    /// How often its current leg was refused or delayed in a row.
    pub attempts: u32,
    /// When this record was written last, in milliseconds since 1970, by the daemon's clock; for people only.
    pub updated_ms: u64,
}

impl OperationRecord {
    /// The other operation that holds its slot, and that one's gross amount, if one does.
    #[must_use]
    pub fn orphan(&self) -> Option<(OperationId, u128)> {
        let outcome = self.closed.as_ref()?.event.body.outcome()?;
        (outcome.operation != self.operation.id()).then_some((outcome.operation, outcome.gross))
    }
}

/// One line of an operation's story (`ops explain`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelineEntry {
    /// Milliseconds since 1970, by the daemon's clock.
    pub at_ms: u64,
    /// The phase after it.
    pub phase: String,
    /// What happened, in words.
    pub what: String,
    /// Configured name of the chain it happened on, if on one.
    pub chain: Option<String>,
    /// The block, if it is about one.
    pub block: Option<BlockRef>,
    /// The transaction, if it is about one.
    pub transaction: Option<TxId>,
}

/// How far a gateway's events are proved and worked off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// Count and hash of the proved events.
    pub head: Head,
    /// The final block they were proved at; reading goes on above it.
    pub height: u64,
}

/// An outcome whose operation was not seen yet, because chains are followed each at its own pace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarlyFact {
    /// What was stated.
    pub fact: Fact,
    /// The event that states it.
    pub located: Located,
}

/// Which order of which operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum OrderRef {
    /// An operation's leg.
    Leg(OperationId, Leg),
    /// A mirror, by its content hash.
    Mirror(Word),
    /// A payout that is sent again, by its content hash.
    Resend(Word),
}

/// A transaction that was signed and may be on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentTransaction {
    /// Configured name of its chain.
    pub chain: String,
    /// Its name on the chain.
    pub id: TxId,
    /// Its bytes, enough to send it again.
    #[serde(with = "crate::hexadecimal")]
    pub raw: Vec<u8>,
    /// Its nonce, or the last height it is valid at.
    pub nonce: u64,
    /// The transaction it takes the place of.
    pub replaces: Option<TxId>,
    /// The orders it carries.
    pub orders: Vec<OrderRef>,
}

/// What an attester signs at most one content for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SignatureKey {
    /// The attester's address.
    #[serde(with = "crate::hexadecimal")]
    pub attester: [u8; 20],
    /// Origin gateway; home gateway for a mirror.
    pub origin: GatewayId,
    /// Destination gateway; for a mirror the gateway that keeps the copy.
    pub destination: GatewayId,
    /// Nonce of the operation; version of a mirror.
    pub nonce: u64,
    /// What the order does.
    pub action: Action,
    /// Owner and market of a mirror, hashed; zero otherwise.
    pub subject: Word,
}

/// What was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignatureRecord {
    /// Content hash of the order: the same in every epoch.
    pub content: Word,
    /// Epoch it was signed under last.
    pub epoch: u64,
    /// Digest that was signed.
    pub digest: Word,
}

/// One change; a list of them is durable as a whole or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Writes an operation's record. Its phase must be one the stored phase can become; without a record an operation counts as
    /// `Observed`.
    Operation(Box<OperationRecord>),
    /// Adds a line to an operation's story.
    Timeline(OperationId, TimelineEntry),
    /// Moves a gateway's cursor.
    Cursor(GatewayId, Cursor),
    /// Keeps an outcome whose operation is not known yet. Kept once, however often it is given.
    Early(OperationId, EarlyFact),
    /// Forgets the early outcomes of an operation, after they were applied or reorganised away.
    EarlyDone(OperationId),
    /// Keeps a transaction before it is sent.
    Transaction(SentTransaction),
    /// Forgets a transaction whose fate is final.
    TransactionDone(String, TxId),
    /// Keeps a signature before it leaves. The content of a key never changes; epoch and digest do.
    Signature(SignatureKey, SignatureRecord),
    /// Keeps the newest final and proved event that moved a position, to be mirrored; keyed by (market, owner). An older event than
    /// the kept one changes nothing, nor does one that moved no position.
    Position {
        /// The position's home.
        home: GatewayId,
        /// The event.
        event: Located,
    },
    /// A peer gateway has this version of a position; the last word counts, so that a reorg can take one back.
    Mirrored {
        /// The gateway that keeps the copy.
        peer: GatewayId,
        /// What it has.
        record: MirrorRecord,
    },
    /// Keeps a named value: deployment salts, the last audit, the halt of an asset.
    Note(String, String),
    /// Keeps a line of the keepers' record, in their own words, under its number.
    Keeper(u64, String),
    /// Keeps an entry of the keepers' ledger, in their own words, under its number. Entries are never forgotten.
    KeeperEntry(u64, String),
    /// Forgets the lines of the keepers' record below a number.
    KeeperForget {
        /// The first that stays.
        below: u64,
    },
}
