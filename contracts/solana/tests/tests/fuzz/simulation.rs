//! What users, keepers, submitters and attesters do.

use std::collections::BTreeMap;

use solana_address::Address;
use tim3_domain::{
    identity::{GatewayId, OperationId},
    protocol::{Action, MirrorRecord, Operation, Order, OrderContent, PositionState},
};
use tim3_solana_interface::{
    instruction::{BurnArgs, CoverArgs, LiquidateArgs, LockArgs, RedeemArgs, RepayArgs, Role, WithdrawArgs},
    protocol::slot,
};
use tim3_solana_tests::{
    Signed, Site, World, ledger,
    orders::with_high_s,
    site::{ETHER, RESERVE, TIM3, UNIT, USDA, VAULT, WETH},
    token,
    world::{address, holder},
};

use crate::random::Random;

pub(crate) struct Simulation {
    pub(crate) world: World,
    pub(crate) sites: [Site; 2],
    pub(crate) random: Random,
    pub(crate) made: Vec<Operation>,
    pub(crate) conflicts: BTreeMap<OperationId, OperationId>,
    pub(crate) done: BTreeMap<&'static str, u32>,
}

const USERS: [&str; 3] = ["alice", "bob", "carol"];

impl Simulation {
    pub(crate) fn new(seed: u64) -> Self {
        let (world, home, away) = World::with_gateways();
        let mut simulation = Self {
            world,
            sites: [home, away],
            random: Random(seed),
            made: vec![],
            conflicts: BTreeMap::new(),
            done: BTreeMap::new(),
        };
        for user in USERS {
            for site in simulation.sites.clone() {
                let user = address(user);
                let wire = site.lock(
                    &simulation.world,
                    user,
                    site.lock_args(user, RESERVE, 10_000 * UNIT, 10_000 * UNIT, site.id),
                );
                simulation.world.ok(&wire);
            }
        }
        simulation
    }

    pub(crate) fn site(&self, id: GatewayId) -> Site {
        self.sites.iter().find(|site| site.id == id).unwrap().clone()
    }

    fn user(&mut self) -> Address {
        let name: &str = self.random.pick::<&str>(&USERS);
        address(name)
    }

    fn count(&mut self, name: &'static str) {
        *self.done.entry(name).or_default() += 1;
    }

    /// Sends what may be refused, and remembers the operation that it started.
    fn send(&mut self, name: &'static str, site: &Site, wire: &solana_instruction::Instruction) -> bool {
        let done = match self.world.send(wire) {
            Ok(_) => true,
            Err(failure) => {
                // The gateway says no, or the token program does; the program never crashes or runs out of compute.
                let error = format!("{:?}", failure.error);
                assert!(error.contains("Custom"), "{name}: {error}\n{}", failure.logs.join("\n"));
                false
            }
        };
        if done {
            self.count(name);
            if let Some(operation) = ledger::last(&self.world, site).started() {
                self.made.push(operation.clone());
            }
        }
        done
    }

    pub(crate) fn step(&mut self) {
        let index = usize::try_from(self.random.below(2)).unwrap();
        let (site, other) = (self.sites[index].clone(), self.sites[1 - index].clone());
        match self.random.below(24) {
            0..=3 => self.lock(&site, &other),
            4..=6 => self.burn(&site, &other),
            7 => self.repay(&site),
            8 => self.withdraw(&site),
            9 => self.redeem(&site),
            10 => self.liquidate(&site),
            11 => self.cover(&site),
            12 => self.controller(&site, &other),
            13 => self.claim(),
            14..=16 => self.deliver(),
            17 => self.void(),
            18 => self.refund(),
            19 => self.mirror(&site, &other),
            20..=22 => self.weather(&site),
            _ if self.random.one_in(4) => self.conflict(&site, &other),
            _ => self.housekeeping(&site),
        }
    }

    fn lock(&mut self, site: &Site, other: &Site) {
        let (user, recipient) = (self.user(), self.user());
        let market = if self.random.one_in(2) { RESERVE } else { VAULT };
        let debt = self.random.amount(5_000 * UNIT);
        let collateral = match market {
            RESERVE => {
                u64::try_from(debt.saturating_mul(100)).unwrap_or(u64::MAX).saturating_add(self.random.below(10) / 9)
            }
            _ => self.random.below(8_000_000_000),
        };
        let remote = self.random.one_in(2);
        let destination = if remote { other.id } else { site.id };
        let debt = if market == VAULT && self.random.one_in(3) { 0 } else { debt };
        let args = LockArgs {
            market,
            collateral,
            debt,
            destination: destination.0.0,
            recipient: recipient.to_bytes(),
            refund_to: user.to_bytes(),
            max_fee: u128::MAX,
        };
        let wire = site.lock(&self.world, user, args);
        self.send("lock", site, &wire);
    }

