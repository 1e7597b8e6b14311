//! The ports through which the daemon speaks with any chain.
//!
//! An adapter implements [`Reader`] (heads, finality, events), [`Lock`] (collateral and positions), [`Token`] (the synthetic), [`State`] (what the
//! gateway has recorded: slots, mirrors, books, limits) and [`Submitter`] (the chain's own half of sending), which together are a [`Chain`].
//! An [`Actor`] does what a user does, with a user's key; a [`Keeper`] looks after markets, with an account of its own, and a [`Trader`] trades with
//! that, a [`PoolOracle`] reads prices out of pools. [`Attester`] is the port behind which signatures are made.
//!
//! [`proof`] turns events that one cheap endpoint stated into [`FinalEvent`]s that a quorum's hash proves; nothing else can make one, and
//! nothing is signed without one. `conformance` (a feature of that name) is the suite that every adapter must pass: one call runs it.
//!
//! [`plan`] and [`findings`] are what adapters share about deploying gateways and reading them back.
//!
//! No chain's own type, unit of time or notion of a transaction appears here: a block is a height and a hash, a transaction an
//! opaque id with opaque bytes.

pub mod actor;
pub mod attester;
pub mod block;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod error;
pub mod findings;
pub mod keeper;
pub mod lock;
pub mod payout;
pub mod plan;
pub mod pool;
pub mod proof;
pub mod reader;
pub mod state;
pub mod submitter;
pub mod token;
pub mod trader;

pub use actor::{Action as UserAction, Actor};
pub use attester::{AttestRequest, Attester, Evidence, Refused, Signature};
pub use block::{BlockRef, Located, Tips, TxId};
pub use error::{ChainError, ErrorClass};
pub use keeper::{Attempt, Feed, FeedReading, Keeper, Liquidate, Liquidated, Undone, is_liquidation_guard};
pub use lock::{Lock, MarketState};
pub use payout::{LostPayout, Overdue};
pub use pool::{PoolOracle, PoolReading, PricedToken};
pub use proof::{EventChain, FinalEvent, OpenSlot, ProofError, QuorumHead};
pub use reader::{Endpoint, Fetched, Reader, Reading, Skip};
pub use state::{AttesterSet, Books, Direction, Holding, PeerBooks, PositionRecord, RouteState, Slot, State};
pub use submitter::{Capacity, Prepared, Submitter, Transaction, TransactionState, Verdict};
pub use token::Token;
pub use trader::{Move, PoolAt, Sale, TokenAt, Trade, TradeStep, Traded, Trader, Via, is_trade_guard};

use tim3_domain::identity::{Account, ChainId, GatewayId};

/// One gateway on one chain, with everything the daemon does there.
pub trait Chain: Reader + Lock + Token + State + Submitter {
    /// CAIP-2 name.
    fn chain_id(&self) -> &ChainId;
    /// The short name an operator gave it; label of metrics and logs.
    fn name(&self) -> &str;
    /// The gateway's identity.
    fn gateway(&self) -> GatewayId;
    /// The gateway's account on its chain.
    fn account(&self) -> Account;
    /// An account of this chain as its users write it.
    fn display_account(&self, account: &Account) -> String;
}
