//! What is traded with: venues and tokens of the configuration, as the chains have them.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use tim3_chain::{ChainError, Keeper as Hands, Move, PoolAt, TokenAt, Trade, TradeStep, Trader, Transaction, Via};
use tim3_domain::{
    amount::SYNTHETIC_DECIMALS,
    identity::{Account, AssetId, GatewayId, MarketId, MarketKind},
};
use tim3_keeper::{
    Action,
    arbitrage::{Order, Size, Transfer},
};

use super::{Site, world::kept};
use crate::config::{Config, Keeper, KeeperVenue};

/// Of a transfer, a route may take one part in so many at most.
const MOST_FEE: u128 = 100;

/// Where one asset is exchanged for another.
#[derive(Clone, Debug)]
pub(super) struct Venue {
    pub(super) chain: String,
    /// Symbols of its two assets: base and quote of a pool, collateral and synthetic of a reserve market.
    pub(super) assets: [String; 2],
    pub(super) way: Way,
}

#[derive(Clone, Debug)]
pub(super) enum Way {
    /// A pool; `is_turned` where its own first token is the quote.
    Pool { at: PoolAt, is_turned: bool },
    /// A reserve market.
    Par { market: MarketId, synthetic: AssetId },
}

/// Everything that is traded with, by the names of the configuration.
#[derive(Clone, Debug, Default)]
pub(super) struct Trading {
    /// By name.
    pub(super) venues: BTreeMap<String, Venue>,
    /// By chain and symbol.
    pub(super) tokens: BTreeMap<(String, String), Account>,
    /// Decimals in which amounts are counted, by symbol.
    pub(super) decimals: BTreeMap<String, u8>,
    /// Gateways and the keepers' accounts, by chain.
    pub(super) places: BTreeMap<String, (GatewayId, Account)>,
    /// How long a signed trade may happen.
    deadline: Duration,
}

impl Trading {
    /// Asks the chains, and compares what they say with the configuration.
    ///
    /// # Errors
    /// In words: what does not fit, or which chain does not answer.
    pub(super) async fn learn(
        config: &Config,
        keeper: &Keeper,
        sites: &BTreeMap<String, Site>,
    ) -> Result<Self, String> {
        let mut trading = Self { deadline: keeper.arbitrage.deadline, ..Self::default() };
        for (name, site) in sites {
            trading.places.insert(name.clone(), (site.chain.gateway(), site.hands.account()));
        }
        for (name, venue) in &keeper.venues {
            let told = |error: ChainError| format!("keeper.venues.{name}: {error}");
            let trader = trader_of(sites, &venue.chain)?;
            let at = PoolAt { pool: venue.pool, router: venue.router, fee: venue.fee };
            let tokens = trader.pool(&at).await.map_err(told)?;
            let quote = trader.token_of(asset(&venue.quote)?).await.map_err(told)?;
            let (base, is_turned) = match tokens {
                [one, other] if other == quote => (one, false),
                [one, other] if one == quote => (other, true),
                _ => return Err(format!("keeper.venues.{name}: {} is not in the pool", venue.quote)),
            };
            check_base(trader, name, venue, base).await?;
            trading.add_token(&venue.chain, &venue.base, base)?;
            trading.add_token(&venue.chain, &venue.quote, quote)?;
            let assets = [venue.base.clone(), venue.quote.clone()];
            let way = Way::Pool { at, is_turned };
            trading.venues.insert(name.clone(), Venue { chain: venue.chain.clone(), assets, way });
        }
        for market in kept(config, keeper).filter(|market| market.kind == MarketKind::Reserve) {
            let told = |error: ChainError| format!("keeper.markets.{}: {error}", market.name);
            let trader = trader_of(sites, &market.home)?;
            let collateral = trader.token_of(market.collateral).await.map_err(told)?;
            let synthetic = trader.token_of(market.synthetic).await.map_err(told)?;
            trading.add_token(&market.home, &market.collateral_symbol, collateral)?;
            trading.add_token(&market.home, &market.synthetic_symbol, synthetic)?;
            let assets = [market.collateral_symbol.clone(), market.synthetic_symbol.clone()];
            let way = Way::Par { market: market.id, synthetic: market.synthetic };
            trading.venues.insert(market.name.clone(), Venue { chain: market.home.clone(), assets, way });
        }
        trading.check_decimals(config, keeper)?;
        Ok(trading)
    }

    fn add_token(&mut self, chain: &str, symbol: &str, at: TokenAt) -> Result<(), String> {
        let place = (chain.to_owned(), symbol.to_owned());
        if self.tokens.insert(place, at.token).is_some_and(|before| before != at.token) {
            return Err(format!("{symbol} is two different tokens on {chain}: give one of them another symbol"));
        }
        let decimals = *self.decimals.entry(symbol.to_owned()).or_insert(at.decimals);
        if decimals == at.decimals {
            return Ok(());
        }
        let found = at.decimals;
        Err(format!(
            "{symbol} has {found} decimals on {chain} and {decimals} elsewhere, and trades between the two are not supported"
        ))
    }

