//! Arbitrage and inventory, input by input.

#![expect(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests: the allowance in clippy.toml does not reach functions beside the test functions"
)]

mod support;

use support::{DOLLAR, WHOLE, World, acts, config, obstacle};
use tim3_domain::amm::{Fee, Hop, Leg, optimum};
use tim3_keeper::{
    Action, Config, Decision, Input, Mode, Subject,
    arbitrage::{Fill, Order, Size, Trade, TradeLeg},
    decision::Rule,
    input::Outcome,
    ledger::Move,
};

const ETH: u128 = 1_000_000_000_000_000_000;

/// Both chains with inventory, and pools at par.
fn world(config: Config) -> World {
    let mut world = World::new(config);
    world.open();
    for chain in ["east", "west"] {
        world.hold(chain, "USDA", 50_000 * WHOLE);
        world.hold(chain, "TIM3", 50_000 * WHOLE);
        world.hold(chain, "ETH", ETH);
        world.quota(chain, 1_000_000 * WHOLE);
    }
    world.pool("east pool", 1_000_000, 1_000_000);
    world.pool("west pool", 1_000_000, 1_000_000);
    assert!(world.look().is_empty());
    world
}

fn reserve(world: &mut World, mintable: u128, redeemable: u128) {
    let (mintable, redeemable) = (mintable * WHOLE, redeemable * WHOLE);
    world.give(Input::Reserve { reserve: "par".into(), mintable, redeemable });
}

fn swap(decision: &Decision) -> &Trade {
    match &decision.action {
        Some(Action::Swap(trade)) => trade,
        _ => panic!("{decision}"),
    }
}

fn opened(decision: &Decision) -> &Trade {
    match &decision.action {
        Some(Action::Open { trade, .. }) => trade,
        _ => panic!("{decision}"),
    }
}

fn order(decision: &Decision) -> &Order {
    match &decision.action {
        Some(Action::Close(order) | Action::Hedge(order)) => order,
        _ => panic!("{decision}"),
    }
}

fn venues(trade: &Trade) -> Vec<&str> {
    trade.legs.iter().map(|leg| leg.venue.as_str()).collect()
}

/// The outcome of an action that swapped on one chain.
fn done(chain: &str, from: &str, to: &str, fill: Fill) -> Outcome {
    let signed = |amount: u128| i128::try_from(amount).unwrap();
    let change = |asset: &str, delta| Move { chain: chain.into(), asset: asset.into(), delta };
    let moves = vec![change(from, -signed(fill.input)), change(to, signed(fill.output))];
    Outcome::Done { fill, moves, gas: 0 }
}

#[test]
fn a_token_above_par_is_minted_and_sold_and_one_below_is_bought_and_redeemed() {
    for (pool, into_par) in [((1_020_000, 980_000), "USDA"), ((980_000, 1_020_000), "TIM3")] {
        let mut settings = config(Mode::Live);
        settings.arbitrage.hops = 2;
        let mut world = world(settings);
        world.pool("east pool", pool.0, pool.1);
        assert!(world.look().is_empty(), "without par there is nothing to trade with");
        reserve(&mut world, 1_000_000, 1_000_000);
        world.block();
        let decisions = world.look();
        let trade = swap(acts(&decisions)[0]);
        let par = trade.legs.iter().find(|leg| leg.venue == "par").unwrap();
        assert_eq!((par.from.as_str(), par.input), (into_par, par.output));
        // The size is the closed form's, wherever the cycle begins.
        let hop = Hop { reserve_in: pool.0 * WHOLE, reserve_out: pool.1 * WHOLE, fee: Fee::UNISWAP_V2 };
        let leg = |leg: &TradeLeg| match (leg.venue.as_str(), leg.from.as_str()) {
            ("par", _) => Leg::Fixed { kept: 1, of: 1 },
            (_, "USDA") => Leg::Pool(hop),
            _ => Leg::Pool(hop.reversed()),
        };
        let best = optimum(&trade.legs.iter().map(leg).collect::<Vec<_>>(), u128::MAX).unwrap();
        assert_eq!((trade.input, trade.output), (best.input, best.output));
        assert!(trade.min_output > trade.input, "on one chain nothing is risked");
        assert_eq!(acts(&decisions).len(), 1, "a venue is used by one trade at a time");
    }
}

