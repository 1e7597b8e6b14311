//! Gateways on a real validator, and everybody who acts there.

#![expect(clippy::expect_used, reason = "these are tests")]
#![allow(dead_code, reason = "each test uses a part of it")]

use std::sync::Arc;

use futures::{StreamExt as _, future::join_all};
use serde_json::json;
use solana_client::{nonblocking::pubsub_client::PubsubClient, rpc_config::RpcAccountInfoConfig};
use solana_commitment_config::CommitmentConfig;
use tempfile::TempDir;
use tim3_chain::conformance::Keys;
use tim3_devnet::validator::{Validator, ValidatorOptions};
use tim3_domain::{
    identity::{Account, AssetId, ChainId, GatewayId, MarketId},
    protocol::{Action, Operation, OperationKind, Order, OrderContent, SignedOrder},
    word::{Word, keccak_text},
};
use tim3_rpc::{EndpointConfig, JsonRpc, Request};
use tim3_solana::{
    Addresses, Keypair, Pubkey, Signer as _, Solana, SolanaConfig,
    address::account,
    chain_of_genesis,
    deploy::{
        Deployer, Deployment, PROGRAM,
        plan::{CollateralPlan, GatewayPlan, MarketPlan, RoutePlan, SyntheticPlan, TokenPlan, WindowPlan},
    },
};
use url::Url;

/// The sysvar that tells the time.
const CLOCK: Pubkey = Pubkey::from_str_const("SysvarC1ock11111111111111111111111111111111");
/// One whole synthetic.
pub(crate) const WHOLE: u128 = 1_000_000;
/// Lamports in a SOL.
pub(crate) const SOL: u64 = 1_000_000_000;

/// A validator with the gateway program.
struct Cluster {
    validator: Validator,
    chain: ChainId,
    program: Pubkey,
    /// Has all the coins.
    bank: Deployer,
    _ledger: TempDir,
}

/// An active gateway with a reserve market of TIM3 on USDA, and a route to a peer that exists only as an identity.
pub(crate) struct World {
    cluster: Arc<Cluster>,
    pub(crate) plan: GatewayPlan,
    pub(crate) deployment: Deployment,
    pub(crate) keys: Keys,
    pub(crate) peer: GatewayId,
    deployer: Deployer,
}

pub(crate) fn signer(name: &str) -> Keypair {
    Keypair::new_from_array(keccak_text(name).0)
}

pub(crate) fn tim3() -> AssetId {
    AssetId::from_symbol("TIM3").expect("a symbol")
}

pub(crate) fn usda() -> AssetId {
    AssetId::from_symbol("USDA").expect("a symbol")
}

fn plan(salt: Word, keys: &Keys) -> GatewayPlan {
    let window = WindowPlan { limit: 100_000 * WHOLE, period_seconds: 86_400 };
    GatewayPlan {
        salt,
        guardian: signer("guardian").pubkey(),
        treasury: signer("treasury").pubkey(),
        delay_seconds: 60,
        threshold: keys.threshold(),
        attesters: keys.addresses(),
        synthetics: vec![SyntheticPlan {
            symbol: "TIM3".to_owned(),
            name: "TIM3".to_owned(),
            target: 1_000_000_000_000_000_000,
            mint_window: window,
            release_window: window,
        }],
        // Eight decimals on the chain, six in the protocol.
        collaterals: vec![CollateralPlan {
            symbol: "USDA".to_owned(),
            decimals: 6,
            token: TokenPlan::Test { decimals: 8 },
        }],
        markets: vec![MarketPlan::reserve("TIM3", "USDA", 10_000_000 * WHOLE)],
    }
}

impl Cluster {
    async fn start() -> Self {
        let ledger = tempfile::tempdir().expect("a directory");
        let mint = signer("bank").pubkey().to_string();
        // Very short slots: a test waits for finality a hundred times.
        let options = ValidatorOptions { ticks_per_slot: 4, ..ValidatorOptions::new(ledger.path(), mint) };
        let validator = Validator::start(&options).await.expect("a validator");
        let url = validator.url().expect("a URL");
        let client = JsonRpc::new(url.clone().into()).expect("a client");
        let genesis = client.batch::<()>(&[Request::new("getGenesisHash", json!([]))]).await.expect("an answer");
        let genesis = genesis.into_iter().next().expect("one").expect("a hash");
        let chain = chain_of_genesis(genesis.as_str().expect("text")).expect("a name");
        let bank = deployer(&chain, url, "bank").await;
        let program = bank.program(PROGRAM, &signer("program")).await.expect("uploaded");
        for who in ["submitter", "user", "executor", "guardian"] {
            bank.fund(&signer(who).pubkey(), 100 * SOL).await.expect("funded");
        }
        Self { validator, chain, program, bank, _ledger: ledger }
    }
}

async fn deployer(chain: &ChainId, url: Url, name: &str) -> Deployer {
    let nobody = Pubkey::default();
    let config = SolanaConfig::new("validator", chain.clone(), nobody, nobody, vec![endpoint(url)]);
    Deployer::connect(&config, signer(name)).await.expect("a deployer")
}

impl World {
    /// On one validator, each with tokens and a deployer of its own. Everybody else is the same.
    pub(crate) async fn several<const N: usize>() -> [Self; N] {
        let cluster = Arc::new(Cluster::start().await);
        let worlds = join_all((0..N).map(|index| Self::on(&cluster, index))).await;
        worlds.try_into().ok().expect("as many")
    }

