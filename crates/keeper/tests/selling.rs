//! Liquidations that sell what they seize in the same transaction, with what the pool lends or with one's own.

#![expect(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "tests: the allowance in clippy.toml does not reach functions beside the test functions"
)]

mod support;

use support::{WHOLE, World, acts, config, obstacle};
use tim3_domain::amm::{Fee, Hop};
use tim3_keeper::{
    Action, Config, Decision, Input, Mode, Sale,
    arbitrage::Fill,
    config::VenueConfig,
    decision::Rule,
    input::Outcome,
    keeper::Carried,
    ledger::Move,
    replay::{Line, replay},
};

const WETH: u128 = 1_000_000_000_000_000_000;

fn selling(mode: Mode, flash: bool) -> Config {
    let mut config = config(mode);
    let pool = VenueConfig { chain: "east".into(), base: "WETH".into(), quote: "TIM3".into(), fee: Fee::UNISWAP_V2 };
    config.venues.insert("exit".into(), pool);
    let market = config.markets.get_mut("weth").unwrap();
    (market.exit, market.flash) = (Some("exit".into()), flash);
    config
}

/// Ten positions of 10 WETH that are unhealthy at 1800 dollars, and no TIM3 at all.
fn market(mode: Mode, flash: bool) -> World {
    let mut world = World::new(selling(mode, flash));
    world.open();
    for number in 0..10 {
        world.position(number, 10 * WETH, 15_700 * WHOLE);
    }
    world.block();
    world
}

/// A pool of so many WETH at 1800 TIM3 each.
fn fill(world: &mut World, weth: u128) -> Hop {
    let (base, quote) = (weth * WETH, weth * 1_800 * WHOLE);
    world.give(Input::Pool { venue: "exit".into(), base, quote });
    Hop { reserve_in: base, reserve_out: quote, fee: Fee::UNISWAP_V2 }
}

