//! Numbers of V1: Lua numbers, written as `10`, `10.0`, `1.5` or `1e+15`, as text or as a JSON number.
//!
//! The processes calculate in floating point. What they write is taken as the exact decimal that it spells, and refused where the processes
//! themselves may already have lost something: beyond 2^53, or with more than six places, which their answers cut off.

use std::fmt;
use std::str::FromStr;

use serde::de::{Error as _, Unexpected};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// Places after the point that answers have at most.
pub const PLACES: u8 = 6;
/// Millionths in one.
const UNIT: i128 = 1_000_000;
/// The largest number whose neighbours a Lua float still tells apart: 2^53.
const LARGEST: i128 = (1 << 53) * UNIT;
/// Longest text that is looked at.
const LONGEST: usize = 64;

/// Why a text is not a number that can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum QuantityError {
    /// Not a decimal number.
    #[error("not a decimal number")]
    Syntax,
    /// More than six places.
    #[error("more than six places after the point, which the processes cut off")]
    TooFine,
    /// Beyond 2^53 either way.
    #[error("beyond 2^53, where the processes lose units")]
    TooLarge,
}

/// A number of V1, in millionths; |value| ≤ 2^53. What one is worth is configuration: the processes do not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantity(i128);

impl Quantity {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// From millionths.
    ///
    /// # Errors
    /// [`QuantityError::TooLarge`].
    pub const fn from_millionths(millionths: i128) -> Result<Self, QuantityError> {
        if millionths > LARGEST || millionths < -LARGEST { Err(QuantityError::TooLarge) } else { Ok(Self(millionths)) }
    }

    /// In millionths.
    #[must_use]
    pub const fn millionths(self) -> i128 {
        self.0
    }

    /// Whether it is above zero.
    #[must_use]
    pub const fn is_positive(self) -> bool {
        self.0 > 0
    }

    /// The sum, or `None` beyond 2^53.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        Self::from_millionths(self.0.checked_add(other.0)?).ok()
    }

    /// The difference, or `None` beyond 2^53.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        Self::from_millionths(self.0.checked_sub(other.0)?).ok()
    }

    /// The smaller one.
    #[must_use]
    pub fn min(self, other: Self) -> Self {
        Ord::min(self, other)
    }
}

impl FromStr for Quantity {
    type Err = QuantityError;

    /// A decimal number, with an exponent perhaps, with blanks around it perhaps, as Lua reads and writes them.
    fn from_str(text: &str) -> Result<Self, QuantityError> {
        use QuantityError::{Syntax, TooFine, TooLarge};
        let text = text.trim_matches(|c: char| c.is_ascii_whitespace());
        if text.len() > LONGEST {
            return Err(Syntax);
        }
        let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, parse_exponent(exponent)?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}");
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(Syntax);
        }
        // Zeros at either end say nothing, and would overflow.
        let significant = digits.trim_start_matches('0').trim_end_matches('0');
        if significant.is_empty() {
            return Ok(Self::ZERO);
        }
        let dropped = digits.trim_start_matches('0').len().saturating_sub(significant.len());
        let value: i128 = significant.parse().map_err(|_| if significant.len() > 30 { TooFine } else { Syntax })?;
        // value · 10^power is the number in millionths.
        let power = [exponent, dropped_as(dropped), i32::from(PLACES)]
            .into_iter()
            .try_fold(0_i32, i32::checked_add)
            .and_then(|sum| sum.checked_sub(dropped_as(fraction.len())))
            .ok_or(TooLarge)?;
        let power = u32::try_from(power).map_err(|_| TooFine)?;
        let millionths = 10_i128.checked_pow(power).and_then(|scale| value.checked_mul(scale)).ok_or(TooLarge)?;
        Self::from_millionths(if negative { millionths.checked_neg().ok_or(TooLarge)? } else { millionths })
    }
}

/// A length below [`LONGEST`] as what is added to an exponent.
fn dropped_as(length: usize) -> i32 {
    i32::try_from(length).unwrap_or(i32::MAX)
}

fn parse_exponent(text: &str) -> Result<i32, QuantityError> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || digits.len() > 3 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(QuantityError::Syntax);
    }
    text.parse().map_err(|_| QuantityError::Syntax)
}

