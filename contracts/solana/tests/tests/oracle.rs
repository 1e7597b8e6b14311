//! Prices that must not be used, and which of a price's two ends counts.

use solana_account::Account;
use tim3_domain::{
    health::{Backing, Scales, release},
    price::Price,
};
use tim3_solana_interface::{
    GatewayError,
    external::PriceUpdate,
    instruction::{LiquidateArgs, RedeemArgs, RepayArgs, WithdrawArgs},
};
use tim3_solana_tests::{
    Site, World,
    site::{ETHER, MAX_AGE, ONE, RESERVE, UNIT, VAULT, feed, pyth},
    world::address,
};

const DOLLAR: i64 = 100_000_000;

/// Alice has 10 WETH and owes 10,000.
fn world() -> (World, Site) {
    let (mut world, home, _) = World::with_gateways();
    let alice = address("alice");
    let wire = home.lock(&world, alice, home.lock_args(alice, VAULT, 10 * ETHER, 10_000 * UNIT, home.id));
    world.ok(&wire);
    let bob = address("bob");
    let wire = home.lock(&world, bob, home.lock_args(bob, RESERVE, 50_000 * UNIT, 50_000 * UNIT, home.id));
    world.ok(&wire);
    (world, home)
}

fn update(world: &World) -> PriceUpdate {
    let published = i64::try_from(world.time()).unwrap();
    PriceUpdate { full: true, feed: feed(), price: 2_000 * DOLLAR, confidence: 0, exponent: -8, published }
}

/// What needs a price is refused with it; what does not goes on.
#[track_caller]
fn forbids(world: &World, home: &Site, reason: GatewayError) {
    let (alice, bob) = (address("alice"), address("bob"));
    let owner = alice.to_bytes();
    let mut world = world.clone();
    for wire in [
        home.lock(&world, alice, home.lock_args(alice, VAULT, 0, 100 * UNIT, home.id)),
        home.withdraw(&world, alice, WithdrawArgs { market: VAULT, collateral: ETHER, to: owner }),
        home.liquidate(&world, bob, LiquidateArgs { market: VAULT, owner, max_repay: u128::MAX, min_seized: 0 }),
    ] {
        world.refuses(&wire, reason);
    }
    // A redeem repays, and takes nothing out before the debt is gone.
    let before = home.position(&world, &alice);
    let args = RedeemArgs { market: VAULT, owner, amount: 1_000 * UNIT, wanted: ETHER, recipient: owner };
    let wire = home.redeem(&world, alice, args);
    world.ok(&wire);
    let after = home.position(&world, &alice);
    assert_eq!((after.collateral, after.debt), (before.collateral, before.debt - 1_000 * UNIT));
    let wire = home.lock(&world, alice, home.lock_args(alice, VAULT, ETHER, 0, home.id));
    world.ok(&wire);
    let wire = home.repay(&world, alice, RepayArgs { market: VAULT, owner, amount: u128::MAX });
    world.ok(&wire);
    let wire = home.withdraw(&world, alice, WithdrawArgs { market: VAULT, collateral: ETHER, to: owner });
    world.ok(&wire);
}

#[test]
fn a_price_must_be_full_fresh_narrow_and_positive() {
    let (mut world, home) = world();
    let good = update(&world);
    let (age, now) = (i64::try_from(MAX_AGE).unwrap(), good.published);
    for (update, reason) in [
        (PriceUpdate { full: false, ..good }, GatewayError::PriceUnverified),
        (PriceUpdate { price: 0, ..good }, GatewayError::PriceNonPositive),
        (PriceUpdate { price: -1, ..good }, GatewayError::PriceNonPositive),
        (PriceUpdate { price: i64::MIN, ..good }, GatewayError::PriceNonPositive),
        (PriceUpdate { published: now - age - 1, ..good }, GatewayError::PriceStale),
        (PriceUpdate { published: 0, ..good }, GatewayError::PriceStale),
        (PriceUpdate { published: -1, ..good }, GatewayError::PriceStale),
        (PriceUpdate { published: i64::MIN, ..good }, GatewayError::PriceStale),
        // The widest interval is 1 %.
        (PriceUpdate { confidence: 20 * DOLLAR.unsigned_abs() + 1, ..good }, GatewayError::PriceUncertain),
        (PriceUpdate { confidence: u64::MAX, ..good }, GatewayError::PriceUncertain),
        (PriceUpdate { exponent: 30, ..good }, GatewayError::PriceNonPositive),
        (PriceUpdate { exponent: -60, ..good }, GatewayError::PriceNonPositive),
        (PriceUpdate { exponent: i32::MIN, ..good }, GatewayError::PriceNonPositive),
        (PriceUpdate { exponent: i32::MAX, ..good }, GatewayError::PriceNonPositive),
        (PriceUpdate { feed: [1; 32], ..good }, GatewayError::PriceUnavailable),
    ] {
        home.set_update(&mut world, &update);
        forbids(&world, &home, reason);
    }
    home.set_update(&mut world, &PriceUpdate { published: now - age, ..good });
    let alice = address("alice");
    let wire = home.lock(&world, alice, home.lock_args(alice, VAULT, 0, 100 * UNIT, home.id));
    world.ok(&wire);
}

