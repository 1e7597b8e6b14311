//! Following a real anvil, through endpoints of every kind.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    reason = "these are tests: one that overflows or finds nothing fails"
)]

mod support;

use std::time::Duration;

use serde_json::json;
use support::{CHAIN_ID, WHOLE, World, dead_url, endpoint, narrow, signer, tim3, usda};
use tim3_chain::{
    Actor, BlockRef, Chain, ChainError, EventChain, FinalEvent, Lock, Reader, Reading, State, Submitter, Token,
    UserAction,
};
use tim3_devnet::proxy::{Fault, Plan, Proxy};
use tim3_domain::protocol::EventBody;
use tim3_ethereum::{Address, Ethereum, EthereumConfig, EthereumError, Finality, deploy::check::Expected};

fn lock(world: &World, amount: u128) -> UserAction {
    let account = tim3_domain::identity::Account::from_evm(signer("user").address().into_array());
    UserAction::Lock {
        market: world.market(),
        collateral: amount,
        debt: amount,
        destination: world.peer,
        recipient: account,
        refund_to: account,
        max_fee: amount,
    }
}

/// Every event up to the newest final block, proved.
async fn proved(chain: &Ethereum) -> Vec<FinalEvent> {
    let mut history = EventChain::genesis(chain.gateway());
    let (mut next, tips) = (chain.birth().await.expect("birth").height, chain.tips().await.expect("tips"));
    let mut events = Vec::new();
    while next <= tips.finalized.height {
        let (fetched, last) = chain.events(next..=tips.finalized.height).await.expect("events");
        events.extend(fetched.events);
        next = last + 1;
    }
    let target = chain.quorum_head(&tips.finalized).await.expect("head");
    history.extend(events, &target).expect("proved")
}

#[tokio::test]
async fn a_lock_is_reported_by_an_event_that_a_quorum_proves() {
    let world = World::start().await;
    let chain = world.connect().await;
    world.give_collateral(&chain, "user", 1_000 * WHOLE).await;
    let user = chain.user(signer("user"));
    let transaction = user.act(lock(&world, 100 * WHOLE)).await.expect("locked");
    world.mine(2).await;
    let events = proved(&chain).await;
    let event = events.iter().find(|event| *event.transaction() == transaction).expect("the lock's event");
    let EventBody::Locked { operation: Some(operation), collateral, .. } = &event.event().body else {
        panic!("a lock")
    };
    assert_eq!((operation.amount, *collateral, operation.fee), (100 * WHOLE, 100 * WHOLE, WHOLE / 10));
    assert_eq!(chain.collateral_held(usda()).await, Ok(100 * WHOLE));
    assert_eq!(chain.collateral_balance(usda(), user.account()).await, Ok(900 * WHOLE));
    let block = chain.tips().await.expect("tips").finalized;
    let books = chain.books(tim3(), &[world.peer], &block).await.expect("books");
    assert_eq!((books.debt, books.peers[0].sent), (100 * WHOLE, 100 * WHOLE));
    assert_eq!(chain.supply(tim3()).await, Ok(0));
    assert_eq!(chain.block_at(event.block().height).await, Ok(Some(*event.block())), "log and block say the same time");
}

#[tokio::test]
async fn the_gateway_read_back_is_the_one_that_was_planned() {
    let world = World::start().await;
    let chain = world.connect().await;
    let expected =
        Expected { plan: Some(world.plan.clone()), routes: world.routes.clone(), admin: Some(world.admin()) };
    let report = chain.check(&expected).await.expect("checked");
    assert!(report.is_right(), "{report}");
    let code = report.findings.iter().filter(|finding| finding.what.starts_with("code of")).count();
    assert_eq!(code, 4, "the gateway and three libraries:\n{report}");
    let mut other = expected;
    other.plan.as_mut().expect("a plan").threshold = 3;
    let report = chain.check(&other).await.expect("checked");
    assert!(!report.is_right() && report.to_string().contains("WRONG  attesters: found 2 of 3"), "{report}");
}

#[tokio::test]
async fn what_is_configured_wrongly_is_one_line_with_a_hint() {
    let world = World::start().await;
    let good = world.config(&[world.anvil.url()]);
    let connect = |config: EthereumConfig| async { Ethereum::connect(config, None, None).await.expect_err("refused") };
    let error = connect(EthereumConfig { chain_id: 1, ..good.clone() }).await;
    assert!(matches!(error, EthereumError::WrongChain { expected: 1, found: CHAIN_ID, .. }), "{error}");
    let error = connect(EthereumConfig { gateway: Address::repeat_byte(9), ..good.clone() }).await;
    assert!(matches!(error, EthereumError::NoCode { .. }), "{error}");
    let token = world.deployment.tokens["USDA"];
    let error = connect(EthereumConfig { gateway: token, ..good.clone() }).await;
    assert!(matches!(error, EthereumError::NotOurs { .. }), "{error}");
    let nowhere = endpoint(dead_url().join("key/abcdef012345").expect("a URL"));
    let error = connect(EthereumConfig { endpoints: vec![nowhere], ..good.clone() }).await;
    assert!(matches!(error, EthereumError::Unreachable { .. }), "{error}");
    assert!(!error.to_string().contains("abcdef"), "{error}");
    let error = connect(EthereumConfig { quorum: 2, ..good }).await;
    assert!(error.to_string().contains("quorum is 2 with 1 endpoints"), "{error}");
}

