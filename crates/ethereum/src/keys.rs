//! Keys: encrypted JSON keystores (Web3 Secret Storage version 3), and for development a plain key from a file or the environment.
//!
//! A keystore is written with mode 0600 and carries its address, so that listing needs no password. Plain key material and passwords are
//! wiped when they are dropped, and never printed.

use std::{
    fs,
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use alloy::{
    primitives::{Address, hex},
    signers::local::PrivateKeySigner,
};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::EthereumError;

/// A password, wiped when dropped.
pub type Password = Zeroizing<String>;

/// A keystore file, as far as it is readable without its password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The file's name without `.json`.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// Its address, where the file says it.
    pub address: Option<Address>,
}

fn wrong(path: impl Into<PathBuf>, detail: impl Into<String>) -> EthereumError {
    EthereumError::Key { path: path.into(), detail: detail.into() }
}

/// Makes a new random key and writes it to `<directory>/<name>.json`.
///
/// # Errors
/// [`EthereumError::Key`] for a name that is no file name, a file that exists, an empty password, or a disk that refuses.
pub fn create(directory: &Path, name: &str, password: &Password) -> Result<Entry, EthereumError> {
    store(directory, name, &PrivateKeySigner::random(), password)
}

/// Writes a key given as 64 hexadecimal digits to `<directory>/<name>.json`.
///
/// # Errors
/// As [`create`], and for a text that is no key; the text is not repeated.
pub fn import(
    directory: &Path,
    name: &str,
    key: &Zeroizing<String>,
    password: &Password,
) -> Result<Entry, EthereumError> {
    store(directory, name, &parse(key, Path::new("the key given"))?, password)
}

/// Every keystore in `directory`, by name.
///
/// # Errors
/// [`EthereumError::Key`] where the directory cannot be read. Files that are no keystores are passed over.
pub fn list(directory: &Path) -> Result<Vec<Entry>, EthereumError> {
    let failed = |error: std::io::Error| wrong(directory, format!("cannot be listed: {error}"));
    let mut entries = Vec::new();
    for file in fs::read_dir(directory).map_err(failed)? {
        let path = file.map_err(failed)?.path();
        let name = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".json").map(str::to_owned));
        if let (Some(name), Ok(keystore)) = (name, read(&path)) {
            entries.push(Entry { name, address: stated_address(&keystore), path });
        }
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

/// The address of a keystore: as the file says it, without its password.
///
/// # Errors
/// [`EthereumError::Key`] where the file is no keystore or does not say it.
pub fn address(path: &Path) -> Result<Address, EthereumError> {
    stated_address(&read(path)?)
        .ok_or_else(|| wrong(path, "the keystore does not say its address; unlock it with its password to see it"))
}

/// Unlocks a keystore.
///
/// # Errors
/// [`EthereumError::Key`] for a file that is no keystore, or a password that is not its.
pub fn unlock(path: &Path, password: &Password) -> Result<PrivateKeySigner, EthereumError> {
    let keystore = read(path)?;
    let signer = PrivateKeySigner::decrypt_keystore(path, password.as_bytes())
        .map_err(|_| wrong(path, "the password does not open this keystore; check the password source"))?;
    match stated_address(&keystore) {
        Some(stated) if stated != signer.address() => {
            let found = signer.address();
            Err(wrong(path, format!("it says address {stated} and holds the key of {found}: do not use it")))
        }
        _ => Ok(signer),
    }
}

/// A key from a file with 64 hexadecimal digits, for development.
///
/// # Errors
/// [`EthereumError::Key`] where there is no such file or key.
pub fn from_file(path: &Path) -> Result<PrivateKeySigner, EthereumError> {
    let text = fs::read_to_string(path).map_err(|error| wrong(path, format!("cannot be read: {error}")))?;
    parse(&Zeroizing::new(text), path)
}

/// A key from an environment variable with 64 hexadecimal digits, for development.
///
/// # Errors
/// [`EthereumError::Key`] where it is not set or no key.
pub fn from_environment(variable: &str) -> Result<PrivateKeySigner, EthereumError> {
    let text = std::env::var(variable).map_err(|_| wrong(format!("${variable}"), "not set; export the key there"))?;
    parse(&Zeroizing::new(text), Path::new(&format!("${variable}")))
}

/// Refuses a file that others than its owner may read or write.
///
/// # Errors
/// [`EthereumError::Key`] with the mode found and the command that corrects it.
pub fn check_permissions(path: &Path) -> Result<(), EthereumError> {
    let metadata = fs::metadata(path).map_err(|error| wrong(path, error.to_string()))?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(wrong(
        path,
        format!("mode {mode:04o} lets others read the key, expected 0600; run chmod 600 {}", path.display()),
    ))
}

