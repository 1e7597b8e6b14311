//! One of the chains, read and used directly through its node.

use std::time::Duration;

use alloy::{
    eips::BlockNumberOrTag,
    primitives::{Address, B256, Bytes, U256},
    providers::{Provider as _, ProviderBuilder, RootProvider, ext::AnvilApi as _},
    rpc::types::{Filter, TransactionRequest},
    sol_types::SolCall,
};
use anyhow::{Context as _, Result, ensure};
use tim3_domain::{
    identity::{AssetId, MarketId},
    protocol::{Event, EventBody},
    word::words_of,
};
use tim3_ethereum::{Ethereum, EthereumConfig, PrivateKeySigner, User, config::Endpoint, deploy::Deployment};

use crate::{
    anvil::Anvil,
    contracts::{IGateway, IToken},
    daemon::until_async,
    plan::{SYNTHETIC, TOKEN_DECIMALS},
};

/// Gas of one call: several times what any single one was measured to use.
const CALL_GAS: u64 = 3_000_000;

/// A chain of the devnet, with what is deployed on it.
#[derive(Debug)]
pub struct Site {
    /// Its name in the configuration.
    pub name: &'static str,
    /// What is deployed.
    pub deployment: Deployment,
    pub(crate) anvil: Anvil,
    provider: RootProvider,
}

/// A position or a mirror, as a gateway says it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Collateral in canonical units.
    pub collateral: u128,
    /// Debt in canonical units.
    pub debt: u128,
    /// Its version.
    pub version: u64,
}

impl Site {
    pub(crate) fn new(name: &'static str, anvil: Anvil, deployment: Deployment) -> Self {
        let provider = ProviderBuilder::default().connect_http(anvil.url().clone());
        Self { name, deployment, anvil, provider }
    }

    /// Its node.
    #[must_use]
    pub fn anvil(&self) -> &Anvil {
        &self.anvil
    }

    /// A client of its node.
    #[must_use]
    pub fn provider(&self) -> &RootProvider {
        &self.provider
    }

    /// The gateway.
    #[must_use]
    pub fn gateway(&self) -> IGateway::IGatewayInstance<RootProvider> {
        IGateway::new(self.deployment.gateway, self.provider.clone())
    }

    /// The token of `symbol`.
    ///
    /// # Errors
    /// Where there is none.
    pub fn token(&self, symbol: &str) -> Result<IToken::ITokenInstance<RootProvider>> {
        let token = self.deployment.tokens.get(symbol).with_context(|| format!("{} has no {symbol}", self.name))?;
        Ok(IToken::new(*token, self.provider.clone()))
    }

    /// The market of the synthetic on `collateral` whose home this is.
    ///
    /// # Errors
    /// Where there is none.
    pub fn market(&self, collateral: &str) -> Result<MarketId> {
        let name = format!("{SYNTHETIC}/{collateral}");
        self.deployment.markets.get(&name).copied().with_context(|| format!("{} has no market {name}", self.name))
    }

    /// What `account` has of `symbol`, in units of the token's contract.
    ///
    /// # Errors
    /// What the node says.
    pub async fn balance(&self, symbol: &str, account: Address) -> Result<U256> {
        Ok(self.token(symbol)?.balanceOf(account).call().await?)
    }

    /// The gateway's totals of the synthetic.
    ///
    /// # Errors
    /// What the node says.
    pub async fn totals(&self) -> Result<IGateway::Totals> {
        Ok(self.gateway().totals(synthetic()?).call().await?)
    }

    /// The gateway's events so far, by sequence.
    ///
    /// # Errors
    /// What the node says, and what is no event of the protocol.
    pub async fn events(&self) -> Result<Vec<Event>> {
        let filter = Filter::new()
            .address(self.deployment.gateway)
            .event_signature(<IGateway::Event as alloy::sol_types::SolEvent>::SIGNATURE_HASH)
            .from_block(BlockNumberOrTag::Earliest);
        let logs = self.provider.get_logs(&filter).await?;
        let event = |log: alloy::rpc::types::Log| {
            let IGateway::Event { sequence, kind, timestamp, body } = log.log_decode()?.inner.data;
            let body = EventBody::decode(kind, &words_of("event body", &body)?)?;
            Ok(Event { sequence, timestamp, body })
        };
        logs.into_iter().map(event).collect()
    }

