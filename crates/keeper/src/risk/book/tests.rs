use std::collections::BTreeMap;

use proptest::prelude::*;
use tim3_domain::{
    health::{Assessment, Plan, assess, bad_debt, plan},
    market::MarketTerms,
    word::Word,
};

use super::*;
use crate::risk::Change;

fn vault(threshold: u16) -> Vault {
    let terms = MarketTerms {
        max_ltv_bps: 5_000,
        liquidation_threshold_bps: threshold,
        bonus_bps: 500,
        close_factor_bps: 5_000,
        debt_ceiling: u128::MAX,
        dust: 0,
    };
    Vault { parameters: VaultParameters::check(terms).unwrap(), target: Price::ONE, decimals: 8 }
}

fn owner(number: u8) -> Account {
    Account(Word::from(number))
}

fn price(cents: u128) -> Price {
    Price::new(cents * Price::ONE.raw() / 100).unwrap()
}

fn balances(collateral: u128, debt: u128) -> Balances {
    Balances { collateral, debt }
}

#[derive(Clone, Debug)]
enum Step {
    Set(u8, Balances, u64),
    Unknown(u8),
    Remove(u8),
    Price(Option<u128>),
    Threshold(u16),
}

fn any_balances() -> impl Strategy<Value = Balances> {
    // Around one whole collateral at 8 decimals and one to twenty of the synthetic at 6.
    let amount = prop_oneof![4 => 50_000_000..200_000_000_u128, 1 => Just(0), 1 => Just(u128::MAX)];
    let debt = prop_oneof![4 => 1_000_000..20_000_000_u128, 1 => Just(0)];
    (amount, debt).prop_map(|(collateral, debt)| Balances { collateral, debt })
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..40_u8, any_balances(), 0..8_u64).prop_map(|(who, what, version)| Step::Set(who, what, version)),
        1 => (0..45_u8).prop_map(Step::Unknown),
        1 => (0..45_u8).prop_map(Step::Remove),
        3 => prop::option::weighted(0.9, 1..3_000_u128).prop_map(Step::Price),
        1 => (5_001..9_500_u16).prop_map(Step::Threshold),
    ]
}

/// The same without any order.
#[derive(Default)]
struct Model {
    positions: BTreeMap<Account, (Balances, u64)>,
    unknown: BTreeMap<Account, ()>,
}

fn apply(book: &mut Book, model: &mut Model, step: Step) {
    match step {
        Step::Set(who, what, version) => {
            book.set(owner(who), what, version);
            let held = model.positions.get(&owner(who));
            if held.is_none_or(|(_, before)| version >= *before) {
                model.positions.insert(owner(who), (what, version));
                model.unknown.remove(&owner(who));
            }
        }
        Step::Unknown(who) => {
            book.set_unknown(owner(who), Unknown { reason: "timeout".into(), since_ms: 1 });
            model.positions.entry(owner(who)).or_default();
            model.unknown.insert(owner(who), ());
        }
        Step::Remove(who) => {
            book.remove(owner(who));
            model.positions.remove(&owner(who));
            model.unknown.remove(&owner(who));
        }
        Step::Price(cents) => {
            book.tick(cents.map(price).ok_or(Verdict::Stale));
        }
        Step::Threshold(threshold) => book.set_vault(vault(threshold)).unwrap(),
    }
}

