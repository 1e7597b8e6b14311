//! The suite that every adapter must pass.

mod keys;

pub use keys::Keys;
