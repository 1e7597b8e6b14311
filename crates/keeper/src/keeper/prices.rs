//! What things are worth now.

use std::collections::{BTreeMap, BTreeSet};

use tim3_domain::{
    amount::Rounding,
    price::{Quote, Verdict},
};

use super::Keeper;
use crate::{
    config::SourceConfig,
    ledger,
    price::{Judged, Reading},
    risk::Change,
};

impl Keeper {
    /// Takes what the endpoints of a source say.
    pub(super) fn read(&mut self, name: &str, readings: &[Reading]) {
        // Without a clock nothing has an age yet: everything is ahead of its time.
        let now = self.config.sources.get(name).and_then(|source| self.clock(source)).unwrap_or_default();
        if let Some(source) = self.sources.get_mut(name) {
            source.read(readings, now);
        }
    }

    /// What a feed says, by the clocks of its sources' chains.
    pub(super) fn feed(&self, name: &str) -> Judged {
        self.price_if(name, &BTreeMap::new())
    }

    /// What a feed would say if the feeds in `supposed` said something else, and all those that are counted in theirs with them. A change in percent is one
    /// of what the feed itself says now.
    ///
    /// # Errors
    /// The verdict, where there is no price at all.
    pub fn price_if(&self, name: &str, supposed: &BTreeMap<String, Change>) -> Judged {
        match supposed.get(name) {
            Some(Change::To(price)) => return Ok(Quote::new(Verdict::Valid, *price)),
            Some(change) => {
                let said = self.feed(name)?;
                let of = |price| Quote::new(said.verdict(), change.of(price));
                return Ok(of(said.lower(Verdict::Unavailable)?).and(of(said.higher(Verdict::Unavailable)?)));
            }
            None => {}
        }
        let rule = self.config.feeds.get(name).ok_or(Verdict::Unavailable)?;
        rule.combine(|source| {
            let config = self.config.sources.get(source).ok_or(Verdict::Unavailable)?;
            let now = self.clock(config).ok_or(Verdict::Unavailable)?;
            let said = self.sources.get(source).ok_or(Verdict::Unavailable)?.judge(now)?;
            match &config.quote {
                Some(asset) => said.times(self.price_if(self.feed_of(asset)?, supposed)?),
                None => Ok(said),
            }
        })
    }

    /// The time by which a source's answers age, in seconds; `None` while the clock of its chain was never read.
    fn clock(&self, source: &SourceConfig) -> Option<u64> {
        match &source.chain {
            Some(chain) => self.heads.get(chain).map(|head| head.time),
            None => Some(self.now_ms / 1_000),
        }
    }

    /// The prices of an asset.
    pub(super) fn quote(&self, asset: &str) -> Judged {
        self.feed(self.feed_of(asset)?)
    }

    fn feed_of(&self, asset: &str) -> Result<&str, Verdict> {
        Ok(&self.config.assets.get(asset).ok_or(Verdict::Unavailable)?.feed)
    }

    /// The assets on whose prices a feed hangs: those that it is the price of, and those in whose units its sources answer.
    #[must_use]
    pub fn assets_behind(&self, feed: &str) -> BTreeSet<&str> {
        let of = |feed: &str| {
            let all = self.config.assets.iter();
            all.filter(move |(_, asset)| asset.feed == feed).map(|(symbol, _)| symbol.as_str()).collect::<Vec<_>>()
        };
        let quotes = |feed: &str| {
            let sources = self.config.feeds.get(feed).into_iter().flat_map(|rule| rule.sources());
            let quotes = sources.filter_map(|source| self.config.sources.get(source)?.quote.as_deref());
            quotes.filter_map(|asset| self.feed_of(asset).ok()).collect::<Vec<_>>()
        };
        let (mut behind, mut seen, mut left) = (BTreeSet::new(), BTreeSet::new(), vec![feed]);
        while let Some(feed) = left.pop() {
            if seen.insert(feed) {
                behind.extend(of(feed));
                left.extend(quotes(feed));
            }
        }
        behind
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
        asset.as_ref().map_or(Ok(0), |asset| self.at_most(asset, units(*gas)))
    }

    /// What a change of a balance is worth, in US dollars with 18 decimals, at a price that is `least` at least. `None` where there is none.
    pub(super) fn worth(&self, asset: &str, delta: i128, least: Verdict) -> Option<i128> {
        let quote = self.quote(asset).ok()?;
        let (lower, higher) = (quote.lower(least).ok()?, quote.higher(least).ok()?);
        Some(ledger::worth(delta, self.decimals(asset), lower, higher))
    }
}
