//! `tim3d keys`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use tim3_ethereum::{Address, keys as ethereum};
use tim3_keystore::Entry;
use tim3_solana::keys as solana;
use zeroize::Zeroizing;

use crate::{
    cli::{KeyKind, KeysCommand, Password},
    config::SecretRef,
    output::{self, Table},
};

pub(super) fn dispatch(command: KeysCommand) -> Result<()> {
    crate::process::keep_to_itself()?;
    match command {
        KeysCommand::New { name, kind, directory, password, json } => {
            let password = new_password(&password)?;
            match kind.kind {
                KeyKind::Ethereum => made(&ethereum::create(&directory.dir, &name, &password)?.path, &name, json),
                KeyKind::Solana => made(&solana::create(&directory.dir, &name, &password)?.path, &name, json),
            }
        }
        KeysCommand::Import { name, kind, key_file, key_env, directory, password, json } => {
            let ask = match kind.kind {
                KeyKind::Ethereum => "Key (64 hexadecimal digits, not shown): ",
                KeyKind::Solana => "Key (the text of a solana-keygen file, not shown): ",
            };
            let key = secret(key_file, key_env, ask, "--key-file or --key-env")?;
            let of_solana = key.trim_start().starts_with('[');
            ensure!(
                kind.kind == KeyKind::Solana || !of_solana,
                "this is a key of solana-keygen: import it with --kind solana"
            );
            let password = new_password(&password)?;
            match kind.kind {
                KeyKind::Ethereum => made(&ethereum::import(&directory.dir, &name, &key, &password)?.path, &name, json),
                KeyKind::Solana => made(&solana::import(&directory.dir, &name, &key, &password)?.path, &name, json),
            }
        }
        KeysCommand::List { directory, json } => list(&tim3_keystore::list(&directory.dir)?, json),
        KeysCommand::Address { file, json } => {
            let (_, address) = shown(&tim3_keystore::address(&file)?);
            if json { output::json(&json!({ "address": address })) } else { output::text(&address) }
        }
    }
}

/// Says what was written, as the file says it.
fn made(path: &Path, name: &str, as_json: bool) -> Result<()> {
    let address = tim3_keystore::address(path)?;
    let entry = Entry { name: name.to_owned(), path: path.to_owned(), address: Some(address) };
    if as_json {
        return output::json(&view(&entry));
    }
    let (_, address) = of(&entry);
    output::text(&format!("wrote {}, address {address}", path.display()))
}

fn list(entries: &[Entry], as_json: bool) -> Result<()> {
    if as_json {
        return output::json(&entries.iter().map(view).collect::<Vec<_>>());
    }
    let mut table = Table::new(&["NAME", "KIND", "ADDRESS", "FILE"]);
    for entry in entries {
        let (kind, address) = of(entry);
        table.row([entry.name.clone(), kind.to_owned(), address, entry.path.display().to_string()]);
    }
    output::text(&table.render())
}

fn view(entry: &Entry) -> Value {
    let shown = entry.address.as_deref().map(shown);
    let (kind, address) = shown.map_or((None, None), |(kind, address)| (Some(kind), Some(address)));
    json!({ "name": entry.name, "kind": kind, "address": address, "file": entry.path })
}

fn of(entry: &Entry) -> (&'static str, String) {
    entry.address.as_deref().map_or_else(|| ("unknown", "not stated".to_owned()), shown)
}

/// Of what kind the address is that a keystore says, and how that kind writes it.
fn shown(stated: &str) -> (&'static str, String) {
    let evm = stated.trim_start_matches("0x").parse::<Address>();
    evm.map_or_else(|_| ("solana", stated.to_owned()), |address| ("ethereum", address.to_checksum(None)))
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
