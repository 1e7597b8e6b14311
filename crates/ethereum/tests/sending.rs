//! Batches of orders on a real anvil: nonces, fees, restarts, and what goes wrong in between.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    reason = "these are tests: one that overflows or finds nothing fails"
)]

mod support;

use std::{collections::BTreeSet, time::Instant};

use serde_json::{Value, json};
use support::{WHOLE, World, is_included, signer, tim3, until, usda};
use tim3_chain::{
    Actor, Chain, ChainError, Lock, Prepared, Reader, Submitter, Token, Transaction, TransactionState, UserAction,
};
use tim3_devnet::proxy::{Fault, Plan, Proxy};
use tim3_domain::{
    identity::Account,
    protocol::{Action, Operation, OperationKind, OrderCode, SignedOrder},
};
use tim3_ethereum::{Ethereum, EthereumConfig, FeePolicy};

fn recipient() -> Account {
    Account::from_evm(signer("recipient").address().into_array())
}

/// A prepared transaction of which every order was accepted.
async fn prepared(chain: &Ethereum, orders: &[SignedOrder]) -> Transaction {
    let Prepared { transaction, left_out } = chain.prepare(orders).await.expect("prepared");
    assert_eq!(left_out, []);
    transaction.expect("a transaction")
}

/// What one operation pays out.
fn net(amount: u128) -> u128 {
    amount - amount / 1_000
}

async fn fees_in_pool(world: &World, transaction: &Transaction) -> Option<u128> {
    let found = world.rpc("eth_getTransactionByHash", json!([transaction.id.0])).await;
    let fee = found.get("maxFeePerGas").and_then(Value::as_str)?.strip_prefix("0x")?.to_owned();
    u128::from_str_radix(&fee, 16).ok()
}

#[tokio::test]
async fn a_batch_is_one_simulation_and_one_transaction() {
    let world = World::start().await;
    let proxy = Proxy::start(world.anvil.url().clone(), Plan::Always(Fault::None)).await.expect("a proxy");
    let config = EthereumConfig { health_interval_ms: 600_000, ..world.config(&[proxy.url()]) };
    let chain = world.connect_with(config).await;
    chain.restore(&[]).await.expect("restored");
    chain.tips().await.expect("tips");
    let first: Vec<_> = (0..100).map(|nonce| world.mint(nonce, WHOLE)).collect();
    let transaction = prepared(&chain, &first).await;
    chain.broadcast(&transaction).await.expect("sent");
    until(&chain, &transaction, is_included).await;
    // Fees and nonce are known now, as they are in a running daemon.
    chain.tips().await.expect("tips");
    let before = proxy.calls();
    let second: Vec<_> = (100..200).map(|nonce| world.mint(nonce, WHOLE)).collect();
    let transaction = prepared(&chain, &second).await;
    chain.broadcast(&transaction).await.expect("sent");
    let after = proxy.calls();
    let made = |method: &str| {
        let count = |calls: &std::collections::BTreeMap<String, u64>| calls.get(method).copied().unwrap_or_default();
        count(&after) - count(&before)
    };
    let total: u64 = after.values().sum::<u64>() - before.values().sum::<u64>();
    assert_eq!((made("eth_call"), made("eth_sendRawTransaction"), total), (1, 1, 2), "for 100 orders");
    until(&chain, &transaction, is_included).await;
    let receipt = world.rpc("eth_getTransactionReceipt", json!([transaction.id.0])).await;
    println!("gas of 100 Mint orders: {}, bytes: {}", receipt["gasUsed"], transaction.raw.len());
    assert_eq!(chain.balance(tim3(), recipient()).await, Ok(200 * net(WHOLE)));
}

