//! What is traded with: venues and tokens of the configuration, as the chains have them.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use tim3_chain::{
    ChainError, Keeper as Hands, Liquidate, Move, PoolAt, TokenAt, Trade, TradeStep, Trader, Transaction, Via,
};
use tim3_domain::{
    amount::SYNTHETIC_DECIMALS,
    identity::{Account, AssetId, GatewayId, MarketId, MarketKind},
};
use tim3_keeper::{
    Action, Sale,
    arbitrage::{Order, Size, Transfer},
    input::Outcome,
};

use super::{
    Site,
    flight::{Naming, unsigned_for},
    world::{kept, vaults},
};
use crate::config::{Config, Keeper};

/// Decimals of a token, at most: with more, amounts that chains hold would be no numbers of 128 bits.
const MOST_DECIMALS: u8 = 24;

/// Of a transfer, a route may take one part in so many at most.
const MOST_FEE: u128 = 100;

const NO_TRADING: &str = "this kind of chain has no trading yet";

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
    pub(super) tokens: BTreeMap<(String, String), TokenAt>,
    /// Decimals in which amounts are counted, by symbol: the most that its token has on any chain, so that each of its units is a whole number.
    pub(super) decimals: BTreeMap<String, u8>,
    /// Gateways and the keepers' accounts, by chain.
    pub(super) places: BTreeMap<String, (GatewayId, Account)>,
    /// Who gets what a sale leaves over, by chain, where it is not the keeper.
    treasuries: BTreeMap<String, Account>,
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
        let treasuries = keeper.chains.iter().filter_map(|(name, chain)| Some((name.clone(), chain.treasury?)));
        let treasuries = treasuries.collect();
        let mut trading = Self { treasuries, deadline: keeper.trade_deadline, ..Self::default() };
        for (name, site) in sites {
            trading.places.insert(name.clone(), (site.chain.gateway(), site.hands.account()));
        }
        for (name, venue) in &keeper.venues {
            let told = |error: ChainError| format!("keeper.venues.{name}: {error}");
            let trader = trader_of(sites, &venue.chain)?;
            let at = PoolAt { pool: venue.pool, router: venue.router, fee: venue.fee };
            let [one, other] = trader.pool(&at).await.map_err(told)?;
            let base = token_at(trader, name, "base", &venue.base, venue.base_token).await?;
            let quote = token_at(trader, name, "quote", &venue.quote, venue.quote_token).await?;
            let (base, quote, is_turned) = if (one.token, other.token) == (base, quote) {
                (one, other, false)
            } else if (other.token, one.token) == (base, quote) {
                (other, one, true)
            } else {
                let (found, expected) = ([one.token, other.token], [(&venue.base, base), (&venue.quote, quote)]);
                return Err(not_in_pool(name, found, expected));
            };
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
        for market in vaults(config, keeper).filter(|market| keeper.exits.contains_key(&market.name)) {
            let told = |error: ChainError| format!("keeper.markets.{}: {error}", market.name);
            let trader = trader_of(sites, &market.home)?;
            // The pool's tokens are those of the market, or two of one symbol.
            let collateral = trader.token_of(market.collateral).await.map_err(told)?;
            trading.add_token(&market.home, &market.collateral_symbol, collateral)?;
        }
        trading.check_decimals(config, keeper)?;
        Ok(trading)
    }

    /// Simulates and signs a liquidation of a market with the sale of what it seizes, expected to be so much; `time` is the chain's.
    ///
    /// # Errors
    /// What becomes of the action then.
    pub(super) async fn sell(
        &self,
        hands: &dyn Hands,
        naming: &Naming,
        liquidation: Liquidate,
        (sale, seized): (&Sale, u128),
        time: u64,
    ) -> Result<Transaction, Outcome> {
        let refused = |reason: &str| Outcome::Refused { reason: reason.to_owned() };
        let trader = hands.trader().ok_or_else(|| refused(NO_TRADING))?;
        let steps = self.steps(&naming.chain, std::slice::from_ref(&sale.venue), &naming.collateral);
        let steps = steps.map_err(|reason| refused(&reason))?;
        let [step] = steps.as_slice() else { return Err(refused("a sale is one step")) };
        let deadline = time.saturating_add(self.deadline.as_secs());
        let Sale { output, flash, .. } = *sale;
        let treasury = self.treasuries.get(&naming.chain).copied();
        let sale = tim3_chain::Sale { liquidation, step: *step, output, most: seized, flash, treasury, deadline };
        trader.prepare_sale(&sale).await.map_err(|error| unsigned_for(&error))
    }

    fn add_token(&mut self, chain: &str, symbol: &str, at: TokenAt) -> Result<(), String> {
        let place = (chain.to_owned(), symbol.to_owned());
        if self.tokens.insert(place, at).is_some_and(|before| before != at) {
            return Err(format!("{symbol} is two different tokens on {chain}: give one of them another symbol"));
        }
        let most = self.decimals.entry(symbol.to_owned()).or_insert(at.decimals);
        *most = at.decimals.max(*most);
        if *most > MOST_DECIMALS {
            return Err(format!(
                "{symbol} has {most} decimals on {chain}, and {MOST_DECIMALS} are the most that can be traded"
            ));
        }
        Ok(())
    }

    /// What one unit of a token on a chain counts.
    pub(super) fn unit(&self, chain: &str, symbol: &str) -> u128 {
        let token = self.tokens.get(&(chain.to_owned(), symbol.to_owned()));
        let more = token.zip(self.decimals.get(symbol)).map(|(at, counted)| counted.saturating_sub(at.decimals));
        10_u128.saturating_pow(more.unwrap_or_default().into())
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
            self.tokens.iter().filter(|((here, _), _)| here == chain).map(|(_, at)| at.token).collect();
        tokens.into_iter().collect()
    }

    /// The symbol of a token on a chain, if it is one that is traded, and so much of it as it counts.
    pub(super) fn counted(&self, chain: &str, token: &Account, delta: i128) -> Option<(&str, i128)> {
        let mut found = self.tokens.iter().filter(|((here, _), one)| here == chain && one.token == *token);
        let ((_, symbol), _) = found.next()?;
        Some((symbol, delta.checked_mul(i128::try_from(self.unit(chain, symbol)).ok()?)?))
    }

    /// A size in the units of the two tokens: what goes in is rounded down, and what must come out up.
    fn native(&self, chain: &str, from: &str, to: &str, size: Size) -> Size {
        let down = |amount: u128, unit: u128| amount.checked_div(unit).unwrap_or_default();
        let (from, to) = (self.unit(chain, from), self.unit(chain, to));
        match size {
            Size::Sell { input, min_output } => {
                Size::Sell { input: down(input, from), min_output: min_output.div_ceil(to) }
            }
            Size::Buy { output, max_input } => {
                Size::Buy { output: output.div_ceil(to), max_input: down(max_input, from) }
            }
        }
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
            let token = |symbol: &String| {
                self.tokens.get(&(chain.to_owned(), symbol.clone())).map(|at| at.token).ok_or_else(gone)
            };
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
    /// What becomes of the action then.
    pub(super) async fn sign(&self, hands: &dyn Hands, action: &Action, time: u64) -> Result<Transaction, Outcome> {
        let refused = |reason: String| Outcome::Refused { reason };
        let trader = hands.trader().ok_or_else(|| refused(NO_TRADING.to_owned()))?;
        let deadline = time.saturating_add(self.deadline.as_secs());
        let told = |error: ChainError| unsigned_for(&error);
        match action {
            Action::Swap(trade) => {
                let first = trade.legs.first().ok_or_else(|| refused("a trade without a step".to_owned()))?;
                let size = Size::Sell { input: trade.input, min_output: trade.min_output };
                let venues: Vec<String> = trade.legs.iter().map(|leg| leg.venue.clone()).collect();
                let steps = self.steps(&first.chain, &venues, &first.from).map_err(refused)?;
                let size = self.native(&first.chain, &first.from, &first.from, size);
                trader.prepare_trade(&Trade { steps, size, deadline }).await.map_err(told)
            }
            Action::Open { order, .. } | Action::Close(order) | Action::Hedge(order) => {
                let Order { chain, venues, from, to, size, .. } = order;
                let steps = self.steps(chain, venues, from).map_err(refused)?;
                let size = self.native(chain, from, to, *size);
                trader.prepare_trade(&Trade { steps, size, deadline }).await.map_err(told)
            }
            Action::Transfer(Transfer { asset: symbol, to, amount, .. }) => {
                let (destination, recipient) =
                    *self.places.get(to).ok_or_else(|| refused(format!("{to} is not kept any more")))?;
                let (asset, amount) = (asset(symbol).map_err(refused)?, *amount);
                // Inventory is not moved over a route that takes more than a hundredth of it.
                let transfer = Move { asset, amount, destination, recipient, max_fee: amount / MOST_FEE };
                trader.prepare_transfer(&transfer).await.map_err(told)
            }
            Action::Liquidate { .. } => Err(refused("a liquidation is no trade".to_owned())),
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

/// The token that is meant by a symbol on one side of a pool.
async fn token_at(
    trader: &dyn Trader,
    venue: &str,
    side: &str,
    symbol: &str,
    configured: Option<Account>,
) -> Result<Account, String> {
    if let Some(token) = configured {
        return Ok(token);
    }
    match trader.token_of(asset(symbol)?).await {
        Ok(at) => Ok(at.token),
        Err(ChainError::Rejected { .. }) => {
            Err(format!("keeper.venues.{venue}: the gateway has no {symbol}; name its token in {side}_token"))
        }
        Err(error) => Err(format!("keeper.venues.{venue}: {error}")),
    }
}

fn not_in_pool(venue: &str, [one, other]: [Account; 2], expected: [(&String, Account); 2]) -> String {
    let [base, quote] = expected.map(|(symbol, token)| format!("{symbol} is {token}"));
    format!("keeper.venues.{venue}: the pool has {one} and {other}; {base}, and {quote}")
}

#[cfg(test)]
mod tests {
    use tim3_domain::word::Word;

    use super::*;

    #[test]
    fn a_symbol_counts_in_the_finer_units_of_two_chains() {
        let token = |byte: u8, decimals| TokenAt { token: Account(Word([byte; 32])), decimals };
        let mut trading = Trading::default();
        for (chain, at) in [("s", token(1, 6)), ("a", token(2, 18)), ("a", token(2, 18))] {
            trading.add_token(chain, "USDA", at).unwrap();
        }
        trading.add_token("s", "TIM3", token(3, 6)).unwrap();
        let million_millions = 10_u128.pow(12);
        assert_eq!((trading.unit("s", "USDA"), trading.unit("a", "USDA")), (million_millions, 1));
        assert_eq!(trading.counted("s", &token(1, 6).token, -7), Some(("USDA", -7_000_000_000_000)));
        assert_eq!(trading.counted("s", &token(1, 6).token, i128::MAX), None);
        assert_eq!(trading.counted("a", &token(1, 6).token, 1), None);
        let (input, output) = (5 * million_millions + 1, 7);
        let sell = trading.native("s", "USDA", "TIM3", Size::Sell { input, min_output: output });
        assert_eq!(sell, Size::Sell { input: 5, min_output: output });
        let around = trading.native("s", "USDA", "USDA", Size::Sell { input, min_output: input + 1 });
        assert_eq!(around, Size::Sell { input: 5, min_output: 6 });
        let buy = trading.native("s", "TIM3", "USDA", Size::Buy { output: input, max_input: 9 });
        assert_eq!(buy, Size::Buy { output: 6, max_input: 9 });
        assert!(trading.add_token("s", "USDA", token(4, 6)).unwrap_err().contains("two different tokens"));
        assert!(trading.add_token("s", "MANY", token(5, 25)).unwrap_err().contains("25 decimals"));
    }
}
