//! The AO network of a devnet with a gateway on it, read directly: nothing there goes through the adapter that tests want to check.

mod pool;

use std::{collections::BTreeMap, path::Path, time::Duration};

use anyhow::{Context as _, Result, ensure};
use futures::future::try_join_all;
use serde_json::{Value, json};
use tim3_arweave::{
    Ao, AoConfig, Id, Keys, Network, NetworkConfig, User,
    ans104::Tag,
    deploy::{
        Deployer, Deployment, Ground,
        plan::{
            CollateralPlan, GatewayPlan, MarketPlan, OraclePlan, RoutePlan, SourcePlan, SyntheticPlan, TokenPlan,
            WindowPlan,
        },
    },
};
use tim3_domain::{
    amount::{Rounding, scale},
    identity::{Account, ChainId, MarketId},
    protocol::{Event, EventBody},
    word::{Word, words_of},
};
use tim3_rpc::EndpointConfig;
use tokio_util::task::AbortOnDropHandle;
use url::Url;

use crate::{
    accounts,
    ao::{AoNetwork, AoOptions},
    plan::{CEILING, STABLE, STABLE_DECIMALS, SYNTHETIC, TEN_YEARS, vault},
    site::Position,
};

/// The chain's name in the configuration.
pub const NAME: &str = "o";
/// The network's name, as the gateway is told it.
pub const CHAIN: &str = "ao:devnet";
/// Decimals of the collateral's process, as the real one of USDA has.
pub const STABLE_NATIVE: u8 = 12;
/// Collateral of the vault market, a test token of 20 USD, as wrapped AR is one.
pub const VOLATILE: &str = "WAR";
/// Its decimals, the same in its process and in books.
pub const VOLATILE_DECIMALS: u8 = 12;
/// What its price is called.
const FEED: &str = "WAR/USD";
/// Who says it. It stands still until they say another one.
const SOURCES: [&str; 2] = ["oracle-one", "oracle-two"];
/// In cents, at first.
const PRICE: u128 = 2_000;
/// A cent in a price.
const CENT: u128 = 10_000_000_000_000_000;
/// How long a change of the gateway has to wait, in seconds.
const DELAY: u64 = 60;
/// Blocks of Arweave that make a message final.
const CONFIRMATIONS: u64 = 2;
/// Time between two of them.
const BLOCK_TIME: Duration = Duration::from_millis(500);

/// The AO network, with what is deployed on it.
#[derive(Debug)]
pub struct AoSite {
    /// What is deployed.
    pub deployment: Deployment,
    network: AoNetwork,
    deployer: Deployer,
    client: reqwest::Client,
    _miner: AbortOnDropHandle<()>,
}

impl AoSite {
    /// The network, to make faults on.
    #[must_use]
    pub fn network(&self) -> &AoNetwork {
        &self.network
    }

    /// The network, to kill and revive it.
    pub fn network_mut(&mut self) -> &mut AoNetwork {
        &mut self.network
    }

    pub(crate) fn check(&mut self) -> Result<()> {
        self.network.check()
    }

    /// The market of the synthetic on `collateral`, whose home this is.
    ///
    /// # Errors
    /// Where there is none.
    pub fn market(&self, collateral: &str) -> Result<MarketId> {
        let name = format!("{SYNTHETIC}/{collateral}");
        self.deployment.markets.get(&name).copied().with_context(|| format!("{NAME} has no market {name}"))
    }

    /// The process that keeps `symbol`.
    ///
    /// # Errors
    /// Where there is none.
    pub fn token(&self, symbol: &str) -> Result<Id> {
        if symbol == SYNTHETIC {
            return Ok(self.deployment.process);
        }
        self.deployment.tokens.get(symbol).copied().with_context(|| format!("{NAME} has no {symbol}"))
    }

