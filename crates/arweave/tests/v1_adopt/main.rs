//! The planner against the processes' defects: random orders of everything, lost replies, restarts, sweeps and strangers.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test"
)]

mod daemon;
mod processes;

use proptest::prelude::*;
use tim3_arweave::v1::Role;
use tim3_arweave::v1::adopt::{End, Finding, Halt, Waiting};
use tim3_arweave::v1::books::judge;
use tim3_arweave::v1::message::Message;

use daemon::{Daemon, Random};
use processes::World;

const FOREVER: u64 = u64::MAX / 2;
const USERS: [&str; 3] = ["alice", "bob-with-dashes", "carol"];

fn funded(expire_after: u64) -> World {
    let mut world = World::new(expire_after);
    for user in USERS {
        world.usda.insert(user.to_owned(), 1000);
    }
    world
}

/// What holds whenever everything has come to rest.
fn check(world: &World, daemon: &Daemon) {
    let books = world.books();
    assert_eq!(
        judge(&books, &daemon.planner.unbooked()),
        [],
        "{books:?}\n{:?}",
        daemon.planner.findings(world.time + 10_000_000)
    );
    for (purpose, times) in world.times() {
        assert_eq!(times, 1, "{purpose} was done {times} times");
    }
    for user in USERS {
        assert_eq!(
            world.balances.get(user),
            world.held.get(user).filter(|held| **held != 0 || world.balances.contains_key(user)),
            "{user}"
        );
    }
    assert_eq!(daemon.planner.halted(), None);
}

fn configure(name: &str, value: &str) -> Message {
    Message::with_tags("", "Configure", &[("ConfigType", name), ("Value", value)])
}

#[test]
fn a_mint_and_a_burn_complete() {
    let mut world = funded(FOREVER);
    let mut daemon = Daemon::new();
    daemon.rest(&mut world);
    world.act("alice", "MintTIM3", 25);
    daemon.rest(&mut world);
    assert_eq!((world.balances["alice"], world.held["alice"], world.remembered()), (25, 25, 0));
    world.act("alice", "BurnTIM3", 25);
    daemon.rest(&mut world);
    assert_eq!((world.balances["alice"], world.held["alice"], world.remembered()), (0, 0, 0));
    check(&world, &daemon);
    assert!(daemon.planner.findings(world.time).is_empty());
}

#[test]
fn a_lock_stranded_before_is_released() {
    let mut world = funded(FOREVER);
    world.act("alice", "MintTIM3", 25);
    world.settle();
    assert_eq!(world.held["alice"], 25);
    let mut daemon = Daemon::new();
    daemon.rest(&mut world);
    assert_eq!((world.held["alice"], world.lock_statuses()), (0, vec!["unlocked"]));
}

#[test]
fn a_burn_that_released_nothing_before_is_released() {
    let mut world = funded(FOREVER);
    let mut daemon = Daemon::new();
    daemon.rest(&mut world);
    world.act("alice", "MintTIM3", 25);
    daemon.rest(&mut world);
    // Back to how it was, without the daemon: D3.
    for (role, name, value) in [
        (Role::Coordinator, "LockManagerProcess", "lm"),
        (Role::Coordinator, "TokenManagerProcess", "tm"),
        (Role::TokenManager, "CoordinatorProcess", "co"),
    ] {
        world.post("operator", role, &configure(name, value));
    }
    world.act("alice", "BurnTIM3", 10);
    world.settle();
    assert_eq!((world.balances["alice"], world.held["alice"]), (15, 25));
    daemon.rest(&mut world);
    assert!(matches!(daemon.planner.halted(), Some(Halt::Taken(_))));
    daemon.planner.resume(std::collections::BTreeMap::new());
    daemon.rest(&mut world);
    assert_eq!((world.balances["alice"], world.held["alice"]), (15, 15));
    check(&world, &daemon);
}

#[test]
fn a_burn_larger_than_any_lock_is_released_in_parts() {
    let mut world = funded(FOREVER);
    let mut daemon = Daemon::new();
    daemon.rest(&mut world);
    for amount in [2, 3, 4] {
        world.act("alice", "MintTIM3", amount);
        daemon.rest(&mut world);
    }
    world.act("alice", "BurnTIM3", 8);
    daemon.rest(&mut world);
    assert_eq!((world.balances["alice"], world.held["alice"], world.remembered()), (1, 1, 0));
    check(&world, &daemon);
}

#[test]
fn equal_burns_of_one_user_at_once_complete() {
    let mut world = funded(FOREVER);
    let mut daemon = Daemon::new();
    daemon.rest(&mut world);
    world.act("alice", "MintTIM3", 10);
    daemon.rest(&mut world);
    world.act("alice", "BurnTIM3", 5);
    world.act("alice", "BurnTIM3", 5);
    daemon.rest(&mut world);
    assert_eq!((world.balances["alice"], world.held["alice"], world.remembered()), (0, 0, 0));
    check(&world, &daemon);
}

#[test]
fn tokens_whose_collateral_was_freed_are_not_burned_and_no_more_are_minted() {
    let mut world = funded(FOREVER);
    let mut daemon = Daemon::new();
    daemon.rest(&mut world);
    world.act("alice", "MintTIM3", 10);
    daemon.rest(&mut world);
    world.post("alice", Role::Usda, &Message::with_tags("", "Unlock", &[("User", "alice"), ("Amount", "10")]));
    world.settle();
    world.act("alice", "BurnTIM3", 10);
    world.act("alice", "MintTIM3", 5);
    daemon.rest(&mut world);
    assert_eq!(world.balances["alice"], 10);
    let waits = |finding: &Finding| matches!(finding, Finding::Stalled { waiting: Waiting::FreedPastLocks, .. });
    assert_eq!(daemon.planner.findings(world.time + 10_000_000).iter().filter(|f| waits(f)).count(), 2);
    daemon.read_books(&world);
    assert!(matches!(daemon.planner.halted(), Some(Halt::Books { .. })));
}

