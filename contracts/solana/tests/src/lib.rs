//! What the tests of the Solana gateway program share: two gateways of one program in LiteSVM ([`World`]), each other's peers, with a reserve
//! and a vault market; a client for every instruction ([`accounts`], [`orders`]); and what must always hold ([`ledger`]).
//!
//! Identifiers, digests and events are those of `tim3-domain`, addresses and layouts those of `tim3-solana-interface`: nothing of either
//! is written again here, so a test compares the program with the Rust reference.

pub mod accounts;
pub mod ledger;
pub mod orders;
pub mod site;
pub mod size;
pub mod token;
pub mod world;

pub use accounts::Target;
pub use orders::Signed;
pub use site::Site;
pub use world::{Failure, World};
