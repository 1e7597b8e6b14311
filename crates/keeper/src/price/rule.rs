//! How several feeds become the price of one market.

use serde::{Deserialize, Serialize};
use tim3_domain::price::{Quote, Verdict};

use super::{Judged, is_far, middle, quote};

/// How the prices of sources, named by the configuration, are combined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// One source.
    Primary(String),
    /// All of them: the worst verdict, the lowest and the highest price.
    Worst(Vec<String>),
    /// The middle of those that are valid, of their lower prices and of their higher ones; of an even number, the lower and the higher of the two in the middle.
    Median {
        /// The sources.
        sources: Vec<String>,
        /// How many must be valid.
        quorum: usize,
    },
    /// The first as long as the second, which must be valid, is near.
    Bounded {
        /// Whose price counts.
        primary: String,
        /// What it is compared with.
        reference: String,
        /// Largest distance of their lower prices, and of their higher ones, in basis points of the lower of the two.
        max_deviation_bps: u32,
    },
}

impl Rule {
    /// The sources it asks.
    pub fn sources(&self) -> impl Iterator<Item = &str> {
        let names: Vec<&String> = match self {
            Self::Primary(source) => vec![source],
            Self::Worst(sources) | Self::Median { sources, .. } => sources.iter().collect(),
            Self::Bounded { primary, reference, .. } => vec![primary, reference],
        };
        names.into_iter().map(String::as_str)
    }

    /// What they come to; `judge` says what a source says now.
    ///
    /// # Errors
    /// The verdict, where there is no price.
    pub fn combine(&self, judge: impl Fn(&str) -> Judged) -> Judged {
        match self {
            Self::Primary(source) => judge(source),
            Self::Worst(sources) => {
                let mut all = sources.iter().map(|source| judge(source));
                let first = all.next().unwrap_or(Err(Verdict::Unavailable))?;
                all.try_fold(first, |worst, next| Ok(worst.and(next?)))
            }
            Self::Median { sources, quorum } => median(sources.iter().map(|source| judge(source)).collect(), *quorum),
            Self::Bounded { primary, reference, max_deviation_bps } => {
                bounded(judge(primary)?, judge(reference), *max_deviation_bps)
            }
        }
    }
}

/// The verdict of a reading, whether or not it has a price.
fn verdict(judged: &Judged) -> Verdict {
    judged.map_or_else(|verdict| verdict, |quote| quote.verdict())
}

/// With fewer valid ones than the quorum, the verdict is that of the one that is missing.
fn median(mut all: Vec<Judged>, quorum: usize) -> Judged {
    all.sort_by_key(|judged| std::cmp::Reverse(verdict(judged)));
    let decisive = all.get(quorum.max(1).saturating_sub(1)).map_or(Verdict::Unavailable, verdict);
    let valid = all.iter().filter_map(|judged| {
        let quote = judged.ok()?;
        Some((quote.lower(Verdict::Valid).ok()?, quote.higher(Verdict::Valid).ok()?))
    });
    match (decisive, middle(valid)) {
        (Verdict::Valid, Some(prices)) => Ok(quote(Verdict::Valid, prices)),
        (Verdict::Valid, None) => Err(Verdict::Unavailable),
        (worse, _) => Err(worse),
    }
}

/// Both ends must be near: neither of two endpoints pulls one of them away alone.
fn bounded(primary: Quote, reference: Judged, max_deviation_bps: u32) -> Judged {
    let reference = reference?;
    let least = Verdict::Unavailable;
    let lower = (primary.lower(least)?, reference.lower(Verdict::Valid)?);
    let higher = (primary.higher(least)?, reference.higher(Verdict::Valid)?);
    let is_far = [lower, higher].into_iter().any(|(one, other)| is_far(one, other, max_deviation_bps));
    let limit = if is_far { Verdict::TooUncertain } else { Verdict::Valid };
    Ok(primary.and(Quote::new(limit, lower.0)))
}
