//! Every account of every instruction, one after the other: not signed, not writable, a look-alike, every other account of the program, another
//! owner, given twice. What is mutated must be refused, or must not matter: then everything ends exactly as without the mutation.

use std::collections::{BTreeMap, BTreeSet};

use solana_account::Account;
use solana_address::Address;
use solana_instruction::Instruction as Wire;
use tim3_domain::protocol::{Action, MirrorRecord, PositionState};
use tim3_solana_interface::{
    external,
    instruction::{Call, CoverArgs, Instruction, LiquidateArgs, LockArgs, Orders, RedeemArgs, RepayArgs, WithdrawArgs},
};
use tim3_solana_tests::{
    Site, Target, World, ledger,
    site::{DELAY, ETHER, RESERVE, TIM3, UNIT, VAULT, pyth},
    token,
    world::{address, holder},
};

/// A state, and an instruction that succeeds in it.
struct Case {
    name: &'static str,
    world: World,
    wire: Wire,
}

/// What is in the accounts of the instruction. Lamports only of those that cannot pay the rent or the fee.
type Snapshot = BTreeMap<[u8; 32], (Option<(Vec<u8>, [u8; 32])>, u64)>;

fn snapshot(world: &World, wire: &Wire) -> Snapshot {
    let payers = ["payer", "relayer"].map(address);
    let one = |address: &Address| {
        let account = world.account(address);
        let lamports = account.as_ref().filter(|_| !payers.contains(address)).map_or(0, |account| account.lamports);
        (address.to_bytes(), (account.map(|account| (account.data, account.owner.to_bytes())), lamports))
    };
    wire.accounts.iter().map(|meta| one(&meta.pubkey)).collect()
}

