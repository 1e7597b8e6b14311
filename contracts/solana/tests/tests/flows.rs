//! What users do, from an empty gateway to its books, compared with the arithmetic of `tim3-domain`.

use tim3_domain::{
    health::{Backing, Balances, Scales, liquidate, release},
    identity::{Account as Holder, GatewayId, OperationId},
    market::{MarketTerms, VaultParameters},
    price::Price,
    protocol::{EventBody, Operation, OperationKind, Outcome, PositionState},
};
use tim3_solana_interface::{
    GatewayError,
    instruction::{CoverArgs, LiquidateArgs, LockArgs, RedeemArgs, RepayArgs, WithdrawArgs},
};
use tim3_solana_tests::{
    Site, World, ledger,
    site::{ETHER, FLAT_FEE, ONE, RESERVE, TIM3, UNIT, USDA, VAULT, WETH, WETH_PRICE},
    token,
    world::{START, address, holder},
};

fn scales(dollars: u128) -> Scales {
    Scales::new(Price::new(dollars * ONE).unwrap(), Price::new(ONE).unwrap(), 18).unwrap()
}

fn parameters(site: &Site) -> VaultParameters {
    let terms = site.vault_terms();
    VaultParameters::check(MarketTerms {
        max_ltv_bps: terms.max_ltv,
        liquidation_threshold_bps: terms.liquidation_threshold,
        bonus_bps: terms.bonus,
        close_factor_bps: terms.close_factor,
        debt_ceiling: terms.ceiling,
        dust: terms.dust,
    })
    .unwrap()
}

fn state(site: &Site, market: u8, owner: Option<Holder>, balances: Balances) -> PositionState {
    let id = site.markets[usize::from(market)];
    PositionState {
        market: id,
        owner: owner.unwrap_or_else(|| id.reserve_owner()),
        collateral: balances.collateral,
        debt: balances.debt,
    }
}

fn lock_here(world: &mut World, site: &Site, user: &str, market: u8, collateral: u128, debt: u128) {
    let user = address(user);
    let wire = site.lock(world, user, site.lock_args(user, market, collateral, debt, site.id));
    world.ok(&wire);
}

#[test]
fn a_gateway_is_its_address_chain_and_salt() {
    let (world, home, away) = World::with_gateways();
    assert_ne!(home.id, away.id);
    for site in [&home, &away] {
        site.read(&world, |gateway| {
            assert_eq!(gateway.id(), site.id.0.0);
            assert_eq!(gateway.domain(), site.id.domain_separator().0);
            assert_eq!(gateway.authority(), site.authority.to_bytes());
            assert_eq!(gateway.active(), 1);
            assert_eq!(gateway.market(RESERVE).unwrap().id(), site.markets[0].0.0);
            assert_eq!(gateway.market(VAULT).unwrap().id(), site.markets[1].0.0);
            for (number, asset) in site.assets.iter().enumerate() {
                assert_eq!(gateway.asset(number.try_into().unwrap()).unwrap().id(), asset.0.0);
            }
        });
        let kinds: Vec<u8> = ledger::check(&world, site, &[]).iter().map(|event| event.body.kind()).collect();
        // Assets, markets, windows, attesters, treasury, route: one event a change.
        assert_eq!(kinds, [17, 17, 17, 17, 17, 17, 17, 16, 18, 17]);
    }
}

#[test]
fn a_lock_at_home_mints_in_the_same_transaction() {
    let (mut world, home, _) = World::with_gateways();
    lock_here(&mut world, &home, "alice", RESERVE, 100 * UNIT, 100 * UNIT);
    let alice = address("alice");
    assert_eq!(world.balance(&home.wallet(&alice, TIM3)), 100_000_000);
    assert_eq!(world.balance(&home.vaults[1]), 10_000_000_000, "100 USDA of 8 decimals");
    let balances = Balances { collateral: 100 * UNIT, debt: 100 * UNIT };
    assert_eq!(home.reserve(&world), balances);
    assert_eq!(
        ledger::last(&world, &home),
        EventBody::Locked {
            position: state(&home, RESERVE, None, balances),
            actor: holder(&alice),
            collateral: 100 * UNIT,
            minted: 100 * UNIT,
            recipient: holder(&alice),
            operation: None,
        }
    );
    ledger::check(&world, &home, &[]);
}

