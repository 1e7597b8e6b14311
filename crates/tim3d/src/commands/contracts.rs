//! `tim3d contracts`.

mod check;
mod deploy;
mod executor;
mod plan;
mod v1;

use anyhow::Result;

use crate::cli::{ContractsCommand, Global};

pub(super) fn dispatch(global: &Global, command: ContractsCommand) -> Result<()> {
    match command {
        ContractsCommand::Executor { chain } => executor::executor(global, &chain),
        ContractsCommand::Check { chain, plan, json } => check::check(global, chain.as_deref(), plan.as_deref(), json),
        ContractsCommand::Deploy { plan, output } => deploy::deploy(&plan, &output),
    }
}
