//! What a swap pays, to the last unit as the original computes it, without integers of 128 bits.

/// What a swap takes and pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Swapped {
    /// What goes in, fee included; a little less than was offered where less brings as much.
    pub taken: u64,
    /// What comes out.
    pub paid: u64,
}

/// Swaps `offered` in a pool that holds `source` of it and `destination` of the other token, for a fee of `numerator / denominator` that stays in the pool
/// and is at least one unit where it is not zero. `None` where nothing comes out, or an amount is too large.
#[must_use]
pub fn swap(offered: u64, source: u64, destination: u64, numerator: u64, denominator: u64) -> Option<Swapped> {
    let fee =
        if numerator == 0 || offered == 0 { 0 } else { divided(product(offered, numerator), denominator)?.0.max(1) };
    let traded = offered.checked_sub(fee)?;
    let invariant = product(source, destination);
    // Both new amounts are rounded up: the pool never loses.
    let (left, source_after) = shared(invariant, source.checked_add(traded)?)?;
    let paid = destination.checked_sub(left).filter(|paid| *paid != 0)?;
    let taken = source_after.checked_sub(source)?.checked_add(fee)?;
    Some(Swapped { taken, paid })
}

/// `product / by` rounded up, and the least divisor, rounded up, that gives it.
fn shared(product: [u64; 2], by: u64) -> Option<(u64, u64)> {
    let (quotient, rest) = divided(product, by)?;
    if quotient == 0 {
        return None;
    }
    if rest == 0 {
        return Some((quotient, by));
    }
    let quotient = quotient.checked_add(1)?;
    let (divisor, rest) = divided(product, quotient)?;
    Some((quotient, divisor.checked_add(u64::from(rest != 0))?))
}

/// The product, high half first: the target has no multiplication of 128 bits.
fn product(one: u64, other: u64) -> [u64; 2] {
    const LOW: u64 = 0xffff_ffff;
    let (one, other) = ([one >> 32, one & LOW], [other >> 32, other & LOW]);
    let [high, low] = [one[0].wrapping_mul(other[0]), one[1].wrapping_mul(other[1])];
    let (first, second) = (one[0].wrapping_mul(other[1]), one[1].wrapping_mul(other[0]));
    // Three numbers below 2^32.
    let middle = (low >> 32).wrapping_add(first & LOW).wrapping_add(second & LOW);
    let carried = (first >> 32).wrapping_add(second >> 32).wrapping_add(middle >> 32);
    [high.wrapping_add(carried), (middle << 32) | (low & LOW)]
}

/// Quotient and rest, bit by bit; `None` where the quotient is no amount, or by zero.
fn divided([mut rest, mut low]: [u64; 2], by: u64) -> Option<(u64, u64)> {
    if rest >= by {
        return None;
    }
    for _ in 0..u64::BITS {
        let carry = rest >> 63;
        rest = (rest << 1) | (low >> 63);
        low <<= 1;
        if carry == 1 || rest >= by {
            rest = rest.wrapping_sub(by);
            low |= 1;
        }
    }
    Some((low, rest))
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test that overflows fails")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn halves_are_multiplied_and_divided_as_whole_numbers(one: u64, other: u64, by: u64) {
            let [high, low] = product(one, other);
            let whole = u128::from(one) * u128::from(other);
            prop_assert_eq!((u128::from(high) << 64) | u128::from(low), whole);
            let expected = whole.checked_div(by.into()).and_then(|quotient| u64::try_from(quotient).ok());
            let found = divided([high, low], by);
            prop_assert_eq!(found.map(|(quotient, _)| quotient), expected);
            if let Some((quotient, rest)) = found {
                prop_assert_eq!(u128::from(quotient) * u128::from(by) + u128::from(rest), whole);
            }
        }

        #[test]
        fn no_swap_makes_the_pool_poorer(
            offered in 0..u64::MAX / 2, source in 0..u64::MAX / 2, destination: u64, numerator in 0..10_000_u64,
        ) {
            if let Some(Swapped { taken, paid }) = swap(offered, source, destination, numerator, 10_000) {
                prop_assert!(taken <= offered && paid < destination);
                let before = u128::from(source) * u128::from(destination);
                prop_assert!((u128::from(source) + u128::from(taken)) * u128::from(destination - paid) >= before);
            }
        }
    }
}