proptest! {
    #[test]
    fn after_any_history_the_candidates_are_those_that_a_gateway_would_liquidate(
        steps in prop::collection::vec(any_step(), 0..120),
    ) {
        let mut book = Book::new(vault(8_000)).unwrap();
        let mut model = Model::default();
        for step in steps {
            apply(&mut book, &mut model, step);
        }
        prop_assert_eq!(book.len(), model.positions.len());
        let mut expected: Vec<Account> = Vec::new();
        if let Ok(price) = book.price() {
            let scales = book.vault().scales(price).unwrap();
            let is_candidate = |held: &Balances| assess(*held, &book.vault().parameters, &scales) != Assessment::Healthy;
            let known = model.positions.iter().filter(|(owner, _)| !model.unknown.contains_key(owner));
            expected = known.filter(|(_, (held, _))| is_candidate(held)).map(|(owner, _)| *owner).collect();
            let all = model.positions.values().filter(|(held, _)| is_candidate(held)).count();
            prop_assert_eq!(book.liquidatable(), all);
        } else {
            prop_assert_eq!(book.liquidatable(), 0);
        }
        let candidates: Vec<Candidate> = book.candidates().collect();
        let mut found: Vec<Account> = candidates.iter().map(|candidate| candidate.owner).collect();
        found.sort_unstable();
        prop_assert_eq!(&found, &expected);
        prop_assert!(book.disagreements().is_empty());
        let health = |candidate: &Candidate| candidate.critical.map_or(0, |critical| u128::MAX - critical.raw());
        prop_assert!(candidates.is_sorted_by_key(health));
        prop_assert!(book.unknown().map(|(owner, _)| owner).all(|owner| model.unknown.contains_key(&owner)));
        prop_assert_eq!(book.unknown().count(), model.unknown.len());
    }

    #[test]
    fn a_tick_counts_what_it_changes(
        all in prop::collection::vec(any_balances(), 0..60), prices in prop::collection::vec(1..3_000_u128, 1..20),
    ) {
        let mut book = Book::new(vault(8_000)).unwrap();
        book.load((0_u8..).zip(all).map(|(who, held)| (owner(who), held, 1)));
        for cents in prices {
            let before = book.candidates().count();
            let tick = book.tick(Ok(price(cents)));
            prop_assert_eq!(before + tick.fallen - tick.recovered, book.candidates().count());
            prop_assert!(tick.fallen == 0 || tick.recovered == 0);
        }
    }

    #[test]
    fn the_ladder_and_a_stress_test_are_what_looking_at_each_position_gives(
        all in prop::collection::vec(any_balances(), 0..60), cents in 1..3_000_u128, fall in 0..=10_000_u16,
    ) {
        let mut book = Book::new(vault(8_000)).unwrap();
        book.load((0_u8..).zip(all.iter().copied()).map(|(who, held)| (owner(who), held, 1)));
        book.set_unknown(owner(200), Unknown { reason: "timeout".into(), since_ms: 1 });
        book.tick(Ok(price(cents)));
        let scales = book.vault().scales(price(cents)).unwrap();
        let ladder = book.ladder(&[12_000, 10_000]);
        prop_assert_eq!(ladder.unknown, 1);
        prop_assert_eq!(ladder.without_debt, all.iter().filter(|held| held.debt == 0).count() as u64);
        for (rung, from, to) in [(0, 0, 10_000), (1, 10_000, 12_000), (2, 12_000, u32::MAX)] {
            let on_it = |held: &&Balances| {
                held.debt != 0 && scales.covers(**held, 8_000, from) && (to == u32::MAX || !scales.covers(**held, 8_000, to))
            };
            let debts: u128 = all.iter().filter(on_it).map(|held| held.debt).sum();
            prop_assert_eq!(ladder.rungs[rung].positions, all.iter().filter(on_it).count() as u64);
            prop_assert_eq!(ladder.rungs[rung].debt, debts);
        }

        let lower = Change::By(-i32::from(fall)).of(price(cents));
        let stress = book.stress(lower);
        let scales = book.vault().scales(lower).unwrap();
        let lost = all.iter().filter(|held| !scales.covers(**held, 8_000, 10_000));
        prop_assert_eq!(stress.liquidatable, lost.clone().count() as u64);
        prop_assert_eq!(stress.bad_debt, lost.map(|held| bad_debt(*held, 500, &scales)).sum::<u128>());
        book.tick(Ok(lower));
        prop_assert_eq!(stress.liquidatable, book.candidates().count() as u64);
    }

    #[test]
    fn debtors_are_all_that_are_known_and_owe_the_least_healthy_first(
        all in prop::collection::vec(any_balances(), 0..60), cents in 1..3_000_u128,
    ) {
        let mut book = Book::new(vault(8_000)).unwrap();
        book.load((0_u8..).zip(all.iter().copied()).map(|(who, held)| (owner(who), held, 1)));
        book.set_unknown(owner(0), Unknown { reason: "timeout".into(), since_ms: 1 });
        book.tick(Ok(price(cents)));
        let scales = book.vault().scales(price(cents)).unwrap();
        let debtors: Vec<Outlook> = book.debtors().collect();
        let mut owners: Vec<Account> = debtors.iter().map(|one| one.position.owner).collect();
        owners.sort_unstable();
        let owes = |(who, held): (u8, &Balances)| (who != 0 && held.debt != 0).then(|| owner(who));
        let mut expected: Vec<Account> = (0_u8..).zip(&all).filter_map(owes).collect();
        expected.sort_unstable();
        prop_assert_eq!(owners, expected);
        // By the exact ratio of collateral to debt, as far as a price in whole units can tell two apart.
        for pair in debtors.windows(2) {
            let [one, other] = [&pair[0].position, &pair[1].position];
            prop_assert!(one.critical.is_none() || one.critical >= other.critical);
        }
        for one in &debtors {
            let Some(critical) = one.position.critical else { continue };
            let is_healthy = |raw| {
                Price::new(raw).is_some_and(|price| {
                    let scales = book.vault().scales(price).unwrap();
                    scales.covers(one.position.balances, 8_000, 10_000)
                })
            };
            prop_assert!(is_healthy(critical.raw()) && !is_healthy(critical.raw() - 1), "the price at which it turns");
            prop_assert_eq!(one.health, scales.health_factor(one.position.balances, 8_000));
            let room = price(cents).raw().saturating_sub(critical.raw());
            prop_assert_eq!(u128::from(one.distance_bps.unwrap()), room * 10_000 / price(cents).raw());
        }
    }

    #[test]
    fn repayments_are_those_of_a_keeper_that_goes_through_the_candidates(
        all in prop::collection::vec(any_balances(), 0..60), cents in 1..3_000_u128, inventory in 0..100_000_000_u128,
    ) {
        let mut book = Book::new(vault(8_000)).unwrap();
        book.load((0_u8..).zip(all).map(|(who, held)| (owner(who), held, 1)));
        // At a price that is not the book's own.
        let found = book.repayment(price(cents), 10_500, inventory);
        book.tick(Ok(price(cents)));
        let scales = book.vault().scales(price(cents)).unwrap();
        let (mut left, mut wanted) = (inventory, 0);
        for candidate in book.candidates() {
            let planned = |most| plan(candidate.balances, &book.vault().parameters, &scales, 10_500, most);
            if let Plan::Take(taken) = planned(u128::MAX) {
                wanted += taken.repaid;
            }
            if let Plan::Take(taken) = planned(left) {
                left -= taken.repaid;
            }
        }
        prop_assert_eq!((found.wanted, found.covered), (wanted, inventory - left));
        let stress = book.stress(price(cents));
        prop_assert!(found.wanted <= stress.debt);
    }

    #[test]
    fn a_change_is_exact_and_rounded_down(raw in 1..u128::from(u64::MAX), bps in -10_000..1_000_000_i32) {
        let expected = raw * u128::from((10_000 + bps).unsigned_abs()) / 10_000;
        prop_assert_eq!(Change::By(bps).of(Price::new(raw).unwrap()).raw(), expected.max(1));
    }
}

