//! What users may not do: levels, limits, amounts, accounts.

use tim3_domain::{health::Balances, identity::GatewayId, word::Word};
use tim3_solana_interface::{
    GatewayError,
    instruction::{
        BurnArgs, Call, CoverArgs, Instruction, LiquidateArgs, LockArgs, MarketTerms, RedeemArgs, RepayArgs,
        WithdrawArgs,
    },
};
use tim3_solana_tests::{
    Site, World, ledger,
    site::{ETHER, RESERVE, TIM3, UNIT, USDA, VAULT, WETH, WINDOW, reserve_terms},
    token,
    world::{address, holder},
};

fn lock_here(world: &mut World, site: &Site, user: &str, market: u8, collateral: u128, debt: u128) {
    let user = address(user);
    let wire = site.lock(world, user, site.lock_args(user, market, collateral, debt, site.id));
    world.ok(&wire);
}

/// Alice and Bob have tokens and positions, Alice is liquidatable, Bob has bad debt to cover and something to claim.
fn busy() -> (World, Site, Site) {
    let (mut world, home, away) = World::with_gateways();
    lock_here(&mut world, &home, "alice", VAULT, 10 * ETHER, 15_000 * UNIT);
    lock_here(&mut world, &home, "bob", RESERVE, 50_000 * UNIT, 50_000 * UNIT);
    lock_here(&mut world, &home, "bob", VAULT, ETHER, 0);
    lock_here(&mut world, &home, "carol", VAULT, 10 * ETHER, 15_000 * UNIT);
    home.set_price(&mut world, 1_000 * 100_000_000, 0);
    let (alice, bob, carol) = (address("alice"), address("bob"), address("carol"));
    let args = LiquidateArgs { market: VAULT, owner: carol.to_bytes(), max_repay: u128::MAX, min_seized: 0 };
    let wire = home.liquidate(&world, bob, args);
    world.ok(&wire);
    home.set_price(&mut world, 1_850 * 100_000_000, 0);
    // A claimable of each kind for Alice: her accounts are frozen for a moment.
    let wire = away.lock(&world, alice, away.lock_args(alice, RESERVE, 300 * UNIT, 300 * UNIT, home.id));
    world.ok(&wire);
    let mint = ledger::started(&world, &away);
    let wallet = home.wallet(&alice, TIM3);
    world.set_state(&wallet, token::FROZEN);
    let order = world.settlement(&home, &mint);
    world.done(&home, &order);
    world.set_state(&wallet, 1);
    (world, home, away)
}

/// The table of section 6, row by row: what each action answers at each level.
#[test]
fn the_table_of_pause_levels_holds() {
    let (mut world, home, away) = busy();
    let (alice, bob) = (address("alice"), address("bob"));
    let (owner, reserve) = (alice.to_bytes(), home.markets[0].0.0);
    let redeem = RedeemArgs { market: RESERVE, owner: reserve, amount: UNIT, wanted: 0, recipient: bob.to_bytes() };
    let rows: [(&str, solana_instruction::Instruction, [bool; 4]); 11] = [
        ("lock", home.lock(&world, bob, home.lock_args(bob, RESERVE, UNIT, 0, home.id)), [true, false, false, false]),
        (
            "home mint",
            home.lock(&world, bob, home.lock_args(bob, RESERVE, UNIT, UNIT, home.id)),
            [true, false, false, false],
        ),
        (
            "burn, transfer",
            home.burn(&world, bob, home.transfer_args(bob, 2 * UNIT, away.id)),
            [true, true, false, false],
        ),
        (
            "burn, redeem",
            home.burn(&world, bob, home.redeem_args(bob, 2 * UNIT, &away, RESERVE, 0)),
            [true, true, true, false],
        ),
        ("redeem", home.redeem(&world, bob, redeem), [true, true, true, false]),
        (
            "withdraw",
            home.withdraw(&world, bob, WithdrawArgs { market: VAULT, collateral: ETHER, to: bob.to_bytes() }),
            [true, true, true, false],
        ),
        (
            "liquidate",
            home.liquidate(&world, bob, LiquidateArgs { market: VAULT, owner, max_repay: u128::MAX, min_seized: 0 }),
            [true, true, true, false],
        ),
        ("repay", home.repay(&world, bob, RepayArgs { market: VAULT, owner, amount: UNIT }), [true; 4]),
        ("cover", home.cover(&world, bob, CoverArgs { market: home.markets[1].0.0, amount: UNIT }), [true; 4]),
        ("claim", home.claim(&world, alice, TIM3), [true, true, false, false]),
        ("set controller", home.set_controller(&world, alice, away.id, holder(&alice)), [true; 4]),
    ];
    for level in 0..4_u8 {
        let wire = home.set_pause(&world, address("admin"), level);
        world.ok(&wire);
        for (name, wire, open) in &rows {
            let answer = world.clone().send(wire);
            let paused = answer.as_ref().err().is_some_and(|failure| failure.gateway == Some(GatewayError::Paused));
            let reason = answer.as_ref().err().and_then(|failure| failure.gateway);
            assert_eq!(paused, !open[usize::from(level)], "{name} at level {level}: {reason:?}");
            assert!(paused || answer.is_ok(), "{name} at level {level}: {reason:?}");
        }
    }
}

