use proptest::prelude::*;
use tim3_chain::{Books, Holding, PeerBooks};
use tim3_domain::{
    identity::{AssetId, GatewayId},
    place::BlockRef,
    word::Word,
};

use super::*;

/// A world of honest gateways: every step moves what the protocol moves.
#[derive(Clone, Debug)]
struct World(Vec<Books>);

impl World {
    fn new(gateways: usize) -> Self {
        Self(vec![Books { peers: vec![PeerBooks::default(); gateways], ..Books::default() }; gateways])
    }

    fn lock(&mut self, home: usize, destination: usize, amount: u128) {
        self.0[home].debt += amount;
        if home == destination {
            self.0[home].minted += amount;
        } else {
            self.0[home].peers[destination].sent += amount;
        }
    }

    fn settle(&mut self, origin: usize, destination: usize, amount: u128) {
        self.0[destination].minted += amount;
        self.0[destination].peers[origin].settled += amount;
    }

    fn burn(&mut self, origin: usize, destination: usize, amount: u128) {
        self.0[origin].burned += amount;
        self.0[origin].peers[destination].sent += amount;
    }

    fn refund_burn(&mut self, origin: usize, destination: usize, amount: u128) {
        self.0[destination].peers[origin].voided += amount;
        self.0[origin].minted += amount;
        self.0[origin].peers[destination].refunded += amount;
    }

    fn audit(&self) -> Verdict {
        self.audit_since(&self.0)
    }

    fn audit_since(&self, first: &[Books]) -> Verdict {
        let mut worlds = [first.to_vec(), self.0.clone()];
        for books in worlds.iter_mut().flatten() {
            // The token is one with its gateway, unless a test has it differ.
            books.supply = books.supply.saturating_add(books.minted.saturating_sub(books.burned));
        }
        audit(&readings(&worlds[0], &worlds[1]), &Conflicts::new(), |_| "USDA".to_owned())
    }
}

fn readings(first: &[Books], second: &[Books]) -> Vec<Reading> {
    let pair = |(index, (first, second)): (usize, (&Books, &Books))| Reading {
        gateway: GatewayId(Word::from_u128(index as u128 + 1)),
        chain: format!("chain{index}"),
        first: first.clone(),
        second: second.clone(),
        block: BlockRef::default(),
    };
    first.iter().zip(second).enumerate().map(pair).collect()
}

#[test]
fn honest_books_are_exact_at_every_stage() {
    let mut world = World::new(3);
    world.lock(0, 1, 100);
    assert!(world.audit().exact());
    assert_eq!(world.audit().in_flight, 100);
    world.settle(0, 1, 100);
    world.burn(1, 2, 40);
    world.refund_burn(1, 2, 40);
    let verdict = world.audit();
    assert!(verdict.exact(), "{:?}", verdict.breaches().collect::<Vec<_>>());
    assert_eq!((verdict.supply, verdict.in_flight, verdict.debt), (100, 0, 100));
}

#[test]
fn a_mint_without_a_lock_is_a_breach_that_names_the_chain() {
    let mut world = World::new(2);
    world.lock(0, 1, 100);
    world.settle(0, 1, 100);
    world.0[1].minted += 1;
    let verdict = world.audit();
    assert!(verdict.breaches().any(|check| check.law.starts_with("chain1:")), "{:?}", verdict.checks);
}

#[test]
fn a_double_mint_is_more_settled_than_sent() {
    let mut world = World::new(2);
    world.lock(0, 1, 100);
    world.settle(0, 1, 100);
    world.settle(0, 1, 100);
    let verdict = world.audit();
    assert!(verdict.breaches().any(|check| check.law.contains("settled ≤ sent")), "{:?}", verdict.checks);
}

#[test]
fn a_refund_without_a_void_is_a_breach() {
    let mut world = World::new(2);
    world.lock(0, 1, 100);
    world.0[0].peers[1].refunded += 100;
    world.0[0].debt -= 100;
    let verdict = world.audit();
    assert!(verdict.breaches().any(|check| check.law.contains("refunded ≤ voided")), "{:?}", verdict.checks);
}

fn breached(world: &World, law: &str) -> bool {
    let verdict = world.audit();
    let found: Vec<&str> = verdict.breaches().map(|check| check.law.as_str()).collect();
    found == [law]
}

#[test]
fn tokens_that_the_gateway_did_not_mint_are_a_breach_and_those_that_holders_burned_are_none() {
    let mut world = World::new(2);
    world.lock(0, 0, 100);
    let counted = world.0[0].minted;
    let mut books = world.0[0].clone();
    for (supply, held) in [(counted - 1, true), (counted, true), (counted + 1, false)] {
        books.supply = supply;
        assert_eq!(super::supply("chain0", &books).held, held, "{supply} of {counted}");
    }
    world.0[0].supply = 1;
    assert!(breached(&world, "chain0: token supply ≤ minted − burned"), "{:?}", world.audit());
}

#[test]
fn collateral_that_is_not_there_is_a_breach_that_names_it() {
    let law = "chain0: USDA held + pending ≥ recorded + claimable + not yet debited";
    let whole = Holding {
        collateral: AssetId(Word::from_u128(7)),
        held: 90,
        recorded: 60,
        claimable: 30,
        pending: 10,
        undebited: 10,
    };
    let mut world = World::new(2);
    world.0[0].holdings = vec![whole];
    assert!(world.audit().exact(), "{:?}", world.audit());
    for less in [
        Holding { held: 89, ..whole },
        Holding { recorded: 61, ..whole },
        Holding { claimable: 31, ..whole },
        Holding { pending: 9, ..whole },
        Holding { undebited: 11, ..whole },
        Holding { recorded: u128::MAX, held: u128::MAX, ..whole },
    ] {
        world.0[0].holdings = vec![less];
        assert!(breached(&world, law), "{less:?}: {:?}", world.audit());
    }
}

#[test]
fn more_claimable_than_there_is_supply_is_a_breach() {
    let mut world = World::new(2);
    world.lock(0, 0, 100);
    world.0[0].claimable = 101;
    assert!(breached(&world, "chain0: claimable ≤ minted − burned"), "{:?}", world.audit());
}

#[test]
fn amounts_beyond_128_bits_never_count_as_exact() {
    let mut world = World::new(1);
    world.0[0].debt = u128::MAX;
    world.0[0].bad_debt = u128::MAX;
    assert!(!world.audit().exact());
}

proptest! {
    /// Readings that are not simultaneous are still exact, because settled and refunded are read before sent and voided.
    #[test]
    fn work_between_the_two_readings_is_no_breach(
        steps in prop::collection::vec((0usize..3, 0usize..3, 1u128..1_000, any::<bool>()), 0..40),
        cut in 0usize..40,
    ) {
        let mut world = World::new(3);
        let mut first = world.0.clone();
        for (index, (from, to, amount, settles)) in steps.into_iter().enumerate() {
            if index == cut {
                first = world.0.clone();
            }
            world.lock(from, to, amount);
            if from != to {
                if settles { world.settle(from, to, amount) } else { world.burn(to, from, 0) }
            }
        }
        prop_assert!(world.audit_since(&first).exact());
    }
}
