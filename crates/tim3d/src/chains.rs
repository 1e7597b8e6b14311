//! From `[chains.NAME]` to a connected chain, whatever its kind.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, Result, bail};
use tim3_api::view::EndpointView;
use tim3_arweave::Ao;
use tim3_chain::{Actor, Chain as Port, Keeper};
use tim3_ethereum::Ethereum;
use tim3_rpc::{EndpointConfig, EndpointStatus, Grade, Observer, SecretUrl};
use tim3_solana::Solana;
use tokio_util::sync::CancellationToken;

use crate::{
    adapter::{self, Adapter},
    config::{Anchor, Chain, Endpoint, Family, KeeperAccount, UrlRef},
    control::Endpoints,
    reload::Verify,
};

/// A chain with what stands around it.
pub(crate) struct Connected {
    pub(crate) chain: Arc<dyn Port>,
    pub(crate) guardian: Option<Arc<dyn Actor>>,
    /// The state of its endpoints, whenever it is asked for.
    pub(crate) endpoints: Endpoints,
    /// Verifies other endpoints for it.
    pub(crate) verify: Verify,
    /// Makes an account that keeps markets.
    pub(crate) keeper: MakeKeeper,
}

/// Makes an account that keeps markets, and opens its key where there is one. The text says in errors what that is for.
pub(crate) type MakeKeeper = Box<dyn Fn(&KeeperAccount, &str) -> Result<Arc<dyn Keeper>> + Send + Sync>;

/// Opens the chain's keys, connects, and checks that chain and gateway are the configured ones.
/// Endpoints that do not answer are asked again for as long as `patience`, or until `stop`.
pub(crate) async fn connect(
    chain: &Chain,
    observer: Option<Arc<dyn Observer>>,
    patience: Duration,
    stop: &CancellationToken,
) -> Result<Connected> {
    let connected = match chain.kind.family() {
        Family::Ethereum => adapter::connect::<Ethereum>(chain, observer, patience, stop).await?,
        Family::Solana => adapter::connect::<Solana>(chain, observer, patience, stop).await?,
        Family::Ao => adapter::connect::<Ao>(chain, observer, patience, stop).await?,
    };
    let found = connected.chain.gateway();
    if found != chain.gateway {
        bail!(
            "{}: the gateway at {} has id {found}, expected {}: another deployment; correct gateway, and gateway_id or gateway_salt",
            chain.name,
            connected.chain.display_account(&chain.account),
            chain.gateway,
        );
    }
    Ok(connected)
}

/// That the adapter can be told what it needs: reads the URLs that are kept elsewhere.
pub(crate) fn check(chain: &Chain) -> Result<()> {
    match chain.kind.family() {
        Family::Ethereum => <Ethereum as Adapter>::settings(chain).map(|_| ()),
        Family::Solana => <Solana as Adapter>::settings(chain).map(|_| ()),
        Family::Ao => <Ao as Adapter>::settings(chain).map(|_| ()),
    }
}

/// The chain's endpoints as adapters are told of them.
pub(crate) fn endpoints(chain: &Chain) -> Result<Vec<EndpointConfig>> {
    told(&format!("chains.{}", chain.name), &chain.endpoints)
}

/// The gateways of Arweave that reports go to.
pub(crate) fn gateways(anchor: &Anchor) -> Result<Vec<EndpointConfig>> {
    told("anchor", &anchor.gateways)
}

/// Endpoints as adapters are told of them; errors name their `section`.
pub(crate) fn told(section: &str, endpoints: &[Endpoint]) -> Result<Vec<EndpointConfig>> {
    endpoints.iter().map(|endpoint| endpoint_settings(section, endpoint)).collect()
}

fn endpoint_settings(section: &str, endpoint: &Endpoint) -> Result<EndpointConfig> {
    let ws_url = endpoint.ws.as_ref().map(|url| open(section, url)).transpose()?;
    Ok(EndpointConfig {
        name: Some(endpoint.name.clone()),
        ws_url,
        priority: endpoint.priority,
        rate_limit: endpoint.rate,
        ..EndpointConfig::new(open(section, &endpoint.url)?)
    })
}

fn open(section: &str, url: &UrlRef) -> Result<SecretUrl> {
    match url {
        UrlRef::Plain(url) => Ok(url.clone()),
        UrlRef::Secret(place) => {
            let role = || format!("endpoint of {section}");
            // The parser does not repeat what it could not parse.
            place.read().with_context(role)?.parse().with_context(|| format!("{place} is no URL")).with_context(role)
        }
    }
}

pub(crate) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// How endpoints are shown.
pub(crate) fn views(endpoints: Vec<EndpointStatus>) -> Vec<EndpointView> {
    let view = |status: EndpointStatus| EndpointView {
        name: status.name,
        healthy: status.grade == Grade::Good,
        head: status.head,
        problem: (status.grade != Grade::Good).then(|| status.grade.name().to_owned()),
    };
    endpoints.into_iter().map(view).collect()
}
