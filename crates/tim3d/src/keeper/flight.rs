//! What was signed: sent, sent again, paid more for, and followed until it is final; a transfer until it has arrived.

use std::collections::BTreeMap;

use futures::future::join_all;
use tim3_chain::{
    Attempt, ChainError, Keeper as Hands, Liquidate, Liquidated, Traded, Transaction, TxId, Undone,
    is_liquidation_guard, is_trade_guard,
};
use tim3_domain::identity::{Account, MarketId, OperationId};
use tim3_keeper::{Action, Decision, arbitrage::Fill, input::Outcome, ledger::Move, limits::signed};
use tracing::{debug, info, warn};

use super::{session::Unfinished, trading::Trading};

/// Assets of a market as the ledger names them.
#[derive(Clone, Debug)]
pub(super) struct Naming {
    pub(super) market: MarketId,
    pub(super) chain: String,
    pub(super) synthetic: String,
    pub(super) collateral: String,
}

/// By the names of the configuration: what the ledger is written in.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    /// By market.
    pub(super) markets: BTreeMap<String, Naming>,
    /// What pays for transactions, by chain.
    pub(super) gas: BTreeMap<String, String>,
    pub(super) trading: Trading,
}

/// A decision that was signed for.
#[derive(Clone, Debug)]
struct Flight {
    chain: String,
    action: Action,
    /// The first one and those that took its place.
    transactions: Vec<Transaction>,
    /// Height of the newest block when it was first seen that none of them can be included any more.
    dead_since: Option<u64>,
    /// Its transaction is final, and what is left is the relay's: a transfer on its way.
    has_left: bool,
    /// Whether it is in a block that what was read of the chain includes.
    is_mined: bool,
}

/// All of them, by decision.
#[derive(Debug, Default)]
pub(super) struct Flights(BTreeMap<u64, Flight>);

/// What following one of them found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum News {
    /// It came to its end.
    Ended(u64, Outcome),
    /// It was signed again; to be recorded, then sent.
    Signed(u64, Transaction),
    /// It is in a block that what was read of the chain includes, or is in none any more.
    Mined(u64, bool),
}

/// How a transfer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// This much came.
    Arrived(u128),
    /// All of it came back.
    Returned,
}

/// What is known of the chain, and of the relay, while following.
pub(super) struct Surroundings<'a> {
    pub(super) names: &'a Names,
    /// Newest and newest final height.
    pub(super) heights: (u64, u64),
    /// How an operation ended, once it has for good.
    pub(super) arrival: &'a (dyn Fn(OperationId) -> Option<Arrival> + Sync),
}

impl Flights {
    /// What was under way before. `action_of` says what a decision is to do.
    pub(super) fn new(unfinished: Unfinished, action_of: impl Fn(u64) -> Option<Action>) -> Self {
        let flight = |(decision, (chain, transactions)): (u64, (String, Vec<Transaction>))| {
            let action = action_of(decision)?;
            Some((decision, Flight { chain, action, transactions, dead_since: None, has_left: false, is_mined: false }))
        };
        Self(unfinished.into_iter().filter_map(flight).collect())
    }

    /// How many have a transaction under way on `chain`.
    pub(super) fn count(&self, chain: &str) -> usize {
        self.0.values().filter(|flight| flight.chain == chain && !flight.has_left).count()
    }

