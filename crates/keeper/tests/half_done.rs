//! Trades on two chains whose first leg is done.

#![expect(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests: the allowance in clippy.toml does not reach functions beside the test functions"
)]

mod support;
#[path = "support/trading.rs"]
mod trading;

use support::{DOLLAR, WHOLE, World, acts, obstacle};
use tim3_keeper::{
    Action, Config, Decision, Input, Mode, Subject,
    arbitrage::{Fill, Size, trade::more},
    config::Parameters,
    decision::Rule,
    keeper::Carried,
    ledger::Difference,
    replay::{Line, abandon},
};
use trading::{fill, fill_as_quoted, gap, opened, order, refuse, without_transfers, world};

fn live() -> Config {
    without_transfers(Mode::Live)
}

/// East, which buys, goes first.
fn east_first() -> Config {
    let mut settings = live();
    settings.chains.get_mut("east").unwrap().reliability.failure_bps = 900;
    settings
}

/// What is decided now; one decision.
fn one(decisions: Vec<Decision>) -> Decision {
    let [decision] = <[Decision; 1]>::try_from(decisions).unwrap_or_else(|all| panic!("{all:?}"));
    decision
}

/// The next block, and what is decided of it.
fn next(world: &mut World) -> Decision {
    world.block();
    one(world.look())
}

/// What is bought and not sold, or sold and not bought; 0 where nothing is open.
fn left(world: &World) -> u128 {
    world.keeper.open_trades().map(|(_, open)| open.left().0).sum()
}

/// The time for the other leg is over.
fn late(world: &mut World) {
    for _ in 0..3 {
        world.block();
    }
}

fn is_hedge(decision: &Decision) -> bool {
    matches!(decision.action, Some(Action::Hedge(_)))
}

/// Nothing is left of a trade, and the ledger agrees with the chains.
fn is_over(world: &mut World) {
    assert_eq!((world.keeper.open_trades().count(), left(world)), (0, 0));
    assert!(world.keeper.flights().in_flight().is_empty() && world.keeper.flights().waiting().is_empty());
    for ((chain, asset), amount) in world.held.clone() {
        assert_eq!(world.hold(&chain, &asset, amount).differences, [] as [Difference; 0]);
    }
}

#[test]
fn the_second_leg_is_sized_from_what_the_first_one_did() {
    let (mut world, opening) = gap(live(), 50_000);
    // West sold less than was planned: a thousand, for 1090.
    let step = fill(&mut world, &opening, Fill { input: 1_000 * WHOLE, output: 1_090 * WHOLE });
    assert!(step.entries[0].slippage < 0);
    let closing = one(step.decisions);
    let order = order(&closing);
    assert_eq!((order.chain.as_str(), order.from.as_str(), order.to.as_str()), ("east", "USDA", "TIM3"));
    assert!(matches!(order.size, Size::Buy { output, .. } if output == 1_000 * WHOLE));
    assert_eq!(left(&world), 1_000 * WHOLE);
    let step = fill_as_quoted(&mut world, &closing);
    assert_eq!(step.entries.len(), 1);
    assert!(world.keeper.ledger().result(Mode::Live) > 0);
    is_over(&mut world);
}

#[test]
fn a_leg_that_buys_first_is_followed_by_a_sale_of_what_it_bought() {
    let (mut world, opening) = gap(east_first(), 50_000);
    assert_eq!(opened(&opening).first, "east");
    let step = fill(&mut world, &opening, Fill { input: 900 * WHOLE, output: 990 * WHOLE });
    let closing = one(step.decisions);
    assert_eq!(order(&closing).chain, "west");
    assert!(matches!(order(&closing).size, Size::Sell { input, .. } if input == 990 * WHOLE));
}

