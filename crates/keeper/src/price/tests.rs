use proptest::prelude::*;

use super::*;

const GUARDS: Guards = Guards { max_age: 60, max_confidence_bps: 100, max_jump_bps: 2_000, endpoints: 3 };

fn price(whole: u128) -> Price {
    Price::new(whole * Price::ONE.raw()).unwrap()
}

fn reading(endpoint: u16, answer: i128, published: u64) -> Reading {
    Reading { endpoint, answer, confidence: 0, decimals: 0, published }
}

/// Endpoints 0, 1 and so on say this at the time of the newest of it.
fn hear(source: &mut Source, said: &[(i128, u64)]) -> Judged {
    let readings: Vec<Reading> =
        (0..).zip(said).map(|(endpoint, (answer, published))| reading(endpoint, *answer, *published)).collect();
    let now = said.iter().map(|(_, published)| *published).max().unwrap_or_default();
    source.read(&readings, now);
    source.judge(now)
}

fn valid(lower: u128, higher: u128) -> Judged {
    Ok(quote(Verdict::Valid, (price(lower), price(higher))))
}

/// The last price that was believed, with a verdict.
fn only(verdict: Verdict, whole: u128) -> Judged {
    Ok(Quote::new(verdict, price(whole)))
}

/// A feed that said 2000 at 100, from so many endpoints.
fn settled(endpoints: u16) -> Source {
    let mut source = Source::new(Guards { endpoints, ..GUARDS });
    assert_eq!(hear(&mut source, &vec![(2_000, 100); endpoints.into()]), valid(2_000, 2_000));
    source
}

#[test]
fn the_first_price_is_the_word_of_most_endpoints() {
    let mut source = Source::new(GUARDS);
    assert_eq!(source.judge(100), Err(Verdict::Unavailable));
    assert_eq!(hear(&mut source, &[(2_000, 100)]), Err(Verdict::Unavailable), "of one in three");
    assert_eq!(hear(&mut source, &[(2_000, 101), (3_000, 101)]), Err(Verdict::TooVolatile), "who of them is right?");
    assert_eq!(hear(&mut source, &[(2_000, 102), (2_010, 102)]), valid(2_000, 2_010));
    let mut both = Source::new(Guards { endpoints: 2, ..GUARDS });
    assert_eq!(hear(&mut both, &[(2_000, 100)]), Err(Verdict::TooVolatile), "of one in two");
    let mut alone = Source::new(Guards { endpoints: 1, ..GUARDS });
    assert_eq!(hear(&mut alone, &[(2_000, 100)]), valid(2_000, 2_000));
}

#[test]
fn one_of_three_that_lies_or_errs_changes_nothing_whatever_time_it_says() {
    let nonsense = [0, -5, i128::MAX, 1, 1_000_000, 2_390];
    for (answer, published) in
        nonsense.into_iter().flat_map(|answer| [0, 105, 160, 3_700, u64::MAX].map(|at| (answer, at)))
    {
        let mut source = settled(3);
        for (round, honest) in [(110, 1_800), (111, 1_700), (112, 1_690)] {
            let published = published.max(100);
            let said = [reading(0, answer, published), reading(1, honest, round), reading(2, honest, round)];
            source.read(&said, round);
            let exact = u128::try_from(honest).unwrap();
            assert_eq!(source.judge(round), valid(exact, exact), "{answer} at {published}");
        }
    }
}

#[test]
fn of_two_both_must_be_good_and_near_and_the_outer_prices_count() {
    let mut source = settled(2);
    assert_eq!(hear(&mut source, &[(1_800, 110), (2_000, 100)]), valid(1_800, 2_000), "one lags by a round");
    let last = Ok(quote(Verdict::NonPositive, (price(1_800), price(2_000))));
    assert_eq!(hear(&mut source, &[(1_800, 110), (0, 111)]), last, "which of them is right nobody can tell");
    assert_eq!(hear(&mut source, &[(1_800, 112), (2_200, 112)]).unwrap().verdict(), Verdict::TooVolatile);
    // However long it says so.
    assert_eq!(hear(&mut source, &[(1_800, 113), (2_200, 113)]).unwrap().verdict(), Verdict::TooVolatile);
    source.read(&[reading(0, 1_800, 114), reading(1, 1_800, 3_714)], 114);
    assert_eq!(source.judge(114).unwrap().verdict(), Verdict::Unavailable, "no price is from the future");
    assert_eq!(hear(&mut source, &[(1_800, 115)]), valid(1_800, 1_800), "silence says nothing");
}

#[test]
fn a_time_in_the_future_makes_nobodys_later_word_an_older_one() {
    let mut source = settled(1);
    source.read(&[reading(0, 2_100, 3_700)], 110);
    assert_eq!(source.judge(110), only(Verdict::Unavailable, 2_000));
    source.read(&[reading(0, 1_990, 120)], 120);
    assert_eq!(source.judge(120), valid(1_990, 1_990));
    // A clock that is known a little late.
    source.read(&[reading(0, 1_980, 190)], 130);
    assert_eq!(source.judge(130), valid(1_980, 1_980));
    source.read(&[reading(0, 1_970, 191)], 130);
    assert_eq!(source.judge(130), only(Verdict::Unavailable, 1_980));
    assert_eq!(source.judge(131), valid(1_970, 1_970), "its time has come");
}

