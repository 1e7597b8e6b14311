//! Transactions of the base layer against the npm package that the rest of the world makes them with, and against a network that takes
//! only those which that package verifies.

#![expect(clippy::expect_used, reason = "these are tests")]

#[path = "support/script.rs"]
mod script;

use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tim3_arweave::{
    Gateways, Id, Transaction, Wallet,
    ans104::Tag,
    gateways::Status,
    transaction::{Draft, chunks},
};
use tim3_devnet::ao::{AoNetwork, AoOptions};
use tim3_rpc::EndpointConfig;

use script::answer;

const JWK: &str = include_str!("wallet.json");

fn wallet() -> Wallet {
    Wallet::from_jwk(JWK).expect("a key")
}

fn tags() -> Vec<Tag> {
    vec![Tag::new("Content-Type", "application/json"), Tag::new("Schl\u{fc}ssel", "W\u{e4}rme \u{1f525}")]
}

fn counting(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|i| u8::try_from(i % 251).expect("below 256")).collect()
}

#[test]
fn each_verifies_what_the_other_makes_and_the_roots_are_the_same() {
    let bytes = [1, 262_143, 262_144, 262_145, 300_000, 600_000, 1_048_576];
    let (anchor, data) = ("A".repeat(64), counting(300_000));
    let draft = Draft { tags: tags(), data: data.clone(), anchor: vec![0; 48], reward: 77 };
    let ours = Transaction::sign(draft, &wallet()).expect("signed");
    let mut forged = serde_json::to_value(&ours).unwrap();
    forged["reward"] = json!("78");
    let key: Value = serde_json::from_str(JWK).expect("JSON");
    let make = json!({
        "key": key, "anchor": anchor, "reward": "77", "tags": tags(), "data": BASE64_URL_SAFE_NO_PAD.encode(&data),
    });
    let answer = answer("transactions.mjs", &json!({ "read": [ours, forged], "make": [make], "roots": bytes }));
    assert_eq!(answer["read"], json!([true, false]));
    let made = Transaction::decode(answer["made"][0].to_string().as_bytes()).expect("a transaction");
    assert_eq!(made.verify(), Ok(()));
    assert_eq!(
        (made.owner(), made.data(), made.tag("Content-Type")),
        (wallet().address(), &data[..], Some("application/json"))
    );
    let roots: Vec<_> =
        bytes.iter().map(|bytes| BASE64_URL_SAFE_NO_PAD.encode(chunks::root(&counting(*bytes)))).collect();
    assert_eq!(answer["roots"], json!(roots));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_posted_is_read_back_and_a_gateway_that_fails_is_passed_over() {
    let network = AoNetwork::start(&AoOptions::default()).await.expect("a network");
    let endpoint = |url: &str| EndpointConfig::new(url.parse().expect("a URL"));
    // Nothing listens at the first.
    let endpoints = [endpoint("http://127.0.0.1:9"), endpoint(network.gateway().unwrap().as_str())];
    let gateways = Gateways::new("arweave", &endpoints, Duration::from_secs(5), None).expect("endpoints");

    let ground = gateways.ground(300).await.expect("an answer");
    assert!(gateways.balance(wallet().address()).await.expect("an answer") > 0);
    let draft = Draft { tags: tags(), data: counting(300), anchor: ground.anchor, reward: ground.price };
    let transaction = Transaction::sign(draft, &wallet()).expect("signed");
    assert_eq!(gateways.fate(transaction.id()).await.expect("an answer").status, Status::Unknown);
    assert!(gateways.transaction(transaction.id()).await.is_err());

    // The reply is lost, and the same bytes are posted again.
    network.fault(&json!({ "unit": "gateway", "kind": "lost-reply", "path": "/tx" })).await.unwrap();
    let _ = gateways.post(&transaction).await;
    gateways.post(&transaction).await.expect("posted, or known already");
    network.mine(3).await.unwrap();
    let fate = gateways.fate(transaction.id()).await.expect("an answer");
    assert!(matches!(fate.status, Status::Included { confirmations: 4, .. }), "{fate:?}");
    let found = gateways.transaction(transaction.id()).await.expect("it is there");
    assert_eq!((found.id(), found.data()), (transaction.id(), transaction.data()));

    // What does not verify is not taken.
    let mut forged = serde_json::to_value(&transaction).unwrap();
    forged["reward"] = json!("1");
    let forged = Transaction::decode(forged.to_string().as_bytes()).expect("a transaction");
    assert!(gateways.post(&forged).await.is_err());
    assert!(gateways.transaction(Id([1; 32])).await.is_err());
}
