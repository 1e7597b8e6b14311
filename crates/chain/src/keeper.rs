//! What a keeper does on a chain, with an account of its own: it reads price feeds, positions as they are now and its inventory, and liquidates.
//!
//! Sending keeps to the same order as [`crate::submitter`]: [`Keeper::prepare`] simulates and signs, the caller makes the bytes durable, and only then calls
//! [`Keeper::broadcast`]. A liquidation carries its own guard: where somebody was first, or the price recovered, it changes nothing.

use async_trait::async_trait;
use tim3_domain::{
    identity::{Account, AssetId, MarketId},
    word::Word,
};

use crate::{BlockRef, ChainError, PoolOracle, PositionRecord, Trader, Transaction};

/// Where a price is published on the chain.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Feed {
    /// A Chainlink aggregator.
    Chainlink {
        /// The aggregator.
        aggregator: Account,
        /// On a rollup: the uptime feed of its sequencer, and the seconds that it must have been back for.
        sequencer: Option<(Account, u64)>,
    },
    /// A price account that Pyth's receiver on Solana keeps.
    Pyth {
        /// The account.
        account: Account,
        /// The feed that it must be of: anybody can make an account of any feed.
        id: Word,
    },
    /// What the gateway itself goes by in a market of its own, on AO, where prices are messages to it.
    Market(MarketId),
    /// A process on AO that answers as RedStone's oracle does.
    RedStone {
        /// The process.
        process: Account,
        /// What the price is of, for example `AR`.
        ticker: String,
    },
}

/// What one endpoint says that a feed says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedReading {
    /// Which endpoint was asked; the same number is the same endpoint.
    pub endpoint: u16,
    /// The price of one whole unit at `decimals`. What is no price (a round without an end, a sequencer that is down, a number beyond 128 bits) is 0.
    pub answer: i128,
    /// Half the width of its confidence interval, at `decimals`; 0 where the feed states none.
    pub confidence: u128,
    /// Decimals of the answer.
    pub decimals: u8,
    /// When the feed published it, in seconds; what is no price is as new as the chain's clock. Publishers' clocks may be ahead of that one.
    pub published: u64,
}

/// A liquidation to attempt; amounts in canonical units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Liquidate {
    /// The market, at home on this chain.
    pub market: MarketId,
    /// Owner of the position.
    pub owner: Account,
    /// The most to repay.
    pub max_repay: u128,
    /// The least collateral to accept for it; less, and nothing happens.
    pub min_seized: u128,
}

/// What a liquidation did, by the gateway's own event; canonical units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Liquidated {
    /// Debt repaid, out of the keeper's account.
    pub repaid: u128,
    /// Collateral seized, into it.
    pub seized: u128,
    /// Debt that is left without collateral.
    pub bad_debt: u128,
}

/// Why an attempt that was included did nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Undone {
    /// Its own guard: somebody else was first, or the position is healthy again.
    Guarded(String),
    /// Anything else.
    Failed(String),
}

/// What became of an attempt; `T` is what it did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt<T = Liquidated> {
    /// Not included; it may still be.
    Pending,
    /// No endpoint knows it; it may be sent again.
    Unknown,
    /// It can never be included, as far as is seen now: a node may know that its nonce is used before it knows by what, and a reorg may take that back. It counts
    /// once it is still so when the block that was the newest then is final.
    Dead,
    /// It is in a block.
    Included {
        /// The block.
        block: BlockRef,
        /// What it cost, in base units of what the chain takes for fees.
        cost: u128,
        /// What it did.
        result: Result<T, Undone>,
    },
}

impl<T> Attempt<T> {
    /// The same with what it did in other words.
    #[must_use]
    pub fn map<U>(self, words: impl FnOnce(T) -> U) -> Attempt<U> {
        match self {
            Self::Pending => Attempt::Pending,
            Self::Unknown => Attempt::Unknown,
            Self::Dead => Attempt::Dead,
            Self::Included { block, cost, result } => Attempt::Included { block, cost, result: result.map(words) },
        }
    }
}

/// Names that all gateways share.
const LIQUIDATION_GUARDS: [&str; 5] = ["Healthy", "NoDebt", "SeizedTooLittle", "MustTakeWhole", "BelowDust"];

/// Whether `reason`, which may go on behind its name with numbers or words, is one with which a gateway says that a liquidation came too late, or that the position
/// recovered: then nothing has changed.
#[must_use]
pub fn is_liquidation_guard(reason: &str) -> bool {
    let name = reason.split(|next: char| !next.is_ascii_alphanumeric()).next();
    name.is_some_and(|name| LIQUIDATION_GUARDS.contains(&name))
}

/// One account that keeps markets on a chain.
#[async_trait]
pub trait Keeper: Send + Sync {
    /// The account that holds the inventory.
    fn account(&self) -> Account;

    /// Whether it has the key: without one it only looks.
    fn can_send(&self) -> bool;

    /// Trading with the same account, where the adapter can.
    fn trader(&self) -> Option<&dyn Trader> {
        None
    }

    /// Prices out of pools, where the adapter reads such.
    fn pools(&self) -> Option<&dyn PoolOracle> {
        None
    }

    /// The chain's clock, in seconds, while `head` is its newest block: of which it is the time, wherever blocks come by themselves.
    async fn clock(&self, head: &BlockRef) -> Result<u64, ChainError> {
        Ok(head.timestamp)
    }

    /// What every endpoint that answers says of a feed now, each by a block of its own.
    ///
    /// # Errors
    /// Where none answers.
    async fn feed(&self, feed: &Feed) -> Result<Vec<FeedReading>, ChainError>;

    /// Positions at the newest block, in the order asked for; all zero where there is none.
    async fn positions(&self, market: MarketId, owners: &[Account]) -> Result<Vec<PositionRecord>, ChainError>;

    /// The price of one whole synthetic at which its debt counts, with 18 decimals.
    async fn target(&self, synthetic: AssetId) -> Result<u128, ChainError>;

    /// What the account has for fees, in base units.
    async fn fee_balance(&self) -> Result<u128, ChainError>;

    /// What a liquidation costs now, in the same units: what it was measured to take, at the fee that would be offered.
    async fn liquidation_cost(&self) -> Result<u128, ChainError>;

    /// How many liquidations may be signed now beside those that are on their way: where a chain keeps what they record in pages of its own, which a
    /// transaction has to name before, more would only fail there.
    async fn room(&self) -> Result<usize, ChainError> {
        Ok(usize::MAX)
    }

    /// Simulates a liquidation at the newest block, and signs it. Nothing is sent.
    ///
    /// # Errors
    /// [`ChainError::Rejected`] with the gateway's reason where it would do nothing, and where there is no key.
    async fn prepare(&self, liquidation: &Liquidate) -> Result<Transaction, ChainError>;

    /// Sends a transaction whose bytes are durable. Sending one that the chain knows already is success.
    async fn broadcast(&self, transaction: &Transaction) -> Result<(), ChainError>;

    /// What became of attempts, in the order asked for.
    async fn attempts(&self, transactions: &[Transaction]) -> Result<Vec<Attempt>, ChainError>;

    /// A replacement that pays more, or `None` while the transaction should only wait.
    async fn escalate(&self, transaction: &Transaction) -> Result<Option<Transaction>, ChainError>;

    /// At start: the journaled transactions whose fate is not known. Afterwards `prepare` allots no nonce that one of them could still use.
    async fn restore(&self, transactions: &[Transaction]) -> Result<(), ChainError>;
}
