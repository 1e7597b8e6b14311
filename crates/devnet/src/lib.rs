//! Real local chains: for end-to-end tests, for load, and for people.
//!
//! * [`anvil`]: an anvil process that ends with its owner.
//! * [`proxy`]: an endpoint in front of it that counts calls and fails on demand.

pub mod anvil;
pub mod proxy;
