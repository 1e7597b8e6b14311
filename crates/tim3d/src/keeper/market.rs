//! What one look at a chain sees of what is traded there: pools, par, and how much may leave.

use std::collections::BTreeMap;

use futures::future::try_join_all;
use tim3_chain::{BlockRef, ChainError, Direction, RouteState};
use tim3_domain::identity::{Account, AssetId, GatewayId, MarketId};

use super::{
    Site,
    trading::{Trading, Way},
};
use crate::config::{Config, Keeper};

/// What is traded on a chain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Market {
    /// Names of pools with their accounts, whether each one's first token is the quote, and what units of base and quote count.
    pools: Vec<(String, Account, bool, [u128; 2])>,
    /// Names of reserve markets.
    reserves: Vec<(String, MarketId, AssetId)>,
    /// Synthetics of which there is an inventory here.
    moved: Vec<(String, AssetId)>,
    /// Where else there is one: the synthetic, the name of the chain, and its gateway.
    peers: Vec<(String, AssetId, String, GatewayId)>,
}

/// What was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Offers {
    /// What a step of a trade costs.
    pub(super) step: u128,
    /// Base and quote of each pool, by name.
    pub(super) pools: BTreeMap<String, (u128, u128)>,
    /// What may be minted and redeemed at par, by name.
    pub(super) reserves: BTreeMap<String, (u128, u128)>,
    /// How much of a synthetic may come in now, by symbol.
    pub(super) rooms: BTreeMap<String, u128>,
    /// The most that a route takes, by symbol and name of the peer.
    pub(super) routes: BTreeMap<(String, String), u128>,
}

impl Market {
    pub(super) fn new(chain: &str, config: &Config, keeper: &Keeper, trading: &Trading) -> Self {
        let mut market = Self::default();
        for (name, venue) in trading.venues.iter().filter(|(_, venue)| venue.chain == chain) {
            match &venue.way {
                Way::Pool { at, is_turned } => {
                    let units = venue.assets.each_ref().map(|symbol| trading.unit(chain, symbol));
                    market.pools.push((name.clone(), at.pool, *is_turned, units));
                }
                Way::Par { market: id, synthetic } => market.reserves.push((name.clone(), *id, *synthetic)),
            }
        }
        for (symbol, inventory) in &keeper.inventory {
            let Some(asset) = config.assets.iter().find(|asset| asset.symbol == *symbol) else { continue };
            let names = inventory.targets.iter().map(|target| &target.chain);
            if names.clone().any(|name| name == chain) {
                let peers = names.filter(|name| *name != chain);
                let peer = |name: &String| Some((symbol.clone(), asset.id, name.clone(), trading.places.get(name)?.0));
                market.peers.extend(peers.filter_map(peer));
                market.moved.push((symbol.clone(), asset.id));
            }
        }
        market
    }

    fn is_empty(&self) -> bool {
        self.pools.is_empty() && self.reserves.is_empty() && self.moved.is_empty()
    }
}

/// Looks at `block`, the newest one; at pools as a quorum sees them.
pub(super) async fn look(site: &Site, market: &Market, block: &BlockRef) -> Result<Offers, ChainError> {
    if market.is_empty() {
        return Ok(Offers::default());
    }
    let time = block.timestamp;
    let reserves = market.reserves.iter().map(|(name, id, synthetic)| async move {
        Ok::<_, ChainError>((name.clone(), par(site, *id, *synthetic, time).await?))
    });
    let rooms = market.moved.iter().map(|(symbol, asset)| async move {
        Ok::<_, ChainError>((symbol.clone(), room(site, *asset, Direction::Mint, time).await?))
    });
    let routes = market.peers.iter().map(|(symbol, asset, peer, gateway)| async move {
        let RouteState { enabled, max, .. } = site.chain.route(*asset, *gateway).await?;
        Ok::<_, ChainError>(((symbol.clone(), peer.clone()), if enabled { max } else { 0 }))
    });
    let (pools, reserves, rooms, routes) = tokio::try_join!(
        pools(site, market, block),
        try_join_all(reserves),
        try_join_all(rooms),
        try_join_all(routes)
    )?;
    let step = match site.hands.trader() {
        Some(trader) => trader.step_cost().await?,
        None => 0,
    };
    Ok(Offers {
        step,
        pools,
        reserves: reserves.into_iter().collect(),
        rooms: rooms.into_iter().collect(),
        routes: routes.into_iter().collect(),
    })
}

async fn pools(site: &Site, market: &Market, block: &BlockRef) -> Result<BTreeMap<String, (u128, u128)>, ChainError> {
    let Some(trader) = site.hands.trader() else { return Ok(BTreeMap::new()) };
    let accounts: Vec<Account> = market.pools.iter().map(|(_, pool, ..)| *pool).collect();
    let found = trader.reserves(&accounts, block).await?;
    let named = market.pools.iter().zip(found).map(|((name, _, is_turned, [base, quote]), [one, other])| {
        let (held, owed) = if *is_turned { (other, one) } else { (one, other) };
        (name.clone(), (held.saturating_mul(*base), owed.saturating_mul(*quote)))
    });
    Ok(named.collect())
}

/// What a reserve market mints and redeems now, in the synthetic.
async fn par(site: &Site, market: MarketId, synthetic: AssetId, time: u64) -> Result<(u128, u128), ChainError> {
    let Some(state) = site.chain.market(market).await? else { return Ok((0, 0)) };
    let released = room(site, synthetic, Direction::Release, time).await?;
    Ok((state.debt_ceiling.saturating_sub(state.debt), state.debt.min(released)))
}

/// What a window lets pass now.
async fn room(site: &Site, asset: AssetId, direction: Direction, time: u64) -> Result<u128, ChainError> {
    let window = site.chain.window(asset, direction).await?;
    Ok(u128::try_from(window.available_at(time)).unwrap_or_default())
}

/// What the account holds of a token.
pub(super) async fn holding(site: &Site, token: &Account) -> Result<u128, ChainError> {
    match site.hands.trader() {
        Some(trader) => Ok(trader.holdings(&[*token]).await?.into_iter().sum()),
        None => Ok(0),
    }
}
