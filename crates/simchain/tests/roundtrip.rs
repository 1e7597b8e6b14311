//! The main path through the ports, on two simulated chains.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test")]

use tim3_chain::{
    Actor, Chain, EventChain, Reader, Slot, State, Submitter, Token, TransactionState, UserAction, conformance::Keys,
};
use tim3_domain::{
    identity::Account,
    protocol::{Action, EventBody, Operation, Order, OrderContent},
    word::keccak_text,
};
use tim3_simchain::{Assets, Config, Faults, Setup, SimActor, SimChain, SimNode, gateway::Call, network};

fn account(name: &str) -> Account {
    Account(keccak_text(name))
}

fn two_chains(configure: impl Fn(Config) -> Config) -> (Keys, Vec<SimNode>) {
    let keys = Keys::from_seed("roundtrip", 3, 2);
    let mut setup = Setup::new(2, keys.addresses(), account("treasury"));
    setup.funded = vec![(account("alice"), 1_000_000_000, 0)];
    let configs = ["a", "b"].map(|name| configure(Config::new(name).unwrap()));
    (keys, network(configs.into(), &setup, &[]).unwrap())
}

/// Locks 100 on the first chain for the second.
async fn lock(nodes: &[SimNode]) -> Operation {
    let action = UserAction::Lock {
        market: Assets::new().unwrap().reserve(nodes[0].gateway()),
        collateral: 100_000_000,
        debt: 100_000_000,
        destination: nodes[1].gateway(),
        recipient: account("bob"),
        refund_to: account("alice"),
        max_fee: 0,
    };
    SimActor::new(nodes[0].clone(), "a", account("alice")).act(action).await.unwrap();
    let (fetched, _) =
        SimChain::new(nodes[0].clone(), "a", account("daemon")).events(0..=nodes[0].head().height).await.unwrap();
    fetched.events.iter().rev().find_map(|located| located.event.body.started()).unwrap().clone()
}

#[tokio::test]
async fn a_lock_becomes_synthetic_elsewhere_once() {
    let (keys, nodes) = two_chains(|config| Config { automine: true, ..config });
    let tim3 = Assets::new().unwrap().tim3;
    let operation = lock(&nodes).await;

    let chain = SimChain::new(nodes[1].clone(), "b", account("daemon"));
    let content = OrderContent::Operation(operation.clone());
    let order = Order { action: Action::Mint, gateway: chain.gateway(), epoch: 1, content };
    let signed = keys.sign(order);
    let prepared = chain.prepare(&[signed.clone(), signed.clone()]).await.unwrap();
    assert_eq!(prepared.left_out.len(), 1, "the second copy in one batch is done already");
    let transaction = prepared.transaction.unwrap();
    chain.broadcast(&transaction).await.unwrap();
    chain.broadcast(&transaction).await.unwrap();
    let states = chain.states(&[transaction]).await.unwrap();
    assert!(matches!(states[0], TransactionState::Included(_)));
    assert_eq!(chain.balance(tim3, account("bob")).await.unwrap(), 100_000_000);
    let head = nodes[1].head();
    assert_eq!(chain.slots(&[(operation.origin, 0)], &head).await.unwrap(), [Slot::Done]);
    assert!(chain.prepare(&[signed]).await.unwrap().transaction.is_none());

    let (fetched, last) = chain.events(0..=head.height).await.unwrap();
    assert_eq!(last, head.height);
    let proved =
        EventChain::genesis(chain.gateway()).extend(fetched.events, &chain.quorum_head(&head).await.unwrap()).unwrap();
    assert!(matches!(proved.last().unwrap().event().body, EventBody::Minted { .. }));
}

#[tokio::test]
async fn a_transaction_that_a_reorg_removes_is_included_again() {
    let (_, nodes) = two_chains(|config| Config { automine: true, ..config });
    lock(&nodes).await;
    let before = nodes[0].head();
    nodes[0].reorg(1, true);
    assert_eq!(nodes[0].head().height, before.height + 1);
    assert_eq!(nodes[0].state().next_nonce(nodes[1].gateway()), 1);
    nodes[0].reorg(3, false);
    assert_eq!(nodes[0].state().next_nonce(nodes[1].gateway()), 0);
}

/// A reorg takes away a transaction, and the chain forgets it, while the same user waits for the next one.
#[tokio::test]
async fn a_user_does_not_wait_for_ever_behind_a_transaction_that_the_chain_forgot() {
    let (_, nodes) = two_chains(|config| config);
    let node = &nodes[0];
    let spend = |amount| UserAction::Lock {
        market: Assets::new().unwrap().reserve(node.gateway()),
        collateral: amount,
        debt: amount,
        destination: nodes[1].gateway(),
        recipient: account("bob"),
        refund_to: account("alice"),
        max_fee: 0,
    };
    let first = node.submit(account("alice"), Call::User(spend(5)));
    node.mine();
    assert!(node.inclusion(&first).is_some());
    let user = SimActor::new(node.clone(), "a", account("alice"));
    let waiting = tokio::spawn({
        let action = spend(7);
        async move { user.act(action).await }
    });
    while node.waiting() == 0 {
        tokio::task::yield_now().await;
    }
    node.reorg(1, false);
    for _ in 0..10 {
        tokio::task::yield_now().await;
        node.mine();
    }
    tokio::task::yield_now().await;
    assert!(waiting.is_finished(), "it waits behind a nonce that nobody uses");
    waiting.await.unwrap().unwrap();
    let sent = node.state().books(Assets::new().unwrap().tim3, &[nodes[1].gateway()]).peers[0].sent;
    assert_eq!(sent, 7, "once, and the one that was forgotten not at all");
}

#[tokio::test]
async fn a_liar_is_caught_by_the_hash_and_left_for_another_endpoint() {
    let (_, nodes) = two_chains(|config| Config { automine: true, ..config });
    lock(&nodes).await;
    nodes[0].set_faults(Faults { lie: 10_000, liars: 1, ..Faults::default() });
    let chain = SimChain::new(nodes[0].clone(), "a", account("daemon"));
    let head = nodes[0].head();
    let target = chain.quorum_head(&head).await.unwrap();
    let mut proved = EventChain::genesis(chain.gateway());
    let (lie, _) = chain.events(0..=head.height).await.unwrap();
    assert!(proved.extend(lie.events, &target).is_err());
    chain.distrust(lie.endpoint, "the hash differs");
    let (truth, _) = chain.events(0..=head.height).await.unwrap();
    assert_ne!(truth.endpoint, lie.endpoint);
    assert!(proved.extend(truth.events, &target).is_ok());
}
