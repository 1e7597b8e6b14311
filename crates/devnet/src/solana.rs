//! The Solana chain of a devnet: a validator with the gateway program, read directly: nothing there goes through the adapter that tests want
//! to check.

mod pool;
mod price;
mod receiver;

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};
use tim3_domain::{
    identity::{Account, AssetId, ChainId, GatewayId, MarketId},
    protocol::{Event, EventBody},
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
    accounts::{Asset, EventPage, Gateway, Mirror, Route},
    external::{mint::SUPPLY, token_account::AMOUNT},
};

use crate::{
    accounts,
    plan::{CEILING, STABLE, STABLE_DECIMALS, SYNTHETIC, vault},
    site::Position,
    validator::{Validator, ValidatorOptions},
};

pub use pool::SwapPool;
pub use tim3_solana_interface::external::PriceUpdate;

/// The chain's name in the configuration.
pub const NAME: &str = "s";
/// Collateral of the vault market, a test token of 150 USD; its decimals are the same in its mint and in books.
pub const VOLATILE: &str = "SOL";
const VOLATILE_DECIMALS: u8 = 9;
/// Lamports in a SOL.
pub const SOL: u64 = 1_000_000_000;
/// Transactions of the set-up at once.
const AT_ONCE: usize = 24;

/// The Solana chain, with what is deployed on it.
#[derive(Debug)]
pub struct SolanaSite {
    /// What is deployed.
    pub deployment: Deployment,
    node: Node,
    client: JsonRpc,
    deployer: Deployer,
}

/// The validator: it runs, or can be started again.
#[derive(Debug)]
enum Node {
    Up(Validator),
    Down(ValidatorOptions),
}

/// Somebody who gets test tokens and what it takes to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beginner {
    /// Whose.
    pub wallet: Pubkey,
    /// What it pays fees and rent from, in lamports.
    pub lamports: u64,
    /// Of the stable collateral, in units of its mint.
    pub stable: u64,
}

impl SolanaSite {
    /// Its node.
    ///
    /// # Errors
    /// While it is down.
    pub fn validator(&self) -> Result<&Validator> {
        match &self.node {
            Node::Up(validator) => Ok(validator),
            Node::Down(_) => bail!("the validator is down"),
        }
    }

    pub(crate) fn check(&mut self) -> Result<()> {
        match &mut self.node {
            Node::Up(validator) => validator.check(),
            Node::Down(_) => Ok(()),
        }
    }

    /// Ends the validator; its ledger stays.
    ///
    /// # Errors
    /// Where it does not end, or is down already.
    pub async fn stop(&mut self) -> Result<()> {
        let down = Node::Down(self.validator()?.options().clone());
        if let Node::Up(validator) = std::mem::replace(&mut self.node, down) {
            validator.stop().await?;
        }
        Ok(())
    }

    /// Starts the validator again from its ledger, on the same ports.
    ///
    /// # Errors
    /// Where it does not start, or runs already.
    pub async fn start(&mut self) -> Result<()> {
        let Node::Down(options) = &self.node else { bail!("the validator runs") };
        self.node = Node::Up(Validator::start(options).await?);
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
        let mint = token(&self.deployment, symbol)?;
        let Some(data) = self.account(&token_account(wallet, &mint)).await? else { return Ok(0) };
        let amount = data.get(AMOUNT..).and_then(|rest| rest.first_chunk()).context("no token account")?;
        Ok(u64::from_le_bytes(*amount))
    }

    /// What `wallet` has for fees and rent, in lamports.
    ///
    /// # Errors
    /// What the node says.
    pub async fn lamports(&self, wallet: &Pubkey) -> Result<u64> {
        let config = json!({"commitment": "confirmed"});
        let found = ask(&self.client, "getBalance", json!([wallet.to_string(), config])).await?;
        found.pointer("/value").and_then(Value::as_u64).context("no balance")
    }

