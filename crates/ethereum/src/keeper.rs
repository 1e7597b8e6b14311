//! An account that keeps markets: feeds, positions and inventory; liquidations and trades, one a transaction, many at once over consecutive nonces.

mod attempts;
mod calls;
mod feeds;
mod pools;
mod trades;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, OnceLock},
};

use alloy::{
    primitives::{Address, Bytes, TxKind, U256},
    signers::local::PrivateKeySigner,
};
use async_trait::async_trait;
use serde_json::json;
use tim3_chain::{
    Attempt, ChainError, Feed, FeedReading, Keeper as Port, Liquidate, PoolOracle, PositionRecord, PricedToken, Trader,
    Transaction,
};
use tim3_domain::identity::{Account, AssetId, MarketId};
use tim3_rpc::{Call, Request};
use tracing::warn;

use crate::{
    abi::{self, Gateway, b256, call_data},
    connect::Ethereum,
    fees::{self, Fees},
    link::{Link, lock},
    sender::{Draft, Sender, Signed},
    submitter::{fees_of, transaction},
};

/// Owners asked about in one call, at most.
const OWNERS: usize = 200;

/// Gas that a liquidation is taken to use before one was measured: somewhat more than was measured with a Chainlink oracle of one feed.
const FIRST_GUESS: u64 = 250_000;

/// An account that keeps markets at a gateway.
#[derive(Debug)]
pub struct Keeper {
    link: Arc<Link>,
    address: Address,
    sender: Option<Sender>,
    /// What a liquidation uses, as last measured: more is believed at once, less bit by bit.
    gas: Mutex<u64>,
    /// What makes the calls of a trade one transaction, once it was checked.
    executor: OnceLock<Address>,
    /// Pools that prices were read from.
    priced: Mutex<BTreeMap<PricedToken, pools::Priced>>,
}

impl Ethereum {
    /// An account that keeps markets here, with its key.
    #[must_use]
    pub fn keeper(&self, signer: PrivateKeySigner) -> Keeper {
        let sender = Sender::new(Arc::clone(&self.link.network), signer);
        self.looking(sender.address(), Some(sender))
    }

    /// The same without its key: it only looks.
    #[must_use]
    pub fn keeper_without_key(&self, address: Address) -> Keeper {
        self.looking(address, None)
    }

    fn looking(&self, address: Address, sender: Option<Sender>) -> Keeper {
        let link = Arc::clone(&self.link);
        let (gas, executor, priced) = (Mutex::new(FIRST_GUESS), OnceLock::new(), Mutex::default());
        Keeper { link, address, sender, gas, executor, priced }
    }
}

impl Keeper {
    fn sender(&self) -> Result<&Sender, ChainError> {
        self.sender.as_ref().ok_or_else(|| self.link.rejected("keep", "no key of a keeper is configured"))
    }

    fn used(&self, gas: u64) {
        let mut held = lock(&self.gas);
        *held = held.saturating_sub(held.saturating_sub(gas).div_ceil(8)).max(gas);
    }
}

#[async_trait]
impl Port for Keeper {
    fn account(&self) -> Account {
        abi::account(self.address)
    }

    fn can_send(&self) -> bool {
        self.sender.is_some()
    }

    fn trader(&self) -> Option<&dyn Trader> {
        Some(self)
    }

    fn pools(&self) -> Option<&dyn PoolOracle> {
        Some(self)
    }

    async fn feed(&self, feed: &Feed) -> Result<Vec<FeedReading>, ChainError> {
        self.read_feed(feed).await
    }

    async fn positions(&self, market: MarketId, owners: &[Account]) -> Result<Vec<PositionRecord>, ChainError> {
        let mut found = Vec::with_capacity(owners.len());
        for owners in owners.chunks(OWNERS) {
            let words = owners.iter().map(|owner| b256(*owner)).collect();
            let call = Gateway::positionsCall { marketId: b256(market), owners: words };
            let positions = self.link.view("positions", &call).await?;
            if positions.len() != owners.len() {
                let detail = format!("{} positions of {} owners", positions.len(), owners.len());
                return Err(self.link.transient("positions", detail));
            }
            let record = |Gateway::Position { collateral, debt, version }| PositionRecord { collateral, debt, version };
            found.extend(positions.into_iter().map(record));
        }
        Ok(found)
    }

