//! What each input changes, and what is looked at because of it.

use super::{Gas, Head, Keeper, Step};
use crate::{
    config::{Config, named},
    decision::Subject,
    error::KeeperError,
    input::Input,
    risk::Unknown,
};

impl Keeper {
    /// That everything the input names is configured.
    ///
    /// # Errors
    /// [`KeeperError::UnknownName`] with the first that is not.
    pub fn check(&self, input: &Input) -> Result<(), KeeperError> {
        let config = &self.config;
        match input {
            Input::Head { chain, .. } | Input::Gas { chain, .. } => named("chain", chain, &config.chains),
            Input::Price { source, .. } => named("source", source, &config.sources),
            Input::Position { market, .. }
            | Input::PositionUnknown { market, .. }
            | Input::PositionGone { market, .. } => named("market", market, &config.markets),
            Input::Pool { venue, .. } => named("venue", venue, &config.venues),
            Input::Reserve { reserve, .. } => named("reserve market", reserve, &config.reserves),
            Input::Holding { chain, asset, .. }
            | Input::Incoming { chain, asset, .. }
            | Input::Quota { chain, asset, .. }
            | Input::PauseLevel { chain, asset, .. } => {
                named("chain", chain, &config.chains)?;
                named("asset", asset, &config.assets)
            }
            Input::Outcome { .. } | Input::Pause { .. } | Input::Parameters(_) | Input::Look | Input::Finish => Ok(()),
        }
    }

    pub(super) fn take(&mut self, input: &Input, step: &mut Step) {
        match input {
            Input::Head { chain, height, time } => self.take_head(chain, *height, *time),
            Input::Price { source, reading } => {
                if let Some(held) = self.sources.get_mut(source) {
                    held.read(reading);
                    step.confirm = held.to_confirm().map(|endpoint| (source.clone(), endpoint));
                }
                self.look_at_markets(step);
            }
            Input::Position { market, owner, balances, version } => {
                let changed = self.books.get_mut(market).is_some_and(|book| book.set(*owner, *balances, *version));
                if changed {
                    self.look_at_market(market, step);
                }
            }
            Input::PositionUnknown { market, owner, reason } => {
                let unknown = Unknown { reason: reason.clone(), since_ms: self.now_ms };
                if let Some(book) = self.books.get_mut(market) {
                    book.set_unknown(*owner, unknown);
                }
            }
            Input::PositionGone { market, owner } => {
                if let Some(book) = self.books.get_mut(market) {
                    book.remove(*owner);
                }
            }
            Input::Pool { venue, base, quote } => self.map.set_pool(&self.config, venue, *base, *quote),
            Input::Reserve { reserve, mintable, redeemable } => {
                self.map.set_reserve(&self.config, reserve, *mintable, *redeemable);
            }
            Input::Holding { chain, asset, amount } => self.take_holding(chain, asset, *amount, step),
            Input::Incoming { chain, asset, amount } => {
                self.incoming.insert((chain.clone(), asset.clone()), *amount);
            }
            Input::Quota { chain, asset, free } => {
                self.quotas.insert((chain.clone(), asset.clone()), *free);
            }
            Input::Gas { chain, liquidation, step } => {
                self.gas.insert(chain.clone(), Gas { liquidation: *liquidation, step: *step });
            }
            Input::PauseLevel { chain, asset, level } => {
                self.levels.insert((chain.clone(), asset.clone()), *level);
            }
            Input::Pause { paused } => self.is_paused = *paused,
            Input::Parameters(parameters) => {
                self.config = self.config.clone().with((**parameters).clone());
                // Under other parameters the same is said again, with its new reason.
                self.left.clear();
                self.acted.clear();
            }
            Input::Outcome { decision, outcome } => self.take_outcome(*decision, outcome, step),
            Input::Finish => self.look_at_open_trades(step),
            Input::Look => {
                self.look_at_markets(step);
                self.look_at_open_trades(step);
                self.look_at_routes(step);
                self.look_at_inventory(step);
            }
        }
    }

    /// What was attempted at another height may be attempted at this one, also where the chain was taken back.
    fn take_head(&mut self, chain: &str, height: u64, time: u64) {
        let before = self.heads.insert(chain.to_owned(), Head { height, time });
        if before.is_some_and(|before| before.height == height) {
            return;
        }
        let config = &self.config;
        let is_here = |subject: &Subject| chain_of(config, subject) == Some(chain);
        self.flights.forget(is_here, config.patience, self.now_ms);
    }

    fn take_holding(&mut self, chain: &str, asset: &str, amount: u128, step: &mut Step) {
        self.holdings.insert((chain.to_owned(), asset.to_owned()), amount);
        if self.ledger.balance(chain, asset).is_some() {
            step.differences.extend(self.ledger.differences([(chain, asset, amount)]));
        }
        self.ledger.count(chain, asset, amount);
    }
}

/// The chain whose height a subject is looked at.
fn chain_of<'a>(config: &'a Config, subject: &'a Subject) -> Option<&'a str> {
    match subject {
        Subject::Position { market, .. } => config.markets.get(market).map(|market| market.chain.as_str()),
        Subject::Route { chain, .. } => Some(chain),
        Subject::Rebalance { from, .. } => Some(from),
        Subject::OpenTrade(_) | Subject::Hedge(_) => None,
    }
}