#[test]
fn a_jump_is_believed_when_most_endpoints_read_it_in_two_rounds() {
    for endpoints in 1..=3 {
        let mut source = settled(endpoints);
        let all = |answer, round| vec![(answer, round); endpoints.into()];
        // The feed errs for one round, however often it is read.
        for _ in 0..3 {
            assert_eq!(hear(&mut source, &all(20_000, 110)), only(Verdict::TooVolatile, 2_000));
        }
        assert_eq!(hear(&mut source, &all(2_010, 120)), valid(2_010, 2_010));
        assert_eq!(hear(&mut source, &all(1_400, 130)), only(Verdict::TooVolatile, 2_010));
        assert_eq!(hear(&mut source, &all(1_000, 131)), only(Verdict::TooVolatile, 2_010), "another one");
        assert_eq!(hear(&mut source, &all(1_010, 132)), valid(1_010, 1_010));
    }
    // From one endpoint alone, while the others are silent or behind.
    let mut source = settled(2);
    for round in [110, 120, 130] {
        assert_eq!(hear(&mut source, &[(1_400, round)]), only(Verdict::TooVolatile, 2_000));
        assert_eq!(hear(&mut source, &[(1_400, round), (2_000, 100)]), only(Verdict::TooVolatile, 2_000));
    }
    let mut source = settled(3);
    let jump = hear(&mut source, &[(1_400, 110), (1_400, 110), (2_000, 100)]);
    assert_eq!(jump, only(Verdict::TooVolatile, 2_000));
    let jump = hear(&mut source, &[(1_400, 120), (1_400, 110), (2_000, 100)]);
    assert_eq!(jump, only(Verdict::TooVolatile, 2_000), "one has read the second round");
    assert_eq!(hear(&mut source, &[(1_400, 120), (1_400, 120), (2_000, 100)]), valid(1_400, 1_400));
}

#[test]
fn an_endpoint_that_goes_back_to_an_older_round_is_taken_at_its_newer_word() {
    let mut source = settled(3);
    assert_eq!(hear(&mut source, &[(1_900, 110), (1_900, 110), (2_000, 100)]), valid(1_900, 1_900));
    assert_eq!(hear(&mut source, &[(2_000, 100), (1_900, 110), (2_000, 100)]), valid(1_900, 1_900));
    // Garbage has no time that counts.
    let mut alone = settled(1);
    assert_eq!(hear(&mut alone, &[(0, 110)]), only(Verdict::NonPositive, 2_000));
    assert_eq!(hear(&mut alone, &[(1_990, 105)]), valid(1_990, 1_990));
}

#[test]
fn a_feeds_confidence_is_the_distance_between_the_lower_and_the_higher_price() {
    let mut source = settled(1);
    source.read(&[Reading { confidence: 20, ..reading(0, 2_000, 101) }], 101);
    let range = source.judge(101).unwrap();
    assert_eq!(Ok(range), valid(1_980, 2_020));
    let rule = Rule::Bounded { primary: "0".into(), reference: "1".into(), max_deviation_bps: 200 };
    let both = rule.combine(|name| if name == "0" { Ok(range) } else { Ok(Quote::new(Verdict::Valid, price(2_000))) });
    assert_eq!(both, Ok(range), "what it is compared with does not change it");
    source.read(&[Reading { confidence: 21, ..reading(0, 2_000, 102) }], 102);
    assert_eq!(source.judge(102), only(Verdict::TooUncertain, 2_000));
}

#[test]
fn a_price_is_stale_by_its_chains_clock_once_most_have_none_that_is_younger() {
    let mut source = settled(3);
    assert_eq!(source.judge(160), valid(2_000, 2_000));
    assert_eq!(source.judge(161), only(Verdict::Stale, 2_000));
    assert_eq!(hear(&mut source, &[(2_010, 120), (2_010, 120), (2_000, 100)]), valid(2_010, 2_010));
    assert_eq!(source.judge(180), valid(2_010, 2_010));
    assert_eq!(source.judge(181), only(Verdict::Stale, 2_010));
}

#[test]
fn what_was_believed_before_makes_a_jump_one_for_a_feed_that_begins_anew() {
    let mut source = Source::new(GUARDS);
    source.believe(settled(3).believed().unwrap());
    assert_eq!(source.judge(100), only(Verdict::Unavailable, 2_000));
    assert_eq!(hear(&mut source, &[(1_400, 110); 3]), only(Verdict::TooVolatile, 2_000));
    assert_eq!(hear(&mut source, &[(1_990, 120); 3]), valid(1_990, 1_990));
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
    let wide = |lower, higher| Ok(quote(Valid, (price(lower), price(higher))));
    let ranges = [wide(1_900, 2_100), wide(1_980, 2_000), wide(1_990, 2_050), Err(Stale)];
    assert_eq!(rule.combine(|name| ranges[name.parse::<usize>().unwrap()]), wide(1_980, 2_050), "each end for itself");
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
    let near = Ok(Quote::new(Valid, price(2_000)));
    let torn = rule.combine(|name| if name == "0" { valid(2_000, 2_300) } else { near });
    assert_eq!(torn.unwrap().verdict(), TooUncertain, "the higher end is not near");
}