#[test]
fn where_inventory_binds_a_purchase_keeps_its_room_for_slippage() {
    let mut settings = live();
    // Not as a trade that begins with TIM3, whose other leg would be a sale.
    settings.limits.assets.insert("TIM3".to_owned(), 0);
    let mut world = world(settings);
    world.hold("east", "USDA", 3_000 * WHOLE);
    world.pool("east pool", 9_972_500, 10_027_500);
    world.pool("west pool", 10_027_500, 9_972_500);
    world.block();
    let decisions = world.look();
    let opening = acts(&decisions)[0].clone();
    let planned = opened(&opening).legs[0].input;
    assert!(planned > 2_980 * WHOLE && more(planned, 50) <= 3_000 * WHOLE, "{planned}");
    let closing = one(fill_as_quoted(&mut world, &opening).decisions);
    let Size::Buy { output, max_input } = order(&closing).size else { panic!("{closing}") };
    assert_eq!((output, max_input), (left(&world), more(order(&closing).quoted.input, 50)));
    fill_as_quoted(&mut world, &closing);
    is_over(&mut world);
}

#[test]
fn what_is_not_there_any_more_is_bought_in_part_and_the_rest_once_it_is_there() {
    let mut settings = live();
    settings.arbitrage.retry_ms = 600_000;
    let (mut world, opening) = gap(settings, 50_000);
    let sold = order(&opening).quoted.input;
    world.hold("east", "USDA", 2_000 * WHOLE);
    let closing = one(fill_as_quoted(&mut world, &opening).decisions);
    assert!(matches!(order(&closing).size, Size::Buy { max_input, .. } if max_input > 1_990 * WHOLE));
    fill_as_quoted(&mut world, &closing);
    // The room for slippage that was not needed buys more; what that leaves is not worth its gas.
    let closing = next(&mut world);
    assert!(matches!(order(&closing).size, Size::Buy { max_input, .. } if max_input < 11 * WHOLE));
    fill_as_quoted(&mut world, &closing);
    assert_eq!(obstacle(&next(&mut world)), Some(Rule::Inventory));
    let bought = world.held[&("east".to_owned(), "TIM3".to_owned())];
    assert_eq!((left(&world), bought > 2_000 * WHOLE), (sold - bought, true));
    world.block();
    assert!(world.look().is_empty(), "it was said, and is shown");
    world.hold("east", "USDA", 50_000 * WHOLE);
    let closing = next(&mut world);
    assert!(matches!(order(&closing).size, Size::Buy { output, .. } if output == sold - bought));
    fill_as_quoted(&mut world, &closing);
    is_over(&mut world);
}

#[test]
fn all_that_is_there_is_sold_and_what_bringing_it_back_costs_is_let_go() {
    let (mut world, opening) = gap(east_first(), 50_000);
    // A little more is bought than quoted, and than there is to sell.
    let Fill { input, output } = order(&opening).quoted;
    assert_eq!(output, 5_000 * WHOLE);
    let closing = one(fill(&mut world, &opening, Fill { input, output: output + 2 * WHOLE }).decisions);
    assert!(matches!(order(&closing).size, Size::Sell { input, .. } if input == 5_000 * WHOLE));
    let told = one(fill_as_quoted(&mut world, &closing).decisions);
    assert_eq!(obstacle(&told), Some(Rule::Leftover), "{told}");
    assert!(told.to_string().contains("NOT: what is left is 2000000 base units of TIM3"), "{told}");
    is_over(&mut world);
}

#[test]
fn what_was_bought_beyond_the_plan_and_cannot_be_sold_is_carried_then_undone() {
    let (mut world, opening) = gap(east_first(), 50_000);
    let Fill { input, output } = order(&opening).quoted;
    let closing = one(fill(&mut world, &opening, Fill { input, output: output + output / 40 }).decisions);
    fill_as_quoted(&mut world, &closing);
    let told = next(&mut world);
    assert_eq!(obstacle(&told), Some(Rule::Inventory), "{told}");
    assert!(left(&world) > 100 * WHOLE);
    late(&mut world);
    let hedge = one(world.look());
    assert!(is_hedge(&hedge) && order(&hedge).quoted.input == left(&world), "{hedge}");
    fill_as_quoted(&mut world, &hedge);
    is_over(&mut world);
}

/// The first leg is done, and the other one was refused.
fn refused(settings: Config) -> World {
    let (mut world, opening) = gap(settings, 50_000);
    let closing = one(fill_as_quoted(&mut world, &opening).decisions);
    refuse(&mut world, &closing);
    world
}

