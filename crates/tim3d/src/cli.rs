//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use tim3_domain::identity::OperationId;

use crate::{commands::WhatIf, config::Family, demo, keeper::RehearsalArgs};

const EXAMPLES: &str = "\
Examples:
  tim3d config init tim3d.toml          write a configuration with every key explained
  tim3d keys new submitter              make an encrypted key in ./keys
  tim3d config check                    say everything that is wrong, all at once
  tim3d run                             relay until SIGTERM
  tim3d demo                            watch it at work on simulated chains; needs nothing
  tim3d status                          how the running daemon is doing
  tim3d ops list --phase held           what waits for an operator
  tim3d ops explain 0x…                 why an operation is where it is
  tim3d keeper rehearse                 liquidate everything on a copy of the chain

Configuration is read from --config (or TIM3D_CONFIG), else from ./tim3d.toml, else from /etc/tim3d/tim3d.toml. Environment variables
TIM3D__SECTION__KEY override it, and --set section.key=value overrides both.

Exit codes: 0 success; 1 it failed; 2 the command line or the configuration is wrong; 3 it was checked, and the answer is no (audit not
exact, daemon not ready, journal damaged, contract not as expected, a position left over in a rehearsal).";

const REHEARSALS: &str = "\
Examples:
  tim3d keeper rehearse                          prices fall until every position is unhealthy
  tim3d keeper rehearse --fall 30 --json         every collateral falls by 30 percent
  tim3d keeper rehearse --price WETH=1500        one price, as stated
  tim3d keeper rehearse --unlimited              how much inventory it would take";

const LADDERS: &str = "\
Examples:
  tim3d keeper ladder                            every vault market, its 20 least healthy positions
  tim3d keeper ladder weth --limit 100 --json    one market
  tim3d keeper ladder --what-if WETH=-30%        and what a fall of the price would do
  tim3d keeper ladder --what-if WETH=1500 --what-if WBTC=-12.5%

Health is the collateral's value times the liquidation threshold, divided by the debt: below 1 a position is liquidatable. `liquidations repay` is what one
liquidation of each of them takes, up to keeper.target_health_bps; what is at hand pays for the least healthy first, market by market. Profit and limits are
not looked at: `tim3d keeper rehearse` does that.";

/// The phases of an operation, in the order of its life.
pub(crate) const PHASES: [&str; 15] = [
    "observed",
    "final",
    "held",
    "signing",
    "authorized",
    "submitted",
    "settled",
    "completed",
    "voiding",
    "voided",
    "refunding",
    "refund_included",
    "refunded",
    "orphaned",
    "dead_letter",
];

/// Relays TIM3, a synthetic token backed by locked collateral, between chains.
#[derive(Debug, Parser)]
#[command(name = "tim3d", version, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Clone, Debug, Args)]
pub(crate) struct Global {
    /// Configuration file; may be given several times, later ones win
    #[arg(
        short = 'c',
        long = "config",
        value_name = "FILE",
        global = true,
        env = "TIM3D_CONFIG",
        value_delimiter = ','
    )]
    pub(crate) files: Vec<PathBuf>,
    /// Overrides one key of the configuration, for example --set log.filter=debug
    #[arg(long = "set", value_name = "KEY=VALUE", global = true)]
    pub(crate) set: Vec<String>,
}

