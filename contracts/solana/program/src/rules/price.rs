//! Whether a price may be trusted, and what it says.

use tim3_solana_interface::{GatewayError, Word, external::PriceUpdate, limits::ONE_BPS};

use super::{amounts::power, wide::Wide};

/// Decimals of prices.
const DECIMALS: i32 = 18;

/// What a market demands of a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PriceTerms {
    /// Feed.
    pub feed: Word,
    /// Oldest price, seconds.
    pub max_age: u64,
    /// Widest confidence interval, basis points of the price.
    pub max_confidence: u16,
}

/// Prices of one whole collateral with 18 decimals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quote {
    /// Price − confidence, rounded down: for drawing debt and withdrawing.
    pub lower: u128,
    /// Price + confidence, rounded up: for liquidation.
    pub higher: u128,
}

/// Both prices, if this is one that the market accepts at `now`.
///
/// # Errors
/// `PriceUnavailable`, `PriceUnverified`, `PriceNonPositive`, `PriceUncertain`, `PriceStale`.
#[inline(never)]
pub fn quote(update: &PriceUpdate, terms: &PriceTerms, now: u64, out: &mut Quote) -> Result<(), GatewayError> {
    if update.feed != terms.feed {
        return Err(GatewayError::PriceUnavailable);
    }
    if !update.full {
        return Err(GatewayError::PriceUnverified);
    }
    let price = u64::try_from(update.price).map_err(|_| GatewayError::PriceNonPositive)?;
    let (Some(lower), Some(higher)) = (price.checked_sub(update.confidence), price.checked_add(update.confidence))
    else {
        return Err(GatewayError::PriceUncertain);
    };
    if Wide::of(update.confidence.into()).times(&ONE_BPS.into())
        > Wide::of(price.into()).times(&terms.max_confidence.into())
    {
        return Err(GatewayError::PriceUncertain);
    }
    let published = u64::try_from(update.published).map_err(|_| GatewayError::PriceStale)?;
    // The chain's clock lags behind that of the publishers, so a price may be of a later time, within the same bound.
    if now.abs_diff(published) > terms.max_age {
        return Err(GatewayError::PriceStale);
    }
    scaled(lower, update.exponent, false, &mut out.lower)?;
    scaled(higher, update.exponent, true, &mut out.higher)
}

/// `value · 10^exponent` with 18 decimals.
fn scaled(value: u64, exponent: i32, up: bool, out: &mut u128) -> Result<(), GatewayError> {
    let shift = exponent.checked_add(DECIMALS).filter(|shift| shift.unsigned_abs() <= 38);
    let shift = shift.ok_or(GatewayError::PriceNonPositive)?;
    let factor = power(u8::try_from(shift.unsigned_abs()).unwrap_or(u8::MAX));
    let wide = Wide::of(value.into());
    if shift >= 0 {
        wide.times(&factor).divide(&Wide::of(1), up, out);
    } else {
        wide.divide(&Wide::of(factor), up, out);
    }
    if *out == 0 || *out == u128::MAX { Err(GatewayError::PriceNonPositive) } else { Ok(()) }
}