    /// Whether nothing is under way that changes the inventory on `chain`.
    pub(super) fn is_still(&self, chain: &str) -> bool {
        let comes = |action: &Action| matches!(action, Action::Transfer(transfer) if transfer.to == chain);
        !self.0.values().any(|flight| flight.chain == chain || comes(&flight.action))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All transactions for `chain`.
    pub(super) fn transactions(&self, chain: &str) -> Vec<Transaction> {
        let here = self.0.values().filter(|flight| flight.chain == chain);
        here.flat_map(|flight| flight.transactions.iter().cloned()).collect()
    }

    /// A transaction was signed for a decision.
    pub(super) fn add(&mut self, decision: u64, chain: &str, action: &Action, transaction: Transaction) {
        let flight = self.0.entry(decision).or_insert_with(|| Flight {
            chain: chain.to_owned(),
            action: action.clone(),
            transactions: Vec::new(),
            dead_since: None,
            has_left: false,
            is_mined: false,
        });
        flight.transactions.push(transaction);
    }

    /// A further transaction was signed for a decision that is under way.
    pub(super) fn replace(&mut self, decision: u64, transaction: Transaction) {
        if let Some(flight) = self.0.get_mut(&decision) {
            flight.transactions.push(transaction);
        }
    }

    /// Those of a chain that there is not any more: nobody can say what became of them.
    pub(super) fn lost(&mut self, is_there: impl Fn(&str) -> bool) -> Vec<(u64, Outcome)> {
        let gone: Vec<u64> =
            self.0.iter().filter(|(_, flight)| !is_there(&flight.chain)).map(|(number, _)| *number).collect();
        let reason = "its chain is not configured any more; nobody knows what became of it";
        gone.into_iter()
            .filter_map(|number| {
                self.0.remove(&number)?;
                Some((number, Outcome::Failed { reason: reason.to_owned(), gas: 0 }))
            })
            .collect()
    }

    /// Looks what became of those on `chain`.
    pub(super) async fn follow(
        &mut self,
        chain: &str,
        hands: &dyn Hands,
        around: &Surroundings<'_>,
    ) -> Result<Vec<News>, ChainError> {
        let mut states = self.attempts(chain, hands).await?;
        let mut news = Vec::new();
        for (number, flight) in self.0.iter_mut().filter(|(_, flight)| flight.chain == chain) {
            let attempts: Vec<Attempt<Done>> =
                flight.transactions.iter().map(|it| states.remove(&it.id).unwrap_or(Attempt::Unknown)).collect();
            let was_mined = std::mem::replace(&mut flight.is_mined, is_mined(&attempts, around.heights.0));
            let next = flight.judge(&attempts, around);
            if was_mined != flight.is_mined && !matches!(next, Next::Ended(_)) {
                news.push(News::Mined(*number, flight.is_mined));
            }
            match next {
                Next::Ended(outcome) => news.push(News::Ended(*number, outcome)),
                Next::Wait => {}
                Next::Again(transaction) => {
                    if let Err(error) = hands.broadcast(&transaction).await {
                        debug!(chain, decision = number, %error, "to be sent again");
                    }
                }
                Next::Dead(transaction) => match hands.escalate(&transaction).await {
                    Ok(Some(again)) => news.push(News::Signed(*number, again)),
                    Ok(None) | Err(ChainError::Rejected { .. }) => {
                        let reason = "it can no longer be included".to_owned();
                        news.push(News::Ended(*number, Outcome::Failed { reason, gas: 0 }));
                    }
                    Err(error) => debug!(chain, decision = number, %error, "to be looked at again"),
                },
                Next::Dearer(transaction) => match hands.escalate(&transaction).await {
                    Ok(dearer) => news.extend(dearer.map(|dearer| News::Signed(*number, dearer))),
                    Err(error) => debug!(chain, decision = number, %error, "to be paid more for"),
                },
            }
        }
        Ok(news)
    }

    /// What became of every transaction on `chain`.
    async fn attempts(&self, chain: &str, hands: &dyn Hands) -> Result<BTreeMap<TxId, Attempt<Done>>, ChainError> {
        let here = self.0.values().filter(|flight| flight.chain == chain);
        let (liquidations, trades): (Vec<&Flight>, Vec<&Flight>) =
            here.partition(|flight| matches!(flight.action, Action::Liquidate { sale: None, .. }));
        let all = |flights: Vec<&Flight>| -> Vec<Transaction> {
            flights.into_iter().flat_map(|flight| flight.transactions.iter().cloned()).collect()
        };
        let (liquidations, trades) = (all(liquidations), all(trades));
        let mut found = BTreeMap::new();
        if !liquidations.is_empty() {
            let states = hands.attempts(&liquidations).await?.into_iter().map(|state| state.map(Done::Liquidated));
            found.extend(liquidations.into_iter().map(|it| it.id).zip(states));
        }
        if let (false, Some(trader)) = (trades.is_empty(), hands.trader()) {
            let states = trader.trades(&trades).await?.into_iter().map(|state| state.map(Done::Traded));
            found.extend(trades.into_iter().map(|it| it.id).zip(states));
        }
        Ok(found)
    }

    /// A decision has its outcome.
    pub(super) fn end(&mut self, decision: u64) {
        self.0.remove(&decision);
    }
}

/// Whether one of them did what it should in a block up to `head`.
fn is_mined(attempts: &[Attempt<Done>], head: u64) -> bool {
    attempts
        .iter()
        .any(|attempt| matches!(attempt, Attempt::Included { block, result: Ok(_), .. } if block.height <= head))
}

/// What a transaction did.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Done {
    Liquidated(Liquidated),
    Traded(Traded),
}

/// What follows from what became of a decision's transactions.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Ended(Outcome),
    Wait,
    /// No node knows it.
    Again(Transaction),
    /// It waits.
    Dearer(Transaction),
    /// None of them can be included any more.
    Dead(Transaction),
}

