//! From a configuration to a chain that is known to be the right one.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use alloy::{
    primitives::{Address, Bytes},
    signers::local::PrivateKeySigner,
};
use serde_json::json;
use tim3_domain::{
    identity::{ChainId, GatewayId},
    word::Word,
};
use tim3_rpc::{CallError, EndpointStatus, JsonRpc, Observer, PoolError, Request, SecretUrl, news};
use tokio::sync::{OnceCell, watch};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    abi::{self, Gateway},
    config::EthereumConfig,
    error::{EthereumError, not_ours},
    fault::Refusal,
    hint,
    link::{Link, Network, lock},
    node::{self, At, Node, Pool},
    reader::Following,
    sender::Sender,
    span::Span,
    submitter::Batches,
    user::User,
};

/// How often an answer that the gateway is not there is asked for again, and how long after.
const RETRIES: usize = 2;
const PAUSE: Duration = Duration::from_millis(250);

/// One gateway on one EVM chain. Must be made inside a tokio runtime: two tasks run beside it and end with it.
#[derive(Debug)]
pub struct Ethereum {
    pub(crate) link: Arc<Link>,
    pub(crate) following: Mutex<Following>,
    pub(crate) span: Mutex<Span>,
    pub(crate) birth: OnceCell<u64>,
    pub(crate) news: watch::Sender<u64>,
    pub(crate) announced: Arc<Mutex<hint::Announced>>,
    pub(crate) batches: Option<Batches>,
    _watch: Task,
    /// Follows the websockets, where there are any.
    hints: Mutex<Option<Task>>,
}

type Task = AbortOnDropHandle<std::convert::Infallible>;

/// Endpoints that were verified to serve the chain and its gateway, and are not asked for anything else yet.
#[derive(Debug)]
pub struct VerifiedEndpoints {
    pool: Pool,
    sockets: Vec<SecretUrl>,
}

/// What an endpoint says it is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Identity {
    chain_id: u64,
    code: bool,
    /// Id and salt, where the contract answers.
    gateway: Option<(Word, Word)>,
}

impl Ethereum {
    /// Connects and verifies, by quorum, that the endpoints serve the configured chain and that the contract is a gateway whose id is the
    /// one its chain, address and salt make. With `signer` the result can send orders.
    ///
    /// # Errors
    /// [`EthereumError`], one line each, saying what was found, what was expected and what to correct.
    pub async fn connect(
        config: EthereumConfig,
        signer: Option<PrivateKeySigner>,
        observer: Option<Arc<dyn Observer>>,
    ) -> Result<Self, EthereumError> {
        let network = Network::new(&config, pool(&config, observer)?);
        let mut identified = identify(&config, &network.pool).await;
        for _ in 0..RETRIES {
            // A node that is catching up, or just mining, may not have the contract for a moment.
            if matches!(identified, Err(EthereumError::NoCode { .. } | EthereumError::NotOurs { .. })) {
                tokio::time::sleep(PAUSE).await;
                identified = identify(&config, &network.pool).await;
            }
        }
        let id = identified?;
        let link = Arc::new(Link::new(config, id, network));
        let news = watch::Sender::new(0);
        let announced: Arc<Mutex<hint::Announced>> = Arc::default();
        let batches = signer.map(|signer| Batches::new(Sender::new(Arc::clone(&link.network), signer), &link.config));
        let watch = AbortOnDropHandle::new(tokio::spawn({
            let network = Arc::clone(&link.network);
            async move { network.pool.watch(|node| async move { node.height().await }).await }
        }));
        let sockets = sockets(&link.config);
        let ethereum = Self {
            following: Mutex::default(),
            span: Mutex::new(Span::new(link.config.log_range)),
            birth: OnceCell::new(),
            link,
            news,
            announced,
            batches,
            _watch: watch,
            hints: Mutex::default(),
        };
        ethereum.listen(sockets);
        Ok(ethereum)
    }

    /// Makes sure that the endpoints of `config` serve this very chain and gateway, by their own quorum. Nothing changes yet.
    ///
    /// # Errors
    /// As [`Self::connect`].
    pub async fn verify_endpoints(&self, config: &EthereumConfig) -> Result<VerifiedEndpoints, EthereumError> {
        let pool = pool(config, self.link.pool.observer())?;
        let (chain, gateway) = (config.name.clone(), config.gateway);
        match identify(config, &pool).await? {
            id if id == self.link.id => Ok(VerifiedEndpoints { pool, sockets: sockets(config) }),
            id => Err(not_ours(&chain, gateway, id, self.link.id)),
        }
    }

