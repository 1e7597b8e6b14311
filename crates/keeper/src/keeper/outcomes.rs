//! What became of actions, and the ledger.

use tim3_domain::price::Verdict;

use super::{Keeper, Pending, Step, liquidations::venues};
use crate::{
    arbitrage::{Fill, Size},
    config::Mode,
    decision::{Action, Subject},
    input::Outcome,
    ledger::{Entry, Move},
    limits::{Stake, signed},
    risk::Unknown,
};

/// What an action took besides what it moved, as the ledger has it.
#[derive(Debug, Default)]
struct Costs {
    gas: u128,
    fee: u128,
    slippage: i128,
    slippage_asset: String,
}

impl Keeper {
    /// An action that is not in flight has had its outcome: a second one changes nothing.
    pub(super) fn take_outcome(&mut self, decision: u64, outcome: &Outcome, step: &mut Step) {
        let Some(pending) = self.pending.remove(&decision) else { return };
        let subject = pending.subject.clone();
        match outcome {
            Outcome::Refused { reason } => {
                self.give_back(&pending);
                self.fail(&subject, reason);
            }
            Outcome::Failed { reason, gas } => {
                self.pay_gas(decision, &pending, *gas, step);
                self.fail(&subject, reason);
            }
            Outcome::Lost { gas } => {
                self.ledger.lose();
                self.give_back(&pending);
                self.pay_gas(decision, &pending, *gas, step);
                self.flights.finish(&subject);
                self.expect_news(&pending.action);
            }
            Outcome::Done { fill, moves, swept, gas } => {
                let costs = self.costs(&pending, *fill, *gas);
                self.enter(decision, Mode::Live, &subject, [moves.clone(), swept.clone()], costs, step);
                let pending_action = pending.action.clone();
                match &pending_action {
                    // There is nothing to close where nothing came: what went in is lost, and in the ledger.
                    Action::Open { .. } if fill.output == 0 => self.fail(&subject, "nothing came for what was sent"),
                    // The route stays in flight until the other leg is done.
                    Action::Open { .. } => self.open_trade(decision, pending, *fill, step),
                    Action::Close(order) | Action::Hedge(order) => {
                        self.flights.finish(&subject);
                        self.end_part(order, *fill, step);
                    }
                    Action::Liquidate { .. } | Action::Swap(_) | Action::Transfer(_) => self.flights.finish(&subject),
                }
                self.expect_news(&pending_action);
            }
        }
    }

    /// What was to be put in and was not counts on no cap. Only in mode `live` is there something that may not have happened.
    fn give_back(&mut self, pending: &Pending) {
        let (asset, chains, venues) = match &pending.action {
            Action::Liquidate { market: name, .. } => {
                let Some(market) = self.config.markets.get(name) else { return };
                (&market.synthetic, vec![market.chain.as_str()], venues(name, market))
            }
            Action::Swap(trade) | Action::Open { trade, .. } => {
                let Some(first) = trade.legs.first() else { return };
                (&first.from, trade.chains(), trade.legs.iter().map(|leg| leg.venue.as_str()).collect())
            }
            Action::Close(_) | Action::Hedge(_) | Action::Transfer(_) => return,
        };
        let stake = Stake { asset, chains: &chains, venues: &venues, usd: pending.stake };
        if let Some(budget) = self.budgets.get_mut(&Mode::Live) {
            budget.give_back(&stake, pending.since_ms);
        }
    }

    /// A position that was liquidated, by whomever, is not known until its next version comes.
    fn expect_news(&mut self, action: &Action) {
        let Action::Liquidate { market, owner, version, .. } = action else { return };
        let Some(book) = self.books.get_mut(market) else { return };
        if book.outlook(*owner).is_some_and(|outlook| outlook.position.version == *version) {
            let reason = "it was liquidated, and what is left of it has not been read".to_owned();
            book.set_unknown(*owner, Unknown { reason, since_ms: self.now_ms });
        }
    }

    fn fail(&mut self, subject: &Subject, reason: &str) {
        self.flights.fail(subject, reason.to_owned(), self.config.patience, self.now_ms);
    }

    fn pay_gas(&mut self, decision: u64, pending: &Pending, gas: u128, step: &mut Step) {
        if gas != 0 {
            let moves = self.gas_move(&pending.chain, gas).into_iter().collect();
            let costs = Costs { gas, ..Costs::default() };
            self.enter(decision, Mode::Live, &pending.subject, [moves, Vec::new()], costs, step);
        }
    }

    /// How much better than quoted it was, and in units of what: of what comes out, or of what goes in where an exact amount was bought. What does not arrive of a
    /// transfer is the relay's fee.
    fn costs(&self, pending: &Pending, fill: Fill, gas: u128) -> Costs {
        let (better, worse, asset) = match &pending.action {
            Action::Open { order, .. } | Action::Close(order) | Action::Hedge(order) => match order.size {
                Size::Sell { .. } => (fill.output, pending.quoted.output, Some(&order.to)),
                Size::Buy { .. } => (pending.quoted.input, fill.input, Some(&order.from)),
            },
            Action::Swap(trade) => (fill.output, pending.quoted.output, trade.legs.first().map(|leg| &leg.from)),
            Action::Liquidate { market, sale, .. } => {
                let market = self.config.markets.get(market);
                let asset = market.map(|it| if sale.is_some() { &it.synthetic } else { &it.collateral });
                (fill.output, pending.quoted.output, asset)
            }
            Action::Transfer(transfer) => {
                let fee = pending.quoted.output.saturating_sub(fill.output);
                return Costs { gas, fee, slippage: 0, slippage_asset: transfer.asset.clone() };
            }
        };
        let slippage = signed(better).saturating_sub(signed(worse));
        Costs { gas, fee: 0, slippage, slippage_asset: asset.cloned().unwrap_or_default() }
    }