#[test]
fn a_price_account_must_be_the_receivers() {
    let (mut world, home) = world();
    let good = update(&world);
    home.set_update(&mut world, &good);
    let account = world.account(&home.price).unwrap();
    for forged in [
        Account { owner: address("another program"), ..account.clone() },
        Account { owner: home.program, ..account.clone() },
        Account { data: account.data[..40].to_vec(), ..account.clone() },
        Account { data: vec![], ..account.clone() },
        Account {
            data: {
                let mut data = account.data.clone();
                data[0] ^= 1;
                data
            },
            ..account.clone()
        },
    ] {
        world.set(&home.price, forged);
        let alice = address("alice");
        let wire = home.lock(&world, alice, home.lock_args(alice, VAULT, 0, 100 * UNIT, home.id));
        assert!(world.send(&wire).is_err());
        let args = LiquidateArgs { market: VAULT, owner: alice.to_bytes(), max_repay: u128::MAX, min_seized: 0 };
        let wire = home.liquidate(&world, address("bob"), args);
        assert!(world.send(&wire).is_err());
    }
    // Another account of the receiver, with a better price.
    world.set(&home.price, account.clone());
    let other = address("another price");
    world.set(&other, Account { owner: pyth(), ..account });
    let alice = address("alice");
    let mut wire = home.lock(&world, alice, home.lock_args(alice, VAULT, 0, 100 * UNIT, home.id));
    for meta in &mut wire.accounts {
        if meta.pubkey == home.price {
            meta.pubkey = other;
        }
    }
    world.refuses(&wire, GatewayError::WrongAddress);
}

#[test]
fn a_draw_counts_the_lower_end_and_a_liquidation_the_higher_one() {
    let (mut world, home) = world();
    let (alice, bob) = (address("alice"), address("bob"));
    let owner = alice.to_bytes();
    // 2,000 ± 20: 10 WETH carry 14,850, not 15,000.
    home.set_price(&mut world, 2_000 * DOLLAR, 20 * DOLLAR.unsigned_abs());
    let wire = home.lock(&world, alice, home.lock_args(alice, VAULT, 0, 4_850 * UNIT + 1, home.id));
    world.refuses(&wire, GatewayError::Undercollateralized);
    let wire = home.lock(&world, alice, home.lock_args(alice, VAULT, 0, 4_850 * UNIT, home.id));
    world.ok(&wire);
    // A release at the lower end, too.
    let args = RedeemArgs { market: VAULT, owner, amount: 1_000 * UNIT, wanted: u128::MAX, recipient: owner };
    let before = home.position(&world, &alice);
    let wire = home.redeem(&world, alice, args);
    world.ok(&wire);
    let scales = Scales::new(Price::new(1_980 * ONE).unwrap(), Price::new(ONE).unwrap(), 18).unwrap();
    let expected =
        release(before, 1_000 * UNIT, u128::MAX, Backing::Vault { max_ltv_bps: 7_500, scales: Some(&scales) });
    let paid = expected.payout / 1_000_000_000 * 1_000_000_000;
    assert_eq!(before.collateral - home.position(&world, &alice).collateral, paid);

    // 13,850 · 10,000 / 8,000: healthy while the higher end is at least what it takes.
    let position = home.position(&world, &alice);
    let args = LiquidateArgs { market: VAULT, owner, max_repay: u128::MAX, min_seized: 0 };
    let threshold = scales.liquidation_price(position, 8_000).unwrap().raw();
    let at = |wad: u128| i64::try_from(wad / 10_000_000_000).unwrap();
    let width = u64::try_from(at(threshold) / 200).unwrap();
    let middle = at(threshold) + 1 - i64::try_from(width).unwrap();
    home.set_price(&mut world, middle, width);
    let wire = home.liquidate(&world, bob, args);
    world.refuses(&wire, GatewayError::Healthy);
    home.set_price(&mut world, middle - 2, width);
    let wire = home.liquidate(&world, bob, args);
    world.ok(&wire);
}
