//! Looking at vault markets.

use tim3_domain::{
    amm::Hop,
    price::{Price, Verdict},
};

use super::{Keeper, Pending, Step, price_check};
use crate::{
    arbitrage::Fill,
    decision::{Action, Check, Subject},
    limits::Stake,
    liquidation::{Attempt, Means, size},
    risk::{Candidate, Vault},
};

/// From this pause level on nobody is liquidated.
const FROZEN: u8 = 3;

impl Keeper {
    pub(super) fn look_at_markets(&mut self, step: &mut Step) {
        let names: Vec<String> = self.books.keys().cloned().collect();
        for name in names {
            self.look_at_market(&name, step);
        }
    }

    /// Decides about the least healthy positions of a market. Those in flight, and those that wait, take nobody's place.
    pub(super) fn look_at_market(&mut self, name: &str, step: &mut Step) {
        let Some(market) = self.config.markets.get(name).cloned() else { return };
        let judged = self.feed(&market.feed);
        let Some(book) = self.books.get_mut(name) else { return };
        book.tick(judged.and_then(|quote| quote.higher(Verdict::Valid)));
        let Ok(quote) = judged else { return };
        let (Ok(lower), Ok(higher)) = (quote.lower(Verdict::Valid), quote.higher(Verdict::Valid)) else { return };

        let vault = *book.vault();
        let height = self.height(&market.chain);
        let gates = self.gates(&market.chain, &market.synthetic, FROZEN.saturating_sub(1));
        let exit = market.exit.as_ref().and_then(|exit| self.map.hop(exit, &market.collateral));
        let mut looked = 0;
        for candidate in self.waiting_last(name, height) {
            let subject = Subject::Position { market: name.to_owned(), owner: candidate.owner };
            let mut checks = gates.clone();
            checks.extend(self.flights.checks(&subject, height, self.now_ms));
            if checks.iter().any(|check| !check.passed) {
                self.leave(subject, height, checks, step);
                continue;
            }
            if looked == self.config.liquidation.per_look {
                break;
            }
            looked = looked.saturating_add(1);
            let prices = (lower, higher);
            match self.attempt(name, &candidate, vault, prices, exit, &mut checks) {
                Some(attempt) => {
                    let pending = self.liquidation(subject, &candidate, &attempt, name);
                    self.act(pending, height, checks, step);
                }
                None => self.leave(subject, height, checks, step),
            }
        }
    }

    /// The candidates to look at: as many as may be decided about, and as many again as are in the way because they fly or wait.
    fn waiting_last(&self, market: &str, height: u64) -> Vec<Candidate> {
        let is_free = |candidate: &Candidate| {
            let subject = Subject::Position { market: market.to_owned(), owner: candidate.owner };
            self.flights.checks(&subject, height, self.now_ms).iter().all(|check| check.passed)
        };
        let mut free = 0_usize;
        let most = self.config.liquidation.per_look;
        let candidates = self.books.get(market).into_iter().flat_map(|book| book.candidates());
        candidates
            .take_while(|candidate| {
                let before = free;
                free = free.saturating_add(usize::from(is_free(candidate)));
                before < most
            })
            .collect()
    }

    /// The sized attempt, where every check passes.
    fn attempt(
        &self,
        name: &str,
        candidate: &Candidate,
        vault: Vault,
        (lower, higher): (Price, Price),
        exit: Option<Hop>,
        checks: &mut Vec<Check>,
    ) -> Option<Attempt> {
        let market = self.config.markets.get(name)?;
        checks.push(price_check(Verdict::Valid));
        let gas_usd = match self.gas_usd(&market.chain, |gas| gas.liquidation) {
            Ok(gas) => gas,
            Err(verdict) => {
                checks.push(price_check(verdict));
                return None;
            }
        };
        let inventory = self.available(&(market.chain.clone(), market.synthetic.clone()));
        let means = Means { vault: &vault, synthetic: &market.synthetic, higher, lower, inventory, exit, gas_usd };
        let (sizing, attempt) = size(candidate.balances, &self.config.liquidation, &means);
        checks.extend(sizing);
        let attempt = attempt?;
        let (chains, venues) = ([market.chain.as_str()], [name]);
        let stake = Stake { asset: &market.synthetic, chains: &chains, venues: &venues, usd: attempt.stake };
        checks.extend(self.budget.checks(&self.config.limits, &stake));
        checks.iter().all(|check| check.passed).then_some(attempt)
    }

    fn liquidation(&mut self, subject: Subject, candidate: &Candidate, attempt: &Attempt, name: &str) -> Pending {
        let market = self.config.markets.get(name);
        let (chain, synthetic) =
            market.map_or_else(Default::default, |market| (market.chain.clone(), market.synthetic.clone()));
        let (chains, venues) = ([chain.as_str()], [name]);
        self.budget.spend(&Stake { asset: &synthetic, chains: &chains, venues: &venues, usd: attempt.stake });
        let taken = attempt.taken;
        Pending {
            subject,
            action: Action::Liquidate {
                market: name.to_owned(),
                owner: candidate.owner,
                expected: taken,
                min_seized: attempt.min_seized,
            },
            reserved: vec![((chain.clone(), synthetic), taken.repaid)],
            quoted: Fill { input: taken.repaid, output: taken.seized },
            chain,
            stake: attempt.stake,
        }
    }
}
