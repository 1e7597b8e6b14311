//! Gateways on a chain: deployed from the contracts that are built into this program, and read back to be checked.
//!
//! A gateway is set up by its deployer while it is not active: [`Deployer::gateway`], then [`Deployer::open_routes`] when the peers' ids are known,
//! then [`Deployer::activate`]. Afterwards every change waits out the gateway's delay. [`Ethereum::check`](crate::Ethereum::check) tells what a
//! gateway is.

pub mod artifact;
pub mod check;
pub mod plan;

use std::{collections::BTreeMap, sync::Arc};

use alloy::{
    primitives::{Address, Bytes, I256, TxKind, U256},
    signers::local::PrivateKeySigner,
    sol_types::{SolCall, SolValue},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tim3_domain::{
    identity::{AssetId, ChainId, GatewayId, MarketId},
    word::Word,
};
use tim3_rpc::Request;
use tracing::info;

use crate::{
    EthereumError,
    abi::{self, Gateway, MINT_WINDOW, RELEASE_WINDOW, b256, call_data},
    config::EthereumConfig,
    connect,
    link::Network,
    node::Receipt,
    sender::{Draft, Sender},
};
use artifact::Artifact;
use plan::{CollateralPlan, GatewayPlan, MarketPlan, OraclePlan, RoutePlan, SyntheticPlan, TokenPlan};

/// Gas for one call that sets something up; none was measured above a third of it.
const SETTING_GAS: u64 = 1_000_000;

/// What was deployed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// The gateway contract.
    pub gateway: Address,
    /// Its identity.
    pub id: GatewayId,
    /// The salt that is in the identity.
    pub salt: Word,
    /// Block of the deployment.
    pub birth: u64,
    /// The linked libraries, by name.
    pub libraries: BTreeMap<String, Address>,
    /// The token of every asset, by symbol.
    pub tokens: BTreeMap<String, Address>,
    /// The price feeds that were deployed for tests, by the collateral's symbol.
    pub test_feeds: BTreeMap<String, Address>,
    /// The markets, as `SYNTHETIC/COLLATERAL`.
    pub markets: BTreeMap<String, MarketId>,
}

/// Somebody who deploys and is the admin of what it deploys.
#[derive(Debug)]
pub struct Deployer {
    network: Arc<Network>,
    sender: Sender,
}

impl Deployer {
    /// A deployer on the chain behind the endpoints of `config`, whose `gateway` is not looked at.
    ///
    /// # Errors
    /// [`EthereumError`] where the endpoints make no pool, do not answer, or serve another chain.
    pub async fn connect(config: &EthereumConfig, signer: PrivateKeySigner) -> Result<Self, EthereumError> {
        let network = Arc::new(Network::new(config, connect::pool(config, None)?));
        let found = network
            .ask("chain id", |node| async move { node.one(Request::new("eth_chainId", json!([]))).await?.quantity() })
            .await?;
        if found != config.chain_id {
            let (chain, expected) = (config.name.clone(), config.chain_id);
            return Err(EthereumError::WrongChain { chain, expected, found });
        }
        let sender = Sender::new(Arc::clone(&network), signer);
        Ok(Self { network, sender })
    }

    /// The account that deploys.
    #[must_use]
    pub fn address(&self) -> Address {
        self.sender.address()
    }

