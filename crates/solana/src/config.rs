//! What an operator says about one Solana cluster.

use std::time::Duration;

use solana_pubkey::Pubkey;
use tim3_domain::identity::ChainId;
use tim3_rpc::{EndpointConfig, Policy};

/// One gateway on one cluster, and how to reach it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SolanaConfig {
    /// Short name: label of metrics and logs.
    pub name: String,
    /// CAIP-2 name: `solana:` and the first 32 characters of the genesis hash.
    pub chain: ChainId,
    /// The gateway program.
    pub program: Pubkey,
    /// The gateway's account.
    pub gateway: Pubkey,
    /// A lookup table of the gateway's lasting accounts, for shorter transactions.
    pub lookup_table: Option<Pubkey>,
    /// RPC endpoints, each a distinct one.
    pub endpoints: Vec<EndpointConfig>,
    /// How many endpoints must agree on what a signature rests on.
    pub quorum: usize,
    /// For amounts of at least the first member (canonical units), slots that must be finalized on top of the operation's; ascending.
    pub tiers: Vec<(u128, u64)>,
    /// Milliseconds between readings of the head where no websocket says that there is news.
    pub poll_interval_ms: u64,
    /// What transactions may cost.
    pub fees: FeePolicy,
    /// Orders in one transaction, at most; its 1,232 bytes hold fewer than ten.
    pub max_orders: usize,
    /// Token accounts of recipients that the submitter makes in a day, at most. Each costs it 0.00204 SOL of rent, which the recipient can keep.
    /// Who has none otherwise, has to claim.
    pub create_accounts: u32,
    /// Transactions on their way at once, at most.
    pub max_in_flight: usize,
    /// Pages of events that are read at once, at most; a page is 10 KiB.
    pub max_pages: usize,
    /// Milliseconds that one endpoint may take to answer.
    pub timeout_ms: u64,
    /// Milliseconds between rounds in which every endpoint's head is compared.
    pub health_interval_ms: u64,
    /// Milliseconds after which a head that stands still while another moves is stalled; several slots.
    pub stall_after_ms: u64,
}

/// What transactions may cost, in millionths of a lamport per compute unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeePolicy {
    /// Never less than this.
    pub min_price: u64,
    /// Never more than this.
    pub max_price: u64,
    /// How much more is offered for each transaction in a row that was not included, in percent.
    pub step_percent: u32,
    /// It offers at most this many times what others paid lately.
    pub cap: u32,
}

impl Default for FeePolicy {
    fn default() -> Self {
        Self { min_price: 1_000, max_price: 5_000_000, step_percent: 100, cap: 16 }
    }
}

impl SolanaConfig {
    /// A gateway behind `endpoints`, everything else as it is by default.
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        chain: ChainId,
        program: Pubkey,
        gateway: Pubkey,
        endpoints: Vec<EndpointConfig>,
    ) -> Self {
        Self {
            name: name.into(),
            chain,
            program,
            gateway,
            lookup_table: None,
            endpoints,
            quorum: 1,
            tiers: Vec::new(),
            poll_interval_ms: 1_000,
            fees: FeePolicy::default(),
            max_orders: 8,
            create_accounts: 500,
            max_in_flight: 32,
            max_pages: 16,
            timeout_ms: 5_000,
            health_interval_ms: 10_000,
            stall_after_ms: 30_000,
        }
    }

    pub(crate) fn pool_policy(&self) -> Policy {
        Policy {
            timeout: Duration::from_millis(self.timeout_ms),
            round: Duration::from_millis(self.health_interval_ms),
            stall_after: Duration::from_millis(self.stall_after_ms),
            // Slots are short: this is about as long as ten blocks elsewhere.
            max_lag: 150,
            ..Policy::default()
        }
    }
}
