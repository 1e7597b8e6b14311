//! Attesters on AO are wallets: a wallet's message is its word. The signatures that an order carries are looked at here instead of in the
//! gateway, and a wallet votes only for an order that carries enough of them, its own attester's among them.

use k256::ecdsa::{RecoveryId, Signature, VerifyingKey};
use tim3_domain::{
    protocol::SignedOrder,
    word::{Word, keccak_bytes},
};

/// A signature's bytes: `r ‖ s ‖ v`.
const LENGTH: usize = 65;

/// The attesters that signed an order, in the order of their addresses; `None` unless its signatures are at least `threshold`, each of one of
/// `attesters`, in the lower half, and strictly ascending by signer, as every other gateway wants them.
#[must_use]
pub fn signers(order: &SignedOrder, attesters: &[[u8; 20]], threshold: usize) -> Option<Vec<[u8; 20]>> {
    let digest = order.order.digest();
    let (signatures, rest) = order.signatures.as_chunks::<LENGTH>();
    if !rest.is_empty() || threshold == 0 || signatures.len() < threshold {
        return None;
    }
    let signers: Vec<_> = signatures.iter().map(|signature| recover(digest, signature)).collect::<Option<_>>()?;
    let known = signers.iter().all(|signer| attesters.contains(signer));
    let ascending = signers.is_sorted_by(|a, b| a < b);
    (known && ascending).then_some(signers)
}

/// The address of whoever signed, if the signature has the one form that is allowed.
fn recover(digest: Word, signature: &[u8; LENGTH]) -> Option<[u8; 20]> {
    let (v, rs) = signature.split_last()?;
    let recovery = v.checked_sub(27).filter(|id| *id < 2).and_then(RecoveryId::from_byte)?;
    let signature = Signature::from_slice(rs).ok()?;
    if signature.normalize_s().is_some() {
        return None;
    }
    let key = VerifyingKey::recover_from_prehash(&digest.0, &signature, recovery).ok()?;
    let point = key.to_encoded_point(false);
    keccak_bytes(point.as_bytes().get(1..)?).0.last_chunk().copied()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tim3_chain::conformance::Keys;
    use tim3_domain::{
        identity::GatewayId,
        protocol::{Action, Order, OrderContent},
        word::keccak_text,
    };

    use super::*;

    fn order(attempt: u64) -> Order {
        let content = OrderContent::Resend { payout: keccak_text("payout"), attempt };
        Order { action: Action::Resend, gateway: GatewayId(keccak_text("gateway")), epoch: 1, content }
    }

    #[test]
    fn enough_of_the_attesters_in_their_order() {
        let keys = Keys::from_seed("votes", 3, 2);
        let all = keys.addresses();
        let by = |signers: &[usize]| super::signers(&keys.sign_by(order(1), signers), &all, 2);
        assert_eq!(by(&[0, 2]), Some(vec![all[0], all[2]]));
        assert_eq!(by(&[0, 1, 2]), Some(all.clone()));
        for signers in [&[][..], &[1], &[0, 0], &[1, 0]] {
            assert_eq!(by(signers), None, "{signers:?}");
        }
        let one = &all[..1];
        assert_eq!(super::signers(&keys.sign_by(order(1), &[0, 1]), one, 1), None, "somebody else signed, too");
    }

    #[test]
    fn a_signature_is_for_one_order() {
        let keys = Keys::from_seed("votes", 3, 2);
        let other = SignedOrder { order: order(2), signatures: keys.sign(order(1)).signatures };
        assert_eq!(signers(&other, &keys.addresses(), 2), None);
    }

    proptest! {
        #[test]
        fn a_changed_byte_takes_the_word_away(at in 0_usize..130, flip in 1_u8..=255) {
            let keys = Keys::from_seed("votes", 3, 2);
            let mut signed = keys.sign(order(1));
            signed.signatures[at] ^= flip;
            prop_assert_eq!(signers(&signed, &keys.addresses(), 2), None);
        }

        #[test]
        fn any_bytes_are_signatures_or_none(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let keys = Keys::from_seed("votes", 3, 2);
            prop_assert_eq!(signers(&SignedOrder { order: order(1), signatures: bytes }, &keys.addresses(), 1), None);
        }
    }
}
