//! Chains of kind `ethereum`.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use tim3_chain::{Actor, Keeper};
use tim3_ethereum::{
    Address, Ethereum, EthereumConfig, EthereumError, FeePolicy, Finality, PrivateKeySigner, connect::VerifiedEndpoints,
};
use tim3_rpc::{EndpointStatus, Observer};

use crate::{
    adapter::{Adapter, Keeping, Keys},
    chains::{self, milliseconds},
    config::{Chain, KeyRef, Policy},
    keys,
};

impl Adapter for Ethereum {
    type Settings = EthereumConfig;
    type Key = PrivateKeySigner;
    type Verified = VerifiedEndpoints;
    type Failure = EthereumError;

    fn settings(chain: &Chain) -> Result<EthereumConfig> {
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

    fn open(key: &KeyRef, role: &str) -> Result<PrivateKeySigner> {
        keys::open(key, role)
    }

    async fn connect(
        settings: EthereumConfig,
        keys: Option<Keys<PrivateKeySigner>>,
        observer: Option<Arc<dyn Observer>>,
    ) -> Result<Self, EthereumError> {
        Self::connect(settings, keys.map(|keys| keys.submitter), observer).await
    }

    fn may_pass(failure: &EthereumError) -> bool {
        matches!(failure, EthereumError::Unreachable { .. })
    }

    fn actor(&self, key: PrivateKeySigner) -> Arc<dyn Actor> {
        Arc::new(self.user(key))
    }

    fn endpoints(&self) -> Vec<EndpointStatus> {
        self.endpoints()
    }

    async fn verify(&self, settings: &EthereumConfig) -> Result<VerifiedEndpoints, EthereumError> {
        self.verify_endpoints(settings).await
    }

    fn adopt(&self, endpoints: VerifiedEndpoints) {
        self.use_endpoints(endpoints);
    }

    fn keeper(&self, who: Keeping<PrivateKeySigner>) -> Result<Arc<dyn Keeper>> {
        Ok(match who {
            Keeping::Key(signer) => Arc::new(self.keeper(signer)),
            Keeping::Account(account) => {
                let address = account.to_evm().context("the keeper's account is no EVM address")?;
                Arc::new(self.keeper_without_key(Address::from(address)))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::minimal;

    #[test]
    fn what_is_configured_arrives_at_the_adapter() {
        let settings = r#"
[chains.a]
health_interval = "7s"
request_timeout = "3s"
submit.gap_patience = "1500ms"
submit.escalate_after = "11s"
"#;
        let config = minimal().file("b.toml", settings).config();
        let adapter = <Ethereum as Adapter>::settings(&config.chains[0]).unwrap();
        assert_eq!((adapter.health_interval_ms, adapter.timeout_ms), (7_000, 3_000));
        assert_eq!((adapter.gap_patience_ms, adapter.fees.escalate_after_ms), (1_500, 11_000));
    }
}
