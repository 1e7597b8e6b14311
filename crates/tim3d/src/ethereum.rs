//! From `[chains.NAME]` to a connected chain of kind `ethereum`.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use tim3_chain::Actor;
use tim3_ethereum::{Address, Ethereum, EthereumConfig, EthereumError, FeePolicy, Finality, PrivateKeySigner};
use tim3_rpc::Observer;

use crate::{
    chains::{self, Connected, milliseconds},
    config::{Chain, KeyRef, Policy},
    keys,
};

/// Opens the chain's keys and connects.
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
    let unreachable = |error: &EthereumError| matches!(error, EthereumError::Unreachable { .. });
    let attempt = async || Ethereum::connect(settings.clone(), Some(signer.clone()), observer.clone()).await;
    let connected = Arc::new(chains::patiently(chain, patience, unreachable, attempt).await?);
    let guardian = guardian.map(|key| Arc::new(connected.user(key)) as Arc<dyn Actor>);
    let endpoints = {
        let connected = Arc::clone(&connected);
        Arc::new(move || chains::views(connected.endpoints()))
    };
    Ok(Connected { chain: connected, guardian, endpoints })
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
        ..EthereumConfig::new(&chain.name, chain_id, address, chains::endpoints(chain)?)
    })
}
