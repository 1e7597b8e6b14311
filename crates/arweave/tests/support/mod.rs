//! A gateway in the real aos module, and everybody who acts there.

#![expect(clippy::expect_used, reason = "these are tests")]
#![allow(dead_code, reason = "each test uses a part of it")]

use tim3_arweave::{
    Ao, AoConfig, Id, Keys as Wallets, NetworkConfig, Voter, Wallet,
    deploy::{
        Deployer, Deployment, Ground,
        plan::{CollateralPlan, GatewayPlan, MarketPlan, RoutePlan, SyntheticPlan, TokenPlan, WindowPlan},
    },
};
use tim3_chain::conformance::Keys;
use tim3_devnet::ao::{AoNetwork, AoOptions};
use tim3_domain::{
    identity::{Account, AssetId, ChainId, GatewayId, MarketId},
    word::keccak_text,
};
use tim3_rpc::EndpointConfig;
use url::Url;

/// One whole synthetic.
pub(crate) const WHOLE: u128 = 1_000_000;
/// Blocks of Arweave that make a message final here.
const CONFIRMATIONS: u64 = 3;

/// An active gateway with a reserve market of TIM3 on USDA, and a route to a peer that exists only as an identity.
pub(crate) struct World {
    pub(crate) network: AoNetwork,
    pub(crate) chain: ChainId,
    pub(crate) plan: GatewayPlan,
    pub(crate) deployment: Deployment,
    pub(crate) routes: Vec<RoutePlan>,
    pub(crate) keys: Keys,
    pub(crate) peer: GatewayId,
    pub(crate) deployer: Deployer,
}

pub(crate) fn wallet(name: &str) -> Wallet {
    Wallet::from_seed(&keccak_text(name).0).expect("a seed")
}

pub(crate) fn tim3() -> AssetId {
    AssetId::from_symbol("TIM3").expect("a symbol")
}

/// Which wallet is which attester's.
fn voters(keys: &Keys) -> Vec<(Voter, Wallet)> {
    let voter = |(index, attester): (usize, [u8; 20])| {
        let wallet = wallet(&format!("attester {index}"));
        (Voter { attester, wallet: wallet.address() }, wallet)
    };
    keys.addresses().into_iter().enumerate().map(voter).collect()
}

fn plan(keys: &Keys) -> GatewayPlan {
    let window = WindowPlan { limit: 100_000 * WHOLE, period_seconds: 86_400 };
    GatewayPlan {
        salt: keccak_text("salt"),
        guardian: wallet("guardian").address(),
        treasury: wallet("treasury").address(),
        delay_seconds: 60,
        threshold: keys.threshold(),
        attesters: voters(keys).into_iter().map(|(voter, _)| voter.wallet).collect(),
        synthetics: vec![SyntheticPlan {
            symbol: "TIM3".to_owned(),
            name: "TIM3".to_owned(),
            target: 1_000_000_000_000_000_000,
            mint_window: window,
            release_window: window,
        }],
        // Twelve decimals on the chain, six in the protocol.
        collaterals: vec![CollateralPlan {
            symbol: "USDA".to_owned(),
            decimals: 6,
            token: TokenPlan::Test { decimals: 12 },
        }],
        markets: vec![MarketPlan::reserve("TIM3", "USDA", 10_000_000 * WHOLE)],
    }
}

impl World {
    /// A gateway on a network with so many compute units.
    pub(crate) async fn start(compute_units: u16) -> Self {
        Self::on(&AoOptions { compute_units, ..AoOptions::default() }).await
    }

    pub(crate) async fn on(options: &AoOptions) -> Self {
        let network = AoNetwork::start(options).await.expect("a network");
        let chain: ChainId = "ao:devnet".parse().expect("a name");
        let keys = Keys::from_seed("ao", 3, 2);
        let plan = plan(&keys);
        let ground = ground(&network);
        let deployer =
            Deployer::new(network_config(&network), ground, wallet("deployer")).expect("endpoints that are distinct");
        let deployment = deployer.gateway(&chain, &plan).await.expect("deployed");
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
        deployer.set_routes(deployment.process, &routes).await.expect("routes");
        deployer.activate(deployment.process).await.expect("active");
        Self { network, chain, plan, deployment, routes, keys, peer, deployer }
    }

    pub(crate) fn ground(&self) -> Ground {
        ground(&self.network)
    }

    pub(crate) fn market(&self) -> MarketId {
        *self.deployment.markets.get("TIM3/USDA").expect("a market")
    }

    pub(crate) fn usda(&self) -> Id {
        *self.deployment.tokens.get("USDA").expect("a token")
    }

    /// Quick to notice whatever there is to notice.
    pub(crate) fn config(&self) -> AoConfig {
        AoConfig {
            confirmations: CONFIRMATIONS,
            voters: voters(&self.keys).into_iter().map(|(voter, _)| voter).collect(),
            poll_interval_ms: 50,
            ..AoConfig::new(network_config(&self.network), self.chain.clone(), self.deployment.process)
        }
    }

    pub(crate) fn wallets(&self) -> Wallets {
        let voters = voters(&self.keys).into_iter().map(|(_, wallet)| wallet).collect();
        Wallets { submitter: Some(wallet("submitter")), voters }
    }

    pub(crate) async fn connect(&self) -> Ao {
        Ao::connect(self.config(), self.wallets(), None).await.expect("connected")
    }

    /// Gives `who` collateral, in canonical units.
    pub(crate) async fn give_collateral(&self, who: &str, amount: u128) {
        let native = amount.checked_mul(1_000_000).expect("few");
        self.deployer.mint_test_token(self.usda(), wallet(who).address(), native).await.expect("minted");
    }

    /// Lets everything that is on its way arrive, and makes all of it final.
    pub(crate) async fn finalize(&self) {
        self.network.idle().await.expect("idle");
        self.network.mine(CONFIRMATIONS).await.expect("mined");
    }
}

/// What processes of a network are made of.
fn ground(network: &AoNetwork) -> Ground {
    let id = |text: &str| text.parse::<Id>().expect("an id");
    Ground {
        module: id(network.module_id()),
        scheduler: id(network.scheduler_id()),
        authority: id(network.authority_id()),
    }
}

/// The network's endpoints, all of them; every compute unit must agree.
pub(crate) fn network_config(network: &AoNetwork) -> NetworkConfig {
    let endpoint = |url: Url| EndpointConfig::new(url.into());
    let units = network.compute_units().expect("URLs");
    let quorum = units.len();
    NetworkConfig {
        compute_units: units.into_iter().map(endpoint).collect(),
        quorum,
        timeout_ms: 10_000,
        health_interval_ms: 1_000,
        ..NetworkConfig::new(
            "ao",
            endpoint(network.messenger().expect("a URL")),
            endpoint(network.scheduler().expect("a URL")),
            endpoint(network.gateway().expect("a URL")),
            endpoint(network.gateway().expect("a URL")),
        )
    }
}