#[test]
fn a_lock_for_elsewhere_starts_an_operation_under_its_own_record() {
    let (mut world, home, away) = World::with_gateways();
    let alice = address("alice");
    for nonce in 0..3 {
        let wire = home.lock(&world, alice, home.lock_args(alice, RESERVE, 100 * UNIT, 100 * UNIT, away.id));
        world.ok(&wire);
        let operation = ledger::started(&world, &home);
        let expected = Operation {
            kind: OperationKind::Mint,
            origin: home.id,
            destination: away.id,
            nonce,
            asset: home.assets[0],
            market: home.markets[0],
            owner: home.markets[0].reserve_owner(),
            actor: holder(&alice),
            refund_to: holder(&alice),
            recipient: holder(&alice),
            amount: 100 * UNIT,
            fee: FLAT_FEE + 100 * UNIT / 1_000,
            wanted: 100 * UNIT,
            timestamp: START,
        };
        assert_eq!(operation, expected);
    }
    assert_eq!(home.peer_totals(&world, away.id).sent, 300 * UNIT);
    assert_eq!(world.balance(&home.wallet(&alice, TIM3)), 0);
    ledger::check(&world, &home, &[away.id]);
}

#[test]
fn a_mint_a_transfer_and_a_redeem_settle_both_ways() {
    let (mut world, home, away) = World::with_gateways();
    let (alice, bob, treasury) = (address("alice"), address("bob"), address("treasury"));
    let args =
        LockArgs { recipient: bob.to_bytes(), ..home.lock_args(alice, RESERVE, 500 * UNIT, 500 * UNIT, away.id) };
    let wire = home.lock(&world, alice, args);
    world.ok(&wire);
    let mint = ledger::started(&world, &home);
    let order = world.settlement(&away, &mint);
    world.done(&away, &order);
    let paid = mint.amount - mint.fee;
    assert_eq!(u128::from(world.balance(&away.wallet(&bob, TIM3))), paid);
    assert_eq!(u128::from(world.balance(&away.wallet(&treasury, TIM3))), mint.fee);
    let outcome = Outcome {
        operation: mint.id(),
        peer: home.id,
        nonce: 0,
        asset: home.assets[0],
        gross: mint.amount,
        fee: mint.fee,
        paid,
        surplus: 0,
    };
    assert_eq!(ledger::last(&world, &away), EventBody::Minted { outcome, recipient: holder(&bob) });
    assert_eq!(away.slot(&world, home.id, 0), 1);

    // Bob redeems half of it at the reserve of its home.
    let half = paid / 2;
    let wire = away.burn(&world, bob, away.redeem_args(bob, half, &home, RESERVE, 0));
    world.ok(&wire);
    let redeem = ledger::started(&world, &away);
    let order = world.settlement(&home, &redeem);
    let before = world.balance(&home.wallet(&bob, USDA));
    world.done(&home, &order);
    let net = redeem.amount - redeem.fee;
    assert_eq!(world.balance(&home.wallet(&bob, USDA)) - before, Site::native(USDA, net));
    assert_eq!(home.reserve(&world), Balances { collateral: 500 * UNIT - net, debt: 500 * UNIT - net });

    // And transfers the rest to the other gateway.
    let rest = u128::from(world.balance(&away.wallet(&bob, TIM3)));
    let wire = away.burn(&world, bob, away.transfer_args(bob, rest, home.id));
    world.ok(&wire);
    let transfer = ledger::started(&world, &away);
    assert_eq!((transfer.kind, transfer.nonce), (OperationKind::Transfer, 1));
    let order = world.settlement(&home, &transfer);
    world.done(&home, &order);
    assert_eq!(u128::from(world.balance(&home.wallet(&bob, TIM3))), rest - transfer.fee);
    for (site, peer) in [(&home, away.id), (&away, home.id)] {
        ledger::check(&world, site, &[peer]);
    }
    let (here, there) = (home.peer_totals(&world, away.id), away.peer_totals(&world, home.id));
    assert_eq!((here.sent, here.settled), (there.settled, there.sent), "everything arrived");
}

