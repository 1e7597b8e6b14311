//! What can go wrong before there is a chain to speak with, and while a gateway is deployed.

use thiserror::Error;
use tim3_chain::ChainError;
use tim3_domain::{DomainError, identity::ChainId};
use tim3_keystore::KeyError;
use tim3_rpc::SetupError;

use crate::{id::Id, wallet::WalletError};

/// Set-up and deployment. Each is one line with what was found, what was expected and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AoError {
    /// The endpoints make no pool.
    #[error("{chain}: {error}")]
    Endpoints {
        /// Configured name of the chain.
        chain: String,
        /// Why.
        error: SetupError,
    },
    /// A process that is no gateway, or another one.
    #[error("{chain}: {process} is not the tim3 gateway that is configured: {detail}; correct gateway or chain")]
    NotOurs {
        /// Configured name of the chain.
        chain: String,
        /// What was configured.
        process: Id,
        /// What was found and what was expected.
        detail: String,
    },
    /// A gateway that says it is for another network.
    #[error("{chain}: the gateway was made for {found}, expected {expected}; correct chain or process")]
    WrongChain {
        /// Configured name of the chain.
        chain: String,
        /// What was configured.
        expected: ChainId,
        /// What the gateway says.
        found: String,
    },
    /// Finality that rests on the scheduler's word for any amount.
    #[error(
        "{chain}: confirmations is 0, which takes the scheduler's word for any amount; give tiers that cap it, or confirmations"
    )]
    Uncapped {
        /// Configured name of the chain.
        chain: String,
    },
    /// A wallet that is no voter's, or a voter whose wallet is given twice.
    #[error("{chain}: {detail}")]
    Voter {
        /// Configured name of the chain.
        chain: String,
        /// What was found and what to do.
        detail: String,
    },
    /// A key that cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A key that cannot be used.
    #[error(transparent)]
    Wallet(#[from] WalletError),
    /// A deployment plan that does not fit.
    #[error("deploy: {0}")]
    Deploy(String),
    /// The network refused or did not answer.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// A name that is none.
    #[error(transparent)]
    Domain(#[from] DomainError),
}
