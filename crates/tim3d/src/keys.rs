//! From the places that a configuration names to keys.

use anyhow::{Context as _, Result};
use tim3_ethereum::{PrivateKeySigner, keys};

use crate::config::{Config, KeyRef, SecretRef};

/// Opens a key. `role` says in errors what it is for.
pub(crate) fn open(key: &KeyRef, role: &str) -> Result<PrivateKeySigner> {
    let signer = match key {
        KeyRef::Keystore { file, password } => password.read().and_then(|password| Ok(keys::unlock(file, &password)?)),
        KeyRef::Plain(place @ SecretRef::Environment(name)) => {
            keys::from_environment(name).with_context(|| place.to_string())
        }
        KeyRef::Plain(place) => place.file().and_then(|path| {
            let path = path.unwrap_or_default();
            keys::check_permissions(&path)?;
            Ok(keys::from_file(&path)?)
        }),
    };
    signer.with_context(|| format!("key of {role}"))
}

/// Every key that a configuration names, with what it is for.
pub(crate) fn named(config: &Config) -> impl Iterator<Item = (String, &KeyRef)> {
    let submitters = config.chains.iter().map(|chain| (format!("chains.{}.submit", chain.name), &chain.submit.signer));
    let guardian = |chain: &'_ crate::config::Chain| format!("chains.{}.guardian", chain.name);
    let guardians = config.chains.iter().filter_map(move |chain| Some((guardian(chain), chain.guardian.as_ref()?)));
    let attesters = config.attesters.iter().map(|attester| (format!("attesters.{}", attester.name), &attester.key));
    submitters.chain(guardians).chain(attesters)
}
