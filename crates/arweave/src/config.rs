//! What an operator says about a gateway on AO.

use tim3_domain::identity::ChainId;

use crate::{id::Id, network::NetworkConfig};

/// One gateway on one AO network, and how to reach it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AoConfig {
    /// The network and its endpoints.
    pub network: NetworkConfig,
    /// CAIP-2 name, as the gateway was told it: `ao:` and a name.
    pub chain: ChainId,
    /// The gateway's process.
    pub process: Id,
    /// Blocks of Arweave that must lie on a message's assignment, itself included, before the message is final. 0 takes the scheduler's word
    /// for it at once; then [`AoConfig::tiers`] should cap what that is good for.
    pub confirmations: u64,
    /// For amounts of at least the first member (canonical units), how many blocks must lie on it; ascending.
    pub tiers: Vec<(u128, u64)>,
    /// Which wallet is which attester's.
    pub voters: Vec<Voter>,
    /// Milliseconds between readings of the head.
    pub poll_interval_ms: u64,
    /// Orders in one transaction, at most 100.
    pub max_orders: usize,
    /// Transactions on their way at once, at most.
    pub max_in_flight: usize,
}

/// An attester's wallet on AO, where nothing can look at its signature: the wallet's message is its word there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Voter {
    /// The 20-byte address that its signatures recover to.
    pub attester: [u8; 20],
    /// Its wallet.
    pub wallet: Id,
}

impl AoConfig {
    /// A gateway, everything else as it is by default.
    #[must_use]
    pub fn new(network: NetworkConfig, chain: ChainId, process: Id) -> Self {
        Self {
            network,
            chain,
            process,
            confirmations: 10,
            tiers: Vec::new(),
            voters: Vec::new(),
            poll_interval_ms: 2_000,
            max_orders: 50,
            max_in_flight: 8,
        }
    }
}
