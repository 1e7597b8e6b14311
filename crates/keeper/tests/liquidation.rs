//! Liquidation, input by input.

#![expect(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "tests: the allowance in clippy.toml does not reach functions beside the test functions"
)]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use support::{DOLLAR, WHOLE, World, acts, config, obstacle, owner};
use tim3_domain::{identity::Account, market::MarketTerms, price::Verdict};
use tim3_keeper::{
    Action, Config, Decision, Input, Keeper, Mode, Subject,
    arbitrage::Fill,
    config::{Parameters, SourceConfig},
    decision::Rule,
    input::Outcome,
    ledger::Move,
    limits::Budget,
    price::Rule as Price,
};

const WETH: u128 = 1_000_000_000_000_000_000;

/// 500 positions of 10 WETH; those numbered below 50 are unhealthy below 1900 dollars, the others below 1200.
fn market(mode: Mode) -> World {
    let mut world = World::new(config(mode));
    world.open();
    world.hold("east", "TIM3", 5_000_000 * WHOLE);
    world.hold("east", "WETH", 0);
    world.hold("east", "ETH", WETH);
    for number in 0..500 {
        let critical = if number < 50 { 1_900 } else { 1_200 };
        let step = world.position(number, 10 * WETH, 10 * critical * 8_250 / 10_000 * WHOLE);
        assert!(step.decisions.is_empty());
    }
    world
}

fn position_of(decision: &Decision) -> Account {
    match &decision.subject {
        Subject::Position { owner, .. } => *owner,
        other => panic!("{other}"),
    }
}

/// What the chain makes of a liquidation: exactly what was expected, for this gas.
fn done(world: &mut World, decision: &Decision, gas: u128) {
    let Some(Action::Liquidate { expected, .. }) = &decision.action else { panic!("{decision}") };
    let signed = |amount: u128| i128::try_from(amount).unwrap();
    let change = |asset: &str, delta| Move { chain: "east".into(), asset: asset.into(), delta };
    let moves = vec![
        change("TIM3", -signed(expected.repaid)),
        change("WETH", signed(expected.seized)),
        change("ETH", -signed(gas)),
    ];
    let fill = Fill { input: expected.repaid, output: expected.seized };
    world.give(Input::Outcome {
        decision: decision.number,
        outcome: Outcome::Done { fill, moves, swept: Vec::new(), gas },
    });
}

#[test]
fn a_price_fall_liquidates_all_that_are_unhealthy_and_only_those_and_the_ledger_is_the_chain() {
    let mut world = market(Mode::Live);
    world.block();
    let mut decisions = world.reading("eth", 0, 180_000).decisions;
    assert_eq!(acts(&decisions).len(), 32, "as many as one look decides about");
    // Those in flight take nobody's place.
    decisions.extend(world.look());
    let taken: Vec<Decision> = acts(&decisions).into_iter().cloned().collect();
    let owners: BTreeSet<Account> = taken.iter().map(position_of).collect();
    assert_eq!(owners, (0..50).map(owner).collect());
    assert_eq!(taken.len(), 50, "each once");
    assert!(world.look().is_empty(), "nothing is decided twice");

    let mut balances: BTreeMap<&str, i128> = BTreeMap::new();
    for decision in &taken {
        done(&mut world, decision, 400_000_000_000_000);
        let Some(Action::Liquidate { expected, .. }) = &decision.action else { panic!("{decision}") };
        *balances.entry("TIM3").or_default() -= i128::try_from(expected.repaid).unwrap();
        *balances.entry("WETH").or_default() += i128::try_from(expected.seized).unwrap();
    }
    let held = |asset: &str, before: u128| before.checked_add_signed(balances[asset]).unwrap();
    for (asset, amount) in
        [("TIM3", held("TIM3", 5_000_000 * WHOLE)), ("WETH", held("WETH", 0)), ("ETH", WETH - 50 * 400_000_000_000_000)]
    {
        assert_eq!(world.hold("east", asset, amount).differences, []);
    }
    let differences = world.hold("east", "WETH", 1).differences;
    assert_eq!(differences.len(), 1);
    assert!(world.keeper.ledger().result(Mode::Live) > i128::try_from(1_000 * DOLLAR).unwrap());
}

