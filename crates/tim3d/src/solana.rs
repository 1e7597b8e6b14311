//! Chains of kind `solana`.

use std::sync::Arc;

use anyhow::{Result, bail};
use tim3_chain::{Actor, Keeper};
use tim3_rpc::{EndpointStatus, Observer};
use tim3_solana::{FeePolicy, Keypair, Solana, SolanaConfig, SolanaError, address::pubkey, connect::VerifiedEndpoints};

use crate::{
    adapter::{Adapter, Keeping, Keys},
    chains::{self, milliseconds},
    config::{Chain, KeyRef, Kind},
    keys,
};

impl Adapter for Solana {
    type Settings = SolanaConfig;
    type Key = Arc<Keypair>;
    type Verified = VerifiedEndpoints;
    type Failure = SolanaError;

    fn settings(chain: &Chain) -> Result<SolanaConfig> {
        let Kind::Solana { program, lookup_table, spending } = &chain.kind else {
            bail!("{} is no chain of Solana", chain.name)
        };
        let (program, gateway, submit) = (pubkey(program), pubkey(&chain.account), &chain.submit);
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

    fn open(key: &KeyRef, role: &str) -> Result<Arc<Keypair>> {
        keys::open_solana(key, role).map(Arc::new)
    }

    async fn connect(
        settings: SolanaConfig,
        keys: Option<Keys<Arc<Keypair>>>,
        observer: Option<Arc<dyn Observer>>,
    ) -> Result<Self, SolanaError> {
        Self::connect(settings, keys.map(|keys| keys.submitter.insecure_clone()), observer).await
    }

    fn may_pass(failure: &SolanaError) -> bool {
        matches!(failure, SolanaError::Unreachable { .. })
    }

    fn actor(&self, key: Arc<Keypair>) -> Arc<dyn Actor> {
        Arc::new(self.user(key.insecure_clone()))
    }

    fn endpoints(&self) -> Vec<EndpointStatus> {
        self.endpoints()
    }

    async fn verify(&self, settings: &SolanaConfig) -> Result<VerifiedEndpoints, SolanaError> {
        self.verify_endpoints(settings).await
    }

    fn adopt(&self, endpoints: VerifiedEndpoints) {
        self.use_endpoints(endpoints);
    }

    fn keeper(&self, who: Keeping<Arc<Keypair>>) -> Result<Arc<dyn Keeper>> {
        Ok(Arc::new(match who {
            Keeping::Key(key) => self.keeper(key.insecure_clone()),
            Keeping::Account(account) => self.keeper_without_key(pubkey(&account)),
        }))
    }
}