#[test]
fn par_is_used_as_far_as_the_reserve_allows() {
    let mut settings = config(Mode::Live);
    settings.arbitrage.hops = 2;
    let mut world = world(settings);
    world.pool("east pool", 980_000, 1_020_000);
    reserve(&mut world, 0, 3_000);
    world.block();
    let decisions = world.look();
    let trade = swap(acts(&decisions)[0]);
    let redeemed = trade.legs.iter().find(|leg| leg.venue == "par").unwrap();
    assert!(redeemed.input <= 3_000 * WHOLE && redeemed.input > 2_999 * WHOLE);
}

/// TIM3 is cheap on east and dear on west; only USDA on east and TIM3 on west are there to trade with.
fn gap(settings: Config) -> (World, Decision) {
    let mut world = world(settings);
    world.hold("east", "TIM3", 0);
    world.hold("west", "USDA", 0);
    world.hold("west", "TIM3", 5_000 * WHOLE);
    world.pool("east pool", 950_000, 1_050_000);
    world.pool("west pool", 1_050_000, 950_000);
    world.block();
    let decisions = world.look();
    let opening = acts(&decisions)[0].clone();
    (world, opening)
}

fn without_transfers(mode: Mode) -> Config {
    let mut settings = config(mode);
    settings.inventory.get_mut("TIM3").unwrap().targets.clear();
    settings
}

#[test]
fn a_gap_between_chains_is_sized_by_inventory_and_its_riskier_leg_goes_first() {
    let (_, opening) = gap(without_transfers(Mode::Live));
    let trade = opened(&opening);
    assert_eq!(venues(trade), ["east pool", "west pool"]);
    assert_eq!(trade.first, "west", "it fails more often");
    assert!(trade.legs[1].input <= 5_000 * WHOLE, "no more is sold than is there");
    assert!(trade.legs[1].input > 4_990 * WHOLE);
    let Some(Action::Open { order, .. }) = &opening.action else { panic!("{opening}") };
    assert_eq!((order.chain.as_str(), order.venues.as_slice()), ("west", ["west pool".to_owned()].as_slice()));
    let min_output = trade.legs[1].output * 9_950 / 10_000;
    assert_eq!(order.size, Size::Sell { input: trade.legs[1].input, min_output });
    // The quota for what has to come back binds, too, and so does the exposure.
    for (quota, exposure, most) in [(2_000, 100_000, 2_000), (1_000_000, 1_000, 1_000)] {
        let mut settings = without_transfers(Mode::Live);
        settings.limits.exposure = exposure * DOLLAR;
        let mut world = world(settings);
        world.hold("east", "TIM3", 0);
        world.hold("west", "USDA", 0);
        world.quota("east", quota * WHOLE);
        world.pool("east pool", 950_000, 1_050_000);
        world.pool("west pool", 1_050_000, 950_000);
        world.block();
        let decisions = world.look();
        let sold = opened(acts(&decisions)[0]).legs[0].output;
        assert!(sold <= most * WHOLE && sold > most * 9 / 10 * WHOLE, "{sold}");
    }
}

#[test]
fn the_second_leg_is_sized_from_what_the_first_one_did() {
    let (mut world, opening) = gap(without_transfers(Mode::Live));
    // West sold less than was planned: a thousand, for 1090.
    let fill = Fill { input: 1_000 * WHOLE, output: 1_090 * WHOLE };
    let outcome = done("west", "TIM3", "USDA", fill);
    let step = world.give(Input::Outcome { decision: opening.number, outcome });
    let closing = order(acts(&step.decisions)[0]);
    assert_eq!((closing.chain.as_str(), closing.from.as_str(), closing.to.as_str()), ("east", "USDA", "TIM3"));
    assert!(matches!(closing.size, Size::Buy { output, .. } if output == 1_000 * WHOLE));
    assert!(step.entries[0].slippage < 0);
    assert_eq!(world.keeper.open_trades().count(), 1);

    let bought = Fill { input: closing.quoted.input, output: 1_000 * WHOLE };
    let outcome = done("east", "USDA", "TIM3", bought);
    let step = world.give(Input::Outcome { decision: step.decisions[0].number, outcome });
    assert_eq!(step.entries.len(), 1);
    assert_eq!(world.keeper.open_trades().count(), 0);
    assert!(world.keeper.flights().in_flight().is_empty());
    assert!(world.keeper.ledger().result(Mode::Live) > 0);
    assert_eq!(world.hold("east", "TIM3", 1_000 * WHOLE).differences, []);
    assert_eq!(world.hold("west", "TIM3", 4_000 * WHOLE).differences, []);
}

