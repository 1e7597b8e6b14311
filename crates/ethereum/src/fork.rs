//! A copy of a chain in an anvil of one's own, and what only its owner can do there: let prices fall, and give accounts what they need. For rehearsals,
//! in which everything else goes the way that it goes on the chain itself.

use std::{collections::BTreeMap, sync::Arc};

use alloy::{
    eips::BlockNumberOrTag,
    primitives::{Address, B256, Bytes, I256, U256},
    sol_types::SolValue,
};
use serde_json::{Value, json};
use tim3_chain::{BlockRef, ChainError, TxId};
use tim3_domain::{
    amount::{Rounding, scale},
    identity::{Account, AssetId, MarketId},
    price::Price,
};
use tim3_rpc::Request;

use crate::{
    EthereumError,
    abi::{self, Aggregator, ChainlinkOracle, Gateway, Token, b256, call_data},
    config::EthereumConfig,
    connect,
    deploy::artifact::Artifact,
    link::Network,
    node::{self, Node},
};

/// Receipts in one batch, at most.
const BATCH: usize = 100;
/// Gas of one call of a token.
const TOKEN_GAS: u64 = 1_000_000;
/// Wei that whoever is made to send something is given for it.
const COINS: u128 = 1_000_000_000_000_000_000;
/// Places of `TestAggregator`'s variables: its round and the one it was answered in, the answer, when it began, and when it was updated.
const SLOTS: [u64; 4] = [0, 1, 2, 3];
/// A round, and behind its 80 bits the same as the one it was answered in: nobody asks which.
const ROUND: u128 = 1 | 1 << 80;

/// The copy.
#[derive(Debug)]
pub struct Fork {
    network: Network,
    gateway: Address,
}

/// A feed whose answers are said by the copy's owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    feed: Address,
    /// Its decimals.
    pub decimals: u8,
    /// What it answered before.
    pub before: i128,
}

impl Fork {
    /// The anvil behind the endpoint of `config`, which is a copy of nothing yet.
    ///
    /// # Errors
    /// [`EthereumError::Endpoints`].
    pub fn new(config: &EthereumConfig) -> Result<Self, EthereumError> {
        Ok(Self { network: Network::new(config, connect::pool(config, None)?), gateway: config.gateway })
    }

    /// Makes it a copy of the chain behind `source` as it is after the block at `height`, or after its newest one. Gives that block.
    ///
    /// # Errors
    /// What anvil says.
    pub async fn copy(&self, source: &str, height: Option<u64>) -> Result<BlockRef, ChainError> {
        let mut forking = json!({"jsonRpcUrl": source});
        if let (Some(height), Some(forking)) = (height, forking.as_object_mut()) {
            forking.insert("blockNumber".to_owned(), json!(height));
        }
        self.order(Request::new("anvil_reset", json!([{"forking": forking}]))).await?;
        self.newest().await
    }

    /// Makes a block with what waits; of `time`, where that is later than the newest one's.
    ///
    /// # Errors
    /// What anvil says.
    pub async fn mine(&self, time: Option<u64>) -> Result<BlockRef, ChainError> {
        if let Some(time) = time
            && time > self.newest().await?.timestamp
        {
            self.order(Request::new("evm_setNextBlockTimestamp", json!([time]))).await?;
        }
        self.order(Request::new("evm_mine", json!([]))).await?;
        self.newest().await
    }

    async fn newest(&self) -> Result<BlockRef, ChainError> {
        let ask = |node: Arc<Node>| async move {
            node.one(node::block(BlockNumberOrTag::Latest)).await?.known_block("newest")
        };
        Ok(self.network.ask("newest block", ask).await?.block)
    }

    // ---------------------------------------------------------------------------------------------------------------- prices

