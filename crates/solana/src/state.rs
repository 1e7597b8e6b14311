//! What the gateway has recorded. What signatures rest on is read from a quorum, final, and not before the block that it is asked for: Solana
//! has no past state, so it may be newer, never older.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use solana_pubkey::Pubkey;
use tim3_chain::{
    AttesterSet, BlockRef, Books, ChainError, Direction, Holding, PeerBooks, PositionRecord, RouteState, Slot, State,
};
use tim3_domain::{
    amount::{Rounding, scale},
    identity::{Account, AssetId, GatewayId, MarketId},
    protocol::{RouteFee, Window},
    word::Word,
};
use tim3_rpc::{Call, CallError};
use tim3_solana_interface::{
    accounts::{Asset, Claimable, Market, Mirror, OutgoingPage, Route, SlotPage, WINDOW_MINT, WINDOW_RELEASE},
    external::{mint, token_account},
    protocol::slot,
};

use crate::{
    chain::{integer, is_token},
    connect::Solana,
    link::{Link, Snapshot, asset},
    node::{Commitment, Found, Node, NodeError},
};

/// Slot pages in one request besides the gateway.
const BATCH: usize = 99;

#[async_trait]
impl State for Solana {
    async fn slots(&self, keys: &[(GatewayId, u64)], block: &BlockRef) -> Result<Vec<Slot>, ChainError> {
        let mut slots = Vec::with_capacity(keys.len());
        if keys.is_empty() {
            self.link.verify("slots", block).await?;
        }
        for keys in keys.chunks(BATCH) {
            let link = &self.link;
            let ask = |node: Arc<Node>, least: u64| async move { outcomes(link, &node, keys, least).await };
            slots.extend(self.link.agreed(Call::new("slots").moving(), block, ask).await?);
        }
        Ok(slots)
    }

    async fn refunded(&self, destination: GatewayId, nonce: u64) -> Result<bool, ChainError> {
        let Some(page) = OutgoingPage::of(nonce) else { return Ok(false) };
        let found = self.link.one("refunded", self.link.addresses.outgoing(destination, page)).await?;
        Ok(found.and_then(|data| OutgoingPage::new(data).ok()).is_some_and(|page| page.refunded(nonce)))
    }

    async fn mirror(&self, market: MarketId, owner: Account) -> Result<PositionRecord, ChainError> {
        let found = self.link.one("mirror", self.link.addresses.mirror(market, owner)).await?;
        let mirror = found.and_then(|data| Mirror::new(data).ok());
        Ok(mirror.map_or_else(PositionRecord::default, |mirror| PositionRecord {
            collateral: mirror.collateral(),
            debt: mirror.debt(),
            version: mirror.version(),
        }))
    }

    async fn books(&self, asset: AssetId, peers: &[GatewayId], block: &BlockRef) -> Result<Books, ChainError> {
        let gateway = self.link.gateway("books").await?;
        let reading = Reading::of(&self.link, &gateway, asset, peers)?;
        if reading.keys().count() > BATCH {
            let detail = format!("{} peers do not fit in one reading", peers.len());
            return Err(self.link.transient("books", detail));
        }
        let (link, reading) = (&self.link, &reading);
        let ask = |node: Arc<Node>, least: u64| async move { reading.books(link, &node, least).await };
        self.link.agreed(Call::new("books").moving(), block, ask).await
    }

    async fn window(&self, id: AssetId, direction: Direction) -> Result<Window, ChainError> {
        let gateway = self.link.gateway("window").await?;
        let (_, found) =
            asset(&gateway, id).ok_or_else(|| self.link.rejected("window", format!("UnknownAsset {id}")))?;
        let window = found.window(match direction {
            Direction::Mint => WINDOW_MINT,
            Direction::Release => WINDOW_RELEASE,
        });
        Ok(Window {
            limit: window.limit(),
            available: window.available(),
            period: window.period(),
            updated: window.updated(),
        })
    }