    fn burn(&mut self, site: &Site, other: &Site) {
        let (user, recipient) = (self.user(), self.user());
        let held = u128::from(self.world.balance(&site.wallet(&user, TIM3)));
        let amount = self.random.amount(held.min(5_000 * UNIT));
        let args = match self.random.below(3) {
            0 => site.transfer_args(user, amount, other.id),
            1 => site.redeem_args(user, amount, other, RESERVE, 0),
            _ => {
                let wanted = self.random.amount(5 * ETHER);
                let owner = self.user();
                BurnArgs { owner: owner.to_bytes(), ..site.redeem_args(user, amount, other, VAULT, wanted) }
            }
        };
        let wire = site.burn(&self.world, user, BurnArgs { recipient: recipient.to_bytes(), ..args });
        self.send("burn", site, &wire);
    }

    /// A market and an owner in it.
    fn place(&mut self, site: &Site) -> (u8, [u8; 32]) {
        if self.random.one_in(3) { (RESERVE, site.markets[0].0.0) } else { (VAULT, self.user().to_bytes()) }
    }

    fn repay(&mut self, site: &Site) {
        let (user, (market, owner)) = (self.user(), self.place(site));
        let amount = self.random.amount(2_000 * UNIT);
        let wire = site.repay(&self.world, user, RepayArgs { market, owner, amount });
        self.send("repay", site, &wire);
    }

    fn withdraw(&mut self, site: &Site) {
        let (user, to) = (self.user(), self.user());
        let collateral = self.random.amount(site.position(&self.world, &user).collateral);
        let wire = site.withdraw(&self.world, user, WithdrawArgs { market: VAULT, collateral, to: to.to_bytes() });
        self.send("withdraw", site, &wire);
    }

    fn redeem(&mut self, site: &Site) {
        let (user, recipient, (market, owner)) = (self.user(), self.user(), self.place(site));
        let (amount, wanted) = (self.random.amount(2_000 * UNIT), self.random.amount(3 * ETHER));
        let args = RedeemArgs { market, owner, amount, wanted, recipient: recipient.to_bytes() };
        let wire = site.redeem(&self.world, user, args);
        self.send("redeem", site, &wire);
    }

    fn liquidate(&mut self, site: &Site) {
        let (user, owner) = (self.user(), self.user());
        let dollars = i64::try_from(200 + self.random.below(2_000)).unwrap();
        site.set_price(&mut self.world, dollars * 100_000_000, 0);
        let args = LiquidateArgs { market: VAULT, owner: owner.to_bytes(), max_repay: u128::MAX, min_seized: 0 };
        let wire = site.liquidate(&self.world, user, args);
        self.send("liquidate", site, &wire);
        site.set_price(&mut self.world, 2_000 * 100_000_000, 0);
    }

    fn cover(&mut self, site: &Site) {
        let user = self.user();
        let market = site.markets[usize::try_from(self.random.below(2)).unwrap()].0.0;
        let amount = self.random.amount(500 * UNIT);
        let wire = site.cover(&self.world, user, CoverArgs { market, amount });
        self.send("cover", site, &wire);
    }

    fn controller(&mut self, site: &Site, other: &Site) {
        let (user, account) = (self.user(), self.user());
        let wire = site.set_controller(&self.world, user, other.id, holder(&account));
        self.send("controller", site, &wire);
    }

    /// Whoever has something to claim tries, and somebody who has not.
    fn claim(&mut self) {
        let stranger = self.random.one_in(4);
        let mut all = vec![];
        for site in self.sites.clone() {
            for name in ["alice", "bob", "carol", "treasury"] {
                for asset in [TIM3, USDA, WETH] {
                    if stranger || site.claimable(&self.world, &address(name), asset) > 0 {
                        all.push((site.clone(), name, asset));
                    }
                }
            }
        }
        if all.is_empty() {
            return;
        }
        let (site, name, asset) = self.random.pick(&all).clone();
        let wire = site.claim(&self.world, address(name), asset);
        self.send("claim", &site, &wire);
    }

    /// Any operations, whatever became of them, at any gateway; now and then spoiled.
    fn deliver(&mut self) {
        if self.made.is_empty() {
            return;
        }
        let recent = self.made.len().saturating_sub(30);
        let first = self.random.pick(&self.made[recent..]).clone();
        let index = if self.random.one_in(8) { first.origin } else { first.destination };
        let site = &self.site(index);
        let mut orders: Vec<Signed> = vec![];
        for place in 0..=self.random.below(3) {
            let operation = if place == 0 { first.clone() } else { self.random.pick(&self.made).clone() };
            let mut order = self.world.settlement(site, &operation);
            match self.random.below(12) {
                0 => order.signatures[0] = with_high_s(order.signatures[0]),
                1 => order.signatures.reverse(),
                2 => order.signatures.truncate(1),
                3 => order = order.with(Role::Token, self.sites[0].wallet(&address("carol"), TIM3)),
                4 => order = order.without(Role::Page),
                _ => {}
            }
            orders.push(order);
        }
        self.execute("deliver", site, &orders);
    }

