//! What the adapter takes the gateway's interface to be, against what was compiled.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "these are tests")]

use alloy::json_abi::{JsonAbi, Param};
use serde_json::Value;
use tim3_ethereum::abi::Gateway;

fn compiled() -> JsonAbi {
    let artifact: Value = serde_json::from_str(include_str!("../artifacts/Gateway.json")).expect("JSON");
    serde_json::from_value(artifact["abi"].clone()).expect("an ABI")
}

fn types(params: &[Param]) -> Vec<String> {
    params.iter().map(|param| param.selector_type().into_owned()).collect()
}

#[test]
fn every_call_takes_and_returns_what_the_compiled_gateway_does() {
    let compiled = compiled();
    let functions = Gateway::abi::functions();
    assert!(functions.len() > 30, "the interface was read");
    for ours in functions.values().flatten() {
        let theirs =
            compiled.function(&ours.name).and_then(|all| all.iter().find(|one| one.signature() == ours.signature()));
        let theirs = theirs.unwrap_or_else(|| panic!("the gateway has no {}", ours.signature()));
        assert_eq!(types(&ours.outputs), types(&theirs.outputs), "{}", ours.signature());
    }
}

#[test]
fn every_event_and_error_is_one_of_the_compiled_gateway() {
    let compiled = compiled();
    for ours in Gateway::abi::events().values().flatten() {
        let theirs = compiled.event(&ours.name).and_then(|all| all.first()).expect("an event");
        assert_eq!(ours.selector(), theirs.selector(), "{}", ours.signature());
        let indexed =
            |event: &alloy::json_abi::Event| event.inputs.iter().map(|input| input.indexed).collect::<Vec<_>>();
        assert_eq!(indexed(ours), indexed(theirs), "{}", ours.signature());
    }
    for ours in Gateway::abi::errors().values().flatten() {
        let theirs = compiled.error(&ours.name).and_then(|all| all.first());
        assert_eq!(theirs.map(|error| error.signature()), Some(ours.signature()));
    }
}

#[test]
fn every_error_of_the_compiled_gateway_has_a_decoded_reason() {
    for error in compiled().errors.values().flatten() {
        let reason = tim3_ethereum::reason::decode(error.selector().as_slice());
        assert!(reason.starts_with(&error.name), "{} is shown as {reason}", error.signature());
    }
}
