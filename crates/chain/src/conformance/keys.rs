//! Attester keys, as a test holds them.

use k256::ecdsa::SigningKey;
use tim3_domain::{
    protocol::{Order, SignedOrder},
    word::{Word, keccak_bytes},
};

use crate::Signature;

/// Attester keys in the order of their addresses, and how many of them must sign.
#[derive(Clone, Debug)]
pub struct Keys {
    threshold: usize,
    keys: Vec<([u8; 20], SigningKey)>,
}

impl Keys {
    /// `count` keys that follow from `seed`. They are for tests: whoever knows the seed has them.
    #[must_use]
    pub fn from_seed(seed: &str, count: usize, threshold: u8) -> Self {
        let secrets = (0..count).map(|index| keccak_bytes(format!("tim3/test key/{seed}/{index}").as_bytes()).0);
        Self::new(&secrets.collect::<Vec<_>>(), threshold)
    }

    /// The keys with these secrets; what is no secret key is left out.
    #[must_use]
    pub fn new(secrets: &[[u8; 32]], threshold: u8) -> Self {
        let keys = secrets.iter().filter_map(|secret| SigningKey::from_slice(secret).ok());
        let mut keys: Vec<_> = keys.map(|key| (address(&key), key)).collect();
        keys.sort_by_key(|(address, _)| *address);
        Self { threshold: threshold.into(), keys }
    }

    /// Their addresses, ascending.
    #[must_use]
    pub fn addresses(&self) -> Vec<[u8; 20]> {
        self.keys.iter().map(|(address, _)| *address).collect()
    }

    /// How many of them must sign.
    #[must_use]
    pub fn threshold(&self) -> u8 {
        u8::try_from(self.threshold).unwrap_or(u8::MAX)
    }

    /// The order signed by as many as must sign.
    #[must_use]
    pub fn sign(&self, order: Order) -> SignedOrder {
        let signers: Vec<usize> = (0..self.threshold).collect();
        self.sign_by(order, &signers)
    }

    /// The order signed by the keys with these indexes (0 has the lowest address), in this order; unknown indexes are left out.
    #[must_use]
    pub fn sign_by(&self, order: Order, signers: &[usize]) -> SignedOrder {
        let digest = order.digest();
        let keys = signers.iter().filter_map(|index| self.keys.get(*index));
        let signatures = keys.filter_map(|(_, key)| sign(key, digest)).flatten().collect();
        SignedOrder { order, signatures }
    }
}

/// `r ‖ s ‖ v` with the lower of the two possible s.
fn sign(key: &SigningKey, digest: Word) -> Option<Signature> {
    let (signature, recovery) = key.sign_prehash_recoverable(&digest.0).ok()?;
    let mut bytes = [0; 65];
    let (v, rs) = bytes.split_last_mut()?;
    rs.copy_from_slice(&signature.to_bytes());
    *v = recovery.to_byte().checked_add(27)?;
    Some(bytes)
}

fn address(key: &SigningKey) -> [u8; 20] {
    let point = key.verifying_key().to_encoded_point(false);
    let hash = keccak_bytes(point.as_bytes().get(1..).unwrap_or_default());
    hash.0.last_chunk().copied().unwrap_or_default()
}