    /// An execution of orders succeeds, whatever they are; what aborts a batch must be one of its orders alone.
    fn execute(&mut self, name: &'static str, site: &Site, orders: &[Signed]) {
        let before = site.head(&self.world).count;
        let wire = site.execute(&self.world, orders);
        if let Err(failure) = self.world.send(&wire) {
            assert!(orders.len() > 1 || failure.gateway.is_some(), "{:?}\n{}", failure.error, failure.logs.join("\n"));
            if orders.len() > 1 {
                orders.iter().for_each(|order| self.execute(name, site, std::slice::from_ref(order)));
            } else {
                self.count("aborted");
            }
            return;
        }
        if site.head(&self.world).count > before {
            self.count(name);
        }
    }

    fn void(&mut self) {
        if self.made.is_empty() {
            return;
        }
        let operation = self.random.pick(&self.made).clone();
        let site = self.site(operation.destination);
        let order = self.world.order(&site, Action::Void, &operation);
        self.execute("void", &site, &[order]);
    }

    /// Only what is void: the rule of the attesters that no gateway can check.
    fn refund(&mut self) {
        let voided: Vec<Operation> = self
            .made
            .iter()
            .filter(|operation| {
                let site = self.site(operation.destination);
                site.slot(&self.world, operation.origin, operation.nonce) == slot::VOID
            })
            .cloned()
            .collect();
        if voided.is_empty() {
            return;
        }
        let operation = self.random.pick(&voided).clone();
        let site = self.site(operation.origin);
        let order = self.world.order(&site, Action::Refund, &operation);
        self.execute("refund", &site, &[order]);
    }

    /// Finality broke: an operation that is gone was executed, and another one has its nonce.
    fn conflict(&mut self, site: &Site, other: &Site) {
        let before = self.made.len();
        let user = self.user();
        let wire = site.lock(&self.world, user, site.lock_args(user, RESERVE, 50 * UNIT, 50 * UNIT, other.id));
        if !self.send("lock", site, &wire) {
            return;
        }
        let operation = self.made[before].clone();
        let orphan = Operation { refund_to: holder(&address("treasury")), ..operation };
        let settled = self.world.settlement(other, &orphan);
        self.execute("orphan", other, &[settled]);
        if other.slot(&self.world, site.id, operation.nonce) != slot::DONE {
            let void = self.world.order(other, Action::Void, &operation);
            self.execute("void", other, &[void]);
            return;
        }
        self.conflicts.insert(operation.id(), orphan.id());
        let content = OrderContent::Conflict {
            operation,
            orphan: orphan.id(),
            market: site.markets[0],
            orphan_amount: orphan.amount,
        };
        let order = Order { action: Action::Conflict, gateway: site.id, epoch: site.epoch(&self.world), content };
        let order = self.world.sign(site, order);
        self.execute("conflict", site, &[order]);
    }

    fn mirror(&mut self, site: &Site, other: &Site) {
        let owner = self.user();
        let position = other.position(&self.world, &owner);
        let record = MirrorRecord {
            home: other.id,
            position: PositionState {
                market: other.markets[1],
                owner: holder(&owner),
                collateral: position.collateral,
                debt: position.debt,
            },
            version: other.head(&self.world).count,
        };
        let order = self.world.mirror(site, record);
        let before = self.world.account(&site.find(&tim3_solana_interface::seeds::mirror(
            &site.gateway.to_bytes(),
            &other.markets[1].0.0,
            &owner.to_bytes(),
        )));
        self.execute("mirror", site, &[order]);
        let _ = before;
    }

    /// Time, prices, frozen accounts, pause levels.
    fn weather(&mut self, site: &Site) {
        match self.random.below(4) {
            0 => {
                let seconds = self.random.below(2 * 86_400);
                self.world.pass(seconds);
                for site in self.sites.clone() {
                    site.set_price(&mut self.world, 2_000 * 100_000_000, 0);
                }
            }
            1 => {
                // Mostly open, or nothing would happen.
                let level = u8::try_from(self.random.below(4)).unwrap();
                let level = if self.random.one_in(4) { level } else { 0 };
                let wire = site.set_pause(&self.world, address("admin"), level);
                self.send("pause", site, &wire);
            }
            _ => {
                let name = *self.random.pick(&["alice", "bob", "carol", "treasury"]);
                let account = site.wallet(&address(name), *self.random.pick(&[TIM3, USDA, WETH]));
                if self.world.account(&account).is_some() {
                    let state = if self.random.one_in(3) { token::FROZEN } else { 1 };
                    self.world.set_state(&account, state);
                }
            }
        }
    }

    fn housekeeping(&mut self, site: &Site) {
        let owner = self.user();
        if self.random.one_in(2) {
            let wire = site.open_page(&self.world);
            self.send("open page", site, &wire);
        } else {
            let wire = site.close_position(&self.world, owner);
            self.send("close position", site, &wire);
        }
    }
}
