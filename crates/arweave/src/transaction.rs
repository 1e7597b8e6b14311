//! Transactions of Arweave's base layer, format 2: made by a wallet, or read from what a gateway answers and verified.
//!
//! Their form is built here on the deep hash of [`crate::ans104`], because the crate `arweave-rs` 0.2.0 has no features to leave its HTTP client
//! out: it brings reqwest 0.11 with a second TLS stack, and rsa 0.6 (RUSTSEC-2023-0071).

pub mod chunks;

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    ans104::{
        Tag,
        hash::{DeepHash, blob, list},
    },
    id::Id,
    wallet::{KeyKind, Wallet, WalletError},
};

/// Bytes of data that are sent, or looked at, at most: nodes take so much within a transaction, and nobody here needs more.
pub const MAX_DATA: usize = 1 << 20;

/// What a transaction is made of, before it is signed. It moves no coins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// Its tags.
    pub tags: Vec<Tag>,
    /// Its data, 1 to [`MAX_DATA`] bytes.
    pub data: Vec<u8>,
    /// A block of the last 50, by its hash: the transaction is valid as long as that is one of them.
    pub anchor: Vec<u8>,
    /// What its wallet pays, in winstons.
    pub reward: u128,
}

/// A signed transaction, as nodes take and give it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transaction {
    format: u8,
    id: Id,
    #[serde(with = "bytes")]
    last_tx: Vec<u8>,
    #[serde(with = "bytes")]
    owner: Vec<u8>,
    tags: Vec<RawTag>,
    #[serde(with = "bytes")]
    target: Vec<u8>,
    quantity: String,
    /// Nodes give it apart where there is much of it.
    #[serde(default, with = "bytes")]
    data: Vec<u8>,
    data_size: String,
    #[serde(with = "bytes")]
    data_root: Vec<u8>,
    reward: String,
    #[serde(with = "bytes")]
    signature: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct RawTag {
    #[serde(with = "bytes")]
    name: Vec<u8>,
    #[serde(with = "bytes")]
    value: Vec<u8>,
}

/// What makes a transaction none that could be on Arweave.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadTransaction {
    /// Not the form of one.
    #[error("not a transaction: {0}")]
    Form(String),
    /// Another format, whose signature covers something else.
    #[error("its format is {0}, and only 2 is known here")]
    Format(u8),
    /// The id is not the hash of the signature.
    #[error("its id is not the hash of its signature")]
    Id,
    /// The signature is not the owner's over what it says.
    #[error("its signature does not verify")]
    Signature,
    /// The data is not what was signed.
    #[error("its data is not what was signed: {0}")]
    Data(&'static str),
}

impl Transaction {
    /// Signs a transaction.
    ///
    /// # Errors
    /// [`WalletError::Key`] for a wallet that is none of Arweave, and for data that is empty or more than [`MAX_DATA`].
    pub fn sign(draft: Draft, wallet: &Wallet) -> Result<Self, WalletError> {
        if wallet.kind() != KeyKind::Arweave {
            return Err(WalletError::Key("only a key of Arweave (JWK) signs transactions of the base layer"));
        }
        if draft.data.is_empty() || draft.data.len() > MAX_DATA {
            return Err(WalletError::Key("a transaction has from 1 byte to 1 MiB of data"));
        }
        let tag = |tag: Tag| RawTag { name: tag.name.into_bytes(), value: tag.value.into_bytes() };
        let mut transaction = Self {
            format: 2,
            id: Id([0; 32]),
            last_tx: draft.anchor,
            owner: wallet.owner().to_vec(),
            tags: draft.tags.into_iter().map(tag).collect(),
            target: Vec::new(),
            quantity: "0".to_owned(),
            data_size: draft.data.len().to_string(),
            data_root: chunks::root(&draft.data).to_vec(),
            data: draft.data,
            reward: draft.reward.to_string(),
            signature: Vec::new(),
        };
        transaction.signature = wallet.sign(&transaction.signed())?;
        transaction.id = Id::of(&transaction.signature);
        Ok(transaction)
    }

    /// Reads what a node answers, or a journal kept. Nothing of it is believed yet: see [`Transaction::verify`].
    ///
    /// # Errors
    /// [`BadTransaction::Form`].
    pub fn decode(json: &[u8]) -> Result<Self, BadTransaction> {
        serde_json::from_slice(json).map_err(|error| BadTransaction::Form(error.to_string()))
    }

    /// What nodes take.
    ///
    /// # Errors
    /// [`BadTransaction::Form`], which does not happen.
    pub fn encode(&self) -> Result<Vec<u8>, BadTransaction> {
        serde_json::to_vec(self).map_err(|error| BadTransaction::Form(error.to_string()))
    }

    /// The same with data that was given apart.
    #[must_use]
    pub fn with_data(mut self, data: Vec<u8>) -> Self {
        self.data = data;
        self
    }

    /// That id, signature and data belong together; then [`Transaction::owner`] has said all of it.
    ///
    /// # Errors
    /// [`BadTransaction`] saying what does not.
    pub fn verify(&self) -> Result<(), BadTransaction> {
        if self.format != 2 {
            return Err(BadTransaction::Format(self.format));
        }
        if Id::of(&self.signature) != self.id {
            return Err(BadTransaction::Id);
        }
        if !KeyKind::Arweave.verify(&self.owner, &self.signed(), &self.signature) {
            return Err(BadTransaction::Signature);
        }
        if self.data.len() > MAX_DATA {
            return Err(BadTransaction::Data("it is more than 1 MiB"));
        }
        if self.data_size != self.data.len().to_string() {
            return Err(BadTransaction::Data("it has another size"));
        }
        if self.data_root != chunks::root(&self.data) {
            return Err(BadTransaction::Data("it has another root"));
        }
        Ok(())
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> Id {
        self.id
    }

    /// The wallet that signed it.
    #[must_use]
    pub fn owner(&self) -> Id {
        Id::of(&self.owner)
    }

    /// Its data; nothing where that was not given with it.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// The value of its first tag of this name.
    #[must_use]
    pub fn tag(&self, name: &str) -> Option<&str> {
        let tag = self.tags.iter().find(|tag| tag.name == name.as_bytes())?;
        std::str::from_utf8(&tag.value).ok()
    }

    /// What is signed.
    fn signed(&self) -> DeepHash {
        let tag = |tag: &RawTag| list(&[blob(&tag.name), blob(&tag.value)]);
        let tags: Vec<DeepHash> = self.tags.iter().map(tag).collect();
        list(&[
            blob(self.format.to_string().as_bytes()),
            blob(&self.owner),
            blob(&self.target),
            blob(self.quantity.as_bytes()),
            blob(self.reward.as_bytes()),
            blob(&self.last_tx),
            list(&tags),
            blob(self.data_size.as_bytes()),
            blob(&self.data_root),
        ])
    }
}

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction").field("id", &self.id).field("owner", &self.owner()).finish_non_exhaustive()
    }
}

/// Bytes as base64url.
mod bytes {
    use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64_URL_SAFE_NO_PAD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        BASE64_URL_SAFE_NO_PAD.decode(text).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests;
