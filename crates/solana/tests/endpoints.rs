//! Several endpoints of one real validator, of which one fails in every way there is.
//!
//! One test, because a validator costs as much as either half of it, and both wait most of the time.

#![expect(clippy::arithmetic_side_effects, clippy::expect_used, clippy::panic, reason = "these are tests")]

mod support;

use std::time::Duration;

use futures::join;
use support::{WHOLE, World, signer, tim3};
use tim3_chain::{
    Actor as _, BlockRef, Chain as _, EventChain, FinalEvent, Lock as _, Prepared, Reader as _, State as _,
    Submitter as _, Token as _, Transaction, TransactionState, UserAction,
};
use tim3_devnet::proxy::{EVERY_SOLANA_FAULT, Fault, Plan, Proxy};
use tim3_domain::{
    identity::Account,
    protocol::{OrderContent, SignedOrder},
};
use tim3_rpc::{EndpointStatus, Grade};
use tim3_solana::{Signer as _, Solana, SolanaConfig, User, address::account};
use tokio::time::{Instant, sleep};

/// How long anything here may take; each takes a second.
const PATIENCE: Duration = Duration::from_secs(60);

async fn proxy(world: &World) -> Proxy {
    Proxy::start(world.url(), Plan::Always(Fault::None)).await.expect("a proxy")
}

/// The proxy is asked first; with two that answer as they should, two must agree.
fn config(world: &World, first: &Proxy, second: &Proxy) -> SolanaConfig {
    let urls = [first.url().clone(), second.url().clone(), world.url()];
    let (timeout_ms, health_interval_ms, stall_after_ms) = (1_000, 200, 1_000);
    SolanaConfig { quorum: 2, timeout_ms, health_interval_ms, stall_after_ms, ..world.config(&urls) }
}

async fn lock(world: &World, user: &User) {
    let own = user.account();
    let lock = UserAction::Lock {
        market: world.market(),
        collateral: WHOLE,
        debt: WHOLE,
        destination: world.peer,
        recipient: Account::from_evm([7; 20]),
        refund_to: own,
        max_fee: WHOLE,
    };
    user.act(lock).await.expect("locked");
    world.finalize().await;
}

/// Every event up to the newest final block, proved; as a watcher does it: what does not lead to the quorum's head is distrusted, and what
/// fails is tried again.
async fn proved(world: &World, chain: &Solana) -> Vec<FinalEvent> {
    let least = world.slot("finalized").await;
    let begun = Instant::now();
    let mut last = String::new();
    while begun.elapsed() < PATIENCE {
        let Ok(tips) = chain.tips().await.map_err(|error| last = error.to_string()) else { continue };
        let truth = world.slot("finalized").await;
        assert!(tips.finalized.height <= truth, "{} is not final: {truth} is", tips.finalized.height);
        if tips.finalized.height < least {
            sleep(Duration::from_millis(50)).await;
            continue;
        }
        match attempt(chain, &tips.finalized).await {
            Ok(events) => return events,
            Err(error) => last = error,
        }
    }
    panic!("not proved in {PATIENCE:?}: {last}; {:?}", chain.endpoints())
}

async fn attempt(chain: &Solana, last: &BlockRef) -> Result<Vec<FinalEvent>, String> {
    let mut next = chain.birth().await.map_err(|error| error.to_string())?.height;
    let (mut events, mut endpoint) = (Vec::new(), None);
    while next <= last.height {
        let (fetched, to) = chain.events(next..=last.height).await.map_err(|error| error.to_string())?;
        events.extend(fetched.events);
        (next, endpoint) = (to.saturating_add(1), Some(fetched.endpoint));
    }
    let head = chain.quorum_head(last).await.map_err(|error| error.to_string())?;
    EventChain::genesis(chain.gateway()).extend(events, &head).map_err(|error| {
        if let Some(endpoint) = endpoint {
            chain.distrust(endpoint, &error.to_string());
        }
        error.to_string()
    })
}

