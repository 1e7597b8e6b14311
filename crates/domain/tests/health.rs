//! The health mathematics against golden values and against exact integers that are compared another way.

#![expect(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    reason = "tests: the allowance in clippy.toml does not reach functions beside the test functions"
)]

#[path = "health/golden.rs"]
mod golden;
#[path = "health/liquidations.rs"]
mod liquidations;
#[path = "health/payouts.rs"]
mod payouts;
#[path = "health/values.rs"]
mod values;

use proptest::prelude::*;
use ruint::Uint;
use tim3_domain::{
    health::{Balances, Scales},
    market::{MarketTerms, VaultParameters},
    price::Price,
};

/// Twice as wide as what is tested, and never divided.
type Wide = Uint<1024, 16>;

fn wide(value: u128) -> Wide {
    Wide::from(value)
}

/// One market at one price, with everything the exact comparisons need.
#[derive(Clone, Copy, Debug)]
struct Case {
    price: u128,
    target: u128,
    decimals: u8,
}

impl Case {
    fn scales(&self) -> Scales {
        Scales::new(Price::new(self.price).unwrap(), Price::new(self.target).unwrap(), self.decimals).unwrap()
    }

    /// `C` times 10^18, 10^6 and 10^decimals, the denominators of price, debt and collateral.
    fn collateral(&self, collateral: u128) -> Wide {
        wide(collateral) * wide(self.price) * wide(10).pow(wide(6))
    }

    /// `D` times the same.
    fn debt(&self, debt: u128) -> Wide {
        wide(debt) * wide(self.target) * wide(10).pow(Wide::from(self.decimals))
    }
}

/// Amounts of every size, small ones often: that is where rounding shows.
fn any_amount() -> impl Strategy<Value = u128> {
    prop_oneof![0..20_u128, 0..1_000_000_u128, 0..u128::from(u64::MAX), any::<u128>()]
}

fn any_price() -> impl Strategy<Value = u128> {
    prop_oneof![
        1..100_u128,
        1_000_000_000_000_u128..1_000_000_000_000_000_000_000_000,
        1..u128::MAX,
        Just(Price::ONE.raw())
    ]
}

fn any_case() -> impl Strategy<Value = Case> {
    (any_price(), any_price(), 0..=Scales::MAX_DECIMALS).prop_map(|(price, target, decimals)| Case {
        price,
        target,
        decimals,
    })
}

/// A market as markets are: a price between a cent and a million, a target of 1.
fn usual_case() -> impl Strategy<Value = Case> {
    (10_000_000_000_000_000_u128..1_000_000_000_000_000_000_000_000, 0..=18_u8).prop_map(|(price, decimals)| Case {
        price,
        target: Price::ONE.raw(),
        decimals,
    })
}

/// Debts, dust floors and inventories that meet each other: of a few units, of a thousand whole ones, of a billion.
fn any_debt() -> impl Strategy<Value = u128> {
    prop_oneof![0..30_u128, 0..1_000_000_000_u128, 0..1_000_000_000_000_000_u128]
}

fn any_parameters() -> impl Strategy<Value = VaultParameters> {
    (0..2_000_u16, 1..=10_000_u16, any_debt()).prop_flat_map(|(bonus_bps, close_factor_bps, dust)| {
        let most = u16::try_from(100_000_000 / (10_000 + u32::from(bonus_bps))).unwrap();
        (most / 2..=most).prop_flat_map(move |liquidation_threshold_bps| {
            (1..liquidation_threshold_bps).prop_map(move |max_ltv_bps| {
                let debt_ceiling = u128::MAX;
                VaultParameters::check(MarketTerms {
                    max_ltv_bps,
                    liquidation_threshold_bps,
                    bonus_bps,
                    close_factor_bps,
                    debt_ceiling,
                    dust,
                })
                .unwrap()
            })
        })
    })
}

/// A position whose collateral is worth between half of and twice its debt, where everything of interest happens.
fn near_the_edge(case: Case, debt: u128, share_bps: u128) -> Balances {
    let collateral = case.debt(debt) * wide(share_bps) / (case.collateral(1) * wide(10_000));
    Balances { collateral: collateral.saturating_to(), debt }
}
