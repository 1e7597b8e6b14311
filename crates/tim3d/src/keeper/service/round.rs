//! One round.

use std::collections::BTreeMap;

use anyhow::Result;
use futures::future::join_all;
use tim3_chain::Transaction;
use tim3_domain::identity::AssetId;
use tim3_keeper::{Action, Decision, Input, Mode, input::Outcome, price::Reading};

use super::{PAGE_LINES, Running};
use crate::{
    keeper::{
        flight::{self, News, Surroundings},
        world::{self, Sight},
    },
    output::now_ms,
};

/// From this level on nobody is liquidated; a daemon that stopped signing for an asset stands at it.
const FROZEN: u8 = 3;

/// A cost that moved by less than one part in this is no news.
const COST_PARTS: u128 = 16;

/// Seconds by which a clock moves before that alone is news, where blocks come only when somebody sends something.
const CLOCK_STEP: u64 = 10;

/// Whether a chain shows the head that it showed before, not much later.
fn is_known(before: &Sight, now: &Sight) -> bool {
    before.head == now.head && now.time < before.time.saturating_add(CLOCK_STEP)
}

/// What transactions cost, as the core was told: many small steps are news in the end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost {
    liquidation: u128,
    step: u128,
}

impl Cost {
    /// What is not known costs more than anything gains.
    fn of(sight: &Sight) -> Self {
        Self { liquidation: sight.cost, step: sight.offers.as_ref().map_or(u128::MAX, |offers| offers.step) }
    }

    fn is_outdated_by(self, other: Self) -> bool {
        let pairs = [(self.liquidation, other.liquidation), (self.step, other.step)];
        pairs.into_iter().any(|(told, now)| told.abs_diff(now) > told / COST_PARTS)
    }
}

impl Running {
    pub(super) async fn round(&mut self) -> Result<()> {
        self.problems.clear();
        self.restore().await;
        self.set_up().await;
        // Before the clocks, so that what a source said before is as old as it is by the time of what another one says now.
        let news = self.prices.news(&self.sites, now_ms() / 1_000).await;
        let sights = self.look().await;
        self.look_at_terms().await?;
        self.offer(&sights)?;
        self.follow(&sights).await?;
        if self.turn_to.is_none() {
            self.see(sights)?;
            self.hear().await?;
            self.learn_prices(news)?;
            self.reread().await?;
            self.think()?;
        } else if self.session.keeper.open_trades().next().is_some() {
            // The next page waits for the other legs.
            self.see(sights)?;
            self.learn_prices(news)?;
            self.give(Input::Finish)?;
        }
        self.session.record.commit().await?;
        self.act().await?;
        self.check_order();
        self.turn_page().await?;
        self.show();
        Ok(())
    }

    /// Has the core look at everything, where there is something that it has not looked at, or that waits for its time.
    fn think(&mut self) -> Result<()> {
        let keeper = &self.session.keeper;
        let waits = !keeper.flights().waiting().is_empty() || keeper.open_trades().next().is_some();
        if self.session.record.next() != self.thought || waits {
            self.give(Input::Look)?;
            self.thought = self.session.record.next();
        }
        Ok(())
    }

    /// Tells signers what may be on its way, before anything else is signed.
    async fn restore(&mut self) {
        for chain in self.unrestored.clone() {
            let Some(site) = self.sites.get(&chain) else { continue };
            match site.hands.restore(&self.flights.transactions(&chain)).await {
                Ok(()) => {
                    self.unrestored.remove(&chain);
                }
                Err(error) => {
                    self.problems.insert(chain, error.to_string());
                }
            }
        }
    }

    /// Looks at every chain; at an inventory only while nothing is under way that changes it.
    async fn look(&mut self) -> BTreeMap<String, Sight> {
        let asked = self.sites.iter().filter_map(|(name, site)| {
            let (scope, is_still) = (self.scopes.get(name)?, self.flights.is_still(name));
            Some(async move { (name.clone(), world::look(site, scope, is_still).await) })
        });
        let mut seen = BTreeMap::new();
        for (name, sight) in join_all(asked).await {
            match sight {
                Ok(sight) => {
                    if let Err(problem) = &sight.offers {
                        self.problems.insert(name.clone(), problem.clone());
                    }
                    seen.insert(name, sight);
                }
                Err(error) => {
                    self.problems.insert(name, error.to_string());
                }
            }
        }
        seen
    }

