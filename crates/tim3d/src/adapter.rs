//! What the daemon asks of every adapter besides the ports, and how one is connected: keys are opened, the gateway is verified, and its
//! endpoints can be looked at and replaced while it runs.

use std::{error::Error, future::Future, sync::Arc, time::Duration};

use anyhow::Result;
use tim3_chain::{Actor, Chain as Port, Keeper};
use tim3_coordinator::patiently;
use tim3_domain::identity::Account;
use tim3_rpc::{EndpointStatus, Observer};
use tokio_util::sync::CancellationToken;

use crate::{
    chains::{self, Connected, MakeKeeper},
    config::{Chain, KeeperAccount, KeyRef, Kind},
    reload::{Use, Verify},
};

/// One crate's chains.
pub(crate) trait Adapter: Port + Sized + 'static {
    /// What it is told.
    type Settings: Clone + Send + Sync + 'static;
    /// What signs there.
    type Key: Clone + Send + Sync + 'static;
    /// Endpoints that were verified.
    type Verified: Send + 'static;
    /// Why it does not connect.
    type Failure: Error + Send + Sync + 'static;

    /// What a configuration tells it. Reads the URLs that are kept elsewhere.
    fn settings(chain: &Chain) -> Result<Self::Settings>;

    /// Opens a key; `role` says in errors what it is for.
    fn open(key: &KeyRef, role: &str) -> Result<Self::Key>;

    /// Connects and verifies; without keys it can only be read.
    fn connect(
        settings: Self::Settings,
        keys: Option<Keys<Self::Key>>,
        observer: Option<Arc<dyn Observer>>,
    ) -> impl Future<Output = Result<Self, Self::Failure>> + Send;

    /// Whether it may connect later.
    fn may_pass(failure: &Self::Failure) -> bool;

    /// Somebody who acts with a key of its own.
    fn actor(&self, key: Self::Key) -> Arc<dyn Actor>;

    /// The state of its endpoints.
    fn endpoints(&self) -> Vec<EndpointStatus>;

    /// Makes sure that the endpoints of `settings` serve this very gateway.
    fn verify(&self, settings: &Self::Settings) -> impl Future<Output = Result<Self::Verified, Self::Failure>> + Send;

    /// Asks these endpoints from now on.
    fn adopt(&self, endpoints: Self::Verified);

    /// Somebody who keeps markets.
    ///
    /// # Errors
    /// For an account that is none there.
    fn keeper(&self, who: Keeping<Self::Key>) -> Result<Arc<dyn Keeper>>;
}

/// Who keeps markets.
#[derive(Clone, Debug)]
pub(crate) enum Keeping<K> {
    /// Somebody who can act.
    Key(K),
    /// Somebody who is only looked at.
    Account(Account),
}

/// The keys with which orders are sent.
#[derive(Clone, Debug)]
pub(crate) struct Keys<K> {
    /// Sends transactions and pays for them.
    pub(crate) submitter: K,
    /// The attesters' own, where a signature of theirs counts only as a message.
    pub(crate) voters: Vec<K>,
}

/// Opens the chain's keys and connects. Endpoints that do not answer are asked again for as long as `patience`, or until `stop`.
pub(crate) async fn connect<A: Adapter>(
    chain: &Chain,
    observer: Option<Arc<dyn Observer>>,
    patience: Duration,
    stop: &CancellationToken,
) -> Result<Connected> {
    let submitter = open::<A>(&chain.submit.signer, chain.role("submit")).await?;
    let guardian = match &chain.guardian {
        Some(key) => Some(open::<A>(key, chain.role("guardian")).await?),
        None => None,
    };
    let mut voters = Vec::new();
    for (role, key) in chain.voter_keys() {
        voters.push(open::<A>(key, role).await?);
    }
    let keys = Keys { submitter, voters };
    let settings = A::settings(chain)?;
    let attempt = || A::connect(settings.clone(), Some(keys.clone()), observer.clone());
    let connected = Arc::new(patiently(&chain.name, patience, stop, A::may_pass, attempt).await?);
    let guardian = guardian.map(|key| connected.actor(key));
    let endpoints = {
        let connected = Arc::clone(&connected);
        Arc::new(move || chains::views(connected.endpoints()))
    };
    let verify: Verify = {
        let connected = Arc::clone(&connected);
        Arc::new(move |chain| {
            let connected = Arc::clone(&connected);
            Box::pin(async move {
                let endpoints = connected.verify(&A::settings(&chain)?).await?;
                Ok(Box::new(move || connected.adopt(endpoints)) as Use)
            })
        })
    };
    let keeper: MakeKeeper = {
        let connected = Arc::clone(&connected);
        Box::new(move |account, role| {
            connected.keeper(match account {
                KeeperAccount::Key(key) => Keeping::Key(A::open(key, role)?),
                KeeperAccount::Address(account) => Keeping::Account(*account),
            })
        })
    };
    Ok(Connected { chain: connected, guardian, endpoints, verify, keeper })
}

/// Decrypting takes up to a second, in which other chains' answers must not go unread.
async fn open<A: Adapter>(key: &KeyRef, role: String) -> Result<A::Key> {
    let key = key.clone();
    tokio::task::spawn_blocking(move || A::open(&key, &role)).await?
}

impl Chain {
    /// What a key of the chain is for, as errors name it.
    pub(crate) fn role(&self, what: &str) -> String {
        format!("chains.{}.{what}", self.name)
    }

    /// The keys of attesters' wallets that are here, with what they are for.
    pub(crate) fn voter_keys(&self) -> impl Iterator<Item = (String, &KeyRef)> {
        let voters = match &self.kind {
            Kind::Ao { voters, .. } => voters.as_slice(),
            _ => &[],
        };
        let keys = voters.iter().enumerate().filter_map(|(index, voter)| Some((index, voter.key.as_ref()?)));
        keys.map(|(index, key)| (self.role(&format!("voters[{index}]")), key))
    }
}