    /// Everything in a market at home here: of a reserve market that is its one position.
    ///
    /// # Errors
    /// What the node says, and where there is no such market.
    pub async fn totals(&self, market: MarketId) -> Result<Position> {
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

    /// How many units of the synthetic's mint there are.
    ///
    /// # Errors
    /// What the node says.
    pub async fn supply(&self) -> Result<u64> {
        let data = self.account(&token(&self.deployment, SYNTHETIC)?).await?.context("no mint")?;
        let amount = data.get(SUPPLY..).and_then(|rest| rest.first_chunk()).context("no mint")?;
        Ok(u64::from_le_bytes(*amount))
    }

    /// The gateway's events that are final, by sequence.
    ///
    /// # Errors
    /// What the node says, and what is no event of the protocol.
    pub async fn events(&self) -> Result<Vec<Event>> {
        let data = self.account_at(&self.deployment.gateway, "finalized").await?.context("no gateway")?;
        let gateway = Gateway::new(data).ok().context("not a gateway")?;
        let mut events = Vec::new();
        for number in 0..=gateway.page() {
            let data = self.account_at(&self.addresses().events(number), "finalized").await?;
            let page = data.and_then(|data| EventPage::new(data).ok()).context("no page of events")?;
            for record in page.iter() {
                let words = record.body(&gateway.dictionary()).map_err(|error| anyhow!(error.name()))?;
                let words: Vec<_> = words.into_iter().take(record.words.into()).map(Word).collect();
                let body = EventBody::decode(record.kind, &words)?;
                events.push(Event { sequence: record.sequence, timestamp: record.timestamp, body });
            }
        }
        Ok(events)
    }

    /// Height of the newest block: of the newest `confirmed` or `finalized` one.
    ///
    /// # Errors
    /// What the node says.
    pub async fn height(&self, commitment: &str) -> Result<u64> {
        let height = ask(&self.client, "getBlockHeight", json!([{"commitment": commitment}])).await?;
        height.as_u64().context("no height")
    }

    /// Gives everybody coins, collateral, and a token account for it and for the synthetic.
    ///
    /// # Errors
    /// What the node says.
    pub async fn welcome(&self, beginners: &[Beginner]) -> Result<()> {
        let (stable, synthetic) = (token(&self.deployment, STABLE)?, token(&self.deployment, SYNTHETIC)?);
        let welcome = |beginner: &Beginner| {
            let (Beginner { wallet, lamports, stable: amount }, deployer) = (*beginner, &self.deployer);
            async move {
                if lamports > 0 {
                    deployer.fund(&wallet, lamports).await?;
                }
                deployer.mint_test_token(&stable, &wallet, amount).await?;
                deployer.open_token_account(&synthetic, &wallet).await
            }
        };
        stream::iter(beginners.iter().map(welcome)).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
        Ok(())
    }

    /// Gives wallets `lamports` and so much of the volatile collateral.
    ///
    /// # Errors
    /// What the node says.
    pub async fn equip(&self, wallets: &[Pubkey], lamports: u64, volatile: u64) -> Result<()> {
        /// As many as fit in a transaction.
        const TOGETHER: usize = 7;
        let mint = token(&self.deployment, VOLATILE)?;
        let together = wallets.chunks(TOGETHER).map(|wallets| self.deployer.equip(wallets, lamports, &mint, volatile));
        stream::iter(together).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
        Ok(())
    }

    /// What the gateway counted of the synthetic towards a peer: sent to it, and settled of what came from it.
    ///
    /// # Errors
    /// What the node says, and where there is no such route.
    pub async fn sent_and_settled(&self, peer: GatewayId) -> Result<(u128, u128)> {
        let route = self.addresses().route(AssetId::from_symbol(SYNTHETIC)?, peer);
        let data = self.account(&route).await?.context("no route")?;
        let route = Route::new(data).ok().context("not a route")?;
        Ok((route.sent(), route.settled()))
    }

    async fn gateway(&self) -> Result<Gateway<Vec<u8>>> {
        let data = self.account(&self.deployment.gateway).await?.context("no gateway")?;
        Gateway::new(data).ok().context("not a gateway")
    }

    /// The data of an account, as it is confirmed.
    async fn account(&self, key: &Pubkey) -> Result<Option<Vec<u8>>> {
        self.account_at(key, "confirmed").await
    }

    async fn account_at(&self, key: &Pubkey, commitment: &str) -> Result<Option<Vec<u8>>> {
        let config = json!({"encoding": "base64", "commitment": commitment});
        let found = ask(&self.client, "getAccountInfo", json!([key.to_string(), config])).await?;
        let data = found.pointer("/value/data/0").and_then(Value::as_str);
        data.map(|data| BASE64_STANDARD.decode(data).context("not base64")).transpose()
    }

    /// A user of this gateway through the adapter, as the demo is.
    ///
    /// # Errors
    /// Where the adapter refuses the chain.
    pub async fn user(&self, key: Keypair) -> Result<User> {
        Ok(self.connect().await?.user(key))
    }

    /// The adapter on this gateway, without keys.
    ///
    /// # Errors
    /// Where it refuses the chain.
    pub async fn connect(&self) -> Result<Solana> {
        let Deployment { chain, program, gateway, .. } = &self.deployment;
        let endpoints = vec![EndpointConfig::new(self.validator()?.url()?.into())];
        let config = SolanaConfig::new(NAME, chain.clone(), *program, *gateway, endpoints);
        Ok(Solana::connect(config, None, None).await?)
    }
}

/// A chain whose gateway is being set up.
pub(crate) struct Setup {
    validator: Validator,
    deployer: Deployer,
    client: JsonRpc,
}

impl Setup {
    pub(crate) async fn start(directory: &Path, ticks_per_slot: u32) -> Result<Self> {
        let admin = accounts::solana_key(accounts::ADMIN);
        let options = ValidatorOptions::new(directory.join("solana"), admin.pubkey().to_string());
        let price::Genesis { accounts, program } = price::write(directory)?;
        let programs = vec![program, pool::write(directory)?];
        let options = ValidatorOptions { ticks_per_slot, accounts: Some(accounts), programs, ..options };
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

    pub(crate) async fn finish(self, mut deployment: Deployment, routes: &[RoutePlan]) -> Result<SolanaSite> {
        let addresses = Addresses { program: deployment.program, gateway: deployment.gateway };
        self.deployer.open_routes(&addresses, routes).await?;
        deployment.lookup_table = Some(self.deployer.lookup_table(&addresses, routes).await?);
        self.deployer.activate(&addresses, None).await?;
        for name in [accounts::GUARDIAN, accounts::SUBMITTER] {
            self.deployer.fund(&accounts::solana_key(name).pubkey(), 1_000 * SOL).await?;
        }
        let synthetic = token(&deployment, SYNTHETIC)?;
        self.deployer.open_token_account(&synthetic, &accounts::solana_key(accounts::TREASURY).pubkey()).await?;
        let Self { validator, deployer, client } = self;
        let site = SolanaSite { deployment, node: Node::Up(validator), client, deployer };
        let users = accounts::USERS.map(|name| Beginner {
            wallet: accounts::solana_key(name).pubkey(),
            lamports: 1_000 * SOL,
            stable: 1_000_000_000_000,
        });
        site.welcome(&users).await?;
        let volatile = token(&site.deployment, VOLATILE)?;
        for user in &users {
            site.deployer.mint_test_token(&volatile, &user.wallet, 1_000 * SOL).await?;
        }
        Ok(site)
    }
}

fn token(deployment: &Deployment, symbol: &str) -> Result<Pubkey> {
    deployment.tokens.get(symbol).copied().with_context(|| format!("{NAME} has no {symbol}"))
}

async fn ask(client: &JsonRpc, method: &'static str, params: Value) -> Result<Value> {
    let answers = client.batch::<()>(&[Request::new(method, params)]).await;
    let answers = answers.map_err(|error| anyhow::anyhow!("{method}: {error:?}"))?;
    ensure!(answers.len() == 1, "{method}: {} answers", answers.len());
    let answer = answers.into_iter().next().with_context(|| format!("{method}: no answer"))?;
    answer.map_err(|fault| anyhow::anyhow!("{method}: {fault}"))
}

/// Users are told the same limits as on the other chains.
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
        collaterals: vec![collateral(STABLE, STABLE_DECIMALS), collateral(VOLATILE, VOLATILE_DECIMALS)],
        markets: vec![MarketPlan::reserve(SYNTHETIC, STABLE, CEILING), vault(VOLATILE, price::oracle())],
    })
}