    /// What `wallet` has of `symbol`, in the token's own units.
    ///
    /// # Errors
    /// What the network says.
    pub async fn balance(&self, symbol: &str, wallet: Id) -> Result<u128> {
        let wallet = wallet.to_string();
        let answer = self.ask(self.token(symbol)?, &[("Action", "Balance"), ("Recipient", &wallet)]).await?;
        Ok(answer.parse()?)
    }

    /// How much of the synthetic there is, as the token says it.
    ///
    /// # Errors
    /// What the network says.
    pub async fn supply(&self) -> Result<u128> {
        Ok(self.ask(self.deployment.process, &[("Action", "Total-Supply")]).await?.parse()?)
    }

    /// What the gateway counted of the synthetic: minted and burned.
    ///
    /// # Errors
    /// What the network says.
    pub async fn minted_and_burned(&self) -> Result<(u128, u128)> {
        let totals = self.view("Totals", &[("Asset", SYNTHETIC)]).await?;
        Ok((number(&totals, "minted")?, number(&totals, "burned")?))
    }

    /// The one position of a reserve market at home here.
    ///
    /// # Errors
    /// What the network says.
    pub async fn reserve(&self, market: MarketId) -> Result<Position> {
        position(&self.view_of("Position", market, market.reserve_owner()).await?)
    }

    /// The copy of another gateway's position; zeros where there is none.
    ///
    /// # Errors
    /// What the network says.
    pub async fn mirror(&self, market: MarketId, owner: Account) -> Result<Position> {
        position(&self.view_of("Mirror", market, owner).await?)
    }

    /// The gateway's events so far, by sequence.
    ///
    /// # Errors
    /// What the network says, and what is no event of the protocol.
    pub async fn events(&self) -> Result<Vec<Event>> {
        let mut events = Vec::new();
        loop {
            let from = events.len().to_string();
            let page = self.view("Events", &[("From", &from), ("Limit", "200")]).await?;
            let found = page.get("events").and_then(Value::as_array).context("no events")?;
            if found.is_empty() {
                return Ok(events);
            }
            for event in found {
                let body = event["body"].as_str().and_then(|text| text.strip_prefix("0x")).context("no body")?;
                let body = words_of("event body", &alloy::primitives::hex::decode(body)?)?;
                let body = EventBody::decode(u8::try_from(number(event, "kind")?)?, &body)?;
                let (sequence, timestamp) = (number(event, "sequence")?, number(event, "timestamp")?);
                events.push(Event { sequence: sequence.try_into()?, timestamp: timestamp.try_into()?, body });
            }
        }
    }

    /// A user of this gateway through the adapter, as keepers and the demo are.
    ///
    /// # Errors
    /// Where the adapter refuses the chain.
    pub async fn user(&self, name: &str) -> Result<User> {
        Ok(self.connect().await?.user(accounts::ao_wallet(name)?))
    }

    /// The gateway through the adapter, without keys.
    ///
    /// # Errors
    /// Where the adapter refuses the chain.
    pub async fn connect(&self) -> Result<Ao> {
        let network = network_config(&self.network)?;
        let config = AoConfig::new(network, CHAIN.parse()?, self.deployment.process);
        Ok(Ao::connect(config, Keys::default(), None).await?)
    }

    /// The network through the adapter's client, to send messages of any kind.
    ///
    /// # Errors
    /// Never: its endpoints are distinct.
    pub fn client(&self) -> Result<Network> {
        Ok(Network::new(network_config(&self.network)?, None)?)
    }

    /// Mints a collateral for some wallets, in its own units.
    ///
    /// # Errors
    /// What the network says.
    pub async fn fund(&self, symbol: &str, wallets: &[Id], quantity: u128) -> Result<()> {
        let token = self.token(symbol)?;
        try_join_all(wallets.iter().map(|wallet| self.deployer.mint_test_token(token, *wallet, quantity))).await?;
        Ok(())
    }

    /// What a position at home here is.
    ///
    /// # Errors
    /// What the network says.
    pub async fn position(&self, market: MarketId, owner: Account) -> Result<Position> {
        position(&self.view_of("Position", market, owner).await?)
    }

