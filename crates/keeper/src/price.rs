//! From what a feed's endpoints answered to a price that may be acted on.
//!
//! A [`Source`] keeps what each endpoint said of one feed, and lets none of them decide alone: what counts is the middle of those whose answer is a
//! price, fresh and certain, and more than half of the answers must be that. As long as those who lie or err are fewer than those who do not, the price
//! lies within what the others say, and there is one. Of two, both must be good and near each other, and the lower and the higher one count: which of
//! them is right nobody can tell.
//!
//! An endpoint that does not answer says nothing, and half of them are enough; but a price that jumps is believed only after most of the endpoints have read it in
//! two rounds of the feed, so that a feed that errs once triggers nothing. A [`Rule`] combines sources into the price of a market. Readings of a pool are made by
//! a [`Window`], which keeps what was seen of it.

mod rule;
mod twap;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tim3_domain::price::{Price, Quote, Verdict};

pub use rule::Rule;
pub use twap::Window;

/// Seconds by which a feed may be ahead of its chain's clock: that of the chain lags behind those of publishers, and what is known of it behind its nodes.
const AHEAD: u64 = 60;

/// One answer of a feed, as one endpoint gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// Which endpoint was asked.
    pub endpoint: u16,
    /// The price of one whole unit at `decimals`; whatever the feed says, also where it makes no sense.
    pub answer: i128,
    /// Half the width of the feed's confidence interval, at `decimals`; 0 where the feed states none.
    pub confidence: u128,
    /// Decimals of `answer` and `confidence`.
    pub decimals: u8,
    /// When the feed published it, in seconds of its chain's clock.
    pub published: u64,
}

/// What is expected of a feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guards {
    /// Seconds after which an answer is stale.
    pub max_age: u64,
    /// Widest confidence, in basis points of the price.
    pub max_confidence_bps: u32,
    /// Largest step from the price before, in basis points of the smaller of the two, that is believed at once; and the largest distance of two endpoints'.
    pub max_jump_bps: u32,
    /// How many endpoints are asked.
    pub endpoints: u16,
}

/// What a feed says now: a price with a verdict, or why there is none.
pub type Judged = Result<Quote, Verdict>;

/// A lower and a higher price.
pub type Range = (Price, Price);

/// One feed, with what its endpoints said.
#[derive(Clone, Debug)]
pub struct Source {
    guards: Guards,
    /// Of each endpoint that answered when the feed was read last.
    words: BTreeMap<u16, Word>,
    believed: Option<Range>,
    /// A jump that a later round has yet to confirm, and the round it was read in.
    suspect: Option<(Range, u64)>,
}

/// What an endpoint said.
#[derive(Clone, Copy, Debug)]
struct Word {
    published: u64,
    said: Result<Said, Verdict>,
}

#[derive(Clone, Copy, Debug)]
struct Said {
    price: Price,
    /// The ends of its confidence interval.
    ends: Range,
}

/// What the good ones come to.
#[derive(Clone, Copy, Debug)]
struct Middle {
    prices: Range,
    ends: Range,
    /// Most of them have read this round, or a later one.
    round: u64,
    /// Whether they are most of the endpoints that are asked.
    by_most: bool,
}

impl Source {
    /// A feed that has not answered.
    #[must_use]
    pub fn new(guards: Guards) -> Self {
        Self { guards, words: BTreeMap::new(), believed: None, suspect: None }
    }

    /// Takes what all endpoints that answer say at `now`, in seconds of the feed's chain. One that says less than it said before, because another node
    /// behind it lags, is taken at its earlier word.
    pub fn read(&mut self, readings: &[Reading], now: u64) {
        let word = |reading: &Reading| {
            let word = Word::of(reading, self.guards.max_confidence_bps);
            let newer =
                |before: &&Word| before.published > word.published && before.said.is_ok() && !before.is_ahead(now);
            (reading.endpoint, self.words.get(&reading.endpoint).filter(newer).copied().unwrap_or(word))
        };
        self.words = readings.iter().map(word).collect();
        let Ok(middle) = self.middle(now) else { return };
        let Middle { prices, round, .. } = middle;
        let again = self.suspect.filter(|(suspect, _)| self.is_step(*suspect, prices));
        let is_confirmed = self.may_jump(&middle) && again.is_some_and(|(_, first)| round > first);
        if is_confirmed || self.admits(&middle) {
            (self.believed, self.suspect) = (Some(prices), None);
        } else if self.may_jump(&middle) && again.is_none() {
            self.suspect = Some((prices, round));
        }
    }

    /// What may be believed at `now`, in seconds of the feed's chain. Where nothing may, it is the price that was believed last, with the verdict that most
    /// answers deserve at best.
    ///
    /// # Errors
    /// The verdict, where there is no price at all.
    pub fn judge(&self, now: u64) -> Judged {
        let verdict = match self.middle(now) {
            Ok(middle) if self.admits(&middle) => return Ok(quote(Verdict::Valid, middle.ends)),
            Ok(_) => Verdict::TooVolatile,
            Err(verdict) => verdict,
        };
        self.believed.map(|prices| quote(verdict, prices)).ok_or(verdict)
    }

    /// The price that was believed last.
    #[must_use]
    pub fn believed(&self) -> Option<Range> {
        self.believed
    }

