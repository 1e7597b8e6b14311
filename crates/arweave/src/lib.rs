//! TIM3 on AO: the adapter between the ports of `tim3-chain` and a gateway process behind the units of an AO network.
//!
//! * [`Network`] is a client of the units for any process: messages sent exactly once, their results, histories, dry-runs.
//! * [`Ao::connect`] verifies that the process is the gateway that was configured; the result is a [`tim3_chain::Chain`].
//! * Reading ([`reader`], [`state`]): a message of the process stands for a block. The scheduler's order is trusted; what leads to a signature
//!   is what a quorum of compute units says of a message whose assignment lies deep enough on Arweave.
//! * Sending ([`submitter`]): attesters are wallets here. Their wallets vote for what they signed, and one message executes what has
//!   the votes.
//! * [`deploy`] makes gateways and compares them with their plan.
//! * [`v1`] speaks with the processes of the first TIM3 on AO, and completes what they leave undone.
//! * [`transaction`] and [`gateways`]: what is written to Arweave's base layer itself, and read from it (on our own code and not on `arweave-rs`,
//!   which would bring a second TLS stack).
//! * [`Keeper`] reads prices and positions, liquidates, and trades in pools, with an account of its own.
//! * [`User`] does what a user does, with a user's wallet. [`ans104`] is the form of all messages, [`wallet`] what signs them, [`keys`] where
//!   that is kept.
//!
//! Decisions are pure functions: what units answer ([`units`]), who signed ([`votes`]), what is final.
//!
//! What does not live here: failover, quorum and rate limits (`tim3-rpc`), what an event means (`tim3-coordinator`), and the gateway process
//! itself (`contracts/ao`).

pub mod ans104;
pub mod config;
pub mod connect;
pub mod deploy;
pub mod error;
pub mod gateways;
pub mod id;
pub mod keeper;
pub mod keys;
pub mod network;
pub mod reader;
pub mod state;
pub mod submitter;
pub mod transaction;
pub mod units;
pub mod user;
pub mod v1;
pub mod votes;
pub mod wallet;

mod assets;
mod blocks;
mod chain;
mod link;
mod orders;
mod payouts;
mod view;

pub use crate::{
    config::{AoConfig, Voter},
    connect::{Ao, Keys, VerifiedEndpoints},
    error::AoError,
    gateways::Gateways,
    id::Id,
    keeper::Keeper,
    network::{Birth, Network, NetworkConfig, Sent},
    transaction::Transaction,
    user::User,
    wallet::Wallet,
};
