//! A real anvil behind the proxy, as a client sees them.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::time::Duration;

use alloy::{
    primitives::{Bytes, U256},
    providers::{Provider as _, ProviderBuilder, RootProvider, ext::AnvilApi as _},
    rpc::types::{Filter, TransactionRequest},
};
use tim3_devnet::{
    anvil::{Anvil, AnvilOptions, Mining},
    proxy::{Fault, Plan, Proxy},
};
use tokio_util::task::AbortOnDropHandle;

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

/// Counts its calls in its first word of storage, and reports each by a log.
const COUNTER: &str = "0x6013600c60003960136000f36000548060005260010160005560206000a000";

#[tokio::test]
async fn blocks_made_at_an_interval_and_reorgs_do_not_meet() {
    let mining = Mining::Every(Duration::from_millis(20));
    let options = AnvilOptions { chain_id: 7, port: 0, mining, gas_limit: 30_000_000, slots_in_an_epoch: 2 };
    let anvil = Anvil::start(&options).await.unwrap();
    let client = client(anvil.url());
    let from = client.get_accounts().await.unwrap()[0];
    let create = TransactionRequest::default().from(from).input(COUNTER.parse::<Bytes>().unwrap().into());
    let created = client.send_transaction(create).await.unwrap().get_receipt().await.unwrap();
    let counter = created.contract_address.unwrap();
    let callers: Vec<_> = (0..4)
        .map(|_| {
            let client = client.clone();
            AbortOnDropHandle::new(tokio::spawn(async move {
                loop {
                    let call = TransactionRequest::default().from(from).to(counter).gas_limit(200_000);
                    // Many are taken away again.
                    let _ = client.send_transaction(call).await;
                }
            }))
        })
        .collect();
    for depth in (1..=3).cycle().take(30) {
        let head = client.get_block_number().await.unwrap();
        while client.get_block_number().await.unwrap() < head + 4 {}
        anvil.reorg(depth).await.unwrap();
    }
    drop(callers);
    let block = client.get_block_number().await.unwrap();
    let counted = client.get_storage_at(counter, U256::ZERO).number(block).await.unwrap();
    let logs = client.get_logs(&Filter::new().address(counter).from_block(0).to_block(block)).await.unwrap();
    let told: Vec<_> = logs.iter().map(|log| U256::from_be_slice(&log.data().data)).collect();
    let expected: Vec<_> = (0..counted.to::<u64>()).map(U256::from).collect();
    assert_eq!(told, expected, "logs and state are of one history");
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
