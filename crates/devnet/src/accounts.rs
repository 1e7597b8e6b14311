//! Who acts on a devnet. Keys are derived from names, so that addresses are the same each time; they protect nothing.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use alloy::primitives::{Address, hex};
use anyhow::{Context as _, Result};
use tim3_arweave::Wallet;
use tim3_domain::word::keccak_text;
use tim3_ethereum::{PrivateKeySigner, keys};
use tim3_solana::Keypair;
use zeroize::Zeroizing;

/// Deploys the gateways and is their admin.
pub const ADMIN: &str = "admin";
/// Raises pause levels.
pub const GUARDIAN: &str = "guardian";
/// Receives fees.
pub const TREASURY: &str = "treasury";
/// Pays for the daemon's transactions.
pub const SUBMITTER: &str = "submitter";
/// Their signatures count; two are needed.
pub const ATTESTERS: [&str; 3] = ["attester-one", "attester-two", "attester-three"];
/// People with test tokens.
pub const USERS: [&str; 3] = ["alice", "bob", "carol"];

/// Which of them keeps the vault market, where one does.
pub const KEEPER: &str = "bob";

/// The password of the keystores.
const PASSWORD: &str = "devnet";

/// The key of `name`.
///
/// # Errors
/// Never in practice: one name in 2^128 has none.
pub fn key(name: &str) -> Result<PrivateKeySigner> {
    let seed = keccak_text(&format!("tim3 devnet key of {name}"));
    PrivateKeySigner::from_slice(&seed.0).with_context(|| format!("{name:?} has no key"))
}

/// The key of `name` on Solana, of the same seed.
#[must_use]
pub fn solana_key(name: &str) -> Keypair {
    Keypair::new_from_array(keccak_text(&format!("tim3 devnet key of {name}")).0)
}

/// The wallet of `name` on AO, of the same seed.
///
/// # Errors
/// Never: 32 bytes are a seed.
pub fn ao_wallet(name: &str) -> Result<Wallet> {
    let seed = keccak_text(&format!("tim3 devnet key of {name}"));
    Wallet::from_seed(&seed.0).with_context(|| format!("{name:?} has no wallet"))
}

/// The address of `name`.
///
/// # Errors
/// As [`key`].
pub fn address(name: &str) -> Result<Address> {
    Ok(key(name)?.address())
}

/// Everybody who pays for gas.
pub fn everybody() -> impl Iterator<Item = &'static str> {
    [ADMIN, GUARDIAN, SUBMITTER].into_iter().chain(USERS)
}

/// Writes the keys of a devnet to `directory`: the daemon's as encrypted keystores, and in plain those of attesters, guardian and users.
///
/// # Errors
/// Where a file is there already or cannot be written.
pub fn write(directory: &Path) -> Result<()> {
    let password = Zeroizing::new(PASSWORD.to_owned());
    let digits = |name: &str| Ok::<_, anyhow::Error>(Zeroizing::new(hex::encode(key(name)?.to_bytes())));
    keys::import(directory, SUBMITTER, &digits(SUBMITTER)?, &password)?;
    let solana = format!("{SUBMITTER}-solana");
    tim3_solana::keys::import(directory, &solana, &digits(SUBMITTER)?, &password)?;
    let ao = format!("{SUBMITTER}-ao");
    tim3_arweave::keys::import(directory, &ao, &digits(SUBMITTER)?, &password)?;
    secret(&password_file(directory), &password)?;
    for name in ATTESTERS.into_iter().chain(USERS).chain([GUARDIAN, ADMIN]) {
        secret(&key_file(directory, name), &digits(name)?)?;
    }
    Ok(())
}

/// The file with the key of `name` in plain.
#[must_use]
pub fn key_file(directory: &Path, name: &str) -> PathBuf {
    directory.join(format!("{name}.key"))
}

/// The file with the password of the keystores.
#[must_use]
pub fn password_file(directory: &Path) -> PathBuf {
    directory.join("password")
}

/// Writes a file that only its owner reads.
pub(crate) fn secret(path: &Path, content: &str) -> Result<()> {
    let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = file.with_context(|| format!("cannot make {}", path.display()))?;
    writeln!(file, "{content}").with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn keys_come_back_from_the_files_and_others_cannot_read_them() {
        let directory = tempfile::tempdir().unwrap();
        let keys = directory.path().join("keys");
        write(&keys).unwrap();
        assert_eq!(tim3_ethereum::keys::from_file(&key_file(&keys, "alice")).unwrap(), key("alice").unwrap());
        let password = Zeroizing::new(fs::read_to_string(password_file(&keys)).unwrap().trim().to_owned());
        let submitter = tim3_ethereum::keys::unlock(&keys.join("submitter.json"), &password).unwrap();
        assert_eq!(submitter.address(), address(SUBMITTER).unwrap());
        for file in fs::read_dir(&keys).unwrap() {
            let file = file.unwrap();
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o077, 0, "{:?}", file.path());
        }
    }

    #[test]
    fn nobody_shares_a_key() {
        let mut names: Vec<_> =
            everybody().chain(ATTESTERS).chain([TREASURY]).map(|name| address(name).unwrap()).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
