//! Deploying gateways: a process is spawned, its code evaluated, and the gateway set up by its admin. Nothing here is repeated by itself, and
//! what was done is not done again: a deployment that broke off is gone on with.

pub mod check;
mod origin;
pub mod plan;

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tim3_chain::{
    ChainError,
    plan::{RoutePlan, WindowPlan},
};
use tim3_domain::{
    identity::{ChainId, GatewayId, MarketId, MarketKind},
    word::Word,
};
use tim3_rpc::Http;
use tracing::info;

use self::plan::{CollateralPlan, GatewayPlan, MarketPlan, OraclePlan, TokenPlan};
use crate::{
    ans104::Tag,
    assets::Assets,
    connect::Identity,
    error::AoError,
    id::Id,
    network::{Birth, Network, NetworkConfig},
    units::compute::Trial,
    view::{Number, Query, reason, view},
    wallet::Wallet,
};

/// The gateway's code, as `contracts/ao/gateway/build.mjs` makes it.
pub const GATEWAY: &str = include_str!("../../../contracts/ao/artifacts/gateway.lua");
/// A collateral token for devnets and tests.
pub const TEST_TOKEN: &str = include_str!("../../../contracts/ao/devnet/token.lua");

/// What the owner of a process is called that nobody owns any more.
pub(crate) const RENOUNCED: &str = "renounced";

/// The network's own part in every process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ground {
    /// The module that processes run in: aos 2.0.1.
    pub module: Id,
    /// The scheduler.
    pub scheduler: Id,
    /// Whose signature makes a message of another process believable.
    pub authority: Id,
}

/// A gateway that was deployed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// Its process.
    pub process: Id,
    /// Its id.
    pub gateway: GatewayId,
    /// Token processes of collaterals, by symbol.
    pub tokens: BTreeMap<String, Id>,
    /// Markets, as `SYNTHETIC/COLLATERAL`.
    pub markets: BTreeMap<String, MarketId>,
}

/// Deploys with one wallet, which becomes owner and admin.
#[derive(Clone, Debug)]
pub struct Deployer {
    network: Arc<Network>,
    ground: Ground,
    wallet: Wallet,
}

#[derive(Debug, Deserialize)]
struct Made {
    gateway: GatewayId,
}

#[derive(Debug, Deserialize)]
struct Market {
    market: MarketId,
}

#[derive(Debug, Deserialize)]
struct Oracle {
    oracle: Word,
}

/// What a gateway does not do.
#[derive(Debug)]
struct Refused {
    reason: String,
    /// Of what is there already.
    id: Option<Word>,
}

#[derive(Debug, Deserialize)]
struct Refusal {
    detail: Known,
}

#[derive(Debug, Deserialize)]
struct Known {
    id: Word,
}

impl Refused {
    fn read(data: &str) -> Self {
        let known: Option<Refusal> = serde_json::from_str(data).ok();
        Self { reason: reason(data), id: known.map(|known| known.detail.id) }
    }

    fn told(self, action: &str, data: &Value) -> AoError {
        AoError::Deploy(format!("{action} {data}: the gateway refuses: {}", self.reason))
    }
}

impl Deployer {
    /// A deployer on a network.
    ///
    /// # Errors
    /// [`AoError::Endpoints`] for endpoints that make no pool.
    pub fn new(config: NetworkConfig, ground: Ground, wallet: Wallet) -> Result<Self, AoError> {
        let chain = config.name.clone();
        let network = Network::new(config, None).map_err(|error| AoError::Endpoints { chain, error })?;
        Ok(Self { network: Arc::new(network), ground, wallet })
    }

    /// The network that it deploys on.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The owner and admin of what it deploys.
    #[must_use]
    pub fn address(&self) -> Id {
        self.wallet.address()
    }

    /// Spawns a process.
    ///
    /// # Errors
    /// What the network says.
    pub async fn spawn(&self, tags: &[(&str, &str)]) -> Result<Id, AoError> {
        let Ground { module, scheduler, authority } = self.ground;
        Ok(self.network.spawn(&self.wallet, &Birth { module, scheduler, authority, tags }).await?)
    }

