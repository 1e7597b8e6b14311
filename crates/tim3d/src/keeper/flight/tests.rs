use std::sync::Mutex;

use async_trait::async_trait;
use tim3_chain::{BlockRef, Feed, FeedReading, PositionRecord};
use tim3_domain::{
    health::Liquidation,
    identity::{Account, AssetId},
    word::Word,
};
use tim3_keeper::arbitrage::Transfer;

use super::*;

/// A chain that says what it is told to say.
#[derive(Debug, Default)]
struct Script {
    attempts: Mutex<Vec<Attempt>>,
    /// What the next replacement is.
    replacement: Mutex<Option<Result<Option<Transaction>, ChainError>>>,
    broadcast: Mutex<Vec<TxId>>,
}

fn unasked<T>() -> Result<T, ChainError> {
    Err(failed(false))
}

fn failed(is_final: bool) -> ChainError {
    let (chain, what) = ("a".to_owned(), "test");
    if is_final {
        ChainError::Rejected { chain, what, reason: "no".to_owned() }
    } else {
        ChainError::Transient { chain, what, detail: "later".to_owned() }
    }
}

#[async_trait]
impl Hands for Script {
    fn account(&self) -> Account {
        Account::ZERO
    }

    fn can_send(&self) -> bool {
        true
    }

    async fn feed(&self, _: &Feed) -> Result<Vec<FeedReading>, ChainError> {
        unasked()
    }

    async fn positions(&self, _: MarketId, _: &[Account]) -> Result<Vec<PositionRecord>, ChainError> {
        unasked()
    }

    async fn target(&self, _: AssetId) -> Result<u128, ChainError> {
        unasked()
    }

    async fn fee_balance(&self) -> Result<u128, ChainError> {
        unasked()
    }

    async fn liquidation_cost(&self) -> Result<u128, ChainError> {
        unasked()
    }

    async fn prepare(&self, _: &Liquidate) -> Result<Transaction, ChainError> {
        unasked()
    }

    async fn broadcast(&self, transaction: &Transaction) -> Result<(), ChainError> {
        self.broadcast.lock().unwrap().push(transaction.id.clone());
        Ok(())
    }

    async fn attempts(&self, transactions: &[Transaction]) -> Result<Vec<Attempt>, ChainError> {
        let said = self.attempts.lock().unwrap().clone();
        assert_eq!(said.len(), transactions.len());
        Ok(said)
    }

    async fn escalate(&self, _: &Transaction) -> Result<Option<Transaction>, ChainError> {
        self.replacement.lock().unwrap().take().expect("a replacement was asked for")
    }

    async fn restore(&self, _: &[Transaction]) -> Result<(), ChainError> {
        unasked()
    }
}

fn transaction(name: &str) -> Transaction {
    Transaction { id: TxId(name.to_owned()), raw: Vec::new(), nonce: 7, replaces: None }
}

fn liquidation() -> Action {
    let expected = Liquidation { repaid: 100, seized: 5, bad_debt: 0 };
    Action::Liquidate {
        market: "weth".to_owned(),
        owner: Account::ZERO,
        version: 1,
        expected,
        min_seized: 4,
        max_repay: 100,
        sale: None,
    }
}

fn names() -> Names {
    let (synthetic, collateral) = ("TIM3".to_owned(), "WETH".to_owned());
    let naming = Naming { market: MarketId::ZERO, chain: "a".to_owned(), synthetic, collateral };
    Names {
        markets: BTreeMap::from([("weth".to_owned(), naming)]),
        gas: BTreeMap::from([("a".to_owned(), "ETH".to_owned())]),
        trading: Trading::default(),
    }
}

fn included<T>(height: u64, result: Result<T, Undone>) -> Attempt<T> {
    Attempt::Included { block: BlockRef { height, hash: Word([0; 32]), timestamp: 0 }, cost: 9, result }
}

fn flight(action: Action, transactions: &[&str]) -> Flight {
    let transactions = transactions.iter().map(|name| transaction(name)).collect();
    Flight { chain: "a".to_owned(), action, transactions, dead_since: None, has_left: false, is_mined: false }
}

fn nowhere(_: OperationId) -> Option<Arrival> {
    None
}

/// What follows for `flight` at these heights.
fn judged(flight: &mut Flight, attempts: &[Attempt<Done>], heights: (u64, u64)) -> Next {
    flight.judge(attempts, &Surroundings { names: &names(), heights, arrival: &nowhere })
}

fn delta(asset: &str, delta: i128) -> Move {
    Move { chain: "a".to_owned(), asset: asset.to_owned(), delta }
}

