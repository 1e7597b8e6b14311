//! What the admin and the guardian may do, when, and what can never be set.

use tim3_domain::{
    identity::GatewayId,
    protocol::EventBody,
    word::{Word, keccak_text},
};
use tim3_solana_interface::{
    GatewayError,
    accounts::Gateway,
    instruction::{Call, InitializeArgs, Instruction, MarketTerms},
    limits,
};
use tim3_solana_tests::{
    Site, Target, World, ledger,
    site::{DELAY, ONE, RESERVE, TIM3, UNIT, USDA, WETH, WINDOW, reserve_terms},
    token,
    world::{address, evm_address},
};

fn symbol(text: &str) -> [u8; 12] {
    let mut symbol = [0; 12];
    symbol[..text.len()].copy_from_slice(text.as_bytes());
    symbol
}

/// A gateway in its set-up, with everything but the activation.
fn founded() -> (World, Site) {
    let mut world = World::empty();
    let site = Site::planned(world.program, "home");
    site.found(&mut world);
    (world, site)
}

#[test]
fn a_gateway_is_initialized_once_with_a_delay_that_makes_sense() {
    let mut world = World::empty();
    let site = Site::planned(world.program, "home");
    let chain = keccak_text(tim3_solana_tests::site::CHAIN).0;
    for delay in [0, limits::FREEZE_SECONDS, u64::MAX] {
        let args = InitializeArgs { salt: site.salt, chain, guardian: address("guardian").to_bytes(), delay };
        let wire = Target::new(&world, &site).with("admin", address("admin")).build(&Instruction::Initialize(args));
        world.refuses(&wire, GatewayError::InvalidValue);
    }
    // Another salt has another address.
    let args = InitializeArgs { salt: [9; 32], chain, guardian: address("guardian").to_bytes(), delay: DELAY };
    let wire = Target::new(&world, &site).with("admin", address("admin")).build(&Instruction::Initialize(args));
    world.refuses(&wire, GatewayError::WrongAddress);
    let wire = site.initialize(&world);
    world.ok(&wire);
    assert!(world.send(&wire).is_err(), "initialized twice");
    assert_eq!(site.head(&world).hash, site.id.0);
}

#[test]
fn nothing_works_before_the_set_up_is_over_and_nothing_is_set_up_after_it() {
    let (mut world, site) = founded();
    let alice = address("alice");
    world.fund(&alice, &site.mints[1], 1_000_000);
    world.fund(&alice, &site.mints[0], 0);
    let wire = site.lock(&world, alice, site.lock_args(alice, RESERVE, UNIT / 1_000, UNIT / 1_000, site.id));
    world.refuses(&wire, GatewayError::NotActive);
    let call = Call::SetTreasury { treasury: address("treasury").to_bytes() };
    let wire = site.schedule(&world, &call);
    world.refuses(&wire, GatewayError::NotActive);
    site.activate(&mut world);
    let wire = site.configure(&world, &call);
    world.refuses(&wire, GatewayError::AlreadyActive);
    let wire = Target::new(&world, &site).with("admin", address("admin")).build(&Instruction::Activate);
    world.refuses(&wire, GatewayError::AlreadyActive);
}

#[test]
fn a_gateway_without_attesters_or_treasury_cannot_be_activated() {
    let mut world = World::empty();
    let site = Site::planned(world.program, "home");
    let wire = site.initialize(&world);
    world.ok(&wire);
    let activate = Target::new(&world, &site).with("admin", address("admin")).build(&Instruction::Activate);
    world.refuses(&activate, GatewayError::NotReady);
    let call = Call::SetTreasury { treasury: address("treasury").to_bytes() };
    let wire = site.configure(&world, &call);
    world.ok(&wire);
    world.refuses(&activate, GatewayError::NotReady);
    let signers: Vec<[u8; 20]> = world.attesters.iter().map(evm_address).collect();
    let wire = site.configure(&world, &Call::SetAttesters { threshold: 3, signers: &signers });
    world.ok(&wire);
    world.ok(&activate);
}