#[test]
fn a_vault_is_opened_drawn_repaid_and_emptied() {
    let (mut world, home, _) = World::with_gateways();
    let alice = address("alice");
    // 10 WETH of $2,000 carry 15,000 at 75 %.
    lock_here(&mut world, &home, "alice", VAULT, 10 * ETHER, 0);
    let too_much = home.lock(&world, alice, home.lock_args(alice, VAULT, 0, 15_000 * UNIT + 1, home.id));
    world.refuses(&too_much, GatewayError::Undercollateralized);
    lock_here(&mut world, &home, "alice", VAULT, 0, 15_000 * UNIT);
    assert_eq!(home.position(&world, &alice), Balances { collateral: 10 * ETHER, debt: 15_000 * UNIT });

    let owner = alice.to_bytes();
    let wire = home.repay(&world, alice, RepayArgs { market: VAULT, owner, amount: 7_500 * UNIT });
    world.ok(&wire);
    assert_eq!(
        ledger::last(&world, &home),
        EventBody::Repaid {
            position: state(
                &home,
                VAULT,
                Some(holder(&alice)),
                Balances { collateral: 10 * ETHER, debt: 7_500 * UNIT }
            ),
            payer: holder(&alice),
            amount: 7_500 * UNIT,
        }
    );
    let wire =
        home.withdraw(&world, alice, WithdrawArgs { market: VAULT, collateral: 5 * ETHER + 1_000_000_000, to: owner });
    world.refuses(&wire, GatewayError::Undercollateralized);
    let before = world.balance(&home.wallet(&alice, WETH));
    // What the mint cannot represent stays in the position.
    let wire = home.withdraw(&world, alice, WithdrawArgs { market: VAULT, collateral: 5 * ETHER - 1, to: owner });
    world.ok(&wire);
    assert_eq!(world.balance(&home.wallet(&alice, WETH)) - before, 4_999_999_999);
    assert_eq!(home.position(&world, &alice).collateral, 5 * ETHER + 1_000_000_000);

    // He repays no more than he owes.
    let wire = home.repay(&world, alice, RepayArgs { market: VAULT, owner, amount: u128::MAX });
    world.ok(&wire);
    assert_eq!(home.position(&world, &alice).debt, 0);
    assert_eq!(world.balance(&home.wallet(&alice, TIM3)), 0);
    let wire = home.close_position(&world, alice);
    world.refuses(&wire, GatewayError::NotEmpty);
    let all = home.position(&world, &alice).collateral;
    let wire = home.withdraw(&world, alice, WithdrawArgs { market: VAULT, collateral: all + 1_000_000_000, to: owner });
    assert!(world.send(&wire).is_err(), "more than there is");
    let wire = home.withdraw(&world, alice, WithdrawArgs { market: VAULT, collateral: all, to: owner });
    world.ok(&wire);
    assert_eq!(home.position(&world, &alice), Balances::default());
    let rent = world.account(&home.position_at(holder(&alice))).unwrap().lamports;
    let payer = address("payer");
    let held = world.account(&payer).unwrap().lamports;
    let wire = home.close_position(&world, alice);
    world.ok(&wire);
    assert!(world.account(&home.position_at(holder(&alice))).is_none());
    assert!(world.account(&payer).unwrap().lamports > held + rent - 100_000, "rent comes back to who paid it");
    ledger::check(&world, &home, &[]);
    // Closed is not forgotten: it can be opened again.
    lock_here(&mut world, &home, "alice", VAULT, ETHER, 100 * UNIT);
    ledger::check(&world, &home, &[]);
}

