//! Data items against the npm package that the rest of the world makes them with.

#![expect(clippy::expect_used, reason = "these are tests")]

#[path = "support/script.rs"]
mod script;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use tim3_arweave::{
    Id, Wallet,
    ans104::{DataItem, Draft, Tag},
};

use script::answer;

const JWK: &str = include_str!("wallet.json");
const SEED: [u8; 32] = [7; 32];
const SECRET: [u8; 32] = [9; 32];

fn wallets() -> [(&'static str, Wallet, Value); 3] {
    let hex = |byte: &str| Value::from(byte.repeat(32));
    let jwk = serde_json::from_str(JWK).expect("JSON");
    [
        ("arweave", Wallet::from_jwk(JWK).expect("a key"), jwk),
        ("ed25519", Wallet::from_seed(&SEED).expect("a seed"), hex("07")),
        ("ethereum", Wallet::from_ethereum(&SECRET).expect("a key"), hex("09")),
    ]
}

fn drafts() -> Vec<Draft> {
    let target = Some(Id([200; 32]));
    let tags = |pairs: &[(&str, &str)]| pairs.iter().map(|(name, value)| Tag::new(*name, *value)).collect();
    vec![
        Draft::default(),
        Draft { target, ..Draft::default() },
        Draft { anchor: Some([b'x'; 32]), data: vec![0, 255, 1, 254], ..Draft::default() },
        Draft { tags: tags(&[("Action", "Lock")]), data: b"plain".to_vec(), ..Draft::default() },
        Draft {
            target,
            anchor: Some([b'0'; 32]),
            tags: tags(&[
                ("Data-Protocol", "ao"),
                ("Schl\u{fc}ssel", "W\u{e4}rme \u{1f525}"),
                ("Long", &"v".repeat(900)),
            ]),
            data: vec![7; 70_000],
        },
    ]
}

#[test]
fn each_kind_of_key_makes_what_arbundles_verifies_and_verifies_what_arbundles_makes() {
    let cases: Vec<_> = wallets()
        .into_iter()
        .flat_map(|wallet| drafts().into_iter().map(move |draft| (wallet.clone(), draft)))
        .collect();
    let items: Vec<_> =
        cases.iter().map(|((_, wallet, _), draft)| DataItem::sign(draft.clone(), wallet).expect("signed")).collect();
    let encode = |bytes: &[u8]| BASE64_STANDARD.encode(bytes);
    let make = |((kind, _, key), draft): &((&str, Wallet, Value), Draft)| {
        json!({
            "kind": kind, "key": key, "tags": draft.tags, "data": encode(&draft.data),
            "target": draft.target, "anchor": draft.anchor.map(|anchor| String::from_utf8(anchor.to_vec()).expect("ASCII")),
        })
    };
    let make: Vec<Value> = cases.iter().map(make).map(without_nulls).collect();
    let read: Vec<String> = items.iter().map(|item| encode(item.raw())).collect();
    let answer = answer("arbundles.mjs", &json!({"read": read, "make": make}));

    for (((name, wallet, _), draft), (item, found)) in
        cases.iter().zip(items.iter().zip(answer["read"].as_array().expect("a list")))
    {
        let expected = json!({
            "id": item.id(), "valid": true, "owner": wallet.address(), "target": draft.target,
            "anchor": draft.anchor.map(|anchor| encode(&anchor)), "tags": draft.tags, "data": encode(&draft.data),
        });
        assert_eq!(*found, expected, "{name}");
    }
    for (((name, wallet, _), draft), made) in cases.iter().zip(answer["made"].as_array().expect("a list")) {
        let raw = BASE64_STANDARD.decode(made.as_str().expect("a text")).expect("base64");
        let item = DataItem::decode(&raw).expect("an item");
        assert_eq!(item.draft(), draft, "{name}");
        assert_eq!(item.verify(), Ok(()), "{name}");
        assert_eq!(item.signer(), wallet.address(), "{name}");
    }
}

/// Absent is not null.
fn without_nulls(mut value: Value) -> Value {
    if let Some(object) = value.as_object_mut() {
        object.retain(|_, value| !value.is_null());
    }
    value
}