    /// Has the two sources tell the gateway what the volatile collateral is worth now, in cents.
    ///
    /// # Errors
    /// What the gateway refuses.
    pub async fn publish(&self, cents: [u128; 2]) -> Result<()> {
        let price = |cents: u128| cents.checked_mul(CENT).context("no price");
        self.publish_raw([price(cents[0])?, price(cents[1])?]).await
    }

    /// The same with all 18 decimals.
    ///
    /// # Errors
    /// What the gateway refuses.
    pub async fn publish_raw(&self, prices: [u128; 2]) -> Result<()> {
        // What is told twice in a second is no news to the gateway.
        self.network.advance(1).await?;
        let client = self.client()?;
        let time = client.now().await?.to_string();
        for (source, price) in SOURCES.into_iter().zip(prices) {
            let price = price.to_string();
            let tags = [("Action", "Price"), ("Feed", FEED), ("Price", &price), ("Time", &time)];
            let tags = tags.map(|(name, value)| Tag::new(name, value));
            let sent = client.send(&accounts::ao_wallet(source)?, self.deployment.process, &tags, "").await?;
            let answer = sent.outcome.action("Price-Response").with_context(|| format!("{:?}", sent.outcome))?;
            ensure!(answer.data.contains("\"accepted\":true"), "{source} told of {price} before: {}", answer.data);
        }
        Ok(())
    }

    /// What went out of the gateway twice, in canonical units of the collateral.
    ///
    /// # Errors
    /// What the network says.
    pub async fn overpaid(&self) -> Result<u128> {
        number(&self.view("Asset", &[("Asset", STABLE)]).await?, "overpaid")
    }

    /// Makes a change to the gateway as its admin: announced, waited for, and applied.
    ///
    /// # Errors
    /// What the gateway refuses.
    pub async fn govern(&self, call: &Value) -> Result<()> {
        let (client, admin) = (self.client()?, accounts::ao_wallet(accounts::ADMIN)?);
        for (action, wait) in [("Schedule", 0), ("Apply", DELAY)] {
            self.network.advance(wait).await?;
            let tags = [Tag::new("Action", action)];
            let sent = client.send(&admin, self.deployment.process, &tags, &call.to_string()).await?;
            let answered = sent.outcome.action(&format!("{action}-Response")).is_some();
            ensure!(answered, "{action} of {call}: {:?}", sent.outcome);
        }
        Ok(())
    }

    async fn view_of(&self, name: &str, market: MarketId, owner: Account) -> Result<Value> {
        let (market, owner) = (market.to_string(), owner.to_string());
        self.view(name, &[("Market", &market), ("Position-Owner", &owner)]).await
    }

    /// What the gateway's process answers about itself.
    async fn view(&self, name: &str, tags: &[(&str, &str)]) -> Result<Value> {
        let tags: Vec<_> = [("Action", "View"), ("View", name)].into_iter().chain(tags.iter().copied()).collect();
        let answer = self.ask(self.deployment.process, &tags).await?;
        let value: Value = serde_json::from_str(&answer).with_context(|| format!("{name}: {answer}"))?;
        ensure!(value.get("error").is_none(), "{name}: {answer}");
        Ok(value)
    }

    /// The data of a process's answer to a message that is only tried.
    async fn ask(&self, process: Id, tags: &[(&str, &str)]) -> Result<String> {
        let cu = self.network.compute_units()?.into_iter().next().context("no compute unit")?;
        let url = cu.join(&format!("dry-run?process-id={process}"))?;
        let tags: Vec<_> = tags.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
        let body = json!({"Id": "1234", "Target": process, "Owner": "1234", "Anchor": "0", "Data": "", "Tags": tags});
        let response = self.client.post(url).header("Content-Type", "application/json").body(body.to_string()).send();
        let answer: Value = serde_json::from_str(&response.await?.text().await?)?;
        let data = answer.pointer("/Messages/0/Data").with_context(|| format!("no answer to {tags:?}: {answer}"))?;
        Ok(data.as_str().map_or_else(|| data.to_string(), str::to_owned))
    }
}

