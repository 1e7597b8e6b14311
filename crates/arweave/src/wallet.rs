//! Keys that sign data items. Keys of Arweave (JWK, RSA-4096) and ed25519 are what AO's own units take everywhere; Ethereum's are taken, too,
//! but production gives their owners another form of address, so nothing here is built on who such a key is.

mod jwk;
mod pss;

use std::{fmt, sync::Arc};

use aws_lc_rs::{
    rand::SystemRandom,
    rsa,
    signature::{ED25519, Ed25519KeyPair, KeyPair as _, RSA_PSS_SHA256, UnparsedPublicKey},
};
use k256::ecdsa::{RecoveryId, Signature, SigningKey, VerifyingKey, signature::hazmat::PrehashVerifier as _};
use thiserror::Error;
use tim3_domain::word::{Word, keccak_bytes};

use crate::{ans104::BadTags, id::Id};

/// Bytes of an RSA-4096 modulus.
const MODULUS: usize = 512;

/// Which key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// RSA-4096, PSS with SHA-256.
    Arweave,
    /// ed25519.
    Ed25519,
    /// secp256k1 over Ethereum's form of a personal message.
    Ethereum,
}

impl KeyKind {
    /// Its number in data items.
    #[must_use]
    pub fn code(self) -> u16 {
        match self {
            Self::Arweave => 1,
            Self::Ed25519 => 2,
            Self::Ethereum => 3,
        }
    }

    /// The kind with this number.
    #[must_use]
    pub fn of_code(code: u16) -> Option<Self> {
        [Self::Arweave, Self::Ed25519, Self::Ethereum].into_iter().find(|kind| kind.code() == code)
    }

    /// Bytes of a signature.
    #[must_use]
    pub fn signature_length(self) -> usize {
        match self {
            Self::Arweave => MODULUS,
            Self::Ed25519 => 64,
            Self::Ethereum => 65,
        }
    }

    /// Bytes of a public key.
    #[must_use]
    pub fn owner_length(self) -> usize {
        match self {
            Self::Arweave => MODULUS,
            Self::Ed25519 => 32,
            Self::Ethereum => 65,
        }
    }

    /// Whether `signature` is that of `owner` over `message`.
    #[must_use]
    pub fn verify(self, owner: &[u8], message: &[u8], signature: &[u8]) -> bool {
        if owner.len() != self.owner_length() || signature.len() != self.signature_length() {
            return false;
        }
        match self {
            Self::Arweave => pss::verify(owner, message, signature).is_some(),
            Self::Ed25519 => UnparsedPublicKey::new(&ED25519, owner).verify(message, signature).is_ok(),
            Self::Ethereum => verify_personal(owner, message, signature).is_some(),
        }
    }
}

/// A key that cannot be used, or an item that it cannot sign. Never repeats key material.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum WalletError {
    /// A text that is no key of Arweave.
    #[error("not a JWK of an Arweave wallet: {0}")]
    Jwk(&'static str),
    /// Bytes that are no private key.
    #[error("not a private key: {0}")]
    Key(&'static str),
    /// Tags that do not fit in an item.
    #[error(transparent)]
    Tags(#[from] BadTags),
    /// The library refused to sign.
    #[error("the key does not sign")]
    Sign,
}

enum Key {
    Arweave(Box<rsa::KeyPair>),
    Ed25519(Ed25519KeyPair),
    Ethereum(SigningKey),
}

/// A key with its public half. Cheap to clone; the key itself is never printed.
#[derive(Clone)]
pub struct Wallet {
    key: Arc<Key>,
    owner: Vec<u8>,
}

impl Wallet {
    /// The wallet of an Arweave key file.
    ///
    /// # Errors
    /// [`WalletError::Jwk`] where the text is no RSA-4096 key whose parts belong together.
    pub fn from_jwk(text: &str) -> Result<Self, WalletError> {
        let (der, owner) = jwk::private_der(text)?;
        if owner.len() != MODULUS {
            return Err(WalletError::Jwk("the modulus has not 4096 bits"));
        }
        let key = rsa::KeyPair::from_der(&der).map_err(|_| WalletError::Jwk("its numbers make no RSA key"))?;
        Ok(Self { key: Arc::new(Key::Arweave(Box::new(key))), owner })
    }

    /// The wallet of an ed25519 seed.
    ///
    /// # Errors
    /// [`WalletError::Key`], which 32 bytes never are.
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self, WalletError> {
        let key = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| WalletError::Key("not an ed25519 seed"))?;
        let owner = key.public_key().as_ref().to_vec();
        Ok(Self { key: Arc::new(Key::Ed25519(key)), owner })
    }

    /// The wallet of a secp256k1 key, as Ethereum has them.
    ///
    /// # Errors
    /// [`WalletError::Key`] where the bytes are no key of the curve.
    pub fn from_ethereum(secret: &[u8; 32]) -> Result<Self, WalletError> {
        let key = SigningKey::from_slice(secret).map_err(|_| WalletError::Key("not a key of secp256k1"))?;
        let owner = key.verifying_key().to_encoded_point(false).as_bytes().to_vec();
        Ok(Self { key: Arc::new(Key::Ethereum(key)), owner })
    }

    /// Which kind of key it has.
    #[must_use]
    pub fn kind(&self) -> KeyKind {
        match &*self.key {
            Key::Arweave(_) => KeyKind::Arweave,
            Key::Ed25519(_) => KeyKind::Ed25519,
            Key::Ethereum(_) => KeyKind::Ethereum,
        }
    }

    /// The public key, as data items carry it.
    #[must_use]
    pub fn owner(&self) -> &[u8] {
        &self.owner
    }

    /// Its address.
    #[must_use]
    pub fn address(&self) -> Id {
        Id::of(&self.owner)
    }

    /// Signs.
    ///
    /// # Errors
    /// [`WalletError::Sign`] where the library refuses, which it does not.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, WalletError> {
        match &*self.key {
            Key::Arweave(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PSS_SHA256, &SystemRandom::new(), message, &mut signature)
                    .map_err(|_| WalletError::Sign)?;
                Ok(signature)
            }
            Key::Ed25519(key) => Ok(key.sign(message).as_ref().to_vec()),
            Key::Ethereum(key) => {
                let (signature, recovery) =
                    key.sign_prehash_recoverable(&personal(message).0).map_err(|_| WalletError::Sign)?;
                let mut bytes = signature.to_bytes().to_vec();
                bytes.push(recovery.to_byte().saturating_add(27));
                Ok(bytes)
            }
        }
    }
}

impl fmt::Debug for Wallet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wallet").field("address", &self.address()).field("kind", &self.kind()).finish_non_exhaustive()
    }
}

/// The hash of a message in the form in which Ethereum's wallets sign them.
fn personal(message: &[u8]) -> Word {
    let mut text = format!("\x19Ethereum Signed Message:\n{}", message.len()).into_bytes();
    text.extend_from_slice(message);
    keccak_bytes(&text)
}

fn verify_personal(owner: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    let (v, rs) = signature.split_last()?;
    RecoveryId::from_byte(v.checked_sub(27)?)?;
    let key = VerifyingKey::from_sec1_bytes(owner).ok()?;
    key.verify_prehash(&personal(message).0, &Signature::from_slice(rs).ok()?).ok()
}

#[cfg(test)]
pub(crate) mod tests;