#[tokio::test]
async fn one_bad_order_is_left_out_with_its_reason_and_holds_nobody_up() {
    let world = World::start().await;
    let chain = world.connect().await;
    let done = world.mint(0, WHOLE);
    let transaction = prepared(&chain, std::slice::from_ref(&done)).await;
    chain.broadcast(&transaction).await.expect("sent");
    until(&chain, &transaction, is_included).await;
    let mut unsigned = world.mint(2, WHOLE);
    unsigned.signatures.truncate(65);
    let too_much = world.mint(3, 200_000 * WHOLE);
    let elsewhere = {
        let mut operation = world.incoming(4, WHOLE);
        operation.destination = world.peer;
        world.order(Action::Mint, operation)
    };
    let orders = [world.mint(1, WHOLE), done, unsigned, too_much, elsewhere, world.mint(5, WHOLE)];
    let Prepared { transaction, left_out } = chain.prepare(&orders).await.expect("prepared");
    let seen: Vec<_> = left_out.iter().map(|verdict| (verdict.index, verdict.code, verdict.permanent)).collect();
    let expected = [
        (1, OrderCode::AlreadyDone, false),
        (2, OrderCode::Rejected, false),
        (3, OrderCode::Delayed, false),
        (4, OrderCode::Rejected, true),
    ];
    assert_eq!(seen, expected, "{left_out:?}");
    let reasons: Vec<_> = left_out.iter().map(|verdict| verdict.reason.split('(').next().unwrap_or_default()).collect();
    assert_eq!(reasons, ["AlreadyDone", "TooFewSignatures", "WindowFull", "WrongGateway"]);
    let transaction = transaction.expect("the good ones");
    chain.broadcast(&transaction).await.expect("sent");
    until(&chain, &transaction, is_included).await;
    assert_eq!(chain.balance(tim3(), recipient()).await, Ok(3 * net(WHOLE)));
}

#[tokio::test]
async fn an_order_is_given_up_only_when_a_quorum_says_that_it_cannot_be_done() {
    let world = World::start().await;
    let other = Proxy::start(world.anvil.url().clone(), Plan::Always(Fault::None)).await.expect("a proxy");
    let config = EthereumConfig { quorum: 2, ..world.config(&[world.anvil.url(), other.url()]) };
    let chain = world.connect_with(config).await;
    let elsewhere = world.order(Action::Mint, Operation { destination: world.peer, ..world.incoming(0, WHOLE) });
    for (fault, given_up) in [(Fault::None, true), (Fault::Garbage, false)] {
        other.set_plan(Plan::Always(fault));
        let Prepared { left_out, .. } = chain.prepare(std::slice::from_ref(&elsewhere)).await.expect("prepared");
        let verdicts: Vec<_> = left_out.iter().map(|verdict| (verdict.code, verdict.permanent)).collect();
        assert_eq!(verdicts, [(OrderCode::Rejected, given_up)], "{fault:?}: {left_out:?}");
    }
}

#[tokio::test]
async fn releases_get_the_gas_that_their_payouts_want() {
    let world = World::start().await;
    let chain = world.connect().await;
    world.give_collateral(&chain, "user", 1_000 * WHOLE).await;
    let user = chain.user(signer("user"));
    let lock = UserAction::Lock {
        market: world.market(),
        collateral: 100 * WHOLE,
        debt: 100 * WHOLE,
        destination: world.peer,
        recipient: user.account(),
        refund_to: user.account(),
        max_fee: WHOLE,
    };
    user.act(lock).await.expect("locked");
    let release = |nonce| {
        let operation = Operation {
            kind: OperationKind::Redeem,
            market: world.market(),
            owner: world.market().reserve_owner(),
            fee: 0,
            ..world.incoming(nonce, WHOLE)
        };
        world.order(Action::Release, operation)
    };
    for batch in [0..1, 1..31] {
        let orders: Vec<_> = batch.map(release).collect();
        let transaction = prepared(&chain, &orders).await;
        chain.broadcast(&transaction).await.expect("sent");
        until(&chain, &transaction, is_included).await;
    }
    assert_eq!(chain.collateral_balance(usda(), recipient()).await, Ok(31 * WHOLE));
}

#[tokio::test]
async fn transactions_are_pipelined_and_each_is_mined_once() {
    let world = World::start().await;
    let chain = world.connect().await;
    world.automine(false).await;
    let mut transactions = Vec::new();
    for nonce in 0..10 {
        let transaction = prepared(&chain, &[world.mint(nonce, WHOLE)]).await;
        chain.broadcast(&transaction).await.expect("sent");
        chain.broadcast(&transaction).await.expect("sending twice is success");
        transactions.push(transaction);
    }
    let nonces: Vec<_> = transactions.iter().map(|transaction| transaction.nonce).collect();
    assert_eq!(nonces, (nonces[0]..nonces[0] + 10).collect::<Vec<_>>());
    let states = chain.states(&transactions).await.expect("states");
    assert!(states.iter().all(|state| *state == TransactionState::Pending), "{states:?}");
    world.mine_pool().await;
    for transaction in &transactions {
        until(&chain, transaction, is_included).await;
        chain.broadcast(transaction).await.expect("a mined transaction is success, not an error");
    }
    assert_eq!(chain.balance(tim3(), recipient()).await, Ok(10 * net(WHOLE)));
}

