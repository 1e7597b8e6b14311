//! The pool as adapters see it: failover, quorum, rate limits, what counts against whom.

#![expect(clippy::expect_used, reason = "these are tests")]

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tim3_rpc::{Call, CallError, Grade, Observer, Outcome, Policy, Pool, PoolError, Rate, SetupError, Spec};

type Script = Box<dyn Fn() -> Result<u64, CallError<String>> + Send + Sync>;

fn spec(name: &str, priority: u32, script: Script) -> Spec<Script> {
    Spec { name: name.to_owned(), priority, rate: None, client: script }
}

fn says(value: u64) -> Script {
    Box::new(move || Ok(value))
}

fn fails(error: CallError<String>) -> Script {
    Box::new(move || Err(error.clone()))
}

fn pool(quorum: usize, specs: Vec<Spec<Script>>) -> Pool<Script> {
    let policy = Policy { timeout: Duration::from_millis(200), ..Policy::default() };
    Pool::new("test", specs, quorum, policy, None).expect("a pool")
}

async fn call(pool: &Pool<Script>) -> Result<u64, PoolError<String>> {
    pool.call("value", |script| async move { script() }).await.map(|answer| answer.value)
}

async fn quorum(pool: &Pool<Script>) -> Result<u64, PoolError<String>> {
    pool.quorum("value", |script| async move { script() }).await.map(|agreed| agreed.value)
}

fn grade(pool: &Pool<Script>, name: &str) -> Grade {
    pool.status().into_iter().find(|status| status.name == name).expect("an endpoint").grade
}

#[tokio::test]
async fn a_dead_endpoint_fails_over_and_is_asked_last_afterwards() {
    let dead = fails(CallError::Transport("refused".to_owned()));
    let pool = pool(1, vec![spec("dead", 0, dead), spec("alive", 1, says(7))]);
    assert_eq!(call(&pool).await, Ok(7));
    assert_eq!(call(&pool).await, Ok(7));
    let status = pool.status();
    assert_eq!((status[0].name.as_str(), status[0].calls), ("alive", 2));
    assert_eq!((status[1].name.as_str(), status[1].calls, status[1].grade), ("dead", 1, Grade::Failing));
    assert_eq!(status[1].errors, [("transport", 1)]);
}

#[tokio::test]
async fn a_hanging_endpoint_counts_as_dead() {
    let pool = pool(1, vec![spec("hangs", 0, says(1)), spec("alive", 1, says(7))]);
    let answer = pool
        .call("value", |script| async move {
            let value = script()?;
            if value == 1 {
                std::future::pending::<()>().await;
            }
            Ok::<_, CallError<String>>(value)
        })
        .await;
    assert_eq!(answer.map(|answer| answer.value), Ok(7));
    assert_eq!(grade(&pool, "hangs"), Grade::Failing);
}

#[tokio::test]
async fn a_decided_answer_ends_the_call_and_counts_against_nobody() {
    let refuses = fails(CallError::Refused("nonce too low".to_owned()));
    let pool = pool(1, vec![spec("first", 0, refuses), spec("second", 1, says(7))]);
    let refused = PoolError::Refused { endpoint: "first".to_owned(), reason: "nonce too low".to_owned() };
    assert_eq!(call(&pool).await, Err(refused));
    assert_eq!(grade(&pool, "first"), Grade::Good);
    assert_eq!(pool.status().iter().map(|status| status.calls).sum::<u64>(), 1);
}

#[tokio::test]
async fn error_bodies_and_missing_blocks_fail_over_without_costing_health() {
    for error in [CallError::Fault("method not found".to_owned()), CallError::Behind("header not found".to_owned())] {
        let pool = pool(1, vec![spec("first", 0, fails(error)), spec("second", 1, says(7))]);
        assert_eq!(call(&pool).await, Ok(7));
        assert_eq!(grade(&pool, "first"), Grade::Good);
    }
}

#[tokio::test]
async fn when_all_ask_for_fewer_calls_the_pool_says_so_and_leaves_them_alone() {
    let limited = || fails(CallError::RateLimited { retry_after: Some(Duration::from_secs(20)) });
    let pool = pool(1, vec![spec("first", 0, limited()), spec("second", 1, limited())]);
    assert_eq!(call(&pool).await, Err(PoolError::RateLimited));
    assert_eq!(call(&pool).await, Err(PoolError::RateLimited));
    assert_eq!(pool.status().iter().map(|status| status.calls).sum::<u64>(), 2, "nobody is asked before the time");
}