#[test]
fn a_leg_that_buys_first_is_followed_by_a_sale_of_what_it_bought() {
    let mut settings = without_transfers(Mode::Live);
    settings.chains.get_mut("east").unwrap().reliability.failure_bps = 900;
    let (mut world, opening) = gap(settings);
    assert_eq!(opened(&opening).first, "east");
    let fill = Fill { input: 900 * WHOLE, output: 990 * WHOLE };
    let outcome = done("east", "USDA", "TIM3", fill);
    let step = world.give(Input::Outcome { decision: opening.number, outcome });
    let closing = order(acts(&step.decisions)[0]);
    assert_eq!(closing.chain, "west");
    assert!(matches!(closing.size, Size::Sell { input, .. } if input == 990 * WHOLE));
}

#[test]
fn a_leg_that_stays_open_is_retried_then_hedged_or_carried_and_shown() {
    for (max_loss, expected) in [(1_000, None), (0, Some(Rule::HedgeLoss))] {
        let mut settings = without_transfers(Mode::Live);
        settings.arbitrage.max_hedge_loss = max_loss * DOLLAR;
        let (mut world, opening) = gap(settings);
        // Sold at the quote; buying fails again and again.
        let leg = opened(&opening).legs[1].clone();
        let fill = Fill { input: leg.input, output: leg.output };
        let outcome = done("west", "TIM3", "USDA", fill);
        let mut decisions = world.give(Input::Outcome { decision: opening.number, outcome }).decisions;
        let mut attempts = 0;
        for _ in 0..4 {
            for decision in acts(&decisions).into_iter().cloned().collect::<Vec<_>>() {
                assert!(matches!(decision.action, Some(Action::Close(_) | Action::Hedge(_))), "{decision}");
                if matches!(decision.action, Some(Action::Close(_))) {
                    attempts += 1;
                    let reason = "expired".to_owned();
                    world.give(Input::Outcome {
                        decision: decision.number,
                        outcome: Outcome::Failed { reason, gas: 0 },
                    });
                }
            }
            world.block();
            decisions = world.look();
            decisions.retain(|decision| matches!(decision.subject, Subject::OpenTrade(_) | Subject::Hedge(_)));
            if decisions.iter().any(|decision| decision.checks.iter().any(|check| check.rule == Rule::HedgeLoss)) {
                break;
            }
        }
        assert!(attempts >= 2, "{attempts}");
        let last = decisions.last().unwrap();
        assert_eq!(obstacle(last), expected, "{last}");
        if expected.is_none() {
            let hedge = order(last);
            assert_eq!((hedge.chain.as_str(), hedge.from.as_str(), hedge.to.as_str()), ("west", "USDA", "TIM3"));
            assert!(matches!(hedge.size, Size::Buy { output, .. } if output == leg.input));
            let outcome = done("west", "USDA", "TIM3", hedge.quoted);
            world.give(Input::Outcome { decision: last.number, outcome });
        }
        assert_eq!(world.keeper.open_trades().count(), usize::from(expected.is_some()), "carried, and shown");
    }
}

