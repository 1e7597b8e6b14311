use proptest::prelude::*;

use super::*;

const ONE: Id = Id([1; 32]);
const OTHER: Id = Id([2; 32]);
const OWN: Id = Id([7; 32]);

fn pool() -> Pool {
    Pool { process: Id([9; 32]), tokens: [ONE, OTHER], fee: Fee::new(9_970, 10_000).expect("a fee") }
}

fn says(target: &str, tags: &[(&str, &str)]) -> Outcome {
    let tags = tags.iter().map(|(name, value)| Tag::new(*name, *value)).collect();
    let message = Outgoing { target: target.to_owned(), tags, data: String::new() };
    Outcome { messages: vec![message], ..Outcome::default() }
}

#[test]
fn the_pool_in_the_configuration_is_the_one_that_is_there() {
    let facts = |percentage| Facts { tokens: [ONE, OTHER], decimals: [6, 12], percentage };
    let fee = pool().fee;
    for percentage in [(3, 1), (30, 2), (300_000, 6)] {
        assert_eq!(facts(percentage).pool(pool().process, fee), Ok(pool()), "{percentage:?}");
    }
    for percentage in [(25, 2), (3, 0), (-3, 1), (i128::MAX, 0)] {
        let refused = facts(percentage).pool(pool().process, fee).expect_err("another fee");
        assert!(refused.contains("30/10000 is configured"), "{refused}");
    }
    assert_eq!(facts((0, 0)).pool(pool().process, Fee::NONE).map(|pool| pool.fee), Ok(Fee::NONE));
}

#[test]
fn a_pool_turns_one_of_its_tokens_into_the_other() {
    assert_eq!(pool().ends(ONE, OTHER, [5, 6]), Some([5, 6]));
    assert_eq!(pool().ends(OTHER, ONE, [5, 6]), Some([6, 5]));
    for (from, to) in [(ONE, ONE), (OWN, ONE), (ONE, OWN)] {
        assert_eq!(pool().ends(from, to, [5, 6]), None);
    }
}

#[test]
fn what_a_pool_pays_is_what_the_process_pays() {
    // The numbers of `contracts/ao/test/pool.test.mjs`.
    let ends = [3_000_000_000_000_000_000_007, 1_000_000_011];
    for (input, output) in [(1_000, 0), (3_100_000_000_012, 1), (1_000_000_000_000_000_000, 332_222)] {
        assert_eq!(pool().output(input, ends), output, "{input}");
    }
    assert_eq!(pool().output(1, [ends[1], ends[0]]), 0, "the fee takes all of a unit");
    assert_eq!(pool().output(5, [0, 0]), 0);
}

#[test]
fn a_trade_is_for_what_it_must_bring_or_refused() {
    let ends = [1_000_000, 1_000_000];
    let sell = |min_output| pool().amounts(Size::Sell { input: 1_000, min_output }, ends);
    let pays = pool().output(1_000, ends);
    assert_eq!(sell(pays), Ok([1_000, pays]));
    assert_eq!(sell(0), Ok([1_000, 1]), "a pool takes no order for nothing");
    assert!(sell(pays + 1).is_err());
    let buy = |max_input| pool().amounts(Size::Buy { output: pays, max_input }, ends);
    let Ok([input, least]) = buy(1_000) else { panic!("1000 buy it") };
    assert!(input <= 1_000 && least == pays);
    assert!(buy(input - 1).is_err());
    assert!(pool().amounts(Size::Buy { output: 0, max_input: 5 }, ends).is_err());
    assert!(pool().amounts(Size::Buy { output: ends[1], max_input: u128::MAX }, ends).is_err(), "all of the reserve");
}

#[test]
fn a_swap_is_a_transfer_that_the_token_hands_on() {
    let text = |tags: Vec<Tag>| tags.into_iter().map(|tag| format!("{}={}", tag.name, tag.value)).collect::<Vec<_>>();
    let order = ["X-Action=Swap".to_owned(), "X-Expected-Min-Output=5".to_owned()];
    let expected = [format!("Recipient={OWN}"), "Quantity=7".to_owned()];
    let sent = text(transfer(OWN, 7, &super::order(5)));
    assert_eq!((sent[0].as_str(), &sent[1..3], &sent[3..]), ("Action=Transfer", &expected[..], &order[..]));
    let told = text(notice(OWN, 7, &super::order(5)));
    assert_eq!((told[0].as_str(), &told[3..]), ("Action=Credit-Notice", &order[..]));
}

