use std::{fs, os::unix::fs::PermissionsExt};

use proptest::prelude::*;
use serde_json::Value;

use super::*;

/// The first account of every devnet.
const KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
const ADDRESS: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";

fn password(text: &str) -> Password {
    Zeroizing::new(text.to_owned())
}

fn expected() -> Address {
    ADDRESS.parse().expect("an address")
}

#[test]
fn a_key_survives_the_round_trip_and_lists_without_its_password() {
    let directory = tempfile::tempdir().expect("a directory");
    let keys = directory.path().join("keys");
    let entry = import(&keys, "signer", &Zeroizing::new(KEY.to_owned()), &password("secret")).expect("stored");
    assert_eq!(entry.address, Some(expected()));
    let made = create(&keys, "another", &password("secret")).expect("created");
    assert_eq!(list(&keys), Ok(vec![made.clone(), entry.clone()]));
    assert_eq!(address(&entry.path), Ok(expected()));
    assert_eq!(unlock(&entry.path, &password("secret")).map(|signer| signer.address()), Ok(expected()));
    assert_eq!(unlock(&made.path, &password("secret")).map(|signer| Some(signer.address())), Ok(made.address));
    assert_ne!(made.address, entry.address);
    let left: Vec<_> = fs::read_dir(&keys).expect("readable").collect();
    assert_eq!(left.len(), 2, "no scratch file is left: {left:?}");
}

#[test]
fn a_wrong_password_is_one_line_with_a_hint() {
    let directory = tempfile::tempdir().expect("a directory");
    let entry = create(directory.path(), "signer", &password("secret")).expect("created");
    let error = unlock(&entry.path, &password("wrong")).expect_err("wrong password").to_string();
    assert_eq!(
        error,
        format!("{}: the password does not open this keystore; check the password source", entry.path.display())
    );
}

#[test]
fn a_key_is_never_overwritten_and_its_name_never_leaves_the_directory() {
    let directory = tempfile::tempdir().expect("a directory");
    let entry = create(directory.path(), "signer", &password("secret")).expect("created");
    let error = create(directory.path(), "signer", &password("secret")).expect_err("exists");
    assert!(error.to_string().contains("never overwritten"), "{error}");
    assert_eq!(address(&entry.path).ok(), entry.address);
    for name in ["", ".hidden", "../up", "a/b"] {
        assert!(create(directory.path(), name, &password("secret")).is_err(), "{name:?}");
    }
    assert!(create(directory.path(), "bare", &password("")).is_err());
}

#[test]
fn keystores_are_for_their_owner_only() {
    let directory = tempfile::tempdir().expect("a directory");
    let entry = create(&directory.path().join("keys"), "signer", &password("secret")).expect("created");
    assert_eq!(check_permissions(&entry.path), Ok(()));
    fs::set_permissions(&entry.path, fs::Permissions::from_mode(0o644)).expect("chmod");
    let error = check_permissions(&entry.path).expect_err("readable by all").to_string();
    assert!(error.contains("mode 0644") && error.contains("chmod 600"), "{error}");
}

#[test]
fn a_plain_key_is_read_from_a_file_and_never_repeated() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("key");
    for text in [KEY.to_owned(), format!("{}\n", KEY.trim_start_matches("0x"))] {
        fs::write(&path, text).expect("written");
        assert_eq!(from_file(&path).map(|signer| signer.address()), Ok(expected()));
    }
    for text in ["hunter2", "", &"0".repeat(64), &"f".repeat(64), &format!("{KEY}00")] {
        fs::write(&path, text).expect("written");
        let error = from_file(&path).expect_err("no key").to_string();
        assert!(error.contains("not a private key") && (text.is_empty() || !error.contains(text)), "{error}");
    }
    let unset = from_environment("TIM3_TEST_NO_SUCH_KEY").expect_err("not set").to_string();
    assert_eq!(unset, "$TIM3_TEST_NO_SUCH_KEY: not set; export the key there");
}

#[test]
fn a_file_that_only_looks_like_a_keystore_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let entry = create(directory.path(), "signer", &password("secret")).expect("created");
    let good: Value = serde_json::from_str(&fs::read_to_string(&entry.path).expect("read")).expect("JSON");
    let path = directory.path().join("bad.json");
    for (pointer, value) in [
        ("/crypto/cipherparams/iv", Value::from("00")),
        ("/crypto/kdfparams/dklen", Value::from(16)),
        ("/crypto/kdfparams/n", Value::from(1_u64 << 40)),
        ("/crypto/kdfparams/p", Value::from(0)),
        ("/crypto/ciphertext", Value::from("")),
        ("/crypto/mac", Value::Null),
        ("/version", Value::from(1)),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).expect("a field") = value;
        fs::write(&path, bad.to_string()).expect("written");
        assert!(unlock(&path, &password("secret")).is_err(), "{pointer}");
    }
    let mut swapped = good;
    swapped["address"] = Value::from(hex::encode(expected()));
    fs::write(&path, swapped.to_string()).expect("written");
    let error = unlock(&path, &password("secret")).expect_err("another's address").to_string();
    assert!(error.contains("do not use it"), "{error}");
    assert_eq!(list(directory.path()).map(|entries| entries.len()), Ok(2));
}

proptest! {
    #[test]
    fn no_file_makes_the_reader_panic(text in "\\PC{0,200}") {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("hostile.json");
        fs::write(&path, text).expect("written");
        prop_assert!(unlock(&path, &password("secret")).is_err());
        prop_assert!(list(directory.path()).is_ok());
    }
}