/// The last audit, or a report of one.
#[derive(Clone, Debug, Args)]
pub(crate) struct Audit {
    /// Verify the reserve report in this transaction of Arweave instead
    #[arg(long, value_name = "TRANSACTION", allow_hyphen_values = true)]
    pub(crate) verify: Option<tim3_arweave::Id>,
    /// A gateway of Arweave to ask, instead of those in the configuration
    #[arg(long, value_name = "URL", requires = "verify")]
    pub(crate) gateway: Option<url::Url>,
    #[command(flatten)]
    pub(crate) query: Query,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Relay until SIGTERM or SIGINT; a second signal ends at once
    Run,
    /// Watch the daemon at work on three simulated chains, killed half-way, and have the result proved; needs nothing installed
    Demo(demo::Args),
    /// Check, show or make a configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Make and look at keys
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Deploy and check gateways
    #[command(subcommand)]
    Contracts(ContractsCommand),
    /// How the running daemon is doing; exit code 3 when it is not ready
    Status(Query),
    /// Look at operations, and decide about those that wait for an operator
    #[command(subcommand)]
    Ops(OpsCommand),
    /// Positions, and whether their mirrors are up to date
    Positions {
        /// Only those with a mirror that is missing or old
        #[arg(long)]
        behind: bool,
        #[command(flatten)]
        page: Page,
        #[command(flatten)]
        query: Query,
    },
    /// What the keepers do, and why: liquidations, their ledger, and replays of their decisions
    #[command(subcommand)]
    Keeper(KeeperCommand),
    /// The conservation law as it was checked last; exit code 3 when it does not hold or is not known. With --verify, a reserve report on
    /// Arweave; exit code 3 when it is not what it says
    Audit(Audit),
    /// Stop signing for an asset, until `resume`
    Pause(Switch),
    /// Sign for an asset again
    Resume(Switch),
    /// Look into the journal of a daemon that is not running
    #[command(subcommand)]
    Journal(JournalCommand),
    /// Print a completion script, for example `tim3d completions bash > /etc/bash_completion.d/tim3d`
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write a manual page for each command, for example `tim3d manual /usr/local/share/man/man1`
    Manual {
        /// Where to; the directory must be there
        directory: PathBuf,
    },
}

/// How to ask the running daemon.
#[derive(Clone, Debug, Args)]
pub(crate) struct Query {
    /// Print the API's JSON instead of text
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) api: Api,
}

/// Where the running daemon is.
#[derive(Clone, Debug, Args)]
pub(crate) struct Api {
    /// Address of the API [default: api.listen of the configuration]
    #[arg(long, env = "TIM3D_URL")]
    pub(crate) url: Option<url::Url>,
    /// File with the API token [default: api.token of the configuration]
    #[arg(long, value_name = "FILE", env = "TIM3D_TOKEN_FILE")]
    pub(crate) token_file: Option<PathBuf>,
}

/// How much of a list.
#[derive(Clone, Debug, Args)]
pub(crate) struct Page {
    /// At most this many
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) limit: u32,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Say everything that is wrong, all at once; exit code 2 if anything is
    Check {
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// Also read every secret and open every keystore
        #[arg(long)]
        keys: bool,
    },
    /// Print every key that holds and where it comes from; secrets are left out
    Show {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Have the running daemon read its configuration again: everything that can change while it runs does, or nothing
    Reload {
        /// Why; kept in the log
        #[arg(long, default_value = "the configuration changed")]
        reason: String,
        #[command(flatten)]
        query: Query,
    },
    /// Write a configuration with every key explained
    Init {
        /// The file to write; nothing is overwritten
        #[arg(default_value = "tim3d.toml")]
        file: PathBuf,
    },
}

/// Where the password of a keystore comes from; asked for on the terminal if nothing is given.
#[derive(Clone, Debug, Args)]
#[group(multiple = false)]
pub(crate) struct Password {
    /// File with the password
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
    /// Environment variable with the password
    #[arg(long, value_name = "NAME")]
    pub(crate) password_env: Option<String>,
}

/// Where keystores are.
#[derive(Clone, Debug, Args)]
pub(crate) struct Directory {
    /// Directory of the keystores
    #[arg(long, value_name = "DIR", default_value = "keys")]
    pub(crate) dir: PathBuf,
}

