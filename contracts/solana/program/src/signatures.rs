//! t of n attesters over one digest.

use tim3_solana_interface::{GatewayError, Word, bytes, limits::SIGNATURE_BYTES};

use crate::{
    chain::{keccak, recover},
    ledger::Session,
};

/// Half the order of secp256k1: above it a signature has a twin with the same meaning.
const HALF_ORDER: Word = [
    0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x5d, 0x57, 0x6e,
    0x73, 0x57, 0xa4, 0x50, 0x1d, 0xdf, 0xe9, 0x2f, 0x46, 0x68, 0x1b, 0x20, 0xa0,
];

/// Refuses unless `signatures` are at least `threshold` valid ones of current signers, strictly ascending by address.
#[inline(never)]
pub(crate) fn check(s: &Session<'_>, digest: &Word, signatures: &[[u8; SIGNATURE_BYTES]]) -> Result<(), GatewayError> {
    if signatures.len() > s.gateway.signer_count().into() {
        return Err(GatewayError::InvalidSignature);
    }
    let threshold = s.gateway.threshold();
    if threshold == 0 || signatures.len() < threshold.into() {
        return Err(GatewayError::TooFewSignatures);
    }
    let mut last = [0; 20];
    for signature in signatures {
        let signer = signer(digest, signature)?;
        if signer <= last {
            return Err(GatewayError::UnorderedSigners);
        }
        if !s.gateway.signers().contains(&signer) {
            return Err(GatewayError::UnknownSigner);
        }
        last = signer;
    }
    Ok(())
}

fn signer(digest: &Word, signature: &[u8; SIGNATURE_BYTES]) -> Result<[u8; 20], GatewayError> {
    let half = *bytes::word(signature, 32);
    let [v] = bytes::array::<1>(signature, 64);
    let recovery = v.checked_sub(27).filter(|recovery| *recovery <= 1).ok_or(GatewayError::InvalidSignature)?;
    if half > HALF_ORDER {
        return Err(GatewayError::InvalidSignature);
    }
    let key = recover(digest, recovery, &bytes::array(signature, 0)).ok_or(GatewayError::InvalidSignature)?;
    Ok(bytes::array(&keccak(&[&key]), 12))
}