#[test]
fn an_oracle_that_errs_triggers_nothing() {
    // One round that is ten times too low, from both endpoints; a lying endpoint for many rounds; garbage; silence.
    let mut world = market(Mode::Live);
    world.block();
    assert!(world.readings("eth", [(0, 20_000), (1, 20_000)]).decisions.is_empty());
    for _ in 0..10 {
        world.block();
        let step = world.reading("eth", 0, 20_000);
        assert!(step.decisions.is_empty());
        assert_eq!(world.keeper.book("weth").unwrap().price(), Err(Verdict::TooVolatile));
    }
    for garbage in [0, -1, i128::MAX, i128::MIN] {
        world.block();
        assert!(world.reading("eth", 1, garbage).decisions.is_empty());
        assert!(world.look().is_empty());
    }
    let mut world = market(Mode::Live);
    for _ in 0..400 {
        world.block();
    }
    assert!(world.look().is_empty());
    assert_eq!(world.keeper.book("weth").unwrap().price(), Err(Verdict::Stale));
    assert_eq!(world.keeper.book("weth").unwrap().ladder(&[10_000]).unknown, 500, "unknown is not healthy");
}

#[test]
fn a_collateral_that_is_quoted_in_another_asset_is_as_dear_as_both_say_and_as_well_known_as_the_worse() {
    let mut config = config(Mode::Live);
    let pool = SourceConfig { quote: Some("USDA".into()), ..config.sources["eth"].clone() };
    config.sources.insert("pool".into(), pool);
    config.feeds.insert("pool".into(), Price::Primary("pool".into()));
    config.markets.get_mut("weth").unwrap().feed = "pool".into();
    let mut world = World::new(config.clone());
    world.open();
    world.position(1, 10 * WETH, 10 * 1_900 * 8_250 / 10_000 * WHOLE);
    let price = |world: &World| world.keeper.book("weth").unwrap().price().map(|price| price.to_string());
    assert_eq!(price(&world), Err(Verdict::Unavailable), "the pool was not read");
    world.price("pool", 200_000);
    world.look();
    assert_eq!(price(&world), Ok("2000".to_owned()));
    // In USDA it costs as much as before, and USDA is cheaper.
    world.block();
    world.price("usd", 94);
    world.look();
    assert_eq!(price(&world), Ok("1880".to_owned()));
    assert_eq!(world.keeper.book("weth").unwrap().liquidatable(), 1);
    // What it is quoted in has no price that is believed.
    world.block();
    world.reading("usd", 0, 10);
    world.look();
    assert_eq!(price(&world), Err(Verdict::TooVolatile));

    // No price hangs on itself, whatever way round.
    config.sources.get_mut("usd").unwrap().quote = Some("WETH".into());
    let error = config.check().unwrap_err().to_string();
    assert!(error.contains("sources.pool.quote is USDA"), "{error}");
    config.sources.get_mut("usd").unwrap().quote = Some("COIN".into());
    assert!(config.check().is_err(), "an asset that is not there");
}

#[test]
fn a_position_that_could_not_be_read_is_left_until_it_is() {
    let mut world = market(Mode::Live);
    let (market, who) = ("weth".to_owned(), owner(7));
    world.give(Input::PositionUnknown { market, owner: who, reason: "timeout".into() });
    world.block();
    let mut decisions = world.price("eth", 180_000);
    decisions.extend(world.look());
    assert!(acts(&decisions).iter().all(|decision| position_of(decision) != who));
    assert_eq!(acts(&decisions).len(), 49);
    let step = world.position(7, 10 * WETH, 10 * 1_900 * 8_250 / 10_000 * WHOLE);
    assert_eq!(acts(&step.decisions).len(), 1);
}

