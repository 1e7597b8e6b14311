//! Orders that must not be executed, and what an order never does to its neighbours.

use tim3_domain::{
    health::Balances,
    identity::{Account as Holder, GatewayId, MarketId, OperationId},
    protocol::{Action, EventBody, MirrorRecord, Operation, OperationKind, Order, OrderContent, PositionState},
    word::{Word, keccak_text},
};
use tim3_solana_interface::{
    GatewayError,
    instruction::{Call, OrderResult, Role},
    protocol::code,
};
use tim3_solana_tests::{
    Signed, Site, World, ledger,
    orders::with_high_s,
    site::{ETHER, FLAT_FEE, PERIOD, RESERVE, TIM3, UNIT, VAULT, WINDOW},
    world::{START, address, attester, holder},
};

const OK: OrderResult = OrderResult { code: code::DONE, reason: None };

fn because(code: u8, reason: GatewayError) -> OrderResult {
    OrderResult { code, reason: Some(reason) }
}

/// A transfer from `origin` as attesters would have seen it.
fn transfer(origin: GatewayId, site: &Site, nonce: u64, amount: u128) -> Operation {
    Operation {
        kind: OperationKind::Transfer,
        origin,
        destination: site.id,
        nonce,
        asset: site.assets[0],
        market: MarketId::ZERO,
        owner: Holder::ZERO,
        actor: holder(&address("alice")),
        refund_to: holder(&address("alice")),
        recipient: holder(&address("bob")),
        amount,
        fee: FLAT_FEE,
        wanted: 0,
        timestamp: START,
    }
}

/// A Mint that is good, and the gateways.
fn mint() -> (World, Site, Site, Signed) {
    let (mut world, home, away) = World::with_gateways();
    let alice = address("alice");
    let wire = home.lock(&world, alice, home.lock_args(alice, RESERVE, 100 * UNIT, 100 * UNIT, away.id));
    world.ok(&wire);
    let operation = ledger::started(&world, &home);
    let order = world.settlement(&away, &operation);
    (world, home, away, order)
}

#[test]
fn signatures_must_be_enough_good_and_in_order() {
    let (mut world, _, away, order) = mint();
    let [a, b, c] = [0, 1, 2].map(|index| world.attesters[index].clone());
    let stranger = attester("stranger");
    for (keys, reason) in [
        (vec![], GatewayError::TooFewSignatures),
        (vec![&a], GatewayError::TooFewSignatures),
        (vec![&b, &a], GatewayError::UnorderedSigners),
        (vec![&a, &a], GatewayError::UnorderedSigners),
        (vec![&stranger, &stranger], GatewayError::UnknownSigner),
        (vec![&a, &c, &b], GatewayError::UnorderedSigners),
    ] {
        let order = order.clone().signed_by(keys);
        world.rejects(&away, &order, reason);
    }
    for other in [vec![&a, &stranger], vec![&stranger, &a], vec![&a, &b, &stranger]] {
        let order = order.clone().signed_by(other);
        let [result] = world.execute(&away, &[order])[..] else { panic!() };
        assert!(
            matches!(result.reason, Some(GatewayError::UnknownSigner | GatewayError::UnorderedSigners)),
            "{result:?}"
        );
    }
    let spoiled = |change: &dyn Fn(&mut [u8; 65])| {
        let mut order = order.clone();
        change(&mut order.signatures[1]);
        order
    };
    for (order, reasons) in [
        (spoiled(&|bytes| *bytes = with_high_s(*bytes)), [GatewayError::InvalidSignature].as_slice()),
        (spoiled(&|bytes| bytes[64] = 0), &[GatewayError::InvalidSignature]),
        (spoiled(&|bytes| bytes[64] = 29), &[GatewayError::InvalidSignature]),
        (spoiled(&|bytes| bytes[..32].fill(0)), &[GatewayError::InvalidSignature]),
        (spoiled(&|bytes| bytes[32..64].fill(0)), &[GatewayError::InvalidSignature]),
        (spoiled(&|bytes| bytes[..32].fill(0xff)), &[GatewayError::InvalidSignature]),
        (
            spoiled(&|bytes| bytes[64] ^= 7),
            &[GatewayError::InvalidSignature, GatewayError::UnknownSigner, GatewayError::UnorderedSigners],
        ),
    ] {
        let [result] = world.execute(&away, &[order])[..] else { panic!() };
        assert_eq!(result.code, code::REJECTED);
        assert!(result.reason.is_some_and(|reason| reasons.contains(&reason)), "{result:?}");
    }
    // More than needed are allowed.
    let order = order.signed_by([&a, &b, &c]);
    world.done(&away, &order);
}

