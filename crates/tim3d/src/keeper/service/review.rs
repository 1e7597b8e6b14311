//! The terms of vault markets, which their gateways' admins may change while the keepers run.

use std::collections::BTreeMap;

use anyhow::Result;
use tim3_keeper::{Input, config::MarketConfig};
use tracing::info;

use super::Running;
use crate::{
    config::{self, Config},
    keeper::{
        assemble::{Learned, assemble},
        world,
    },
};

/// Terms are read again in every so manieth round. An admin has to announce a change hours or days ahead, and until it is known whatever rests on the old
/// terms is refused by its simulation.
const ROUNDS: u32 = 10;

/// What the core's configuration is made of.
pub(super) struct Review {
    config: Config,
    keeper: config::Keeper,
    learned: Learned,
    /// Rounds until the next one.
    rounds: u32,
    /// What could not be read, or taken, the last time, by name of the market.
    problems: BTreeMap<String, String>,
}

impl Review {
    pub(super) fn new(config: Config, keeper: config::Keeper, learned: Learned) -> Self {
        Self { config, keeper, learned, rounds: ROUNDS, problems: BTreeMap::new() }
    }

    /// Something was refused, or failed: other terms may be why.
    pub(super) fn hurry(&mut self) {
        self.rounds = 0;
    }
}

impl Running {
    /// Reads the terms of markets again where it is time, and goes by them from then on.
    pub(super) async fn look_at_terms(&mut self) -> Result<()> {
        if self.review.rounds == 0 {
            self.review_terms().await?;
        }
        self.review.rounds = self.review.rounds.checked_sub(1).unwrap_or(ROUNDS);
        self.problems.extend(self.review.problems.clone());
        Ok(())
    }

    async fn review_terms(&mut self) -> Result<()> {
        let Review { config, keeper, learned, problems, .. } = &mut self.review;
        problems.clear();
        for (name, found) in world::each_terms(config, keeper, &self.sites).await {
            match found {
                Ok(terms) => {
                    if learned.terms.insert(name.clone(), terms) != Some(terms) {
                        info!(market = name, ?terms, "its gateway has other terms now");
                    }
                }
                // What was known before stands.
                Err(why) => {
                    problems.insert(name, why);
                }
            }
        }
        let wanted = match assemble(config, keeper, learned) {
            Ok(wanted) => wanted,
            Err(why) => {
                problems.insert("keeper".to_owned(), format!("{why:#}"));
                return Ok(());
            }
        };
        // The page that waits begins with them.
        if let Some(next) = &mut self.turn_to {
            *next = wanted.with(next.parameters());
            return Ok(());
        }
        for (market, MarketConfig { terms, target, .. }) in wanted.markets {
            let known = self.session.keeper.config().markets.get(&market).map(|known| (known.terms, known.target));
            if known.is_some_and(|known| known != (terms, target)) {
                self.give(Input::Terms { market, terms, target })?;
            }
        }
        Ok(())
    }
}
