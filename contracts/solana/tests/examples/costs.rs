//! Prints what the program costs, as the tables of `contracts/solana/INTERFACE.md`: compute units of every instruction, bytes of the
//! transactions of orders, size and rent. `cargo run --example costs`

use std::fs;

use solana_instruction::Instruction;
use solana_rent::Rent;
use tim3_domain::protocol::{Action, MirrorRecord, PositionState};
use tim3_solana_interface::{
    accounts::{
        BadDebt, Change, Claimable, EventPage, Gateway, Mirror, MirrorHome, OutgoingPage, Peer, Position, Route,
        SlotPage,
    },
    instruction::{Call, CoverArgs, LiquidateArgs, RedeemArgs, RepayArgs, Role, WithdrawArgs},
    limits,
};
use tim3_solana_tests::{
    Signed, Site, Target, World, ledger,
    site::{DELAY, ETHER, RESERVE, TIM3, UNIT, VAULT},
    size, token,
    world::{PACKET, address, evm_address, holder, program_file},
};

/// Compute units of the instruction that sets the limit.
const LIMIT_UNITS: u64 = 150;

struct Costs {
    world: World,
    home: Site,
    away: Site,
}

fn main() {
    let (world, home, away) = World::with_gateways();
    let mut costs = Costs { world, home, away };
    println!("| instruction | compute units |\n| --- | ---: |");
    costs.set_up();
    costs.actions();
    costs.orders();
    costs.packing();
    costs.rent();
}

impl Costs {
    fn row(&mut self, name: &str, wire: &Instruction) {
        let units = self.world.ok(wire).compute_units_consumed - LIMIT_UNITS;
        println!("| {name} | {units} |");
    }

    fn set_up(&mut self) {
        let mut world = World::empty();
        let site = Site::planned(world.program, "other");
        world.set(&site.mints[0], token::mint_account(Some(&site.authority), 6, 0));
        let units = world.ok(&site.initialize(&world)).compute_units_consumed - LIMIT_UNITS;
        println!("| Initialize | {units} |");
        let signers: Vec<[u8; 20]> = world.attesters.iter().map(evm_address).collect();
        let call = Call::SetAttesters { threshold: 2, signers: &signers };
        let units = world.ok(&site.configure(&world, &call)).compute_units_consumed - LIMIT_UNITS;
        println!("| Configure (first event: makes the page) | {units} |");
        let call = Call::TransferAdmin { admin: address("admin").to_bytes() };
        let home = self.home.clone();
        let wire = home.schedule(&self.world, &call);
        self.row("Schedule", &wire);
        self.world.pass(DELAY);
        self.home.set_price(&mut self.world, 2_000 * 100_000_000, 0);
        let wire = home.apply(&self.world, &call);
        self.row("Apply", &wire);
        let wire = Target::new(&self.world, &home)
            .with("admin", address("admin"))
            .build(&tim3_solana_interface::instruction::Instruction::AcceptAdmin);
        self.row("AcceptAdmin", &wire);
        let wire = home.set_pause(&self.world, address("admin"), 0);
        self.row("SetPause", &wire);
        let wire = home.open_page(&self.world);
        self.row("OpenPage", &wire);
    }