#[tokio::test]
async fn a_reorganisation_within_the_finality_depth_takes_back_what_was_not_final() {
    let world = World::start().await;
    let depth = EthereumConfig { finality: Finality::Depth(3), ..world.config(&[world.anvil.url()]) };
    let chain = world.connect_with(depth).await;
    world.give_collateral(&chain, "user", 1_000 * WHOLE).await;
    world.mine(5).await;
    let before = chain.tips().await.expect("tips");
    let transaction = chain.user(signer("user")).act(lock(&world, WHOLE)).await.expect("locked");
    let tips = chain.tips().await.expect("tips");
    let (fetched, _) = chain.events(before.head.height + 1..=tips.head.height).await.expect("events");
    let seen = fetched.events.iter().find(|event| event.transaction == transaction).expect("seen");
    world.rpc("anvil_reorg", json!([1, []])).await;
    world.mine(4).await;
    assert_ne!(
        chain.block_at(seen.block.height).await.expect("a block").map(|block| block.hash),
        Some(seen.block.hash)
    );
    let after = chain.tips().await.expect("tips");
    assert!(after.finalized.height >= before.finalized.height);
    let (fetched, _) = chain.events(before.head.height + 1..=after.head.height).await.expect("events");
    assert!(!fetched.events.iter().any(|event| event.transaction == transaction), "gone with its block");
    assert!(chain.quorum_head(&seen.block).await.is_err(), "a block that is not canonical has no quorum");
    assert_eq!(proved(&chain).await.iter().filter(|event| *event.transaction() == transaction).count(), 0);
}

#[tokio::test]
async fn tiers_wait_longer_and_never_shorter() {
    let world = World::start().await;
    let tiers = vec![(100, 1), (1_000, 10)];
    let config = EthereumConfig { finality: Finality::Depth(4), tiers, ..world.config(&[world.anvil.url()]) };
    let chain = world.connect_with(config).await;
    world.mine(20).await;
    let tips = chain.tips().await.expect("tips");
    let below = |amount| tips.head.height - tips.final_for(amount).height;
    assert_eq!([below(1), below(100), below(5_000)], [4, 4, 10]);
}

#[tokio::test]
async fn a_dead_endpoint_is_passed_over() {
    let world = World::start().await;
    let nobody = dead_url();
    let chain = world.connect_with(world.config(&[&nobody, world.anvil.url()])).await;
    for _ in 0..3 {
        chain.tips().await.expect("tips");
    }
    let status = chain.endpoints();
    let dead = status.iter().find(|status| nobody.as_str().starts_with(&status.name)).expect("an endpoint");
    assert_eq!(dead.calls - dead.errors.iter().map(|(_, count)| count).sum::<u64>(), 0);
    assert!(dead.calls < 8, "asked in rounds only after the first failure, and was asked {} times", dead.calls);
}

#[tokio::test]
async fn endpoints_that_fail_in_any_way_change_no_answer() {
    let world = World::start().await;
    let reference = world.connect().await;
    world.give_collateral(&reference, "user", 1_000 * WHOLE).await;
    reference.user(signer("user")).act(lock(&world, WHOLE)).await.expect("locked");
    world.mine(3).await;
    let expected = proved(&reference).await;
    // An endpoint that lags by less than anybody would call astray may keep the rest from being final.
    world.mine(5).await;
    for fault in tim3_devnet::proxy::EVERY_FAULT {
        let proxy = Proxy::start(world.anvil.url().clone(), Plan::Always(Fault::None)).await.expect("a proxy");
        let honest = Proxy::start(world.anvil.url().clone(), Plan::Always(Fault::None)).await.expect("a proxy");
        let config = EthereumConfig { quorum: 2, ..world.config(&[proxy.url(), honest.url(), world.anvil.url()]) };
        let chain = world.connect_with(config).await;
        proxy.set_plan(Plan::Always(fault));
        let (mut history, mut next) = (EventChain::genesis(chain.gateway()), 0);
        // As a watcher does: what does not lead to the quorum's head is distrusted, and asked for again elsewhere.
        let events = loop {
            assert!(next < 5, "{fault:?}: not proved in five attempts");
            next += 1;
            let tips = chain.tips().await.expect("tips");
            let birth = chain.birth().await.expect("birth").height;
            let Ok((fetched, last)) = chain.events(birth..=tips.finalized.height).await else { continue };
            let target = chain.quorum_head(&tips.finalized).await.expect("head");
            match history.extend(fetched.events, &target) {
                Ok(events) if last == tips.finalized.height => break events,
                Ok(_) => history = EventChain::genesis(chain.gateway()),
                Err(error) => chain.distrust(fetched.endpoint, &error.to_string()),
            }
        };
        assert_eq!(events, expected, "{fault:?}");
        let block = chain.tips().await.expect("tips").finalized;
        let books = chain.books(tim3(), &[world.peer], &block).await.expect("books");
        assert_eq!(books.debt, WHOLE, "{fault:?}");
    }
}

