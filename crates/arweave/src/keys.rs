//! Keys: encrypted JSON keystores, and for development in plain from a file or the environment. Either holds an Arweave key file (JWK) or the
//! seed of an ed25519 wallet, in plain as 64 hexadecimal digits. Wallets with keys of Ethereum are not kept: production gives their owners
//! another address than they have here, and attesters and admins are known by theirs.

use std::path::Path;

use tim3_keystore::{Entry, KeyError, Password, Secret, wrong};
use zeroize::Zeroizing;

use crate::wallet::Wallet;

/// Makes a new random ed25519 wallet and writes it to `<directory>/<name>.json`.
///
/// # Errors
/// For a name that is no file name, a file that exists, an empty password, or a disk that refuses.
pub fn create(directory: &Path, name: &str, password: &Password) -> Result<Entry, KeyError> {
    let seed = tim3_keystore::random();
    store(directory, name, seed.as_slice(), &of_seed(&seed, directory)?, password)
}

/// Writes a key given in plain, a JWK or 64 hexadecimal digits of a seed, to `<directory>/<name>.json`.
///
/// # Errors
/// As [`create`], and for a text that is no key; the text is not repeated.
pub fn import(directory: &Path, name: &str, key: &Zeroizing<String>, password: &Password) -> Result<Entry, KeyError> {
    let wallet = parse(key, Path::new("the key given"))?;
    match tim3_keystore::hexadecimal(key) {
        Some(seed) => store(directory, name, seed.as_slice(), &wallet, password),
        None => store(directory, name, key.trim().as_bytes(), &wallet, password),
    }
}

/// Unlocks a keystore.
///
/// # Errors
/// For a file that is no keystore, or a password that is not its.
pub fn unlock(path: &Path, password: &Password) -> Result<Wallet, KeyError> {
    let (secret, stated) = tim3_keystore::unlock_any(path, password)?;
    let wallet = match secret.first_chunk() {
        Some(seed) if secret.len() == seed.len() => of_seed(&Zeroizing::new(*seed), path)?,
        _ => {
            let text = str::from_utf8(&secret).map_err(|_| wrong(path, "the key inside is none of a wallet of AO"))?;
            Wallet::from_jwk(text).map_err(|error| wrong(path, error.to_string()))?
        }
    };
    if let Some(stated) = stated {
        tim3_keystore::check_address(path, &stated, &wallet.address().to_string())?;
    }
    Ok(wallet)
}

/// A key in plain from a file.
///
/// # Errors
/// Where there is no such file or key.
pub fn from_file(path: &Path) -> Result<Wallet, KeyError> {
    parse(&tim3_keystore::text_of_file(path)?, path)
}

/// A key in plain from an environment variable.
///
/// # Errors
/// Where it is not set or no key.
pub fn from_environment(variable: &str) -> Result<Wallet, KeyError> {
    parse(&tim3_keystore::text_of_environment(variable)?, &tim3_keystore::place(variable))
}

fn parse(text: &Zeroizing<String>, place: &Path) -> Result<Wallet, KeyError> {
    match tim3_keystore::hexadecimal(text) {
        Some(seed) => of_seed(&seed, place),
        None => Wallet::from_jwk(text)
            .map_err(|error| wrong(place, format!("neither 64 hexadecimal digits of a seed, nor a key file: {error}"))),
    }
}

fn of_seed(seed: &Secret, place: &Path) -> Result<Wallet, KeyError> {
    Wallet::from_seed(seed).map_err(|error| wrong(place, error.to_string()))
}

fn store(directory: &Path, name: &str, secret: &[u8], wallet: &Wallet, password: &Password) -> Result<Entry, KeyError> {
    tim3_keystore::store(directory, name, secret, ("ao", &wallet.address().to_string()), password)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;
    use crate::wallet::{KeyKind, tests::rsa};

    #[test]
    fn a_seed_survives_the_keystore() {
        let directory = tempfile::tempdir().expect("a directory");
        let password = Zeroizing::new("secret".to_owned());
        let wallet = Wallet::from_seed(&[7; 32]).expect("a seed");
        let entry = import(directory.path(), "signer", &Zeroizing::new("07".repeat(32)), &password).expect("stored");
        assert_eq!(entry.address, Some(wallet.address().to_string()));
        assert_eq!(unlock(&entry.path, &password).expect("opened").address(), wallet.address());
        let made = create(directory.path(), "another", &password).expect("made");
        assert_ne!(unlock(&made.path, &password).expect("opened").address(), wallet.address());
        assert!(unlock(&made.path, &Zeroizing::new("wrong".to_owned())).is_err());
    }

    #[test]
    fn a_key_file_of_arweave_survives_the_keystore() {
        let directory = tempfile::tempdir().expect("a directory");
        let password = Zeroizing::new("secret".to_owned());
        let jwk = Zeroizing::new(include_str!("../tests/wallet.json").to_owned());
        let entry = import(directory.path(), "owner", &jwk, &password).expect("stored");
        assert_eq!((entry.kind.as_deref(), entry.address), (Some("ao"), Some(rsa().address().to_string())));
        let opened = unlock(&entry.path, &password).expect("opened");
        assert_eq!((opened.address(), opened.kind()), (rsa().address(), KeyKind::Arweave));
        let text = fs::read_to_string(&entry.path).expect("readable");
        assert!(!text.contains("\"dq\""), "encrypted");
        let none = import(directory.path(), "none", &Zeroizing::new("hunter2".to_owned()), &password);
        assert!(none.is_err_and(|error| !error.to_string().contains("hunter2")));
    }

    #[test]
    fn a_file_holds_a_key_file_of_arweave_or_a_seed() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("plain");
        fs::write(&path, include_str!("../tests/wallet.json")).expect("written");
        assert_eq!(from_file(&path).expect("a key").address(), rsa().address());
        fs::write(&path, format!("{}\n", "07".repeat(32))).expect("written");
        assert_eq!(from_file(&path).expect("a key").kind(), KeyKind::Ed25519);
        fs::write(&path, "hunter2").expect("written");
        let error = from_file(&path).expect_err("no key").to_string();
        assert!(error.contains("plain") && !error.contains("hunter2"), "{error}");
    }

    proptest! {
        #[test]
        fn any_text_is_a_key_or_an_error(text in "\\PC{0,200}") {
            let _ = parse(&Zeroizing::new(text), Path::new("here"));
        }
    }
}