#[test]
fn amounts_that_are_nothing_inexact_or_too_much_are_refused() {
    let (mut world, home, away) = World::with_gateways();
    let alice = address("alice");
    lock_here(&mut world, &home, "alice", RESERVE, 1_000 * UNIT, 1_000 * UNIT);
    let base = home.lock_args(alice, RESERVE, 100 * UNIT, 100 * UNIT, home.id);
    for (args, reason) in [
        (LockArgs { collateral: 0, debt: 0, ..base }, GatewayError::ZeroAmount),
        (LockArgs { collateral: 10_000_000_001, ..base }, GatewayError::Unrepresentable),
        (LockArgs { collateral: 9_999_999_900, ..base }, GatewayError::Undercollateralized),
        (LockArgs { debt: u128::MAX, ..base }, GatewayError::Overflow),
    ] {
        let wire = home.lock(&world, alice, args);
        world.refuses(&wire, reason);
    }
    let mut wire = home.lock(&world, alice, base);
    wire.data = Instruction::Lock(LockArgs { market: 2, ..base }).encode();
    world.refuses(&wire, GatewayError::UnknownMarket);
    let remote = LockArgs { destination: away.id.0.0, ..base };
    let burn = home.transfer_args(alice, 100 * UNIT, away.id);
    for (wire, reason) in [
        (
            home.lock(&world, alice, LockArgs { collateral: 10_000_000, debt: UNIT / 10, ..remote }),
            GatewayError::AmountOutOfRange,
        ),
        (home.lock(&world, alice, LockArgs { max_fee: 199_999, ..remote }), GatewayError::FeeTooHigh),
        (home.lock(&world, alice, LockArgs { recipient: [0; 32], ..remote }), GatewayError::InvalidAccount),
        (home.lock(&world, alice, LockArgs { refund_to: [0; 32], ..remote }), GatewayError::InvalidAccount),
        (home.burn(&world, alice, BurnArgs { amount: UNIT - 1, ..burn }), GatewayError::AmountOutOfRange),
        (home.burn(&world, alice, BurnArgs { amount: WINDOW + 1, ..burn }), GatewayError::AmountOutOfRange),
        (home.burn(&world, alice, BurnArgs { max_fee: 0, ..burn }), GatewayError::FeeTooHigh),
        (home.burn(&world, alice, BurnArgs { kind: 1, ..burn }), GatewayError::InvalidIntent),
        (home.burn(&world, alice, BurnArgs { kind: 4, ..burn }), GatewayError::InvalidIntent),
        (home.burn(&world, alice, BurnArgs { market: [1; 32], ..burn }), GatewayError::InvalidIntent),
        (home.burn(&world, alice, BurnArgs { owner: [1; 32], ..burn }), GatewayError::InvalidIntent),
        (home.burn(&world, alice, BurnArgs { wanted: 1, ..burn }), GatewayError::InvalidIntent),
        (home.burn(&world, alice, BurnArgs { kind: 2, ..burn }), GatewayError::InvalidIntent),
        (home.burn(&world, alice, BurnArgs { recipient: [0; 32], ..burn }), GatewayError::InvalidAccount),
        (home.burn(&world, alice, BurnArgs { asset: USDA, ..burn }), GatewayError::UnknownAsset),
    ] {
        world.refuses(&wire, reason);
    }
    // A route that does not exist, and the way to itself.
    for nowhere in [GatewayId(Word([7; 32])), home.id] {
        let wire = home.burn(&world, alice, BurnArgs { destination: nowhere.0.0, ..burn });
        assert!(world.send(&wire).is_err());
    }
    // More than she has: the token program says so.
    let wire = home.burn(&world, alice, BurnArgs { amount: 1_001 * UNIT, ..burn });
    assert!(world.send(&wire).is_err());
    ledger::check(&world, &home, &[away.id]);
}

