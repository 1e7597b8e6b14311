//! `tim3d config`.

use std::{fs::OpenOptions, io::Write as _, path::Path};

use anyhow::{Context as _, Result};
use serde_json::json;
use tim3_api::view::ReloadView;

use super::{block_on, load, query::Source};
use crate::{
    chains,
    cli::{ConfigCommand, Global, Query},
    config::{self, Config, EXAMPLE, Loaded, Problems},
    keys, output,
    run::Failures,
};

pub(super) fn dispatch(global: &Global, command: ConfigCommand) -> Result<()> {
    match command {
        ConfigCommand::Check { json, keys } => check(global, json, keys),
        ConfigCommand::Show { json } => show(&load(global)?, json),
        ConfigCommand::Init { file } => init(&file),
        ConfigCommand::Reload { reason, query } => reload(global, &reason, &query),
    }
}

fn check(global: &Global, as_json: bool, with_keys: bool) -> Result<()> {
    let inputs = super::inputs(global);
    match config::load(&inputs) {
        Ok(loaded) if as_json => {
            if with_keys {
                open_everything(&loaded.config)?;
            }
            let (hash, chains) = (config::hash(&loaded), loaded.config.chains.len());
            let warnings = loaded.warnings;
            output::json(&json!({ "ok": true, "problems": [], "warnings": warnings, "chains": chains, "hash": hash }))
        }
        Ok(loaded) => {
            let (hash, Loaded { warnings, config, .. }) = (config::hash(&loaded), loaded);
            for warning in warnings {
                output::note(&format!("warning: {warning}"));
            }
            if with_keys {
                open_everything(&config)?;
            }
            let files: Vec<_> = inputs.files.iter().map(|file| file.display().to_string()).collect();
            let (chains, assets) = (config.chains.len(), config.assets.len());
            output::text(&format!("{}: right (chains: {chains}, assets: {assets}, hash: {hash})", files.join(" + ")))
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
    errors.extend(config.api.read_token().err());
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

fn reload(global: &Global, reason: &str, query: &Query) -> Result<()> {
    let source = Source::new(global, &query.api)?;
    let reloaded: ReloadView = block_on(source.api().post("/api/v1/config/reload", reason))?;
    if query.json {
        return output::json(&reloaded);
    }
    let mut table = output::Table::pairs();
    let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "not set".to_owned());
    for change in &reloaded.changes {
        let state = if change.applied { "applied" } else { "needs a restart" };
        table.row([
            change.key.clone(),
            format!("{} → {}", value(&change.before), value(&change.after)),
            state.to_owned(),
        ]);
    }
    let count = reloaded.changes.iter().filter(|change| change.applied).count();
    let waiting = reloaded.changes.len().saturating_sub(count);
    let summary = format!("{count} keys applied, {waiting} need a restart; in force: {}", reloaded.hash);
    output::text(&format!("{}{summary}", table.render()))
}
