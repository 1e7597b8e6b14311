//! `tim3-devnet`: two local chains to run `tim3d` on, until Ctrl-C.

use std::{
    io::{Write as _, stderr, stdout},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context as _, Result};
use clap::Parser;
use tim3_devnet::{Devnet, Options, anvil::Mining, guide};
use tokio::{
    select,
    signal::unix::{SignalKind, signal},
    time::interval,
};

/// Starts two local chains (anvil) with a TIM3 gateway each, funds accounts, writes keys and a configuration for tim3d, and says what to do
/// next. Ctrl-C ends the chains.
#[derive(Debug, Parser)]
#[command(name = "tim3-devnet", version)]
struct Cli {
    /// Where keys and configuration go; what an earlier devnet left there is replaced
    #[arg(long, value_name = "DIR", default_value = "devnet")]
    dir: PathBuf,
    /// Port of chain a; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    port_a: u16,
    /// Port of chain b; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    port_b: u16,
    /// Port of the daemon's API, for the configuration
    #[arg(long, value_name = "PORT", default_value_t = 9180)]
    api_port: u16,
    /// Time between two blocks, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(10..=3_600_000))]
    block_time: u64,
    /// A block for each transaction instead, at once; finality then moves only with further transactions
    #[arg(long, conflicts_with = "block_time")]
    automine: bool,
    /// Gas limit of a block
    #[arg(long, value_name = "GAS", default_value_t = 1_000_000_000)]
    gas_limit: u64,
    /// Blocks in an epoch: a block is final when twice as many are on top of it
    #[arg(long, value_name = "BLOCKS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    slots_in_an_epoch: u64,
    /// A Solana chain, too: solana-test-validator with the gateway program
    #[arg(long)]
    solana: bool,
    /// An AO network, too: the real aos module behind local units
    #[arg(long)]
    ao: bool,
}

impl Cli {
    fn options(self) -> Options {
        let mining = if self.automine { Mining::Auto } else { Mining::Every(Duration::from_millis(self.block_time)) };
        Options {
            ports: [self.port_a, self.port_b],
            mining,
            gas_limit: self.gas_limit,
            slots_in_an_epoch: self.slots_in_an_epoch,
            solana: self.solana,
            ao: self.ao,
            ..Options::new(self.dir, self.api_port)
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Cli::parse().options()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Where nobody reads errors there is nobody to tell.
            let _ = writeln!(stderr(), "tim3-devnet: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen to SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen to SIGINT")?;
    let mut asked_to_end = async || select! { _ = terminate.recv() => (), _ = interrupt.recv() => () };
    // Whichever way this ends, the chains end with the values that hold them.
    let mut devnet = select! {
        started = Devnet::start(&options) => started?,
        () = asked_to_end() => return Ok(()),
    };
    write!(stdout(), "{}", guide::text(&devnet)?)?;
    let mut ticks = interval(Duration::from_secs(1));
    loop {
        select! {
            _ = ticks.tick() => devnet.check()?,
            () = asked_to_end() => return Ok(()),
        }
    }
}
