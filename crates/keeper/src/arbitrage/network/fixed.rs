//! Signed numbers with 160 binary digits behind the point.

use std::cmp::Ordering;

use ruint::aliases::U512;
use tim3_domain::amm::isqrt;

const FRACTION: usize = 160;
const EIGHTEEN_DECIMALS: u128 = 1_000_000_000_000_000_000;

/// Sign and magnitude, below 2^190 where it is used. Every operation cuts what is beyond the last digit, and saturates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fixed {
    is_negative: bool,
    magnitude: U512,
}

impl Fixed {
    pub(super) const ZERO: Self = Self { is_negative: false, magnitude: U512::ZERO };
    pub(super) const ONE: Self =
        Self { is_negative: false, magnitude: U512::from_limbs([0, 0, 1 << (FRACTION - 128), 0, 0, 0, 0, 0]) };

    fn new(is_negative: bool, magnitude: U512) -> Self {
        // There is one zero.
        Self { is_negative: is_negative && !magnitude.is_zero(), magnitude }
    }

    pub(super) fn whole(value: u128) -> Self {
        Self::new(false, U512::from(value).wrapping_shl(FRACTION))
    }

    pub(super) fn ratio(over: u128, under: u128) -> Self {
        Self::whole(over).over(Self::whole(under))
    }

    pub(super) fn from_18_decimals(value: u128) -> Self {
        Self::ratio(value, EIGHTEEN_DECIMALS)
    }

    /// Rounded up and saturated; 0 below zero.
    pub(super) fn to_18_decimals_up(self) -> u128 {
        if self.is_negative {
            return 0;
        }
        let unit = U512::from(1).wrapping_shl(FRACTION);
        self.magnitude.saturating_mul(U512::from(EIGHTEEN_DECIMALS)).div_ceil(unit).saturating_to()
    }

    pub(super) fn plus(self, other: Self) -> Self {
        if self.is_negative == other.is_negative {
            return Self::new(self.is_negative, self.magnitude.saturating_add(other.magnitude));
        }
        let is_negative = if self.magnitude >= other.magnitude { self.is_negative } else { other.is_negative };
        Self::new(is_negative, self.magnitude.abs_diff(other.magnitude))
    }

    pub(super) fn minus(self, other: Self) -> Self {
        self.plus(Self::new(!other.is_negative, other.magnitude))
    }

    pub(super) fn times(self, other: Self) -> Self {
        let product = self.magnitude.saturating_mul(other.magnitude).wrapping_shr(FRACTION);
        Self::new(self.is_negative != other.is_negative, product)
    }

    /// Division; by zero it saturates.
    pub(super) fn over(self, other: Self) -> Self {
        let quotient = self.magnitude.saturating_shl(FRACTION).checked_div(other.magnitude).unwrap_or(U512::MAX);
        Self::new(self.is_negative != other.is_negative, quotient)
    }

    pub(super) fn half(self) -> Self {
        Self::new(self.is_negative, self.magnitude.wrapping_shr(1))
    }

    /// The square root; 0 below zero.
    pub(super) fn root(self) -> Self {
        if self.is_negative {
            return Self::ZERO;
        }
        Self::new(false, U512::from(isqrt(self.magnitude.saturating_shl(FRACTION))))
    }
}

impl Ord for Fixed {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.is_negative, other.is_negative) {
            (false, false) => self.magnitude.cmp(&other.magnitude),
            (true, true) => other.magnitude.cmp(&self.magnitude),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        }
    }
}

impl PartialOrd for Fixed {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
