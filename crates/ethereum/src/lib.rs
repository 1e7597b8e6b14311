//! TIM3 on Ethereum and its kin: the adapter between the ports of `tim3-chain` and a gateway contract behind JSON-RPC endpoints.
//!
//! * [`Ethereum::connect`] verifies that the chain and the gateway are the ones that were configured; the result is a [`tim3_chain::Chain`].
//! * Reading ([`reader`], [`state`]): plain reads come from one endpoint, and from the next one where that fails. Whatever leads to a
//!   signature is read from a quorum of endpoints and pinned to a block hash. A websocket only says that there may be news.
//! * Sending ([`submitter`]): one simulation and one transaction for a batch of orders; nonces are a pipeline in memory that journaled
//!   transactions define after a restart; fees follow EIP-1559 with bounded escalation.
//! * [`User`] does what a user does, with a user's key; [`Keeper`] liquidates, with an account of its own. [`keys`] holds keys encrypted at rest. [`deploy`] deploys and checks gateways.
//! * [`Fork`] is a copy of a chain in an anvil of one's own, for rehearsals.
//!
//! Decisions are pure functions: what a log says ([`decode`]), what an error message means ([`fault`]), which fee ([`fees`]), which nonce
//! ([`nonces`]), how many blocks at once ([`span`]). None of alloy's types appears in what other crates use, except addresses and keys.
//!
//! What does not live here: failover, quorum and rate limits (`tim3-rpc`), and what an event means (`tim3-coordinator`).

pub mod abi;
pub mod config;
pub mod connect;
pub mod decode;
pub mod deploy;
pub mod error;
pub mod fault;
pub mod fees;
pub mod fork;
pub mod keeper;
pub mod keys;
pub mod nonces;
pub mod reader;
pub mod reason;
pub mod span;
pub mod state;
pub mod submitter;
pub mod user;

mod books;
mod chain;
mod gas;
mod hint;
mod link;
mod node;
mod sender;

pub use alloy::{primitives::Address, signers::local::PrivateKeySigner};

pub use crate::{
    config::{Endpoint as EndpointConfig, EthereumConfig, FeePolicy, Finality},
    connect::{Ethereum, VerifiedEndpoints},
    error::EthereumError,
    fork::Fork,
    keeper::Keeper,
    user::User,
};
