//! The shell around [`crate::health`] and [`crate::quorum`]: it waits, asks and counts.

mod members;

use std::{
    convert::Infallible,
    fmt,
    future::Future,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use members::Members;

use crate::{CallError, EndpointStatus, Observer, Policy, PoolError, Rate, SetupError, quorum::Rounds};

/// One endpoint of a pool: a client of the adapter's choice and how to use it.
#[derive(Clone, Debug)]
pub struct Spec<C> {
    /// Its name in logs and metrics; without secrets, distinct in its pool.
    pub name: String,
    /// Lower is asked first.
    pub priority: u32,
    /// The most it is asked.
    pub rate: Option<Rate>,
    /// How to speak with it.
    pub client: C,
}

/// What is called, and what it costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    what: &'static str,
    weight: u32,
    moving: bool,
}

impl Call {
    /// A call that counts as one against the rate limit.
    #[must_use]
    pub fn new(what: &'static str) -> Self {
        Self { what, weight: 1, moving: false }
    }

    /// What is called.
    #[must_use]
    pub fn what(&self) -> &'static str {
        self.what
    }

    /// The same call counting as `weight`: a batch counts as its elements.
    #[must_use]
    pub fn weight(self, weight: usize) -> Self {
        Self { weight: u32::try_from(weight).unwrap_or(u32::MAX).max(1), ..self }
    }

    /// The same call for something that may change between two answers: who says something else than a quorum is not distrusted for it.
    #[must_use]
    pub fn moving(self) -> Self {
        Self { moving: true, ..self }
    }
}

impl From<&'static str> for Call {
    fn from(what: &'static str) -> Self {
        Self::new(what)
    }
}

/// A value and who gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer<T> {
    /// The value.
    pub value: T,
    /// Index of the endpoint, for [`Pool::distrust`].
    pub endpoint: usize,
}

/// A value that a quorum gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreed<T> {
    /// The value.
    pub value: T,
    /// Indices of the endpoints that gave it.
    pub endpoints: Vec<usize>,
}

/// Several endpoints of one chain. They can be replaced while they are asked: what was begun ends with those it began with.
pub struct Pool<C>(RwLock<Current<C>>);

/// Indices go on where those of the endpoints before end, so that blame for an old answer never meets a new endpoint.
struct Current<C> {
    first: usize,
    members: Arc<Members<C>>,
}

impl<C> Clone for Current<C> {
    fn clone(&self) -> Self {
        Self { first: self.first, members: Arc::clone(&self.members) }
    }
}

impl<C> fmt::Debug for Pool<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pool").field(&self.current().members).finish()
    }
}

impl<C> Pool<C> {
    fn current(&self) -> Current<C> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl<C: Send + Sync + 'static> Pool<C> {
    /// A pool named `name` whose quorums need `quorum` equal values.
    ///
    /// # Errors
    /// [`SetupError`] for no endpoints, two of one name, or a quorum that cannot be reached.
    pub fn new(
        name: impl Into<String>,
        endpoints: Vec<Spec<C>>,
        quorum: usize,
        policy: Policy,
        observer: Option<Arc<dyn Observer>>,
    ) -> Result<Self, SetupError> {
        let members = Arc::new(Members::new(name, endpoints, quorum, policy, observer)?);
        Ok(Self(RwLock::new(Current { first: 0, members })))
    }

    /// Takes the endpoints of `other`, with its quorum, its policy and what it knows of them, in place of its own.
    pub fn adopt(&self, other: &Self) {
        let members = other.current().members;
        let mut current = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *current = Current { first: current.first.saturating_add(current.members.len()), members };
    }

    /// Who counts its calls, for a pool that is to take its place.
    #[must_use]
    pub fn observer(&self) -> Option<Arc<dyn Observer>> {
        self.current().members.observer.clone()
    }

    /// How many equal values a quorum needs.
    #[must_use]
    pub fn quorum_size(&self) -> usize {
        self.current().members.quorum
    }

    /// Asks one endpoint, and the next one wherever that does not decide; each at most once.
    ///
    /// # Errors
    /// [`PoolError::Refused`] as soon as one endpoint reports a decided answer, otherwise how each failed.
    pub async fn call<T, R, F, Fut>(&self, call: impl Into<Call>, ask: F) -> Result<Answer<T>, PoolError<R>>
    where
        F: Fn(Arc<C>) -> Fut,
        Fut: Future<Output = Result<T, CallError<R>>>,
        R: fmt::Debug,
    {
        let Current { first, members } = self.current();
        let Answer { value, endpoint } = members.call(call.into(), ask).await?;
        Ok(Answer { value, endpoint: first.saturating_add(endpoint) })
    }

