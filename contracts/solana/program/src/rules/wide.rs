//! Integers of 512 bits, for products that nothing may cut off, in digits of 32 bits: the target multiplies and divides 64 bits, no more.

use core::cmp::Ordering;

const DIGITS: usize = 16;
const LOW: u64 = 0xffff_ffff;

/// An unsigned integer of 512 bits, the lowest digit first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wide([u32; DIGITS]);

impl Wide {
    /// The largest.
    pub const MAX: Self = Self([u32::MAX; DIGITS]);

    /// An integer of 128 bits.
    #[inline(always)]
    #[must_use]
    pub fn of(value: u128) -> Self {
        let mut digits = [0; DIGITS];
        for (place, digit) in digits.iter_mut().zip(quarters(value)) {
            *place = digit;
        }
        Self(digits)
    }

    /// The product, or the largest integer where it does not fit.
    #[inline(never)]
    #[must_use]
    pub fn times(&self, factor: &u128) -> Self {
        let mut product = [0; DIGITS];
        let used = self.used();
        for (shift, part) in quarters(*factor).into_iter().enumerate().filter(|(_, part)| *part != 0) {
            let mut carry = 0;
            let mut places = product.iter_mut().skip(shift);
            for digit in self.0.iter().take(used) {
                let Some(place) = places.next() else { return Self::MAX };
                // (2^32 − 1)^2 + 2 · (2^32 − 1) = 2^64 − 1
                let sum = u64::from(*digit).wrapping_mul(part.into()).wrapping_add((*place).into()).wrapping_add(carry);
                *place = low(sum);
                carry = sum >> 32;
            }
            match places.next() {
                Some(place) => *place = low(carry),
                None if carry == 0 => {}
                None => return Self::MAX,
            }
        }
        Self(product)
    }

    /// `self / divisor`, rounded down or up; the largest integer of 128 bits where the quotient is above it, or the divisor is zero. Knuth's
    /// algorithm D (The Art of Computer Programming, volume 2, 4.3.1).
    #[inline(never)]
    #[expect(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        reason = "the algorithm's places are within the 17 digits of the dividend and the 16 of the divisor"
    )]
    pub fn divide(&self, divisor: &Self, up: bool, quotient: &mut u128) {
        let length = divisor.used();
        *quotient = u128::MAX;
        if length == 0 {
            return;
        }
        let Some(steps) = self.used().checked_sub(length) else {
            *quotient = u128::from(up && self.used() != 0);
            return;
        };
        // Both are shifted so that the divisor's highest bit is set: then a guess from two digits is at most two too high.
        let shift = divisor.0[length - 1].leading_zeros();
        let divisor = divisor.shifted(shift);
        let mut rest = self.shifted(shift);
        let first = u64::from(divisor[length - 1]);
        let second = if length > 1 { u64::from(divisor[length - 2]) } else { 0 };

        let mut result: u128 = 0;
        for place in (0..=steps).rev() {
            let top = place + length;
            let dividend = (u64::from(rest[top]) << 32) | u64::from(rest[top - 1]);
            let third = if top > 1 { u64::from(rest[top - 2]) } else { 0 };
            let (mut guess, mut left) = (dividend / first, dividend % first);
            while guess > LOW || guess.wrapping_mul(second) > ((left << 32) | third) {
                guess -= 1;
                left += first;
                if left > LOW {
                    break;
                }
            }
            let (mut carry, mut borrow) = (0, 0);
            for (index, digit) in divisor.iter().take(length).enumerate() {
                let product = guess.wrapping_mul((*digit).into()).wrapping_add(carry);
                carry = product >> 32;
                let less = u64::from(rest[place + index]).wrapping_sub(product & LOW).wrapping_sub(borrow);
                rest[place + index] = low(less);
                borrow = less >> 63;
            }
            let less = u64::from(rest[top]).wrapping_sub(carry).wrapping_sub(borrow);
            rest[top] = low(less);
            if less >> 63 != 0 {
                guess -= 1;
                let mut carry = 0;
                for (index, digit) in divisor.iter().take(length).enumerate() {
                    let sum = u64::from(rest[place + index]) + u64::from(*digit) + carry;
                    rest[place + index] = low(sum);
                    carry = sum >> 32;
                }
                rest[top] = low(u64::from(rest[top]) + carry);
            }
            if result >> 96 != 0 {
                return; // it would be 2^128 or more
            }
            result = (result << 32) | u128::from(guess);
        }
        let exact = rest.iter().all(|digit| *digit == 0);
        *quotient = if up && !exact { result.saturating_add(1) } else { result };
    }

    /// How many digits it has up to the highest that is not zero.
    #[inline(always)]
    fn used(&self) -> usize {
        let zeros = self.0.iter().rev().take_while(|digit| **digit == 0).count();
        DIGITS.saturating_sub(zeros)
    }

    /// Multiplied by 2^shift, which is less than a digit, with room for what that carries.
    #[inline(always)]
    fn shifted(&self, shift: u32) -> [u32; DIGITS + 1] {
        let mut out = [0; DIGITS + 1];
        let mut carry = 0;
        for (place, digit) in out.iter_mut().zip(self.0.iter().chain([&0])) {
            let wide = (u64::from(*digit) << shift) | carry;
            *place = low(wide);
            carry = wide >> 32;
        }
        out
    }
}

impl PartialOrd for Wide {
    #[inline(always)]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        for (left, right) in self.0.iter().zip(other.0.iter()).rev() {
            if left != right {
                return Some(left.cmp(right));
            }
        }
        Some(Ordering::Equal)
    }
}

#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "the low half is what is wanted")]
fn low(value: u64) -> u32 {
    value as u32
}

#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "the quarters are what is wanted")]
fn quarters(value: u128) -> [u32; 4] {
    [value as u32, (value >> 32) as u32, (value >> 64) as u32, (value >> 96) as u32]
}