impl Flight {
    fn judge(&mut self, attempts: &[Attempt<Done>], around: &Surroundings<'_>) -> Next {
        let (head, finalized) = around.heights;
        let included = attempts.iter().find_map(|attempt| match attempt {
            Attempt::Included { block, cost, result } => Some((block.height, *cost, result)),
            _ => None,
        });
        if let Some((height, cost, result)) = included {
            self.dead_since = None;
            // A reorg may take back what is not final.
            return if height <= finalized { self.outcome(around, cost, result) } else { Next::Wait };
        }
        let Some(newest) = self.transactions.last().cloned() else { return Next::Wait };
        // A death that was taken back is none, and the next one has to become final by itself.
        let died = self.dead_since.take();
        match attempts.last() {
            Some(Attempt::Pending) => Next::Dearer(newest),
            Some(Attempt::Unknown) => Next::Again(newest),
            _ => {
                // The block that took the nonce may be taken back as well.
                let since = *self.dead_since.insert(died.unwrap_or(head));
                if finalized < since { Next::Wait } else { Next::Dead(newest) }
            }
        }
    }

    fn outcome(&mut self, around: &Surroundings<'_>, cost: u128, result: &Result<Done, Undone>) -> Next {
        let names = around.names;
        let done = match result {
            Ok(done) => done,
            Err(Undone::Guarded(_)) => return Next::Ended(Outcome::Lost { gas: cost }),
            Err(Undone::Failed(reason)) => {
                return Next::Ended(Outcome::Failed { reason: reason.clone(), gas: cost });
            }
        };
        let change = |chain: &str, asset: &str, delta| Move { chain: chain.to_owned(), asset: asset.to_owned(), delta };
        let gas = names.gas.get(&self.chain).map(|asset| change(&self.chain, asset, signed(cost).saturating_neg()));
        let (mut moves, mut swept): (Vec<Move>, Vec<Move>) = (Vec::new(), Vec::new());
        let fill = match (&self.action, done) {
            (Action::Liquidate { market, .. }, Done::Liquidated(Liquidated { repaid, seized, .. })) => {
                if let Some(naming) = names.markets.get(market) {
                    moves.push(change(&self.chain, &naming.synthetic, signed(*repaid).saturating_neg()));
                    moves.push(change(&self.chain, &naming.collateral, signed(*seized)));
                }
                Fill { input: *repaid, output: *seized }
            }
            (Action::Transfer(transfer), Done::Traded(Traded { operation, .. })) => {
                // The keeper's own daemon relays it; until it has ended it is on its way.
                self.has_left = true;
                let Some(arrival) = operation.and_then(around.arrival) else { return Next::Wait };
                let output = match arrival {
                    Arrival::Arrived(amount) => {
                        let gone = signed(transfer.amount).saturating_neg();
                        moves.push(change(&transfer.from, &transfer.asset, gone));
                        moves.push(change(&transfer.to, &transfer.asset, signed(amount)));
                        amount
                    }
                    Arrival::Returned => transfer.amount,
                };
                Fill { input: transfer.amount, output }
            }
            (action, Done::Traded(Traded { changes, swept: gone, .. })) => {
                let counted = |token: &Account, delta| match names.trading.counted(&self.chain, token, delta) {
                    Some((asset, delta)) => Some(change(&self.chain, asset, delta)),
                    None => {
                        warn!(chain = self.chain, %token, delta, "a token moved that is not traded");
                        None
                    }
                };
                moves.extend(changes.iter().filter_map(|(token, delta)| counted(token, *delta)));
                swept.extend(gone.iter().filter_map(|(token, amount)| counted(token, signed(*amount))));
                fill(action, &moves, &swept, names)
            }
            (_, Done::Liquidated(_)) => Fill { input: 0, output: 0 },
        };
        moves.extend(gas);
        Next::Ended(Outcome::Done { fill, moves, swept, gas: cost })
    }
}

/// What went in and came out, by what moved.
fn fill(action: &Action, moves: &[Move], swept: &[Move], names: &Names) -> Fill {
    let sum = |moves: &[Move], asset: &str| -> i128 {
        let its = moves.iter().filter(|change| change.asset == asset).map(|change| change.delta);
        its.fold(0, i128::saturating_add)
    };
    let moved = |asset: &str| sum(moves, asset);
    match action {
        Action::Open { order, .. } | Action::Close(order) | Action::Hedge(order) => Fill {
            input: u128::try_from(moved(&order.from).saturating_neg()).unwrap_or_default(),
            output: u128::try_from(moved(&order.to)).unwrap_or_default(),
        },
        // It ends with what it began with, of which only the gain moves.
        Action::Swap(trade) => {
            let gain = trade.legs.first().map_or(0, |leg| moved(&leg.from));
            Fill { input: trade.input, output: trade.input.saturating_add_signed(gain) }
        }
        // What came out of the sale is what is there beyond what was repaid.
        Action::Liquidate { market, expected, .. } => {
            let all = |asset: &str| moved(asset).saturating_add(sum(swept, asset));
            let gain = names.markets.get(market).map_or(0, |naming| all(&naming.synthetic));
            Fill { input: expected.repaid, output: expected.repaid.saturating_add_signed(gain) }
        }
        Action::Transfer(_) => Fill { input: 0, output: 0 },
    }
}

