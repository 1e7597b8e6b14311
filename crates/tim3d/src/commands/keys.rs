//! `tim3d keys`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use tim3_arweave::keys as ao;
use tim3_ethereum::{Address, keys as ethereum};
use tim3_keystore::Entry;
use tim3_solana::keys as solana;
use zeroize::Zeroizing;

use crate::{
    cli::{KeysCommand, Password},
    config::{Family, SecretRef},
    output::{self, Table},
};

pub(super) fn dispatch(command: KeysCommand) -> Result<()> {
    crate::process::keep_to_itself()?;
    match command {
        KeysCommand::New { name, kind, directory, password, json } => {
            let (directory, password) = (&directory.dir, &new_password(&password)?);
            let path = match kind.kind {
                Family::Ethereum => ethereum::create(directory, &name, password)?.path,
                Family::Solana => solana::create(directory, &name, password)?.path,
                Family::Ao => ao::create(directory, &name, password)?.path,
            };
            made(&path, json)
        }
        KeysCommand::Import { name, kind, key_file, key_env, directory, password, json } => {
            let ask = match kind.kind {
                Family::Ethereum => "Key (64 hexadecimal digits, not shown): ",
                Family::Solana => "Key (the text of a solana-keygen file, not shown): ",
                Family::Ao => {
                    "Key (the text of a key file of Arweave, on one line, or 64 hexadecimal digits, not shown): "
                }
            };
            let key = &secret(key_file, key_env, ask, "--key-file or --key-env")?;
            of_kind(kind.kind, key)?;
            let (directory, password) = (&directory.dir, &new_password(&password)?);
            let path = match kind.kind {
                Family::Ethereum => ethereum::import(directory, &name, key, password)?.path,
                Family::Solana => solana::import(directory, &name, key, password)?.path,
                Family::Ao => ao::import(directory, &name, key, password)?.path,
            };
            made(&path, json)
        }
        KeysCommand::List { directory, json } => list(&tim3_keystore::list(&directory.dir)?, json),
        KeysCommand::Address { file, json } => {
            tim3_keystore::address(&file)?;
            let (_, address) = shown(&tim3_keystore::inspect(&file)?);
            if json { output::json(&json!({ "address": address })) } else { output::text(&address) }
        }
    }
}

/// Refuses a key file that is plainly of another kind.
fn of_kind(kind: Family, key: &str) -> Result<()> {
    let (writer, right, word) = match key.trim_start().chars().next() {
        Some('[') => ("solana-keygen", Family::Solana, "solana"),
        Some('{') => ("an Arweave wallet", Family::Ao, "ao"),
        _ => return Ok(()),
    };
    ensure!(kind == right, "this is a key of {writer}: import it with --kind {word}");
    Ok(())
}

/// Says what was written, as the file says it.
fn made(path: &Path, as_json: bool) -> Result<()> {
    let entry = tim3_keystore::inspect(path)?;
    if as_json {
        return output::json(&view(&entry));
    }
    let (_, address) = shown(&entry);
    output::text(&format!("wrote {}, address {address}", path.display()))
}

fn list(entries: &[Entry], as_json: bool) -> Result<()> {
    if as_json {
        return output::json(&entries.iter().map(view).collect::<Vec<_>>());
    }
    let mut table = Table::new(&["NAME", "KIND", "ADDRESS", "FILE"]);
    for entry in entries {
        let (kind, address) = shown(entry);
        table.row([entry.name.clone(), kind, address, entry.path.display().to_string()]);
    }
    output::text(&table.render())
}

fn view(entry: &Entry) -> Value {
    let stated = entry.address.is_some().then(|| shown(entry));
    let (kind, address) = stated.unzip();
    json!({ "name": entry.name, "kind": kind, "address": address, "file": entry.path })
}

/// Of what kind a keystore's address is, and how that kind writes it. Keystores of before said no kind, and were of two.
fn shown(Entry { kind, address, .. }: &Entry) -> (String, String) {
    let Some(stated) = address else { return ("unknown".to_owned(), "not stated".to_owned()) };
    let evm = stated.trim_start_matches("0x").parse::<Address>().ok();
    let inferred = if evm.is_some() { "ethereum" } else { "solana" };
    let address = evm.map_or_else(|| stated.clone(), |address| address.to_checksum(None));
    (kind.clone().unwrap_or_else(|| inferred.to_owned()), address)
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