fn collateral(symbol: &str, decimals: u8) -> CollateralPlan {
    CollateralPlan { symbol: symbol.to_owned(), decimals, token: TokenPlan::Test { decimals } }
}

/// The account of `name` on this chain, as the protocol carries it.
#[must_use]
pub fn account_of(name: &str) -> Account {
    account(&accounts::solana_key(name).pubkey())
}

/// What `tim3d` is told about the chain.
pub(crate) fn configuration(site: &SolanaSite) -> Result<String> {
    let Deployment { chain, program, gateway, id, lookup_table, .. } = &site.deployment;
    let lookup_table = lookup_table.context("no lookup table")?;
    let (url, ws) = (site.validator()?.url()?, site.validator()?.websocket()?);
    let (guardian, submitter) = (accounts::GUARDIAN, accounts::SUBMITTER);
    let market = |collateral: &str, kind: &str, decimals: u8| {
        format!(
            r#"
[markets.{}_{NAME}]
kind = "{kind}"
home = "{NAME}"
synthetic = "{SYNTHETIC}"
collateral = "{collateral}"
collateral_decimals = {decimals}
"#,
            collateral.to_lowercase()
        )
    };
    let stable = market(STABLE, "reserve", STABLE_DECIMALS);
    let volatile = market(VOLATILE, "vault", VOLATILE_DECIMALS);
    Ok(format!(
        r#"
[chains.{NAME}]
kind = "solana"
chain = "{chain}"
program = "{program}"
gateway = "{gateway}"
gateway_id = "{id}"
lookup_table = "{lookup_table}"
endpoints = [{{ url = "{url}", ws = "{ws}" }}]
poll_interval = "200ms"
mirror_interval = "1s"
guardian = {{ file = "keys/{guardian}.key" }}

[chains.{NAME}.submit]
signer = {{ keystore = "keys/{submitter}-solana.json", password = {{ file = "keys/password" }} }}
escalate_after = "5s"
{stable}{volatile}"#
    ))
}

/// The names and addresses of everybody on this chain.
pub(crate) fn addresses() -> BTreeMap<&'static str, String> {
    let names = accounts::everybody().chain([accounts::TREASURY]);
    names.map(|name| (name, accounts::solana_key(name).pubkey().to_string())).collect()
}