fn liquidated() -> Done {
    Done::Liquidated(Liquidated { repaid: 90, seized: 4, bad_debt: 0 })
}

#[test]
fn a_simulation_that_says_that_somebody_was_first_is_a_lost_race_and_no_failure() {
    let rejected = |reason: &str| ChainError::Rejected { chain: "a".into(), what: "liquidate", reason: reason.into() };
    for reason in ["Healthy()", "NoDebt", "MustTakeWhole(5)", r#"BelowDust {"debt":"1"}"#] {
        assert_eq!(unsigned_for(&rejected(reason)), Outcome::Lost { gas: 0 }, "{reason}");
    }
    for reason in ["TooLittle: the pools have moved", "Expired(3)", "UniswapV2Router: INSUFFICIENT_OUTPUT_AMOUNT"] {
        assert_eq!(unsigned_for(&rejected(reason)), Outcome::Lost { gas: 0 }, "{reason}");
    }
    for reason in ["HealthyLooking", "ERC20InsufficientBalance(0x00, 0, 1)", "Paused"] {
        assert!(matches!(unsigned_for(&rejected(reason)), Outcome::Refused { .. }), "{reason}");
    }
}

#[test]
fn what_is_in_a_block_that_was_read_is_told_once_and_again_when_it_is_taken_back() {
    let at = |height| [included(height, Ok(liquidated()))];
    assert!(is_mined(&at(9), 9) && !is_mined(&at(9), 8), "a block that was not read yet");
    assert!(!is_mined(&[included(9, Err(Undone::Failed(String::new())))], 9));
}

#[test]
fn what_waits_is_paid_more_for_and_what_is_unknown_is_sent_again() {
    let mut flight = flight(liquidation(), &["one", "two"]);
    let of = |newest| [Attempt::Unknown, newest];
    assert_eq!(judged(&mut flight, &of(Attempt::Pending), (10, 8)), Next::Dearer(transaction("two")));
    assert_eq!(judged(&mut flight, &of(Attempt::Unknown), (10, 8)), Next::Again(transaction("two")));
}

#[test]
fn what_is_included_counts_once_it_is_final_and_not_if_it_is_taken_back() {
    let mut flight = flight(liquidation(), &["one", "two"]);
    let done = || [included(9, Ok(liquidated())), Attempt::Dead];
    assert_eq!(judged(&mut flight, &done(), (10, 8)), Next::Wait);
    // A reorg: no node knows either any more.
    let gone = [Attempt::Unknown, Attempt::Unknown];
    assert_eq!(judged(&mut flight, &gone, (10, 8)), Next::Again(transaction("two")));
    assert_eq!(judged(&mut flight, &done(), (11, 8)), Next::Wait);
    let moves = vec![delta("TIM3", -90), delta("WETH", 4), delta("ETH", -9)];
    let fill = Fill { input: 90, output: 4 };
    assert_eq!(
        judged(&mut flight, &done(), (11, 9)),
        Next::Ended(Outcome::Done { fill, moves, swept: Vec::new(), gas: 9 })
    );
}

#[test]
fn a_guard_loses_its_gas_and_a_failure_says_why() {
    let mut flight = flight(liquidation(), &["one"]);
    let of = |undone| [included(9, Err(undone))];
    let guarded = judged(&mut flight, &of(Undone::Guarded("Healthy".to_owned())), (9, 9));
    assert_eq!(guarded, Next::Ended(Outcome::Lost { gas: 9 }));
    let reason = "out of gas".to_owned();
    let failed = judged(&mut flight, &of(Undone::Failed(reason.clone())), (9, 9));
    assert_eq!(failed, Next::Ended(Outcome::Failed { reason, gas: 9 }));
}

#[test]
fn what_is_dead_is_left_only_once_no_reorg_can_bring_it_back() {
    let mut flight = flight(liquidation(), &["one"]);
    let dead = [Attempt::Dead];
    assert_eq!(judged(&mut flight, &dead, (10, 8)), Next::Wait);
    assert_eq!(judged(&mut flight, &dead, (11, 9)), Next::Wait);
    assert_eq!(judged(&mut flight, &dead, (12, 10)), Next::Dead(transaction("one")));
}

#[test]
fn a_death_that_was_taken_back_does_not_count_for_the_next_one() {
    for alive in [Attempt::Pending, Attempt::Unknown, included(11, Ok(liquidated()))] {
        let mut flight = flight(liquidation(), &["one"]);
        assert_eq!(judged(&mut flight, &[Attempt::Dead], (10, 8)), Next::Wait);
        judged(&mut flight, &[alive], (11, 9));
        assert_eq!(judged(&mut flight, &[Attempt::Dead], (12, 11)), Next::Wait, "it died anew at 12");
        assert_eq!(judged(&mut flight, &[Attempt::Dead], (13, 12)), Next::Dead(transaction("one")));
    }
}

