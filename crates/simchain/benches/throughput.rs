//! How much the simulated chain carries, against what verifying the attesters' signatures alone costs.
#![expect(clippy::unwrap_used, reason = "a benchmark stops where it cannot go on")]

use divan::{Bencher, counter::ItemsCount};
use tim3_chain::{UserAction, conformance::Keys};
use tim3_domain::{
    identity::{Account, GatewayId, MarketId},
    protocol::{Action, Operation, OperationKind, Order, OrderContent, SignedOrder},
    word::keccak_text,
};
use tim3_simchain::{Assets, Config, Setup, SimNode, gateway::Call, network};

const BATCH: u64 = 256;

fn main() {
    divan::main();
}

fn account(name: &str) -> Account {
    Account(keccak_text(name))
}

fn node(keys: &Keys) -> SimNode {
    let mut setup = Setup::new(2, keys.addresses(), account("treasury"));
    setup.funded = vec![(account("alice"), 1 << 60, 0)];
    network(vec![Config::new("bench").unwrap()], &setup, &[abroad()]).unwrap().remove(0)
}

fn abroad() -> GatewayId {
    GatewayId(keccak_text("abroad"))
}

/// Mint orders with two signatures each, nonces from 0.
fn orders(keys: &Keys, gateway: GatewayId) -> Vec<SignedOrder> {
    let operation = |nonce| Operation {
        kind: OperationKind::Transfer,
        origin: abroad(),
        destination: gateway,
        nonce,
        asset: Assets::new().unwrap().tim3,
        market: MarketId::ZERO,
        owner: Account::ZERO,
        actor: account("bob"),
        refund_to: account("bob"),
        recipient: account("bob"),
        amount: 1_000,
        fee: 1,
        wanted: 0,
        timestamp: 1_700_000_000,
    };
    let sign = |nonce| {
        let content = OrderContent::Operation(operation(nonce));
        keys.sign(Order { action: Action::Mint, gateway, epoch: 1, content })
    };
    (0..BATCH).map(sign).collect()
}

/// Orders that the gateway sees for the first time: two recoveries each.
#[divan::bench]
fn orders_with_new_signatures(bencher: Bencher<'_, '_>) {
    let keys = Keys::from_seed("bench", 3, 2);
    let gateway = node(&keys).gateway();
    let call = Call::Execute(orders(&keys, gateway));
    bencher.counter(ItemsCount::new(BATCH)).with_inputs(|| node(&keys).state()).bench_values(|mut state| {
        state.apply(&call, account("anybody"), 1_700_000_001).unwrap();
        state
    });
}

/// The same orders again on a state where they are not executed yet, as after simulation or a reorg: everything but the recoveries.
#[divan::bench]
fn orders_with_known_signatures(bencher: Bencher<'_, '_>) {
    let keys = Keys::from_seed("bench", 3, 2);
    let state = node(&keys).state();
    let call = Call::Execute(orders(&keys, state.id()));
    bencher.counter(ItemsCount::new(BATCH)).with_inputs(|| state.clone()).bench_values(|mut state| {
        state.apply(&call, account("anybody"), 1_700_000_001).unwrap();
        state
    });
}

/// Locks for elsewhere through the mempool into one block.
#[divan::bench]
fn a_block_of_locks(bencher: Bencher<'_, '_>) {
    let keys = Keys::from_seed("bench", 3, 2);
    let node = node(&keys);
    let lock = Call::User(UserAction::Lock {
        market: Assets::new().unwrap().reserve(node.gateway()),
        collateral: 1_000,
        debt: 1_000,
        destination: abroad(),
        recipient: account("bob"),
        refund_to: account("alice"),
        max_fee: 0,
    });
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
        for _ in 0..BATCH {
            node.submit(account("alice"), lock.clone());
        }
        node.mine();
        assert_eq!(node.waiting(), 0);
    });
}
