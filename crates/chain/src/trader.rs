//! What a keeper trades in on a chain: pools, and the gateway itself at par; and how it moves its inventory to another chain.
//!
//! It is a part of [`Keeper`](crate::Keeper), with the same account, and sends in the same order: [`Trader::prepare_trade`] and
//! [`Trader::prepare_transfer`] simulate and sign, the caller makes the bytes durable, and only then calls
//! [`Keeper::broadcast`](crate::Keeper::broadcast). A trade is one transaction that happens as a whole, carries the least to accept and a deadline, and
//! otherwise changes nothing; on AO, where no two messages happen as one, it is one step, which is done or paid back. What it did is what the chain's own
//! records of transfers say, never what was quoted.
//!
//! Tokens are named by their accounts, and amounts here are in base units of the token itself, not in canonical ones.

use async_trait::async_trait;
use tim3_domain::{
    amm::{Fee, Size},
    identity::{Account, AssetId, GatewayId, MarketId, OperationId},
};

use crate::{Attempt, BlockRef, ChainError, Liquidate, Transaction};

/// Parts of the reasons of executors, adapters and pools with which a trade changes nothing.
const TRADE_GUARDS: [&str; 7] = [
    "TooLittle",
    "Expired(",
    "INSUFFICIENT_OUTPUT_AMOUNT",
    "EXCESSIVE_INPUT_AMOUNT",
    "UniswapV2Router: EXPIRED",
    "ExceededSlippage",
    "ZeroTradingTokens",
];

/// Whether `reason` says that a trade would bring too little, because somebody else was first, or came too late: then nothing has changed.
#[must_use]
pub fn is_trade_guard(reason: &str) -> bool {
    TRADE_GUARDS.iter().any(|guard| reason.contains(guard))
}

/// A token on its chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenAt {
    /// The token's account.
    pub token: Account,
    /// Its own decimals.
    pub decimals: u8,
}

/// A constant-product pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolAt {
    /// The pool's account.
    pub pool: Account,
    /// The program that swaps in it; where the pool does so itself, the same account.
    pub router: Account,
    /// What it takes, as configured.
    pub fee: Fee,
}

/// What exchanges one token for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// A pool.
    Pool {
        /// The pool's account.
        pool: Account,
        /// The program that swaps in it.
        router: Account,
    },
    /// A reserve market of the gateway of this chain, at par: into the synthetic by locking, out of it by redeeming.
    Par(MarketId),
}

/// One step of a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TradeStep {
    /// What makes the exchange.
    pub via: Via,
    /// The token that goes in.
    pub from: Account,
    /// The token that comes out.
    pub to: Account,
}

/// A trade on one chain. Where it ends with the token that it began with, its result is what it gains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trade {
    /// In order; what comes out of one goes into the next.
    pub steps: Vec<TradeStep>,
    /// How large.
    pub size: Size,
    /// The last second, by the chain's clock, at which it may happen; not looked at on Solana, where transactions expire by themselves, and on AO, where none does.
    pub deadline: u64,
}

/// A liquidation whose collateral is sold for the synthetic in the same transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sale {
    /// What is liquidated. Its amounts are in canonical units, and the tokens' own must be the same.
    pub liquidation: Liquidate,
    /// The pool, from the collateral to the synthetic.
    pub step: TradeStep,
    /// What is bought of the synthetic, exactly.
    pub output: u128,
    /// The most of the collateral to pay for it; what is left of it is kept. A pool that lends takes what it asks for out of what is seized.
    pub most: u128,
    /// Whether the pool lends that first, and is paid out of what is seized: then nothing else is needed. Otherwise the account repays out of its own.
    pub flash: bool,
    /// Who gets what is left over of either token, once what was repaid is back; `None` for the account itself.
    pub treasury: Option<Account>,
    /// The last second, by the chain's clock, at which it may happen.
    pub deadline: u64,
}

/// A Transfer operation of the account to itself on another chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    /// The synthetic.
    pub asset: AssetId,
    /// Gross, in canonical units.
    pub amount: u128,
    /// The gateway it goes to.
    pub destination: GatewayId,
    /// The account there.
    pub recipient: Account,
    /// The most that the route may take of it.
    pub max_fee: u128,
}

/// What a transaction did for the account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traded {
    /// What the account gained or lost of each token, by the chain's records of transfers. What pays for transactions is not in it.
    pub changes: Vec<(Account, i128)>,
    /// What went to a treasury instead, as [`Sale::treasury`] says.
    pub swept: Vec<(Account, u128)>,
    /// The operation that it started, if it is a [`Move`].
    pub operation: Option<OperationId>,
}

/// Trading with the account of a keeper.
#[async_trait]
pub trait Trader: Send + Sync {
    /// Makes trading possible: checks what `executor` is, where transactions of the chain hold one call and it is needed, and lets it take `tokens`, once
    /// and for good. Doing it again changes nothing and costs nothing.
    ///
    /// # Errors
    /// [`ChainError::Rejected`] where the executor is none of this account, or is missing.
    async fn set_up(&self, executor: Option<Account>, tokens: &[Account]) -> Result<(), ChainError>;

    /// The token of an asset of the gateway.
    ///
    /// # Errors
    /// [`ChainError::Rejected`] where the gateway has no such asset.
    async fn token_of(&self, asset: AssetId) -> Result<TokenAt, ChainError>;

    /// The two tokens of a pool, in its own order.
    ///
    /// # Errors
    /// [`ChainError::Rejected`] where it is no pool of its router, or takes another fee.
    async fn pool(&self, pool: &PoolAt) -> Result<[TokenAt; 2], ChainError>;

    /// What pools hold at `block`, or not before it where there is no past state, agreed on by a quorum: in the order asked for, and of each one's tokens.
    async fn reserves(&self, pools: &[Account], block: &BlockRef) -> Result<Vec<[u128; 2]>, ChainError>;

    /// What the account holds of tokens at the newest block, in the order asked for.
    async fn holdings(&self, tokens: &[Account]) -> Result<Vec<u128>, ChainError>;

    /// What one step of a trade costs now, in base units of what the chain takes for fees.
    async fn step_cost(&self) -> Result<u128, ChainError>;

    /// Simulates a trade at the newest block, and signs it. Nothing is sent.
    ///
    /// # Errors
    /// [`ChainError::Rejected`] with the reason where it would fail, and where there is no key.
    async fn prepare_trade(&self, trade: &Trade) -> Result<Transaction, ChainError>;

    /// Simulates a liquidation with a sale, and signs it. Nothing is sent. [`Trader::trades`] tells what became of it.
    ///
    /// # Errors
    /// As [`Trader::prepare_trade`]; and where the chain has no such thing.
    async fn prepare_sale(&self, sale: &Sale) -> Result<Transaction, ChainError>;

    /// Simulates a Transfer operation, and signs its transaction. Nothing is sent.
    ///
    /// # Errors
    /// As [`Trader::prepare_trade`].
    async fn prepare_transfer(&self, transfer: &Move) -> Result<Transaction, ChainError>;

    /// What became of trades and transfers, in the order asked for.
    async fn trades(&self, transactions: &[Transaction]) -> Result<Vec<Attempt<Traded>>, ChainError>;
}
