//! Two gateways under random calls, with orders delivered in any order, late, twice or never: nothing is lost, made or done twice.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test: an overflow here is a failure"
)]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use tim3_chain::{Direction, RouteState, Slot, UserAction, conformance::Keys};
use tim3_domain::{
    identity::{Account, AssetId, GatewayId, MarketId, MarketKind, OperationId},
    price::Price,
    protocol::{
        Action, Event, EventBody, Head, MirrorRecord, Operation, OperationKind, Order, OrderContent, RouteFee,
        SignedOrder,
    },
    word::keccak_text,
};
use tim3_simchain::{
    Assets,
    gateway::{Admin, Call, Gateway, KeeperAction, Outside, Terms},
};

const WHOLE: u128 = 1_000_000;
const ETHER: u128 = 1_000_000_000_000_000_000;

fn account(index: usize) -> Account {
    Account(keccak_text(["alice", "bob", "carol"][index % 3]))
}

fn admin() -> Account {
    Account(keccak_text("admin"))
}

/// One random step. Indexes are taken modulo what there is.
#[derive(Clone, Debug)]
enum Step {
    User {
        gateway: usize,
        user: usize,
        what: UserStep,
        amount: u128,
    },
    /// An order for a known operation, honest as attesters are.
    Deliver {
        operation: usize,
        action: Action,
    },
    Mirror {
        event: usize,
    },
    Price {
        gateway: usize,
        dollars: u128,
    },
    Pause {
        gateway: usize,
        level: u8,
    },
    Refuse {
        gateway: usize,
        user: usize,
        usda: bool,
        refuse: bool,
    },
    Time {
        seconds: u64,
    },
}

#[derive(Clone, Copy, Debug)]
enum UserStep {
    LockReserve,
    LockReserveAtHome,
    LockVault,
    LockVaultAtHome,
    Transfer,
    RedeemReserve,
    RedeemVault,
    RedeemAtHome,
    Repay,
    Withdraw,
    Claim(bool),
    Liquidate,
    Cover,
    SetController,
}