#[test]
fn a_signature_counts_for_one_gateway_epoch_action_and_content() {
    let (mut world, home, away, order) = mint();
    let refused = |world: &mut World, signed_over: Order| {
        let mut other = order.clone();
        other.signatures = world.sign(&away, signed_over).signatures;
        let [result] = world.execute(&away, &[other])[..] else { panic!() };
        assert_eq!(result.code, code::REJECTED);
        // Over another digest the recovered addresses are nobody's, in any order.
        assert!(
            matches!(
                result.reason,
                Some(GatewayError::UnknownSigner | GatewayError::UnorderedSigners | GatewayError::InvalidSignature)
            ),
            "{result:?}"
        );
    };
    let content = order.order.content.clone();
    refused(&mut world, Order { gateway: home.id, ..order.order.clone() });
    refused(&mut world, Order { epoch: 2, ..order.order.clone() });
    refused(&mut world, Order { epoch: 0, ..order.order.clone() });
    refused(&mut world, Order { action: Action::Void, ..order.order.clone() });
    let OrderContent::Operation(operation) = content else { panic!() };
    for changed in [
        Operation { amount: operation.amount + 1, ..operation.clone() },
        Operation { recipient: holder(&address("carol")), ..operation.clone() },
        Operation { nonce: 1, ..operation.clone() },
        Operation { wanted: 0, ..operation.clone() },
        Operation { timestamp: 0, ..operation },
    ] {
        refused(&mut world, Order { content: OrderContent::Operation(changed), ..order.order.clone() });
    }
    // Signed under an epoch that has ended.
    let signers: Vec<[u8; 20]> = world.attesters.iter().map(tim3_solana_tests::world::evm_address).collect();
    away.change(&mut world, &Call::SetAttesters { threshold: 2, signers: &signers });
    let [result] = world.execute(&away, std::slice::from_ref(&order))[..] else { panic!() };
    assert_eq!(result.code, code::REJECTED);
    let again = world.settlement(&away, &operation);
    world.done(&away, &again);
}

#[test]
fn an_order_is_executed_once_whoever_sends_it() {
    let (mut world, _, away, order) = mint();
    world.done(&away, &order);
    world.skips(&away, &order, code::ALREADY_DONE, GatewayError::AlreadyDone);
    let OrderContent::Operation(operation) = order.order.content.clone() else { panic!() };
    let void = world.order(&away, Action::Void, &operation);
    world.rejects(&away, &void, GatewayError::SlotTaken);
    // Another operation under the same replay key.
    let other = Operation { recipient: holder(&address("carol")), ..operation };
    let order = world.settlement(&away, &other);
    world.skips(&away, &order, code::ALREADY_DONE, GatewayError::AlreadyDone);
    // Twice in one batch.
    let fresh = transfer(other.origin, &away, 7, 5 * UNIT);
    let order = world.settlement(&away, &fresh);
    let results = world.execute(&away, &[order.clone(), order]);
    assert_eq!(results, [OK, because(code::ALREADY_DONE, GatewayError::AlreadyDone)]);
    assert_eq!(u128::from(world.balance(&away.wallet(&address("bob"), TIM3))), 5 * UNIT - FLAT_FEE);
}

