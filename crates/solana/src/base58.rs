//! Addresses as texts, in what is written and read with serde.

use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};
use solana_pubkey::Pubkey;

/// Writes an address.
///
/// # Errors
/// What the serializer says.
pub fn serialize<S: Serializer>(key: &Pubkey, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(key)
}

/// Reads an address.
///
/// # Errors
/// For a text that is none.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Pubkey, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| D::Error::custom(format!("{text:?} is no address of Solana: expected 32 bytes in base58")))
}

/// An address that may be missing.
pub mod option {
    use super::{Deserializer, Pubkey, Serializer};

    /// Writes it.
    ///
    /// # Errors
    /// What the serializer says.
    pub fn serialize<S: Serializer>(key: &Option<Pubkey>, serializer: S) -> Result<S::Ok, S::Error> {
        match key {
            Some(key) => super::serialize(key, serializer),
            None => serializer.serialize_none(),
        }
    }

    /// Reads it. A field needs `default` beside it.
    ///
    /// # Errors
    /// For a text that is no address.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Pubkey>, D::Error> {
        #[derive(serde::Deserialize)]
        struct Text(#[serde(with = "super")] Pubkey);
        Ok(<Option<Text> as serde::Deserialize>::deserialize(deserializer)?.map(|Text(key)| key))
    }
}

/// Addresses by name.
pub(crate) mod map {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serializer};
    use solana_pubkey::Pubkey;

    pub(crate) fn serialize<S: Serializer>(keys: &BTreeMap<String, Pubkey>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(keys.iter().map(|(name, key)| (name, key.to_string())))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<String, Pubkey>, D::Error> {
        #[derive(Deserialize)]
        struct Text(#[serde(with = "super")] Pubkey);
        let texts = BTreeMap::<String, Text>::deserialize(deserializer)?;
        Ok(texts.into_iter().map(|(name, Text(key))| (name, key)).collect())
    }
}
