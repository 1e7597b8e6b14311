//! From the places that a configuration names to keys.

use std::path::Path;

use anyhow::{Context as _, Error, Result, bail};
use tim3_arweave::{Wallet, wallet::KeyKind};
use tim3_ethereum::{PrivateKeySigner, keys};
use tim3_solana::Keypair;
use zeroize::Zeroizing;

use crate::config::{Chain, Config, Family, KeeperAccount, KeyRef, SecretRef};

/// Opens a key of an EVM chain, or of an attester. `role` says in errors what it is for.
pub(crate) fn open(key: &KeyRef, role: &str) -> Result<PrivateKeySigner> {
    opened(key, role, keys::unlock, keys::from_environment, keys::from_file)
}

/// Opens a key of Solana.
pub(crate) fn open_solana(key: &KeyRef, role: &str) -> Result<Keypair> {
    use tim3_solana::keys;
    opened(key, role, keys::unlock, keys::from_environment, keys::from_file)
}

/// Opens a wallet of AO and Arweave.
pub(crate) fn open_ao(key: &KeyRef, role: &str) -> Result<Wallet> {
    use tim3_arweave::keys;
    opened(key, role, keys::unlock, keys::from_environment, keys::from_file)
}

/// Opens the auditor's wallet.
pub(crate) fn open_auditor(key: &KeyRef) -> Result<Wallet> {
    let wallet = open_ao(key, "anchor.key")?;
    if wallet.kind() != KeyKind::Arweave {
        bail!("key of anchor.key: Arweave takes transactions of its own key files (JWK) only; name the place of one");
    }
    Ok(wallet)
}

fn opened<K, E: Into<Error>>(
    key: &KeyRef,
    role: &str,
    unlock: impl Fn(&Path, &Zeroizing<String>) -> Result<K, E>,
    from_environment: impl Fn(&str) -> Result<K, E>,
    from_file: impl Fn(&Path) -> Result<K, E>,
) -> Result<K> {
    let opened = match key {
        KeyRef::Keystore { file, password } => password.read().and_then(|password| {
            if file.exists() {
                keys::check_permissions(file)?;
            }
            unlock(file, &password).map_err(Into::into)
        }),
        KeyRef::Plain(place @ SecretRef::Environment(name)) => {
            from_environment(name).map_err(Into::into).with_context(|| place.to_string())
        }
        KeyRef::Plain(place) => place.file().and_then(|path| {
            let path = path.unwrap_or_default();
            keys::check_permissions(&path)?;
            from_file(&path).map_err(Into::into)
        }),
    };
    opened.with_context(|| format!("key of {role}"))
}

/// Opens every key that a configuration names; gives the errors.
pub(crate) fn check(config: &Config) -> Vec<Error> {
    let error = |(role, key, family): (String, &KeyRef, Family)| match family {
        Family::Ethereum => open(key, &role).err(),
        Family::Solana => open_solana(key, &role).err(),
        Family::Ao => open_ao(key, &role).err(),
    };
    let auditor = config.anchor.iter().filter_map(|anchor| open_auditor(&anchor.key).err());
    let adopters = config.v1.iter().filter_map(|v1| open_ao(&v1.signer, &v1.role()).err());
    named(config).filter_map(error).chain(auditor).chain(adopters).collect()
}

/// Every key that a configuration names, with what it is for and of what kind it is.
fn named(config: &Config) -> impl Iterator<Item = (String, &KeyRef, Family)> {
    let attesters = config
        .attesters
        .iter()
        .map(|attester| (format!("attesters.{}", attester.name), &attester.key, Family::Ethereum));
    let keepers = config.keeper.iter().flat_map(|keeper| &keeper.chains);
    let family = |name: &String| config.chains.iter().find(|chain| chain.name == *name).map(|it| it.kind.family());
    let keepers = keepers.filter_map(move |(name, chain)| match &chain.account {
        KeeperAccount::Key(key) => Some((format!("keeper.chains.{name}"), key, family(name)?)),
        KeeperAccount::Address(_) => None,
    });
    config.chains.iter().flat_map(of_chain).chain(attesters).chain(keepers)
}

fn of_chain(chain: &Chain) -> impl Iterator<Item = (String, &KeyRef, Family)> {
    let submitter = std::iter::once((chain.role("submit"), &chain.submit.signer));
    let guardian = chain.guardian.as_ref().map(|key| (chain.role("guardian"), key));
    let keys = submitter.chain(guardian).chain(chain.voter_keys());
    keys.map(|(role, key)| (role, key, chain.kind.family()))
}