#[test]
fn what_fails_waits_and_holds_nobody_up_and_a_lost_race_does_not_wait() {
    let mut config = config(Mode::Live);
    config.liquidation.per_look = 1;
    let mut world = World::new(config);
    world.open();
    world.hold("east", "TIM3", 5_000_000 * WHOLE);
    for number in 0..2 {
        world.position(number, 10 * WETH, (15_700 + u128::from(number)) * WHOLE);
    }
    world.block();
    let first = world.reading("eth", 0, 180_000).decisions[0].clone();
    assert_eq!(position_of(&first), owner(1), "the least healthy first");
    let reason = "reverted: SeizedTooLittle".to_owned();
    world.give(Input::Outcome { decision: first.number, outcome: Outcome::Refused { reason: reason.clone() } });
    world.block();
    let looked: Vec<Decision> = acts(&world.look()).into_iter().cloned().collect();
    assert_eq!(position_of(&looked[0]), owner(0), "the other one is not held up");
    let (subject, waiting) = world.keeper.flights().waiting().first_key_value().unwrap();
    assert_eq!((subject, waiting.reason.as_str()), (&first.subject, reason.as_str()));
    world.give(Input::Outcome { decision: looked[0].number, outcome: Outcome::Lost { gas: 7 } });
    assert_eq!(world.keeper.ledger().lost(), 1);
    world.block();
    assert!(acts(&world.look()).iter().all(|decision| position_of(decision) != owner(0)), "it is not known now");
    let known = world.position(0, 10 * WETH, 15_700 * WHOLE).decisions;
    assert_eq!(
        acts(&known).into_iter().map(position_of).collect::<Vec<_>>(),
        [owner(0)],
        "who lost a race does not wait"
    );
    // An outcome that comes twice changes nothing.
    assert!(
        world.give(Input::Outcome { decision: looked[0].number, outcome: Outcome::Lost { gas: 7 } }).entries.is_empty()
    );
    assert_eq!(world.keeper.ledger().lost(), 1);
}

#[test]
fn each_reason_not_to_act_is_said_once_counted_and_names_its_number() {
    type Change = fn(&mut World);
    let cases: [(Rule, Change); 6] = [
        (Rule::Repayment, |world| drop(world.hold("east", "TIM3", 0))),
        (Rule::Paused, |world| drop(world.give(Input::Pause { paused: true }))),
        (Rule::PauseLevel, |world| {
            world.give(Input::PauseLevel { chain: "east".into(), asset: "TIM3".into(), level: 3 });
        }),
        (Rule::Profit, |world| {
            world.give(Input::Gas { chain: "east".into(), liquidation: WETH, step: 0 });
        }),
        (Rule::ChainAge, |world| world.now_ms += 60_001),
        (Rule::DailyLoss, |world| {
            // An attempt of yesterday's plan that burned 1.2 ETH of gas.
            world.position(1, 10 * WETH, 15_900 * WHOLE);
            let started = world.price("eth", 190_000)[0].clone();
            let gas = 1_200_000_000_000_000_000;
            world.give(Input::Outcome { decision: started.number, outcome: Outcome::Lost { gas } });
        }),
    ];
    for (rule, change) in cases {
        let mut world = World::new(config(Mode::Live));
        world.open();
        world.hold("east", "TIM3", 5_000_000 * WHOLE);
        world.block();
        change(&mut world);
        let mut decisions = world.position(0, 10 * WETH, 15_800 * WHOLE).decisions;
        decisions.extend(world.price("eth", 180_000));
        let left = decisions.iter().find(|decision| position_of(decision) == owner(0));
        let left =
            left.unwrap_or_else(|| panic!("{rule}: {decisions:?}, {:?}", world.keeper.book("weth").unwrap().price()));
        assert_eq!(obstacle(left), Some(rule), "{left}");
        let check = left.obstacle().unwrap();
        assert!(left.to_string().contains(&format!("NOT: {}", check.rule)), "{left}");
        assert!(left.to_string().contains(&check.bound.to_string()), "{left}");
        assert_eq!(world.keeper.ledger().missed()[&rule], 1);
        let again = world.look();
        assert!(again.iter().all(|decision| position_of(decision) != owner(0)), "said once");
    }
}

