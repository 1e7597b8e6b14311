//! Integers of 512 bits, for products that nothing may cut off.

use core::cmp::Ordering;

const LIMBS: usize = 8;

/// An unsigned integer of 512 bits: eight limbs of 64, the lowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wide([u64; LIMBS]);

impl Wide {
    /// The largest.
    pub const MAX: Self = Self([u64::MAX; LIMBS]);

    /// An integer of 128 bits.
    #[inline(always)]
    #[must_use]
    pub fn of(value: u128) -> Self {
        let mut limbs = [0; LIMBS];
        [limbs[0], limbs[1]] = halves(value);
        Self(limbs)
    }

    /// The product, or the largest integer where it does not fit.
    #[inline(never)]
    #[must_use]
    pub fn times(&self, factor: &u128) -> Self {
        let mut product = [0; LIMBS];
        let mut lost = false;
        for (shift, part) in halves(*factor).into_iter().enumerate() {
            if part == 0 {
                continue;
            }
            let mut carry = 0;
            for (index, limb) in self.0.iter().enumerate() {
                match product.get_mut(index.saturating_add(shift)) {
                    Some(place) => carry = multiply_add(*limb, part, carry, place),
                    None => lost |= *limb != 0 || carry != 0,
                }
            }
            // What is left over of the row belongs one limb above it.
            lost |= shift == 0 && carry != 0;
        }
        if lost { Self::MAX } else { Self(product) }
    }

    /// `self / divisor`, rounded down or up; the largest integer of 128 bits where the quotient is above it, or the divisor is zero.
    #[inline(never)]
    pub fn divide(&self, divisor: &Self, up: bool, quotient: &mut u128) {
        *quotient = u128::MAX;
        let (Some(mut shift), mut rest) = (self.bits().checked_sub(divisor.bits()), *self) else {
            *quotient = u128::from(up && self.bits() != 0);
            return;
        };
        if divisor.bits() == 0 || shift > 128 {
            return;
        }
        let mut shifted = divisor.shifted_up(shift);
        let mut result: u128 = 0;
        loop {
            if result >> 127 != 0 {
                return; // it would be 2^128 or more
            }
            result <<= 1;
            if rest.compare(&shifted) != Ordering::Less {
                rest.subtract(&shifted);
                result |= 1;
            }
            let Some(less) = shift.checked_sub(1) else { break };
            shift = less;
            shifted.halve();
        }
        *quotient = if up && rest.bits() != 0 { result.saturating_add(1) } else { result };
    }

    /// How many bits it has up to the highest that is set.
    #[inline(always)]
    fn bits(&self) -> u32 {
        let mut above: u32 = 512;
        for limb in self.0.iter().rev() {
            if *limb != 0 {
                return above.saturating_sub(limb.leading_zeros());
            }
            above = above.saturating_sub(64);
        }
        0
    }

    /// Multiplied by 2^shift; the caller knows that it fits.
    fn shifted_up(&self, shift: u32) -> Self {
        let (limbs, bits) = ((shift >> 6) as usize, shift & 63);
        let mut out = [0; LIMBS];
        let mut carry = 0;
        for (limb, place) in self.0.iter().zip(out.iter_mut().skip(limbs)) {
            *place = (limb << bits) | carry;
            carry = if bits == 0 { 0 } else { limb >> 64_u32.wrapping_sub(bits) };
        }
        Self(out)
    }

    #[inline(always)]
    fn halve(&mut self) {
        let mut carry = 0;
        for limb in self.0.iter_mut().rev() {
            let lowest = *limb << 63;
            *limb = (*limb >> 1) | carry;
            carry = lowest;
        }
    }

    #[inline(always)]
    fn subtract(&mut self, other: &Self) {
        let mut borrow = false;
        for (limb, less) in self.0.iter_mut().zip(other.0) {
            let (difference, first) = limb.overflowing_sub(less);
            let (difference, second) = difference.overflowing_sub(u64::from(borrow));
            *limb = difference;
            borrow = first | second;
        }
    }

    #[inline(always)]
    fn compare(&self, other: &Self) -> Ordering {
        for (left, right) in self.0.iter().zip(other.0.iter()).rev() {
            if left != right {
                return left.cmp(right);
            }
        }
        Ordering::Equal
    }
}

impl PartialOrd for Wide {
    #[inline(always)]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.compare(other))
    }
}

#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "the halves are what is wanted")]
fn halves(value: u128) -> [u64; 2] {
    [value as u64, (value >> 64) as u64]
}

/// `place += a · b + carry`; gives the new carry. In halves of 32 bits, whose products fit 64.
#[inline(always)]
fn multiply_add(a: u64, b: u64, carry: u64, place: &mut u64) -> u64 {
    const LOW: u64 = 0xffff_ffff;
    let (a0, a1, b0, b1) = (a & LOW, a >> 32, b & LOW, b >> 32);
    let low = a0.wrapping_mul(b0);
    let (middle, other) = (a1.wrapping_mul(b0), a0.wrapping_mul(b1));
    let middle = middle.wrapping_add(low >> 32); // (2^32 - 1)^2 + 2^32 - 1 < 2^64
    let other = other.wrapping_add(middle & LOW); // the same
    let mut high = a1.wrapping_mul(b1).wrapping_add(middle >> 32).wrapping_add(other >> 32);
    let product = (other << 32) | (low & LOW);
    let (sum, first) = product.overflowing_add(carry);
    let (sum, second) = sum.overflowing_add(*place);
    // The high half of a product is at most 2^64 - 2, and both carries together make at most one more than it can hold with them.
    high = high.wrapping_add(u64::from(first)).wrapping_add(u64::from(second));
    *place = sum;
    high
}
