//! From `[chains.NAME]` to a connected chain of kind `solana`.

use std::{sync::Arc, time::Duration};

use anyhow::{Result, bail};
use tim3_chain::Actor;
use tim3_coordinator::patiently;
use tim3_rpc::Observer;
use tim3_solana::{FeePolicy, Keypair, Solana, SolanaConfig, SolanaError, address::pubkey};
use tokio_util::sync::CancellationToken;

use crate::{
    chains::{self, Connected, milliseconds},
    config::{Chain, KeyRef, Kind},
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
    let unreachable = |error: &SolanaError| matches!(error, SolanaError::Unreachable { .. });
    let attempt = || Solana::connect(settings.clone(), Some(signer.insecure_clone()), observer.clone());
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
async fn open_key(key: &KeyRef, role: String) -> Result<Keypair> {
    let key = key.clone();
    tokio::task::spawn_blocking(move || keys::open_solana(&key, &role)).await?
}

/// What the adapter is told. Reads the URLs that are kept elsewhere.
pub(crate) fn settings(chain: &Chain) -> Result<SolanaConfig> {
    let Kind::Solana { program, lookup_table, spending } = chain.kind else {
        bail!("{} is no chain of Solana", chain.name)
    };
    let (program, gateway, submit) = (pubkey(&program), pubkey(&chain.account), &chain.submit);
    Ok(SolanaConfig {
        lookup_table: lookup_table.as_ref().map(pubkey),
        quorum: chain.quorum,
        tiers: chain.finality.tiers.clone(),
        poll_interval_ms: milliseconds(chain.poll_interval),
        fees: FeePolicy { max_price: spending.max_price, ..FeePolicy::default() },
        max_orders: submit.max_orders,
        create_accounts: spending.create_accounts,
        max_in_flight: submit.max_in_flight,
        timeout_ms: milliseconds(chain.request_timeout),
        health_interval_ms: milliseconds(chain.health_interval),
        stall_after_ms: milliseconds(chain.stall_after),
        ..SolanaConfig::new(&chain.name, chain.chain.clone(), program, gateway, chains::endpoints(chain)?)
    })
}
