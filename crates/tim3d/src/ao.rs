//! Chains of kind `ao`.

use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use tim3_arweave::{Ao, AoConfig, AoError, Keys as Wallets, NetworkConfig, VerifiedEndpoints, Voter, Wallet};
use tim3_chain::{Actor, ChainError, Keeper};
use tim3_rpc::{EndpointConfig, EndpointStatus, Observer};

use crate::{
    adapter::{Adapter, Keeping, Keys},
    chains::{self, milliseconds},
    config::{Chain, Endpoint, KeyRef, Kind, Unit, V1},
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

    fn keeper(&self, who: Keeping<Wallet>) -> Result<Arc<dyn Keeper>> {
        Ok(Arc::new(match who {
            Keeping::Key(key) => self.keeper(key),
            Keeping::Account(account) => self.keeper_without_key(account.into()),
        }))
    }
}

/// The units of a chain of kind `ao`.
pub(crate) fn network(chain: &Chain) -> Result<NetworkConfig> {
    let Kind::Ao { deadline, .. } = chain.kind else { bail!("{} is no chain of AO", chain.name) };
    let [messengers, schedulers, compute_units, gateways] = units(&chain.endpoints, &chains::endpoints(chain)?);
    Ok(NetworkConfig {
        name: chain.name.clone(),
        messengers,
        schedulers,
        compute_units,
        gateways,
        quorum: chain.quorum,
        gateway_quorum: chain.arweave_quorum.context("no quorum of gateways of Arweave")?,
        timeout_ms: milliseconds(chain.request_timeout),
        deadline_ms: milliseconds(deadline),
        health_interval_ms: milliseconds(chain.health_interval),
        stall_after_ms: milliseconds(chain.stall_after),
    })
}

/// The units of V1 processes.
pub(crate) fn v1_network(v1: &V1) -> Result<NetworkConfig> {
    let told = chains::told(&format!("chains.{}", v1.name), &v1.endpoints)?;
    let [messengers, schedulers, compute_units, gateways] = units(&v1.endpoints, &told);
    Ok(NetworkConfig {
        name: v1.name.clone(),
        messengers,
        schedulers,
        compute_units,
        gateways,
        // What matters is looked up at the process itself before anything rests on it.
        quorum: 1,
        gateway_quorum: 1,
        timeout_ms: milliseconds(v1.request_timeout),
        deadline_ms: milliseconds(v1.deadline),
        health_interval_ms: milliseconds(v1.health_interval),
        stall_after_ms: milliseconds(v1.stall_after),
    })
}

/// What is told of `endpoints`, by the unit that each is, in the order of [`Unit::ALL`].
fn units(endpoints: &[Endpoint], told: &[EndpointConfig]) -> [Vec<EndpointConfig>; 4] {
    Unit::ALL.map(|unit| {
        let of_unit = endpoints.iter().zip(told).filter(|(endpoint, _)| endpoint.unit == Some(unit));
        of_unit.map(|(_, told)| told.clone()).collect()
    })
}