    /// The feeds of a vault market's oracle.
    ///
    /// # Errors
    /// [`ChainError::Rejected`] where it is another one than `ChainlinkOracle`.
    pub async fn feeds(&self, market: MarketId) -> Result<Vec<Account>, ChainError> {
        const WHAT: &str = "oracle";
        let found = self.network.view_of(WHAT, self.gateway, &Gateway::marketCall { marketId: b256(market) }).await?;
        let oracle = found.terms.oracle;
        let strange = |error: ChainError| match error {
            error if error.passes() => error,
            _ => self.network.rejected(WHAT, format!("{oracle} is no ChainlinkOracle: its prices cannot be set")),
        };
        let primary = self.network.view_of(WHAT, oracle, &ChainlinkOracle::PRIMARYCall {}).await.map_err(strange)?;
        let second = self.network.view_of(WHAT, oracle, &ChainlinkOracle::SECONDARYCall {}).await.map_err(strange)?;
        let feeds = [primary, second].into_iter().filter(|feed| *feed != Address::ZERO);
        Ok(feeds.map(abi::account).collect())
    }

    /// Puts a feed in the place of `feed` that answers what [`Self::answer`] says.
    ///
    /// # Errors
    /// [`ChainError::Rejected`] where there is no feed.
    pub async fn take(&self, feed: Account) -> Result<Taken, ChainError> {
        const WHAT: &str = "price feed";
        let feed = self.address_of(feed)?;
        let decimals = self.network.view_of(WHAT, feed, &Aggregator::decimalsCall {}).await?;
        let round = self.network.view_of(WHAT, feed, &Aggregator::latestRoundDataCall {}).await?;
        let before = i128::try_from(round.answer)
            .map_err(|_| self.network.rejected(WHAT, format!("{feed} answers more than 128 bits")))?;
        let code = Artifact::named("TestAggregator").and_then(|artifact| artifact.linked(&BTreeMap::new()));
        let code = code.map_err(|error| self.network.rejected(WHAT, error.to_string()))?;
        let arguments = (U256::from(decimals), I256::ONE).abi_encode_params();
        // What a creation returns is the code with the decimals in it.
        let creation = Bytes::from([code, arguments].concat());
        let made = self.said(Request::new("eth_call", json!([{"input": creation}, "latest"]))).await?;
        self.order(Request::new("anvil_setCode", json!([feed, made]))).await?;
        Ok(Taken { feed, decimals, before })
    }

    /// From now on `feed` answers `answer`, published in the block `at`.
    ///
    /// # Errors
    /// What anvil says.
    pub async fn answer(&self, feed: &Taken, answer: i128, at: &BlockRef) -> Result<(), ChainError> {
        let answer = I256::try_from(answer).unwrap_or_default().into_raw();
        let time = U256::from(at.timestamp);
        for (slot, value) in SLOTS.into_iter().zip([U256::from(ROUND), answer, time, time]) {
            let parameters = json!([feed.feed, U256::from(slot), B256::from(value)]);
            self.order(Request::new("anvil_setStorageAt", parameters)).await?;
        }
        Ok(())
    }

    // -------------------------------------------------------------------------------------------------------------- accounts

    /// What an account has for fees, in wei.
    ///
    /// # Errors
    /// What anvil says.
    pub async fn coins(&self, account: Account) -> Result<u128, ChainError> {
        let address = self.address_of(account)?;
        let request = Request::new("eth_getBalance", json!([address, "latest"]));
        let ask = |node: Arc<Node>| {
            let request = request.clone();
            async move { node.one(request).await?.wide() }
        };
        self.network.ask("balance", ask).await
    }

    /// Lets an account have so much for fees.
    ///
    /// # Errors
    /// What anvil says.
    pub async fn set_coins(&self, account: Account, wei: u128) -> Result<(), ChainError> {
        let address = self.address_of(account)?;
        self.order(Request::new("anvil_setBalance", json!([address, U256::from(wei)]))).await
    }

    /// Gives everything that `from` has of an asset to `to`.
    ///
    /// # Errors
    /// What the token says.
    pub async fn hand_over(&self, asset: AssetId, from: Account, to: Account) -> Result<(), ChainError> {
        let (from, to) = (self.address_of(from)?, self.address_of(to)?);
        let token = self.registered(asset).await?.token;
        let amount = self.network.view_of("balance", token, &Token::balanceOfCall { account: from }).await?;
        if amount.is_zero() {
            return Ok(());
        }
        self.send_as(from, token, call_data(&Token::transferCall { to, amount })).await
    }

