//! From a configuration to a chain that is known to be the right one.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use solana_keypair::Keypair;
use solana_pubkey::Pubkey;
use tim3_domain::{
    identity::{ChainId, GatewayId},
    word::Word,
};
use tim3_rpc::{EndpointStatus, JsonRpc, Observer, PoolError, SecretUrl, news};
use tim3_solana_interface::accounts::Gateway;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use crate::{
    address::{Addresses, account},
    config::SolanaConfig,
    error::SolanaError,
    fault::Refusal,
    hint,
    keeper::Keeper,
    link::{Link, Network, lock},
    node::{self, Commitment, Node, NodeError, Pool},
    reader::{Following, Places},
    sender::Sender,
    submitter::Batches,
    table,
    user::User,
};

/// How often an answer that the gateway is not there is asked for again, and how long after.
const RETRIES: usize = 2;
const PAUSE: Duration = Duration::from_millis(500);

/// One gateway on one cluster. Must be made inside a tokio runtime: two tasks run beside it and end with it.
#[derive(Debug)]
pub struct Solana {
    pub(crate) link: Arc<Link>,
    pub(crate) following: Mutex<Following>,
    pub(crate) places: Places,
    pub(crate) news: watch::Sender<u64>,
    pub(crate) batches: Option<Batches>,
    _watch: Task,
    /// Follows the websockets, where there are any.
    hints: Mutex<Option<Task>>,
}

type Task = AbortOnDropHandle<std::convert::Infallible>;

/// Endpoints that were verified to serve the cluster and its gateway, and are not asked for anything else yet.
#[derive(Debug)]
pub struct VerifiedEndpoints {
    pool: Pool,
    sockets: Vec<SecretUrl>,
}

/// What an endpoint says it is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Identity {
    genesis: String,
    gateway: Result<Found, String>,
}

/// A gateway as its account says it is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Found {
    id: Word,
    chain: Word,
    salt: Word,
    born: u64,
}

/// The CAIP-2 name of the cluster with this genesis hash.
///
/// # Errors
/// Where the text is none.
pub fn chain_of_genesis(genesis: &str) -> Result<ChainId, tim3_domain::DomainError> {
    let reference: String = genesis.chars().take(32).collect();
    format!("solana:{reference}").parse()
}

impl Solana {
    /// Connects and verifies, by quorum, that the endpoints serve the configured cluster and that the account is a gateway of the program,
    /// whose id is the one its chain, address and salt make. With `signer` the result can send orders.
    ///
    /// # Errors
    /// [`SolanaError`], one line each, saying what was found, what was expected and what to correct.
    pub async fn connect(
        config: SolanaConfig,
        signer: Option<Keypair>,
        observer: Option<Arc<dyn Observer>>,
    ) -> Result<Self, SolanaError> {
        let network = Network::new(&config.name, pool(&config, observer)?);
        let mut identified = identify(&config, &network.pool).await;
        for _ in 0..RETRIES {
            // It may have been made a moment ago.
            if matches!(identified, Err(SolanaError::NotOurs { .. })) {
                tokio::time::sleep(PAUSE).await;
                identified = identify(&config, &network.pool).await;
            }
        }
        let (id, born) = identified?;
        let mut tables = Vec::new();
        if let Some(key) = config.lookup_table {
            tables.push(table::read(&network, key).await?);
        }
        let link = Arc::new(Link::new(config, id, born, network, tables));
        let news = watch::Sender::new(0);
        let batches = signer.map(|signer| {
            let sender = Sender::new(Arc::clone(&link.network), signer, link.tables.clone());
            Batches::new(sender, &link.config)
        });
        let watch = AbortOnDropHandle::new(tokio::spawn({
            let network = Arc::clone(&link.network);
            async move { network.pool.watch(|node| async move { node.height().await }).await }
        }));
        let sockets = sockets(&link.config);
        let (following, places) = (Mutex::default(), Places::default());
        let hints = Mutex::default();
        let solana = Self { link, following, places, news, batches, _watch: watch, hints };
        solana.listen(sockets);
        Ok(solana)
    }

    /// Makes sure that the endpoints of `config` serve this very cluster and gateway, by their own quorum. Nothing changes yet.
    ///
    /// # Errors
    /// As [`Self::connect`].
    pub async fn verify_endpoints(&self, config: &SolanaConfig) -> Result<VerifiedEndpoints, SolanaError> {
        let pool = pool(config, self.link.pool.observer())?;
        match identify(config, &pool).await?.0 {
            id if id == self.link.id => Ok(VerifiedEndpoints { pool, sockets: sockets(config) }),
            id => Err(SolanaError::NotOurs {
                chain: config.name.clone(),
                gateway: config.gateway,
                detail: format!("its id is {id}, expected {}", self.link.id),
            }),
        }
    }

    /// Asks these endpoints from now on, instead of those of before; what was begun with those ends with them.
    pub fn use_endpoints(&self, endpoints: VerifiedEndpoints) {
        self.link.pool.adopt(&endpoints.pool);
        self.listen(endpoints.sockets);
    }