fn parse(text: &Zeroizing<String>, place: &Path) -> Result<PrivateKeySigner, EthereumError> {
    let digits = text.trim();
    let mut bytes = Zeroizing::new([0; 32]);
    let key = hex::decode_to_slice(digits.strip_prefix("0x").unwrap_or(digits), bytes.as_mut_slice())
        .ok()
        .and_then(|()| PrivateKeySigner::from_slice(bytes.as_slice()).ok());
    key.ok_or_else(|| wrong(place, "not a private key: expected 64 hexadecimal digits of a secp256k1 key"))
}

fn store(directory: &Path, name: &str, signer: &PrivateKeySigner, password: &Password) -> Result<Entry, EthereumError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.starts_with('.') || !name.chars().all(fits) {
        return Err(wrong(directory.join(name), "a key name is letters, digits, dashes, dots and underscores"));
    }
    let path = directory.join(format!("{name}.json"));
    if password.is_empty() {
        return Err(wrong(path, "the password is empty: give one"));
    }
    let failed = |error: std::io::Error| wrong(&path, format!("cannot be written: {error}"));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(failed)?;
    let content = encrypted(directory, signer, password)?;
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(|error| {
        match error.kind() {
            std::io::ErrorKind::AlreadyExists => {
                wrong(&path, "exists already: choose another name, a key is never overwritten")
            }
            _ => failed(error),
        }
    })?;
    file.write_all(content.to_string().as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    Ok(Entry { name: name.to_owned(), path, address: Some(signer.address()) })
}

/// The keystore with its address. The library only writes files, with the mode of the process, so it writes where only the owner may look.
fn encrypted(directory: &Path, signer: &PrivateKeySigner, password: &Password) -> Result<Value, EthereumError> {
    let failed = |error: String| wrong(directory, format!("cannot be written: {error}"));
    let scratch = directory.join(format!(".new-{}", std::process::id()));
    fs::DirBuilder::new().mode(0o700).create(&scratch).map_err(|error| failed(error.to_string()))?;
    let key = Zeroizing::new(signer.to_bytes().0);
    let written = PrivateKeySigner::encrypt_keystore(
        &scratch,
        &mut alloy::signers::k256::elliptic_curve::rand_core::OsRng,
        key.as_slice(),
        password.as_bytes(),
        Some("key"),
    );
    let content = written
        .map_err(|error| failed(error.to_string()))
        .and_then(|_| fs::read_to_string(scratch.join("key")).map_err(|error| failed(error.to_string())));
    fs::remove_dir_all(&scratch).map_err(|error| failed(error.to_string()))?;
    let mut keystore: Value = serde_json::from_str(&content?).map_err(|error| failed(error.to_string()))?;
    if let Some(fields) = keystore.as_object_mut() {
        fields.insert("address".to_owned(), hex::encode(signer.address()).into());
    }
    Ok(keystore)
}

/// The file's JSON, if the library can read it: it trusts lengths and costs that a file states.
fn read(path: &Path) -> Result<Value, EthereumError> {
    /// The costliest key derivation that is tried: four times geth's own.
    const MAX_SCRYPT_N: u64 = 1 << 20;
    let text = fs::read_to_string(path).map_err(|error| wrong(path, format!("cannot be read: {error}")))?;
    let keystore: Value = serde_json::from_str(&text).map_err(|_| wrong(path, "not a keystore: not JSON"))?;
    let field = |pointer: &str| keystore.pointer(pointer);
    let hex_bytes =
        |pointer: &str| field(pointer).and_then(|value| hex::decode(value.as_str()?).ok()).map(|bytes| bytes.len());
    let number = |pointer: &str| field(pointer).and_then(Value::as_u64);
    let params = |name: &str| number(&format!("/crypto/kdfparams/{name}"));
    let derivation = match field("/crypto/kdf").and_then(Value::as_str) {
        Some("scrypt") => {
            params("n").is_some_and(|n| n.is_power_of_two() && (2..=MAX_SCRYPT_N).contains(&n))
                && params("r").is_some_and(|r| (1..=16).contains(&r))
                && params("p").is_some_and(|p| (1..=16).contains(&p))
        }
        Some("pbkdf2") => params("c").is_some_and(|c| (1..=10_000_000).contains(&c)),
        _ => false,
    };
    let sound = number("/version") == Some(3)
        && derivation
        && params("dklen") == Some(32)
        && hex_bytes("/crypto/cipherparams/iv") == Some(16)
        && hex_bytes("/crypto/ciphertext") == Some(32)
        && hex_bytes("/crypto/mac") == Some(32);
    if sound {
        Ok(keystore)
    } else {
        Err(wrong(path, "not a keystore of version 3 with aes-128-ctr and scrypt or pbkdf2"))
    }
}

fn stated_address(keystore: &Value) -> Option<Address> {
    let digits = keystore.get("address")?.as_str()?;
    digits.trim_start_matches("0x").parse().ok()
}

#[cfg(test)]
mod tests;