#[test]
fn what_is_half_done_is_finished_while_nothing_is_begun() {
    let (mut world, opening) = gap(without_transfers(Mode::Live));
    assert!(world.give(Input::Finish).decisions.is_empty(), "its first leg is under way");
    let fill = Fill { input: 1_000 * WHOLE, output: 1_090 * WHOLE };
    let step = world.give(Input::Outcome { decision: opening.number, outcome: done("west", "TIM3", "USDA", fill) });
    let failed = Outcome::Failed { reason: "reverted".to_owned(), gas: 0 };
    world.give(Input::Outcome { decision: step.decisions[0].number, outcome: failed });
    world.block();
    world.block();
    let again = world.give(Input::Finish).decisions;
    let closing = order(acts(&again)[0]);
    assert!(matches!(closing.size, Size::Buy { output, .. } if output == 1_000 * WHOLE));
    let bought = done("east", "USDA", "TIM3", Fill { input: closing.quoted.input, output: 1_000 * WHOLE });
    let number = acts(&again)[0].number;
    world.give(Input::Outcome { decision: number, outcome: bought });
    world.block();
    assert!(world.give(Input::Finish).decisions.is_empty(), "the gap is still there, for another configuration");
    assert!(!acts(&world.look()).is_empty());
}

#[test]
fn a_trade_that_does_not_pay_for_its_gas_or_exceeds_a_cap_is_left_with_the_number() {
    let mut world = world(config(Mode::Live));
    world.pool("east pool", 1_020_000, 980_000);
    reserve(&mut world, 1_000_000, 1_000_000);
    world.give(Input::Gas { chain: "east".into(), liquidation: 0, step: ETH });
    world.block();
    let left = world.look();
    assert!(!left.is_empty() && left.iter().all(|decision| obstacle(decision) == Some(Rule::Profit)));
    world.give(Input::Gas { chain: "east".into(), liquidation: 0, step: 0 });
    world.give(Input::PauseLevel { chain: "east".into(), asset: "TIM3".into(), level: 1 });
    world.block();
    assert!(world.look().iter().any(|decision| obstacle(decision) == Some(Rule::PauseLevel)));

    let mut settings = config(Mode::Live);
    settings.limits.venues.insert("east pool".into(), DOLLAR);
    let mut world = self::world(settings);
    world.pool("east pool", 1_020_000, 980_000);
    reserve(&mut world, 1_000_000, 1_000_000);
    world.block();
    assert!(world.look().iter().any(|decision| obstacle(decision) == Some(Rule::VenueCap)));
}

#[test]
fn inventory_below_its_least_is_filled_by_one_transfer_and_not_by_two() {
    let mut world = world(config(Mode::Live));
    world.hold("east", "TIM3", 90_000 * WHOLE);
    world.hold("west", "TIM3", 10_000 * WHOLE);
    world.block();
    let decisions = world.look();
    let Some(Action::Transfer(transfer)) = &decisions[0].action else { panic!("{}", decisions[0]) };
    assert_eq!((transfer.from.as_str(), transfer.to.as_str(), transfer.amount), ("east", "west", 40_000 * WHOLE));
    world.block();
    assert!(world.look().is_empty(), "it is on its way");
    let change = |chain: &str, delta| Move { chain: chain.into(), asset: "TIM3".into(), delta };
    let amount = i128::try_from(40_000 * WHOLE).unwrap();
    let fill = Fill { input: transfer.amount, output: transfer.amount };
    let moves = vec![change("east", -amount), change("west", amount)];
    world.give(Input::Outcome { decision: decisions[0].number, outcome: Outcome::Done { fill, moves, gas: 0 } });
    assert_eq!(world.hold("west", "TIM3", 50_000 * WHOLE).differences, []);
    world.block();
    assert!(world.look().is_empty());
}

#[test]
fn paper_closes_a_gap_on_both_chains_and_books_what_it_would_have_gained() {
    let (world, opening) = gap(without_transfers(Mode::Paper));
    let entries: Vec<_> = world.record.iter().flat_map(|(_, step)| &step.entries).collect();
    assert_eq!(entries[0].decision, opening.number);
    assert!(entries[0].usd > 0 && entries[0].gas > 0);
    let gained = entries[0].by_asset()["USDA"];
    let trade = opened(&opening);
    assert!(gained > 0 && gained + 5 >= i128::try_from(trade.output - trade.input).unwrap());
    assert_eq!(world.keeper.open_trades().count(), 0);
}
