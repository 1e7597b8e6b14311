//! The Solana chain of a devnet: a validator with the gateway program, read directly: nothing there goes through the adapter that tests want
//! to check.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context as _, Result, ensure};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use tim3_domain::{
    identity::{Account, ChainId, GatewayId, MarketId, MarketKind},
    word::Word,
};
use tim3_rpc::{EndpointConfig, JsonRpc, Request};
use tim3_solana::{
    Addresses, Keypair, Pubkey, Signer as _, Solana, SolanaConfig, User,
    address::{account, token_account},
    chain_of_genesis,
    deploy::{
        Deployer, Deployment, PROGRAM,
        plan::{CollateralPlan, GatewayPlan, MarketPlan, RoutePlan, SyntheticPlan, TokenPlan, WindowPlan},
    },
};
use tim3_solana_interface::{
    accounts::{Asset, Gateway, Mirror},
    external::token_account::AMOUNT,
};

use crate::{
    accounts,
    plan::{STABLE, STABLE_DECIMALS, SYNTHETIC, UNIT},
    validator::{Validator, ValidatorOptions},
};

/// The chain's name in the configuration.
pub const NAME: &str = "s";
/// Lamports in a SOL.
const SOL: u64 = 1_000_000_000;

/// The Solana chain, with what is deployed on it.
#[derive(Debug)]
pub struct SolanaSite {
    /// What is deployed.
    pub deployment: Deployment,
    validator: Option<Validator>,
    client: JsonRpc,
}

/// A position or a mirror, as an account says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Collateral in canonical units.
    pub collateral: u128,
    /// Debt in canonical units.
    pub debt: u128,
    /// Its version.
    pub version: u64,
}

impl SolanaSite {
    /// Its node.
    ///
    /// # Errors
    /// While it is restarted.
    pub fn validator(&self) -> Result<&Validator> {
        self.validator.as_ref().context("the validator is being restarted")
    }

    pub(crate) fn check(&mut self) -> Result<()> {
        self.validator.as_mut().map_or(Ok(()), Validator::check)
    }

    /// Ends the validator and starts it again from its ledger, on the same ports.
    ///
    /// # Errors
    /// Where it does not end or does not start.
    pub async fn restart(&mut self) -> Result<()> {
        let validator = self.validator.take().context("the validator is being restarted")?;
        self.validator = Some(validator.restart().await?);
        Ok(())
    }

    /// Where the gateway's accounts are.
    #[must_use]
    pub fn addresses(&self) -> Addresses {
        Addresses { program: self.deployment.program, gateway: self.deployment.gateway }
    }

    /// The market of the synthetic on `collateral`, whose home this is.
    ///
    /// # Errors
    /// Where there is none.
    pub fn market(&self, collateral: &str) -> Result<MarketId> {
        let name = format!("{SYNTHETIC}/{collateral}");
        self.deployment.markets.get(&name).copied().with_context(|| format!("{NAME} has no market {name}"))
    }

    /// What `wallet` has of `symbol`, in units of the mint; 0 where it has no token account.
    ///
    /// # Errors
    /// What the node says.
    pub async fn balance(&self, symbol: &str, wallet: &Pubkey) -> Result<u64> {
        let mint = self.deployment.tokens.get(symbol).with_context(|| format!("{NAME} has no {symbol}"))?;
        let Some(data) = self.account(&token_account(wallet, mint)).await? else { return Ok(0) };
        let amount = data.get(AMOUNT..).and_then(|rest| rest.first_chunk()).context("no token account")?;
        Ok(u64::from_le_bytes(*amount))
    }

    /// The one position of a reserve market at home here.
    ///
    /// # Errors
    /// What the node says, and where there is no such market.
    pub async fn reserve(&self, market: MarketId) -> Result<Position> {
        let gateway = self.gateway().await?;
        let index = gateway.market_index(&market.0.0).context("no such market")?;
        let market = gateway.market(index).context("no such market")?;
        Ok(Position { collateral: market.total_collateral(), debt: market.total_debt(), version: market.version() })
    }

