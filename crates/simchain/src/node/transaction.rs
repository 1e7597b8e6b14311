//! Transactions and their bytes.

use serde::{Deserialize, Serialize};
use tim3_domain::{
    identity::{Account, GatewayId},
    place::TxId,
    word::keccak_bytes,
};

use crate::gateway::Call;

/// A call with what orders it among its sender's. Nobody forges transactions here, so they carry no signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tx {
    /// The gateway it is for: bytes kept over a reset mean nothing on the new chain.
    pub(crate) gateway: GatewayId,
    pub(crate) sender: Account,
    pub(crate) nonce: u64,
    pub(crate) fee: u128,
    pub(crate) call: Call,
}

impl Tx {
    pub(crate) fn encode(&self) -> Vec<u8> {
        // Every part of a transaction has a length of its own, so writing it to memory cannot fail.
        postcard::to_stdvec(self).unwrap_or_default()
    }

    pub(crate) fn decode(raw: &[u8]) -> Option<Self> {
        postcard::from_bytes(raw).ok()
    }

    pub(crate) fn id(&self) -> TxId {
        TxId(keccak_bytes(&self.encode()).to_string())
    }
}