    fn actions(&mut self) {
        let (home, away) = (self.home.clone(), self.away.clone());
        let (alice, bob) = (address("alice"), address("bob"));
        for (name, market, collateral, debt, destination) in [
            ("Lock: reserve, minted here", RESERVE, 9_000 * UNIT, 9_000 * UNIT, home.id),
            (
                "Lock: reserve, for elsewhere, first (makes outgoing page and peer)",
                RESERVE,
                100 * UNIT,
                100 * UNIT,
                away.id,
            ),
            ("Lock: reserve, for elsewhere", RESERVE, 100 * UNIT, 100 * UNIT, away.id),
            ("Lock: vault, collateral only (makes the position)", VAULT, 10 * ETHER, 0, home.id),
            ("Lock: vault, minted here", VAULT, ETHER, 1_000 * UNIT, home.id),
            ("Lock: vault, for elsewhere", VAULT, ETHER, 1_000 * UNIT, away.id),
        ] {
            let wire = home.lock(&self.world, alice, home.lock_args(alice, market, collateral, debt, destination));
            self.row(name, &wire);
        }
        let owner = alice.to_bytes();
        let wire = home.burn(&self.world, alice, home.transfer_args(alice, 100 * UNIT, away.id));
        self.row("Burn", &wire);
        let wire = home.repay(&self.world, alice, RepayArgs { market: VAULT, owner, amount: 100 * UNIT });
        self.row("Repay", &wire);
        let wire = home.withdraw(&self.world, alice, WithdrawArgs { market: VAULT, collateral: ETHER, to: owner });
        self.row("Withdraw", &wire);
        let args =
            RedeemArgs { market: RESERVE, owner: home.markets[0].0.0, amount: 100 * UNIT, wanted: 0, recipient: owner };
        let wire = home.redeem(&self.world, alice, args);
        self.row("Redeem: reserve", &wire);
        let args = RedeemArgs { market: VAULT, owner, amount: 100 * UNIT, wanted: ETHER, recipient: owner };
        let wire = home.redeem(&self.world, alice, args);
        self.row("Redeem: vault", &wire);
        let wire = home.set_controller(&self.world, alice, away.id, holder(&alice));
        self.row("SetController", &wire);

        let wire = home.lock(&self.world, bob, home.lock_args(bob, VAULT, 10 * ETHER, 15_000 * UNIT, home.id));
        self.world.ok(&wire);
        let args = LiquidateArgs { market: VAULT, owner: bob.to_bytes(), max_repay: u128::MAX, min_seized: 0 };
        home.set_price(&mut self.world, 1_850 * 100_000_000, 0);
        let wire = home.liquidate(&self.world, alice, args);
        self.row("Liquidate: in part", &wire);
        home.set_price(&mut self.world, 1_000 * 100_000_000, 0);
        let wire = home.liquidate(&self.world, bob, args);
        self.row("Liquidate: whole, with bad debt (makes the record)", &wire);
        home.set_price(&mut self.world, 2_000 * 100_000_000, 0);
        let wire = home.cover(&self.world, alice, CoverArgs { market: home.markets[1].0.0, amount: UNIT });
        self.row("Cover", &wire);
        let left = home.position(&self.world, &bob).collateral;
        if left > 0 {
            let wire =
                home.withdraw(&self.world, bob, WithdrawArgs { market: VAULT, collateral: left, to: bob.to_bytes() });
            self.world.ok(&wire);
        }
        let wire = home.close_position(&self.world, bob);
        self.row("ClosePosition", &wire);
    }

    fn order_row(&mut self, name: &str, site: &Site, orders: &[Signed]) {
        let (meta, results) = self.world.execute_for(site, orders);
        assert!(results.iter().all(|result| result.code == 0), "{name}: {results:?}");
        println!("| {name} | {} |", meta.compute_units_consumed - LIMIT_UNITS);
    }

    /// Locks for a Mint at `away`, and gives the settling order.
    fn mint_order(&mut self, name: &'static str) -> Signed {
        let (home, alice) = (self.home.clone(), address("alice"));
        let recipient = self.world.enrich(name);
        self.world.fund(&recipient, &self.away.mints[0], 0);
        let args = tim3_solana_interface::instruction::LockArgs {
            recipient: recipient.to_bytes(),
            ..home.lock_args(alice, RESERVE, 10 * UNIT, 10 * UNIT, self.away.id)
        };
        let wire = home.lock(&self.world, alice, args);
        self.world.ok(&wire);
        let operation = ledger::started(&self.world, &home);
        lean(self.world.settlement(&self.away, &operation))
    }

