//! The interface of the TIM3 gateway program on Solana: everything that the program and whoever talks to it must agree on.
//!
//! Here live the addresses ([`seeds`]), the bytes of every account ([`accounts`]), the encodings of instructions and the order of their
//! accounts ([`instruction`]), the compact form of the protocol's words ([`words`]), error codes ([`error`]) and limits ([`limits`]). The
//! program, the daemon's adapter, the tests and `idl.json` all use it, so nothing is written twice. The rules themselves are not here
//! but in the program; hashes and identifiers are those of `contracts/PROTOCOL.md`.
//!
//! `no_std`, no dependencies. Reading is total: bytes of any content and length give a value or an error, never a panic. The `client`
//! feature (on by default, off in the program) adds what needs an allocator: encoding.
#![no_std]

#[cfg(feature = "client")]
extern crate alloc;

#[macro_use]
mod layout;

pub mod accounts;
pub mod bytes;
pub mod error;
pub mod external;
pub mod instruction;
pub mod limits;
pub mod pool;
pub mod protocol;
pub mod seeds;
pub mod words;

pub use error::GatewayError;
pub use layout::Field;

/// 32 bytes: an unsigned big-endian integer, an identifier, an account or a hash (`contracts/PROTOCOL.md` section 1).
pub type Word = [u8; 32];

/// The zero word: none.
pub const ZERO: Word = [0; 32];
