//! Prices, and how far an oracle's answer may be trusted.

use std::{fmt, str::FromStr};

use ruint::aliases::U256;
use serde::{Deserialize, Serialize};

use crate::{
    DomainError,
    amount::{self, Rounding, scale},
};

/// The price of one whole unit of an asset, with 18 decimals; never zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Price(u128);

impl Price {
    /// Decimals of every price.
    pub const DECIMALS: u8 = 18;
    /// The price 1, for example a synthetic's target of one dollar.
    pub const ONE: Self = Self(1_000_000_000_000_000_000);

    /// The price of `raw` / 10^18, or `None` for zero.
    #[must_use]
    pub fn new(raw: u128) -> Option<Self> {
        (raw != 0).then_some(Self(raw))
    }

    /// The price times 10^18.
    #[must_use]
    pub fn raw(self) -> u128 {
        self.0
    }

    /// A feed's answer with the feed's own decimals, rounded down.
    ///
    /// # Errors
    /// [`Verdict::NonPositive`] for what is zero, negative, or no price of 128 bits.
    pub fn from_answer(answer: i128, decimals: u8) -> Result<Self, Verdict> {
        u128::try_from(answer)
            .ok()
            .and_then(|answer| scale(answer, decimals, Self::DECIMALS, Rounding::Down).ok())
            .and_then(Self::new)
            .ok_or(Verdict::NonPositive)
    }

    /// What `amount` of an asset with `decimals` is worth, with 18 decimals.
    ///
    /// # Errors
    /// [`DomainError::Overflow`] beyond 128 bits, [`DomainError::Inexact`] as for [`scale`].
    pub fn value(self, amount: u128, decimals: u8, rounding: Rounding) -> Result<u128, DomainError> {
        let unit = U256::from(10).saturating_pow(U256::from(decimals));
        let product = U256::from(self.0).saturating_mul(U256::from(amount));
        let value = match rounding {
            Rounding::Down => product.checked_div(unit).unwrap_or_default(),
            Rounding::Up => product.div_ceil(unit),
            Rounding::Exact if !product.checked_rem(unit).unwrap_or_default().is_zero() => {
                return Err(DomainError::Inexact { amount, from: decimals, to: Self::DECIMALS });
            }
            Rounding::Exact => product.checked_div(unit).unwrap_or_default(),
        };
        u128::try_from(value).map_err(|_| DomainError::Overflow("value of an amount"))
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&amount::display(self.0, Self::DECIMALS))
    }
}

impl fmt::Debug for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Price {
    type Err = DomainError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(amount::parse(text, Self::DECIMALS)?).ok_or(DomainError::Name {
            what: "price",
            found: text.chars().take(80).collect(),
            expected: "a decimal number above 0 with at most 18 digits behind the point",
        })
    }
}

impl TryFrom<String> for Price {
    type Error = DomainError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Price> for String {
    fn from(price: Price) -> Self {
        price.to_string()
    }
}

/// Digits behind the point that are kept of a price.
const MAX_DECIMALS: i64 = 18;
/// More digits than 128 bits have.
const MAX_DIGITS: i64 = 40;

/// A number as documents and processes write prices, `-12.50` or `1.25e-7`, as an integer with its decimals. Digits beyond the eighteenth behind the
/// point are cut off. `None` for what is no number, or beyond 128 bits.
#[must_use]
pub fn read_answer(text: &str) -> Option<(i128, u8)> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent: i32 = exponent.parse().ok()?;
    let (sign, digits) = mantissa.strip_prefix('-').map_or(("", mantissa), |digits| ("-", digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let are_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !are_digits(whole) || !are_digits(fraction) {
        return None;
    }
    let mut digits = format!("{whole}{fraction}");
    let decimals = i64::try_from(fraction.len()).ok()?.saturating_sub(exponent.into());
    let beyond = usize::try_from(decimals.saturating_sub(MAX_DECIMALS)).unwrap_or_default();
    digits.truncate(digits.len().saturating_sub(beyond));
    let missing = decimals.saturating_neg();
    if missing > MAX_DIGITS {
        return None;
    }
    digits.extend(std::iter::repeat_n('0', usize::try_from(missing).unwrap_or_default()));
    if digits.is_empty() {
        digits.push('0');
    }
    Some((format!("{sign}{digits}").parse().ok()?, u8::try_from(decimals.clamp(0, MAX_DECIMALS)).ok()?))
}

/// How far a price may be trusted, from worst to best; every action states the least it accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// No answer at all, or from a chain whose sequencer is down: unknown, which is never healthy.
    Unavailable,
    /// Zero, negative, or out of range.
    NonPositive,
    /// It moved further than the market allows in its time.
    TooVolatile,
    /// Its own confidence interval is too wide.
    TooUncertain,
    /// Older than the market allows.
    Stale,
    /// Good for everything.
    Valid,
}

/// The admitted prices of one asset at one moment. They are read only by stating what is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Quote {
    verdict: Verdict,
    lower: Price,
    higher: Price,
}

