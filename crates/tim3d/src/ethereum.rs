//! From `[chains.NAME]` to a connected chain of kind `ethereum`.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, Result, bail};
use tim3_api::view::EndpointView;
use tim3_chain::{Actor, Chain as _};
use tim3_ethereum::{
    Address, EndpointConfig, Ethereum, EthereumConfig, EthereumError, FeePolicy, Finality, PrivateKeySigner,
};
use tim3_rpc::{Grade, Observer, SecretUrl};
use tokio::time::Instant;
use tracing::warn;

use crate::{
    config::{Chain, Endpoint, KeyRef, Policy, UrlRef},
    control::Endpoints,
    keys,
};

/// Pauses between attempts to reach a chain at the start.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A chain with what stands around it.
pub(crate) struct Connected {
    pub(crate) chain: Arc<Ethereum>,
    pub(crate) guardian: Option<Arc<dyn Actor>>,
}

/// Opens the chain's keys, connects, and checks that chain and gateway are the configured ones.
/// Endpoints that do not answer are asked again for as long as `patience`.
pub(crate) async fn connect(
    chain: &Chain,
    observer: Option<Arc<dyn Observer>>,
    patience: Duration,
) -> Result<Connected> {
    let signer = open_key(&chain.submit.signer, format!("chains.{}.submit", chain.name)).await?;
    let guardian = match &chain.guardian {
        Some(key) => Some(open_key(key, format!("chains.{}.guardian", chain.name)).await?),
        None => None,
    };
    let settings = settings(chain)?;
    let began = Instant::now();
    let mut pause = FIRST_PAUSE;
    let ethereum = loop {
        let error = match Ethereum::connect(settings.clone(), Some(signer.clone()), observer.clone()).await {
            Ok(ethereum) => break ethereum,
            Err(error @ EthereumError::Unreachable { .. }) => error,
            Err(error) => return Err(error.into()),
        };
        let left = patience.saturating_sub(began.elapsed());
        if left.is_zero() {
            return Err(error.into());
        }
        warn!(chain = chain.name, %error, left_s = left.as_secs(), "the chain did not answer at the start, trying again");
        tokio::time::sleep(pause.min(left)).await;
        pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
    };
    if ethereum.gateway() != chain.gateway {
        bail!(
            "{}: the gateway at {} has id {}, expected {}: another deployment; correct gateway, and gateway_id or gateway_salt",
            chain.name,
            ethereum.display_account(&chain.account),
            ethereum.gateway(),
            chain.gateway,
        );
    }
    let guardian = guardian.map(|key| Arc::new(ethereum.user(key)) as Arc<dyn Actor>);
    Ok(Connected { chain: Arc::new(ethereum), guardian })
}

/// Decrypting takes up to a second, in which other chains' answers must not go unread.
async fn open_key(key: &KeyRef, role: String) -> Result<PrivateKeySigner> {
    let key = key.clone();
    tokio::task::spawn_blocking(move || keys::open(&key, &role)).await?
}

/// What the adapter is told. Reads the URLs that are kept elsewhere.
pub(crate) fn settings(chain: &Chain) -> Result<EthereumConfig> {
    let chain_id = chain.chain.reference().parse().context("the chain id is no number")?;
    let address = Address::from(chain.account.to_evm().context("the gateway is no EVM address")?);
    let endpoints = chain.endpoints.iter().map(|endpoint| endpoint_settings(chain, endpoint)).collect::<Result<_>>()?;
    let submit = &chain.submit;
    Ok(EthereumConfig {
        birth: chain.birth,
        quorum: chain.quorum,
        finality: match chain.finality.policy {
            Policy::Finalized => Finality::Finalized,
            Policy::Safe => Finality::Safe,
            Policy::Depth => Finality::Depth(chain.finality.depth),
        },
        tiers: chain.finality.tiers.clone(),
        poll_interval_ms: milliseconds(chain.poll_interval),
        fees: FeePolicy {
            max_fee: submit.max_fee,
            max_tip: submit.max_tip,
            tip: submit.tip,
            escalate_after_ms: milliseconds(submit.escalate_after),
            ..FeePolicy::default()
        },
        max_orders: submit.max_orders,
        max_in_flight: submit.max_in_flight,
        max_gas: submit.max_gas,
        gap_patience_ms: milliseconds(submit.gap_patience),
        log_range: chain.log_range,
        timeout_ms: milliseconds(chain.request_timeout),
        health_interval_ms: milliseconds(chain.health_interval),
        stall_after_ms: milliseconds(chain.stall_after),
        ..EthereumConfig::new(&chain.name, chain_id, address, endpoints)
    })
}

fn endpoint_settings(chain: &Chain, endpoint: &Endpoint) -> Result<EndpointConfig> {
    let ws_url = endpoint.ws.as_ref().map(|url| open(chain, url)).transpose()?;
    Ok(EndpointConfig {
        name: Some(endpoint.name.clone()),
        ws_url,
        priority: endpoint.priority,
        rate_limit: endpoint.rate,
        ..EndpointConfig::new(open(chain, &endpoint.url)?)
    })
}

fn open(chain: &Chain, url: &UrlRef) -> Result<SecretUrl> {
    match url {
        UrlRef::Plain(url) => Ok(url.clone()),
        UrlRef::Secret(place) => {
            let role = || format!("endpoint of chains.{}", chain.name);
            // The parser does not repeat what it could not parse.
            place.read().with_context(role)?.parse().with_context(|| format!("{place} is no URL")).with_context(role)
        }
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The state of a chain's endpoints, whenever it is asked for.
pub(crate) fn endpoints(chain: &Arc<Ethereum>) -> Endpoints {
    let chain = Arc::clone(chain);
    Arc::new(move || {
        let view = |status: tim3_rpc::EndpointStatus| EndpointView {
            name: status.name,
            healthy: status.grade == Grade::Good,
            head: status.head,
            problem: (status.grade != Grade::Good).then(|| status.grade.name().to_owned()),
        };
        chain.endpoints().into_iter().map(view).collect()
    })
}