    /// A token that only its owner mints.
    ///
    /// # Errors
    /// What the network says.
    pub async fn test_token(&self, symbol: &str, decimals: u8) -> Result<Id, AoError> {
        let token = self.spawn(&[("Ticker", symbol), ("Denomination", &decimals.to_string())]).await?;
        self.network.eval(&self.wallet, token, TEST_TOKEN).await?;
        Ok(token)
    }

    /// Mints a test token, in its own units.
    ///
    /// # Errors
    /// What the network or the token says.
    pub async fn mint_test_token(&self, token: Id, to: Id, quantity: u128) -> Result<(), AoError> {
        let tags = [
            Tag::new("Action", "Mint"),
            Tag::new("Recipient", to.to_string()),
            Tag::new("Quantity", quantity.to_string()),
        ];
        let sent = self.network.send(&self.wallet, token, &tags, "").await?;
        match sent.outcome.action("Mint-Response") {
            Some(_) => Ok(()),
            None => Err(AoError::Deploy(format!("the token {token} does not mint: {:?}", sent.outcome))),
        }
    }

    /// Deploys a gateway and sets it up; routes and activation are for when its peers are known.
    ///
    /// # Errors
    /// [`AoError::Deploy`] for a plan that does not fit, or what the gateway refuses.
    pub async fn gateway(&self, chain: &ChainId, plan: &GatewayPlan) -> Result<Deployment, AoError> {
        plan.check()?;
        self.set_up(self.process().await?, chain, plan).await
    }

    /// Spawns the process of a gateway, which [`Self::set_up`] makes one of.
    ///
    /// # Errors
    /// What the network says.
    pub async fn process(&self) -> Result<Id, AoError> {
        self.spawn(&[("Name", "tim3-gateway")]).await
    }

    /// Makes the gateway of a process of the deployer's, and sets it up. Where that broke off before, it goes on.
    ///
    /// # Errors
    /// As [`Self::gateway`], and for a process that is another gateway.
    pub async fn set_up(&self, process: Id, chain: &ChainId, plan: &GatewayPlan) -> Result<Deployment, AoError> {
        plan.check()?;
        self.network.eval(&self.wallet, process, GATEWAY).await?;
        let gateway = match self.identity(process).await? {
            Some(found) if (found.chain.as_str(), found.salt) == (chain.as_str(), plan.salt) => GatewayId(found.id),
            Some(found) => {
                let detail = format!("{process} is a gateway for {} with the salt {} already", found.chain, found.salt);
                return Err(AoError::Deploy(format!("{detail}; name another --output, or plan that one")));
            }
            None => {
                let start = json!({
                    "chain": chain.as_str(), "salt": plan.salt, "admin": self.address(), "guardian": plan.guardian,
                    "delay": plan.delay_seconds.to_string(),
                });
                self.act::<Made>(process, "Initialize", &start).await?.gateway
            }
        };
        info!(%process, %gateway, "gateway initialized");
        let tokens = self.assets(process, plan).await?;
        let markets = self.limits(process, plan).await?;
        Ok(Deployment { process, gateway, tokens, markets })
    }