#[tokio::test]
async fn a_quorum_is_of_equal_values_and_the_liar_loses_its_place() {
    let pool = pool(2, vec![spec("liar", 0, says(666)), spec("one", 1, says(7)), spec("two", 2, says(7))]);
    assert_eq!(quorum(&pool).await, Ok(7));
    assert_eq!(grade(&pool, "liar"), Grade::Distrusted);
    assert_eq!(call(&pool).await, Ok(7));
}

#[tokio::test]
async fn who_says_something_else_about_what_moves_is_outvoted_and_not_distrusted() {
    let pool = pool(2, vec![spec("behind", 0, says(6)), spec("one", 1, says(7)), spec("two", 2, says(7))]);
    let agreed = pool.quorum(Call::new("value").moving(), |script| async move { script() }).await;
    assert_eq!(agreed.map(|agreed| agreed.value), Ok(7));
    assert_eq!(grade(&pool, "behind"), Grade::Good);
}

#[tokio::test]
async fn everyone_is_asked_and_every_value_is_given() {
    let down = || fails(CallError::Transport("down".to_owned()));
    let refuses = || fails(CallError::Refused("known".to_owned()));
    let everyone = async |pool: &Pool<Script>| {
        let answers = pool.everyone("send", |script| async move { script() }).await;
        answers.map(|answers| answers.into_iter().map(|it| (it.endpoint, it.value)).collect::<Vec<_>>())
    };
    let some = pool(1, vec![spec("down", 0, down()), spec("refuses", 1, refuses()), spec("takes it", 2, says(7))]);
    assert_eq!(everyone(&some).await, Ok(vec![(2, 7)]));
    assert!(some.status().iter().all(|status| status.calls == 1), "{:?}", some.status());
    let none = pool(1, vec![spec("down", 0, down()), spec("refuses", 1, refuses())]);
    let refused = PoolError::Refused { endpoint: "refuses".to_owned(), reason: "known".to_owned() };
    assert_eq!(everyone(&none).await, Err(refused), "what is decided says more than what failed");
    let limited = fails(CallError::RateLimited { retry_after: Some(Duration::from_secs(20)) });
    let one = pool(1, vec![spec("limited", 0, limited), spec("other", 1, says(7))]);
    for _ in 0..2 {
        assert_eq!(everyone(&one).await, Ok(vec![(1, 7)]));
    }
    let both = pool(1, vec![spec("one", 0, says(7)), spec("two", 0, says(8))]);
    let mut said = everyone(&both).await.expect("values");
    said.sort_unstable();
    assert_eq!(said, [(0, 7), (1, 8)]);
    let calls: Vec<_> = one.status().into_iter().map(|status| (status.name, status.calls)).collect();
    assert_eq!(calls, [("other".to_owned(), 2), ("limited".to_owned(), 1)], "nobody is asked before the time");
}

#[tokio::test]
async fn errors_are_no_votes() {
    let broken = || fails(CallError::Fault("internal error".to_owned()));
    let pool = pool(2, vec![spec("one", 0, broken()), spec("two", 1, broken()), spec("three", 2, says(7))]);
    let error = quorum(&pool).await.expect_err("one value is no quorum of two").to_string();
    assert_eq!(error, "1 of 2 endpoints agree; three said 7; one (fault): internal error; two (fault): internal error");
}

#[tokio::test]
async fn a_disagreement_names_who_said_what() {
    let pool = pool(2, vec![spec("one", 0, says(1)), spec("two", 1, says(2)), spec("three", 2, says(3))]);
    let Err(PoolError::NoQuorum { need: 2, votes, failures }) = quorum(&pool).await else { panic!("no quorum") };
    assert_eq!(failures, []);
    for (value, who) in [("1", "one"), ("2", "two"), ("3", "three")] {
        assert!(votes.contains(&(value.to_owned(), vec![who.to_owned()])), "{votes:?}");
    }
}

#[tokio::test]
async fn a_quorum_asks_no_more_endpoints_than_it_needs() {
    let pool = pool(2, vec![spec("one", 0, says(7)), spec("two", 1, says(7)), spec("three", 2, says(7))]);
    assert_eq!(quorum(&pool).await, Ok(7));
    assert_eq!(pool.status().iter().map(|status| status.calls).sum::<u64>(), 2);
}

