//! What falls, and how far.

use std::{collections::BTreeMap, str::FromStr};

use anyhow::{Context as _, Result, bail};
use tim3_chain::BlockRef;
use tim3_domain::{
    health::Balances,
    identity::{Account, AssetId},
    price::Price,
};
use tim3_ethereum::{Fork, fork::Taken};
use tim3_journal::Journal;
use tim3_keeper::config::Config;

use super::plan::Plan;

/// A price that an operator states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stated(String, Price);

impl FromStr for Stated {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (symbol, price) = text.split_once('=').ok_or("expected SYMBOL=PRICE, for example WETH=1500")?;
        AssetId::from_symbol(symbol).map_err(|error| error.to_string())?;
        Ok(Self(symbol.to_owned(), price.parse().map_err(|error: tim3_domain::DomainError| error.to_string())?))
    }
}

/// A position of a vault market.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Position {
    /// Name of the market.
    pub(super) market: String,
    pub(super) balances: Balances,
}

/// The positions of the markets that are kept, as the chain's events have them.
pub(super) fn positions(plan: &Plan, journal: &dyn Journal) -> Result<Vec<Position>> {
    let mut positions = Vec::new();
    for (_, located) in journal.positions()? {
        let Some(position) = located.event.body.position() else { continue };
        if let Some(market) = plan.markets().find(|market| market.id == position.market) {
            positions.push(Position { market: market.name.clone(), balances: Balances::from(position) });
        }
    }
    Ok(positions)
}

/// The prices of a rehearsal.
pub(super) struct Prices {
    /// In percent; `None` until every position is unhealthy.
    fall: Option<u8>,
    stated: BTreeMap<String, Price>,
    /// Every feed that is needed, with what it answers from now on.
    feeds: BTreeMap<Account, (Taken, i128)>,
    /// Of each collateral, before and after.
    collaterals: BTreeMap<String, [Price; 2]>,
}

impl Prices {
    pub(super) fn new(plan: &Plan, fall: Option<u8>, stated: &[Stated]) -> Result<Self> {
        let stated: BTreeMap<String, Price> =
            stated.iter().map(|Stated(symbol, price)| (symbol.clone(), *price)).collect();
        let known = plan.symbols();
        if let Some(strange) = stated.keys().find(|symbol| !known.contains(*symbol)) {
            let known = known.into_iter().collect::<Vec<_>>().join(", ");
            bail!("--price {strange}=…: no price of it is needed on {}; those of {known} are", plan.original.name);
        }
        let falls = |symbol: &str| {
            stated.contains_key(symbol) || plan.markets().any(|market| market.collateral_symbol == symbol)
        };
        plan.check(falls)?;
        Ok(Self { fall, stated, feeds: BTreeMap::new(), collaterals: BTreeMap::new() })
    }

    /// The prices of all assets that fall or are stated, as they are afterwards.
    pub(super) fn after(&self) -> BTreeMap<String, Price> {
        let mut prices = self.stated.clone();
        prices.extend(self.collaterals.iter().map(|(symbol, [_, after])| (symbol.clone(), *after)));
        prices
    }

    /// Of each collateral, before and after.
    pub(super) fn collaterals(&self) -> &BTreeMap<String, [Price; 2]> {
        &self.collaterals
    }

