//! What is to be deployed, as far as it is the same on every chain.

use serde::{Deserialize, Serialize};
use tim3_domain::{
    identity::{AssetId, GatewayId, MarketKind},
    word::Word,
};

/// A synthetic token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SyntheticPlan {
    /// 1 to 12 of A to Z and 0 to 9.
    pub symbol: String,
    /// The token's long name.
    pub name: String,
    /// Price of one whole token, 18 decimals.
    pub target: u128,
    /// How much may be minted.
    pub mint_window: WindowPlan,
    /// How much may be released.
    pub release_window: WindowPlan,
}

/// A rolling limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WindowPlan {
    /// Canonical units of the synthetic.
    pub limit: u128,
    /// Seconds in which an empty window fills.
    pub period_seconds: u64,
}

/// What is allowed towards a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoutePlan {
    /// The synthetic.
    pub asset: AssetId,
    /// The other gateway.
    pub peer: GatewayId,
    /// Smallest gross amount; at least 1.
    pub min: u128,
    /// Largest gross amount; not above the peer's whole window.
    pub max: u128,
    /// Flat part of the fee.
    #[serde(default)]
    pub flat_fee: u128,
    /// Proportional part of the fee, in 1/10000.
    #[serde(default)]
    pub fee_bps: u16,
    /// Whether operations may start.
    pub enabled: bool,
    /// Whether accounts there are EVM addresses, whose form is checked here.
    pub evm: bool,
}

/// A collateral; `Token` says where its token comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CollateralPlan<Token> {
    /// 1 to 12 of A to Z and 0 to 9.
    pub symbol: String,
    /// Canonical decimals: the same on every chain.
    pub decimals: u8,
    /// The token.
    pub token: Token,
}

/// A market; ratios in 1/10000, amounts in canonical units of the synthetic. `Oracle` says where prices come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarketPlan<Oracle> {
    /// Symbol of the synthetic.
    pub synthetic: String,
    /// Symbol of the collateral.
    pub collateral: String,
    /// Reserve or vault.
    pub kind: MarketKind,
    /// Where prices come from; nowhere only in a reserve market.
    #[serde(default = "Option::default")] // `default` alone would ask for one of `Oracle`, too
    pub oracle: Option<Oracle>,
    /// Highest loan to value at mint; 0 in a reserve market.
    #[serde(default)]
    pub max_ltv_bps: u16,
    /// Loan to value from which a position is liquidatable; 0 in a reserve market.
    #[serde(default)]
    pub liquidation_threshold_bps: u16,
    /// What a liquidator gets above what it repays; 0 in a reserve market.
    #[serde(default)]
    pub bonus_bps: u16,
    /// Share of a debt that one liquidation may repay; 0 in a reserve market.
    #[serde(default)]
    pub close_factor_bps: u16,
    /// How far below the target the collateral may be for a lock; 0 in a vault market.
    #[serde(default)]
    pub depeg_bps: u16,
    /// Highest debt of the market.
    pub debt_ceiling: u128,
    /// Smallest debt a position may be left with, other than 0.
    #[serde(default)]
    pub dust: u128,
}

impl<Oracle> MarketPlan<Oracle> {
    /// A reserve market without a depeg bound.
    #[must_use]
    pub fn reserve(synthetic: &str, collateral: &str, debt_ceiling: u128) -> Self {
        Self {
            synthetic: synthetic.to_owned(),
            collateral: collateral.to_owned(),
            kind: MarketKind::Reserve,
            oracle: None,
            max_ltv_bps: 0,
            liquidation_threshold_bps: 0,
            bonus_bps: 0,
            close_factor_bps: 0,
            depeg_bps: 0,
            debt_ceiling,
            dust: 0,
        }
    }
}

/// What every chain's gateway plan has to be looked at for before it is deployed.
#[derive(Clone, Copy, Debug)]
pub struct Outline<'a, Token, Oracle> {
    /// The synthetics.
    pub synthetics: &'a [SyntheticPlan],
    /// The collaterals.
    pub collaterals: &'a [CollateralPlan<Token>],
    /// The markets.
    pub markets: &'a [MarketPlan<Oracle>],
    /// What tells the deployment apart.
    pub salt: Word,
    /// Attesters that must sign.
    pub threshold: u8,
    /// Attesters there are.
    pub attesters: usize,
}

impl<Token, Oracle> Outline<'_, Token, Oracle> {
    /// What can be seen to be wrong without asking a chain; the gateway itself checks the rest.
    ///
    /// # Errors
    /// What is wrong, and what would be right.
    pub fn check(&self) -> Result<(), String> {
        for MarketPlan { synthetic, collateral, .. } in self.markets {
            if !self.synthetics.iter().any(|known| known.symbol == *synthetic) {
                return Err(format!("market of {synthetic} on {collateral}: no such synthetic in the plan"));
            }
            if !self.collaterals.iter().any(|known| known.symbol == *collateral) {
                return Err(format!("market of {synthetic} on {collateral}: no such collateral in the plan"));
            }
        }
        if self.salt.is_zero() {
            return Err("the salt is zero: take 32 random bytes".to_owned());
        }
        let Self { threshold, attesters, .. } = self;
        if *threshold == 0 || usize::from(*threshold) > *attesters {
            return Err(format!(
                "threshold {threshold} with {attesters} attesters: it must be at least 1 and at most as many"
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mistake_of_a_plan_is_told_and_a_plan_without_one_passes() {
        let window = WindowPlan { limit: 1, period_seconds: 1 };
        let synthetic = SyntheticPlan {
            symbol: "TIM3".to_owned(),
            name: "TIM3".to_owned(),
            target: 1,
            mint_window: window,
            release_window: window,
        };
        let collateral = CollateralPlan { symbol: "USDA".to_owned(), decimals: 12, token: () };
        let market = MarketPlan::<()>::reserve("TIM3", "USDA", 1);
        let good = Outline {
            synthetics: &[synthetic],
            collaterals: &[collateral],
            markets: &[market],
            salt: Word([1; 32]),
            threshold: 2,
            attesters: 3,
        };
        assert_eq!(good.check(), Ok(()));
        let cases = [
            (Outline { synthetics: &[], ..good }, "no such synthetic"),
            (Outline { collaterals: &[], ..good }, "no such collateral"),
            (Outline { salt: Word::ZERO, ..good }, "the salt is zero"),
            (Outline { threshold: 0, ..good }, "threshold 0 with 3 attesters"),
            (Outline { threshold: 4, ..good }, "threshold 4 with 3 attesters"),
        ];
        for (outline, expected) in cases {
            assert!(outline.check().is_err_and(|told| told.contains(expected)), "{expected}");
        }
    }
}
