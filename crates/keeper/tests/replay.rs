//! A day of generated ticks, decided once and replayed.

#![expect(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "tests: the allowance in clippy.toml does not reach functions beside the test functions"
)]

mod support;

use support::{WHOLE, World, config};
use tim3_keeper::{
    Action, Config, Decision, Input, KeeperError, Mode,
    arbitrage::Fill,
    input::Outcome,
    keeper::Carried,
    ledger::Move,
    replay::{Line, read},
};

const WETH: u128 = 1_000_000_000_000_000_000;

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// What the chain does with an action: mostly what was expected, sometimes something else.
fn outcome(decision: &Decision, random: &mut Random) -> Option<Outcome> {
    let signed = |amount: u128| i128::try_from(amount).unwrap();
    let change = |chain: &str, asset: &str, delta| Move { chain: chain.into(), asset: asset.into(), delta };
    let (moves, fill) = match decision.action.as_ref()? {
        Action::Liquidate { expected, .. } => (
            vec![change("east", "TIM3", -signed(expected.repaid)), change("east", "WETH", signed(expected.seized))],
            Fill { input: expected.repaid, output: expected.seized },
        ),
        Action::Swap(trade) => (Vec::new(), Fill { input: trade.input, output: trade.output }),
        Action::Open { trade, .. } => {
            let leg = trade.legs_on(&trade.first).next()?;
            (Vec::new(), Fill { input: leg.input, output: leg.output })
        }
        Action::Close(order) | Action::Hedge(order) => (Vec::new(), order.quoted),
        Action::Transfer(transfer) => (Vec::new(), Fill { input: transfer.amount, output: transfer.amount }),
    };
    Some(match random.below(10) {
        0 => Outcome::Refused { reason: "simulation: reverted".into() },
        1 => Outcome::Failed { reason: "expired".into(), gas: 1_000_000_000 },
        2 => Outcome::Lost { gas: 2_000_000_000 },
        _ => Outcome::Done { fill, moves, gas: 0 },
    })
}

/// 7,200 blocks of 12 seconds: prices walk, sometimes wildly; positions change; pools are traded; outcomes come a block later.
fn day() -> World {
    let mut world = World::new(other(|_| ()));
    let mut random = Random(7);
    world.open();
    for chain in ["east", "west"] {
        for (asset, amount) in [("TIM3", 200_000 * WHOLE), ("USDA", 200_000 * WHOLE), ("ETH", WETH)] {
            world.hold(chain, asset, amount);
        }
        world.quota(chain, 100_000 * WHOLE);
    }
    for number in 0..200 {
        world.position(number, 10 * WETH, (8_000 + u128::from(number) * 42) * WHOLE);
    }
    let mut waiting: Vec<Decision> = Vec::new();
    for block in 0..7_200_u64 {
        world.block();
        for decision in std::mem::take(&mut waiting) {
            if let Some(outcome) = outcome(&decision, &mut random) {
                let step = world.give(Input::Outcome { decision: decision.number, outcome });
                waiting.extend(step.decisions);
            }
        }
        let before = world.record.len();
        if block % 5 == 0 {
            // Three times a day from 2000 down to 1500 and back, with noise.
            let phase = i128::from(block % 2_400);
            let cents = 150_000 + (phase - 1_200).abs() * 50_000 / 1_200 + i128::from(random.below(2_000));
            // One answer in a hundred is nonsense.
            let answer = if random.below(100) == 0 { cents * 10 } else { cents };
            let endpoint = u16::try_from(random.below(2)).unwrap();
            world.reading("eth", endpoint, answer);
        }
        if random.below(20) == 0 {
            let number = u32::try_from(random.below(200)).unwrap();
            world.position(number, 10 * WETH, (7_000 + u128::from(random.below(6_000))) * WHOLE);
        }
        let depth = |random: &mut Random| 990_000 + u128::from(random.below(20_000));
        if block % 3 == 0 {
            let (base, quote) = (depth(&mut random), depth(&mut random));
            world.pool(if block % 2 == 0 { "east pool" } else { "west pool" }, base, quote);
            world.look();
        }
        if block % 600 == 0 {
            world.reading("usd", u16::try_from(block / 600 % 2).unwrap(), 100);
        }
        waiting.extend(world.record[before..].iter().flat_map(|(_, step)| step.decisions.clone()));
    }
    world
}

