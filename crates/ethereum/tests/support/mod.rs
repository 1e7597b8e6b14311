//! A gateway on a real anvil, and everybody who acts there.

#![expect(clippy::arithmetic_side_effects, clippy::expect_used, clippy::panic, reason = "these are tests")]
#![allow(dead_code, reason = "each test uses a part of it")]

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use tim3_chain::{Chain as _, Submitter as _, Transaction, TransactionState, conformance::Keys};
use tim3_devnet::anvil::{Anvil, AnvilOptions, Mining};
use tim3_domain::{
    identity::{Account, AssetId, ChainId, GatewayId, MarketId},
    protocol::{Action, Operation, OperationKind, Order, OrderContent, SignedOrder},
    word::keccak_text,
};
use tim3_ethereum::{
    Address, EndpointConfig, Ethereum, EthereumConfig, FeePolicy, Finality, PrivateKeySigner,
    deploy::{
        Deployer, Deployment,
        plan::{CollateralPlan, GatewayPlan, MarketPlan, RoutePlan, SyntheticPlan, TokenPlan, WindowPlan},
    },
};
use tim3_rpc::{JsonRpc, Request, SecretUrl};
use url::Url;

pub(crate) const CHAIN_ID: u64 = 31_337;
/// One whole synthetic.
pub(crate) const WHOLE: u128 = 1_000_000;
/// Anvil's first account, the only one with money.
const RICH: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

/// An active gateway with a reserve market of TIM3 on USDA, and a route to a peer that exists only as an identity.
pub(crate) struct World {
    pub(crate) anvil: Anvil,
    pub(crate) plan: GatewayPlan,
    pub(crate) deployment: Deployment,
    pub(crate) routes: Vec<RoutePlan>,
    pub(crate) keys: Keys,
    pub(crate) peer: GatewayId,
}

pub(crate) fn signer(name: &str) -> PrivateKeySigner {
    PrivateKeySigner::from_slice(&keccak_text(name).0).expect("a key")
}

pub(crate) fn tim3() -> AssetId {
    AssetId::from_symbol("TIM3").expect("a symbol")
}

pub(crate) fn usda() -> AssetId {
    AssetId::from_symbol("USDA").expect("a symbol")
}

fn rich() -> PrivateKeySigner {
    RICH.parse().expect("a key")
}

fn plan(keys: &Keys) -> GatewayPlan {
    let window = WindowPlan { limit: 100_000 * WHOLE, period_seconds: 10_000 };
    GatewayPlan {
        salt: keccak_text("salt"),
        guardian: signer("guardian").address(),
        treasury: signer("treasury").address(),
        delay_seconds: 60,
        threshold: keys.threshold(),
        attesters: keys.addresses().into_iter().map(Address::new).collect(),
        synthetics: vec![SyntheticPlan {
            symbol: "TIM3".to_owned(),
            name: "TIM3".to_owned(),
            target: 1_000_000_000_000_000_000,
            mint_window: window,
            release_window: window,
        }],
        // Eighteen decimals on the chain, six in the protocol.
        collaterals: vec![CollateralPlan {
            symbol: "USDA".to_owned(),
            decimals: 6,
            token: TokenPlan::Test { name: "USDA".to_owned(), decimals: 18 },
        }],
        markets: vec![MarketPlan::reserve("TIM3", "USDA", 10_000_000 * WHOLE)],
    }
}

impl World {
    pub(crate) async fn start() -> Self {
        let options = AnvilOptions {
            chain_id: CHAIN_ID,
            port: 0,
            mining: Mining::Auto,
            gas_limit: 60_000_000,
            slots_in_an_epoch: 1,
        };
        let anvil = Anvil::start(&options).await.expect("anvil");
        let keys = Keys::from_seed("ethereum", 3, 2);
        let plan = plan(&keys);
        let nobody = Address::repeat_byte(1);
        let config = EthereumConfig::new("anvil", CHAIN_ID, nobody, vec![endpoint(anvil.url().clone())]);
        let deployer = Deployer::connect(&config, rich()).await.expect("a deployer");
        let deployment = deployer.gateway(&plan).await.expect("deployed");
        let peer = GatewayId::derive(&ChainId::eip155(9_999), Account::from_evm([9; 20]), keccak_text("peer"));
        let routes = vec![RoutePlan {
            asset: tim3(),
            peer,
            min: 1,
            max: 10_000 * WHOLE,
            flat_fee: 0,
            fee_bps: 10,
            enabled: true,
            evm: true,
        }];
        deployer.open_routes(deployment.gateway, &routes).await.expect("routes");
        deployer.activate(deployment.gateway, None).await.expect("active");
        for who in ["submitter", "user", "executor", "guardian"] {
            let ether = "10000000000000000000".parse().expect("an amount");
            deployer.fund(signer(who).address(), ether).await.expect("funded");
        }
        Self { anvil, plan, deployment, routes, keys, peer }
    }

    /// The deployer and admin.
    pub(crate) fn admin(&self) -> Address {
        rich().address()
    }

    pub(crate) fn market(&self) -> MarketId {
        *self.deployment.markets.get("TIM3/USDA").expect("a market")
    }

    /// Quick to notice whatever there is to notice.
    pub(crate) fn config(&self, urls: &[&Url]) -> EthereumConfig {
        let endpoints =
            urls.iter().zip(0..).map(|(url, priority)| EndpointConfig { priority, ..endpoint((*url).clone()) });
        EthereumConfig {
            finality: Finality::Finalized,
            poll_interval_ms: 50,
            gap_patience_ms: 200,
            timeout_ms: 1_000,
            health_interval_ms: 200,
            stall_after_ms: 1_000,
            fees: FeePolicy { escalate_after_ms: 0, ..FeePolicy::default() },
            ..EthereumConfig::new("anvil", CHAIN_ID, self.deployment.gateway, endpoints.collect())
        }
    }