    fn orders(&mut self) {
        let (home, away) = (self.home.clone(), self.away.clone());
        let alice = address("alice");
        let first = self.mint_order("first");
        self.order_row("Execute: Mint, first from an origin (makes slot page)", &away, &[first]);
        let order = self.mint_order("second");
        self.order_row("Execute: Mint, 2 of 3", &away, std::slice::from_ref(&order));
        let (_, again) = self.world.execute_for(&away, std::slice::from_ref(&order));
        assert_eq!(again[0].code, 1);
        let (meta, _) = self.world.execute_for(&away, std::slice::from_ref(&order));
        println!("| Execute: an order that is already done | {} |", meta.compute_units_consumed - LIMIT_UNITS);
        let order = self.mint_order("third").signed_by(&self.world.attesters[..]);
        self.order_row("Execute: Mint, 3 signatures", &away, &[order]);
        let orders = [self.mint_order("fourth"), self.mint_order("fifth")];
        self.order_row("Execute: 2 Mints", &away, &orders);
        let order = self.mint_order("sixth");
        let operation = order.order.operation().unwrap().clone();
        let account = away.wallet(&solana_address::Address::from(operation.recipient.0.0), TIM3);
        self.world.set_state(&account, token::FROZEN);
        let order = self.world.settlement(&away, &operation).without(Role::TreasuryClaimable);
        self.order_row("Execute: Mint to a frozen account (makes the claimable)", &away, &[order]);
        self.world.set_state(&account, 1);
        let wire = away.claim(&self.world, address("sixth"), TIM3);
        self.row("Claim", &wire);

        // To be burned.
        let wire = home.lock(&self.world, alice, home.lock_args(alice, VAULT, 5 * ETHER, 4_000 * UNIT, away.id));
        self.world.ok(&wire);
        let operation = ledger::started(&self.world, &home);
        let order = lean(self.world.settlement(&away, &operation));
        self.world.done(&away, &order);
        let redeem = |costs: &mut Self, market, wanted| {
            let wire = away.burn(&costs.world, alice, away.redeem_args(alice, 200 * UNIT, &home, market, wanted));
            costs.world.ok(&wire);
            ledger::started(&costs.world, &away)
        };
        for (name, market, wanted) in [
            ("Execute: Release, reserve, first from an origin", RESERVE, 0),
            ("Execute: Release, reserve", RESERVE, 0),
            ("Execute: Release, vault", VAULT, ETHER),
        ] {
            let operation = redeem(self, market, wanted);
            let order = lean(self.world.settlement(&home, &operation));
            self.order_row(name, &home, &[order]);
        }
        for (name, market) in [("reserve", RESERVE), ("vault", VAULT)] {
            let wire = home.lock(
                &self.world,
                alice,
                home.lock_args(
                    alice,
                    market,
                    10 * UNIT.max(if market == VAULT { ETHER } else { 0 }),
                    10 * UNIT,
                    away.id,
                ),
            );
            self.world.ok(&wire);
            let operation = ledger::started(&self.world, &home);
            let void = self.world.order(&away, Action::Void, &operation);
            self.order_row("Execute: Void", &away, &[void]);
            let refund = lean(self.world.order(&home, Action::Refund, &operation));
            self.order_row(&format!("Execute: Refund of a lock, {name}"), &home, &[refund]);
        }
        let operation = redeem(self, RESERVE, 0);
        let void = self.world.order(&home, Action::Void, &operation);
        self.world.done(&home, &void);
        let refund = lean(self.world.order(&away, Action::Refund, &operation));
        self.order_row("Execute: Refund of a burn", &away, &[refund]);
        for version in [1, 2] {
            let position =
                PositionState { market: away.markets[1], owner: holder(&alice), collateral: ETHER, debt: UNIT };
            let order = self.world.mirror(&home, MirrorRecord { home: away.id, position, version });
            let name = if version == 1 { "Execute: Mirror, first (makes two accounts)" } else { "Execute: Mirror" };
            self.order_row(name, &home, &[order]);
        }
    }