#[test]
fn what_a_pool_answers_is_read() {
    let (one, other) = (ONE.to_string(), OTHER.to_string());
    let action = |action| ("Action", action);
    let read = |a, b| pair(&says("", &[action("Get-Pair-Response"), ("Token-A", a), ("Token-B", b)]));
    assert_eq!(read(&one, &other), Ok([ONE, OTHER]));
    assert!(read(&one, &one).is_err() && read(&one, "x").is_err());
    let held = |a, b| reserves(&says("", &[action("Get-Reserves-Response"), (&one, a), (&other, b)]), [ONE, OTHER]);
    assert_eq!(held("5", "340282366920938463463374607431768211455"), Ok([5, u128::MAX]));
    for wrong in ["", "-5", "+5", "5.0", "1e3", "0x5", "340282366920938463463374607431768211456"] {
        assert!(held("5", wrong).is_err() && held(wrong, "5").is_err(), "{wrong:?}");
    }
    let fee = |text| percentage(&says("", &[action("Get-Fee-Percentage-Response"), ("Fee-Percentage", text)]));
    assert_eq!((fee("0.3"), fee("1")), (Ok((3, 1)), Ok((1, 0))));
    assert!(fee("much").is_err());
    assert_eq!(decimals(&says("", &[("Denomination", "12")])), Ok(12));
    assert!(decimals(&says("", &[("Denomination", "256")])).is_err());
    assert!(matches!(pair(&Outcome::default()), Err(CallError::Fault(why)) if why.contains("no pool")));
}

#[test]
fn what_is_for_somebody_else_is_no_payment() {
    let (own, token) = (OWN.to_string(), ONE.to_string());
    let credit =
        |target, quantity| credited(&says(target, &[("Action", "Credit-Notice"), ("Quantity", quantity)]), OWN);
    assert_eq!((credit(&own, "5"), credit(&token, "5"), credit(&own, "-5")), (Some(5), None, None));
    let paid = |recipient, more: &[(&str, &str)]| {
        let tags = [&[("Action", "Transfer"), ("Recipient", recipient), ("Quantity", "5")], more].concat();
        payment(&says(&token, &tags), OWN)
    };
    assert_eq!(paid(&own, &[]), Some(Payment { token: ONE, quantity: 5, refund: None }));
    assert_eq!(paid(&token, &[]), None);
    let back = paid(&own, &[("X-Refund-Reason", "[string \"a\"]:1: Could not swap with expected min output")]);
    assert!(back.and_then(|paid| paid.refund).is_some_and(|reason| Payment::is_guard(&reason)));
    let back = paid(&own, &[("X-Error", "Token is not in pair")]);
    assert!(back.and_then(|paid| paid.refund).is_some_and(|reason| !Payment::is_guard(&reason)));
}

proptest! {
    #[test]
    fn the_least_input_pays_and_one_unit_less_does_not(
        reserve_in in 1..u128::from(u64::MAX), reserve_out in 1..u128::from(u64::MAX), output in 1..u128::from(u64::MAX),
    ) {
        let ends = [reserve_in, reserve_out];
        match pool().input(output, ends) {
            Some(input) => prop_assert!(pool().output(input, ends) >= output && pool().output(input - 1, ends) < output),
            None => prop_assert!(output >= reserve_out),
        }
    }

    #[test]
    fn the_product_never_falls_and_the_pool_pays_no_more_than_one_whose_fee_is_not_rounded(
        reserve_in in 1..u128::from(u64::MAX), reserve_out in 1..u128::from(u64::MAX), input: u64,
    ) {
        let (ends, input) = ([reserve_in, reserve_out], u128::from(input));
        let paid = pool().output(input, ends);
        prop_assert!((reserve_in + input).checked_mul(reserve_out - paid).is_none_or(|after| after >= reserve_in * reserve_out));
        let unrounded = Hop { reserve_in, reserve_out, fee: pool().fee };
        prop_assert!(paid <= unrounded.output(input));
    }

    #[test]
    fn any_answer_is_read_or_an_error(target in "\\PC{0,50}", name in "\\PC{0,20}", value in "\\PC{0,50}", action in 0_usize..6) {
        let actions = ["Get-Pair-Response", "Get-Reserves-Response", "Get-Fee-Percentage-Response", "Credit-Notice", "Transfer", "Transfer-Error"];
        let outcome = says(&target, &[("Action", actions[action]), (&name, &value), ("Token-A", &value), ("Quantity", &value), ("Fee-Percentage", &value)]);
        let _ = (pair(&outcome), percentage(&outcome), decimals(&outcome), payment(&outcome, OWN), credited(&outcome, OWN));
        prop_assert!(reserves(&outcome, [ONE, OTHER]).is_err());
        prop_assert!(refusal(&outcome).chars().count() <= 200);
    }
}
