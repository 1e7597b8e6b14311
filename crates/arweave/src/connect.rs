//! From a configuration to a chain that is known to be the right one.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use serde::Deserialize;
use tim3_chain::AttesterSet;
use tim3_domain::{
    identity::{ChainId, GatewayId},
    word::Word,
};
use tim3_rpc::{CallError, EndpointStatus, Http, Observer, PoolError};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    config::AoConfig,
    error::AoError,
    id::Id,
    keeper::Keeper,
    link::Link,
    network::Network,
    payouts::Histories,
    reader::Following,
    submitter::Batches,
    units::{Refusal, base, scheduler},
    user::User,
    view::{Number, Query, view},
    wallet::Wallet,
};

/// One gateway on an AO network. Must be made inside a tokio runtime: tasks run beside it and end with it.
#[derive(Debug)]
pub struct Ao {
    pub(crate) link: Arc<Link>,
    pub(crate) following: Mutex<Following>,
    pub(crate) histories: Mutex<Histories>,
    pub(crate) batches: Option<Batches>,
    pub(crate) voters: Arc<Voters>,
    _tasks: Vec<AbortOnDropHandle<std::convert::Infallible>>,
}

/// The attesters' wallets whose keys are here.
#[derive(Debug, Default)]
pub(crate) struct Voters(BTreeMap<[u8; 20], Wallet>);

impl Voters {
    /// The wallets of these attesters, as many as must vote; `None` where there are too few.
    pub(crate) fn of(&self, attesters: &[[u8; 20]], threshold: usize) -> Option<Vec<&Wallet>> {
        let wallets: Vec<_> = attesters.iter().filter_map(|attester| self.0.get(attester)).take(threshold).collect();
        (wallets.len() == threshold).then_some(wallets)
    }
}

/// Endpoints that serve the gateway, for [`Ao::use_endpoints`].
#[derive(Debug)]
pub struct VerifiedEndpoints(Network);

/// What signs on AO.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    /// Sends orders; without it nothing can be sent.
    pub submitter: Option<Wallet>,
    /// The wallets of attesters, which vote for what their attesters signed.
    pub voters: Vec<Wallet>,
}

/// What a gateway says about itself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Identity {
    pub(crate) id: Word,
    pub(crate) salt: Word,
    pub(crate) chain: String,
    pub(crate) process: Id,
    pub(crate) active: bool,
    pub(crate) delay: String,
    pub(crate) admin: Word,
    pub(crate) guardian: Word,
    pub(crate) treasury: Option<Word>,
    pub(crate) ownership: String,
    pub(crate) authorities: Vec<String>,
}

impl Ao {
    /// Connects and verifies, by quorum, that the process is a gateway for the configured chain, whose id is the one that its chain, process
    /// and salt make.
    ///
    /// # Errors
    /// [`AoError`], one line each, saying what was found, what was expected and what to correct.
    pub async fn connect(config: AoConfig, keys: Keys, observer: Option<Arc<dyn Observer>>) -> Result<Self, AoError> {
        if config.confirmations == 0 && config.tiers.iter().all(|(_, blocks)| *blocks == 0) {
            return Err(AoError::Uncapped { chain: config.network.name });
        }
        let voters = voters(&config, keys.voters)?;
        let network = Arc::new(network(&config, observer)?);
        let id = identify(&config, &network).await?;
        let batches = keys.submitter.map(|wallet| Batches::new(wallet, &config));
        let tasks = watch(&network, config.process);
        let link = Arc::new(Link::new(network, config, id));
        Ok(Self {
            link,
            following: Mutex::default(),
            histories: Mutex::default(),
            batches,
            voters: Arc::new(voters),
            _tasks: tasks,
        })
    }

    /// Makes sure that the endpoints of `config` serve this very gateway, by their own quorum. Nothing changes yet.
    ///
    /// # Errors
    /// As [`Self::connect`].
    pub async fn verify_endpoints(&self, config: &AoConfig) -> Result<VerifiedEndpoints, AoError> {
        let network = network(config, self.link.network.compute_units.observer())?;
        match identify(config, &network).await? {
            id if id == self.link.id => Ok(VerifiedEndpoints(network)),
            id => Err(AoError::NotOurs {
                chain: config.network.name.clone(),
                process: config.process,
                detail: format!("its id is {id}, expected {}", self.link.id),
            }),
        }
    }

    /// Asks these endpoints from now on, instead of those of before; what was begun with those ends with them.
    pub fn use_endpoints(&self, endpoints: VerifiedEndpoints) {
        self.link.network.adopt(&endpoints.0);
    }

    /// A user with a key of its own.
    #[must_use]
    pub fn user(&self, wallet: Wallet) -> User {
        User::new(Arc::clone(&self.link), Arc::clone(&self.voters), wallet)
    }

    /// Keeps markets with a key of its own.
    #[must_use]
    pub fn keeper(&self, wallet: Wallet) -> Keeper {
        Keeper::new(Arc::clone(&self.link), wallet.address(), Some(wallet))
    }

    /// Looks at the markets of an account whose key is elsewhere.
    #[must_use]
    pub fn keeper_without_key(&self, address: Id) -> Keeper {
        Keeper::new(Arc::clone(&self.link), address, None)
    }