    fn packing(&mut self) {
        let away = self.away.clone();
        println!(
            "\n| orders in one transaction | signatures each | bytes, no table | bytes, lookup table |\n| --- | ---: | ---: | ---: |"
        );
        let payer = address("payer");
        let all: Vec<Signed> = ["one", "two", "three", "four", "five"].map(|name| self.mint_order(name)).into();
        for signatures in 1..=9_usize {
            for count in 1..=all.len() {
                let orders: Vec<Signed> = all[..count]
                    .iter()
                    .map(|order| {
                        let mut order = order.clone();
                        order.signatures = vec![order.signatures[0]; signatures];
                        order
                    })
                    .collect();
                let wire = away.execute(&self.world, &orders);
                let table = size::table(&self.world, &away, &[self.home.id]);
                let (plain, packed) = (size::of(&payer, &wire, &Default::default()), size::of(&payer, &wire, &table));
                if packed <= PACKET && (count == 1 || signatures <= 5) {
                    let plain = if plain <= PACKET { plain.to_string() } else { format!("{plain} (too long)") };
                    println!("| {count} Mint | {signatures} | {plain} | {packed} |");
                }
            }
        }
        let most = (1..32).take_while(|signatures| {
            let mut order = all[0].clone();
            order.signatures = vec![order.signatures[0]; *signatures];
            let wire = away.execute(&self.world, &[order]);
            size::of(&payer, &wire, &size::table(&self.world, &away, &[self.home.id])) <= PACKET
        });
        println!("\nLargest t of one Mint with a lookup table: {}", most.count());
    }

    fn rent(&self) {
        let bytes = fs::read(program_file()).unwrap().len();
        let rent = Rent::default();
        let lamports = |length: usize| rent.minimum_balance(length);
        println!(
            "\nProgram: {bytes} bytes; deployed (loader v3) {} lamports of rent\n",
            lamports(bytes + 45) + lamports(36)
        );
        println!(
            "| account | bytes | rent, lamports | records | lamports a record |\n| --- | ---: | ---: | ---: | ---: |"
        );
        let events = ledger::events(&self.world, &self.away).len() + ledger::events(&self.world, &self.home).len();
        let used: u32 = [&self.home, &self.away]
            .iter()
            .flat_map(|site| (0..10).map(move |page| (site, page)))
            .map(|(site, page)| {
                let data = self.world.data(&site.events_at(page));
                EventPage::new(&data[..]).map_or(0, |page| page.used())
            })
            .sum();
        let per_record = used as usize / events.max(1);
        let per_page = (limits::EVENT_PAGE_BYTES - limits::EVENT_PAGE_HEADER) / per_record.max(1);
        let row = |name: &str, length: usize, records: usize| {
            let each = lamports(length) / records as u64;
            println!("| {name} | {length} | {} | {records} | {each} |", lamports(length));
        };
        row("Gateway", Gateway::LENGTH, 1);
        row(&format!("EventPage ({per_record} bytes an event here)"), EventPage::LENGTH, per_page);
        row("SlotPage", SlotPage::LENGTH, 1_024);
        row("OutgoingPage", OutgoingPage::LENGTH, 64);
        row("Peer", Peer::LENGTH, 1);
        row("Route", Route::LENGTH, 1);
        row("Position", Position::LENGTH, 1);
        row("Claimable", Claimable::LENGTH, 1);
        row("BadDebt", BadDebt::LENGTH, 1);
        row("Mirror", Mirror::LENGTH, 1);
        row("MirrorHome", MirrorHome::LENGTH, 1);
        row("Change", Change::LENGTH, 1);
    }
}

/// Without what is only needed where something cannot be delivered.
fn lean(order: Signed) -> Signed {
    [Role::SyntheticVault, Role::Claimable, Role::CollateralClaimable, Role::TreasuryClaimable]
        .into_iter()
        .fold(order, Signed::without)
}
