//! `tim3d config`.

use std::{fs::OpenOptions, io::Write as _, path::Path};

use anyhow::{Context as _, Result};
use serde_json::json;

use super::load;
use crate::{
    chains,
    cli::{ConfigCommand, Global},
    config::{self, Config, EXAMPLE, Loaded, Problems},
    keys, output,
    run::Failures,
};

pub(super) fn dispatch(global: &Global, command: ConfigCommand) -> Result<()> {
    match command {
        ConfigCommand::Check { json, keys } => check(global, json, keys),
        ConfigCommand::Show { json } => show(&load(global)?, json),
        ConfigCommand::Init { file } => init(&file),
    }
}

fn check(global: &Global, as_json: bool, with_keys: bool) -> Result<()> {
    let inputs = super::inputs(global);
    match config::load(&inputs) {
        Ok(Loaded { warnings, config, .. }) if as_json => {
            if with_keys {
                open_everything(&config)?;
            }
            output::json(&json!({ "ok": true, "problems": [], "warnings": warnings, "chains": config.chains.len() }))
        }
        Ok(Loaded { warnings, config, .. }) => {
            for warning in warnings {
                output::note(&format!("warning: {warning}"));
            }
            if with_keys {
                open_everything(&config)?;
            }
            let files: Vec<_> = inputs.files.iter().map(|file| file.display().to_string()).collect();
            let (chains, assets) = (config.chains.len(), config.assets.len());
            output::text(&format!("{}: right (chains: {chains}, assets: {assets})", files.join(" + ")))
        }
        Err(Problems(problems)) => {
            if as_json {
                output::json(&json!({ "ok": false, "problems": problems, "warnings": [] }))?;
            }
            Err(Problems(problems).into())
        }
    }
}

/// Reads every secret and opens every key, and tells of each that cannot be.
fn open_everything(config: &Config) -> Result<(), Failures> {
    let mut errors = keys::check(config);
    errors.extend(config.api.token.as_ref().and_then(|place| place.read().context("api.token").err()));
    errors.extend(config.chains.iter().filter_map(|chain| chains::check(chain).err()));
    if errors.is_empty() { Ok(()) } else { Err(Failures(errors)) }
}

fn show(loaded: &Loaded, as_json: bool) -> Result<()> {
    if as_json {
        return output::json(&loaded.settings);
    }
    let mut table = output::Table::pairs();
    for setting in &loaded.settings {
        table.row([format!("{} = {}", setting.key, setting.value), format!("# {}", setting.source)]);
    }
    output::text(&table.render())
}

fn init(path: &Path) -> Result<()> {
    let file = OpenOptions::new().write(true).create_new(true).open(path);
    let write = |mut file: std::fs::File| file.write_all(EXAMPLE.as_bytes()).and_then(|()| file.sync_all());
    file.and_then(write)
        .with_context(|| format!("cannot write {}; name a file that is not there yet", path.display()))?;
    output::text(&format!("wrote {0}; edit it, then run `tim3d --config {0} config check`", path.display()))
}