fn number(value: &Value, name: &str) -> Result<u128> {
    let text = value.get(name).and_then(Value::as_str).with_context(|| format!("no {name} in {value}"))?;
    Ok(text.parse()?)
}

fn position(value: &Value) -> Result<Position> {
    let (collateral, debt) = (number(value, "collateral")?, number(value, "debt")?);
    Ok(Position { collateral, debt, version: number(value, "version")?.try_into()? })
}

/// One endpoint of each unit.
fn network_config(network: &AoNetwork) -> Result<NetworkConfig> {
    let endpoint = |url: Url| EndpointConfig::new(url.into());
    let cu = network.compute_units()?.into_iter().next().context("no compute unit")?;
    let (mu, su, gateway) = (network.messenger()?, network.scheduler()?, network.gateway()?);
    Ok(NetworkConfig::new(NAME, endpoint(mu), endpoint(su), endpoint(cu), endpoint(gateway)))
}

/// A network whose gateway is being set up.
pub(crate) struct Setup {
    network: AoNetwork,
    deployer: Deployer,
}

impl Setup {
    pub(crate) async fn start(directory: &Path, compute_units: u16) -> Result<Self> {
        let options = AoOptions { compute_units, store: Some(directory.join("ao")), ..AoOptions::default() };
        let network = AoNetwork::start(&options).await?;
        let ground = Ground {
            module: network.module_id().parse()?,
            scheduler: network.scheduler_id().parse()?,
            authority: network.authority_id().parse()?,
        };
        let deployer = Deployer::new(network_config(&network)?, ground, accounts::ao_wallet(accounts::ADMIN)?)?;
        Ok(Self { network, deployer })
    }

    pub(crate) async fn deploy(&self, window: WindowPlan) -> Result<Deployment> {
        let chain: ChainId = CHAIN.parse()?;
        Ok(self.deployer.gateway(&chain, &plan(window)?).await?)
    }

    pub(crate) async fn finish(self, deployment: Deployment, routes: &[RoutePlan]) -> Result<AoSite> {
        let Self { network, deployer } = self;
        deployer.set_routes(deployment.process, routes).await?;
        deployer.activate(deployment.process).await?;
        let miner = network.mine_every(BLOCK_TIME)?;
        let site = AoSite { deployment, network, deployer, client: reqwest::Client::new(), _miner: miner };
        let users = accounts::USERS.map(accounts::ao_wallet).into_iter().map(|user| Ok(user?.address()));
        let quantity = scale(1_000_000, 0, STABLE_NATIVE, Rounding::Exact)?;
        site.fund(STABLE, &users.collect::<Result<Vec<_>>>()?, quantity).await?;
        site.publish([PRICE; 2]).await?;
        Ok(site)
    }
}

/// Users are told the same limits as on the other chains; there is a reserve market of the stable collateral, and a vault market of the volatile one.
fn plan(window: WindowPlan) -> Result<GatewayPlan> {
    let wallet = |name: &str| Ok::<_, anyhow::Error>(accounts::ao_wallet(name)?.address());
    let source = |name: &str| Ok::<_, anyhow::Error>(SourcePlan { account: wallet(name)?, max_age_seconds: TEN_YEARS });
    let (one, other) = (source(SOURCES[0])?, source(SOURCES[1])?);
    Ok(GatewayPlan {
        salt: Word(rand::random()),
        guardian: wallet(accounts::GUARDIAN)?,
        treasury: wallet(accounts::TREASURY)?,
        delay_seconds: DELAY,
        threshold: 2,
        attesters: accounts::ATTESTERS.into_iter().map(wallet).collect::<Result<_>>()?,
        synthetics: vec![SyntheticPlan {
            symbol: SYNTHETIC.to_owned(),
            name: "TIM3".to_owned(),
            target: 10_u128.pow(18),
            mint_window: window,
            release_window: window,
        }],
        collaterals: vec![
            CollateralPlan {
                symbol: STABLE.to_owned(),
                decimals: STABLE_DECIMALS,
                token: TokenPlan::Test { decimals: STABLE_NATIVE },
            },
            CollateralPlan {
                symbol: VOLATILE.to_owned(),
                decimals: VOLATILE_DECIMALS,
                token: TokenPlan::Test { decimals: VOLATILE_DECIMALS },
            },
        ],
        markets: vec![
            MarketPlan::reserve(SYNTHETIC, STABLE, CEILING),
            vault(VOLATILE, OraclePlan { feed: FEED.to_owned(), primary: one, secondary: Some(other) }),
        ],
    })
}