    /// The wallet that sends orders, where there is one.
    #[must_use]
    pub fn signer(&self) -> Option<Id> {
        self.batches.as_ref().map(Batches::address)
    }

    /// How the endpoints of all units are doing, for metrics and status pages.
    #[must_use]
    pub fn endpoints(&self) -> Vec<EndpointStatus> {
        self.link.network.endpoints()
    }

    /// What was configured.
    #[must_use]
    pub fn config(&self) -> &AoConfig {
        &self.link.config
    }

    /// The network that the gateway is on, for whatever else is there.
    #[must_use]
    pub fn network(&self) -> &Arc<Network> {
        &self.link.network
    }
}

fn network(config: &AoConfig, observer: Option<Arc<dyn Observer>>) -> Result<Network, AoError> {
    let chain = || config.network.name.clone();
    Network::new(config.network.clone(), observer).map_err(|error| AoError::Endpoints { chain: chain(), error })
}

/// The wallets that are here, by the attesters that the configuration says they are of.
fn voters(config: &AoConfig, wallets: Vec<Wallet>) -> Result<Voters, AoError> {
    let wrong = |detail: String| AoError::Voter { chain: config.network.name.clone(), detail };
    let mut voters = BTreeMap::new();
    for wallet in wallets {
        let address = wallet.address();
        let voter = config.voters.iter().find(|voter| voter.wallet == address);
        let voter =
            voter.ok_or_else(|| wrong(format!("wallet {address} is no voter's; name its attester in voters")))?;
        if voters.insert(voter.attester, wallet).is_some() {
            return Err(wrong(format!("two wallets are given for the attester of {address}; give one")));
        }
    }
    Ok(Voters(voters))
}

/// Follows the heads of the endpoints.
fn watch(network: &Arc<Network>, process: Id) -> Vec<AbortOnDropHandle<std::convert::Infallible>> {
    let (units, schedulers, gateways) = (Arc::clone(network), Arc::clone(network), Arc::clone(network));
    let head = move |cu: Arc<Http>| async move { seen(&cu, process).await };
    let latest = move |su: Arc<Http>| async move {
        let found = scheduler::latest(&su, process).await?;
        found.map(|found| found.nonce).ok_or_else(|| CallError::Behind("the process is not known".to_owned()))
    };
    let height = |gateway: Arc<Http>| async move { base::height(&gateway).await };
    vec![
        AbortOnDropHandle::new(tokio::spawn(async move { units.compute_units.watch(head).await })),
        AbortOnDropHandle::new(tokio::spawn(async move { schedulers.schedulers.watch(latest).await })),
        AbortOnDropHandle::new(tokio::spawn(async move { gateways.gateways.watch(height).await })),
    ]
}

/// The last message that a compute unit has evaluated.
async fn seen(cu: &Http, process: Id) -> Result<u64, CallError<Refusal>> {
    #[derive(Debug, Deserialize)]
    struct Count {
        #[serde(rename = "count")]
        _count: Number<u64>,
    }
    view::<Count>(cu, process, &Query::new("Head")).await.map(|head| head.nonce)
}

/// What a quorum says that the gateway is.
pub(crate) async fn identity(network: &Network, process: Id) -> Result<Identity, PoolError<Refusal>> {
    let ask = |cu: Arc<Http>| async move {
        view::<Identity>(&cu, process, &Query::new("Gateway")).await.map(|seen| seen.value)
    };
    network.compute_units.quorum("identity", ask).await.map(|agreed| agreed.value)
}

async fn identify(config: &AoConfig, network: &Network) -> Result<GatewayId, AoError> {
    let chain = || network.name().to_owned();
    let not_ours = |detail: String| AoError::NotOurs { chain: chain(), process: config.process, detail };
    let found = match identity(network, config.process).await {
        Ok(found) => found,
        Err(PoolError::Refused { reason, .. }) => return Err(not_ours(reason.reason)),
        Err(error) => return Err(network.error("identity", error).into()),
    };
    check_chain(network.name(), &config.chain, &found.chain)?;
    if found.process != config.process {
        return Err(not_ours(format!("it says that it is {}", found.process)));
    }
    let expected = GatewayId::derive(&config.chain, config.process.account(), found.salt);
    if found.id != expected.0 {
        return Err(not_ours(format!("its id is {}, expected {expected}", found.id)));
    }
    Ok(expected)
}

pub(crate) fn check_chain(name: &str, expected: &ChainId, found: &str) -> Result<(), AoError> {
    if found == expected.as_str() {
        return Ok(());
    }
    let found = crate::units::plain(found);
    Err(AoError::WrongChain { chain: name.to_owned(), expected: expected.clone(), found })
}

/// The attesters of wallets, as far as the configuration knows them.
pub(crate) fn attester_set(config: &AoConfig, epoch: u64, threshold: u8, wallets: &[Word]) -> AttesterSet {
    let known = |wallet: &Word| config.voters.iter().find(|voter| voter.wallet.word() == *wallet);
    let mut signers: Vec<_> = wallets.iter().filter_map(known).map(|voter| voter.attester).collect();
    signers.sort_unstable();
    AttesterSet { epoch, threshold, signers }
}
