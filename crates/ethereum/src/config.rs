//! What an operator says about one EVM chain.

use std::time::Duration;

use alloy::primitives::Address;
use tim3_rpc::Policy;

pub use tim3_rpc::EndpointConfig as Endpoint;

/// One gateway on one EVM chain, and how to reach it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EthereumConfig {
    /// Short name: label of metrics and logs.
    pub name: String,
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// The gateway contract.
    pub gateway: Address,
    /// Block of its deployment, where the endpoints cannot say (pruned nodes).
    pub birth: Option<u64>,
    /// RPC endpoints, each a distinct one.
    pub endpoints: Vec<Endpoint>,
    /// How many endpoints must agree on what a signature rests on.
    pub quorum: usize,
    /// When a block is final.
    pub finality: Finality,
    /// For amounts of at least the first member (canonical units), blocks that must be on top of the operation's; ascending.
    pub tiers: Vec<(u128, u64)>,
    /// Milliseconds between readings of the head where no websocket says that there is news.
    pub poll_interval_ms: u64,
    /// What transactions may cost.
    pub fees: FeePolicy,
    /// Orders in one transaction, at most.
    pub max_orders: usize,
    /// Transactions on their way at once, at most.
    pub max_in_flight: usize,
    /// Gas of one transaction, at most; not above the chain's own limits (2^24 since EIP-7825).
    pub max_gas: u64,
    /// Milliseconds after which an unused nonce below used ones is filled.
    pub gap_patience_ms: u64,
    /// Blocks whose logs are asked for at once, at most.
    pub log_range: u64,
    /// Milliseconds that one endpoint may take to answer.
    pub timeout_ms: u64,
    /// Milliseconds between rounds in which every endpoint's head is compared.
    pub health_interval_ms: u64,
    /// Milliseconds after which a head that stands still while another moves is stalled; several block times.
    pub stall_after_ms: u64,
}

/// When a block is final.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Finality {
    /// When the chain's consensus says so.
    #[default]
    Finalized,
    /// When the chain calls it safe.
    Safe,
    /// With this many blocks on top.
    Depth(u64),
}

/// What transactions may cost, in wei per gas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeePolicy {
    /// Never more than this for a unit of gas.
    pub max_fee: u128,
    /// Never more than this of it to the proposer.
    pub max_tip: u128,
    /// This to the proposer, instead of what the endpoint suggests.
    pub tip: Option<u128>,
    /// How much more a replacement offers, in percent; pools want at least 10.
    pub step_percent: u32,
    /// A replacement offers at most this many times what a new transaction would.
    pub cap: u32,
    /// Milliseconds that a transaction may wait before it is replaced.
    pub escalate_after_ms: u64,
}

impl Default for FeePolicy {
    fn default() -> Self {
        Self {
            max_fee: 500_000_000_000,
            max_tip: 10_000_000_000,
            tip: None,
            step_percent: 10,
            cap: 3,
            escalate_after_ms: 30_000,
        }
    }
}

impl EthereumConfig {
    /// A gateway behind `endpoints`, everything else as it is by default.
    #[must_use]
    pub fn new(name: impl Into<String>, chain_id: u64, gateway: Address, endpoints: Vec<Endpoint>) -> Self {
        Self {
            name: name.into(),
            chain_id,
            gateway,
            birth: None,
            endpoints,
            quorum: 1,
            finality: Finality::default(),
            tiers: Vec::new(),
            poll_interval_ms: 1_000,
            fees: FeePolicy::default(),
            max_orders: 100,
            max_in_flight: 16,
            max_gas: 16_000_000,
            gap_patience_ms: 5_000,
            log_range: 2_000,
            timeout_ms: 5_000,
            health_interval_ms: 10_000,
            stall_after_ms: 45_000,
        }
    }

    pub(crate) fn pool_policy(&self) -> Policy {
        Policy {
            timeout: Duration::from_millis(self.timeout_ms),
            round: Duration::from_millis(self.health_interval_ms),
            stall_after: Duration::from_millis(self.stall_after_ms),
            ..Policy::default()
        }
    }
}