impl Quote {
    /// What one feed says.
    #[must_use]
    pub fn new(verdict: Verdict, price: Price) -> Self {
        Self { verdict, lower: price, higher: price }
    }

    /// Both of two feeds: the worse verdict, the lower and the higher price.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            verdict: self.verdict.min(other.verdict),
            lower: self.lower.min(other.lower),
            higher: self.higher.max(other.higher),
        }
    }

    /// The prices of something that has these prices in units of what `unit` is the price of: the worse verdict, the lower and the higher price.
    ///
    /// # Errors
    /// [`Verdict::NonPositive`] for what is no price of 128 bits.
    pub fn times(self, unit: Self) -> Result<Self, Verdict> {
        let product = |one: Price, other: Price, rounding| {
            one.value(other.0, Price::DECIMALS, rounding).ok().and_then(Price::new).ok_or(Verdict::NonPositive)
        };
        Ok(Self {
            verdict: self.verdict.min(unit.verdict),
            lower: product(self.lower, unit.lower, Rounding::Down)?,
            higher: product(self.higher, unit.higher, Rounding::Up)?,
        })
    }

    /// The worst verdict of the feeds it is made of.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// The price for drawing debt and taking collateral out: the lower one.
    ///
    /// # Errors
    /// The verdict, where it is worse than `least`.
    pub fn lower(&self, least: Verdict) -> Result<Price, Verdict> {
        if self.verdict >= least { Ok(self.lower) } else { Err(self.verdict) }
    }

    /// The price for liquidation: the higher one.
    ///
    /// # Errors
    /// The verdict, where it is worse than `least`.
    pub fn higher(&self, least: Verdict) -> Result<Price, Verdict> {
        if self.verdict >= least { Ok(self.higher) } else { Err(self.verdict) }
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_read_with_their_digits_and_exponents() {
        for (text, read) in [
            ("1999.1200", Some((19_991_200, 4))),
            ("-0.5", Some((-5, 1))),
            ("7.", Some((7, 0))),
            ("1.25e-7", Some((125, 9))),
            ("1.5E+3", Some((1_500, 0))),
            ("1e-30", Some((0, 18))),
            ("1.1234567890123456789", Some((1_123_456_789_012_345_678, 18))),
            ("", None),
            (".5", None),
            ("+5", None),
            ("--5", None),
            ("1e", None),
            ("1e41", None),
            ("1e99999999999", None),
            ("0x10", None),
            ("NaN", None),
        ] {
            assert_eq!(read_answer(text), read, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_number_or_none(text in "\\PC{0,40}|-?[0-9]{0,45}(\\.[0-9]{0,45})?([eE][+-]?[0-9]{1,12})?") {
            if let Some((_, decimals)) = read_answer(&text) {
                prop_assert!(decimals <= 18);
            }
        }

        #[test]
        fn what_is_written_is_read(whole: u64, fraction in 0_u64..1_000_000, exponent in -12_i32..=12) {
            let (answer, decimals) = read_answer(&format!("{whole}.{fraction:06}e{exponent}")).expect("a number");
            let millionths = i128::from(whole) * 1_000_000 + i128::from(fraction);
            let power = i32::from(decimals) + exponent - 6;
            prop_assert!(power >= 0);
            prop_assert_eq!(answer, millionths * 10_i128.pow(power.unsigned_abs()));
        }
    }

    #[test]
    fn an_answer_that_is_no_price_is_never_a_price() {
        assert_eq!(Price::from_answer(2_000 * 100_000_000, 8), Ok(Price(2_000 * Price::ONE.0)));
        for (answer, decimals) in [(0, 8), (-1, 8), (i128::MIN, 0), (i128::MAX, 0), (1, 36)] {
            assert_eq!(Price::from_answer(answer, decimals), Err(Verdict::NonPositive), "{answer}");
        }
        assert!("0".parse::<Price>().is_err());
        assert_eq!("1818.5".parse::<Price>().unwrap().to_string(), "1818.5");
    }

    #[test]
    fn a_value_is_rounded_as_the_caller_says() {
        let price = Price::new(Price::ONE.0 / 3).unwrap();
        assert_eq!(price.value(1_000_000, 6, Rounding::Down), Ok(333_333_333_333_333_333));
        assert_eq!(price.value(1, 6, Rounding::Down), Ok(333_333_333_333));
        assert_eq!(price.value(1, 6, Rounding::Up), Ok(333_333_333_334));
        assert!(price.value(1, 6, Rounding::Exact).is_err());
        assert_eq!(Price::ONE.value(7, 6, Rounding::Exact), Ok(7_000_000_000_000));
        assert!(Price(u128::MAX).value(u128::MAX, 18, Rounding::Down).is_err());
        assert_eq!(Price(u128::MAX).value(u128::MAX, 255, Rounding::Down), Ok(0));
    }

    #[test]
    fn of_two_feeds_the_worse_verdict_and_the_outer_prices_count() {
        let price = |whole: u128| Price::new(whole * Price::ONE.0).unwrap();
        let both = Quote::new(Verdict::Valid, price(2_000)).and(Quote::new(Verdict::Stale, price(1_990)));
        assert_eq!(both.lower(Verdict::Stale), Ok(price(1_990)));
        assert_eq!(both.higher(Verdict::TooVolatile), Ok(price(2_000)));
        assert_eq!(both.higher(Verdict::Valid), Err(Verdict::Stale));
    }

    #[test]
    fn a_price_in_units_of_something_with_a_price_is_as_good_as_the_worse_of_the_two() {
        let price = |text: &str| text.parse::<Price>().unwrap();
        let ratio = Quote::new(Verdict::Valid, price("0.333333333333333333"));
        let unit = Quote::new(Verdict::Valid, price("1.5")).and(Quote::new(Verdict::Stale, price("1.6")));
        let both = ratio.times(unit).unwrap();
        assert_eq!(both.verdict(), Verdict::Stale);
        assert_eq!(both.lower(Verdict::Stale), Ok(price("0.499999999999999999")));
        assert_eq!(both.higher(Verdict::Stale), Ok(price("0.533333333333333333")));
        let of = |raw| Quote::new(Verdict::Valid, Price(raw));
        assert_eq!(of(1).times(of(1)), Err(Verdict::NonPositive), "rounded down to nothing");
        assert_eq!(of(u128::MAX).times(of(u128::MAX)), Err(Verdict::NonPositive), "beyond 128 bits");
    }

    #[test]
    fn verdicts_are_ordered_from_worst_to_best() {
        use Verdict as V;
        let order = [V::Unavailable, V::NonPositive, V::TooVolatile, V::TooUncertain, V::Stale, V::Valid];
        assert!(order.is_sorted());
    }
}