    /// The copy of another gateway's position.
    ///
    /// # Errors
    /// What the node says.
    pub async fn mirror(&self, market: MarketId, owner: Account) -> Result<Option<Position>> {
        let data = self.account(&self.addresses().mirror(market, owner)).await?;
        let mirror = data.and_then(|data| Mirror::new(data).ok());
        Ok(mirror.map(|mirror| Position {
            collateral: mirror.collateral(),
            debt: mirror.debt(),
            version: mirror.version(),
        }))
    }

    /// What the gateway counted of the synthetic: minted and burned.
    ///
    /// # Errors
    /// What the node says.
    pub async fn minted_and_burned(&self) -> Result<(u128, u128)> {
        let gateway = self.gateway().await?;
        let asset: Asset<&[u8]> = gateway.asset(0).context("no asset")?;
        Ok((asset.minted(), asset.burned()))
    }

    async fn gateway(&self) -> Result<Gateway<Vec<u8>>> {
        let data = self.account(&self.deployment.gateway).await?.context("no gateway")?;
        Gateway::new(data).ok().context("not a gateway")
    }

    /// The data of an account, as it is confirmed.
    async fn account(&self, key: &Pubkey) -> Result<Option<Vec<u8>>> {
        let config = json!({"encoding": "base64", "commitment": "confirmed"});
        let found = ask(&self.client, "getAccountInfo", json!([key.to_string(), config])).await?;
        let data = found.pointer("/value/data/0").and_then(Value::as_str);
        data.map(|data| BASE64_STANDARD.decode(data).context("not base64")).transpose()
    }

    /// A user of this gateway through the adapter, as keepers and the demo are.
    ///
    /// # Errors
    /// Where the adapter refuses the chain.
    pub async fn user(&self, key: Keypair) -> Result<User> {
        let Deployment { chain, program, gateway, .. } = &self.deployment;
        let endpoints = vec![EndpointConfig::new(self.validator()?.url()?.into())];
        let config = SolanaConfig::new(NAME, chain.clone(), *program, *gateway, endpoints);
        Ok(Solana::connect(config, None, None).await?.user(key))
    }
}

/// A chain whose gateway is being set up.
pub(crate) struct Setup {
    validator: Validator,
    deployer: Deployer,
    client: JsonRpc,
}

impl Setup {
    pub(crate) async fn start(directory: &Path) -> Result<Self> {
        let admin = accounts::solana_key(accounts::ADMIN);
        let options = ValidatorOptions::new(directory.join("solana"), admin.pubkey().to_string());
        let validator = Validator::start(&options).await?;
        let client = JsonRpc::new(validator.url()?.into())?;
        let genesis = ask(&client, "getGenesisHash", json!([])).await?;
        let chain: ChainId = chain_of_genesis(genesis.as_str().context("no genesis hash")?)?;
        let endpoints = vec![EndpointConfig::new(validator.url()?.into())];
        let config = SolanaConfig::new(NAME, chain, Pubkey::default(), Pubkey::default(), endpoints);
        let deployer = Deployer::connect(&config, admin).await?;
        Ok(Self { validator, deployer, client })
    }

    pub(crate) async fn deploy(&self, window: WindowPlan) -> Result<Deployment> {
        let program = self.deployer.program(PROGRAM, &accounts::solana_key("program")).await?;
        Ok(self.deployer.gateway(program, &plan(window)?).await?)
    }

    pub(crate) async fn finish(self, deployment: Deployment, routes: &[RoutePlan]) -> Result<SolanaSite> {
        let addresses = Addresses { program: deployment.program, gateway: deployment.gateway };
        self.deployer.open_routes(&addresses, routes).await?;
        self.deployer.activate(&addresses, None).await?;
        for name in accounts::everybody().filter(|name| *name != accounts::ADMIN) {
            self.deployer.fund(&accounts::solana_key(name).pubkey(), 1_000 * SOL).await?;
        }
        let token = |symbol: &str| deployment.tokens.get(symbol).copied().with_context(|| format!("no {symbol}"));
        let (stable, synthetic) = (token(STABLE)?, token(SYNTHETIC)?);
        for name in accounts::USERS {
            let wallet = accounts::solana_key(name).pubkey();
            self.deployer.mint_test_token(&stable, &wallet, 1_000_000_000_000).await?;
            self.deployer.open_token_account(&synthetic, &wallet).await?;
        }
        self.deployer.open_token_account(&synthetic, &accounts::solana_key(accounts::TREASURY).pubkey()).await?;
        Ok(SolanaSite { deployment, validator: Some(self.validator), client: self.client })
    }
}

