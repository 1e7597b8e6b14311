//! The endpoints of a pool from one change of them to the next, and what is known of each: it waits, asks and counts.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::{StreamExt, future::join_all, stream::FuturesUnordered};
use tokio::time::Instant;
use tracing::{debug, info, trace, warn};

use super::{Agreed, Answer, Call, Spec};
use crate::{
    CallError, EndpointStatus, Failure, Grade, Observer, Outcome, Policy, PoolError, SetupError,
    health::{Fleet, Pick},
    quorum::Tally,
};

#[derive(Clone, Debug, Default)]
struct Counters {
    calls: u64,
    errors: BTreeMap<&'static str, u64>,
    elapsed: Duration,
}

/// Endpoints that a call keeps to from its beginning to its end.
pub(super) struct Members<C> {
    name: String,
    endpoints: Vec<Spec<Arc<C>>>,
    pub(super) quorum: usize,
    pub(super) policy: Policy,
    fleet: Mutex<Fleet>,
    counters: Mutex<Vec<Counters>>,
    started: Instant,
    pub(super) observer: Option<Arc<dyn Observer>>,
}

impl<C> fmt::Debug for Members<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.endpoints.iter().map(|endpoint| &endpoint.name).collect();
        f.debug_struct("Members").field("name", &self.name).field("endpoints", &names).finish_non_exhaustive()
    }
}

