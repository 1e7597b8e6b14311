//! A gap between two chains, and chains that do what is ordered.

#![allow(dead_code, reason = "each test uses a part of it")]

use tim3_keeper::{
    Action, Config, Decision, Input, Mode,
    arbitrage::{Fill, Order, Size, Trade},
    input::Outcome,
    keeper::Step,
    ledger::Move,
};

use crate::support::{WHOLE, World, acts, config};

pub(crate) const ETH: u128 = 1_000_000_000_000_000_000;

/// Both chains with inventory, and pools at par.
pub(crate) fn world(config: Config) -> World {
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

pub(crate) fn opened(decision: &Decision) -> &Trade {
    match &decision.action {
        Some(Action::Open { trade, .. }) => trade,
        _ => panic!("{decision}"),
    }
}

pub(crate) fn order(decision: &Decision) -> &Order {
    match &decision.action {
        Some(Action::Open { order, .. } | Action::Close(order) | Action::Hedge(order)) => order,
        _ => panic!("{decision}"),
    }
}

/// TIM3 is cheap on east and dear on west; only USDA on east, so many whole ones, and 5,000 TIM3 on west are there to trade with.
pub(crate) fn gap(settings: Config, usda: u128) -> (World, Decision) {
    let mut world = world(settings);
    world.hold("east", "USDA", usda * WHOLE);
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

pub(crate) fn without_transfers(mode: Mode) -> Config {
    let mut settings = config(mode);
    settings.inventory.get_mut("TIM3").unwrap().targets.clear();
    settings
}

/// The chain does what is ordered: so much. It has what it lets be taken.
pub(crate) fn fill(world: &mut World, decision: &Decision, fill: Fill) -> Step {
    let Order { chain, from, to, size, .. } = order(decision);
    let most = match size {
        Size::Sell { input, .. } => *input,
        Size::Buy { max_input, .. } => *max_input,
    };
    let held = world.held.entry((chain.clone(), from.clone())).or_default();
    assert!(most <= *held, "the chain has {held}: {decision}");
    *held -= fill.input;
    *world.held.entry((chain.clone(), to.clone())).or_default() += fill.output;
    let signed = |amount: u128| i128::try_from(amount).unwrap();
    let change = |asset: &str, delta| Move { chain: chain.clone(), asset: asset.into(), delta };
    let moves = vec![change(from, -signed(fill.input)), change(to, signed(fill.output))];
    let outcome = Outcome::Done { fill, moves, swept: Vec::new(), gas: 0 };
    world.give(Input::Outcome { decision: decision.number, outcome })
}

/// The chain does what is ordered, as quoted.
pub(crate) fn fill_as_quoted(world: &mut World, decision: &Decision) -> Step {
    fill(world, decision, order(decision).quoted)
}

pub(crate) fn refuse(world: &mut World, decision: &Decision) -> Step {
    let outcome = Outcome::Refused { reason: "frozen".into() };
    world.give(Input::Outcome { decision: decision.number, outcome })
}