fn lines(world: &World) -> Vec<Line> {
    let steps = world.record.iter().flat_map(|(recorded, step)| Line::of(recorded, step));
    std::iter::once(Line::header(world.keeper.config(), Carried::default())).chain(steps).collect()
}

fn other(change: impl Fn(&mut Config)) -> Config {
    let mut other = config(Mode::Live);
    // A day on which caps stop everything by noon proves half as much.
    (other.limits.default, other.limits.day) = (u128::MAX, u128::MAX);
    change(&mut other);
    other
}

#[test]
fn a_day_of_ticks_replays_to_identical_decisions_and_another_configuration_to_others() {
    let world = day();
    let mut lines = lines(&world);
    let decided: Vec<&Decision> = world.record.iter().flat_map(|(_, step)| &step.decisions).collect();
    let count =
        |is: fn(&Action) -> bool| decided.iter().filter(|decision| decision.action.as_ref().is_some_and(is)).count();
    // The day has some of everything, or it would prove little.
    assert!(count(|action| matches!(action, Action::Liquidate { .. })) > 20, "{:?}", world.keeper.ledger());
    assert!(count(|action| matches!(action, Action::Open { .. })) > 20);
    assert!(count(|action| matches!(action, Action::Close(_))) > 20);
    assert!(decided.iter().any(|decision| decision.action.is_none()));

    let text: String = lines.iter().map(|line| serde_json::to_string(line).unwrap() + "\n").collect();
    assert_eq!(read(&text).unwrap(), lines, "JSON lines keep everything");
    let bytes = postcard::to_stdvec(&lines).unwrap();
    assert_eq!(postcard::from_bytes::<Vec<Line>>(&bytes).unwrap(), lines, "so does a binary format");

    let report = tim3_keeper::replay(&lines, None).unwrap();
    assert_eq!(report.differences, []);
    assert_eq!((report.inputs, report.decisions), (world.record.len() as u64, decided.len() as u64));

    let careful = other(|config| config.liquidation.target_bps = 11_000);
    let report = tim3_keeper::replay(&lines, Some(&careful)).unwrap();
    assert!(!report.differences.is_empty());

    // A record that somebody changed is found out, where it was changed.
    let at = lines.iter().position(|line| matches!(line, Line::Decision(_))).unwrap();
    let Line::Decision(decision) = &mut lines[at] else { panic!() };
    decision.at_ms += 1;
    let input = decision.input;
    let report = tim3_keeper::replay(&lines[..=at], None).unwrap();
    assert_eq!(report.differences.iter().map(|difference| difference.input).collect::<Vec<_>>(), [input]);
}

#[test]
fn a_record_that_is_none_is_refused_with_its_line() {
    assert_eq!(read("\nnonsense\n").unwrap_err().to_string().split(':').next(), Some("line 2"));
    let world = World::new(config(Mode::Observe));
    let header = Line::header(world.keeper.config(), Carried::default());
    let stray = Line::Input(tim3_keeper::Recorded { sequence: 0, at_ms: 0, input: Input::Look });
    assert!(matches!(tim3_keeper::replay(&[stray.clone(), header], None), Err(KeeperError::Record { line: 1, .. })));
    let old = Line::Header { version: 0, config: Box::new(config(Mode::Observe)), carried: Box::default() };
    assert!(matches!(tim3_keeper::replay(&[old, stray], None), Err(KeeperError::Version { found: 0, .. })));
}
