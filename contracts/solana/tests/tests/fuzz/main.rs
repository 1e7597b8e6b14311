//! Random users, keepers and submitters at two gateways. The attesters keep their rules (only what is void is refunded), everybody else does
//! not: anything is delivered, twice, in any order, with wrong accounts and spoiled signatures, while prices move and accounts are frozen.
//! After every few steps the law of conservation, the running hash and the fate of every operation are checked against a model made of the
//! events alone.
//!
//! `TIM3_FUZZ_SEED=n` runs one seed, `TIM3_FUZZ_RUNS=n` that many; a failure names its seed and step.

mod checks;
mod random;
mod simulation;

use std::{collections::BTreeMap, env, panic};

use simulation::Simulation;

const STEPS: usize = 600;
const RUNS: u64 = 5;

fn run(seed: u64) -> BTreeMap<&'static str, u32> {
    let mut simulation = Simulation::new(seed);
    let mut at = 0;
    let outcome = panic::catch_unwind(panic::AssertUnwindSafe(|| {
        for step in 0..STEPS {
            at = step;
            simulation.step();
            if step % 20 == 19 {
                simulation.check();
            }
        }
    }));
    if let Err(cause) = outcome {
        println!("failed with TIM3_FUZZ_SEED={seed}, step {at} of {STEPS}");
        panic::resume_unwind(cause);
    }
    simulation.done
}

#[test]
fn nothing_is_lost_doubled_or_made_of_nothing() {
    let number = |name: &str| env::var(name).ok().map(|text| text.parse::<u64>().expect(name));
    let seeds = match number("TIM3_FUZZ_SEED") {
        Some(seed) => seed..seed + 1,
        None => 1..1 + number("TIM3_FUZZ_RUNS").unwrap_or(RUNS),
    };
    let mut done: BTreeMap<&str, u32> = BTreeMap::new();
    let all = seeds.end - seeds.start;
    for seed in seeds {
        for (name, count) in run(seed) {
            *done.entry(name).or_default() += count;
        }
    }
    println!("{done:?}");
    if all >= RUNS {
        for name in [
            "lock",
            "burn",
            "repay",
            "withdraw",
            "redeem",
            "liquidate",
            "deliver",
            "void",
            "refund",
            "claim",
            "conflict",
        ] {
            assert!(done.contains_key(name), "no {name} in {all} runs: {done:?}");
        }
    }
}
