//! Conversion between decimals, and the route fee.

use tim3_solana_interface::limits::ONE_BPS;

use super::wide::Wide;

/// 10^n for n up to 38: all that fit 128 bits.
#[expect(clippy::indexing_slicing, reason = "when it is compiled")]
static POWERS: [u128; 39] = {
    let mut powers = [1_u128; 39];
    let mut index = 1;
    while index < 39 {
        powers[index] = powers[index - 1] * 10;
        index += 1;
    }
    powers
};

/// 10^n, the largest integer where that does not fit.
#[inline(always)]
#[must_use]
pub fn power(n: u8) -> u128 {
    POWERS.get(usize::from(n)).copied().unwrap_or(u128::MAX)
}

/// `amount` at `from` decimals expressed at `to`, rounded down; the largest integer where it does not fit 128 bits. Decimals are at most 36.
#[inline(always)]
#[must_use]
pub fn scale(amount: u128, from: u8, to: u8) -> u128 {
    let mut scaled = amount;
    rescale(&mut scaled, from, to);
    scaled
}

#[inline(never)]
fn rescale(amount: &mut u128, from: u8, to: u8) {
    let wide = Wide::of(*amount);
    match to.checked_sub(from) {
        Some(0) => {}
        Some(more) => wide.times(&power(more)).divide(&Wide::of(1), false, amount),
        None => wide.divide(&Wide::of(power(from.saturating_sub(to))), false, amount),
    }
}

/// `flat + ⌊amount · bps / 10000⌋`, saturated. Whether it is acceptable is the caller's question.
#[inline(always)]
#[must_use]
pub fn route_fee(amount: u128, flat: u128, bps: u16) -> u128 {
    share(amount, bps).saturating_add(flat)
}

/// `⌊amount · bps / 10000⌋`.
#[inline(always)]
#[must_use]
pub fn share(amount: u128, bps: u16) -> u128 {
    let mut part = 0;
    Wide::of(amount).times(&u128::from(bps)).divide(&Wide::of(ONE_BPS.into()), false, &mut part);
    part
}
