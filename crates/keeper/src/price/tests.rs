use proptest::prelude::*;

use super::*;

const GUARDS: Guards = Guards { max_age: 60, max_confidence_bps: 100, max_jump_bps: 1_000, endpoints: 2 };

fn price(whole: u128) -> Price {
    Price::new(whole * Price::ONE.raw()).unwrap()
}

fn reading(endpoint: u16, answer: i128, published: u64) -> Reading {
    Reading { endpoint, answer, confidence: 0, decimals: 0, published, at: published }
}

/// A feed that said 2000 at 100, from both endpoints.
fn settled() -> Source {
    let mut source = Source::new(GUARDS);
    source.read(&reading(0, 2_000, 100));
    source.read(&reading(1, 2_000, 100));
    source
}

#[test]
fn the_first_price_needs_two_endpoints_or_there_is_but_one() {
    let mut source = Source::new(GUARDS);
    assert_eq!(source.judge(100), Err(Verdict::Unavailable));
    source.read(&reading(0, 2_000, 100));
    source.read(&reading(0, 2_000, 101));
    assert_eq!(source.judge(101), Err(Verdict::TooVolatile));
    assert_eq!(source.to_confirm(), Some(0));
    source.read(&reading(1, 2_001, 101));
    assert_eq!(source.judge(101), Ok(Quote::new(Verdict::Valid, price(2_001))));

    let mut alone = Source::new(Guards { endpoints: 1, ..GUARDS });
    alone.read(&reading(0, 2_000, 100));
    assert_eq!(alone.judge(100), Ok(Quote::new(Verdict::Valid, price(2_000))));
}

#[test]
fn a_jump_for_one_reading_or_one_round_or_from_one_endpoint_is_not_believed() {
    let mut source = settled();
    source.read(&reading(0, 20_000, 110));
    assert_eq!(source.judge(110).unwrap().verdict(), Verdict::TooVolatile);
    // The same round from the other endpoint: the feed erred, not the endpoint.
    source.read(&reading(1, 20_000, 110));
    // Later rounds from the endpoint that began it.
    source.read(&reading(0, 20_000, 120));
    assert_eq!(source.judge(120).unwrap().verdict(), Verdict::TooVolatile);
    source.read(&reading(1, 2_010, 130));
    assert_eq!(source.judge(130), Ok(Quote::new(Verdict::Valid, price(2_010))));
    assert_eq!(source.to_confirm(), None);
}

#[test]
fn a_jump_that_another_endpoint_reads_from_a_later_round_is_believed() {
    let mut source = settled();
    source.read(&reading(0, 1_400, 110));
    source.read(&reading(1, 1_390, 111));
    assert_eq!(source.judge(111), Ok(Quote::new(Verdict::Valid, price(1_390))));
}

#[test]
fn garbage_hides_the_price_before_it_until_a_good_answer_comes() {
    for (wrong, verdict) in [
        (reading(0, 0, 110), Verdict::NonPositive),
        (reading(0, -5, 110), Verdict::NonPositive),
        (reading(0, i128::MAX, 110), Verdict::NonPositive),
        (Reading { confidence: 21, ..reading(0, 2_000, 110) }, Verdict::TooUncertain),
        (Reading { at: 109, ..reading(0, 2_000, 110) }, Verdict::Unavailable),
    ] {
        let mut source = settled();
        source.read(&wrong);
        assert_eq!(source.judge(110).unwrap().verdict(), verdict);
        source.read(&reading(0, 2_000, 111));
        assert_eq!(source.judge(111).unwrap().verdict(), Verdict::Valid);
    }
}

#[test]
fn a_feeds_confidence_is_the_distance_between_the_lower_and_the_higher_price() {
    let mut source = Source::new(Guards { endpoints: 1, ..GUARDS });
    source.read(&Reading { confidence: 20, ..reading(0, 2_000, 100) });
    let quote = source.judge(100).unwrap();
    assert_eq!((quote.lower(Verdict::Valid), quote.higher(Verdict::Valid)), (Ok(price(1_980)), Ok(price(2_020))));
    let rule = Rule::Bounded { primary: "0".into(), reference: "1".into(), max_deviation_bps: 200 };
    let both = rule.combine(|name| if name == "0" { Ok(quote) } else { Ok(Quote::new(Verdict::Valid, price(2_000))) });
    assert_eq!(both, Ok(quote), "what it is compared with does not change it");
}