#[test]
fn only_the_admin_changes_and_only_after_the_delay() {
    let (mut world, home, _) = World::with_gateways();
    let call = Call::SetTreasury { treasury: address("carol").to_bytes() };
    for who in ["alice", "guardian"] {
        let mut wire = home.schedule(&world, &call);
        for meta in &mut wire.accounts {
            if meta.pubkey == address("admin") {
                meta.pubkey = address(who);
            }
        }
        world.refuses(&wire, GatewayError::NotAdmin);
    }
    let wire = home.apply(&world, &call);
    assert!(world.send(&wire).is_err(), "it was never announced");
    let wire = home.schedule(&world, &call);
    world.ok(&wire);
    assert!(world.send(&wire).is_err(), "announced twice, which would begin the wait anew");
    world.pass(DELAY - 1);
    let wire = home.apply(&world, &call);
    world.refuses(&wire, GatewayError::TooEarly);
    world.pass(1);
    world.ok(&wire);
    assert_eq!(home.read(&world, |gateway| gateway.treasury()), address("carol").to_bytes());
    assert_eq!(
        ledger::last(&world, &home),
        EventBody::TreasurySet { treasury: tim3_solana_tests::world::holder(&address("carol")) }
    );
    assert!(world.account(&home.change_at(&call)).is_none(), "its rent is given back");
    assert!(world.send(&wire).is_err(), "made twice");

    let wire = home.schedule(&world, &call);
    world.ok(&wire);
    world.pass(DELAY + limits::CHANGE_LIFETIME + 1);
    let wire = home.apply(&world, &call);
    world.refuses(&wire, GatewayError::Expired);
}

#[test]
fn the_guardian_cancels_everything_but_his_own_replacement() {
    let (mut world, home, _) = World::with_gateways();
    let (admin, guardian) = (address("admin"), address("guardian"));
    let treasury = Call::SetTreasury { treasury: address("carol").to_bytes() };
    let replacement = Call::SetGuardian { guardian: address("carol").to_bytes() };
    for call in [&treasury, &replacement] {
        let wire = home.schedule(&world, call);
        world.ok(&wire);
    }
    let wire = home.cancel(&world, address("alice"), &treasury);
    world.refuses(&wire, GatewayError::NotGuardian);
    let wire = home.cancel(&world, guardian, &treasury);
    world.ok(&wire);
    let wire = home.cancel(&world, guardian, &replacement);
    world.refuses(&wire, GatewayError::NotGuardian);
    world.pass(DELAY);
    let wire = home.apply(&world, &treasury);
    assert!(world.send(&wire).is_err(), "it was cancelled");
    let wire = home.apply(&world, &replacement);
    world.ok(&wire);
    let wire = home.schedule(&world, &treasury);
    world.ok(&wire);
    let wire = home.cancel(&world, admin, &treasury);
    world.ok(&wire);
}

#[test]
fn the_admins_place_is_taken_by_who_accepts_it() {
    let (mut world, home, _) = World::with_gateways();
    home.change(&mut world, &Call::TransferAdmin { admin: address("bob").to_bytes() });
    let accept =
        |world: &World, who| Target::new(world, &home).with("admin", address(who)).build(&Instruction::AcceptAdmin);
    let wire = accept(&world, "alice");
    assert!(world.send(&wire).is_err());
    let wire = accept(&world, "admin");
    assert!(world.send(&wire).is_err());
    let wire = accept(&world, "bob");
    world.ok(&wire);
    home.read(&world, |gateway| {
        assert_eq!((gateway.admin(), gateway.pending_admin()), (address("bob").to_bytes(), [0; 32]));
    });
    let wire = home.schedule(&world, &Call::TransferAdmin { admin: address("bob").to_bytes() });
    world.refuses(&wire, GatewayError::NotAdmin);
}

#[test]
fn the_guardian_raises_the_admin_lowers_and_a_freeze_ends() {
    let (mut world, home, _) = World::with_gateways();
    let level = |world: &World| home.read(world, |gateway| gateway.asset(TIM3).unwrap().level_at(world.time()));
    for (who, to, expected) in [
        ("guardian", 1, Ok(1)),
        ("alice", 2, Err(GatewayError::NotGuardian)),
        ("guardian", 0, Err(GatewayError::NotGuardian)),
        ("guardian", 3, Ok(3)),
        ("admin", 4, Err(GatewayError::InvalidValue)),
        ("admin", 1, Ok(1)),
        ("admin", 3, Ok(3)),
    ] {
        let wire = home.set_pause(&world, address(who), to);
        match expected {
            Ok(expected) => {
                world.ok(&wire);
                assert_eq!(level(&world), expected);
            }
            Err(reason) => world.refuses(&wire, reason),
        }
    }
    world.pass(limits::FREEZE_SECONDS - 1);
    assert_eq!(level(&world), 3);
    // Renewed by the admin; the guardian cannot.
    let wire = home.set_pause(&world, address("guardian"), 3);
    assert!(world.send(&wire).is_err());
    let wire = home.set_pause(&world, address("admin"), 3);
    world.ok(&wire);
    world.pass(limits::FREEZE_SECONDS);
    assert_eq!(level(&world), 2);
    let alice = address("alice");
    let wire = home.lock(&world, alice, home.lock_args(alice, RESERVE, UNIT, UNIT, home.id));
    world.refuses(&wire, GatewayError::Paused);
}

