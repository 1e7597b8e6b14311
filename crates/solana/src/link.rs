//! A cluster behind its endpoints, and a gateway on it: plain reads, and reads that a quorum agrees on.

use std::{
    ops::Deref,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicU64},
};

use solana_message::AddressLookupTableAccount;
use solana_pubkey::Pubkey;
use tim3_chain::{BlockRef, ChainError};
use tim3_domain::{
    identity::{AssetId, GatewayId, MarketId},
    word::Word,
};
use tim3_rpc::{Call, CallError, PoolError};
use tim3_solana_interface::accounts::{Asset, Gateway, Market};

use crate::{
    address::Addresses,
    blocks::Blocks,
    config::SolanaConfig,
    error::chain_error,
    fault::Refusal,
    node::{self, Accounts, Commitment, Found, Node, NodeError, Pool},
};

/// Accounts in one request, at most.
const BATCH: usize = 100;

/// A gateway's account.
pub(crate) type Snapshot = Gateway<Vec<u8>>;

/// A market with its number, its synthetic and its collateral.
pub(crate) type Parts<'a> = (u8, Market<&'a [u8]>, Asset<&'a [u8]>, Asset<&'a [u8]>);

/// A cluster behind its endpoints.
#[derive(Debug)]
pub(crate) struct Network {
    pub(crate) name: String,
    pub(crate) pool: Pool,
    pub(crate) blocks: Blocks,
    /// The greatest height of a final block that was stated: no transaction is dead before it is beyond its life.
    pub(crate) final_height: AtomicU64,
}

impl Network {
    pub(crate) fn new(name: &str, pool: Pool) -> Self {
        Self { name: name.to_owned(), pool, blocks: Blocks::default(), final_height: AtomicU64::default() }
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

    /// Accounts as one endpoint has them; all of one slot, as long as they are not more than fit in a request.
    pub(crate) async fn accounts(&self, what: &'static str, keys: &[Pubkey]) -> Result<Vec<Option<Found>>, ChainError> {
        let mut found = Vec::with_capacity(keys.len());
        for keys in keys.chunks(BATCH) {
            let least = self.blocks.floor();
            let request = node::accounts(keys, Commitment::Confirmed, least);
            let answer = self.ask(what, |node| {
                let request = request.clone();
                async move { node.one(request).await?.accounts(keys.len(), least) }
            });
            found.extend(answer.await?.accounts);
        }
        Ok(found)
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
}

/// A gateway on a cluster.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) network: Arc<Network>,
    pub(crate) config: SolanaConfig,
    pub(crate) id: GatewayId,
    pub(crate) born: u64,
    pub(crate) addresses: Addresses,
    /// What transactions may name accounts by.
    pub(crate) tables: Vec<AddressLookupTableAccount>,
}

impl Deref for Link {
    type Target = Network;

    fn deref(&self) -> &Network {
        &self.network
    }
}

impl Link {
    pub(crate) fn new(
        config: SolanaConfig,
        id: GatewayId,
        born: u64,
        network: Network,
        tables: Vec<AddressLookupTableAccount>,
    ) -> Self {
        let addresses = Addresses { program: config.program, gateway: config.gateway };
        Self { network: Arc::new(network), config, id, born, addresses, tables }
    }

    /// The bytes of an account of the program.
    pub(crate) fn own(&self, found: Option<Found>) -> Option<Vec<u8>> {
        found.filter(|found| found.owner == self.config.program).map(|found| found.data)
    }

    /// The gateway in an account.
    pub(crate) fn gateway_in(&self, found: Option<Found>) -> Result<Snapshot, NodeError> {
        // As long as its creation is not final, an endpoint that says so does not lie.
        let found = found.ok_or_else(|| CallError::Behind("the gateway is not there yet".to_owned()))?;
        let gateway = self.own(Some(found)).and_then(|data| Gateway::new(data).ok());
        gateway
            .filter(|gateway| gateway.id() == self.id.0.0)
            .ok_or_else(|| CallError::Garbage("the gateway's account is not a gateway".to_owned()))
    }

    /// The gateway as one endpoint has it.
    pub(crate) async fn gateway(&self, what: &'static str) -> Result<Snapshot, ChainError> {
        Ok(self.gateway_and(what, &[]).await?.0)
    }

