//! The golden vectors that every gateway is tested against: `contracts/vectors.json` is what this crate computes today, byte for byte.
//!
//! `TIM3_UPDATE_VECTORS=1 cargo test -p tim3-domain --test vectors` writes the file anew; a change of it is a change of the protocol.
//! Words and bytes are hexadecimal with `0x`; kinds, actions, decimals and basis points are numbers; every other integer is a decimal text,
//! because not every reader keeps 64 bits in a number.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests: the allowance in clippy.toml does not reach functions beside the test functions"
)]

#[path = "vectors/positions.rs"]
mod positions;
#[path = "vectors/samples.rs"]
mod samples;
#[path = "vectors/schema.rs"]
mod schema;

use std::{collections::BTreeSet, env, fs, path::PathBuf};

use schema::Vectors;

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../contracts/vectors.json")
}

#[test]
fn the_file_is_what_this_crate_computes() {
    let vectors = Vectors::compute();
    let computed = serde_json::to_string_pretty(&vectors).unwrap() + "\n";
    if env::var_os("TIM3_UPDATE_VECTORS").is_some() {
        fs::write(path(), &computed).unwrap();
    }
    let file = fs::read_to_string(path()).unwrap_or_else(|error| panic!("{}: {error}", path().display()));
    // Not assert_eq: two texts of this length help nobody.
    let differs = file.lines().zip(computed.lines()).position(|(file, computed)| file != computed);
    assert!(
        file == computed,
        "{} differs from the code, first at line {}; if the protocol is meant to change, run again with TIM3_UPDATE_VECTORS=1",
        path().display(),
        differs.map_or_else(|| file.lines().count().min(computed.lines().count()), |line| line + 1),
    );
}

#[test]
fn the_vectors_cover_every_kind_of_event_and_every_action() {
    let vectors = Vectors::compute();
    let kinds: Vec<u8> = vectors.events.iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
    let actions: Vec<u8> = vectors.orders.iter().map(|order| order.action).collect();
    assert_eq!(actions, [1, 2, 3, 4, 5, 6, 7]);
    for pair in vectors.events.windows(2) {
        assert_eq!(pair[0].after, pair[1].before);
    }
}

#[test]
fn the_vectors_cover_every_way_a_position_is_treated() {
    let vectors = Vectors::compute();
    assert!([true, false].map(|covered| vectors.loans.iter().any(|loan| loan.covered == covered)) == [true, true]);
    let refused: BTreeSet<&str> = vectors.liquidations.iter().map(|vector| vector.refused).collect();
    assert_eq!(refused, BTreeSet::from(["", "BelowDust", "Healthy", "MustTakeWhole", "ZeroAmount"]));
    assert!(vectors.liquidations.iter().any(|vector| vector.bad_debt != "0"), "no bad debt");
    let released: BTreeSet<(u8, u8, bool)> =
        vectors.releases.iter().map(|vector| (vector.action, vector.kind, vector.price.is_empty())).collect();
    let expected = [(2, 0, true), (2, 1, false), (2, 1, true), (4, 0, true), (4, 1, false), (4, 1, true)];
    assert_eq!(released, BTreeSet::from(expected));
}

#[test]
fn every_signature_recovers_to_its_address_in_ascending_order() {
    use k256::ecdsa::{RecoveryId, Signature, VerifyingKey};
    for order in Vectors::compute().orders {
        assert!(order.signatures.is_sorted_by(|one, next| one.address < next.address));
        for signed in &order.signatures {
            let bytes = hex::decode(&signed.signature[2..]).unwrap();
            let (compact, v) = bytes.split_at(64);
            let signature = Signature::from_slice(compact).unwrap();
            assert_eq!(signature.normalize_s(), None, "s is in the upper half");
            let recovery = RecoveryId::from_byte(v[0] - 27).unwrap();
            let digest = hex::decode(&order.digest[2..]).unwrap();
            let key = VerifyingKey::recover_from_prehash(&digest, &signature, recovery).unwrap();
            assert_eq!(schema::address(&key), signed.address);
        }
    }
}