#[test]
fn an_operation_is_executed_where_and_as_what_it_is() {
    let (mut world, home, away, order) = mint();
    let OrderContent::Operation(operation) = order.order.content else { panic!() };
    // Signed for `home` although its destination is `away`: attesters never do.
    let elsewhere = world.order(&home, Action::Mint, &operation);
    world.rejects(&home, &elsewhere, GatewayError::WrongGateway);
    let elsewhere = world.order(&away, Action::Refund, &operation);
    world.rejects(&away, &elsewhere, GatewayError::WrongGateway);
    let release = world.order(&away, Action::Release, &operation);
    world.rejects(&away, &release, GatewayError::WrongKind);
    let redeem = Operation {
        kind: OperationKind::Redeem,
        market: away.markets[0],
        owner: away.markets[0].reserve_owner(),
        ..operation
    };
    let mint = world.order(&away, Action::Mint, &redeem);
    world.rejects(&away, &mint, GatewayError::WrongKind);
    // Markets and owners that are not.
    let nowhere = Operation { market: home.markets[0], owner: home.markets[0].reserve_owner(), ..redeem };
    let order = world.order(&away, Action::Release, &nowhere).with(Role::CollateralVault, away.vaults[1]);
    world.rejects(&away, &order, GatewayError::UnknownMarket);
    let owner = Operation { owner: holder(&address("alice")), ..redeem };
    let order = world.order(&away, Action::Release, &owner);
    world.rejects(&away, &order, GatewayError::WrongOwner);
    let asset = Operation { asset: away.assets[1], ..operation };
    let order = world.order(&away, Action::Mint, &asset).with(Role::Route, away.route_at(home.id));
    let [result] = world.execute(&away, &[order])[..] else { panic!() };
    assert_eq!(result.code, code::REJECTED);
    // A refund of what this gateway did not send.
    for (nonce, amount) in [(0, operation.amount + 1), (1, operation.amount), (63, operation.amount)] {
        let unknown = Operation { nonce, amount, ..operation.clone() };
        let order = world.order(&home, Action::Refund, &unknown);
        world.rejects(&home, &order, GatewayError::UnknownOperation);
    }
    for amounts in [(0, 0), (5, 5), (5, 6)] {
        let odd = Operation { nonce: 9, amount: amounts.0, fee: amounts.1, ..operation.clone() };
        let order = world.order(&away, Action::Mint, &odd);
        let [result] = world.execute(&away, &[order])[..] else { panic!() };
        assert_eq!(result.code, code::REJECTED, "amount {} and fee {}", amounts.0, amounts.1);
    }
    ledger::check(&world, &home, &[away.id]);
    ledger::check(&world, &away, &[home.id]);
}

#[test]
fn every_account_that_an_order_needs_is_missed_by_its_role() {
    let (mut world, _, away, order) = mint();
    for role in [Role::Page, Role::Route, Role::SyntheticMint, Role::Token, Role::TreasuryToken] {
        let order = order.clone().without(role);
        world.rejects(&away, &order, GatewayError::AccountMissing);
    }
    // Somebody else's accounts.
    for (role, address) in [
        (Role::Token, away.wallet(&address("carol"), TIM3)),
        (Role::TreasuryToken, away.wallet(&address("carol"), TIM3)),
        (Role::SyntheticMint, away.mints[1]),
        (Role::Route, away.route_at(away.id)),
        (Role::Page, away.slots_at(away.id, 0)),
        (Role::Page, away.slots_at(order.order.operation().unwrap().origin, 1_024)),
    ] {
        let order = order.clone().with(role, address);
        let [result] = world.execute(&away, &[order])[..] else { panic!() };
        assert_eq!(result.code, code::REJECTED, "{role:?}");
    }
    // A token account that the recipient owns, and that is not his canonical one.
    let other = address("an account of bob's");
    let bob = address("alice");
    world.set(&other, tim3_solana_tests::token::holding(&away.mints[0], &bob, 0));
    let wrong = order.clone().with(Role::Token, other);
    world.rejects(&away, &wrong, GatewayError::WrongAddress);
    world.done(&away, &order);
}