    /// Deploys a gateway with its libraries, tokens and oracles, and sets up everything but routes. It is not active yet.
    ///
    /// # Errors
    /// [`EthereumError::Deploy`] for a plan that names what it does not have; otherwise what the chain says.
    pub async fn gateway(&self, plan: &GatewayPlan) -> Result<Deployment, EthereumError> {
        plan.check()?;
        let libraries = self.libraries().await?;
        let (mut tokens, test_feeds) = self.dependencies(plan).await?;
        let code = Artifact::gateway()?.linked(&libraries)?;
        let arguments = (b256(plan.salt), self.address(), plan.guardian, plan.delay_seconds).abi_encode_params();
        let (gateway, receipt) = self.create("Gateway", [code, arguments].concat()).await?;
        for synthetic in &plan.synthetics {
            let arguments = (synthetic.name.clone(), synthetic.symbol.clone(), gateway).abi_encode_params();
            let code = Artifact::named("Synthetic")?.linked(&BTreeMap::new())?;
            let (token, _) = self.create("Synthetic", [code, arguments].concat()).await?;
            tokens.insert(synthetic.symbol.clone(), token);
        }
        let chain = ChainId::eip155(self.network.chain_id);
        let id = GatewayId::derive(&chain, abi::account(gateway), plan.salt);
        let (settings, markets) = self.settings(plan, id, &tokens, &test_feeds).await?;
        self.set(gateway, settings).await?;
        info!(chain = self.network.name, %gateway, %id, "gateway deployed");
        Ok(Deployment {
            chain_id: self.network.chain_id,
            gateway,
            id,
            salt: plan.salt,
            birth: receipt.block_number,
            libraries,
            tokens,
            test_feeds,
            markets,
        })
    }

    /// Opens routes of a gateway that is not active yet.
    ///
    /// # Errors
    /// What the chain says.
    pub async fn open_routes(&self, gateway: Address, routes: &[RoutePlan]) -> Result<(), EthereumError> {
        let call = |route: &RoutePlan| {
            call_data(&Gateway::setRouteCall {
                asset: b256(route.asset),
                peer: b256(route.peer),
                route: plan::route(route),
            })
        };
        self.set(gateway, routes.iter().map(call).collect()).await
    }

    /// Ends the set-up phase. With `admin` the gateway is offered to that account, which has to accept.
    ///
    /// # Errors
    /// What the chain says.
    pub async fn activate(&self, gateway: Address, admin: Option<Address>) -> Result<(), EthereumError> {
        let hand_over = admin.map(|admin| call_data(&Gateway::transferAdminCall { admin }));
        self.set(gateway, hand_over.into_iter().chain([call_data(&Gateway::activateCall {})]).collect()).await
    }

    /// Deploys a token that anybody can mint.
    ///
    /// # Errors
    /// What the chain says.
    pub async fn test_token(&self, name: &str, symbol: &str, decimals: u8) -> Result<Address, EthereumError> {
        let arguments = (name.to_owned(), symbol.to_owned(), U256::from(decimals)).abi_encode_params();
        let code = Artifact::named("TestToken")?.linked(&BTreeMap::new())?;
        Ok(self.create("TestToken", [code, arguments].concat()).await?.0)
    }

    /// Deploys a price feed whose answer anybody can set.
    ///
    /// # Errors
    /// What the chain says.
    pub async fn test_feed(&self, decimals: u8, answer: u64) -> Result<Address, EthereumError> {
        let answer = I256::try_from(answer).map_err(|_| EthereumError::Deploy("price out of range".to_owned()))?;
        let code = Artifact::named("TestAggregator")?.linked(&BTreeMap::new())?;
        Ok(self.create("TestAggregator", [code, (U256::from(decimals), answer).abi_encode_params()].concat()).await?.0)
    }

    /// Sets the answer of a feed that [`Deployer::test_feed`] deployed.
    ///
    /// # Errors
    /// What the chain says.
    pub async fn set_test_price(&self, feed: Address, answer: u64) -> Result<(), EthereumError> {
        let answer = I256::try_from(answer).map_err(|_| EthereumError::Deploy("price out of range".to_owned()))?;
        self.set(feed, vec![call_data(&abi::TestAggregator::setCall { answer })]).await
    }

    /// Deploys what makes several calls of `owner` one transaction, for a keeper that trades.
    ///
    /// # Errors
    /// What the chain says.
    pub async fn executor(&self, owner: Address) -> Result<Address, EthereumError> {
        let code = Artifact::named("Executor")?.linked(&BTreeMap::new())?;
        Ok(self.create("Executor", [code, owner.abi_encode()].concat()).await?.0)
    }

