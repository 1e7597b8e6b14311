//! What the two gateways say happened: locks at the one, mints at the other, joined by nonce.

use std::collections::BTreeMap;

use alloy::{providers::Provider as _, rpc::types::Filter, sol_types::SolEvent as _};
use anyhow::{Context as _, Result, ensure};
use tim3_devnet::{Site, contracts::IGateway};
use tim3_domain::{
    identity::GatewayId,
    protocol::{Event, EventBody},
    word::words_of,
};

/// Logs are read in pieces of so many blocks.
const PIECE: u64 = 500;

/// An operation as the chains tell of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Carried {
    /// Block of the lock.
    pub(crate) locked: u64,
    /// Block of the mint.
    pub(crate) minted: u64,
    /// Transaction of the mint.
    pub(crate) transaction: String,
}

/// Where a chain stood when a phase began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Begin {
    pub(crate) a: u64,
    pub(crate) b: u64,
}

impl Begin {
    /// Now.
    pub(crate) async fn now(a: &Site, b: &Site) -> Result<Self> {
        Ok(Self { a: a.height().await?.saturating_add(1), b: b.height().await?.saturating_add(1) })
    }
}

/// Every operation that was minted since `minted`, of those locked since `locked`. Fails where one was minted twice, or never locked.
pub(crate) async fn carried(a: &Site, b: &Site, locked: u64, minted: u64) -> Result<Vec<Carried>> {
    let mut locks = BTreeMap::new();
    for (height, _, event) in events(a, locked).await? {
        if let Some(operation) = event.body.started().filter(|operation| operation.destination == b.deployment.id) {
            locks.insert(operation.nonce, height);
        }
    }
    let mut mints = BTreeMap::new();
    for (height, transaction, event) in events(b, minted).await? {
        if let EventBody::Minted { outcome, .. } = event.body {
            let carried = Carried {
                locked: *locks.get(&outcome.nonce).with_context(|| format!("{} was never locked", outcome.nonce))?,
                minted: height,
                transaction,
            };
            ensure!(mints.insert(outcome.nonce, carried).is_none(), "{} was minted twice", outcome.nonce);
        }
    }
    Ok(mints.into_values().collect())
}

/// How many operations `from` has sent to `to` and how many of those `to` has settled, each of one unit.
pub(crate) async fn sent_and_settled(from: &Site, to: &Site, unit: u128) -> Result<(u128, u128)> {
    let asset = tim3_devnet::site::synthetic()?;
    let id = |gateway: GatewayId| gateway.0.0.into();
    let sent = from.gateway().peerTotals(asset, id(to.deployment.id)).call().await?.sent;
    let settled = to.gateway().peerTotals(asset, id(from.deployment.id)).call().await?.settled;
    Ok((sent.checked_div(unit).context("no unit")?, settled.checked_div(unit).context("no unit")?))
}

/// The gateway's events from a block on, with block and transaction.
pub(crate) async fn events(site: &Site, mut from: u64) -> Result<Vec<(u64, String, Event)>> {
    let head = site.height().await?;
    let mut events = Vec::new();
    while from <= head {
        let to = from.saturating_add(PIECE).min(head);
        let filter = Filter::new()
            .address(site.deployment.gateway)
            .event_signature(IGateway::Event::SIGNATURE_HASH)
            .from_block(from)
            .to_block(to);
        for log in site.provider().get_logs(&filter).await? {
            let height = log.block_number.context("a log without block")?;
            let transaction = log.transaction_hash.context("a log without transaction")?.to_string();
            let IGateway::Event { sequence, kind, timestamp, body } = log.log_decode()?.inner.data;
            let body = EventBody::decode(kind, &words_of("event body", &body)?)?;
            events.push((height, transaction, Event { sequence, timestamp, body }));
        }
        from = to.saturating_add(1);
    }
    Ok(events)
}
