//! What the daemon is told to do, once it is known to be right.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use anyhow::{Context as _, Result};
use clap::ValueEnum;
use tim3_arweave::{Id, v1::Role};
use tim3_domain::identity::{Account, AssetId, ChainId, GatewayId, MarketId, MarketKind};
use tim3_rpc::{Rate, SecretUrl};
use tim3_telemetry::LogFormat;
use zeroize::Zeroizing;

use super::{
    keeper::Keeper,
    secret::{KeyRef, SecretRef},
};

/// The whole configuration; every reference in it is to something that exists.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) journal: PathBuf,
    pub(crate) shutdown_timeout: Duration,
    /// How long a start waits for chains that do not answer.
    pub(crate) start_patience: Duration,
    pub(crate) log: Log,
    pub(crate) api: Api,
    pub(crate) audit_interval: Duration,
    pub(crate) anchor: Option<Anchor>,
    /// By name.
    pub(crate) chains: Vec<Chain>,
    /// V1 processes on AO, by name.
    pub(crate) v1: Vec<V1>,
    /// By symbol.
    pub(crate) assets: Vec<Asset>,
    /// By name.
    pub(crate) markets: Vec<Market>,
    /// By name.
    pub(crate) attesters: Vec<Attester>,
    /// What keepers do, where there are any.
    pub(crate) keeper: Option<Keeper>,
}

/// `[log]`.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    pub(crate) format: LogFormat,
    pub(crate) filter: String,
}

/// `[api]`.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    pub(crate) listen: SocketAddr,
    /// Present where `listen` is not loopback.
    pub(crate) token: Option<SecretRef>,
}

impl Api {
    /// The bearer token, if one is configured.
    pub(crate) fn read_token(&self) -> Result<Option<Zeroizing<String>>> {
        self.token.as_ref().map(|place| place.read().context("api.token")).transpose()
    }
}

/// Which adapter serves a chain, and what form keys have that act on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Family {
    /// secp256k1, for EVM chains and attesters
    Ethereum,
    /// ed25519
    Solana,
    /// RSA-4096 as Arweave's key files have it, or ed25519
    Ao,
}

impl Family {
    /// What `chains.NAME.kind` calls it.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Ethereum => "ethereum",
            Self::Solana => "solana",
            Self::Ao => "ao",
        }
    }

    /// What pays for transactions there, as it is commonly called, and its decimals; nothing where they cost nothing.
    pub(crate) fn coin(self) -> Option<(&'static str, u8)> {
        match self {
            Self::Ethereum => Some(("ETH", 18)),
            Self::Solana => Some(("SOL", 9)),
            Self::Ao => None,
        }
    }
}

/// `[anchor]`.
#[derive(Clone, Debug)]
pub(crate) struct Anchor {
    /// Gateways of Arweave: at least one, with distinct names.
    pub(crate) gateways: Vec<Endpoint>,
    /// The auditor's wallet.
    pub(crate) key: KeyRef,
    pub(crate) interval: Duration,
    /// How many blocks must lie on a report, its own included.
    pub(crate) confirmations: u64,
    /// Winstons.
    pub(crate) max_fee: u128,
    pub(crate) request_timeout: Duration,
}

/// `[chains.NAME]` with `profile = "tim3-v1"`.
#[derive(Clone, Debug)]
pub(crate) struct V1 {
    pub(crate) name: String,
    /// In the order of [`Role::ALL`].
    pub(crate) processes: [Id; 5],
    /// Who signs for processes.
    pub(crate) authority: Id,
    pub(crate) token_decimals: u8,
    pub(crate) usda_decimals: u8,
    /// At least one of each unit, with distinct names.
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) poll_interval: Duration,
    pub(crate) request_timeout: Duration,
    pub(crate) health_interval: Duration,
    pub(crate) stall_after: Duration,
    /// How long a message that nothing is heard of is waited for.
    pub(crate) deadline: Duration,
    /// After so long in one place an operation is reported.
    pub(crate) report_after: Duration,
    /// After so long a lock without a mint, or a burn without an unlock, counts as stranded.
    pub(crate) stranded_after: Duration,
    /// The wallet that stands in the managers' slots.
    pub(crate) signer: KeyRef,
}

impl V1 {
    /// What its key is for.
    pub(crate) fn role(&self) -> String {
        format!("chains.{}.submit", self.name)
    }

    pub(crate) fn process(&self, role: Role) -> Id {
        let [first, ..] = self.processes;
        Role::ALL.into_iter().zip(self.processes).find(|(known, _)| *known == role).map_or(first, |(_, id)| id)
    }
}

/// What kind of chain it is, with what only that kind has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Ethereum,
    Solana {
        /// The gateway program.
        program: Account,
        /// A lookup table of the gateway's accounts.
        lookup_table: Option<Account>,
        /// What transactions may cost.
        spending: Spending,
    },
    Ao {
        /// How long a message that nothing is heard of is waited for.
        deadline: Duration,
        /// Distinct attesters and wallets.
        voters: Vec<Voter>,
        /// How long a payout may wait for its token before it is looked for.
        resend_after: Duration,
    },
}

