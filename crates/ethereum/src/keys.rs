//! Keys: encrypted JSON keystores, and for development a plain key of 64 hexadecimal digits from a file or the environment. The files are
//! those of `tim3-keystore`.

use std::path::{Path, PathBuf};

use alloy::{
    primitives::{Address, hex},
    signers::local::PrivateKeySigner,
};
use tim3_keystore::{KeyError, Secret, wrong};
use zeroize::Zeroizing;

use crate::EthereumError;

pub use tim3_keystore::Password;

/// A keystore file, as far as it is readable without its password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The file's name without `.json`.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// Its address, where the file says one of this kind.
    pub address: Option<Address>,
}

impl From<tim3_keystore::Entry> for Entry {
    fn from(entry: tim3_keystore::Entry) -> Self {
        Self { name: entry.name, path: entry.path, address: entry.address.as_deref().and_then(parsed) }
    }
}

impl From<KeyError> for EthereumError {
    fn from(KeyError { path, detail }: KeyError) -> Self {
        Self::Key { path, detail }
    }
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
    Ok(tim3_keystore::list(directory)?.into_iter().map(Entry::from).collect())
}

/// The address of a keystore: as the file says it, without its password.
///
/// # Errors
/// [`EthereumError::Key`] where the file is no keystore or does not say one of this kind.
pub fn address(path: &Path) -> Result<Address, EthereumError> {
    let stated = tim3_keystore::address(path)?;
    Ok(parsed(&stated).ok_or_else(|| wrong(path, format!("the keystore is of {stated}, not of an EVM address")))?)
}

/// Unlocks a keystore.
///
/// # Errors
/// [`EthereumError::Key`] for a file that is no keystore, or a password that is not its.
pub fn unlock(path: &Path, password: &Password) -> Result<PrivateKeySigner, EthereumError> {
    let (secret, stated) = tim3_keystore::unlock(path, password)?;
    let signer = signer(&secret).ok_or_else(|| wrong(path, "the key inside is not one of secp256k1"))?;
    if let Some(stated) = stated {
        let stated = parsed(&stated).map_or(stated, |address| address.to_string());
        tim3_keystore::check_address(path, &stated, &signer.address().to_string())?;
    }
    Ok(signer)
}

/// A key from a file with 64 hexadecimal digits, for development.
///
/// # Errors
/// [`EthereumError::Key`] where there is no such file or key.
pub fn from_file(path: &Path) -> Result<PrivateKeySigner, EthereumError> {
    parse(&tim3_keystore::text_of_file(path)?, path)
}

/// A key from an environment variable with 64 hexadecimal digits, for development.
///
/// # Errors
/// [`EthereumError::Key`] where it is not set or no key.
pub fn from_environment(variable: &str) -> Result<PrivateKeySigner, EthereumError> {
    parse(&tim3_keystore::text_of_environment(variable)?, &tim3_keystore::place(variable))
}

/// Refuses a file that others than its owner may read or write.
///
/// # Errors
/// [`EthereumError::Key`] with the mode found and the command that corrects it.
pub fn check_permissions(path: &Path) -> Result<(), EthereumError> {
    Ok(tim3_keystore::check_permissions(path)?)
}

fn signer(secret: &Secret) -> Option<PrivateKeySigner> {
    PrivateKeySigner::from_slice(secret.as_slice()).ok()
}

fn parse(text: &Zeroizing<String>, place: &Path) -> Result<PrivateKeySigner, EthereumError> {
    let key = tim3_keystore::hexadecimal(text).and_then(|secret| signer(&secret));
    Ok(key.ok_or_else(|| wrong(place, "not a private key: expected 64 hexadecimal digits of a secp256k1 key"))?)
}

fn store(directory: &Path, name: &str, signer: &PrivateKeySigner, password: &Password) -> Result<Entry, EthereumError> {
    let secret = Zeroizing::new(signer.to_bytes().0);
    let address = hex::encode(signer.address());
    Ok(tim3_keystore::store(directory, name, secret.as_slice(), ("ethereum", &address), password)?.into())
}

fn parsed(address: &str) -> Option<Address> {
    address.trim_start_matches("0x").parse().ok()
}

#[cfg(test)]
mod tests;