    fn gas_move(&self, chain: &str, gas: u128) -> Option<Move> {
        let asset = self.config.chains.get(chain)?.gas_asset.clone()?;
        Some(Move { chain: chain.to_owned(), asset, delta: signed(gas).saturating_neg() })
    }

    fn enter(
        &mut self,
        decision: u64,
        mode: Mode,
        subject: &Subject,
        [moves, swept]: [Vec<Move>; 2],
        Costs { gas, fee, slippage, slippage_asset }: Costs,
        step: &mut Step,
    ) {
        let mut entry = Entry {
            number: self.ledger.next(),
            decision,
            at_ms: self.now_ms,
            mode,
            subject: subject.clone(),
            moves,
            swept,
            gas,
            fee,
            slippage,
            slippage_asset,
            usd: 0,
            unpriced: Vec::new(),
        };
        let (mut usd, mut unpriced) = (0_i128, Vec::new());
        for (asset, delta) in entry.by_asset() {
            match self.worth(asset, delta, Verdict::Unavailable) {
                Some(worth) => usd = usd.saturating_add(worth),
                None => unpriced.push(asset.to_owned()),
            }
        }
        (entry.usd, entry.unpriced) = (usd, unpriced);
        if mode == Mode::Live {
            for change in &entry.moves {
                let held = self.holdings.entry((change.chain.clone(), change.asset.clone())).or_default();
                *held = held.saturating_add_signed(change.delta);
            }
        }
        self.budget_of(mode).settle(entry.counted());
        self.ledger.add(&entry);
        step.entries.push(entry);
    }

    /// Mode `paper`: what was decided happens as it was quoted, in the ledger only.
    pub(super) fn fill_as_quoted(&mut self, decision: u64, pending: Pending, step: &mut Step) {
        let (moves, gas) = self.quoted_moves(&pending);
        let costs = Costs { gas, ..Costs::default() };
        self.enter(decision, Mode::Paper, &pending.subject, [moves, Vec::new()], costs, step);
        self.flights.finish(&pending.subject);
    }

    pub(super) fn quoted_moves(&self, pending: &Pending) -> (Vec<Move>, u128) {
        let change = |chain: &str, asset: &str, delta: i128| Move { chain: chain.into(), asset: asset.into(), delta };
        let swap = |chain: &str, from: &str, to: &str, fill: Fill| {
            [change(chain, from, signed(fill.input).saturating_neg()), change(chain, to, signed(fill.output))]
        };
        let chain = pending.chain.as_str();
        let cost = self.gas.get(chain);
        let mut moves = Vec::new();
        let mut gas = 0_u128;
        match &pending.action {
            Action::Liquidate { market, expected, min_seized, sale, .. } => {
                let bought = sale.as_ref().map_or(0, |sale| signed(sale.output));
                let seized = if sale.is_some() { expected.seized.saturating_sub(*min_seized) } else { expected.seized };
                if let Some(market) = self.config.markets.get(market) {
                    let synthetic = bought.saturating_sub(signed(expected.repaid));
                    moves.push(change(chain, &market.synthetic, synthetic));
                    moves.push(change(chain, &market.collateral, signed(seized)));
                }
                let step = |gas: &super::Gas| if sale.is_some() { gas.step } else { 0 };
                gas = cost.map_or(0, |gas| gas.liquidation.saturating_add(step(gas)));
            }
            Action::Swap(trade) | Action::Open { trade, .. } => {
                for leg in &trade.legs {
                    moves.extend(swap(&leg.chain, &leg.from, &leg.to, Fill { input: leg.input, output: leg.output }));
                    gas = gas.saturating_add(self.gas.get(&leg.chain).map_or(0, |gas| gas.step));
                    moves.extend(self.gas.get(&leg.chain).and_then(|gas| self.gas_move(&leg.chain, gas.step)));
                }
                return (moves, gas);
            }
            Action::Close(order) | Action::Hedge(order) => {
                moves.extend(swap(chain, &order.from, &order.to, order.quoted));
                let steps = u128::try_from(order.venues.len()).unwrap_or(u128::MAX);
                gas = cost.map_or(0, |gas| gas.step.saturating_mul(steps));
            }
            Action::Transfer(transfer) => {
                let amount = signed(transfer.amount);
                moves.push(change(&transfer.from, &transfer.asset, amount.saturating_neg()));
                moves.push(change(&transfer.to, &transfer.asset, amount));
            }
        }
        moves.extend(self.gas_move(chain, gas).filter(|_| gas != 0));
        (moves, gas)
    }
}
