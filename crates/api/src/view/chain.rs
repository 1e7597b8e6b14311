//! A chain as the daemon sees it.

use serde::{Deserialize, Serialize};
use tim3_domain::place::BlockRef;

/// One of `GET /api/v1/chains`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainView {
    /// Configured name.
    pub name: String,
    /// CAIP-2 name.
    pub chain: String,
    /// The gateway's account, CAIP-10.
    pub gateway: String,
    /// The gateway's identity.
    pub gateway_id: String,
    /// The newest block, once one was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<BlockView>,
    /// The newest final block, once one was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finalized: Option<BlockView>,
    /// Events of the gateway that are proved and worked off.
    pub events: u64,
    /// The final block up to which they were read.
    pub read_to: u64,
    /// When the chain last answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_ms: Option<u64>,
    /// What went wrong last, while it still does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Its endpoints, in the order they are asked.
    pub endpoints: Vec<EndpointView>,
    /// Its submitter.
    pub submitter: SubmitterView,
    /// Positions whose newest version it does not have yet.
    pub mirrors_behind: u64,
}

/// A block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockView {
    /// Height.
    pub height: u64,
    /// Hash.
    pub hash: String,
    /// Chain time in seconds.
    pub timestamp: u64,
}

impl From<&BlockRef> for BlockView {
    fn from(block: &BlockRef) -> Self {
        Self { height: block.height, hash: block.hash.to_string(), timestamp: block.timestamp }
    }
}

/// An RPC endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointView {
    /// Its name; never a URL with credentials.
    pub name: String,
    /// Whether calls go there.
    pub healthy: bool,
    /// The newest height it stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<u64>,
    /// What is wrong with it, if something is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// Orders and transactions on their way to one chain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubmitterView {
    /// Signed orders that wait for a transaction.
    pub waiting: u64,
    /// Transactions that are not included.
    pub in_flight: u64,
    /// What the signer has left for fees, with its unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub funds: Option<String>,
    /// Whether that is below what is needed.
    pub funds_low: bool,
}
