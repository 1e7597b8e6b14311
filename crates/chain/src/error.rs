//! What can go wrong with a chain, by what the caller should do about it.

use thiserror::Error;

/// What the caller does next. Only `Transient` and `RateLimited` say something about an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// Nothing was decided: the same call may be made again.
    Transient,
    /// The endpoint wants fewer calls: the same call may be made later.
    RateLimited,
    /// The sender's nonce (blockhash, anchor) is not what the chain expects: prepare anew.
    StaleNonce,
    /// The gateway refused it: the same call ends the same way.
    Rejected,
    /// Going on could do harm: stop the chain's routes and page.
    Halt,
}

impl ErrorClass {
    /// The word of this class in metrics and logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::RateLimited => "rate_limited",
            Self::StaleNonce => "stale_nonce",
            Self::Rejected => "rejected",
            Self::Halt => "halt",
        }
    }
}

/// A call to a chain that did not give what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ChainError {
    /// No endpoint answered usefully.
    #[error("{chain}: {what}: {detail}")]
    Transient {
        /// Configured name of the chain.
        chain: String,
        /// The call.
        what: &'static str,
        /// What was found, without secrets.
        detail: String,
    },
    /// Every endpoint asked for fewer calls.
    #[error("{chain}: {what}: rate limited by every endpoint")]
    RateLimited {
        /// Configured name of the chain.
        chain: String,
        /// The call.
        what: &'static str,
    },
    /// The transaction's nonce is used or leaves a gap.
    #[error("{chain}: stale nonce: {detail}")]
    StaleNonce {
        /// Configured name of the chain.
        chain: String,
        /// What was found.
        detail: String,
    },
    /// The gateway refused.
    #[error("{chain}: {what} rejected by the gateway: {reason}")]
    Rejected {
        /// Configured name of the chain.
        chain: String,
        /// The call.
        what: &'static str,
        /// The decoded reason, for example `RouteDisabled()`.
        reason: String,
    },
    /// The chain or its gateway is not what it must be.
    #[error("{chain}: halted: {detail}")]
    Halt {
        /// Configured name of the chain.
        chain: String,
        /// What was found and what was expected.
        detail: String,
    },
}

impl ChainError {
    /// What the caller does next.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Transient { .. } => ErrorClass::Transient,
            Self::RateLimited { .. } => ErrorClass::RateLimited,
            Self::StaleNonce { .. } => ErrorClass::StaleNonce,
            Self::Rejected { .. } => ErrorClass::Rejected,
            Self::Halt { .. } => ErrorClass::Halt,
        }
    }

    /// Where a refusal is the word of one endpoint, which may have done otherwise: nothing was decided.
    #[must_use]
    pub fn in_doubt(self) -> Self {
        match self {
            Self::Rejected { chain, what, reason } => Self::Transient { chain, what, detail: reason },
            other => other,
        }
    }

    /// Whether the same call may end better later.
    #[must_use]
    pub fn passes(&self) -> bool {
        matches!(self.class(), ErrorClass::Transient | ErrorClass::RateLimited)
    }
}
