//! What the validator does by itself: plain transfers, signed with whatever blockhash is recent, as fast as it takes them.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use solana_system_interface::instruction::transfer;
use tim3_domain::word::keccak_text;
use tim3_rpc::{JsonRpc, Request};
use tim3_solana::{
    Keypair, Signer as _,
    message::{Budget, message, sign},
};
use tokio::time::{Instant, sleep};

use crate::statistic::{Hundredths, Quantiles};

/// Transactions in one request.
const BATCH: u64 = 100;
/// What a transfer may use.
const UNITS: u32 = 1_000;
/// What an account must have, so that each transfer leaves one that may be.
const RENT_FREE: u64 = 2_000_000;

/// Asks a node one thing.
pub(super) async fn ask(client: &JsonRpc, method: &'static str, params: Value) -> Result<Value> {
    let answers = client.batch::<()>(&[Request::new(method, params)]).await;
    let answers = answers.map_err(|error| anyhow::anyhow!("{method}: {error:?}"))?;
    let answer = answers.into_iter().next().with_context(|| format!("{method}: no answer"))?;
    answer.map_err(|fault| anyhow::anyhow!("{method}: {fault}"))
}

async fn blockhash(client: &JsonRpc) -> Result<String> {
    let found = ask(client, "getLatestBlockhash", json!([{"commitment": "confirmed"}])).await?;
    let hash = found.pointer("/value/blockhash").and_then(Value::as_str);
    hash.map(str::to_owned).context("no blockhash")
}

async fn balance(client: &JsonRpc, key: &Keypair) -> Result<u64> {
    let found = ask(client, "getBalance", json!([key.pubkey().to_string(), {"commitment": "confirmed"}])).await?;
    found.get("value").and_then(Value::as_u64).context("no balance")
}

/// A transfer that differs from all others by its amount of compute units.
fn transfer_of_one(payer: &Keypair, to: &Keypair, serial: u64, hash: &str) -> Result<Request> {
    let units = UNITS.saturating_add(u32::try_from(serial % 1_000_000)?);
    let lamports = if serial == 0 { RENT_FREE } else { 1 };
    let instruction = transfer(&payer.pubkey(), &to.pubkey(), lamports);
    let message = message(&payer.pubkey(), &[instruction], Budget { units, price: 0 }, hash.parse()?, &[]);
    let signed = sign(message.context("no message")?, &[payer], 0).context("not signed")?;
    let config = json!({"encoding": "base64", "skipPreflight": true, "maxRetries": 0});
    Ok(Request::new("sendTransaction", json!([BASE64_STANDARD.encode(signed.raw), config])))
}

/// How many transfers a second are confirmed when more are sent than the validator takes, for `duration`.
pub(super) async fn transfers(client: &JsonRpc, payer: &Keypair, duration: Duration) -> Result<Hundredths> {
    let sink = Keypair::new_from_array(keccak_text("tim3 load sink").0);
    send(client, payer, &sink, 0..1).await?;
    while balance(client, &sink).await? == 0 {
        sleep(Duration::from_millis(20)).await;
    }
    let begun = Instant::now();
    let before = balance(client, &sink).await?;
    let mut next = 1;
    while begun.elapsed() < duration {
        let end = u64::saturating_add(next, BATCH);
        send(client, payer, &sink, next..end).await?;
        next = end;
    }
    let (elapsed, after) = (begun.elapsed(), balance(client, &sink).await?);
    ensure!(after > before, "no transfer was confirmed");
    Ok(Hundredths::rate(after.saturating_sub(before), elapsed))
}

async fn send(client: &JsonRpc, payer: &Keypair, to: &Keypair, serials: std::ops::Range<u64>) -> Result<()> {
    let hash = blockhash(client).await?;
    let requests = serials.map(|serial| transfer_of_one(payer, to, serial, &hash)).collect::<Result<Vec<_>>>()?;
    client.batch::<()>(&requests).await.map_err(|error| anyhow::anyhow!("sendTransaction: {error:?}"))?;
    Ok(())
}

/// The time until the node accepts a transfer.
pub(super) async fn accepted(client: &JsonRpc, payer: &Keypair, count: u64) -> Result<Quantiles> {
    let sink = Keypair::new_from_array(keccak_text("tim3 load sink").0);
    let hash = blockhash(client).await?;
    let mut times = Vec::new();
    for serial in 500_000..500_000_u64.saturating_add(count) {
        let request = transfer_of_one(payer, &sink, serial, &hash)?;
        let begun = Instant::now();
        client.batch::<()>(&[request]).await.map_err(|error| anyhow::anyhow!("sendTransaction: {error:?}"))?;
        times.push(begun.elapsed());
    }
    Ok(Quantiles::of(times))
}
