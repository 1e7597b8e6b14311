//! Private keys, encrypted at rest in JSON keystores (Web3 Secret Storage version 3); and for development, texts in plain from a file or the
//! environment. Keys are of 32 bytes, or longer as Arweave's key files are.
//!
//! A keystore is written with mode 0600 and says its key's kind and address, so that listing needs no password. Key material and passwords are wiped
//! when they are dropped, and never printed. What a key is, and how its address is written, is each chain's own: see the `keys` of the
//! adapters.

use std::{
    fs,
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use k256::elliptic_curve::rand_core::{OsRng, RngCore as _};
use serde_json::Value;
use thiserror::Error;
use zeroize::Zeroizing;

/// A password, wiped when dropped.
pub type Password = Zeroizing<String>;
/// A private key of 32 bytes, wiped when dropped.
pub type Secret = Zeroizing<[u8; 32]>;

/// The longest secret that a keystore holds, in bytes.
const LONGEST: usize = 8_192;

/// A key that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{path}: {detail}", path = path.display())]
pub struct KeyError {
    /// The file, or the environment variable.
    pub path: PathBuf,
    /// What was found and what to do.
    pub detail: String,
}

/// A keystore file, as far as it is readable without its password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The file's name without `.json`.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// Of what kind of chain its key is, as the file says it; older ones do not.
    pub kind: Option<String>,
    /// Its address as the file says it.
    pub address: Option<String>,
}

/// An error about `path`.
pub fn wrong(path: impl Into<PathBuf>, detail: impl Into<String>) -> KeyError {
    KeyError { path: path.into(), detail: detail.into() }
}

/// 32 random bytes from the operating system.
#[must_use]
pub fn random() -> Secret {
    let mut secret = Zeroizing::new([0; 32]);
    OsRng.fill_bytes(secret.as_mut_slice());
    secret
}

