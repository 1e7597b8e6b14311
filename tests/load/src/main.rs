//! `tim3-load`: how fast the real `tim3d` carries locks of one anvil to mints on another, against what that anvil does by itself.
//!
//! One run measures everything that its ratios are made of. What lives where:
//!
//! * [`stage`]: two chains, a counting proxy in front of each, and the daemon.
//! * [`run`]: the phases of a run; [`figures`]: what they measured; [`report`]: how that is shown.
//! * [`purse`], [`rpc`], [`feed`]: transactions signed beforehand, and ways to send them.
//! * [`heads`], [`ledger`]: when blocks came, and what the gateways say in them.
//! * [`solana`]: the same between an anvil and a Solana validator, and catching up.
//! * [`process`]: what a process used; [`statistic`]: rates, ratios and quantiles in integers.

mod feed;
mod figures;
mod heads;
mod ledger;
mod process;
mod purse;
mod report;
mod rpc;
mod run;
mod solana;
mod stage;
mod statistic;

use std::{
    io::{Write as _, stderr, stdout},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::{Context as _, Result, ensure};
use clap::{Parser, ValueEnum};
use serde_json::json;

use figures::Machine;

/// Measures how fast tim3d carries operations between two local chains (anvil), against what the same anvil does by itself.
///
/// It needs a release build of the daemon:
///
///   cargo build --release -p tim3d -p tim3-load && target/release/tim3-load
///
/// For each kind of blocks it measures, in this order: plain transfers and locks with no daemon there (the ceilings; the locks become a
/// backlog); the daemon working off the backlog; a raw send, and single operations; and a sustained load. Both chains, the daemon and this
/// program share the machine: give it nothing else to do. A block is final with one block on top.
#[derive(Debug, Parser)]
#[command(name = "tim3-load", version, verbatim_doc_comment)]
struct Cli {
    /// When blocks are made
    #[arg(long, value_enum, default_value_t = Blocks::Both)]
    blocks: Blocks,
    /// Operations of the sustained load, offered evenly over its seconds; a quarter as many make the backlog
    #[arg(long, value_name = "COUNT", default_value_t = 24_000, value_parser = clap::value_parser!(u64).range(100..=1_000_000))]
    operations: u64,
    /// How long the sustained load is offered; on automine it ends then, however many operations were taken
    #[arg(long, value_name = "SECONDS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    seconds: u64,
    /// Between an anvil with blocks of one second and a Solana validator instead, both ways
    #[arg(long, conflicts_with = "blocks")]
    solana: bool,
    /// With --solana: records that the Solana gateway makes while the daemon is down, before it catches up
    #[arg(long, value_name = "COUNT", requires = "solana", default_value_t = 5_000, value_parser = clap::value_parser!(u64).range(100..=1_000_000))]
    catch_up: u64,
    /// The daemon [default: tim3d beside this program]
    #[arg(long, value_name = "FILE")]
    tim3d: Option<PathBuf>,
    /// Further settings of the daemon, as its own --set takes them
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Keep keys, configuration, journal and log of each run there
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Print figures as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Blocks {
    /// One for each transaction, at once
    Automine,
    /// One a second
    #[value(name = "1s")]
    Second,
    /// First the one, then the other
    Both,
}

impl Blocks {
    fn kinds(self) -> &'static [run::Kind] {
        match self {
            Self::Automine => &[run::Kind::Automine],
            Self::Second => &[run::Kind::Second],
            Self::Both => &[run::Kind::Automine, run::Kind::Second],
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match measure(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Where nobody reads errors there is nobody to tell.
            let _ = writeln!(stderr(), "tim3-load: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn measure(cli: Cli) -> Result<()> {
    let tim3d = match cli.tim3d {
        Some(file) => file,
        None => std::env::current_exe().context("cannot find this program")?.with_file_name("tim3d"),
    };
    ensure!(tim3d.is_file(), "{} is not there: cargo build --release -p tim3d, or --tim3d FILE", tim3d.display());
    let temporary = tempfile::tempdir().context("cannot make a temporary directory")?;
    let directory = cli.keep.unwrap_or_else(|| temporary.path().to_owned());
    let plan = run::Plan { tim3d, set: cli.set, directory, operations: cli.operations, seconds: cli.seconds };
    let mut machine = Machine::look(&plan.tim3d)?;
    if cli.solana {
        let figures = solana::run(&plan, cli.catch_up).await.context("with Solana")?;
        machine.ended()?;
        let text = if cli.json {
            let figures = solana::report::json(&figures);
            format!("{:#}\n", json!({"machine": report::machine_json(&machine), "solana": figures}))
        } else {
            solana::report::text(&machine, &figures)?
        };
        write!(stdout(), "{text}")?;
        return Ok(());
    }
    let mut figures = Vec::new();
    for kind in cli.blocks.kinds() {
        figures.push(run::run(*kind, &plan).await.with_context(|| format!("on {}", kind.name()))?);
    }
    machine.ended()?;
    if cli.json {
        let runs: serde_json::Map<_, _> =
            figures.iter().map(|one| (one.kind.name().to_owned(), report::json(one))).collect();
        writeln!(stdout(), "{:#}", json!({"machine": report::machine_json(&machine), "runs": runs}))?;
    } else {
        write!(stdout(), "{}", report::text(&machine, &figures)?)?;
    }
    Ok(())
}
