//! From `[chains.NAME]` to a connected chain of kind `ethereum`.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use tim3_chain::Actor;
use tim3_coordinator::patiently;
use tim3_ethereum::{Address, Ethereum, EthereumConfig, EthereumError, FeePolicy, Finality, PrivateKeySigner};
use tim3_rpc::Observer;
use tokio_util::sync::CancellationToken;

use crate::{
    chains::{self, Connected, milliseconds},
    config::{Chain, KeyRef, Policy},
    keys,
    reload::{Use, Verify},
};

/// Opens the chain's keys and connects.
pub(crate) async fn connect(
    chain: &Chain,
    observer: Option<Arc<dyn Observer>>,
    patience: Duration,
    stop: &CancellationToken,
) -> Result<Connected> {
    let signer = open_key(&chain.submit.signer, format!("chains.{}.submit", chain.name)).await?;
    let guardian = match &chain.guardian {
        Some(key) => Some(open_key(key, format!("chains.{}.guardian", chain.name)).await?),
        None => None,
    };
    let settings = settings(chain)?;
    let unreachable = |error: &EthereumError| matches!(error, EthereumError::Unreachable { .. });
    let attempt = || Ethereum::connect(settings.clone(), Some(signer.clone()), observer.clone());
    let connected = Arc::new(patiently(&chain.name, patience, stop, unreachable, attempt).await?);
    let guardian = guardian.map(|key| Arc::new(connected.user(key)) as Arc<dyn Actor>);
    let endpoints = {
        let connected = Arc::clone(&connected);
        Arc::new(move || chains::views(connected.endpoints()))
    };
    let verify: Verify = {
        let connected = Arc::clone(&connected);
        Arc::new(move |chain| {
            let connected = Arc::clone(&connected);
            Box::pin(async move {
                let endpoints = connected.verify_endpoints(&self::settings(&chain)?).await?;
                Ok(Box::new(move || connected.use_endpoints(endpoints)) as Use)
            })
        })
    };
    Ok(Connected { chain: connected, guardian, endpoints, verify })
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

#[cfg(test)]
mod tests {
    use crate::config::{Inputs, load};

    #[test]
    fn what_is_configured_arrives_at_the_adapter() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("tim3d.toml");
        let text = r#"
[journal]
path = "journal.redb"
[chains.a]
kind = "ethereum"
chain = "eip155:31337"
gateway = "0x1111111111111111111111111111111111111111"
gateway_salt = "0x0000000000000000000000000000000000000000000000000000000000000001"
endpoints = [{ url = "http://127.0.0.1:8545" }]
health_interval = "7s"
request_timeout = "3s"
submit.signer = { env = "SUBMITTER" }
submit.gap_patience = "1500ms"
submit.escalate_after = "11s"
[assets.TIM3]
[attesters.one]
key = { env = "ATTESTER" }
"#;
        std::fs::write(&file, text).unwrap();
        let config = load(&Inputs { files: vec![file], ..Inputs::default() }).unwrap().config;
        let adapter = super::settings(&config.chains[0]).unwrap();
        assert_eq!((adapter.health_interval_ms, adapter.timeout_ms), (7_000, 3_000));
        assert_eq!((adapter.gap_patience_ms, adapter.fees.escalate_after_ms), (1_500, 11_000));
    }
}