/// What is repaid, seized, accepted at least, and bought.
fn sale(decision: &Decision) -> (u128, u128, u128, Sale) {
    match &decision.action {
        Some(Action::Liquidate { expected, min_seized, sale: Some(sale), .. }) => {
            (expected.repaid, expected.seized, *min_seized, sale.clone())
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_the_pool_lends_is_enough_and_each_sale_counts_with_those_before_it() {
    let mut world = market(Mode::Live, true);
    let mut pool = fill(&mut world, 1_000);
    let mut decisions = world.price("eth", 180_000);
    decisions.extend(world.look());
    let taken = acts(&decisions);
    assert!((2..10).contains(&taken.len()), "{} of ten: then the pool has moved too far", taken.len());
    for decision in &taken {
        let (repaid, seized, least, sale) = sale(decision);
        assert!(sale.flash && sale.output > repaid && seized > least, "{decision}");
        assert_eq!(sale.output, pool.output(least));
        pool.reserve_in += least;
        pool.reserve_out -= sale.output;
    }
    let left = decisions.iter().find(|decision| decision.action.is_none()).unwrap();
    assert!(matches!(obstacle(left), Some(Rule::Profit | Rule::Repayment)), "{left}");

    // Others put back what was taken out of the pool: of sales that are in a block it has had its share.
    fill(&mut world, 1_000);
    world.block();
    assert!(acts(&world.look()).is_empty(), "they are still to come");
    for decision in &taken {
        world.give(Input::Mined { decision: decision.number, mined: true });
    }
    world.block();
    assert!(!acts(&world.look()).is_empty(), "they are in it");

    // What the chain says came of it is what the ledger has.
    let (repaid, seized, least, sale) = sale(taken[0]);
    let gain = i128::try_from(sale.output - repaid).unwrap();
    let kept = i128::try_from(seized - least).unwrap();
    let change = |asset: &str, delta| Move { chain: "east".into(), asset: asset.into(), delta };
    let moves = vec![change("TIM3", gain), change("WETH", kept), change("ETH", -7)];
    let fill = Fill { input: repaid, output: sale.output };
    let outcome = Outcome::Done { fill, moves, swept: Vec::new(), gas: 7 };
    let entry = world.give(Input::Outcome { decision: taken[0].number, outcome }).entries.remove(0);
    assert_eq!((entry.slippage, entry.by_asset()["TIM3"]), (0, gain));

    // What went to the treasury is a gain all the same, and none of it is there.
    let (swept, moves) = (vec![change("TIM3", gain), change("WETH", kept)], vec![change("ETH", -7)]);
    let outcome = Outcome::Done { fill, moves, swept, gas: 7 };
    let other = world.give(Input::Outcome { decision: taken[1].number, outcome }).entries.remove(0);
    assert_eq!((other.usd, other.by_asset()), (entry.usd, entry.by_asset()));
    assert!(
        other.csv().contains(&format!("\"east/ETH:-7\",\"east/TIM3:+{gain} east/WETH:+{kept}\",7,0,")),
        "{}",
        other.csv()
    );
    assert_eq!(world.keeper.ledger().balance("east", "TIM3"), Some(gain));
}

#[test]
fn a_replay_under_another_configuration_knows_which_of_its_own_sales_are_in_a_block() {
    let mut world = market(Mode::Live, true);
    fill(&mut world, 1_000);
    let mut decisions = world.price("eth", 180_000);
    decisions.extend(world.look());
    for decision in acts(&decisions) {
        world.give(Input::Mined { decision: decision.number, mined: true });
    }
    fill(&mut world, 1_000);
    world.block();
    assert!(!acts(&world.look()).is_empty(), "they have had their share of the pool");

    // Its decisions have other numbers than those of the record.
    let carried = Carried { decisions: 50, ..Carried::default() };
    let mut lines = vec![Line::header(world.keeper.config(), carried)];
    lines.extend(world.record.iter().flat_map(|(recorded, step)| Line::of(recorded, step)));
    let report = replay(&lines, Some(world.keeper.config())).unwrap();
    assert_eq!((report.differences, report.assumed), (vec![], 0));
}

#[test]
fn a_pool_that_is_thin_or_was_not_read_is_left_alone_and_a_smaller_sale_may_do() {
    let mut world = market(Mode::Live, true);
    let decisions = world.price("eth", 180_000);
    assert!(acts(&decisions).is_empty(), "nobody knows what the pool gives");
    fill(&mut world, 1);
    world.block();
    assert!(acts(&world.look()).is_empty(), "it would not pay for the gas");
    // 8898 TIM3 would have to be repaid for the target health, and 20 WETH give less than that for all that is seized then.
    fill(&mut world, 20);
    world.block();
    let decisions = world.look();
    let sizes: Vec<u128> = acts(&decisions).iter().map(|it| sale(it).0).collect();
    assert!(!sizes.is_empty() && sizes.iter().all(|repaid| *repaid < 2_000 * WHOLE), "{sizes:?}");
}

#[test]
fn without_a_loan_the_inventory_limits_it() {
    let mut world = market(Mode::Live, false);
    fill(&mut world, 1_000);
    assert!(acts(&world.price("eth", 180_000)).is_empty(), "there is no TIM3");
    world.hold("east", "TIM3", 6_000 * WHOLE);
    world.block();
    let decisions = world.look();
    let taken = acts(&decisions);
    let repaid: u128 = taken.iter().map(|decision| sale(decision).0).sum();
    assert!(repaid <= 6_000 * WHOLE && !sale(taken[0]).3.flash, "{repaid}");
}

#[test]
fn paper_counts_what_would_be_left_of_either() {
    let mut world = market(Mode::Paper, true);
    fill(&mut world, 1_000);
    let step = world.reading("eth", 0, 180_000);
    let (repaid, seized, least, sale) = sale(acts(&step.decisions)[0]);
    let sums = step.entries[0].by_asset();
    assert_eq!(sums["TIM3"], i128::try_from(sale.output - repaid).unwrap());
    assert_eq!(sums["WETH"], i128::try_from(seized - least).unwrap());
    assert_eq!(sums["ETH"], -550_000_000_000_000, "a liquidation and a step");
}

#[test]
fn a_loan_needs_somebody_who_lends() {
    let mut config = selling(Mode::Live, true);
    config.markets.get_mut("weth").unwrap().exit = None;
    assert!(config.check().unwrap_err().to_string().contains("markets.weth.flash"));
}