#[tokio::test]
async fn a_stuck_transaction_is_replaced_at_a_bounded_price() {
    let world = World::start().await;
    let chain = world.connect().await;
    world.automine(false).await;
    let first = prepared(&chain, &[world.mint(0, WHOLE)]).await;
    chain.broadcast(&first).await.expect("sent");
    let begun = fees_in_pool(&world, &first).await.expect("in the pool");
    let (mut newest, mut paid, mut steps) = (first.clone(), begun, 0);
    while let Some(dearer) = chain.escalate(&newest).await.expect("escalated") {
        assert_eq!((dearer.nonce, dearer.replaces.as_ref()), (first.nonce, Some(&newest.id)));
        chain.broadcast(&dearer).await.expect("the pool takes it");
        let now = fees_in_pool(&world, &dearer).await.expect("in the pool");
        assert!(now >= paid + paid / 10, "{now} after {paid}");
        (newest, paid, steps) = (dearer, now, steps + 1);
        assert!(steps < 40, "without end");
    }
    assert!(steps >= 5 && paid <= begun * 3 + 3, "{steps} steps from {begun} to {paid}");
    world.mine_pool().await;
    until(&chain, &newest, is_included).await;
    assert_eq!(until(&chain, &first, |state| *state != TransactionState::Unknown).await, TransactionState::Dead);
    assert_eq!(chain.balance(tim3(), recipient()).await, Ok(net(WHOLE)), "minted once");
}

#[tokio::test]
async fn a_transaction_that_no_node_takes_for_want_of_coins_gets_no_higher_fee() {
    let world = World::start().await;
    let chain = world.connect().await;
    let key = signer("poor");
    let poor = Ethereum::connect(world.config(&[world.anvil.url()]), Some(key.clone()), None).await.expect("connected");
    let transaction = prepared(&poor, &[world.mint(0, WHOLE)]).await;
    for _ in 0..5 {
        poor.broadcast(&transaction).await.expect_err("no money");
        assert_eq!(poor.states(std::slice::from_ref(&transaction)).await, Ok(vec![TransactionState::Unknown]));
        assert_eq!(poor.escalate(&transaction).await, Ok(None), "no fee gives it coins");
    }
    world.rpc("anvil_setBalance", json!([key.address(), "0xde0b6b3a7640000"])).await;
    world.automine(false).await;
    poor.broadcast(&transaction).await.expect("sent, with the fee it had");
    // Now it has coins, a node has it, and it is late.
    let dearer = poor.escalate(&transaction).await.expect("escalated").expect("a higher fee");
    world.rpc("anvil_setBalance", json!([key.address(), "0x0"])).await;
    poor.broadcast(&dearer).await.expect_err("no money again");
    poor.states(&[transaction.clone(), dearer.clone()]).await.expect("states");
    assert_eq!(poor.escalate(&dearer).await, Ok(None), "a replacement without coins is as hopeless");
    world.rpc("anvil_setBalance", json!([key.address(), "0xde0b6b3a7640000"])).await;
    world.mine_pool().await;
    until(&poor, &transaction, is_included).await;
    assert_eq!(chain.balance(tim3(), recipient()).await, Ok(net(WHOLE)), "minted once");
}

#[tokio::test]
async fn the_fee_limit_of_the_operator_is_never_passed() {
    let world = World::start().await;
    world.rpc("anvil_setNextBlockBaseFeePerGas", json!(["0x174876e800"])).await;
    world.mine(1).await;
    let max_fee = 5_000_000_000;
    let fees = FeePolicy { max_fee, max_tip: 1_000_000_000, escalate_after_ms: 0, ..FeePolicy::default() };
    let chain = world.connect_with(EthereumConfig { fees, ..world.config(&[world.anvil.url()]) }).await;
    let transaction = prepared(&chain, &[world.mint(0, WHOLE)]).await;
    let error = chain.broadcast(&transaction).await.expect_err("below the base fee of 100 gwei");
    assert!(matches!(error, ChainError::Transient { .. }), "{error}");
    assert_eq!(chain.escalate(&transaction).await, Ok(None), "nothing that the policy allows would help");
    world.rpc("anvil_setNextBlockBaseFeePerGas", json!(["0x3b9aca00"])).await;
    world.mine(1).await;
    chain.broadcast(&transaction).await.expect("sent once the price has come down");
    until(&chain, &transaction, is_included).await;
}

