//! What things are worth now.

use tim3_domain::{
    amount::Rounding,
    price::{Price, Quote, Verdict},
};

use super::Keeper;
use crate::{ledger, price::Judged};

impl Keeper {
    /// What a feed says, by the clocks of its sources' chains.
    pub(super) fn feed(&self, name: &str) -> Judged {
        let rule = self.config.feeds.get(name).ok_or(Verdict::Unavailable)?;
        rule.combine(|source| {
            let config = self.config.sources.get(source).ok_or(Verdict::Unavailable)?;
            let now = match &config.chain {
                // A clock that was never read tells no age.
                Some(chain) => self.heads.get(chain).ok_or(Verdict::Unavailable)?.time,
                None => self.now_ms / 1_000,
            };
            let said = self.sources.get(source).ok_or(Verdict::Unavailable)?.judge(now)?;
            match &config.quote {
                Some(asset) => said.times(self.quote(asset)?),
                None => Ok(said),
            }
        })
    }

    /// The prices of an asset.
    pub(super) fn quote(&self, asset: &str) -> Judged {
        self.feed(&self.config.assets.get(asset).ok_or(Verdict::Unavailable)?.feed)
    }

    pub(super) fn decimals(&self, asset: &str) -> u8 {
        self.config.assets.get(asset).map_or(0, |asset| asset.decimals)
    }

    /// What an amount is worth at least, in US dollars with 18 decimals.
    ///
    /// # Errors
    /// The verdict on its price, where that is not valid.
    pub(super) fn at_least(&self, asset: &str, amount: u128) -> Result<u128, Verdict> {
        let price = self.quote(asset)?.lower(Verdict::Valid)?;
        Ok(price.value(amount, self.decimals(asset), Rounding::Down).unwrap_or_default())
    }

    /// What an amount is worth at most.
    ///
    /// # Errors
    /// The verdict on its price, where that is not valid.
    pub(super) fn at_most(&self, asset: &str, amount: u128) -> Result<u128, Verdict> {
        let price = self.quote(asset)?.higher(Verdict::Valid)?;
        Ok(price.value(amount, self.decimals(asset), Rounding::Up).unwrap_or(u128::MAX))
    }

    /// What gas on a chain is worth at most.
    ///
    /// # Errors
    /// The verdict on its price, where that is not valid; unavailable where the cost itself is not known.
    pub(super) fn gas_usd(&self, chain: &str, units: impl Fn(super::Gas) -> u128) -> Result<u128, Verdict> {
        let gas = self.gas.get(chain).ok_or(Verdict::Unavailable)?;
        let asset = &self.config.chains.get(chain).ok_or(Verdict::Unavailable)?.gas_asset;
        self.at_most(asset, units(*gas))
    }

    /// What a change of a balance is worth for the ledger, at whatever price is known. `None` where there is none.
    pub(super) fn worth(&self, asset: &str, delta: i128) -> Option<i128> {
        let known = |price: fn(&Quote, Verdict) -> Result<Price, Verdict>| {
            self.quote(asset).and_then(|quote| price(&quote, Verdict::Unavailable)).ok()
        };
        let (lower, higher) = (known(Quote::lower)?, known(Quote::higher)?);
        Some(ledger::worth(delta, self.decimals(asset), lower, higher))
    }
}