    /// Gives `amount` wei to an account, so that it can pay for gas.
    ///
    /// # Errors
    /// What the chain says.
    pub async fn fund(&self, account: Address, amount: U256) -> Result<(), EthereumError> {
        let draft = Draft { to: TxKind::Call(account), value: amount, input: Bytes::new(), gas: 100_000 };
        self.done("fund", draft).await.map(|_| ())
    }

    async fn libraries(&self) -> Result<BTreeMap<String, Address>, EthereumError> {
        let mut libraries = BTreeMap::new();
        for name in Artifact::gateway()?.libraries() {
            let code = Artifact::named(&name)?.linked(&BTreeMap::new())?;
            let (library, _) = self.create("library", code).await?;
            libraries.insert(name, library);
        }
        Ok(libraries)
    }

    /// Collateral tokens by symbol, and the feeds that stand for prices in tests.
    async fn dependencies(
        &self,
        plan: &GatewayPlan,
    ) -> Result<(BTreeMap<String, Address>, BTreeMap<String, Address>), EthereumError> {
        let (mut tokens, mut feeds) = (BTreeMap::new(), BTreeMap::new());
        for CollateralPlan { symbol, token, .. } in &plan.collaterals {
            let token = match token {
                TokenPlan::Existing(token) => *token,
                TokenPlan::Test { name, decimals } => self.test_token(name, symbol, *decimals).await?,
            };
            tokens.insert(symbol.clone(), token);
        }
        for MarketPlan { collateral, oracle, .. } in &plan.markets {
            if let Some(OraclePlan::Test { decimals, answer, .. }) = oracle {
                feeds.insert(collateral.clone(), self.test_feed(*decimals, *answer).await?);
            }
        }
        Ok((tokens, feeds))
    }

    async fn oracle(&self, market: &MarketPlan, feeds: &BTreeMap<String, Address>) -> Result<Address, EthereumError> {
        let Some(oracle) = &market.oracle else { return Ok(Address::ZERO) };
        let (primary, age, secondary, second_age, sequencer, grace) = match oracle {
            OraclePlan::Existing(oracle) => return Ok(*oracle),
            OraclePlan::Test { max_age_seconds, .. } => {
                let feed = feeds.get(&market.collateral).copied().unwrap_or_default();
                (feed, *max_age_seconds, Address::ZERO, 0, Address::ZERO, 0)
            }
            OraclePlan::Feeds { primary, max_age_seconds, secondary, sequencer, grace_seconds } => {
                let (second, second_age) = secondary.unwrap_or_default();
                (*primary, *max_age_seconds, second, second_age, sequencer.unwrap_or_default(), *grace_seconds)
            }
        };
        let [age, second_age, grace] = [age, second_age, grace].map(U256::from);
        let arguments = (primary, age, secondary, second_age, sequencer, grace).abi_encode_params();
        let code = Artifact::named("ChainlinkOracle")?.linked(&BTreeMap::new())?;
        Ok(self.create("ChainlinkOracle", [code, arguments].concat()).await?.0)
    }

