//! Where on a chain something is, in words that fit every chain.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{protocol::Event, word::Word};

/// A block (slot, nonce) by height and hash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BlockRef {
    /// Height, growing by at least one from block to block.
    pub height: u64,
    /// What tells it from another block of the same height.
    pub hash: Word,
    /// Chain time in seconds.
    pub timestamp: u64,
}

/// A transaction (message, data item) as its chain names it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TxId(pub String);

impl fmt::Display for TxId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TxId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An event with the place it was found at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Located {
    /// The event.
    pub event: Event,
    /// Its block.
    pub block: BlockRef,
    /// Its transaction.
    pub transaction: TxId,
}
