//! t of n attesters over one digest.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use k256::ecdsa::{RecoveryId, Signature, VerifyingKey};
use tim3_chain::AttesterSet;
use tim3_domain::{
    identity::Account,
    word::{Word, keccak_bytes},
};

use super::Reject;

/// Checks that `signatures` are at least the threshold's number of valid ones, by current signers in strictly ascending order.
pub(super) fn check(set: &AttesterSet, memo: &Memo, digest: Word, signatures: &[u8]) -> Result<(), Reject> {
    let (each, rest) = signatures.as_chunks::<65>();
    if !rest.is_empty() || each.len() > set.signers.len() {
        return Err(Reject::InvalidSignature(each.len()));
    }
    if each.len() < set.threshold.into() {
        return Err(Reject::TooFewSignatures { count: each.len(), threshold: set.threshold });
    }
    let mut last = [0; 20];
    for (index, signature) in each.iter().enumerate() {
        let signer = memo.recover(digest, signature).ok_or(Reject::InvalidSignature(index))?;
        if signer <= last {
            return Err(Reject::UnorderedSigners(index));
        }
        if !set.signers.contains(&signer) {
            return Err(Reject::UnknownSigner(Account::from_evm(signer)));
        }
        last = signer;
    }
    Ok(())
}

/// The 20-byte address whose key made `signature` over `digest`, or `None` for a malformed one or one with a high s.
fn recover(digest: Word, signature: &[u8; 65]) -> Option<[u8; 20]> {
    let (v, rs) = signature.split_last()?;
    let recovery = RecoveryId::from_byte(v.checked_sub(27)?).filter(|id| !id.is_x_reduced())?;
    let rs = Signature::from_slice(rs).ok().filter(|rs| rs.normalize_s().is_none())?;
    let key = VerifyingKey::recover_from_prehash(&digest.0, &rs, recovery).ok()?;
    let point = key.to_encoded_point(false);
    keccak_bytes(point.as_bytes().get(1..)?).0.last_chunk().copied()
}

/// Answers already found: an order is checked when it is simulated, when it is included, and again after a reorg.
#[derive(Debug, Default)]
pub(super) struct Memo(Mutex<HashMap<Question, [u8; 20]>>);

/// A digest and a signature over it.
type Question = (Word, [u8; 65]);

impl Memo {
    const CAPACITY: usize = 1 << 16;

    fn recover(&self, digest: Word, signature: &[u8; 65]) -> Option<[u8; 20]> {
        let key = (digest, *signature);
        if let Some(signer) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Some(*signer);
        }
        let signer = recover(digest, signature)?;
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= Self::CAPACITY {
            known.clear();
        }
        known.insert(key, signer);
        Some(signer)
    }
}
