//! What can go wrong before there is a chain to speak with, and how pool errors become the ports' errors.

use solana_pubkey::Pubkey;
use thiserror::Error;
use tim3_chain::ChainError;
use tim3_domain::{DomainError, identity::ChainId};
use tim3_keystore::KeyError;
use tim3_rpc::{PoolError, SetupError};

use crate::fault::Refusal;

/// Set-up and deployment. Each is one line with what was found, what was expected and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SolanaError {
    /// The endpoints make no pool.
    #[error("{chain}: {error}")]
    Endpoints {
        /// Configured name of the chain.
        chain: String,
        /// Why.
        error: SetupError,
    },
    /// No endpoint answered.
    #[error("{chain}: {what}: {detail}; check that the endpoints are reachable and the URLs right")]
    Unreachable {
        /// Configured name of the chain.
        chain: String,
        /// The call.
        what: &'static str,
        /// What was found.
        detail: String,
    },
    /// An endpoint of another cluster.
    #[error("{chain}: the endpoints serve {found}, expected {expected}; correct chain or the endpoint URLs")]
    WrongChain {
        /// Configured name of the chain.
        chain: String,
        /// What was configured.
        expected: ChainId,
        /// What the endpoints say.
        found: String,
    },
    /// No account at the gateway's address, or one that is no gateway of this program and chain.
    #[error("{chain}: {gateway} is not a tim3 gateway of this chain: {detail}; correct gateway or program")]
    NotOurs {
        /// Configured name of the chain.
        chain: String,
        /// What was configured.
        gateway: Pubkey,
        /// What was found and what was expected.
        detail: String,
    },
    /// No lookup table at the configured address.
    #[error(
        "{chain}: {table} is no lookup table; correct lookup_table, or remove it: without one fewer orders fit in a transaction"
    )]
    NoTable {
        /// Configured name of the chain.
        chain: String,
        /// What was configured.
        table: Pubkey,
    },
    /// A key that cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A deployment plan or program that does not fit.
    #[error("deploy: {0}")]
    Deploy(String),
    /// The chain refused or did not answer.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// A name that is none.
    #[error(transparent)]
    Domain(#[from] DomainError),
}

/// What a failed call is to the ports.
pub(crate) fn chain_error(chain: &str, what: &'static str, error: PoolError<Refusal>) -> ChainError {
    let chain = chain.to_owned();
    match error {
        PoolError::RateLimited => ChainError::RateLimited { chain, what },
        PoolError::Refused { reason: Refusal::Transaction(failure), .. } => failure.into_chain_error(chain, what),
        PoolError::Refused { reason, .. } => ChainError::Transient { chain, what, detail: reason.to_string() },
        error @ (PoolError::Exhausted(_) | PoolError::NoQuorum { .. }) => {
            ChainError::Transient { chain, what, detail: error.to_string() }
        }
    }
}