    /// Lets the gateway mint so much of a synthetic for `to`, in canonical units, beside its own books.
    ///
    /// # Errors
    /// What the token says.
    pub async fn mint(&self, synthetic: AssetId, to: Account, amount: u128) -> Result<(), ChainError> {
        let to = self.address_of(to)?;
        let found = self.registered(synthetic).await?;
        let native = scale(amount, found.decimals, found.nativeDecimals, Rounding::Down)
            .map_err(|error| self.network.rejected("mint", error.to_string()))?;
        let call = Token::mintCall { to, amount: U256::from(native) };
        self.send_as(self.gateway, found.token, call_data(&call)).await
    }

    /// Gas that transactions used, all together.
    ///
    /// # Errors
    /// What anvil says.
    pub async fn gas_used(&self, transactions: &[TxId]) -> Result<u64, ChainError> {
        let mut sum = 0_u64;
        for batch in transactions.chunks(BATCH) {
            let requests: Vec<_> = batch.iter().map(|id| node::receipt(&id.0)).collect();
            let ask = |node: Arc<Node>| {
                let requests = requests.clone();
                async move {
                    let mut results = node.batch(&requests).await?;
                    requests.iter().map(|_| results.receipt()).collect::<Result<Vec<_>, _>>()
                }
            };
            let receipts = self.network.ask("receipts", ask).await?;
            sum = receipts.into_iter().flatten().fold(sum, |sum, receipt| sum.saturating_add(receipt.gas_used));
        }
        Ok(sum)
    }

    async fn registered(&self, asset: AssetId) -> Result<Gateway::Asset, ChainError> {
        self.network.view_of("asset", self.gateway, &Gateway::assetCall { assetId: b256(asset) }).await
    }

    /// Sends as somebody else, and has it mined.
    async fn send_as(&self, from: Address, to: Address, input: Bytes) -> Result<(), ChainError> {
        const WHAT: &str = "send as somebody else";
        let account = abi::account(from);
        let before = self.coins(account).await?;
        self.set_coins(account, before.saturating_add(COINS)).await?;
        let call = json!({"from": from, "to": to, "input": input, "gas": U256::from(TOKEN_GAS)});
        let id = self.said(Request::new("eth_sendTransaction", json!([call]))).await?;
        self.mine(None).await?;
        self.set_coins(account, before).await?;
        let id = id.as_str().unwrap_or_default().to_owned();
        let receipt = self.network.ask(WHAT, |node| {
            let request = node::receipt(&id);
            async move { node.one(request).await?.receipt() }
        });
        if receipt.await?.is_some_and(|receipt| receipt.succeeded()) {
            return Ok(());
        }
        Err(self.network.rejected(WHAT, format!("what was sent from {from} to {to} reverted")))
    }

    // ------------------------------------------------------------------------------------------------------------------ node

    fn address_of(&self, account: Account) -> Result<Address, ChainError> {
        abi::address(&account).ok_or_else(|| self.network.rejected("account", format!("{account} is no EVM address")))
    }

    async fn order(&self, request: Request) -> Result<(), ChainError> {
        self.said(request).await.map(|_| ())
    }

    async fn said(&self, request: Request) -> Result<Value, ChainError> {
        let what = request.method;
        self.network
            .ask(what, |node| {
                let request = request.clone();
                async move { node.one(request).await?.value() }
            })
            .await
    }
}

impl Taken {
    /// A price as this feed says it, rounded down.
    #[must_use]
    pub fn answer_for(&self, price: Price) -> i128 {
        let scaled = scale(price.raw(), Price::DECIMALS, self.decimals, Rounding::Down);
        scaled.ok().and_then(|answer| i128::try_from(answer).ok()).unwrap_or(i128::MAX)
    }
}