/// Of what kind a key is.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct OfKind {
    /// Kind of the chain where it acts; attesters sign with keys of Ethereum everywhere, and have a wallet on AO besides
    #[arg(long, value_enum, default_value_t = Family::Ethereum)]
    pub(crate) kind: Family,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make a random key and write it to an encrypted keystore
    New {
        /// Name of the key; the keystore is NAME.json, and nothing is overwritten
        name: String,
        #[command(flatten)]
        kind: OfKind,
        #[command(flatten)]
        directory: Directory,
        #[command(flatten)]
        password: Password,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Write a key that exists to an encrypted keystore; it is asked for on the terminal if nothing is given
    Import {
        /// Name of the key; the keystore is NAME.json, and nothing is overwritten
        name: String,
        #[command(flatten)]
        kind: OfKind,
        /// File with the key: 64 hexadecimal digits, or for Solana what solana-keygen wrote, for AO a key file of Arweave (JWK)
        #[arg(long, value_name = "FILE", group = "key")]
        key_file: Option<PathBuf>,
        /// Environment variable with the key
        #[arg(long, value_name = "NAME", group = "key")]
        key_env: Option<String>,
        #[command(flatten)]
        directory: Directory,
        #[command(flatten)]
        password: Password,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// List keystores with their addresses
    List {
        #[command(flatten)]
        directory: Directory,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the address of a keystore; needs no password
    Address {
        /// The keystore
        file: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ContractsCommand {
    /// Deploy what a keeper needs to trade on an EVM chain, from its own account, and print what goes into the configuration
    Executor {
        /// The chain, by configured name
        chain: String,
    },
    /// Compare the gateways with the configuration; exit code 3 if something is not as it must be
    Check {
        /// Only this chain, by configured name
        chain: Option<String>,
        /// Also compare with the plan they were deployed from
        #[arg(long, value_name = "FILE")]
        plan: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Deploy the gateways of a plan, open their routes, activate them, and print what goes into the configuration
    ///
    /// Every step is written to --output as soon as it is done; the same command goes on where it was interrupted.
    Deploy {
        /// What to deploy, in TOML; see config/deployment.example.toml
        plan: PathBuf,
        /// Record of what was deployed
        #[arg(short, long, value_name = "FILE", default_value = "deployment.json")]
        output: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum OpsCommand {
    /// List operations, newest first
    List {
        /// Only those in this phase
        #[arg(long, value_parser = PHASES)]
        phase: Option<String>,
        /// Only those that have not ended
        #[arg(long)]
        open: bool,
        /// Only those of this synthetic, by symbol
        #[arg(long)]
        asset: Option<String>,
        /// Only those from or to this chain, by configured name
        #[arg(long)]
        chain: Option<String>,
        #[command(flatten)]
        page: Page,
        #[command(flatten)]
        query: Query,
    },
    /// Show one operation
    Show {
        /// The operation
        id: OperationId,
        #[command(flatten)]
        query: Query,
    },
    /// Tell the story of one operation: blocks, transactions, waits, reasons, and what it waits for
    Explain {
        /// The operation
        id: OperationId,
        #[command(flatten)]
        query: Query,
    },
    /// List the mints and burns through the V1 processes of a chain on AO, open ones first
    V1 {
        /// The chain, by its configured name
        chain: String,
        /// Only those that have not ended
        #[arg(long)]
        open: bool,
        #[command(flatten)]
        query: Query,
    },
    /// Try a dead letter, or what waits for its next attempt, now
    Retry(Decision),
    /// Deliver an operation that is held
    Approve(Decision),
    /// Close an operation's slot at the destination and refund it at the origin
    Void(Decision),
    /// Refund an operation whose slot an orphan holds because a chain broke its finality; what the orphan was given becomes bad debt
    Conflict(Decision),
}

/// An operator's decision about one operation.
#[derive(Clone, Debug, Args)]
pub(crate) struct Decision {
    /// The operation
    pub(crate) id: OperationId,
    /// Why; kept in the journal
    #[arg(long)]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) query: Query,
}

/// An operator's decision about one asset.
#[derive(Clone, Debug, Args)]
pub(crate) struct Switch {
    /// The synthetic, by symbol; or a chain of V1 processes, by its configured name
    pub(crate) asset: String,
    /// Why; kept in the journal
    #[arg(long)]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) query: Query,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeeperCommand {
    /// How the keepers are doing: markets, prices, what is under way, what waits, and what it came to
    Status(Query),
    /// Stop deciding to act, until `resume`; what is under way or half done is finished
    Pause(KeeperSwitch),
    /// Act again
    Resume(KeeperSwitch),
    /// How near to liquidation positions stand, what debt is bad, and what other prices would do
    ///
    /// Out of the keepers' record: as they last saw it, whether the daemon runs or not.
    #[command(after_help = LADDERS)]
    Ladder(LadderArgs),
    /// Write every entry of the ledger, in base units; entries are kept for good
    Ledger {
        /// As CSV, which is what is written by default
        #[arg(long, conflicts_with = "json")]
        csv: bool,
        /// As lines of JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        span: Span,
        #[command(flatten)]
        api: Api,
    },
    /// Tell why a decision was made, with every number that it hung on, and what became of it
    Explain {
        /// Number of the decision
        decision: u64,
        #[command(flatten)]
        query: Query,
    },
    /// Liquidate everything on a copy of the chain, and tell what is left over and why; exit code 3 if anything is
    ///
    /// Copies an EVM chain with anvil, which must be on PATH, lets prices fall there, and runs the keeper as it is configured, in mode live, with a fresh
    /// account that gets what the keeper's own has. The chain itself is only read: nothing is sent to it. Neither the keeper's key nor the journal is used.
    #[command(after_help = REHEARSALS)]
    Rehearse(RehearsalArgs),
    /// Decide everything again that was recorded; exit code 3 if anything comes out otherwise
    Replay {
        #[command(flatten)]
        span: Span,
        /// Show what would have been decided with this file laid over the configuration
        #[arg(long, value_name = "FILE")]
        with: Option<PathBuf>,
        #[command(flatten)]
        query: Query,
    },
}

/// A span of time.
#[derive(Clone, Debug, Args)]
pub(crate) struct Span {
    /// From this time on, for example 2026-11-23T04:00:00Z [default: from the beginning]
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,
    /// Up to this time [default: to the end]
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<String>,
}

/// Which positions, and at which prices.
#[derive(Clone, Debug, Args)]
pub(crate) struct LadderArgs {
    /// Only this vault market, by its configured name
    pub(crate) market: Option<String>,
    /// Show so many of the least healthy positions of each market
    #[arg(long, default_value_t = 20)]
    pub(crate) limit: u32,
    /// Suppose a price of a collateral: a change in percent, with its sign, or US dollars; may be given several times
    #[arg(long, value_name = "SYMBOL=CHANGE")]
    pub(crate) what_if: Vec<WhatIf>,
    #[command(flatten)]
    pub(crate) query: Query,
}

/// An operator's decision about the keepers.
#[derive(Clone, Debug, Args)]
pub(crate) struct KeeperSwitch {
    /// Why; it is logged
    #[arg(long)]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) query: Query,
}

#[derive(Debug, Subcommand)]
pub(crate) enum JournalCommand {
    /// Read every record and compare every checksum and index; exit code 3 if anything is wrong
    Verify {
        /// The journal [default: journal.path of the configuration]
        file: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Write every record as a line of JSON
    Export {
        /// The journal [default: journal.path of the configuration]
        file: Option<PathBuf>,
        /// Write here instead of to standard output; nothing is overwritten
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

#[cfg(test)]
mod tests {
    use tim3_domain::lifecycle::{Hold, Phase, Refusal, Step};

    use super::*;

    #[test]
    fn every_phase_can_be_asked_for() {
        let was = || Box::new(Phase::Final);
        let steps = [Step::Signing, Step::Authorized, Step::Submitted].map(Phase::Settling);
        let others = [
            Phase::Observed,
            Phase::Final,
            Phase::Held(Hold::Value),
            Phase::SettledIncluded { was: was() },
            Phase::Completed,
            Phase::Voiding { why: Refusal::TooOld, step: Step::Signing },
            Phase::VoidedIncluded { was: was() },
            Phase::Refunding(Step::Signing),
            Phase::RefundedIncluded { was: was() },
            Phase::Refunded,
            Phase::Orphaned { replaced: false },
            Phase::DeadLetter { was: was(), reason: String::new() },
        ];
        let names: std::collections::BTreeSet<_> = steps.iter().chain(&others).map(Phase::name).collect();
        assert_eq!(names, PHASES.into());
    }

    #[test]
    fn a_transaction_of_arweave_may_begin_with_a_hyphen() {
        let id = "-5z_nnT9jZryvQjWLnQw4xLEgBKE2-YsolWvVTTH7zI";
        let read = Cli::try_parse_from(["tim3d", "audit", "--verify", id]).unwrap();
        let Command::Audit(Audit { verify: Some(found), .. }) = read.command else { panic!("{:?}", read.command) };
        assert_eq!(found.to_string(), id);
    }

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }
}