#[test]
fn what_was_not_sent_and_what_somebody_else_took_leave_the_days_caps_as_they_were() {
    for (outcome, is_tried_again) in [
        (Outcome::Refused { reason: "no node takes it".into() }, true),
        (Outcome::Lost { gas: 7 }, true),
        (Outcome::Failed { reason: "out of gas".into(), gas: 7 }, false),
    ] {
        let mut config = config(Mode::Live);
        // What is repaid is some 8900 dollars.
        config.limits.day = 10_000 * DOLLAR;
        let mut world = World::new(config);
        world.open();
        world.hold("east", "TIM3", 5_000_000 * WHOLE);
        world.position(0, 10 * WETH, 15_700 * WHOLE);
        world.block();
        let decision = acts(&world.price("eth", 180_000))[0].number;
        world.give(Input::Outcome { decision, outcome: outcome.clone() });
        world.position(0, 10 * WETH, 15_700 * WHOLE);
        world.now_ms += 60_000;
        world.block();
        assert_eq!(!acts(&world.look()).is_empty(), is_tried_again, "{outcome:?}");
    }
}

#[test]
fn each_mode_has_its_own_day() {
    let mut world = market(Mode::Paper);
    world.price("eth", 180_000);
    let gained = world.keeper.budget().result();
    assert!(gained > 0);
    let mode = |world: &mut World, mode| {
        let parameters = Parameters { mode, ..world.keeper.config().parameters() };
        world.give(Input::Parameters(Box::new(parameters)));
        world.keeper.budget().result()
    };
    assert_eq!(mode(&mut world, Mode::Live), 0, "what was never earned covers no loss");
    assert_eq!(mode(&mut world, Mode::Paper), gained);
    let mut carried = Keeper::resume(world.keeper.config().clone(), world.keeper.carried().unwrap()).unwrap();
    assert_eq!(carried.budget().result(), gained);
    let live = Config { mode: Mode::Live, ..world.keeper.config().clone() };
    carried = Keeper::resume(live, world.keeper.carried().unwrap()).unwrap();
    assert_eq!(carried.budget().result(), 0);
}

#[test]
fn what_was_begun_live_counts_on_the_day_of_that_mode() {
    let mut world = market(Mode::Live);
    world.block();
    let decisions = world.price("eth", 180_000);
    let mode = |world: &mut World, mode| {
        let parameters = Parameters { mode, ..world.keeper.config().parameters() };
        world.give(Input::Parameters(Box::new(parameters)));
    };
    mode(&mut world, Mode::Observe);
    let begun = acts(&decisions);
    done(&mut world, begun[0], 400_000_000_000_000);
    for decision in &begun[1..] {
        let outcome = Outcome::Refused { reason: "no node takes it".into() };
        world.give(Input::Outcome { decision: decision.number, outcome });
    }
    assert_eq!(world.keeper.budget(), Budget::unused(), "nothing happened in this mode");
    mode(&mut world, Mode::Live);
    assert!(world.keeper.budget().result() > 0);
}

#[test]
fn a_clock_that_was_wrong_for_a_moment_stops_nothing() {
    let mut world = market(Mode::Live);
    let now_ms = world.now_ms;
    world.now_ms += 365 * 86_400_000;
    world.give(Input::Look);
    world.now_ms = now_ms;
    let decisions = world.price("eth", 180_000);
    let refused = acts(&decisions)[0];
    // What is refused by a clock that is ahead waits no longer than anything else.
    world.now_ms += 365 * 86_400_000;
    let outcome = Outcome::Refused { reason: "no node takes it".into() };
    world.give(Input::Outcome { decision: refused.number, outcome });
    world.now_ms = now_ms + 60_000;
    world.block();
    assert!(acts(&world.look()).iter().any(|decision| decision.subject == refused.subject));
}