#[test]
fn after_the_time_for_it_the_better_way_is_taken_as_quoted_then() {
    for (pool, hedges) in [((950_000, 1_050_000), false), ((2_000_000, 500_000), true)] {
        let mut settings = live();
        settings.arbitrage.max_hedge_loss = 1_000 * DOLLAR;
        let mut world = refused(settings);
        world.hold("west", "USDA", 50_000 * WHOLE);
        world.pool("east pool", pool.0, pool.1);
        // As after a halt: nobody looked while the time ran out.
        late(&mut world);
        let decision = one(world.give(Input::Finish).decisions);
        assert_eq!(is_hedge(&decision), hedges, "{decision}");
        assert!(decision.checks.iter().any(|check| check.rule == Rule::OtherWay), "{decision}");
        assert!(decision.to_string().contains("ok: what it comes to, against the other way is "), "{decision}");
        fill_as_quoted(&mut world, &decision);
        is_over(&mut world);
    }
}

#[test]
fn a_leg_that_stays_open_is_retried_then_undone_as_far_as_there_is_something_for_it_or_carried_and_shown() {
    for (max_loss, carried) in [(1_000, false), (0, true)] {
        let mut settings = live();
        settings.arbitrage.max_hedge_loss = max_loss * DOLLAR;
        let mut world = refused(settings);
        let mut attempts = 1;
        let last = loop {
            world.block();
            let Some(decision) = world.look().pop() else { continue };
            match obstacle(&decision) {
                Some(Rule::HedgeLoss) => break decision,
                None if is_hedge(&decision) => break decision,
                Some(Rule::Waits) => continue,
                other => assert_eq!(other, None, "{decision}"),
            }
            attempts += 1;
            refuse(&mut world, &decision);
        };
        assert!(attempts >= 3, "{attempts}: once more after the time for it");
        let sold = left(&world);
        if carried {
            assert_eq!(obstacle(&last), Some(Rule::HedgeLoss), "{last}");
            assert_eq!(left(&world), sold, "carried, and shown");
            // An operator lets it go.
            let mut parameters = world.keeper.config().parameters();
            parameters.arbitrage.max_hedge_loss = 1_000 * DOLLAR;
            world.give(Input::Parameters(Box::new(parameters)));
            world.block();
            assert_eq!(acts(&world.look()).len(), 1);
            continue;
        }
        // Nothing is there but what the first leg brought, and that is not enough to buy all of it back.
        let Size::Buy { output, .. } = order(&last).size else { panic!("{last}") };
        assert!(output < sold && output > sold / 10 * 9, "{last}");
        fill_as_quoted(&mut world, &last);
        assert_eq!(left(&world), sold - output);
        // The other leg can be done again.
        while left(&world) > 0 {
            world.block();
            for decision in acts(&world.look()).into_iter().cloned().collect::<Vec<_>>() {
                fill_as_quoted(&mut world, &decision);
            }
        }
        is_over(&mut world);
    }
}

#[test]
fn what_failed_before_it_was_done_is_forgotten_with_its_trade() {
    let mut world = refused(live());
    assert_eq!(world.keeper.flights().waiting().len(), 1);
    world.block();
    let closing = next(&mut world);
    fill_as_quoted(&mut world, &closing);
    is_over(&mut world);
}

#[test]
fn of_an_exact_purchase_slippage_is_what_went_in_less_than_quoted() {
    for slippage in [7_i128, -7] {
        let (mut world, opening) = gap(live(), 50_000);
        let closing = one(fill_as_quoted(&mut world, &opening).decisions);
        let Fill { input, output } = order(&closing).quoted;
        let input = input.checked_add_signed(-slippage).unwrap();
        let entry = fill(&mut world, &closing, Fill { input, output }).entries.pop().unwrap();
        assert_eq!((entry.slippage, entry.slippage_asset.as_str()), (slippage, "USDA"));
    }
}

