//! Arbitrage and inventory, input by input.

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

use support::{DOLLAR, WHOLE, World, acts, config, obstacle};
use tim3_domain::amm::{Fee, Hop, Leg, optimum};
use tim3_keeper::{
    Action, Decision, Input, Mode,
    arbitrage::{Fill, Size, Trade, TradeLeg},
    config::VenueConfig,
    decision::Rule,
    input::Outcome,
    ledger::Move,
};
use trading::{ETH, gap, opened, without_transfers, world};

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

fn venues(trade: &Trade) -> Vec<&str> {
    trade.legs.iter().map(|leg| leg.venue.as_str()).collect()
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
fn a_circle_through_pools_of_three_assets_is_one_transaction_either_way_round() {
    let mut settings = without_transfers(Mode::Live);
    for (name, base, quote) in [("weth pool", "WETH", "TIM3"), ("cross", "WETH", "USDA")] {
        let pool = VenueConfig { base: base.into(), quote: quote.into(), ..settings.venues["east pool"].clone() };
        settings.venues.insert(name.into(), pool);
    }
    // Of a million dollars on either side, and one with a twentieth more WETH than that.
    for (dear, path) in
        [("cross", ["weth pool", "cross", "east pool"]), ("weth pool", ["east pool", "cross", "weth pool"])]
    {
        let mut world = world(settings.clone());
        for (asset, held) in [("USDA", 0), ("WETH", 0), ("TIM3", 50_000 * WHOLE)] {
            world.hold("east", asset, held);
        }
        for venue in ["weth pool", "cross"] {
            let base = if venue == dear { 475 * ETH } else { 500 * ETH };
            world.give(Input::Pool { venue: venue.into(), base, quote: 1_000_000 * WHOLE });
        }
        world.block();
        let decisions = world.look();
        let trade = swap(acts(&decisions)[0]);
        assert_eq!(venues(trade), path);
        assert_eq!((trade.legs[0].from.as_str(), trade.legs[2].to.as_str()), ("TIM3", "TIM3"));
        assert!(trade.input < 50_000 * WHOLE && trade.output > trade.input, "{trade:?}");
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

#[test]
fn a_gap_between_chains_is_sized_by_inventory_and_its_riskier_leg_goes_first() {
    let (_, opening) = gap(without_transfers(Mode::Live), 50_000);
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
fn where_steps_do_not_happen_as_one_a_trade_has_one_step_there_and_says_so() {
    let mut settings = without_transfers(Mode::Live);
    settings.chains.get_mut("east").unwrap().steps = Some(1);
    let mut world = world(settings);
    // Minting and selling on east alone gains; so does every way between the pools that goes through par.
    world.pool("east pool", 1_020_000, 980_000);
    reserve(&mut world, 1_000_000, 1_000_000);
    world.block();
    let decisions = world.look();
    let (acting, left): (Vec<_>, Vec<_>) = decisions.iter().partition(|decision| decision.action.is_some());
    let [trade] = acting.as_slice() else { panic!("{acting:?}") };
    assert_eq!(opened(trade).legs.iter().filter(|leg| leg.chain == "east").count(), 1);
    let rule = |decision: &&&Decision| decision.obstacle().map(|check| check.rule) == Some(Rule::Atomic);
    let told = left.iter().find(rule).expect("it says why").to_string();
    assert!(told.contains("NOT: steps that are to happen as one is 2, must be at most 1"), "{told}");
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
    // The relay keeps five.
    let (amount, fee) = (i128::try_from(transfer.amount).unwrap(), 5 * WHOLE);
    let arrived = transfer.amount - fee;
    let fill = Fill { input: transfer.amount, output: arrived };
    let moves = vec![change("east", -amount), change("west", i128::try_from(arrived).unwrap())];
    let outcome = Outcome::Done { fill, moves, swept: Vec::new(), gas: 0 };
    let entry = world.give(Input::Outcome { decision: decisions[0].number, outcome }).entries.pop().unwrap();
    assert_eq!((entry.fee, entry.slippage, entry.slippage_asset.as_str()), (fee, 0, "TIM3"));
    assert_eq!(world.hold("west", "TIM3", 50_000 * WHOLE - fee).differences, []);
    world.block();
    assert!(world.look().is_empty());
}

#[test]
fn paper_closes_a_gap_on_both_chains_and_books_what_it_would_have_gained() {
    let (world, opening) = gap(without_transfers(Mode::Paper), 50_000);
    let entries: Vec<_> = world.record.iter().flat_map(|(_, step)| &step.entries).collect();
    assert_eq!(entries.len(), 1, "begun on the other side it is the same trade");
    assert_eq!(entries[0].decision, opening.number);
    assert!(entries[0].usd > 0 && entries[0].gas > 0);
    let gained = entries[0].by_asset()["USDA"];
    let trade = opened(&opening);
    assert!(gained > 0 && gained + 5 >= i128::try_from(trade.output - trade.input).unwrap());
    assert_eq!(world.keeper.open_trades().count(), 0);
}

/// Four pools on east in two pairs, each with a gap that takes some 47,000 USDA to close, and 60,000 USDA.
fn two_gaps(mode: Mode) -> World {
    let mut settings = without_transfers(mode);
    settings.arbitrage.hops = 2;
    settings.reserves.clear();
    let venue = settings.venues["east pool"].clone();
    settings.venues = ["a", "b", "c", "d"].map(|name| (name.to_owned(), VenueConfig { ..venue.clone() })).into();
    let mut world = World::new(settings);
    world.open();
    world.hold("east", "USDA", 60_000 * WHOLE);
    for (cheap, dear) in [("a", "b"), ("c", "d")] {
        world.pool(cheap, 950_000, 1_050_000);
        world.pool(dear, 1_050_000, 950_000);
    }
    world
}

#[test]
fn two_trades_of_one_look_do_not_spend_the_same_inventory() {
    for mode in [Mode::Live, Mode::Paper, Mode::Observe] {
        let mut world = two_gaps(mode);
        let decisions = world.look();
        let inputs: Vec<u128> = acts(&decisions).iter().map(|decision| swap(decision).input / WHOLE).collect();
        assert!(matches!(inputs.as_slice(), [45_000..50_000, 10_000..15_000]), "{mode}: {inputs:?}");
        assert!(inputs.iter().sum::<u128>() <= 60_000);
        assert_eq!(decisions.len(), 2, "the same cycles begun with TIM3, of which there is none, are nothing else");
        world.block();
        assert!(world.look().is_empty(), "{mode}: it is all said");
    }
}

#[test]
fn what_is_not_taken_is_told_and_counted_with_what_stood_against_it() {
    type Change = fn(&mut World);
    let cases: [(Change, usize, Rule); 4] = [
        (
            |world| {
                for chain in ["east", "west"] {
                    world.hold(chain, "USDA", 0);
                    world.hold(chain, "TIM3", 0);
                }
            },
            1_000_000,
            Rule::Inventory,
        ),
        (|world| world.quota("east", 0), 1_000_000, Rule::Quota),
        (|world| world.now_ms += 2_000_000_000, 1_000_000, Rule::PriceVerdict),
        (|_| (), 1, Rule::Steps),
    ];
    for (change, steps, rule) in cases {
        let mut settings = without_transfers(Mode::Live);
        settings.arbitrage.steps = steps;
        let mut world = World::new(settings);
        world.open();
        for chain in ["east", "west"] {
            world.hold(chain, "USDA", 50_000 * WHOLE);
            world.hold(chain, "TIM3", 50_000 * WHOLE);
            world.quota(chain, 1_000_000 * WHOLE);
        }
        world.pool("east pool", 950_000, 1_050_000);
        world.pool("west pool", 1_050_000, 950_000);
        change(&mut world);
        world.block();
        let decisions = world.look();
        assert!(acts(&decisions).is_empty(), "{decisions:?}");
        let because = decisions.iter().filter(|decision| obstacle(decision) == Some(rule)).count();
        assert!(because > 0 && because == decisions.len(), "{rule}: {decisions:?}");
        assert_eq!(world.keeper.ledger().missed()[&rule], u64::try_from(because).unwrap());
        assert!(decisions[0].to_string().contains(&format!("NOT: {rule} is ")), "{}", decisions[0]);
        world.block();
        assert!(world.look().is_empty(), "{rule}: it was said");
    }
}
