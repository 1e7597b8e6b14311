use proptest::prelude::*;
use serde_json::Value;

use super::*;

/// What the published program says and does; `contracts/solana/pool/tests/original.rs` says how it was made.
const ORIGINAL: &str = include_str!("../../../../../contracts/solana/pool/tests/original.json");

const SWAP: Pubkey = Pubkey::new_from_array([1; 32]);
const PROGRAM: Pubkey = Pubkey::new_from_array(layout::PROGRAM);
const FEE: [u64; 4] = [30, 10_000, 0, 0];

fn original() -> Value {
    serde_json::from_str(ORIGINAL).expect("JSON")
}

fn account(bump: u8, fees: [u64; 4]) -> Found {
    let mut data = vec![0; layout::LENGTH];
    data[..3].copy_from_slice(&[1, 1, bump]);
    let words = [token_program().to_bytes(), [2; 32], [3; 32], [4; 32], [5; 32], [6; 32], [7; 32]];
    for (place, word) in words.iter().enumerate() {
        data[layout::TOKEN_PROGRAM + 32 * place..][..32].copy_from_slice(word);
    }
    for (place, number) in fees.iter().enumerate() {
        data[layout::FEES + 8 * place..][..8].copy_from_slice(&number.to_le_bytes());
    }
    Found { owner: PROGRAM, lamports: 1, data }
}

fn pool(fees: [u64; 4]) -> Pool {
    let (_, bump) = Pubkey::find_program_address(&[SWAP.as_ref()], &PROGRAM);
    Pool::read(SWAP, PROGRAM, Some(&account(bump, fees))).expect("a pool")
}

fn fee(bps: u32) -> Fee {
    Fee::new(10_000 - bps, 10_000).expect("a fee")
}

#[test]
fn an_account_is_read_as_the_original_writes_it() {
    let original = original();
    let bytes = original["account"].as_str().expect("digits");
    let expected: String =
        account(254, [25, 10_000, 5, 10_000]).data.iter().map(|byte| format!("{byte:02x}")).collect();
    // The original was given another token program, of ones.
    assert_eq!(bytes.replacen(&"01".repeat(32), &hex_of(&token_program().to_bytes()), 1), expected);
}

fn hex_of(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_swap_is_encoded_as_the_original_does() {
    let swap = pool(FEE).swap(&Pubkey::new_from_array([10; 32]), 0, 1_000, 7);
    let original = &original()["swap"];
    assert_eq!(serde_json::json!(swap.data), original["data"]);
    let flags: Vec<_> = swap.accounts.iter().map(|meta| (meta.is_signer, meta.is_writable)).collect();
    assert_eq!(serde_json::json!(flags), original["flags"]);
    let places = [4, 5, 7, 8].map(|place: usize| swap.accounts[place].pubkey.to_bytes()[0]);
    assert_eq!(places, [2, 3, 4, 7], "what goes in, what comes out, its own token, and who gets fees");
    let back = pool(FEE).swap(&Pubkey::new_from_array([10; 32]), 1, 1_000, 7);
    assert_eq!([4, 5].map(|place: usize| back.accounts[place].pubkey.to_bytes()[0]), [3, 2]);
}

#[test]
fn a_pool_pays_what_the_original_pays() {
    for case in original()["swaps"].as_array().expect("cases") {
        let numbers = |name: &str| -> Vec<u64> { serde_json::from_value(case[name].clone()).expect("numbers") };
        let (fees, held) = (numbers("fees"), numbers("held"));
        let pool = pool([fees[0], fees[1], fees[2], fees[3]]);
        let amount = case["amount"].as_u64().expect("an amount");
        assert_eq!(pool.output(amount, [held[0], held[1]]), case["paid"].as_u64(), "{case}");
    }
}

#[test]
fn the_fee_is_what_stays_in_the_pool_and_what_its_owner_takes() {
    assert_eq!(pool(FEE).check_fee(fee(30)), Ok(()));
    assert_eq!(pool([25, 10_000, 5, 10_000]).check_fee(fee(30)), Ok(()));
    assert_eq!(pool([3, 1_000, 0, 0]).check_fee(fee(30)), Ok(()));
    assert_eq!(pool([0, 0, 0, 0]).check_fee(Fee::NONE), Ok(()));
    let refused = pool([25, 10_000, 5, 10_000]).check_fee(fee(25)).unwrap_err();
    assert!(refused.contains("takes 25/10000 and 5/10000 for its owner, and 25/10000 is configured"), "{refused}");
    assert!(pool([u64::MAX, u64::MAX, u64::MAX, u64::MAX]).check_fee(fee(25)).is_err());
}

#[test]
fn what_is_no_pool_of_the_program_is_refused() {
    let (_, bump) = Pubkey::find_program_address(&[SWAP.as_ref()], &PROGRAM);
    let good = account(bump, FEE);
    let changed = |at: usize, byte: u8| {
        let mut found = good.clone();
        found.data[at] = byte;
        found
    };
    let other = Found { owner: SWAP, ..good.clone() };
    for (found, expected) in [
        (None, "there is no account"),
        (Some(other), "belongs to"),
        (Some(changed(0, 2)), "no pool of version 1"),
        (Some(changed(1, 0)), "no pool of version 1"),
        (Some(changed(layout::CURVE, 2)), "another curve"),
        (Some(changed(layout::TOKEN_PROGRAM, 0)), "classic token program"),
    ] {
        let refused = Pool::read(SWAP, PROGRAM, found.as_ref()).unwrap_err();
        assert!(refused.contains(expected), "{refused}");
    }
}

proptest! {
    #[test]
    fn what_is_asked_for_is_paid_for_the_least_input(
        held in (1_000..u64::MAX >> 20, 1_000..u64::MAX >> 20), output in 1..900_u64, bps in 0..500_u32,
    ) {
        let pool = pool([bps.into(), 10_000, 0, 0]);
        let held = [held.0, held.1];
        if let Some(input) = pool.input(output, held, fee(bps)) {
            prop_assert!(pool.output(input, held).is_some_and(|paid| paid >= output));
            let less = input.saturating_sub(3).min(input - input / 1_000);
            prop_assert!(pool.output(less, held).is_none_or(|paid| paid <= output));
        }
    }

    #[test]
    fn it_pays_no_less_than_is_quoted(held in (1_000..u64::MAX, 1_000..u64::MAX), amount in 10_000..u64::MAX, bps in 0..500_u32) {
        let hop = Hop { reserve_in: held.0.into(), reserve_out: held.1.into(), fee: fee(bps) };
        let paid = pool([bps.into(), 10_000, 0, 0]).output(amount, [held.0, held.1]).unwrap_or_default();
        prop_assert!(u128::from(paid) >= hop.output(amount.into()));
    }

    #[test]
    fn any_bytes_are_a_pool_or_none(data in prop::collection::vec(any::<u8>(), 0..400), numbers: [u64; 4], held: [u64; 2]) {
        let _ = Pool::read(SWAP, PROGRAM, Some(&Found { owner: PROGRAM, lamports: 1, data }));
        let pool = pool(numbers);
        let _ = (pool.output(numbers[0], held), pool.input(numbers[0], held, fee(30)), pool.check_fee(fee(30)));
    }
}
