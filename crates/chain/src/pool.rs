//! Prices out of pools that keep the sum of their prices over time, as those of Uniswap V2 do.
//!
//! It is a part of [`Keeper`](crate::Keeper), for the chains that have such pools. What a mean over time makes of it is in [`tim3_domain::amm`].

use async_trait::async_trait;
use tim3_domain::{amm::Observation, identity::Account};

use crate::ChainError;

/// A token in a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PricedToken {
    /// The pool.
    pub pool: Account,
    /// The token that is priced in the other one.
    pub token: Account,
}

/// What one endpoint says that a pool says, in one block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolReading {
    /// Which endpoint was asked; the same number is the same endpoint.
    pub endpoint: u16,
    /// Decimals of the token that is priced, and of the other one.
    pub decimals: [u8; 2],
    /// The sum of the token's prices as of the block; `None` where the pool is empty, or answers as no pool does.
    pub observation: Option<Observation>,
    /// The time of the block.
    pub at: u64,
}

/// Reading the sums.
#[async_trait]
pub trait PoolOracle: Send + Sync {
    /// What every endpoint that answers says of a pool, each by a block of its own that is about `ago` seconds old. Nodes forget what was, most of them after 128
    /// blocks.
    ///
    /// # Errors
    /// [`ChainError::Rejected`] where it is no pool of the token; otherwise where no endpoint answers.
    async fn observe(&self, priced: &PricedToken, ago: u64) -> Result<Vec<PoolReading>, ChainError>;
}