#[test]
fn accounts_of_an_evm_peer_have_the_form_of_addresses() {
    let (mut world, home, _) = World::with_gateways();
    let peer = GatewayId(Word([0xee; 32]));
    home.change(&mut world, &home.route_call(peer, true));
    let alice = address("alice");
    let mut evm = [0; 32];
    evm[12..].fill(0xab);
    let mut high = evm;
    high[11] = 1;
    let args = home.lock_args(alice, RESERVE, 10 * UNIT, 10 * UNIT, peer);
    for recipient in [alice.to_bytes(), high, [0; 32]] {
        let wire = home.lock(&world, alice, LockArgs { recipient, ..args });
        world.refuses(&wire, GatewayError::InvalidAccount);
    }
    let wire = home.lock(&world, alice, LockArgs { recipient: evm, ..args });
    world.ok(&wire);
    let operation = ledger::started(&world, &home);
    assert_eq!(operation.recipient.to_evm(), Some([0xab; 20]));
}

#[test]
fn ceiling_and_dust_bound_a_draw_and_what_is_left() {
    let (mut world, home, _) = World::with_gateways();
    let alice = address("alice");
    home.change(
        &mut world,
        &Call::SetMarket {
            synthetic: TIM3,
            collateral: WETH,
            kind: 1,
            terms: MarketTerms { ceiling: 5_000 * UNIT, ..home.vault_terms() },
        },
    );
    home.set_price(&mut world, 2_000 * 100_000_000, 0);
    lock_here(&mut world, &home, "alice", VAULT, 10 * ETHER, 0);
    for (debt, reason) in [(99 * UNIT, GatewayError::BelowDust), (5_001 * UNIT, GatewayError::CeilingExceeded)] {
        let wire = home.lock(&world, alice, home.lock_args(alice, VAULT, 0, debt, home.id));
        world.refuses(&wire, reason);
    }
    lock_here(&mut world, &home, "alice", VAULT, 0, 5_000 * UNIT);
    let bob = address("bob");
    let wire = home.lock(&world, bob, home.lock_args(bob, VAULT, 10 * ETHER, 100 * UNIT, home.id));
    world.refuses(&wire, GatewayError::CeilingExceeded);
    // A repayment may leave dust: whoever repays is never turned away.
    let wire = home.repay(&world, alice, RepayArgs { market: VAULT, owner: alice.to_bytes(), amount: 4_950 * UNIT });
    world.ok(&wire);
    assert_eq!(home.position(&world, &alice).debt, 50 * UNIT);
    ledger::check(&world, &home, &[]);
}