    /// What a gateway says of itself; `None` where it was not initialized.
    async fn identity(&self, process: Id) -> Result<Option<Identity>, AoError> {
        let ask = |cu: Arc<Http>| async move { view::<Identity>(&cu, process, &Query::new("Gateway")).await };
        match self.network.ask(&self.network.compute_units, "identity", ask).await {
            Ok(found) => Ok(Some(found.value)),
            Err(ChainError::Rejected { reason, .. }) if reason.starts_with("NotInitialized") => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether users may act.
    ///
    /// # Errors
    /// What the network says.
    pub async fn is_active(&self, process: Id) -> Result<bool, AoError> {
        Ok(self.identity(process).await?.is_some_and(|found| found.active))
    }

    /// Registers what is not registered; gives the token processes of the collaterals.
    async fn assets(&self, process: Id, plan: &GatewayPlan) -> Result<BTreeMap<String, Id>, AoError> {
        let ask = |cu: Arc<Http>| async move { view::<Assets>(&cu, process, &Query::new("Assets")).await };
        let Assets { assets } = self.network.ask(&self.network.compute_units, "assets", ask).await?.value;
        let find = |symbol: &str| assets.iter().find(|asset| asset.symbol == symbol);
        for synthetic in plan.synthetics.iter().filter(|synthetic| find(&synthetic.symbol).is_none()) {
            let target = synthetic.target.to_string();
            self.call(
                process,
                json!({"call": "AddSynthetic", "symbol": synthetic.symbol, "name": synthetic.name, "target": target}),
            )
            .await?;
        }
        let mut tokens = BTreeMap::new();
        for CollateralPlan { symbol, decimals, token } in &plan.collaterals {
            if let Some(found) = find(symbol) {
                tokens.insert(symbol.clone(), found.token);
                continue;
            }
            let token = match token {
                TokenPlan::Existing(token) => *token,
                TokenPlan::Test { decimals } => self.test_token(symbol, *decimals).await?,
            };
            let native = self.denomination(token).await?;
            self.call(process, json!({
                "call": "AddCollateral", "symbol": symbol, "token": token, "decimals": decimals.to_string(), "nativeDecimals": native.to_string(),
            }))
            .await?;
            tokens.insert(symbol.clone(), token);
        }
        Ok(tokens)
    }

    /// Sets what may be set again: markets, windows, attesters, treasury.
    async fn limits(&self, process: Id, plan: &GatewayPlan) -> Result<BTreeMap<String, MarketId>, AoError> {
        let mut markets = BTreeMap::new();
        for market in &plan.markets {
            let id = self.market(process, market).await?;
            markets.insert(format!("{}/{}", market.synthetic, market.collateral), id);
        }
        for synthetic in &plan.synthetics {
            for (kind, window) in [("1", synthetic.mint_window), ("2", synthetic.release_window)] {
                let WindowPlan { limit, period_seconds } = window;
                self.call(process, json!({
                    "call": "SetWindow", "asset": synthetic.symbol, "kind": kind, "limit": limit.to_string(), "period": period_seconds.to_string(),
                }))
                .await?;
            }
        }
        let mut attesters = plan.attesters.clone();
        attesters.sort_unstable();
        self.call(
            process,
            json!({"call": "SetAttesters", "threshold": plan.threshold.to_string(), "signers": attesters}),
        )
        .await?;
        self.call(process, json!({"call": "SetTreasury", "account": plan.treasury})).await?;
        Ok(markets)
    }

    async fn market(&self, process: Id, market: &MarketPlan) -> Result<MarketId, AoError> {
        let oracle = match &market.oracle {
            Some(oracle) => Some(self.oracle(process, oracle).await?),
            None => None,
        };
        let kind = if market.kind == MarketKind::Vault { "1" } else { "0" };
        let mut call = json!({
            "call": "SetMarket", "synthetic": market.synthetic, "collateral": market.collateral, "kind": kind,
            "maxLtv": market.max_ltv_bps.to_string(), "liquidationThreshold": market.liquidation_threshold_bps.to_string(),
            "bonus": market.bonus_bps.to_string(), "closeFactor": market.close_factor_bps.to_string(),
            "depeg": market.depeg_bps.to_string(), "ceiling": market.debt_ceiling.to_string(), "dust": market.dust.to_string(),
        });
        if let (Some(oracle), Some(call)) = (oracle, call.as_object_mut()) {
            call.insert("oracle".to_owned(), json!(oracle));
        }
        let Market { market } = self.act(process, "Configure", &call).await?;
        Ok(market)
    }

    async fn oracle(&self, process: Id, oracle: &OraclePlan) -> Result<Word, AoError> {
        let mut call = json!({
            "call": "AddOracle", "feed": oracle.feed, "primary": oracle.primary.account, "primaryMaxAge": oracle.primary.max_age_seconds.to_string(),
        });
        if let (Some(secondary), Some(call)) = (oracle.secondary, call.as_object_mut()) {
            call.insert("secondary".to_owned(), json!(secondary.account));
            call.insert("secondaryMaxAge".to_owned(), json!(secondary.max_age_seconds.to_string()));
        }
        match self.ask(process, "Configure", &call).await? {
            Ok(Oracle { oracle }) => Ok(oracle),
            // It says which one that is.
            Err(Refused { reason, id: Some(id) }) if reason.starts_with("AlreadyRegistered") => Ok(id),
            Err(refused) => Err(refused.told("Configure", &call)),
        }
    }

    /// Sets routes of a gateway that is not active yet.
    ///
    /// # Errors
    /// What the gateway refuses.
    pub async fn set_routes(&self, process: Id, routes: &[RoutePlan]) -> Result<(), AoError> {
        for route in routes {
            let RoutePlan { asset, peer, min, max, flat_fee, fee_bps, enabled, evm } = route;
            self.call(process, json!({
                "call": "SetRoute", "asset": asset, "peer": peer, "enabled": enabled.to_string(), "min": min.to_string(), "max": max.to_string(),
                "flatFee": flat_fee.to_string(), "feeBps": fee_bps.to_string(), "evm": evm.to_string(),
            }))
            .await?;
        }
        Ok(())
    }

    /// Ends the set-up: users may act, and changes have to wait from now on.
    ///
    /// # Errors
    /// What the gateway refuses.
    pub async fn activate(&self, process: Id) -> Result<(), AoError> {
        self.act::<Value>(process, "Activate", &Value::Null).await.map(|_| ())
    }

    /// Offers the gateway to another admin, who has to accept; for one that is not active yet.
    ///
    /// # Errors
    /// What the gateway refuses.
    pub async fn offer(&self, process: Id, admin: Id) -> Result<(), AoError> {
        self.call(process, json!({"call": "TransferAdmin", "account": admin})).await
    }

    /// Gives up the process, so that nobody can evaluate code in it any more. Does nothing where that is done.
    ///
    /// # Errors
    /// What the gateway refuses.
    pub async fn renounce(&self, process: Id) -> Result<(), AoError> {
        if self.identity(process).await?.is_some_and(|found| found.ownership == RENOUNCED) {
            return Ok(());
        }
        self.act::<Value>(process, "Renounce-Owner", &Value::Null).await.map(|_| ())
    }

    /// What a token says its decimals are.
    async fn denomination(&self, token: Id) -> Result<u8, AoError> {
        let outcome = self.network.dry_run(token, &Trial::new(&[("Action", "Info")])).await?;
        let text = outcome.messages.iter().find_map(|message| message.tag("Denomination"));
        let decimals = text.and_then(|text| text.parse().ok());
        decimals.ok_or_else(|| AoError::Deploy(format!("{token} does not say its Denomination: it is no token")))
    }

    async fn call(&self, process: Id, call: Value) -> Result<(), AoError> {
        self.act::<Value>(process, "Configure", &call).await.map(|_| ())
    }

    /// Sends an action with JSON; gives the answer.
    async fn act<T: DeserializeOwned>(&self, process: Id, action: &str, data: &Value) -> Result<T, AoError> {
        self.ask(process, action, data).await?.map_err(|refused| refused.told(action, data))
    }

    /// The same, with what the gateway refuses for the caller to judge.
    async fn ask<T: DeserializeOwned>(
        &self,
        process: Id,
        action: &str,
        data: &Value,
    ) -> Result<Result<T, Refused>, AoError> {
        let text = if data.is_null() { String::new() } else { data.to_string() };
        let sent = self.network.send(&self.wallet, process, &[Tag::new("Action", action)], &text).await?;
        if let Some(error) = sent.outcome.action(&format!("{action}-Error")) {
            return Ok(Err(Refused::read(&error.data)));
        }
        let answer = sent.outcome.action(&format!("{action}-Response"));
        let answer = answer.and_then(|answer| serde_json::from_str(&answer.data).ok());
        answer.map(Ok).ok_or_else(|| AoError::Deploy(format!("{action} {text}: no answer: {:?}", sent.outcome)))
    }
}

/// A number of a view, as text.
pub(crate) fn number<T: ToString>(number: &Number<T>) -> String {
    number.0.to_string()
}
