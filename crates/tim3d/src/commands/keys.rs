//! `tim3d keys`.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use tim3_ethereum::keys::{self, Entry};
use zeroize::Zeroizing;

use crate::{
    cli::{KeysCommand, Password},
    config::SecretRef,
    output::{self, Table},
};

pub(super) fn dispatch(command: KeysCommand) -> Result<()> {
    crate::process::keep_to_itself()?;
    match command {
        KeysCommand::New { name, directory, password, json } => {
            let entry = keys::create(&directory.dir, &name, &new_password(&password)?)?;
            made(&entry, json)
        }
        KeysCommand::Import { name, key_file, key_env, directory, password, json } => {
            let key = secret(key_file, key_env, "Key (64 hexadecimal digits, not shown): ", "--key-file or --key-env")?;
            let entry = keys::import(&directory.dir, &name, &key, &new_password(&password)?)?;
            made(&entry, json)
        }
        KeysCommand::List { directory, json } => list(&keys::list(&directory.dir)?, json),
        KeysCommand::Address { file, json } => {
            let address = keys::address(&file)?.to_checksum(None);
            if json { output::json(&json!({ "address": address })) } else { output::text(&address) }
        }
    }
}

fn made(entry: &Entry, as_json: bool) -> Result<()> {
    if as_json {
        return output::json(&view(entry));
    }
    output::text(&format!("wrote {}, address {}", entry.path.display(), address(entry)))
}

fn list(entries: &[Entry], as_json: bool) -> Result<()> {
    if as_json {
        return output::json(&entries.iter().map(view).collect::<Vec<_>>());
    }
    let mut table = Table::new(&["NAME", "ADDRESS", "FILE"]);
    for entry in entries {
        table.row([entry.name.clone(), address(entry), entry.path.display().to_string()]);
    }
    output::text(&table.render())
}

fn view(entry: &Entry) -> Value {
    let address = entry.address.map(|address| address.to_checksum(None));
    json!({ "name": entry.name, "address": address, "file": entry.path })
}

fn address(entry: &Entry) -> String {
    entry.address.map_or_else(|| "not stated".to_owned(), |address| address.to_checksum(None))
}

fn new_password(from: &Password) -> Result<Zeroizing<String>> {
    const FLAGS: &str = "--password-file or --password-env";
    let asked = from.password_file.is_none() && from.password_env.is_none();
    let password = secret(from.password_file.clone(), from.password_env.clone(), "New password: ", FLAGS)?;
    if asked && password != prompt("The same again: ", FLAGS)? {
        bail!("the two passwords differ; nothing was written");
    }
    Ok(password)
}

fn secret(file: Option<PathBuf>, env: Option<String>, ask: &str, flags: &str) -> Result<Zeroizing<String>> {
    match (file, env) {
        (Some(file), _) => SecretRef::File(file).read(),
        (None, Some(name)) => SecretRef::Environment(name).read(),
        (None, None) => prompt(ask, flags),
    }
}

fn prompt(ask: &str, flags: &str) -> Result<Zeroizing<String>> {
    let answer = rpassword::prompt_password(ask);
    answer.map(Zeroizing::new).with_context(|| format!("there is no terminal to ask on; give {flags}"))
}
