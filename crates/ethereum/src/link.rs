//! A chain behind its endpoints, and a gateway on it: plain reads, and reads that a quorum agrees on.

use std::{
    collections::BTreeMap,
    fmt,
    ops::Deref,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use alloy::{
    primitives::{Address, Bytes},
    sol_types::SolCall,
};
use tim3_chain::{BlockRef, ChainError};
use tim3_domain::identity::{AssetId, ChainId, GatewayId};
use tim3_rpc::{Call, PoolError};

use crate::{
    abi::{self, Gateway},
    config::{EthereumConfig, FeePolicy},
    error::{chain_error, refused},
    fault::Refusal,
    node::{self, At, Node, NodeError, Pool, returned},
};

/// Calls in one batch, at most: what every provider accepts.
const BATCH: usize = 100;

/// A chain behind its endpoints.
#[derive(Debug)]
pub(crate) struct Network {
    pub(crate) name: String,
    pub(crate) chain_id: u64,
    pub(crate) pool: Pool,
    pub(crate) fees: FeePolicy,
    pub(crate) gap_patience: Duration,
}

impl Network {
    pub(crate) fn new(config: &EthereumConfig, pool: Pool) -> Self {
        Self {
            name: config.name.clone(),
            chain_id: config.chain_id,
            pool,
            fees: config.fees,
            gap_patience: Duration::from_millis(config.gap_patience_ms),
        }
    }

    /// What one endpoint says, and the next one where that does not.
    pub(crate) async fn ask<T, F, Fut>(&self, call: impl Into<Call>, ask: F) -> Result<T, ChainError>
    where
        F: Fn(Arc<Node>) -> Fut,
        Fut: Future<Output = Result<T, NodeError>>,
    {
        let call = call.into();
        self.pool.call(call, ask).await.map(|answer| answer.value).map_err(|error| self.error(call.what(), error))
    }

    /// What a contract answers at the newest block, from one endpoint.
    pub(crate) async fn view_of<C: SolCall>(
        &self,
        what: &'static str,
        contract: Address,
        call: &C,
    ) -> Result<C::Return, ChainError>
    where
        C::Return: Send,
    {
        let request = node::call(contract, &abi::call_data(call), At::Latest);
        self.ask(what, |node| {
            let request = request.clone();
            async move { node.one(request).await?.returns::<C>() }
        })
        .await
    }

    /// The same from a quorum: for what never changes, and is kept for good.
    pub(crate) async fn fixed<C: SolCall>(
        &self,
        what: &'static str,
        contract: Address,
        call: &C,
    ) -> Result<C::Return, ChainError>
    where
        C::Return: PartialEq + fmt::Debug + Send,
    {
        let request = node::call(contract, &abi::call_data(call), At::Latest);
        let ask = |node: Arc<Node>| {
            let request = request.clone();
            async move { node.one(request).await?.returns::<C>() }
        };
        let agreed = self.pool.quorum(what, ask).await;
        agreed.map(|agreed| agreed.value).map_err(|error| self.error(what, error))
    }

    pub(crate) fn error(&self, what: &'static str, error: PoolError<Refusal>) -> ChainError {
        chain_error(&self.name, what, error)
    }

    pub(crate) fn transient(&self, what: &'static str, detail: impl Into<String>) -> ChainError {
        ChainError::Transient { chain: self.name.clone(), what, detail: detail.into() }
    }

    pub(crate) fn rejected(&self, what: &'static str, reason: impl Into<String>) -> ChainError {
        ChainError::Rejected { chain: self.name.clone(), what, reason: reason.into() }
    }

    pub(crate) fn refused(&self, what: &'static str, refusal: Refusal) -> ChainError {
        refused(&self.name, what, refusal)
    }
}

/// A gateway on a chain.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) network: Arc<Network>,
    pub(crate) config: EthereumConfig,
    pub(crate) chain: ChainId,
    pub(crate) id: GatewayId,
    assets: Mutex<BTreeMap<AssetId, Registered>>,
}

impl Deref for Link {
    type Target = Network;

    fn deref(&self) -> &Network {
        &self.network
    }
}

/// What never changes about a registered asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Registered {
    pub(crate) token: Address,
    pub(crate) decimals: u8,
    pub(crate) native_decimals: u8,
}

impl Link {
    pub(crate) fn new(config: EthereumConfig, id: GatewayId, network: Network) -> Self {
        let chain = ChainId::eip155(config.chain_id);
        Self { network: Arc::new(network), config, chain, id, assets: Mutex::default() }
    }

    /// What the gateway answers at the newest block, from one endpoint.
    pub(crate) async fn view<C: SolCall>(&self, what: &'static str, call: &C) -> Result<C::Return, ChainError>
    where
        C::Return: Send,
    {
        self.view_of(what, self.config.gateway, call).await
    }

    /// What the gateway answered to `calls` at `block`, agreed on by a quorum.
    pub(crate) async fn agreed(
        &self,
        what: &'static str,
        calls: &[Bytes],
        block: &BlockRef,
    ) -> Result<Vec<Bytes>, ChainError> {
        let calls: Vec<_> = calls.iter().map(|data| (self.config.gateway, data.clone())).collect();
        self.agreed_of(what, &calls, block).await
    }

    /// What contracts answered at `block`, agreed on by a quorum.
    pub(crate) async fn agreed_of(
        &self,
        what: &'static str,
        calls: &[(Address, Bytes)],
        block: &BlockRef,
    ) -> Result<Vec<Bytes>, ChainError> {
        let mut answers = Vec::with_capacity(calls.len());
        for calls in calls.chunks(BATCH) {
            let requests: Vec<_> =
                calls.iter().map(|(contract, data)| node::call(*contract, data, At::Block(block))).collect();
            let ask = |node: Arc<Node>| {
                let requests = requests.clone();
                async move {
                    let mut results = node.batch(&requests).await?;
                    requests.iter().map(|_| results.bytes()).collect::<Result<Vec<_>, _>>()
                }
            };
            let call = Call::new(what).weight(requests.len());
            let agreed = self.pool.quorum(call, ask).await.map_err(|error| self.error(what, error))?;
            answers.extend(agreed.value);
        }
        Ok(answers)
    }

    /// What bytes that a quorum agreed on mean.
    pub(crate) fn decode<C: SolCall>(&self, what: &'static str, bytes: &Bytes) -> Result<C::Return, ChainError> {
        returned::<C>(bytes).map_err(|_| self.transient(what, format!("a quorum answered {bytes} to {}", C::SIGNATURE)))
    }

    /// An asset's token and decimals, or `None` where the gateway does not have it.
    pub(crate) async fn asset(&self, asset: AssetId) -> Result<Option<Registered>, ChainError> {
        if let Some(known) = lock(&self.assets).get(&asset) {
            return Ok(Some(*known));
        }
        let call = Gateway::assetCall { assetId: abi::b256(asset) };
        let found = self.fixed("asset", self.config.gateway, &call).await?;
        if found.token.is_zero() {
            return Ok(None);
        }
        let registered =
            Registered { token: found.token, decimals: found.decimals, native_decimals: found.nativeDecimals };
        lock(&self.assets).insert(asset, registered);
        Ok(Some(registered))
    }

    /// An asset that the gateway must have.
    pub(crate) async fn known_asset(&self, what: &'static str, asset: AssetId) -> Result<Registered, ChainError> {
        self.asset(asset).await?.ok_or_else(|| self.rejected(what, format!("UnknownAsset({asset})")))
    }
}

/// What the locks here guard is valid between any two statements, so a panic elsewhere does not spoil it.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