    /// Synthetics are counted in canonical units everywhere, and collaterals of vaults where they are liquidated.
    fn check_decimals(&self, config: &Config, keeper: &Keeper) -> Result<(), String> {
        let is = |symbol: &str, canonical: u8| self.decimals.get(symbol).is_none_or(|found| *found == canonical);
        let refuse = |symbol: &str| {
            Err(format!("the token of {symbol} has other decimals than its canonical ones, and it cannot be traded"))
        };
        if let Some(asset) = config.assets.iter().find(|asset| !is(&asset.symbol, SYNTHETIC_DECIMALS)) {
            return refuse(&asset.symbol);
        }
        let mut vaults = kept(config, keeper).filter(|market| market.kind == MarketKind::Vault);
        vaults
            .find(|market| !is(&market.collateral_symbol, market.collateral_decimals))
            .map_or(Ok(()), |market| refuse(&market.collateral_symbol))
    }

    /// Tokens that are traded on a chain.
    pub(super) fn tokens_on(&self, chain: &str) -> Vec<Account> {
        let tokens: BTreeSet<Account> =
            self.tokens.iter().filter(|((here, _), _)| here == chain).map(|(_, token)| *token).collect();
        tokens.into_iter().collect()
    }

    /// The symbol of a token on a chain, if it is one that is traded.
    pub(super) fn symbol(&self, chain: &str, token: &Account) -> Option<&str> {
        let mut found = self.tokens.iter().filter(|((here, _), one)| here == chain && *one == token);
        found.next().map(|((_, symbol), _)| symbol.as_str())
    }

    /// The steps through `venues`, beginning with `from`.
    fn steps(&self, chain: &str, venues: &[String], from: &str) -> Result<Vec<TradeStep>, String> {
        let mut asset = from.to_owned();
        let mut steps = Vec::new();
        for name in venues {
            let gone = || format!("the venue {name} is not configured for {asset} on {chain} any more");
            let venue = self.venues.get(name).filter(|venue| venue.chain == chain).ok_or_else(gone)?;
            let to = match &venue.assets {
                [base, quote] if *base == asset => quote.clone(),
                [base, quote] if *quote == asset => base.clone(),
                _ => return Err(gone()),
            };
            let token =
                |symbol: &String| self.tokens.get(&(chain.to_owned(), symbol.clone())).copied().ok_or_else(gone);
            let via = match &venue.way {
                Way::Pool { at, .. } => Via::Pool { pool: at.pool, router: at.router },
                Way::Par { market, .. } => Via::Par(*market),
            };
            steps.push(TradeStep { via, from: token(&asset)?, to: token(&to)? });
            asset = to;
        }
        Ok(steps)
    }

    /// Simulates and signs an action that trades or transfers; `time` is the chain's.
    ///
    /// # Errors
    /// In words, why it cannot be done.
    pub(super) async fn sign(&self, hands: &dyn Hands, action: &Action, time: u64) -> Result<Transaction, String> {
        let trader = hands.trader().ok_or("this kind of chain has no trading yet")?;
        let deadline = time.saturating_add(self.deadline.as_secs());
        let told = |error: ChainError| error.to_string();
        match action {
            Action::Swap(trade) => {
                let first = trade.legs.first().ok_or("a trade without a step")?;
                let size = Size::Sell { input: trade.input, min_output: trade.min_output };
                let venues: Vec<String> = trade.legs.iter().map(|leg| leg.venue.clone()).collect();
                let steps = self.steps(&first.chain, &venues, &first.from)?;
                trader.prepare_trade(&Trade { steps, size, deadline }).await.map_err(told)
            }
            Action::Open { order, .. } | Action::Close(order) | Action::Hedge(order) => {
                let Order { chain, venues, from, size, .. } = order;
                let steps = self.steps(chain, venues, from)?;
                trader.prepare_trade(&Trade { steps, size: *size, deadline }).await.map_err(told)
            }
            Action::Transfer(Transfer { asset: symbol, to, amount, .. }) => {
                let (destination, recipient) =
                    *self.places.get(to).ok_or_else(|| format!("{to} is not kept any more"))?;
                let (asset, amount) = (asset(symbol)?, *amount);
                // Inventory is not moved over a route that takes more than a hundredth of it.
                let transfer = Move { asset, amount, destination, recipient, max_fee: amount / MOST_FEE };
                trader.prepare_transfer(&transfer).await.map_err(told)
            }
            Action::Liquidate { .. } => Err("a liquidation is no trade".to_owned()),
        }
    }
}

fn trader_of<'a>(sites: &'a BTreeMap<String, Site>, chain: &str) -> Result<&'a dyn Trader, String> {
    let site = sites.get(chain).ok_or_else(|| format!("{chain} is not kept"))?;
    site.hands.trader().ok_or_else(|| format!("there is no trading on {chain} yet, which is a chain of another kind"))
}

fn asset(symbol: &str) -> Result<AssetId, String> {
    AssetId::from_symbol(symbol).map_err(|error| error.to_string())
}

/// That the pool's other token is the one that is meant.
async fn check_base(trader: &dyn Trader, name: &str, venue: &KeeperVenue, found: TokenAt) -> Result<(), String> {
    let expected = match venue.base_token {
        Some(token) => token,
        None => match trader.token_of(asset(&venue.base)?).await {
            Ok(at) => at.token,
            Err(ChainError::Rejected { .. }) => {
                let base = &venue.base;
                return Err(format!("keeper.venues.{name}: the gateway has no {base}; name its token in base_token"));
            }
            Err(error) => return Err(format!("keeper.venues.{name}: {error}")),
        },
    };
    if found.token == expected {
        return Ok(());
    }
    Err(format!("keeper.venues.{name}: the pool has {}, and {} is {expected}", found.token, venue.base))
}