/// Writes a key to `<directory>/<name>.json`, with its kind and the address it has.
///
/// # Errors
/// For a name that is no file name, a file that exists, an empty password, or a disk that refuses.
pub fn store(
    directory: &Path,
    name: &str,
    secret: &[u8],
    (kind, address): (&str, &str),
    password: &Password,
) -> Result<Entry, KeyError> {
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
    let mut content = encrypted(directory, secret, password)?;
    if let Some(fields) = content.as_object_mut() {
        fields.insert("kind".to_owned(), kind.into());
        fields.insert("address".to_owned(), address.into());
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(|error| {
        match error.kind() {
            std::io::ErrorKind::AlreadyExists => {
                wrong(&path, "exists already: choose another name, a key is never overwritten")
            }
            _ => failed(error),
        }
    })?;
    file.write_all(content.to_string().as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    Ok(entry(name.to_owned(), path, &content))
}

/// Every keystore in `directory`, by name.
///
/// # Errors
/// Where the directory cannot be read. Files that are no keystores are passed over.
pub fn list(directory: &Path) -> Result<Vec<Entry>, KeyError> {
    let failed = |error: std::io::Error| wrong(directory, format!("cannot be listed: {error}"));
    let mut entries = Vec::new();
    for file in fs::read_dir(directory).map_err(failed)? {
        let path = file.map_err(failed)?.path();
        let name = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".json").map(str::to_owned));
        if let (Some(name), Ok(keystore)) = (name, read(&path)) {
            entries.push(entry(name, path, &keystore));
        }
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

/// One keystore as it can be read without its password. Its name is that of the file.
///
/// # Errors
/// Where the file is no keystore.
pub fn inspect(path: &Path) -> Result<Entry, KeyError> {
    let name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(entry(name, path.to_owned(), &read(path)?))
}

/// The address of a keystore: as the file says it, without its password.
///
/// # Errors
/// Where the file is no keystore or does not say it.
pub fn address(path: &Path) -> Result<String, KeyError> {
    inspect(path)?
        .address
        .ok_or_else(|| wrong(path, "the keystore does not say its address; unlock it with its password to see it"))
}

/// Unlocks a keystore of a key of 32 bytes; gives the key, and the address that the file says.
///
/// # Errors
/// For a file that is no keystore, a key of another length, or a password that is not its.
pub fn unlock(path: &Path, password: &Password) -> Result<(Secret, Option<String>), KeyError> {
    let (opened, stated) = unlock_any(path, password)?;
    let secret = opened.first_chunk().filter(|_| opened.len() == 32).copied().map(Zeroizing::new);
    let secret = secret.ok_or_else(|| wrong(path, "the key inside is not of 32 bytes"))?;
    Ok((secret, stated))
}

/// The same for a key of any length.
///
/// # Errors
/// For a file that is no keystore, or a password that is not its.
pub fn unlock_any(path: &Path, password: &Password) -> Result<(Zeroizing<Vec<u8>>, Option<String>), KeyError> {
    let keystore = read(path)?;
    let opened = eth_keystore::decrypt_key(path, password.as_bytes()).map(Zeroizing::new);
    let opened =
        opened.map_err(|_| wrong(path, "the password does not open this keystore; check the password source"))?;
    Ok((opened, stated(&keystore, "address")))
}

/// Refuses a keystore that says another address than the key in it has.
///
/// # Errors
/// With both addresses.
pub fn check_address(path: &Path, stated: &str, found: &str) -> Result<(), KeyError> {
    if stated == found {
        return Ok(());
    }
    Err(wrong(path, format!("it says address {stated} and holds the key of {found}: do not use it")))
}

/// The text of a file, for keys in plain.
///
/// # Errors
/// Where it cannot be read.
pub fn text_of_file(path: &Path) -> Result<Password, KeyError> {
    let text = fs::read_to_string(path).map_err(|error| wrong(path, format!("cannot be read: {error}")))?;
    Ok(Zeroizing::new(text))
}

/// The text of an environment variable, for keys in plain.
///
/// # Errors
/// Where it is not set.
pub fn text_of_environment(variable: &str) -> Result<Password, KeyError> {
    let text = std::env::var(variable).map_err(|_| wrong(place(variable), "not set; export the key there"))?;
    Ok(Zeroizing::new(text))
}

/// An environment variable as errors name it.
#[must_use]
pub fn place(variable: &str) -> PathBuf {
    format!("${variable}").into()
}

/// 64 hexadecimal digits, with or without 0x, as 32 bytes.
#[must_use]
pub fn hexadecimal(text: &str) -> Option<Secret> {
    let digits = text.trim();
    let mut bytes = Zeroizing::new([0; 32]);
    hex::decode_to_slice(digits.strip_prefix("0x").unwrap_or(digits), bytes.as_mut_slice()).ok()?;
    Some(bytes)
}

/// Refuses a file that others than its owner may read or write.
///
/// # Errors
/// With the mode found and the command that corrects it.
pub fn check_permissions(path: &Path) -> Result<(), KeyError> {
    let metadata = fs::metadata(path).map_err(|error| wrong(path, error.to_string()))?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(wrong(path, format!("mode {mode:04o} lets others at it, expected 0600; run chmod 600 {}", path.display())))
}

/// The keystore of a secret. The library only writes files, with the mode of the process, so it writes where only the owner may look.
fn encrypted(directory: &Path, secret: &[u8], password: &Password) -> Result<Value, KeyError> {
    let failed = |error: String| wrong(directory, format!("cannot be written: {error}"));
    let scratch = directory.join(format!(".new-{}", std::process::id()));
    fs::DirBuilder::new().mode(0o700).create(&scratch).map_err(|error| failed(error.to_string()))?;
    let written = eth_keystore::encrypt_key(&scratch, &mut OsRng, secret, password.as_bytes(), Some("key"));
    let content = written
        .map_err(|error| failed(error.to_string()))
        .and_then(|_| fs::read_to_string(scratch.join("key")).map_err(|error| failed(error.to_string())));
    fs::remove_dir_all(&scratch).map_err(|error| failed(error.to_string()))?;
    serde_json::from_str(&content?).map_err(|error| failed(error.to_string()))
}

/// The file's JSON, if the library can read it: it trusts lengths and costs that a file states.
fn read(path: &Path) -> Result<Value, KeyError> {
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
        && hex_bytes("/crypto/ciphertext").is_some_and(|length| (32..=LONGEST).contains(&length))
        && hex_bytes("/crypto/mac") == Some(32);
    if sound {
        Ok(keystore)
    } else {
        Err(wrong(path, "not a keystore of version 3 with aes-128-ctr and scrypt or pbkdf2"))
    }
}

fn entry(name: String, path: PathBuf, keystore: &Value) -> Entry {
    Entry { name, path, kind: stated(keystore, "kind"), address: stated(keystore, "address") }
}

fn stated(keystore: &Value, field: &str) -> Option<String> {
    keystore.get(field)?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn password(text: &str) -> Password {
        Zeroizing::new(text.to_owned())
    }

    #[test]
    fn a_key_comes_back_with_its_password_and_its_address() {
        let directory = tempfile::tempdir().expect("a directory");
        let keys = directory.path().join("keys");
        let secret = random();
        let who = ("some chain", "somebody");
        let entry = store(&keys, "signer", secret.as_slice(), who, &password("right")).expect("stored");
        assert_eq!(entry.kind.as_deref(), Some("some chain"));
        let (opened, stated) = unlock(&entry.path, &password("right")).expect("opened");
        assert_eq!((opened, stated.as_deref()), (secret, Some("somebody")));
        assert!(unlock(&entry.path, &password("wrong")).is_err());
        assert_eq!(address(&entry.path).as_deref(), Ok("somebody"));
        assert_eq!(list(&keys), Ok(vec![entry.clone()]));
        assert_eq!(check_permissions(&entry.path), Ok(()));
        let error = check_address(&entry.path, "somebody", "another").expect_err("another").to_string();
        assert!(error.contains("do not use it"), "{error}");
        let again = store(&keys, "signer", random().as_slice(), who, &password("right")).expect_err("exists");
        assert!(again.to_string().contains("never overwritten"), "{again}");
        assert_eq!(fs::read_dir(&keys).expect("readable").count(), 1, "no scratch file is left");
    }

    #[test]
    fn a_long_key_comes_back_and_is_none_of_32_bytes() {
        let directory = tempfile::tempdir().expect("a directory");
        let long: Vec<u8> = (0..3_200_u16).flat_map(u16::to_be_bytes).collect();
        let who = ("some chain", "somebody");
        let entry = store(directory.path(), "long", &long, who, &password("right")).expect("stored");
        let (opened, stated) = unlock_any(&entry.path, &password("right")).expect("opened");
        assert_eq!((opened.as_slice(), stated.as_deref()), (long.as_slice(), Some("somebody")));
        let error = unlock(&entry.path, &password("right")).expect_err("long").to_string();
        assert!(error.contains("not of 32 bytes"), "{error}");
    }

    #[test]
    fn two_random_keys_differ() {
        assert_ne!(random(), random());
    }

    proptest! {
        #[test]
        fn no_file_makes_the_reader_panic(text in "\\PC{0,200}") {
            let directory = tempfile::tempdir().expect("a directory");
            let path = directory.path().join("hostile.json");
            fs::write(&path, text).expect("written");
            prop_assert!(unlock(&path, &password("secret")).is_err());
            prop_assert!(list(directory.path()).is_ok());
        }
    }
}