#[test]
fn a_redeem_at_home_pays_by_the_rule_of_release() {
    let (mut world, home, _) = World::with_gateways();
    let (alice, bob) = (address("alice"), address("bob"));
    lock_here(&mut world, &home, "alice", RESERVE, 300 * UNIT, 300 * UNIT);
    lock_here(&mut world, &home, "bob", VAULT, 10 * ETHER, 10_000 * UNIT);

    // Bob, of the reserve: par, and what the reserve does not owe is given back as tokens.
    let market = home.markets[0].0.0;
    let before = world.balance(&home.wallet(&bob, TIM3));
    let args = RedeemArgs { market: RESERVE, owner: market, amount: 400 * UNIT, wanted: 0, recipient: bob.to_bytes() };
    let wire = home.redeem(&world, bob, args);
    world.ok(&wire);
    let expected = release(
        Balances { collateral: 300 * UNIT, debt: 300 * UNIT },
        400 * UNIT,
        u128::MAX,
        Backing::Reserve { decimals: 6 },
    );
    assert_eq!(home.reserve(&world), expected.left);
    assert_eq!(u128::from(before - world.balance(&home.wallet(&bob, TIM3))), 300 * UNIT);
    let outcome = Outcome {
        operation: OperationId::ZERO,
        peer: home.id,
        nonce: 0,
        asset: home.assets[0],
        gross: 400 * UNIT,
        fee: 0,
        paid: expected.paid,
        surplus: expected.surplus,
    };
    assert_eq!(
        ledger::last(&world, &home),
        EventBody::Released {
            outcome,
            payout: expected.payout,
            recipient: holder(&bob),
            position: state(&home, RESERVE, None, expected.left),
        }
    );

    // Bob, of his own vault: as much as keeps LTV.
    let position = home.position(&world, &bob);
    let args = RedeemArgs {
        market: VAULT,
        owner: bob.to_bytes(),
        amount: 4_000 * UNIT,
        wanted: u128::MAX,
        recipient: bob.to_bytes(),
    };
    let wire = home.redeem(&world, bob, args);
    world.ok(&wire);
    let prices = scales(2_000);
    let backing = Backing::Vault { max_ltv_bps: 7_500, scales: Some(&prices) };
    let expected = release(position, 4_000 * UNIT, u128::MAX, backing);
    let paid = expected.payout / 1_000_000_000 * 1_000_000_000;
    let left = Balances { collateral: position.collateral - paid, debt: 6_000 * UNIT };
    assert_eq!(home.position(&world, &bob), left);

    // Alice, of Bob's vault: she repays his debt and gets nothing.
    world.fund(&alice, &home.mints[2], 0);
    let before = world.balance(&home.wallet(&alice, WETH));
    let args = RedeemArgs {
        market: VAULT,
        owner: bob.to_bytes(),
        amount: 300 * UNIT,
        wanted: ETHER,
        recipient: alice.to_bytes(),
    };
    let wire = home.redeem(&world, alice, args);
    world.ok(&wire);
    assert_eq!(home.position(&world, &bob), Balances { debt: 5_700 * UNIT, ..left });
    assert_eq!(world.balance(&home.wallet(&alice, WETH)), before);
    ledger::check(&world, &home, &[]);
}

#[test]
fn a_position_is_liquidated_in_part_then_whole_with_bad_debt_that_is_covered() {
    let (mut world, home, _) = World::with_gateways();
    let (alice, bob) = (address("alice"), address("bob"));
    lock_here(&mut world, &home, "alice", VAULT, 10 * ETHER, 15_000 * UNIT);
    lock_here(&mut world, &home, "bob", RESERVE, 100_000 * UNIT, 100_000 * UNIT);
    let args = LiquidateArgs { market: VAULT, owner: alice.to_bytes(), max_repay: u128::MAX, min_seized: 0 };
    let wire = home.liquidate(&world, bob, args);
    world.refuses(&wire, GatewayError::Healthy);

    // $1,850: 18,500 · 80 % = 14,800 < 15,000, a part.
    home.set_price(&mut world, 1_850 * 100_000_000, 0);
    let before = home.position(&world, &alice);
    let expected = liquidate(before, &parameters(&home), &scales(1_850), u128::MAX).unwrap();
    let wire = home.liquidate(&world, bob, LiquidateArgs { min_seized: expected.seized + 1, ..args });
    world.refuses(&wire, GatewayError::SeizedTooLittle);
    let wire = home.liquidate(&world, bob, args);
    let held = world.balance(&home.wallet(&bob, WETH));
    world.ok(&wire);
    let seized = expected.seized / 1_000_000_000 * 1_000_000_000;
    assert_eq!(world.balance(&home.wallet(&bob, WETH)) - held, Site::native(WETH, seized));
    let left = Balances { collateral: before.collateral - seized, debt: before.debt - expected.repaid };
    assert_eq!(home.position(&world, &alice), left);
    assert_eq!(
        ledger::last(&world, &home),
        EventBody::Liquidated {
            position: state(&home, VAULT, Some(holder(&alice)), left),
            liquidator: holder(&bob),
            repaid: expected.repaid,
            seized,
            bad_debt: 0,
        }
    );

    // $1,000: the collateral no longer pays for the debt with the bonus.
    home.set_price(&mut world, 1_000 * 100_000_000, 0);
    let whole = liquidate(left, &parameters(&home), &scales(1_000), u128::MAX).unwrap();
    assert!(whole.bad_debt > 0);
    let wire = home.liquidate(&world, bob, LiquidateArgs { max_repay: whole.repaid - 1, ..args });
    world.refuses(&wire, GatewayError::MustTakeWhole);
    let wire = home.liquidate(&world, bob, args);
    world.ok(&wire);
    let totals = home.totals(&world);
    assert_eq!(totals.bad_debt, whole.bad_debt);
    assert_eq!(home.position(&world, &alice).debt, 0);
    ledger::check(&world, &home, &[]);

    let market = home.markets[1].0.0;
    let wire = home.cover(&world, bob, CoverArgs { market, amount: UNIT });
    world.ok(&wire);
    assert_eq!(
        ledger::last(&world, &home),
        EventBody::Covered {
            market: home.markets[1],
            asset: home.assets[0],
            payer: holder(&bob),
            amount: UNIT,
            left: whole.bad_debt - UNIT,
        }
    );
    let wire = home.cover(&world, bob, CoverArgs { market, amount: u128::MAX });
    world.ok(&wire);
    assert_eq!(home.totals(&world).bad_debt, 0);
    let wire = home.cover(&world, bob, CoverArgs { market, amount: UNIT });
    assert!(world.send(&wire).is_err(), "there is nothing left to cover");
    ledger::check(&world, &home, &[]);
}