    async fn route(&self, asset: AssetId, peer: GatewayId) -> Result<RouteState, ChainError> {
        let found = self.link.one("route", self.link.addresses.route(asset, peer)).await?;
        let closed = RouteState { enabled: false, min: 0, max: 0, fee: RouteFee::default() };
        Ok(found.and_then(|data| Route::new(data).ok()).map_or(closed, |route| RouteState {
            enabled: route.enabled() == 1,
            min: route.min(),
            max: route.max(),
            fee: RouteFee { flat: route.flat_fee(), bps: route.fee_bps() },
        }))
    }

    async fn pause_level(&self, id: AssetId) -> Result<u8, ChainError> {
        let gateway = self.link.gateway("pause level").await?;
        let (_, found) =
            asset(&gateway, id).ok_or_else(|| self.link.rejected("pause level", format!("UnknownAsset {id}")))?;
        // The chain's clock is at least at the latest time that the gateway has seen.
        let head = self.link.blocks.newest().map_or(0, |block| block.timestamp);
        Ok(found.level_at(head.max(gateway.time())))
    }

    async fn attesters(&self) -> Result<AttesterSet, ChainError> {
        let gateway = self.link.gateway("attesters").await?;
        let signers = gateway.signers().to_vec();
        Ok(AttesterSet { epoch: gateway.epoch(), threshold: gateway.threshold(), signers })
    }

    async fn claimable(&self, account: Account, asset: AssetId) -> Result<u128, ChainError> {
        let found = self.link.one("claimable", self.link.addresses.claimable(account, asset)).await?;
        Ok(found.and_then(|data| Claimable::new(data).ok()).map_or(0, |claimable| claimable.amount()))
    }
}

impl Link {
    /// The bytes of one account of the program, if it is there.
    pub(crate) async fn one(&self, what: &'static str, key: Pubkey) -> Result<Option<Vec<u8>>, ChainError> {
        let found = self.accounts(what, &[key]).await?.into_iter().next().flatten();
        Ok(self.own(found))
    }
}

async fn outcomes(link: &Link, node: &Node, keys: &[(GatewayId, u64)], least: u64) -> Result<Vec<Slot>, NodeError> {
    let address = |(origin, nonce): &(GatewayId, u64)| Some(link.addresses.slots(*origin, SlotPage::of(*nonce)?));
    // What has no page has no outcome.
    let addresses: Vec<_> = keys.iter().map(address).collect();
    let mut distinct: Vec<_> = addresses.iter().flatten().copied().collect();
    distinct.sort_unstable();
    distinct.dedup();
    let (_, _, found) = link.read(node, Commitment::Finalized, least, &distinct).await?;
    let pages: BTreeMap<Pubkey, Vec<u8>> =
        distinct.into_iter().zip(found).filter_map(|(key, found)| Some((key, link.own(found)?))).collect();
    let outcome = |(address, (_, nonce)): (&Option<Pubkey>, &(GatewayId, u64))| {
        let page = address.as_ref().and_then(|address| pages.get(address));
        let outcome = match page {
            None => slot::NONE,
            Some(data) => SlotPage::new(data.as_slice())
                .map_err(|_| CallError::Garbage("a page of outcomes is none".to_owned()))?
                .slot(*nonce),
        };
        match outcome {
            slot::NONE => Ok(Slot::None),
            slot::DONE => Ok(Slot::Done),
            slot::VOID => Ok(Slot::Void),
            other => Err(CallError::Garbage(format!("{other} is no outcome"))),
        }
    };
    addresses.iter().zip(keys).map(outcome).collect()
}

/// The accounts that the books of an asset are in. They are read at once: one answer is of one slot, so they fit each other.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Reading {
    asset: AssetId,
    mint: Pubkey,
    /// The collaterals of the asset's markets, by identity, with the gateway's token accounts.
    collaterals: BTreeMap<AssetId, Pubkey>,
    routes: Vec<Pubkey>,
}

