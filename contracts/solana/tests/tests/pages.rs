//! Pages of events under concurrency, and a clock that goes back.

use tim3_solana_interface::GatewayError;
use tim3_solana_tests::{Site, World, ledger, world::address};

/// Others make events until the gateway's current page is `page`.
fn fill(world: &mut World, site: &Site, page: u32) {
    let admin = address("admin");
    while site.read(world, |gateway| gateway.page()) < page {
        let wire = site.set_pause(world, admin, u8::from(world.time().is_multiple_of(2)));
        world.ok(&wire);
        world.pass(1);
    }
}

#[test]
fn a_transaction_made_before_others_filled_the_page_still_succeeds() {
    let (mut world, home, away) = World::with_gateways();
    let late = home.set_pause(&world, address("admin"), 2);
    fill(&mut world, &home, 1);
    let before = home.head(&world).count;
    world.ok(&late);
    assert_eq!(home.head(&world).count, before + 1);
    ledger::check(&world, &home, &[away.id]);
}

#[test]
fn a_transaction_that_is_a_page_late_does_nothing() {
    let (mut world, home, away) = World::with_gateways();
    let late = home.set_pause(&world, address("admin"), 2);
    fill(&mut world, &home, 2);
    let before = home.head(&world);
    world.refuses(&late, GatewayError::PageMissing);
    assert_eq!(home.head(&world), before);
    ledger::check(&world, &home, &[away.id]);
}

#[test]
fn a_page_made_ahead_is_used_when_its_time_comes_and_is_made_once() {
    let (mut world, home, away) = World::with_gateways();
    for _ in 0..2 {
        let wire = home.open_page(&world);
        world.ok(&wire);
        world.pass(1);
    }
    assert_eq!(home.read(&world, |gateway| gateway.page()), 0);
    fill(&mut world, &home, 1);
    assert!(!ledger::check(&world, &home, &[away.id]).is_empty());
}

#[test]
fn time_does_not_go_back() {
    let (mut world, home, away) = World::with_gateways();
    let wire = home.set_pause(&world, address("admin"), 1);
    world.ok(&wire);
    let seen = home.read(&world, |gateway| gateway.time());
    world.set_time(seen - 5_000);
    let wire = home.set_pause(&world, address("admin"), 2);
    world.ok(&wire);
    let events = ledger::check(&world, &home, &[away.id]);
    let last = events.last().expect("the pause is an event");
    assert_eq!(last.timestamp, seen);
}
