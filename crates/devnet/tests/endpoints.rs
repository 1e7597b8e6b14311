//! A real anvil behind the proxy, as a client sees them.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::time::Duration;

use alloy::providers::{Provider as _, ProviderBuilder, RootProvider, ext::AnvilApi as _};
use tim3_devnet::{
    anvil::{Anvil, AnvilOptions, Mining},
    proxy::{Fault, Plan, Proxy},
};

async fn anvil(chain_id: u64) -> Anvil {
    let options =
        AnvilOptions { chain_id, port: 0, mining: Mining::Auto, gas_limit: 1_000_000_000, slots_in_an_epoch: 2 };
    Anvil::start(&options).await.unwrap()
}

fn client(url: &url::Url) -> RootProvider {
    ProviderBuilder::default().connect_http(url.clone())
}

#[tokio::test]
async fn anvil_answers_as_it_was_started_and_ends_with_its_owner() {
    let mut anvil = anvil(31_337).await;
    anvil.check().unwrap();
    let client = client(anvil.url());
    assert_eq!(client.get_chain_id().await.unwrap(), 31_337);
    client.anvil_mine(Some(10), None).await.unwrap();
    assert_eq!(client.get_block_by_number("finalized".parse().unwrap()).await.unwrap().unwrap().header.number, 6);
    drop(anvil);
    assert!(client.get_chain_id().await.is_err());
}

#[tokio::test]
async fn a_port_that_is_taken_is_said_in_anvils_own_words() {
    let first = anvil(1).await;
    let options = AnvilOptions {
        chain_id: 2,
        port: first.url().port().unwrap(),
        mining: Mining::Every(Duration::from_secs(1)),
        gas_limit: 30_000_000,
        slots_in_an_epoch: 1,
    };
    let error = Anvil::start(&options).await.unwrap_err().to_string();
    assert!(error.contains("Address already in use"), "{error}");
}

#[tokio::test]
async fn the_proxy_counts_calls_and_fails_as_planned() {
    let anvil = anvil(5).await;
    let proxy = Proxy::start(anvil.url().clone(), Plan::Always(Fault::None)).await.unwrap();
    let client = client(proxy.url());
    assert_eq!(client.get_chain_id().await.unwrap(), 5);
    assert_eq!(client.get_block_number().await.unwrap(), 0);
    proxy.set_plan(Plan::Always(Fault::WrongHead(9)));
    assert_eq!(client.get_block_number().await.unwrap(), 9);
    for fault in [Fault::RateLimited, Fault::Garbage, Fault::InternalError] {
        proxy.set_plan(Plan::Always(fault));
        client.get_block_number().await.unwrap_err();
    }
    assert_eq!((proxy.calls()["eth_chainId"], proxy.calls()["eth_blockNumber"], proxy.requests()), (1, 5, 6));
}

#[tokio::test]
async fn a_stalled_request_is_never_answered_and_holds_up_no_other() {
    let anvil = anvil(5).await;
    let proxy = Proxy::start(anvil.url().clone(), Plan::Always(Fault::Stall)).await.unwrap();
    let client = client(proxy.url());
    let stalled = tokio::spawn({
        let client = client.clone();
        async move { client.get_chain_id().await }
    });
    while proxy.requests() == 0 {
        tokio::task::yield_now().await;
    }
    proxy.set_plan(Plan::Always(Fault::None));
    assert_eq!(client.get_chain_id().await.unwrap(), 5);
    assert!(!stalled.is_finished());
}
