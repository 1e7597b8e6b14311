//! TIM3 on Solana: the adapter between the ports of `tim3-chain` and a gateway program behind JSON-RPC endpoints.
//!
//! * [`Solana::connect`] verifies that the cluster and the gateway are the ones that were configured; the result is a [`tim3_chain::Chain`].
//! * Reading ([`reader`], [`state`]): the gateway keeps its events in pages, which are accounts. Confirmed state, from one endpoint, is only a
//!   hint. What leads to a signature is finalized state that a quorum of endpoints agrees on; since there is no past state, the head at a
//!   block is derived from the slots of the records, and proved against the running hash.
//! * Sending ([`submitter`]): as many orders as fit in one transaction, with token accounts for recipients who have none and a lookup table for
//!   the accounts that orders share, after simulation has said what becomes of each. A transaction lives as
//!   long as its blockhash, and is replaced only when it can no longer land.
//! * [`User`] does what a user does, with a user's key, and [`Keeper`] looks after markets and trades. [`keys`] holds keys encrypted at rest. [`deploy`] deploys and
//!   checks gateways.
//!
//! Decisions are pure functions: what a page says ([`records`]), what a transaction carried ([`carried`]), what an error means ([`failure`],
//! [`fault`]), which fee ([`fees`]), which orders go together ([`pack`]).
//!
//! What does not live here: failover, quorum and rate limits (`tim3-rpc`), what an event means (`tim3-coordinator`), and the layouts of accounts
//! and instructions (`tim3-solana-interface`, shared with the program).

pub mod address;
pub mod base58;
pub mod carried;
pub mod config;
pub mod connect;
pub mod deploy;
pub mod error;
pub mod failure;
pub mod fault;
pub mod fees;
pub mod keeper;
pub mod keys;
pub mod message;
pub mod pack;
pub mod reader;
pub mod records;
pub mod state;
pub mod submitter;
pub mod user;

mod allowance;
mod blocks;
mod chain;
mod fates;
mod hint;
mod link;
mod node;
mod orders;
mod sender;
mod table;

pub use solana_instruction::{AccountMeta, Instruction};
pub use solana_keypair::{Keypair, Signer};
pub use solana_pubkey::Pubkey;

pub use crate::{
    address::Addresses,
    config::{FeePolicy, SolanaConfig},
    connect::{Solana, VerifiedEndpoints, chain_of_genesis},
    error::SolanaError,
    keeper::Keeper,
    user::User,
};