#[test]
fn the_greatest_price_does_not_overflow() {
    let greatest = Price::new(u128::MAX).unwrap();
    assert_eq!(Change::By(1).of(greatest), greatest);
    assert_eq!(Change::By(-1).of(greatest).raw(), u128::MAX / 10_000 * 9_999 + u128::MAX % 10_000 * 9_999 / 10_000);
    assert_eq!(Change::By(i32::MIN).of(greatest).raw(), 1);
    assert_eq!(Change::To(Price::ONE).of(greatest), Price::ONE);
}

#[test]
fn an_order_that_is_wrong_is_found_out_and_made_anew() {
    let mut book = Book::new(vault(8_000)).unwrap();
    book.set(owner(1), balances(100_000_000, 8_000_000), 1);
    book.set(owner(2), balances(100_000_000, 1_000_000), 1);
    book.tick(Ok(price(900)));
    book.index = Index::build(vec![(0, 0), (0, 1)]);
    assert_eq!(book.disagreements(), [owner(1)]);
    book.rebuild();
    assert_eq!(book.disagreements(), []);
    assert_eq!((book.candidates().count(), book.liquidatable()), (1, 1));
}

#[test]
fn the_way_to_liquidation_is_the_critical_price_and_its_distance() {
    let mut book = Book::new(vault(8_000)).unwrap();
    // 1 at 8 decimals against 8 of debt: healthy from a price of 10 on.
    book.set(owner(1), balances(100_000_000, 8_000_000), 1);
    book.set(owner(2), balances(100_000_000, 0), 1);
    book.set(owner(3), balances(0, 5), 1);
    assert_eq!(book.outlook(owner(1)).unwrap().health, None);
    book.tick(Ok(price(1_250)));
    let outlook = book.outlook(owner(1)).unwrap();
    assert_eq!(outlook.position.critical, Some(price(1_000)));
    assert_eq!(outlook.distance_bps, Some(2_000));
    assert_eq!(outlook.health, Some(1_250_000_000_000_000_000));
    assert_eq!(book.outlook(owner(2)).unwrap().distance_bps, None);
    assert_eq!(book.outlook(owner(3)).unwrap().position.critical, None);
    assert_eq!(book.outlook(owner(4)), None);
}

#[test]
fn without_a_price_nobody_is_healthy_and_nobody_is_liquidated() {
    let mut book = Book::new(vault(8_000)).unwrap();
    book.set(owner(1), balances(1, 8_000_000), 1);
    book.tick(Ok(price(1_000)));
    assert_eq!(book.candidates().count(), 1);
    assert_eq!(book.tick(Err(Verdict::Stale)), Tick { fallen: 0, recovered: 1 });
    assert_eq!((book.candidates().count(), book.rescan().count(), book.liquidatable()), (0, 0, 0));
    assert_eq!(book.ladder(&[10_000]), crate::risk::Ladder { unknown: 1, ..Default::default() });
}

#[test]
fn a_load_replaces_what_is_there_already() {
    let mut book = Book::new(vault(8_000)).unwrap();
    book.set(owner(1), balances(100_000_000, 8_000_000), 1);
    book.load([(owner(2), balances(100_000_000, 8_000_000), 1), (owner(1), balances(100_000_000, 0), 2)]);
    book.tick(Ok(price(900)));
    assert_eq!(book.candidates().map(|candidate| candidate.owner).collect::<Vec<_>>(), [owner(2)]);
    assert_eq!(book.len(), 2);
}