#[test]
fn terms_that_make_no_sense_are_refused() {
    let (mut world, site) = founded();
    let vault = site.vault_terms();
    let market = |terms| Call::SetMarket { synthetic: TIM3, collateral: WETH, kind: 1, terms };
    for terms in [
        MarketTerms { max_ltv: 0, ..vault },
        MarketTerms { max_ltv: 8_000, ..vault },
        MarketTerms { liquidation_threshold: 9_524, ..vault },
        MarketTerms { liquidation_threshold: 10_001, ..vault },
        MarketTerms { bonus: u16::MAX, ..vault },
        MarketTerms { close_factor: 0, ..vault },
        MarketTerms { close_factor: 10_001, ..vault },
    ] {
        let wire = site.configure(&world, &market(terms));
        world.refuses(&wire, GatewayError::InvalidValue);
    }
    let reserve = MarketTerms { max_ltv: 1, ..reserve_terms() };
    let wire = site.configure(&world, &Call::SetMarket { synthetic: TIM3, collateral: USDA, kind: 0, terms: reserve });
    world.refuses(&wire, GatewayError::InvalidValue);
    for (synthetic, collateral) in [(USDA, WETH), (TIM3, TIM3), (9, WETH), (TIM3, 9)] {
        let wire = site.configure(&world, &Call::SetMarket { synthetic, collateral, kind: 1, terms: vault });
        world.refuses(&wire, GatewayError::UnknownAsset);
    }
    for call in [
        Call::SetWindow { asset: TIM3, kind: 0, limit: 1, period: 1 },
        Call::SetWindow { asset: TIM3, kind: 3, limit: 1, period: 1 },
        Call::SetWindow { asset: TIM3, kind: 1, limit: 0, period: 1 },
        Call::SetWindow { asset: TIM3, kind: 1, limit: 1, period: 0 },
        Call::SetAttesters { threshold: 0, signers: &[[1; 20]] },
        Call::SetAttesters { threshold: 2, signers: &[[1; 20]] },
        Call::SetAttesters { threshold: 1, signers: &[] },
        Call::SetAttesters { threshold: 1, signers: &[[2; 20], [1; 20]] },
        Call::SetAttesters { threshold: 1, signers: &[[1; 20], [1; 20]] },
        Call::SetAttesters { threshold: 1, signers: &[[0; 20], [1; 20]] },
        site.route_call(site.id, false),
        site.route_call(GatewayId::ZERO, false),
    ] {
        let wire = site.configure(&world, &call);
        assert!(world.send(&wire).is_err(), "{call:?}");
    }
    let Call::SetRoute { asset, enabled, evm, fee_bps, peer, min, max, flat_fee } =
        site.route_call(GatewayId(Word([5; 32])), false)
    else {
        panic!()
    };
    for call in [
        Call::SetRoute { asset: USDA, enabled, evm, fee_bps, peer, min, max, flat_fee },
        Call::SetRoute { asset, enabled: 2, evm, fee_bps, peer, min, max, flat_fee },
        Call::SetRoute { asset, enabled, evm: 2, fee_bps, peer, min, max, flat_fee },
        Call::SetRoute { asset, enabled, evm, fee_bps: 10_001, peer, min, max, flat_fee },
        Call::SetRoute { asset, enabled, evm, fee_bps, peer, min: WINDOW + 1, max, flat_fee },
    ] {
        let wire = site.configure(&world, &call);
        assert!(world.send(&wire).is_err(), "{call:?}");
    }
}