#[test]
fn what_is_half_done_is_finished_by_keepers_that_are_paused_in_between() {
    let (mut world, opening) = gap(live(), 50_000);
    world.give(Input::Pause { paused: true });
    let step = fill(&mut world, &opening, Fill { input: 1_000 * WHOLE, output: 1_090 * WHOLE });
    fill_as_quoted(&mut world, &one(step.decisions));
    is_over(&mut world);
    world.block();
    assert!(acts(&world.look()).is_empty(), "nothing is begun");
}

#[test]
fn what_is_half_done_is_finished_in_every_mode() {
    for mode in [Mode::Observe, Mode::Paper] {
        let (mut world, opening) = gap(live(), 50_000);
        switch(&mut world, mode);
        let step = fill(&mut world, &opening, Fill { input: 1_000 * WHOLE, output: 1_090 * WHOLE });
        let closing = one(step.decisions);
        assert_eq!(closing.mode, Mode::Live, "it is sent");
        refuse(&mut world, &closing);
        world.block();
        world.block();
        let decisions = world.look();
        let again = acts(&decisions).into_iter().find(|it| it.mode == Mode::Live).unwrap();
        fill_as_quoted(&mut world, again);
        assert_eq!(world.keeper.open_trades().count(), 0);
        world.block();
        assert!(world.look().iter().all(|decision| decision.mode == mode), "nothing is begun");
    }
}

fn switch(world: &mut World, mode: Mode) {
    let parameters = Parameters { mode, ..world.keeper.config().parameters() };
    world.give(Input::Parameters(Box::new(parameters)));
}

#[test]
fn what_is_under_way_is_not_let_go() {
    let (mut world, opening) = gap(live(), 50_000);
    let closing = one(fill(&mut world, &opening, Fill { input: 1_000 * WHOLE, output: 1_090 * WHOLE }).decisions);
    let Fill { input, .. } = order(&closing).quoted;
    fill(&mut world, &closing, Fill { input: input / 100 * 99, output: 990 * WHOLE });
    let rest = next(&mut world);
    assert!(matches!(order(&rest).size, Size::Buy { output, .. } if output == 10 * WHOLE));
    // From now on ten dollars are not worth it.
    let mut parameters = world.keeper.config().parameters();
    parameters.arbitrage.min_profit = 20 * DOLLAR;
    world.give(Input::Parameters(Box::new(parameters)));
    world.block();
    assert!(acts(&world.look()).is_empty());
    assert_eq!(left(&world), 10 * WHOLE, "its inventory is spoken for");
    fill_as_quoted(&mut world, &rest);
    is_over(&mut world);
}

#[test]
fn a_purchase_that_was_paid_for_and_brought_nothing_is_not_paid_for_again() {
    let (mut world, opening) = gap(live(), 50_000);
    let closing = one(fill(&mut world, &opening, Fill { input: 1_000 * WHOLE, output: 1_090 * WHOLE }).decisions);
    let Fill { input, .. } = order(&closing).quoted;
    // One that nothing was paid for is made again.
    fill(&mut world, &closing, Fill { input: 0, output: 0 });
    let again = next(&mut world);
    assert!(matches!(order(&again).size, Size::Buy { output, .. } if output == 1_000 * WHOLE));
    let step = fill(&mut world, &again, Fill { input, output: 0 });
    assert!(step.entries[0].usd < 0, "{:?}", step.entries);
    is_over(&mut world);
}

#[test]
fn what_was_paid_for_nothing_counts_against_what_the_rest_may_lose() {
    let mut settings = live();
    settings.arbitrage.max_hedge_loss = 400 * DOLLAR;
    let (mut world, opening) = gap(settings, 50_000);
    world.hold("east", "USDA", 540 * WHOLE);
    let part = one(fill(&mut world, &opening, Fill { input: 1_000 * WHOLE, output: 1_090 * WHOLE }).decisions);
    let paid = order(&part).quoted.input;
    fill(&mut world, &part, Fill { input: paid, output: 0 });
    assert!(paid > 500 * WHOLE && left(&world) > 0);
    world.hold("east", "USDA", 50_000 * WHOLE);
    late(&mut world);
    assert_eq!(obstacle(&one(world.look())), Some(Rule::HedgeLoss));
}