#[test]
fn an_order_never_fails_its_neighbours() {
    let (mut world, home, away, _) = mint();
    let good: Vec<Signed> =
        (10..13).map(|nonce| world.settlement(&away, &transfer(home.id, &away, nonce, 10 * UNIT))).collect();
    let unsigned = world.settlement(&away, &transfer(home.id, &away, 20, 10 * UNIT)).signed_by([]);
    let large = world.settlement(&away, &transfer(home.id, &away, 21, WINDOW + 1));
    let huge = world.settlement(&away, &transfer(home.id, &away, 22, u128::MAX));
    let wrong = world.order(&away, Action::Release, &transfer(home.id, &away, 23, UNIT));
    let orders = [good[0].clone(), unsigned, good[1].clone(), large, huge, wrong, good[2].clone()];
    let results = world.execute(&away, &orders);
    let codes: Vec<u8> = results.iter().map(|result| result.code).collect();
    assert_eq!(codes[..4], [0, 3, 0, 2]);
    assert_ne!(codes[4], 0, "{:?}", results[4]);
    assert_eq!(codes[5..], [3, 0]);
    assert_eq!(u128::from(world.balance(&away.wallet(&address("bob"), TIM3))), 3 * (10 * UNIT - FLAT_FEE));
    ledger::check(&world, &away, &[home.id]);
}

#[test]
fn a_window_delays_and_refills() {
    let (mut world, home, away, _) = mint();
    let first = world.settlement(&away, &transfer(home.id, &away, 1, WINDOW));
    let second = world.settlement(&away, &transfer(home.id, &away, 2, WINDOW / 2));
    world.done(&away, &first);
    world.skips(&away, &second, code::DELAYED, GatewayError::WindowFull);
    world.pass(PERIOD / 2 - 1);
    world.skips(&away, &second, code::DELAYED, GatewayError::WindowFull);
    world.pass(1);
    world.done(&away, &second);
    ledger::check(&world, &away, &[home.id]);
}

#[test]
fn outcomes_are_kept_in_pages_by_nonce() {
    let (mut world, home, away, _) = mint();
    for nonce in [0, 1, 1_023, 1_024, 1_025, 2_047, 5_000_000, u64::from(u32::MAX) * 1_024] {
        let operation = transfer(home.id, &away, nonce, 2 * UNIT);
        let (done, void) = (world.settlement(&away, &operation), world.order(&away, Action::Void, &operation));
        if nonce % 2 == 0 {
            world.done(&away, &done);
            world.skips(&away, &done, code::ALREADY_DONE, GatewayError::AlreadyDone);
            world.rejects(&away, &void, GatewayError::SlotTaken);
        } else {
            world.done(&away, &void);
            world.skips(&away, &void, code::ALREADY_DONE, GatewayError::AlreadyDone);
            world.rejects(&away, &done, GatewayError::SlotTaken);
        }
        assert_eq!(away.slot(&world, home.id, nonce), if nonce % 2 == 0 { 1 } else { 2 });
    }
    for untouched in [2, 1_022, 1_026, 2_046] {
        assert_eq!(away.slot(&world, home.id, untouched), 0);
    }
    ledger::check(&world, &away, &[home.id]);
}