fn status(chain: &Solana, proxy: &Proxy) -> EndpointStatus {
    let name = proxy.url().as_str().trim_end_matches('/');
    chain.endpoints().into_iter().find(|status| status.name == name).expect("an endpoint")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_fails_in_any_way_changes_no_answer_and_keeps_nothing_from_being_sent() {
    let [reading, sending] = World::several().await;
    join!(is_noticed_and_changes_no_answer(&reading), what_is_sent_arrives(&sending));
}

async fn is_noticed_and_changes_no_answer(world: &World) {
    world.give_collateral("user", 1_000_000_000).await;
    // A gateway whose creation is not final is missing, and that is nobody's fault.
    world.finalize().await;
    let reference = world.connect().await;
    let user = reference.user(signer("user"));
    let mut debt = 0;
    for fault in EVERY_SOLANA_FAULT {
        let (faulty, honest) = (proxy(world).await, proxy(world).await);
        let chain = world.connect_with(config(world, &faulty, &honest)).await;
        faulty.set_plan(Plan::Always(fault));
        // What is read before is what an endpoint at a stand knows.
        proved(world, &chain).await;
        lock(world, &user).await;
        debt += WHOLE;
        let events = proved(world, &chain).await;
        let expected = proved(world, &reference).await;
        assert_eq!(events, expected.get(..events.len()).expect("as many"), "{fault:?}");
        assert_eq!(events.len(), expected.len(), "{fault:?}");
        let begun = Instant::now();
        let books = loop {
            let block = chain.tips().await.expect("tips").finalized;
            match chain.books(tim3(), &[world.peer], &block).await {
                Ok(books) => break books,
                Err(error) => assert!(begun.elapsed() < PATIENCE, "{fault:?}: {error}"),
            }
        };
        assert_eq!((books.debt, books.peers.first().map(|peer| peer.sent)), (debt, Some(debt)), "{fault:?}");
        let status = status(&chain, &faulty);
        let unnoticed = status.errors.is_empty() && status.grade == Grade::Good;
        // Five slots are no time, and nothing was sent.
        let is_harmless = matches!(fault, Fault::None | Fault::WrongHead(-5) | Fault::Swallow);
        assert_eq!(unnoticed, is_harmless, "{fault:?}: {status:?}");
    }

    // Where one endpoint is enough, its word counts only about a state that is not before what a quorum called final.
    let (still, honest) = (proxy(world).await, proxy(world).await);
    let never = SolanaConfig { health_interval_ms: 600_000, ..config(world, &still, &honest) };
    let chain = world.connect_with(never).await;
    let debt_now = async || chain.market(world.market()).await.expect("an answer").expect("a market").debt;
    still.set_plan(Plan::Always(Fault::Still));
    assert_eq!(debt_now().await, debt);
    still.set_plan(Plan::Always(Fault::None));
    lock(world, &user).await;
    chain.tips().await.expect("tips");
    still.set_plan(Plan::Always(Fault::Still));
    assert_eq!(debt_now().await, debt + WHOLE);

    // One liar of two: there is no quorum, and so no answer.
    let liar = proxy(world).await;
    let urls = [liar.url().clone(), world.url()];
    let chain = world.connect_with(SolanaConfig { quorum: 2, ..world.config(&urls) }).await;
    let block = chain.tips().await.expect("tips").finalized;
    for at in [40, 200] {
        liar.set_plan(Plan::Always(Fault::AlteredAccounts(at)));
        let error = chain.quorum_head(&block).await.expect_err("one endpoint is no quorum");
        assert!(error.to_string().contains("1 of 2 endpoints agree"), "{error}");
    }
    liar.set_plan(Plan::Always(Fault::WrongHead(20)));
    for _ in 0..10 {
        let tips = chain.tips().await.expect("tips");
        assert!(tips.finalized.height <= world.slot("finalized").await, "{tips:?}");
    }
    liar.set_plan(Plan::Always(Fault::RateLimited));
    chain.quorum_head(&block).await.expect_err("nobody else is left");
    assert_eq!(status(&chain, &liar).grade, Grade::Limited);
    assert!(chain.pause_level(tim3()).await.is_ok(), "what needs no quorum is answered by the other one");
}

async fn prepared(chain: &Solana, orders: &[SignedOrder]) -> Transaction {
    let Prepared { transaction, left_out } = chain.prepare(orders).await.expect("prepared");
    assert_eq!(left_out, []);
    transaction.expect("a transaction")
}

async fn state(chain: &Solana, transaction: &Transaction) -> TransactionState {
    let states = chain.states(std::slice::from_ref(transaction)).await.expect("states");
    states.into_iter().next().expect("one")
}

/// Waits until it is included, as a submitter does: one that came too late, which is soon with slots as short as these, is signed anew. It
/// is sent twice, because an endpoint may swallow what it is sent, and the second time everyone has it.
async fn included(chain: &Solana, transaction: &Transaction) {
    let begun = Instant::now();
    let mut transaction = transaction.clone();
    loop {
        match state(chain, &transaction).await {
            TransactionState::Included(_) => return,
            TransactionState::Dead => {
                transaction = chain.escalate(&transaction).await.expect("signed").expect("with another blockhash");
                chain.broadcast(&transaction).await.expect("taken");
                chain.broadcast(&transaction).await.expect("taken");
            }
            state => assert!(begun.elapsed() < PATIENCE, "{}: {state:?}", transaction.id),
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// Whatever the endpoint does that is asked first.
async fn what_is_sent_arrives(world: &World) {
    for who in ["recipient", "treasury"] {
        world.open(who).await;
    }
    let (faulty, honest) = (proxy(world).await, proxy(world).await);
    let chain = world.connect_with(config(world, &faulty, &honest)).await;

    faulty.set_plan(Plan::Always(Fault::Swallow));
    let swallowed = prepared(&chain, &[world.mint(0, WHOLE)]).await;
    chain.broadcast(&swallowed).await.expect("taken");
    assert_eq!((faulty.swallowed(), state(&chain, &swallowed).await), (1, TransactionState::Unknown));
    chain.broadcast(&swallowed).await.expect("taken");
    included(&chain, &swallowed).await;

    for (nonce, fault) in (1..).zip([Fault::Garbage, Fault::RateLimited, Fault::InternalError, Fault::Stall]) {
        let chain = world.connect_with(config(world, &faulty, &honest)).await;
        faulty.set_plan(Plan::Always(fault));
        let transaction = prepared(&chain, &[world.mint(nonce, WHOLE)]).await;
        chain.broadcast(&transaction).await.expect("sent by another one");
        included(&chain, &transaction).await;
        faulty.set_plan(Plan::Always(Fault::None));
    }

    // A blockhash that has expired since, and an endpoint that gives it as new before anybody notices that it is at a stand.
    let never = SolanaConfig { health_interval_ms: 600_000, ..config(world, &faulty, &honest) };
    let chain = world.connect_with(never).await;
    faulty.set_plan(Plan::Always(Fault::Still));
    let old = prepared(&chain, &[world.mint(5, WHOLE)]).await;
    faulty.set_plan(Plan::Always(Fault::None));
    while state(&chain, &old).await != TransactionState::Dead {
        sleep(Duration::from_millis(100)).await;
    }
    faulty.set_plan(Plan::Always(Fault::Still));
    let fresh = chain.escalate(&old).await.expect("signed").expect("with another blockhash");
    assert!(fresh.nonce > old.nonce, "{} after {}", fresh.nonce, old.nonce);
    assert_eq!(status(&chain, &faulty).grade, Grade::Distrusted);
    chain.broadcast(&fresh).await.expect("sent");
    included(&chain, &fresh).await;
    chain.broadcast(&old).await.expect("taken, and too late");
    world.finalize().await;
    assert_eq!(state(&chain, &old).await, TransactionState::Dead);
    let recipient = account(&signer("recipient").pubkey());
    assert_eq!(chain.balance(tim3(), recipient).await, Ok(6 * WHOLE), "each minted once");
    // What is given up is voided: one endpoint's word is not enough.
    let mut elsewhere = world.mint(6, WHOLE).order;
    if let OrderContent::Operation(operation) = &mut elsewhere.content {
        operation.destination = world.peer;
    }
    let elsewhere = world.keys.sign(elsewhere);
    let chain = world.connect_with(config(world, &faulty, &honest)).await;
    for (fault, given_up) in [(Fault::None, true), (Fault::Garbage, false)] {
        for proxy in [&faulty, &honest] {
            proxy.set_plan(Plan::Always(fault));
        }
        let Prepared { left_out, .. } = chain.prepare(std::slice::from_ref(&elsewhere)).await.expect("prepared");
        let permanent: Vec<_> = left_out.iter().map(|verdict| verdict.permanent).collect();
        assert_eq!(permanent, [given_up], "{fault:?}: {left_out:?}");
    }
}
