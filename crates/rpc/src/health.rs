//! Which endpoint to ask next: a pure function of what happened and when.
//!
//! Only transport failures make an endpoint `Failing`; it comes back when it answers again (a round of [`crate::Pool::watch`], or because
//! nothing better was left). Heads are compared only within one round, where all were asked at the same time.

use std::{cmp::Reverse, time::Duration};

use crate::{Rate, bucket::Bucket};

/// What the operator may tune.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How long one endpoint may take to answer.
    pub timeout: Duration,
    /// How often every endpoint's head is asked for.
    pub round: Duration,
    /// A head that stands still for this long while another moves is stalled. Several block times.
    pub stall_after: Duration,
    /// A head that is more blocks than this from the median of at least three is astray.
    pub max_lag: u64,
    /// How long an endpoint that stated something disproved is asked last.
    pub distrust_for: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(5),
            round: Duration::from_secs(10),
            stall_after: Duration::from_secs(45),
            max_lag: 10,
            distrust_for: Duration::from_secs(300),
        }
    }
}

/// First wait after an answer "too many calls" that names none; doubles to [`LIMITED_CAP`].
const LIMITED_BASE: Duration = Duration::from_millis(500);
const LIMITED_CAP: Duration = Duration::from_secs(30);

/// How much an endpoint is worth asking, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grade {
    /// Nothing speaks against it.
    Good,
    /// Its head is far from the others'.
    Astray,
    /// Its head stands still while another's moves.
    Stalled,
    /// Its last calls ended without an answer.
    Failing,
    /// It stated something that was disproved.
    Distrusted,
    /// It asked for fewer calls: it gets none until then.
    Limited,
}

impl Grade {
    /// The word of this grade in metrics and logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Astray => "astray",
            Self::Stalled => "stalled",
            Self::Failing => "failing",
            Self::Distrusted => "distrusted",
            Self::Limited => "limited",
        }
    }
}

/// What to do next with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pick {
    /// Ask this endpoint; its tokens are taken.
    Ask(usize),
    /// Every endpoint worth asking is at its rate limit: wait.
    Wait(Duration),
    /// Nobody is left.
    Nobody,
}

#[derive(Clone, Debug)]
struct Health {
    priority: u32,
    bucket: Option<Bucket>,
    failures: u32,
    limits: u32,
    limited_until: Duration,
    distrusted_until: Duration,
    head: Option<u64>,
    moved_at: Duration,
    seen_at: Duration,
    astray: bool,
}

/// The health of all endpoints of a pool.
#[derive(Clone, Debug)]
pub struct Fleet {
    policy: Policy,
    members: Vec<Health>,
}

impl Fleet {
    /// Endpoints in the operator's order, each with its priority (lower is asked first) and rate limit.
    #[must_use]
    pub fn new(policy: Policy, members: impl IntoIterator<Item = (u32, Option<Rate>)>) -> Self {
        let member = |(priority, rate): (u32, Option<Rate>)| Health {
            priority,
            bucket: rate.map(Bucket::new),
            failures: 0,
            limits: 0,
            limited_until: Duration::ZERO,
            distrusted_until: Duration::ZERO,
            head: None,
            moved_at: Duration::ZERO,
            seen_at: Duration::ZERO,
            astray: false,
        };
        Self { policy, members: members.into_iter().map(member).collect() }
    }

    /// How much `endpoint` is worth asking.
    #[must_use]
    pub fn grade(&self, endpoint: usize, now: Duration) -> Grade {
        let Some(member) = self.members.get(endpoint) else { return Grade::Limited };
        match member {
            member if member.limited_until > now => Grade::Limited,
            member if member.distrusted_until > now => Grade::Distrusted,
            member if member.failures > 0 => Grade::Failing,
            member if self.stalled(member) => Grade::Stalled,
            member if member.astray => Grade::Astray,
            _ => Grade::Good,
        }
    }

    /// The newest height that `endpoint` stated in a round.
    #[must_use]
    pub fn head(&self, endpoint: usize) -> Option<u64> {
        self.members.get(endpoint)?.head
    }

