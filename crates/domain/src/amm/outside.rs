//! One pool against a price that trading does not move.

use ruint::aliases::U512;

use super::{Hop, isqrt};

/// The input that brings the pool's price to the outside one, where `out_value : in_value` are the outside values of one base unit of either
/// asset: `Δ = max(√(γ·m·k) − r, 0) / γ` with m = `out_value / in_value` and k the product of the reserves, rounded down and saturated. 0 where the
/// pool pays less than the outside already.
#[must_use]
pub fn toward(hop: &Hop, in_value: u128, out_value: u128) -> u128 {
    let wide = |x: u128| U512::from(x);
    let [kept, of] = [hop.fee.kept(), hop.fee.of()].map(U512::from);
    // (√(n·d·m·k) − d·r) / n: 32 + 32 + 128 + 256 bits under the root.
    let square = kept
        .saturating_mul(of)
        .saturating_mul(wide(out_value))
        .saturating_mul(wide(hop.reserve_in))
        .saturating_mul(wide(hop.reserve_out));
    let root = U512::from(isqrt(square.checked_div(wide(in_value)).unwrap_or_default()));
    root.saturating_sub(of.saturating_mul(wide(hop.reserve_in))).checked_div(kept).unwrap_or_default().saturating_to()
}
