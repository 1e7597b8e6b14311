//! One module a group of commands. Each reads its arguments, does its work, and prints.

mod config;
mod contracts;
mod journal;
mod keeper;
mod keys;
mod ops;
mod query;
mod run;
mod verify;

use anyhow::{Context as _, Result};
use clap::CommandFactory as _;

use crate::{
    cli::{Cli, Command, Global},
    config::{Inputs, Loaded, Problems},
    demo, output,
};

pub(crate) use keeper::WhatIf;

/// It was checked, and the answer is no: exit code 3. What is wrong was printed already.
#[derive(Debug)]
pub(crate) struct Verdict(pub(crate) String);

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Verdict {}

/// Does what was asked.
pub(crate) fn dispatch(cli: Cli) -> Result<()> {
    let global = &cli.global;
    match cli.command {
        Command::Config(command) => config::dispatch(global, command),
        Command::Run => run::run(global),
        Command::Demo(args) => demo::run(args),
        Command::Keys(command) => keys::dispatch(command),
        Command::Contracts(command) => contracts::dispatch(global, command),
        Command::Journal(command) => journal::dispatch(global, command),
        Command::Status(query) => query::status(global, &query),
        Command::Positions { behind, page, query } => query::positions(global, behind, &page, &query),
        Command::Keeper(command) => keeper::dispatch(global, command),
        Command::Audit(args) => query::audit(global, &args),
        Command::Ops(command) => ops::dispatch(global, command),
        Command::Pause(switch) => ops::pause(global, &switch, true),
        Command::Resume(switch) => ops::pause(global, &switch, false),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "tim3d", &mut script);
            output::text(&String::from_utf8_lossy(&script))
        }
        Command::Manual { directory } => clap_mangen::generate_to(Cli::command(), &directory)
            .with_context(|| format!("cannot write manual pages to {}", directory.display())),
    }
}

/// The configuration that the command line names. Warnings are told.
fn load(global: &Global) -> Result<Loaded, Problems> {
    load_from(&inputs(global))
}

/// The same of inputs that were taken before.
fn load_from(inputs: &Inputs) -> Result<Loaded, Problems> {
    let loaded = crate::config::load(inputs)?;
    for warning in &loaded.warnings {
        output::note(&format!("warning: {warning}"));
    }
    Ok(loaded)
}

/// The same for commands that can do without: none where no file is named and none is in the usual places.
fn load_optional(global: &Global) -> Result<Option<Loaded>, Problems> {
    let inputs = inputs(global);
    if inputs.files.is_empty() { Ok(None) } else { crate::config::load(&inputs).map(Some) }
}

fn inputs(global: &Global) -> Inputs {
    // A variable that is not Unicode is no key of ours; what others are for, which may be a secret, is not copied.
    let ours = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        let name = name.into_string().ok().filter(|name| name.starts_with(crate::config::PREFIX))?;
        Some((name, value.into_string().ok()?))
    };
    Inputs {
        files: crate::config::files(&global.files),
        environment: std::env::vars_os().filter_map(ours).collect(),
        flags: global.set.clone(),
    }
}

/// A runtime for commands that ask and print.
fn block_on<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(future)
}