#[test]
fn an_outgoing_page_ends_at_sixty_four_and_the_next_one_begins() {
    let (mut world, home, away) = World::with_gateways();
    let alice = address("alice");
    let mut operations = vec![];
    for _ in 0..130 {
        let wire = home.lock(&world, alice, home.lock_args(alice, RESERVE, 2 * UNIT, 2 * UNIT, away.id));
        world.ok(&wire);
        operations.push(ledger::started(&world, &home));
    }
    assert_eq!(home.next_nonce(&world, away.id), 130);
    for (nonce, operation) in operations.iter().enumerate() {
        assert_eq!(home.outgoing(&world, away.id, nonce.try_into().unwrap()), operation.id().0);
    }
    for nonce in [0_usize, 63, 64, 127, 128] {
        let void = world.order(&away, Action::Void, &operations[nonce]);
        let refund = world.order(&home, Action::Refund, &operations[nonce]);
        world.done(&away, &void);
        world.done(&home, &refund);
        world.skips(&home, &refund, code::ALREADY_DONE, GatewayError::AlreadyDone);
    }
    let events = ledger::check(&world, &home, &[away.id]);
    assert!(events.len() > 110, "more than one page of events");
    assert!(home.read(&world, |gateway| gateway.page()) > 0);
}

#[test]
fn a_conflict_refunds_and_records_the_orphan() {
    let (mut world, home, away, order) = mint();
    let OrderContent::Operation(operation) = order.order.content else { panic!() };
    // Its slot was taken by an orphan.
    let orphan = Operation { refund_to: holder(&address("bob")), ..operation };
    let settled = world.settlement(&away, &orphan);
    world.done(&away, &settled);
    let conflict = |world: &World, orphan_amount| {
        let content = OrderContent::Conflict {
            operation: operation.clone(),
            orphan: orphan.id(),
            market: home.markets[0],
            orphan_amount,
        };
        world.sign(&home, Order { action: Action::Conflict, gateway: home.id, epoch: 1, content })
    };
    let missing = conflict(&world, orphan.amount).without(Role::BadDebt);
    world.rejects(&home, &missing, GatewayError::AccountMissing);
    let good = conflict(&world, orphan.amount);
    world.done(&home, &good);
    world.skips(&home, &good, code::ALREADY_DONE, GatewayError::AlreadyDone);
    assert_eq!(home.totals(&world).bad_debt, orphan.amount);
    let events = ledger::check(&world, &home, &[away.id]);
    let orphaned = EventBody::BadDebt {
        market: home.markets[0],
        asset: home.assets[0],
        amount: orphan.amount,
        cause: orphan.id(),
    };
    assert!(events.iter().any(|event| event.body == orphaned));
    ledger::check(&world, &away, &[home.id]);
}

#[test]
fn mirrors_take_the_newest_version_and_halt_on_a_contradiction() {
    let (mut world, home, away, _) = mint();
    let record = |version, debt| MirrorRecord {
        home: away.id,
        position: PositionState { market: away.markets[1], owner: holder(&address("alice")), collateral: ETHER, debt },
        version,
    };
    for (version, debt, expected) in [
        (5, 10, OK),
        (5, 10, because(code::ALREADY_DONE, GatewayError::AlreadyDone)),
        (5, 11, because(code::REJECTED, GatewayError::MirrorConflict)),
        (4, 99, because(code::ALREADY_DONE, GatewayError::AlreadyDone)),
        (6, 0, OK),
        (u64::MAX, 1, OK),
    ] {
        let order = world.mirror(&home, record(version, debt));
        assert_eq!(world.execute(&home, &[order]), [expected], "version {version}, debt {debt}");
    }
    let other = GatewayId(keccak_text("another home"));
    let order = world.mirror(&home, MirrorRecord { home: other, ..record(u64::MAX, 1) });
    world.rejects(&home, &order, GatewayError::MirrorConflict);
    let own = MirrorRecord {
        home: home.id,
        position: PositionState { market: home.markets[1], ..record(1, 1).position },
        version: 1,
    };
    let order = world.mirror(&home, own);
    let [result] = world.execute(&home, &[order])[..] else { panic!() };
    assert_eq!(result.code, code::REJECTED, "a gateway mirrors nothing of its own");
    let unsigned = world.mirror(&home, record(u64::MAX, 2)).signed_by([]);
    world.rejects(&home, &unsigned, GatewayError::TooFewSignatures);
}

