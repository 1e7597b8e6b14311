//! Gateways of Arweave as somewhere to write to: what a transaction costs and must name, posting it, what became of it, and reading it back.
//!
//! Nothing that is read back is believed for who gave it: transactions are verified ([`Transaction::verify`]).

use std::{future::Future, sync::Arc, time::Duration};

use tim3_rpc::{EndpointConfig, Http, Observer, Policy, Pool, PoolError, SetupError};

use crate::{
    id::Id,
    transaction::Transaction,
    units::{Refusal, UnitError, base},
};

pub use crate::units::base::Status;

/// What a transaction needs that is to be in one of the next blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ground {
    /// How many blocks there are.
    pub height: u64,
    /// A block to name.
    pub anchor: Vec<u8>,
    /// What its data costs, in winstons.
    pub price: u128,
}

/// What became of a transaction, as one gateway sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fate {
    /// How many blocks that gateway has.
    pub height: u64,
    /// What it says.
    pub status: Status,
}

/// Gateways of one network. Every call fails over between them.
#[derive(Debug)]
pub struct Gateways {
    pool: Pool<Http>,
}

/// How a call ended without an answer.
pub type GatewayError = PoolError<Refusal>;

impl Gateways {
    /// A pool of gateways. Nothing is asked yet.
    ///
    /// # Errors
    /// [`SetupError`] for endpoints that make no pool.
    pub fn new(
        name: &str,
        endpoints: &[EndpointConfig],
        timeout: Duration,
        observer: Option<Arc<dyn Observer>>,
    ) -> Result<Self, SetupError> {
        let policy = Policy { timeout, ..Policy::default() };
        Ok(Self { pool: Pool::of_endpoints(name, endpoints, 1, policy, observer, Http::new)? })
    }

    async fn ask<T, F>(&self, what: &'static str, ask: impl Fn(Arc<Http>) -> F) -> Result<T, GatewayError>
    where
        F: Future<Output = Result<T, UnitError>>,
    {
        self.pool.call(what, ask).await.map(|answer| answer.value)
    }

    /// What a transaction with so many bytes of data needs now.
    ///
    /// # Errors
    /// [`GatewayError`].
    pub async fn ground(&self, bytes: usize) -> Result<Ground, GatewayError> {
        let ask = |gateway: Arc<Http>| async move {
            // The height first: what the transaction names is at least as new.
            let height = base::height(&gateway).await?;
            Ok(Ground { height, anchor: base::anchor(&gateway).await?, price: base::price(&gateway, bytes).await? })
        };
        self.ask("ground", ask).await
    }

    /// What a wallet has, in winstons.
    ///
    /// # Errors
    /// [`GatewayError`].
    pub async fn balance(&self, wallet: Id) -> Result<u128, GatewayError> {
        self.ask("balance", |gateway| async move { base::balance(&gateway, wallet).await }).await
    }

    /// Posts a transaction. Posting what was posted before is harmless.
    ///
    /// # Errors
    /// [`PoolError::Refused`] for what a gateway does not take; it may be on its way nevertheless.
    pub async fn post(&self, transaction: &Transaction) -> Result<(), GatewayError> {
        let body = transaction.encode().map_err(|error| PoolError::Refused {
            endpoint: "transaction".to_owned(),
            reason: Refusal { reason: error.to_string() },
        })?;
        let body = body.as_slice();
        self.ask("post", |gateway| async move { base::post(&gateway, body.to_vec()).await }).await
    }

    /// What became of a transaction.
    ///
    /// # Errors
    /// [`GatewayError`].
    pub async fn fate(&self, id: Id) -> Result<Fate, GatewayError> {
        let ask = |gateway: Arc<Http>| async move {
            // The height first: what is not known at it may be known above it.
            let height = base::height(&gateway).await?;
            Ok(Fate { height, status: base::status(&gateway, id).await? })
        };
        self.ask("fate", ask).await
    }

    /// A transaction with its data, verified.
    ///
    /// # Errors
    /// [`GatewayError`], also where no gateway knows it, or what they give is not what was signed.
    pub async fn transaction(&self, id: Id) -> Result<Transaction, GatewayError> {
        self.ask("transaction", |gateway| async move { base::transaction(&gateway, id).await }).await
    }
}