    /// Asks every endpoint at once that does not want fewer calls, and waits for all of them: for what one of them may take without doing
    /// anything with it, and for what one of them may say alone. Gives every value; there is at least one.
    ///
    /// # Errors
    /// As [`Pool::call`], where none gives a value.
    pub async fn everyone<T, R, F, Fut>(&self, call: impl Into<Call>, ask: F) -> Result<Vec<Answer<T>>, PoolError<R>>
    where
        F: Fn(Arc<C>) -> Fut,
        Fut: Future<Output = Result<T, CallError<R>>>,
        R: fmt::Debug,
    {
        let Current { first, members } = self.current();
        let answers = members.everyone(call.into(), ask).await?.into_iter();
        let numbered = |it: Answer<T>| Answer { endpoint: first.saturating_add(it.endpoint), ..it };
        Ok(answers.map(numbered).collect())
    }

    /// Asks until a quorum of distinct endpoints gave the same value. For values that cannot change, such as what was at a block hash: an
    /// endpoint that said something else is distrusted, unless the call is [`Call::moving`].
    ///
    /// # Errors
    /// [`PoolError::NoQuorum`] with who said what.
    pub async fn quorum<T, R, F, Fut>(&self, call: impl Into<Call>, ask: F) -> Result<Agreed<T>, PoolError<R>>
    where
        F: Fn(Arc<C>) -> Fut,
        Fut: Future<Output = Result<T, CallError<R>>>,
        T: PartialEq + fmt::Debug,
        R: fmt::Debug,
    {
        let Current { first, members } = self.current();
        let Agreed { value, mut endpoints } = members.quorum(call.into(), ask).await?;
        for endpoint in &mut endpoints {
            *endpoint = first.saturating_add(*endpoint);
        }
        Ok(Agreed { value, endpoints })
    }

    /// A quorum about what moves on while it is asked for and is true whenever it is read, such as final state: endpoints read it at
    /// different moments, so what one of them said in an earlier round counts as well.
    ///
    /// # Errors
    /// As [`Pool::quorum`], after some rounds or where endpoints do not contradict each other.
    pub async fn quorum_in_rounds<T, R, F, Fut>(&self, call: impl Into<Call>, ask: F) -> Result<T, PoolError<R>>
    where
        F: Fn(Arc<C>) -> Fut,
        Fut: Future<Output = Result<T, CallError<R>>>,
        T: Clone + PartialEq + fmt::Debug,
        R: fmt::Debug,
    {
        const ROUNDS: usize = 5;
        let (call, need) = (call.into(), self.quorum_size());
        let said = Mutex::new(Rounds::new());
        let lock = || said.lock().unwrap_or_else(PoisonError::into_inner);
        let once = |client: Arc<C>| {
            let answer = ask(Arc::clone(&client));
            async move {
                let answer = answer.await?;
                lock().add(client, answer.clone());
                Ok(answer)
            }
        };
        let mut round: usize = 0;
        loop {
            let error = match self.quorum(call, once).await {
                Ok(agreed) => return Ok(agreed.value),
                Err(error) => error,
            };
            if let Some(value) = lock().common(need) {
                return Ok(value.clone());
            }
            round = round.saturating_add(1);
            if round == ROUNDS || !matches!(&error, PoolError::NoQuorum { votes, .. } if votes.len() > 1) {
                return Err(error);
            }
        }
    }

    /// Asks `endpoint` last for a while, because it stated what was disproved; nobody, where it was replaced since.
    pub fn distrust(&self, endpoint: usize, why: &str) {
        let Current { first, members } = self.current();
        if let Some(endpoint) = endpoint.checked_sub(first) {
            members.distrust(endpoint, why);
        }
    }

    /// Follows the head of every endpoint, for ever: run it beside the calls. Notices who stands still or strays, and brings back who
    /// answers again.
    pub async fn watch<R, F, Fut>(&self, head: F) -> Infallible
    where
        F: Fn(Arc<C>) -> Fut,
        Fut: Future<Output = Result<u64, CallError<R>>>,
        R: fmt::Debug,
    {
        loop {
            self.round(&head).await;
            tokio::time::sleep(self.current().members.policy.round).await;
        }
    }

    /// One round of [`Pool::watch`].
    pub async fn round<R, F, Fut>(&self, head: F)
    where
        F: Fn(Arc<C>) -> Fut,
        Fut: Future<Output = Result<u64, CallError<R>>>,
        R: fmt::Debug,
    {
        self.current().members.round(head).await;
    }

    /// Every endpoint as it stands now, in the order in which they are asked.
    #[must_use]
    pub fn status(&self) -> Vec<EndpointStatus> {
        self.current().members.status()
    }
}