    async fn on(cluster: &Arc<Cluster>, index: usize) -> Self {
        let name = format!("deployer {index}");
        cluster.bank.fund(&signer(&name).pubkey(), 100 * SOL).await.expect("funded");
        let deployer = deployer(&cluster.chain, cluster.validator.url().expect("a URL"), &name).await;
        let keys = Keys::from_seed("solana", 3, 2);
        let plan = plan(keccak_text(&name), &keys);
        let program = cluster.program;
        let mut deployment = deployer.gateway(program, &plan).await.expect("deployed");
        let peer = GatewayId::derive(&ChainId::eip155(9_999), Account::from_evm([9; 20]), keccak_text("peer"));
        let routes = [RoutePlan {
            asset: tim3(),
            peer,
            min: 1,
            max: 10_000 * WHOLE,
            flat_fee: 0,
            fee_bps: 10,
            enabled: true,
            evm: true,
        }];
        let addresses = Addresses { program, gateway: deployment.gateway };
        deployer.open_routes(&addresses, &routes).await.expect("routes");
        deployment.lookup_table = Some(deployer.lookup_table(&addresses, &routes).await.expect("a table"));
        deployer.activate(&addresses, None).await.expect("active");
        Self { cluster: Arc::clone(cluster), plan, deployment, keys, peer, deployer }
    }

    pub(crate) fn market(&self) -> MarketId {
        *self.deployment.markets.get("TIM3/USDA").expect("a market")
    }

    pub(crate) fn token(&self, symbol: &str) -> Pubkey {
        *self.deployment.tokens.get(symbol).expect("a token")
    }

    pub(crate) fn url(&self) -> Url {
        self.cluster.validator.url().expect("a URL")
    }

    /// Quick to notice whatever there is to notice.
    pub(crate) fn config(&self, urls: &[Url]) -> SolanaConfig {
        let endpoints =
            urls.iter().zip(0..).map(|(url, priority)| EndpointConfig { priority, ..endpoint(url.clone()) });
        let Deployment { program, gateway, lookup_table, .. } = self.deployment;
        SolanaConfig {
            lookup_table,
            poll_interval_ms: 50,
            timeout_ms: 10_000,
            health_interval_ms: 1_000,
            ..SolanaConfig::new("validator", self.cluster.chain.clone(), program, gateway, endpoints.collect())
        }
    }

    pub(crate) async fn connect(&self) -> Solana {
        self.connect_with(self.config(&[self.url()])).await
    }

    pub(crate) async fn connect_with(&self, config: SolanaConfig) -> Solana {
        Solana::connect(config, Some(signer("submitter")), None).await.expect("connected")
    }

    /// Gives `who` collateral, in canonical units, and token accounts for everything.
    pub(crate) async fn give_collateral(&self, who: &str, amount: u64) {
        let wallet = signer(who).pubkey();
        let native = amount.checked_mul(100).expect("few");
        self.deployer.mint_test_token(&self.token("USDA"), &wallet, native).await.expect("minted");
        self.open(who).await;
    }

    /// Opens token accounts for everything.
    pub(crate) async fn open(&self, who: &str) {
        for symbol in ["TIM3", "USDA"] {
            self.deployer.open_token_account(&self.token(symbol), &signer(who).pubkey()).await.expect("opened");
        }
    }

    /// A Mint order of `amount` for operation `nonce` of the peer, signed by the attesters.
    pub(crate) fn mint(&self, nonce: u64, amount: u128) -> SignedOrder {
        let operation = Operation {
            kind: OperationKind::Transfer,
            origin: self.peer,
            destination: self.deployment.id,
            nonce,
            asset: tim3(),
            market: MarketId::ZERO,
            owner: Account::ZERO,
            actor: Account::from_evm([7; 20]),
            refund_to: Account::from_evm([7; 20]),
            recipient: account(&signer("recipient").pubkey()),
            amount,
            fee: 0,
            wanted: 0,
            timestamp: 1_700_000_000,
        };
        let content = OrderContent::Operation(operation);
        self.keys.sign(Order { action: Action::Mint, gateway: self.deployment.id, epoch: 1, content })
    }

    pub(crate) async fn slot(&self, commitment: &str) -> u64 {
        let client = JsonRpc::new(self.url().into()).expect("a client");
        let request = Request::new("getSlot", json!([{"commitment": commitment}]));
        let answers = client.batch::<()>(&[request]).await.expect("an answer");
        answers.into_iter().next().expect("one").expect("a slot").as_u64().expect("a number")
    }

    /// Waits until everything that is confirmed now is final: the clock changes in every slot, and the validator announces it when the slot
    /// is final.
    pub(crate) async fn finalize(&self) {
        let websocket = self.cluster.validator.websocket().expect("a URL");
        let client = PubsubClient::new(websocket.as_str()).await.expect("a websocket");
        let config =
            RpcAccountInfoConfig { commitment: Some(CommitmentConfig::finalized()), ..RpcAccountInfoConfig::default() };
        let (mut changes, _) = client.account_subscribe(&CLOCK, Some(config)).await.expect("a subscription");
        let slot = self.slot("confirmed").await;
        while changes.next().await.expect("a final slot").context.slot < slot {}
    }
}

pub(crate) fn endpoint(url: Url) -> EndpointConfig {
    EndpointConfig::new(url.into())
}