impl fmt::Display for Quantity {
    /// As the processes' answers write it: no point when there is nothing after it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let magnitude = self.0.unsigned_abs();
        let sign = if self.0 < 0 { "-" } else { "" };
        let unit = UNIT.unsigned_abs();
        let (whole, fraction) = (magnitude.checked_div(unit).unwrap_or(0), magnitude.checked_rem(unit).unwrap_or(0));
        if fraction == 0 {
            return write!(f, "{sign}{whole}");
        }
        let places = format!("{fraction:06}");
        write!(f, "{sign}{whole}.{}", places.trim_end_matches('0'))
    }
}

impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Quantity {
    /// From a text or from a JSON number.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Spelled {
            Text(String),
            Number(serde_json::Number),
        }
        let text = match Spelled::deserialize(deserializer)? {
            Spelled::Text(text) => text,
            Spelled::Number(number) => number.to_string(),
        };
        text.parse()
            .map_err(|why: QuantityError| D::Error::invalid_value(Unexpected::Str(&text), &why.to_string().as_str()))
    }
}

/// A quantity with the text that the Coordinator wrote it as, which it compares answers with (D4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spelled {
    /// The number.
    pub quantity: Quantity,
    /// `25.0`, say.
    pub text: String,
}

impl FromStr for Spelled {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        Ok(Self { quantity: text.parse()?, text: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<i128, QuantityError> {
        text.parse::<Quantity>().map(Quantity::millionths)
    }

    #[test]
    fn spellings_of_one_number_are_equal() {
        for text in ["10", "10.0", " 10 ", "1e1", "1E+1", "100e-1", "010.000000000", "0.01e3"] {
            assert_eq!(read(text), Ok(10_000_000), "{text}");
        }
        assert_eq!(read("1.5"), Ok(1_500_000));
        assert_eq!(read("-10"), Ok(-10_000_000));
        assert_eq!(read("9.007199254741e+15"), Err(QuantityError::TooLarge));
        assert_eq!(read("1e+15"), Ok(1_000_000_000_000_000 * UNIT));
        assert_eq!(read("-0.0"), Ok(0));
    }

    #[test]
    fn what_the_processes_would_lose_is_refused() {
        assert_eq!(read("1.2345678"), Err(QuantityError::TooFine));
        assert_eq!(read("9007199254740993"), Err(QuantityError::TooLarge));
        assert_eq!(read("1e300"), Err(QuantityError::TooLarge));
        assert_eq!(read("1e-300"), Err(QuantityError::TooFine));
        for text in ["", ".", "-", "e1", "1e", "0x10", "1_0", "nan", "inf", "1.2.3", "--1", "1e1e1", "١"] {
            assert_eq!(read(text), Err(QuantityError::Syntax), "{text}");
        }
    }

    #[test]
    fn json_numbers_and_texts_are_both_read() {
        for json in ["25", "\"25\"", "25.0", "\"25.0\"", "2.5e1"] {
            assert_eq!(serde_json::from_str::<Quantity>(json).unwrap().to_string(), "25", "{json}");
        }
        for json in ["null", "true", "[]", "\"much\"", "{}", "1e400"] {
            assert!(serde_json::from_str::<Quantity>(json).is_err(), "{json}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,80}") {
            let _ = text.parse::<Quantity>();
        }

        #[test]
        fn any_number_like_text_is_read_or_refused(text in "-?[0-9]{0,40}\\.?[0-9]{0,40}([eE][+-]?[0-9]{0,4})?") {
            if let Ok(quantity) = text.parse::<Quantity>() {
                prop_assert_eq!(quantity.to_string().parse::<Quantity>(), Ok(quantity));
            }
        }

        #[test]
        fn what_is_written_is_read_again(millionths in -LARGEST..=LARGEST) {
            let quantity = Quantity::from_millionths(millionths).unwrap();
            prop_assert_eq!(quantity.to_string().parse::<Quantity>(), Ok(quantity));
            // Lua writes a float that is whole with a point.
            if millionths % UNIT == 0 {
                prop_assert_eq!(format!("{quantity}.0").parse::<Quantity>(), Ok(quantity));
            }
        }
    }
}