#[test]
fn a_controller_elsewhere_may_take_collateral_and_a_stranger_may_not() {
    let (mut world, home, away) = World::with_gateways();
    let (alice, bob) = (address("alice"), address("bob"));
    let wire = home.lock(&world, alice, home.lock_args(alice, VAULT, 10 * ETHER, 5_000 * UNIT, away.id));
    world.ok(&wire);
    let mint = ledger::started(&world, &home);
    let order = world.settlement(&away, &mint);
    world.done(&away, &order);
    assert_eq!(WETH_PRICE, 2_000);

    for (controller, expected) in [(None, 0), (Some(bob), 0), (Some(alice), ETHER)] {
        if let Some(controller) = controller {
            let wire = home.set_controller(&world, alice, away.id, holder(&controller));
            world.ok(&wire);
            assert_eq!(
                ledger::last(&world, &home),
                EventBody::ControllerSet {
                    market: home.markets[1],
                    owner: holder(&alice),
                    gateway: away.id,
                    account: holder(&controller),
                }
            );
        }
        let wire = away.burn(&world, alice, away.redeem_args(alice, 1_000 * UNIT, &home, VAULT, ETHER));
        world.ok(&wire);
        let redeem = ledger::started(&world, &away);
        let before = home.position(&world, &alice);
        let order = world.settlement(&home, &redeem);
        world.done(&home, &order);
        let after = home.position(&world, &alice);
        assert_eq!(before.collateral - after.collateral, expected);
        assert_eq!(before.debt - after.debt, redeem.amount - redeem.fee, "anybody may repay");
    }
    // Revoked.
    let wire = home.set_controller(&world, alice, GatewayId::ZERO, Holder::ZERO);
    world.ok(&wire);
    let wire = away.burn(&world, alice, away.redeem_args(alice, 1_000 * UNIT, &home, VAULT, ETHER));
    world.ok(&wire);
    let redeem = ledger::started(&world, &away);
    let before = home.position(&world, &alice).collateral;
    let order = world.settlement(&home, &redeem);
    world.done(&home, &order);
    assert_eq!(home.position(&world, &alice).collateral, before);
    ledger::check(&world, &home, &[away.id]);
}