#[tokio::test]
async fn a_nonce_that_is_never_sent_is_filled_and_jams_nobody() {
    let world = World::start().await;
    let chain = world.connect().await;
    let lost = prepared(&chain, &[world.mint(0, WHOLE)]).await;
    let after = prepared(&chain, &[world.mint(1, WHOLE)]).await;
    chain.broadcast(&after).await.expect("sent into the gap");
    until(&chain, &after, is_included).await;
    assert_eq!(until(&chain, &lost, |state| *state != TransactionState::Unknown).await, TransactionState::Dead);
    let error = chain.broadcast(&lost).await.expect_err("its nonce is used");
    assert!(matches!(error, ChainError::StaleNonce { .. }), "{error}");
    assert!(chain.endpoints().iter().all(|endpoint| endpoint.grade == tim3_rpc::Grade::Good), "no endpoint is blamed");
    let again = prepared(&chain, &[world.mint(0, WHOLE)]).await;
    chain.broadcast(&again).await.expect("sent");
    until(&chain, &again, is_included).await;
    assert_eq!(chain.balance(tim3(), recipient()).await, Ok(2 * net(WHOLE)));
}

#[tokio::test]
async fn a_transaction_that_the_pool_lost_is_told_and_sent_again() {
    let world = World::start().await;
    let chain = world.connect().await;
    world.automine(false).await;
    let transaction = prepared(&chain, &[world.mint(0, WHOLE)]).await;
    chain.broadcast(&transaction).await.expect("sent");
    world.rpc("anvil_dropTransaction", json!([transaction.id.0])).await;
    assert_eq!(chain.states(std::slice::from_ref(&transaction)).await, Ok(vec![TransactionState::Unknown]));
    let next = prepared(&chain, &[world.mint(1, WHOLE)]).await;
    assert_eq!(next.nonce, transaction.nonce + 1, "its nonce is still its own");
    chain.broadcast(&next).await.expect("sent");
    chain.broadcast(&transaction).await.expect("sent again");
    world.mine_pool().await;
    until(&chain, &transaction, is_included).await;
    until(&chain, &next, is_included).await;
}

#[tokio::test]
async fn six_restarts_in_a_row_lose_and_double_nothing() {
    let world = World::start().await;
    world.automine(false).await;
    let mut journal: Vec<Transaction> = Vec::new();
    let mut next = 0;
    for round in 0..6 {
        // A new process: it knows the journal and nothing else.
        let chain = world.connect().await;
        chain.restore(&journal).await.expect("restored");
        for step in 0..5 {
            let transaction = prepared(&chain, &[world.mint(next, WHOLE)]).await;
            next += 1;
            assert!(journal.iter().all(|known| known.nonce != transaction.nonce), "nonce {} twice", transaction.nonce);
            journal.push(transaction.clone());
            // Killed at another moment each time: the last ones are journaled and not sent.
            if step + round < 7 {
                chain.broadcast(&transaction).await.expect("sent");
            }
        }
        if round % 2 == 1 {
            world.mine_pool().await;
        }
    }
    let chain = world.connect().await;
    chain.restore(&journal).await.expect("restored");
    for _ in 0..50 {
        let states = chain.states(&journal).await.expect("states");
        assert!(!states.contains(&TransactionState::Dead), "{states:?}");
        for (transaction, state) in journal.iter().zip(&states) {
            if *state == TransactionState::Unknown {
                chain.broadcast(transaction).await.expect("sent again");
            }
        }
        world.mine_pool().await;
        if states.iter().all(is_included) {
            break;
        }
    }
    for transaction in &journal {
        until(&chain, transaction, is_included).await;
    }
    let ids: BTreeSet<_> = journal.iter().map(|transaction| &transaction.id).collect();
    assert_eq!(ids.len(), 30);
    assert_eq!(chain.balance(tim3(), recipient()).await, Ok(30 * net(WHOLE)), "each exactly once");
}

#[tokio::test]
async fn a_transaction_of_a_foreign_key_in_the_journal_takes_no_nonce() {
    let world = World::start().await;
    let config = world.config(&[world.anvil.url()]);
    let other = Ethereum::connect(config, Some(signer("executor")), None).await.expect("connected");
    let foreign = prepared(&other, &[world.mint(0, WHOLE)]).await;
    let chain = world.connect().await;
    let broken = Transaction { raw: vec![1, 2, 3], ..foreign.clone() };
    chain.restore(&[foreign.clone(), broken]).await.expect("restored");
    let own = prepared(&chain, &[world.mint(1, WHOLE)]).await;
    assert_eq!(own.nonce, 0);
    assert_eq!(foreign.nonce, 0);
}

