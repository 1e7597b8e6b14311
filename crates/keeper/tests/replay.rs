//! A day of generated ticks, decided once and replayed; and small records, under other configurations.

#![expect(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests: the allowance in clippy.toml does not reach functions beside the test functions"
)]

mod support;

use support::{DOLLAR, WHOLE, World, config, owner};
use tim3_domain::{
    health::{Balances, Plan, Scales, plan},
    identity::Account,
    market::VaultParameters,
    price::Price,
};
use tim3_keeper::{
    Action, Config, Decision, Input, KeeperError, Mode, Subject,
    arbitrage::Fill,
    input::Outcome,
    keeper::Carried,
    ledger::Move,
    replay::{Line, Report, abandon, read},
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
    let done = done(decision)?;
    Some(match random.below(10) {
        0 => Outcome::Refused { reason: "simulation: reverted".into() },
        1 => Outcome::Failed { reason: "expired".into(), gas: 1_000_000_000 },
        2 => Outcome::Lost { gas: 2_000_000_000 },
        _ => done,
    })
}

/// What was expected of an action.
fn done(decision: &Decision) -> Option<Outcome> {
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
    Some(Outcome::Done { fill, moves, swept: Vec::new(), gas: 0 })
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

#[test]
fn what_a_page_of_another_version_says_by_itself_is_what_the_keeper_knew() {
    let world = day();
    let found = abandon(&lines(&world));
    let keeper = &world.keeper;
    assert_eq!(found.unfinished.keys().copied().collect::<Vec<_>>(), keeper.pending().collect::<Vec<_>>());
    let half_done = keeper.open_trades().map(|(decision, open)| (decision, open.left().0));
    assert_eq!(found.half_done, half_done.collect());
    let Carried { decisions, entries, is_paused, mut budgets, results, missed, lost, prices: _ } = found.carried;
    let decided = world.record.iter().map(|(_, step)| step.decisions.len() as u64).sum::<u64>();
    assert_eq!((decisions, entries, is_paused), (decided, keeper.ledger().next(), keeper.is_paused()));
    assert_eq!((&results, &missed), (keeper.ledger().results(), keeper.ledger().missed()));
    assert_eq!(lost, keeper.ledger().lost());
    let budget = budgets.remove(&Mode::Live).unwrap();
    assert_eq!(budget.result(), keeper.budget().result());
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

    let same = tim3_keeper::replay(&lines, Some(&other(|_| ()))).unwrap();
    assert_eq!(same, report, "the record's own outcomes fit its own configuration");
    let careful = other(|config| config.liquidation.target_bps = 11_000);
    let report = tim3_keeper::replay(&lines, Some(&careful)).unwrap();
    // Only liquidations are of another size; some of them were done, so that nothing in the record is what became of those.
    let is_sized = |decision: &Decision| matches!(decision.subject, Subject::Position { .. });
    let first = &report.differences[0];
    assert!(first.recorded.decisions.iter().chain(&first.replayed.decisions).all(is_sized), "{first:?}");
    assert!(report.assumed > 20, "{}", report.assumed);

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

/// What an inventory of so much liquidates of a position of 10 WETH at a price in dollars, up to this health.
fn repaid(debt: u128, dollars: u128, target_bps: u16, inventory: u128) -> u128 {
    let parameters = VaultParameters::check(config(Mode::Live).markets["weth"].terms).unwrap();
    let scales = Scales::new(Price::new(dollars * DOLLAR).unwrap(), Price::ONE, 18).unwrap();
    let balances = Balances { collateral: 10 * WETH, debt };
    match plan(balances, &parameters, &scales, target_bps, inventory) {
        Plan::Take(taken) => taken.repaid,
        Plan::Leave(why) => panic!("{why:?}"),
    }
}

/// Whose position, and how much of its debt is repaid; nothing where it is left.
type Gist = (Account, Option<u128>);

fn gist(decision: &Decision) -> Gist {
    let Subject::Position { owner, .. } = &decision.subject else { panic!("{decision}") };
    let repaid = decision.action.as_ref().map(|action| match action {
        Action::Liquidate { expected, .. } => expected.repaid,
        other => panic!("{other:?}"),
    });
    (*owner, repaid)
}

/// What a report says was decided instead, input by input.
fn instead(report: &Report) -> Vec<(u64, Vec<Gist>, Vec<Gist>)> {
    let gists = |decisions: &[Decision]| decisions.iter().map(gist).collect();
    let differences = report.differences.iter();
    differences.map(|it| (it.input, gists(&it.recorded.decisions), gists(&it.replayed.decisions))).collect()
}

const DEBTS: [u128; 2] = [15_000 * WHOLE, 14_600 * WHOLE];
const INVENTORY: u128 = 10_000 * WHOLE;
const BROUGHT: u128 = 1_000 * WHOLE;

/// Two positions, of which one is liquidatable at 1,800 dollars and the other one at 1,750; in between somebody brings inventory. What the keeper does to the first
/// one is done, and at the second one somebody else was first. The sequences of the inputs that made them so.
fn two_falls(config: Config) -> (World, [u64; 2]) {
    let mut world = World::new(config);
    world.open();
    world.hold("east", "TIM3", INVENTORY);
    world.hold("east", "WETH", 0);
    world.hold("east", "ETH", WETH);
    for (number, debt) in (0..).zip(DEBTS) {
        world.position(number, 10 * WETH, debt);
    }
    world.block();
    let first = world.sequence;
    let decided = world.reading("eth", 0, 180_000).decisions;
    let done = decided.first().and_then(|decision| Some((decision.number, done(decision)?, gist(decision).1?)));
    let mut held = INVENTORY;
    if let Some((decision, outcome, repaid)) = done {
        world.give(Input::Outcome { decision, outcome });
        world.position(0, 9 * WETH, 100 * WHOLE);
        held -= repaid;
    }
    world.block();
    world.hold("east", "TIM3", held + BROUGHT);
    let second = world.sequence;
    for decision in world.reading("eth", 1, 175_000).decisions {
        if decision.action.is_some() {
            world.give(Input::Outcome { decision: decision.number, outcome: Outcome::Lost { gas: 0 } });
        }
    }
    (world, [first, second])
}

#[test]
fn another_configuration_meets_the_outcomes_of_the_same_subjects_and_has_an_inventory_of_its_own() {
    let (world, inputs) = two_falls(other(|_| ()));
    let recorded = [repaid(DEBTS[0], 1_800, 10_500, INVENTORY), repaid(DEBTS[1], 1_750, 10_500, u128::MAX)];
    let lines = lines(&world);
    assert_eq!(instead(&tim3_keeper::replay(&lines, Some(&other(|_| ()))).unwrap()), []);

    let report = tim3_keeper::replay(&lines, Some(&other(|config| config.liquidation.target_bps = 11_000))).unwrap();
    let first = repaid(DEBTS[0], 1_800, 11_000, INVENTORY);
    let left = INVENTORY - first + BROUGHT;
    let second = repaid(DEBTS[1], 1_750, 11_000, left);
    assert_eq!(second, left, "it would have repaid more");
    let expected = |number: usize, replayed: u128| {
        let owner = owner(u32::try_from(number).unwrap());
        (inputs[number], vec![(owner, Some(recorded[number]))], vec![(owner, Some(replayed))])
    };
    assert_eq!(instead(&report), [expected(0, first), expected(1, second)]);
    // The first one was done in another size. That somebody else was first at the second one has nothing to do with size.
    assert_eq!(report.assumed, 1);
}

#[test]
fn what_only_another_configuration_does_is_filled_as_quoted_and_counted() {
    let (world, inputs) = two_falls(other(|config| config.liquidation.min_profit = i128::MAX));
    let report = tim3_keeper::replay(&lines(&world), Some(&other(|_| ()))).unwrap();
    let first = repaid(DEBTS[0], 1_800, 10_500, INVENTORY);
    let second = repaid(DEBTS[1], 1_750, 10_500, INVENTORY - first + BROUGHT);
    let expected =
        |number: u32, input, repaid| (input, vec![(owner(number), None)], vec![(owner(number), Some(repaid))]);
    assert_eq!(instead(&report), [expected(0, inputs[0], first), expected(1, inputs[1], second)]);
    assert_eq!(report.assumed, 2);
    let entries: Vec<_> = report.differences.iter().flat_map(|it| &it.replayed.entries).collect();
    assert_eq!(
        entries.iter().map(|entry| entry.by_asset()["TIM3"].unsigned_abs()).collect::<Vec<_>>(),
        [first, second]
    );
}

#[test]
fn a_trade_on_two_chains_goes_on_though_decisions_before_it_have_other_numbers() {
    let settings = || other(|config| config.inventory.get_mut("TIM3").unwrap().targets.clear());
    let mut world = World::new(settings());
    world.open();
    for (chain, asset, amount) in [("east", "TIM3", INVENTORY), ("east", "USDA", 50_000 * WHOLE)] {
        world.hold(chain, asset, amount);
    }
    world.hold("west", "TIM3", 5_000 * WHOLE);
    for chain in ["east", "west"] {
        world.hold(chain, "ETH", WETH);
        world.quota(chain, 1_000_000 * WHOLE);
    }
    world.position(0, 10 * WETH, DEBTS[0]);
    world.block();
    let refused = world.sequence;
    let decision = world.reading("eth", 0, 180_000).decisions[0].number;
    let reason = "simulation: reverted".to_owned();
    world.give(Input::Outcome { decision, outcome: Outcome::Refused { reason } });
    world.block();
    let waits = world.sequence;
    assert!(world.look()[0].action.is_none());
    world.position(0, 10 * WETH, 100 * WHOLE);
    world.pool("east pool", 950_000, 1_050_000);
    world.pool("west pool", 1_050_000, 950_000);
    world.block();
    let opening = world.look().remove(0);
    assert!(matches!(opening.action, Some(Action::Open { .. })), "{opening}");
    let closing = world.give(Input::Outcome { decision: opening.number, outcome: done(&opening).unwrap() }).decisions;
    assert!(matches!(closing[0].action, Some(Action::Close(_))), "{}", closing[0]);
    world.give(Input::Outcome { decision: closing[0].number, outcome: done(&closing[0]).unwrap() });
    assert_eq!(world.keeper.open_trades().count(), 0);

    let mut timid = settings();
    timid.liquidation.min_profit = i128::MAX;
    let report = tim3_keeper::replay(&lines(&world), Some(&timid)).unwrap();
    // It leaves the position once, for a reason that stands, where the record tried, and then waited.
    let attempt = repaid(DEBTS[0], 1_800, 10_500, INVENTORY);
    let expected =
        [(refused, vec![(owner(0), Some(attempt))], vec![(owner(0), None)]), (waits, vec![(owner(0), None)], vec![])];
    assert_eq!(instead(&report), expected);
    assert_eq!(report.assumed, 0, "each leg has the outcome that it had");
}
