//! Units that lose, repeat, lag and refuse: nothing is done twice, and nothing is believed that not enough of them say.

#![expect(clippy::expect_used, reason = "these are tests")]

mod support;

use serde_json::json;
use support::{WHOLE, World, tim3, wallet};
use tim3_arweave::{Ao, AoConfig, AoError, Keys as Wallets, User, deploy::check::Expected};
use tim3_chain::{
    Actor as _, Chain as _, ErrorClass, EventChain, Reader as _, State as _, Submitter as _, Token as _,
    TransactionState, UserAction,
};
use tim3_domain::{
    identity::{Account, MarketId},
    protocol::{Action, EventBody, Operation, OperationKind, Order, OrderContent, SignedOrder},
};

struct Scene {
    world: World,
    chain: Ao,
    user: User,
}

impl Scene {
    /// A lock that mints here.
    fn lock(&self) -> UserAction {
        UserAction::Lock {
            market: self.world.market(),
            collateral: WHOLE,
            debt: WHOLE,
            destination: self.chain.gateway(),
            recipient: self.user.account(),
            refund_to: self.user.account(),
            max_fee: 0,
        }
    }

    async fn balance(&self) -> u128 {
        self.chain.balance(tim3(), self.user.account()).await.expect("a balance")
    }

    async fn mint(&self, nonce: u64) -> SignedOrder {
        let operation = Operation {
            kind: OperationKind::Transfer,
            origin: self.world.peer,
            destination: self.chain.gateway(),
            nonce,
            asset: tim3(),
            market: MarketId::ZERO,
            owner: Account::ZERO,
            actor: Account::from_evm([7; 20]),
            refund_to: Account::from_evm([7; 20]),
            recipient: self.user.account(),
            amount: WHOLE,
            fee: 0,
            wanted: 0,
            timestamp: 1,
        };
        let epoch = self.chain.attesters().await.expect("attesters").epoch;
        let content = OrderContent::Operation(operation);
        self.world.keys.sign(Order { action: Action::Mint, gateway: self.chain.gateway(), epoch, content })
    }

    async fn fault(&self, fault: serde_json::Value) {
        self.world.network.fault(&fault).await.expect("a fault");
    }
}