#[test]
fn a_reserve_below_its_peg_is_not_locked() {
    let (mut world, home, _) = World::with_gateways();
    let alice = address("alice");
    let oracle = home.vault_terms().oracle;
    let terms = MarketTerms { oracle, depeg: 200, ..reserve_terms() };
    home.change(&mut world, &Call::SetMarket { synthetic: TIM3, collateral: USDA, kind: 0, terms });
    let wire_at = |world: &mut World, cents: i64| {
        home.set_price(world, cents * 1_000_000, 0);
        let mut wire = home.lock(world, alice, home.lock_args(alice, RESERVE, UNIT, UNIT, home.id));
        // A reserve with an oracle needs its price.
        let place = Instruction::decode(&wire.data)
            .unwrap()
            .spec()
            .accounts
            .iter()
            .position(|account| account.name == "price")
            .unwrap();
        wire.accounts[place].pubkey = home.price;
        wire
    };
    for (cents, expected) in [(100, Ok(())), (98, Ok(())), (97, Err(GatewayError::Depegged)), (150, Ok(()))] {
        let wire = wire_at(&mut world, cents);
        match expected {
            Ok(()) => drop(world.ok(&wire)),
            Err(reason) => world.refuses(&wire, reason),
        }
    }
    let wire = home.lock(&world, alice, home.lock_args(alice, RESERVE, UNIT, UNIT, home.id));
    assert!(world.send(&wire).is_err(), "without the price");
}

#[test]
fn what_is_not_there_cannot_be_repaid_withdrawn_liquidated_or_closed() {
    let (mut world, home, _) = World::with_gateways();
    let (alice, bob) = (address("alice"), address("bob"));
    lock_here(&mut world, &home, "bob", RESERVE, 100 * UNIT, 100 * UNIT);
    let owner = alice.to_bytes();
    for wire in [
        home.repay(&world, bob, RepayArgs { market: VAULT, owner, amount: UNIT }),
        home.withdraw(&world, alice, WithdrawArgs { market: VAULT, collateral: 1, to: owner }),
        home.liquidate(&world, bob, LiquidateArgs { market: VAULT, owner, max_repay: 1, min_seized: 0 }),
        home.liquidate(&world, bob, LiquidateArgs { market: RESERVE, owner, max_repay: 1, min_seized: 0 }),
        home.cover(&world, bob, CoverArgs { market: home.markets[1].0.0, amount: UNIT }),
        home.claim(&world, bob, TIM3),
        home.close_position(&world, alice),
        home.repay(&world, bob, RepayArgs { market: RESERVE, owner: home.markets[0].0.0, amount: 0 }),
        home.repay(&world, bob, RepayArgs { market: RESERVE, owner: bob.to_bytes(), amount: UNIT }),
    ] {
        let failure = world.send(&wire).unwrap_err();
        assert!(failure.gateway.is_some(), "{:?}", failure.error);
    }
    // A position whose controller is set is not closed, so that he is not forgotten.
    lock_here(&mut world, &home, "alice", VAULT, ETHER, 0);
    let wire = home.set_controller(&world, alice, GatewayId(Word([9; 32])), holder(&bob));
    world.ok(&wire);
    let wire = home.withdraw(&world, alice, WithdrawArgs { market: VAULT, collateral: ETHER, to: owner });
    world.ok(&wire);
    assert_eq!(home.position(&world, &alice), Balances::default());
    let wire = home.close_position(&world, alice);
    world.refuses(&wire, GatewayError::NotEmpty);
}

#[test]
fn data_that_is_no_instruction_is_refused() {
    let (mut world, home, _) = World::with_gateways();
    let wire = home.set_pause(&world, address("guardian"), 1);
    for data in
        [vec![], vec![20], vec![255], vec![7], vec![7, 0], vec![7, 0, 1, 0], vec![18, 9, 9], vec![1, 99], vec![3]]
    {
        let mut wire = wire.clone();
        wire.data = data.clone();
        let failure = world.send(&wire).unwrap_err();
        assert!(failure.gateway.is_some(), "{data:?}: {:?}", failure.error);
    }
    // An account too many.
    let mut wire = wire;
    wire.accounts.push(wire.accounts[0].clone());
    assert!(world.send(&wire).is_err());
}
