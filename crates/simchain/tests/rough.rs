//! Chains on which everything goes wrong at once are still chains: what they show is a function of the seed, and a small relay that does what
//! every relay must do gets everything delivered, once.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "a test")]

use std::collections::BTreeMap;

use tim3_chain::{
    BlockRef, Chain, ErrorClass, EventChain, FinalEvent, Reader, Submitter, Transaction, TransactionState, UserAction,
    conformance::Keys,
};
use tim3_domain::{
    identity::{Account, OperationId},
    protocol::{Action, EventBody, Operation, Order, OrderContent},
    word::keccak_text,
};
use tim3_simchain::{Assets, Config, Faults, Setup, SimChain, SimNode, gateway::Call, network};

const WHOLE: u128 = 1_000_000;
const LOCKS: usize = 30;

fn account(name: &str) -> Account {
    Account(keccak_text(name))
}

/// Follows one chain with proof, as the daemon does.
struct Follower {
    chain: SimChain,
    proved: EventChain,
    next: u64,
}

impl Follower {
    fn new(node: &SimNode) -> Self {
        let chain = SimChain::new(node.clone(), "sim", account("relay"));
        let proved = EventChain::genesis(chain.gateway());
        Self { chain, proved, next: 0 }
    }

    /// What is newly final, or nothing where the chain does not let itself be read now.
    async fn read(&mut self) -> Vec<FinalEvent> {
        let Ok(tips) = self.chain.tips().await else { return Vec::new() };
        let block: BlockRef = tips.finalized;
        if block.height < self.next {
            return Vec::new();
        }
        let Ok(target) = self.chain.quorum_head(&block).await else { return Vec::new() };
        let (mut events, mut next) = (Vec::new(), self.next);
        let mut endpoint = None;
        while next <= block.height {
            let Ok((fetched, last)) = self.chain.events(next..=block.height).await else { return Vec::new() };
            events.extend(fetched.events);
            endpoint = Some(fetched.endpoint);
            next = last + 1;
        }
        match self.proved.extend(events, &target) {
            Ok(events) => {
                self.next = next;
                events
            }
            Err(error) => {
                self.chain.distrust(endpoint.unwrap(), &error.to_string());
                Vec::new()
            }
        }
    }
}

/// What remains of a run: the last blocks of both chains, and how often each operation was minted.
async fn run(seed: u64) -> (Vec<BlockRef>, BTreeMap<OperationId, usize>, usize) {
    let keys = Keys::from_seed("rough", 3, 2);
    let mut setup = Setup::new(2, keys.addresses(), account("treasury"));
    setup.funded = vec![(account("alice"), 1_000_000 * WHOLE, 0)];
    let configs = ["rough-a", "rough-b"].map(|name| Config::new(name).unwrap());
    let nodes = network(configs.into(), &setup, &[]).unwrap();
    let market = Assets::new().unwrap().reserve(nodes[0].gateway());
    for (node, seed) in nodes.iter().zip([seed, seed ^ 0xffff]) {
        node.set_faults(Faults::rough(seed));
    }
    let (mut origin, mut destination) = (Follower::new(&nodes[0]), Follower::new(&nodes[1]));
    let mut open: BTreeMap<OperationId, Operation> = BTreeMap::new();
    let mut minted: BTreeMap<OperationId, usize> = BTreeMap::new();
    let mut sent: Vec<Transaction> = Vec::new();
    let mut started = 0;
    for round in 0..2_000 {
        if round % 5 == 0 && round / 5 < LOCKS {
            nodes[0].submit(account("alice"), lock(market, nodes[1].gateway()));
        }
        for event in origin.read().await {
            if let Some(operation) = event.event().body.started() {
                started += 1;
                open.insert(operation.id(), operation.clone());
            }
        }
        for event in destination.read().await {
            if let EventBody::Minted { outcome, .. } = &event.event().body {
                open.remove(&outcome.operation);
                *minted.entry(outcome.operation).or_default() += 1;
            }
        }
        if round > 5 * LOCKS && open.is_empty() && started > 0 && nodes[0].waiting() == 0 {
            break;
        }
        relay(&destination.chain, &keys, &open, &mut sent).await;
        nodes.iter().for_each(|node| {
            node.mine();
        });
    }
    assert!(open.is_empty(), "seed {seed}: {} of {started} operations were never delivered", open.len());
    (nodes.iter().map(SimNode::head).collect(), minted, started)
}

fn lock(market: tim3_domain::identity::MarketId, destination: tim3_domain::identity::GatewayId) -> Call {
    let (recipient, refund_to) = (account("bob"), account("alice"));
    let (collateral, debt, max_fee) = (7 * WHOLE, 7 * WHOLE, 0);
    Call::User(UserAction::Lock { market, collateral, debt, destination, recipient, refund_to, max_fee })
}

/// One transaction at a time: sends it again while it may be included, and prepares the next one after that.
async fn relay(chain: &SimChain, keys: &Keys, open: &BTreeMap<OperationId, Operation>, sent: &mut Vec<Transaction>) {
    if let Some(last) = sent.last() {
        match chain.states(std::slice::from_ref(last)).await.map(|states| states[0].clone()) {
            Ok(TransactionState::Unknown) => {
                if let Err(error) = chain.broadcast(last).await {
                    assert_ne!(error.class(), ErrorClass::Rejected, "{error}");
                }
                return;
            }
            Ok(TransactionState::Pending) => {
                if let Ok(Some(replacement)) = chain.escalate(last).await {
                    sent.push(replacement.clone());
                    let _ = chain.broadcast(&replacement).await;
                }
                return;
            }
            Ok(_) => {}
            Err(_) => return,
        }
    }
    let orders: Vec<_> = open
        .values()
        .take(4)
        .map(|operation| {
            let content = OrderContent::Operation(operation.clone());
            keys.sign(Order { action: Action::Mint, gateway: chain.gateway(), epoch: 1, content })
        })
        .collect();
    if let Ok(prepared) = chain.prepare(&orders).await
        && let Some(transaction) = prepared.transaction
    {
        sent.push(transaction.clone());
        let _ = chain.broadcast(&transaction).await;
    }
}

#[tokio::test]
async fn everything_is_delivered_once_whatever_goes_wrong() {
    for seed in 0..12 {
        let (_, minted, started) = run(seed).await;
        assert_eq!(minted.len(), started, "seed {seed}");
        assert!(started > LOCKS / 2, "seed {seed}: only {started} locks were included");
        assert!(minted.values().all(|times| *times == 1), "seed {seed}: {minted:?}");
    }
}

#[tokio::test]
async fn a_run_is_a_function_of_its_seed() {
    let (first, again, other) = (run(7).await, run(7).await, run(8).await);
    assert_eq!(first, again);
    assert_ne!(first.0, other.0);
}
