//! Looking at vault markets.

use tim3_domain::{
    amm::{Fee, Hop},
    price::{Price, Quote, Verdict},
};

use super::{Gas, Keeper, Pending, Step, price_check};
use crate::{
    arbitrage::Fill,
    config::MarketConfig,
    decision::{Action, Check, Rule, Sale, Subject},
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
        let mut exit = self.exit(market);
        let place = (market.chain.clone(), market.synthetic.clone());
        let mut begun = 0;
        for candidate in book.candidates() {
            if begun == self.config.liquidation.per_look {
                break;
            }
            let subject = Subject::Position { market: name.to_owned(), owner: candidate.owner };
            let mut checks = gates.clone();
            checks.extend(self.flights.checks(&subject, height, self.config.patience, self.now_ms));
            let may_try = checks.iter().all(|check| check.passed);
            let attempt =
                if may_try { self.attempt(name, &candidate, *book.vault(), prices, exit, &mut checks) } else { None };
            if let Some(attempt) = attempt {
                let pending = liquidation(subject, &candidate, &attempt, name, market);
                if self.act(pending, height, checks, step) {
                    begun = begun.saturating_add(1);
                    exit = exit.map(|exit| after(exit, attempt.min_seized, attempt.output.unwrap_or_default()));
                    let (chains, venues) = ([market.chain.as_str()], venues(name, market));
                    let stake = stake(market, &chains, &venues, attempt.stake);
                    self.budget_of(self.config.mode).spend(&stake);
                }
                continue;
            }
            let ends_here = checks.iter().any(|check| !check.passed && stands_against_all(check.rule));
            self.leave(subject, height, checks, step);
            if ends_here || (!market.flash && self.available(&place) == 0) {
                break;
            }
        }
    }

    /// The pool in which the market's collateral is sold, after every sale that is under way and not in it yet. One that was not read yet pays nothing.
    fn exit(&self, market: &MarketConfig) -> Option<Hop> {
        let exit = market.exit.as_ref()?;
        let unread = Hop { reserve_in: 0, reserve_out: 0, fee: Fee::NONE };
        let pool = self.map.hop(exit, &market.collateral).unwrap_or(unread);
        let sales = self.pending.values().filter_map(|pending| match &pending.action {
            Action::Liquidate { min_seized, sale: Some(sale), .. } if sale.venue == *exit && !pending.is_mined => {
                Some((*min_seized, sale.output))
            }
            _ => None,
        });
        Some(sales.fold(pool, |pool, (sold, output)| after(pool, sold, output)))
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
        let sells = market.exit.is_some();
        let gas = |gas: Gas| gas.liquidation.saturating_add(if sells { gas.step } else { 0 });
        let gas_usd = match self.gas_usd(&market.chain, gas) {
            Ok(gas) => gas,
            Err(verdict) => {
                checks.push(price_check(verdict));
                return None;
            }
        };
        let valid = |quote: Quote| Ok((quote.lower(Verdict::Valid)?, quote.higher(Verdict::Valid)?));
        let owed = match self.quote(&market.synthetic).and_then(valid) {
            Ok(owed) => owed,
            Err(verdict) => {
                checks.push(price_check(verdict));
                return None;
            }
        };
        let own = || self.available(&(market.chain.clone(), market.synthetic.clone()));
        let (flash, synthetic) = (market.flash, market.synthetic.as_str());
        let inventory = if flash { u128::MAX } else { own() };
        let means = Means { vault: &vault, synthetic, higher, lower, owed, inventory, exit, flash, gas_usd };
        let (sizing, attempt) = size(candidate.balances, &self.config.liquidation, &means);
        checks.extend(sizing);
        let attempt = attempt?;
        let (chains, venues) = ([market.chain.as_str()], venues(name, market));
        checks.extend(self.budget().checks(&self.config.limits, &stake(market, &chains, &venues, attempt.stake)));
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
    let sale = market.exit.as_ref().zip(attempt.output);
    let sale = sale.map(|(venue, output)| Sale { venue: venue.clone(), output, flash: market.flash });
    let own = (!market.flash).then(|| ((market.chain.clone(), market.synthetic.clone()), attempt.max_repay));
    let action = Action::Liquidate {
        market: name.to_owned(),
        owner: candidate.owner,
        version: candidate.version,
        expected: taken,
        min_seized: attempt.min_seized,
        max_repay: attempt.max_repay,
        sale,
    };
    let quoted = Fill { input: taken.repaid, output: attempt.output.unwrap_or(taken.seized) };
    let reserved = own.into_iter().collect();
    Pending { stake: attempt.stake, ..Pending::new(subject, action, market.chain.clone(), quoted, reserved) }
}

/// A pool after a sale.
fn after(pool: Hop, sold: u128, output: u128) -> Hop {
    let reserve_in = pool.reserve_in.saturating_add(sold);
    Hop { reserve_in, reserve_out: pool.reserve_out.saturating_sub(output), ..pool }
}

/// The market, and where its collateral is sold.
pub(super) fn venues<'a>(name: &'a str, market: &'a MarketConfig) -> Vec<&'a str> {
    std::iter::once(name).chain(market.exit.as_deref()).collect()
}

fn stake<'a>(market: &'a MarketConfig, chains: &'a [&'a str], venues: &'a [&'a str], usd: u128) -> Stake<'a> {
    Stake { asset: &market.synthetic, chains, venues, usd }
}

/// Whether what stands against one position of a market stands against every other one, too.
fn stands_against_all(rule: Rule) -> bool {
    matches!(rule, Rule::Paused | Rule::PauseLevel | Rule::ChainAge | Rule::PriceVerdict | Rule::DailyLoss)
}
