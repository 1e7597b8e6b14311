//! What can go wrong before there is a chain to speak with, and how pool errors become the ports' errors.

use std::path::PathBuf;

use alloy::primitives::Address;
use thiserror::Error;
use tim3_chain::ChainError;
use tim3_domain::{DomainError, identity::GatewayId};
use tim3_rpc::{PoolError, SetupError};

use crate::fault::{FaultClass, Refusal};

/// Set-up, keys and deployment. Each is one line with what was found, what was expected and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EthereumError {
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
    /// An endpoint of another chain.
    #[error(
        "{chain}: the endpoints serve chain id {found}, expected {expected}; correct chain_id or the endpoint URLs"
    )]
    WrongChain {
        /// Configured name of the chain.
        chain: String,
        /// What was configured.
        expected: u64,
        /// What the endpoints say.
        found: u64,
    },
    /// No contract at the gateway's address.
    #[error("{chain}: there is no contract at {gateway}; correct gateway, or deploy one with `tim3d contracts deploy`")]
    NoCode {
        /// Configured name of the chain.
        chain: String,
        /// What was configured.
        gateway: Address,
    },
    /// A contract that is no gateway, or whose id is not the one its chain, address and salt make.
    #[error("{chain}: the contract at {gateway} is not a tim3 gateway of this chain: {detail}; correct gateway")]
    NotOurs {
        /// Configured name of the chain.
        chain: String,
        /// What was configured.
        gateway: Address,
        /// What was found and what was expected.
        detail: String,
    },
    /// A key that cannot be used.
    #[error("{path}: {detail}", path = path.display())]
    Key {
        /// The file, or the environment variable.
        path: PathBuf,
        /// What was found and what to do.
        detail: String,
    },
    /// A deployment plan or artifact that does not fit.
    #[error("deploy: {0}")]
    Deploy(String),
    /// The chain refused or did not answer.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// A name that is none.
    #[error(transparent)]
    Domain(#[from] DomainError),
}

pub(crate) fn not_ours(chain: &str, gateway: Address, id: GatewayId, expected: GatewayId) -> EthereumError {
    let detail = format!("its id is {id}, expected {expected}");
    EthereumError::NotOurs { chain: chain.to_owned(), gateway, detail }
}

/// What a failed call is to the ports.
pub(crate) fn chain_error(chain: &str, what: &'static str, error: PoolError<Refusal>) -> ChainError {
    match error {
        PoolError::RateLimited => ChainError::RateLimited { chain: chain.to_owned(), what },
        PoolError::Refused { reason, .. } => refused(chain, what, reason),
        error @ (PoolError::Exhausted(_) | PoolError::NoQuorum { .. }) => {
            ChainError::Transient { chain: chain.to_owned(), what, detail: error.to_string() }
        }
    }
}

/// What a decided answer is to the ports.
pub(crate) fn refused(chain: &str, what: &'static str, refusal: Refusal) -> ChainError {
    let (chain, Refusal { class, reason }) = (chain.to_owned(), refusal);
    match class {
        FaultClass::Reverted | FaultClass::Unsendable => ChainError::Rejected { chain, what, reason },
        FaultClass::NonceTooLow | FaultClass::NonceTooHigh | FaultClass::ReplacementUnderpriced => {
            ChainError::StaleNonce { chain, detail: reason }
        }
        _ => ChainError::Transient { chain, what, detail: reason },
    }
}