#[tokio::test]
async fn one_endpoint_alone_makes_no_block_final() {
    let world = World::start().await;
    let liar = Proxy::start(world.anvil.url().clone(), Plan::Always(Fault::None)).await.expect("a proxy");
    let config =
        EthereumConfig { quorum: 2, finality: Finality::Depth(2), ..world.config(&[liar.url(), world.anvil.url()]) };
    let chain = world.connect_with(config).await;
    world.mine(10).await;
    let honest = chain.tips().await.expect("tips");
    // It states a head five blocks above the chain's, and gives the blocks below it: three of them are not final.
    liar.set_plan(Plan::Always(Fault::WrongHead(2)));
    world.mine(1).await;
    for _ in 0..5 {
        let tips = chain.tips().await.expect("tips");
        assert!(tips.finalized.height <= honest.finalized.height + 1, "{} is not final", tips.finalized.height);
    }
}

#[tokio::test]
async fn the_logs_of_a_long_range_are_fetched_in_what_the_endpoint_gives_at_once() {
    let world = World::start().await;
    world.mine(300).await;
    let expected = proved(&world.connect().await).await;
    let (narrow, asked) = narrow(world.anvil.url().clone(), 20).await;
    let chain = world.connect_with(world.config(&[&narrow])).await;
    assert_eq!(proved(&chain).await, expected);
    let asked = asked.lock().expect("lock").clone();
    let refused = asked.iter().filter(|blocks| **blocks > 20).count();
    assert!(refused > 0 && refused < asked.len() / 2, "{asked:?}");
    assert!(chain.endpoints().iter().all(|endpoint| endpoint.grade == tim3_rpc::Grade::Good));
}

