//! The rules as pure functions: no accounts, no system calls. The same as `contracts/ethereum/src/libraries` and `crates/domain`, against
//! whose vectors they are tested.
//!
//! The target has no 128-bit multiplication or division, and a 64-bit one that is checked needs them, too: products and quotients go
//! through [`wide::Wide`].

pub mod amounts;
pub mod health;
pub mod liquidation;
pub mod payout;
pub mod price;
pub mod wide;
pub mod window;