    /// Hands in what is news about the chains.
    fn see(&mut self, sights: BTreeMap<String, Sight>) -> Result<()> {
        for (chain, mut sight) in sights {
            self.stop_with_the_relay(&chain, &mut sight);
            if let (Err(_), Some(before)) = (&sight.offers, self.sights.get(&chain)) {
                sight.offers.clone_from(&before.offers);
            }
            if let Some(before) = self.sights.get(&chain).filter(|before| is_known(before, &sight)) {
                sight.time = before.time;
            }
            let before = self.sights.insert(chain.clone(), sight.clone());
            if before.as_ref().is_none_or(|before| (before.head, before.time) != (sight.head, sight.time)) {
                let (height, time) = (sight.head.height, sight.time);
                self.give(Input::Head { chain: chain.clone(), height, time })?;
            }
            let cost = Cost::of(&sight);
            if self.costs.get(&chain).is_none_or(|told| told.is_outdated_by(cost)) {
                self.costs.insert(chain.clone(), cost);
                self.give(Input::Gas { chain: chain.clone(), liquidation: cost.liquidation, step: cost.step })?;
            }
            for (asset, level) in sight.levels {
                if before.as_ref().and_then(|before| before.levels.get(&asset)) != Some(&level) {
                    self.give(Input::PauseLevel { chain: chain.clone(), asset, level })?;
                }
            }
            for (asset, amount) in sight.holdings {
                let known = self.session.keeper.ledger().balance(&chain, &asset);
                if known.and_then(|known| u128::try_from(known).ok()) != Some(amount) {
                    self.give(Input::Holding { chain: chain.clone(), asset, amount })?;
                }
            }
        }
        Ok(())
    }

    /// What stops the relay's signing for an asset stops the keepers, too.
    fn stop_with_the_relay(&self, chain: &str, sight: &mut Sight) {
        let Some(scope) = self.scopes.get(chain) else { return };
        let is_stopped = |asset: AssetId| {
            self.handle.assets().any(|(settings, board)| settings.asset == asset && board.paused.is_some())
        };
        for (symbol, asset) in &scope.synthetics {
            if is_stopped(*asset)
                && let Some(level) = sight.levels.get_mut(symbol)
            {
                *level = FROZEN;
            }
        }
    }

    /// What is not handed in because a page is turned is news again then.
    fn learn_prices(&mut self, news: Vec<(String, Vec<Reading>)>) -> Result<()> {
        for (source, readings) in news {
            self.give(Input::Price { source, readings })?;
        }
        let problems = self.prices.problems().map(|(name, why)| (name.clone(), why.clone()));
        self.problems.extend(problems);
        Ok(())
    }

    /// Looks what became of what is under way.
    async fn follow(&mut self, sights: &BTreeMap<String, Sight>) -> Result<()> {
        for (chain, sight) in sights {
            let Some(site) = self.sites.get(chain).filter(|_| !self.unrestored.contains(chain)) else { continue };
            let journal = self.handle.journal();
            let arrival = |id| world::arrival(journal.as_ref(), id);
            let heights = (sight.head.height, sight.finalized.height);
            let around = Surroundings { names: &self.names, heights, arrival: &arrival };
            let news = match self.flights.follow(chain, site.hands.as_ref(), &around).await {
                Ok(news) => news,
                Err(error) => {
                    self.problems.insert(chain.clone(), error.to_string());
                    continue;
                }
            };
            let mut signed = Vec::new();
            for one in news {
                match one {
                    News::Ended(decision, outcome) => self.outcome(decision, outcome)?,
                    News::Signed(decision, transaction) => signed.push((decision, transaction)),
                    News::Mined(decision, mined) => self.give(Input::Mined { decision, mined })?,
                }
            }
            self.replace(chain.clone(), signed).await?;
        }
        Ok(())
    }