    /// Goes on from a price that was believed before: what is far from it is a jump.
    pub fn believe(&mut self, prices: Range) {
        self.believed = Some(prices);
    }

    /// The middle of the good answers; or, where they are not more than half of all answers, the verdict on the one that is missing.
    fn middle(&self, now: u64) -> Result<Middle, Verdict> {
        let answers = self.words.len();
        let endpoints = usize::from(self.guards.endpoints).max(answers);
        if answers < endpoints.div_ceil(2) {
            return Err(Verdict::Unavailable);
        }
        let mut verdicts: Vec<Verdict> = self.words.values().map(|word| self.verdict(word, now)).collect();
        verdicts.sort_unstable();
        let verdict = lower_middle(&verdicts).unwrap_or(Verdict::Unavailable);
        if verdict != Verdict::Valid {
            return Err(verdict);
        }
        let good: Vec<&Word> = self.words.values().filter(|word| self.verdict(word, now) == Verdict::Valid).collect();
        let said = || good.iter().filter_map(|word| word.said.ok());
        let mut rounds: Vec<u64> = good.iter().map(|word| word.published).collect();
        rounds.sort_unstable();
        let found = || {
            Some(Middle {
                prices: middle(said().map(|said| (said.price, said.price)))?,
                ends: middle(said().map(|said| said.ends))?,
                round: lower_middle(&rounds)?,
                by_most: good.len() > endpoints / 2,
            })
        };
        found().ok_or(Verdict::Unavailable)
    }

    fn verdict(&self, word: &Word, now: u64) -> Verdict {
        match word.said {
            Err(verdict) => verdict,
            // An answer from the future has no age: it is as good as none.
            Ok(_) if word.is_ahead(now) => Verdict::Unavailable,
            Ok(_) if now.saturating_sub(word.published) > self.guards.max_age => Verdict::Stale,
            Ok(_) => Verdict::Valid,
        }
    }

    /// Whether it may be acted on: the first price is most endpoints' word, and each further one is near the one before.
    fn admits(&self, middle: &Middle) -> bool {
        match self.believed {
            Some(believed) => self.agrees(middle) && self.is_step(believed, middle.prices),
            None => self.may_jump(middle),
        }
    }

    fn may_jump(&self, middle: &Middle) -> bool {
        middle.by_most && self.agrees(middle)
    }

    fn agrees(&self, Middle { prices: (lower, higher), .. }: &Middle) -> bool {
        self.is_near(*lower, *higher)
    }

    fn is_step(&self, from: Range, to: Range) -> bool {
        self.is_near(from.0, to.0) && self.is_near(from.1, to.1)
    }

    fn is_near(&self, one: Price, other: Price) -> bool {
        !is_far(one, other, self.guards.max_jump_bps)
    }
}

impl Word {
    fn of(reading: &Reading, max_confidence_bps: u32) -> Self {
        let Reading { answer, confidence, decimals, published, .. } = *reading;
        let said = || {
            let price = Price::from_answer(answer, decimals)?;
            if exceeds(confidence, answer.unsigned_abs(), max_confidence_bps) {
                return Err(Verdict::TooUncertain);
            }
            let confidence = i128::try_from(confidence).map_err(|_| Verdict::TooUncertain)?;
            let end = |answer: Option<i128>| Price::from_answer(answer.ok_or(Verdict::TooUncertain)?, decimals);
            Ok(Said { price, ends: (end(answer.checked_sub(confidence))?, end(answer.checked_add(confidence))?) })
        };
        Self { published, said: said() }
    }

    fn is_ahead(&self, now: u64) -> bool {
        self.published > now.saturating_add(AHEAD)
    }
}

/// Of what is sorted, the one in the middle; of an even number, the lower of the two.
fn lower_middle<T: Copy>(sorted: &[T]) -> Option<T> {
    sorted.get(sorted.len().checked_sub(1)? / 2).copied()
}

/// The lower end in the middle, and the higher end in the middle; of an even number, the lower and the higher one of the two. Where fewer than half are
/// wrong, neither lies beyond what all the others say.
fn middle(ranges: impl Iterator<Item = Range>) -> Option<Range> {
    let (mut lower, mut higher): (Vec<Price>, Vec<Price>) = ranges.unzip();
    lower.sort_unstable();
    higher.sort_unstable_by_key(|price| std::cmp::Reverse(*price));
    Some((lower_middle(&lower)?, lower_middle(&higher)?))
}

fn quote(verdict: Verdict, (lower, higher): Range) -> Quote {
    Quote::new(verdict, lower).and(Quote::new(verdict, higher))
}

/// Whether two prices are more than `bps` of the lower one apart.
fn is_far(one: Price, other: Price, bps: u32) -> bool {
    let (low, high) = (one.min(other).raw(), one.max(other).raw());
    exceeds(high.saturating_sub(low), low, bps)
}

/// Whether `part` is more than `bps` of `whole`.
fn exceeds(part: u128, whole: u128, bps: u32) -> bool {
    let (low, high) = part.carrying_mul(10_000, 0);
    let (low_bound, high_bound) = whole.carrying_mul(bps.into(), 0);
    (high, low) > (high_bound, low_bound)
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]
mod tests;
