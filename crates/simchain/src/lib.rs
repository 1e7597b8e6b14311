//! A chain in memory with a complete TIM3 gateway on it: for the demo, for simulation, and as the reference that the conformance suite and
//! the other gateways are compared with.
//!
//! * [`gateway`]: the protocol as a pure state machine; no chain, no clock.
//! * [`SimNode`]: the chain around it: blocks, mempool, finality, reorgs, and seeded [`Faults`]. Time is what the caller says it is; driven by
//!   [`SimNode::mine`] everything is a function of the seed and the calls.
//! * [`SimChain`]: the adapter that the daemon uses, one for each signer and lifetime; several may look at one node.
//! * [`SimActor`]: a user.
//! * [`network`]: some gateways that know each other, set up with one call.
//!
//! What does not live here: the transport (there is none; broken endpoints are simulated where answers leave the node), and two-step delays
//! of admin changes.

mod actor;
mod chain;
pub mod gateway;
mod network;
mod node;

pub use actor::SimActor;
pub use chain::SimChain;
pub use network::{Assets, Setup, network};
pub use node::{Config, Faults, SimNode, Struck};