    /// The next endpoint to ask for a call of `weight` that was not `asked` yet: the best grade, then the lowest priority, then the first.
    /// A better grade at its rate limit is waited for rather than passed over.
    pub fn pick(&mut self, now: Duration, weight: u32, asked: &[usize]) -> Pick {
        let mut candidates: Vec<_> = (0..self.members.len())
            .filter(|endpoint| !asked.contains(endpoint))
            .map(|endpoint| (self.grade(endpoint, now), endpoint))
            .filter(|(grade, _)| *grade != Grade::Limited)
            .collect();
        candidates.sort_by_key(|(grade, endpoint)| (*grade, self.members.get(*endpoint).map(|member| member.priority)));
        let Some((best, _)) = candidates.first().copied() else { return Pick::Nobody };
        let mut wait = Duration::MAX;
        for (_, endpoint) in candidates.into_iter().take_while(|(grade, _)| *grade == best) {
            match self.take(endpoint, now, weight) {
                Ok(()) => return Pick::Ask(endpoint),
                Err(for_this) => wait = wait.min(for_this),
            }
        }
        Pick::Wait(wait)
    }

    /// Takes tokens of `endpoint` whatever its grade, for rounds.
    ///
    /// # Errors
    /// How long to wait for them.
    pub fn take(&mut self, endpoint: usize, now: Duration, weight: u32) -> Result<(), Duration> {
        let bucket = self.members.get_mut(endpoint).and_then(|member| member.bucket.as_mut());
        bucket.map_or(Ok(()), |bucket| bucket.take(now, weight))
    }

    /// `endpoint` answered, whatever it said.
    pub fn answered(&mut self, endpoint: usize) {
        if let Some(member) = self.members.get_mut(endpoint) {
            member.failures = 0;
            member.limits = 0;
        }
    }

    /// A call to `endpoint` ended without an answer.
    pub fn failed(&mut self, endpoint: usize) {
        if let Some(member) = self.members.get_mut(endpoint) {
            member.failures = member.failures.saturating_add(1);
        }
    }

    /// `endpoint` asked for fewer calls.
    pub fn limited(&mut self, endpoint: usize, now: Duration, retry_after: Option<Duration>) {
        if let Some(member) = self.members.get_mut(endpoint) {
            let doubled = LIMITED_BASE.saturating_mul(1_u32.checked_shl(member.limits).unwrap_or(u32::MAX));
            let wait = retry_after.unwrap_or(doubled).min(LIMITED_CAP);
            member.limits = member.limits.saturating_add(1);
            member.limited_until = member.limited_until.max(now.saturating_add(wait));
        }
    }

    /// `endpoint` stated something that was disproved.
    pub fn distrust(&mut self, endpoint: usize, now: Duration) {
        if let Some(member) = self.members.get_mut(endpoint) {
            member.distrusted_until = now.saturating_add(self.policy.distrust_for);
        }
    }

    /// The heads that the endpoints stated in one round; `None` where one did not answer.
    pub fn round(&mut self, heads: &[Option<u64>], now: Duration) {
        let mut stated: Vec<u64> = heads.iter().copied().flatten().collect();
        stated.sort_unstable();
        // The lower median; two heads that differ do not say which of them is wrong.
        let middle = stated.len().saturating_sub(1).checked_div(2).unwrap_or_default();
        let median = stated.get(middle).filter(|_| stated.len() >= 3);
        for (member, head) in self.members.iter_mut().zip(heads) {
            let Some(head) = *head else { continue };
            if member.head.is_none_or(|before| head > before) {
                member.moved_at = now;
            }
            member.head = Some(head);
            member.seen_at = now;
            member.astray = median.is_some_and(|median| head.abs_diff(*median) > self.policy.max_lag);
        }
    }

    fn stalled(&self, member: &Health) -> bool {
        let still = |member: &Health| {
            member.head.is_some() && member.seen_at.saturating_sub(member.moved_at) >= self.policy.stall_after
        };
        // Where nobody moves, the chain itself stands still.
        still(member)
            && self.members.iter().any(|other| {
                other.head.is_some()
                    && !still(other)
                    && other.moved_at > member.moved_at
                    && other.seen_at >= member.seen_at
            })
    }

    /// The endpoints in the order in which they would be asked now, for status pages.
    #[must_use]
    pub fn order(&self, now: Duration) -> Vec<usize> {
        let mut order: Vec<_> = (0..self.members.len()).collect();
        order.sort_by_key(|endpoint| {
            (
                self.grade(*endpoint, now),
                self.members.get(*endpoint).map(|member| (member.priority, Reverse(member.head))),
            )
        });
        order
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]
mod tests;