#[test]
fn a_dead_peer_may_still_be_refunded_and_sends_no_more() {
    let (mut world, home, away, order) = mint();
    let OrderContent::Operation(operation) = order.order.content else { panic!() };
    home.change(&mut world, &Call::Tombstone { peer: away.id.0.0, final_count: 10, final_hash: [3; 32] });
    assert_eq!(ledger::last(&world, &home), EventBody::Tombstoned { peer: away.id, count: 10, hash: Word([3; 32]) });
    let alice = address("alice");
    let wire = home.lock(&world, alice, home.lock_args(alice, RESERVE, 100 * UNIT, 100 * UNIT, away.id));
    world.refuses(&wire, GatewayError::RouteClosed);
    let refund = world.order(&home, Action::Refund, &operation);
    world.done(&home, &refund);
    ledger::check(&world, &home, &[away.id]);
}

#[test]
fn a_retired_gateway_executes_and_sends_nothing() {
    let (mut world, home, away, order) = mint();
    away.change(&mut world, &Call::Tombstone { peer: away.id.0.0, final_count: 0, final_hash: [0; 32] });
    let wire = away.execute(&world, &[order]);
    world.refuses(&wire, GatewayError::Retired);
    let alice = address("alice");
    let wire = away.lock(&world, alice, away.lock_args(alice, RESERVE, 100 * UNIT, 100 * UNIT, home.id));
    world.refuses(&wire, GatewayError::Retired);
    // What users do at home goes on.
    let wire = away.lock(&world, alice, away.lock_args(alice, RESERVE, 100 * UNIT, 100 * UNIT, away.id));
    world.ok(&wire);
    ledger::check(&world, &away, &[home.id]);
}

#[test]
fn a_refund_after_the_position_changed_goes_by_the_rule_of_release() {
    let (mut world, home, away) = World::with_gateways();
    let (alice, bob) = (address("alice"), address("bob"));
    let wire = home.lock(&world, alice, home.lock_args(alice, VAULT, 2 * ETHER, 1_000 * UNIT, away.id));
    world.ok(&wire);
    let operation = ledger::started(&world, &home);
    // Bob repays most of it meanwhile.
    let wire = home.lock(&world, bob, home.lock_args(bob, RESERVE, 900 * UNIT, 900 * UNIT, home.id));
    world.ok(&wire);
    let args =
        tim3_solana_interface::instruction::RepayArgs { market: VAULT, owner: alice.to_bytes(), amount: 900 * UNIT };
    let wire = home.repay(&world, bob, args);
    world.ok(&wire);
    let void = world.order(&away, Action::Void, &operation);
    world.done(&away, &void);
    let refund = world.order(&home, Action::Refund, &operation);
    world.done(&home, &refund);
    // 100 was still owed: it is paid; the other 900 are minted to Alice; she gets her collateral.
    assert_eq!(home.position(&world, &alice), Balances::default());
    assert_eq!(u128::from(world.balance(&home.wallet(&alice, TIM3))), 900 * UNIT);
    let EventBody::Refunded { outcome, payout, .. } = ledger::last(&world, &home) else { panic!() };
    assert_eq!((outcome.gross, outcome.fee, outcome.paid, outcome.surplus), (1_000 * UNIT, 0, 100 * UNIT, 900 * UNIT));
    assert_eq!(payout, 2 * ETHER);
    assert_ne!(outcome.operation, OperationId::ZERO);
    ledger::check(&world, &home, &[away.id]);
}

