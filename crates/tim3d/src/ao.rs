//! Chains of kind `ao`.

use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use tim3_arweave::{Ao, AoConfig, AoError, Keys as Wallets, NetworkConfig, VerifiedEndpoints, Voter, Wallet};
use tim3_chain::{Actor, ChainError};
use tim3_rpc::{EndpointStatus, Observer};

use crate::{
    adapter::{Adapter, Keys},
    chains::{self, milliseconds},
    config::{Chain, KeyRef, Kind, Unit},
    keys,
};

impl Adapter for Ao {
    type Settings = AoConfig;
    type Key = Wallet;
    type Verified = VerifiedEndpoints;
    type Failure = AoError;

    fn settings(chain: &Chain) -> Result<AoConfig> {
        let Kind::Ao { voters, .. } = &chain.kind else { bail!("{} is no chain of AO", chain.name) };
        let voter = |voter: &crate::config::Voter| {
            let attester = voter.attester.to_evm().context("an attester is no EVM address")?;
            Ok(Voter { attester, wallet: voter.wallet.into() })
        };
        Ok(AoConfig {
            confirmations: chain.finality.depth,
            tiers: chain.finality.tiers.clone(),
            voters: voters.iter().map(voter).collect::<Result<_>>()?,
            poll_interval_ms: milliseconds(chain.poll_interval),
            max_orders: chain.submit.max_orders,
            max_in_flight: chain.submit.max_in_flight,
            ..AoConfig::new(network(chain)?, chain.chain.clone(), chain.account.into())
        })
    }

    fn open(key: &KeyRef, role: &str) -> Result<Wallet> {
        keys::open_ao(key, role)
    }

    async fn connect(
        settings: AoConfig,
        keys: Option<Keys<Wallet>>,
        observer: Option<Arc<dyn Observer>>,
    ) -> Result<Self, AoError> {
        let wallets =
            keys.map(|Keys { submitter, voters }| Wallets { submitter: Some(submitter), voters }).unwrap_or_default();
        Self::connect(settings, wallets, observer).await
    }

    fn may_pass(failure: &AoError) -> bool {
        matches!(failure, AoError::Chain(ChainError::Transient { .. } | ChainError::RateLimited { .. }))
    }

    fn actor(&self, key: Wallet) -> Arc<dyn Actor> {
        Arc::new(self.user(key))
    }

    fn endpoints(&self) -> Vec<EndpointStatus> {
        self.endpoints()
    }

    async fn verify(&self, settings: &AoConfig) -> Result<VerifiedEndpoints, AoError> {
        self.verify_endpoints(settings).await
    }

    fn adopt(&self, endpoints: VerifiedEndpoints) {
        self.use_endpoints(endpoints);
    }
}

/// The units of a chain of kind `ao`.
pub(crate) fn network(chain: &Chain) -> Result<NetworkConfig> {
    let Kind::Ao { deadline, .. } = chain.kind else { bail!("{} is no chain of AO", chain.name) };
    let endpoints = chains::endpoints(chain)?;
    let of = |unit: Unit| {
        let units = chain.endpoints.iter().zip(&endpoints).filter(|(endpoint, _)| endpoint.unit == Some(unit));
        units.map(|(_, endpoint)| endpoint.clone()).collect()
    };
    Ok(NetworkConfig {
        name: chain.name.clone(),
        messengers: of(Unit::Mu),
        schedulers: of(Unit::Su),
        compute_units: of(Unit::Cu),
        gateways: of(Unit::Arweave),
        quorum: chain.quorum,
        gateway_quorum: chain.arweave_quorum.context("no quorum of gateways of Arweave")?,
        timeout_ms: milliseconds(chain.request_timeout),
        deadline_ms: milliseconds(deadline),
        health_interval_ms: milliseconds(chain.health_interval),
        stall_after_ms: milliseconds(chain.stall_after),
    })
}