#[test]
fn a_transfer_ends_when_it_arrives_or_comes_back() {
    let [asset, from, to] = ["TIM3", "a", "b"].map(str::to_owned);
    let transfer =
        || Action::Transfer(Transfer { asset: asset.clone(), from: from.clone(), to: to.clone(), amount: 50 });
    let operation = Some(OperationId(Word([3; 32])));
    let left =
        [included(9, Ok(Done::Traded(Traded { changes: vec![(Account::ZERO, -50)], operation, ..Traded::default() })))];
    let mut flight = flight(transfer(), &["one"]);
    let at = |flight: &mut Flight, arrival: Option<Arrival>| {
        let arrival = |id| arrival.filter(|_| Some(id) == operation);
        flight.judge(&left, &Surroundings { names: &names(), heights: (9, 9), arrival: &arrival })
    };
    assert_eq!(at(&mut flight, None), Next::Wait);
    assert!(flight.has_left, "it keeps nobody else waiting");
    let there = Move { chain: to.clone(), ..delta("TIM3", 48) };
    let moves = vec![delta("TIM3", -50), there, delta("ETH", -9)];
    let fill = Fill { input: 50, output: 48 };
    assert_eq!(
        at(&mut flight, Some(Arrival::Arrived(48))),
        Next::Ended(Outcome::Done { fill, moves, swept: Vec::new(), gas: 9 })
    );
    let (fill, moves) = (Fill { input: 50, output: 50 }, vec![delta("ETH", -9)]);
    assert_eq!(
        at(&mut flight, Some(Arrival::Returned)),
        Next::Ended(Outcome::Done { fill, moves, swept: Vec::new(), gas: 9 })
    );
}

/// What following finds at heights at which everything is final.
async fn followed(flights: &mut Flights, script: &Script) -> Vec<News> {
    let names = names();
    let around = Surroundings { names: &names, heights: (10, 10), arrival: &nowhere };
    flights.follow("a", script, &around).await.unwrap()
}

#[tokio::test]
async fn what_is_dead_is_signed_anew_and_what_is_unknown_is_sent_again() {
    let script = Script::default();
    let mut flights = Flights::default();
    flights.add(3, "a", &liquidation(), transaction("one"));

    *script.attempts.lock().unwrap() = vec![Attempt::Unknown];
    assert_eq!(followed(&mut flights, &script).await, []);
    assert_eq!(*script.broadcast.lock().unwrap(), [transaction("one").id]);

    *script.attempts.lock().unwrap() = vec![Attempt::Dead];
    *script.replacement.lock().unwrap() = Some(Err(failed(false)));
    assert_eq!(followed(&mut flights, &script).await, [], "the chain does not answer: it is looked at again");
    *script.replacement.lock().unwrap() = Some(Ok(Some(transaction("two"))));
    assert_eq!(followed(&mut flights, &script).await, [News::Signed(3, transaction("two"))]);
    flights.replace(3, transaction("two"));

    // Of the two only the newer one can still do something.
    *script.attempts.lock().unwrap() = vec![Attempt::Dead, Attempt::Unknown];
    assert_eq!(followed(&mut flights, &script).await, []);
    assert_eq!(script.broadcast.lock().unwrap().last(), Some(&transaction("two").id));
    let did = Liquidated { repaid: 90, seized: 4, bad_debt: 0 };
    *script.attempts.lock().unwrap() = vec![Attempt::Dead, included(9, Ok(did))];
    let news = followed(&mut flights, &script).await;
    assert!(matches!(news.as_slice(), [News::Ended(3, Outcome::Done { .. })]), "{news:?}");
}

#[tokio::test]
async fn what_is_dead_and_would_do_nothing_any_more_ends() {
    for refusal in [Ok(None), Err(failed(true))] {
        let script = Script::default();
        *script.attempts.lock().unwrap() = vec![Attempt::Dead];
        *script.replacement.lock().unwrap() = Some(refusal);
        let mut flights = Flights::default();
        flights.add(3, "a", &liquidation(), transaction("one"));
        let reason = "it can no longer be included".to_owned();
        assert_eq!(followed(&mut flights, &script).await, [News::Ended(3, Outcome::Failed { reason, gas: 0 })]);
    }
}