impl Kind {
    pub(crate) fn family(&self) -> Family {
        match self {
            Self::Ethereum => Family::Ethereum,
            Self::Solana { .. } => Family::Solana,
            Self::Ao { .. } => Family::Ao,
        }
    }

    /// How long a payout may wait for its token, where that is another process.
    pub(crate) fn resend_after(&self) -> Option<Duration> {
        match self {
            Self::Ao { resend_after, .. } => Some(*resend_after),
            _ => None,
        }
    }
}

/// An attester's wallet on AO.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Voter {
    /// Its address on EVM chains.
    pub(crate) attester: Account,
    pub(crate) wallet: Account,
    /// `None` for somebody else's.
    pub(crate) key: Option<KeyRef>,
}

/// What a submitter on Solana may spend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spending {
    /// Highest price of a compute unit, in millionths of a lamport.
    pub(crate) max_price: u64,
    /// Token accounts of recipients that are made in a day, at most.
    pub(crate) create_accounts: u32,
}

/// `[chains.NAME]`.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) chain: ChainId,
    pub(crate) account: Account,
    pub(crate) gateway: GatewayId,
    /// Block of the gateway's deployment, where it is stated.
    pub(crate) birth: Option<u64>,
    /// At least one, with distinct names.
    pub(crate) endpoints: Vec<Endpoint>,
    /// 1 to the number of endpoints; on AO, of compute units.
    pub(crate) quorum: usize,
    /// The same for gateways of Arweave, on AO.
    pub(crate) arweave_quorum: Option<usize>,
    pub(crate) finality: Finality,
    pub(crate) poll_interval: Duration,
    pub(crate) request_timeout: Duration,
    pub(crate) health_interval: Duration,
    pub(crate) stall_after: Duration,
    /// How long the newest block of all endpoints may stand still; zero is for ever.
    pub(crate) standstill_after: Duration,
    pub(crate) log_range: u64,
    pub(crate) mirror: bool,
    pub(crate) mirror_interval: Duration,
    /// The key that may freeze the gateway after a breach.
    pub(crate) guardian: Option<KeyRef>,
    pub(crate) submit: Submit,
}

/// An RPC endpoint.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) name: String,
    /// On AO.
    pub(crate) unit: Option<Unit>,
    pub(crate) url: UrlRef,
    pub(crate) ws: Option<UrlRef>,
    pub(crate) priority: u32,
    pub(crate) rate: Option<Rate>,
}

/// What an endpoint of an AO network does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Takes messages.
    Mu,
    /// Orders them.
    Su,
    /// Evaluates them.
    Cu,
    /// Shows what lies on Arweave.
    Arweave,
}

impl Unit {
    pub(crate) const ALL: [Self; 4] = [Self::Mu, Self::Su, Self::Cu, Self::Arweave];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Mu => "mu",
            Self::Su => "su",
            Self::Cu => "cu",
            Self::Arweave => "arweave",
        }
    }
}

/// A URL, or where it is kept because it carries a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum UrlRef {
    Plain(SecretUrl),
    Secret(SecretRef),
}

/// When a block of a chain is final.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finality {
    pub(crate) policy: Policy,
    /// Blocks below the head, for [`Policy::Depth`].
    pub(crate) depth: u64,
    /// (amount from which, blocks below the head), both ascending: more waiting for more value.
    pub(crate) tiers: Vec<(u128, u64)>,
}

/// What decides finality.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Policy {
    Finalized,
    Safe,
    Depth,
}

/// `[chains.NAME.submit]`.
#[derive(Clone, Debug)]
pub(crate) struct Submit {
    pub(crate) signer: KeyRef,
    pub(crate) max_orders: usize,
    pub(crate) max_in_flight: usize,
    pub(crate) escalate_after: Duration,
    pub(crate) gap_patience: Duration,
    /// Highest fee for one gas, in wei.
    pub(crate) max_fee: u128,
    /// Highest tip for one gas, in wei.
    pub(crate) max_tip: u128,
    /// Tip for one gas in wei, instead of what the endpoints suggest.
    pub(crate) tip: Option<u128>,
    /// Highest gas of one transaction.
    pub(crate) max_gas: u64,
}

/// `[assets.SYMBOL]`.
#[derive(Clone, Debug)]
pub(crate) struct Asset {
    pub(crate) symbol: String,
    pub(crate) id: AssetId,
    /// Gross amount from which an operation waits for an operator.
    pub(crate) value_hold: Option<u128>,
    pub(crate) limit: Option<Limit>,
    pub(crate) t_max: Duration,
}

/// At most so much in so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    pub(crate) amount: u128,
    pub(crate) period: Duration,
}

/// `[markets.NAME]`.
#[derive(Clone, Debug)]
pub(crate) struct Market {
    pub(crate) name: String,
    pub(crate) id: MarketId,
    pub(crate) kind: MarketKind,
    /// Name of the chain that holds the collateral.
    pub(crate) home: String,
    pub(crate) synthetic: AssetId,
    pub(crate) synthetic_symbol: String,
    pub(crate) collateral: AssetId,
    pub(crate) collateral_symbol: String,
    pub(crate) collateral_decimals: u8,
}

/// `[attesters.NAME]`.
#[derive(Clone, Debug)]
pub(crate) struct Attester {
    pub(crate) name: String,
    pub(crate) key: KeyRef,
}