fn user_step() -> impl Strategy<Value = UserStep> {
    use UserStep as U;
    prop_oneof![
        4 => Just(U::LockReserve),
        2 => Just(U::LockReserveAtHome),
        4 => Just(U::LockVault),
        2 => Just(U::LockVaultAtHome),
        3 => Just(U::Transfer),
        3 => Just(U::RedeemReserve),
        3 => Just(U::RedeemVault),
        2 => Just(U::RedeemAtHome),
        1 => Just(U::Repay),
        1 => Just(U::Withdraw),
        4 => any::<bool>().prop_map(U::Claim),
        5 => Just(U::Liquidate),
        1 => Just(U::Cover),
        1 => Just(U::SetController),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let delivered = prop_oneof![
        4 => Just(Action::Mint), 3 => Just(Action::Release), 2 => Just(Action::Void), 3 => Just(Action::Refund)
    ];
    prop_oneof![
        16 => (0..2_usize, 0..3_usize, user_step(), 1..1_500_u128)
            .prop_map(|(gateway, user, what, amount)| Step::User { gateway, user, what, amount }),
        10 => (any::<usize>(), delivered).prop_map(|(operation, action)| Step::Deliver { operation, action }),
        1 => any::<usize>().prop_map(|event| Step::Mirror { event }),
        3 => (0..2_usize, 500..3_000_u128).prop_map(|(gateway, dollars)| Step::Price { gateway, dollars }),
        1 => (0..2_usize, prop_oneof![5 => Just(0), 1 => 1..4_u8]).prop_map(|(gateway, level)| Step::Pause { gateway, level }),
        1 => (0..2_usize, 0..3_usize, any::<bool>(), any::<bool>())
            .prop_map(|(gateway, user, usda, refuse)| Step::Refuse { gateway, user, usda, refuse }),
        2 => (1..900_u64).prop_map(|seconds| Step::Time { seconds }),
    ]
}

struct World {
    gateways: [Gateway; 2],
    events: [Vec<Event>; 2],
    operations: Vec<Operation>,
    keys: Keys,
    assets: Assets,
    now: u64,
}

impl World {
    fn new(native_decimals: u8, fee: RouteFee) -> Self {
        let ids = ["one", "two"].map(|name| GatewayId(keccak_text(name)));
        let keys = Keys::from_seed("conservation", 2, 1);
        let assets = Assets::new().unwrap();
        let gateways = ids.map(|id| Gateway::new(id, Account(id.0), admin(), admin()));
        let mut world =
            Self { gateways, events: [Vec::new(), Vec::new()], operations: Vec::new(), keys, assets, now: 1_000_000 };
        for (index, peer) in [(0, ids[1]), (1, ids[0])] {
            for call in world.set_up(peer, native_decimals, fee) {
                world.call(index, admin(), &call).expect("the set-up is accepted");
            }
        }
        world
    }

    fn set_up(&self, peer: GatewayId, native_decimals: u8, fee: RouteFee) -> Vec<Call> {
        let Assets { tim3, usda, weth } = self.assets;
        let (limit, period) = (5_000 * WHOLE, 2_000);
        let mut terms = Terms::vault(u128::MAX);
        terms.market.dust = 50 * WHOLE;
        let window = |direction| Admin::SetWindow { asset: tim3, direction, limit, period };
        let route = RouteState { enabled: true, min: 10, max: limit, fee };
        let mut calls: Vec<Call> = [
            Admin::SetAttesters { threshold: self.keys.threshold(), signers: self.keys.addresses() },
            Admin::SetTreasury { treasury: Account(keccak_text("treasury")) },
            Admin::AddSynthetic { symbol: "TIM3".to_owned(), target: Price::ONE.raw() },
            Admin::AddCollateral { symbol: "USDA".to_owned(), decimals: 6, native_decimals },
            Admin::AddCollateral { symbol: "WETH".to_owned(), decimals: 18, native_decimals: 18 },
            Admin::SetMarket {
                synthetic: tim3,
                collateral: usda,
                kind: MarketKind::Reserve,
                terms: Terms::reserve(u128::MAX),
            },
            Admin::SetMarket { synthetic: tim3, collateral: weth, kind: MarketKind::Vault, terms },
            window(Direction::Mint),
            window(Direction::Release),
            Admin::SetRoute { asset: tim3, peer, route },
        ]
        .map(Call::Admin)
        .into();
        calls.push(Call::Outside(Outside::SetPrice { asset: weth, lower: 2_000 * ETHER, higher: 2_000 * ETHER }));
        let rich = 1_000_000 * WHOLE;
        for (user, asset, amount) in
            [(0, usda, rich), (1, usda, rich), (0, weth, rich * WHOLE * WHOLE), (2, weth, rich * WHOLE * WHOLE)]
        {
            calls.push(Call::Outside(Outside::Fund { asset, account: account(user), amount }));
        }
        calls
    }

    /// Makes a call and keeps its events. A refused call changes nothing.
    fn call(&mut self, index: usize, caller: Account, call: &Call) -> Result<(), String> {
        let before = self.gateways[index].head();
        match self.gateways[index].apply(call, caller, self.now) {
            Ok(receipt) => {
                self.operations.extend(receipt.events.iter().filter_map(|event| event.body.started()).cloned());
                self.events[index].extend(receipt.events);
                Ok(())
            }
            Err(reason) => {
                assert_eq!(self.gateways[index].head(), before);
                Err(reason.to_string())
            }
        }
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::User { gateway, user, what, amount } => {
                let call = self.user_call(gateway, user, what, amount);
                // Many are refused: too little balance, no price, a pause.
                let _ = self.call(gateway, account(user), &call);
            }
            Step::Deliver { operation, action } => self.deliver(operation, action),
            Step::Mirror { event } => self.mirror(event),
            Step::Price { gateway, dollars } => {
                let (asset, price) = (self.assets.weth, dollars * ETHER);
                let call = Call::Outside(Outside::SetPrice { asset, lower: price, higher: price + ETHER });
                self.call(gateway, admin(), &call).unwrap();
            }
            Step::Pause { gateway, level } => {
                let call = Call::Admin(Admin::SetPause { asset: self.assets.tim3, level });
                self.call(gateway, admin(), &call).unwrap();
            }
            Step::Refuse { gateway, user, usda, refuse } => {
                let asset = if usda { self.assets.usda } else { self.assets.tim3 };
                let call = Call::Outside(Outside::Refuse { asset, account: account(user), refuse });
                self.call(gateway, admin(), &call).unwrap();
            }
            Step::Time { seconds } => self.now += seconds,
        }
    }

    fn user_call(&self, index: usize, user: usize, what: UserStep, amount: u128) -> Call {
        let (here, there) = (self.gateways[index].id(), self.gateways[1 - index].id());
        let Assets { tim3, usda, .. } = self.assets;
        let (me, debt) = (account(user), amount * WHOLE);
        let lock = |market, collateral, destination| {
            let recipient = account(user + 1);
            let (refund_to, max_fee) = (me, debt);
            Call::User(UserAction::Lock { market, collateral, debt, destination, recipient, refund_to, max_fee })
        };
        let redeem = |market, owner, home| {
            let (wanted, recipient, refund_to, max_fee) = (amount * ETHER / 5_000, account(user + 1), me, debt);
            let (asset, amount) = (tim3, debt);
            let action =
                UserAction::Redeem { asset, amount, home, market, owner, recipient, wanted, refund_to, max_fee };
            Call::User(action)
        };
        let (reserve, vault) = (self.assets.reserve(here), self.assets.vault(here));
        let keeper = |action| Call::Keeper(action);
        let owner = account(user + 1);
        match what {
            UserStep::LockReserve => lock(reserve, debt, there),
            UserStep::LockReserveAtHome => lock(reserve, debt + amount, here),
            UserStep::LockVault => lock(vault, amount * ETHER / 1_000, there),
            UserStep::LockVaultAtHome => lock(vault, amount * ETHER / 1_200, here),
            UserStep::Transfer => Call::User(UserAction::Transfer {
                asset: tim3,
                amount: debt / 3,
                destination: there,
                recipient: account(user + 2),
                refund_to: me,
                max_fee: debt,
            }),
            UserStep::RedeemReserve => {
                let market = self.assets.reserve(there);
                redeem(market, market.reserve_owner(), there)
            }
            UserStep::RedeemVault => redeem(self.assets.vault(there), owner, there),
            UserStep::RedeemAtHome => redeem(reserve, reserve.reserve_owner(), here),
            UserStep::Repay => Call::User(UserAction::Repay { market: vault, owner, amount: debt }),
            UserStep::Withdraw => {
                Call::User(UserAction::Withdraw { market: vault, collateral: amount * ETHER / 10_000, to: me })
            }
            UserStep::Claim(collateral) => {
                Call::User(UserAction::Claim { asset: if collateral { usda } else { tim3 }, to: owner })
            }
            UserStep::Liquidate => {
                keeper(KeeperAction::Liquidate { market: vault, owner, max_repay: debt, min_seized: 0 })
            }
            UserStep::Cover => keeper(KeeperAction::Cover { market: vault, amount: debt }),
            UserStep::SetController => {
                keeper(KeeperAction::SetController { market: vault, gateway: there, account: owner })
            }
        }
    }

    fn index_of(&self, gateway: GatewayId) -> usize {
        usize::from(self.gateways[1].id() == gateway)
    }

    /// Attesters sign a Refund only once the slot is void; everything else the gateways themselves must get right.
    fn deliver(&mut self, operation: usize, action: Action) {
        let Some(operation) = self.operations.get(operation % self.operations.len().max(1)).cloned() else { return };
        let destination = self.index_of(operation.destination);
        let slot = self.gateways[destination].slot(operation.origin, operation.nonce);
        let executing = match action {
            Action::Refund if slot != Slot::Void => return,
            Action::Refund => operation.origin,
            _ => operation.destination,
        };
        self.execute(executing, action, OrderContent::Operation(operation));
    }

    fn mirror(&mut self, event: usize) {
        let positions: Vec<MirrorRecord> = [0, 1]
            .into_iter()
            .flat_map(|index| self.events[index].iter().map(move |event| (index, event)))
            .filter_map(|(index, event)| {
                let position = *event.body.position()?;
                Some(MirrorRecord { home: self.gateways[index].id(), position, version: event.sequence })
            })
            .collect();
        if let Some(record) = positions.get(event % positions.len().max(1)) {
            let other = self.gateways[1 - self.index_of(record.home)].id();
            self.execute(other, Action::Mirror, OrderContent::Mirror(*record));
        }
    }

    fn execute(&mut self, gateway: GatewayId, action: Action, content: OrderContent) {
        let signed: SignedOrder = self.keys.sign(Order { action, gateway, epoch: 1, content });
        // Twice in one batch: the second must not do anything.
        let call = Call::Execute(vec![signed.clone(), signed]);
        self.call(self.index_of(gateway), account(2), &call).unwrap();
    }

    // ------------------------------------------------------------------------------------------------------ what must hold

    fn check(&self) {
        let tim3 = self.assets.tim3;
        let ids = [self.gateways[0].id(), self.gateways[1].id()];
        let (mut owed, mut issued) = (0, 0);
        for index in [0, 1] {
            let gateway = &self.gateways[index];
            let books = gateway.books(tim3, &[ids[1 - index]]);
            let peer = books.peers[0];
            let left = books.debt + books.bad_debt + books.burned + peer.refunded + peer.settled;
            assert_eq!(left, books.minted + peer.sent, "the law at gateway {index}: {books:?}");
            assert_eq!(gateway.supply(tim3), books.minted - books.burned, "tokens and counter");
            assert!(gateway.balance(tim3, gateway.account()) >= books.claimable, "custody of the synthetic");
            for collateral in [self.assets.usda, self.assets.weth] {
                self.check_collateral(gateway, collateral);
            }
            owed += books.debt + books.bad_debt + peer.refunded + peer.settled;
            issued += books.minted - books.burned + peer.sent;
        }
        assert_eq!(owed, issued, "the law over all gateways");
    }

    fn check_collateral(&self, gateway: &Gateway, collateral: AssetId) {
        let markets = [self.assets.reserve(gateway.id()), self.assets.vault(gateway.id())];
        let market = |id: MarketId| gateway.market(id).unwrap();
        let of = markets.map(market).into_iter().filter(|market| market.collateral == collateral);
        let recorded: u128 = of.map(|market| market.recorded).sum();
        let claimable = gateway.books(collateral, &[]).claimable;
        assert_eq!(gateway.balance(collateral, gateway.account()), recorded + claimable, "the collateral held");
    }

    /// What only the whole history shows.
    fn check_history(&self) {
        let mut outcomes: BTreeMap<OperationId, Vec<&'static str>> = BTreeMap::new();
        let known: BTreeSet<OperationId> = self.operations.iter().map(Operation::id).collect();
        for index in [0, 1] {
            let gateway = &self.gateways[index];
            let mut head = Head::genesis(gateway.id());
            let mut newest = BTreeMap::new();
            for event in &self.events[index] {
                head = head.after(event).expect("events are dense");
                if let Some(outcome) = event.body.outcome() {
                    assert!(known.contains(&outcome.operation), "an outcome of nothing: {event:?}");
                    assert_eq!(gross(&event.body), outcome.gross);
                    outcomes.entry(outcome.operation).or_default().push(event.body.name());
                }
                if let Some(position) = event.body.position() {
                    newest.insert((position.market, position.owner), (*position, event.sequence));
                }
            }
            assert_eq!(gateway.head(), head, "the running hash is that of the events");
            assert!(gateway.checkpoint(head.count).is_some_and(|hash| hash == head.hash));
            for ((market, owner), (state, version)) in newest {
                let found = gateway.position(market, owner);
                assert_eq!((found.collateral, found.debt, found.version), (state.collateral, state.debt, version));
                let mirror = self.gateways[1 - index].mirror(market, owner);
                assert!(mirror.is_none_or(|mirror| mirror.version <= version), "a mirror of the future");
            }
        }
        for (operation, outcomes) in outcomes {
            let fits = matches!(
                outcomes.iter().copied().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().as_slice(),
                ["Minted"] | ["Released"] | ["Voided"] | ["Refunded", "Voided"]
            );
            let distinct = outcomes.iter().collect::<BTreeSet<_>>().len() == outcomes.len();
            assert!(fits && distinct, "operation {operation} ended as {outcomes:?}");
        }
    }
}