#[test]
fn a_price_is_stale_by_its_chains_clock_and_an_older_one_changes_nothing() {
    let mut source = settled();
    source.read(&reading(0, 1_990, 99));
    assert_eq!(source.judge(160), Ok(Quote::new(Verdict::Valid, price(2_000))));
    assert_eq!(source.judge(161).unwrap().verdict(), Verdict::Stale);
}

fn judged(all: &[(Verdict, u128)]) -> impl Fn(&str) -> Judged {
    move |name| match all[name.parse::<usize>().unwrap()] {
        (Verdict::Unavailable, _) => Err(Verdict::Unavailable),
        (verdict, whole) => Ok(Quote::new(verdict, price(whole))),
    }
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|index| index.to_string()).collect()
}

#[test]
fn the_worst_of_two_is_the_outer_prices_and_needs_both() {
    use Verdict::{Stale, Unavailable, Valid};
    let rule = Rule::Worst(names(2));
    let quote = rule.combine(judged(&[(Valid, 2_000), (Stale, 1_990)])).unwrap();
    assert_eq!((quote.lower(Stale), quote.higher(Stale)), (Ok(price(1_990)), Ok(price(2_000))));
    assert_eq!(quote.lower(Valid), Err(Stale));
    assert_eq!(rule.combine(judged(&[(Valid, 2_000), (Unavailable, 0)])), Err(Unavailable));
    assert_eq!(Rule::Worst(vec![]).combine(judged(&[])), Err(Unavailable));
}

#[test]
fn a_median_leaves_out_what_is_not_valid_and_needs_its_quorum() {
    use Verdict::{Stale, TooVolatile, Valid};
    let rule = Rule::Median { sources: names(4), quorum: 3 };
    let odd = rule.combine(judged(&[(Valid, 9_000), (TooVolatile, 1), (Valid, 2_000), (Valid, 1_990)])).unwrap();
    assert_eq!((odd.lower(Valid), odd.higher(Valid)), (Ok(price(2_000)), Ok(price(2_000))));
    let even = rule.combine(judged(&[(Valid, 1), (Valid, 2_000), (Valid, 1_990), (Valid, 9_000)])).unwrap();
    assert_eq!((even.lower(Valid), even.higher(Valid)), (Ok(price(1_990)), Ok(price(2_000))));
    let few = rule.combine(judged(&[(Valid, 1), (Stale, 2_000), (Valid, 1_990), (TooVolatile, 9_000)]));
    assert_eq!(few, Err(Stale));
}

#[test]
fn a_primary_counts_only_near_a_valid_reference() {
    use Verdict::{Stale, TooUncertain, Valid};
    let rule = Rule::Bounded { primary: "0".into(), reference: "1".into(), max_deviation_bps: 100 };
    assert_eq!(rule.combine(judged(&[(Valid, 2_020), (Valid, 2_000)])), Ok(Quote::new(Valid, price(2_020))));
    assert_eq!(rule.combine(judged(&[(Valid, 2_021), (Valid, 2_000)])).unwrap().verdict(), TooUncertain);
    assert_eq!(rule.combine(judged(&[(Stale, 2_000), (Valid, 2_000)])).unwrap().verdict(), Stale);
    assert_eq!(rule.combine(judged(&[(Valid, 2_000), (Stale, 2_000)])), Err(Stale));
}

proptest! {
    /// Whatever one endpoint says, alone it never moves the price by more than a jump at a time.
    #[test]
    fn one_endpoint_alone_never_makes_a_price_jump(
        answers in prop::collection::vec((any::<i128>().prop_map(|x| x >> 64), 0..5_u64), 1..40),
    ) {
        let mut source = settled();
        let (mut last, mut published) = (price(2_000), 100);
        for (answer, later) in answers {
            published += later;
            source.read(&reading(0, answer, published));
            if let Ok(now) = source.judge(published).and_then(|quote| quote.lower(Verdict::Valid)) {
                let (low, high) = (last.min(now).raw(), last.max(now).raw());
                prop_assert!((high - low) * 10_000 <= low * 1_000);
                last = now;
            }
        }
    }
}
