use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{
    ans104::{Draft, Tag},
    units::compute::Outgoing,
    wallet::Wallet,
};

const TOKEN: Id = Id([1; 32]);
const OTHER: Id = Id([2; 32]);
const OWN: Id = Id([7; 32]);
const BLOCK: BlockRef = BlockRef { height: 9, hash: Word([1; 32]), timestamp: 3 };

fn payment(token: Id, quantity: u128, refund: Option<&str>) -> Payment {
    Payment { token, quantity, refund: refund.map(str::to_owned) }
}

fn result(progress: Progress) -> Result<Traded, Undone> {
    match progress {
        Progress::Ended(Attempt::Included { block: BLOCK, cost: 0, result }) => result,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_swap_did_what_both_tokens_say() {
    let done = result(ended(BLOCK, TOKEN, 100, 97, &payment(OTHER, 97, None))).expect("it is done");
    assert_eq!(done.changes, [(TOKEN.account(), -100), (OTHER.account(), 97)]);
    assert_eq!(done.operation, None);
}

#[test]
fn a_swap_that_was_paid_back_did_nothing() {
    let back = |reason| result(ended(BLOCK, TOKEN, 100, 100, &payment(TOKEN, 100, Some(reason))));
    let guard = "Could not swap with expected min output";
    assert_eq!(back(guard), Err(Undone::Guarded(guard.to_owned())));
    assert_eq!(back("The reserves are empty"), Err(Undone::Failed("The reserves are empty".to_owned())));
    // A token that takes something of each transfer.
    let less = result(ended(BLOCK, TOKEN, 100, 99, &payment(TOKEN, 100, Some(guard)))).expect("something moved");
    assert_eq!(less.changes, [(TOKEN.account(), -1)]);
    assert!(matches!(result(ended(BLOCK, TOKEN, u128::MAX, 1, &payment(OTHER, 1, None))), Err(Undone::Failed(_))));
}

fn burned(action: &str, data: &str) -> Outcome {
    let message = Outgoing { target: OWN.to_string(), tags: vec![Tag::new("Action", action)], data: data.to_owned() };
    Outcome { messages: vec![message], ..Outcome::default() }
}

#[test]
fn a_transfer_is_the_operation_that_it_started() {
    let data = json!({"sequence": "3", "operation": Word([5; 32]), "nonce": "0"}).to_string();
    assert_eq!(operation(&burned("Burn-Response", &data), OWN), Ok(OperationId(Word([5; 32]))));
    assert_eq!(operation(&burned("Burn-Response", &data), TOKEN), Err("it is not answered".to_owned()));
    assert_eq!(operation(&burned("Burn-Error", r#"{"error":"Paused"}"#), OWN), Err("Paused".to_owned()));
    assert_eq!(operation(&burned("Burn-Response", "{}"), OWN), Err("it is not answered".to_owned()));
}

fn item(target: Option<Id>, tags: &[(&str, &str)]) -> DataItem {
    let wallet = Wallet::from_seed(&[3; 32]).expect("a wallet");
    let tags = tags.iter().map(|(name, value)| Tag::new(*name, *value)).collect();
    DataItem::sign(Draft { target, tags, ..Draft::default() }, &wallet).expect("an item")
}

#[test]
fn a_message_says_what_it_is_for() {
    let pool = OTHER.to_string();
    let swap = [("Action", "Transfer"), ("X-Action", "Swap"), ("Recipient", pool.as_str())];
    let sent = item(Some(TOKEN), &swap);
    assert_eq!(read(sent.raw()), Some((sent.id(), Asked::Swap { token: TOKEN, pool: OTHER })));
    let burn = item(Some(TOKEN), &[("Action", "Burn"), ("Quantity", "5")]);
    assert_eq!(read(burn.raw()), Some((burn.id(), Asked::Move { amount: 5 })));
    let lock = item(Some(TOKEN), &[("Action", "Transfer"), ("X-Action", "Lock")]);
    assert_eq!(read(lock.raw()), Some((lock.id(), Asked::Mint { token: TOKEN })));
    let redeem = item(Some(TOKEN), &[("Action", "Redeem")]);
    assert_eq!(read(redeem.raw()), Some((redeem.id(), Asked::Redeem)));
    for (target, tags) in [
        (None, &swap[..]),
        (Some(TOKEN), &swap[..2]),
        (Some(TOKEN), &[("Action", "Liquidate")][..]),
        (Some(TOKEN), &[("Action", "Burn"), ("Quantity", "-5")][..]),
    ] {
        assert_eq!(read(item(target, tags).raw()), None, "{tags:?}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_a_message_or_none(raw in prop::collection::vec(any::<u8>(), 0..300), data in "\\PC{0,60}") {
        prop_assert_eq!(read(&raw), None);
        prop_assert!(operation(&burned("Burn-Response", &data), OWN).is_err());
    }
}