    /// The calls that set a gateway up, in the order in which they have to come.
    async fn settings(
        &self,
        plan: &GatewayPlan,
        id: GatewayId,
        tokens: &BTreeMap<String, Address>,
        feeds: &BTreeMap<String, Address>,
    ) -> Result<(Vec<Bytes>, BTreeMap<String, MarketId>), EthereumError> {
        let token = |symbol: &str| tokens.get(symbol).copied().unwrap_or_default();
        let mut attesters = plan.attesters.clone();
        attesters.sort_unstable();
        let mut calls = vec![
            call_data(&Gateway::setTreasuryCall { treasury: plan.treasury }),
            call_data(&Gateway::setAttestersCall { threshold: plan.threshold, signers: attesters }),
        ];
        for SyntheticPlan { symbol, target, mint_window, release_window, .. } in &plan.synthetics {
            let asset = b256(AssetId::from_symbol(symbol)?);
            let (symbol, token) = (symbol.clone(), token(symbol));
            calls.push(call_data(&Gateway::addSyntheticCall { symbol, token, target: *target }));
            for (kind, window) in [(MINT_WINDOW, mint_window), (RELEASE_WINDOW, release_window)] {
                let (limit, period) = (window.limit, window.period_seconds);
                calls.push(call_data(&Gateway::setWindowCall { asset, kind, limit, period }));
            }
        }
        for CollateralPlan { symbol, decimals, .. } in &plan.collaterals {
            let (symbol, token, decimals) = (symbol.clone(), token(symbol), *decimals);
            calls.push(call_data(&Gateway::addCollateralCall { symbol, token, decimals }));
        }
        let mut markets = BTreeMap::new();
        for market in &plan.markets {
            let synthetic = AssetId::from_symbol(&market.synthetic)?;
            let collateral = AssetId::from_symbol(&market.collateral)?;
            let oracle = self.oracle(market, feeds).await?;
            calls.push(call_data(&Gateway::setMarketCall {
                synthetic: b256(synthetic),
                collateral: b256(collateral),
                kind: market.kind.code(),
                terms: plan::terms(market, oracle),
            }));
            let name = format!("{}/{}", market.synthetic, market.collateral);
            markets.insert(name, MarketId::derive(id, synthetic, collateral, market.kind));
        }
        Ok((calls, markets))
    }

    async fn create(&self, what: &'static str, code: Vec<u8>) -> Result<(Address, Receipt), EthereumError> {
        let input = Bytes::from(code);
        let request = Request::new("eth_estimateGas", json!([{"from": self.address(), "input": input}]));
        let estimate = self
            .network
            .ask(what, |node| {
                let request = request.clone();
                async move { node.one(request).await?.quantity() }
            })
            .await?;
        let gas = estimate.saturating_add(estimate.div_ceil(10));
        let receipt = self.done(what, Draft { to: TxKind::Create, value: U256::ZERO, input, gas }).await?;
        let created = receipt.contract_address;
        created
            .map(|address| (address, receipt))
            .ok_or_else(|| EthereumError::Deploy(format!("{what}: the receipt names no contract")))
    }

    async fn done(&self, what: &'static str, draft: Draft) -> Result<Receipt, EthereumError> {
        let (id, receipt) = self.sender.transact(what, draft).await?;
        if receipt.succeeded() { Ok(receipt) } else { Err(EthereumError::Deploy(format!("{what} reverted: {id}"))) }
    }

    /// Calls one after the other, without waiting in between.
    async fn set(&self, contract: Address, calls: Vec<Bytes>) -> Result<(), EthereumError> {
        let draft = |input| Draft { to: TxKind::Call(contract), value: U256::ZERO, input, gas: SETTING_GAS };
        let receipts = self.sender.transact_all("settings", calls.iter().cloned().map(draft).collect()).await?;
        for (call, (id, receipt)) in calls.iter().zip(receipts) {
            if !receipt.succeeded() {
                let reason = self.why(contract, call).await;
                return Err(EthereumError::Deploy(format!("{} reverted: {reason} ({id})", called(call))));
            }
        }
        Ok(())
    }

    async fn why(&self, contract: Address, input: &Bytes) -> String {
        let call = json!({"from": self.address(), "to": contract, "input": input});
        let request = Request::new("eth_call", json!([call, "latest"]));
        let again = self.network.ask("revert reason", |node| {
            let request = request.clone();
            async move { node.one(request).await?.bytes() }
        });
        again.await.map_or_else(|error| error.to_string(), |_| "the reason has passed".to_owned())
    }
}

/// The name of the function that call data calls.
fn called(input: &Bytes) -> &'static str {
    let selector = input.first_chunk::<4>().copied().unwrap_or_default();
    Gateway::GatewayCalls::signature_by_selector(selector).unwrap_or(abi::TestAggregator::setCall::SIGNATURE)
}
