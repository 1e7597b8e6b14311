//! What the gateway has recorded. What signatures rest on is read from a quorum of compute units that have all seen the block: AO has no past
//! state, so it may be newer, never older.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use serde::Deserialize;
use tim3_chain::{
    AttesterSet, BlockRef, Books, ChainError, Direction, Holding, PeerBooks, PositionRecord, RouteState, Slot, State,
};
use tim3_domain::{
    amount::{Rounding, scale},
    identity::{Account, AssetId, GatewayId, MarketId},
    protocol::{RouteFee, Window},
    word::Word,
};
use tim3_rpc::{Call, CallError, Http};

use crate::{
    assets::{AssetRecord, Assets, MarketRecord, Markets},
    connect::{Ao, attester_set},
    id::Id,
    link::{Link, garbage},
    network::balance,
    units::{
        UnitError,
        compute::{self, Trial},
    },
    view::{Number, Query, Signed, many, part},
};

/// Views in one request, at most.
const BATCH: usize = 100;

/// A position or a mirror.
#[derive(Debug, Deserialize)]
pub(crate) struct Position {
    collateral: Number<u128>,
    debt: Number<u128>,
    version: Number<u64>,
}

impl From<Position> for PositionRecord {
    fn from(position: Position) -> Self {
        let Position { collateral, debt, version } = position;
        Self { collateral: collateral.0, debt: debt.0, version: version.0 }
    }
}

#[derive(Debug, Deserialize)]
struct Slots {
    slots: Vec<Number<u8>>,
}

#[derive(Debug, Deserialize)]
struct Refunded {
    refunded: bool,
}

