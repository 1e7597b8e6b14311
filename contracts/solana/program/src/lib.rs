//! The TIM3 gateway of Solana.
#![no_std]

#[cfg(not(any(target_os = "solana", target_arch = "bpf")))]
extern crate std;

mod access;
pub mod chain;
pub mod codec;
mod ledger;
pub mod rules;
