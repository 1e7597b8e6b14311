//! What one look at a chain sees.

use std::collections::BTreeMap;

use futures::future::{join_all, try_join_all};
use tim3_chain::{BlockRef, ChainError};
use tim3_domain::{
    identity::{Account, AssetId, MarketKind, OperationId},
    lifecycle::Phase,
    market::MarketTerms,
    price::Price,
};
use tim3_journal::Journal;

use super::{
    Site,
    assemble::Terms,
    flight::Arrival,
    market::{self, Market as Traded, Offers},
    trading::Trading,
};
use crate::config::{Config, Keeper, Market};

/// What an account may hold on a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Held {
    /// What pays for transactions.
    Fees,
    Synthetic(AssetId),
    Collateral(AssetId),
    /// A token that is traded, and what a unit of it counts.
    Token(Account, u128),
}

/// What is looked at on a chain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Scope {
    /// The inventory, by symbol.
    pub(super) held: BTreeMap<String, Held>,
    /// Synthetics of its markets, by symbol.
    pub(super) synthetics: BTreeMap<String, AssetId>,
    /// What is traded there.
    pub(super) traded: Traded,
}

/// What was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sight {
    pub(super) head: BlockRef,
    pub(super) finalized: BlockRef,
    /// What its clock shows, in seconds.
    pub(super) time: u64,
    /// What a liquidation costs.
    pub(super) cost: u128,
    /// Pause levels, by symbol of the synthetic.
    pub(super) levels: BTreeMap<String, u8>,
    /// The inventory, where it was asked for.
    pub(super) holdings: BTreeMap<String, u128>,
    /// What venues and routes offer; or why that is not known.
    pub(super) offers: Result<Offers, String>,
}

/// What is to be looked at on each chain.
pub(super) fn scopes(config: &Config, keeper: &Keeper, trading: &Trading) -> BTreeMap<String, Scope> {
    let mut scopes: BTreeMap<String, Scope> = BTreeMap::new();
    for (name, chain) in &keeper.chains {
        let scope = scopes.entry(name.clone()).or_default();
        scope.held.extend(chain.gas_asset.iter().map(|asset| (asset.clone(), Held::Fees)));
    }
    for market in kept(config, keeper) {
        let scope = scopes.entry(market.home.clone()).or_default();
        scope.held.insert(market.synthetic_symbol.clone(), Held::Synthetic(market.synthetic));
        scope.held.insert(market.collateral_symbol.clone(), Held::Collateral(market.collateral));
        scope.synthetics.insert(market.synthetic_symbol.clone(), market.synthetic);
    }
    let synthetic = |symbol: &str| config.assets.iter().find(|asset| asset.symbol == symbol).map(|asset| asset.id);
    for (symbol, inventory) in &keeper.inventory {
        for target in &inventory.targets {
            if let (Some(asset), Some(scope)) = (synthetic(symbol), scopes.get_mut(&target.chain)) {
                scope.held.insert(symbol.clone(), Held::Synthetic(asset));
            }
        }
    }
    for ((chain, symbol), at) in &trading.tokens {
        let Some(scope) = scopes.get_mut(chain) else { continue };
        scope.held.insert(symbol.clone(), Held::Token(at.token, trading.unit(chain, symbol)));
        if let Some(asset) = synthetic(symbol) {
            scope.synthetics.insert(symbol.clone(), asset);
        }
    }
    for (chain, scope) in &mut scopes {
        scope.traded = Traded::new(chain, config, keeper, trading);
    }
    scopes
}

/// The vault markets among them.
pub(super) fn vaults<'a>(config: &'a Config, keeper: &'a Keeper) -> impl Iterator<Item = &'a Market> {
    kept(config, keeper).filter(|market| market.kind == MarketKind::Vault)
}

/// The markets that are looked after.
pub(super) fn kept<'a>(config: &'a Config, keeper: &'a Keeper) -> impl Iterator<Item = &'a Market> {
    config.markets.iter().filter(|market| keeper.markets.contains(&market.name))
}