    /// Signs what was decided, makes it durable, and sends it.
    async fn act(&mut self) -> Result<()> {
        let decided = self.fitting().await?;
        let mut by_chain: BTreeMap<String, Vec<&Decision>> = BTreeMap::new();
        for decision in &decided {
            if let Some((_, chain)) = self.session.keeper.place_of(decision.number) {
                by_chain.entry(chain.to_owned()).or_default().push(decision);
            }
        }
        for (chain, decisions) in by_chain {
            let time = self.sights.get(&chain).map_or(0, |sight| sight.time);
            let signings = match self.sites.get(&chain) {
                Some(site) => flight::sign(site.hands.as_ref(), &decisions, &self.names, time).await,
                None => flight::unsigned(&decisions, &chain),
            };
            let mut ready = Vec::new();
            for flight::Signed { decision, action, result } in signings {
                match result {
                    Ok(transaction) => ready.push((decision, action, transaction)),
                    Err(outcome) => self.outcome(decision, outcome)?,
                }
            }
            let mut signed = Vec::new();
            for (decision, action, transaction) in ready {
                self.tell(decision, "sent");
                self.flights.add(decision, &chain, &action, transaction.clone());
                signed.push((decision, transaction));
            }
            for (decision, outcome) in self.send(chain, signed).await? {
                self.outcome(decision, outcome)?;
            }
        }
        // What a refusal led the core to is for the next round.
        self.session.record.commit().await
    }

    /// What was decided and may be signed now. Liquidations that a chain has no room for wait for the next round, unless an operator paused the keepers or took the
    /// mode away in the meantime.
    async fn fitting(&mut self) -> Result<Vec<Decision>> {
        let (mut fitting, mut rooms) = (Vec::new(), BTreeMap::new());
        for decision in std::mem::take(&mut self.decided) {
            let place = self.session.keeper.place_of(decision.number).map(|(_, chain)| chain.to_owned());
            let site = place.as_ref().and_then(|chain| self.sites.get(chain));
            let (Some(Action::Liquidate { .. }), Some(chain), Some(site)) = (&decision.action, place, site) else {
                fitting.push(decision);
                continue;
            };
            if self.session.keeper.is_paused() || self.session.keeper.config().mode != Mode::Live {
                let reason = "the keepers were stopped before it was signed".to_owned();
                self.outcome(decision.number, Outcome::Refused { reason })?;
                continue;
            }
            if !rooms.contains_key(&chain) {
                let room = site.hands.room().await.unwrap_or_else(|error| {
                    self.problems.insert(chain.clone(), error.to_string());
                    0
                });
                rooms.insert(chain.clone(), room);
            }
            match rooms.get_mut(&chain) {
                Some(room) if *room > 0 => {
                    *room = room.saturating_sub(1);
                    fitting.push(decision);
                }
                _ => self.decided.push(decision),
            }
        }
        Ok(fitting)
    }

    /// Records replacements, and sends them. That no node takes one says nothing about the transaction that it is to take the place of.
    async fn replace(&mut self, chain: String, signed: Vec<(u64, Transaction)>) -> Result<()> {
        for (decision, transaction) in &signed {
            self.flights.replace(*decision, transaction.clone());
        }
        self.send(chain, signed).await.map(|_| ())
    }

    /// Makes durable what was signed, then sends it. Gives what no node takes.
    async fn send(&mut self, chain: String, signed: Vec<(u64, Transaction)>) -> Result<Vec<(u64, Outcome)>> {
        for (decision, transaction) in &signed {
            self.session.sent(*decision, &chain, transaction)?;
        }
        self.session.record.commit().await?;
        let Some(site) = self.sites.get(&chain) else { return Ok(Vec::new()) };
        let kind = |decision| self.session.keeper.action_of(decision).map_or("transaction", flight::kind);
        Ok(flight::send(site.hands.as_ref(), &signed, kind).await)
    }

    /// Begins a page where another configuration waits for it, or this one is long, and nothing is under way.
    async fn turn_page(&mut self) -> Result<()> {
        let positions: u64 = self
            .names
            .markets
            .keys()
            .filter_map(|name| self.session.keeper.book(name))
            .map(|it| it.len())
            .fold(0, |sum, len| sum.saturating_add(u64::try_from(len).unwrap_or(u64::MAX)));
        let is_long = self.session.record.length() > PAGE_LINES.max(positions.saturating_mul(4));
        let config = match self.turn_to.clone() {
            Some(config) => config,
            None if is_long => self.session.keeper.config().clone(),
            None => return Ok(()),
        };
        if self.session.turn(now_ms(), self.keep_record, &config)? {
            self.session.record.commit().await?;
            self.turn_to = None;
            self.positions.forget();
            self.checked_ms = 0;
            self.sights.clear();
            self.quotas.clear();
            self.costs.clear();
            self.prices.forget();
        }
        Ok(())
    }
}