#[derive(Debug, Deserialize)]
struct WindowView {
    limit: Number<u128>,
    period: Number<u64>,
    available: Signed,
    updated: Number<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RouteView {
    pub(crate) enabled: bool,
    pub(crate) min: Number<u128>,
    pub(crate) max: Number<u128>,
    pub(crate) flat_fee: Number<u128>,
    pub(crate) fee_bps: Number<u16>,
    pub(crate) evm: bool,
}

#[derive(Debug, Deserialize)]
struct Level {
    level: Number<u8>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Attesters {
    pub(crate) epoch: Number<u64>,
    pub(crate) threshold: Number<u8>,
    pub(crate) signers: Vec<Word>,
}

#[derive(Debug, Deserialize)]
struct Amount {
    amount: Number<u128>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Totals {
    minted: Number<u128>,
    burned: Number<u128>,
    debt: Number<u128>,
    bad_debt: Number<u128>,
    claimable: Number<u128>,
    pending: Number<u128>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct BooksView {
    #[serde(flatten)]
    totals: Totals,
    supply: Number<u128>,
    peers: Vec<PeerTotals>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct PeerTotals {
    sent: Number<u128>,
    refunded: Number<u128>,
    settled: Number<u128>,
    voided: Number<u128>,
}

#[async_trait]
impl State for Ao {
    async fn slots(&self, keys: &[(GatewayId, u64)], block: &BlockRef) -> Result<Vec<Slot>, ChainError> {
        if keys.is_empty() {
            self.link.verify("slots", block).await?;
        }
        let mut slots = Vec::with_capacity(keys.len());
        for keys in keys.chunks(BATCH) {
            let ask = |cu: Arc<Http>, least: u64| async move { outcomes(&self.link, &cu, keys, least).await };
            slots.extend(self.link.agreed(Call::new("slots").moving(), block, ask).await?);
        }
        Ok(slots)
    }

    async fn refunded(&self, destination: GatewayId, nonce: u64) -> Result<bool, ChainError> {
        let query = Query::new("Refunded").with("Destination", destination).with("Nonce", nonce);
        Ok(self.link.view::<Refunded>("refunded", query).await?.refunded)
    }

    async fn mirror(&self, market: MarketId, owner: Account) -> Result<PositionRecord, ChainError> {
        let query = Query::new("Mirror").with("Market", market).with("Position-Owner", owner);
        Ok(self.link.view::<Position>("mirror", query).await?.into())
    }

    async fn books(&self, asset: AssetId, peers: &[GatewayId], block: &BlockRef) -> Result<Books, ChainError> {
        let link = &self.link;
        let ask = |cu: Arc<Http>, least: u64| async move { books(link, &cu, asset, peers, least).await };
        link.agreed(Call::new("books").moving(), block, ask).await
    }

    async fn window(&self, asset: AssetId, direction: Direction) -> Result<Window, ChainError> {
        let kind = match direction {
            Direction::Mint => 1,
            Direction::Release => 2,
        };
        let query = Query::new("Window").with("Asset", asset).with("Kind", kind);
        let WindowView { limit, period, available, updated } = self.link.view("window", query).await?;
        Ok(Window { limit: limit.0, period: period.0, available: available.0, updated: updated.0 })
    }

    async fn route(&self, asset: AssetId, peer: GatewayId) -> Result<RouteState, ChainError> {
        let route: RouteView =
            self.link.view("route", Query::new("Route").with("Asset", asset).with("Gateway", peer)).await?;
        let fee = RouteFee { flat: route.flat_fee.0, bps: route.fee_bps.0 };
        Ok(RouteState { enabled: route.enabled, min: route.min.0, max: route.max.0, fee })
    }

    async fn pause_level(&self, asset: AssetId) -> Result<u8, ChainError> {
        let query = Query::new("PauseLevel").with("Asset", asset);
        Ok(self.link.view::<Level>("pause level", query).await?.level.0)
    }

    async fn attesters(&self) -> Result<AttesterSet, ChainError> {
        self.link.attesters().await
    }

    async fn claimable(&self, account: Account, asset: AssetId) -> Result<u128, ChainError> {
        let query = Query::new("Claimable").with("Account", account).with("Asset", asset);
        Ok(self.link.view::<Amount>("claimable", query).await?.amount.0)
    }
}

impl Link {
    /// The gateway's attesters, by the addresses that the configuration gives to their wallets. One whose wallet is not known there is left
    /// out: nobody here can ask it.
    pub(crate) async fn attesters(&self) -> Result<AttesterSet, ChainError> {
        let Attesters { epoch, threshold, signers } = self.view("attesters", Query::new("Attesters")).await?;
        Ok(attester_set(&self.config, epoch.0, threshold.0, &signers))
    }
}

async fn outcomes(link: &Link, cu: &Http, keys: &[(GatewayId, u64)], least: u64) -> Result<Vec<Slot>, UnitError> {
    let query = |(origin, nonce): &(GatewayId, u64)| Query::new("Slots").with("Origin", origin).with("Nonce", nonce);
    let queries: Vec<_> = keys.iter().map(query).collect();
    let answers = many(cu, link.process(), &queries).await?.since(least)?;
    let slot = |index: usize| match part::<Slots>(&answers, index)?.slots.as_slice() {
        [Number(0)] => Ok(Slot::None),
        [Number(1)] => Ok(Slot::Done),
        [Number(2)] => Ok(Slot::Void),
        other => Err(garbage(format!("{other:?} is no outcome"))),
    };
    (0..keys.len()).map(slot).collect()
}

/// The gateway's books and what tokens say of its collateral. These are other processes: the gateway is read before and after them, and only
/// where it stayed the same do they belong together.
async fn books(link: &Link, cu: &Http, asset: AssetId, peers: &[GatewayId], least: u64) -> Result<Books, UnitError> {
    let gateways: Vec<String> = peers.iter().map(ToString::to_string).collect();
    let views = [
        Query::new("Books").with("Asset", asset).with("Gateways", gateways.join(",")),
        Query::new("Markets"),
        Query::new("Assets"),
    ];
    let before = many(cu, link.process(), &views).await?.since(least)?;
    let (markets, assets): (Markets, Assets) = (part(&before, 1)?, part(&before, 2)?);
    let collaterals = markets.collaterals_of(asset);
    let mut balances = BTreeMap::new();
    for record in assets.of(&collaterals) {
        balances.insert(record.id, held(link, cu, record).await?);
    }
    let totals = collaterals.iter().map(|collateral| Query::new("Totals").with("Asset", collateral));
    let queries: Vec<_> = views.iter().cloned().chain(totals).collect();
    let after = many(cu, link.process(), &queries).await?.since(least)?;
    if before.get(..2) != after.get(..2) {
        return Err(CallError::Behind("the gateway changed while its tokens were read".to_owned()));
    }
    let found: BooksView = part(&after, 0)?;
    if found.peers.len() != peers.len() {
        return Err(garbage(format!("books towards {} peers, asked for {}", found.peers.len(), peers.len())));
    }
    let mut holdings = Vec::with_capacity(collaterals.len());
    for (index, collateral) in (views.len()..).zip(&collaterals) {
        let totals: Totals = part(&after, index)?;
        let held = balances.get(collateral).copied();
        holdings.push(Holding {
            collateral: *collateral,
            held: held.ok_or_else(|| garbage(format!("a market has the unknown collateral {collateral}")))?,
            recorded: recorded(&markets.markets, *collateral)?,
            claimable: totals.claimable.0,
            pending: totals.pending.0,
            // The token may not have debited any of it yet; where it has, what is held is as much lower.
            undebited: totals.pending.0,
        });
    }
    let peer = |totals: &PeerTotals| PeerBooks {
        sent: totals.sent.0,
        refunded: totals.refunded.0,
        settled: totals.settled.0,
        voided: totals.voided.0,
    };
    Ok(Books {
        minted: found.totals.minted.0,
        burned: found.totals.burned.0,
        debt: found.totals.debt.0,
        bad_debt: found.totals.bad_debt.0,
        claimable: found.totals.claimable.0,
        pending: found.totals.pending.0,
        supply: found.supply.0,
        holdings,
        peers: found.peers.iter().map(peer).collect(),
    })
}

/// What a token says that the gateway holds, in canonical units, rounded down.
async fn held(link: &Link, cu: &Http, record: &AssetRecord) -> Result<u128, UnitError> {
    let process: Id = link.process();
    let trial = Trial::new(&[("Action", "Balance"), ("Recipient", &process.to_string())]);
    let native = balance(&compute::dry_run(cu, record.token, &trial).await?)?;
    scale(native, record.native_decimals.0, record.decimals.0, Rounding::Down)
        .map_err(|error| garbage(error.to_string()))
}

/// Collateral of all positions, over all markets.
fn recorded(markets: &[MarketRecord], collateral: AssetId) -> Result<u128, UnitError> {
    let of = markets.iter().filter(|market| market.collateral == collateral);
    let sum = of.map(|market| market.total_collateral.0).try_fold(0_u128, u128::checked_add);
    sum.ok_or_else(|| garbage("more collateral than fits in 128 bits"))
}
