//! Recipients and their token accounts.

#![expect(clippy::arithmetic_side_effects, clippy::expect_used, clippy::panic, reason = "these are tests")]

use tim3_chain::{Reader as _, State as _, Submitter as _, Token as _, TransactionState};
use tim3_domain::{
    identity::{Account, GatewayId, MarketId},
    protocol::{Action, Operation, OperationKind, Order, OrderContent, SignedOrder},
};
use tim3_solana::{Signer as _, Solana, SolanaConfig, address::account};

use crate::support::{World, signer, tim3};

const AMOUNT: u128 = 1_000;

fn wallet(name: &str) -> Account {
    account(&signer(name).pubkey())
}

/// A Mint for `recipient`, signed.
async fn mint(world: &World, chain: &Solana, nonce: u64, recipient: Account) -> SignedOrder {
    let abroad = Account::from_evm([7; 20]);
    let gateway: GatewayId = world.deployment.id;
    let operation = Operation {
        kind: OperationKind::Transfer,
        origin: world.peer,
        destination: gateway,
        nonce,
        asset: tim3(),
        market: MarketId::ZERO,
        owner: Account::ZERO,
        actor: abroad,
        refund_to: abroad,
        recipient,
        amount: AMOUNT,
        fee: 0,
        wanted: 0,
        timestamp: chain.tips().await.expect("tips").head.timestamp,
    };
    let epoch = chain.attesters().await.expect("attesters").epoch;
    world.keys.sign(Order { action: Action::Mint, gateway, epoch, content: OrderContent::Operation(operation) })
}

/// Sends the orders in one transaction, which must take all of them, and waits until it is included. One that was too slow for its blockhash did nothing, and
/// another one must take all of them.
async fn execute(chain: &Solana, orders: &[SignedOrder]) {
    loop {
        let prepared = chain.prepare(orders).await.expect("prepared");
        assert_eq!(prepared.left_out, [], "left out of a good batch");
        let transaction = prepared.transaction.expect("a transaction");
        loop {
            chain.broadcast(&transaction).await.expect("sent");
            chain.wait_for_news().await;
            match chain.states(std::slice::from_ref(&transaction)).await.expect("states").as_slice() {
                [TransactionState::Included(_)] => return,
                [TransactionState::Unknown | TransactionState::Pending] => {}
                [TransactionState::Dead] => break,
                other => panic!("{other:?}"),
            }
        }
    }
}

pub(crate) async fn without_an_account_get_one(world: &World) {
    let held = async |chain: &Solana, who: &str| {
        let balance = chain.balance(tim3(), wallet(who)).await.expect("a balance");
        (balance, chain.claimable(wallet(who), tim3()).await.expect("what waits"))
    };
    // One account a day: the second recipient of the transaction has to claim.
    let chain = world.connect_with(SolanaConfig { create_accounts: 1, ..world.config(&[world.url()]) }).await;
    let orders = [mint(world, &chain, 0, wallet("new")).await, mint(world, &chain, 1, wallet("newer")).await];
    execute(&chain, &orders).await;
    assert_eq!(held(&chain, "new").await, (AMOUNT, 0));
    assert_eq!(held(&chain, "newer").await, (0, AMOUNT));
    // Who has an account by now is paid without one of the day's.
    let again = [mint(world, &chain, 2, wallet("new")).await];
    execute(&chain, &again).await;
    assert_eq!(held(&chain, "new").await, (2 * AMOUNT, 0));

    let chain = world.connect_with(SolanaConfig { create_accounts: 0, ..world.config(&[world.url()]) }).await;
    let never = [mint(world, &chain, 3, wallet("newest")).await];
    execute(&chain, &never).await;
    assert_eq!(held(&chain, "newest").await, (0, AMOUNT));
}

pub(crate) async fn table_makes_room_for_a_third_order(world: &World) {
    let config = world.config(&[world.url()]);
    for (lookup_table, fit) in [(None, 2), (config.lookup_table, 3)] {
        let chain = world.connect_with(SolanaConfig { lookup_table, ..config.clone() }).await;
        let mut orders = Vec::new();
        for (nonce, name) in (10..).zip(["user", "stranger", "treasury", "new"]) {
            orders.push(mint(world, &chain, nonce, wallet(name)).await);
        }
        let prepared = chain.prepare(&orders).await.expect("prepared");
        assert_eq!(orders.len() - prepared.left_out.len(), fit, "with the table {lookup_table:?}");
    }
}