#[test]
fn a_market_goes_by_its_new_terms_while_something_is_under_way() {
    let mut world = market(Mode::Live);
    world.price("eth", 189_900);
    assert_eq!(world.keeper.pending().count(), 50);
    let known = &world.keeper.config().markets["weth"];
    let (target, terms) =
        (known.target, MarketTerms { max_ltv_bps: 4_000, liquidation_threshold_bps: 5_000, ..known.terms });
    world.give(Input::Terms { market: "weth".into(), terms, target });
    world.block();
    assert_eq!(world.keeper.book("weth").unwrap().liquidatable(), 500);
    assert_eq!(acts(&world.look()).len(), 32, "others are unhealthy now");
    assert_eq!(world.keeper.config().markets["weth"].terms, terms, "and the next page begins with them");
    let wrong = Input::Terms { market: "weth".into(), terms: MarketTerms { bonus_bps: 60_000, ..terms }, target };
    assert!(world.keeper.check(&wrong).is_err());
}

#[test]
fn what_does_not_pay_takes_nobodys_place() {
    let mut config = config(Mode::Live);
    config.liquidation.per_look = 1;
    let mut world = World::new(config);
    world.open();
    world.hold("east", "TIM3", 5_000_000 * WHOLE);
    // Forty that are worse off and too small to pay, and one that pays.
    for number in 0..40 {
        world.position(number, WETH / 1_000, 16 * WHOLE / 10);
    }
    world.position(40, 10 * WETH, 15_700 * WHOLE);
    world.block();
    let decisions = world.reading("eth", 0, 170_000).decisions;
    let taken: Vec<Account> = acts(&decisions).into_iter().map(position_of).collect();
    assert_eq!(taken, [owner(40)]);
    assert_eq!(world.keeper.ledger().missed()[&Rule::Profit], 40);
}

#[test]
fn a_position_is_liquidated_again_only_after_its_next_version() {
    let mut world = market(Mode::Live);
    world.block();
    let first = world.reading("eth", 0, 180_000).decisions[0].clone();
    done(&mut world, &first, 0);
    world.block();
    assert!(world.look().iter().all(|decision| decision.subject != first.subject));
    assert_eq!(world.keeper.book("weth").unwrap().unknown().count(), 1);
    let number = (0..50).find(|number| owner(*number) == position_of(&first)).unwrap();
    let step = world.position(number, 9 * WETH, 15_000 * WHOLE);
    assert_eq!(acts(&step.decisions)[0].subject, first.subject);
}

#[test]
fn inventory_that_is_spoken_for_is_not_spent_twice() {
    let mut world = World::new(config(Mode::Live));
    world.open();
    world.hold("east", "TIM3", 6_000 * WHOLE);
    for number in 0..2 {
        world.position(number, 10 * WETH, 15_700 * WHOLE);
    }
    world.block();
    let mut decisions = world.price("eth", 180_000);
    decisions.extend(world.look());
    let repaid = |decision: &Decision| match &decision.action {
        Some(Action::Liquidate { expected, .. }) => expected.repaid,
        _ => 0,
    };
    let sum: u128 = decisions.iter().map(repaid).sum();
    assert_eq!((acts(&decisions).len(), sum), (1, 6_000 * WHOLE));
}