#[test]
fn what_cannot_be_delivered_waits_to_be_claimed() {
    let (mut world, home, away) = World::with_gateways();
    let (alice, bob, treasury) = (address("alice"), address("bob"), address("treasury"));
    let stranger = world.enrich("dave");
    // The recipient has no account, the treasury's is frozen.
    let args =
        LockArgs { recipient: stranger.to_bytes(), ..home.lock_args(alice, RESERVE, 100 * UNIT, 100 * UNIT, away.id) };
    let wire = home.lock(&world, alice, args);
    world.ok(&wire);
    let mint = ledger::started(&world, &home);
    let treasury_token = away.wallet(&treasury, TIM3);
    world.set_state(&treasury_token, token::FROZEN);
    let order = world.settlement(&away, &mint);
    world.done(&away, &order);
    let paid = mint.amount - mint.fee;
    assert_eq!(away.claimable(&world, &stranger, TIM3), paid);
    assert_eq!(away.claimable(&world, &treasury, TIM3), mint.fee);
    assert_eq!(away.totals(&world).claimable, mint.amount);
    assert_eq!(u128::from(world.balance(&away.vaults[0])), mint.amount, "custody");
    let events = ledger::check(&world, &away, &[home.id]);
    let waiting: Vec<_> = events.iter().rev().take(2).map(|event| event.body.clone()).collect();
    assert!(
        waiting.iter().all(|body| matches!(body, EventBody::Claimable { cause, .. } if *cause == mint.id())),
        "{waiting:?}"
    );

    // Claimed once there is an account, by nobody else, and once.
    let wire = away.claim(&world, stranger, TIM3);
    assert!(world.send(&wire).is_err(), "without an account there is nothing to pay to");
    world.fund(&stranger, &away.mints[0], 0);
    let wire = away.claim(&world, stranger, TIM3);
    world.ok(&wire);
    assert_eq!(u128::from(world.balance(&away.wallet(&stranger, TIM3))), paid);
    assert_eq!(away.claimable(&world, &stranger, TIM3), 0);
    let wire = away.claim(&world, stranger, TIM3);
    assert!(world.send(&wire).is_err(), "paid twice");
    ledger::check(&world, &away, &[home.id]);

    // Collateral too.
    lock_here(&mut world, &away, "alice", RESERVE, 50 * UNIT, 50 * UNIT);
    let wire = home.lock(&world, bob, home.lock_args(bob, RESERVE, 50 * UNIT, 50 * UNIT, home.id));
    world.ok(&wire);
    let redeem = home.redeem_args(bob, 50 * UNIT, &away, RESERVE, 0);
    let wire = home.burn(&world, bob, redeem);
    world.ok(&wire);
    let operation = ledger::started(&world, &home);
    let frozen = away.wallet(&bob, USDA);
    world.set_state(&frozen, token::FROZEN);
    world.set_state(&treasury_token, 1);
    let order = world.settlement(&away, &operation);
    world.done(&away, &order);
    assert_eq!(away.claimable(&world, &bob, USDA), operation.amount - operation.fee);
    ledger::check(&world, &away, &[home.id]);
    world.set_state(&frozen, 1);
    let before = world.balance(&frozen);
    let wire = away.claim(&world, bob, USDA);
    world.ok(&wire);
    assert_eq!(world.balance(&frozen) - before, Site::native(USDA, operation.amount - operation.fee));
    ledger::check(&world, &away, &[home.id]);
}

#[test]
fn what_is_voided_is_refunded_once() {
    let (mut world, home, away) = World::with_gateways();
    let alice = address("alice");
    let before = world.balance(&home.wallet(&alice, USDA));
    let wire = home.lock(&world, alice, home.lock_args(alice, RESERVE, 100 * UNIT, 100 * UNIT, away.id));
    world.ok(&wire);
    let operation = ledger::started(&world, &home);
    let void = world.order(&away, tim3_domain::protocol::Action::Void, &operation);
    world.done(&away, &void);
    assert_eq!(away.slot(&world, home.id, 0), 2);
    let mint = world.settlement(&away, &operation);
    world.rejects(&away, &mint, GatewayError::SlotTaken);
    let refund = world.order(&home, tim3_domain::protocol::Action::Refund, &operation);
    world.done(&home, &refund);
    assert!(home.refunded(&world, away.id, 0));
    assert_eq!(world.balance(&home.wallet(&alice, USDA)), before, "the lock is undone, gross");
    assert_eq!(home.reserve(&world), Balances::default());
    world.skips(&home, &refund, 1, GatewayError::AlreadyDone);
    world.skips(&away, &void, 1, GatewayError::AlreadyDone);

    // A burn is minted again.
    lock_here(&mut world, &home, "alice", RESERVE, 100 * UNIT, 100 * UNIT);
    let wire = home.burn(&world, alice, home.transfer_args(alice, 60 * UNIT, away.id));
    world.ok(&wire);
    let operation = ledger::started(&world, &home);
    let void = world.order(&away, tim3_domain::protocol::Action::Void, &operation);
    world.done(&away, &void);
    let refund = world.order(&home, tim3_domain::protocol::Action::Refund, &operation);
    world.done(&home, &refund);
    assert_eq!(u128::from(world.balance(&home.wallet(&alice, TIM3))), 100 * UNIT);
    ledger::check(&world, &home, &[away.id]);
    ledger::check(&world, &away, &[home.id]);
}
