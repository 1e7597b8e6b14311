//! A devnet from outside: what is on the chains, what is in the directory.

use alloy::providers::Provider as _;
use tim3_chain::{Actor as _, UserAction};
use tim3_devnet::{
    Devnet, Options, accounts,
    plan::{STABLE, SYNTHETIC, UNIT, VOLATILE},
    site::native,
};
use tim3_domain::identity::Account;

#[tokio::test]
async fn both_chains_are_ready_for_users() {
    let directory = tempfile::tempdir().unwrap();
    let devnet = Devnet::start(&Options::new(directory.path().join("devnet"), 9_180)).await.unwrap();
    let (alice, account) =
        (accounts::address("alice").unwrap(), Account::from_evm(accounts::address("alice").unwrap().0.0));
    for site in devnet.sites() {
        assert_eq!(site.balance(STABLE, alice).await.unwrap(), native(1_000_000));
        assert_eq!(site.balance(VOLATILE, alice).await.unwrap(), native(100));
        let (_, threshold, signers) = site.gateway().attesters().call().await.unwrap().into();
        assert_eq!((threshold, signers.len()), (2, 3));
        // At home, for each market: collateral goes in and the synthetic comes out.
        let user = site.user(accounts::key("alice").unwrap()).await.unwrap();
        let lock = |collateral, amount, debt| UserAction::Lock {
            market: site.market(collateral).unwrap(),
            collateral: amount,
            debt,
            destination: site.deployment.id,
            recipient: account,
            refund_to: account,
            max_fee: 0,
        };
        user.act(lock(STABLE, 100 * UNIT, 100 * UNIT)).await.unwrap();
        user.act(lock(VOLATILE, 10_u128.pow(18), 1_500 * UNIT)).await.unwrap();
        assert_eq!(site.balance(SYNTHETIC, alice).await.unwrap(), alloy::primitives::U256::from(1_600 * UNIT));
        assert_eq!(site.totals().await.unwrap().debt, 1_600 * UNIT);
        let events = site.events().await.unwrap();
        assert!(events.iter().enumerate().all(|(index, event)| event.sequence == index as u64), "{events:?}");
    }
    assert_ne!(devnet.a.deployment.id, devnet.b.deployment.id);
}

#[tokio::test]
async fn a_reorg_takes_what_was_in_the_blocks() {
    let directory = tempfile::tempdir().unwrap();
    let options = Options { mining: tim3_devnet::anvil::Mining::Auto, ..Options::new(directory.path(), 9_180) };
    let devnet = Devnet::start(&options).await.unwrap();
    let alice = [accounts::address("alice").unwrap()];
    let before = devnet.a.height().await.unwrap();
    devnet.a.fund_tokens(STABLE, &alice, 5).await.unwrap();
    assert_eq!(devnet.a.balance(STABLE, alice[0]).await.unwrap(), native(1_000_005));
    devnet.a.anvil().reorg(1).await.unwrap();
    assert_eq!(devnet.a.balance(STABLE, alice[0]).await.unwrap(), native(1_000_000));
    assert_eq!(devnet.a.height().await.unwrap(), before + 1);
}

#[tokio::test]
async fn a_directory_is_taken_by_one_devnet_at_a_time_and_emptied_for_the_next() {
    let directory = tempfile::tempdir().unwrap();
    let options = Options::new(directory.path(), 9_180);
    let first = Devnet::start(&options).await.unwrap();
    let chain = first.a.provider().clone();
    let error = Devnet::start(&options).await.unwrap_err().to_string();
    assert!(error.contains("another devnet runs in"), "{error}");
    assert!(first.configuration().exists());
    drop(first);
    chain.get_chain_id().await.unwrap_err();
    std::fs::write(directory.path().join("journal.redb"), "of the first").unwrap();
    let second = Devnet::start(&options).await.unwrap();
    assert!(second.configuration().exists() && !directory.path().join("journal.redb").exists());
}

#[tokio::test]
async fn a_directory_with_other_files_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("thesis.txt"), "years of work").unwrap();
    let error = Devnet::start(&Options::new(directory.path(), 9_180)).await.unwrap_err().to_string();
    assert!(error.contains("has files in it that no devnet wrote"), "{error}");
    assert!(directory.path().join("thesis.txt").exists());
}