#[test]
fn paper_fills_as_quoted_and_observe_only_says_so() {
    let mut paper = market(Mode::Paper);
    paper.block();
    let decisions = paper.reading("eth", 0, 180_000).decisions;
    assert_eq!(acts(&decisions).len(), 32);
    let entries: Vec<_> = paper.record.iter().flat_map(|(_, step)| &step.entries).collect();
    assert!(entries.len() >= 32 && entries.iter().all(|entry| entry.mode == Mode::Paper && entry.usd > 0));
    assert!(paper.keeper.ledger().result(Mode::Paper) > 0);
    assert_eq!(paper.hold("east", "TIM3", 5_000_000 * WHOLE).differences, [], "nothing moved");
    for _ in 0..5 {
        paper.block();
        paper.look();
    }
    let filled = paper.record.iter().flat_map(|(_, step)| &step.entries).count();
    assert_eq!(filled, 50, "what did not really happen is not gained twice");

    let mut observe = market(Mode::Observe);
    observe.block();
    assert_eq!(acts(&observe.reading("eth", 0, 180_000).decisions).len(), 32);
    assert!(observe.record.iter().all(|(_, step)| step.entries.is_empty()));
    assert!(observe.keeper.flights().in_flight().is_empty());
}

#[test]
fn what_is_not_configured_is_refused_and_changes_nothing() {
    let mut world = World::new(config(Mode::Live));
    let unknown = Input::Head { chain: "north".into(), height: 1, time: 1 };
    let error = world.keeper.step(&tim3_keeper::Recorded { sequence: 0, at_ms: 0, input: unknown }).unwrap_err();
    assert_eq!(error.to_string(), "chain \"north\" is not configured; there are: east, west");
    let mut wrong = config(Mode::Live);
    wrong.markets.get_mut("weth").unwrap().terms.bonus_bps = 3_000;
    assert!(tim3_keeper::Keeper::new(wrong).unwrap_err().to_string().starts_with("market weth: "));
    let mut wrong = config(Mode::Live);
    wrong.markets.get_mut("weth").unwrap().exit = Some("west pool".into());
    assert!(tim3_keeper::Keeper::new(wrong).unwrap_err().to_string().starts_with("markets.weth.exit"));
}

#[test]
fn a_new_page_goes_on_with_the_numbers_the_caps_and_the_results_of_the_one_before() {
    let mut world = market(Mode::Live);
    world.block();
    let decisions = world.reading("eth", 0, 180_000).decisions;
    assert_eq!(world.keeper.carried(), None, "what is under way would be lost");
    for decision in acts(&decisions) {
        done(&mut world, decision, 400_000_000_000_000);
    }
    let carried = world.keeper.carried().unwrap();
    assert_eq!(carried.decisions, 32);
    let text = serde_json::to_string(&carried).unwrap();
    assert_eq!(serde_json::from_str::<tim3_keeper::keeper::Carried>(&text).unwrap(), carried);
    let page = tim3_keeper::Keeper::resume(world.keeper.config().clone(), carried.clone()).unwrap();
    assert_eq!(page.ledger().result(Mode::Live), world.keeper.ledger().result(Mode::Live));
    assert_eq!((page.ledger().next(), page.budget()), (32, world.keeper.budget()));
    assert_eq!(page.carried(), Some(carried));
}

#[test]
fn parameters_change_while_it_runs_and_what_is_in_flight_is_finished() {
    let mut world = market(Mode::Live);
    world.block();
    let decisions = world.reading("eth", 0, 180_000).decisions;
    let mut parameters = world.keeper.config().parameters();
    parameters.mode = Mode::Observe;
    world.give(Input::Parameters(Box::new(parameters.clone())));
    let seen = world.look();
    assert!(!acts(&seen).is_empty() && acts(&seen).iter().all(|decision| decision.mode == Mode::Observe));
    for decision in acts(&decisions) {
        done(&mut world, decision, 400_000_000_000_000);
    }
    assert_eq!(world.keeper.pending().count(), 0);
    assert!(world.keeper.ledger().result(Mode::Live) > 0);
    parameters.limits.day = 0;
    world.give(Input::Parameters(Box::new(parameters)));
    world.block();
    assert!(world.look().iter().any(|decision| obstacle(decision) == Some(Rule::DayCap)));
}