    /// Follows these websockets, and none of before.
    fn listen(&self, sockets: Vec<SecretUrl>) {
        let (chain, gateway) = (self.link.name.clone(), self.link.config.gateway);
        let listen = move |url, news| {
            let chain = chain.clone();
            async move { hint::listen(&chain, &gateway, &url, &news).await }
        };
        let is_any = !sockets.is_empty();
        let follow = news::follow(self.link.name.clone(), sockets, self.news.clone(), listen);
        *lock(&self.hints) = is_any.then(|| AbortOnDropHandle::new(tokio::spawn(follow)));
    }

    /// A user with a key of its own.
    #[must_use]
    pub fn user(&self, signer: Keypair) -> User {
        User::new(Arc::clone(&self.link), signer)
    }

    /// An account that keeps markets here, with its key.
    #[must_use]
    pub fn keeper(&self, signer: Keypair) -> Keeper {
        // Whoever looks what became of its transactions needs no table to know their accounts, and they are short.
        let sender = Sender::new(Arc::clone(&self.link.network), signer, Vec::new());
        Keeper::new(Arc::clone(&self.link), sender.address(), Some(sender))
    }

    /// The same without its key: it only looks.
    #[must_use]
    pub fn keeper_without_key(&self, address: Pubkey) -> Keeper {
        Keeper::new(Arc::clone(&self.link), address, None)
    }

    /// The account that pays for orders, where there is one.
    #[must_use]
    pub fn signer(&self) -> Option<Pubkey> {
        self.batches.as_ref().map(|batches| batches.sender.address())
    }

    /// How the endpoints are doing, for metrics and status pages.
    #[must_use]
    pub fn endpoints(&self) -> Vec<EndpointStatus> {
        self.link.pool.status()
    }

    /// What was configured when it connected.
    #[must_use]
    pub fn config(&self) -> &SolanaConfig {
        &self.link.config
    }

    /// Where the gateway's accounts are.
    #[must_use]
    pub fn addresses(&self) -> Addresses {
        self.link.addresses
    }
}

fn sockets(config: &SolanaConfig) -> Vec<SecretUrl> {
    config.endpoints.iter().filter_map(|endpoint| endpoint.ws_url.clone()).collect()
}

/// The pool of a configuration's endpoints.
pub(crate) fn pool(config: &SolanaConfig, observer: Option<Arc<dyn Observer>>) -> Result<Pool, SolanaError> {
    let node = |url| JsonRpc::new(url).map(Node);
    Pool::of_endpoints(&config.name, &config.endpoints, config.quorum, config.pool_policy(), observer, node)
        .map_err(|error| SolanaError::Endpoints { chain: config.name.clone(), error })
}

/// Fails unless a quorum serves the configured cluster.
pub(crate) fn check_chain(config: &SolanaConfig, genesis: &str) -> Result<(), SolanaError> {
    let found =
        chain_of_genesis(genesis).map_or_else(|_| genesis.chars().take(80).collect(), |chain| chain.to_string());
    if found == config.chain.as_str() {
        return Ok(());
    }
    Err(SolanaError::WrongChain { chain: config.name.clone(), expected: config.chain.clone(), found })
}

async fn identify(config: &SolanaConfig, pool: &Pool) -> Result<(GatewayId, u64), SolanaError> {
    let (chain, gateway, program) = (config.name.clone(), config.gateway, config.program);
    let found = pool.quorum("identity", |node| async move { identity(&node, gateway, program).await }).await;
    let found = found.map_err(|error: PoolError<Refusal>| SolanaError::Unreachable {
        chain: chain.clone(),
        what: "identity",
        detail: error.to_string(),
    })?;
    check_chain(config, &found.value.genesis)?;
    let not_ours = |detail: String| SolanaError::NotOurs { chain: chain.clone(), gateway, detail };
    let found = found.value.gateway.map_err(not_ours)?;
    if Addresses::of_salt(program, found.salt).gateway != gateway {
        return Err(not_ours("its address is not the one that its salt makes".to_owned()));
    }
    if found.chain != config.chain.word() {
        return Err(not_ours(format!("it was made for another chain than {}", config.chain)));
    }
    let expected = GatewayId::derive(&config.chain, account(&gateway), found.salt);
    if found.id != expected.0 {
        return Err(not_ours(format!("its id is {}, expected {expected}", found.id)));
    }
    Ok((expected, found.born))
}

async fn identity(node: &Node, gateway: Pubkey, program: Pubkey) -> Result<Identity, NodeError> {
    let mut results = node.batch(&[node::genesis(), node::accounts(&[gateway], Commitment::Confirmed, 0)]).await?;
    let genesis = results.read("genesis hash")?;
    let found = results.accounts(1, 0)?.accounts.into_iter().next().flatten();
    let gateway = match found {
        None => Err("there is no account; deploy one with `tim3d contracts deploy`".to_owned()),
        Some(found) if found.owner != program => {
            Err(format!("the account belongs to program {}, expected {program}", found.owner))
        }
        Some(found) => Gateway::new(found.data)
            .map(|gateway| Found {
                id: Word(gateway.id()),
                chain: Word(gateway.chain()),
                salt: Word(gateway.salt()),
                born: gateway.born(),
            })
            .map_err(|_| "the account is another one of the program's".to_owned()),
    };
    Ok(Identity { genesis, gateway })
}
