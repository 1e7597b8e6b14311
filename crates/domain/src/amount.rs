//! Amounts: integers in base units, and exact conversion between decimals.

use crate::DomainError;

/// Decimals of the synthetics' canonical units.
pub const SYNTHETIC_DECIMALS: u8 = 6;

/// Which way an inexact conversion goes; always named by the caller, always against whoever starts the action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// Towards zero.
    Down,
    /// Away from zero.
    Up,
    /// Refused.
    Exact,
}

/// `amount` at `from` decimals expressed at `to` decimals (`scale` of the protocol, section 1).
///
/// # Errors
/// [`DomainError::Overflow`] beyond 128 bits, [`DomainError::Inexact`] when `rounding` is [`Rounding::Exact`] and digits would be lost.
pub fn scale(amount: u128, from: u8, to: u8, rounding: Rounding) -> Result<u128, DomainError> {
    const OVERFLOW: DomainError = DomainError::Overflow("amount at the other decimals");
    if let Some(more) = to.checked_sub(from) {
        let factor = 10_u128.checked_pow(more.into());
        return match (amount, factor) {
            (0, _) => Ok(0),
            (_, Some(factor)) => amount.checked_mul(factor).ok_or(OVERFLOW),
            (_, None) => Err(OVERFLOW),
        };
    }
    let inexact = DomainError::Inexact { amount, from, to };
    let Some(divisor) = 10_u128.checked_pow(from.abs_diff(to).into()) else {
        // The divisor is above every 128-bit amount.
        return match (rounding, amount) {
            (_, 0) | (Rounding::Down, _) => Ok(0),
            (Rounding::Up, _) => Ok(1),
            (Rounding::Exact, _) => Err(inexact),
        };
    };
    match rounding {
        Rounding::Down => Ok(amount.checked_div(divisor).unwrap_or_default()),
        Rounding::Up => Ok(amount.div_ceil(divisor)),
        Rounding::Exact if amount.is_multiple_of(divisor) => Ok(amount.checked_div(divisor).unwrap_or_default()),
        Rounding::Exact => Err(inexact),
    }
}

/// An amount in base units as people read it: `100000000` at 6 decimals is `100`, `1500000` is `1.5`.
#[must_use]
pub fn display(amount: u128, decimals: u8) -> String {
    let digits = format!("{amount:0>width$}", width = usize::from(decimals).saturating_add(1));
    let (whole, fraction) = digits.split_at(digits.len().saturating_sub(decimals.into()));
    match fraction.trim_end_matches('0') {
        "" => whole.to_owned(),
        fraction => format!("{whole}.{fraction}"),
    }
}

/// The amount in base units that a decimal text stands for; the inverse of [`display`].
///
/// # Errors
/// [`DomainError::Name`] when the text is no decimal number or has more digits behind the point than `decimals`.
pub fn parse(text: &str, decimals: u8) -> Result<u128, DomainError> {
    let wrong = || DomainError::Name {
        what: "amount",
        found: text.chars().take(80).collect(),
        expected: "a decimal number such as 100 or 1.5, with no more digits behind the point than the asset has decimals",
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits_only = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits_only(whole) || !digits_only(fraction) || fraction.len() > decimals.into() {
        return Err(wrong());
    }
    format!("{whole}{fraction:0<width$}", width = decimals.into()).parse().map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scaling_down_says_what_it_does_with_the_rest() {
        assert_eq!(scale(1_500_001, 6, 0, Rounding::Down), Ok(1));
        assert_eq!(scale(1_500_001, 6, 0, Rounding::Up), Ok(2));
        assert!(scale(1_500_001, 6, 0, Rounding::Exact).is_err());
        assert_eq!(scale(2_000_000, 6, 0, Rounding::Exact), Ok(2));
    }

    #[test]
    fn scaling_up_is_exact_or_refused() {
        assert_eq!(scale(7, 6, 18, Rounding::Exact), Ok(7_000_000_000_000));
        assert!(scale(u128::MAX, 6, 7, Rounding::Down).is_err());
        assert_eq!(scale(0, 0, 255, Rounding::Exact), Ok(0));
    }

    #[test]
    fn display_and_parse_are_inverse() {
        for (amount, decimals, text) in
            [(100_000_000, 6, "100"), (1_500_000, 6, "1.5"), (1, 6, "0.000001"), (42, 0, "42")]
        {
            assert_eq!(display(amount, decimals), text);
            assert_eq!(parse(text, decimals), Ok(amount));
        }
        for wrong in ["", ".", ".5", "1e6", "-1", "1.0000001", "+1"] {
            assert!(parse(wrong, 6).is_err(), "{wrong:?} was accepted");
        }
    }
}