async fn start() -> Scene {
    let world = World::start(2).await;
    world.give_collateral("user", 1_000 * WHOLE).await;
    let chain = world.connect().await;
    let user = chain.user(wallet("user"));
    Scene { world, chain, user }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_done_twice_and_nothing_believed_that_a_quorum_does_not_say() {
    let scene = start().await;
    the_gateway_is_found_as_it_was_planned(&scene).await;
    another_chain_or_finality_without_a_cap_is_refused(&scene).await;
    the_word_of_the_scheduler_is_final_up_to_its_cap(&scene).await;
    a_reply_that_is_lost_does_not_repeat_a_message(&scene).await;
    a_notice_that_is_pushed_twice_counts_once(&scene).await;
    a_transaction_is_posted_until_it_is_scheduled_and_executed_once(&scene).await;
    a_unit_that_lags_is_passed_over_and_is_no_quorum(&scene).await;
}

async fn the_gateway_is_found_as_it_was_planned(scene: &Scene) {
    let World { plan, routes, deployer, .. } = &scene.world;
    let ground = Some(scene.world.ground());
    let (plan, routes) = (Some(plan.clone()), routes.clone());
    let expected = Expected { plan, routes, admin: Some(deployer.address()), ground };
    let report = scene.chain.check(&expected).await.expect("a report");
    assert!(report.is_right(), "{report}");
    let other = Expected { admin: Some(wallet("user").address()), ..expected };
    let report = scene.chain.check(&other).await.expect("a report");
    let wrong: Vec<_> =
        report.findings.iter().filter(|finding| !finding.is_right()).map(|finding| &finding.what).collect();
    assert_eq!(wrong, ["admin"]);
}

async fn another_chain_or_finality_without_a_cap_is_refused(scene: &Scene) {
    let config = scene.world.config();
    let refused = |config| async { Ao::connect(config, Wallets::default(), None).await.expect_err("refused") };
    let elsewhere = AoConfig { chain: "ao:other".parse().expect("a name"), ..config.clone() };
    assert!(matches!(refused(elsewhere).await, AoError::WrongChain { .. }));
    let token = AoConfig { process: scene.world.usda(), ..config.clone() };
    let error = refused(token).await;
    assert!(error.to_string().contains("does not answer a view"), "{error}");
    let hasty = AoConfig { confirmations: 0, ..config.clone() };
    assert!(matches!(refused(hasty).await, AoError::Uncapped { .. }));
    let voters = vec![wallet("user")];
    let stranger = Ao::connect(config, Wallets { submitter: None, voters }, None).await.expect_err("refused");
    assert!(matches!(stranger, AoError::Voter { .. }));
}

async fn the_word_of_the_scheduler_is_final_up_to_its_cap(scene: &Scene) {
    let config = AoConfig { confirmations: 0, tiers: vec![(WHOLE, 1_000_000)], ..scene.world.config() };
    let hasty = Ao::connect(config, Wallets::default(), None).await.expect("connected");
    let tips = hasty.tips().await.expect("tips");
    assert_eq!(tips.finalized, tips.head);
    assert_eq!(*tips.final_for(WHOLE), hasty.birth().await.expect("the process"), "nothing is as deep");
    assert_eq!(*tips.final_for(1), tips.head);
}

async fn a_reply_that_is_lost_does_not_repeat_a_message(scene: &Scene) {
    let before = scene.balance().await;
    for (unit, kind, times) in [("mu", "lost-reply", 2), ("mu", "drop", 2), ("cu", "error", 1)] {
        scene.fault(json!({"unit": unit, "kind": kind, "times": times})).await;
    }
    scene.user.act(scene.lock()).await.expect("locked");
    scene.world.network.clear_faults().await.expect("cleared");
    scene.world.finalize().await;
    assert_eq!(scene.balance().await, before.saturating_add(WHOLE));
}

async fn a_notice_that_is_pushed_twice_counts_once(scene: &Scene) {
    let before = scene.balance().await;
    scene.fault(json!({"unit": "push", "kind": "duplicate", "times": 1, "match": {"Action": "Credit-Notice"}})).await;
    scene.user.act(scene.lock()).await.expect("locked");
    scene.world.finalize().await;
    assert_eq!(scene.balance().await, before.saturating_add(WHOLE));
}

async fn a_transaction_is_posted_until_it_is_scheduled_and_executed_once(scene: &Scene) {
    let order = scene.mint(0).await;
    let prepared = scene.chain.prepare(std::slice::from_ref(&order)).await.expect("prepared");
    let transaction = prepared.transaction.expect("a transaction");
    // Its votes arrive, and what executes them does not.
    scene.fault(json!({"unit": "mu", "kind": "error", "times": -1})).await;
    let error = scene.chain.broadcast(&transaction).await.expect_err("no messenger");
    assert_eq!(error.class(), ErrorClass::Transient);
    let found = scene.chain.states(std::slice::from_ref(&transaction)).await.expect("states");
    assert_eq!(found, [TransactionState::Unknown]);
    scene.world.network.clear_faults().await.expect("cleared");
    let before = scene.balance().await;
    for _ in 0..3 {
        scene.chain.broadcast(&transaction).await.expect("sent");
    }
    scene.world.finalize().await;
    assert_eq!(scene.balance().await, before.saturating_add(WHOLE));
    let found = scene.chain.states(std::slice::from_ref(&transaction)).await.expect("states");
    assert!(matches!(found.as_slice(), [TransactionState::Included(_)]), "{found:?}");
    let again = scene.chain.prepare(&[order]).await.expect("prepared");
    assert_eq!((again.transaction, again.left_out.len()), (None, 1), "it is done");
}

async fn a_unit_that_lags_is_passed_over_and_is_no_quorum(scene: &Scene) {
    scene.fault(json!({"unit": "cu", "kind": "stale", "index": 0, "times": -1})).await;
    // Not by a user, who asks any unit: by the attesters' orders.
    let prepared = scene.chain.prepare(&[scene.mint(1).await]).await.expect("prepared");
    scene.chain.broadcast(&prepared.transaction.expect("a transaction")).await.expect("sent");
    scene.world.finalize().await;
    let block = scene.chain.tips().await.expect("tips").finalized;
    let (fetched, last) = scene.chain.events(block.height..=block.height).await.expect("the other unit's events");
    assert_eq!(last, block.height);
    let minted = fetched.events.iter().filter(|located| matches!(located.event.body, EventBody::Minted { .. }));
    assert_eq!(minted.count(), 1);
    let error = scene.chain.quorum_head(&block).await.expect_err("one unit of two is no quorum");
    assert_eq!(error.class(), ErrorClass::Transient);
    scene.world.network.clear_faults().await.expect("cleared");
    let target = scene.chain.quorum_head(&block).await.expect("a quorum");
    let mut events = Vec::new();
    let mut from = 0;
    while from <= block.height {
        let (fetched, last) = scene.chain.events(from..=block.height).await.expect("events");
        events.extend(fetched.events);
        from = last.saturating_add(1);
    }
    let proved = EventChain::genesis(scene.chain.gateway()).extend(events, &target).expect("they lead there");
    assert!(!proved.is_empty());
}
