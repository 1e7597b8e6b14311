//! Arweave's key files: RSA keys as JSON Web Keys, turned into the DER that the cryptography takes.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::Deserialize;
use zeroize::{Zeroize as _, Zeroizing};

use super::WalletError;

/// 65537, the exponent of every Arweave key.
const EXPONENT: [u8; 3] = [1, 0, 1];

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    n: String,
    e: String,
    d: String,
    p: String,
    q: String,
    dp: String,
    dq: String,
    qi: String,
}

impl Drop for Jwk {
    fn drop(&mut self) {
        for part in [&mut self.d, &mut self.p, &mut self.q, &mut self.dp, &mut self.dq, &mut self.qi] {
            part.zeroize();
        }
    }
}

/// The PKCS #1 form of a private key, and its modulus.
pub(super) fn private_der(text: &str) -> Result<(Zeroizing<Vec<u8>>, Vec<u8>), WalletError> {
    let jwk: Jwk = serde_json::from_str(text)
        .map_err(|_| WalletError::Jwk("expected JSON with kty, n, e, d, p, q, dp, dq and qi"))?;
    if jwk.kty != "RSA" {
        return Err(WalletError::Jwk("kty is not RSA"));
    }
    let number = |text: &str| {
        BASE64_URL_SAFE_NO_PAD
            .decode(text)
            .map(Zeroizing::new)
            .map_err(|_| WalletError::Jwk("a number is not base64url"))
    };
    let (modulus, exponent) = (number(&jwk.n)?, number(&jwk.e)?);
    if *exponent != EXPONENT {
        return Err(WalletError::Jwk("the exponent is not 65537"));
    }
    let mut body = Zeroizing::new(Vec::new());
    integer(&mut body, &[]);
    integer(&mut body, &modulus);
    for part in [&jwk.e, &jwk.d, &jwk.p, &jwk.q, &jwk.dp, &jwk.dq, &jwk.qi] {
        integer(&mut body, &number(part)?);
    }
    Ok((sequence(&body), modulus.to_vec()))
}

fn sequence(body: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut der = Zeroizing::new(vec![0x30]);
    length(&mut der, body.len());
    der.extend_from_slice(body);
    der
}

/// An unsigned number, big-endian: without zeros in front, but for the one that keeps it from being negative.
fn integer(der: &mut Vec<u8>, number: &[u8]) {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let digits = number.get(zeros..).unwrap_or_default();
    let padded = digits.first().is_none_or(|byte| *byte >= 0x80);
    der.push(0x02);
    length(der, digits.len().saturating_add(padded.into()));
    if padded {
        der.push(0);
    }
    der.extend_from_slice(digits);
}

fn length(der: &mut Vec<u8>, length: usize) {
    let bytes = length.to_be_bytes();
    let digits = bytes.get(bytes.iter().take_while(|byte| **byte == 0).count()..).unwrap_or_default();
    match digits {
        [] => der.push(0),
        [short] if *short < 0x80 => der.push(*short),
        digits => {
            der.push(0x80 | u8::try_from(digits.len()).unwrap_or_default());
            der.extend_from_slice(digits);
        }
    }
}