    async fn target(&self, synthetic: AssetId) -> Result<u128, ChainError> {
        let found = self.link.view("target", &Gateway::assetCall { assetId: b256(synthetic) }).await?;
        Ok(found.target)
    }

    async fn fee_balance(&self) -> Result<u128, ChainError> {
        let request = Request::new("eth_getBalance", json!([self.address, "latest"]));
        let ask = |node: Arc<crate::node::Node>| {
            let request = request.clone();
            async move { node.one(request).await?.wide() }
        };
        self.link.ask("balance", ask).await
    }

    async fn liquidation_cost(&self) -> Result<u128, ChainError> {
        Ok(self.offered().await?.saturating_mul((*lock(&self.gas)).into()))
    }

    async fn prepare(&self, liquidation: &Liquidate) -> Result<Transaction, ChainError> {
        let Liquidate { market, owner, max_repay, min_seized } = *liquidation;
        let (market, owner) = (b256(market), b256(owner));
        let input = call_data(&Gateway::liquidateCall { market, owner, maxRepay: max_repay, minSeized: min_seized });
        self.signed("liquidate", self.link.config.gateway, input).await
    }

    async fn broadcast(&self, transaction: &Transaction) -> Result<(), ChainError> {
        let sender = self.sender()?;
        sender.send(&transaction.id, &transaction.raw, transaction.nonce, fees_of(sender, transaction)?).await
    }

    async fn attempts(&self, transactions: &[Transaction]) -> Result<Vec<Attempt>, ChainError> {
        self.read_attempts(self.sender()?, transactions).await
    }

    async fn escalate(&self, old: &Transaction) -> Result<Option<Transaction>, ChainError> {
        let signed: Option<Signed> = self.sender()?.escalate(&old.raw).await?;
        Ok(signed.map(|signed| transaction(signed, Some(old))))
    }

    async fn restore(&self, transactions: &[Transaction]) -> Result<(), ChainError> {
        let sender = self.sender()?;
        for journaled in transactions {
            // Of another key or chain it takes no nonce here.
            match sender.verify(&journaled.raw).and_then(|()| fees_of(sender, journaled)) {
                Ok(Fees { max, tip }) => sender.adopt(journaled.nonce, Fees { max, tip }),
                Err(error) => warn!(chain = self.link.name, id = %journaled.id, %error, "transaction not restored"),
            }
        }
        sender.sync().await.map(|_| ())
    }
}

impl Keeper {
    /// Simulates a call, and signs it.
    async fn signed(&self, what: &'static str, to: Address, input: Bytes) -> Result<Transaction, ChainError> {
        let sender = self.sender()?;
        let (draft, ()) = tokio::try_join!(self.draft(what, to, input), sender.ready())?;
        Ok(transaction(sender.prepare(draft).await?, None))
    }

    /// A call with the gas that it needs.
    async fn draft(&self, what: &'static str, to: Address, input: Bytes) -> Result<Draft, ChainError> {
        let call = json!({"from": self.address, "to": to, "input": input});
        let request = Request::new("eth_estimateGas", json!([call]));
        let estimate = self.link.ask(what, |node| {
            let request = request.clone();
            async move { node.one(request).await?.quantity() }
        });
        let estimate = estimate.await?;
        // What others do before it is mined can make it dearer.
        let gas = estimate.saturating_add(estimate.div_ceil(3)).min(self.link.config.max_gas);
        Ok(Draft { to: TxKind::Call(to), value: U256::ZERO, input, gas })
    }

    /// What would be offered for one gas now.
    async fn offered(&self) -> Result<u128, ChainError> {
        match &self.sender {
            Some(sender) => {
                let market = sender.market().await?;
                Ok(market.base.saturating_add(fees::fresh(market, &self.link.fees).tip))
            }
            None => self.gas_price().await,
        }
    }

    async fn gas_price(&self) -> Result<u128, ChainError> {
        let request = Request::new("eth_gasPrice", json!([]));
        self.link
            .ask(Call::new("gas price"), |node| {
                let request = request.clone();
                async move { node.one(request).await?.wide() }
            })
            .await
    }
}