impl Reading {
    fn of(link: &Link, gateway: &Snapshot, id: AssetId, peers: &[GatewayId]) -> Result<Self, ChainError> {
        let unknown = || link.rejected("books", format!("UnknownAsset {id}"));
        let (index, found) = asset(gateway, id).ok_or_else(unknown)?;
        let collaterals = markets(gateway)
            .filter(|market| market.synthetic() == index)
            .filter_map(|market| gateway.asset(market.collateral()))
            .map(|collateral| AssetId(Word(collateral.id())))
            .map(|collateral| (collateral, link.addresses.vault(collateral)));
        Ok(Self {
            asset: id,
            mint: Pubkey::new_from_array(found.mint()),
            collaterals: collaterals.collect(),
            routes: peers.iter().map(|peer| link.addresses.route(id, *peer)).collect(),
        })
    }

    fn keys(&self) -> impl Iterator<Item = Pubkey> {
        std::iter::once(self.mint).chain(self.collaterals.values().copied()).chain(self.routes.iter().copied())
    }

    async fn books(&self, link: &Link, node: &Node, least: u64) -> Result<Books, NodeError> {
        let keys: Vec<_> = self.keys().collect();
        let (_, gateway, found) = link.read(node, Commitment::Finalized, least, &keys).await?;
        let mut found = found.into_iter();
        let Some((index, totals)) = asset(&gateway, self.asset) else {
            return Err(CallError::Behind(format!("the gateway has no asset {} yet", self.asset)));
        };
        let supply = canonical(&totals, found.next().flatten(), mint::SUPPLY)?;
        let mut holdings = Vec::with_capacity(self.collaterals.len());
        for id in self.collaterals.keys() {
            let (place, collateral) =
                asset(&gateway, *id).ok_or_else(|| CallError::Garbage("a collateral is gone".to_owned()))?;
            let recorded = markets(&gateway)
                .filter(|market| market.collateral() == place)
                .fold(0_u128, |sum, market| sum.saturating_add(market.total_collateral()));
            holdings.push(Holding {
                collateral: *id,
                held: canonical(&collateral, found.next().flatten(), token_account::AMOUNT)?,
                recorded,
                claimable: collateral.claimable(),
                pending: 0,
                undebited: 0,
            });
        }
        let own = markets(&gateway).filter(|market| market.synthetic() == index).map(|market| market.collateral());
        let known =
            |place| gateway.asset(place).is_some_and(|asset| self.collaterals.contains_key(&AssetId(Word(asset.id()))));
        if !own.into_iter().all(known) {
            return Err(CallError::Behind("the gateway has another market since".to_owned()));
        }
        let peers = found.map(|found| peer(link, found)).collect::<Result<_, _>>()?;
        Ok(Books {
            minted: totals.minted(),
            burned: totals.burned(),
            debt: totals.debt(),
            bad_debt: totals.bad_debt(),
            claimable: totals.claimable(),
            pending: totals.pending(),
            supply,
            holdings,
            peers,
        })
    }
}

fn markets(gateway: &Snapshot) -> impl Iterator<Item = Market<&[u8]>> {
    (0..gateway.market_count()).filter_map(|index| gateway.market(index))
}

fn peer(link: &Link, found: Option<Found>) -> Result<PeerBooks, NodeError> {
    let Some(data) = link.own(found) else { return Ok(PeerBooks::default()) };
    let route = Route::new(data).map_err(|_| CallError::Garbage("a route is none".to_owned()))?;
    let (sent, refunded, settled, voided) = (route.sent(), route.refunded(), route.settled(), route.voided());
    Ok(PeerBooks { sent, refunded, settled, voided })
}

/// The amount at a place of an account of the token program, in canonical units of the asset, rounded down.
fn canonical(asset: &Asset<&[u8]>, found: Option<Found>, at: usize) -> Result<u128, NodeError> {
    let native = found.filter(is_token).and_then(|found| integer(&found.data, at)).unwrap_or_default();
    scale(native.into(), asset.native_decimals(), asset.decimals(), Rounding::Down)
        .map_err(|error| CallError::Garbage(error.to_string()))
}
