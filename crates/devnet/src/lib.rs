//! Real local chains with TIM3 on them: for end-to-end tests, for load, and for people.
//!
//! [`Devnet::start`] starts two anvils, a Solana validator and an AO network where it is asked to, deploys and wires a gateway on each, funds accounts, and writes
//! keys and a configuration that `tim3d` runs with. Everything ends with the value that it gives. The binary of this crate is that, until Ctrl-C.
//!
//! * [`anvil`]: an anvil process that ends with its owner.
//! * [`validator`]: a `solana-test-validator` process, the same way.
//! * [`solana`]: the Solana chain, the same way.
//! * [`ao`]: an AO network in a process, the same way; [`ao_site`]: the chain of kind `ao` on it.
//! * [`site`]: one of the two EVM chains, read directly: nothing there goes through the adapter that tests want to check.
//! * [`accounts`]: who acts, with which key.
//! * [`proxy`]: an endpoint in front of an anvil or a validator that counts calls and fails on demand.
//! * [`daemon`]: a `tim3d` process and the commands that ask it.
//!
//! What does not live here: any scenario. Those are the tests', and the demo's, which needs no chain.

pub mod accounts;
pub mod anvil;
pub mod ao;
pub mod ao_site;
mod configuration;
pub mod contracts;
pub mod daemon;
pub mod guide;
mod miner;
pub mod network;
pub mod plan;
mod process;
pub mod proxy;
pub mod site;
pub mod solana;
pub mod validator;

pub use ao_site::AoSite;
pub use network::{Devnet, Options};
pub use site::Site;
pub use solana::SolanaSite;
