//! That this program computes as `spl-token-swap` 3.0.0 does. `original.json` is what that crate, compiled for a computer, says: `SwapCurve::swap` of random
//! pools, `SwapVersion::pack` of an account (bump 254; the words of token program, both accounts, mint, both tokens' mints and fee account are
//! 1 to 7 repeated; fees 25/10000 and 5/10000), and `instruction::swap` of 1,000 for at least 7.

use serde_json::Value;
use tim3_pool::curve::{Swapped, swap};
use tim3_solana_interface::pool;

const ORIGINAL: &str = include_str!("original.json");

#[test]
fn a_swap_takes_and_pays_the_same() {
    let original: Value = serde_json::from_str(ORIGINAL).unwrap();
    let cases = original["swaps"].as_array().unwrap();
    let (mut paid, mut refused) = (0, 0);
    for case in cases {
        let numbers = |name: &str| -> Vec<u64> { serde_json::from_value(case[name].clone()).unwrap() };
        let (fees, held) = (numbers("fees"), numbers("held"));
        if fees[2] != 0 {
            continue; // fees for the owner are refused here
        }
        let found = swap(case["amount"].as_u64().unwrap(), held[0], held[1], fees[0], fees[1]);
        let expected = case["paid"].as_u64().map(|paid| Swapped { taken: case["taken"].as_u64().unwrap(), paid });
        assert_eq!(found, expected, "{case}");
        if expected.is_some() { paid += 1 } else { refused += 1 }
    }
    assert!(paid > 20 && refused > 5, "{paid} of {}", cases.len());
}

#[test]
fn an_account_has_its_fields_in_the_same_places() {
    let original: Value = serde_json::from_str(ORIGINAL).unwrap();
    let digits = original["account"].as_str().unwrap();
    let byte = |at: usize| u8::from_str_radix(&digits[2 * at..][..2], 16).unwrap();
    assert_eq!(digits.len(), 2 * pool::LENGTH);
    assert_eq!([byte(0), byte(1), byte(pool::BUMP)], [pool::VERSION, 1, 254]);
    let places =
        [pool::TOKEN_PROGRAM, pool::TOKEN_A, pool::TOKEN_B, pool::MINT, pool::MINT_A, pool::MINT_B, pool::FEE_ACCOUNT];
    for (number, at) in (1..).zip(places) {
        assert!((at..at + 32).all(|at| byte(at) == number), "{at}");
    }
    let fee =
        |at: usize| (0..8).rev().fold(0_u64, |number, index| number << 8 | u64::from(byte(pool::FEES + at + index)));
    assert_eq!([0, 8, 16, 24].map(fee), [25, 10_000, 5, 10_000]);
    assert_eq!(byte(pool::CURVE), pool::CONSTANT_PRODUCT);
}
