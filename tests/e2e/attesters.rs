//! Two of three signatures are enough, and one is not.

use alloy::{
    primitives::{B256, Bytes},
    signers::SignerSync as _,
};
use anyhow::{Context as _, Result};
use tim3_devnet::{
    accounts,
    contracts::IGateway,
    plan::{SYNTHETIC, UNIT},
};
use tim3_domain::{
    protocol::{Action, Operation, Order, OrderContent},
    word::bytes_of,
};

use crate::scene::{Scene, outcomes};

#[tokio::test]
async fn the_gateway_takes_two_of_three_signatures_and_refuses_one() -> Result<()> {
    let scene = Scene::start().await?;
    let [a, b] = scene.devnet.sites();
    let lock = scene.lock(a, "alice", 100 * UNIT, "bob").await?;
    let order = Order {
        action: Action::Mint,
        gateway: b.deployment.id,
        epoch: b.gateway().attesters().call().await?.epoch,
        content: OrderContent::Operation(lock.clone()),
    };
    let [one, two, three] = accounts::ATTESTERS;
    for signers in [&[one][..], &[three], &[one, one], &[one, "alice"]] {
        assert_eq!(execute(&scene, &order, signers).await?, 3, "{signers:?}");
        assert!(outcomes(b, &lock).await?.is_empty(), "{signers:?}");
    }
    // The same order with what it lacked, by anybody.
    assert_eq!(execute(&scene, &order, &[two, three]).await?, 0);
    assert_eq!(outcomes(b, &lock).await?, ["Minted"]);
    assert_eq!(execute(&scene, &order, &[one, two]).await?, 1, "once is enough");
    assert_eq!(b.balance(SYNTHETIC, accounts::address("bob")?).await?.to::<u128>(), 100 * UNIT);
    Ok(())
}

/// How b's gateway answers `order` when these have signed it; executed too.
async fn execute(scene: &Scene, order: &Order, signers: &[&str]) -> Result<u8> {
    let b = &scene.devnet.b;
    let mut keys = signers.iter().map(|name| accounts::key(name)).collect::<Result<Vec<_>>>()?;
    keys.sort_by_key(|key| key.address());
    let digest = B256::new(order.digest().0);
    let mut signatures = Vec::new();
    for key in keys {
        signatures.extend(key.sign_hash_sync(&digest)?.as_bytes());
    }
    let content = bytes_of(&order.content.words());
    let order =
        IGateway::Order { action: order.action.code(), content: content.into(), signatures: Bytes::from(signatures) };
    let call = IGateway::executeCall { orders: vec![order] };
    let from = accounts::address("carol")?;
    let codes = b.gateway().execute(call.orders.clone()).from(from).call().await?;
    let sent = b.send_as(from, b.deployment.gateway, &call).await?;
    b.mined(&[sent]).await?;
    codes.first().copied().context("no answer")
}

/// One attester's machine is gone.
#[tokio::test]
async fn a_daemon_with_two_of_three_keys_delivers() -> Result<()> {
    let mut scene = Scene::start().await?;
    without_attesters(&scene, 1)?;
    scene.run().await?;
    let lock: Operation = scene.lock(&scene.devnet.a, "alice", 100 * UNIT, "bob").await?;
    scene.in_phase(&lock, "completed").await?;
    scene.end().await
}

#[tokio::test]
async fn a_daemon_with_one_of_three_keys_says_that_it_needs_two() -> Result<()> {
    let scene = Scene::start().await?;
    without_attesters(&scene, 2)?;
    let output = scene.program.output(&["run"])?;
    let said = String::from_utf8(output.stderr)?;
    assert!(!output.status.success());
    assert!(said.contains("wants 2 of its 3 attesters to sign, this daemon can ask 1"), "{said}");
    Ok(())
}

/// Takes the last `count` attesters out of the configuration.
fn without_attesters(scene: &Scene, count: usize) -> Result<()> {
    let file = scene.devnet.configuration();
    let text = std::fs::read_to_string(&file)?;
    let places: Vec<_> = text.match_indices("\n[attesters.").map(|(place, _)| place).collect();
    let from = places.len().checked_sub(count).and_then(|index| places.get(index)).context("fewer attesters")?;
    std::fs::write(&file, text.split_at(*from).0)?;
    Ok(())
}
