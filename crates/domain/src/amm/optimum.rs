//! A path of several legs as one function, and the size at which it pays most.

use ruint::aliases::{U256, U512};
use serde::{Deserialize, Serialize};

use super::{Hop, isqrt};
use crate::market::ONE_BPS;

/// One step of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Leg {
    /// A constant-product pool.
    Pool(Hop),
    /// A fixed price: `kept / of` for each unit, for example minting at par between assets of different decimals.
    Fixed {
        /// Numerator.
        kept: u128,
        /// Denominator; nothing comes out where it is 0.
        of: u128,
    },
}

impl Leg {
    /// What comes out for `amount`, rounded down and saturated.
    #[must_use]
    pub fn output(&self, amount: u128) -> u128 {
        match self {
            Self::Pool(hop) => hop.output(amount),
            Self::Fixed { kept, of } => U256::from(amount)
                .wrapping_mul(U256::from(*kept))
                .checked_div(U256::from(*of))
                .unwrap_or_default()
                .saturating_to(),
        }
    }

    /// The least input for which `amount` comes out. `None` where none is enough.
    #[must_use]
    pub fn input(&self, amount: u128) -> Option<u128> {
        match self {
            Self::Pool(hop) => hop.input(amount),
            Self::Fixed { kept: 0, .. } | Self::Fixed { of: 0, .. } => None,
            Self::Fixed { kept, of } => {
                u128::try_from(U256::from(amount).wrapping_mul(U256::from(*of)).div_ceil(U256::from(*kept))).ok()
            }
        }
    }
}

/// A path as one function: `out(x) = K·x / (M + N·x)`.
///
/// Two pools with reserves and fee factors of up to 122 bits together are exact. Beyond 256 bits all three lose the same low bits, which moves the
/// best size by less than its rounding; what a size pays is always computed through the legs themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fold {
    k: U256,
    m: U256,
    n: U256,
}

impl Fold {
    /// The path without a leg: x for x.
    pub const START: Self = Self { k: U256::ONE, m: U256::ONE, n: U256::ZERO };

    /// The path with one more leg: K ← nᵢsᵢK, M ← dᵢrᵢM, N ← dᵢrᵢN + nᵢK.
    #[must_use]
    pub fn through(&self, leg: &Leg) -> Self {
        let product = |a: u32, b: u128| U256::from(a).wrapping_mul(U256::from(b));
        let (gain, weight, slope) = match leg {
            Leg::Pool(Hop { reserve_in: 0, .. }) => (U256::ZERO, U256::ONE, U256::ZERO),
            Leg::Pool(hop) => {
                (product(hop.fee.kept, hop.reserve_out), product(hop.fee.of, hop.reserve_in), U256::from(hop.fee.kept))
            }
            Leg::Fixed { kept, of } => (U256::from(*kept), U256::from(*of), U256::ZERO),
        };
        let bits = |x: U256, y: U256| x.bit_len().saturating_add(y.bit_len());
        let most = bits(self.k, gain).max(bits(self.m, weight)).max(bits(self.n, weight)).max(bits(self.k, slope));
        if most < U256::BITS {
            let n = self.n.wrapping_mul(weight).wrapping_add(self.k.wrapping_mul(slope));
            return Self { k: self.k.wrapping_mul(gain), m: self.m.wrapping_mul(weight), n };
        }
        let wide = |x: U256, y: U256| x.widening_mul::<256, 4, 512, 8>(y);
        let (k, m) = (wide(self.k, gain), wide(self.m, weight));
        let n = wide(self.n, weight).saturating_add(wide(self.k, slope));
        let excess = [k, m, n].map(|x| x.bit_len()).into_iter().max().unwrap_or_default().saturating_sub(U256::BITS);
        let cut = |x: U512| x.wrapping_shr(excess).wrapping_to();
        Self { k: cut(k), m: cut(m), n: cut(n) }
    }

    /// The path whose output costs `bps` of itself: K·(1 − c).
    #[must_use]
    pub fn with_cost(&self, bps: u16) -> Self {
        self.through(&Leg::Fixed { kept: ONE_BPS.saturating_sub(bps).into(), of: ONE_BPS.into() })
    }

    /// Whether the first unit gains: K > M.
    #[must_use]
    pub fn is_profitable(&self) -> bool {
        self.k > self.m
    }

    /// `x* = (√(K·M) − M) / N`, rounded down and saturated: where the next unit put in brings back less than itself. 0 where nothing is gained.
    #[must_use]
    pub fn best_input(&self) -> u128 {
        if !self.is_profitable() {
            return 0;
        }
        let root = isqrt(self.k.widening_mul::<256, 4, 512, 8>(self.m));
        root.saturating_sub(self.m).checked_div(self.n).unwrap_or(U256::MAX).saturating_to()
    }
}

/// How much to send through a path, and what it pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Optimum {
    /// What goes in.
    pub input: u128,
    /// What comes out, through each leg with its own rounding; more than `input`.
    pub output: u128,
}

impl Optimum {
    /// What is gained.
    #[must_use]
    pub fn profit(&self) -> u128 {
        self.output.saturating_sub(self.input)
    }
}

/// The best size of a path that begins and ends with the same asset, at most `most`. `None` where it gains nothing.
#[must_use]
pub fn optimum(legs: &[Leg], most: u128) -> Option<Optimum> {
    let fold = legs.iter().fold(Fold::START, |fold, leg| fold.through(leg));
    if !fold.is_profitable() {
        return None;
    }
    let input = fold.best_input().min(most);
    let output = legs.iter().fold(input, |amount, leg| leg.output(amount));
    (output > input).then_some(Optimum { input, output })
}