#[test]
fn paused_levels_hold_for_orders() {
    let (mut world, home, away, order) = mint();
    let alice = address("alice");
    let admin = address("admin");
    let OrderContent::Operation(operation) = order.order.content.clone() else { panic!() };
    let wire = away.set_pause(&world, admin, 2);
    world.ok(&wire);
    world.rejects(&away, &order, GatewayError::Paused);
    let wire = away.set_pause(&world, admin, 3);
    world.ok(&wire);
    world.rejects(&away, &order, GatewayError::Paused);
    let void = world.order(&away, Action::Void, &operation);
    world.done(&away, &void);
    // Refund: open at 2, closed at 3.
    let refund = world.order(&home, Action::Refund, &operation);
    let wire = home.set_pause(&world, admin, 3);
    world.ok(&wire);
    world.rejects(&home, &refund, GatewayError::Paused);
    let record = MirrorRecord {
        home: away.id,
        position: PositionState { market: away.markets[1], owner: holder(&alice), collateral: 1, debt: 1 },
        version: 1,
    };
    let mirror = world.mirror(&home, record);
    world.done(&home, &mirror);
    let wire = home.set_pause(&world, admin, 2);
    world.ok(&wire);
    world.done(&home, &refund);
    ledger::check(&world, &home, &[away.id]);
}

#[test]
fn at_level_two_a_surplus_waits_in_custody_until_level_one() {
    let (mut world, home, away) = World::with_gateways();
    let (alice, bob) = (address("alice"), address("bob"));
    for user in [alice, bob] {
        let wire = home.lock(&world, user, home.lock_args(user, RESERVE, 100 * UNIT, 100 * UNIT, away.id));
        world.ok(&wire);
        let operation = ledger::started(&world, &home);
        let order = world.settlement(&away, &operation);
        world.done(&away, &order);
    }
    // Two redeems of more than the reserve will owe: a redeem at home took the rest.
    let wire = away.burn(&world, alice, away.redeem_args(alice, 90 * UNIT, &home, RESERVE, 0));
    world.ok(&wire);
    let first = ledger::started(&world, &away);
    let wire = away.burn(&world, bob, away.transfer_args(bob, 90 * UNIT, home.id));
    world.ok(&wire);
    let transfer = ledger::started(&world, &away);
    let order = world.settlement(&home, &transfer);
    world.done(&home, &order);
    let market = home.markets[0].0.0;
    let held = u128::from(world.balance(&home.wallet(&bob, TIM3)));
    for _ in 0..2 {
        let wire = home.lock(&world, bob, home.lock_args(bob, RESERVE, 0, 0, home.id));
        assert!(world.send(&wire).is_err(), "nothing in, nothing out");
    }
    let args = tim3_solana_interface::instruction::RedeemArgs {
        market: RESERVE,
        owner: market,
        amount: held,
        wanted: 0,
        recipient: bob.to_bytes(),
    };
    let wire = home.redeem(&world, bob, args);
    world.ok(&wire);
    let owed = home.reserve(&world).debt;
    // And somebody repays more, so that the redeem finds too little debt.
    let wire = home.lock(&world, bob, home.lock_args(bob, VAULT, 10 * ETHER, 200 * UNIT, home.id));
    world.ok(&wire);
    let repay =
        tim3_solana_interface::instruction::RepayArgs { market: RESERVE, owner: market, amount: owed - 50 * UNIT };
    let wire = home.repay(&world, bob, repay);
    world.ok(&wire);
    let wire = home.set_pause(&world, address("admin"), 2);
    world.ok(&wire);
    let order = world.settlement(&home, &first);
    world.done(&home, &order);
    let surplus = first.amount - first.fee - 50 * UNIT;
    assert_eq!(home.claimable(&world, &alice, TIM3), surplus);
    let wire = home.claim(&world, alice, TIM3);
    world.refuses(&wire, GatewayError::Paused);
    let wire = home.set_pause(&world, address("admin"), 1);
    world.ok(&wire);
    let wire = home.claim(&world, alice, TIM3);
    world.ok(&wire);
    assert_eq!(u128::from(world.balance(&home.wallet(&alice, TIM3))), surplus);
    ledger::check(&world, &home, &[away.id]);
}