#[tokio::test]
async fn a_send_that_one_endpoint_swallows_goes_through_another() {
    let world = World::start().await;
    let proxy = Proxy::start(world.anvil.url().clone(), Plan::Always(Fault::None)).await.expect("a proxy");
    let chain = world.connect_with(world.config(&[proxy.url(), world.anvil.url()])).await;
    let faults = [Fault::Stall, Fault::Garbage, Fault::RateLimited, Fault::InternalError];
    for (nonce, fault) in (0..).zip(faults) {
        proxy.set_plan(Plan::Always(Fault::None));
        let transaction = prepared(&chain, &[world.mint(nonce, WHOLE)]).await;
        proxy.set_plan(Plan::Always(fault));
        chain.broadcast(&transaction).await.expect("sent by the other one");
        until(&chain, &transaction, is_included).await;
    }
    let chain = world.connect_with(world.config(&[proxy.url(), world.anvil.url()])).await;
    proxy.set_plan(Plan::Always(Fault::Swallow));
    let transaction = prepared(&chain, &[world.mint(4, WHOLE)]).await;
    chain.broadcast(&transaction).await.expect("taken, and forgotten");
    assert_eq!(chain.states(std::slice::from_ref(&transaction)).await, Ok(vec![TransactionState::Unknown]));
    chain.broadcast(&transaction).await.expect("sent to both");
    until(&chain, &transaction, is_included).await;
}

#[tokio::test]
async fn a_send_that_one_endpoint_passes_on_and_disowns_is_sent() {
    let world = World::start().await;
    let proxy = Proxy::start(world.anvil.url().clone(), Plan::Always(Fault::None)).await.expect("a proxy");
    let chain = world.connect_with(world.config(&[proxy.url(), world.anvil.url()])).await;
    world.automine(false).await;
    let transaction = prepared(&chain, &[world.mint(0, WHOLE)]).await;
    proxy.set_plan(Plan::Always(Fault::Disown));
    chain.broadcast(&transaction).await.expect("the other one knows it");
    let next = prepared(&chain, &[world.mint(1, WHOLE)]).await;
    assert_eq!(next.nonce, transaction.nonce + 1, "its nonce is used");
    world.mine_pool().await;
    until(&chain, &transaction, is_included).await;
    // Where both refuse, it is refused.
    let alone = world.connect_with(world.config(&[proxy.url()])).await;
    alone.broadcast(&next).await.expect_err("nobody takes it");
}

#[tokio::test]
async fn without_a_key_or_money_the_reason_is_told() {
    let world = World::start().await;
    let config = world.config(&[world.anvil.url()]);
    let reader = Ethereum::connect(config.clone(), None, None).await.expect("connected");
    let error = reader.prepare(&[world.mint(0, WHOLE)]).await.expect_err("no key");
    assert_eq!(error.to_string(), "anvil: submit rejected by the gateway: no key to pay for orders is configured");
    let poor = Ethereum::connect(config, Some(signer("poor")), None).await.expect("connected");
    assert_eq!(poor.funds().await, Ok(("0.000000000000000000 ETH".to_owned(), true)));
    let transaction = prepared(&poor, &[world.mint(0, WHOLE)]).await;
    let error = poor.broadcast(&transaction).await.expect_err("no money");
    assert!(
        matches!(error, ChainError::Transient { .. }) && error.to_string().to_lowercase().contains("funds"),
        "{error}"
    );
    let rich = world.connect().await;
    let (text, low) = rich.funds().await.expect("funds");
    assert!(!low && text.starts_with("10.0"), "{text}");
    assert_eq!(rich.name(), "anvil");
}

#[tokio::test]
async fn the_time_from_orders_to_an_accepted_transaction_is_shown_beside_a_raw_send() {
    let world = World::start().await;
    let chain = world.connect().await;
    chain.restore(&[]).await.expect("restored");
    let (mut ours, mut raw) = (Vec::new(), Vec::new());
    for nonce in 0..40 {
        let orders = [world.mint(nonce, WHOLE)];
        let begun = Instant::now();
        let transaction = prepared(&chain, &orders).await;
        let ready = Instant::now();
        chain.broadcast(&transaction).await.expect("sent");
        raw.push(ready.elapsed());
        ours.push(begun.elapsed());
        chain.states(std::slice::from_ref(&transaction)).await.expect("states");
    }
    ours.sort_unstable();
    raw.sort_unstable();
    println!("p50 prepare and send {:?}, raw send {:?}", ours[20], raw[20]);
    assert_eq!(chain.balance(tim3(), recipient()).await, Ok(40 * net(WHOLE)));
}