#[test]
fn a_mint_that_the_token_manager_refuses_is_released() {
    let mut world = funded(FOREVER);
    let mut daemon = Daemon::new();
    daemon.rest(&mut world);
    world.act("alice", "MintTIM3", 25);
    world.minting_disabled = true;
    daemon.rest(&mut world);
    assert_eq!((world.balances.get("alice"), world.held["alice"]), (None, 0));
    let ends: Vec<_> = daemon.ends();
    assert!(matches!(ends.as_slice(), [End::Refused(why)] if why.contains("disabled")), "{ends:?}");
}

#[test]
fn whoever_takes_a_slot_stops_everything() {
    for (role, name) in [
        (Role::Coordinator, "LockManagerProcess"),
        (Role::Coordinator, "TokenManagerProcess"),
        (Role::LockManager, "CoordinatorProcess"),
        (Role::LockManager, "StateManagerProcess"),
        (Role::TokenManager, "CoordinatorProcess"),
    ] {
        let mut world = funded(FOREVER);
        let mut daemon = Daemon::new();
        daemon.rest(&mut world);
        world.post("thief", role, &configure(name, "thief"));
        world.settle();
        daemon.observe(&world);
        let Some(Halt::Taken(intrusion)) = daemon.planner.halted() else { panic!("{name} was taken") };
        assert_eq!((intrusion.by.as_deref(), intrusion.setting.value.as_str()), (Some("thief"), "thief"));
        assert!(daemon.planner.next(world.time).is_empty());
        // A restart finds it again.
        daemon.restart(&world);
        assert!(daemon.planner.halted().is_some());
        // And once a human has looked, the daemon takes the slot back, and goes on.
        daemon.planner.resume(std::collections::BTreeMap::new());
        daemon.rest(&mut world);
        world.act("alice", "MintTIM3", 5);
        daemon.rest(&mut world);
        assert_eq!(world.balances.get("alice"), Some(&5), "{name}");
    }
}

#[test]
fn a_daemon_that_lost_its_journal_does_nothing_twice() {
    let mut world = funded(FOREVER);
    let mut daemon = Daemon::new();
    daemon.rest(&mut world);
    world.act("alice", "MintTIM3", 25);
    for _ in 0..40 {
        daemon.round(&mut world, &mut Random(7), false);
        if !world.flying.is_empty() {
            world.deliver(0);
        }
        // What it had signed has arrived: it is in the histories.
        world.settle();
        daemon.journal.clear();
        daemon.restart(&world);
    }
    daemon.rest(&mut world);
    assert_eq!((world.balances["alice"], world.held["alice"]), (25, 25));
    check(&world, &daemon);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 200, ..ProptestConfig::default() })]

    /// Without sweeps, everything that the Coordinator accepted is done once and is in all books.
    #[test]
    fn everything_completes_exactly_once(seed in any::<u64>()) {
        let (world, daemon) = run(seed, FOREVER);
        check(&world, &daemon);
        // The Coordinator also accepts burns of more than there is, because it books late.
        let (completed, refused): (Vec<_>, Vec<_>) = daemon.ends().into_iter().partition(|end| *end == End::Completed);
        prop_assert!(refused.iter().all(|end| matches!(end, End::Refused(why) if why.contains("fewer tokens"))), "{refused:?}");
        prop_assert_eq!(world.remembered(), refused.len());
        prop_assert!(!completed.is_empty());
    }

    /// With strangers that make the Coordinator forget what is on its way, nothing is lost and nothing is doubled.
    #[test]
    fn sweeps_lose_nothing(seed in any::<u64>()) {
        let (world, daemon) = run(seed, 300);
        check(&world, &daemon);
    }
}

fn run(seed: u64, expire_after: u64) -> (World, Daemon) {
    let mut random = Random(seed);
    let mut world = funded(expire_after);
    let mut daemon = Daemon::new();
    for _ in 0..random.below(3) {
        world.act(USERS[random.below(3)], "MintTIM3", 1 + random.below(20) as i64);
        if random.below(2) == 0 {
            world.settle();
        }
    }
    if expire_after == FOREVER {
        // What was begun before the daemon came is not completed, and not of this test.
        world = funded(expire_after);
    }
    daemon.rest(&mut world);
    for _ in 0..150 + random.below(150) {
        match random.below(20) {
            0 => world.act(USERS[random.below(3)], "MintTIM3", 1 + random.below(20) as i64),
            1 => world.act(USERS[random.below(3)], "BurnTIM3", 1 + random.below(10) as i64),
            2 if random.below(6) == 0 => daemon.restart(&world),
            3 if expire_after != FOREVER && random.below(3) == 0 => {
                world.post("stranger", Role::Coordinator, &Message::with_tags("", "SystemHealth", &[]));
            }
            4..=10 => daemon.round(&mut world, &mut random, true),
            _ if !world.flying.is_empty() => {
                let at = random.below(world.flying.len());
                world.deliver(at);
            }
            _ => world.time += random.below(200) as u64,
        }
    }
    daemon.rest(&mut world);
    (world, daemon)
}