/// What the outcome says the gross amount went to.
fn gross(body: &EventBody) -> u128 {
    let outcome = body.outcome().unwrap();
    match body {
        EventBody::Voided { .. } => outcome.gross,
        EventBody::Refunded { .. } => outcome.paid + outcome.surplus,
        _ => outcome.fee + outcome.paid + outcome.surplus,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_made_or_done_twice(
        native_decimals in prop_oneof![Just(4_u8), Just(6), Just(18)],
        fee in (0..3_u128, 0..100_u16).prop_map(|(flat, bps)| RouteFee { flat, bps }),
        steps in prop::collection::vec(step(), 1..160),
    ) {
        let mut world = World::new(native_decimals, fee);
        for step in &steps {
            world.step(step);
            world.check();
        }
        world.check_history();
    }
}

/// The random calls reach what they are meant to reach; otherwise the property above would say little.
#[test]
fn random_calls_reach_every_outcome() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};

    let mut runner = TestRunner::deterministic();
    let mut seen: BTreeMap<&'static str, usize> = BTreeMap::new();
    let mut kinds = BTreeSet::new();
    for _ in 0..64 {
        let steps = prop::collection::vec(step(), 150..200).new_tree(&mut runner).unwrap().current();
        let mut world = World::new(6, RouteFee { flat: 1, bps: 10 });
        steps.iter().for_each(|step| world.step(step));
        kinds.extend(world.operations.iter().map(|operation| operation.kind));
        for event in world.events.iter().flatten() {
            *seen.entry(event.body.name()).or_default() += 1;
        }
    }
    assert_eq!(kinds.len(), [OperationKind::Mint, OperationKind::Redeem, OperationKind::Transfer].len());
    for name in [
        "Locked",
        "Burned",
        "Minted",
        "Released",
        "Voided",
        "Refunded",
        "Liquidated",
        "Repaid",
        "Withdrawn",
        "Claimable",
        "Claimed",
        "ControllerSet",
        "PauseSet",
    ] {
        assert!(seen.contains_key(name), "no {name} among {seen:?}");
    }
}
