//! Liquidations that were signed: sent, sent again, paid more for, and followed until they are final.

use std::collections::BTreeMap;

use futures::future::join_all;
use tim3_chain::{Attempt, ChainError, Keeper as Hands, Liquidate, Liquidated, Transaction, Undone};
use tim3_domain::identity::MarketId;
use tim3_keeper::{Action, Decision, arbitrage::Fill, input::Outcome, ledger::Move, limits::signed};
use tracing::{debug, info, warn};

use super::session::Unfinished;

/// Assets of a market as the ledger names them.
#[derive(Clone, Debug)]
pub(super) struct Naming {
    pub(super) market: MarketId,
    pub(super) chain: String,
    pub(super) synthetic: String,
    pub(super) collateral: String,
    pub(super) gas: String,
}

/// A decision that was signed for.
#[derive(Clone, Debug)]
struct Flight {
    chain: String,
    market: String,
    /// The first one and those that took its place.
    transactions: Vec<Transaction>,
    /// Height of the newest block when it was first seen that none of them can be included any more.
    dead_since: Option<u64>,
}

/// All of them, by decision.
#[derive(Debug, Default)]
pub(super) struct Flights(BTreeMap<u64, Flight>);

/// What following one of them found.
pub(super) enum News {
    /// It came to its end.
    Ended(u64, Outcome),
    /// It was signed again; to be recorded, then sent.
    Signed(u64, Transaction),
}

impl Flights {
    /// What was under way before. `market_of` says which market a decision is about.
    pub(super) fn new(unfinished: Unfinished, market_of: impl Fn(u64) -> Option<String>) -> Self {
        let flight = |(decision, (chain, transactions)): (u64, (String, Vec<Transaction>))| {
            let market = market_of(decision)?;
            Some((decision, Flight { chain, market, transactions, dead_since: None }))
        };
        Self(unfinished.into_iter().filter_map(flight).collect())
    }