    /// Takes every feed over, and decides what each answers from now on.
    pub(super) async fn fall(&mut self, fork: &Fork, plan: &Plan, core: &Config, positions: &[Position]) -> Result<()> {
        let mut oracles: BTreeMap<String, Vec<Account>> = BTreeMap::new();
        for market in plan.markets() {
            oracles.entry(market.collateral_symbol.clone()).or_default().extend(fork.feeds(market.id).await?);
        }
        let of_keeper: BTreeMap<String, Vec<Account>> =
            plan.symbols().into_iter().map(|symbol| (symbol.clone(), plan.feeds(&symbol))).collect();
        for feed in oracles.values().chain(of_keeper.values()).flatten() {
            if !self.feeds.contains_key(feed) {
                let taken = fork.take(*feed).await?;
                self.feeds.insert(*feed, (taken, taken.before));
            }
        }
        let feeds_of = |symbol: &str| {
            let (one, other) = (oracles.get(symbol), of_keeper.get(symbol));
            one.into_iter().chain(other).flatten().copied().collect::<Vec<_>>()
        };
        for (symbol, price) in &self.stated {
            set(&mut self.feeds, &feeds_of(symbol), *price);
        }
        let mut before = BTreeMap::new();
        for (symbol, feeds) in &oracles {
            let now = highest(&self.feeds, feeds, |(taken, _)| taken.before);
            let price = match (self.stated.get(symbol), now) {
                (Some(stated), _) => *stated,
                (None, None) => bail!("the oracle of {symbol} says no price: state one with --price {symbol}=PRICE"),
                (None, Some(now)) => match self.fall {
                    Some(percent) => fallen(now, percent),
                    None => lowest(core, symbol, positions)?.map_or(now, |price| price.min(now)),
                },
            };
            before.insert(symbol.clone(), now.unwrap_or(price));
            set(&mut self.feeds, &feeds_of(symbol), price);
        }
        // As the feeds can say it.
        for (symbol, feeds) in &oracles {
            let after = highest(&self.feeds, feeds, |(_, answer)| *answer);
            let after = after.with_context(|| {
                format!("so low a price of {symbol} its feed cannot say: state one with --price {symbol}=PRICE")
            })?;
            self.collaterals.insert(symbol.clone(), [before.get(symbol).copied().unwrap_or(after), after]);
        }
        Ok(())
    }

    /// Every feed says its price, published in `block`.
    pub(super) async fn publish(&self, fork: &Fork, block: &BlockRef) -> Result<()> {
        for (taken, answer) in self.feeds.values() {
            fork.answer(taken, *answer, block).await?;
        }
        Ok(())
    }
}

/// Feeds that several assets share say the lowest of their prices.
fn set(all: &mut BTreeMap<Account, (Taken, i128)>, feeds: &[Account], price: Price) {
    for feed in feeds {
        if let Some((taken, answer)) = all.get_mut(feed) {
            let wanted = taken.answer_for(price);
            let is_set = *answer != taken.before;
            *answer = if is_set { (*answer).min(wanted) } else { wanted };
        }
    }
}

/// What a gateway liquidates at: the highest of its feeds.
fn highest(
    all: &BTreeMap<Account, (Taken, i128)>,
    feeds: &[Account],
    answer: impl Fn(&(Taken, i128)) -> i128,
) -> Option<Price> {
    let prices =
        feeds.iter().filter_map(|feed| all.get(feed)).map(|said| Price::from_answer(answer(said), said.0.decimals));
    prices.collect::<Result<Vec<_>, _>>().ok()?.into_iter().max()
}

/// A price so many percent lower; never nothing.
fn fallen(price: Price, percent: u8) -> Price {
    let left = u128::from(100_u8.saturating_sub(percent));
    // The price is taken in hundredths first, so that nothing overflows.
    let raw = (price.raw() / 100).saturating_mul(left);
    Price::new(raw.max(1)).unwrap_or(Price::ONE)
}

/// The highest price at which every position that this collateral secures is unhealthy; `None` where there is none.
fn lowest(core: &Config, symbol: &str, positions: &[Position]) -> Result<Option<Price>> {
    let mut lowest: Option<Price> = None;
    for (name, market) in core.markets.iter().filter(|(_, market)| market.collateral == symbol) {
        let decimals = core.assets.get(symbol).map_or(0, |asset| asset.decimals);
        let vault = market.vault(name, decimals)?;
        let scales = vault.scales(Price::ONE)?;
        let here = positions.iter().filter(|position| position.market == *name);
        for position in here.filter(|position| position.balances.debt != 0) {
            // At its critical price a position is still healthy.
            let critical = scales.liquidation_price(position.balances, market.terms.liquidation_threshold_bps);
            let below = critical.and_then(|price| Price::new(price.raw().saturating_sub(1)));
            lowest = match (lowest, below) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            };
        }
    }
    Ok(lowest)
}