    /// The gateway and further accounts, at one slot.
    pub(crate) async fn gateway_and(
        &self,
        what: &'static str,
        keys: &[Pubkey],
    ) -> Result<(Snapshot, Vec<Option<Found>>), ChainError> {
        let least = self.blocks.floor();
        self.ask(what, |node| async move { self.read(&node, Commitment::Confirmed, least, keys).await })
            .await
            .map(|(_, gateway, accounts)| (gateway, accounts))
    }

    /// The gateway and further accounts as `node` has them, at one slot that is not before `least`.
    pub(crate) async fn read(
        &self,
        node: &Node,
        commitment: Commitment,
        least: u64,
        keys: &[Pubkey],
    ) -> Result<(u64, Snapshot, Vec<Option<Found>>), NodeError> {
        let all: Vec<_> = std::iter::once(self.config.gateway).chain(keys.iter().copied()).collect();
        let Accounts { slot, accounts } =
            node.one(node::accounts(&all, commitment, least)).await?.accounts(all.len(), least)?;
        let mut accounts = accounts.into_iter();
        let gateway = self.gateway_in(accounts.next().flatten())?;
        Ok((slot, gateway, accounts.collect()))
    }

    /// A market that the gateway must have.
    pub(crate) fn parts<'a>(
        &self,
        what: &'static str,
        gateway: &'a Snapshot,
        id: MarketId,
    ) -> Result<Parts<'a>, ChainError> {
        let found = market(gateway, id).and_then(|(index, market)| {
            let assets = gateway.asset(market.synthetic()).zip(gateway.asset(market.collateral()));
            assets.map(|(synthetic, collateral)| (index, market, synthetic, collateral))
        });
        found.ok_or_else(|| self.rejected(what, format!("UnknownMarket {id}")))
    }

    /// What a quorum says about final state that is not before `block`.
    pub(crate) async fn agreed<T, F, Fut>(&self, call: Call, block: &BlockRef, ask: F) -> Result<T, ChainError>
    where
        T: Clone + PartialEq + std::fmt::Debug + Send,
        F: Fn(Arc<Node>, u64) -> Fut,
        Fut: Future<Output = Result<T, NodeError>> + Send,
    {
        let what = call.what();
        self.verify(what, block).await?;
        let agreed = self.pool.quorum_in_rounds(call, |node| ask(node, block.height)).await;
        agreed.map_err(|error| self.error(what, error))
    }

    /// Fails unless `block` is one of the chain.
    pub(crate) async fn verify(&self, what: &'static str, block: &BlockRef) -> Result<(), ChainError> {
        if self.blocks.agreed(block) {
            return Ok(());
        }
        let height = block.height;
        let ask = |node: Arc<Node>| async move { node.one(node::block(height)).await?.block(height) };
        let found = self.pool.quorum("block", ask).await.map_err(|error| self.error(what, error))?.value;
        match found {
            Some(found) if found.hash == block.hash => {
                self.blocks.agree(found);
                Ok(())
            }
            found => {
                let found = found.map_or_else(|| "no block".to_owned(), |found| found.hash.to_string());
                Err(self.transient(what, format!("slot {height} has {found}, expected {}", block.hash)))
            }
        }
    }
}

/// An asset's place in the gateway's table, and the asset.
pub(crate) fn asset<B: AsRef<[u8]>>(gateway: &Gateway<B>, id: AssetId) -> Option<(u8, Asset<&[u8]>)> {
    let index = gateway.asset_index(&id.0.0)?;
    Some((index, gateway.asset(index)?))
}

/// A market's place in the gateway's table, and the market.
pub(crate) fn market<B: AsRef<[u8]>>(gateway: &Gateway<B>, id: MarketId) -> Option<(u8, Market<&[u8]>)> {
    let index = gateway.market_index(&id.0.0)?;
    Some((index, gateway.market(index)?))
}

/// The mint of an asset.
pub(crate) fn mint_of(asset: &Asset<&[u8]>) -> Pubkey {
    Pubkey::new_from_array(asset.mint())
}

/// The id of an asset.
pub(crate) fn id_of(asset: &Asset<&[u8]>) -> AssetId {
    AssetId(Word(asset.id()))
}

/// What the locks here guard is valid between any two statements, so a panic elsewhere does not spoil it.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