/// What an action is, in a word.
pub(super) fn kind(action: &Action) -> &'static str {
    match action {
        Action::Liquidate { .. } => "liquidation",
        Action::Transfer(_) => "transfer",
        Action::Swap(_) | Action::Open { .. } | Action::Close(_) | Action::Hedge(_) => "trade",
    }
}

/// A decision that was signed for, or what became of it where it could not be.
pub(super) struct Signed {
    pub(super) decision: u64,
    pub(super) action: Action,
    pub(super) result: Result<Transaction, Outcome>,
}

/// Simulates and signs what was decided about one chain, whose clock says `time`. Nothing is sent.
pub(super) async fn sign(hands: &dyn Hands, decisions: &[&Decision], names: &Names, time: u64) -> Vec<Signed> {
    let one = async |number: u64, action: &Action| {
        let result = match action {
            Action::Liquidate { market, owner, expected, max_repay, min_seized, sale, .. } => match names
                .markets
                .get(market)
            {
                Some(naming) => {
                    let (max_repay, min_seized) = (*max_repay, *min_seized);
                    let it = Liquidate { market: naming.market, owner: *owner, max_repay, min_seized };
                    match sale {
                        Some(sale) => names.trading.sell(hands, naming, it, (sale, expected.seized), time).await,
                        None => hands.prepare(&it).await.map_err(|error| unsigned_for(&error)),
                    }
                }
                None => Err(Outcome::Refused { reason: format!("the market {market} is not looked after any more") }),
            },
            action => names.trading.sign(hands, action, time).await,
        };
        Signed { decision: number, action: action.clone(), result }
    };
    let asked = decisions.iter().filter_map(|decision| Some((decision.number, decision.action.as_ref()?)));
    let (sales, others): (Vec<_>, Vec<_>) =
        asked.partition(|(_, action)| matches!(action, Action::Liquidate { sale: Some(_), .. }));
    let mut signed = join_all(others.into_iter().map(|(number, action)| one(number, action))).await;
    // Each was sized after those before it, and has to come after them.
    for (number, action) in sales {
        signed.push(one(number, action).await);
    }
    signed
}

/// What it means that something was not signed: where gateway or pool says that somebody was first, only the chance is lost.
pub(super) fn unsigned_for(error: &ChainError) -> Outcome {
    match error {
        ChainError::Rejected { reason, .. } if is_liquidation_guard(reason) || is_trade_guard(reason) => {
            Outcome::Lost { gas: 0 }
        }
        _ => Outcome::Refused { reason: error.to_string() },
    }
}

/// Decisions about a chain that is not kept any more.
pub(super) fn unsigned(decisions: &[&Decision], chain: &str) -> Vec<Signed> {
    let one = |decision: &&Decision| {
        let result = Err(Outcome::Refused { reason: format!("{chain} is not kept any more") });
        Some(Signed { decision: decision.number, action: decision.action.clone()?, result })
    };
    decisions.iter().filter_map(one).collect()
}

/// Sends what is durable. What can never be included gets its outcome; anything else is looked after by [`Flights::follow`].
pub(super) async fn send(
    hands: &dyn Hands,
    signed: &[(u64, Transaction)],
    kind_of: impl Fn(u64) -> &'static str,
) -> Vec<(u64, Outcome)> {
    let sent = join_all(signed.iter().map(|(_, transaction)| hands.broadcast(transaction))).await;
    let mut refused = Vec::new();
    for ((decision, transaction), sent) in signed.iter().zip(sent) {
        match sent {
            Ok(()) => info!(decision, transaction = %transaction.id, "{} sent", kind_of(*decision)),
            Err(ChainError::Rejected { reason, .. }) => {
                let kind = kind_of(*decision);
                warn!(decision, transaction = %transaction.id, reason, "no node takes a {kind}");
                refused.push((*decision, Outcome::Refused { reason }));
            }
            Err(error) => warn!(decision, %error, "to be sent again"),
        }
    }
    refused
}

#[cfg(test)]
mod tests;