    pub(crate) async fn connect(&self) -> Ethereum {
        self.connect_with(self.config(&[self.anvil.url()])).await
    }

    pub(crate) async fn connect_with(&self, config: EthereumConfig) -> Ethereum {
        Ethereum::connect(config, Some(signer("submitter")), None).await.expect("connected")
    }

    /// Gives `who` collateral, in canonical units.
    pub(crate) async fn give_collateral(&self, chain: &Ethereum, who: &str, amount: u128) {
        let user = chain.user(signer(who));
        user.mint_test_token(usda(), user.address(), amount).await.expect("minted");
    }

    pub(crate) async fn rpc(&self, method: &'static str, params: Value) -> Value {
        let client = JsonRpc::new(SecretUrl::from(self.anvil.url().clone())).expect("a client");
        let answers = client.batch::<()>(&[Request::new(method, params)]).await.expect("an answer");
        answers.into_iter().next().expect("one").expect(method)
    }

    pub(crate) async fn mine(&self, blocks: u64) {
        self.rpc("anvil_mine", json!([format!("{blocks:#x}")])).await;
    }

    pub(crate) async fn automine(&self, on: bool) {
        self.rpc("evm_setAutomine", json!([on])).await;
    }

    /// The next block as a miner would make it, with what waits in the pool.
    pub(crate) async fn mine_pool(&self) {
        self.rpc("evm_mine", json!([])).await;
    }

    /// A Mint order of `amount` for operation `nonce` of the peer, signed by the attesters.
    pub(crate) fn mint(&self, nonce: u64, amount: u128) -> SignedOrder {
        self.order(Action::Mint, self.incoming(nonce, amount))
    }

    pub(crate) fn order(&self, action: Action, operation: Operation) -> SignedOrder {
        let content = OrderContent::Operation(operation);
        self.keys.sign(Order { action, gateway: self.deployment.id, epoch: 1, content })
    }

    pub(crate) fn incoming(&self, nonce: u64, amount: u128) -> Operation {
        Operation {
            kind: OperationKind::Transfer,
            origin: self.peer,
            destination: self.deployment.id,
            nonce,
            asset: tim3(),
            market: MarketId::ZERO,
            owner: Account::ZERO,
            actor: Account::from_evm([7; 20]),
            refund_to: Account::from_evm([7; 20]),
            recipient: Account::from_evm(signer("recipient").address().into_array()),
            amount,
            fee: amount / 1_000,
            wanted: 0,
            timestamp: 1_700_000_000,
        }
    }
}

/// Where nobody listens.
pub(crate) fn dead_url() -> Url {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let address = listener.local_addr().expect("an address");
    format!("http://{address}").parse().expect("a URL")
}

pub(crate) fn endpoint(url: Url) -> EndpointConfig {
    EndpointConfig::new(SecretUrl::from(url))
}

/// Waits until `transaction` is in the state that `wanted` recognises, asking as a coordinator does.
pub(crate) async fn until(
    chain: &Ethereum,
    transaction: &Transaction,
    wanted: impl Fn(&TransactionState) -> bool,
) -> TransactionState {
    for _ in 0..400 {
        let states = chain.states(std::slice::from_ref(transaction)).await.expect("states");
        let state = states.into_iter().next().expect("one");
        if wanted(&state) {
            return state;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let states = chain.states(std::slice::from_ref(transaction)).await;
    panic!("{}: {} never came there: {states:?}", chain.name(), transaction.id)
}

pub(crate) fn is_included(state: &TransactionState) -> bool {
    matches!(state, TransactionState::Included(_))
}

/// An endpoint in front of another that gives the logs of at most `blocks` blocks at once. Gives its address, and the numbers of blocks that were asked for.
pub(crate) async fn narrow(upstream: Url, blocks: u64) -> (Url, Arc<Mutex<Vec<u64>>>) {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address")).parse().expect("a URL");
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    let client = reqwest::Client::new();
    let answer = move |body: String| async move {
        let requests: Value = serde_json::from_str(&body).expect("JSON");
        let height = |filter: &Value, name: &str| {
            let text = filter.get(name).and_then(Value::as_str).and_then(|text| text.strip_prefix("0x"));
            u64::from_str_radix(text.expect("a height"), 16).expect("a height")
        };
        let filter = requests.as_array().into_iter().flatten().find_map(|request| {
            (request.get("method")? == "eth_getLogs").then(|| request.pointer("/params/0").cloned())?
        });
        if let Some(filter) = filter {
            let wanted = height(&filter, "toBlock") - height(&filter, "fromBlock") + 1;
            seen.lock().expect("lock").push(wanted);
            if wanted > blocks {
                let error = json!({"code": -32005, "message": format!("block range is limited to {blocks}")});
                return json!([
                    {"jsonrpc": "2.0", "id": 0, "result": "0xffffff"}, {"jsonrpc": "2.0", "id": 1, "error": error}
                ])
                .to_string();
            }
        }
        let sent = client.post(upstream).header("content-type", "application/json").body(body).send();
        sent.await.expect("an answer").text().await.expect("text")
    };
    let router = axum::Router::new().fallback(axum::routing::post(answer));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, asked)
}