/// What one endpoint says in one look, where it says what it likes; `None` where it says nothing.
fn anything() -> impl Strategy<Value = Option<(i128, u64)>> {
    let answer = prop_oneof![any::<i128>().prop_map(|x| x >> 64), 0..5_000_000_000_i128, -1..=1_i128];
    let published = prop_oneof![any::<u64>(), 0..5_000_u64, 1_000..1_400_u64];
    prop::option::weighted(0.9, (answer, published))
}

/// A feed that takes steps of so many percent, a round each ten seconds; by round, and from the second one on.
fn walk(steps: &[i128]) -> Vec<(i128, u64)> {
    let mut rounds = vec![(2_000_000_000_i128, 1_000_u64)];
    for percent in steps {
        let (answer, published) = rounds[rounds.len() - 1];
        rounds.push((answer * (100 + percent) / 100, published + 10));
    }
    rounds
}

fn whole(answer: i128) -> Price {
    Price::from_answer(answer, 0).unwrap()
}

proptest! {
    /// Those who tell what they read, some of them a round late, are more than those who say what they like.
    #[test]
    fn whatever_a_minority_says_there_is_a_price_and_it_is_within_what_the_others_say(
        honest in 1..5_u16,
        steps in prop::collection::vec((-8..=8_i128, any::<u8>(), prop::collection::vec(anything(), 3)), 1..40),
    ) {
        let liars = honest - 1;
        let mut source = Source::new(Guards { endpoints: honest + liars, ..GUARDS });
        let rounds = walk(&steps.iter().map(|(percent, ..)| *percent).collect::<Vec<_>>());
        for (pair, (_, late, lies)) in rounds.windows(2).zip(&steps) {
            let of = |endpoint: u16| pair[usize::from(late >> endpoint & 1 == 0)];
            let mut readings: Vec<Reading> = (0..honest).map(|it| reading(it, of(it).0, of(it).1)).collect();
            let lies = (honest..honest + liars).zip(lies);
            readings.extend(lies.filter_map(|(it, said)| said.map(|(answer, published)| reading(it, answer, published))));
            let now = pair[1].1;
            source.read(&readings, now);
            let said: Vec<i128> = (0..honest).map(|it| of(it).0).collect();
            let judged = source.judge(now).unwrap();
            let (lower, higher) = (judged.lower(Verdict::Valid), judged.higher(Verdict::Valid));
            prop_assert!(lower.is_ok_and(|lower| lower >= whole(*said.iter().min().unwrap())), "{judged:?} of {readings:?}");
            prop_assert!(higher.is_ok_and(|higher| higher <= whole(*said.iter().max().unwrap())), "{judged:?} of {readings:?}");
            prop_assert!(lower <= higher);
        }
    }

    /// With as many of one sort as of the other, a price that may be acted on reaches from what the ones say to what the others do.
    #[test]
    fn no_price_of_two_leaves_out_what_the_honest_one_says(
        steps in prop::collection::vec((-30..=30_i128, anything()), 1..40),
    ) {
        let mut source = settled(2);
        let rounds = walk(&steps.iter().map(|(percent, _)| *percent).collect::<Vec<_>>());
        for ((answer, published), (_, lie)) in rounds.into_iter().skip(1).zip(steps) {
            let lie = lie.map(|(answer, published)| reading(1, answer, published));
            source.read(&[Some(reading(0, answer, published)), lie].into_iter().flatten().collect::<Vec<_>>(), published);
            if let Ok(judged) = source.judge(published) && judged.verdict() == Verdict::Valid {
                let (lower, higher) = (judged.lower(Verdict::Valid).unwrap(), judged.higher(Verdict::Valid).unwrap());
                prop_assert!(lower <= whole(answer) && whole(answer) <= higher, "{judged:?}");
                prop_assert!(!is_far(lower, higher, GUARDS.max_jump_bps));
            }
        }
    }

    /// The middle is that of every way to leave out as many on one side as on the other.
    #[test]
    fn the_middle_is_what_is_left_when_the_outer_ones_are_taken_away(prices in prop::collection::vec(1..50_u128, 1..9)) {
        let mut left: Vec<Price> = prices.iter().map(|raw| price(*raw)).collect();
        let found = middle(left.iter().map(|price| (*price, *price)));
        while left.len() > 2 {
            let (least, most) = (*left.iter().min().unwrap(), *left.iter().max().unwrap());
            left.remove(left.iter().position(|price| *price == least).unwrap());
            left.remove(left.iter().position(|price| *price == most).unwrap());
        }
        prop_assert_eq!(found, Some((*left.iter().min().unwrap(), *left.iter().max().unwrap())));
    }
}
