//! The square root of 512 bits, rounded down.

use ruint::aliases::{U256, U512};

/// `⌊√value⌋`.
///
/// Zimmermann's "Karatsuba square root": the root of the upper half and one division give the lower half, which is at most one too large.
/// It needs two divisions where Newton's method needs one a step.
#[must_use]
pub fn isqrt(value: U512) -> U256 {
    if value.is_zero() {
        return U256::ZERO;
    }
    // The method wants one of the two highest bits set; an even shift halves in the root.
    let shift = value.leading_zeros() & !1;
    let [low, high] = halves(value.wrapping_shl(shift));
    let (root, rest) = root_256(high);
    let (upper, lower) = (high_128(low), low_128(low));
    let (quotient, left) = divide(rest, upper, U256::from(root));
    let guess = U256::from(root).wrapping_shl(128).wrapping_add(quotient);
    let square = quotient.checked_mul(quotient);
    // left · 2^128 + lower < quotient², where both may need more than 256 bits.
    let too_large = high_128(left) == 0
        && square.is_none_or(|square| left.wrapping_shl(128).wrapping_add(U256::from(lower)) < square);
    let exact = if too_large { guess.wrapping_sub(U256::from(1)) } else { guess };
    exact.wrapping_shr(shift >> 1)
}

/// Root and remainder of a number of 255 or 256 bits; the remainder is at most twice the root.
fn root_256(value: U256) -> (u128, U256) {
    let high = high_128(value);
    let root = high.isqrt();
    let rest = high.wrapping_sub(root.wrapping_mul(root));
    let (upper, lower) = (low_128(value) >> 64, low_128(value) & u128::from(u64::MAX));
    // (rest · 2^64 + upper) / (2 · root), halved so that it fits.
    let half = (rest << 63) | (upper >> 1);
    let quotient = half.checked_div(root).unwrap_or_default();
    let left = (half.wrapping_sub(quotient.wrapping_mul(root)) << 1) | (upper & 1);
    let mut guess = (root << 64).wrapping_add(quotient);
    let left = U256::from(left).wrapping_shl(64).wrapping_add(U256::from(lower));
    let square = U256::from(quotient).wrapping_mul(U256::from(quotient));
    let mut remainder = left.wrapping_sub(square);
    if left < square {
        // guess is 2^128 at most here, so it may have wrapped to zero; the one below it has not.
        guess = guess.wrapping_sub(1);
        remainder = remainder.wrapping_add(U256::from(guess).wrapping_shl(1)).wrapping_add(U256::from(1));
    }
    (guess, remainder)
}

/// Quotient and remainder of `rest · 2^128 + upper` by twice `root`, where `rest ≤ 2 · root`: halved, so that it fits.
fn divide(rest: U256, upper: u128, root: U256) -> (U256, U256) {
    if root.is_zero() {
        return (U256::ZERO, U256::ZERO);
    }
    let (quotient, left) = rest.wrapping_shl(127).wrapping_add(U256::from(upper >> 1)).div_rem(root);
    (quotient, left.wrapping_shl(1).wrapping_add(U256::from(upper & 1)))
}

fn halves(value: U512) -> [U256; 2] {
    let [a, b, c, d, e, f, g, h] = *value.as_limbs();
    [U256::from_limbs([a, b, c, d]), U256::from_limbs([e, f, g, h])]
}

fn low_128(value: U256) -> u128 {
    value.wrapping_to()
}

fn high_128(value: U256) -> u128 {
    value.wrapping_shr(128).wrapping_to()
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(value: U512) -> bool {
        let root = U512::from(isqrt(value));
        root * root <= value && (root + U512::from(1)).checked_mul(root + U512::from(1)).is_none_or(|next| next > value)
    }

    #[test]
    fn the_edges_are_exact() {
        for bits in 0..=512 {
            let power = U512::from(1).checked_shl(bits).unwrap_or_default();
            for value in [power, power.wrapping_sub(U512::from(1)), power.wrapping_add(U512::from(1))] {
                assert!(check(value), "{value}");
            }
        }
        for root in [U256::MAX, U256::MAX >> 1, U256::from(u128::MAX), U256::from(u128::MAX) << 128] {
            let square = U512::from(root) * U512::from(root);
            assert_eq!(isqrt(square), root);
            assert_eq!(isqrt(square - U512::from(1)), root - U256::from(1));
            assert_eq!(isqrt(square + U512::from(root)), root);
        }
    }

    proptest! {
        #[test]
        fn the_square_of_the_root_is_the_largest_below(limbs: [u64; 8], shift in 0..512_usize) {
            prop_assert!(check(U512::from_limbs(limbs) >> shift));
        }

        #[test]
        fn squares_and_their_neighbours_are_exact(limbs: [u64; 4], shift in 0..256_usize) {
            let root = U256::from_limbs(limbs) >> shift;
            let square = U512::from(root) * U512::from(root);
            prop_assert_eq!(isqrt(square), root);
            prop_assert!(square.is_zero() || isqrt(square - U512::from(1)) == root - U256::from(1));
        }
    }
}
