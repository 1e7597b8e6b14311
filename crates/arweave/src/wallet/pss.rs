//! RSA-PSS as Arweave checks it: SHA-256 and a salt of any length. Signers differ in the length they take, and the cryptography at hand
//! verifies only one of them, so the encoding is undone here. Nothing in it is secret.

use aws_lc_rs::digest::{SHA256, digest};
use ruint::aliases::U4096;

use super::MODULUS;

const HASH: usize = 32;
const EXPONENT: u32 = 65_537;

fn sha256(parts: &[&[u8]]) -> [u8; HASH] {
    digest(&SHA256, &parts.concat()).as_ref().first_chunk().copied().unwrap_or_default()
}

/// Whether `signature` is that of the key with this modulus over `message` (RFC 8017, sections 8.1.2 and 9.1.2).
pub(super) fn verify(modulus: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    let modulus =
        U4096::try_from_be_slice(modulus).filter(|modulus| modulus.bit(MODULUS.saturating_mul(8).saturating_sub(1)))?;
    let signature = U4096::try_from_be_slice(signature).filter(|signature| *signature < modulus)?;
    let encoded: [u8; MODULUS] = signature.pow_mod(U4096::from(EXPONENT), modulus).to_be_bytes();
    let (trailer, encoded) = encoded.split_last()?;
    let (masked, hash) = encoded.split_last_chunk::<HASH>()?;
    if *trailer != 0xbc || masked.first()? & 0x80 != 0 {
        return None;
    }
    let mut block: Vec<u8> = masked.iter().zip(mask(hash)).map(|(byte, mask)| byte ^ mask).collect();
    // One bit less than the modulus has.
    *block.first_mut()? &= 0x7f;
    let one = block.iter().position(|byte| *byte != 0).filter(|at| block.get(*at) == Some(&1))?;
    let salt = block.get(one.checked_add(1)?..)?;
    (sha256(&[&[0; 8], &sha256(&[message]), salt]) == *hash).then_some(())
}

/// The mask that a hash grows into, without end.
fn mask(seed: &[u8; HASH]) -> impl Iterator<Item = u8> {
    (0_u32..).flat_map(move |counter| sha256(&[seed, &counter.to_be_bytes()]))
}