impl<C: Send + Sync + 'static> Members<C> {
    pub(super) fn new(
        name: impl Into<String>,
        endpoints: Vec<Spec<C>>,
        quorum: usize,
        policy: Policy,
        observer: Option<Arc<dyn Observer>>,
    ) -> Result<Self, SetupError> {
        if endpoints.is_empty() {
            return Err(SetupError::Empty);
        }
        if quorum == 0 || quorum > endpoints.len() {
            return Err(SetupError::Quorum { quorum, endpoints: endpoints.len() });
        }
        let mut names = BTreeSet::new();
        if let Some(twice) = endpoints.iter().find(|endpoint| !names.insert(endpoint.name.clone())) {
            return Err(SetupError::Duplicate(twice.name.clone()));
        }
        let fleet = Fleet::new(policy, endpoints.iter().map(|endpoint| (endpoint.priority, endpoint.rate)));
        let counters = vec![Counters::default(); endpoints.len()];
        let shared = |Spec { name, priority, rate, client }| Spec { name, priority, rate, client: Arc::new(client) };
        Ok(Self {
            name: name.into(),
            endpoints: endpoints.into_iter().map(shared).collect(),
            quorum,
            policy,
            fleet: Mutex::new(fleet),
            counters: Mutex::new(counters),
            started: Instant::now(),
            observer,
        })
    }

    pub(super) fn len(&self) -> usize {
        self.endpoints.len()
    }

    fn endpoint_name(&self, endpoint: usize) -> &str {
        self.endpoints.get(endpoint).map_or("unknown", |endpoint| &endpoint.name)
    }

    pub(super) async fn call<T, R, F, Fut>(&self, call: Call, ask: F) -> Result<Answer<T>, PoolError<R>>
    where
        F: Fn(Arc<C>) -> Fut,
        Fut: Future<Output = Result<T, CallError<R>>>,
        R: fmt::Debug,
    {
        let mut asked = Vec::new();
        let mut failures = Vec::new();
        while let Some(endpoint) = self.next(call, &asked).await {
            asked.push(endpoint);
            match self.ask(endpoint, call, &ask).await {
                Ok(value) => return Ok(Answer { value, endpoint }),
                Err(CallError::Refused(reason)) => {
                    return Err(PoolError::Refused { endpoint: self.endpoint_name(endpoint).to_owned(), reason });
                }
                Err(error) => failures.push(self.failure(endpoint, &error)),
            }
        }
        Err(self.exhausted(failures))
    }

    pub(super) async fn everyone<T, R, F, Fut>(&self, call: Call, ask: F) -> Result<Vec<Answer<T>>, PoolError<R>>
    where
        F: Fn(Arc<C>) -> Fut,
        Fut: Future<Output = Result<T, CallError<R>>>,
        R: fmt::Debug,
    {
        // One is waited for; whoever is at its rate limit besides is left out.
        let first = self.next(call, &[]).await;
        let free = |endpoint: &usize| {
            Some(*endpoint) != first
                && self.fleet().grade(*endpoint, self.now()) != Grade::Limited
                && self.fleet().take(*endpoint, self.now(), call.weight).is_ok()
        };
        let asked: Vec<_> = first.into_iter().chain((0..self.endpoints.len()).filter(free)).collect();
        let answers = join_all(asked.iter().map(|endpoint| self.ask(*endpoint, call, &ask))).await;
        let (mut given, mut refused, mut failures) = (Vec::new(), None, Vec::new());
        for (endpoint, answer) in asked.into_iter().zip(answers) {
            match answer {
                Ok(value) => given.push(Answer { value, endpoint }),
                Err(CallError::Refused(reason)) => {
                    let endpoint = self.endpoint_name(endpoint).to_owned();
                    refused.get_or_insert(PoolError::Refused { endpoint, reason });
                }
                Err(error) => failures.push(self.failure(endpoint, &error)),
            }
        }
        if given.is_empty() { Err(refused.unwrap_or_else(|| self.exhausted(failures))) } else { Ok(given) }
    }

    pub(super) async fn quorum<T, R, F, Fut>(&self, call: Call, ask: F) -> Result<Agreed<T>, PoolError<R>>
    where
        F: Fn(Arc<C>) -> Fut,
        Fut: Future<Output = Result<T, CallError<R>>>,
        T: PartialEq + fmt::Debug,
        R: fmt::Debug,
    {
        let mut tally = Tally::new(self.quorum);
        let mut asked = Vec::new();
        let mut failures = Vec::new();
        let mut running = FuturesUnordered::new();
        while tally.missing() > 0 {
            while running.len() < tally.missing() {
                let Some(endpoint) = self.next(call, &asked).await else { break };
                asked.push(endpoint);
                let asking = self.ask(endpoint, call, &ask);
                running.push(async move { (endpoint, asking.await) });
            }
            match running.next().await {
                Some((endpoint, Ok(value))) => tally.vote(endpoint, value),
                Some((endpoint, Err(error))) => failures.push(self.failure(endpoint, &error)),
                None => break,
            }
        }
        let agreed = tally.missing() == 0;
        let mut groups = tally.into_groups().into_iter();
        if !agreed {
            if groups.len() == 0 && !failures.is_empty() && all_limited(&failures) {
                return Err(PoolError::RateLimited);
            }
            let named = |(value, who): (T, Vec<usize>)| {
                (shown(&value), who.into_iter().map(|one| self.endpoint_name(one).to_owned()).collect())
            };
            return Err(PoolError::NoQuorum { need: self.quorum, votes: groups.map(named).collect(), failures });
        }
        let Some((value, endpoints)) = groups.next() else { return Err(self.exhausted(failures)) };
        for (other, who) in groups.filter(|_| !call.moving) {
            for endpoint in who {
                self.distrust(
                    endpoint,
                    &format!("{}: said {} where a quorum said {}", call.what, shown(&other), shown(&value)),
                );
            }
        }
        Ok(Agreed { value, endpoints })
    }

    pub(super) fn distrust(&self, endpoint: usize, why: &str) {
        warn!(pool = self.name, endpoint = self.endpoint_name(endpoint), why, "endpoint distrusted");
        self.fleet().distrust(endpoint, self.now());
    }

    pub(super) async fn round<R, F, Fut>(&self, head: F)
    where
        F: Fn(Arc<C>) -> Fut,
        Fut: Future<Output = Result<u64, CallError<R>>>,
        R: fmt::Debug,
    {
        let before = self.grades();
        let ask_one = |endpoint: usize, grade: Grade| {
            let head = &head;
            async move {
                let call = Call::new("head");
                let free = grade != Grade::Limited && self.fleet().take(endpoint, self.now(), call.weight).is_ok();
                if free { self.ask(endpoint, call, head).await.ok() } else { None }
            }
        };
        let heads = join_all(before.iter().enumerate().map(|(endpoint, grade)| ask_one(endpoint, *grade))).await;
        self.fleet().round(&heads, self.now());
        for (endpoint, (before, after)) in before.iter().zip(self.grades()).enumerate() {
            if *before != after {
                let (name, before, after) = (self.endpoint_name(endpoint), before.name(), after.name());
                info!(pool = self.name, endpoint = name, before, after, "endpoint health changed");
            }
        }
    }

    pub(super) fn status(&self) -> Vec<EndpointStatus> {
        let now = self.now();
        let fleet = self.fleet();
        let counters = lock(&self.counters);
        let status = |endpoint: usize| {
            let spec = self.endpoints.get(endpoint)?;
            let counted = counters.get(endpoint)?;
            Some(EndpointStatus {
                name: spec.name.clone(),
                priority: spec.priority,
                grade: fleet.grade(endpoint, now),
                head: fleet.head(endpoint),
                calls: counted.calls,
                errors: counted.errors.iter().map(|(class, count)| (*class, *count)).collect(),
                elapsed: counted.elapsed,
            })
        };
        fleet.order(now).into_iter().filter_map(status).collect()
    }

    /// The next endpoint to ask, after waiting for its rate limit.
    async fn next(&self, call: Call, asked: &[usize]) -> Option<usize> {
        loop {
            let pick = self.fleet().pick(self.now(), call.weight, asked);
            match pick {
                Pick::Ask(endpoint) => return Some(endpoint),
                Pick::Wait(wait) => tokio::time::sleep(wait).await,
                Pick::Nobody => return None,
            }
        }
    }

    async fn ask<T, R, F, Fut>(&self, endpoint: usize, call: Call, ask: &F) -> Result<T, CallError<R>>
    where
        F: Fn(Arc<C>) -> Fut,
        Fut: Future<Output = Result<T, CallError<R>>>,
        R: fmt::Debug,
    {
        let Some(spec) = self.endpoints.get(endpoint) else {
            return Err(CallError::Transport("no such endpoint".to_owned()));
        };
        let begun = Instant::now();
        let result = tokio::time::timeout(self.policy.timeout, ask(Arc::clone(&spec.client)))
            .await
            .unwrap_or(Err(CallError::Timeout));
        let elapsed = begun.elapsed();
        match &result {
            Err(CallError::RateLimited { retry_after }) => self.fleet().limited(endpoint, self.now(), *retry_after),
            Err(error) if error.is_transport() => self.fleet().failed(endpoint),
            Ok(_) | Err(_) => self.fleet().answered(endpoint),
        }
        let outcome = result.as_ref().err().map_or(Outcome::OK, |error| Outcome::failed(error.class()));
        if let Err(error) = &result {
            let (class, detail) = (error.class(), error.detail());
            debug!(pool = self.name, endpoint = spec.name, what = call.what, class, detail, "call failed");
        }
        trace!(pool = self.name, what = call.what, ?elapsed, "called");
        self.count(endpoint, call.what, outcome, elapsed);
        result
    }

    fn count(&self, endpoint: usize, what: &'static str, outcome: Outcome, elapsed: Duration) {
        if let Some(counters) = lock(&self.counters).get_mut(endpoint) {
            counters.calls = counters.calls.saturating_add(1);
            counters.elapsed = counters.elapsed.saturating_add(elapsed);
            if outcome != Outcome::OK {
                let errors = counters.errors.entry(outcome.name()).or_default();
                *errors = errors.saturating_add(1);
            }
        }
        if let Some(observer) = &self.observer {
            observer.called(&self.name, self.endpoint_name(endpoint), what, outcome, elapsed);
        }
    }

    fn failure<R: fmt::Debug>(&self, endpoint: usize, error: &CallError<R>) -> Failure {
        Failure { endpoint: self.endpoint_name(endpoint).to_owned(), class: error.class(), detail: error.detail() }
    }

    fn exhausted<R>(&self, failures: Vec<Failure>) -> PoolError<R> {
        // Whoever was not asked had asked for fewer calls before.
        if all_limited(&failures) { PoolError::RateLimited } else { PoolError::Exhausted(failures) }
    }

    fn grades(&self) -> Vec<Grade> {
        let (fleet, now) = (self.fleet(), self.now());
        (0..self.endpoints.len()).map(|endpoint| fleet.grade(endpoint, now)).collect()
    }

    fn fleet(&self) -> MutexGuard<'_, Fleet> {
        lock(&self.fleet)
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }
}

fn all_limited(failures: &[Failure]) -> bool {
    failures.iter().all(|failure| failure.class == "rate_limited")
}

/// A value for messages: the beginning of it.
fn shown(value: &impl fmt::Debug) -> String {
    const LONGEST: usize = 200;
    let text = format!("{value:?}");
    if text.chars().count() <= LONGEST { text } else { text.chars().take(LONGEST).chain(['…']).collect() }
}

/// What the lock guards is valid between any two statements, so a panic elsewhere does not spoil it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
