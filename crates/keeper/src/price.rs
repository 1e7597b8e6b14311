//! From what a feed answered to a price that may be acted on.
//!
//! A [`Source`] judges the readings of one feed: an answer that is no price, that jumps, that is uncertain or old never looks like a good one. A
//! jump is believed only after another endpoint read it, too, from a later round of the feed: an endpoint that lies and a feed that errs once
//! trigger nothing. A [`Rule`] combines sources into the price of a market. Readings of a pool are made by a [`Window`], which keeps what was seen of it.
//!
//! An endpoint that does not answer says nothing about the price: what was read before stands until it is too old by the clock of the
//! feed's own chain.

mod rule;
mod twap;

use serde::{Deserialize, Serialize};
use tim3_domain::price::{Price, Quote, Verdict};

pub use rule::Rule;
pub use twap::Window;

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
    /// That clock when it was read.
    pub at: u64,
}

/// What is expected of a feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guards {
    /// Seconds after which an answer is stale.
    pub max_age: u64,
    /// Widest confidence, in basis points of the price.
    pub max_confidence_bps: u32,
    /// Largest step from the answer before, in basis points of the smaller of the two, that is believed at once.
    pub max_jump_bps: u32,
    /// How many endpoints are asked. With more than one, what is suspicious must be read from two of them.
    pub endpoints: u16,
}

/// What a feed says now: a price with a verdict, or why there is none.
pub type Judged = Result<Quote, Verdict>;

/// One feed, with what it answered before.
#[derive(Clone, Debug)]
pub struct Source {
    guards: Guards,
    accepted: Option<Accepted>,
    suspect: Option<Suspect>,
    /// What is wrong with the newest answer; the accepted one before it is then not used.
    broken: Option<Verdict>,
}

#[derive(Clone, Copy, Debug)]
struct Accepted {
    price: Price,
    /// The ends of the confidence interval.
    ends: (Price, Price),
    published: u64,
}

/// A price that another endpoint has yet to confirm.
#[derive(Clone, Copy, Debug)]
struct Suspect {
    price: Price,
    endpoint: u16,
    published: u64,
}

impl Source {
    /// A feed that has not answered.
    #[must_use]
    pub fn new(guards: Guards) -> Self {
        Self { guards, accepted: None, suspect: None, broken: None }
    }

    /// Takes a reading. An older one than the last accepted changes nothing: a lagging endpoint gave it.
    pub fn read(&mut self, reading: &Reading) {
        if self.accepted.is_some_and(|accepted| reading.published < accepted.published) {
            return;
        }
        self.broken = match self.check(reading) {
            Ok((price, ends)) => {
                self.accepted = Some(Accepted { price, ends, published: reading.published });
                self.suspect = None;
                None
            }
            Err(verdict) => Some(verdict),
        };
    }

    /// What may be believed at `now`, in seconds of the feed's chain.
    ///
    /// # Errors
    /// The verdict, where there is no price at all.
    pub fn judge(&self, now: u64) -> Judged {
        let Some(accepted) = self.accepted else { return Err(self.broken.unwrap_or(Verdict::Unavailable)) };
        let age = now.saturating_sub(accepted.published);
        let verdict = if age > self.guards.max_age { Verdict::Stale } else { Verdict::Valid };
        let (lower, higher) = accepted.ends;
        let verdict = self.broken.unwrap_or(Verdict::Valid).min(verdict);
        Ok(Quote::new(verdict, lower).and(Quote::new(verdict, higher)))
    }

    /// The endpoint whose word is to be checked by asking another one now.
    #[must_use]
    pub fn to_confirm(&self) -> Option<u16> {
        self.suspect.map(|suspect| suspect.endpoint)
    }

    fn check(&mut self, reading: &Reading) -> Result<(Price, (Price, Price)), Verdict> {
        let price = Price::from_answer(reading.answer, reading.decimals)?;
        // An answer from the future has no age: it is as good as none.
        if reading.published > reading.at {
            return Err(Verdict::Unavailable);
        }
        if exceeds(reading.confidence, reading.answer.unsigned_abs(), self.guards.max_confidence_bps) {
            return Err(Verdict::TooUncertain);
        }
        let ends = ends(reading)?;
        let near = |other: Price| {
            let (low, high) = (other.min(price).raw(), other.max(price).raw());
            !exceeds(high.saturating_sub(low), low, self.guards.max_jump_bps)
        };
        if self.accepted.is_some_and(|accepted| near(accepted.price)) {
            return Ok((price, ends));
        }
        let alone = self.guards.endpoints < 2;
        let is_believed = match (self.accepted, self.suspect) {
            // The first price of a feed with one endpoint has nothing to be compared with.
            (None, None) => alone,
            (Some(_), None) => false,
            (accepted, Some(suspect)) => {
                let is_later = reading.published > suspect.published;
                let is_same_round = accepted.is_none() && reading.published == suspect.published;
                near(suspect.price) && (alone || suspect.endpoint != reading.endpoint) && (is_later || is_same_round)
            }
        };
        if is_believed {
            return Ok((price, ends));
        }
        let unchanged = self.suspect.is_some_and(|suspect| near(suspect.price));
        if !unchanged {
            self.suspect = Some(Suspect { price, endpoint: reading.endpoint, published: reading.published });
        }
        Err(Verdict::TooVolatile)
    }
}

/// The lower and the higher end of what a feed says with its confidence, as gateways take them.
fn ends(reading: &Reading) -> Result<(Price, Price), Verdict> {
    let end = |answer: Option<i128>| Price::from_answer(answer.ok_or(Verdict::TooUncertain)?, reading.decimals);
    let confidence = i128::try_from(reading.confidence).map_err(|_| Verdict::TooUncertain)?;
    Ok((end(reading.answer.checked_sub(confidence))?, end(reading.answer.checked_add(confidence))?))
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