    /// Asks these endpoints from now on, instead of those of before; what was begun with those ends with them.
    pub fn use_endpoints(&self, endpoints: VerifiedEndpoints) {
        self.link.pool.adopt(&endpoints.pool);
        self.listen(endpoints.sockets);
    }

    /// Follows these websockets, and none of before.
    fn listen(&self, sockets: Vec<SecretUrl>) {
        let (chain, announced) = (self.link.name.clone(), Arc::clone(&self.announced));
        let listen = move |url, news| {
            let (chain, announced) = (chain.clone(), Arc::clone(&announced));
            async move { hint::listen(&chain, &url, &announced, &news).await }
        };
        let is_any = !sockets.is_empty();
        let follow = news::follow(self.link.name.clone(), sockets, self.news.clone(), listen);
        *lock(&self.hints) = is_any.then(|| AbortOnDropHandle::new(tokio::spawn(follow)));
    }

    /// A user with a key of its own.
    #[must_use]
    pub fn user(&self, signer: PrivateKeySigner) -> User {
        User::new(Arc::clone(&self.link), signer)
    }

    /// The account that pays for orders, where there is one.
    #[must_use]
    pub fn signer(&self) -> Option<Address> {
        self.batches.as_ref().map(|batches| batches.sender.address())
    }

    /// How the endpoints are doing, for metrics and status pages.
    #[must_use]
    pub fn endpoints(&self) -> Vec<EndpointStatus> {
        self.link.pool.status()
    }

    /// What was configured when it connected.
    #[must_use]
    pub fn config(&self) -> &EthereumConfig {
        &self.link.config
    }
}

fn sockets(config: &EthereumConfig) -> Vec<SecretUrl> {
    config.endpoints.iter().filter_map(|endpoint| endpoint.ws_url.clone()).collect()
}

/// The pool of a configuration's endpoints.
pub(crate) fn pool(config: &EthereumConfig, observer: Option<Arc<dyn Observer>>) -> Result<Pool, EthereumError> {
    let node = |url| JsonRpc::new(url).map(Node);
    Pool::of_endpoints(&config.name, &config.endpoints, config.quorum, config.pool_policy(), observer, node)
        .map_err(|error| EthereumError::Endpoints { chain: config.name.clone(), error })
}

async fn identify(config: &EthereumConfig, pool: &Pool) -> Result<GatewayId, EthereumError> {
    let (chain, gateway) = (config.name.clone(), config.gateway);
    let found = pool.quorum("identity", |node| async move { identity(&node, gateway).await }).await;
    let found = found.map_err(|error: PoolError<Refusal>| EthereumError::Unreachable {
        chain: chain.clone(),
        what: "identity",
        detail: error.to_string(),
    })?;
    let Identity { chain_id, code, gateway: answers } = found.value;
    if chain_id != config.chain_id {
        return Err(EthereumError::WrongChain { chain, expected: config.chain_id, found: chain_id });
    }
    if !code {
        return Err(EthereumError::NoCode { chain, gateway });
    }
    let Some((id, salt)) = answers else {
        let detail = "it does not answer id() and salt()".to_owned();
        return Err(EthereumError::NotOurs { chain, gateway, detail });
    };
    let expected = GatewayId::derive(&ChainId::eip155(chain_id), abi::account(gateway), salt);
    if id != expected.0 {
        return Err(not_ours(&chain, gateway, GatewayId(id), expected));
    }
    Ok(expected)
}

async fn identity(node: &Node, gateway: Address) -> Result<Identity, node::NodeError> {
    let requests = [
        Request::new("eth_chainId", json!([])),
        Request::new("eth_getCode", json!([gateway, "latest"])),
        node::call(gateway, &abi::call_data(&Gateway::idCall {}), At::Latest),
        node::call(gateway, &abi::call_data(&Gateway::saltCall {}), At::Latest),
    ];
    let mut results = node.batch(&requests).await?;
    let chain_id = results.quantity()?;
    let code: Bytes = results.bytes()?;
    // Another contract reverts or answers something else: that is an answer, too.
    let mut word = || match results.returns::<Gateway::idCall>() {
        Ok(word) => Ok(Some(abi::word(word))),
        Err(CallError::Refused(_) | CallError::Garbage(_)) => Ok(None),
        Err(error) => Err(error),
    };
    let (id, salt) = (word()?, word()?);
    Ok(Identity { chain_id, code: !code.is_empty(), gateway: id.zip(salt) })
}
