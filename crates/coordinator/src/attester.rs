//! The attester whose key is in this process. It believes only what is proved, and writes down what it signs before it signs.

mod check;

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use k256::ecdsa::SigningKey;
use tim3_chain::{AttestRequest, Attester, Refused, Signature};
use tim3_domain::word::{Word, keccak_bytes};
use tim3_journal::{Change, Journal, JournalError, SignatureKey, SignatureRecord};

pub use check::{check, signature_key};

/// A secp256k1 key that signs orders.
pub struct LocalAttester {
    key: Arc<SigningKey>,
    address: [u8; 20],
    journal: Arc<dyn Journal>,
}

impl std::fmt::Debug for LocalAttester {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalAttester").field("address", &self.address).finish_non_exhaustive()
    }
}

/// The digests to sign, or why not, one a request; and the changes that must be durable before.
type Decided = (Vec<Result<Word, Refused>>, Vec<Change>);

impl LocalAttester {
    /// The attester of a 32-byte secret key.
    ///
    /// # Errors
    /// [`Refused::Unavailable`] when the bytes are no secret key of the curve.
    pub fn new(secret: &[u8; 32], journal: Arc<dyn Journal>) -> Result<Self, Refused> {
        let key = SigningKey::from_slice(secret)
            .map_err(|_| Refused::Unavailable("the bytes are no secp256k1 secret key".into()))?;
        let address = address_of(&key);
        Ok(Self { key: Arc::new(key), address, journal })
    }

    /// The guard: every request is checked against its evidence and against what was signed before. Gives the digests to sign, and the
    /// changes that must be durable first.
    fn decide(&self, requests: &[AttestRequest]) -> Result<Decided, JournalError> {
        let mut changes = Vec::new();
        let mut answers = Vec::with_capacity(requests.len());
        let mut now = std::collections::BTreeMap::<SignatureKey, SignatureRecord>::new();
        for request in requests {
            if let Err(refused) = check(request) {
                answers.push(Err(refused));
                continue;
            }
            let key = signature_key(self.address, &request.order);
            let digest = request.order.digest();
            let record = SignatureRecord { content: request.order.content.hash(), epoch: request.order.epoch, digest };
            let before = match now.get(&key) {
                Some(record) => Some(*record),
                None => self.journal.signature(&key)?,
            };
            match before {
                Some(before) if before.content != record.content => answers.push(Err(Refused::Conflict {
                    signed: before.content.to_string(),
                    asked: record.content.to_string(),
                })),
                before => {
                    if before != Some(record) {
                        now.insert(key, record);
                        changes.push(Change::Signature(key, record));
                    }
                    answers.push(Ok(digest));
                }
            }
        }
        Ok((answers, changes))
    }
}

#[async_trait]
impl Attester for LocalAttester {
    fn address(&self) -> [u8; 20] {
        self.address
    }

    async fn attest(&self, requests: &[AttestRequest]) -> Vec<Result<Signature, Refused>> {
        let unavailable = |error: &dyn std::fmt::Display| {
            let refused = Refused::Unavailable(error.to_string());
            requests.iter().map(|_| Err(refused.clone())).collect()
        };
        let (digests, changes) = match self.decide(requests) {
            Ok(decided) => decided,
            Err(error) => return unavailable(&error),
        };
        if !changes.is_empty()
            && let Err(error) = self.journal.commit(changes).await
        {
            return unavailable(&error);
        }
        let key = Arc::clone(&self.key);
        let signing = tokio::task::spawn_blocking(move || {
            digests.into_iter().map(|digest| digest.and_then(|digest| sign(&key, digest))).collect()
        });
        match signing.await {
            Ok(signatures) => signatures,
            Err(error) => unavailable(&error),
        }
    }
}

/// Signs a digest: low s (RFC 6979), `v` of 27 or 28.
fn sign(key: &SigningKey, digest: Word) -> Result<Signature, Refused> {
    let (signature, recovery) =
        key.sign_prehash_recoverable(&digest.0).map_err(|error| Refused::Unavailable(error.to_string()))?;
    let mut bytes = [0; 65];
    let (rs, v) = bytes.split_at_mut(64);
    rs.copy_from_slice(&signature.to_bytes());
    v.fill(27_u8.saturating_add(recovery.to_byte()));
    Ok(bytes)
}

/// The 20-byte address of a key: the end of the hash of its public point.
fn address_of(key: &SigningKey) -> [u8; 20] {
    let point = key.verifying_key().to_encoded_point(false);
    let hash = keccak_bytes(point.as_bytes().get(1..).unwrap_or_default());
    let mut address = [0; 20];
    address.copy_from_slice(hash.0.get(12..).unwrap_or(&[0; 20]));
    address
}
