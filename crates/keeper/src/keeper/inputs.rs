//! What each input changes, and what is looked at because of it.

use std::collections::BTreeMap;

use tim3_domain::{market::MarketTerms, price::Price};

use super::{Gas, Head, Keeper, OpenTrade, Step};
use crate::{
    config::{Config, MarketConfig, named},
    decision::Subject,
    error::KeeperError,
    input::Input,
    risk::{Unknown, Vault},
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
            Input::Terms { market, terms, target } => self.vault_under(market, *terms, *target).map(|_| ()),
            Input::Position { market, .. }
            | Input::PositionUnknown { market, .. }
            | Input::PositionGone { market, .. } => named("market", market, &config.markets),
            Input::Pool { venue, .. } => named("venue", venue, &config.venues),
            Input::Reserve { reserve, .. } => named("reserve market", reserve, &config.reserves),
            Input::Holding { chain, asset, .. }
            | Input::Quota { chain, asset, .. }
            | Input::PauseLevel { chain, asset, .. } => {
                named("chain", chain, &config.chains)?;
                named("asset", asset, &config.assets)
            }
            Input::Mined { .. }
            | Input::Outcome { .. }
            | Input::Pause { .. }
            | Input::Parameters(_)
            | Input::Look
            | Input::Finish => Ok(()),
        }
    }

    pub(super) fn take(&mut self, input: &Input, step: &mut Step) {
        match input {
            Input::Head { chain, height, time } => self.take_head(chain, *height, *time),
            Input::Price { source, readings } => {
                self.read(source, readings);
                self.look_at_markets(step);
            }
            Input::Terms { market, terms, target } => self.take_terms(market, *terms, *target),
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
                self.map.set_crossing(&self.config);
                // Under other parameters the same is said again, with its new reason.
                self.left.clear();
                self.acted.clear();
            }
            Input::Mined { decision, mined } => {
                if let Some(pending) = self.pending.get_mut(decision) {
                    pending.is_mined = *mined;
                }
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

    fn vault_under(&self, market: &str, terms: MarketTerms, target: Price) -> Result<Vault, KeeperError> {
        let markets = &self.config.markets;
        let known = markets.get(market).ok_or_else(|| KeeperError::unknown("market", market, markets.keys()))?;
        let decimals = self.config.assets.get(&known.collateral).map_or(0, |asset| asset.decimals);
        MarketConfig { terms, target, ..known.clone() }.vault(market, decimals)
    }

    /// What was left under the terms before is said again, with its new reason.
    fn take_terms(&mut self, market: &str, terms: MarketTerms, target: Price) {
        let Ok(vault) = self.vault_under(market, terms, target) else { return };
        let Some(book) = self.books.get_mut(market) else { return };
        if book.set_vault(vault).is_ok()
            && let Some(known) = self.config.markets.get_mut(market)
        {
            (known.terms, known.target) = (terms, target);
        }
        let is_its = |subject: &Subject| matches!(subject, Subject::Position { market: other, .. } if other == market);
        self.left.retain(|subject, _| !is_its(subject));
        self.acted.retain(|subject, _| !is_its(subject));
    }

    /// What was attempted at another height may be attempted at this one, also where the chain was taken back, and later at the same height of a chain
    /// whose blocks come only when somebody sends something.
    fn take_head(&mut self, chain: &str, height: u64, time: u64) {
        let before = self.heads.insert(chain.to_owned(), Head { height, time });
        if before.is_some_and(|before| (before.height, before.time) == (height, time)) {
            return;
        }
        let (config, open) = (&self.config, &self.open);
        let is_here = |subject: &Subject| chain_of(config, open, subject) == Some(chain);
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
fn chain_of<'a>(config: &'a Config, open: &'a BTreeMap<u64, OpenTrade>, subject: &'a Subject) -> Option<&'a str> {
    match subject {
        Subject::Position { market, .. } => config.markets.get(market).map(|market| market.chain.as_str()),
        Subject::Route { chain, .. } => Some(chain),
        Subject::Rebalance { from, .. } => Some(from),
        Subject::OpenTrade(number) => open.get(number)?.trade().other(),
        Subject::Hedge(number) => open.get(number).map(|open| open.trade().first.as_str()),
    }
}
