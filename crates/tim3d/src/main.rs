//! `tim3d`: relays TIM3, a synthetic token backed by locked collateral, between chains.
//!
//! What lives here is what an operator touches and nothing that decides about money: [`config`] (files, environment and flags), [`cli`] and
//! [`commands`], the wiring of the parts, and their supervision. `tim3d --help` says the rest.

mod adapter;
mod anchor;
mod ao;
mod books;
mod chains;
mod cli;
mod client;
mod commands;
mod config;
mod control;
mod demo;
mod directory;
mod ethereum;
mod keeper;
mod keys;
mod metrics;
mod notices;
mod output;
mod process;
mod reload;
mod run;
mod service;
mod solana;
mod supervise;
mod v1;

use std::{io, process::ExitCode};

use clap::Parser as _;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    match commands::dispatch(cli) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read the output has seen enough.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // `{:#}` puts the causes on the same line.
            output::note(&format!("error: {error:#}"));
            ExitCode::from(exit_code(&error))
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// The codes that `--help` documents.
fn exit_code(error: &anyhow::Error) -> u8 {
    if error.is::<config::Problems>() {
        2
    } else if error.is::<commands::Verdict>() {
        3
    } else {
        1
    }
}
