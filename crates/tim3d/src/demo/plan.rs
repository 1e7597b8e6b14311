//! Who will do what: a pure function of the seed and the number of operations.

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use super::world::{ONE, ONE_WETH, Person, Site};

/// A user who locks on one chain, moves what is minted on another to the third, and redeems it from there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trip {
    pub(super) person: Person,
    /// Home, where it is minted, where it is moved to.
    pub(super) route: [Site; 3],
    /// What is locked.
    pub(super) amount: u128,
    /// What of it goes on.
    pub(super) onward: u128,
    /// How many of the three operations there are.
    pub(super) legs: u32,
}

/// The whole script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) trips: Vec<Trip>,
    /// Locks at once towards a window that does not hold them all.
    pub(super) burst: Vec<Person>,
    /// Whose amount is over the value hold.
    pub(super) whale: Person,
    /// Whose destination is paused.
    pub(super) unlucky: Person,
    /// Vault owners: one whom the price path makes liquidatable, and one whom it does not.
    pub(super) vaults: [Person; 2],
    pub(super) liquidator: Person,
}

/// The fewest operations that every scene fits into, with one whole trip.
pub(crate) const FEWEST: u32 = 10;
/// What the burst locks, each.
pub(super) const BURST: u128 = 100 * ONE;
/// What the whale locks.
pub(super) const WHALE: u128 = 7_500 * ONE;
/// What the unlucky user locks.
pub(super) const UNLUCKY: u128 = 60 * ONE;
/// What the liquidator has.
pub(super) const LIQUIDATOR: u128 = 1_000 * ONE;

const NAMES: [&str; 16] =
    ["ana", "ben", "cho", "dia", "eli", "fay", "gus", "hal", "ida", "jon", "kim", "lou", "mia", "ned", "ola", "pia"];

impl Plan {
    /// The script for `seed` with `operations` operations.
    pub(super) fn new(seed: u64, operations: u32) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let burst = (operations / 12).clamp(3, 60);
        let mut left = operations.saturating_sub(burst).saturating_sub(4);
        let mut trips = Vec::new();
        while left > 0 {
            let legs = left.min(3);
            left = left.saturating_sub(legs);
            trips.push(trip(&mut rng, trips.len(), legs));
        }
        Self {
            trips,
            burst: (1..=burst).map(|number| Person::new(format!("crowd-{number}"))).collect(),
            whale: Person::new("whale"),
            unlucky: Person::new("unlucky"),
            vaults: ["vera", "carl"].map(Person::new),
            liquidator: Person::new("liquidator"),
        }
    }

    /// What everybody needs at the beginning: USDA and WETH.
    pub(super) fn funded(&self) -> Vec<(tim3_domain::identity::Account, u128, u128)> {
        let trips = self.trips.iter().map(|trip| (trip.person.account, trip.amount, 0));
        let burst = self.burst.iter().map(|person| (person.account, BURST, 0));
        let vaults = self.vaults.iter().map(|person| (person.account, 0, ONE_WETH.saturating_mul(2)));
        trips
            .chain(burst)
            .chain(vaults)
            .chain([
                (self.whale.account, WHALE, 0),
                (self.unlucky.account, UNLUCKY, 0),
                (self.liquidator.account, LIQUIDATOR, 0),
            ])
            .collect()
    }

    /// How many users do trips at the same time.
    pub(super) fn abreast(&self) -> usize {
        self.trips.len().div_ceil(2).clamp(1, 64)
    }
}

fn trip(rng: &mut StdRng, number: usize, legs: u32) -> Trip {
    let route = match rng.random_range(0..6_u8) {
        0 => [Site::A, Site::B, Site::C],
        1 => [Site::A, Site::C, Site::B],
        2 => [Site::B, Site::A, Site::C],
        3 => [Site::B, Site::C, Site::A],
        4 => [Site::C, Site::A, Site::B],
        _ => [Site::C, Site::B, Site::A],
    };
    // The first one is the example of every explanation.
    let amount = if number == 0 { 100 } else { rng.random_range(2..=15_u128).saturating_mul(10) };
    let onward = amount.saturating_mul(rng.random_range(5..=10_u128)) / 10;
    let mut names = NAMES.iter().cycle().skip(number);
    let name = names.next().copied().unwrap_or_default();
    let name = if number < NAMES.len() { name.to_owned() } else { format!("{name}-{number}") };
    Trip {
        person: Person::new(name),
        route,
        amount: amount.saturating_mul(ONE),
        onward: onward.saturating_mul(ONE),
        legs,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_plan_has_the_operations_asked_for_and_follows_from_the_seed() {
        for operations in [FEWEST, 11, 12, 60, 200] {
            let plan = Plan::new(7, operations);
            let trips: u32 = plan.trips.iter().map(|trip| trip.legs).sum();
            let scenes = u32::try_from(plan.burst.len().saturating_add(4)).unwrap_or(u32::MAX);
            assert_eq!(trips.saturating_add(scenes), operations);
            assert!(plan.trips.iter().any(|trip| trip.legs == 3), "{operations}: no whole trip");
            assert_eq!(plan, Plan::new(7, operations));
        }
        assert_ne!(Plan::new(7, 60), Plan::new(8, 60));
    }

    #[test]
    fn everybody_has_an_account_of_their_own() {
        let plan = Plan::new(1, 500);
        let funded = plan.funded();
        let accounts: BTreeSet<_> = funded.iter().map(|(account, ..)| *account).collect();
        assert_eq!(accounts.len(), funded.len());
    }
}