/// Looks at a chain; at the inventory only `with_inventory`.
pub(super) async fn look(site: &Site, scope: &Scope, with_inventory: bool) -> Result<Sight, ChainError> {
    let levels = scope.synthetics.iter().map(|(symbol, asset)| async move {
        Ok::<_, ChainError>((symbol.clone(), site.chain.pause_level(*asset).await?))
    });
    let held = scope.held.iter().filter(|_| with_inventory);
    let holdings =
        held.map(|(symbol, held)| async move { Ok::<_, ChainError>((symbol.clone(), holding(site, held).await?)) });
    let tips = site.chain.tips().await?;
    let (time, cost, levels, holdings, offers) = tokio::try_join!(
        site.hands.clock(&tips.head),
        site.hands.liquidation_cost(),
        try_join_all(levels),
        try_join_all(holdings),
        async { Ok(market::look(site, &scope.traded, &tips.head).await) },
    )?;
    Ok(Sight {
        head: tips.head,
        finalized: tips.finalized,
        time,
        cost,
        levels: levels.into_iter().collect(),
        holdings: holdings.into_iter().collect(),
        offers: offers.map_err(|error| error.to_string()),
    })
}

pub(super) async fn holding(site: &Site, held: &Held) -> Result<u128, ChainError> {
    match held {
        Held::Fees => site.hands.fee_balance().await,
        Held::Synthetic(asset) => site.chain.balance(*asset, site.hands.account()).await,
        Held::Collateral(asset) => site.chain.collateral_balance(*asset, site.hands.account()).await,
        Held::Token(token, unit) => Ok(market::holding(site, token).await?.saturating_mul(*unit)),
    }
}

/// What the gateways say of the vault markets, or in words which one does not say.
pub(super) async fn terms(
    config: &Config,
    keeper: &Keeper,
    sites: &BTreeMap<String, Site>,
) -> Result<BTreeMap<String, Terms>, String> {
    each_terms(config, keeper, sites).await.into_iter().map(|(name, terms)| Ok((name, terms?))).collect()
}

/// The same market by market.
pub(super) async fn each_terms(
    config: &Config,
    keeper: &Keeper,
    sites: &BTreeMap<String, Site>,
) -> BTreeMap<String, Result<Terms, String>> {
    let asked = vaults(config, keeper).map(|market| async { (market.name.clone(), terms_of(market, sites).await) });
    join_all(asked).await.into_iter().collect()
}

async fn terms_of(market: &Market, sites: &BTreeMap<String, Site>) -> Result<Terms, String> {
    let name = &market.name;
    let site = sites.get(&market.home).ok_or_else(|| format!("{name}: {} is not kept", market.home))?;
    let found = site.chain.market(market.id).await.map_err(|error| error.to_string())?;
    let state = found.ok_or_else(|| format!("{name}: its gateway has no such market"))?;
    if state.collateral_decimals != market.collateral_decimals {
        let (found, expected) = (state.collateral_decimals, market.collateral_decimals);
        return Err(format!(
            "{name}: its collateral has {found} decimals; correct markets.{name}.collateral_decimals, which is {expected}"
        ));
    }
    let target = site.hands.target(market.synthetic).await.map_err(|error| error.to_string())?;
    let target = Price::new(target).ok_or_else(|| format!("{name}: its synthetic has no target price"))?;
    let terms = MarketTerms {
        max_ltv_bps: state.max_ltv_bps,
        liquidation_threshold_bps: state.liquidation_threshold_bps,
        bonus_bps: state.bonus_bps,
        close_factor_bps: state.close_factor_bps,
        debt_ceiling: state.debt_ceiling,
        dust: state.dust,
    };
    Ok((terms, target))
}

/// How an operation ended, once it has for good.
pub(super) fn arrival(journal: &dyn Journal, id: OperationId) -> Option<Arrival> {
    // What cannot be read now is read again in the next round.
    let record = journal.operation(id).ok()??;
    match record.phase {
        Phase::Completed => Some(Arrival::Arrived(record.operation.amount.saturating_sub(record.operation.fee))),
        Phase::Refunded => Some(Arrival::Returned),
        _ => None,
    }
}
