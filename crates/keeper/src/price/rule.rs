//! How several feeds become the price of one market.

use serde::{Deserialize, Serialize};
use tim3_domain::price::{Price, Quote, Verdict};

use super::{Judged, exceeds};

/// How the prices of sources, named by the configuration, are combined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// One source.
    Primary(String),
    /// All of them: the worst verdict, the lowest and the highest price.
    Worst(Vec<String>),
    /// The middle of those that are valid; of an even number, the two in the middle are the lower and the higher price.
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
        /// Largest distance, in basis points of the lower of the two.
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
    let mut prices: Vec<Price> = all.iter().filter_map(|judged| judged.ok()?.lower(Verdict::Valid).ok()).collect();
    prices.sort_unstable();
    let middle = prices.len() / 2;
    let lower = if prices.len().is_multiple_of(2) { middle.checked_sub(1) } else { Some(middle) };
    match (decisive, lower.and_then(|lower| prices.get(lower)), prices.get(middle)) {
        (Verdict::Valid, Some(lower), Some(higher)) => {
            Ok(Quote::new(Verdict::Valid, *lower).and(Quote::new(Verdict::Valid, *higher)))
        }
        (Verdict::Valid, ..) => Err(Verdict::Unavailable),
        (worse, ..) => Err(worse),
    }
}

fn bounded(primary: Quote, reference: Judged, max_deviation_bps: u32) -> Judged {
    let reference = match reference {
        Ok(quote) => quote.lower(Verdict::Valid)?,
        Err(verdict) => return Err(verdict),
    };
    let price = primary.lower(Verdict::Unavailable)?;
    let (low, high) = (price.min(reference).raw(), price.max(reference).raw());
    let far = exceeds(high.saturating_sub(low), low, max_deviation_bps);
    let limit = if far { Verdict::TooUncertain } else { Verdict::Valid };
    Ok(primary.and(Quote::new(limit, price)))
}
