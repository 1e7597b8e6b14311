//! What TIM3 *is*, without any chain, clock, disk or network: identifiers, amounts, markets, the wire forms that all gateways share, and
//! the life of an operation as a pure state machine.
//!
//! Everything here is a total function of its arguments. Time, randomness and I/O come in as arguments or stay outside; amounts are
//! integers with explicit rounding; bytes from outside are decoded without panicking. The encodings are those of
//! `contracts/PROTOCOL.md`, and `tests/vectors.rs` holds this crate to them.
//!
//! * [`word`], [`identity`], [`amount`], [`price`], [`market`]: the vocabulary.
//! * [`protocol`]: operations, events under the running hash, orders and their digests, windows.
//! * [`place`]: blocks and transactions, as every chain has them; [`clock`]: times as people read them.
//! * [`health`]: how well a position is secured, when and how to liquidate it, what it may pay out.
//! * [`amm`]: constant-product pools: what they pay, and the best size of a trade through several of them.
//! * [`lifecycle`]: `apply(state, input) -> Transition`.
//!
//! What does not live here: anything `async`, anything that knows one chain, and configuration.

pub mod amm;
pub mod amount;
pub mod clock;
pub mod error;
pub mod health;
pub mod identity;
pub mod lifecycle;
pub mod market;
pub mod place;
pub mod price;
pub mod protocol;
pub mod word;

pub use error::DomainError;