    /// How many are under way on `chain`.
    pub(super) fn count(&self, chain: &str) -> usize {
        self.0.values().filter(|flight| flight.chain == chain).count()
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
    pub(super) fn add(&mut self, decision: u64, chain: &str, market: &str, transaction: Transaction) {
        let flight = self.0.entry(decision).or_insert_with(|| Flight {
            chain: chain.to_owned(),
            market: market.to_owned(),
            transactions: Vec::new(),
            dead_since: None,
        });
        flight.transactions.push(transaction);
    }

    /// The market and chain of a decision that is under way.
    pub(super) fn place(&self, decision: u64) -> Option<(String, String)> {
        self.0.get(&decision).map(|flight| (flight.market.clone(), flight.chain.clone()))
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

    /// Looks what became of those on `chain`, whose newest and newest final heights are `head` and `finalized`.
    pub(super) async fn follow(
        &mut self,
        chain: &str,
        hands: &dyn Hands,
        namings: &BTreeMap<String, Naming>,
        (head, finalized): (u64, u64),
    ) -> Result<Vec<News>, ChainError> {
        let transactions = self.transactions(chain);
        if transactions.is_empty() {
            return Ok(Vec::new());
        }
        let mut states = hands.attempts(&transactions).await?.into_iter();
        let mut news = Vec::new();
        for (number, flight) in self.0.iter_mut().filter(|(_, flight)| flight.chain == chain) {
            let attempts: Vec<Attempt> = states.by_ref().take(flight.transactions.len()).collect();
            let Some(naming) = namings.get(&flight.market) else { continue };
            match flight.judge(&attempts, naming, head, finalized) {
                Next::Ended(outcome) => news.push(News::Ended(*number, outcome)),
                Next::Wait => {}
                Next::Again(transaction) => {
                    if let Err(error) = hands.broadcast(&transaction).await {
                        debug!(chain, decision = number, %error, "to be sent again");
                    }
                }
                Next::Dearer(transaction) => {
                    if let Some(dearer) = hands.escalate(&transaction).await? {
                        news.push(News::Signed(*number, dearer));
                    }
                }
            }
        }
        for one in &news {
            if let News::Ended(number, _) = one {
                self.0.remove(number);
            }
        }
        Ok(news)
    }

    /// It came to its end in another way.
    pub(super) fn end(&mut self, decision: u64) {
        self.0.remove(&decision);
    }
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
}

impl Flight {
    fn judge(&mut self, attempts: &[Attempt], naming: &Naming, head: u64, finalized: u64) -> Next {
        let included = attempts.iter().find_map(|attempt| match attempt {
            Attempt::Included { block, cost, result } => Some((block.height, *cost, result)),
            _ => None,
        });
        if let Some((height, cost, result)) = included {
            self.dead_since = None;
            // A reorg may take back what is not final.
            return if height <= finalized { Next::Ended(outcome(naming, cost, result)) } else { Next::Wait };
        }
        let newest = self.transactions.last();
        match (attempts.last(), newest) {
            (Some(Attempt::Pending), Some(newest)) => Next::Dearer(newest.clone()),
            (Some(Attempt::Unknown), Some(newest)) => Next::Again(newest.clone()),
            _ => {
                // The block that took the nonce may be taken back as well.
                let since = *self.dead_since.get_or_insert(head);
                if finalized < since {
                    return Next::Wait;
                }
                let reason = "another transaction of the account took its nonce".to_owned();
                Next::Ended(Outcome::Failed { reason, gas: 0 })
            }
        }
    }
}

fn outcome(naming: &Naming, cost: u128, result: &Result<Liquidated, Undone>) -> Outcome {
    match result {
        Ok(Liquidated { repaid, seized, .. }) => {
            let change = |asset: &str, delta| Move { chain: naming.chain.clone(), asset: asset.to_owned(), delta };
            let moves = vec![
                change(&naming.synthetic, signed(*repaid).saturating_neg()),
                change(&naming.collateral, signed(*seized)),
                change(&naming.gas, signed(cost).saturating_neg()),
            ];
            Outcome::Done { fill: Fill { input: *repaid, output: *seized }, moves, gas: cost }
        }
        Err(Undone::Guarded(_)) => Outcome::Lost { gas: cost },
        Err(Undone::Failed(reason)) => Outcome::Failed { reason: reason.clone(), gas: cost },
    }
}

/// A decision that was signed for, or what became of it where it could not be.
pub(super) struct Signed {
    pub(super) decision: u64,
    pub(super) market: String,
    pub(super) result: Result<Transaction, String>,
}

/// Simulates and signs what was decided about markets of one chain. Nothing is sent.
pub(super) async fn sign(
    hands: &dyn Hands,
    decisions: &[&Decision],
    namings: &BTreeMap<String, Naming>,
) -> Vec<Signed> {
    let one = |decision: &Decision| {
        let Some(Action::Liquidate { market, owner, expected, min_seized, .. }) = &decision.action else { return None };
        let naming = namings.get(market)?;
        let liquidation =
            Liquidate { market: naming.market, owner: *owner, max_repay: expected.repaid, min_seized: *min_seized };
        Some((decision.number, market.clone(), liquidation))
    };
    let asked =
        decisions.iter().filter_map(|decision| one(decision)).map(|(decision, market, liquidation)| async move {
            let result = hands.prepare(&liquidation).await.map_err(|error| error.to_string());
            Signed { decision, market, result }
        });
    join_all(asked).await
}

/// Sends what is durable. What can never be included gets its outcome; anything else is looked after by [`Flights::follow`].
pub(super) async fn send(hands: &dyn Hands, signed: &[(u64, Transaction)]) -> Vec<(u64, Outcome)> {
    let sent = join_all(signed.iter().map(|(_, transaction)| hands.broadcast(transaction))).await;
    let mut refused = Vec::new();
    for ((decision, transaction), sent) in signed.iter().zip(sent) {
        match sent {
            Ok(()) => info!(decision, transaction = %transaction.id, "liquidation sent"),
            Err(ChainError::Rejected { reason, .. }) => {
                warn!(decision, transaction = %transaction.id, reason, "no node takes a liquidation");
                refused.push((*decision, Outcome::Refused { reason }));
            }
            Err(error) => debug!(decision, %error, "to be sent again"),
        }
    }
    refused
}
