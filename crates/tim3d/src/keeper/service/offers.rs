//! What venues and routes offer, on its way to the core.

use std::collections::BTreeMap;

use anyhow::Result;
use tim3_keeper::{Input, Mode};

use super::Running;
use crate::keeper::world::Sight;

/// What grew by less than one part in this is no news: windows refill all the time.
const PARTS: u128 = 16;

impl Running {
    /// Makes trading possible on each chain, once: in mode `live`, or where something is to be finished, this costs transactions, which are none of a decision.
    pub(super) async fn set_up(&mut self) {
        let keeper = &self.session.keeper;
        let is_begun = keeper.pending().next().is_some() || keeper.open_trades().next().is_some();
        if keeper.config().mode != Mode::Live && !is_begun {
            return;
        }
        let done = &self.set_up;
        let due: Vec<String> = self.sites.keys().filter(|chain| !done.contains(*chain)).cloned().collect();
        for chain in due {
            let tokens = self.names.trading.tokens_on(&chain);
            let trader = self.sites.get(&chain).and_then(|site| site.hands.trader());
            let (false, Some(trader)) = (tokens.is_empty() || self.unrestored.contains(&chain), trader) else {
                continue;
            };
            let executor = self.executors.get(&chain).copied().flatten();
            match trader.set_up(executor, &tokens).await {
                Ok(()) => {
                    self.set_up.insert(chain);
                }
                Err(error) => {
                    self.problems.insert(chain, error.to_string());
                }
            }
        }
    }

    /// Hands in what is news about pools, par and what may leave: before outcomes, which other legs are sized after.
    pub(super) fn offer(&mut self, sights: &BTreeMap<String, Sight>) -> Result<()> {
        if self.turn_to.is_some() && self.session.keeper.open_trades().next().is_none() {
            return Ok(());
        }
        for (chain, sight) in sights {
            let Ok(offers) = &sight.offers else { continue };
            let before = self.sights.get(chain).and_then(|before| before.offers.as_ref().ok()).cloned();
            let before = before.unwrap_or_default();
            for (venue, (base, quote)) in &offers.pools {
                if before.pools.get(venue) != Some(&(*base, *quote)) {
                    self.give(Input::Pool { venue: venue.clone(), base: *base, quote: *quote })?;
                }
            }
            for (reserve, (mintable, redeemable)) in &offers.reserves {
                if before.reserves.get(reserve) != Some(&(*mintable, *redeemable)) {
                    let (mintable, redeemable) = (*mintable, *redeemable);
                    self.give(Input::Reserve { reserve: reserve.clone(), mintable, redeemable })?;
                }
            }
        }
        self.offer_quotas(sights)
    }

    /// How much may leave each chain: as much as its best route takes, and the window at that one's end.
    fn offer_quotas(&mut self, sights: &BTreeMap<String, Sight>) -> Result<()> {
        for (chain, sight) in sights {
            let Ok(offers) = &sight.offers else { continue };
            let mut free: BTreeMap<String, u128> = BTreeMap::new();
            for ((symbol, peer), most) in &offers.routes {
                let there = sights.get(peer).and_then(|sight| sight.offers.as_ref().ok());
                // Unknown is not free.
                let room = there.and_then(|offers| offers.rooms.get(symbol)).copied().unwrap_or_default();
                let best = free.entry(symbol.clone()).or_default();
                *best = (*best).max(room.min(*most));
            }
            for (asset, free) in free {
                let place = (chain.clone(), asset.clone());
                let known = self.quotas.get(&place).copied();
                if known.is_none_or(|known| free < known || free.saturating_sub(known) > known / PARTS) {
                    self.quotas.insert(place, free);
                    self.give(Input::Quota { chain: chain.clone(), asset, free })?;
                }
            }
        }
        Ok(())
    }
}
