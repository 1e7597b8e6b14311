//! Keys: encrypted JSON keystores, and for development a plain key from a file or the environment, as `solana-keygen` writes it (64 bytes as a
//! JSON array) or as 64 hexadecimal digits of its seed.

use std::path::Path;

use solana_keypair::Keypair;
use solana_signer::Signer as _;
use tim3_keystore::{Entry, KeyError, Password, Secret, wrong};
use zeroize::Zeroizing;

/// Makes a new random key and writes it to `<directory>/<name>.json`.
///
/// # Errors
/// For a name that is no file name, a file that exists, an empty password, or a disk that refuses.
pub fn create(directory: &Path, name: &str, password: &Password) -> Result<Entry, KeyError> {
    store(directory, name, &tim3_keystore::random(), password)
}

/// Writes a key given in plain to `<directory>/<name>.json`.
///
/// # Errors
/// As [`create`], and for a text that is no key; the text is not repeated.
pub fn import(directory: &Path, name: &str, key: &Zeroizing<String>, password: &Password) -> Result<Entry, KeyError> {
    store(directory, name, &seed(key, Path::new("the key given"))?, password)
}

/// Unlocks a keystore.
///
/// # Errors
/// For a file that is no keystore, or a password that is not its.
pub fn unlock(path: &Path, password: &Password) -> Result<Keypair, KeyError> {
    let (secret, stated) = tim3_keystore::unlock(path, password)?;
    let key = Keypair::new_from_array(*secret);
    if let Some(stated) = stated {
        tim3_keystore::check_address(path, &stated, &key.pubkey().to_string())?;
    }
    Ok(key)
}

/// A key in plain from a file, for development.
///
/// # Errors
/// Where there is no such file or key.
pub fn from_file(path: &Path) -> Result<Keypair, KeyError> {
    Ok(Keypair::new_from_array(*seed(&tim3_keystore::text_of_file(path)?, path)?))
}

/// A key in plain from an environment variable, for development.
///
/// # Errors
/// Where it is not set or no key.
pub fn from_environment(variable: &str) -> Result<Keypair, KeyError> {
    let text = tim3_keystore::text_of_environment(variable)?;
    Ok(Keypair::new_from_array(*seed(&text, &tim3_keystore::place(variable))?))
}

/// The seed in a text.
fn seed(text: &Zeroizing<String>, place: &Path) -> Result<Secret, KeyError> {
    if let Some(seed) = tim3_keystore::hexadecimal(text) {
        return Ok(seed);
    }
    let wrong = || wrong(place, "not a private key: expected a solana-keygen file, or 64 hexadecimal digits of a seed");
    let bytes: Zeroizing<Vec<u8>> = Zeroizing::new(serde_json::from_str(text).map_err(|_| wrong())?);
    let (seed, address) = bytes.split_first_chunk::<32>().ok_or_else(wrong)?;
    let seed = Zeroizing::new(*seed);
    // The second half is the address that the first half has.
    if Keypair::new_from_array(*seed).pubkey().to_bytes() == *address { Ok(seed) } else { Err(wrong()) }
}

fn store(directory: &Path, name: &str, secret: &Secret, password: &Password) -> Result<Entry, KeyError> {
    let address = Keypair::new_from_array(**secret).pubkey().to_string();
    tim3_keystore::store(directory, name, secret.as_slice(), ("solana", &address), password)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_key_of_solana_keygen_survives_the_keystore() {
        let directory = tempfile::tempdir().expect("a directory");
        let password = Zeroizing::new("secret".to_owned());
        let key = Keypair::new_from_array([7; 32]);
        let text = Zeroizing::new(serde_json::to_string(&key.to_bytes().to_vec()).expect("JSON"));
        let entry = import(directory.path(), "signer", &text, &password).expect("stored");
        assert_eq!(entry.address, Some(key.pubkey().to_string()));
        assert_eq!(unlock(&entry.path, &password).expect("opened"), key);
        let path = directory.path().join("plain");
        for text in [text.to_string(), "07".repeat(32)] {
            fs::write(&path, text).expect("written");
            assert_eq!(from_file(&path).expect("a key"), key);
        }
        let made = create(directory.path(), "another", &password).expect("made");
        assert_ne!(unlock(&made.path, &password).expect("opened"), key);
    }

    #[test]
    fn a_text_that_is_no_key_is_not_repeated() {
        let mut bytes = Keypair::new_from_array([7; 32]).to_bytes().to_vec();
        bytes[40] ^= 1;
        let halves = serde_json::to_string(&bytes).expect("JSON");
        for text in ["hunter2", "[1,2,3]", halves.as_str(), "07"] {
            let error = seed(&Zeroizing::new(text.to_owned()), Path::new("here")).expect_err("no key").to_string();
            assert!(error.contains("not a private key") && !error.contains(text), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_key_or_an_error(text in "\\PC{0,200}") {
            let _ = seed(&Zeroizing::new(text), Path::new("here"));
        }
    }
}
