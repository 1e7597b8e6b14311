//! Keys of every kind, fixed so that tests repeat.

use super::*;

/// An RSA key made for tests alone, as it lies beside them: making one takes seconds.
pub(crate) fn rsa() -> Wallet {
    Wallet::from_jwk(JWK).expect("a key")
}

const JWK: &str = include_str!("../../tests/wallet.json");

/// Quick ones.
pub(crate) fn wallets() -> Vec<Wallet> {
    vec![Wallet::from_seed(&[7; 32]).expect("a seed"), Wallet::from_ethereum(&[9; 32]).expect("a key")]
}

#[test]
fn each_kind_verifies_its_own_signatures_alone() {
    for wallet in wallets().into_iter().chain([rsa()]) {
        let signature = wallet.sign(b"message").expect("signed");
        let kind = wallet.kind();
        assert_eq!(signature.len(), kind.signature_length());
        assert_eq!(wallet.owner().len(), kind.owner_length());
        assert!(kind.verify(wallet.owner(), b"message", &signature), "{kind:?}");
        assert!(!kind.verify(wallet.owner(), b"another", &signature), "{kind:?}");
        assert!(!kind.verify(wallet.owner(), b"message", &signature[1..]), "{kind:?}");
        assert_eq!(KeyKind::of_code(kind.code()), Some(kind));
    }
}

#[test]
fn a_key_file_that_is_none_is_not_repeated() {
    let cut = JWK.replace("\"p\"", "\"other\"");
    let wrong_exponent = JWK.replace("AQAB", "Aw");
    let mixed = JWK.replacen("\"dp\":\"", "\"dp\":\"BBBB", 1);
    for text in ["hunter2", "{}", &cut, &wrong_exponent, &mixed] {
        let error = Wallet::from_jwk(text).map(|wallet| wallet.address()).expect_err("no key").to_string();
        assert!(error.starts_with("not a JWK") && !error.contains(text), "{error}");
    }
    assert!(Wallet::from_ethereum(&[0; 32]).is_err());
    assert!(!format!("{:?}", rsa()).contains("dq"));
}

proptest::proptest! {
    #[test]
    fn any_text_is_a_key_file_or_an_error(text in "\\PC{0,200}|\\{\"kty\":\"RSA\",\"n\":\"[A-Za-z_-]{0,20}\",\"e\":\"AQAB\",\"d\":\"AA\",\"p\":\"AA\",\"q\":\"AA\",\"dp\":\"AA\",\"dq\":\"AA\",\"qi\":\"AA\"\\}") {
        assert!(Wallet::from_jwk(&text).is_err());
    }
}