    /// Height of the newest block.
    ///
    /// # Errors
    /// What the node says.
    pub async fn height(&self) -> Result<u64> {
        Ok(self.provider.get_block_number().await?)
    }

    /// The gateway through the adapter.
    ///
    /// # Errors
    /// Where the adapter refuses the chain.
    pub async fn connect(&self) -> Result<Ethereum> {
        let Deployment { chain_id, gateway, .. } = self.deployment;
        let endpoints = vec![Endpoint::new(self.anvil.url().clone().into())];
        let config = EthereumConfig::new(self.name, chain_id, gateway, endpoints);
        Ok(Ethereum::connect(config, None, None).await?)
    }

    /// A user of this gateway through the adapter, as keepers and the demo are.
    ///
    /// # Errors
    /// As [`Site::connect`].
    pub async fn user(&self, key: PrivateKeySigner) -> Result<User> {
        Ok(self.connect().await?.user(key))
    }

    /// Lets `from`, whose key the node does not need, call `to`; gives the transaction without waiting for its block.
    ///
    /// # Errors
    /// What the node says; whether the call succeeds shows in the block.
    pub async fn send_as(&self, from: Address, to: Address, call: &impl SolCall) -> Result<B256> {
        self.send(request(from, to, call)).await
    }

    /// The same with a given nonce: sent twice, it is one transaction.
    ///
    /// # Errors
    /// What the node says, also where it has the transaction already.
    pub async fn send_numbered(&self, from: Address, nonce: u64, to: Address, call: &impl SolCall) -> Result<B256> {
        self.send(request(from, to, call).nonce(nonce)).await
    }

    async fn send(&self, request: TransactionRequest) -> Result<B256> {
        Ok(*self.provider.send_transaction(request).await?.tx_hash())
    }

    /// Waits until `transactions` are in blocks.
    ///
    /// # Errors
    /// Where one reverted, or is in no block after a minute.
    pub async fn mined(&self, transactions: &[B256]) -> Result<()> {
        for transaction in transactions {
            let look = async || Ok(self.provider.get_transaction_receipt(*transaction).await?);
            let receipt = until_async(Duration::from_secs(60), look).await;
            let receipt = receipt.with_context(|| format!("{}: {transaction} is in no block", self.name))?;
            ensure!(receipt.status(), "{}: {transaction} reverted", self.name);
        }
        Ok(())
    }

    /// Gives `accounts` coins for gas.
    ///
    /// # Errors
    /// What the node says.
    pub async fn fund_gas(&self, accounts: &[Address]) -> Result<()> {
        fund_gas(&self.provider, accounts).await
    }

    /// Mints `whole` test tokens of `symbol` for each of `accounts`, and waits for the block.
    ///
    /// # Errors
    /// What the node says.
    pub async fn fund_tokens(&self, symbol: &str, accounts: &[Address], whole: u64) -> Result<()> {
        let amount = native(whole);
        let token = *self.token(symbol)?.address();
        let mut sent = Vec::with_capacity(accounts.len());
        for to in accounts {
            sent.push(self.send_as(*to, token, &IToken::mintCall { to: *to, amount }).await?);
        }
        self.mined(&sent).await
    }
}

fn request(from: Address, to: Address, call: &impl SolCall) -> TransactionRequest {
    // Not an estimate: `execute` succeeds with less gas than its orders need, and skips them.
    let request = TransactionRequest::default().from(from).to(to).gas_limit(CALL_GAS);
    request.input(Bytes::from(call.abi_encode()).into())
}

/// Whole tokens in units of the test tokens' contracts; also ether in wei.
#[must_use]
pub fn native(whole: u64) -> U256 {
    U256::from(whole).saturating_mul(U256::from(10).pow(U256::from(TOKEN_DECIMALS)))
}

/// The synthetic's identity as the contracts have it.
///
/// # Errors
/// Never: the symbol is right.
pub fn synthetic() -> Result<B256> {
    Ok(B256::new(AssetId::from_symbol(SYNTHETIC)?.0.0))
}

pub(crate) async fn fund_gas(provider: &RootProvider, accounts: &[Address]) -> Result<()> {
    for account in accounts {
        provider.anvil_set_balance(*account, native(10_000)).await?;
    }
    Ok(())
}