#[tokio::test]
async fn a_round_brings_back_who_answers_again() {
    let up = Arc::new(Mutex::new(false));
    let seen = Arc::clone(&up);
    let flaky: Script =
        Box::new(
            move || {
                if *seen.lock().expect("lock") { Ok(7) } else { Err(CallError::Transport("down".to_owned())) }
            },
        );
    let pool = pool(1, vec![spec("flaky", 0, flaky), spec("other", 1, says(8))]);
    assert_eq!(call(&pool).await, Ok(8));
    *up.lock().expect("lock") = true;
    assert_eq!(call(&pool).await, Ok(8), "not before a round");
    pool.round(|script| async move { script() }).await;
    assert_eq!(call(&pool).await, Ok(7));
}

#[tokio::test]
async fn the_client_side_limit_spreads_calls() {
    let rate = Some(Rate { per_second: 1, burst: 2 });
    let limited = Spec { rate, ..spec("limited", 0, says(7)) };
    let pool = pool(1, vec![limited, spec("other", 1, says(8))]);
    let mut got = Vec::new();
    for _ in 0..4 {
        got.push(call(&pool).await.expect("a value"));
    }
    assert_eq!(got, [7, 7, 8, 8]);
}

#[derive(Default)]
struct Log(Mutex<Vec<String>>);

impl Observer for Log {
    fn called(&self, pool: &str, endpoint: &str, what: &'static str, outcome: Outcome, _: Duration) {
        self.0.lock().expect("lock").push(format!("{pool} {endpoint} {what} {}", outcome.name()));
    }
}

#[tokio::test]
async fn an_observer_sees_every_call() {
    let log = Arc::new(Log::default());
    let specs = vec![spec("dead", 0, fails(CallError::Timeout)), spec("alive", 1, says(7))];
    let observer = Arc::clone(&log) as Arc<dyn Observer>;
    let pool = Pool::new("chain-a", specs, 1, Policy::default(), Some(observer)).expect("a pool");
    assert_eq!(call(&pool).await, Ok(7));
    assert_eq!(*log.0.lock().expect("lock"), ["chain-a dead value timeout", "chain-a alive value ok"]);
}

#[tokio::test]
async fn endpoints_are_replaced_under_a_call_that_goes_on_with_those_it_began_with() {
    let pool = pool(1, vec![spec("old", 0, says(7)), spec("older", 1, says(7))]);
    let other = self::pool(2, vec![spec("new", 0, says(8)), spec("newer", 1, says(8))]);
    let (held, waits) = tokio::sync::oneshot::channel::<()>();
    let waits = Mutex::new(Some(waits));
    let call = pool.call("value", |script: Arc<Script>| {
        let waits = waits.lock().expect("lock").take();
        async move {
            waits.expect("asked once").await.expect("held");
            script()
        }
    });
    let change = async {
        pool.adopt(&other);
        held.send(()).expect("the call waits");
    };
    let (before, ()) = futures::join!(call, change);
    let before: Result<_, PoolError<String>> = before;
    let before = before.expect("the old endpoint answers");
    assert_eq!(before.value, 7);
    let names = |pool: &Pool<Script>| pool.status().into_iter().map(|status| status.name).collect::<Vec<_>>();
    assert_eq!((names(&pool), pool.quorum_size()), (vec!["new".to_owned(), "newer".to_owned()], 2));
    pool.distrust(before.endpoint, "an old answer was wrong");
    assert_eq!(grade(&pool, "new"), Grade::Good, "blame for an old answer meets no new endpoint");
    let after = pool.call("value", |script| async move { script() }).await.expect("a value");
    pool.distrust(after.endpoint, "a new answer was wrong");
    assert_eq!((after.value, grade(&pool, "new")), (8, Grade::Distrusted));
}

#[test]
fn endpoints_that_make_no_pool_are_refused() {
    let make = |specs, quorum| {
        Pool::new("test", specs, quorum, Policy::default(), None).map(|_: Pool<Script>| ()).unwrap_err()
    };
    assert_eq!(make(vec![], 1), SetupError::Empty);
    assert_eq!(make(vec![spec("a", 0, says(1))], 0), SetupError::Quorum { quorum: 0, endpoints: 1 });
    assert_eq!(make(vec![spec("a", 0, says(1))], 2), SetupError::Quorum { quorum: 2, endpoints: 1 });
    let twice = vec![spec("a", 0, says(1)), spec("a", 1, says(1))];
    assert_eq!(make(twice, 2), SetupError::Duplicate("a".to_owned()));
}