/// A copy of an account, somewhere else.
fn lookalike(world: &mut World, of: &Address, index: usize) -> Address {
    let mut bytes = of.to_bytes();
    bytes[31] ^= 0x55;
    bytes[0] ^= u8::try_from(index).unwrap().wrapping_add(1);
    let address = Address::from(bytes);
    if let Some(account) = world.account(of).filter(|account| !account.executable) {
        world.set(&address, account);
    }
    address
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Mutation {
    NotSigned,
    NotWritable,
    Lookalike,
    OtherSigner,
    OtherProgram,
    Other(Address),
    SameAs(usize),
}

/// Mutates the account at `index`; `None` where the mutation changes nothing.
fn mutate(world: &mut World, wire: &Wire, index: usize, mutation: Mutation) -> Option<Wire> {
    let mut wire = wire.clone();
    let meta = wire.accounts[index].clone();
    let repeated = wire.accounts.iter().filter(|other| other.pubkey == meta.pubkey).count() > 1;
    let place = &mut wire.accounts[index];
    match mutation {
        Mutation::NotSigned if meta.is_signer && !repeated => place.is_signer = false,
        Mutation::NotWritable if meta.is_writable && !repeated => place.is_writable = false,
        Mutation::Lookalike if !meta.is_signer => place.pubkey = lookalike(world, &meta.pubkey, index),
        Mutation::OtherSigner if meta.is_signer => place.pubkey = address("carol"),
        Mutation::OtherProgram => {
            let account =
                world.account(&meta.pubkey).filter(|account| !account.executable && !account.data.is_empty())?;
            world.set(&meta.pubkey, Account { owner: address("another program"), ..account });
        }
        Mutation::Other(other) => place.pubkey = other,
        Mutation::SameAs(other) if wire.accounts[other].pubkey != meta.pubkey => {
            let pubkey = wire.accounts[other].pubkey;
            wire.accounts[index].pubkey = pubkey;
            // Only who signed anyway can stand where a signature is needed.
            if meta.is_signer && !wire.accounts[other].is_signer {
                wire.accounts[index].is_signer = false;
            }
        }
        _ => return None,
    }
    Some(wire)
}

/// The program's other accounts of the same length: of another gateway, owner, peer, page.
fn others(world: &World, wire: &Wire, index: usize) -> Vec<Mutation> {
    let this = wire.accounts[index].pubkey;
    let Some(account) = world.account(&this).filter(|account| account.owner == world.program) else { return vec![] };
    let all = world.svm.get_program_accounts(&world.program).into_iter();
    all.filter(|(address, other)| *address != this && other.data.len() == account.data.len())
        .map(|(address, _)| Mutation::Other(address))
        .collect()
}

/// Whether an order pays into the account: a wallet's canonical account that is no token account is one that cannot be paid into.
fn is_payee(world: &World, wire: &Wire, index: usize) -> bool {
    const EXECUTE: u8 = 18;
    let data = world.data(&wire.accounts[index].pubkey);
    let owner = data.get(external::token_account::OWNER..).and_then(|rest| rest.first_chunk::<32>());
    let wallets = ["alice", "bob", "carol", "treasury"].map(|name| address(name).to_bytes());
    wire.data[0] == EXECUTE
        && data.len() == external::token_account::LENGTH
        && owner.is_some_and(|owner| wallets.contains(owner))
}

/// Whether it is the price of a release, which goes on without one and pays no collateral before the debt is gone.
fn waits_for_price(world: &World, wire: &Wire, index: usize) -> bool {
    const RELEASING: [u8; 2] = [12, 18]; // Redeem, Execute
    let owner = world.account(&wire.accounts[index].pubkey).map(|account| account.owner);
    RELEASING.contains(&wire.data[0]) && owner == Some(pyth())
}

/// Tries every mutation and gives the accounts for which some did not matter. Of those in `free` there may be several: there
/// another one is another outcome.
fn harmless(case: &Case, free: &[usize]) -> BTreeSet<usize> {
    let mut base = case.world.clone();
    base.fee_payer = "relayer";
    let before = snapshot(&base, &case.wire);
    let mut plain = base.clone();
    plain.ok(&case.wire);
    let after = snapshot(&plain, &case.wire);
    assert_ne!(before, after, "{} changes nothing", case.name);

    let mut harmless = BTreeSet::new();
    let count = case.wire.accounts.len();
    for index in 0..count {
        let simple = [
            Mutation::NotSigned,
            Mutation::NotWritable,
            Mutation::Lookalike,
            Mutation::OtherSigner,
            Mutation::OtherProgram,
        ];
        let mutations =
            simple.into_iter().chain(others(&base, &case.wire, index)).chain((0..count).map(Mutation::SameAs));
        for mutation in mutations {
            let mut world = base.clone();
            let Some(wire) = mutate(&mut world, &case.wire, index, mutation) else { continue };
            let signs = wire.accounts[index].is_signer;
            if free.contains(&index) && (signs || mutation == Mutation::Lookalike) {
                continue;
            }
            if mutation == Mutation::OtherProgram
                && (is_payee(&base, &case.wire, index) || waits_for_price(&base, &case.wire, index))
            {
                continue;
            }
            let start = snapshot(&world, &case.wire);
            if world.send(&wire).is_err() {
                continue;
            }
            let mut end = snapshot(&world, &case.wire);
            if end == start {
                continue; // an order that was skipped
            }
            // Whose owner was changed stays changed.
            let key = case.wire.accounts[index].pubkey.to_bytes();
            let mut expected = after.clone();
            if matches!(mutation, Mutation::OtherProgram) || expected[&key] == before[&key] {
                expected.remove(&key);
                end.remove(&key);
            }
            let changed: Vec<usize> = (0..count)
                .filter(|other| {
                    let key = case.wire.accounts[*other].pubkey.to_bytes();
                    end.get(&key) != expected.get(&key)
                })
                .collect();
            assert!(
                changed.is_empty(),
                "{}: account {index} {mutation:?} was accepted, and changed the outcome in the accounts {changed:?}",
                case.name
            );
            harmless.insert(index);
        }
        let mut world = base.clone();
        let mut short = case.wire.clone();
        short.accounts.truncate(index);
        let start = snapshot(&world, &case.wire);
        let refused = world.send(&short).is_err();
        let end = snapshot(&world, &case.wire);
        assert!(refused || end == start || end == after, "{} with {index} accounts", case.name);
    }
    harmless
}

/// Checks a case: only accounts with these names may be of no consequence.
#[track_caller]
fn check(case: &Case, names: &[&str], allowed: &[&str]) {
    let free: Vec<usize> = (0..names.len()).filter(|index| FREE.contains(&names[*index])).collect();
    let found = harmless(case, &free);
    // The program's own address says that an account is not needed.
    let needed = found.iter().filter(|index| case.wire.accounts[**index].pubkey != case.world.program);
    let found: BTreeSet<&str> = needed.map(|index| names.get(*index).copied().unwrap_or("an order's")).collect();
    let unexpected: Vec<_> = found.iter().filter(|name| !allowed.contains(name)).collect();
    assert!(unexpected.is_empty(), "{}: {unexpected:?} are not checked", case.name);
}

/// Whoever pays is recorded as who gets the rent back; what is burned or brought may come from any account of the signer; a mint is what the
/// admin chooses.
const FREE: &[&str] = &["payer", "user_token", "user_collateral", "mint"];

fn names(instruction: &Instruction<'_>) -> Vec<&'static str> {
    instruction.spec().accounts.iter().map(|account| account.name).collect()
}

/// Whoever pays, and what is only needed at the end of a page.
const NEXT: &[&str] = &["payer", "next_page", "next_outgoing"];

fn lock_here(world: &mut World, site: &Site, user: &str, market: u8, collateral: u128, debt: u128) {
    let user = address(user);
    let wire = site.lock(world, user, site.lock_args(user, market, collateral, debt, site.id));
    world.ok(&wire);
}

#[test]
fn initialize() {
    let mut world = World::empty();
    let site = Site::planned(world.program, "home");
    world.set(&site.mints[0], token::mint_account(Some(&site.authority), 6, 0));
    let wire = site.initialize(&world);
    let mut once = world.clone();
    once.ok(&wire);
    assert!(once.send(&wire).is_err(), "made twice");
    // Whoever signs becomes the admin.
    let names = names(&Instruction::decode(&wire.data).unwrap());
    let free: Vec<usize> = (0..names.len()).filter(|index| ["payer", "admin"].contains(&names[*index])).collect();
    let found = harmless(&Case { name: "Initialize", world, wire: wire.clone() }, &free);
    assert!(found.iter().all(|index| free.contains(index)), "{found:?} are not checked");
}

#[test]
fn configure_every_change_and_activate() {
    let mut world = World::empty();
    let site = Site::planned(world.program, "home");
    world.set(&site.mints[0], token::mint_account(Some(&site.authority), 6, 0));
    world.set(&site.mints[1], token::mint_account(None, 8, 0));
    world.set(&site.mints[2], token::mint_account(None, 9, 0));
    site.set_price(&mut world, 2_000 * 100_000_000, 0);
    let wire = site.initialize(&world);
    world.ok(&wire);
    let signers: Vec<[u8; 20]> = world.attesters.iter().map(tim3_solana_tests::world::evm_address).collect();
    let symbol = |text: &str| {
        let mut symbol = [0; 12];
        symbol[..text.len()].copy_from_slice(text.as_bytes());
        symbol
    };
    let away = Site::planned(world.program, "away");
    for call in [
        Call::AddSynthetic { symbol: symbol("TIM3"), target: tim3_solana_tests::site::ONE },
        Call::AddCollateral { symbol: symbol("USDA"), decimals: 6 },
        Call::AddCollateral { symbol: symbol("WETH"), decimals: 18 },
        Call::SetMarket { synthetic: 0, collateral: 1, kind: 0, terms: tim3_solana_tests::site::reserve_terms() },
        Call::SetMarket { synthetic: 0, collateral: 2, kind: 1, terms: site.vault_terms() },
        Call::SetWindow { asset: 0, kind: 1, limit: 1, period: 1 },
        site.route_call(away.id, false),
        Call::SetAttesters { threshold: 2, signers: &signers },
        Call::SetTreasury { treasury: address("treasury").to_bytes() },
        Call::SetGuardian { guardian: address("bob").to_bytes() },
        Call::TransferAdmin { admin: address("bob").to_bytes() },
        Call::Tombstone { peer: Site::planned(world.program, "dead").id.0.0, final_count: 3, final_hash: [7; 32] },
    ] {
        let wire = site.configure(&world, &call);
        let mut names = names(&Instruction::Configure(call));
        names.extend(call.accounts().iter().map(|account| account.name));
        let case = Case { name: "Configure", world: world.clone(), wire: wire.clone() };
        let quiet = matches!(call, Call::TransferAdmin { .. } | Call::SetGuardian { .. });
        let allowed: Vec<_> = NEXT.iter().copied().chain(quiet.then_some("page")).collect();
        check(&case, &names, &allowed);
        world.ok(&wire);
    }
    let wire = Target::new(&world, &site).with("admin", address("admin")).build(&Instruction::Activate);
    check(&Case { name: "Activate", world: world.clone(), wire }, &names(&Instruction::Activate), &[]);
}

#[test]
fn schedule_apply_cancel_accept() {
    let (mut world, home, _) = World::with_gateways();
    let call = Call::TransferAdmin { admin: address("bob").to_bytes() };
    let schedule = home.schedule(&world, &call);
    let encoded = call.encode();
    check(
        &Case { name: "Schedule", world: world.clone(), wire: schedule.clone() },
        &names(&Instruction::Schedule(&encoded)),
        NEXT,
    );
    world.ok(&schedule);
    let cancel = home.cancel(&world, address("admin"), &call);
    check(&Case { name: "Cancel", world: world.clone(), wire: cancel }, &names(&Instruction::Cancel), &[]);
    let treasury = Call::SetTreasury { treasury: address("bob").to_bytes() };
    let (mut other, _, _) = World::with_gateways();
    let wire = home.schedule(&other, &treasury);
    other.ok(&wire);
    other.pass(DELAY);
    let apply = home.apply(&other, &treasury);
    check(&Case { name: "Apply", world: other, wire: apply }, &names(&Instruction::Apply), NEXT);
    world.pass(DELAY);
    let apply = home.apply(&world, &call);
    // It makes no event.
    let allowed = ["payer", "page", "next_page"];
    check(
        &Case { name: "Apply, no event", world: world.clone(), wire: apply.clone() },
        &names(&Instruction::Apply),
        &allowed,
    );
    world.ok(&apply);
    let accept = Target::new(&world, &home).with("admin", address("bob")).build(&Instruction::AcceptAdmin);
    check(&Case { name: "AcceptAdmin", world, wire: accept }, &names(&Instruction::AcceptAdmin), &[]);
}

#[test]
fn set_pause_and_open_page() {
    let (world, home, _) = World::with_gateways();
    let wire = home.set_pause(&world, address("guardian"), 2);
    let instruction = Instruction::decode(&wire.data).unwrap();
    check(&Case { name: "SetPause", world: world.clone(), wire: wire.clone() }, &names(&instruction), NEXT);
    let wire = home.open_page(&world);
    check(&Case { name: "OpenPage", world, wire }, &names(&Instruction::OpenPage), &["payer"]);
}

#[test]
fn lock() {
    let (mut world, home, away) = World::with_gateways();
    let alice = address("alice");
    lock_here(&mut world, &home, "alice", VAULT, ETHER, 0);
    lock_here(&mut world, &home, "bob", RESERVE, UNIT, UNIT);
    let start = home.lock(&world, alice, home.lock_args(alice, RESERVE, UNIT, UNIT, away.id));
    let mut remote = world.clone();
    remote.ok(&start);
    for (name, world, market, destination) in [
        ("Lock, reserve, here", &world, RESERVE, home.id),
        ("Lock, vault, here", &world, VAULT, home.id),
        ("Lock, reserve, elsewhere, first", &world, RESERVE, away.id),
        ("Lock, vault, elsewhere", &remote, VAULT, away.id),
    ] {
        let collateral = if market == RESERVE { 100 * UNIT } else { ETHER };
        let wire = home.lock(world, alice, home.lock_args(alice, market, collateral, 100 * UNIT, destination));
        let instruction = Instruction::decode(&wire.data).unwrap();
        let unused = (destination != home.id).then_some("authority"); // nothing is minted
        let allowed: Vec<_> = NEXT.iter().copied().chain(unused).collect();
        check(&Case { name, world: world.clone(), wire: wire.clone() }, &names(&instruction), &allowed);
    }
}

#[test]
fn burn_repay_withdraw_redeem_set_controller() {
    let (mut world, home, away) = World::with_gateways();
    let alice = address("alice");
    lock_here(&mut world, &home, "alice", VAULT, 10 * ETHER, 1_000 * UNIT);
    lock_here(&mut world, &home, "bob", RESERVE, 1_000 * UNIT, 1_000 * UNIT);
    let owner = alice.to_bytes();
    let reserve = home.markets[0].0.0;
    let redeem =
        |market, owner, wanted| RedeemArgs { market, owner, amount: 200 * UNIT, wanted, recipient: alice.to_bytes() };
    for (name, wire) in [
        ("Burn, transfer", home.burn(&world, alice, home.transfer_args(alice, 100 * UNIT, away.id))),
        ("Burn, redeem", home.burn(&world, alice, home.redeem_args(alice, 100 * UNIT, &away, RESERVE, 0))),
        ("Repay, vault", home.repay(&world, alice, RepayArgs { market: VAULT, owner, amount: 100 * UNIT })),
        ("Withdraw", home.withdraw(&world, alice, WithdrawArgs { market: VAULT, collateral: ETHER, to: owner })),
        ("Redeem, reserve", home.redeem(&world, alice, redeem(RESERVE, reserve, 0))),
        ("Redeem, vault", home.redeem(&world, alice, redeem(VAULT, owner, ETHER))),
        ("SetController", home.set_controller(&world, alice, away.id, holder(&alice))),
    ] {
        let instruction = Instruction::decode(&wire.data).unwrap();
        // A redeem without surplus mints nothing.
        let unused = ["recipient_token", "synthetic_vault", "claimable"];
        let allowed: Vec<_> = NEXT
            .iter()
            .copied()
            .chain(if name.starts_with("Redeem") { &unused[..] } else { &[] }.iter().copied())
            .collect();
        check(&Case { name, world: world.clone(), wire: wire.clone() }, &names(&instruction), &allowed);
    }
    // All of it is debt, and the surplus comes back.
    let args = RedeemArgs { amount: 1_000 * UNIT, ..redeem(RESERVE, reserve, 0) };
    let mut poor = world.clone();
    let wire = poor_reserve(&mut poor, &home, args);
    let instruction = Instruction::decode(&wire.data).unwrap();
    let allowed: Vec<_> = NEXT.iter().copied().chain(["synthetic_vault", "claimable"]).collect();
    check(&Case { name: "Redeem, surplus", world: poor, wire: wire.clone() }, &names(&instruction), &allowed);
}

/// A redeem of more than the reserve owes.
fn poor_reserve(world: &mut World, home: &Site, args: RedeemArgs) -> Wire {
    let bob = address("bob");
    let most = RedeemArgs { amount: 999 * UNIT, recipient: bob.to_bytes(), ..args };
    let wire = home.redeem(world, bob, most);
    world.ok(&wire);
    home.redeem(world, address("alice"), args)
}

#[test]
fn liquidate_and_cover() {
    let (mut world, home, _) = World::with_gateways();
    let (alice, bob) = (address("alice"), address("bob"));
    lock_here(&mut world, &home, "alice", VAULT, 10 * ETHER, 15_000 * UNIT);
    lock_here(&mut world, &home, "bob", RESERVE, 20_000 * UNIT, 20_000 * UNIT);
    let args = LiquidateArgs { market: VAULT, owner: alice.to_bytes(), max_repay: u128::MAX, min_seized: 0 };
    for (name, dollars, allowed) in [
        ("Liquidate, in part", 1_850, &["payer", "next_page", "bad_debt"][..]),
        ("Liquidate, with bad debt", 1_000, &["payer", "next_page"][..]),
    ] {
        home.set_price(&mut world, dollars * 100_000_000, 0);
        let wire = home.liquidate(&world, bob, args);
        let instruction = Instruction::decode(&wire.data).unwrap();
        check(&Case { name, world: world.clone(), wire: wire.clone() }, &names(&instruction), allowed);
        if dollars == 1_000 {
            world.ok(&wire);
        }
    }
    let wire = home.cover(&world, bob, CoverArgs { market: home.markets[1].0.0, amount: UNIT });
    let instruction = Instruction::decode(&wire.data).unwrap();
    check(&Case { name: "Cover", world, wire: wire.clone() }, &names(&instruction), NEXT);
}

#[test]
fn claim_and_close_position() {
    let (mut world, home, away) = World::with_gateways();
    let alice = address("alice");
    let wire = home.lock(&world, alice, home.lock_args(alice, RESERVE, 100 * UNIT, 100 * UNIT, away.id));
    world.ok(&wire);
    let mint = ledger::started(&world, &home);
    let token_account = away.wallet(&alice, TIM3);
    world.set_state(&token_account, token::FROZEN);
    let order = world.settlement(&away, &mint);
    world.done(&away, &order);
    world.set_state(&token_account, 1);
    let wire = away.claim(&world, alice, TIM3);
    let instruction = Instruction::decode(&wire.data).unwrap();
    // Where a claim goes is the claimer's own business; the mutations have no other account of his.
    check(&Case { name: "Claim", world: world.clone(), wire: wire.clone() }, &names(&instruction), NEXT);

    lock_here(&mut world, &home, "alice", VAULT, ETHER, 0);
    let wire = home.withdraw(&world, alice, WithdrawArgs { market: VAULT, collateral: ETHER, to: alice.to_bytes() });
    world.ok(&wire);
    let wire = home.close_position(&world, alice);
    check(&Case { name: "ClosePosition", world, wire }, &names(&Instruction::ClosePosition), &[]);
}

#[test]
fn execute_every_action() {
    let (mut world, home, away) = World::with_gateways();
    let alice = address("alice");
    let wire = home.lock(&world, alice, home.lock_args(alice, RESERVE, 1_000 * UNIT, 1_000 * UNIT, away.id));
    world.ok(&wire);
    let mint = ledger::started(&world, &home);
    let wire = home.lock(&world, alice, home.lock_args(alice, VAULT, 10 * ETHER, 5_000 * UNIT, away.id));
    world.ok(&wire);
    let drawn = ledger::started(&world, &home);
    let wire = home.set_controller(&world, alice, away.id, holder(&alice));
    world.ok(&wire);
    let record = MirrorRecord {
        home: away.id,
        position: PositionState { market: away.markets[1], owner: holder(&alice), collateral: ETHER, debt: UNIT },
        version: 3,
    };
    let mut minted = world.clone();
    for operation in [&mint, &drawn] {
        let order = minted.settlement(&away, operation);
        minted.done(&away, &order);
    }
    let wire = away.burn(&minted, alice, away.redeem_args(alice, 300 * UNIT, &home, RESERVE, 0));
    minted.ok(&wire);
    let redeem = ledger::started(&minted, &away);
    let wire = away.burn(&minted, alice, away.redeem_args(alice, 300 * UNIT, &home, VAULT, ETHER));
    minted.ok(&wire);
    let release = ledger::started(&minted, &away);
    for (name, world, site, order) in [
        ("Mint", &world, &away, world.settlement(&away, &mint)),
        ("Void", &world, &away, world.order(&away, Action::Void, &mint)),
        ("Refund, reserve", &world, &home, world.order(&home, Action::Refund, &mint)),
        ("Refund, vault", &world, &home, world.order(&home, Action::Refund, &drawn)),
        ("Refund, burn", &minted, &away, minted.order(&away, Action::Refund, &redeem)),
        ("Release, reserve", &minted, &home, minted.settlement(&home, &redeem)),
        ("Release, vault", &minted, &home, minted.settlement(&home, &release)),
        ("Mirror", &world, &home, world.mirror(&home, record)),
    ] {
        let wire = site.execute(world, &[order]);
        let case = Case { name, world: world.clone(), wire };
        // What a payout that arrives does not need is given, too.
        let mut allowed = vec!["payer", "next_page", "authority", "an order's"];
        if name == "Mirror" {
            allowed.push("page"); // it makes no event
        }
        check(&case, &names(&Instruction::Execute(Orders::new(&[]))), &allowed);
    }
}

/// An account that another program filled with the right bytes at the right address is no account of the gateway.
#[test]
fn accounts_made_elsewhere_are_not_taken_for_the_gateways() {
    let (mut world, home, away) = World::with_gateways();
    let alice = address("alice");
    let position = home.position_at(holder(&alice));
    let forged = Account {
        lamports: 10_000_000,
        data: vec![0; 248],
        owner: address("another program"),
        executable: false,
        rent_epoch: u64::MAX,
    };
    world.set(&position, forged);
    let wire = home.lock(&world, alice, home.lock_args(alice, VAULT, ETHER, 0, home.id));
    assert!(world.send(&wire).is_err());
    // Another gateway's position of the same owner has another address and another subject.
    let wire = away.lock(&world, alice, away.lock_args(alice, VAULT, 10 * ETHER, 0, away.id));
    world.ok(&wire);
    let args = WithdrawArgs { market: VAULT, collateral: ETHER, to: alice.to_bytes() };
    let mut wire = home.withdraw(&world, alice, args);
    for meta in &mut wire.accounts {
        if meta.pubkey == position {
            meta.pubkey = away.position_at(holder(&alice));
        }
    }
    assert!(world.send(&wire).is_err());
}

/// Lamports sent ahead to the address of an account that is to be made do not keep it from being made.
#[test]
fn an_address_that_already_has_lamports_can_still_be_made() {
    let (mut world, home, away) = World::with_gateways();
    let alice = address("alice");
    for target in [
        home.position_at(holder(&alice)),
        home.outgoing_at(away.id, 0),
        away.slots_at(home.id, 0),
        home.events_at(1),
        away.claimable_at(holder(&alice), TIM3),
    ] {
        world.set(&target, Account { lamports: 1, ..Account::default() });
    }
    lock_here(&mut world, &home, "alice", VAULT, 10 * ETHER, 0);
    let wire = home.lock(&world, alice, home.lock_args(alice, VAULT, 0, 1_000 * UNIT, away.id));
    world.ok(&wire);
    let wire = home.open_page(&world);
    world.ok(&wire);
    let token_account = away.wallet(&alice, TIM3);
    world.set_state(&token_account, token::FROZEN);
    let operation = ledger::started(&world, &home);
    let order = world.settlement(&away, &operation);
    world.done(&away, &order);
    ledger::check(&world, &home, &[away.id]);
    ledger::check(&world, &away, &[home.id]);
}

/// Programs that look like the token and the system program, and are not.
#[test]
fn other_programs_are_never_called() {
    let (world, home, _) = World::with_gateways();
    let alice = address("alice");
    let args = LockArgs { ..home.lock_args(alice, RESERVE, UNIT, UNIT, home.id) };
    let wire = home.lock(&world, alice, args);
    for program in [external::TOKEN_PROGRAM, external::SYSTEM_PROGRAM] {
        let mut world = world.clone();
        let mut wire = wire.clone();
        let place = wire.accounts.iter().position(|meta| meta.pubkey == Address::from(program)).unwrap();
        wire.accounts[place].pubkey = home.program;
        assert!(world.send(&wire).is_err());
        // Token-2022.
        wire.accounts[place].pubkey = solana_address::address!("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb");
        assert!(world.send(&wire).is_err());
    }
}
