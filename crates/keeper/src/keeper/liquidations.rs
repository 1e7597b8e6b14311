//! Looking at vault markets.

use tim3_domain::{
    amm::Hop,
    price::{Price, Verdict},
};

use super::{Keeper, Pending, Step, price_check};
use crate::{
    arbitrage::Fill,
    config::MarketConfig,
    decision::{Action, Check, Rule, Subject},
    limits::Stake,
    liquidation::{Attempt, Means, size},
    risk::{Book, Candidate, Vault},
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

    /// Decides about a market's positions, the least healthy first, until as many attempts as one look allows have begun. What flies, waits or does not
    /// pay takes nobody's place.
    pub(super) fn look_at_market(&mut self, name: &str, step: &mut Step) {
        let Some(market) = self.config.markets.get(name).cloned() else { return };
        let judged = self.feed(&market.feed);
        // Out of its place, so that it can be walked while decisions change everything else.
        let Some(mut book) = self.books.remove(name) else { return };
        book.tick(judged.and_then(|quote| quote.higher(Verdict::Valid)));
        self.forget_recovered(name, &book);
        if let Ok((lower, higher)) =
            judged.and_then(|quote| Ok((quote.lower(Verdict::Valid)?, quote.higher(Verdict::Valid)?)))
        {
            self.walk(name, &market, &book, (lower, higher), step);
        }
        self.books.insert(name.to_owned(), book);
    }

    fn walk(&mut self, name: &str, market: &MarketConfig, book: &Book, prices: (Price, Price), step: &mut Step) {
        let height = self.height(&market.chain);
        let gates = self.gates(&market.chain, &market.synthetic, FROZEN.saturating_sub(1));
        let exit = market.exit.as_ref().and_then(|exit| self.map.hop(exit, &market.collateral));
        let place = (market.chain.clone(), market.synthetic.clone());
        let mut begun = 0;
        for candidate in book.candidates() {
            if begun == self.config.liquidation.per_look {
                break;
            }
            let subject = Subject::Position { market: name.to_owned(), owner: candidate.owner };
            let mut checks = gates.clone();
            checks.extend(self.flights.checks(&subject, height, self.now_ms));
            let may_try = checks.iter().all(|check| check.passed);
            let attempt =
                if may_try { self.attempt(name, &candidate, *book.vault(), prices, exit, &mut checks) } else { None };
            if let Some(attempt) = attempt {
                let pending = liquidation(subject, &candidate, &attempt, name, market);
                if self.act(pending, height, checks, step) {
                    begun = begun.saturating_add(1);
                    let (chains, venues) = ([market.chain.as_str()], [name]);
                    let asset = market.synthetic.as_str();
                    self.budget.spend(&Stake { asset, chains: &chains, venues: &venues, usd: attempt.stake });
                }
                continue;
            }
            let ends_here = checks.iter().any(|check| !check.passed && stands_against_all(check.rule));
            self.leave(subject, height, checks, step);
            if ends_here || self.available(&place) == 0 {
                break;
            }
        }
    }

    /// What is no candidate any more may be one again, and is then said again.
    fn forget_recovered(&mut self, name: &str, book: &Book) {
        let is_over = |subject: &Subject| match subject {
            Subject::Position { market, owner } => market == name && !book.is_candidate(*owner),
            _ => false,
        };
        self.left.retain(|subject, _| !is_over(subject));
        self.acted.retain(|subject, _| !is_over(subject));
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
}

fn liquidation(
    subject: Subject,
    candidate: &Candidate,
    attempt: &Attempt,
    name: &str,
    market: &MarketConfig,
) -> Pending {
    let taken = attempt.taken;
    Pending {
        subject,
        action: Action::Liquidate {
            market: name.to_owned(),
            owner: candidate.owner,
            version: candidate.version,
            expected: taken,
            min_seized: attempt.min_seized,
        },
        reserved: vec![((market.chain.clone(), market.synthetic.clone()), taken.repaid)],
        quoted: Fill { input: taken.repaid, output: taken.seized },
        chain: market.chain.clone(),
        stake: attempt.stake,
    }
}

/// Whether what stands against one position of a market stands against every other one, too.
fn stands_against_all(rule: Rule) -> bool {
    matches!(rule, Rule::Paused | Rule::PauseLevel | Rule::ChainAge | Rule::PriceVerdict | Rule::DailyLoss)
}
