//! What endpoints say of prices, and what is done about it.

#![expect(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    reason = "tests: the allowance in clippy.toml does not reach functions beside the test functions"
)]

mod support;

use support::{WHOLE, World, acts, config};
use tim3_domain::price::Verdict;
use tim3_keeper::{
    Config, Input, Mode,
    price::Reading,
    replay::{Line, replay},
};

const WETH: u128 = 1_000_000_000_000_000_000;

fn of_three() -> Config {
    let mut config = config(Mode::Live);
    for source in config.sources.values_mut() {
        source.guards.endpoints = 3;
    }
    config
}

/// A position that is unhealthy below 1900 dollars, at 2000 dollars by the word of three endpoints.
fn market() -> World {
    let mut world = World::new(of_three());
    world.open();
    world.hold("east", "TIM3", 5_000_000 * WHOLE);
    world.position(1, 10 * WETH, 10 * 1_900 * 8_250 / 10_000 * WHOLE);
    world
}

fn price(world: &World) -> Result<String, Verdict> {
    world.keeper.book("weth").unwrap().price().map(|price| price.to_string())
}

#[test]
fn a_fall_that_two_of_three_endpoints_read_is_acted_on_in_a_look_whatever_the_third_one_says() {
    for (garbage, ahead) in [(0, 0), (-1, 0), (i128::MAX, 0), (200_000, 0), (239_000, 3_600), (i128::MIN, 3_600)] {
        let mut world = market();
        // A pause, so that a look is what decides.
        world.give(Input::Pause { paused: true });
        for cents in [190_500, 180_000] {
            world.block();
            let published = world.now_ms / 1_000;
            let said =
                |(endpoint, answer, published)| Reading { endpoint, answer, confidence: 0, decimals: 2, published };
            let readings = [(0, cents, published), (1, cents, published), (2, garbage, published + ahead)];
            world.give(Input::Price { source: "eth".into(), readings: readings.map(said).to_vec() });
        }
        world.give(Input::Pause { paused: false });
        assert_eq!(acts(&world.look()).len(), 1, "{garbage} {ahead} s ahead");
        assert_eq!(price(&world), Ok("1800".to_owned()));
    }
}

#[test]
fn nothing_is_done_about_a_fall_that_one_of_three_endpoints_says() {
    let mut world = market();
    for _ in 0..5 {
        world.block();
        let step = world.readings("eth", [(0, 200_000), (1, 180_000), (2, 200_000)]);
        assert!(step.decisions.is_empty() && world.look().is_empty());
        assert_eq!(price(&world), Ok("2000".to_owned()));
    }
}

#[test]
fn a_page_begins_with_the_prices_that_were_believed_and_replays_from_its_own_header() {
    let before = market().keeper;
    let (carried, config) = (before.carried().unwrap(), before.config().clone());
    let mut page = World { keeper: tim3_keeper::Keeper::resume(config.clone(), carried.clone()).unwrap(), ..market() };
    page.record.clear();
    page.block();
    page.hold("east", "TIM3", 5_000_000 * WHOLE);
    let gas = Input::Gas { chain: "east".into(), liquidation: 500_000_000_000_000, step: 50_000_000_000_000 };
    page.give(gas);
    page.readings("usd", [(0, 100), (1, 100), (2, 100)]);
    page.position(1, 10 * WETH, 10 * 1_900 * 8_250 / 10_000 * WHOLE);
    let jump = page.readings("eth", [(0, 20_000), (1, 20_000), (2, 20_000)]);
    assert!(jump.decisions.is_empty() && page.look().is_empty());
    assert_eq!(price(&page), Err(Verdict::TooVolatile));
    page.block();
    let step = page.readings("eth", [(0, 180_000), (1, 180_000), (2, 180_000)]);
    assert_eq!(acts(&step.decisions).len(), 1);

    let lines = page.record.iter().flat_map(|(recorded, step)| Line::of(recorded, step));
    let lines: Vec<Line> = std::iter::once(Line::header(&config, carried)).chain(lines).collect();
    let report = replay(&lines, None).unwrap();
    assert_eq!((report.differences, report.decisions > 0), (Vec::new(), true));
}
