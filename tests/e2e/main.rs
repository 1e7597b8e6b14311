//! The real `tim3d` between two real local chains: what users and operators see.
//!
//! Everything is judged by what the chains themselves answer (`eth_call`, logs and receipts through alloy) and by what the daemon's own commands
//! print; nothing reaches into the daemon. Needs anvil, for Solana
//! solana-test-validator, and for AO node: tests/setup.sh installs them.

#![expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stderr,
    reason = "what goes wrong here fails the test, and it should say why"
)]

mod actions;
mod anchor;
mod ao;
mod arbitrage;
mod attesters;
mod chaos;
mod contracts;
mod cycle;
mod hands;
mod holds;
mod keeper;
mod keeping;
mod rehearsal;
mod relay;
mod scene;
mod selling;
mod solana;
mod start;
mod trading;
mod uniswap;
mod v1;