#[test]
fn what_a_part_lost_counts_also_where_its_price_was_not_valid_then() {
    let mut settings = live();
    (settings.arbitrage.max_hedge_loss, settings.arbitrage.retry_ms) = (30 * DOLLAR, 5_000_000);
    settings.sources.get_mut("usd").unwrap().guards.max_age = 3_600;
    let (mut world, opening) = gap(settings, 50_000);
    let closing = one(fill(&mut world, &opening, Fill { input: 1_000 * WHOLE, output: 1_000 * WHOLE }).decisions);
    world.now_ms += 3_700_000;
    world.block();
    // Half of it, for forty dollars too much.
    let rest = one(fill(&mut world, &closing, Fill { input: 540 * WHOLE, output: 500 * WHOLE }).decisions);
    refuse(&mut world, &rest);
    world.now_ms += 2_000_000;
    world.block();
    world.price("usd", 100);
    world.price("eth", 200_000);
    world.pool("east pool", 1_000_000, 1_000_000);
    world.block();
    let told = one(world.give(Input::Finish).decisions);
    assert_eq!(obstacle(&told), Some(Rule::HedgeLoss), "{told}");
}

#[test]
fn a_trade_that_was_opened_by_a_clock_that_was_wrong_is_late_in_its_time() {
    let mut settings = live();
    settings.arbitrage.max_hedge_loss = 1_000 * DOLLAR;
    let (mut world, opening) = gap(settings, 50_000);
    let now_ms = world.now_ms;
    world.now_ms += 365 * 86_400_000;
    let closing = one(fill_as_quoted(&mut world, &opening).decisions);
    refuse(&mut world, &closing);
    world.now_ms = now_ms;
    let again = next(&mut world);
    refuse(&mut world, &again);
    world.hold("west", "USDA", 50_000 * WHOLE);
    world.pool("east pool", 2_000_000, 500_000);
    late(&mut world);
    let hedge = one(world.give(Input::Finish).decisions);
    assert!(matches!(hedge.subject, Subject::Hedge(_)), "{hedge}");
}

#[test]
fn a_record_of_another_version_says_how_much_is_open() {
    let (mut world, opening) = gap(live(), 50_000);
    let closing = one(fill(&mut world, &opening, Fill { input: 1_000 * WHOLE, output: 1_090 * WHOLE }).decisions);
    let open = |world: &World| {
        let steps = world.record.iter().flat_map(|(recorded, step)| Line::of(recorded, step));
        let header = Line::header(world.keeper.config(), Carried::default());
        abandon(&std::iter::once(header).chain(steps).collect::<Vec<_>>()).half_done
    };
    assert_eq!(open(&world), [(opening.number, 1_000 * WHOLE)].into());
    let Fill { input, .. } = order(&closing).quoted;
    fill(&mut world, &closing, Fill { input: input / 10 * 4, output: 400 * WHOLE });
    assert_eq!(open(&world), [(opening.number, 600 * WHOLE)].into());
    let rest = next(&mut world);
    let Fill { input, .. } = order(&rest).quoted;
    fill(&mut world, &rest, Fill { input, output: 600 * WHOLE - 1 });
    is_over(&mut world);
    assert_eq!(open(&world), [].into(), "the rest was let go");
}

#[test]
fn what_is_half_done_is_finished_while_nothing_is_begun() {
    let (mut world, opening) = gap(live(), 50_000);
    assert!(world.give(Input::Finish).decisions.is_empty(), "its first leg is under way");
    let step = fill(&mut world, &opening, Fill { input: 1_000 * WHOLE, output: 1_090 * WHOLE });
    refuse(&mut world, &step.decisions[0]);
    world.block();
    world.block();
    let again = one(world.give(Input::Finish).decisions);
    assert!(matches!(order(&again).size, Size::Buy { output, .. } if output == 1_000 * WHOLE));
    fill_as_quoted(&mut world, &again);
    world.block();
    assert!(world.give(Input::Finish).decisions.is_empty(), "the gap is still there, for another configuration");
    assert!(!acts(&world.look()).is_empty());
}