/// The account of `name` on this chain, as the protocol carries it.
///
/// # Errors
/// Never: everybody has a wallet.
pub fn account_of(name: &str) -> Result<Account> {
    Ok(accounts::ao_wallet(name)?.address().account())
}

/// What `tim3d` is told about the chain.
pub(crate) fn configuration(site: &AoSite) -> Result<String> {
    let Deployment { process, gateway, .. } = &site.deployment;
    let (mu, su, arweave) = (site.network.messenger()?, site.network.scheduler()?, site.network.gateway()?);
    let units = site.network.compute_units()?.into_iter().map(|cu| format!("  {{ unit = \"cu\", url = \"{cu}\" }},\n"));
    let units: String = units.collect();
    let voter = |name: &str| {
        let (attester, wallet) = (accounts::address(name)?, accounts::ao_wallet(name)?.address());
        let key = format!("{{ file = \"keys/{name}.key\" }}");
        Ok::<_, anyhow::Error>(format!("  {{ attester = \"{attester}\", wallet = \"{wallet}\", key = {key} }},\n"))
    };
    let voters: String = accounts::ATTESTERS.into_iter().map(voter).collect::<Result<_>>()?;
    let (guardian, submitter) = (accounts::GUARDIAN, accounts::SUBMITTER);
    let (reserve, vault) = (STABLE.to_lowercase(), VOLATILE.to_lowercase());
    Ok(format!(
        r#"
[chains.{NAME}]
kind = "ao"
chain = "{CHAIN}"
gateway = "{process}"
gateway_id = "{gateway}"
endpoints = [
  {{ unit = "mu", url = "{mu}" }},
  {{ unit = "su", url = "{su}" }},
{units}  {{ unit = "arweave", url = "{arweave}" }},
]
voters = [
{voters}]
finality.depth = {CONFIRMATIONS}
poll_interval = "200ms"
mirror_interval = "1s"
guardian = {{ file = "keys/{guardian}.key" }}

[chains.{NAME}.submit]
signer = {{ keystore = "keys/{submitter}-ao.json", password = {{ file = "keys/password" }} }}

[markets.{reserve}_{NAME}]
kind = "reserve"
home = "{NAME}"
synthetic = "{SYNTHETIC}"
collateral = "{STABLE}"
collateral_decimals = {STABLE_DECIMALS}

[markets.{vault}_{NAME}]
kind = "vault"
home = "{NAME}"
synthetic = "{SYNTHETIC}"
collateral = "{VOLATILE}"
collateral_decimals = {VOLATILE_DECIMALS}
"#
    ))
}

/// What is where on this chain, for programs.
pub(crate) fn describe(site: &AoSite) -> Result<Value> {
    let names = accounts::everybody().chain(accounts::ATTESTERS).chain([accounts::TREASURY]);
    let names = names.map(|name| Ok((name, accounts::ao_wallet(name)?.address().to_string())));
    let accounts = names.collect::<Result<BTreeMap<_, _>>>()?;
    let AoSite { network, deployment, .. } = site;
    Ok(json!({
        "mu": network.messenger()?, "su": network.scheduler()?, "cu": network.compute_units()?, "arweave": network.gateway()?,
        "control": network.control_url()?, "deployment": deployment, "accounts": accounts,
    }))
}