#[test]
fn a_mint_must_be_the_gateways_alone() {
    let mut world = World::empty();
    let site = Site::planned(world.program, "home");
    let wire = site.initialize(&world);
    world.ok(&wire);
    let add = site.configure(&world, &Call::AddSynthetic { symbol: symbol("TIM3"), target: ONE });
    let own = Some(&site.authority);
    let mut freezable = token::mint_account(own, 6, 0);
    freezable.data[tim3_solana_interface::external::mint::HAS_FREEZE_AUTHORITY] = 1;
    let mut raw = token::mint_account(own, 6, 0);
    raw.data[tim3_solana_interface::external::mint::INITIALIZED] = 0;
    let mut foreign = token::mint_account(own, 6, 0);
    foreign.owner = address("another program");
    for mint in [
        token::mint_account(None, 6, 0),
        token::mint_account(Some(&address("alice")), 6, 0),
        token::mint_account(own, 9, 0),
        token::mint_account(own, 6, 1),
        freezable,
        raw,
        foreign,
    ] {
        world.set(&site.mints[0], mint);
        assert!(world.send(&add).is_err());
    }
    world.set(&site.mints[0], token::mint_account(own, 6, 0));
    world.ok(&add);
    assert!(world.send(&add).is_err(), "registered twice");
    for text in ["", "tim3", "TIM-3"] {
        world.set(&site.mints[1], token::mint_account(None, 8, 0));
        let call = Call::AddCollateral { symbol: symbol(text), decimals: 6 };
        let wire = site.change_target(&world, &Call::AddCollateral { symbol: symbol("USDA"), decimals: 6 });
        let wire = wire.with("admin", address("admin")).build_with(&Instruction::Configure(call), call.accounts());
        assert!(world.send(&wire).is_err(), "{text:?}");
    }
}

#[test]
fn tables_are_full_when_they_are_full() {
    let (mut world, site) = founded();
    for number in 0..limits::ASSETS {
        let name = format!("C{number}");
        let mint = solana_address::Address::from(keccak_text(&name).0);
        world.set(&mint, token::mint_account(None, 6, 0));
        let call = Call::AddCollateral { symbol: symbol(&name), decimals: 6 };
        let wire = site
            .change_target(&world, &call)
            .with("mint", mint)
            .with("admin", address("admin"))
            .build_with(&Instruction::Configure(call), call.accounts());
        if number < limits::ASSETS - 3 {
            world.ok(&wire);
        } else {
            world.refuses(&wire, GatewayError::TableFull)
        }
    }
    let data = world.data(&site.gateway);
    assert_eq!(usize::from(Gateway::new(&data[..]).unwrap().asset_count()), limits::ASSETS);
    // Peers beyond the dictionary work as well.
    for number in 0..80_u8 {
        let peer = GatewayId(keccak_text(&format!("peer {number}")));
        let wire = site.configure(&world, &site.route_call(peer, false));
        world.ok(&wire);
    }
    ledger::check(&world, &site, &[]);
    site.activate(&mut world);
    let alice = address("alice");
    world.fund(&alice, &site.mints[1], 10_000 * 100_000_000);
    let last = GatewayId(keccak_text("peer 79"));
    let wire = site.lock(&world, alice, site.lock_args(alice, RESERVE, 10 * UNIT, 10 * UNIT, last));
    world.ok(&wire);
    let operation = ledger::started(&world, &site);
    assert_eq!(operation.destination, last);
}

#[test]
fn a_page_of_outgoing_ids_is_closed_when_all_of_it_is_over() {
    let (mut world, home, away) = World::with_gateways();
    let alice = address("alice");
    let close = Call::CloseOutgoing { peer: away.id.0.0, page: 0 };
    for _ in 0..64 {
        let wire = home.lock(&world, alice, home.lock_args(alice, RESERVE, 2 * UNIT, 2 * UNIT, away.id));
        world.ok(&wire);
    }
    let page = home.outgoing_at(away.id, 0);
    home.change(&mut world, &close);
    assert!(world.account(&page).is_none());
    // What follows goes to the next page, and the closed one is not made again.
    let wire = home.lock(&world, alice, home.lock_args(alice, RESERVE, 2 * UNIT, 2 * UNIT, away.id));
    world.ok(&wire);
    assert_eq!(ledger::started(&world, &home).nonce, 64);
    assert!(world.account(&page).is_none());
    // The current page is not closed.
    let current = Call::CloseOutgoing { peer: away.id.0.0, page: 1 };
    let wire = home.schedule(&world, &current);
    world.ok(&wire);
    world.pass(DELAY);
    let wire = home.apply(&world, &current);
    assert!(world.send(&wire).is_err());
}