async fn ask(client: &JsonRpc, method: &'static str, params: Value) -> Result<Value> {
    let answers = client.batch::<()>(&[Request::new(method, params)]).await;
    let answers = answers.map_err(|error| anyhow::anyhow!("{method}: {error:?}"))?;
    ensure!(answers.len() == 1, "{method}: {} answers", answers.len());
    let answer = answers.into_iter().next().with_context(|| format!("{method}: no answer"))?;
    answer.map_err(|fault| anyhow::anyhow!("{method}: {fault}"))
}

/// Users are told the same limits as on the other chains; there is one market, of the stable collateral.
fn plan(window: WindowPlan) -> Result<GatewayPlan> {
    let attesters = accounts::ATTESTERS
        .into_iter()
        .map(|name| Ok(accounts::address(name)?.into_array()))
        .collect::<Result<Vec<_>>>()?;
    Ok(GatewayPlan {
        salt: Word(rand::random()),
        guardian: accounts::solana_key(accounts::GUARDIAN).pubkey(),
        treasury: accounts::solana_key(accounts::TREASURY).pubkey(),
        delay_seconds: 60,
        threshold: 2,
        attesters,
        synthetics: vec![SyntheticPlan {
            symbol: SYNTHETIC.to_owned(),
            name: "TIM3".to_owned(),
            target: 10_u128.pow(18),
            mint_window: window,
            release_window: window,
        }],
        collaterals: vec![CollateralPlan {
            symbol: STABLE.to_owned(),
            decimals: STABLE_DECIMALS,
            token: TokenPlan::Test { decimals: STABLE_DECIMALS },
        }],
        markets: vec![MarketPlan {
            synthetic: SYNTHETIC.to_owned(),
            collateral: STABLE.to_owned(),
            kind: MarketKind::Reserve,
            oracle: None,
            max_ltv_bps: 0,
            liquidation_threshold_bps: 0,
            bonus_bps: 0,
            close_factor_bps: 0,
            depeg_bps: 0,
            debt_ceiling: 1_000_000_000 * UNIT,
            dust: 0,
        }],
    })
}

/// The account of `name` on this chain, as the protocol carries it.
#[must_use]
pub fn account_of(name: &str) -> Account {
    account(&accounts::solana_key(name).pubkey())
}

/// What `tim3d` is told about the chain.
pub(crate) fn configuration(site: &SolanaSite) -> Result<String> {
    let Deployment { chain, program, gateway, id, .. } = &site.deployment;
    let (url, ws) = (site.validator()?.url()?, site.validator()?.websocket()?);
    let (guardian, submitter) = (accounts::GUARDIAN, accounts::SUBMITTER);
    let market = STABLE.to_lowercase();
    Ok(format!(
        r#"
[chains.{NAME}]
kind = "solana"
chain = "{chain}"
program = "{program}"
gateway = "{gateway}"
gateway_id = "{id}"
endpoints = [{{ url = "{url}", ws = "{ws}" }}]
poll_interval = "200ms"
mirror_interval = "1s"
guardian = {{ file = "keys/{guardian}.key" }}

[chains.{NAME}.submit]
signer = {{ keystore = "keys/{submitter}-solana.json", password = {{ file = "keys/password" }} }}
escalate_after = "5s"

[markets.{market}_{NAME}]
kind = "reserve"
home = "{NAME}"
synthetic = "{SYNTHETIC}"
collateral = "{STABLE}"
collateral_decimals = {STABLE_DECIMALS}
"#
    ))
}

/// The names and addresses of everybody on this chain.
pub(crate) fn addresses() -> BTreeMap<&'static str, String> {
    let names = accounts::everybody().chain([accounts::TREASURY]);
    names.map(|name| (name, accounts::solana_key(name).pubkey().to_string())).collect()
}

/// A route between gateways on chains of different kinds and the same limits.
pub(crate) fn routes(peers: impl IntoIterator<Item = (GatewayId, bool)>, window: WindowPlan) -> Result<Vec<RoutePlan>> {
    peers.into_iter().map(|(peer, evm)| Ok(RoutePlan { evm, ..crate::plan::route(peer, window)? })).collect()
}