#[tokio::test]
async fn an_endpoint_that_stands_still_is_asked_last() {
    let world = World::start().await;
    let stalled = Proxy::start(world.anvil.url().clone(), Plan::Always(Fault::None)).await.expect("a proxy");
    let chain = world.connect_with(world.config(&[stalled.url(), world.anvil.url()])).await;
    stalled.set_plan(Plan::Always(Fault::Stall));
    for _ in 0..100 {
        world.mine(1).await;
        if chain.endpoints()[0].name == world.anvil.url().as_str().trim_end_matches('/') {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let before = stalled.calls().get("eth_getBlockByNumber").copied();
    chain.tips().await.expect("tips");
    assert_eq!(stalled.calls().get("eth_getBlockByNumber").copied(), before, "the stalled one is not asked");
}

#[tokio::test]
async fn a_websocket_announces_blocks_and_its_death_changes_nothing() {
    let world = World::start().await;
    let mut config = EthereumConfig { poll_interval_ms: 600_000, ..world.config(&[world.anvil.url()]) };
    config.endpoints[0].ws_url = Some(world.anvil.websocket().into());
    let chain = world.connect_with(config).await;
    let before = chain.tips().await.expect("tips");
    // Announcements reach whoever asks after the subscription stands, so blocks are made until one does.
    let mut heard = false;
    for _ in 0..100 {
        world.mine(1).await;
        let news = tokio::time::timeout(Duration::from_millis(100), chain.wait_for_news()).await;
        heard = news.is_ok();
        if heard {
            break;
        }
    }
    assert!(heard, "no announcement came, and the poll interval is ten minutes");
    assert!(chain.tips().await.expect("tips").head.height > before.head.height);

    let mut config = world.config(&[world.anvil.url()]);
    config.endpoints[0].ws_url = Some(dead_url().as_str().replace("http", "ws").parse().expect("a URL"));
    let chain = world.connect_with(config).await;
    chain.wait_for_news().await;
    chain.tips().await.expect("tips without a websocket");
}

/// Reads at once as soon as a new block is announced.
async fn read_at_once(world: &World, chain: &Ethereum, read: &BlockRef) -> Reading {
    let mut reading = None;
    for _ in 0..100 {
        reading = chain.announced(read).await;
        if reading.is_some() {
            break;
        }
        // Announcements reach whoever asks after the subscription stands.
        world.mine(1).await;
        chain.wait_for_news().await;
    }
    reading.expect("an announced block")
}

#[tokio::test]
async fn a_reading_at_once_says_what_is_said_step_by_step_in_one_exchange_with_each_endpoint() {
    let world = World::start().await;
    let proxies = [(); 2].map(|()| Proxy::start(world.anvil.url().clone(), Plan::Always(Fault::None)));
    let proxies = futures::future::try_join_all(proxies).await.expect("proxies");
    for quorum in [1, 2] {
        let urls: Vec<_> = proxies.iter().map(Proxy::url).collect();
        let mut config = EthereumConfig {
            quorum,
            finality: Finality::Depth(2),
            tiers: vec![(1_000, 4)],
            health_interval_ms: 600_000,
            ..world.config(&urls)
        };
        config.endpoints[0].ws_url = Some(world.anvil.websocket().into());
        let chain = world.connect_with(config).await;
        let user = chain.user(signer("user"));
        world.give_collateral(&chain, "user", 1_000 * WHOLE).await;
        let read = chain.tips().await.expect("tips").head;
        let read = read_at_once(&world, &chain, &read).await.tips.head;
        let transaction = user.act(lock(&world, 100 * WHOLE)).await.expect("locked");
        world.mine(2).await;
        let head = chain.tips().await.expect("tips").head.height;
        let before: Vec<_> = proxies.iter().map(Proxy::requests).collect();
        let mut reading = chain.announced(&read).await.expect("a reading");
        let asked: Vec<_> = proxies.iter().zip(before).map(|(proxy, before)| proxy.requests() - before).collect();
        assert!(asked.iter().sum::<u64>() <= 1 + if quorum == 1 { 0 } else { 2 }, "{asked:?}");
        while reading.tips.head.height < head {
            // The last announcement was still on its way.
            chain.wait_for_news().await;
            reading = chain.announced(&read).await.expect("a reading");
        }
        assert_eq!(reading.tips, chain.tips().await.expect("tips"));
        assert_eq!(reading.below, Some(read));
        let (fetched, last) = chain.events(read.height + 1..=head).await.expect("events");
        assert_eq!((&reading.fetched.events, last), (&fetched.events, head));
        assert!(fetched.events.iter().any(|event| event.transaction == transaction));
        let head = chain.quorum_head(&reading.tips.finalized).await.expect("a quorum");
        assert_eq!(reading.quorum, Some(head));

        world.rpc("anvil_reorg", json!([1, []])).await;
        world.mine(2).await;
        let after = read_at_once(&world, &chain, &reading.tips.head).await;
        assert_ne!(after.below, Some(reading.tips.head), "what was read is no longer there");
    }
}

#[tokio::test]
async fn where_a_quorum_does_not_answer_nothing_is_read_at_once() {
    let world = World::start().await;
    let other = Proxy::start(world.anvil.url().clone(), Plan::Always(Fault::None)).await.expect("a proxy");
    let mut config =
        EthereumConfig { quorum: 2, finality: Finality::Depth(1), ..world.config(&[world.anvil.url(), other.url()]) };
    config.endpoints[0].ws_url = Some(world.anvil.websocket().into());
    let chain = world.connect_with(config).await;
    let read = chain.tips().await.expect("tips").head;
    let read = read_at_once(&world, &chain, &read).await.tips.head;
    for fault in [Fault::Garbage, Fault::InternalError, Fault::RateLimited] {
        other.set_plan(Plan::Always(fault));
        world.mine(1).await;
        chain.wait_for_news().await;
        assert!(chain.announced(&read).await.is_none(), "{fault:?}");
    }
}

#[tokio::test]
async fn errors_name_the_chain_and_the_call_and_never_a_secret() {
    let world = World::start().await;
    let proxy = Proxy::start(world.anvil.url().clone(), Plan::Always(Fault::None)).await.expect("a proxy");
    let secret = proxy.url().join("v2/0123456789abcdef?key=topsecret").expect("a URL");
    let chain = world.connect_with(world.config(&[&secret])).await;
    for (fault, class) in [
        (Fault::Garbage, "transient"),
        (Fault::InternalError, "transient"),
        (Fault::Stall, "transient"),
        (Fault::RateLimited, "rate_limited"),
    ] {
        proxy.set_plan(Plan::Always(fault));
        let error: ChainError = chain.tips().await.expect_err("no answer");
        assert_eq!(error.class().name(), class, "{fault:?}: {error}");
        let text = error.to_string();
        assert!(text.starts_with("anvil: tips"), "{text}");
        assert!(!text.contains("topsecret") && !text.contains("0123456789abcdef"), "{text}");
    }
    assert_eq!(chain.capacity().orders, 100);
    assert_eq!(chain.pause_level(tim3()).await.map_err(|error| error.class().name()), Err("rate_limited"));
}
