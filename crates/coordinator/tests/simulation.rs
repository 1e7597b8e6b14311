//! The whole daemon over simulated chains: with seeded faults, and ended at journal boundaries, nothing is lost and nothing is doubled; a chain that does
//! what it must not stops it.
//!
//! Time is virtual. `TIM3_SEED` runs one schedule; `TIM3_SCHEDULES` runs that many.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_wrap,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a simulation that cannot go on fails"
)]

mod simulation {
    mod breach;
    pub(crate) mod crash;
    pub(crate) mod plan;
    pub(crate) mod world;
}

use simulation::world::{World, run};

fn seeds(default: u64) -> Box<dyn Iterator<Item = u64>> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    match number("TIM3_SEED") {
        Some(seed) => Box::new(std::iter::once(seed)),
        None => Box::new(0..number("TIM3_SCHEDULES").unwrap_or(default)),
    }
}

#[test]
fn perfect_chains_complete_every_operation() {
    let world = World { faults: false, crashes: 0, operations: 20, ..World::new(1) };
    let report = run(&world);
    assert_eq!(report.refunded, 0, "nothing failed, so nothing was refunded: {report:?}");
}

#[test]
fn rough_chains_lose_and_double_nothing() {
    for seed in seeds(12) {
        run(&World { faults: true, crashes: 0, operations: 25, ..World::new(seed) });
    }
}

#[test]
fn a_daemon_ended_at_journal_boundaries_loses_and_doubles_nothing() {
    for seed in seeds(12) {
        run(&World { faults: true, crashes: 12, operations: 25, ..World::new(seed) });
    }
}

/// Sweeps the first boundaries one by one, before and after the write: whatever was half done is taken up.
#[test]
fn every_single_boundary_of_one_operation_is_survived() {
    for boundary in 0..24 {
        for written in [false, true] {
            let world = World { faults: false, crash_at: Some((boundary, written)), operations: 2, ..World::new(7) };
            run(&world);
        }
    }
}
